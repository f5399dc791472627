package apps

import (
	"cmp"
	"encoding/json"
	"fmt"

	"dashd/app"
	"dashd/app/dcc"
	"dashd/app/html"
)

// Ex2 shows what a callback can know besides its Inputs, and counts its calls
// in the session.
func Ex2() *app.App {
	a := app.New("Ex2")
	a.Title = "What a callback knows"
	a.Access = app.Public
	a.Layout = html.Div{Children: app.List{
		dcc.RadioItems{ID: "dropdown-one", Value: "Oxygen", Options: dcc.Options{
			{Label: "O2", Value: "Oxygen"},
			{Label: "N2", Value: "Nitrogen"},
			{Label: "CO2", Value: "Carbon Dioxide"},
		}},
		html.Div{ID: "output-one", Style: app.Style{"overflowWrap": "anywhere"}},
	}}

	a.Callback(
		app.Output("output-one", "children"),
		app.Input("dropdown-one", "value"),
	).Do(func(ctx *app.Context, gas string) (string, error) {
		if err := countCall(ctx); err != nil {
			return "", err
		}
		session, err := ctx.Session().Shared().All()
		if err != nil {
			return "", err
		}
		known, err := json.Marshal(app.Dict{
			"callback_context": app.Dict{"triggered_id": ctx.TriggeredID()},
			"dash_app":         cmp.Or(ctx.Instance().Name(), "Ex2"),
			"dash_app_id":      ctx.AppID(),
			"request":          ctx.Request().Method + " " + ctx.Request().URL.Path,
			"session_state":    session,
			"user":             ctx.User().String(),
		})
		return fmt.Sprintf("Args are [%s] and kwargs are %s", gas, known), err
	})
	return a
}

// countCall counts the calls of this browser session: all, and those of each
// user. Parallel calls are counted too: a session value changes in one step.
func countCall(ctx *app.Context) error {
	session := ctx.Session().Shared()
	if _, err := session.Add("calls_so_far", 1); err != nil {
		return err
	}
	return session.Update("user_counts", func(old json.RawMessage) (any, error) {
		counts := map[string]int{}
		if old != nil {
			if err := json.Unmarshal(old, &counts); err != nil {
				return nil, err
			}
		}
		counts[ctx.User().String()]++
		return counts, nil
	})
}
