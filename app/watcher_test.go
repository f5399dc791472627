package app_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"dashd/app"
	"dashd/app/html"
)

// watcher notes what it is told.
type watcher struct{ ran []string }

func (w *watcher) Ran(output string, took time.Duration, err error) {
	w.ran = append(w.ran, fmt.Sprintf("%s %v %v", output, took > 0, err))
}

// A watcher is told of each callback that has run, however it ended, and of
// nothing else.
func TestWatcher(t *testing.T) {
	a := app.New("Watched")
	a.Layout = page(html.Div{ID: "in"}, html.Div{ID: "out"})
	how := ""
	a.Callback(app.Output("out", "children"), app.Input("in", "n_clicks")).Do(func(int) (string, error) {
		switch how {
		case "fails":
			return "", errors.New("broken")
		case "panics":
			panic("broken")
		case "leaves":
			return "", app.ErrPreventUpdate
		}
		return "", nil
	})
	w := &watcher{}
	call := func(output string) {
		_, _ = a.UpdateJSON(t.Context(), &app.Call{Watcher: w}, fmt.Appendf(nil, `{"output":%q,"outputs":{"id":"out","property":"children"},"inputs":[{"id":"in","property":"n_clicks","value":1}]}`, output))
	}
	for _, how = range []string{"", "leaves", "fails", "panics"} {
		call("out.children")
	}
	call("none.children")
	want := []string{
		"out.children true <nil>",
		"out.children true <nil>",
		"out.children true run callback out.children: broken",
		"out.children true run callback out.children: panic: broken",
	}
	if !slices.Equal(w.ran, want) {
		t.Errorf("the watcher was told %q, want %q", w.ran, want)
	}
}
