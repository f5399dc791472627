package main

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"

	"github.com/chromedp/chromedp"

	"dashd/app"
	"dashd/app/serve"
	"dashd/examples/simple"
)

// Apps of a page, and the answers of callbacks until all of them are live: each
// has two callbacks.
const (
	direct      = 6
	framed      = 4
	embedded    = direct + framed
	liveAnswers = 2 * embedded
)

// measureEmbed measures a page of six direct apps and four iframes beside one of
// ten iframes: what is transferred, and when all apps are live.
func measureEmbed(ctx context.Context, t *table) error {
	const dashApp, iframe = `<dash-app src="/app/simpleexample/"></dash-app>`, `<iframe src="/app/simpleexample/"></iframe>`
	pages := map[string]string{
		"/mixed":  `<script src="/embed.js"></script>` + strings.Repeat(dashApp, direct) + strings.Repeat(iframe, framed),
		"/framed": strings.Repeat(iframe, embedded),
	}
	dashd, err := serve.New(serve.Config{
		Apps: []*app.App{simple.New()},
		Log:  slog.New(slog.NewJSONHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelInfo})),
		Pages: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			fmt.Fprint(w, `<!DOCTYPE html><title>Apps</title><link rel="icon" href="/favicon.ico">`+pages[r.URL.Path])
		}),
	})
	if err != nil {
		return err
	}
	defer dashd.Close()
	server := httptest.NewServer(dashd.Handler())
	defer server.Close()
	ctx, cancel := startBrowser(ctx)
	defer cancel()
	if err := chromedp.Do(ctx); err != nil {
		return fmt.Errorf("start Chromium: %w", err)
	}
	var times, framedTimes, ratios []float64
	var mixed, frames visited
	for i := range visits + 1 {
		if mixed, err = visitUntil(ctx, server.URL+"/mixed", nil, liveAnswers); err != nil {
			return err
		}
		if frames, err = visitUntil(ctx, server.URL+"/framed", nil, liveAnswers); err != nil {
			return err
		}
		if i == 0 {
			continue // to warm up
		}
		times = append(times, mixed.seconds)
		framedTimes = append(framedTimes, frames.seconds)
		ratios = append(ratios, mixed.seconds/frames.seconds)
	}
	t.note(fmt.Sprintf("%d direct apps and %d iframes in a page, all live", direct, framed),
		fmt.Sprintf("%.2f of %d iframes (%.0f of %.0f ms; %.0f of %.0f kB in %d of %d requests)",
			median(ratios), embedded, median(times)*1000, median(framedTimes)*1000, mixed.bytes/1000, frames.bytes/1000, mixed.requests, frames.requests))
	return nil
}
