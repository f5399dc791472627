//go:build !linux && !darwin && !freebsd && !windows

package store

import "errors"

func diskFree(string) (bytes, files int64, err error) { return 0, 0, errors.ErrUnsupported }
