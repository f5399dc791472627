package store_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"dashd/store"
)

// The numbers of a store are those of its files and rows, and each commit is
// told.
func TestStats(t *testing.T) {
	for _, path := range []string{"", filepath.Join(t.TempDir(), "dashd.db")} {
		s := store.New(path)
		writes := make(chan int, 100)
		s.OnCommit = func(n int, took time.Duration) {
			if took <= 0 {
				t.Errorf("a commit took %v", took)
			}
			writes <- n
		}
		if err := s.Open(t.Context()); err != nil {
			t.Fatal(err)
		}
		recordShirts(t, s)
		create(t, s, store.NewInstance{})
		before := len(writes)
		if err := s.AddUser(t.Context(), "ann", "", false); err != nil {
			t.Fatal(err)
		}
		if len(writes) != before+1 {
			t.Errorf("%d commits were told of one write", len(writes)-before)
		}
		stats := s.Stats()
		if onDisk := path != ""; (stats.Size > 0) != onDisk || (stats.WAL > 0) != onDisk || stats.Queue != 0 || stats.Readers != 0 {
			t.Errorf("%q: %+v", path, stats)
		}
		totals, err := s.Totals(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(store.Totals{Users: 1, Instances: 1}, totals); diff != "" {
			t.Error(diff)
		}
		if err := s.CheckVersion(t.Context()); err != nil {
			t.Error(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Totals(t.Context()); err == nil {
			t.Error("a closed store counts")
		}
		if err := s.CheckVersion(t.Context()); err == nil {
			t.Error("a closed store knows its version")
		}
		_ = s.Stats() // does not panic
	}
}
