// Package simple is the smallest app worth a name: django-plotly-dash's
// SimpleExample.
package simple

import (
	"fmt"
	"strings"

	"dashd/app"
	"dashd/app/dcc"
	"dashd/app/html"
)

// New makes the app.
func New() *app.App {
	var colors dcc.Options
	for _, c := range []string{"Red", "Green", "Blue"} {
		colors = append(colors, dcc.Option{Label: c, Value: strings.ToLower(c)})
	}
	sizes := dcc.Options{
		{Label: "L", Value: "large"},
		{Label: "M", Value: "medium"},
		{Label: "S", Value: "small"},
	}

	a := app.New("SimpleExample")
	a.Title = "Simple example"
	a.Access = app.Public
	a.Layout = html.Div{Children: app.List{
		dcc.RadioItems{ID: "dropdown-color", Options: colors, Value: "red"},
		html.Div{ID: "output-color"},
		dcc.RadioItems{ID: "dropdown-size", Options: sizes, Value: "medium"},
		html.Div{ID: "output-size"},
	}}

	a.Callback(
		app.Output("output-color", "children"),
		app.Input("dropdown-color", "value"),
	).Do(func(color string) string {
		return fmt.Sprintf("The selected color is %s.", color)
	})

	a.Callback(
		app.Output("output-size", "children"),
		app.Input("dropdown-color", "value"),
		app.Input("dropdown-size", "value"),
	).Do(func(color, size string) string {
		return fmt.Sprintf("The chosen T-shirt is a %s %s one.", size, color)
	})

	return a
}
