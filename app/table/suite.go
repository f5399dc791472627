// Package table has the data table, dash_table in Dash.
package table

import "dashd/app"

//go:generate go run dashd/app/generate metadata.json

// Suite is dash-table.
var Suite = &app.Suite{
	Namespace:     namespace,
	Package:       "dash/dash_table",
	Version:       version,
	Scripts:       []string{"bundle.js"},
	ChildrenProps: childrenProps,
}
