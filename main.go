// Command dashd serves Dash apps written in Go.
//
// To serve your own, copy this file and list your apps.
package main

import (
	"dashd/app/serve"
	"dashd/examples"
)

func main() { serve.Main(serve.Config{Apps: examples.All()}) }
