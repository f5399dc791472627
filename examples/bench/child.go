package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/pprof"
	"strconv"
	"strings"
	"time"

	"dashd/app"
	"dashd/app/serve"
	"dashd/examples/simple"
)

// childCommand is the hidden first argument of a child: this program again,
// as a server. It is followed by the name of the handler, for instances by their
// number and, to profile it, by a directory.
//
// A child prints its address and then, for each line that it reads, the
// processor time that it has used, in nanoseconds. A line with a number first
// lets it publish so many messages. It ends with its input.
const childCommand = "child"

// The children's handlers.
const (
	dashdHandler = "dashd"
	bareHandler  = "bare"
	savedHandler = "saved" // dashd with instances on disk
	liveHandler  = "live"  // dashd with a channel, to which it publishes
)

func runChild(args []string) error {
	var handler http.Handler
	publish := func(int) error { return nil }
	switch args[0] {
	case dashdHandler:
		h, err := newHandler(simple.New(), newWide())
		if err != nil {
			return err
		}
		handler = h
	case bareHandler:
		h, err := newBare()
		if err != nil {
			return err
		}
		handler = h
	case savedHandler:
		count, err := strconv.Atoi(args[1])
		if err != nil {
			return err
		}
		server, err := newSaved(count)
		if err != nil {
			return err
		}
		defer server.close()
		handler, args = server.Handler(), args[1:]
	case liveHandler:
		server, err := newListening()
		if err != nil {
			return err
		}
		defer server.Close()
		handler, args = server.Handler(), args[:1]
		publish = func(n int) error { return publishTimes(server, n) }
	default:
		return fmt.Errorf("there is no handler %q", args[0])
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: time.Minute}
	go func() { _ = server.Serve(listener) }() // until Close
	defer server.Close()
	if len(args) > 1 {
		stop, err := startProfile(args[1])
		if err != nil {
			return err
		}
		defer stop()
	}
	fmt.Println(listener.Addr())
	for input := bufio.NewScanner(os.Stdin); input.Scan(); {
		if n, err := strconv.Atoi(input.Text()); err == nil {
			if err := publish(n); err != nil {
				return err
			}
		}
		fmt.Println(cpuTime().Nanoseconds())
	}
	return nil
}

// newHandler makes dashd's whole handler, with the log of the command line: as
// JSON, at level info, so that requests are not logged.
func newHandler(apps ...*app.App) (http.Handler, error) {
	server, err := serve.New(serve.Config{
		Apps: apps,
		Log:  slog.New(slog.NewJSONHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelInfo})),
	})
	if err != nil {
		return nil, err
	}
	return server.Handler(), nil
}

// newBare makes what dashd is measured against: handlers that do the same with
// net/http and encoding/json, and nothing else.
func newBare() (http.Handler, error) {
	layouts := map[string][]byte{}
	for _, a := range []*app.App{simple.New(), newWide()} {
		text, err := a.LayoutJSON(context.Background(), nil)
		if err != nil {
			return nil, err
		}
		layouts[layoutPath(a)] = text
	}
	update := updatePath(simple.New())
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == update {
			bareUpdate(w, r)
			return
		}
		layout := layouts[r.URL.Path]
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Length", strconv.Itoa(len(layout)))
		_, _ = w.Write(layout)
	}), nil
}

// bareUpdate is the second callback of SimpleExample, written by hand.
func bareUpdate(w http.ResponseWriter, r *http.Request) {
	type property struct {
		ID       string `json:"id"`
		Property string `json:"property"`
		Value    string `json:"value"`
	}
	var body struct {
		Output         string     `json:"output"`
		Outputs        property   `json:"outputs"`
		Inputs         []property `json:"inputs"`
		ChangedPropIDs []string   `json:"changedPropIds"`
	}
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil || len(body.Inputs) != 2 {
		http.Error(w, "bad request", http.StatusBadRequest)
		return
	}
	var answer struct {
		Multi    bool `json:"multi"`
		Response struct {
			Size struct {
				Children string `json:"children"`
			} `json:"output-size"`
		} `json:"response"`
	}
	answer.Multi = true
	answer.Response.Size.Children = fmt.Sprintf("The chosen T-shirt is a %s %s one.", body.Inputs[1].Value, body.Inputs[0].Value)
	text, err := json.Marshal(answer)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(text)
}

// startProfile starts cpu.pprof in a directory; stop ends it and adds
// allocs.pprof.
func startProfile(dir string) (stop func(), err error) {
	cpu, err := os.Create(filepath.Join(dir, "cpu.pprof"))
	if err != nil {
		return nil, err
	}
	if err := pprof.StartCPUProfile(cpu); err != nil {
		return nil, err
	}
	return func() {
		pprof.StopCPUProfile()
		_ = cpu.Close()
		if allocs, err := os.Create(filepath.Join(dir, "allocs.pprof")); err == nil {
			_ = pprof.Lookup("allocs").WriteTo(allocs, 0)
			_ = allocs.Close()
		}
	}, nil
}

// child is a server in a process of its own.
type child struct {
	address string
	cmd     *exec.Cmd
	in      *os.File
	out     *bufio.Reader
}

// startChild starts a child; the arguments are as in [childCommand].
func startChild(ctx context.Context, args ...string) (*child, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	cmd := exec.CommandContext(ctx, self, append([]string{childCommand}, args...)...)
	cmd.Stdin, cmd.Stderr = r, os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		w.Close()
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		w.Close()
		return nil, err
	}
	c := &child{cmd: cmd, in: w, out: bufio.NewReader(out)}
	if c.address, err = c.line(); err != nil {
		c.stop()
		return nil, fmt.Errorf("start the server %s: %w", args[0], err)
	}
	return c, nil
}

func (c *child) line() (string, error) {
	line, err := c.out.ReadString('\n')
	return strings.TrimSpace(line), err
}

// cpu returns the processor time that the child has used.
func (c *child) cpu() (time.Duration, error) {
	if _, err := c.in.WriteString("\n"); err != nil {
		return 0, err
	}
	line, err := c.line()
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseInt(line, 10, 64)
	return time.Duration(n), err
}

// stop ends the child and waits for it.
func (c *child) stop() {
	_ = c.in.Close()
	_ = c.cmd.Wait()
}
