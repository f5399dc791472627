package app_test

import (
	"context"
	"testing"

	"dashd/app"
	"dashd/app/apptest"
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

// The same on an instance that saves on change, without the cost of its store.
func BenchmarkUpdateInstance(b *testing.B) {
	a := app.New("Bench")
	a.Layout = page(dcc.RadioItems{ID: "dropdown-color"}, dcc.RadioItems{ID: "dropdown-size"}, html.Div{ID: "output-size"})
	a.Callback(
		app.Output("output-size", "children"),
		app.Input("dropdown-color", "value"),
		app.Input("dropdown-size", "value"),
	).Do(func(color, size string) string { return "The chosen T-shirt is a " + size + " " + color + " one." })
	call := &app.Call{Instance: apptest.NewInstance(b, `{"dropdown-color":{"value":"blue"},"dropdown-size":{"value":"small"},"output-size":{"children":null}}`)}
	body := []byte(sizeBody)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := a.UpdateJSON(context.Background(), call, body); err != nil {
			b.Fatal(err)
		}
	}
}
