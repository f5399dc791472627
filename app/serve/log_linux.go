package serve

import (
	"fmt"
	"io"
	"os"
	"syscall"
)

// isJournal reports whether w is the stream to the journal that systemd has
// given to this process.
func isJournal(w io.Writer) bool {
	file, ok := w.(*os.File)
	if !ok || os.Getenv("JOURNAL_STREAM") == "" {
		return false
	}
	info, err := file.Stat()
	if err != nil {
		return false
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && os.Getenv("JOURNAL_STREAM") == fmt.Sprintf("%d:%d", stat.Dev, stat.Ino)
}
