package store

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"dashd/app"
)

// smallDisk returns a directory that is a file system of a megabyte, and a
// function that fills it, to be told how many bytes stay free. Only root can
// make one; TestFull needs no root.
func smallDisk(t *testing.T) (dir string, fillUp func(free int64), makeRoom func()) {
	t.Helper()
	dir = t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=1m,mode=0700"); err != nil {
		if errors.Is(err, syscall.EPERM) {
			t.Skip("only root can mount a small disk")
		}
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	ballast := filepath.Join(dir, "ballast")
	fillUp = func(free int64) {
		t.Helper()
		bytes, _, err := diskFree(dir)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(ballast, make([]byte, max(0, bytes-free)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	makeRoom = func() {
		t.Helper()
		if err := os.Remove(ballast); err != nil {
			t.Fatal(err)
		}
	}
	return dir, fillUp, makeRoom
}

func TestFullDisk(t *testing.T) {
	dir, fillUp, makeRoom := smallDisk(t)
	path := filepath.Join(dir, "dashd.db")
	s := openHere(t, path)
	next := 0
	for round := range 3 {
		fillUp(int64(round) * 40 << 10)
		next = fill(t, s, next)
		if err := s.Probe(t.Context()); app.ErrorCode(err) != app.Full && err != nil { // a little row may find room
			t.Errorf("the probe says %v", err)
		}
		makeRoom()
		if err := s.Probe(t.Context()); err != nil {
			t.Errorf("with room, the probe says %v", err)
		}
		if err := s.put(t, next); err != nil {
			t.Error(err)
		}
		next++
		if err := s.Check(t.Context()); err != nil {
			t.Error(err)
		}
	}
	// What was acknowledged survives; fill has compared it.
	before := len(s.rows(t))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = openHere(t, path)
	if after := len(s.rows(t)); after != before {
		t.Errorf("%d rows, of %d", after, before)
	}
}

// A migration for whose copy there is no room changes nothing.
func TestMigrationOnFullDisk(t *testing.T) {
	dir, fillUp, makeRoom := smallDisk(t)
	path := filepath.Join(dir, "dashd.db")
	if err := openWith(t.Context(), t, path); err != nil {
		t.Fatal(err)
	}
	fillUp(100 << 10) // room to open it
	err := openWith(t.Context(), t, path, "CREATE TABLE a (n);")
	if err == nil || !strings.Contains(err.Error(), "copy the database before its migration") || !strings.Contains(err.Error(), "disk is full") {
		t.Errorf("%v", err)
	}
	if got := copies(t, path); got != nil {
		t.Errorf("copies: %q", got)
	}
	if got := contents(t, path); got != "1 " {
		t.Errorf("it is %q", got)
	}
	makeRoom()
	if err := openWith(t.Context(), t, path, "CREATE TABLE a (n);"); err != nil {
		t.Error(err)
	}
	if got := contents(t, path); got != "2 a" {
		t.Errorf("it is %q", got)
	}
}
