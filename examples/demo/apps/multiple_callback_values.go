package apps

import (
	"fmt"

	"dashd/app"
	"dashd/app/dcc"
	"dashd/app/html"
)

// MultipleCallbackValues has a callback that sets three outputs at once.
func MultipleCallbackValues() *app.App {
	a := app.New("MultipleCallbackValues")
	a.Title = "Three outputs"
	a.Access = app.Public
	a.Layout = threeOutputs()
	a.Callback(
		app.Output("output-one", "children"),
		app.Output("output-two", "children"),
		app.Output("output-three", "children"),
		app.Input("button", "n_clicks"),
		app.Input("dropdown-color", "value"),
	).Do(func(ctx *app.Context, clicks *int, color string) (one, two, three string) {
		n := orNone(clicks)
		return fmt.Sprintf("Output 1: %s %s %s", n, color, triggered(ctx)),
			fmt.Sprintf("Output 2: %s %s", color, n),
			fmt.Sprintf("Output 3: %s %s", n, color)
	})
	return a
}

// MultipleCallbackValuesExpanded does so too, and leaves the page alone for
// one of the colours.
func MultipleCallbackValuesExpanded() *app.App {
	a := app.New("MultipleCallbackValuesExpanded")
	a.Title = "Three outputs, or none"
	a.Access = app.Public
	a.Layout = threeOutputs()
	a.Callback(
		app.Output("output-one", "children"),
		app.Output("output-two", "children"),
		app.Output("output-three", "children"),
		app.Input("button", "n_clicks"),
		app.Input("dropdown-color", "value"),
	).Do(func(ctx *app.Context, clicks *int, color string) (one, two, three string, err error) {
		if color == "green" {
			return "", "", "", app.ErrPreventUpdate
		}
		what := fmt.Sprintf("%s %s %s", orNone(clicks), color, triggered(ctx))
		return "Output 1: " + what, "Output 2: " + what, "Output 3: " + what, nil
	})
	return a
}

func threeOutputs() app.Component {
	return html.Div{Children: app.List{
		html.Button{ID: "button", Children: "Press Me"},
		dcc.RadioItems{ID: "dropdown-color", Value: "red", Options: dcc.Options{
			{Label: "Red", Value: "red"},
			{Label: "Green", Value: "green"},
			{Label: "Blue", Value: "blue"},
		}},
		html.Div{ID: "output-one"},
		html.Div{ID: "output-two"},
		html.Div{ID: "output-three"},
	}}
}

// orNone writes the clicks of a button that maybe nobody has pressed.
func orNone(clicks *int) string {
	if clicks == nil {
		return "None"
	}
	return fmt.Sprint(*clicks)
}

// triggered writes what called the callback: nothing when the page opens.
func triggered(ctx *app.Context) []string {
	var properties []string
	for _, t := range ctx.Triggered {
		properties = append(properties, fmt.Sprintf("%v=%s", t, t.Value))
	}
	return properties
}
