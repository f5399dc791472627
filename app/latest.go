package app

import (
	"context"
	"errors"
	"strings"
	"sync"
)

// errSuperseded is why the context of a call ended whose page has made a newer
// one: see [LatestWins].
var errSuperseded = errors.New("a newer call of the same page has taken its place")

// latestCalls knows the calls under way of callbacks with LatestWins. It is
// safe for concurrent use.
type latestCalls struct {
	mu    sync.Mutex
	calls map[string]*latestCall
}

type latestCall struct{ end context.CancelCauseFunc }

// begin ends the page's call for the same targets, which are the outputs, or
// the arguments where there are none, and puts this one in its place. The
// caller calls done when the call is over. Pages that the server does not tell
// apart are left alone.
func (l *latestCalls) begin(ctx context.Context, page, callback string, targets []argument) (_ context.Context, done func()) {
	if page == "" {
		return ctx, func() {}
	}
	var key strings.Builder
	key.WriteString(page + "\x00" + callback)
	for i := range targets {
		key.WriteString("\x00" + string(targets[i].ID))
	}
	ctx, end := context.WithCancelCause(ctx)
	call := &latestCall{end}
	l.mu.Lock()
	if older := l.calls[key.String()]; older != nil {
		older.end(errSuperseded)
	}
	if l.calls == nil {
		l.calls = map[string]*latestCall{}
	}
	l.calls[key.String()] = call
	l.mu.Unlock()
	return ctx, func() {
		end(nil)
		l.mu.Lock()
		if l.calls[key.String()] == call {
			delete(l.calls, key.String())
		}
		l.mu.Unlock()
	}
}
