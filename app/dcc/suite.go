// Package dcc has the interactive components, dcc in Dash: graphs, inputs,
// stores, intervals.
package dcc

import "dashd/app"

//go:generate go run dashd/app/generate metadata.json

// Suite is dash-core-components.
var Suite = &app.Suite{
	Namespace:     namespace,
	Package:       "dash/dcc",
	Version:       version,
	Scripts:       []string{"dash_core_components.js", "dash_core_components-shared.js"},
	ChildrenProps: childrenProps,
}
