package serve_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"dashd/app"
	"dashd/app/dbc"
	"dashd/app/dcc"
	"dashd/app/html"
	"dashd/app/serve"
	"dashd/examples/simple"
	"dashd/store"
)

// mustNew returns the handler of a server as newServer makes it.
func mustNew(tb testing.TB, config serve.Config) (http.Handler, *lockedBuffer) {
	tb.Helper()
	s, log := newServer(tb, config)
	return s.Handler(), log
}

// newServer makes a server whose log goes to the returned buffer, and which the
// test closes at its end. Apps that say nothing of access are public.
func newServer(tb testing.TB, config serve.Config) (*serve.Server, *lockedBuffer) {
	tb.Helper()
	log := &lockedBuffer{}
	config.Log = slog.New(slog.NewJSONHandler(log, nil))
	if config.DefaultAccess == app.DefaultAccess {
		config.DefaultAccess = app.Public
	}
	s, err := serve.New(config)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := s.Close(); err != nil {
			tb.Error(err)
		}
	})
	s.Store().PasswordCost = store.PasswordCost{Memory: 8, Passes: 1, Threads: 1}
	return s, log
}

// lockedBuffer is a buffer for several goroutines.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// do sends a request to a handler. headers are names and values in turn.
func do(tb testing.TB, h http.Handler, method, path, body string, headers ...string) *http.Response {
	tb.Helper()
	r := httptest.NewRequest(method, "http://127.0.0.1"+path, strings.NewReader(body))
	if body == "" {
		r.Body, r.ContentLength = http.NoBody, 0
	}
	for i := 0; i < len(headers); i += 2 {
		if headers[i] == "Host" {
			r.Host = headers[i+1]
		}
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result()
}

func bodyOf(tb testing.TB, resp *http.Response) string {
	tb.Helper()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		tb.Fatal(err)
	}
	return string(text)
}

const sizeCall = `{"output":"output-size.children","outputs":{"id":"output-size","property":"children"},"inputs":[{"id":"dropdown-color","property":"value","value":"red"},{"id":"dropdown-size","property":"value","value":"large"}],"changedPropIds":["dropdown-size.value"]}`

func TestRoutes(t *testing.T) {
	routed := app.New("Routed")
	routed.Layout = html.Div{Children: app.List{dcc.Location{ID: "url"}}}
	routed.Assets = fstest.MapFS{
		"b.js":        {Data: []byte("1")},
		"a.css":       {Data: []byte("a{}")},
		"sub/mod.mjs": {Data: []byte("2")},
		"note.txt":    {Data: []byte("note")},
		"favicon.ico": {Data: []byte("icon")},
	}
	for _, base := range []string{"/", "/my-app", "/x/y/"} {
		h, _ := mustNew(t, serve.Config{Apps: []*app.App{simple.New(), routed}, BasePath: base})
		prefix := strings.TrimSuffix(base, "/")
		for _, tt := range []struct {
			method, path string
			status       int
			header       string // "Name: part of the value"
			body         string // part of it
		}{
			{"GET", "/", 200, "Content-Type: text/html", prefix + "/app/simpleexample/"},
			{"HEAD", "/", 200, "Content-Type: text/html", ""},
			{"GET", "/app/simpleexample", 308, "Location: " + prefix + "/app/simpleexample/", ""},
			{"GET", "/app/simpleexample?a=b", 308, "Location: " + prefix + "/app/simpleexample/?a=b", ""},
			{"GET", "/app/simpleexample/", 200, "Content-Security-Policy: script-src 'self' 'nonce-", `"requests_pathname_prefix":"` + prefix + `/app/simpleexample/"`},
			{"GET", "/app/SimpleExample/", 200, "Content-Type: text/html", `id="react-entry-point"`},
			{"HEAD", "/app/simpleexample/", 200, "Content-Type: text/html", ""},
			{"GET", "/app/simpleexample/_dash-layout", 200, "Content-Type: application/json", `"namespace":"dash_html_components"`},
			{"HEAD", "/app/simpleexample/_dash-layout", 200, "Content-Type: application/json", ""},
			{"GET", "/app/simpleexample/_dash-dependencies", 200, "Content-Type: application/json", `"output":"output-color.children"`},
			{"POST", "/app/simpleexample/_dash-layout", 405, "Allow: GET", ""},
			{"GET", "/app/simpleexample/_dash-update-component", 405, "Allow: POST", ""},
			{"OPTIONS", "/app/simpleexample/_dash-update-component", 204, "Allow: POST", ""},
			{"TRACE", "/app/simpleexample/", 405, "Allow: GET", ""},
			{"HEA", "/app/simpleexample/", 405, "Allow: GET", ""}, // part of an allowed method's name
			{"POS", "/app/simpleexample/_dash-update-component", 405, "Allow: POST", ""},
			{"GET", "/app/simpleexample/_reload-hash", 200, "Content-Type: application/json", `"reloadHash":null`},
			{"GET", "/app/simpleexample/_favicon.ico", 200, "Content-Type: image/x-icon", "\x00\x00\x01\x00"},
			{"GET", "/favicon.ico", 200, "Content-Type: image/x-icon", "\x00\x00\x01\x00"},
			{"GET", "/app/simpleexample/_dash-component-suites/dash/dcc/async-graph.js", 200, "Content-Type: text/javascript", ""},
			{"GET", "/app/simpleexample/_dash-component-suites/dash/dcc/nope.js", 404, "", ""},
			{"GET", "/app/simpleexample/_dash-component-suites/nopackage/x.js", 404, "", ""},
			{"GET", "/app/simpleexample/deep/path", 404, "Content-Type: text/html", "There is no such page."},
			{"GET", "/app/simpleexample/_dash-layout/", 404, "", ""},
			{"GET", "/app/nope/", 404, "Content-Type: text/html", "There is no such app."},
			{"GET", "/app/nope/_dash-layout", 404, "", ""},
			{"GET", "/app/", 404, "", ""},
			{"GET", "/nope", 404, "Content-Type: text/html", "There is no such page."},
			{"GET", "/static/0123/dash/dcc/async-graph.js", 404, "", ""},
			{"GET", "/app/routed/deep/path", 200, "Content-Type: text/html", `id="react-entry-point"`},
			{"POST", "/app/routed/deep/path", 404, "", ""},
			{"GET", "/app/routed/", 200, "", prefix + "/app/routed/assets/a.css?m="},
			{"GET", "/app/routed/", 200, "", `type="module" src="` + prefix + `/app/routed/assets/sub/mod.mjs?m=`},
			{"GET", "/app/routed/assets/note.txt", 200, "Content-Type: text/plain", "note"},
			{"GET", "/app/routed/assets/nope.txt", 404, "", ""},
			{"GET", "/app/routed/assets/", 404, "", ""},
			{"GET", "/app/routed/assets/..%2fserver.go", 404, "", ""},
			{"GET", "/app/routed/_favicon.ico", 200, "", "icon"},
		} {
			t.Run(base+" "+tt.method+" "+tt.path, func(t *testing.T) {
				resp := do(t, h, tt.method, prefix+tt.path, "")
				if resp.StatusCode != tt.status {
					t.Fatalf("status %d, want %d: %s", resp.StatusCode, tt.status, bodyOf(t, resp))
				}
				if name, value, _ := strings.Cut(tt.header, ": "); !strings.Contains(resp.Header.Get(name), value) {
					t.Errorf("header %s is %q, want %q in it", name, resp.Header.Get(name), value)
				}
				body := bodyOf(t, resp)
				if !strings.Contains(body, tt.body) {
					t.Errorf("body lacks %q: %.2000s", tt.body, body)
				}
				if tt.method == "HEAD" && body != "" {
					t.Errorf("HEAD has a body of %d bytes", len(body))
				}
				if resp.Header.Get("X-Request-Id") == "" || resp.Header.Get("X-Content-Type-Options") != "nosniff" {
					t.Error("headers of every answer are missing")
				}
			})
		}
		if prefix != "" {
			if resp := do(t, h, "GET", "/elsewhere", ""); resp.StatusCode != 404 {
				t.Errorf("outside the base path: %d", resp.StatusCode)
			}
			if resp := do(t, h, "GET", prefix, ""); resp.StatusCode != 308 {
				t.Errorf("base path without slash: %d", resp.StatusCode)
			}
		}
	}
}

// Every URL that a page names is there.
func TestPageURLs(t *testing.T) {
	a := app.New("All")
	a.Layout = html.Div{Children: app.List{dcc.Graph{}, dbc.Badge{}}}
	h, _ := mustNew(t, serve.Config{Apps: []*app.App{a}, BasePath: "/x"})
	page := bodyOf(t, do(t, h, "GET", "/x/app/all/", ""))
	count := 0
	for _, part := range strings.Split(page, `"/x/`)[1:] {
		path, _, _ := strings.Cut(part, `"`)
		path, _, _ = strings.Cut(path, "#")
		if path == "app/all/" { // requests_pathname_prefix
			continue
		}
		count++
		want := http.StatusOK
		if "/"+path == wsPath {
			want = http.StatusUpgradeRequired
		}
		if resp := do(t, h, "GET", "/x/"+path, ""); resp.StatusCode != want {
			t.Errorf("%s: %d", path, resp.StatusCode)
		}
	}
	if count < 14 {
		t.Errorf("the page names only %d URLs", count)
	}
	for _, want := range []string{"bootstrap.min.css", "dash_bootstrap_components.min.js", "plotly-strict.min.js", `rel="preload"`} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %s", want)
		}
	}
}

// A page loads only the suites that its app can use.
func TestPageSuites(t *testing.T) {
	plain := app.New("Plain")
	plain.Layout = html.Div{ID: "out", Children: html.Button{ID: "in"}}
	returns := app.New("Returns")
	returns.Layout = plain.Layout
	returns.Callback(app.Output("out", "title"), app.Input("in", "n_clicks")).Do(func(int) []dbc.Badge { return nil })
	closed := app.New("Closed")
	closed.Layout = plain.Layout
	closed.Callback(app.Output("out", "title"), app.Input("in", "n_clicks")).Do(func(int) (string, error) { return "", nil })
	used := app.New("Used")
	used.Layout = plain.Layout
	used.Use(dcc.Suite)
	element := app.New("Element")
	element.Layout = app.Element{Namespace: "dash_core_components", Type: "Store", Props: app.Props{"id": "s"}}
	h, _ := mustNew(t, serve.Config{Apps: []*app.App{plain, returns, closed, used, element}})
	for name, want := range map[string][]string{
		"plain": {"html"}, "returns": {"html", "bootstrap", "dcc", "table"}, "closed": {"html"}, "used": {"html", "dcc"}, "element": {"dcc"},
	} {
		page := bodyOf(t, do(t, h, "GET", "/app/"+name+"/", ""))
		for suite, file := range map[string]string{"html": "dash_html_components.min.js", "dcc": "dash_core_components.js", "bootstrap": "dash_bootstrap_components.min.js", "table": "dash_table/bundle.js"} {
			if has := strings.Contains(page, file); has != contains(want, suite) {
				t.Errorf("%s: has %s: %v", name, suite, has)
			}
		}
	}

	stray := app.New("Stray")
	stray.Layout = app.Element{Namespace: "nobody", Type: "X"}
	if _, err := serve.New(serve.Config{Apps: []*app.App{stray}}); err == nil || !strings.Contains(err.Error(), `no suite has the namespace "nobody"`) {
		t.Errorf("got %v", err)
	}
	own := &app.Suite{Namespace: "nobody", Package: "nobody", Scripts: []string{"x.js"}, Files: fstest.MapFS{"x.js": {Data: []byte("window.nobody={}")}}}
	h, _ = mustNew(t, serve.Config{Apps: []*app.App{stray}, Suites: []*app.Suite{own}})
	if page := bodyOf(t, do(t, h, "GET", "/app/stray/", "")); !strings.Contains(page, "/nobody/x.js") {
		t.Error("the registered suite is not in the page")
	}
}

func contains(list []string, s string) bool {
	for _, item := range list {
		if item == s {
			return true
		}
	}
	return false
}

func TestUpdateOverHTTP(t *testing.T) {
	const path = "/app/simpleexample/_dash-update-component"
	h, log := mustNew(t, serve.Config{Apps: []*app.App{simple.New()}, MaxBody: 1000})
	jsonBody := []string{"Content-Type", "application/json"}
	for _, tt := range []struct {
		name    string
		body    string
		headers []string
		status  int
		want    string
	}{
		{"ok", sizeCall, jsonBody, 200, `{"multi":true,"response":{"output-size":{"children":"The chosen T-shirt is a large red one."}}}`},
		{"charset", sizeCall, []string{"Content-Type", "application/json; charset=utf-8"}, 200, `"multi":true`},
		{"same origin", sizeCall, append([]string{"Sec-Fetch-Site", "same-origin"}, jsonBody...), 200, `"multi":true`},
		{"no content type", sizeCall, nil, 415, `{"error":"The body must be sent as application/json.","id":"`},
		{"text", sizeCall, []string{"Content-Type", "text/plain"}, 415, `"id":"`},
		{"form", "a=b", []string{"Content-Type", "application/x-www-form-urlencoded"}, 415, `"id":"`},
		{"bad JSON", `{"output":`, jsonBody, 400, `{"error":"The body is not valid JSON.","id":"`},
		{"empty", ``, jsonBody, 400, `"id":"`},
		{"unknown output", `{"output":"x.y"}`, jsonBody, 400, `"id":"`},
		{"too large", strings.Repeat(" ", 1001), jsonBody, 413, `"id":"`},
		{"cross site", sizeCall, append([]string{"Sec-Fetch-Site", "cross-site"}, jsonBody...), 403, `{"error":"This request comes from another site.","id":"`},
		{"other origin", sizeCall, append([]string{"Origin", "https://evil.example"}, jsonBody...), 403, `"id":"`},
		{"null origin", sizeCall, append([]string{"Origin", "null"}, jsonBody...), 403, `"id":"`},
		{"other host", sizeCall, append([]string{"Host", "evil.example"}, jsonBody...), 421, `--allowed-hosts`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			resp := do(t, h, "POST", path, tt.body, tt.headers...)
			body := bodyOf(t, resp)
			if resp.StatusCode != tt.status || !strings.Contains(body, tt.want) {
				t.Errorf("got %d %s\nwant %d %s", resp.StatusCode, body, tt.status, tt.want)
			}
			if tt.status != 421 && resp.Header.Get("Content-Type") != "application/json" {
				t.Errorf("content type %q", resp.Header.Get("Content-Type"))
			}
			if id := resp.Header.Get("X-Request-Id"); strings.Contains(body, `"id"`) && !strings.Contains(body, id) {
				t.Errorf("the body's id is not that of the header, %s", id)
			}
		})
	}
	if s := log.String(); strings.Contains(s, "large red") || strings.Contains(s, "dropdown-color") {
		t.Errorf("the log has the visitor's values: %s", s)
	}
}

// An endless body is cut off, whatever length it claims.
func TestUpdateEndlessBody(t *testing.T) {
	h, _ := mustNew(t, serve.Config{Apps: []*app.App{simple.New()}, MaxBody: 1 << 16})
	server := httptest.NewServer(h)
	defer server.Close()
	body := &endless{}
	resp, err := http.Post(server.URL+"/app/simpleexample/_dash-update-component", "application/json", body)
	if err == nil {
		defer resp.Body.Close()
		if resp.StatusCode != http.StatusRequestEntityTooLarge {
			t.Errorf("status %d", resp.StatusCode)
		}
	}
	if n := body.n.Load(); n > 8<<20 {
		t.Errorf("the server took %d bytes", n)
	}
}

type endless struct{ n atomic.Int64 } // read on, after the answer, by the client

func (e *endless) Read(p []byte) (int, error) {
	if e.n.Load() > 64<<20 {
		return 0, io.EOF
	}
	for i := range p {
		p[i] = ' '
	}
	e.n.Add(int64(len(p)))
	return len(p), nil
}

// faultyApp fails in every way that a callback can.
func faultyApp(started, ended chan struct{}) *app.App {
	a := app.New("Faulty")
	a.Layout = html.Div{Children: app.List{dcc.Input{ID: "in"}, html.Div{ID: "out"}}}
	a.Callback(app.Output("out", "children"), app.Input("in", "value")).Do(func(ctx *app.Context, how string) (any, error) {
		switch how {
		case "error":
			return nil, errors.New("the database is at 10.0.0.1")
		case "panic":
			panic("secret panic")
		case "unserialisable":
			return func() {}, nil
		case "forbidden":
			return nil, app.Errorf(app.Forbidden, "You may not.")
		case "wait":
			close(started)
			<-ctx.Done()
			close(ended)
			return nil, ctx.Err()
		}
		return how, nil
	})
	return a
}

func faultyCall(how string) string {
	return `{"output":"out.children","outputs":{"id":"out","property":"children"},"inputs":[{"id":"in","property":"value","value":"` + how + `"}]}`
}

func TestCallbackErrors(t *testing.T) {
	h, log := mustNew(t, serve.Config{Apps: []*app.App{faultyApp(nil, nil)}})
	for _, tt := range []struct {
		how    string
		status int
		logged string
	}{
		{"error", 500, "the database is at 10.0.0.1"},
		{"panic", 500, "secret panic"},
		{"unserialisable", 500, "has no JSON form"},
		{"forbidden", 403, ""},
		{"fine", 200, ""},
	} {
		resp := do(t, h, "POST", "/app/faulty/_dash-update-component", faultyCall(tt.how), "Content-Type", "application/json")
		body := bodyOf(t, resp)
		if resp.StatusCode != tt.status {
			t.Errorf("%s: status %d: %s", tt.how, resp.StatusCode, body)
		}
		if tt.status == 200 {
			continue
		}
		var answer struct{ Error, ID string }
		if err := json.Unmarshal([]byte(body), &answer); err != nil || answer.Error == "" || answer.ID == "" {
			t.Errorf("%s: body %s", tt.how, body)
		}
		if tt.logged != "" {
			if strings.Contains(body, tt.logged) {
				t.Errorf("%s: the visitor reads the internal error: %s", tt.how, body)
			}
			line := lineWith(log.String(), answer.ID)
			if !strings.Contains(line, tt.logged) {
				t.Errorf("%s: the log line with id %s lacks the reason: %s", tt.how, answer.ID, line)
			}
			if tt.how == "panic" && !strings.Contains(line, "server_test.go") {
				t.Errorf("the log lacks the panic's stack: %s", line)
			}
		}
	}
}

func lineWith(text, part string) string {
	for line := range strings.SplitSeq(text, "\n") {
		if strings.Contains(line, part) {
			return line
		}
	}
	return ""
}

// A visitor who leaves ends the callback's context.
func TestVisitorLeaves(t *testing.T) {
	started, ended := make(chan struct{}), make(chan struct{})
	h, log := mustNew(t, serve.Config{Apps: []*app.App{faultyApp(started, ended)}})
	server := httptest.NewServer(h)
	defer server.Close()
	ctx, leave := context.WithCancel(context.Background())
	r, _ := http.NewRequestWithContext(ctx, "POST", server.URL+"/app/faulty/_dash-update-component", strings.NewReader(faultyCall("wait")))
	r.Header.Set("Content-Type", "application/json")
	left := make(chan error, 1)
	go func() {
		_, err := http.DefaultClient.Do(r)
		left <- err
	}()
	<-started
	leave()
	<-ended
	if err := <-left; !errors.Is(err, context.Canceled) {
		t.Errorf("the visitor got %v", err)
	}
	server.Close()
	if log.String() != "" {
		t.Errorf("a visitor who leaves is no error: %s", log.String())
	}
}

// When the server stops, it finishes the requests under way.
func TestGracefulStop(t *testing.T) {
	release, entered := make(chan struct{}), make(chan struct{})
	a := app.New("Slow")
	a.Layout = html.Div{Children: app.List{dcc.Input{ID: "in"}, html.Div{ID: "out"}}}
	a.Callback(app.Output("out", "children"), app.Input("in", "value")).Do(func(string) string {
		close(entered)
		<-release
		return "done"
	})
	s, _ := newServer(t, serve.Config{Apps: []*app.App{a}})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- s.Serve(ctx, listener) }()
	answered := make(chan string, 1)
	go func() {
		resp, err := http.Post("http://"+listener.Addr().String()+"/app/slow/_dash-update-component", "application/json", strings.NewReader(faultyCall("x")))
		if err != nil {
			answered <- err.Error()
			return
		}
		defer resp.Body.Close()
		text, _ := io.ReadAll(resp.Body)
		answered <- string(text)
	}()
	<-entered
	stop()
	for { // the listener closes before the request is done
		conn, err := net.DialTimeout("tcp", listener.Addr().String(), time.Second)
		if err != nil {
			break
		}
		conn.Close()
	}
	close(release)
	if got := <-answered; !strings.Contains(got, "done") {
		t.Errorf("the request under way got %s", got)
	}
	if err := <-served; err != nil {
		t.Error(err)
	}
}

func TestHosts(t *testing.T) {
	h, _ := mustNew(t, serve.Config{Apps: []*app.App{simple.New()}, AllowedHosts: []string{"Dash.Example"}, PublicURL: "https://public.example:8443"})
	for host, want := range map[string]int{
		"localhost": 200, "LOCALHOST:8000": 200, "127.0.0.1:8000": 200, "[::1]:8000": 200, "192.168.1.7": 200, "pi.local": 200, "a.localhost": 200,
		"dash.example": 200, "dash.example.": 200, "public.example": 200,
		"evil.example": 421, "localhost.evil.example": 421, "dash.example.evil": 421, "": 421,
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.Host = host
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != want {
			t.Errorf("host %q: %d, want %d", host, w.Code, want)
		}
	}
	all, _ := mustNew(t, serve.Config{Apps: []*app.App{simple.New()}, AllowedHosts: []string{"*"}})
	if resp := do(t, all, "GET", "/", "", "Host", "any.example"); resp.StatusCode != 200 {
		t.Errorf("*: %d", resp.StatusCode)
	}
}

func TestHomeAndPages(t *testing.T) {
	pages := http.NewServeMux()
	pages.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "first page") })
	pages.HandleFunc("GET /about", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "about") })
	h, _ := mustNew(t, serve.Config{Apps: []*app.App{simple.New()}, Pages: pages, BasePath: "/x"})
	for path, want := range map[string]string{"/x/": "first page", "/x/about": "about"} {
		if got := bodyOf(t, do(t, h, "GET", path, "")); got != want {
			t.Errorf("%s: %q", path, got)
		}
	}
	h, _ = mustNew(t, serve.Config{Apps: []*app.App{simple.New()}, Home: "SimpleExample", BasePath: "/x"})
	if resp := do(t, h, "GET", "/x/", ""); resp.Header.Get("Location") != "/x/app/simpleexample/" {
		t.Errorf("home: %d %s", resp.StatusCode, resp.Header.Get("Location"))
	}
	for _, config := range []serve.Config{
		{Home: "nope"}, {BasePath: "/a//b"}, {BasePath: "/a b"}, {BasePath: "/{x}"}, {PublicURL: "example.org"}, {MaxBody: -1},
		{Apps: []*app.App{app.New("")}},
	} {
		if _, err := serve.New(config); err == nil {
			t.Errorf("%+v is accepted", config)
		}
	}
}

func TestContentPolicy(t *testing.T) {
	a := app.New("External")
	a.Layout = html.Div{}
	a.Scripts = []string{"https://cdn.example/x.js", "https://cdn.example/y.js"}
	a.Stylesheets = []string{"https://fonts.example/css"}
	h, _ := mustNew(t, serve.Config{Apps: []*app.App{a, simple.New()}})
	resp := do(t, h, "GET", "/app/external/", "")
	policy := resp.Header.Get("Content-Security-Policy")
	for _, want := range []string{"script-src 'self' https://cdn.example 'nonce-", "style-src 'self' 'unsafe-inline' https://fonts.example;", "object-src 'none'", "frame-ancestors 'self'", "worker-src 'self' blob:"} {
		if !strings.Contains(policy, want) {
			t.Errorf("policy lacks %q: %s", want, policy)
		}
	}
	_, rest, _ := strings.Cut(policy, "'nonce-")
	nonce, _, _ := strings.Cut(rest, "'")
	if page := bodyOf(t, resp); !strings.Contains(page, `nonce="`+nonce+`"`) || nonce == "" {
		t.Error("the page's script lacks the policy's nonce")
	}
	again := do(t, h, "GET", "/app/external/", "").Header.Get("Content-Security-Policy")
	if again == policy {
		t.Error("the nonce is the same twice")
	}
	for _, path := range []string{"/", "/nope", "/app/nope/"} {
		if resp := do(t, h, "GET", path, ""); !strings.Contains(resp.Header.Get("Content-Security-Policy"), "default-src 'self'") {
			t.Errorf("%s has no policy", path)
		}
	}
}

func TestDynamicCompression(t *testing.T) {
	a := app.New("Long")
	a.Layout = html.Div{Children: strings.Repeat("long ", 1000)}
	h, _ := mustNew(t, serve.Config{Apps: []*app.App{a}})
	resp := do(t, h, "GET", "/app/long/_dash-layout", "", "Accept-Encoding", "gzip")
	if resp.Header.Get("Content-Encoding") != "gzip" {
		t.Error("a long layout is not compressed")
	}
	resp = do(t, h, "GET", "/app/long/_dash-layout", "")
	if resp.Header.Get("Content-Encoding") != "" || resp.ContentLength < 5000 {
		t.Error("a client without compression gets it, or no length")
	}
}

// A broken file system of assets is found at the start.
func TestAssetsThatCannotBeRead(t *testing.T) {
	a := app.New("Broken")
	a.Layout = html.Div{}
	a.Assets = brokenFS{}
	if _, err := serve.New(serve.Config{Apps: []*app.App{a}}); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("got %v", err)
	}
}

type brokenFS struct{}

func (brokenFS) Open(string) (fs.File, error) { return nil, fs.ErrPermission }

// An answer in whose middle a page panics does not look whole.
func TestPanicInAnswer(t *testing.T) {
	s, log := newServer(t, serve.Config{Pages: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/csv")
		_, _ = io.WriteString(w, strings.Repeat("1,2\n", 5000))
		panic("half way")
	})})
	server := httptest.NewServer(s.Handler())
	defer server.Close()
	resp, err := http.Get(server.URL + "/report.csv")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if text, err := io.ReadAll(resp.Body); err == nil {
		t.Errorf("the answer seems whole: %d … %.100s", resp.StatusCode, text[max(0, len(text)-100):])
	}
	if text := log.String(); !strings.Contains(text, "half way") || !strings.Contains(text, "server_test.go") {
		t.Errorf("the log lacks the panic: %s", text)
	}
}

// The list of the apps is for who asks.
func TestHomeIsNotKept(t *testing.T) {
	h, _ := mustNew(t, serve.Config{Apps: []*app.App{lampApp(app.Public)}})
	if got := do(t, h, "GET", "/", "").Header.Get("Cache-Control"); got != "no-store" {
		t.Errorf("Cache-Control: %s", got)
	}
}
