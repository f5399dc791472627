// Package cytoscape has the graph component of dash-cytoscape. It shows how
// somebody else's component suite is brought along: its bundle, its metadata
// and the structs that the generator makes of them.
package cytoscape

import (
	"embed"
	"io/fs"

	"dashd/app"
)

//go:generate go run dashd/app/generate metadata.json

// Suite is dash-cytoscape.
var Suite = &app.Suite{
	Namespace:     namespace,
	Package:       "dash_cytoscape",
	Version:       version,
	Scripts:       []string{"dash_cytoscape.min.js"},
	ChildrenProps: childrenProps,
	Files:         files(),
	Notice:        notice,
}

//go:embed bundle
var bundle embed.FS

//go:embed LICENSES.txt
var notice string

func files() fs.FS {
	sub, err := fs.Sub(bundle, "bundle")
	if err != nil {
		panic(err) // the name is not valid: it is the one above
	}
	return sub
}
