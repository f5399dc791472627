//go:build !linux

package serve

import "io"

func isJournal(io.Writer) bool { return false }
