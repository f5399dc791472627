//go:build !unix

package store

import "os"

// takeSharedLock does nothing where each descriptor has its own locks.
func takeSharedLock(*os.File) error { return nil }
