package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"dashd/app"
)

// Budgets of the hello-world page, in bytes.
const (
	helloBudget  = 180_000
	clicksBudget = 110_000
)

// visits is how often each page is opened; visitTime is the most that one
// visit takes.
const (
	visits    = 15
	visitTime = 30 * time.Second
)

// slow is a network of 9 Mbit/s with 170 ms of latency.
var slow = &network.Conditions{Latency: 170, DownloadThroughput: 9e6 / 8, UploadThroughput: 9e6 / 8}

// measurePage opens pages in Chromium: what is transferred until the first
// callback is answered, and how long that takes beside a page as Dash makes it.
func measurePage(ctx context.Context, t *table) error {
	hello, clicks := newHello(), newClicks()
	handler, err := newHandler(hello, clicks)
	if err != nil {
		return err
	}
	server := httptest.NewServer(handler)
	defer server.Close()
	dashHandler, err := asDash(handler, hello)
	if err != nil {
		return err
	}
	dashServer := httptest.NewServer(dashHandler)
	defer dashServer.Close()

	ctx, cancel := startBrowser(ctx)
	defer cancel()
	if err := chromedp.Do(ctx); err != nil {
		return fmt.Errorf("start Chromium: %w", err)
	}
	url := server.URL + pagePath(hello)
	dashURL := dashServer.URL + pagePath(hello)

	for _, p := range []struct {
		what   string
		app    *app.App
		budget float64
	}{
		{"hello-world page with an Input of dcc, transferred", hello, helloBudget},
		{"hello-world page with html only, transferred", clicks, clicksBudget},
	} {
		v, err := heaviest(ctx, server.URL+pagePath(p.app))
		if err != nil {
			return err
		}
		t.below(p.what, v.bytes, p.budget, fmt.Sprintf("below %.0f kB", p.budget/1000),
			fmt.Sprintf("%.1f kB in %s", v.bytes/1000, plural(v.requests, "request")))
	}
	for _, speed := range []struct {
		name       string
		conditions *network.Conditions
	}{
		{"no throttling", nil},
		{"9 Mbit/s, 170 ms", slow},
	} {
		var times, dashTimes, ratios []float64
		var ours, dash visited
		for i := range visits + 1 {
			if ours, err = visit(ctx, url, speed.conditions); err != nil {
				return err
			}
			if dash, err = visit(ctx, dashURL, speed.conditions); err != nil {
				return err
			}
			if i == 0 {
				continue // to warm up
			}
			times = append(times, ours.seconds)
			dashTimes = append(dashTimes, dash.seconds)
			ratios = append(ratios, ours.seconds/dash.seconds)
		}
		ratio := median(ratios)
		t.below("hello-world page to its first callback, "+speed.name, ratio, 1, "below 1",
			fmt.Sprintf("%.2f of Dash's list of scripts (%.0f of %.0f ms, %.0f of %.0f kB)",
				ratio, median(times)*1000, median(dashTimes)*1000, ours.bytes/1000, dash.bytes/1000))
	}
	return nil
}

func pagePath(a *app.App) string { return "/app/" + a.Slug() + "/" }

// heaviest opens a page a few times and returns the visit that transferred
// most: whether the icon comes before the first callback is a matter of chance.
func heaviest(ctx context.Context, url string) (most visited, err error) {
	for range 3 {
		v, err := visit(ctx, url, nil)
		if err != nil {
			return most, err
		}
		if v.encoding != "br" {
			return most, fmt.Errorf("the renderer came with the encoding %q, not with brotli", v.encoding)
		}
		if v.bytes > most.bytes {
			most = v
		}
	}
	return most, nil
}

// startBrowser starts a Chromium that resolves no name but our own address.
func startBrowser(ctx context.Context) (context.Context, context.CancelFunc) {
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.Flag("no-sandbox", true), // for root in containers
		chromedp.Flag("host-resolver-rules", "MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"),
	)
	if path := os.Getenv("CHROMIUM"); path != "" {
		options = append(options, chromedp.ExecPath(path))
	}
	ctx, stopAllocator := chromedp.NewExecAllocator(ctx, options...)
	ctx, stop := chromedp.NewContext(ctx)
	return ctx, func() { stop(); stopAllocator() }
}

// visited is what a visit showed, until the first callback was answered.
type visited struct {
	bytes    float64
	requests int
	seconds  float64
	encoding string // of the renderer
}

// visit opens a page with an empty cache and waits for the answer of its first
// callback. The times are those of the browser's network events.
func visit(ctx context.Context, url string, conditions *network.Conditions) (visited, error) {
	return visitUntil(ctx, url, conditions, 1)
}

// visitUntil is visit for so many answers of callbacks.
func visitUntil(ctx context.Context, url string, conditions *network.Conditions, answers int) (visited, error) {
	var zero visited
	ctx, cancel := chromedp.NewContext(ctx, chromedp.WithNewBrowserContext())
	defer cancel()
	ctx, cancelTime := context.WithTimeout(ctx, visitTime)
	defer cancelTime()
	if err := chromedp.Do(ctx); err != nil {
		return zero, fmt.Errorf("open a tab: %w", err)
	}
	w := newWatcher(url, answers)
	if err := chromedp.Listen(ctx, w.listen); err != nil {
		return zero, err
	}
	if _, err := chromedp.Call(ctx, network.Enable, network.EnableParams{}); err != nil {
		return zero, err
	}
	if conditions != nil {
		_, err := chromedp.Call(ctx, network.EmulateNetworkConditionsByRule, network.EmulateNetworkConditionsByRuleParams{
			MatchedNetworkConditions: []*network.Conditions{conditions},
		})
		if err != nil {
			return zero, fmt.Errorf("slow the network down: %w", err)
		}
	}
	if _, err := chromedp.Call(ctx, page.Navigate, page.NavigateParams{URL: url}); err != nil {
		return zero, err
	}
	select {
	case <-w.done:
		return w.result()
	case <-ctx.Done():
		return zero, fmt.Errorf("wait for the callbacks of %s: %w; not finished: %q", url, ctx.Err(), w.pending())
	}
}

// watcher follows the requests of one visit.
type watcher struct {
	page string
	done chan struct{}

	mu       sync.Mutex
	start    float64                      // seconds on the browser's clock
	urls     map[network.RequestID]string // of the requests that are not finished
	visited  visited
	answers  int // of callbacks, that are still to come
	failed   error
	finished bool
}

func newWatcher(page string, answers int) *watcher {
	return &watcher{page: page, answers: answers, done: make(chan struct{}), urls: map[network.RequestID]string{}}
}

func (w *watcher) listen(event any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.finished {
		return
	}
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		w.urls[e.RequestID] = e.Request.URL
		if e.Request.URL == w.page {
			w.start = e.Timestamp.Float64()
		}
	case *network.EventResponseReceived:
		if e.Response.Status >= 400 {
			w.end(fmt.Errorf("%s: status %v", e.Response.URL, e.Response.Status))
		}
		if strings.Contains(e.Response.URL, "/dash_renderer.min.js") {
			w.visited.encoding = contentEncoding(e.Response.Headers)
		}
	case *network.EventLoadingFailed:
		w.end(fmt.Errorf("%s: %s", w.urls[e.RequestID], e.ErrorText))
	case *network.EventLoadingFinished:
		w.visited.bytes += e.EncodedDataLength
		w.visited.requests++
		if strings.Contains(w.urls[e.RequestID], "/_dash-update-component") {
			w.visited.seconds = e.Timestamp.Float64() - w.start
			if w.answers--; w.answers == 0 {
				w.end(nil)
			}
		}
		delete(w.urls, e.RequestID)
	}
}

// pending returns the requests that are not finished.
func (w *watcher) pending() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Sorted(maps.Values(w.urls))
}

func (w *watcher) end(err error) {
	if !w.finished {
		w.failed, w.finished = err, true
		close(w.done)
	}
}

func (w *watcher) result() (visited, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.failed == nil && w.start == 0 {
		return w.visited, errors.New("the browser did not say when it asked for the page")
	}
	return w.visited, w.failed
}

func contentEncoding(headers network.Headers) string {
	for name, value := range headers {
		if strings.EqualFold(name, "Content-Encoding") {
			return fmt.Sprint(value)
		}
	}
	return ""
}

// dashScripts are the scripts of each page of Dash 4.3, in its order, whatever
// the page uses. The first stands for Dash's polyfill, which has it inside.
var dashScripts = []string{
	"dash/deps/regenerator-runtime@0.14.1.js",
	"dash/deps/react@18.3.1.min.js",
	"dash/deps/react-dom@18.3.1.min.js",
	"dash/deps/prop-types@15.8.1.min.js",
	"dash/dash-renderer/build/dash_renderer.min.js",
	"dash/dcc/dash_core_components.js",
	"dash/dcc/dash_core_components-shared.js",
	"dash/html/dash_html_components.min.js",
	"dash/dash_table/bundle.js",
}

var (
	preloadTag = regexp.MustCompile(`<link rel="preload"[^>]*>`)
	scriptTag  = regexp.MustCompile(`<script src="[^"]*"></script>`)
)

// asDash makes a handler that serves an app of h as Dash would: with Dash's
// list of scripts, without preloading, and nothing compressed.
//
// The page and the scripts are kept ready: to unpack them for each request
// would slow this side down.
func asDash(h http.Handler, a *app.App) (http.Handler, error) {
	prefix := pagePath(a)
	ready := map[string]*httptest.ResponseRecorder{}
	fetch := func(path string) (*httptest.ResponseRecorder, error) {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "http://127.0.0.1"+path, nil))
		if w.Code != http.StatusOK {
			return nil, fmt.Errorf("%s: status %d", path, w.Code)
		}
		ready[path] = w
		return w, nil
	}
	main, err := fetch(prefix)
	if err != nil {
		return nil, err
	}
	var tags strings.Builder
	for _, script := range dashScripts {
		path := prefix + "_dash-component-suites/" + script
		if _, err := fetch(path); err != nil {
			return nil, err
		}
		fmt.Fprintf(&tags, `<script src="%s"></script>`, path)
	}
	text := scriptTag.ReplaceAllString(preloadTag.ReplaceAllString(main.Body.String(), ""), "")
	text = strings.Replace(text, `<script id="_dash-renderer"`, tags.String()+`<script id="_dash-renderer"`, 1)
	main.Body.Reset()
	main.Body.WriteString(text)
	main.Header().Del("Content-Length")

	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if kept := ready[r.URL.Path]; kept != nil {
			for name, values := range kept.Header() {
				w.Header()[name] = values
			}
			_, _ = w.Write(kept.Body.Bytes())
			return
		}
		r.Header.Del("Accept-Encoding")
		h.ServeHTTP(w, r)
	}), nil
}
