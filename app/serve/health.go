package serve

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"dashd/app"
)

// readiness tells whether the server is to be sent visitors.
type readiness struct {
	Ready bool   `json:"ready"`
	Parts []part `json:"parts"`
}

// part is how a part of the server does.
type part struct {
	Name    string `json:"name"`
	OK      bool   `json:"ok"`
	Problem string `json:"problem,omitempty"`
	Warning bool   `json:"warning,omitempty"` // the server is ready all the same
}

// judged is a part that works if err is nil.
func judged(name string, err error) part {
	if err != nil {
		return part{Name: name, Problem: sentence(err)}
	}
	return part{Name: name, OK: true}
}

// Probes cost next to nothing, however many ask.
const (
	healthAge      = time.Second                     // how long a look at the parts counts
	healthTimeout  = 2 * time.Second                 // how long a look may take
	healthPatience = healthTimeout + healthTimeout/4 // and how long it is waited for
)

// health remembers how the parts of a server are. Its zero value knows nothing.
// It is safe for concurrent use.
type health struct {
	mu      sync.Mutex
	parts   []part
	at      time.Time     // when they were looked at
	looking chan struct{} // closed when the look that is under way ends; nil for none
}

// look returns how the parts are, from memory if that is fresh. There is one
// look at a time, for all who ask. A disk that hangs can hold it up beyond its
// ctx; whoever asks is answered in time.
func (h *health) look(ctx context.Context, look func(context.Context) []part) []part {
	h.mu.Lock()
	if h.parts != nil && time.Since(h.at) < healthAge {
		defer h.mu.Unlock()
		return h.parts
	}
	if h.looking == nil {
		h.looking = make(chan struct{})
		go h.renew(h.looking, look)
	}
	looking := h.looking
	h.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, healthPatience)
	defer cancel()
	select {
	case <-looking:
		h.mu.Lock()
		defer h.mu.Unlock()
		return h.parts
	case <-ctx.Done():
		return []part{{Name: "server", Problem: "the database or the hub does not answer"}}
	}
}

func (h *health) renew(done chan struct{}, look func(context.Context) []part) {
	defer close(done)
	ctx, cancel := context.WithTimeout(context.Background(), healthTimeout)
	defer cancel()
	parts := look(ctx)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.parts, h.at, h.looking = parts, time.Now(), nil
}

// wait waits for the end of a look that is under way.
func (h *health) wait() {
	h.mu.Lock()
	looking := h.looking
	h.mu.Unlock()
	if looking != nil {
		<-looking
	}
}

// readiness tells how the server is.
func (s *Server) readiness(ctx context.Context) readiness {
	state := readiness{Ready: true, Parts: s.health.look(ctx, s.look)}
	if s.stopping.Load() { // which counts at once
		state.Parts = append(state.Parts[:len(state.Parts):len(state.Parts)], part{Name: "stopping", Problem: "the server is about to end"})
	}
	for _, p := range state.Parts {
		state.Ready = state.Ready && (p.OK || p.Warning)
	}
	return state
}

// look looks at the parts.
func (s *Server) look(ctx context.Context) []part {
	parts := []part{
		judged("database", s.store.Probe(ctx)),
		judged("migrations", s.store.CheckVersion(ctx)),
		judged("disk", s.checkRoom()),
	}
	s.hub.Stats() // waits for each listener: a hub that is stuck does not answer
	parts = append(parts, part{Name: "hub", OK: true})
	if err, replicated := s.checkReplica(); replicated {
		p := judged("replication", err)
		p.Warning = !p.OK
		parts = append(parts, p)
	}
	return parts
}

// checkRoom returns an error if the disk is nearly full.
func (s *Server) checkRoom() error {
	free, err := s.store.DiskFree()
	if errors.Is(err, errors.ErrUnsupported) { // there is no disk, or no way to tell
		return nil
	}
	if err != nil {
		return err
	}
	if free < s.config.MinDisk {
		return fmt.Errorf("%d bytes are free on the disk of %s, fewer than %d: make room, or lower --min-disk", free, s.config.Data, s.config.MinDisk)
	}
	return nil
}

// checkReplica returns an error if the replica is late. That is a warning: what
// the server saves is as safe as without a replica, and to turn visitors away
// would bring it nowhere.
func (s *Server) checkReplica() (err error, replicated bool) {
	status, ok := s.store.Replica()
	switch {
	case !ok:
		return nil, false
	case status.Err != "" && !status.InSync:
		return fmt.Errorf("%v behind: %s", status.Lag.Round(time.Second), status.Err), true
	case status.Lag > lateReplica:
		return fmt.Errorf("%v behind", status.Lag.Round(time.Second)), true
	}
	return nil, true
}

// selfCheck returns nil if the server does its work, or if a restart would not
// help it: a disk that is full is as full afterwards. It does not return while
// the database or the hub is stuck.
func (s *Server) selfCheck(ctx context.Context) error {
	s.hub.Stats()
	err := s.store.Probe(ctx)
	if code := app.ErrorCode(err); code == app.Full || code == app.Unavailable {
		return nil
	}
	return err
}

// healthRoutes adds the probes, and the metrics. Probes know of no base path, so
// they also find the first two where the server has one.
func (s *Server) healthRoutes(mux *http.ServeMux) {
	for _, base := range []string{"/", s.config.BasePath} {
		mux.HandleFunc("GET "+base+"healthz", s.answerOK)
		mux.HandleFunc("GET "+base+"readyz", s.serveReadiness)
		if base == s.config.BasePath {
			break
		}
	}
	if !s.config.NoMetrics {
		mux.HandleFunc("GET "+s.config.BasePath+"metrics", s.serveMetrics)
	}
}

// serveReadiness tells everybody whether the server is ready, and operators what
// is wrong.
func (s *Server) serveReadiness(w http.ResponseWriter, r *http.Request) {
	state := s.readiness(r.Context())
	var shown any = struct {
		Ready bool `json:"ready"`
	}{state.Ready}
	if s.isOperator(r) {
		shown = state
	}
	text, err := json.Marshal(shown)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	status := http.StatusOK
	if !state.Ready {
		status = http.StatusServiceUnavailable
	}
	w.Header().Set("Cache-Control", "no-store")
	s.answerJSON(w, r, status, text)
}

type operatorKey struct{}

// asOperator marks a request that came by a way which only operators have.
func asOperator(r *http.Request) *http.Request {
	return r.WithContext(context.WithValue(r.Context(), operatorKey{}, true))
}

// isOperator reports whether a request may see the inside of the server: it has
// come by [Server.AdminHandler], or has the token.
func (s *Server) isOperator(r *http.Request) bool {
	if r.Context().Value(operatorKey{}) != nil {
		return true
	}
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	given, want := sha256.Sum256([]byte(token)), sha256.Sum256([]byte(s.config.MetricsToken))
	return ok && s.config.MetricsToken != "" && subtle.ConstantTimeCompare(given[:], want[:]) == 1
}
