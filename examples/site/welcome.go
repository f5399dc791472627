package main

import (
	"fmt"

	"dashd/app"
	"dashd/app/html"
)

// newWelcome makes an app that shows what the site's pages know of the visitor.
func newWelcome() *app.App {
	a := app.New("Welcome")
	a.Access = app.Public
	a.LayoutFunc = func(ctx *app.Context) (app.Component, error) {
		visits := 0
		if _, err := ctx.Session().Shared().Get("visits", &visits); err != nil {
			return nil, err
		}
		return html.Div{Children: app.List{
			html.P{ID: "visits", Children: fmt.Sprintf("Visits of this page: %d", visits)},
			html.Details{ID: "more", Children: app.List{
				html.Summary{Children: "More"},
				html.P{Children: "The frame grows with what is in it."},
			}},
		}}, nil
	}
	return a
}
