// Command dashd serves Dash apps written in Go: this one the demo site and the
// examples.
//
// To serve your own, copy examples/custom.
package main

import (
	"dashd/app/serve"
	"dashd/examples/demo"
)

func main() { serve.Main(demo.Config()) }
