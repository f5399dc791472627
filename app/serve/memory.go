package serve

import (
	"io/fs"
	"log/slog"
	"math"
	"os"
	"path"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
)

// limitMemory makes the garbage collector work harder near the memory that the
// machine's owner has left to the process (a container's limit, or MemoryMax= of
// its unit): the kernel kills what goes beyond. A GOMEMLIMIT that is set stays.
func limitMemory(log *slog.Logger) {
	if runtime.GOOS != "linux" || debug.SetMemoryLimit(-1) != math.MaxInt64 {
		return
	}
	limit := cgroupLimit(os.DirFS("/"))
	if limit <= 0 {
		return
	}
	limit -= limit / 10 // what Go does not count
	debug.SetMemoryLimit(limit)
	log.Debug("the memory is limited", "bytes", limit)
}

// hugeLimit is from where a limit is none: cgroup v1 writes none as a number.
const hugeLimit = 1 << 50

// Where the control groups are, of version 2 and of version 1.
const (
	cgroupRoot   = "sys/fs/cgroup"
	cgroupV1Root = "sys/fs/cgroup/memory"
)

// cgroupLimit returns the least limit of the memory that the control groups of
// this process have, in bytes; 0 for none.
func cgroupLimit(root fs.FS) (limit int64) {
	text, err := fs.ReadFile(root, "proc/self/cgroup")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3) // id:controllers:/path
		if len(parts) != 3 {
			continue
		}
		dir, file := cgroupRoot, "memory.max"
		if parts[1] != "" {
			if dir, file = cgroupV1Root, "memory.limit_in_bytes"; parts[1] != "memory" {
				continue
			}
		}
		// The groups around a group limit it, too. In a container only the
		// innermost may be there to see, as the root.
		for group := path.Clean("/" + parts[2]); ; group = path.Dir(group) {
			if l := readLimit(root, path.Join(dir, group, file)); l > 0 && (limit == 0 || l < limit) {
				limit = l
			}
			if group == "/" {
				break
			}
		}
	}
	return limit
}

// readLimit reads the file of a limit; 0 for none.
func readLimit(root fs.FS, name string) int64 {
	text, err := fs.ReadFile(root, name)
	if err != nil {
		return 0
	}
	limit, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	if err != nil || limit >= hugeLimit { // "max"
		return 0
	}
	return limit
}
