package serve_test

import (
	"context"
	"io"
	"net"
	"net/http"
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

// TestMain lets the scripts run these programs by name.
func TestMain(m *testing.M) {
	testscript.Main(withBrowser{m}, map[string]func(){
		"dashd": func() { serve.Main(serve.Config{Apps: []*app.App{simple.New(), network.New()}}) },
		"broken": func() {
			a := app.New("Broken")
			a.Layout = html.Div{Children: app.List{html.Div{ID: "x"}, html.Div{ID: "x"}}}
			a.Callback(app.Output("y", "children"), app.Input("x", "n_clicks")).Do(func() string { return "" })
			serve.Main(serve.Config{Apps: []*app.App{a}})
		},
	})
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
		Cmds:                map[string]func(*testscript.TestScript, bool, []string){"get": get},
	})
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
