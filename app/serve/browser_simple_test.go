package serve_test

import (
	"testing"

	"dashd/app"
	"dashd/app/serve"
	"dashd/examples/simple"
)

// SimpleExample in the browser, clicked as in the recording of real Dash.
func TestBrowserSimple(t *testing.T) {
	for _, base := range []string{"/", "/x/y/"} {
		t.Run(base, func(t *testing.T) {
			h, _ := mustNew(t, serve.Config{Apps: []*app.App{simple.New()}, BasePath: base})
			b := openTab(t, h, base+"app/simpleexample/")
			b.untilText("#output-color", "The selected color is red.")
			b.untilText("#output-size", "The chosen T-shirt is a medium red one.")
			b.click(`#dropdown-size input[value="large"], #dropdown-size label:nth-of-type(1) input`)
			b.untilText("#output-size", "The chosen T-shirt is a large red one.")
			b.click(`#dropdown-color label:nth-of-type(3) input`)
			b.untilText("#output-color", "The selected color is blue.")
			b.untilText("#output-size", "The chosen T-shirt is a large blue one.")
			b.untilIdle()
			if title := js[string](b, "document.title"); title != "Simple example" {
				t.Errorf("the title is %q", title)
			}
			b.screenshot("simple")
		})
	}
}
