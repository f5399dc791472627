package store

import (
	"context"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"strconv"

	"dashd/app"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// diskError is the error of a write that the disk is to blame for. It is an
// [app.Error] for the visitor; its text is for the log.
type diskError struct {
	visitor error
	cause   error
}

func (e *diskError) Error() string { return e.cause.Error() }

// Unwrap returns what a visitor may read before the cause.
func (e *diskError) Unwrap() []error { return []error{e.visitor, e.cause} }

func errFull() error {
	return app.Errorf(app.Full, "The disk of the server is full, so nothing was saved. Whoever runs the server has to make room on it.")
}

func errUnavailable() error {
	return app.Errorf(app.Unavailable, "The server cannot write to its database at the moment, so nothing was saved. Try again later.")
}

// blame makes the error of a write one that visitors may read, where the disk or
// whoever else holds the database is to blame.
func (s *Store) blame(err error) error {
	switch code := resultCode(err); code {
	case sqlite3.SQLITE_FULL:
		return &diskError{errFull(), err}
	case sqlite3.SQLITE_IOERR:
		// Some systems tell of a full disk late, or in other words.
		if free, diskErr := s.DiskFree(); diskErr == nil && free < fullBelow {
			return &diskError{errFull(), err}
		}
		return &diskError{errUnavailable(), err}
	case sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_BUSY:
		return &diskError{errUnavailable(), err}
	}
	return err
}

// fullBelow is how few free bytes make a disk full: SQLite's index of the WAL
// grows by so many.
const fullBelow = 32 << 10

// resultCode returns SQLite's primary result code, or 0 for another error.
func resultCode(err error) int {
	if e, ok := errors.AsType[*sqlite.Error](err); ok {
		return e.Code() & 0xff
	}
	return 0
}

// isDisk reports whether a write failed for lack of space, of permission, or
// because the disk does not work.
func isDisk(err error) bool {
	switch resultCode(err) {
	case sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM:
		return true
	}
	return false
}

// note remembers whether the disk takes what is written, for [Store.Probe].
// Jobs that write nothing say nothing about that.
func (w *writer) note(batch []*job) {
	wrote := false
	for _, j := range batch {
		if j.err == nil {
			wrote = wrote || j.tx.wrote
		} else if isDisk(j.err) {
			w.refused.Store(true)
			return
		}
	}
	if wrote {
		w.refused.Store(false)
	}
}

// Probe returns nil if the store can be written. It waits for its turn among
// the writes, so that ctx bounds how long they may be held up. It writes
// nothing, to spare SD cards, unless the last write has failed for lack of
// space, of permission or of a working disk: then it tries whether that is over.
func (s *Store) Probe(ctx context.Context) error {
	if s.writer == nil {
		return ErrClosed
	}
	probe := func(*Tx) error { return nil }
	if s.writer.refused.Load() {
		probe = func(tx *Tx) error {
			_, err := tx.Exec(`INSERT INTO settings (key, value) VALUES ('probe', ?)
				ON CONFLICT (key) DO UPDATE SET value = excluded.value`, strconv.AppendInt(nil, tx.now, 10))
			return err
		}
	}
	if err := s.write(ctx, probe); err != nil {
		return fmt.Errorf("probe the database: %w", err)
	}
	return nil
}

// DiskFree returns how many bytes can still be written to the disk that has the
// database. [errors.ErrUnsupported] is the error where that cannot be told: for
// a database in memory, and on some systems.
func (s *Store) DiskFree() (bytes int64, err error) {
	bytes, _, err = s.disk()
	return bytes, err
}

// FilesFree returns how many files can still be made on that disk, its free
// inodes; where it has no bound, [math.MaxInt64]. It has the errors of
// [Store.DiskFree].
func (s *Store) FilesFree() (files int64, err error) {
	_, files, err = s.disk()
	return files, err
}

func (s *Store) disk() (bytes, files int64, err error) {
	if s.path == "" {
		return 0, 0, fmt.Errorf("look at the disk: the database is in memory: %w", errors.ErrUnsupported)
	}
	bytes, files, err = diskFree(filepath.Dir(s.path))
	if err != nil {
		return 0, 0, fmt.Errorf("look at the disk: %w", err)
	}
	return bytes, files, nil
}

// product returns how much so many blocks of a size are.
func product(blocks, size uint64) int64 {
	if size > 0 && blocks > math.MaxInt64/size {
		return math.MaxInt64
	}
	return int64(blocks * size)
}
