package app_test

import (
	"context"
	"testing"

	"dashd/app"
	"dashd/app/dcc"
	"dashd/app/html"
)

const sizeBody = `{"output":"output-size.children","outputs":{"id":"output-size","property":"children"},"inputs":[{"id":"dropdown-color","property":"value","value":"red"},{"id":"dropdown-size","property":"value","value":"large"}],"changedPropIds":["dropdown-size.value"],"parsedChangedPropsIds":["dropdown-size.value"]}`

// One callback of SimpleExample, without HTTP.
func BenchmarkUpdate(b *testing.B) {
	a := app.New("Bench")
	a.Layout = page(dcc.RadioItems{ID: "dropdown-color"}, dcc.RadioItems{ID: "dropdown-size"}, html.Div{ID: "output-size"})
	a.Callback(
		app.Output("output-size", "children"),
		app.Input("dropdown-color", "value"),
		app.Input("dropdown-size", "value"),
	).Do(func(color, size string) string { return "The chosen T-shirt is a " + size + " " + color + " one." })
	body := []byte(sizeBody)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := a.UpdateJSON(context.Background(), nil, body); err != nil {
			b.Fatal(err)
		}
	}
}
