package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/gofrs/flock"
)

// ErrLocked is why a store does not open whose directory another process, or
// another [Store] of this one, has open.
var ErrLocked = errors.New("another dashd has this data directory open")

const lockName = "dashd.lock"

// acquire locks the directory and writes this process's id into the lock file,
// which stays when the lock is released: who deletes it could delete the next
// one's.
func (s *Store) acquire(ctx context.Context, dir string) error {
	path := filepath.Join(dir, lockName)
	lock := flock.New(path, flock.SetFlag(os.O_CREATE|os.O_RDWR), flock.SetPermissions(0o600))
	locked, err := lock.TryLock()
	if err == nil && !locked && s.LockWait > 0 {
		waiting, stop := context.WithTimeout(ctx, s.LockWait)
		locked, err = lock.TryLockContext(waiting, 20*time.Millisecond)
		stop()
		if ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded) {
			err = nil
		}
	}
	switch {
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("the data directory %s belongs to somebody else; run this as that user, or as root: %w", dir, err)
	case err != nil:
		return fmt.Errorf("lock the data directory: %w", err)
	case !locked:
		return fmt.Errorf("%w: %s%s", ErrLocked, dir, holder(path))
	}
	s.lock = lock
	if err := leavePID(path); err != nil {
		return fmt.Errorf("write the lock file: %w", err)
	}
	return giveToOwner(path)
}

// The process id stands behind the first byte, which is the one that Windows
// lets nobody write or read while it is locked.
const pidOffset = 1

func leavePID(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteAt(fmt.Appendf(nil, "%-10d\n", os.Getpid()), pidOffset)
	return errors.Join(err, f.Close())
}

// holder tells which process has left its id in the lock file.
func holder(path string) string {
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	text := make([]byte, 20)
	n, _ := f.ReadAt(text, pidOffset)
	pid, err := strconv.Atoi(strings.TrimSpace(string(text[:n])))
	if err != nil {
		return ""
	}
	return fmt.Sprintf(", process %d", pid)
}

func (s *Store) release() error {
	if s.lock == nil {
		return nil
	}
	err := s.lock.Unlock()
	s.lock = nil
	return err
}
