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
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/alecthomas/kong"
	"github.com/lmittmann/tint"
)

// Main is a whole program that serves apps: it runs the command that the
// arguments name, and ends the process.
//
// Its exit codes are 0 for success, 1 for an error, and 2 for a command line
// that makes no sense.
func Main(config Config) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := Run(ctx, config, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// Run is [Main] without the process: it runs the command until it is done or
// ctx is, and returns the exit code.
func Run(ctx context.Context, config Config, args []string, stdout, stderr io.Writer) int {
	var commands struct {
		Serve   serveCommand   `cmd:"" help:"Serve the apps."`
		Version versionCommand `cmd:"" help:"Print the versions of this program and of what it embeds."`
	}
	const exitUsage = 2
	exited := -1
	name := strings.TrimSuffix(filepath.Base(os.Args[0]), ".exe")
	parser, err := kong.New(&commands,
		kong.Name(name),
		kong.Description("Serves Dash apps written in Go."),
		kong.DefaultEnvars("DASHD"),
		kong.Vars{"max_body": fmt.Sprint(DefaultMaxBody)},
		kong.Writers(stdout, stderr),
		kong.Exit(func(code int) { exited = code }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
		kong.Bind(config),
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.Bind(&console{stdout, stderr}),
	)
	if err != nil {
		fmt.Fprintf(stderr, "%s: %v\n", name, err)
		return 1
	}
	parsed, err := parser.Parse(args)
	if exited >= 0 { // --help
		return exited
	}
	if err != nil {
		fmt.Fprintf(stderr, "%s: %v\nTry: %s --help\n", name, err, name)
		return exitUsage
	}
	if err := parsed.Run(); err != nil {
		fmt.Fprintf(stderr, "%s: %v\n", name, err)
		return 1
	}
	return 0
}

// console is where a command writes.
type console struct{ out, err io.Writer }

// serveCommand is "serve".
type serveCommand struct {
	Listen       string   `help:"Address to listen on: host:port, or unix:PATH. Default: 127.0.0.1:8000, or all addresses at $$PORT where that is set." placeholder:"ADDR"`
	BasePath     string   `help:"Path below which everything is served, such as /my-app." placeholder:"PATH"`
	PublicURL    string   `help:"How visitors reach the server, such as https://dash.example.org." placeholder:"URL"`
	AllowedHosts []string `help:"Further host names that requests may use; * allows all." placeholder:"NAME"`
	Home         string   `help:"App that / leads to." placeholder:"APP"`
	MaxBody      int64    `help:"Most bytes of a request's body." default:"${max_body}" placeholder:"N"`
	Data         string   `help:"Directory for the server's own files; made when missing." default:"./dashd-data" placeholder:"DIR" type:"path"`
	LogFormat    string   `help:"Form of the log: text, json, or auto, which is text on a terminal." enum:"auto,text,json" default:"auto"`
	LogLevel     string   `help:"Least level that is logged; debug logs each request." enum:"debug,info,warn,error" default:"info"`
}

// Run serves until ctx is done.
func (c *serveCommand) Run(ctx context.Context, config Config, console *console) error {
	config = c.override(config, console)
	server, err := New(config)
	if err != nil {
		return fmt.Errorf("these apps cannot be served:\n%w", err)
	}
	if err := os.MkdirAll(c.Data, 0o700); err != nil {
		return fmt.Errorf("make the data directory: %w", err)
	}
	listener, err := c.listen()
	if err != nil {
		return err
	}
	server.config.Log.Info("serving", "apps", len(server.apps), "url", publicURL(listener.Addr(), server.config.BasePath))
	return server.Serve(ctx, listener)
}

// override puts the flags over the program's own configuration.
func (c *serveCommand) override(config Config, console *console) Config {
	if c.BasePath != "" {
		config.BasePath = c.BasePath
	}
	if c.PublicURL != "" {
		config.PublicURL = c.PublicURL
	}
	config.AllowedHosts = append(config.AllowedHosts, c.AllowedHosts...)
	if c.Home != "" {
		config.Home = c.Home
	}
	if config.MaxBody == 0 || c.MaxBody != DefaultMaxBody {
		config.MaxBody = c.MaxBody
	}
	if config.Log == nil {
		config.Log = newLog(console.err, c.LogFormat, c.LogLevel)
	}
	return config
}

func (c *serveCommand) listen() (net.Listener, error) {
	address := c.Listen
	if address == "" {
		address = "127.0.0.1:8000"
		if port := os.Getenv("PORT"); port != "" {
			address = ":" + port
		}
	}
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
	stopTimeout    = 20 * time.Second // for requests under way when the server stops
)

// Serve serves on a listener until ctx is done, then lets the requests under
// way finish. It closes the listener.
func (s *Server) Serve(ctx context.Context, listener net.Listener) error {
	requests, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	server := &http.Server{
		Handler:           s.handler,
		ReadHeaderTimeout: headerTimeout,
		IdleTimeout:       idleTimeout,
		WriteTimeout:      answerTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		BaseContext:       func(net.Listener) context.Context { return requests },
		ErrorLog:          slog.NewLogLogger(s.config.Log.Handler(), slog.LevelDebug),
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	select {
	case err := <-served:
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	s.config.Log.Info("stopping")
	grace, done := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
	defer done()
	if err := server.Shutdown(grace); err != nil {
		cancel() // callbacks that take too long
		_ = server.Close()
		return fmt.Errorf("stop: requests were still under way after %v", stopTimeout)
	}
	return nil
}

// newLog makes the server's log.
func newLog(w io.Writer, format, level string) *slog.Logger {
	var least slog.Level
	_ = least.UnmarshalText([]byte(level)) // kong has checked it
	terminal := false
	if f, ok := w.(*os.File); ok {
		info, err := f.Stat()
		terminal = err == nil && info.Mode()&os.ModeCharDevice != 0
	}
	if format == "text" || format == "auto" && terminal {
		return slog.New(tint.NewTextHandler(w, &tint.Options{Level: least, TimeFormat: time.TimeOnly, NoColor: !terminal}))
	}
	return slog.New(slog.NewJSONHandler(w, &slog.HandlerOptions{Level: least}))
}
