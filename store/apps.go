package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"dashd/app"
)

// App is an app that the binary has or had.
type App struct {
	Slug      string
	Name      string
	Access    *app.Access // stands above what the code says; nil: the code's
	Created   time.Time   // when it was first served
	Seen      time.Time   // the last start of a binary that had it
	Instances int         // how many there are
}

func errNoApp() error { return app.Errorf(app.NotFound, "There is no such app.") }

// RecordApps notes which apps the binary has, by slug and name: a server does so
// when it starts. The other fields are not read.
func (s *Store) RecordApps(ctx context.Context, apps []App) error {
	err := s.write(ctx, func(tx *Tx) error {
		for _, a := range apps {
			_, err := tx.Exec(`INSERT INTO apps (slug, name, created, seen) VALUES (?, ?, ?, ?)
				ON CONFLICT DO UPDATE SET name = excluded.name, seen = excluded.seen`, a.Slug, a.Name, tx.now, tx.now)
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("record the apps: %w", err)
	}
	return nil
}

// Apps lists the apps that the binary has or had, by slug.
func (s *Store) Apps(ctx context.Context) ([]App, error) {
	apps, err := queryAll(ctx, s.read, scanApp, `SELECT slug, name, access, created, seen,
		(SELECT count(*) FROM instances WHERE app = apps.slug) FROM apps ORDER BY slug`)
	if err != nil {
		return nil, fmt.Errorf("list the apps: %w", err)
	}
	return apps, nil
}

func scanApp(row scanner) (a App, err error) {
	var access sql.NullString
	var created, seen int64
	err = row.Scan(&a.Slug, &a.Name, &access, &created, &seen, &a.Instances)
	if access.Valid {
		a.Access = new(app.Access(access.String))
	}
	a.Created, a.Seen = timeOf(created), timeOf(seen)
	return a, err
}

// SetAppAccess sets an access that stands above what the code says; nil takes
// it away. Errors: NotFound, there is no such app; Invalid.
func (s *Store) SetAppAccess(ctx context.Context, slug string, access *app.Access) error {
	var text sql.NullString
	if access != nil {
		parsed, err := app.ParseAccess(string(*access))
		if err != nil {
			return err
		}
		text = sql.NullString{String: string(parsed), Valid: true}
	}
	err := s.write(ctx, func(tx *Tx) error {
		return mustChange(tx, errNoApp, `UPDATE apps SET access = ? WHERE slug = ?`, text, slug)
	})
	if err != nil {
		return fmt.Errorf("set the access of an app: %w", err)
	}
	return nil
}

// ForgetApp removes an app that the binary no longer has. Errors: NotFound,
// there is none; Conflict, it has instances.
func (s *Store) ForgetApp(ctx context.Context, slug string) error {
	err := s.write(ctx, func(tx *Tx) error {
		used, err := exists(tx, `SELECT 1 FROM instances WHERE app = ? LIMIT 1`, slug)
		if err != nil {
			return err
		}
		if used {
			return app.Errorf(app.Conflict, "The app has instances. Delete them first.")
		}
		return mustChange(tx, errNoApp, `DELETE FROM apps WHERE slug = ?`, slug)
	})
	if err != nil {
		return fmt.Errorf("forget an app: %w", err)
	}
	return nil
}

// mustChange runs a statement that changes one row; missing is the error when
// there is none.
func mustChange(tx *Tx, missing func() error, query string, args ...any) error {
	result, err := tx.Exec(query, args...)
	if err != nil {
		return err
	}
	if n, err := result.RowsAffected(); err != nil || n > 0 {
		return err
	}
	return missing()
}
