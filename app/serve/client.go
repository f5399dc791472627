package serve

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"dashd/app"
	"dashd/store"
)

// client is how a command reaches its data directory: by the server that runs
// on it, or else by a server of its own, which opens it and answers to nobody
// else. The first call decides.
type client struct {
	settings func() (Config, error)
	running  *http.Client
	own      *Server
}

// call asks for an operation. The result is what the operation's function
// returns. The codes of errors survive.
func call[Result any](ctx context.Context, c *client, operation string, args any) (result Result, err error) {
	text, err := json.Marshal(args)
	if err != nil {
		return result, fmt.Errorf("write the arguments: %w", err)
	}
	if text, err = c.do(ctx, operation, text); err != nil {
		return result, err
	}
	if err := json.Unmarshal(text, &result); err != nil {
		return result, fmt.Errorf("read the server's answer: %w", err)
	}
	return result, nil
}

// do asks for an operation that has no result.
func do(ctx context.Context, c *client, operation string, args any) error {
	_, err := call[nothing](ctx, c, operation, args)
	return err
}

func (c *client) do(ctx context.Context, operation string, args []byte) ([]byte, error) {
	if c.running == nil && c.own == nil {
		if err := c.connect(ctx); err != nil {
			return nil, err
		}
	}
	if c.own != nil {
		return c.own.operate(ctx, operation, args)
	}
	return post(ctx, c.running, operation, args)
}

func (c *client) connect(ctx context.Context) (err error) {
	config, err := c.settings()
	if err != nil {
		return err
	}
	c.running, c.own, err = reach(ctx, config)
	return err
}

// Close gives the data directory free, if it was opened.
func (c *client) Close() error {
	if c.own != nil {
		return c.own.Close()
	}
	return nil
}

// runningServer returns a client of the server that runs on a data directory; it
// is nil when none takes commands. Each request has a connection of its own: one
// that is given up takes its connection with it.
func runningServer(ctx context.Context, dir string) *http.Client {
	conn, err := dialControl(ctx, dir)
	if err != nil {
		return nil
	}
	_ = conn.Close() // it has shown that somebody is there
	return controlClient(dir)
}

func controlClient(dir string) *http.Client {
	return &http.Client{Transport: &http.Transport{
		DialContext:       func(ctx context.Context, _, _ string) (net.Conn, error) { return dialControl(ctx, dir) },
		DisableKeepAlives: true,
	}}
}

// A server that starts or stops has locked the data directory and takes no
// commands, for a moment.
const (
	reachTimeout  = 10 * time.Second
	reachInterval = 50 * time.Millisecond
)

// reach connects to the server that runs on the data directory, or opens the
// directory with one that is not served, which the caller closes.
func reach(ctx context.Context, config Config) (running *http.Client, own *Server, err error) {
	deadline := time.Now().Add(reachTimeout)
	for {
		if running := runningServer(ctx, config.Data); running != nil {
			return running, nil, nil
		}
		if own == nil {
			if own, err = prepare(config); err != nil {
				return nil, nil, fmt.Errorf("these apps cannot be served:\n%w", err)
			}
		}
		err := own.open(ctx, 0)
		switch {
		case err == nil:
			return nil, own, nil
		case !errors.Is(err, store.ErrLocked):
			return nil, nil, err
		case time.Now().After(deadline):
			return nil, nil, fmt.Errorf("%w, and it takes no commands: stop it, or give another directory with --data", err)
		}
		select {
		case <-ctx.Done():
			return nil, nil, ctx.Err()
		case <-time.After(reachInterval):
		}
	}
}

// post asks a running server for an operation.
func post(ctx context.Context, server *http.Client, operation string, args []byte) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://localhost/"+operation, bytes.NewReader(args))
	if err != nil {
		return nil, fmt.Errorf("ask the running server: %w", err)
	}
	request.Header["Content-Type"] = jsonType
	answer, err := server.Do(request)
	if err != nil {
		return nil, fmt.Errorf("ask the running server: %w", err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, maxControl))
	if err != nil {
		return nil, fmt.Errorf("read the running server's answer: %w", err)
	}
	if answer.StatusCode == http.StatusOK {
		return text, nil
	}
	var failed controlError
	if err := json.Unmarshal(text, &failed); err != nil || failed.Error == "" {
		return nil, fmt.Errorf("the running server answers %s", answer.Status)
	}
	if failed.Code == app.Internal {
		return nil, errors.New(failed.Error)
	}
	return nil, &app.Error{Code: failed.Code, Message: failed.Error}
}
