package serve

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"
)

// Bounds of the HTTP server.
const (
	headerTimeout  = 10 * time.Second // for a request's header to arrive
	idleTimeout    = 2 * time.Minute  // between requests of a connection
	answerTimeout  = 10 * time.Minute // for an answer to be taken, where nothing tells otherwise
	maxHeaderBytes = 64 << 10
	stopTimeout    = 20 * time.Second // for requests under way when the server stops, by default
)

// partingTime is how long a server that stops goes on to read requests when
// nobody else comes in, where there are connections. Who asks in that time is
// answered, and told that it was the last answer of this connection: after it,
// the HTTP server drops what it reads.
const partingTime = 250 * time.Millisecond

// Serve serves on a listener, and commands on the socket in the data directory,
// until ctx is done. Then it lets the requests under way finish. It closes the
// listener.
func (s *Server) Serve(ctx context.Context, listener net.Listener) error {
	doors, err := s.openDoors(ctx, []entrance{{Listener: listener}})
	if err != nil {
		return err
	}
	var failure error
	select {
	case err := <-doors.failed:
		failure = fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	return errors.Join(failure, doors.close(ending{timeout: stopTimeout}))
}

// doors are the ways into a server that serves.
type doors struct {
	server   *Server
	all      []door // that for commands is the last
	serving  sync.WaitGroup
	failed   chan error   // has why a door does not work any more
	visitors atomic.Int64 // connections with HTTP
	cancel   func()       // ends the requests under way
	socket   string       // path of the socket for commands, or ""
}

// door is a way into the server.
type door struct {
	server   *http.Server
	listener net.Listener
}

func (d door) serve() error {
	if d.server.TLSConfig != nil {
		return d.server.ServeTLS(d.listener, "", "")
	}
	return d.server.Serve(d.listener)
}

// openDoors serves at the entrances, and commands at the socket in the data
// directory, until the doors are closed. It takes the entrances, even with an
// error.
func (s *Server) openDoors(ctx context.Context, entrances []entrance) (*doors, error) {
	requests, cancel := context.WithCancel(context.WithoutCancel(ctx))
	d := &doors{server: s, cancel: cancel}
	for _, e := range entrances {
		handler := s.Handler()
		if e.admin {
			handler = s.AdminHandler()
		}
		server := s.httpServer(requests, s.partInPeace(handler))
		server.ConnState = d.count
		if e.tls != nil {
			server.TLSConfig = e.tls.Clone() // the HTTP server adds to it
		}
		d.all = append(d.all, door{server, e.Listener})
	}
	if s.config.Data != "" {
		socket, err := s.listenControl()
		if err != nil {
			cancel()
			closeAll(entrances)
			return nil, err
		}
		d.socket = filepath.Join(s.config.Data, socketName)
		d.all = append(d.all, door{s.httpServer(requests, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.current.Load().control(w, r) })), socket})
	}
	d.failed = make(chan error, len(d.all))
	for _, door := range d.all {
		d.serving.Go(func() { d.failed <- door.serve() })
	}
	return d, nil
}

func (s *Server) httpServer(requests context.Context, handler http.Handler) *http.Server {
	return &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: headerTimeout,
		IdleTimeout:       idleTimeout,
		WriteTimeout:      answerTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		BaseContext:       func(net.Listener) context.Context { return requests },
		ErrorLog:          slog.NewLogLogger(s.config.Log.Handler(), slog.LevelDebug),
	}
}

// partInPeace makes each answer the last of its connection once the server
// stops.
func (s *Server) partInPeace(next http.Handler) http.Handler {
	last := []string{"close"}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.stopping.Load() {
			w.Header()["Connection"] = last
		}
		next.ServeHTTP(w, r)
	})
}

// count counts the connections of visitors.
func (d *doors) count(_ net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		d.visitors.Add(1)
	case http.StateHijacked, http.StateClosed:
		d.visitors.Add(-1)
	}
}

// close ends the serving. For the delay all goes on, but /readyz tells of the
// end. Then nobody else comes in, the listeners of channels are told to come
// back, and the requests under way have the timeout to finish.
func (d *doors) close(e ending) error {
	s := d.server
	s.stopping.Store(true)
	s.config.Log.Info("stopping")
	time.Sleep(e.delay)
	for _, door := range d.all {
		_ = door.listener.Close() // it may be broken
	}
	d.serving.Wait()
	if d.visitors.Load() > 0 {
		time.Sleep(partingTime)
	}
	grace, done := context.WithTimeout(context.Background(), e.timeout)
	defer done()
	left := make(chan struct{})
	go func() {
		defer close(left)
		if err := s.hub.Shutdown(grace); err != nil { // what still is published, those hear who come back
			s.config.Log.Warn("stopping", "err", err)
		}
	}()
	var late error
	for _, door := range d.all {
		if err := door.server.Shutdown(grace); err != nil {
			d.cancel()
			_ = door.server.Close()
			late = fmt.Errorf("stop: requests were still under way after %v", e.timeout)
		}
	}
	<-left
	d.cancel()
	if d.socket != "" {
		return errors.Join(late, removeSocket(d.socket))
	}
	return late
}
