package store_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"dashd/migrations"
	"dashd/store"
)

func TestOpenMakesPrivateFiles(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "data ?#%41")
	path := filepath.Join(dir, "dashd.db")
	s := openAt(t, path)
	entries, err := os.ReadDir(dir)
	must(t, err)
	modes := map[string]fs.FileMode{}
	for _, e := range entries {
		info, err := e.Info()
		must(t, err)
		modes[e.Name()] = info.Mode().Perm()
	}
	for _, name := range []string{"dashd.db", "dashd.db-wal", "dashd.db-shm", "dashd.lock"} {
		mode, ok := modes[name]
		if !ok || runtime.GOOS != "windows" && mode != 0o600 {
			t.Errorf("%s: %v, mode %v", name, ok, mode)
		}
	}
	info, err := os.Stat(dir)
	must(t, err)
	if runtime.GOOS != "windows" && info.Mode().Perm() != 0o700 {
		t.Errorf("the directory has the mode %v", info.Mode())
	}
	if version, err := s.Version(t.Context()); version != newest(t) || err != nil {
		t.Errorf("version %d, %v", version, err)
	}
	must(t, s.Check(t.Context()))
	must(t, s.Close())

	// One that others could read is made private.
	must(t, os.Chmod(path, 0o644))
	must(t, openAt(t, path).Check(t.Context()))
	if info, err = os.Stat(path); runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("it has the mode %v, %v", info.Mode(), err)
	}
}

// newest returns the version that this binary knows.
func newest(t *testing.T) int64 {
	t.Helper()
	files, err := fs.Glob(migrations.Files, "*.sql")
	must(t, err)
	return int64(len(files))
}

func TestOpenMemory(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	one, other := openAt(t, ""), openAt(t, "")
	create(t, one, store.NewInstance{})
	if n, err := other.CountInstances(t.Context(), store.Filter{}); n != 0 || err != nil {
		t.Errorf("another store sees %d instances, %v", n, err)
	}
	must(t, one.Check(t.Context()))
	entries, err := os.ReadDir(dir)
	must(t, err)
	if len(entries) != 0 {
		t.Errorf("there are files: %v", entries)
	}
}

func TestOneStoreForADirectory(t *testing.T) {
	path := filepath.Join(t.TempDir(), "dashd.db")
	first := openAt(t, path)
	second := store.New(path)
	second.LockWait = 0
	err := second.Open(t.Context())
	if !errors.Is(err, store.ErrLocked) {
		t.Fatal(err)
	}
	for _, part := range []string{"another dashd has this data directory open", filepath.Dir(path), fmt.Sprintf("process %d", os.Getpid())} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q does not tell %q", err, part)
		}
	}
	second.LockWait = 30 * time.Millisecond
	if err := second.Open(t.Context()); !errors.Is(err, store.ErrLocked) {
		t.Error(err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	second.LockWait = time.Hour
	if err := second.Open(ended); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}

	// Who waits gets it when the other leaves.
	second.LockWait = time.Minute
	opened := make(chan error)
	go func() { opened <- second.Open(context.Background()) }()
	must(t, first.Close())
	must(t, <-opened)
	must(t, second.Close())
}

func TestOpenWhatIsNoDatabase(t *testing.T) {
	damaged := func(t *testing.T, path string) {
		s := openAt(t, path)
		create(t, s, store.NewInstance{State: numbered(1000)})
		must(t, s.Close())
		f, err := os.OpenFile(path, os.O_RDWR, 0)
		must(t, err)
		noise := []byte(strings.Repeat("noise", 20_000))
		_, err = f.WriteAt(noise, 100)
		must(t, errors.Join(err, f.Close()))
	}
	for _, test := range []struct {
		name string
		make func(t *testing.T, path string)
		want string
	}{
		{"text", func(t *testing.T, path string) {
			must(t, os.WriteFile(path, []byte(strings.Repeat("not a database ", 1000)), 0o600))
		}, "not a database"},
		{"damaged", damaged, "the database is damaged"},
		{"a directory", func(t *testing.T, path string) { must(t, os.Mkdir(path, 0o700)) }, "make the database"},
	} {
		t.Run(test.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "dashd.db")
			test.make(t, path)
			s := store.New(path)
			s.LockWait = 0
			for range 2 { // the lock is given back
				if err := s.Open(t.Context()); err == nil || !strings.Contains(err.Error(), test.want) {
					t.Errorf("%v, want %q", err, test.want)
				}
			}
		})
	}
}

func TestSynchronous(t *testing.T) {
	s := store.New("")
	s.Synchronous = "off"
	if err := s.Open(t.Context()); err == nil {
		t.Error("it opens without any safety")
	}
	s.Synchronous = "FULL"
	must(t, s.Open(t.Context()))
	must(t, s.Close())
}

// A database of a later dashd is left alone.
func TestNewerDatabase(t *testing.T) {
	path := filepath.Join(t.TempDir(), "dashd.db")
	must(t, openAt(t, path).Close())
	db, err := sql.Open("sqlite", path)
	must(t, err)
	_, err = db.Exec("INSERT INTO goose_db_version (version_id, is_applied) VALUES (1007, 1)")
	must(t, errors.Join(err, db.Close()))
	before, err := os.ReadFile(path)
	must(t, err)
	err = store.New(path).Open(t.Context())
	if err == nil || !strings.Contains(err.Error(), "version 1007") || !strings.Contains(err.Error(), fmt.Sprintf("up to %d:", newest(t))) {
		t.Errorf("%v", err)
	}
	after, err := os.ReadFile(path)
	must(t, err)
	if string(before) != string(after) {
		t.Error("it is changed")
	}
}

func TestClosedStore(t *testing.T) {
	s := openAt(t, filepath.Join(t.TempDir(), "dashd.db"))
	i := shirtInstance(t, s)
	must(t, s.Close())
	if err := s.RecordApps(t.Context(), nil); !errors.Is(err, store.ErrClosed) {
		t.Errorf("a write: %v", err)
	}
	if _, err := s.Apps(t.Context()); err == nil {
		t.Error("a read works")
	}
	if err := s.Check(t.Context()); err == nil {
		t.Error("the check works")
	}
	open(t, i).save() // nothing to write
}

func TestCheckFindsDamage(t *testing.T) {
	path := filepath.Join(t.TempDir(), "dashd.db")
	s := openAt(t, path)
	create(t, s, store.NewInstance{State: numbered(2000)})
	must(t, s.Close())
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	must(t, err)
	info, err := f.Stat()
	must(t, err)
	_, err = f.WriteAt([]byte(strings.Repeat("noise", 800)), info.Size()-4096) // of the properties
	must(t, errors.Join(err, f.Close()))
	s = openAt(t, path)
	if err := s.Check(t.Context()); err == nil || !strings.Contains(err.Error(), "check the database") {
		t.Errorf("%v", err)
	}
}
