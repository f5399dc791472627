package store

import (
	"errors"
	"testing"
	"time"
)

// While a replica that was there is away, captures are few: each leaves a file.
func TestCaptureIsDue(t *testing.T) {
	away, full := errors.New("away"), errors.New("full")
	captured := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	for _, test := range []struct {
		name    string
		trouble [2]error
		after   time.Duration
		want    bool
	}{
		{"all is well", [2]error{}, time.Second, true},
		{"the replica is away", [2]error{sending: away}, 59 * time.Second, false},
		{"it is still", [2]error{sending: away}, time.Minute, true},
		{"a capture fails as well", [2]error{capturing: full, sending: away}, time.Second, true},
		{"a capture fails", [2]error{capturing: full}, time.Second, true},
	} {
		r := &replicator{begun: true, captured: captured, trouble: test.trouble}
		if got := r.captureIsDue(captured.Add(test.after)); got != test.want {
			t.Errorf("%s: after %v it is due: %t", test.name, test.after, got)
		}
	}
}
