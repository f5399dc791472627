package store

import (
	"context"
	"fmt"
	"os"
)

// Stats tell what the store has to do, and what it holds on the disk.
type Stats struct {
	Queue    int   // writes that wait for their turn
	Size     int64 // bytes of the database; 0 for one in memory
	WAL      int64 // bytes of its write-ahead log
	Readers  int   // connections that read at the moment
	ReadWait int64 // reads so far that had to wait for a connection
}

// Stats returns the numbers of now, and asks the database for nothing.
func (s *Store) Stats() Stats {
	pool := s.read.Stats()
	stats := Stats{Queue: len(s.writer.jobs), Readers: pool.InUse, ReadWait: pool.WaitCount}
	if s.path != "" {
		stats.Size, stats.WAL = fileSize(s.path), fileSize(s.path+"-wal")
	}
	return stats
}

// fileSize returns the size of a file; 0 where there is none.
func fileSize(path string) int64 {
	info, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return info.Size()
}

// Totals are how many there are of some things.
type Totals struct {
	Users, Sessions, Instances int64
}

// Totals counts them.
func (s *Store) Totals(ctx context.Context) (t Totals, err error) {
	err = s.read.QueryRowContext(ctx, `SELECT (SELECT count(*) FROM users), (SELECT count(*) FROM sessions), (SELECT count(*) FROM instances)`).
		Scan(&t.Users, &t.Sessions, &t.Instances)
	if err != nil {
		return Totals{}, fmt.Errorf("count what the database holds: %w", err)
	}
	return t, nil
}

// CheckVersion returns why the database is not of the version that this binary
// knows: another one may have migrated it.
func (s *Store) CheckVersion(ctx context.Context) error {
	known, err := newestMigration(s.files)
	if err != nil {
		return err
	}
	version, err := s.Version(ctx)
	if err != nil {
		return err
	}
	if version != known {
		return fmt.Errorf("the database has version %d, this dashd knows version %d: restart it with the binary that migrated the database", version, known)
	}
	return nil
}
