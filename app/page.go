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
		SuppressCallbackExceptions: a.SuppressCallbackExceptions,
	}
	if p.Title == "" {
		p.Title = a.name
	}
	if p.UpdateTitle == "" {
		p.UpdateTitle = "Updating..."
	}
	return p, nil
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
