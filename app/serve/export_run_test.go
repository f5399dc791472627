package serve

import (
	"context"
	"log/slog"
)

// CgroupLimit is cgroupLimit.
var CgroupLimit = cgroupLimit

// Watch feeds the watchdog that the environment names.
func Watch(check func(context.Context) error) (stop func()) {
	return newSystemd().watch(check, slog.New(slog.DiscardHandler))
}
