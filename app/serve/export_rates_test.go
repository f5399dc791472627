package serve

import (
	"net/http"
	"net/http/httptest"

	"dashd/live"
)

// Listener returns who makes a request, as a client of the hub.
func (s *Server) Listener(r *http.Request) live.Client {
	return s.listener(s.Visit(httptest.NewRecorder(), r))
}
