// Package static holds the front end: the bundles of the built-in component
// suites, the renderer and plotly.js, compressed as they are sent, and dashd's
// own few files. "go run ./static/fetch" writes all but the latter.
package static

import (
	"embed"
	"io/fs"
)

// The bundles have a folder that begins with an underscore, hence all.
//
//go:embed all:bundles dashd dpd
var files embed.FS

// Manifest is JSON: the npm packages, and each folder of [Bundles] with a short
// hash of its content and its files' size and SHA-256 before compression.
//
//go:embed manifest.json
var Manifest []byte

// Licenses is the text of the licences and notices of all npm packages.
//
//go:embed licenses/LICENSES.txt
var Licenses string

// Bundles holds name.br and name.gz for each file of the manifest's folders,
// as in "dash/dcc/async-graph.js.br".
func Bundles() fs.FS { return sub("bundles") }

// Dashd holds dashd's own files, as they are: the stylesheet and the icon of the
// site's pages, and graph.js, which keeps plotly.js from fetching maps from another host and says how to load it.
func Dashd() fs.FS { return sub("dashd") }

// DPD holds the bundle of dashd's own components.
func DPD() fs.FS { return sub("dpd") }

func sub(dir string) fs.FS {
	f, err := fs.Sub(files, dir)
	if err != nil {
		panic(err) // dir is a valid path
	}
	return f
}
