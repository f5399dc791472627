package serve_test

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"dashd/app/serve"
)

// The journal learns how bad each line is; any other file is left alone.
func TestJournal(t *testing.T) {
	for _, format := range []string{"text", "json", "auto"} {
		for _, isJournal := range []bool{true, false} {
			file, err := os.Create(filepath.Join(t.TempDir(), "journal"))
			if err != nil {
				t.Fatal(err)
			}
			info, err := file.Stat()
			if err != nil {
				t.Fatal(err)
			}
			stat := info.Sys().(*syscall.Stat_t)
			inode := stat.Ino
			if !isJournal {
				inode++
			}
			t.Setenv("JOURNAL_STREAM", fmt.Sprintf("%d:%d", stat.Dev, inode))
			log := serve.NewLog(file, format, slog.LevelDebug).With("part", "x").WithGroup("g")
			var logging sync.WaitGroup
			for _, write := range []func(string, ...any){log.Debug, log.Info, log.Warn, log.Error} {
				logging.Go(func() {
					for range 50 {
						write("two\nlines", "stack", "a\nb")
					}
				})
			}
			logging.Wait()
			if err := file.Close(); err != nil {
				t.Fatal(err)
			}
			text, err := os.ReadFile(file.Name())
			if err != nil {
				t.Fatal(err)
			}
			marks := map[string]string{"DEBUG": "<7>", "DBG": "<7>", "INF": "<6>", "INFO": "<6>", "WARN": "<4>", "WRN": "<4>", "ERR": "<3>", "ERROR": "<3>"}
			lines := strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
			if len(lines) != 200 {
				t.Errorf("%s: %d lines", format, len(lines))
			}
			for _, line := range lines {
				level := strings.FieldsFunc(line, func(r rune) bool { return r == ' ' || r == '"' || r == ',' })
				mark := ""
				for _, word := range level {
					if mark = marks[word]; mark != "" {
						break
					}
				}
				if has := strings.HasPrefix(line, mark); mark == "" || has != isJournal || !isJournal && strings.HasPrefix(line, "<") {
					t.Fatalf("%s, journal: %v: a line is %q", format, isJournal, line)
				}
			}
		}
	}
}
