package serve

import (
	"bufio"
	"encoding/binary"
	"encoding/hex"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"time"
)

// requestIDHeader carries the id of a request, which its answer, its log lines
// and an error page show.
const requestIDHeader = "X-Request-Id"

// requestID returns the id that account gave the request.
func requestID(w http.ResponseWriter) string {
	if id := w.Header()[requestIDHeader]; len(id) > 0 {
		return id[0]
	}
	return "none"
}

// tally notes what becomes of a request.
type tally struct {
	http.ResponseWriter
	request *http.Request // as the routes know it; nil if it did not come to them
	visit   *Visit        // to an app or instance, or nil
	status  int           // 0 until there is an answer
	bytes   int64         // of the answer's body
	id      [1]string     // the value of requestIDHeader
}

// WriteHeader implements [http.ResponseWriter].
func (t *tally) WriteHeader(status int) {
	if t.status == 0 && (status >= http.StatusOK || status == http.StatusSwitchingProtocols) {
		t.status = status
	}
	t.ResponseWriter.WriteHeader(status)
}

// Write implements [http.ResponseWriter].
func (t *tally) Write(b []byte) (int, error) {
	if t.status == 0 {
		t.status = http.StatusOK
	}
	n, err := t.ResponseWriter.Write(b)
	t.bytes += int64(n)
	return n, err
}

// Unwrap is for [http.ResponseController].
func (t *tally) Unwrap() http.ResponseWriter { return t.ResponseWriter }

// Flush implements [http.Flusher], for the site's own pages.
func (t *tally) Flush() { _ = http.NewResponseController(t.ResponseWriter).Flush() }

// Hijack implements [http.Hijacker], for the site's own pages.
func (t *tally) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return http.NewResponseController(t.ResponseWriter).Hijack()
}

// begin is a moment from which times are measured: that takes half as long as
// to ask what time it is.
var begin = time.Now()

// bodyTimeout is the time in which a request's body must have arrived, also one
// that nobody reads: net/http does, before it answers.
const bodyTimeout = time.Minute

// arrived notes that a request's body is there, whose time account bounds: what
// is done with it may take longer.
func arrived(w http.ResponseWriter) {
	_ = http.NewResponseController(w).SetReadDeadline(time.Time{}) // not every writer has deadlines
}

// account gives each request an id, counts it, and logs it at debug level. It
// bounds the time of its body: see arrived.
func (s *Server) account(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		t := &tally{ResponseWriter: w, id: [1]string{newRequestID()}}
		w.Header()[requestIDHeader] = t.id[:]
		start := time.Since(begin)
		if r.ContentLength != 0 {
			_ = http.NewResponseController(w).SetReadDeadline(begin.Add(start + bodyTimeout)) // not every writer has deadlines
		}
		next.ServeHTTP(t, r)
		took := time.Since(begin) - start
		s.answered(t, r, took)
		if s.config.Log.Enabled(r.Context(), slog.LevelDebug) {
			s.config.Log.Debug("request", "request", requestID(w), "method", r.Method, "path", loggable(r.URL.Path),
				"status", t.status, "bytes", t.bytes, "took", took)
		}
	})
}

// newRequestID returns an id that no other request has, though somebody might
// guess it.
func newRequestID() string {
	var id [8]byte
	var text [2 * len(id)]byte
	binary.BigEndian.PutUint64(id[:], rand.Uint64())
	hex.Encode(text[:], id[:])
	return string(text[:])
}

// noteRequest lets account know the request that comes to the routes: the pattern
// that it matches will stand there.
func noteRequest(routes http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if t, ok := w.(*tally); ok {
			t.request = r
		}
		routes.ServeHTTP(w, r)
	})
}

// noteVisit lets account know whom a request visits.
func noteVisit(w http.ResponseWriter, v *Visit) {
	if t, ok := w.(*tally); ok {
		t.visit = v
	}
}
