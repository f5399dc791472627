package app

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Call is what a server tells an app of the request that it serves.
type Call struct {
	// Request is the HTTP request; its body has been read.
	Request *http.Request

	// Header is that of the answer; what a callback adds to it is sent.
	Header http.Header

	// AppID is the slug of the app or instance that the page shows; App is that
	// of the app in either case.
	AppID string
	App   string

	// Prefix is the URL path of the app or instance, with a slash at its end.
	Prefix string

	// Page identifies the visitor's loaded page, for LatestWins; "" when the
	// server does not tell pages apart.
	Page string

	// Dist returns the files that the page still lacks of suites that are not
	// in the app's [Page]. Without it, callbacks can return components of
	// those only.
	Dist func(suites []*Suite) []Resource

	// Visitor is who makes the call. Without one it is nobody, with a session
	// that ends with the call.
	Visitor Visitor

	// Instance is the saved instance that the page shows; nil for the app itself.
	Instance Saved

	// Bus carries what the app publishes. Without one nobody hears it.
	Bus Bus

	// Initial are the initial arguments of the page.
	Initial BaseState

	// Watcher learns how the callback does. Without one nobody does.
	Watcher Watcher

	// Log takes the app's own messages; it names the app. RequestID is the id
	// under which they stand there.
	Log       *slog.Logger
	RequestID string
}

// Watcher learns how callbacks do.
type Watcher interface {
	// Ran is called when a callback has ended: with its output as
	// _dash-dependencies has it, with the time that the function took, and the
	// encoding and saving of what it returned, and with the error of the call, or
	// nil. A callback that leaves the page as it is has none.
	Ran(output string, took time.Duration, err error)
}

// Context is what a callback or a layout function knows of its call. It is
// made for one call, used by its goroutine, and not kept. Its Done channel is
// closed when the visitor leaves or the server stops.
type Context struct {
	context.Context

	// Triggered are the properties whose change called the callback, in the
	// renderer's order. It is empty when the callback is called because its
	// components appeared, and in a layout function.
	Triggered []Trigger

	// Inputs, States and Outputs are those of the call, as declared, with the
	// concrete IDs and the values that the page sent.
	Inputs  []Argument
	States  []Argument
	Outputs []Argument

	// Args are the Inputs and States in the order in which they were declared.
	Args []Argument

	call     *Call
	instance *InstanceState // nil when the page shows none
	side     []update       // by SetProps, in order
}

// Trigger is a property whose change called a callback.
type Trigger struct {
	ID       ID
	Property string
	Value    json.RawMessage // nil when the property is unset
}

// String returns the property in Dash's notation, "id.property".
func (t Trigger) String() string { return string(t.ID) + "." + t.Property }

// IsNull reports whether the property is unset or null, as that of a button
// that nobody has clicked: new components trigger callbacks with ALL too.
func (t Trigger) IsNull() bool { return len(t.Value) == 0 || string(t.Value) == "null" }

// Argument is an Input, State or Output of a call. One with ALL or ALLSMALLER
// has Items, one for each component, in place of ID, Property and Value.
type Argument struct {
	Name     string // as in the tag of a struct's field: "id.property", or given by As
	ID       ID
	Property string
	Value    json.RawMessage // nil when the property is unset, and of Outputs
	Items    []Argument

	// Triggered says that a change of the property called the callback.
	Triggered bool
}

// Arg returns the Input or State with a name, that of its field in a tagged
// struct; its zero value when there is none.
func (c *Context) Arg(name string) Argument {
	for _, arg := range c.Args {
		if arg.Name == name {
			return arg
		}
	}
	return Argument{}
}

// TriggeredID returns the ID of the first component that called the callback,
// or "".
func (c *Context) TriggeredID() ID {
	if len(c.Triggered) == 0 {
		return ""
	}
	return c.Triggered[0].ID
}

// SetProps sets properties of any component of the page besides the Outputs,
// when the callback's answer arrives. Values may be components and Patches.
// Several calls for one component add up. [ErrPreventUpdate] and errors that
// nobody handles drop them.
func (c *Context) SetProps(id ID, props Props) {
	for _, name := range sortedKeys(props) {
		value := props[name]
		if value == NoUpdate {
			continue
		}
		i := slices.IndexFunc(c.side, func(u update) bool { return u.id == id && u.property == name })
		if i >= 0 {
			c.side[i].value = value
		} else {
			c.side = append(c.side, update{id, name, value})
		}
	}
}

// SetCookie adds a cookie to the HTTP answer. A cookie with an invalid name is
// dropped.
func (c *Context) SetCookie(cookie *http.Cookie) {
	if text := cookie.String(); text != "" {
		c.call.Header.Add("Set-Cookie", text)
	}
}

// RecordTiming tells the browser's developer tools how long a part of the
// callback took, in a Server-Timing header. The name is a token such as "db".
func (c *Context) RecordTiming(name string, took time.Duration, description string) {
	timing := name
	if description != "" {
		timing += ";desc=" + strconv.QuoteToASCII(description)
	}
	c.call.Header.Add("Server-Timing", timing+";dur="+strconv.FormatFloat(float64(took)/float64(time.Millisecond), 'f', -1, 64))
}

// AppID returns the slug of the app or instance that the page shows.
func (c *Context) AppID() string { return c.call.AppID }

// RelativePath returns the URL path of a page of the app, for a dcc.Link or a
// comparison with the path of a dcc.Location: "/archive" becomes
// "/app/<slug>/archive".
func (c *Context) RelativePath(path string) string {
	return strings.TrimSuffix(c.call.Prefix, "/") + "/" + strings.TrimPrefix(path, "/")
}

// AssetURL returns the URL path of a file of [App.Assets], for a property such
// as an image's src. It holds wherever the page is shown: for the app and its
// instances, below a base path, and directly in a page of the site, where the
// relative "assets/logo.png" would be the page's own.
func (c *Context) AssetURL(path string) string {
	u := url.URL{Path: c.call.Prefix + "assets/" + strings.TrimPrefix(path, "/")}
	return u.EscapedPath()
}

// User returns who has signed in, or nil, whose methods can be called.
func (c *Context) User() *User { return c.call.Visitor.User() }

// Session returns the values of this browser session that are private to the
// app; Shared leads from there to those of all apps and pages.
func (c *Context) Session() *Session {
	return NewSession(c, c.call.Visitor).App(c.call.App)
}

// Instance returns the state of the saved instance that the page shows, or nil,
// whose methods can be called.
func (c *Context) Instance() *InstanceState { return c.instance }

// Request returns the HTTP request of the call, for its headers, cookies, path
// and query. Its body has been read.
func (c *Context) Request() *http.Request { return c.call.Request }

// Header returns the header of the HTTP answer, to which a callback may add.
func (c *Context) Header() http.Header { return c.call.Header }

// Log returns a logger that names the app and the request.
func (c *Context) Log() *slog.Logger { return c.call.Log.With("request", c.call.RequestID) }

// newContext makes a context; what a call leaves out is filled in, so that no
// method of Context meets nil.
func newContext(ctx context.Context, call *Call) *Context {
	c := Call{}
	if call != nil {
		c = *call
	}
	if c.Request == nil {
		c.Request, _ = http.NewRequestWithContext(ctx, http.MethodGet, "/", nil)
	}
	if c.Header == nil {
		c.Header = http.Header{}
	}
	if c.Visitor == nil {
		c.Visitor = &nobody{}
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return &Context{Context: ctx, call: &c}
}
