package apps

import (
	"dashd/app"
	"dashd/app/dcc"
	"dashd/app/html"
)

// Temperature has a callback that runs in the browser: it asks no server.
func Temperature() *app.App {
	a := app.New("Temperature")
	a.Access = app.Public
	a.Layout = html.Div{Style: app.Style{"padding": "0 1.2rem"}, Children: app.List{
		dcc.Slider{ID: "celsius", Min: -20, Max: 40, Step: 1, Value: 20, DragValue: 20, Marks: app.Dict{"-20": "-20 °C", "0": "0 °C", "40": "40 °C"}},
		html.P{ID: "fahrenheit"},
	}}
	a.Callback(
		app.Output("fahrenheit", "children"),
		app.Input("celsius", "drag_value"),
	).JS(`celsius => celsius + " °C are " + (celsius * 1.8 + 32).toFixed(1) + " °F"`)
	return a
}
