package apps

import (
	"fmt"

	"dashd/app"
	"dashd/app/html"
)

// PatternStateCallbacks counts clicks on each of several components by one
// callback, and on all of them by another.
func PatternStateCallbacks() *app.App {
	a := app.New("PatternStateCallbacks")
	a.Title = "Patterns"
	a.Access = app.Public
	a.Layout = html.Div{Children: app.List{
		html.Div{ID: app.Key("_type", "sum", "_id", "all")},
		html.Button{ID: app.Key("_type", "count", "_id", "one")},
		html.Button{ID: app.Key("_type", "count", "_id", "two")},
	}}

	a.Callback(
		app.Output(app.Key("_type", "count", "_id", app.MATCH), "children"),
		app.Input(app.Key("_type", "count", "_id", app.MATCH), "n_clicks"),
	).Do(func(clicks int) string {
		return fmt.Sprintf("Clicked %d times", clicks)
	})

	a.Callback(
		app.Output(app.Key("_type", "sum", "_id", "all"), "children"),
		app.Input(app.Key("_type", "count", "_id", app.ALL), "n_clicks"),
	).Do(func(clicks []int) string {
		sum := 0
		for _, n := range clicks {
			sum += n
		}
		return fmt.Sprintf("%d clicks on %d buttons", sum, len(clicks))
	})
	return a
}
