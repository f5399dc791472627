//go:build !(linux || darwin || freebsd)

package serve

// mayWrite returns why this process may not make files in a directory, where
// that can be told without making one.
func mayWrite(string) error { return nil }

// maxOpenFiles returns how many files this process may have open; 0 where that
// has no bound, or is not known.
func maxOpenFiles() uint64 { return 0 }
