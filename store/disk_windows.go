package store

import (
	"math"

	"golang.org/x/sys/windows"
)

// diskFree returns the bytes and the files that are free for us on the disk of a
// directory.
func diskFree(dir string) (bytes, files int64, err error) {
	path, err := windows.UTF16PtrFromString(dir)
	if err != nil {
		return 0, 0, err
	}
	var free uint64
	if err := windows.GetDiskFreeSpaceEx(path, &free, nil, nil); err != nil {
		return 0, 0, err
	}
	return product(free, 1), math.MaxInt64, nil
}
