package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"dashd/app"
	"dashd/examples/simple"
)

// Budgets: the least of a bare handler's rate.
const (
	updateBudget = 0.8
	layoutBudget = 0.9
)

// updateBody is what the renderer sends when a size is chosen in SimpleExample.
const updateBody = `{"output":"output-size.children","outputs":{"id":"output-size","property":"children"},` +
	`"inputs":[{"id":"dropdown-color","property":"value","value":"red"},{"id":"dropdown-size","property":"value","value":"large"}],` +
	`"changedPropIds":["dropdown-size.value"],"parsedChangedPropsIds":["dropdown-size.value"]}`

func updatePath(a *app.App) string { return "/app/" + a.Slug() + "/_dash-update-component" }
func layoutPath(a *app.App) string { return "/app/" + a.Slug() + "/_dash-layout" }

// updateRequest is the request with those headers of a browser that a server
// looks at.
func updateRequest(address string) []byte {
	return fmt.Appendf(nil, "POST %s HTTP/1.1\r\nHost: %s\r\nAccept: application/json\r\nAccept-Encoding: gzip, deflate, br, zstd\r\n"+
		"Content-Type: application/json\r\nOrigin: http://%s\r\nSec-Fetch-Site: same-origin\r\nContent-Length: %d\r\n\r\n%s",
		updatePath(simple.New()), address, address, len(updateBody), updateBody)
}

// layoutRequest is a request of a client that takes no compressed answer.
func layoutRequest(a *app.App) func(address string) []byte {
	return func(address string) []byte {
		return fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: %s\r\nAccept: application/json\r\nSec-Fetch-Site: same-origin\r\n\r\n", layoutPath(a), address)
	}
}

// startBoth starts dashd and the bare handler.
func startBoth(ctx context.Context) (dashd, bare *child, err error) {
	if dashd, err = startChild(ctx, dashdHandler); err != nil {
		return nil, nil, err
	}
	if bare, err = startChild(ctx, bareHandler); err != nil {
		dashd.stop()
		return nil, nil, err
	}
	return dashd, bare, nil
}

// measureUpdate measures update-component of SimpleExample.
func measureUpdate(ctx context.Context, t *table) error {
	dashd, bare, err := startBoth(ctx)
	if err != nil {
		return err
	}
	defer dashd.stop()
	defer bare.stop()
	for _, connections := range []int{8, 1} {
		c, err := compare(ctx, dashd, bare, connections, always(updateRequest))
		if err != nil {
			return err
		}
		what := "update-component, " + plural(connections, "connection")
		t.atLeast(what, c.rateRatio, updateBudget, c.rateText())
		if c.bareCost > 0 {
			t.note(what+": processor time of a request", c.costText())
		}
	}
	return nil
}

// measureLayout measures _dash-layout, uncompressed.
func measureLayout(ctx context.Context, t *table) error {
	dashd, bare, err := startBoth(ctx)
	if err != nil {
		return err
	}
	defer dashd.stop()
	defer bare.stop()
	for _, a := range []*app.App{simple.New(), newWide()} {
		text, err := a.LayoutJSON(ctx, nil)
		if err != nil {
			return err
		}
		c, err := compare(ctx, dashd, bare, 8, always(layoutRequest(a)))
		if err != nil {
			return err
		}
		what := fmt.Sprintf("_dash-layout of %s bytes, uncompressed, 8 connections", thousands(float64(len(text))))
		t.atLeast(what, c.rateRatio, layoutBudget, c.rateText())
		if c.bareCost > 0 {
			t.note(what+": processor time of a request", c.costText())
		}
	}
	return nil
}

// profile loads a server as the group of that name does, for a while, and
// leaves its profiles in a directory.
func profile(ctx context.Context, dir, group string) error {
	handler, connections := []string{dashdHandler, dir}, 8
	var requests requests
	switch group {
	case "update":
		requests = always(updateRequest)
	case "layout":
		requests = always(layoutRequest(simple.New()))
	case "saved":
		handler, connections = []string{savedHandler, "16", dir}, 16
		requests = changes(func(connection int) string { return savedPath(connection) + "_dash-update-component" })
	default:
		return fmt.Errorf("there is no profile of %q: name update, layout or saved", group)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	server, err := startChild(ctx, handler...)
	if err != nil {
		return err
	}
	defer server.stop()
	c, err := newContestant(server, connections, requests)
	if err != nil {
		return err
	}
	defer c.close()
	return c.round(10 * time.Second)
}

func (c comparison) rateText() string {
	return fmt.Sprintf("%.2f of bare net/http (%s of %s requests/s)", c.rateRatio, thousands(c.rate), thousands(c.bareRate))
}

func (c comparison) costText() string {
	return fmt.Sprintf("%.2f of bare net/http (%.1f of %.1f µs)", c.costRatio, c.cost*1e6, c.bareCost*1e6)
}

func plural(n int, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return fmt.Sprintf("%d %s", n, noun)
}
