// Package app is what a dashboard is made of: an [App] with its layout and
// callbacks, the components of that layout, and the context in which a callback
// runs. It speaks Dash's protocol as functions from bytes to bytes, so it needs
// no server, and a test of an app needs nothing else.
//
//	a := app.New("Hello")
//	a.Layout = html.Div{Children: app.List{
//		dcc.Input{ID: "name", Value: "world"},
//		html.H1{ID: "greeting"},
//	}}
//	a.Callback(
//		app.Output("greeting", "children"),
//		app.Input("name", "value"),
//	).Do(func(name string) string { return "Hello, " + name })
package app

import (
	"fmt"
	"io/fs"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"sync"
)

// App is a Dash app: a layout and the callbacks that change it. It holds no
// state of its visitors.
//
// Make it with [New], set its fields and add its callbacks, and change nothing
// after it has been validated or served. From then on it is safe for
// concurrent use.
type App struct {
	// Title is the readable name: the page's title and the entry in the list of
	// apps. Default: Name.
	Title string

	// Layout is what every visitor sees at first: a component, or a [List].
	Layout Component

	// LayoutFunc makes a layout for each visitor, in place of Layout. It is
	// called at each page load, by many goroutines at once, and once when the
	// app is built, with a context of nobody's, for the checks of
	// [App.Validate].
	LayoutFunc func(ctx *Context) (Component, error)

	// ValidationLayout, when set, is what callbacks are checked against, in
	// place of the layout: it holds every component that callbacks may create.
	// Pages of it may have IDs in common.
	ValidationLayout Component

	// SuppressCallbackExceptions permits callbacks for components that are not
	// in the layout, because other callbacks will create them.
	SuppressCallbackExceptions bool

	// Defaults are options that all callbacks of the app start with.
	Defaults []Arg

	// OnError handles the errors of callbacks that have no handler of their own.
	OnError ErrorHandler

	// Access says who may open the app: Public, Authenticated, or Restricted.
	// Default: what the server's configuration says, which is Authenticated
	// unless it says otherwise.
	Access Access

	// EmbedOrigins are the origins of other sites whose pages may show the app,
	// in an iframe or a <dash-app>: "https://partner.example". Visitors of such a
	// page are anonymous, unless its address of the app has an embed token. An
	// iframe keeps the app apart from the page; with <dash-app> they share one.
	EmbedOrigins []string

	// Channels are those that Pipes of the app may hear besides those in its
	// layout: names, or patterns as in [path.Match] ("sensors.*"). A Pipe that a
	// layout function or a callback makes needs no mention.
	Channels []string

	// Publishes are the channels, or patterns of them, to which the app's pages
	// may publish from the browser. Callbacks publish anywhere.
	Publishes []string

	// Assets holds files of the app itself, served below assets/ to who may open
	// the app. Scripts (.js, .mjs) and stylesheets (.css) among them are part of
	// the page, sorted by path; favicon.ico at the top becomes its icon. It is
	// an embed.FS, or a directory by [os.Root.FS], which lets nothing outside be
	// read. What is no regular file, such as a symbolic link, is left out.
	Assets fs.FS

	// AssetsIgnore, when set, keeps the scripts and stylesheets whose path in
	// Assets it matches out of the page. They are served all the same.
	AssetsIgnore *regexp.Regexp

	// UpdateTitle is the page's title while a callback runs. Default:
	// "Updating...". A single blank leaves the title alone.
	UpdateTitle string

	// Stylesheets and Scripts are further files that the page loads, by URL.
	// The page's Content-Security-Policy permits their origins.
	Stylesheets []string
	Scripts     []string

	name      string
	slug      string
	site      string // file:line of New
	callbacks []*Callback
	suites    []*Suite // given to Use

	once  sync.Once
	built *build
}

// New makes an app. Its name is what people call it ("SimpleExample"); its URL
// is made from that (/app/simpleexample/).
func New(name string) *App {
	return &App{name: name, slug: Slugify(name), site: callSite(1)}
}

// Name returns the name that the app was made with.
func (a *App) Name() string { return a.name }

// Slug returns the name's form in URLs, as Django's slugify makes it.
func (a *App) Slug() string { return a.slug }

// Callback adds a callback: its Outputs, Inputs, States and options, in any
// order. Complete it with [Callback.Do].
//
// Nothing is checked here: [App.Validate] reports what is wrong, with the line
// of this call.
func (a *App) Callback(args ...Arg) *Callback {
	c := &Callback{site: callSite(1), options: args}
	a.callbacks = append(a.callbacks, c)
	return c
}

// Use makes the page load suites that its layout does not show yet: those
// whose components only callbacks return.
func (a *App) Use(suites ...*Suite) {
	for _, s := range suites {
		if s != nil && !slices.Contains(a.suites, s) {
			a.suites = append(a.suites, s)
		}
	}
}

// callSite returns "folder/file.go:line" of the caller, skip levels up.
func callSite(skip int) string {
	_, file, line, ok := runtime.Caller(skip + 1)
	if !ok {
		return "unknown"
	}
	return fmt.Sprintf("%s/%s:%d", filepath.Base(filepath.Dir(file)), filepath.Base(file), line)
}
