package serve_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"dashd/app"
	"dashd/app/html"
	"dashd/app/serve"
	"dashd/examples/network"
	"dashd/examples/simple"
)

// patience is how long a test waits for what must come.
const patience = time.Minute

// TestMain lets the scripts run these programs by name.
func TestMain(m *testing.M) {
	testscript.Main(withBrowser{m}, map[string]func(){
		"dashd": func() { serve.Main(program()) },
		"small": func() { serve.Main(serve.Config{Apps: []*app.App{simple.New()}}) },
		"gated": func() { serve.Main(gated()) },
		"broken": func() {
			a := app.New("Broken")
			a.Layout = html.Div{Children: app.List{html.Div{ID: "x"}, html.Div{ID: "x"}}}
			a.Callback(app.Output("y", "children"), app.Input("x", "n_clicks")).Do(func() string { return "" })
			serve.Main(serve.Config{Apps: []*app.App{a}})
		},
	})
}

// program is the "dashd" of the scripts.
func program() serve.Config {
	items := app.New("Items")
	items.Layout = html.Div{Children: app.List{
		html.Div{ID: app.Key("type", "item", "index", 1), Title: "one"},
		html.Div{ID: app.Key("type", "item", "index", 2), Title: "two"},
	}}
	return serve.Config{Apps: []*app.App{simple.New(), network.New(), items}}
}

// withBrowser closes the browser when the tests are done.
type withBrowser struct{ *testing.M }

func (w withBrowser) Run() int {
	defer stopBrowser()
	return w.M.Run()
}

// TestScripts runs the command line as a person does: testdata/script.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		Cmds:                map[string]func(*testscript.TestScript, bool, []string){"get": get, "mode": mode},
		Setup: func(env *testscript.Env) error {
			env.Setenv("GORACE", endAtOnce)
			return nil
		},
	})
}

// endAtOnce keeps the race detector from holding up the end of each command for
// a second.
const endAtOnce = "atexit_sleep_ms=0"

// TestCommands runs the scripts in testdata/command twice: commands do the same
// whether or not a server runs on their data directory.
func TestCommands(t *testing.T) {
	for _, state := range []string{"stopped", "running"} {
		t.Run(state, func(t *testing.T) {
			testscript.Run(t, testscript.Params{
				Dir:                 "testdata/command",
				RequireExplicitExec: true,
				Setup: func(env *testscript.Env) error {
					data := filepath.Join(env.WorkDir, "data")
					env.Setenv("DASHD_DATA", data)
					env.Setenv("GORACE", endAtOnce)
					if state == "running" {
						stop, err := start(data)
						if err != nil {
							return err
						}
						env.Defer(func() {
							if err := stop(); err != nil {
								env.T().Fatal(err)
							}
						})
					}
					return nil
				},
			})
		})
	}
}

// start serves the scripts' program on a data directory until it is stopped.
func start(data string) (stop func() error, err error) {
	config := program()
	config.Data = data
	server, err := serve.New(config)
	if err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, errors.Join(err, server.Close())
	}
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- server.Serve(ctx, listener) }()
	return func() error {
		cancel()
		return errors.Join(<-served, server.Close())
	}, nil
}

// mode is a command of the scripts: "mode 0600 FILE" holds a file's permissions.
func mode(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 2 || neg {
		ts.Fatalf("usage: mode permissions file")
	}
	info, err := os.Stat(ts.MkAbs(args[1]))
	ts.Check(err)
	if got := fmt.Sprintf("%#o", info.Mode().Perm()); got != args[0] {
		ts.Fatalf("%s has the permissions %s, not %s", args[1], got, args[0])
	}
}

// get is a command of the scripts: "get SOCKET PATH" prints the answer of a
// server that listens, or is about to listen, on a Unix socket.
func get(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 2 || neg {
		ts.Fatalf("usage: get socket path")
	}
	client := &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			for {
				conn, err := new(net.Dialer).DialContext(ctx, "unix", ts.MkAbs(args[0]))
				if err == nil || ctx.Err() != nil {
					return conn, err
				}
				time.Sleep(time.Millisecond) // between tries; the context bounds them
			}
		},
		DisableKeepAlives: true,
	}, Timeout: 20 * time.Second}
	resp, err := client.Get("http://localhost" + args[1])
	if err != nil {
		ts.Fatalf("get %s: %v", args[1], err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		ts.Fatalf("read the answer: %v", err)
	}
	_, _ = io.Copy(ts.Stdout(), strings.NewReader(resp.Status+"\n"+string(body)))
}
