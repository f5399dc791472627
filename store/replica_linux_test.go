package store_test

import (
	"io"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"dashd/store"
)

// A replica that is away does not cost SQLite its lock, without which another
// process, when it has read the database, would remove its write-ahead log.
func TestReplicaAwayKeepsTheLock(t *testing.T) {
	path := filepath.Join(t.TempDir(), "dashd.db")
	s := openAt(t, path)
	create(t, s, store.NewInstance{SaveOnChange: true, State: numbered(1)})
	must(t, s.Close())
	probe, err := os.Open(path)
	must(t, err)
	t.Cleanup(func() { _ = probe.Close() }) // last of all: it drops the locks
	wantShared := func(when string) {
		t.Helper()
		for range 100 { // a capture may be just about to take it again
			if hasSharedLock(t, probe) {
				return
			}
		}
		t.Errorf("%s there is no shared lock", when)
	}
	folder := filepath.Join(t.TempDir(), "away")
	s, _ = openReplicating(t, path, fileURL(folder))
	wantShared("at the start")
	for range 3 {
		if err := s.SyncReplica(t.Context()); err == nil {
			t.Fatal("it is in a replica that is away")
		}
		wantShared("after a failed capture")
	}
	save(t, s, "1")
	must(t, os.Mkdir(folder, 0o700))
	must(t, s.SyncReplica(t.Context()))
	wantShared("when it is back")
	must(t, s.Close())
	if hasSharedLock(t, probe) {
		t.Error("the lock outlives the store")
	}
	wantRestored(t, path, "1")
}

// hasSharedLock reports whether this process has SQLite's shared lock of a
// database. It asks as one who is not a process, with whom a process's own locks
// conflict too; see fcntl(2) of locks of open file descriptions.
func hasSharedLock(t *testing.T, database *os.File) bool {
	t.Helper()
	lock := syscall.Flock_t{Type: syscall.F_WRLCK, Whence: io.SeekStart, Start: 0x40000002, Len: 510}
	must(t, syscall.FcntlFlock(database.Fd(), unix.F_OFD_GETLK, &lock))
	return lock.Type == syscall.F_RDLCK && int(lock.Pid) == os.Getpid()
}
