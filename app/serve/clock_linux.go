package serve

import (
	"time"

	"golang.org/x/sys/unix"
)

// monotonic is the time since the machine has started, as systemd counts it; 0
// when that cannot be told.
func monotonic() time.Duration {
	var now unix.Timespec
	if unix.ClockGettime(unix.CLOCK_MONOTONIC, &now) != nil {
		return 0
	}
	return time.Duration(now.Nano())
}
