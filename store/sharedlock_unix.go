//go:build unix

package store

import (
	"fmt"
	"io"
	"os"
	"syscall"
)

// Where SQLite's lock of those who have a database open lies in its file.
const (
	sharedLockStart  = 0x40000002
	sharedLockLength = 510
)

// takeSharedLock takes, for this process, the lock that SQLite holds on a
// database file as long as it has it open. Closing any descriptor of the file
// drops it, and SQLite does not notice: then the last connection of another
// process takes itself for the last of all, and removes the write-ahead log.
func takeSharedLock(database *os.File) error {
	lock := syscall.Flock_t{Type: syscall.F_RDLCK, Whence: io.SeekStart, Start: sharedLockStart, Len: sharedLockLength}
	if err := syscall.FcntlFlock(database.Fd(), syscall.F_SETLK, &lock); err != nil {
		return fmt.Errorf("lock the database again: %w", err)
	}
	return nil
}
