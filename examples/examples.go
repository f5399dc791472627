// Package examples lists the example apps, which are also what the plain dashd
// binary serves.
package examples

import (
	"dashd/app"
	"dashd/examples/dashboard"
	"dashd/examples/gallery"
	"dashd/examples/network"
	"dashd/examples/simple"
)

// All makes the example apps.
func All() []*app.App {
	return []*app.App{
		simple.New(),
		gallery.New(),
		dashboard.New(),
		network.New(),
	}
}
