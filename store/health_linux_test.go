package store

import (
	"errors"
	"os"
	"os/exec"
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

// ranAsRoot runs a test that mounts a disk in a namespace where it is root, for
// those who may not mount anything themselves, and reports whether it has.
func ranAsRoot(t *testing.T) bool {
	t.Helper()
	const marker = "DISK_TEST_ELSEWHERE"
	dir := t.TempDir()
	err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=1m")
	if err == nil {
		err = syscall.Unmount(dir, syscall.MNT_DETACH)
	}
	if !errors.Is(err, syscall.EPERM) || os.Getenv(marker) != "" {
		return false // what is wrong, the test tells
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self, "-test.run=^"+t.Name()+"$", "-test.count=1", "-test.v")
	cmd.Env = append(os.Environ(), marker+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{HostID: os.Geteuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{HostID: os.Getegid(), Size: 1}},
	}
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "--- PASS: "+t.Name()) {
		t.Fatalf("run as root, or where users may make namespaces: %v\n%s", err, out)
	}
	return true
}

func TestFullDisk(t *testing.T) {
	if ranAsRoot(t) {
		return
	}
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
	if ranAsRoot(t) {
		return
	}
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
