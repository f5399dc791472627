package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strconv"

	"dashd/app"
	"dashd/app/serve"
	"dashd/examples/simple"
)

// savedBudget is the least of the stateless rate that updates of an instance
// keep, each of which is saved.
const savedBudget = 0.5

// manyInstances is how many instances there are when there are many.
const manyInstances = 10_000

// saved is a server with a database on disk.
type saved struct {
	*serve.Server
	dir string
}

// newSaved makes a server of SimpleExample with instances that save what
// callbacks change.
func newSaved(count int) (*saved, error) {
	dir, err := os.MkdirTemp("", "dashd-bench")
	if err != nil {
		return nil, err
	}
	state := app.BaseState{
		"dropdown-color": {"value": json.RawMessage(`"red"`)},
		"dropdown-size":  {"value": json.RawMessage(`"medium"`)},
	}
	server, err := serve.New(serve.Config{
		Apps: []*app.App{simple.New()},
		Data: dir,
		Log:  slog.New(slog.NewJSONHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelInfo})),
		Seed: func(ctx context.Context, instances *serve.Instances) error {
			for i := range count {
				_, err := instances.Create(ctx, serve.NewInstance{
					App: "SimpleExample", Name: fmt.Sprint("Instance ", i), Slug: savedSlug(i), SaveOnChange: true, State: state,
				})
				if err != nil {
					return err
				}
			}
			return nil
		},
	})
	if err != nil {
		_ = os.RemoveAll(dir)
		return nil, err
	}
	return &saved{server, dir}, nil
}

func (s *saved) close() { _ = errors.Join(s.Close(), os.RemoveAll(s.dir)) }

func savedSlug(i int) string { return "instance-" + strconv.Itoa(i) }
func savedPath(i int) string { return "/instance/" + savedSlug(i) + "/" }

// changes are updates of which each changes a value, at a path for each
// connection.
func changes(path func(connection int) string) requests {
	return func(address string, connection int) (all [][]byte) {
		for _, size := range []string{"large", "small", "medium"} {
			body := fmt.Sprintf(`{"output":"output-size.children","outputs":{"id":"output-size","property":"children"},`+
				`"inputs":[{"id":"dropdown-color","property":"value","value":"red"},{"id":"dropdown-size","property":"value","value":"%s-%d"}],`+
				`"changedPropIds":["dropdown-size.value"]}`, size, connection)
			all = append(all, fmt.Appendf(nil, "POST %s HTTP/1.1\r\nHost: %s\r\nAccept: application/json\r\n"+
				"Content-Type: application/json\r\nOrigin: http://%s\r\nSec-Fetch-Site: same-origin\r\nContent-Length: %d\r\n\r\n%s",
				path(connection)+"?endId=bench", address, address, len(body), body))
		}
		return all
	}
}

// layouts are requests for the layout at a path.
func layouts(path string) requests {
	return always(func(address string) []byte {
		return fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: %s\r\nAccept: application/json\r\nSec-Fetch-Site: same-origin\r\n\r\n", path, address)
	})
}

// measureSaved measures instances beside the app itself, one and many.
func measureSaved(ctx context.Context, t *table) error {
	stateless, err := startChild(ctx, dashdHandler)
	if err != nil {
		return err
	}
	defer stateless.stop()
	plain := changes(func(int) string { return updatePath(simple.New()) })
	for _, count := range []int{1, manyInstances} {
		server, err := startChild(ctx, savedHandler, strconv.Itoa(count))
		if err != nil {
			return err
		}
		defer server.stop()
		of := fmt.Sprintf(", %s instances", thousands(float64(count)))
		if count == 1 {
			of = ", 1 instance"
		}
		// The layout first: as long as nothing has changed, the answers are alike.
		c, err := compareTwo(ctx, server, layouts(savedPath(count/2)+"_dash-layout"), stateless, layouts(layoutPath(simple.New())), 8)
		if err != nil {
			return err
		}
		t.note("_dash-layout with saved state, 8 connections"+of, c.statelessText())
		path := func(connection int) string { return savedPath(connection*611%count) + "_dash-update-component" }
		if c, err = compareTwo(ctx, server, changes(path), stateless, plain, 16); err != nil {
			return err
		}
		t.atLeast("update saved to disk before the answer, 16 connections"+of, c.rateRatio, savedBudget, c.statelessText())
	}
	return nil
}

func (c comparison) statelessText() string {
	return fmt.Sprintf("%.2f of the app without state (%s of %s requests/s)", c.rateRatio, thousands(c.rate), thousands(c.bareRate))
}
