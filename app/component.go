package app

// Component is one node of a layout. The structs of app/html, app/dcc,
// app/table, app/dbc and app/dpd implement it, as do those that the generator
// makes from somebody else's component suite, and [Element].
//
// A component is plain data: its exported fields are its properties, and a
// field that has its zero value is left out, so that the browser's default
// holds. The field Props overrides the others and can carry what a field
// cannot: an explicit null, false, 0 or "", and data-* and aria-* attributes.
type Component interface {
	// DashComponent returns the suite that defines the component and its name there.
	DashComponent() (suite *Suite, name string)
}

// List is a list of children: components, strings and numbers.
type List []any

// Dict is a JSON object, as in figures, styles and options.
type Dict = map[string]any

// Props are properties by their Dash names. In a component they override the
// fields of the struct; a nil value is sent as null.
type Props map[string]any

// Style is an inline style: CSS properties in camelCase ("backgroundColor")
// to strings or numbers (pixels).
type Style map[string]any

// Number is a property that takes any Go number. Being an interface, nil is
// unset and 0 is a value. [App.Validate] refuses what is not a number.
type Number = any

// Element is a component whose type is known only at run time. Its suite is
// found by Namespace among those of the app and those built into the server.
type Element struct {
	Namespace string // of the suite, such as "dash_html_components"
	Type      string // of the component, such as "Div"
	Props     Props
}

// DashComponent implements [Component].
func (e Element) DashComponent() (*Suite, string) {
	return &Suite{Namespace: e.Namespace}, e.Type
}
