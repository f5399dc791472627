// Command custom is a server of one's own: one app, and all that dashd does.
//
//	go build -o custom .
//	./custom serve
//
// It is a module of its own, as yours would be. There, leave the line with
// replace out of go.mod, and let "go get dashd" write the others.
package main

import (
	"dashd/app"
	"dashd/app/dcc"
	"dashd/app/html"
	"dashd/app/serve"
)

func main() {
	a := app.New("Greeting")
	a.Access = app.Public
	a.Layout = html.Div{Children: app.List{dcc.Input{ID: "name", Value: "world"}, html.H1{ID: "greeting"}}}
	a.Callback(
		app.Output("greeting", "children"),
		app.Input("name", "value"),
	).Do(func(name string) string { return "Hello, " + name + "!" })
	serve.Main(serve.Config{Apps: []*app.App{a}})
}
