package apps

import (
	"fmt"
	"math/rand/v2"

	"dashd/app"
	"dashd/app/dcc"
	"dashd/app/html"
)

// DashExample1 draws random graphs, and shows a message that the page around it
// has put into the session.
func DashExample1() *app.App {
	a := app.New("dash_example_1")
	a.Title = "A message from the page"
	a.Access = app.Public
	a.Layout = html.Div{Children: app.List{
		dcc.Dropdown{ID: "my-dropdown1", Value: "NYC", Options: dcc.Options{
			{Label: "New York City", Value: "NYC"},
			{Label: "Montreal", Value: "MTL"},
			{Label: "San Francisco", Value: "SF"},
		}},
		html.Div{ID: "test-output-div"},
		dcc.Dropdown{ID: "my-dropdown2", Value: "Oranges", Options: dcc.OptionsOf("Oranges", "Plums", "Peaches")},
		html.Div{ID: "test-output-div2"},
		html.Div{ID: "test-output-div3"},
	}}

	a.Callback(
		app.Output("test-output-div", "children"),
		app.Input("my-dropdown1", "value"),
	).Do(func(city string) []dcc.Graph {
		return []dcc.Graph{randomGraph("line-area-graph2", city)}
	})

	a.Callback(
		app.Output("test-output-div2", "children"),
		app.Input("my-dropdown2", "value"),
	).Do(func(ctx *app.Context, fruit string) ([]html.Div, error) {
		var message string
		found, err := ctx.Session().Shared().Get("django_to_dash_context", &message)
		if err == nil && !found {
			err = app.Errorf(app.Invalid, "The session has no django_to_dash_context: open this app in its page.")
		}
		return []html.Div{
			{Children: app.List{fmt.Sprintf("You have selected %s.", fruit)}},
			{Children: app.List{fmt.Sprintf("The session context message is '%s'", message)}},
		}, err
	})

	a.Callback(
		app.Outputs(app.Output("test-output-div3", "children")), // a list of one
		app.Input("my-dropdown1", "value"),
	).Do(func(city string) []dcc.Graph {
		return []dcc.Graph{randomGraph("line-area-graph3", city)}
	})
	return a
}

// randomGraph draws 500 random numbers.
func randomGraph(id app.ID, title string) dcc.Graph {
	x, y := make([]float64, 500), make([]float64, 500)
	for i := range y {
		x[i], y[i] = float64(i)/499, rand.NormFloat64()
	}
	return dcc.Graph{
		ID: id,
		Figure: app.Figure{
			Data: app.List{app.Dict{"type": "scatter", "mode": "lines", "x": app.TypedArray(x), "y": app.TypedArray(y)}},
			Layout: app.Dict{
				"height": 300,
				"margin": app.Dict{"t": 20, "b": 50, "l": 50, "r": 20},
				"xaxis":  app.Dict{"title": app.Dict{"text": title}, "zeroline": false},
				"yaxis":  app.Dict{"zeroline": false},
			},
		},
	}
}
