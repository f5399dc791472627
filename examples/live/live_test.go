package live

import (
	"encoding/json"
	"maps"
	"testing"

	"dashd/app"
	"dashd/app/apptest"
)

// operation is one of a Patch.
type operation struct {
	Operation string
	Location  []any
	Params    struct{ Value json.RawMessage }
}

func operations(answer *apptest.Answer) []operation {
	var patch struct{ Operations []operation }
	answer.JSON("graph", "figure", &patch)
	return patch.Operations
}

func TestCheck(t *testing.T) { apptest.Check(t, New()) }

func TestTicks(t *testing.T) {
	for n, want := range map[int]map[string]int{
		0:   {"Append": 4},
		99:  {"Append": 4},
		100: {"Append": 4, "Delete": 4},
	} {
		answer := apptest.Call(t, New(), app.Output("graph", "figure"), apptest.Change("clock", "n_intervals", n))
		got := map[string]int{}
		for _, o := range operations(answer) {
			got[o.Operation]++
		}
		if !maps.Equal(got, want) {
			t.Errorf("tick %d does %v, want %v", n, got, want)
		}
	}
	answer := apptest.Call(t, New(), app.Output("graph", "figure"), apptest.Change("clock", "n_intervals", 3))
	if got := answer.Text("status", "children"); got != "Tick 3: 21.6° indoors, 17.2° outdoors" {
		t.Errorf("the status is %q", got)
	}
}

func TestPause(t *testing.T) {
	for paused, want := range map[bool]string{true: "live", false: "paused"} {
		answer := apptest.Call(t, New(), app.Output("clock", "disabled"),
			apptest.Set("clock", "disabled", paused),
			apptest.Change("pause", "n_clicks", 1))
		var disabled bool
		answer.JSON("clock", "disabled", &disabled)
		if got := answer.Text("state", "children"); got != want || disabled == paused {
			t.Errorf("paused %v becomes %q, %v", paused, got, disabled)
		}
	}
}

func TestRestart(t *testing.T) {
	answer := apptest.Call(t, New(), app.Output("clock", "n_intervals"), apptest.Change("restart", "n_clicks", 1))
	if got := answer.Text("clock", "n_intervals"); got != "0" {
		t.Errorf("it starts again with tick %s", got)
	}
	if got := operations(answer); len(got) != 4 || got[0].Operation != "Clear" {
		t.Errorf("it does %v", got)
	}
}

func TestLooks(t *testing.T) {
	for _, input := range []app.ID{"title", "color"} {
		got := operations(apptest.Call(t, New(), app.Output("graph", "figure"), apptest.Change(input, "value", "x")))
		if len(got) != 1 || got[0].Operation != "Assign" || string(got[0].Params.Value) != `"x"` {
			t.Errorf("%s does %v", input, got)
		}
	}
}
