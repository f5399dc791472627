//go:build linux || darwin || freebsd

package serve

import (
	"io/fs"
	"syscall"
)

// mayWrite returns why this process may not make files in a directory.
func mayWrite(dir string) error {
	const write, search = 2, 1
	if err := syscall.Access(dir, write|search); err != nil {
		return &fs.PathError{Op: "write", Path: dir, Err: err}
	}
	return nil
}

// maxOpenFiles returns how many files this process may have open.
func maxOpenFiles() uint64 {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return 0
	}
	return uint64(limit.Cur)
}
