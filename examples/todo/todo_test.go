package todo

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"dashd/app"
	"dashd/app/apptest"
)

// patched says what a Patch does: "Delete [3]; ...".
func patched(answer *apptest.Answer, id app.ID, property string) string {
	var patch struct {
		Operations []struct {
			Operation string
			Location  json.RawMessage
			Params    struct{ Index *int }
		}
	}
	answer.JSON(id, property, &patch)
	var text []string
	for _, o := range patch.Operations {
		at := string(o.Location)
		if o.Params.Index != nil {
			at = fmt.Sprint(*o.Params.Index)
		}
		text = append(text, o.Operation+" "+at)
	}
	return strings.Join(text, "; ")
}

var three = items{1: {"A", true}, 2: {"B", false}, 3: {"C", false}}

func TestCheck(t *testing.T) { apptest.Check(t, New()) }

func TestAdd(t *testing.T) {
	data := app.Output("items", "data")
	answer := apptest.Call(t, New(), data,
		apptest.Set("items", "data", three),
		apptest.Set("new", "value", " D "),
		apptest.Change("new", "n_submit", 1))
	if got := patched(answer, "items", "data"); got != `Assign ["4"]` {
		t.Errorf("adding does %s", got)
	}
	if got := answer.Text("new", "value"); got != "" {
		t.Errorf("the text is then %q", got)
	}
	if !apptest.Call(t, New(), data, apptest.Set("new", "value", "  "), apptest.Change("add", "n_clicks", 1)).Prevented() {
		t.Error("a blank is something to do")
	}
}

func TestCheckOff(t *testing.T) {
	boxes := func(first, second bool) *apptest.Answer {
		return apptest.Call(t, New(), app.Output("items", "data"),
			apptest.Set("items", "data", three),
			apptest.Set(part("check", 1), "value", first),
			apptest.Change(part("check", 2), "value", second))
	}
	if got := patched(boxes(true, true), "items", "data"); got != `Assign ["2","done"]` {
		t.Errorf("checking B does %s", got)
	}
	if got := patched(boxes(false, true), "items", "data"); got != `Assign ["1","done"]; Assign ["2","done"]` {
		t.Errorf("checking B just after A does %s", got)
	}
	if !boxes(true, false).Prevented() {
		t.Error("new boxes change the Store")
	}
}

func TestDelete(t *testing.T) {
	answer := apptest.Call(t, New(), app.Output("items", "data"),
		apptest.Set("items", "data", three),
		apptest.Set(part("delete", 1), "n_clicks", nil),
		apptest.Change(part("delete", 2), "n_clicks", 1))
	if got := patched(answer, "items", "data"); got != `Delete ["2"]` {
		t.Errorf("deleting does %s", got)
	}
	answer = apptest.Call(t, New(), app.Output("items", "data"),
		apptest.Set("items", "data", three),
		apptest.Change("clear", "n_clicks", 1))
	if got := patched(answer, "items", "data"); got != `Delete ["1"]` {
		t.Errorf("clearing does %s", got)
	}
}

func TestEdit(t *testing.T) {
	edit := func(editing bool, typed string) *apptest.Answer {
		return apptest.Call(t, New(), app.Output(part("text", 2), "children"),
			apptest.Set("items", "data", three),
			apptest.Set(part("input", 2), "n_submit", nil),
			apptest.Set(part("input", 2), "value", typed),
			apptest.Set(part("text", 2), "hidden", editing),
			apptest.Change(part("edit", 2), "n_clicks", 1))
	}
	answer := edit(false, "B")
	if answer.Has(part("text", 2), "children") || answer.Has("items", "data") || answer.Text(part("edit", 2), "children") != "Save" {
		t.Errorf("to begin, %v", answer)
	}
	answer = edit(true, "Bee ")
	if got := answer.Text(part("text", 2), "children"); got != "Bee" {
		t.Errorf("the text is then %q", got)
	}
	if got := patched(answer, "items", "data"); got != `Assign ["2","text"]` {
		t.Errorf("saving does %s", got)
	}
	if got := edit(true, " ").Text(part("text", 2), "children"); got != "B" {
		t.Errorf("without a text, it is then %q", got)
	}
}

func TestDraw(t *testing.T) {
	for _, test := range []struct {
		filter string
		boxes  []int
		rows   string
	}{
		{all, nil, "Insert 0; Insert 1; Insert 2"},
		{all, []int{1, 2, 3}, ""},
		{all, []int{1, 3}, "Insert 1"},
		{all, []int{1, 2, 3, 4}, "Delete [3]"},
		{open, []int{1, 2, 3}, "Delete [0]"},
		{done, []int{2, 3}, "Delete [1]; Delete [0]; Insert 0"},
	} {
		props := []apptest.Prop{apptest.Set("items", "data", three), apptest.Change("filter", "value", test.filter)}
		for _, n := range test.boxes {
			props = append(props, apptest.Set(part("check", n), "value", three[n].Done))
		}
		answer := apptest.Call(t, New(), app.Output("count", "children"), props...)
		rows := ""
		if answer.Has("list", "children") {
			rows = patched(answer, "list", "children")
		}
		if rows != test.rows {
			t.Errorf("%s of %v: %q, want %q", test.filter, test.boxes, rows, test.rows)
		}
		if got := answer.Text("count", "children"); got != "1 of 3 done" {
			t.Errorf("%s: %s", test.filter, got)
		}
	}
}

func TestTextClass(t *testing.T) {
	id := part("text", 3)
	for checked, want := range map[bool]bool{true: true, false: false} {
		got := apptest.Call(t, New(), app.Output(id, "className"), apptest.Change(part("check", 3), "value", checked)).Text(id, "className")
		if strings.Contains(got, "line-through") != want {
			t.Errorf("done %v is %q", checked, got)
		}
	}
}
