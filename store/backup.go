package store

import (
	"bufio"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"
)

// Backup is a copy of a database, in a file of its own.
type Backup struct {
	Size   int64  `json:"size"`   // in bytes
	SHA256 string `json:"sha256"` // in hexadecimal
}

// WriteBackup copies the database at path into a file, as it was at one moment,
// and writes the checksum beside it. It reads as any reader does, so a server
// that writes to the database at the same time is not held up. The file is for
// its owner alone and takes its name when it is whole. An existing one is an
// error without replace.
func WriteBackup(ctx context.Context, path, to string, replace bool) (Backup, error) {
	if isPartOf(path, to) {
		return Backup{}, fmt.Errorf("%s is the database itself: give the backup another name", to)
	}
	if _, err := os.Lstat(to); err == nil && !replace {
		return Backup{}, fmt.Errorf("%s exists: give another name, or replace it with --force", to)
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return Backup{}, fmt.Errorf("write the backup: %w", err)
	}
	db, err := openToRead(ctx, path)
	if err != nil {
		return Backup{}, err
	}
	defer db.Close()
	backup, err := copyInto(ctx, db, to)
	if err != nil {
		return Backup{}, fmt.Errorf("write the backup: %w", explain(err))
	}
	if err := writeSum(backup, to); err != nil {
		return Backup{}, fmt.Errorf("write the checksum of the backup: %w", err)
	}
	return backup, nil
}

// isPartOf reports whether a file is the database at path, whatever name it has
// here, or has the name of one that SQLite keeps beside it.
func isPartOf(path, file string) bool {
	if isSameFile(path, file) {
		return true
	}
	rest, ok := strings.CutPrefix(filepath.Base(file), filepath.Base(path))
	return ok && slices.Contains([]string{"-wal", "-shm", "-journal"}, rest) && isSameFile(filepath.Dir(path), filepath.Dir(file))
}

// isSameFile reports whether there is a file, or folder, that has both names.
func isSameFile(one, other string) bool {
	a, err := os.Stat(one)
	b, otherErr := os.Stat(other)
	return err == nil && otherErr == nil && os.SameFile(a, b)
}

// openToRead opens a database that a server may have open.
func openToRead(ctx context.Context, path string) (*sql.DB, error) {
	if there, err := hasDatabase(path); err != nil {
		return nil, err
	} else if !there {
		return nil, fmt.Errorf("there is no database at %s", path)
	}
	name, err := sourceName(path)
	if err != nil {
		return nil, err
	}
	db, err := connect(ctx, name+"?mode=ro&_pragma=busy_timeout(5000)", 1)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, explain(err))
	}
	return db, nil
}

// copyInto copies a database into a file for its owner alone, which is there
// when it is whole and safe from a loss of power.
func copyInto(ctx context.Context, db *sql.DB, to string) (Backup, error) {
	half := to + ".half"
	if err := os.Remove(half); err != nil && !errors.Is(err, fs.ErrNotExist) { // of one that was killed
		return Backup{}, err
	}
	f, err := os.OpenFile(half, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600) // SQLite would let others read it
	if err != nil {
		return Backup{}, err
	}
	defer f.Close()
	backup, err := func() (Backup, error) {
		if _, err := db.ExecContext(ctx, "VACUUM INTO ?", half); err != nil {
			return Backup{}, err
		}
		if err := f.Sync(); err != nil {
			return Backup{}, err
		}
		return sum(f)
	}()
	if err == nil {
		err = removeSum(to) // of an earlier file: it must never stand beside this one
	}
	if err == nil {
		err = settle(f, to)
	}
	if err != nil {
		os.Remove(half)
		return Backup{}, err
	}
	return backup, nil
}

// settle gives a file that was written its name.
func settle(f *os.File, to string) error {
	if err := f.Close(); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), to); err != nil {
		return err
	}
	return syncFolder(filepath.Dir(to))
}

// syncFolder makes the names in a folder safe from a loss of power.
func syncFolder(path string) error {
	if runtime.GOOS == "windows" { // which has no such thing
		return nil
	}
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// sum reads a file to its end.
func sum(r io.Reader) (Backup, error) {
	hash := sha256.New()
	size, err := io.Copy(hash, r)
	return Backup{Size: size, SHA256: hex.EncodeToString(hash.Sum(nil))}, err
}

// sumSuffix is what the name of a file with a checksum ends in, after that of
// the backup. The command sha256sum -c reads it.
const sumSuffix = ".sha256"

// writeSum writes the checksum of a backup beside it. It is there as a whole, or
// not at all.
func writeSum(backup Backup, to string) error {
	f, err := os.OpenFile(to+sumSuffix+".half", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = fmt.Fprintf(f, "%s  %s\n", backup.SHA256, filepath.Base(to))
	if err == nil {
		err = f.Sync()
	}
	if err == nil {
		err = settle(f, to+sumSuffix)
	}
	if err != nil {
		os.Remove(f.Name())
	}
	return err
}

func removeSum(to string) error {
	if err := os.Remove(to + sumSuffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// checkSum compares a backup with the checksum beside it, and reports whether
// there is one.
func checkSum(path string) (known bool, err error) {
	f, err := os.Open(path + sumSuffix)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("read the checksum: %w", err)
	}
	defer f.Close()
	line, err := bufio.NewReader(io.LimitReader(f, 4096)).ReadString('\n')
	if err != nil && err != io.EOF {
		return false, fmt.Errorf("read the checksum: %w", err)
	}
	want, _, _ := strings.Cut(strings.TrimSpace(line), " ")
	backup, err := os.Open(path)
	if err != nil {
		return false, fmt.Errorf("read the backup: %w", err)
	}
	defer backup.Close()
	got, err := sum(backup)
	if err != nil {
		return false, fmt.Errorf("read the backup: %w", err)
	}
	if !strings.EqualFold(got.SHA256, want) {
		return true, fmt.Errorf("the checksum of %s is not the one in %s: the file was damaged or changed since it was written; use another backup", path, path+sumSuffix)
	}
	return true, nil
}

// isURL tells the URL of a replica from the name of a file.
func isURL(from string) bool { return strings.Contains(from, "://") }

// RestoreFile writes a database to a new file, for its owner alone: the one in a
// backup, when from is its name, or the one in a replica, when from is a URL, as
// it was before the time at; the zero time is the newest.
func RestoreFile(ctx context.Context, from, to string, at time.Time) (Contents, error) {
	if _, err := os.Lstat(to); err == nil {
		return Contents{}, fmt.Errorf("%s exists: give another name", to)
	} else if !errors.Is(err, fs.ErrNotExist) {
		return Contents{}, fmt.Errorf("restore: %w", err)
	}
	dir := to + ".restoring" // in the same file system, and private
	if err := os.RemoveAll(dir); err != nil {
		return Contents{}, fmt.Errorf("remove what an earlier restore left: %w", err)
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		return Contents{}, fmt.Errorf("restore: %w", err)
	}
	defer os.RemoveAll(dir)
	part := filepath.Join(dir, filepath.Base(to))
	if err := fetch(ctx, from, part, at); err != nil {
		return Contents{}, err
	}
	contents, err := inspect(ctx, part)
	if err != nil {
		return Contents{}, err
	}
	f, err := os.OpenFile(part, os.O_RDWR, 0)
	if err != nil {
		return Contents{}, fmt.Errorf("restore: %w", err)
	}
	defer f.Close()
	err = errors.Join(f.Chmod(0o600), f.Sync())
	if err == nil {
		err = settle(f, to)
	}
	if err != nil {
		return Contents{}, fmt.Errorf("restore: %w", err)
	}
	return contents, nil
}

// fetch writes what a backup or a replica holds to a new file.
func fetch(ctx context.Context, from, to string, at time.Time) error {
	if isURL(from) {
		return restoreReplica(ctx, from, to, at)
	}
	if !at.IsZero() {
		return fmt.Errorf("%s is a backup of one moment: only a replica can be restored to a time", from)
	}
	if _, err := checkSum(from); err != nil {
		return err
	}
	db, err := openToRead(ctx, from)
	if err != nil {
		return err
	}
	defer db.Close()
	if _, err := copyInto(ctx, db, to); err != nil {
		return fmt.Errorf("read %s: %w", from, explain(err))
	}
	return nil
}

// RestoreDatabase brings the database of a backup or a replica, as the function
// [RestoreFile] takes them, to the place of this store, which is not open. A
// database that is there is an error without replace, and is kept beside the
// new one under the name aside. Errors: [ErrLocked].
func (s *Store) RestoreDatabase(ctx context.Context, from string, at time.Time, replace bool) (contents Contents, aside string, err error) {
	dir := filepath.Dir(s.path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return contents, "", fmt.Errorf("make the data directory: %w", err)
	}
	if err := s.acquire(ctx, dir); err != nil {
		return contents, "", err
	}
	defer func() { err = errors.Join(err, s.release()) }()
	there, err := hasDatabase(s.path)
	if err != nil {
		return contents, "", err
	}
	if there && !replace {
		return contents, "", fmt.Errorf("there is a database at %s: restore to another file with --to, or put it aside with --force", s.path)
	}
	return s.place(ctx, from, at)
}

// place restores to the place of the database, and puts aside what is there. The
// caller has locked the directory.
func (s *Store) place(ctx context.Context, from string, at time.Time) (contents Contents, aside string, err error) {
	fresh := s.path + ".restored"
	if err := os.Remove(fresh); err != nil && !errors.Is(err, fs.ErrNotExist) { // of one that was killed
		return contents, "", fmt.Errorf("restore: %w", err)
	}
	if contents, err = RestoreFile(ctx, from, fresh, at); err != nil {
		return contents, "", err
	}
	if aside, err = s.putAside(ctx); err != nil {
		return contents, "", errors.Join(err, os.Remove(fresh))
	}
	if err := os.Rename(fresh, s.path); err != nil {
		return contents, aside, fmt.Errorf("restore: %w", err)
	}
	return contents, aside, errors.Join(giveToOwner(s.path), syncFolder(filepath.Dir(s.path)))
}

// putAside renames the database. A write-ahead log without one would be taken
// for that of the next, and is removed; so is what litestream has captured.
func (s *Store) putAside(ctx context.Context) (aside string, err error) {
	there, err := hasDatabase(s.path)
	if err != nil {
		return "", err
	}
	if there {
		_ = s.emptyWAL(ctx) // a damaged database is put aside, too
		aside = s.path + ".replaced-" + s.Now().UTC().Format("20060102-150405.000")
		for _, suffix := range []string{"-wal", ""} {
			if err := os.Rename(s.path+suffix, aside+suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return "", fmt.Errorf("put the database aside: %w", err)
			}
		}
	}
	for _, suffix := range []string{"-wal", "-shm"} {
		if err := os.Remove(s.path + suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", fmt.Errorf("remove what is left of a database: %w", err)
		}
	}
	if err := os.RemoveAll(litestreamFolder(s.path)); err != nil {
		return "", fmt.Errorf("remove what was captured of a database: %w", err)
	}
	return aside, nil
}

// Contents tells what a database holds.
type Contents struct {
	Version   int64     `json:"version"` // the last migration that it has seen
	Apps      int       `json:"apps"`
	Instances int       `json:"instances"`
	Users     int       `json:"users"`
	Changed   time.Time `json:"changed"` // the newest change of an instance or a user, or use of a session; zero: none
	Size      int64     `json:"size"`    // in bytes
}

// Proof is what [Prove] found in a backup or replica.
type Proof struct {
	Contents
	Checksum bool `json:"checksum"` // there is one, and it fits
}

// Prove proves that a backup or a replica, as [RestoreFile] takes them, can be
// restored: it does so in a temporary place, reads all of the database, and
// opens it as a server would.
func Prove(ctx context.Context, from string, at time.Time) (proof Proof, err error) {
	dir, err := os.MkdirTemp("", "dashd-check")
	if err != nil {
		return Proof{}, fmt.Errorf("prove the backup: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	path := filepath.Join(dir, "dashd.db")
	if proof.Contents, err = RestoreFile(ctx, from, path, at); err != nil {
		return Proof{}, err
	}
	if !isURL(from) {
		_, err := os.Stat(from + sumSuffix)
		proof.Checksum = err == nil // RestoreFile has compared it
	}
	s := New(path)
	s.Log = slog.New(slog.DiscardHandler)
	if err := s.Open(ctx); err != nil {
		return Proof{}, fmt.Errorf("open what was restored: %w", err)
	}
	return proof, s.Close()
}

// inspect reads a whole database, and tells what it holds.
func inspect(ctx context.Context, path string) (c Contents, err error) {
	db, err := openToRead(ctx, path)
	if err != nil {
		return c, err
	}
	defer db.Close()
	if err := checkIntegrity(ctx, db, "integrity_check"); err != nil {
		return c, err
	}
	var known int
	err = db.QueryRowContext(ctx, `SELECT count(*) FROM sqlite_schema WHERE name IN ('goose_db_version', 'instances')`).Scan(&known)
	if err == nil && known < 2 {
		return c, fmt.Errorf("%s is not a database of dashd", path)
	}
	var changed sql.NullInt64
	if err == nil {
		err = db.QueryRowContext(ctx, `SELECT
			(SELECT max(version_id) FROM goose_db_version WHERE is_applied),
			(SELECT count(*) FROM apps), (SELECT count(*) FROM instances), (SELECT count(*) FROM users),
			(SELECT max(t) FROM (SELECT max(updated) AS t FROM instances
				UNION ALL SELECT max(created) FROM users UNION ALL SELECT max(signed_in) FROM users
				UNION ALL SELECT max(seen) FROM sessions)),
			(SELECT page_count * page_size FROM pragma_page_count, pragma_page_size)`).
			Scan(&c.Version, &c.Apps, &c.Instances, &c.Users, &changed, &c.Size)
	}
	if err != nil {
		return c, fmt.Errorf("read what the database holds: %w", explain(err))
	}
	if changed.Valid {
		c.Changed = timeOf(changed.Int64)
	}
	return c, nil
}
