package store_test

import (
	"encoding/json"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"

	"dashd/app"
	"dashd/store"
)

func maxProcs() int { return runtime.GOMAXPROCS(0) }

// openAt opens a store of the file at path, "" for one in memory, with the app
// "shirts".
func openAt(tb testing.TB, path string) *store.Store {
	tb.Helper()
	s := store.New(path)
	if err := s.Open(tb.Context()); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := s.Close(); err != nil {
			tb.Error(err)
		}
	})
	recordShirts(tb, s)
	return s
}

func recordShirts(tb testing.TB, s *store.Store) {
	tb.Helper()
	if err := s.RecordApps(tb.Context(), []store.App{{Slug: "shirts", Name: "Shirts"}}); err != nil {
		tb.Fatal(err)
	}
}

func openFile(tb testing.TB) *store.Store {
	tb.Helper()
	return openAt(tb, filepath.Join(tb.TempDir(), "dashd.db"))
}

// create makes an instance of "shirts", if the app is not given.
func create(tb testing.TB, s *store.Store, n store.NewInstance) app.Instance {
	tb.Helper()
	if n.App == "" {
		n.App = "shirts"
	}
	about, err := s.CreateInstance(tb.Context(), n, "ann")
	if err != nil {
		tb.Fatal(err)
	}
	return about
}

func instance(tb testing.TB, s *store.Store, slug string) *store.Instance {
	tb.Helper()
	i, err := s.Instance(tb.Context(), slug)
	if err != nil {
		tb.Fatal(err)
	}
	return i
}

// numbered is a state of n components with the value 0.
func numbered(n int) app.BaseState {
	state := app.BaseState{}
	for i := range n {
		state[app.ID("c"+strconv.Itoa(i))] = map[string]json.RawMessage{"value": json.RawMessage("0")}
	}
	return state
}
