package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"dashd/app"
)

// testWriter returns a writer whose goroutine does not run, and a connection
// that reads: batches are what the test gives to commit.
func testWriter(t *testing.T) (*writer, *sql.DB) {
	t.Helper()
	source := "file:" + filepath.ToSlash(filepath.Join(t.TempDir(), "w.db")) + "?_pragma=journal_mode(WAL)&_pragma=foreign_keys(1)"
	db, err := connect(t.Context(), source, 1)
	if err != nil {
		t.Fatal(err)
	}
	read, err := connect(t.Context(), source, 1)
	if err != nil {
		t.Fatal(err)
	}
	w := &writer{db: db, owns: true, now: time.Now, stmts: map[string]*sql.Stmt{}}
	t.Cleanup(func() {
		w.release()
		if err := errors.Join(read.Close(), db.Close()); err != nil {
			t.Error(err)
		}
	})
	if _, err := db.Exec("CREATE TABLE n (n INTEGER PRIMARY KEY); CREATE TABLE m (n REFERENCES n)"); err != nil {
		t.Fatal(err)
	}
	return w, read
}

func newJob(fn func(*Tx) error) *job { return &job{fn: fn, done: make(chan error, 1)} }

func insert(n int) func(*Tx) error {
	return func(tx *Tx) error {
		_, err := tx.Exec("INSERT INTO n VALUES (?)", n)
		return err
	}
}

func numbers(t *testing.T, db *sql.DB) (all []int) {
	t.Helper()
	rows, err := db.Query("SELECT n FROM n ORDER BY n")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var n int
		if err := rows.Scan(&n); err != nil {
			t.Fatal(err)
		}
		all = append(all, n)
	}
	return all
}

func TestBatch(t *testing.T) {
	wrong := errors.New("wrong")
	failing := func(n int) func(*Tx) error {
		return func(tx *Tx) error { return errors.Join(insert(n)(tx), wrong) }
	}
	panicking := func(tx *Tx) error {
		if err := insert(77)(tx); err != nil {
			return err
		}
		panic("oh")
	}
	rollingBack := func(tx *Tx) error { // as SQLite does when the disk is full
		_, err := tx.Exec("ROLLBACK")
		return errors.Join(err, wrong)
	}
	deferring := func(tx *Tx) error { // fails with the commit
		if _, err := tx.Exec("PRAGMA defer_foreign_keys = 1"); err != nil {
			return err
		}
		_, err := tx.Exec("INSERT INTO m VALUES (99)")
		return err
	}
	for _, test := range []struct {
		name   string
		jobs   []func(*Tx) error
		failed []int // places of jobs
		want   []int
	}{
		{"one", []func(*Tx) error{insert(1)}, nil, []int{1}},
		{"many", []func(*Tx) error{insert(1), insert(2), insert(3)}, nil, []int{1, 2, 3}},
		{"one that fails", []func(*Tx) error{failing(1)}, []int{0}, nil},
		{"one of many fails", []func(*Tx) error{insert(1), failing(2), insert(3)}, []int{1}, []int{1, 3}},
		{"all fail", []func(*Tx) error{failing(1), failing(2)}, []int{0, 1}, nil},
		{"one breaks a constraint", []func(*Tx) error{insert(1), insert(1), insert(2)}, []int{1}, []int{1, 2}},
		{"a panic", []func(*Tx) error{panicking}, []int{0}, nil},
		{"a panic among many", []func(*Tx) error{insert(1), panicking, insert(2)}, []int{1}, []int{1, 2}},
		{"SQLite ends the transaction", []func(*Tx) error{rollingBack}, []int{0}, nil},
		{"SQLite ends the transaction of many", []func(*Tx) error{insert(1), rollingBack, insert(2)}, []int{0, 1, 2}, nil},
		{"the commit fails", []func(*Tx) error{deferring}, []int{0}, nil},
		{"the commit of many fails", []func(*Tx) error{insert(1), deferring, insert(2)}, []int{0, 1, 2}, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			w, read := testWriter(t)
			var jobs []*job
			runs := map[int]int{}      // of each job that are not undone
			committed := map[int]int{} // of each job
			for n, fn := range test.jobs {
				jobs = append(jobs, newJob(func(tx *Tx) error {
					runs[n]++
					tx.onUndo(func() { runs[n]-- })
					tx.onCommit(func() { committed[n]++ })
					return fn(tx)
				}))
			}
			w.commit(jobs)
			for n, j := range jobs {
				failed := slices.Contains(test.failed, n)
				if err := <-j.done; (err != nil) != failed {
					t.Errorf("job %d: %v", n, err)
				}
				want := 1
				if failed {
					want = 0
				}
				if runs[n] != want || committed[n] != want {
					t.Errorf("job %d: %d runs are not undone, %d committed", n, runs[n], committed[n])
				}
			}
			if got := numbers(t, read); !slices.Equal(got, test.want) {
				t.Errorf("%v, want %v", got, test.want)
			}

			after := newJob(insert(100))
			w.commit([]*job{after})
			if err := <-after.done; err != nil {
				t.Errorf("the writer does not go on: %v", err)
			}
		})
	}
}

func TestUndoGoesBackwards(t *testing.T) {
	w, _ := testWriter(t)
	var undone []int
	staged := func(n int) *job {
		return newJob(func(tx *Tx) error {
			tx.onUndo(func() { undone = append(undone, n) })
			tx.onUndo(func() { undone = append(undone, n+1) })
			return nil
		})
	}
	w.commit([]*job{staged(1), staged(3), newJob(func(tx *Tx) error {
		_, err := tx.Exec("ROLLBACK")
		return errors.Join(err, errors.New("wrong"))
	})})
	if want := []int{4, 3, 2, 1, 4, 3, 2, 1}; !slices.Equal(undone, want) { // of both runs
		t.Errorf("undone in the order %v", undone)
	}
}

func TestPanicBecomesError(t *testing.T) {
	s := openMemory(t)
	err := s.write(t.Context(), func(*Tx) error { panic("oh") })
	if e, ok := errors.AsType[*app.PanicError](err); !ok || e.Value != "oh" || len(e.Stack) == 0 {
		t.Errorf("%v", err)
	}
}

func TestContextEndsBeforeTheJob(t *testing.T) {
	s := openMemory(t)
	begun, release := make(chan struct{}), make(chan struct{})
	first := make(chan error)
	go func() {
		first <- s.write(context.Background(), func(*Tx) error {
			close(begun)
			<-release
			return nil
		})
	}()
	<-begun
	ctx, cancel := context.WithCancel(t.Context())
	second := make(chan error)
	ran := false
	go func() { second <- s.write(ctx, func(*Tx) error { ran = true; return nil }) }()
	cancel()
	if err := <-second; !errors.Is(err, context.Canceled) {
		t.Errorf("the second: %v", err)
	}
	close(release)
	if err := <-first; err != nil {
		t.Errorf("the first: %v", err)
	}
	if err := s.write(t.Context(), func(*Tx) error { return nil }); err != nil {
		t.Error(err)
	}
	if ran {
		t.Error("the job ran although nobody waits for it")
	}
}

func TestContextEndsDuringTheJob(t *testing.T) {
	s := openMemory(t)
	ctx, cancel := context.WithCancel(t.Context())
	err := s.write(ctx, func(tx *Tx) error {
		cancel()
		_, err := tx.Exec("INSERT INTO settings VALUES ('a', x'00')")
		return err
	})
	if err != nil {
		t.Errorf("the outcome does not count: %v", err)
	}
	if err := s.write(ctx, func(*Tx) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("with a context that has ended: %v", err)
	}
}

func TestCloseFinishesWrites(t *testing.T) {
	s := New(filepath.Join(t.TempDir(), "dashd.db"))
	if err := s.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	var mu sync.Mutex
	written := 0
	for n := range 100 {
		wg.Go(func() {
			err := s.write(context.Background(), func(tx *Tx) error {
				_, err := tx.Exec("INSERT INTO settings VALUES (?, x'00')", fmt.Sprint("n", n))
				return err
			})
			if err == nil {
				mu.Lock()
				written++
				mu.Unlock()
			} else if !errors.Is(err, ErrClosed) {
				t.Errorf("write %d: %v", n, err)
			}
		})
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	wg.Wait()
	if err := s.write(t.Context(), func(*Tx) error { return nil }); !errors.Is(err, ErrClosed) {
		t.Errorf("a write after Close: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Errorf("Close again: %v", err)
	}
	if err := s.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var found int
	if err := s.read.QueryRow("SELECT count(*) FROM settings WHERE key LIKE 'n%'").Scan(&found); err != nil || found != written {
		t.Errorf("%d of %d writes are there: %v", found, written, err)
	}
}

func TestWriteBeforeOpen(t *testing.T) {
	if err := New("").write(t.Context(), func(*Tx) error { return nil }); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
}

func TestWrongStatement(t *testing.T) {
	s := openMemory(t)
	err := s.write(t.Context(), func(tx *Tx) error {
		if _, err := tx.Exec("SELEC"); err == nil {
			t.Error("Exec takes it")
		}
		if _, err := tx.Query("SELEC"); err == nil {
			t.Error("Query takes it")
		}
		var n int
		return tx.QueryRow("SELEC").Scan(&n)
	})
	if err == nil {
		t.Error("QueryRow takes it")
	}
}

// Statements beyond those that are kept work, too.
func TestManyStatements(t *testing.T) {
	s := openMemory(t)
	err := s.write(t.Context(), func(tx *Tx) error {
		for n := range 2 * maxStatements {
			var got int
			if err := tx.QueryRow(fmt.Sprint("SELECT ", n)).Scan(&got); err != nil || got != n {
				return fmt.Errorf("%d: %d, %w", n, got, err)
			}
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

func openMemory(t testing.TB) *Store {
	t.Helper()
	s := New("")
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

func BenchmarkWrite(b *testing.B) {
	s := New(filepath.Join(b.TempDir(), "dashd.db"))
	if err := s.Open(b.Context()); err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	b.SetParallelism(8)
	b.RunParallel(func(pb *testing.PB) {
		for n := 0; pb.Next(); n++ {
			err := s.write(context.Background(), func(tx *Tx) error {
				_, err := tx.Exec("INSERT INTO settings VALUES (?, x'00') ON CONFLICT DO UPDATE SET value = excluded.value", fmt.Sprint(n%100))
				return err
			})
			if err != nil {
				b.Error(err)
				return
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "writes/s")
}
