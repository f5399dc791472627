package store

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/pressly/goose/v3"
)

// keptCopies is how many copies from before migrations stay.
const keptCopies = 3

// migrate brings the database to the version of this binary, each step in a
// transaction. A database that holds something is copied first.
func (s *Store) migrate(ctx context.Context) error {
	provider, err := goose.NewProvider(goose.DialectSQLite3, s.db, s.files)
	if err != nil {
		return fmt.Errorf("read the migrations: %w", err)
	}
	current, target, err := provider.GetVersions(ctx)
	if err != nil {
		return fmt.Errorf("read the version of the database: %w", err)
	}
	if current > target {
		return fmt.Errorf("the database has version %d, this dashd knows versions up to %d: run the newer dashd that wrote it, or restore a copy", current, target)
	}
	if current == target {
		return nil
	}
	if current > 0 && s.path != "" {
		if err := s.copyBefore(ctx, target); err != nil {
			return err
		}
	}
	if _, err := provider.Up(ctx); err != nil {
		return fmt.Errorf("migrate the database from version %d to %d: %w", current, target, err)
	}
	if current > 0 {
		s.Log.Info("database migrated", "from", current, "to", target)
	}
	return nil
}

// Version returns the number of the last migration that the database has seen.
func (s *Store) Version(ctx context.Context) (int64, error) {
	var version int64
	err := s.read.QueryRowContext(ctx, "SELECT max(version_id) FROM goose_db_version WHERE is_applied").Scan(&version)
	if err != nil {
		return 0, fmt.Errorf("read the version of the database: %w", err)
	}
	return version, nil
}

// copyBefore copies the database beside itself and removes the oldest copies.
func (s *Store) copyBefore(ctx context.Context, version int64) error {
	name := fmt.Sprintf("%s.before-%04d", s.path, version)
	if _, err := copyInto(ctx, s.db, name); err != nil {
		return fmt.Errorf("copy the database before its migration: %w", explain(err))
	}
	if err := giveToOwner(name); err != nil {
		return err
	}
	return s.dropCopies()
}

// dropCopies removes all but the newest copies.
func (s *Store) dropCopies() error {
	entries, err := os.ReadDir(filepath.Dir(s.path)) // sorted by name
	if err != nil {
		return fmt.Errorf("find old copies of the database: %w", err)
	}
	var copies []string
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), filepath.Base(s.path)+".before-") {
			copies = append(copies, filepath.Join(filepath.Dir(s.path), e.Name()))
		}
	}
	for _, old := range copies[:max(0, len(copies)-keptCopies)] {
		if err := os.Remove(old); err != nil {
			return fmt.Errorf("remove an old copy of the database: %w", err)
		}
	}
	return nil
}
