package serve_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"dashd/app/serve"
)

// The browser is started once and shared; each test has a tab of its own. It
// resolves no name but our own address: the network is cut for every test.
var browser struct {
	once   sync.Once
	ctx    context.Context
	cancel []context.CancelFunc
	err    error
}

func startBrowser() {
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.Flag("no-sandbox", true), // tests run as root in containers
		chromedp.Flag("host-resolver-rules", "MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"),
		chromedp.Flag("enable-unsafe-swiftshader", true), // WebGL without a graphics card
	)
	if path := os.Getenv("CHROMIUM"); path != "" {
		options = append(options, chromedp.ExecPath(path))
	}
	allocator, cancel := chromedp.NewExecAllocator(context.Background(), options...)
	browser.cancel = append(browser.cancel, cancel)
	browser.ctx, cancel = chromedp.NewContext(allocator)
	browser.cancel = append(browser.cancel, cancel)
	browser.err = chromedp.Do(browser.ctx)
}

func stopBrowser() {
	for i := len(browser.cancel) - 1; i >= 0; i-- {
		browser.cancel[i]()
	}
}

// way is how browsers reach a server.
type way struct {
	base  string                                    // path of the server, without the slash at its end
	serve func(t *testing.T, h http.Handler) string // serves until the test ends, and returns the origin
}

// direct is the way without anything between.
var direct = way{serve: func(t *testing.T, h http.Handler) string {
	server := httptest.NewServer(h)
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	return server.URL
}}

// config returns a server's configuration for the way.
func (w way) config(config serve.Config) serve.Config {
	config.BasePath = w.base
	config.TrustedProxies = []string{"unix"}
	return config
}

// tab is a page in the browser. When its test ends, the test fails if the page
// wrote an error to the console, if a request failed, or if one went to
// another host.
type tab struct {
	*testing.T
	ctx    context.Context
	origin string // of the server
	base   string // path below which all is

	mu       sync.Mutex
	urls     map[network.RequestID]string
	problems []string
	expected []string // parts of problems that the test provokes
}

// tabTimeout bounds what one test does in the browser.
const tabTimeout = 3 * time.Minute

// openTab serves h and opens a path of it.
func openTab(t *testing.T, h http.Handler, path string) *tab {
	t.Helper()
	return direct.open(t, h, path)
}

// open serves h and opens a path of it, below the base path.
func (w way) open(t *testing.T, h http.Handler, path string) *tab {
	t.Helper()
	browser.once.Do(startBrowser)
	if browser.err != nil {
		t.Fatalf("start the browser (make test installs it): %v", browser.err)
	}
	origin := w.serve(t, h)
	ctx, cancel := chromedp.NewContext(browser.ctx, chromedp.WithNewBrowserContext())
	ctx, cancelTimeout := context.WithTimeout(ctx, tabTimeout)
	b := &tab{T: t, ctx: ctx, origin: origin, base: w.base, urls: map[network.RequestID]string{}}
	t.Cleanup(func() {
		b.check()
		cancelTimeout()
		cancel()
	})
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("open a tab: %v", err)
	}
	if err := chromedp.Listen(ctx, b.listen); err != nil {
		t.Fatalf("listen to the tab: %v", err)
	}
	if _, err := chromedp.Call(ctx, network.Enable, network.EnableParams{}); err != nil {
		t.Fatalf("watch the network: %v", err)
	}
	b.goTo(path)
	return b
}

// expect permits problems that contain part.
func (b *tab) expect(part string) { b.expected = append(b.expected, part) }

func (b *tab) problem(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.problems = append(b.problems, text)
}

func (b *tab) listen(event any) {
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		b.mu.Lock()
		b.urls[e.RequestID] = e.Request.URL
		b.mu.Unlock()
		if u, err := url.Parse(e.Request.URL); err == nil && u.Scheme != "data" && u.Scheme != "blob" && !strings.HasPrefix(e.Request.URL, b.origin+"/") {
			b.problem("request to another host: %s", e.Request.URL)
		}
	case *network.EventResponseReceived:
		if e.Response.Status >= 400 {
			b.problem("%s: status %v", e.Response.URL, e.Response.Status)
		}
	case *network.EventLoadingFailed:
		if !e.Canceled && e.ErrorText != "net::ERR_ABORTED" {
			b.mu.Lock()
			address := b.urls[e.RequestID]
			b.mu.Unlock()
			b.problem("%s: %s %s", address, e.ErrorText, e.BlockedReason)
		}
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.ConsoleAPICalledTypeError || e.Type == runtime.ConsoleAPICalledTypeWarning {
			var parts []string
			for _, arg := range e.Args {
				parts = append(parts, string(arg.Value)+arg.Description)
			}
			b.problem("console %s: %s", e.Type, strings.Join(parts, " "))
		}
	case *runtime.EventExceptionThrown:
		description := e.ExceptionDetails.Text
		if e.ExceptionDetails.Exception != nil && e.ExceptionDetails.Exception.Description != "" {
			description = e.ExceptionDetails.Exception.Description
		}
		b.problem("exception: %s", description)
	case *log.EventEntryAdded:
		if e.Entry.Level == log.EntryLevelError {
			b.problem("browser log: %s %s", e.Entry.Text, e.Entry.URL)
		}
	}
}

// check fails the test for each problem that was not expected.
func (b *tab) check() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, problem := range b.problems {
		expected := false
		for _, part := range b.expected {
			expected = expected || strings.Contains(problem, part)
		}
		if !expected {
			b.Errorf("in the browser: %s", problem)
		}
	}
	if b.Failed() {
		if picture, err := chromedp.Run(b.ctx, chromedp.FullScreenshot(100)); err == nil {
			name := filepath.Join(os.TempDir(), strings.ReplaceAll(b.Name(), "/", "_")+".png")
			if os.WriteFile(name, picture, 0o600) == nil {
				b.Logf("what the page looked like: %s", name)
			}
		}
	}
}

func (b *tab) do(what string, actions ...chromedp.Action[chromedp.Void]) {
	b.Helper()
	if err := chromedp.Do(b.ctx, actions...); err != nil {
		b.Fatalf("%s: %v", what, err)
	}
}

func (b *tab) goTo(path string) {
	b.Helper()
	b.do("open "+path, chromedp.Navigate(b.origin+b.base+path))
}

// click clicks the first visible element of a CSS selector.
func (b *tab) click(selector string) {
	b.Helper()
	b.untilRests(selector)
	b.do("click "+selector, chromedp.Click(chromedp.CSS(selector), chromedp.NodeVisible))
}

// fill replaces the text of an input and leaves it.
func (b *tab) fill(selector, text string) {
	b.Helper()
	if text == "" {
		text = kb.Delete
	}
	b.untilRests(selector)
	b.do("fill "+selector,
		chromedp.Click(chromedp.CSS(selector), chromedp.NodeVisible),
		chromedp.KeyEvent("a", chromedp.KeyModifiers(chromedp.ModifierCtrl)),
		chromedp.KeyEvent(text+kb.Tab))
}

// keys types into what has the focus.
func (b *tab) keys(text string) {
	b.Helper()
	b.do("type", chromedp.KeyEvent(text))
}

// js returns the value of an expression.
func js[T any](b *tab, expression string) T {
	b.Helper()
	value, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		b.Fatalf("evaluate %s: %v", expression, err)
	}
	return value
}

// trying is the value of an expression, or false while it throws: what it asks
// may not be there yet.
func trying(expression string) string {
	return fmt.Sprintf(`(() => { try { return (%s); } catch { return false; } })()`, expression)
}

// until waits until an expression is true.
func (b *tab) until(expression string) {
	b.Helper()
	_, err := chromedp.Run(b.ctx, chromedp.Poll[bool](trying(expression), chromedp.WithPollingInterval(10*time.Millisecond), chromedp.WithPollingTimeout(patience)))
	if err != nil {
		value := js[string](b, fmt.Sprintf(`(() => { try { return String(%s); } catch (e) { return String(e); } })()`, expression))
		b.Fatalf("wait until %s: %v\nit is %s, and the page says: %.2000s", expression, err, value, js[string](b, "document.body.innerText"))
	}
}

// untilRests waits until an element has stayed where it is: what loads above it
// may move it.
func (b *tab) untilRests(selector string) {
	b.Helper()
	b.until(fmt.Sprintf(`(e => { const r = e.getBoundingClientRect(); return e.wasAt === (e.wasAt = r.x + " " + r.y); })(document.querySelector(%q))`, selector))
}

// untilFits waits until the page is no wider than its window.
func (b *tab) untilFits(width int64) {
	b.Helper()
	b.until(fmt.Sprintf("innerWidth === %d && document.documentElement.scrollWidth <= innerWidth", width))
}

// untilText waits until the element of a selector has the text.
func (b *tab) untilText(selector, text string) {
	b.Helper()
	b.until(fmt.Sprintf("(document.querySelector(%q) || {}).textContent === %q", selector, text))
}

// afterEffects waits until React has run the effects of what it shows.
func (b *tab) afterEffects() {
	b.Helper()
	js[bool](b, `new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done, 0, true))))`)
}

// isIdle is true of a window in which the renderer has nothing to load and no
// callback runs.
const isIdle = `(window => !window.document.querySelector("._dash-loading, ._dash-loading-callback") && (window.dash_stores || []).length > 0 &&
	window.dash_stores.every(store => { const c = store.getState().callbacks; return store.getState().appLifecycle === "HYDRATED" &&
		["requested", "prioritized", "blocked", "executing", "watched", "executed", "stored"].every(k => !c[k] || c[k].length === 0); }))`

// untilIdle waits until nothing is under way in the page.
func (b *tab) untilIdle() {
	b.Helper()
	b.until(isIdle + "(window)")
}

// screenshot keeps a picture of the page where DASHD_SCREENSHOTS names a folder.
func (b *tab) screenshot(name string) {
	b.Helper()
	dir := os.Getenv("DASHD_SCREENSHOTS")
	if dir == "" {
		return
	}
	picture, err := chromedp.Run(b.ctx, chromedp.FullScreenshot(100))
	if err != nil {
		b.Fatalf("take a screenshot: %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, name+".png"), picture, 0o600); err != nil {
		b.Fatalf("keep the screenshot: %v", err)
	}
}
