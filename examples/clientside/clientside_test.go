package clientside

import (
	"testing"

	"dashd/app"
	"dashd/app/apptest"
)

func TestCheck(t *testing.T) { apptest.Check(t, New()) }

func TestGrade(t *testing.T) {
	for want, m := range map[string]any{
		"Nothing to grade.":                             app.Dict{"letters": 0, "words": 0, "sentences": 0},
		"Words: 2. For readers of 5 years and older.":   app.Dict{"letters": 6, "words": 2, "sentences": 1},
		"Words: 20. For readers of 19 years and older.": app.Dict{"letters": 104, "words": 20, "sentences": 1},
		"Words: 1. For readers of 22 years and older.":  app.Dict{"letters": 200, "words": 1, "sentences": 0},
	} {
		if got := apptest.Call(t, New(), app.Output("grade", "children"), apptest.Change("measured", "data", m)).Text("grade", "children"); got != want {
			t.Errorf("%v says %q, want %q", m, got, want)
		}
	}
	if !apptest.Call(t, New(), app.Output("grade", "children"), apptest.Change("measured", "data", nil)).Prevented() {
		t.Error("what has not been measured is graded")
	}
}

func TestFlats(t *testing.T) {
	for _, f := range flats(1000) {
		if f.Area < 25 || f.Area > 140 || f.Rent < 100 || f.Rent > highestRent {
			t.Errorf("%+v does not fit the figure", f)
		}
	}
}
