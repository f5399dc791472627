package pipes

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"dashd/app"
	"dashd/app/apptest"
)

func TestCheck(t *testing.T) {
	apptest.Check(t, NewInput())
	apptest.Check(t, NewOutput())
}

func TestPress(t *testing.T) {
	visit := &apptest.Visit{User: &app.User{Name: "ann"}}
	counter := app.Output("button_local_counter", "children")
	got := visit.Call(t, NewInput(), counter,
		apptest.Change("red-button", "n_clicks", 1),
		apptest.Set("red-button", "n_clicks_timestamp", 1_700_000_000_500),
	).Text("button_local_counter", "children")
	if want := "Number of local clicks so far is 1 red and None blue; last change is red at 2023-11-14 22:13:20"; got != want {
		t.Errorf("it says %q", got)
	}
	visit.Call(t, NewInput(), counter,
		apptest.Set("red-button", "n_clicks", 1),
		apptest.Set("red-button", "n_clicks_timestamp", 1_700_000_000_500),
		apptest.Change("green-button", "n_clicks", 2),
		apptest.Set("green-button", "n_clicks_timestamp", 1_700_000_001_500),
	)
	published := visit.Published()
	if len(published) != 2 || published[1].Channel != "live_button_counter" || published[1].Label != "named_counts" || published[1].Retained {
		t.Fatalf("published is %+v", published)
	}
	want := `{"red_clicks":1,"blue_clicks":null,"green_clicks":2,"click_colour":"green","click_timestamp":1700000001500,"user":"ann"}`
	if got := string(published[1].Value); got != want {
		t.Errorf("the second message is %s", got)
	}
}

// board is the output on one server.
type board struct {
	t *testing.T
	a *app.App
}

func (b board) click(uid, colour string, at int64) string {
	b.t.Helper()
	message := app.Dict{"click_colour": colour}
	if at > 0 {
		message["click_timestamp"] = at
	}
	return apptest.Call(b.t, b.a, app.Output("internal_state", "children"),
		apptest.Change("named_count_pipe", "value", message),
		apptest.Set("state_uid", "value", uid),
	).Text("internal_state", "children")
}

// graph says for each line how many of its points have a level: "red 2/3".
func (b board) graph(uid string) string {
	b.t.Helper()
	var figure struct {
		Data []struct {
			Name string
			X    []string
			Y    []*float64
		}
	}
	apptest.Call(b.t, b.a, app.Output("timeseries_plot", "figure"), apptest.Set("state_uid", "value", uid)).JSON("timeseries_plot", "figure", &figure)
	var lines []string
	for _, line := range figure.Data {
		n := 0
		for _, y := range line.Y {
			if y != nil {
				n++
			}
		}
		lines = append(lines, fmt.Sprintf("%s %d/%d", line.Name, n, len(line.X)))
	}
	return strings.Join(lines, ", ")
}

func TestOutput(t *testing.T) {
	b := board{t, NewOutput()}
	if got := b.graph("u"); got != "" {
		t.Errorf("at first there is %s", got)
	}
	for _, step := range []struct {
		colour string
		at     int64
		state  string
		graph  string
	}{
		{"red", 10_000, "10000", "red 1/1"},
		{"red", 10_000, "10000", "red 1/1"}, // the same again
		{"red", 9_000, "9000", "red 1/1"},   // older
		{"red", 10_900, "10900", "red 1/1"}, // in the same second
		{"blue", 12_000, "12000", "red 2/2, blue 1/2"},
		{"red", 0, "13000", "red 3/3, blue 2/3"}, // a second after the latest
		{"mauve", 20_000, "20000", "red 3/3, blue 2/3"},
	} {
		if got, want := b.click("u", step.colour, step.at), "(demo-liveout-s6-u,"+step.state+")"; got != want {
			t.Errorf("%s at %d: %s, want %s", step.colour, step.at, got, want)
		}
		if got := b.graph("u"); got != step.graph {
			t.Errorf("%s at %d: the graph is %q, want %q", step.colour, step.at, got, step.graph)
		}
	}
	if got := b.graph("v"); got != "" {
		t.Errorf("another graph has %s", got)
	}
	for n := range 200 {
		b.click("u", "red", int64(30_000+n*1000))
	}
	if got := b.graph("u"); got != "red 25/25, blue 25/25" {
		t.Errorf("after many clicks the graph is %s", got)
	}
}

func TestOutputUID(t *testing.T) {
	a := NewOutput()
	layout := func() string {
		text, err := a.LayoutJSON(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	if one, two := layout(), layout(); one == two {
		t.Error("two pages have the same graph")
	}
	long := strings.Repeat("x", maxUID+1)
	if err := apptest.CallError(t, a, app.Output("internal_state", "children"), apptest.Change("state_uid", "value", long)); app.ErrorCode(err) != app.Invalid {
		t.Errorf("a long uid gives %v", err)
	}
	instance := apptest.NewInstance(t, string(Shared.Text()))
	visit := &apptest.Visit{Instance: instance}
	got := visit.Call(t, a, app.Output("internal_state", "children"),
		apptest.Set("named_count_pipe", "value", app.Dict{"click_colour": "red"}), // of a click before
	).Text("internal_state", "children")
	if want := "(demo-liveout-s6-635c89ae-c996-4488-84df-041c1153fdef,0)"; got != want {
		t.Errorf("the shared graph is %s", got)
	}
}

// Graphs are forgotten after an hour without a click, and where there are too
// many.
func TestWalksEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWalks()
		w.add("first", click{Colour: "red"})
		time.Sleep(kept / 2) // of the bubble
		for n := range maxWalks {
			time.Sleep(time.Millisecond)
			w.add(fmt.Sprint(n), click{Colour: "red"})
		}
		if len(w.byUID) != maxWalks || w.byUID["first"] != nil {
			t.Errorf("there are %d walks", len(w.byUID))
		}
		time.Sleep(2 * kept)
		w.add("last", click{Colour: "red"})
		if len(w.byUID) != 1 {
			t.Errorf("an hour later there are %d walks", len(w.byUID))
		}
	})
}

func TestPoints(t *testing.T) {
	w := newWalks()
	for range 3 * maxPoints {
		w.add("u", click{Colour: "red"})
	}
	points := w.byUID["u"].colours["red"]
	if len(points) != maxPoints || points[maxPoints-1].time != 300_000 || points[0].level <= 0 {
		t.Errorf("there are %d points, to %v", len(points), points[len(points)-1])
	}
	if text, err := json.Marshal(click{}); err != nil || !strings.Contains(string(text), `"red_clicks":null`) {
		t.Errorf("%s, %v", text, err)
	}
}
