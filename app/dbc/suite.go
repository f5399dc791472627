// Package dbc has the Bootstrap components, dash_bootstrap_components in Dash.
package dbc

import "dashd/app"

//go:generate go run dashd/app/generate metadata.json

// Suite is dash-bootstrap-components with Bootstrap's own style sheet.
var Suite = &app.Suite{
	Namespace:     namespace,
	Package:       "dash_bootstrap_components",
	Version:       version,
	Scripts:       []string{"_components/dash_bootstrap_components.min.js"},
	Styles:        []string{"bootstrap.min.css"},
	ChildrenProps: childrenProps,
}
