package store_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"dashd/store"
)

// A replica that is away does not cost SQLite its lock, without which another
// process, when it has read the database, would remove its write-ahead log.
func TestReplicaAwayKeepsTheLock(t *testing.T) {
	path := filepath.Join(t.TempDir(), "dashd.db")
	s := openAt(t, path)
	create(t, s, store.NewInstance{SaveOnChange: true, State: numbered(1)})
	if !hasSharedLock(t, path) {
		t.Skip("this system does not tell of locks")
	}
	must(t, s.Close())
	folder := filepath.Join(t.TempDir(), "away")
	s, _ = openReplicating(t, path, fileURL(folder))
	wantShared := func(when string) {
		t.Helper()
		for range 100 { // a capture may be just about to take it again
			if hasSharedLock(t, path) {
				return
			}
		}
		t.Errorf("%s there is no shared lock", when)
	}
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
	if hasSharedLock(t, path) {
		t.Error("the lock outlives the store")
	}
	wantRestored(t, path, "1")
}

// hasSharedLock reports whether this process has SQLite's shared lock of a
// database.
func hasSharedLock(t *testing.T, path string) bool {
	t.Helper()
	info, err := os.Stat(path)
	must(t, err)
	locks, err := os.ReadFile("/proc/locks")
	must(t, err)
	pid, inode := fmt.Sprint(os.Getpid()), fmt.Sprintf(":%d", info.Sys().(*syscall.Stat_t).Ino)
	for line := range strings.Lines(string(locks)) {
		// As in: 3: POSIX  ADVISORY  READ  4711 fe:01:1234 1073741826 1073742335
		f := strings.Fields(line)
		if len(f) == 8 && slices.Equal([]string{f[1], f[3], f[4], f[6], f[7]}, []string{"POSIX", "READ", pid, "1073741826", "1073742335"}) && strings.HasSuffix(f[5], inode) {
			return true
		}
	}
	return false
}
