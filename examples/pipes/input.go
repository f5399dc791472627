// Package pipes is a pair of apps: what is clicked in one moves the graphs of
// the other, on all pages that show it. It is the chapter on Pipe and Publish.
//
//	curl -H "Authorization: Bearer $TOKEN" https://dash.example.org/dpd/views/poke/ \
//	  -d '{"channel_name": "live_button_counter", "label": "named_counts", "value": {"click_colour": "cyan"}}'
//
// moves the graphs too, and so does
//
//	dashd poke live_button_counter named_counts '{"click_colour": "cyan"}'
package pipes

import (
	"fmt"
	"time"

	"dashd/app"
	"dashd/app/html"
)

// The channel between the apps, and the label of their messages.
const (
	channel = "live_button_counter"
	label   = "named_counts"
)

// click is a message: a button was pressed.
type click struct {
	Red    *int   `json:"red_clicks"`
	Blue   *int   `json:"blue_clicks"`
	Green  *int   `json:"green_clicks"`
	Colour string `json:"click_colour"`
	Time   int64  `json:"click_timestamp"` // in milliseconds of Unix time; 0: not known
	User   string `json:"user"`
}

// NewInput makes the app with the buttons.
func NewInput() *app.App {
	a := app.New("LiveInput")
	a.Access = app.Public
	a.Layout = html.Div{Children: app.List{
		html.Div{Children: app.List{
			html.Button{ID: "red-button", Children: "Choose red. Press me!", Style: app.Style{"color": "#c92a2a"}},
			html.Button{ID: "blue-button", Children: "Choose blue. Press me!", Style: app.Style{"color": "#1864ab"}},
			html.Button{ID: "green-button", Children: "Choose green. Press me!", Style: app.Style{"color": "#2b8a3e"}},
		}},
		html.Div{ID: "button_local_counter", Children: "Press any button to start"},
	}}
	a.Callback(
		app.Output("button_local_counter", "children"),
		app.Input("red-button", "n_clicks"),
		app.Input("blue-button", "n_clicks"),
		app.Input("green-button", "n_clicks"),
		app.State("red-button", "n_clicks_timestamp"),
		app.State("blue-button", "n_clicks_timestamp"),
		app.State("green-button", "n_clicks_timestamp"),
		app.PreventInitialCall(),
	).Do(press)
	return a
}

// press tells all pages which button was the last.
func press(ctx *app.Context, red, blue, green *int, redTime, blueTime, greenTime int64) (string, error) {
	c := click{red, blue, green, "red", redTime, ctx.User().String()}
	if blueTime > c.Time {
		c.Colour, c.Time = "blue", blueTime
	}
	if greenTime > c.Time {
		c.Colour, c.Time = "green", greenTime
	}
	if err := ctx.Publish(channel, label, c); err != nil {
		return "", err
	}
	return fmt.Sprintf("Number of local clicks so far is %s red and %s blue; last change is %s at %s",
		clicks(red), clicks(blue), c.Colour, time.UnixMilli(c.Time).UTC().Format(time.DateTime)), nil
}

func clicks(n *int) string {
	if n == nil {
		return "None"
	}
	return fmt.Sprint(*n)
}
