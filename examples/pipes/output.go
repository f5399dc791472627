package pipes

import (
	"crypto/rand"
	"encoding/json"
	"fmt"

	"dashd/app"
	"dashd/app/dcc"
	"dashd/app/dpd"
	"dashd/app/html"
)

// Shared is the saved state of an instance of the output: its graph is one and
// the same for all who look at it.
var Shared = app.BaseState{
	"named_count_pipe": {
		"label":        json.RawMessage(`"` + label + `"`),
		"channel_name": json.RawMessage(`"` + channel + `"`),
		"value":        nil,
	},
	"state_uid": {"value": json.RawMessage(`"635c89ae-c996-4488-84df-041c1153fdef"`)},
}

var hidden = app.Style{"display": "none"}

// NewOutput makes the app with the graph. Each page that is loaded has a graph
// of its own, which state_uid names.
func NewOutput() *app.App {
	all := newWalks()
	a := app.New("LiveOutput")
	a.Access = app.Public
	a.LayoutFunc = func(*app.Context) (app.Component, error) {
		return html.Div{Children: app.List{
			dpd.Pipe{ID: "named_count_pipe", ChannelName: channel, Label: label},
			html.Div{ID: "internal_state", Children: "No state has been computed yet", Style: hidden},
			dcc.Graph{ID: "timeseries_plot"},
			dcc.Input{ID: "state_uid", Value: rand.Text(), Style: hidden},
		}}, nil
	}

	// A click may be heard by several pages with the same graph: the first counts.
	a.Callback(
		app.Output("internal_state", "children"),
		app.Input("named_count_pipe", "value"),
		app.Input("state_uid", "value"),
	).Do(func(ctx *app.Context, c click, uid string) (string, error) {
		if len(ctx.Triggered) == 0 {
			c = click{} // the page has just been loaded: what it was saved with is known
		}
		if len(uid) > maxUID {
			return "", app.Errorf(app.Invalid, "A state_uid has at most %d bytes.", maxUID)
		}
		return fmt.Sprintf("(demo-liveout-s6-%s,%d)", uid, all.add(uid, c)), nil
	})

	a.Callback(
		app.Output("timeseries_plot", "figure"),
		app.Input("internal_state", "children"),
		app.State("state_uid", "value"),
	).Do(func(_, uid string) app.Figure {
		seconds, lines := all.rows(uid)
		figure := app.Figure{Data: app.List{}}
		for _, colour := range colours {
			if levels := lines[colour]; levels != nil {
				figure.Data = append(figure.Data, app.Dict{
					"type": "scatter", "name": colour, "x": seconds, "y": levels, "line": app.Dict{"color": colour},
				})
			}
		}
		return figure
	})
	return a
}
