// Package examples lists the example apps, which are also what the plain dashd
// binary serves.
package examples

import (
	"dashd/app"
	"dashd/examples/clientside"
	"dashd/examples/dashboard"
	"dashd/examples/editor"
	"dashd/examples/gallery"
	"dashd/examples/live"
	"dashd/examples/network"
	"dashd/examples/pipes"
	"dashd/examples/simple"
	"dashd/examples/todo"
)

// All makes the example apps.
func All() []*app.App {
	return []*app.App{
		simple.New(),
		gallery.New(),
		dashboard.New(),
		todo.New(),
		live.New(),
		pipes.NewInput(),
		pipes.NewOutput(),
		clientside.New(),
		editor.New(),
		network.New(),
	}
}
