package app_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"dashd/app"
	"dashd/app/dpd"
	"dashd/app/html"
)

// bus grants everything, and keeps what is published.
type bus struct{ published []string }

func (b *bus) Publish(_ context.Context, channel, label string, value json.RawMessage, retain bool) error {
	b.published = append(b.published, fmt.Sprintf("%s/%s %s %v", channel, label, value, retain))
	return nil
}

func (*bus) Grant(channel string) string { return "may hear " + channel }

const made = `"channel_name":"made","grant":"may hear made"`

// A Pipe that is made for a visitor has its grant, whichever way it is made.
func TestGrant(t *testing.T) {
	pipe := func(channel string) app.Component { return dpd.Pipe{ID: "pipe", ChannelName: channel} }
	element := app.Element{Namespace: "dpd_components", Type: "Pipe", Props: app.Props{"id": "pipe", "channel_name": "made"}}
	for name, layout := range map[string]func(*app.Context) (app.Component, error){
		"Pipe":    func(*app.Context) (app.Component, error) { return pipe("made"), nil },
		"inside":  func(*app.Context) (app.Component, error) { return html.Div{Children: app.List{"a", pipe("made")}}, nil },
		"Element": func(*app.Context) (app.Component, error) { return element, nil },
		"by its Props": func(*app.Context) (app.Component, error) {
			return dpd.Pipe{ID: "pipe", ChannelName: "other", Props: app.Props{"channel_name": "made"}}, nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			a := app.New("a")
			a.LayoutFunc = layout
			text, err := a.LayoutJSON(t.Context(), &app.Call{Bus: &bus{}})
			if err != nil || strings.Count(string(text), `"grant":"may hear made"`) != 1 {
				t.Errorf("%s, %v", text, err)
			}
			if text, err = a.LayoutJSON(t.Context(), &app.Call{}); err != nil || strings.Contains(string(text), "grant") {
				t.Errorf("without a bus: %s, %v", text, err)
			}
		})
	}
}

// The channels of the app's own layout need no grant: the page knows them. One
// that the state of a visitor's page puts in their place has one, and a grant
// that a browser made up counts for nothing.
func TestGrantOfState(t *testing.T) {
	a := app.New("a")
	a.Layout = html.Div{Children: app.List{dpd.Pipe{ID: "pipe", ChannelName: "fixed"}}}
	a.Channels = []string{"more.*"}
	page, err := a.Page()
	if err != nil || strings.Join(page.Channels, " ") != "fixed more.*" {
		t.Fatalf("the channels are %v, %v", page.Channels, err)
	}
	for _, test := range []struct{ state, has string }{
		{`{}`, `"channel_name":"fixed"`},
		{`{"pipe":{"channel_name":"made"}}`, made},
		{`{"pipe":{"channel_name":"made","grant":"forged"}}`, made},
	} {
		var state app.BaseState
		if err := json.Unmarshal([]byte(test.state), &state); err != nil {
			t.Fatal(err)
		}
		text, err := a.LayoutJSON(t.Context(), &app.Call{Bus: &bus{}, Initial: state})
		compact := strings.ReplaceAll(string(text), `, "`, `,"`)
		if err != nil || !has(compact, strings.Split(test.has, ",")) || strings.Contains(compact, "forged") ||
			strings.Contains(compact, "grant") != strings.Contains(test.has, "grant") {
			t.Errorf("with %s: %s, %v", test.state, text, err)
		}
	}
}

func has(text string, parts []string) bool {
	for _, part := range parts {
		if !strings.Contains(text, part) {
			return false
		}
	}
	return true
}

// What callbacks publish is JSON, and reaches the bus.
func TestPublish(t *testing.T) {
	a := app.New("a")
	a.Layout = html.Div{Children: app.List{html.Div{ID: "in"}, html.Div{ID: "out"}}}
	a.Callback(app.Output("out", "children"), app.Input("in", "title")).Do(func(ctx *app.Context, title string) (string, error) {
		if title == "bad" {
			return "", ctx.Publish("room", "l", make(chan int))
		}
		if err := ctx.Publish("room", "l", app.Dict{"title": title}); err != nil {
			return "", err
		}
		return "", ctx.Retain("room", "l", 1.5)
	})
	body := `{"output":"out.children","outputs":{"id":"out","property":"children"},"inputs":[{"id":"in","property":"title","value":%q}],"changedPropIds":["in.title"]}`
	b := &bus{}
	for _, call := range []*app.Call{{Bus: b}, {}} { // without a bus nobody hears it
		if _, err := a.UpdateJSON(t.Context(), call, fmt.Appendf(nil, body, "x")); err != nil {
			t.Fatal(err)
		}
	}
	if got := strings.Join(b.published, "; "); got != `room/l {"title":"x"} false; room/l 1.5 true` {
		t.Errorf("published is %s", got)
	}
	if _, err := a.UpdateJSON(t.Context(), &app.Call{Bus: b}, fmt.Appendf(nil, body, "bad")); err == nil || len(b.published) != 2 {
		t.Errorf("a channel of Go was published: %v", err)
	}
}

// Patterns of channels are checked when the app is.
func TestChannelPatterns(t *testing.T) {
	for _, pattern := range []string{"", "a["} {
		a := app.New("a")
		a.Layout = html.Div{}
		a.Publishes = []string{pattern}
		if err := app.Validate(a); err == nil || !strings.Contains(err.Error(), "is not a channel") {
			t.Errorf("%q: %v", pattern, err)
		}
	}
	a := app.New("a")
	a.Layout = dpd.Pipe{ID: "pipe", ChannelName: "what*"}
	page, err := a.Page()
	if err != nil || len(page.Channels) != 1 || page.Channels[0] != `what\*` {
		t.Errorf("the channels are %v, %v", page.Channels, err)
	}
}
