//go:build unix

package store_test

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"dashd/store"
)

// What root does with the data directory of a server must leave nothing that
// the server's user cannot open.
func TestRootLeavesOwner(t *testing.T) {
	const uid = 12345
	dir, backup := t.TempDir(), filepath.Join(t.TempDir(), "backup.db")
	if os.Geteuid() == 0 {
		if err := os.Chown(dir, uid, uid); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(dir, "dashd.db")
	s := openAt(t, path)
	if err := s.AddUser(t.Context(), "ann", "", false); err != nil {
		t.Fatal(err)
	}
	check := func(when string) {
		t.Helper()
		entries, err := os.ReadDir(dir)
		if err != nil || len(entries) < 2 {
			t.Fatalf("%s: %d files: %v", when, len(entries), err)
		}
		for _, e := range entries {
			info, err := e.Info()
			if err != nil {
				t.Fatal(err)
			}
			want := uint32(os.Geteuid())
			if want == 0 {
				want = uid
			}
			if got := info.Sys().(*syscall.Stat_t).Uid; got != want {
				t.Errorf("%s: %s belongs to %d, want %d", when, e.Name(), got, want)
			}
		}
	}
	check("open")
	if _, err := store.WriteBackup(t.Context(), path, backup, false); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, _, err := store.New(path).RestoreDatabase(t.Context(), backup, time.Time{}, true); err != nil {
		t.Fatal(err)
	}
	check("restored")
}
