package examples

import "embed"

// Files are what the demo site shows of how it is made, by their paths below
// this folder: source, and a picture of the dashboard.
//
//go:embed simple/simple.go pipes/input.go pipes/output.go pipes/walks.go network/network.go dashboard/dashboard.png
//go:embed demo/*.templ demo/demo.go demo/four.go demo/six.go demo/eight.go demo/apps/*.go
var Files embed.FS
