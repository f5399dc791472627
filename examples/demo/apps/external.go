package apps

import (
	"dashd/app"
	"dashd/app/html"
)

// External has a stylesheet and a script that are not among its assets. Those
// of other hosts are named by whole URLs; these are files of the site.
func External() *app.App {
	a := app.New("ExternalScriptStylesheets")
	a.Title = "A stylesheet and a script of the site"
	a.Access = app.Public
	a.Stylesheets = []string{"../../demo/external.css"}
	a.Scripts = []string{"../../demo/external.js"}
	a.Layout = html.Div{Children: app.List{
		html.P{ID: "styled", Children: "The stylesheet has coloured this."},
		html.P{ID: "scripted"},
	}}
	a.Callback(
		app.Output("scripted", "children"),
		app.Input("styled", "children"),
	).ClientsideFunction("external", "greeting")
	return a
}
