package store_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"dashd/app"
	"dashd/store"

	"github.com/google/go-cmp/cmp"
)

// lines tells a history in short: property=value, who, and + for a current one.
func lines(t testing.TB, s *store.Store, slug string, limit int) (all []string) {
	t.Helper()
	history, err := s.History(t.Context(), slug, limit)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range history {
		line := fmt.Sprintf("%s.%s=%s %s", r.Component, r.Property, r.Value, r.User)
		if r.Until == 0 {
			line += " +"
		}
		all = append(all, line)
	}
	return all
}

func TestHistory(t *testing.T) {
	now := newClock()
	s := openTimed(t, "", now)
	recordShirts(t, s)
	i := shirtInstance(t, s)
	created := now.Now()
	p := open(t, i)
	now.pass(time.Second)
	p.save(changed("color", `"blue"`))
	p.save(changed("color", `"navy"`)) // of the same page: takes its own place
	now.pass(time.Second)
	must(t, s.SetProperty(t.Context(), "shirts-1", "color", "value", json.RawMessage(`"green"`), "ann"))
	must(t, s.SetProperty(t.Context(), "shirts-1", "color", "value", json.RawMessage(`"white"`), "ann"))
	open(t, i).save(changed("color", `"black"`))
	must(t, s.Untrack(t.Context(), "shirts-1", "size", "label", "ann"))
	want := []string{
		`color.value="black" bob +`,
		`color.value="white" ann`,
		`color.value="green" ann`,
		`color.value="navy" bob`,
		`color.value="red" ann`,
		`size.label= ann`,
		`size.value="medium" ann +`,
	}
	if diff := cmp.Diff(want, lines(t, s, "shirts-1", 100)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(want[:3], lines(t, s, "shirts-1", 3)); diff != "" {
		t.Error(diff)
	}
	history, err := s.History(t.Context(), "shirts-1", 100)
	must(t, err)
	navy, red := history[3], history[4]
	if navy.Page != p.page || !navy.At.Equal(created.Add(time.Second)) || navy.Until != history[2].Revision {
		t.Errorf("%+v", navy)
	}
	if red.Page != "" || !red.At.Equal(created) || red.Revision != 1 || red.Until >= navy.Revision {
		t.Errorf("%+v", red)
	}
}

func TestRestore(t *testing.T) {
	path := filepath.Join(t.TempDir(), "dashd.db")
	s := openAt(t, path)
	i := shirtInstance(t, s)
	type moment struct {
		revision int64
		state    app.BaseState
	}
	var moments []moment
	revision := func() int64 {
		t.Helper()
		history, err := s.History(t.Context(), "shirts-1", 1)
		must(t, err)
		return history[0].Revision
	}
	remember := func() { moments = append(moments, moment{revision(), i.State()}) }
	remember()
	one, other := open(t, i), open(t, i)
	one.save(changed("color", `"blue"`), answered("size", `"large"`))
	remember()
	other.save(changed("color", `"green"`))
	remember()
	one.save(changed("size", `"small"`)) // takes the place of its own "large"
	remember()
	must(t, s.SetProperty(t.Context(), "shirts-1", "new", "value", json.RawMessage(`1`), "ann"))
	remember()
	must(t, s.Untrack(t.Context(), "shirts-1", "size", "label", "ann"))
	open(t, i).save(changed("color", `"white"`), changed("new", `2`))
	remember()
	must(t, s.Restore(t.Context(), "shirts-1", revision(), "ann")) // changes nothing
	if diff := cmp.Diff(moments[len(moments)-1].state, i.State()); diff != "" {
		t.Error(diff)
	}
	must(t, s.ReplaceState(t.Context(), "shirts-1", nil, "ann"))

	// What a page wrote one after the other counts as one: the last value.
	for n := 1; n < 3; n++ {
		moments[n].state = app.BaseState{
			"color": moments[n].state["color"],
			"size":  {"value": json.RawMessage(`"small"`), "label": nil},
		}
	}
	for round := range 2 {
		for n, m := range moments {
			must(t, s.Restore(t.Context(), "shirts-1", m.revision, "carl"))
			if diff := cmp.Diff(m.state, i.State()); diff != "" {
				t.Errorf("round %d, moment %d: %s", round, n, diff)
			}
		}
		must(t, s.Close())
		s = openAt(t, path)
		if diff := cmp.Diff(i.State(), instance(t, s, "shirts-1").State()); diff != "" {
			t.Errorf("in the database: %s", diff)
		}
		i = instance(t, s, "shirts-1")
	}
	if got := lines(t, s, "shirts-1", 1); !strings.HasSuffix(got[0], " carl +") {
		t.Errorf("who restored it: %q", got)
	}
	for _, r := range []int64{-1, 0, 1 << 40} {
		wantCode(t, s.Restore(t.Context(), "shirts-1", r, ""), app.NotFound)
	}
}

func TestHistoryExpires(t *testing.T) {
	now := newClock()
	s := openTimed(t, "", now)
	recordShirts(t, s)
	i := shirtInstance(t, s)
	set := func(value string) {
		t.Helper()
		must(t, s.SetProperty(t.Context(), "shirts-1", "color", "value", json.RawMessage(value), "ann"))
	}
	set(`1`)
	set(`2`)
	now.pass(89 * 24 * time.Hour)
	set(`3`)
	now.pass(24 * time.Hour)
	must(t, s.Sweep(t.Context()))
	if got := lines(t, s, "shirts-1", 100); len(got) != 6 {
		t.Errorf("after 90 days: %q", got)
	}
	now.pass(time.Millisecond)
	must(t, s.Sweep(t.Context()))
	want := []string{`color.value=3 ann +`, `color.value=2 ann`, `size.label= ann +`, `size.value="medium" ann +`}
	if diff := cmp.Diff(want, lines(t, s, "shirts-1", 100)); diff != "" {
		t.Error(diff)
	}
	history, err := s.History(t.Context(), "shirts-1", 100)
	must(t, err)
	wantCode(t, s.Restore(t.Context(), "shirts-1", 1, ""), app.NotFound) // before the history begins
	must(t, s.Restore(t.Context(), "shirts-1", history[1].Revision, ""))
	wantValue(t, i, "color", `2`)
}

// A sweep is many writes, so that others come in between, and none for an
// instance that has nothing to remove.
func TestSweepIsManyWrites(t *testing.T) {
	now := newClock()
	s := store.New(filepath.Join(t.TempDir(), "dashd.db"))
	s.Now = now.Now
	var writes, transactions atomic.Int64
	s.OnCommit = func(n int, _ time.Duration) {
		writes.Add(int64(n))
		transactions.Add(1)
	}
	must(t, s.Open(t.Context()))
	t.Cleanup(func() { must(t, s.Close()) })
	recordShirts(t, s)
	for n := range 7 {
		slug := create(t, s, store.NewInstance{State: numbered(1)}).Slug
		if n == 5 {
			now.pass(91 * 24 * time.Hour)
		}
		must(t, s.SetProperty(t.Context(), slug, "c0", "value", json.RawMessage(`1`), ""))
	}
	writes.Store(0)
	transactions.Store(0)
	must(t, s.Sweep(t.Context()))
	const others = 6 // initial arguments, embed tokens, the audit log, analytics, sessions, throttles
	if w, n := writes.Load(), transactions.Load(); w != 5+others || n != w {
		t.Errorf("%d writes in %d transactions", w, n)
	}
	for n := range 7 {
		if rows, err := s.History(t.Context(), fmt.Sprint("shirts-", n+1), 10); err != nil || (len(rows) > 1) != (n >= 5) {
			t.Errorf("instance %d has %+v, %v", n+1, rows, err)
		}
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Sweep(ended); !errors.Is(err, context.Canceled) {
		t.Errorf("a sweep that is to end: %v", err)
	}
}

func TestHistoryIsBounded(t *testing.T) {
	s := openAt(t, "")
	i := shirtInstance(t, s)
	for n := range 1500 {
		must(t, s.SetProperty(t.Context(), "shirts-1", "color", "value", fmt.Appendf(nil, "%d", n), ""))
	}
	if got := len(lines(t, s, "shirts-1", 10_000)); got > 1000+300 {
		t.Errorf("%d rows while it runs", got)
	}
	must(t, s.Sweep(t.Context()))
	if got := len(lines(t, s, "shirts-1", 10_000)); got != 1000+3 {
		t.Errorf("%d rows after a sweep", got)
	}

	// What one command replaced can be restored, however much it is.
	must(t, s.ReplaceState(t.Context(), "shirts-1", numbered(2000), ""))
	before := i.State()
	must(t, s.ReplaceState(t.Context(), "shirts-1", nil, ""))
	must(t, s.Sweep(t.Context()))
	history, err := s.History(t.Context(), "shirts-1", 1)
	must(t, err)
	must(t, s.Restore(t.Context(), "shirts-1", history[0].Revision, ""))
	if diff := cmp.Diff(before, i.State()); diff != "" {
		t.Error(diff)
	}
}

// Large values do not fill the disk.
func TestHistoryIsBoundedInBytes(t *testing.T) {
	s := openAt(t, "")
	shirtInstance(t, s)
	for n := range 46 {
		value := fmt.Appendf(nil, `"%d%s"`, n, strings.Repeat("x", store.MaxState/2))
		must(t, s.SetProperty(t.Context(), "shirts-1", "color", "value", value, ""))
	}
	history, err := s.History(t.Context(), "shirts-1", 1000)
	must(t, err)
	size := 0
	for _, r := range history {
		size += len(r.Value)
	}
	if size > 20<<20 || size < 10<<20 {
		t.Errorf("%d bytes are kept", size)
	}
}
