package serve

import (
	"fmt"
	"net/http"
	"runtime/debug"

	"github.com/klauspost/compress/gzhttp"

	"dashd/app"
)

// middleware wraps the routes in what every request passes, outermost first.
func (s *Server) middleware(routes http.Handler) http.Handler {
	h := s.refuseCrossOrigin(noteRequest(routes))
	h = s.refuseOtherHosts(h)
	h = s.securityHeaders(h)
	h = s.believeProxies(h)
	h = s.containPanics(h)
	return s.account(h)
}

// containPanics turns a panic of a handler into an error.
func (s *Server) containPanics(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			switch p := recover(); p {
			case nil:
			case http.ErrAbortHandler:
				panic(p)
			default:
				err := &app.PanicError{Value: p, Stack: debug.Stack()}
				if t, ok := w.(*tally); ok && t.status != 0 { // nothing may follow what has been sent, and it is not whole
					s.logFailure(w, r, err)
					s.noteFailure(w, r, http.StatusInternalServerError, err)
					panic(http.ErrAbortHandler)
				}
				s.fail(w, r, err)
			}
		}()
		next.ServeHTTP(w, r)
	})
}

// refuseCrossOrigin refuses what other sites make a visitor's browser send, but
// for what the pages of some sites may: see Server.fromElsewhere.
func (s *Server) refuseCrossOrigin(next http.Handler) http.Handler {
	var protection http.CrossOriginProtection
	if origin := originOf(s.config.PublicURL); origin != "" {
		_ = protection.AddTrustedOrigin(origin) // the URL has been checked
	}
	pipes := s.config.BasePath + s.config.WSRoute
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		origin := s.foreignOrigin(r)
		if err := protection.Check(r); err != nil && (origin == "" || !s.takesFromElsewhere(r.URL.Path)) {
			s.fail(w, r, errElsewhere)
			return
		}
		if origin != "" && r.URL.Path == pipes {
			share(w, origin)
			if answerPreflight(w, r) {
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}

// compressFrom is the size from which an answer is compressed.
const compressFrom = 1024

// newCompressor wraps handlers whose answers are compressed for the clients
// that take it. Bundles come compressed.
func newCompressor() func(http.Handler) http.HandlerFunc {
	wrap, err := gzhttp.NewWrapper(gzhttp.MinSize(compressFrom), gzhttp.ContentTypes([]string{"application/json", "text/html", "text/css", "text/javascript", "text/plain", "image/svg+xml"}))
	if err != nil {
		panic(fmt.Sprintf("set up compression: %v", err)) // a constant option is wrong
	}
	return wrap
}
