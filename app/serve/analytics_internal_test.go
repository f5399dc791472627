package serve

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"dashd/store"
)

// What is counted between two writes takes a bounded memory, and nothing is lost
// when a write fails.
func TestAnalyticsBounds(t *testing.T) {
	a, err := newAnalytics(nil)
	if err != nil {
		t.Fatal(err)
	}
	a.store = store.New("") // not open
	const n = maxCountedVisitors + 10
	for i := range n {
		target := fmt.Sprint("instance/", i)
		a.addViews(store.ViewKey{Target: target}, 1)
		a.addUser(store.UserKey{Target: target, User: "ann"}, 1)
		a.addVisitor(store.Visitor{Hash: int64(i)})
		a.timing(store.TimingKey{Name: target}).Add(1, false)
	}
	for range 2 {
		if err := a.save(t.Context()); !errors.Is(err, store.ErrClosed) {
			t.Errorf("written: %v", err)
		}
		var views, users, runs int64
		for _, v := range a.counts.Views {
			views += v
		}
		for _, v := range a.counts.Users {
			users += v
		}
		for _, times := range a.counts.Timings {
			runs += times.Runs
		}
		if views != n || users != n || runs != n {
			t.Errorf("%d views, %d of users, and %d runs are left of %d", views, users, runs, n)
		}
		for what, size := range map[string]int{"views": len(a.counts.Views), "users": len(a.counts.Users), "timings": len(a.counts.Timings)} {
			if size > maxCountedViews+1 {
				t.Errorf("there are %d rows of %s", size, what)
			}
		}
		if len(a.counts.Visitors) != maxCountedVisitors {
			t.Errorf("there are %d visitors", len(a.counts.Visitors))
		}
	}
	select {
	case <-a.full:
	default:
		t.Error("nobody asks for an early write")
	}
}

// Nobody can follow a visitor to the next day.
func TestVisitorHash(t *testing.T) {
	s, err := New(Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	now := time.Date(2026, 11, 2, 12, 0, 0, 0, time.UTC)
	s.store.Now = func() time.Time { return now }
	hashes := func(address string) (hashes []int64) {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.RemoteAddr = address
		s.analytics.viewed(s.Visit(httptest.NewRecorder(), r), store.HealthView, "")
		for visitor := range s.analytics.take().Visitors {
			hashes = append(hashes, visitor.Hash)
		}
		slices.Sort(hashes)
		return slices.Compact(hashes)
	}
	first, again, other := hashes("192.0.2.1:1"), hashes("192.0.2.1:2"), hashes("192.0.2.2:1")
	now = now.AddDate(0, 0, 1)
	next := hashes("192.0.2.1:1")
	if len(first) != 1 || !slices.Equal(first, again) || slices.Equal(first, other) || slices.Equal(first, next) {
		t.Errorf("the hashes are %v and %v, of another %v, and the next day %v", first, again, other, next)
	}
}

func TestRecent(t *testing.T) {
	var r recent[int, string]
	for i := range 3 * maxAwaited {
		r.put(i, fmt.Sprint(i))
	}
	if len(r.values) != maxAwaited || len(r.ring) != maxAwaited {
		t.Errorf("%d values, %d keys", len(r.values), len(r.ring))
	}
	if _, ok := r.take(2*maxAwaited - 1); ok {
		t.Error("an old value is there")
	}
	for _, want := range []bool{true, false} {
		if value, ok := r.take(3*maxAwaited - 1); ok != want || ok && value != fmt.Sprint(3*maxAwaited-1) {
			t.Errorf("the newest is %q, %v", value, ok)
		}
	}
}

// Callbacks have names that people can tell apart.
func TestCallbackName(t *testing.T) {
	input := dependencies{}.Inputs
	input = append(input, struct {
		ID       string `json:"id"`
		Property string `json:"property"`
	}{"go", "n_clicks"})
	for want, d := range map[string]dependencies{
		"out.children":                  {Output: "out.children"},
		"a.children, b.value":           {Output: "..a.children...b.value..", Inputs: input},
		"out.children from go.n_clicks": {Output: "out.children@0123", Inputs: input},
		"from go.n_clicks":              {Output: "0123", NoOutput: true, Inputs: input},
		"from the page":                 {Output: "0123", NoOutput: true},
	} {
		if got := d.name(); got != want {
			t.Errorf("%+v is %q, want %q", d, got, want)
		}
	}
}
