package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"strings"
	"time"
)

// errNoReplica is why there is nothing to tell of, or to send to, a replica.
var errNoReplica = errors.New("the database is not replicated: start the server with --replicate URL")

// ReplicaStatus tells how far the replica of a database is.
type ReplicaStatus struct {
	URL         string        // without secrets
	Local       uint64        // number of the last change that was captured here; 0: none since the start
	Remote      uint64        // number of the last change that is known to be there
	InSync      bool          // all changes are there
	Lag         time.Duration // since all changes were there; 0: they are
	LastSuccess time.Time     // when something was sent; zero: not since the start
	Err         string        // why the last try failed; "": it did not
}

// Replica tells how far the replica is, from memory. ok is false when the
// database is not replicated.
func (s *Store) Replica() (status ReplicaStatus, ok bool) {
	if s.replicator == nil {
		return ReplicaStatus{}, false
	}
	status = s.replicator.status()
	status.URL = ShownReplica(s.Replicate)
	return status, true
}

// SyncReplica returns when all that was committed before the call is in the
// replica.
func (s *Store) SyncReplica(ctx context.Context) error {
	if s.replicator == nil {
		return errNoReplica
	}
	if err := s.replicator.sync(ctx); err != nil {
		return fmt.Errorf("replicate: %w", err)
	}
	return nil
}

// CheckReplicaURL returns what is wrong with the URL of a replica.
func CheckReplicaURL(rawURL string) error {
	_, err := newReplicaClient(rawURL)
	return err
}

// ShownReplica returns the URL of a replica without secrets, for people.
func ShownReplica(rawURL string) string {
	u, err := url.Parse(rawURL)
	if err != nil {
		return "unreadable"
	}
	if u.User != nil {
		u.User = url.User(u.User.Username())
	}
	query := url.Values{}
	for _, key := range []string{"endpoint", "region"} {
		if v := u.Query().Get(key); v != "" {
			query.Set(key, v)
		}
	}
	u.RawQuery = strings.NewReplacer("%3A", ":", "%2F", "/").Replace(query.Encode())
	return u.String()
}

// startReplica begins to replicate the open database.
func (s *Store) startReplica() (err error) {
	if s.Replicate == "" {
		return nil
	}
	s.replicator, err = startReplicator(s.Replicate, s.path, s.Log, s.emptyWAL)
	return err
}

// stopReplica sends what is left to the replica and ends the replication. It is
// no error when the replica is away: nothing is lost, and the next run sends it.
func (s *Store) stopReplica() {
	if s.replicator == nil {
		return
	}
	if err := s.replicator.stop(s.ReplicaWait); err != nil {
		s.Log.Warn("the last changes are not in the replica; the next start sends them", "replica", ShownReplica(s.Replicate), "err", err)
	}
	s.replicator = nil
}

// emptyWAL writes the write-ahead log into the database, and forgets it.
// Litestream, when it begins, sees that it does not know what the log held, and
// copies the whole database.
func (s *Store) emptyWAL(ctx context.Context) error {
	source, _, err := s.sources()
	if err != nil {
		return err
	}
	db, err := connect(ctx, source, 1)
	if err != nil {
		return fmt.Errorf("empty the write-ahead log: %w", explain(err))
	}
	_, err = db.ExecContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)")
	if err := errors.Join(err, db.Close()); err != nil {
		return fmt.Errorf("empty the write-ahead log: %w", explain(err))
	}
	return nil
}

// restoreMissing restores a database that is not there from the replica. The
// caller has locked the directory.
func (s *Store) restoreMissing(ctx context.Context) error {
	if s.Replicate == "" {
		return nil
	}
	if there, err := hasDatabase(s.path); there || err != nil {
		return err
	}
	shown := ShownReplica(s.Replicate)
	_, _, err := s.place(ctx, s.Replicate, time.Time{})
	switch {
	case errors.Is(err, errReplicaEmpty):
		s.Log.Info("the replica is empty; a new database begins", "replica", shown)
		return nil
	case err != nil:
		return fmt.Errorf("there is no database at %s, and it cannot be restored from %s; "+
			"make the replica reachable and start again, or start without it to begin with an empty database: %w", s.path, shown, err)
	}
	s.Log.Info("database restored", "replica", shown)
	return nil
}

// hasDatabase reports whether there is a database at path. An empty file is
// none: it was made, and nothing came into it.
func hasDatabase(path string) (bool, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("find the database: %w", err)
	}
	return info.IsDir() || info.Size() > 0, nil
}

// restoreChecked is the setting that tells when a backup was last proved.
const restoreChecked = "restore_checked"

// RestoreCheck tells of a backup or replica that was restored to see whether it
// can be.
type RestoreCheck struct {
	At   time.Time `json:"at"`
	From string    `json:"from"` // file or URL, without secrets
}

// RecordRestoreCheck records that a backup or replica was proved just now.
func (s *Store) RecordRestoreCheck(ctx context.Context, from string) error {
	text, err := json.Marshal(RestoreCheck{s.Now().UTC(), from})
	if err != nil {
		return fmt.Errorf("record the check of a backup: %w", err)
	}
	err = s.write(ctx, func(tx *Tx) error {
		_, err := tx.Exec(`INSERT INTO settings (key, value) VALUES (?, ?)
			ON CONFLICT (key) DO UPDATE SET value = excluded.value`, restoreChecked, text)
		return err
	})
	if err != nil {
		return fmt.Errorf("record the check of a backup: %w", err)
	}
	return nil
}

// LastRestoreCheck returns when a backup or replica was last proved; the zero
// time for never.
func (s *Store) LastRestoreCheck(ctx context.Context) (check RestoreCheck, err error) {
	var text []byte
	err = s.read.QueryRowContext(ctx, `SELECT value FROM settings WHERE key = ?`, restoreChecked).Scan(&text)
	if errors.Is(err, sql.ErrNoRows) {
		return RestoreCheck{}, nil
	}
	if err == nil {
		err = json.Unmarshal(text, &check)
	}
	if err != nil {
		return RestoreCheck{}, fmt.Errorf("read when a backup was checked: %w", err)
	}
	return check, nil
}
