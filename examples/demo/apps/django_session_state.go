package apps

import (
	"fmt"

	"dashd/app"
	"dashd/app/dbc"
	"dashd/app/html"
)

// DjangoSessionState shares the values of the session with the page around it.
func DjangoSessionState() *app.App {
	a := app.New("DjangoSessionState")
	a.Title = "Session state"
	a.Access = app.Public
	a.Layout = html.Div{ClassName: "p-3", Children: app.List{
		dbc.Alert{ID: "base-alert", Color: "primary"},
		dbc.Alert{ID: "danger-alert", Color: "danger"},
		dbc.Button{ID: "update-button", Children: "Update session state", Color: "warning"},
	}}

	// A pointer tells a button that nobody has pressed, nil, from 0.
	a.Callback(
		app.Output("danger-alert", "children"),
		app.Input("update-button", "n_clicks"),
	).Do(func(ctx *app.Context, clicks *int) (string, error) {
		n, pressed := 0, "None"
		if clicks != nil {
			n, pressed = *clicks, fmt.Sprint(*clicks)
		}
		err := ctx.Session().Shared().Set("bootstrap_demo_state", app.Dict{"clicks": n})
		return fmt.Sprintf("Button has been clicked %s times since the page was rendered", pressed), err
	})

	// This one comes after: what it hears is the text that the other has set.
	a.Callback(
		app.Output("base-alert", "children"),
		app.Input("danger-alert", "children"),
	).Do(func(ctx *app.Context, _ string) (string, error) {
		session, err := ctx.Session().Shared().All()
		return fmt.Sprintf("Session state contains: %s and the page render count is %s",
			session["bootstrap_demo_state"], session["ind_use"]), err
	})
	return a
}
