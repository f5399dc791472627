// Package live is a figure that grows while it is watched: the chapter on Patch.
//
// A Patch carries what changes and leaves the rest with the browser, so that a
// tick costs two points however long the figure is, and callbacks that change
// other parts of the same figure do not get in each other's way.
package live

import (
	"fmt"
	"math"
	"time"

	"dashd/app"
	"dashd/app/dbc"
	"dashd/app/dcc"
	"dashd/app/html"
)

const (
	tick   = 500 * time.Millisecond
	window = 100 // points that a trace keeps
)

var sensors = []string{"Indoors", "Outdoors"}

// colors are those of the first trace, to choose from.
var colors = dcc.Options{
	{Label: "Violet", Value: "#7f4bc4"},
	{Label: "Green", Value: "#2b8a3e"},
	{Label: "Red", Value: "#c92a2a"},
}

const firstTitle = "Temperature"

// New makes the app.
func New() *app.App {
	a := app.New("Live figure")
	a.Access = app.Public
	a.UpdateTitle = " " // else the ticks would make the title flicker
	a.Layout = dbc.Container{ClassName: "py-4", Children: app.List{
		dcc.Interval{ID: "clock", Interval: int(tick.Milliseconds())},
		html.Div{ClassName: "d-flex flex-wrap align-items-center justify-content-between gap-2 mb-3", Children: app.List{
			html.H1{ClassName: "h3 mb-0", Children: app.List{
				"Live figure ",
				dbc.Badge{ID: "state", Children: "live", Color: "success", Pill: true, ClassName: "fs-6 align-middle"},
			}},
			html.Div{ClassName: "d-flex gap-2", Children: app.List{
				dbc.Button{ID: "pause", Children: "Pause", Color: "dark", Size: "sm"},
				dbc.Button{ID: "restart", Children: "Restart", Color: "secondary", Outline: true, Size: "sm"},
			}},
		}},
		dbc.Card{ClassName: "shadow-sm mb-3", Children: dbc.CardBody{Children: app.List{
			dcc.Graph{ID: "graph", Figure: empty(), Config: app.Dict{"displayModeBar": false}, Style: app.Style{"height": "24rem"}},
			html.Div{ClassName: "d-flex gap-2 small text-secondary", Children: app.List{
				html.Span{ID: "pulse", Children: "●", ClassName: atRest},
				html.Span{ID: "status"},
			}},
		}}},
		dbc.Card{ClassName: "shadow-sm", Children: dbc.CardBody{Children: dbc.Row{ClassName: "g-3", Children: app.List{
			dbc.Col{Md: 6, Children: app.List{
				dbc.Label{Children: "Title", HTMLFor: "title", ClassName: "small text-secondary mb-1"},
				dbc.Input{ID: "title", Value: firstTitle, Maxlength: 80, Debounce: 300},
			}},
			dbc.Col{Md: 6, Children: app.List{
				dbc.Label{Children: "Color of the first trace", HTMLFor: "color", ClassName: "small text-secondary mb-1"},
				dbc.Select{ID: "color", Options: colors, Value: colors[0].Value},
			}},
		}}}},
	}}

	// Running sets a property while the callback runs: the dot lights up.
	a.Callback(
		app.Output("graph", "figure"),
		app.Input("clock", "n_intervals"),
		app.Running(app.Output("pulse", "className"), atWork, atRest),
	).Do(step)

	a.Callback(
		app.Output("clock", "disabled"),
		app.Output("pause", "children"),
		app.Output("state", "children"),
		app.Output("state", "color"),
		app.Input("pause", "n_clicks"),
		app.State("clock", "disabled"),
		app.PreventInitialCall(),
	).Do(func(_ int, paused bool) (disabled bool, button, state, color string) {
		if paused {
			return false, "Pause", "live", "success"
		}
		return true, "Resume", "paused", "secondary"
	})

	// Another callback sets the figure, so this one has to say AllowDuplicate. An
	// answer to an earlier tick that is still under way is overtaken by tick 0 and
	// no longer counts.
	a.Callback(
		app.Output("graph", "figure").AllowDuplicate(),
		app.Output("clock", "n_intervals"),
		app.Input("restart", "n_clicks"),
		app.PreventInitialCall(),
	).Do(func(int) (*app.Patch, int) {
		patch := app.NewPatch()
		for i := range sensors {
			patch.At("data", i, "x").Clear()
			patch.At("data", i, "y").Clear()
		}
		return patch, 0
	})

	a.Callback(
		app.Output("graph", "figure").AllowDuplicate(),
		app.Input("title", "value"),
		app.PreventInitialCall(),
	).Do(func(title string) *app.Patch {
		return app.NewPatch().At("layout", "title", "text").Assign(title)
	})

	a.Callback(
		app.Output("graph", "figure").AllowDuplicate(),
		app.Input("color", "value"),
		app.PreventInitialCall(),
	).Do(func(color string) *app.Patch {
		return app.NewPatch().At("data", 0, "line", "color").Assign(color)
	})

	return a
}

// The classes of the dot.
const (
	atRest = "text-secondary opacity-25"
	atWork = "text-success"
)

// empty is the figure without points. Its lists are there, for a Patch changes
// only what there is; and they are lists, not the binary form of app.TypedArray.
func empty() app.Figure {
	trace := func(name, color string) app.Dict {
		return app.Dict{
			"type": "scatter", "mode": "lines", "name": name, "line": app.Dict{"color": color, "width": 2.5},
			"x": []float64{}, "y": []float64{},
		}
	}
	return app.Figure{
		Data: app.List{trace(sensors[0], colors[0].Value.(string)), trace(sensors[1], "#f59f00")},
		Layout: app.Dict{
			"title":  app.Dict{"text": firstTitle, "x": 0.5},
			"margin": app.Dict{"l": 45, "r": 10, "t": 45, "b": 45},
			"font":   app.Dict{"family": "system-ui, sans-serif", "color": "#495057"},
			"legend": app.Dict{"orientation": "h", "x": 1, "xanchor": "right", "y": 1, "yanchor": "top"},
			"xaxis":  app.Dict{"title": app.Dict{"text": "seconds"}},
			"yaxis":  app.Dict{"ticksuffix": "°", "range": []int{10, 28}},
		},
	}
}

// step adds the points of tick n, and from tick 100 on it drops the oldest. (A
// tick that was overtaken by the next is a gap in the lines, so there may be
// fewer than 100, but not more.)
func step(ctx *app.Context, n int) *app.Patch {
	patch := app.NewPatch()
	seconds := float64(n) * tick.Seconds()
	var degrees [2]float64
	for i := range sensors {
		degrees[i] = measure(i, n)
		patch.At("data", i, "x").Append(seconds)
		patch.At("data", i, "y").Append(degrees[i])
		if n >= window {
			patch.At("data", i, "x", 0).Delete()
			patch.At("data", i, "y", 0).Delete()
		}
	}
	// The status line is no Output, but any callback may set any property.
	ctx.SetProps("status", app.Props{
		"children": fmt.Sprintf("Tick %d: %.1f° indoors, %.1f° outdoors", n, degrees[0], degrees[1]),
	})
	return patch
}

// measure stands for a sensor. The server remembers nothing of a page: a value
// is a function of the tick.
func measure(sensor, n int) float64 {
	t := float64(n)
	noise := math.Sin(12.9898*t+78.233*float64(sensor)) * 43758.5453
	noise -= math.Floor(noise) // 0 to 1, as if by chance
	if sensor == 0 {
		return 21 + 1.5*math.Sin(t/17) + 0.6*noise
	}
	return 16 + 3*math.Sin(t/29) + math.Sin(t/7) + noise
}
