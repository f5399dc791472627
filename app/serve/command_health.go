package serve

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

// healthOperations are what the command asks for.
var healthOperations = map[string]operation{
	"health/show": operate(func(ctx context.Context, s *Server, _ nothing) (readiness, error) {
		return s.readiness(ctx), nil
	}),
}

// healthCommand is "health". Containers run it again and again, so it makes no
// server of its own and opens nothing.
type healthCommand struct {
	URL   string `help:"Server on another machine, such as https://dash.example.org/. Default: the server that runs on the data directory." placeholder:"URL"`
	Token string `help:"Metrics token of that server, which then also tells what is wrong." env:"DASHD_TOKEN" placeholder:"TOKEN"`
	JSON  bool   `help:"Print JSON."`
}

// commandHealthTimeout is how long a server may take to tell how it is: a little
// more than it takes to find that something is stuck.
const commandHealthTimeout = 4 * time.Second

// Run prints how the server is. Its error is that the server is not ready.
func (c *healthCommand) Run(ctx context.Context, i *invocation, console *console) error {
	ctx, cancel := context.WithTimeout(ctx, commandHealthTimeout)
	defer cancel()
	var state readiness
	var err error
	if c.URL != "" {
		state, err = askReadiness(ctx, c.URL, c.Token)
	} else {
		state, err = askRunning(ctx, i.data)
	}
	if err != nil {
		return err
	}
	if err := c.print(console, state); err != nil {
		return err
	}
	if !state.Ready {
		return errors.New("the server is not ready")
	}
	return nil
}

// print prints how a server is.
func (c *healthCommand) print(console *console, state readiness) error {
	if c.JSON {
		return console.json(state)
	}
	if len(state.Parts) == 0 && state.Ready {
		fmt.Fprintln(console.out, "ready")
	}
	var rows [][]string
	for _, p := range state.Parts {
		word := "ok"
		switch {
		case p.Warning:
			word = "warning: " + p.Problem
		case !p.OK:
			word = "PROBLEM: " + p.Problem
		}
		rows = append(rows, []string{p.Name, word})
	}
	return console.table(rows)
}

// askRunning asks the server that runs on a data directory.
func askRunning(ctx context.Context, dir string) (state readiness, err error) {
	text, err := post(ctx, controlClient(dir), "health/show", []byte("{}"))
	if dial, ok := errors.AsType[*net.OpError](err); ok && dial.Op == "dial" {
		return state, fmt.Errorf("no server answers on %s: %w", dir, dial.Err)
	}
	if err != nil {
		return state, err
	}
	if err := json.Unmarshal(text, &state); err != nil {
		return state, fmt.Errorf("read the server's answer: %w", err)
	}
	return state, nil
}

// maxReadiness bounds what a server tells, in bytes.
const maxReadiness = 64 << 10

// askReadiness asks a server by its URL.
func askReadiness(ctx context.Context, url, token string) (state readiness, err error) {
	url = strings.TrimSuffix(url, "/") + "/readyz"
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return state, fmt.Errorf("ask the server: %w", err)
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	server := &http.Client{Transport: &http.Transport{Proxy: http.ProxyFromEnvironment, DisableKeepAlives: true}}
	answer, err := server.Do(request)
	if err != nil {
		return state, fmt.Errorf("ask the server: %w", err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, maxReadiness))
	if err != nil {
		return state, fmt.Errorf("read the server's answer: %w", err)
	}
	ready := answer.StatusCode == http.StatusOK
	if !ready && answer.StatusCode != http.StatusServiceUnavailable || json.Unmarshal(text, &state) != nil || state.Ready != ready {
		return state, fmt.Errorf("%s answers %s, and not as dashd does: does the URL have the server's base path?", url, answer.Status)
	}
	return state, nil
}
