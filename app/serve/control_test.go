package serve_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"dashd/app/serve"
)

// command runs a command line and returns its exit code and what it prints.
func command(ctx context.Context, config serve.Config, args ...string) (code int, stdout, stderr string) {
	var out, err bytes.Buffer
	code = serve.Run(ctx, config, args, strings.NewReader(""), &out, &err)
	return code, out.String(), err.String()
}

func TestExitCode(t *testing.T) {
	data := "--data=" + t.TempDir()
	for _, test := range []struct {
		line string
		code int
	}{
		{"instance list", 0},
		{"--help", 0},
		{"instance show nope", 1},
		{"instance delete nope", 1},
		{"instance", 2},
		{"instance show", 2},
		{"instance access x everybody", 2},
		{"instance set x y z red", 2},
		{"serve --admin perhaps", 2},
	} {
		code, _, stderr := command(t.Context(), program(), append(strings.Fields(test.line), data)...)
		if code != test.code {
			t.Errorf("%s: exit code %d, not %d\n%s", test.line, code, test.code, stderr)
		}
	}
}

// TestControl holds what the socket answers to what no command of this version
// sends.
func TestControl(t *testing.T) {
	data := t.TempDir()
	stop, err := start(data)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
	if code, _, stderr := command(t.Context(), program(), "instance", "list", "--data", data); code != 0 {
		t.Fatal(stderr)
	}
	client := &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", filepath.Join(data, "dashd.sock"))
		},
		DisableKeepAlives: true,
	}}
	for _, test := range []struct {
		name, body string
		status     int
		want       string
	}{
		{"instance/list", `{}`, 200, `[]`},
		{"instance/show", `"nope"`, 404, `{"error":"There is no such instance.","code":"not_found"}`},
		{"instance/show", `{"x":1}`, 400, `"code":"invalid"`},
		{"instance/show", ``, 400, `"code":"invalid"`},
		{"instance/fly", `{}`, 404, `The running server does not know \"instance/fly\"`},
		{"", `{}`, 404, `"code":"not_found"`},
	} {
		answer, err := client.Post("http://localhost/"+test.name, "application/json", strings.NewReader(test.body))
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(answer.Body)
		if err := errors.Join(err, answer.Body.Close()); err != nil {
			t.Fatal(err)
		}
		if answer.StatusCode != test.status || !strings.Contains(string(text), test.want) {
			t.Errorf("%s %s: %d %s, want %d %s", test.name, test.body, answer.StatusCode, text, test.status, test.want)
		}
	}
}

// TestAnswers holds what a command makes of a server's answers.
func TestAnswers(t *testing.T) {
	for _, test := range []struct {
		name   string
		serve  http.HandlerFunc
		stderr string
	}{
		{"error", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusConflict)
			_, _ = io.WriteString(w, `{"error":"The name is taken.","code":"conflict"}`)
		}, ": The name is taken.\n"},
		{"internal error", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusInternalServerError)
			_, _ = io.WriteString(w, `{"error":"list the users: disk full","code":"internal"}`)
		}, ": list the users: disk full\n"},
		{"no JSON", func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, "no", http.StatusBadGateway)
		}, ": the running server answers 502 Bad Gateway\n"},
		{"no result", func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, `{"no":"list"}`)
		}, ": read the server's answer: "},
		{"no answer", func(http.ResponseWriter, *http.Request) {
			panic(http.ErrAbortHandler)
		}, ": ask the running server: "},
	} {
		t.Run(test.name, func(t *testing.T) {
			data := t.TempDir()
			listener, err := net.Listen("unix", filepath.Join(data, "dashd.sock"))
			if err != nil {
				t.Fatal(err)
			}
			server := &http.Server{Handler: test.serve}
			served := make(chan error, 1)
			go func() { served <- server.Serve(listener) }()
			code, _, stderr := command(t.Context(), program(), "user", "list", "--data", data)
			if code != 1 || !strings.Contains(stderr, test.stderr) {
				t.Errorf("exit code %d and %q, want 1 and %q", code, stderr, test.stderr)
			}
			_ = server.Close()
			<-served
		})
	}
}

// TestLocked holds what happens while somebody has the data directory who takes
// no commands.
func TestLocked(t *testing.T) {
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP) // what it starts for the whole process cannot start in a bubble
	signal.Stop(hangups)
	for _, test := range []struct {
		name string
		line string
		held time.Duration // so long
		wait time.Duration // the command is interrupted then
		code int
		err  string
	}{
		{"for ever", "user list", time.Hour, time.Hour, 1, "and it takes no commands: stop it, or give another directory with --data"},
		{"for ever, to a server", "serve", time.Hour, time.Hour, 1, "and it takes no commands: stop it, or give another directory with --data"},
		{"for a moment", "user list", 3 * time.Second, time.Hour, 0, ""},
		{"until it shall end, to a server", "serve", time.Hour, time.Second, 0, ""},
		{"until interrupted", "user list", time.Hour, time.Second, 1, context.DeadlineExceeded.Error()},
	} {
		t.Run(test.name, func(t *testing.T) {
			config := program()
			config.Data = t.TempDir()
			synctest.Test(t, func(t *testing.T) {
				holder, err := serve.New(config)
				if err != nil {
					t.Fatal(err)
				}
				closed := make(chan error, 1)
				time.AfterFunc(test.held, func() { closed <- holder.Close() })
				ctx, cancel := context.WithTimeout(t.Context(), test.wait)
				defer cancel()
				code, _, stderr := command(ctx, config, strings.Fields(test.line)...)
				if code != test.code || !strings.Contains(stderr, test.err) {
					t.Errorf("exit code %d and %q, want %d and %q", code, stderr, test.code, test.err)
				}
				if err := <-closed; err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// TestStopWhileStarting holds that a server which shall end before it serves has
// not failed, whatever becomes of what the start was about.
func TestStopWhileStarting(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	config := program()
	config.Data = t.TempDir()
	config.Seed = func(context.Context, *serve.Instances) error {
		stop()
		return errors.New("interrupted")
	}
	if code, _, stderr := command(ctx, config, "serve", "--listen", "127.0.0.1:0"); code != 0 || strings.Contains(stderr, "interrupted") {
		t.Errorf("exit code %d and %q", code, stderr)
	}
}

// TestInterruptedSync holds what a command says that did not wait for the
// replica.
func TestInterruptedSync(t *testing.T) {
	data := t.TempDir()
	listener, err := net.Listen("unix", filepath.Join(data, "dashd.sock"))
	if err != nil {
		t.Fatal(err)
	}
	ctx, interrupt := context.WithCancel(t.Context())
	server := &http.Server{Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // else the server does not see the end of the connection
		interrupt()
		<-r.Context().Done()
	})}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close(); <-served })
	if code, _, stderr := command(ctx, program(), "replica", "sync", "--data", data); code != 1 || !strings.HasSuffix(stderr, ": interrupted before the replica had all; replica status tells how far it is\n") {
		t.Errorf("exit code %d and %q", code, stderr)
	}
}
