package serve

import (
	"errors"
	"net/http"
	"strings"
	"sync"
	"time"

	"dashd/app"
	"dashd/views"
)

// keptFailures is how many requests that failed the administration can show,
// and what is kept of each is bounded too.
const (
	keptFailures   = 200
	maxFailureText = 4 << 10
	maxFailureTail = 16 << 10 // of a stack
)

// failures keeps the newest requests that failed, in a ring. It is safe for
// concurrent use.
type failures struct {
	mu   sync.Mutex
	ring [keptFailures]views.Failure
	n    int // so many have been added
}

func (f *failures) add(failure views.Failure) {
	failure.Path = cut(failure.Path, maxFailureText)
	failure.Text = cut(failure.Text, maxFailureText)
	failure.Stack = cut(failure.Stack, maxFailureTail)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ring[f.n%keptFailures] = failure
	f.n++
}

// newest returns at most limit failures, the newest first. With an id it
// returns those of that request alone.
func (f *failures) newest(limit int, id string) (list []views.Failure) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i := f.n - 1; i >= max(0, f.n-keptFailures) && len(list) < limit; i-- {
		if failure := f.ring[i%keptFailures]; id == "" || failure.ID == id {
			list = append(list, failure)
		}
	}
	return list
}

// noteFailure keeps a request that failed for the administration: what the log
// has of it.
func (s *Server) noteFailure(w http.ResponseWriter, r *http.Request, status int, err error) {
	failure := views.Failure{
		Time:   time.Now(),
		ID:     requestID(w),
		Path:   loggable(r.URL.Path),
		Target: s.targetOf(r.URL.Path),
		Status: status,
		Text:   err.Error(),
	}
	if p, ok := errors.AsType[*app.PanicError](err); ok {
		failure.Stack = string(p.Stack)
	}
	s.failures.add(failure)
}

// targetOf returns "app/<slug>" or "instance/<slug>" for a path of one, else "".
func (s *Server) targetOf(path string) string {
	kind, rest, _ := strings.Cut(strings.TrimPrefix(path, s.config.BasePath), "/")
	slug, _, _ := strings.Cut(rest, "/")
	if slug == "" || kind != kindApp && kind != kindInstance {
		return ""
	}
	return kind + "/" + slug
}

// cut shortens a text to at most n bytes and whole characters.
func cut(text string, n int) string {
	if len(text) <= n {
		return text
	}
	return strings.ToValidUTF8(text[:n], "") + "…"
}
