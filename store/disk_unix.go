//go:build linux || darwin || freebsd

package store

import (
	"math"
	"syscall"
)

// diskFree returns the bytes and the files that are free for us on the disk of a
// directory.
func diskFree(dir string) (bytes, files int64, err error) {
	var stat syscall.Statfs_t
	if err := syscall.Statfs(dir, &stat); err != nil {
		return 0, 0, err
	}
	files = math.MaxInt64
	if stat.Files > 0 { // else the file system makes inodes as it needs them
		files = product(uint64(stat.Ffree), 1)
	}
	return product(uint64(max(stat.Bavail, 0)), uint64(stat.Bsize)), files, nil
}
