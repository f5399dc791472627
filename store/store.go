// Package store keeps what dashd must remember in one SQLite file: apps, their
// saved instances, users, groups, sessions and initial arguments.
//
// Reads go to a pool of connections that cannot write. All writes go through
// one goroutine with one connection, which commits many of them together: see
// writer. Errors that a visitor may read are [app.Error]; all others are for
// the log.
package store

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"dashd/migrations"

	"github.com/gofrs/flock"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// ErrClosed is what a closed [Store] answers to writes.
var ErrClosed = errors.New("the store is closed")

// Store is an open database. The fields are set before Open; all methods but
// Open and Close are safe for concurrent use.
type Store struct {
	Now         func() time.Time // the clock
	Log         *slog.Logger     // slog.Default() when nil
	Synchronous string           // "normal", or "full" to survive a loss of power
	LockWait    time.Duration    // how long Open waits for another dashd to leave; 0: one try
	HistoryKeep time.Duration    // how long replaced values of instances are kept

	AnalyticsKeep time.Duration // how long the analytics are kept
	AuditKeep     time.Duration // how long entries of the audit log are kept

	Replicate   string        // URL of the replica, of file, s3 or sftp; "": none
	ReplicaWait time.Duration // how long Close waits for the replica to take the last changes

	PasswordCost  PasswordCost  // of new passwords; others are hashed anew at the next sign-in
	SessionMaxAge time.Duration // how long a session lasts at most
	SessionIdle   time.Duration // and without a request

	// OnSessionEnd, if not nil, is told when a session has ended: its hash, and
	// the name of its user or "". With a nil hash the user may do more or less
	// than before. It is called by the writer: it returns at once, and does not
	// use the store.
	OnSessionEnd func(session []byte, user string)

	// OnCommit, if not nil, is told of each transaction of the writer: of how many
	// writes it was, and how long it took. It returns at once, too.
	OnCommit func(writes int, took time.Duration)

	path  string
	files fs.FS // the migrations

	lock      *flock.Flock
	db        *sql.DB // the writer's, of one connection
	read      *sql.DB // the readers'
	writer    *writer
	instances *instanceCache
	sweeper   *sweeper

	replicator *replicator // nil without Replicate

	passwords     *hasher
	sessions      *sessionCache
	secret        []byte    // see mac
	sessionRow    *sql.Stmt // selectSession
	sessionValues *sql.Stmt // selectSessionValues
	stopFlushing  func()

	tokens    tokenCache
	retaining retaining
}

// New returns a store of the database file at path, which [Store.Open] makes
// when it is missing. Without a path the database is in memory, private, and
// gone with Close; it has one connection, so whoever reads rows one by one
// closes them before he writes.
func New(path string) *Store {
	return &Store{
		Now:         time.Now,
		Synchronous: "normal",
		LockWait:    5 * time.Second,
		HistoryKeep: 90 * 24 * time.Hour,

		AnalyticsKeep: 400 * 24 * time.Hour,
		AuditKeep:     400 * 24 * time.Hour,

		ReplicaWait: 10 * time.Second,

		PasswordCost:  DefaultPasswordCost,
		SessionMaxAge: 30 * 24 * time.Hour,
		SessionIdle:   14 * 24 * time.Hour,

		path:      path,
		files:     migrations.Files,
		passwords: newHasher(),
		sessions:  newSessionCache(),
		retaining: retaining{limits: RetainLimits{math.MaxInt, math.MaxInt, math.MaxInt}},
	}
}

// Open locks the data directory, opens the database and migrates it. A database
// that is missing is first restored from the replica, if there is one. After an
// error the store is closed. Errors: [ErrLocked], and sentences for the
// operator.
func (s *Store) Open(ctx context.Context) error {
	if s.Log == nil {
		s.Log = slog.Default()
	}
	if err := s.open(ctx); err != nil {
		return errors.Join(explain(err), s.Close())
	}
	s.instances = newInstanceCache(maxInstances)
	s.writer = newWriter(s.db, s.path != "", s.Now)
	s.writer.onCommit = s.OnCommit
	if err := s.openSessions(ctx); err != nil {
		return errors.Join(err, s.Close())
	}
	if err := s.startReplica(); err != nil {
		return errors.Join(err, s.Close())
	}
	s.sweeper = startSweeper(s)
	return nil
}

func (s *Store) open(ctx context.Context) error {
	if s.Replicate != "" {
		if err := CheckReplicaURL(s.Replicate); err != nil {
			return err
		}
		if s.path == "" {
			return fmt.Errorf("a database in memory cannot be replicated: give a directory with --data")
		}
	}
	if s.path != "" {
		if err := s.claim(ctx); err != nil {
			return err
		}
	}
	writes, reads, err := s.sources()
	if err != nil {
		return err
	}
	if s.db, err = connect(ctx, writes, 1); err != nil {
		return fmt.Errorf("open %s: %w", s.path, err)
	}
	if err := s.migrate(ctx); err != nil {
		return err
	}
	if s.path == "" {
		s.read = s.db
		return nil
	}
	if s.read, err = connect(ctx, reads, max(4, runtime.NumCPU())); err != nil {
		return fmt.Errorf("open %s for reading: %w", s.path, err)
	}
	return nil
}

// claim makes the directory and the file, for the owner alone, and locks them.
// SQLite gives its -wal and -shm files the mode of the database.
func (s *Store) claim(ctx context.Context) error {
	dir := filepath.Dir(s.path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make the data directory: %w", err)
	}
	if err := s.acquire(ctx, dir); err != nil {
		return err
	}
	if err := s.restoreMissing(ctx); err != nil {
		return err
	}
	// Not after SQLite has opened the file: closing any descriptor of it drops
	// the locks that SQLite holds.
	f, err := os.OpenFile(s.path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("make the database: %w", err)
	}
	if err := errors.Join(f.Chmod(0o600), f.Close()); err != nil {
		return fmt.Errorf("make the database private: %w", err)
	}
	return giveToOwner(s.path) // SQLite gives its other files to the owner of this one
}

// sources returns the data source names of the writer and of the readers. The
// timeout comes first, because the change to WAL may have to wait.
func (s *Store) sources() (writes, reads string, err error) {
	synchronous := strings.ToLower(cmp.Or(s.Synchronous, "normal"))
	if synchronous != "normal" && synchronous != "full" {
		return "", "", fmt.Errorf("synchronous is normal or full, not %q", s.Synchronous)
	}
	name, err := sourceName(s.path)
	if err != nil {
		return "", "", err
	}
	writes = name + "?_pragma=busy_timeout(5000)&_pragma=journal_mode(WAL)&_pragma=synchronous(" +
		synchronous + ")&_pragma=foreign_keys(1)&_txlock=immediate"
	// Litestream empties the WAL when it has read it. Where it has run and does
	// not now, a WAL that begins anew is cut: else litestream, when it comes back,
	// would find its last page where it left it, behind the new ones, and not see
	// that others were between. To cut it costs a fifth of the rate of writes.
	if s.Replicate != "" {
		writes += "&_pragma=wal_autocheckpoint(0)"
	} else if _, err := os.Stat(litestreamFolder(s.path)); s.path != "" && !errors.Is(err, fs.ErrNotExist) {
		writes += "&_pragma=journal_size_limit(0)"
	}
	return writes, writes + "&_pragma=query_only(1)", nil
}

// sourceName returns the data source name of the database at path, "" for one
// in memory.
func sourceName(path string) (string, error) {
	if path == "" {
		return "file::memory:", nil
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return "", fmt.Errorf("find the database: %w", err)
	}
	path = "/" + strings.TrimPrefix(filepath.ToSlash(path), "/") // also before a drive letter
	return "file://" + (&url.URL{Path: path}).EscapedPath(), nil
}

func connect(ctx context.Context, source string, connections int) (*sql.DB, error) {
	db, err := sql.Open("sqlite", source)
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	if err := db.PingContext(ctx); err != nil {
		db.Close()
		return nil, err
	}
	return db, nil
}

// Close finishes the writes that have been asked for, closes the database, sends
// the rest to the replica and gives the data directory free. Later writes and reads are errors. It is not
// called twice at the same time.
func (s *Store) Close() error {
	if s.sweeper != nil {
		s.sweeper.stop()
		s.sweeper = nil
	}
	if s.stopFlushing != nil {
		s.stopFlushing()
		s.stopFlushing = nil
	}
	if s.writer != nil {
		s.writer.close()
	}
	var errs []error
	if s.read != nil && s.read != s.db {
		errs = append(errs, s.read.Close())
	}
	if s.db != nil {
		errs = append(errs, s.db.Close()) // the last connection, which empties the WAL
	}
	s.db = nil
	s.stopReplica() // its connection is the last
	errs = append(errs, s.release())
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("close the store: %w", err)
	}
	return nil
}

// Check reads the whole database and returns what is wrong with it.
func (s *Store) Check(ctx context.Context) error { return checkIntegrity(ctx, s.read, "quick_check") }

// checkIntegrity returns what a pragma, quick_check or integrity_check, finds
// wrong with a database.
func checkIntegrity(ctx context.Context, db *sql.DB, pragma string) error {
	rows, err := db.QueryContext(ctx, "PRAGMA "+pragma)
	if err != nil {
		return fmt.Errorf("check the database: %w", explain(err))
	}
	defer rows.Close()
	var errs []error
	for rows.Next() {
		var line string
		if err := rows.Scan(&line); err != nil {
			return fmt.Errorf("check the database: %w", explain(err))
		}
		if line != "ok" {
			errs = append(errs, errors.New(line))
		}
	}
	if err := errors.Join(append(errs, rows.Err())...); err != nil {
		return fmt.Errorf("check the database: %w", explain(err))
	}
	return nil
}

// write runs fn in the writer's goroutine and returns when what it did is
// committed, or fn's error when it is undone. See [Tx].
func (s *Store) write(ctx context.Context, fn func(tx *Tx) error) error {
	if s.writer == nil {
		return ErrClosed
	}
	return s.blame(s.writer.do(ctx, fn))
}

// explain puts a sentence for the operator before SQLite's words about a file
// that it cannot use.
func explain(err error) error {
	e, ok := errors.AsType[*sqlite.Error](err)
	if !ok {
		return err
	}
	switch e.Code() & 0xff { // the rest tells more than anybody can act on
	case sqlite3.SQLITE_NOTADB:
		return fmt.Errorf("the file is not a database of dashd; move it away, or restore a copy: %w", err)
	case sqlite3.SQLITE_CORRUPT:
		return fmt.Errorf("the database is damaged; restore a copy: %w", err)
	case sqlite3.SQLITE_FULL:
		return fmt.Errorf("the disk is full: %w", err)
	case sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN:
		return fmt.Errorf("dashd may not write the data directory: %w", err)
	}
	return err
}

func millis(t time.Time) int64 { return t.UnixMilli() }

func timeOf(ms int64) time.Time { return time.UnixMilli(ms).UTC() }
