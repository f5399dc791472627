package store

import (
	"context"
	"database/sql"
	"fmt"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"dashd/app"
)

const (
	maxQueue      = 1024 // writes that wait; further callers wait to get in
	maxBatch      = 256  // writes in one commit
	maxStatements = 256  // prepared ones that are kept
)

// background is what statements of the writer run under: a visitor who leaves
// must not end the transaction of others, and it costs SQLite no watcher.
var background = context.Background()

// writer is the goroutine that makes all changes. It runs the jobs that wait
// in one transaction, so that a commit, which is what a write costs, is shared
// by many. When one of them fails, all are run again, each in a savepoint of
// its own. It owns the database's one connection, or borrows it for a batch
// where readers need it too.
type writer struct {
	db   *sql.DB
	owns bool
	now  func() time.Time

	jobs    chan *job
	closing chan struct{}
	done    chan struct{}
	closed  sync.Once

	refused atomic.Bool // the disk did not take what was written last

	onCommit func(writes int, took time.Duration) // set before the first job

	// The goroutine's own.
	conn  *sql.Conn
	stmts map[string]*sql.Stmt
}

type job struct {
	fn    func(*Tx) error
	taken atomic.Bool // by the writer, or by a caller who gave up
	done  chan error  // of capacity 1
	err   error       // of fn
	tx    Tx
}

func newWriter(db *sql.DB, owns bool, now func() time.Time) *writer {
	w := &writer{
		db: db, owns: owns, now: now,
		jobs:    make(chan *job, maxQueue),
		closing: make(chan struct{}),
		done:    make(chan struct{}),
		stmts:   map[string]*sql.Stmt{},
	}
	go w.run()
	return w
}

// close lets the waiting jobs finish and ends the goroutine.
func (w *writer) close() {
	w.closed.Do(func() { close(w.closing) })
	<-w.done
}

// do runs fn in a transaction and returns when that is over. If ctx ends before
// fn has begun, fn never runs; afterwards the outcome is what counts.
func (w *writer) do(ctx context.Context, fn func(*Tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	j := &job{fn: fn, done: make(chan error, 1)}
	select {
	case <-w.closing:
		return ErrClosed
	default:
	}
	select {
	case w.jobs <- j:
	case <-ctx.Done():
		return ctx.Err()
	case <-w.closing:
		return ErrClosed
	}
	select {
	case err := <-j.done:
		return err
	case <-ctx.Done():
		if j.taken.CompareAndSwap(false, true) {
			return ctx.Err()
		}
		return <-j.done
	case <-w.done: // the job may have come in behind the last batch
		if j.taken.CompareAndSwap(false, true) {
			return ErrClosed
		}
		return <-j.done
	}
}

func (w *writer) run() {
	defer close(w.done)
	defer w.release()
	batch := make([]*job, 0, maxBatch)
	for {
		select {
		case j := <-w.jobs:
			runtime.Gosched() // whoever is about to write joins the batch
			batch = w.batch(batch, j)
		case <-w.closing:
			select {
			case j := <-w.jobs:
				batch = w.batch(batch, j)
			default:
				return
			}
		}
		w.commit(batch)
		clear(batch)
	}
}

// batch returns first and the jobs that wait behind it, without those that
// were given up, in the memory of an earlier batch.
func (w *writer) batch(earlier []*job, first *job) []*job {
	batch := earlier[:0]
	for j := first; ; {
		if j.taken.CompareAndSwap(false, true) {
			batch = append(batch, j)
		}
		if len(batch) == maxBatch {
			return batch
		}
		select {
		case j = <-w.jobs:
		default:
			return batch
		}
	}
}

// commit runs a batch and answers every job: with its own error, or with that
// of the transaction.
func (w *writer) commit(batch []*job) {
	if len(batch) == 0 {
		return
	}
	began := time.Now()
	err := w.transact(batch)
	if w.onCommit != nil {
		w.onCommit(len(batch), time.Since(began))
	}
	for i := len(batch) - 1; err != nil && i >= 0; i-- {
		batch[i].tx.undo()
	}
	for _, j := range batch {
		if err == nil && j.err == nil {
			j.tx.publish()
		}
	}
	if !w.owns {
		w.release()
	}
	for _, j := range batch {
		if j.err == nil {
			j.err = err
		}
		j.err = explain(j.err)
	}
	w.note(batch)
	for _, j := range batch {
		j.done <- j.err
	}
}

func (w *writer) transact(batch []*job) error {
	if w.conn == nil {
		conn, err := w.db.Conn(background)
		if err != nil {
			return fmt.Errorf("begin to write: %w", err)
		}
		w.conn = conn
	}
	if err := w.exec("BEGIN IMMEDIATE"); err != nil {
		return fmt.Errorf("begin to write: %w", err)
	}
	if err := w.together(batch); err != nil {
		_ = w.exec("ROLLBACK") // fails when SQLite has ended it by itself
		if len(batch) == 1 {
			return err
		}
		if err := w.exec("BEGIN IMMEDIATE"); err != nil {
			return fmt.Errorf("begin to write: %w", err)
		}
		if err := w.apart(batch); err != nil {
			_ = w.exec("ROLLBACK")
			return fmt.Errorf("write: %w", err)
		}
	}
	if err := w.exec("COMMIT"); err != nil {
		_ = w.exec("ROLLBACK")
		return fmt.Errorf("commit: %w", err)
	}
	return nil
}

// together runs the jobs without savepoints, which cost as much as a small job:
// few jobs fail. When one does, nothing has happened.
func (w *writer) together(batch []*job) error {
	for i, j := range batch {
		if j.run(w); j.err == nil {
			continue
		}
		for ; i >= 0; i-- {
			batch[i].tx.undo()
		}
		return j.err
	}
	return nil
}

// apart runs each job so that it can fail alone.
func (w *writer) apart(batch []*job) error {
	for _, j := range batch {
		if err := w.exec("SAVEPOINT job"); err != nil {
			return err
		}
		if j.run(w); j.err != nil {
			if err := w.exec("ROLLBACK TO job"); err != nil {
				if isDisk(j.err) { // which makes SQLite end the transaction
					return j.err
				}
				return err
			}
			j.tx.undo()
		}
		if err := w.exec("RELEASE job"); err != nil {
			return err
		}
	}
	return nil
}

func (j *job) run(w *writer) {
	defer func() {
		if v := recover(); v != nil {
			j.err = &app.PanicError{Value: v, Stack: debug.Stack()}
		}
	}()
	j.tx = Tx{w: w, now: millis(w.now())}
	j.err = j.fn(&j.tx)
}

// statement returns a prepared statement, or nil when query is better not
// prepared.
func (w *writer) statement(query string) *sql.Stmt {
	if stmt := w.stmts[query]; stmt != nil {
		return stmt
	}
	if len(w.stmts) >= maxStatements {
		return nil
	}
	stmt, err := w.conn.PrepareContext(background, query)
	if err != nil {
		return nil // running it says why
	}
	w.stmts[query] = stmt
	return stmt
}

func (w *writer) exec(query string) error {
	tx := Tx{w: w}
	_, err := tx.Exec(query)
	return err
}

// release gives the connection back, and with it its statements.
func (w *writer) release() {
	for _, stmt := range w.stmts {
		stmt.Close()
	}
	clear(w.stmts)
	if w.conn != nil {
		w.conn.Close()
		w.conn = nil
	}
}

// Tx is the transaction of one job: what the job did stands or falls as one. It
// is valid until the job returns, and for its goroutine only. Rows are closed
// before the next statement.
//
// A job may be run a second time when the first is undone, so it leaves nothing
// behind but what onUndo takes back. It returns the errors of its statements:
// after some of them SQLite has ended the transaction.
type Tx struct {
	now int64 // when the job began

	wrote bool // rows, as far as Exec tells

	w         *writer
	undos     []func()
	published []func()
}

// Exec runs a statement. Its text is kept prepared.
func (tx *Tx) Exec(query string, args ...any) (result sql.Result, err error) {
	if stmt := tx.w.statement(query); stmt != nil {
		result, err = stmt.ExecContext(background, args...)
	} else {
		result, err = tx.w.conn.ExecContext(background, query, args...)
	}
	if err == nil && !tx.wrote {
		rows, _ := result.RowsAffected() // SQLite always tells
		tx.wrote = rows > 0
	}
	return result, err
}

// Query runs a query. Its text is kept prepared.
func (tx *Tx) Query(query string, args ...any) (*sql.Rows, error) {
	if stmt := tx.w.statement(query); stmt != nil {
		return stmt.QueryContext(background, args...)
	}
	return tx.w.conn.QueryContext(background, query, args...)
}

// QueryRow runs a query of at most one row. Its text is kept prepared.
func (tx *Tx) QueryRow(query string, args ...any) *sql.Row {
	if stmt := tx.w.statement(query); stmt != nil {
		return stmt.QueryRowContext(background, args...)
	}
	return tx.w.conn.QueryRowContext(background, query, args...)
}

// onUndo has fn called when the transaction does not come to be, in the reverse
// order of the calls: it takes back what the job did in memory.
func (tx *Tx) onUndo(fn func()) { tx.undos = append(tx.undos, fn) }

// onCommit has fn called when the transaction is committed, before anybody is
// told. Neither hook may write.
func (tx *Tx) onCommit(fn func()) { tx.published = append(tx.published, fn) }

func (tx *Tx) undo() {
	for i := len(tx.undos) - 1; i >= 0; i-- {
		tx.undos[i]()
	}
	tx.undos, tx.published = nil, nil
}

func (tx *Tx) publish() {
	for _, fn := range tx.published {
		fn()
	}
}
