package app

import (
	"reflect"
	"slices"
)

// Page is what a server must know to write the page of an app.
type Page struct {
	Title       string
	UpdateTitle string
	Suites      []*Suite // in the order in which they are loaded
	Stylesheets []string
	Scripts     []string
	// Routes says that the app reads the page's path, so that its page is the
	// answer to every path below its own.
	Routes                     bool
	SuppressCallbackExceptions bool
	// Graphs says that the layout has graphs, so that the page loads plotly.js
	// at once.
	Graphs bool
	// Clientside is the script of the callbacks' inline functions, nil when
	// there is none. It runs before the renderer starts.
	Clientside []byte
	// Dynamic says that callbacks or the layout function may return components
	// of other suites too.
	Dynamic bool
	// Channels and Publishes are patterns, as in [path.Match], of the channels
	// that all visitors of the app may hear, and publish to from the browser.
	Channels  []string
	Publishes []string
	// Late says that callbacks may bring suites that the page has not loaded.
	Late bool
	// Sessions says that the app's functions may use the visitor's session.
	Sessions bool
}

// Resource is a file that the page loads before it applies an answer: an entry
// of "dist" in section 5.4 of Dash's protocol.
type Resource struct {
	Type string `json:"type"` // "_js_dist" or "_css_dist"
	URL  string `json:"url"`
}

// Page describes the app's page.
func (a *App) Page() (Page, error) {
	b, err := a.ready()
	if err != nil {
		return Page{}, err
	}
	p := Page{
		Title:                      a.Title,
		UpdateTitle:                a.UpdateTitle,
		Suites:                     b.suites,
		Stylesheets:                a.Stylesheets,
		Scripts:                    a.Scripts,
		Routes:                     b.routes,
		Graphs:                     b.graphs,
		Clientside:                 b.clientside,
		SuppressCallbackExceptions: a.SuppressCallbackExceptions,
		Channels:                   slices.Concat(b.channels, a.Channels),
		Publishes:                  a.Publishes,
		Dynamic:                    a.LayoutFunc != nil || slices.ContainsFunc(a.callbacks, (*Callback).dynamic),
		Sessions:                   a.LayoutFunc != nil || slices.ContainsFunc(a.callbacks, func(c *Callback) bool { return c.wantsContext }),
	}
	p.Late = p.Dynamic || p.Sessions // a Context can set any property
	if p.Title == "" {
		p.Title = a.name
	}
	if p.UpdateTitle == "" {
		p.UpdateTitle = "Updating..."
	}
	return p, nil
}

// dynamic reports whether the callback may return components that its types do
// not name.
func (c *Callback) dynamic() bool {
	if c.raw != nil {
		return true
	}
	t := reflect.TypeOf(c.fn)
	if t == nil || t.Kind() != reflect.Func {
		return false
	}
	for i := range t.NumOut() {
		if t.Out(i) != errorType && mayHoldComponents(t.Out(i), 0) {
			return true
		}
	}
	return false
}

func mayHoldComponents(t reflect.Type, depth int) bool {
	if depth > 4 || t == elementType {
		return true
	}
	switch t.Kind() {
	case reflect.Interface:
		return true
	case reflect.Slice, reflect.Array, reflect.Pointer, reflect.Map:
		return mayHoldComponents(t.Elem(), depth+1)
	case reflect.Struct:
		if t.Implements(componentType) {
			return true // its children may be of other suites
		}
		for i := range t.NumField() {
			if t.Field(i).IsExported() && mayHoldComponents(t.Field(i).Type, depth+1) {
				return true
			}
		}
	}
	return false
}

// resultSuites returns the suites of the components that a function's results
// name in their types.
func resultSuites(fn any) []*Suite {
	t := reflect.TypeOf(fn)
	if t == nil || t.Kind() != reflect.Func {
		return nil
	}
	var suites []*Suite
	for i := range t.NumOut() {
		collectSuites(t.Out(i), &suites, 0)
	}
	return suites
}

func collectSuites(t reflect.Type, suites *[]*Suite, depth int) {
	switch t.Kind() {
	case reflect.Slice, reflect.Array, reflect.Pointer, reflect.Map:
		if depth < 4 {
			collectSuites(t.Elem(), suites, depth+1)
		}
	case reflect.Struct:
		if t.Implements(componentType) && t != elementType {
			s, _ := reflect.Zero(t).Interface().(Component).DashComponent()
			if s != nil && !slices.Contains(*suites, s) {
				*suites = append(*suites, s)
			}
			return
		}
		if depth < 4 && isTagged(t) {
			for i := range t.NumField() {
				collectSuites(t.Field(i).Type, suites, depth+1)
			}
		}
	}
}
