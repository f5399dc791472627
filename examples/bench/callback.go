package main

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"dashd/app"
	"dashd/app/dcc"
	"dashd/app/html"
	"dashd/examples/simple"
)

// call is one callback of an app, without HTTP.
type call struct {
	name string
	app  *app.App
	body string
}

// calls are the callbacks that measureApp measures.
func calls() []call {
	return []call{
		{"SimpleExample", simple.New(), updateBody},
		{"the last of 500 callbacks", manyCallbacks(500), `{"output":"out499.children","outputs":{"id":"out499","property":"children"},"inputs":[{"id":"in","property":"value","value":"x"}],"changedPropIds":["in.value"]}`},
		{"ALL with 200 inputs", allInputs(), allBody(200)},
		{"a figure of 10,000 points as text", figureApp(func(v []float64) any { return v }), figureBody},
		{"a figure of 10,000 points as TypedArray", figureApp(func(v []float64) any { return app.TypedArray(v) }), figureBody},
	}
}

// measureApp measures single calls of UpdateJSON.
func measureApp(ctx context.Context, t *table) error {
	testing.Init() // Benchmark reads its flags
	for _, c := range calls() {
		var failed error
		body := []byte(c.body)
		result := testing.Benchmark(func(b *testing.B) {
			for b.Loop() {
				if _, err := c.app.UpdateJSON(ctx, nil, body); err != nil {
					failed = err
					b.FailNow()
				}
			}
		})
		if failed != nil {
			return fmt.Errorf("call %s: %w", c.name, failed)
		}
		t.note("one callback without HTTP: "+c.name, fmt.Sprintf("%.1f µs, %d allocations, %s bytes",
			float64(result.NsPerOp())/1000, result.AllocsPerOp(), thousands(float64(result.AllocedBytesPerOp()))))
	}
	return nil
}

// manyCallbacks has n callbacks with one input.
func manyCallbacks(n int) *app.App {
	a := app.New("Many")
	children := app.List{dcc.Input{ID: "in"}}
	for i := range n {
		id := app.ID(fmt.Sprint("out", i))
		children = append(children, html.Div{ID: id})
		a.Callback(app.Output(id, "children"), app.Input("in", "value")).Do(func(s string) string { return s })
	}
	a.Layout = html.Div{Children: children}
	return a
}

// allInputs sums the values of all inputs of a kind.
func allInputs() *app.App {
	a := app.New("All")
	a.Layout = html.Div{ID: "sum"}
	a.Callback(app.Output("sum", "children"), app.Input(app.Key("type", "in", "index", app.ALL), "value")).Do(func(values []float64) float64 {
		sum := 0.0
		for _, v := range values {
			sum += v
		}
		return sum
	})
	return a
}

func allBody(n int) string {
	inputs := make([]string, n)
	for i := range inputs {
		inputs[i] = fmt.Sprintf(`{"id":{"index":%d,"type":"in"},"property":"value","value":%d}`, i, i)
	}
	return `{"output":"sum.children","outputs":{"id":"sum","property":"children"},"inputs":[[` + strings.Join(inputs, ",") +
		`]],"changedPropIds":["{\"index\":7,\"type\":\"in\"}.value"]}`
}

// figureApp returns a figure of 10,000 points.
func figureApp(form func([]float64) any) *app.App {
	a := app.New("Figure")
	a.Layout = html.Div{Children: app.List{html.Button{ID: "b"}, dcc.Graph{ID: "g"}}}
	x, y := make([]float64, 10_000), make([]float64, 10_000)
	for i := range x {
		x[i], y[i] = float64(i), float64(i*7919%10007)/10007
	}
	a.Callback(app.Output("g", "figure"), app.Input("b", "n_clicks")).Do(func(int) app.Figure {
		return app.Figure{Data: app.List{app.Dict{"type": "scatter", "x": form(x), "y": form(y)}}}
	})
	return a
}

const figureBody = `{"output":"g.figure","outputs":{"id":"g","property":"figure"},"inputs":[{"id":"b","property":"n_clicks","value":1}],"changedPropIds":["b.n_clicks"]}`
