package store

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"dashd/app"
)

func openHere(t *testing.T, path string) *Store {
	t.Helper()
	s := New(path)
	if err := s.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// pragma runs a pragma with the writer's connection.
func pragma(t *testing.T, s *Store, text string) (value int) {
	t.Helper()
	err := s.write(t.Context(), func(tx *Tx) error { return tx.QueryRow("PRAGMA " + text).Scan(&value) })
	if err != nil {
		t.Fatal(err)
	}
	return value
}

// put writes a row of some kilobytes.
func (s *Store) put(t *testing.T, n int) error {
	return s.write(t.Context(), func(tx *Tx) error {
		if _, err := tx.Exec(`INSERT INTO settings (key, value) VALUES (?, randomblob(5000))`, fmt.Sprint("row ", n)); err != nil {
			return fmt.Errorf("put a row: %w", err)
		}
		return nil
	})
}

// rows returns which rows of put there are.
func (s *Store) rows(t *testing.T) map[string]bool {
	t.Helper()
	keys, err := queryAll(t.Context(), s.read, func(row scanner) (key string, err error) { return key, row.Scan(&key) },
		`SELECT key FROM settings WHERE key LIKE 'row %'`)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]bool{}
	for _, key := range keys {
		all[key] = true
	}
	return all
}

// fill puts rows, many at a time and then one by one, until each is refused, and
// returns the number of the next. What is there has been acknowledged, and the
// other way round.
func fill(t *testing.T, s *Store, from int) (next int) {
	t.Helper()
	next = fillBy(t, s, from, 20)
	return fillBy(t, s, next, 1)
}

func fillBy(t *testing.T, s *Store, from, atOnce int) (next int) {
	t.Helper()
	for next = from; next < from+100_000; next += atOnce {
		var wg sync.WaitGroup
		errs := make([]error, atOnce)
		for i := range atOnce {
			wg.Go(func() { errs[i] = s.put(t, next+i) })
		}
		wg.Wait()
		there, refused := s.rows(t), 0
		for i, err := range errs {
			key := fmt.Sprint("row ", next+i)
			if (err == nil) != there[key] {
				t.Fatalf("%s is there: %t, but the answer was %v", key, there[key], err)
			}
			if err != nil {
				refused++
				wantFull(t, err)
			}
		}
		if refused == atOnce {
			return next + atOnce
		}
	}
	t.Fatal("it does not get full")
	return 0
}

func wantFull(t *testing.T, err error) {
	t.Helper()
	if app.ErrorCode(err) != app.Full {
		t.Errorf("the code is %s: %v", app.ErrorCode(err), err)
	}
	e, ok := errors.AsType[*app.Error](err)
	if !ok || !strings.Contains(e.Message, "disk of the server is full, so nothing was saved") {
		t.Errorf("a visitor reads %v", e)
	}
}

// A limit on the database's pages does what a full disk does.
func TestFull(t *testing.T) {
	s := openHere(t, filepath.Join(t.TempDir(), "dashd.db"))
	for round, next := 0, 0; round < 3; round++ {
		pragma(t, s, fmt.Sprintf("max_page_count = %d", pragma(t, s, "page_count")+10))
		next = fill(t, s, next)
		err := s.put(t, next)
		wantFull(t, err)
		if text := err.Error(); !strings.Contains(text, "the disk is full: ") || !strings.Contains(text, "put a row") {
			t.Errorf("the log reads %q", text)
		}
		pragma(t, s, "max_page_count = 1000000")
		if err := s.Probe(t.Context()); err != nil {
			t.Error(err)
		}
		next++
		if err := s.put(t, next); err != nil {
			t.Error(err)
		}
		next++
	}
	if err := s.Check(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestProbe(t *testing.T) {
	path := filepath.Join(t.TempDir(), "dashd.db")
	s := openHere(t, path)
	wal := func() (size int64) {
		t.Helper()
		info, err := os.Stat(path + "-wal")
		if err != nil {
			t.Fatal(err)
		}
		return info.Size()
	}
	before := wal()
	for range 3 {
		if err := s.Probe(t.Context()); err != nil {
			t.Error(err)
		}
	}
	if after := wal(); after != before {
		t.Errorf("the probe writes: the WAL had %d bytes, and has %d", before, after)
	}

	limit := func() { pragma(t, s, fmt.Sprintf("max_page_count = %d", pragma(t, s, "page_count"))) }
	room := func() { pragma(t, s, "max_page_count = 1000000") }
	limit()
	if err := s.Probe(t.Context()); err != nil {
		t.Errorf("nobody has written, but the probe says %v", err)
	}
	next := fill(t, s, 0)
	if err := s.write(t.Context(), func(*Tx) error { return nil }); err != nil {
		t.Error(err)
	}
	if err := s.write(t.Context(), func(*Tx) error { return errNoUser() }); app.ErrorCode(err) != app.NotFound {
		t.Error(err)
	}
	if !s.writer.refused.Load() {
		t.Error("jobs that write nothing say that the disk works")
	}
	room()
	before = wal()
	if err := s.Probe(t.Context()); err != nil || wal() == before {
		t.Errorf("the probe has not tried to write: %v", err)
	}
	before = wal()
	if err := s.Probe(t.Context()); err != nil || wal() != before {
		t.Errorf("the probe still writes: %v", err)
	}

	// A write that works says that it does, too.
	limit()
	next = fill(t, s, next)
	room()
	if err := s.put(t, next); err != nil {
		t.Error(err)
	}
	before = wal()
	if err := s.Probe(t.Context()); err != nil || wal() != before {
		t.Errorf("the probe writes: %v", err)
	}
}

// A disk that is read-only is none to make room on.
func TestReadOnly(t *testing.T) {
	s := openHere(t, filepath.Join(t.TempDir(), "dashd.db"))
	err := s.write(t.Context(), func(tx *Tx) error {
		if _, err := tx.Exec("PRAGMA query_only = 1"); err != nil {
			return err
		}
		_, err := tx.Exec("DELETE FROM settings")
		_, after := tx.Exec("PRAGMA query_only = 0")
		return errors.Join(err, after)
	})
	if app.ErrorCode(err) != app.Unavailable || !strings.Contains(err.Error(), "dashd may not write the data directory") {
		t.Errorf("it is %s: %v", app.ErrorCode(err), err)
	}
	if e, ok := errors.AsType[*app.Error](err); !ok || !strings.Contains(e.Message, "cannot write to its database at the moment") {
		t.Errorf("a visitor reads %v", e)
	}
	if err := s.Probe(t.Context()); err != nil { // it is over
		t.Error(err)
	}
}

func TestProbeClosed(t *testing.T) {
	s := New("")
	if err := s.Probe(t.Context()); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
	if err := s.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.Probe(t.Context()); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
}

func TestDiskFree(t *testing.T) {
	s := openHere(t, filepath.Join(t.TempDir(), "dashd.db"))
	bytes, err := s.DiskFree()
	if bytes <= 0 || err != nil {
		t.Errorf("%d bytes, %v", bytes, err)
	}
	files, err := s.FilesFree()
	if files <= 0 || err != nil {
		t.Errorf("%d files, %v", files, err)
	}
	if _, err := openHere(t, "").DiskFree(); !errors.Is(err, errors.ErrUnsupported) {
		t.Error(err)
	}
}
