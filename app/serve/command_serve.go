package serve

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/lmittmann/tint"
)

// serveCommand is "serve".
type serveCommand struct {
	settings `embed:""`
}

// Run serves until ctx is done.
func (c *serveCommand) Run(ctx context.Context, i *invocation, console *console) error {
	if err := c.check(); err != nil {
		return err
	}
	config := c.over(i.program)
	level := new(slog.LevelVar)
	if config.Log == nil {
		config.Log = newLog(console.err, c.LogFormat, level)
	}
	level.Set(c.level())
	for _, name := range unknownVariables(os.Environ(), i.variables()) {
		config.Log.Warn("a variable of the environment is no setting", "variable", name)
	}
	running, server, err := reach(ctx, config)
	if err != nil {
		return err
	}
	if running != nil {
		_ = running.Close()
		return fmt.Errorf("another dashd serves %s: stop it, or give another directory with --data", config.Data)
	}
	return errors.Join(c.serve(ctx, server, console), server.Close())
}

func (c *serveCommand) serve(ctx context.Context, server *Server, console *console) error {
	listener, err := c.listen()
	if err != nil {
		return err
	}
	url := publicURL(listener.Addr(), server.config.BasePath)
	server.config.Log.Info("serving", "apps", len(server.apps), "url", url)
	if err := server.printSetupLink(ctx, url, console); err != nil {
		_ = listener.Close()
		return err
	}
	return server.Serve(ctx, listener)
}

// printSetupLink shows the operator the way to make the first user, when there
// is none. The link is a secret, so it is not logged.
func (s *Server) printSetupLink(ctx context.Context, url string, console *console) error {
	switch {
	case s.config.PublicURL != "":
		url = strings.TrimSuffix(s.config.PublicURL, "/") + s.config.BasePath
	case strings.HasPrefix(url, "unix:"):
		url = "http://localhost" + s.config.BasePath
	}
	link, err := s.setupLink(ctx, url)
	if link != "" {
		fmt.Fprintf(console.err, "There is no user yet. To become the first, open %s\n", link)
	}
	return err
}

func (c *serveCommand) listen() (net.Listener, error) {
	address := c.address()
	network := "tcp"
	if path, ok := strings.CutPrefix(address, "unix:"); ok {
		network, address = "unix", path
	}
	listener, err := net.Listen(network, address)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("listen on %s: another program has this address; stop it, or give another with --listen", address)
	}
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", address, err)
	}
	return listener, nil
}

// publicURL is where a visitor on this machine finds the server.
func publicURL(address net.Addr, base string) string {
	tcp, ok := address.(*net.TCPAddr)
	if !ok {
		return "unix:" + address.String()
	}
	host := tcp.IP.String()
	if tcp.IP.IsUnspecified() {
		host = "127.0.0.1"
	}
	return "http://" + net.JoinHostPort(host, fmt.Sprint(tcp.Port)) + base
}

// Bounds of the HTTP server.
const (
	headerTimeout  = 10 * time.Second // for a request's header to arrive
	idleTimeout    = 2 * time.Minute  // between requests of a connection
	answerTimeout  = 10 * time.Minute // for an answer to be taken, where nothing tells otherwise
	maxHeaderBytes = 64 << 10
	stopTimeout    = 20 * time.Second // for requests under way when the server stops, by default
)

// Serve serves on a listener, and commands on the socket in the data directory,
// until ctx is done. Then it lets the requests under way finish. It closes the
// listener.
func (s *Server) Serve(ctx context.Context, listener net.Listener) error {
	requests, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	doors := []door{{s.httpServer(requests, s.Handler()), listener}}
	if s.config.Data != "" {
		socket, err := s.listenControl()
		if err != nil {
			_ = listener.Close()
			return err
		}
		doors = append(doors, door{s.httpServer(requests, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.current.Load().control(w, r) })), socket})
	}
	served := make(chan error, len(doors))
	for _, d := range doors {
		go func() { served <- d.server.Serve(d.listener) }()
	}
	var failure error
	select {
	case err := <-served:
		failure = fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
		s.config.Log.Info("stopping")
	}
	return errors.Join(failure, s.stop(doors, cancel))
}

// door is a way into the server.
type door struct {
	server   *http.Server
	listener net.Listener
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

// stop closes the doors in turn and waits for the requests that came in, which
// cancel ends when they take too long.
func (s *Server) stop(doors []door, cancel func()) error {
	grace, done := context.WithTimeout(context.Background(), stopTimeout)
	defer done()
	if err := s.hub.Shutdown(grace); err != nil { // what still is published, those hear who come back
		s.config.Log.Warn("stopping", "err", err)
	}
	var late error
	for _, d := range doors {
		if err := d.server.Shutdown(grace); err != nil {
			cancel()
			_ = d.server.Close()
			late = fmt.Errorf("stop: requests were still under way after %v", stopTimeout)
		}
	}
	if len(doors) > 1 {
		return errors.Join(late, removeSocket(filepath.Join(s.config.Data, socketName)))
	}
	return late
}

// newLog makes the server's log.
func newLog(w io.Writer, format string, level slog.Leveler) *slog.Logger {
	terminal := isTerminal(w)
	if format == "text" || format == "auto" && terminal {
		return slog.New(tint.NewTextHandler(w, &tint.Options{Level: level, TimeFormat: time.TimeOnly, NoColor: !terminal}))
	}
	return slog.New(slog.NewJSONHandler(w, &slog.HandlerOptions{Level: level}))
}
