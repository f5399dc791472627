//go:build unix

package store

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// giveToOwner gives files of the data directory that root has made to the owner
// of the directory: the server runs as that user, and commands as root.
func giveToOwner(paths ...string) error {
	if os.Geteuid() != 0 {
		return nil
	}
	for _, path := range paths {
		info, err := os.Stat(filepath.Dir(path))
		if err != nil {
			return fmt.Errorf("find the owner of the data directory: %w", err)
		}
		owner, ok := info.Sys().(*syscall.Stat_t)
		if !ok || owner.Uid == 0 {
			continue
		}
		if err := os.Lchown(path, int(owner.Uid), int(owner.Gid)); err != nil {
			return fmt.Errorf("give a file to the owner of the data directory: %w", err)
		}
	}
	return nil
}
