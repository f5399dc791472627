package apps

import (
	"dashd/app"
	"dashd/app/dbc"
	"dashd/app/html"
)

// Bootstrap has components of dbc. Their stylesheet is linked by itself.
func Bootstrap() *app.App {
	a := app.New("BootstrapApplication")
	a.Title = "Bootstrap"
	a.Access = app.Public
	a.Layout = html.Div{ClassName: "p-3", Children: app.List{
		dbc.Alert{ID: "base-alert", Children: "This is an alert", Color: "primary"},
		dbc.Alert{ID: "danger-alert", Children: "Danger", Color: "danger"},
		dbc.Checklist{
			ID:      "switches",
			Options: []app.Dict{{"label": "Switch 1", "value": 1}, {"label": "Switch 2", "value": 2}},
			Value:   []int{1},
			Switch:  true,
		},
		dbc.Checklist{
			ID:      "checkboxes",
			Options: []app.Dict{{"label": "Checkbox 1", "value": 1}, {"label": "Checkbox 2", "value": 2}},
			Value:   []int{1},
		},
	}}
	return a
}
