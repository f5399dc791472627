// Package html has the components of HTML elements, html in Dash.
package html

import "dashd/app"

//go:generate go run dashd/app/generate metadata.json

// Suite is dash-html-components.
var Suite = &app.Suite{
	Namespace:     namespace,
	Package:       "dash/html",
	Version:       version,
	Scripts:       []string{"dash_html_components.min.js"},
	ChildrenProps: childrenProps,
}
