package serve

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/alecthomas/kong"
	"github.com/lmittmann/tint"

	"dashd/app"
)

// Main is a whole program that serves apps: it runs the command that the
// arguments name, and ends the process.
//
// Its exit codes are 0 for success, 1 for an error, and 2 for a command line
// that makes no sense.
func Main(config Config) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := Run(ctx, config, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// Run is [Main] without the process: it runs the command until it is done or
// ctx is, and returns the exit code.
func Run(ctx context.Context, config Config, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	var commands struct {
		Data     string           `help:"Directory of the server's own files; made when missing. Default: $$STATE_DIRECTORY where that is set, or ${data}." env:"DASHD_DATA" placeholder:"DIR"`
		Serve    serveCommand     `cmd:"" help:"Serve the apps."`
		App      appCommands      `cmd:"" help:"The apps, and who may open them."`
		Instance instanceCommands `cmd:"" help:"Saved copies of the apps' state."`
		User     userCommands     `cmd:"" help:"Those who may sign in."`
		Group    groupCommands    `cmd:"" help:"Groups of users."`
		Poke     pokeCommand      `cmd:"" help:"Publish to a channel of a running server."`
		Token    tokenCommands    `cmd:"" help:"Tokens of programs that publish from elsewhere."`
		Embed    embedCommands    `cmd:"" help:"Apps in pages of other sites."`
		Version  versionCommand   `cmd:"" help:"Print the versions of this program and of what it embeds."`
	}
	const exitUsage = 2
	data := cmp.Or(config.Data, "./dashd-data")
	exited := -1
	name := strings.TrimSuffix(filepath.Base(os.Args[0]), ".exe")
	parser, err := kong.New(&commands,
		kong.Name(name),
		kong.Description("Serves Dash apps written in Go."),
		kong.PostBuild(environment),
		kong.Vars{"data": data, "max_body": fmt.Sprint(DefaultMaxBody), "initial_ttl": fmt.Sprint(DefaultInitialTTL), "embed_ttl": fmt.Sprint(DefaultEmbedTTL),
			"ws_route": cmp.Or(config.WSRoute, DefaultWSRoute), "http_route": cmp.Or(config.HTTPRoute, DefaultHTTPRoute)},
		kong.Writers(stdout, stderr),
		kong.Exit(func(code int) { exited = code }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.Bind(&console{stdin, stdout, stderr}),
	)
	if err != nil {
		fmt.Fprintf(stderr, "%s: %v\n", name, err)
		return 1
	}
	parsed, err := parser.Parse(negativeNumbers(args))
	if exited >= 0 { // --help
		return exited
	}
	if err != nil {
		fmt.Fprintf(stderr, "%s: %v\nTry: %s --help\n", name, err, name)
		return exitUsage
	}
	config.Data = kong.ExpandPath(cmp.Or(commands.Data, os.Getenv("STATE_DIRECTORY"), data))
	client := &client{config: config}
	err = parsed.Run(config, client)
	if err = errors.Join(err, client.Close()); err != nil {
		fmt.Fprintf(stderr, "%s: %s\n", name, sentence(err))
		return 1
	}
	return 0
}

// environment names the variables that stand for the flags of the server. The
// other commands do what their command line says.
func environment(k *kong.Kong) error {
	for _, command := range k.Model.Children {
		if command.Name != "serve" {
			continue
		}
		for _, flag := range command.Flags {
			flag.Envs = []string{"DASHD_" + strings.ToUpper(strings.ReplaceAll(flag.Name, "-", "_"))}
			flag.Tag.Envs = flag.Envs
		}
	}
	return nil
}

// negativeNumbers puts a blank, which means nothing in JSON, before negative
// numbers, which would look like flags.
func negativeNumbers(args []string) []string {
	args = slices.Clone(args)
	for i, arg := range args {
		if strings.HasPrefix(arg, "-") && json.Valid([]byte(arg)) {
			args[i] = " " + arg
		}
	}
	return args
}

// sentence is what a person reads of an error.
func sentence(err error) string {
	if e, ok := errors.AsType[*app.Error](err); ok && e.Code != app.Internal {
		return e.Message
	}
	return err.Error()
}

// serveCommand is "serve".
type serveCommand struct {
	Listen         string        `help:"Address to listen on: host:port, or unix:PATH. Default: 127.0.0.1:8000, or all addresses at $$PORT where that is set." placeholder:"ADDR"`
	BasePath       string        `help:"Path below which everything is served, such as /my-app." placeholder:"PATH"`
	PublicURL      string        `help:"How visitors reach the server, such as https://dash.example.org." placeholder:"URL"`
	AllowedHosts   []string      `help:"Further host names that requests may use; * allows all." placeholder:"NAME"`
	Home           string        `help:"App that / leads to." placeholder:"APP"`
	DefaultAccess  accessText    `help:"Who may open apps that do not say it: public, authenticated, or 'restricted user:NAME group:NAME ...'. Default: authenticated." placeholder:"ACCESS"`
	InitialArgsTTL time.Duration `help:"How long initial arguments can be used. Default: ${initial_ttl}." placeholder:"TIME"`
	WSRoute        string        `help:"Path at which pipes connect." default:"${ws_route}" placeholder:"PATH"`
	HTTPRoute      string        `help:"Path under which poke/ takes messages." default:"${http_route}" placeholder:"PATH"`
	HTTPPoke       string        `help:"Messages over HTTP: on or off." enum:"on,off" default:"on"`
	Admin          string        `help:"The administration below /admin/: on or off." enum:"on,off" default:"on"`
	MaxBody        int64         `help:"Most bytes of a request's body." default:"${max_body}" placeholder:"N"`
	LogFormat      string        `help:"Form of the log: text, json, or auto, which is text on a terminal." enum:"auto,text,json" default:"auto"`
	LogLevel       string        `help:"Least level that is logged; debug logs each request." enum:"debug,info,warn,error" default:"info"`
}

// Run serves until ctx is done.
func (c *serveCommand) Run(ctx context.Context, config Config, console *console) error {
	running, server, err := reach(ctx, c.override(config, console))
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
	if c.DefaultAccess != "" {
		config.DefaultAccess = app.Access(c.DefaultAccess)
	}
	if c.InitialArgsTTL != 0 {
		config.InitialTTL = c.InitialArgsTTL
	}
	config.WSRoute, config.HTTPRoute = c.WSRoute, c.HTTPRoute
	if c.HTTPPoke == off {
		config.NoPoke = true
	}
	if c.Admin == off {
		config.NoAdmin = true
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

// Serve serves on a listener, and commands on the socket in the data directory,
// until ctx is done. Then it lets the requests under way finish. It closes the
// listener.
func (s *Server) Serve(ctx context.Context, listener net.Listener) error {
	requests, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	doors := []door{{s.httpServer(requests, s.handler), listener}}
	if s.config.Data != "" {
		socket, err := s.listenControl()
		if err != nil {
			_ = listener.Close()
			return err
		}
		doors = append(doors, door{s.httpServer(requests, http.HandlerFunc(s.control)), socket})
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
func newLog(w io.Writer, format, level string) *slog.Logger {
	var least slog.Level
	_ = least.UnmarshalText([]byte(level)) // kong has checked it
	terminal := isTerminal(w)
	if format == "text" || format == "auto" && terminal {
		return slog.New(tint.NewTextHandler(w, &tint.Options{Level: least, TimeFormat: time.TimeOnly, NoColor: !terminal}))
	}
	return slog.New(slog.NewJSONHandler(w, &slog.HandlerOptions{Level: least}))
}
