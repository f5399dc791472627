package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/gofrs/flock"

	"dashd/app"
	"dashd/migrations"
)

// Survey tells in what state a database is.
type Survey struct {
	Version  int64     `json:"version"`            // the last migration that it has seen
	Known    int64     `json:"known"`              // the last one that this binary knows
	Journal  string    `json:"journal"`            // "wal"
	Damage   string    `json:"damage,omitempty"`   // what quick_check finds; "": nothing
	Holdings *Holdings `json:"holdings,omitempty"` // nil when the versions differ
}

// Holdings are what a database holds that somebody who is about to show the
// server to others should look at.
type Holdings struct {
	Superusers      int                   `json:"superusers"`
	NoPassword      []string              `json:"no_password"`      // users who cannot sign in, at most surveyed of them
	Access          map[string]app.Access `json:"access"`           // of apps by slug, where it stands above the code's
	PublicInstances []string              `json:"public_instances"` // slugs of those that say it themselves, at most surveyed of them
	Tokens          []Token               `json:"tokens"`
	Newest          time.Time             `json:"newest"` // the newest change of anything; zero: none
	RestoreCheck    RestoreCheck          `json:"restore_check"`
}

// surveyed is how many names a survey lists.
const surveyed = 50

// Survey reads the whole database and tells in what state it is.
func (s *Store) Survey(ctx context.Context) (Survey, error) { return survey(ctx, s.read, s.files) }

// Look is [Store.Survey] for the database at path, which nobody has to have
// open. It changes nothing: it neither makes nor migrates a database, and it
// can be asked while a server runs.
func Look(ctx context.Context, path string) (_ Survey, err error) {
	db, err := openToRead(ctx, path)
	if err != nil {
		return Survey{}, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	return survey(ctx, db, migrations.Files)
}

func survey(ctx context.Context, db *sql.DB, files fs.FS) (v Survey, err error) {
	if v.Known, err = newestMigration(files); err != nil {
		return v, err
	}
	if err := db.QueryRowContext(ctx, `PRAGMA journal_mode`).Scan(&v.Journal); err != nil {
		return v, fmt.Errorf("read the database: %w", explain(err))
	}
	if err := checkIntegrity(ctx, db, "quick_check"); err != nil {
		v.Damage = err.Error()
		return v, ctx.Err()
	}
	var known bool
	if err := db.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = 'goose_db_version')`).Scan(&known); err != nil {
		return v, fmt.Errorf("read the database: %w", explain(err))
	}
	if !known {
		return v, errors.New("the file is not a database of dashd; move it away, or restore a copy")
	}
	if err := db.QueryRowContext(ctx, `SELECT max(version_id) FROM goose_db_version WHERE is_applied`).Scan(&v.Version); err != nil {
		return v, fmt.Errorf("read the version of the database: %w", explain(err))
	}
	if v.Version != v.Known {
		return v, nil
	}
	h, err := takeStock(ctx, db)
	if err != nil {
		return v, fmt.Errorf("read what the database holds: %w", explain(err))
	}
	v.Holdings = h
	return v, nil
}

// newestMigration returns the number of the last migration.
func newestMigration(files fs.FS) (newest int64, err error) {
	names, err := fs.Glob(files, "*.sql")
	if err != nil {
		return 0, fmt.Errorf("read the migrations: %w", err)
	}
	for _, name := range names {
		number, _, _ := strings.Cut(name, "_")
		n, err := strconv.ParseInt(number, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("read the migrations: %w", err)
		}
		newest = max(newest, n)
	}
	return newest, nil
}

func takeStock(ctx context.Context, db *sql.DB) (*Holdings, error) {
	h := &Holdings{Access: map[string]app.Access{}}
	newest := sql.NullInt64{}
	err := db.QueryRowContext(ctx, `SELECT
		(SELECT count(*) FROM users WHERE superuser),
		(SELECT max(t) FROM (SELECT max(updated) AS t FROM instances
			UNION ALL SELECT max(created) FROM users UNION ALL SELECT max(signed_in) FROM users
			UNION ALL SELECT max(seen) FROM sessions UNION ALL SELECT max(time) FROM audit))`).Scan(&h.Superusers, &newest)
	if err != nil {
		return nil, err
	}
	if newest.Valid {
		h.Newest = timeOf(newest.Int64)
	}
	if h.NoPassword, err = queryAll(ctx, db, scanText, `SELECT name FROM users WHERE password = '' ORDER BY folded LIMIT ?`, surveyed); err != nil {
		return nil, err
	}
	if h.PublicInstances, err = queryAll(ctx, db, scanText, `SELECT slug FROM instances WHERE access = ? ORDER BY slug LIMIT ?`, app.Public, surveyed); err != nil {
		return nil, err
	}
	apps, err := queryAll(ctx, db, func(row scanner) (a App, err error) {
		err = row.Scan(&a.Slug, &a.Access)
		return a, err
	}, `SELECT slug, access FROM apps WHERE access IS NOT NULL`)
	if err != nil {
		return nil, err
	}
	for _, a := range apps {
		h.Access[a.Slug] = *a.Access
	}
	if h.Tokens, err = queryAll(ctx, db, scanToken, `SELECT id, name, channels, expires FROM tokens ORDER BY id`); err != nil {
		return nil, err
	}
	h.RestoreCheck, err = (&Store{read: db}).LastRestoreCheck(ctx)
	return h, err
}

func scanText(row scanner) (text string, err error) {
	err = row.Scan(&text)
	return text, err
}

func scanToken(row scanner) (t Token, err error) {
	var channels string
	var expires sql.NullInt64
	err = row.Scan(&t.ID, &t.Name, &channels, &expires)
	t.Channels = strings.Fields(channels)
	if expires.Valid {
		t.Expires = timeOf(expires.Int64)
	}
	return t, err
}

// Held reports whether a process has the database at path open, and which, as
// "process 123", or "" when it has not said so. It makes nothing.
func Held(path string) (by string, held bool, err error) {
	name := filepath.Join(filepath.Dir(path), lockName)
	lock := flock.New(name, flock.SetFlag(os.O_RDONLY))
	free, err := lock.TryRLock() // shared: others who ask do not disturb
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", false, nil
	case err != nil:
		return "", false, fmt.Errorf("look at the lock of the data directory: %w", err)
	case !free:
		return strings.TrimPrefix(holder(name), ", "), true, nil
	}
	return "", false, lock.Unlock()
}
