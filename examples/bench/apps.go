package main

import (
	"fmt"

	"dashd/app"
	"dashd/app/dcc"
	"dashd/app/html"
)

// newHello makes the hello-world page: one component of dcc, one callback.
func newHello() *app.App {
	a := app.New("Hello")
	a.Access = app.Public
	a.Layout = html.Div{Children: app.List{
		dcc.Input{ID: "name", Value: "world"},
		html.Div{ID: "greeting"},
	}}
	a.Callback(
		app.Output("greeting", "children"),
		app.Input("name", "value"),
	).Do(func(name string) string { return "Hello, " + name })
	return a
}

// newClicks makes a page that uses nothing but html.
func newClicks() *app.App {
	a := app.New("Clicks")
	a.Access = app.Public
	a.Layout = html.Div{Children: app.List{
		html.Button{ID: "button", Children: "Click"},
		html.Div{ID: "count"},
	}}
	a.Callback(
		app.Output("count", "children"),
		app.Input("button", "n_clicks"),
	).Do(func(clicks int) string { return fmt.Sprintf("%d clicks", clicks) })
	return a
}

// newWide makes an app whose layout is 24 kB of JSON.
func newWide() *app.App {
	a := app.New("Wide")
	a.Access = app.Public
	var rows app.List
	for i := range 82 {
		rows = append(rows, html.Div{
			ID:        app.ID(fmt.Sprintf("row-%d", i)),
			ClassName: "row",
			Children: app.List{
				html.Label{Children: fmt.Sprintf("Field %d", i)},
				dcc.Input{ID: app.ID(fmt.Sprintf("field-%d", i)), Value: fmt.Sprintf("value %d", i)},
			},
		})
	}
	a.Layout = html.Div{Children: rows}
	return a
}
