package serve_test

import (
	"fmt"
	"testing"

	"dashd/app"
	"dashd/app/dbc"
	"dashd/app/html"
	"dashd/app/serve"
)

// A suite that only callbacks need is loaded when the first of its components
// comes, and runs once.
func TestBrowserLateSuite(t *testing.T) {
	a := app.New("Late")
	a.Layout = html.Div{Children: app.List{html.Button{ID: "go", NClicks: 0}, html.Div{ID: "one"}, html.Div{ID: "two"}}}
	for _, id := range []app.ID{"one", "two"} {
		a.Callback(app.Output(id, "children"), app.Input("go", "n_clicks"), app.PreventInitialCall()).Do(func(n int) any {
			return dbc.Accordion{ID: "in-" + id, Children: dbc.AccordionItem{Title: html.B{Children: fmt.Sprint("title ", n)}, Children: "body"}}
		})
	}
	h, _ := mustNew(t, serve.Config{Apps: []*app.App{a}})
	b := openTab(t, h, "/app/late/")
	b.untilIdle()
	if n := js[int](b, `document.querySelectorAll("script[src*=bootstrap]").length`); n != 0 {
		t.Fatalf("the suite is there before it is needed: %d scripts", n)
	}
	b.click("#go")
	b.untilText("#one .accordion-button", "title 1")
	b.untilText("#two .accordion-button", "title 1")
	js[bool](b, `!!(window.firstLoad = window.dash_bootstrap_components)`)
	b.click("#go")
	b.untilText("#one .accordion-button", "title 2")
	b.untilText("#two .accordion-button", "title 2")
	if n := js[int](b, `document.querySelectorAll("script[src*=bootstrap]").length`); n != 1 {
		t.Errorf("the suite's script is in the page %d times", n)
	}
	if n := js[int](b, `document.querySelectorAll("link[href*=bootstrap]").length`); n != 1 {
		t.Errorf("the suite's stylesheet is in the page %d times", n)
	}
	if !js[bool](b, `window.firstLoad === window.dash_bootstrap_components`) {
		t.Error("the suite ran twice")
	}
}
