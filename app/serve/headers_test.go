package serve_test

import (
	"crypto/tls"
	"flag"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"dashd/app"
	"dashd/app/html"
	"dashd/app/serve"
	"dashd/examples/simple"
)

var updateHeaders = flag.Bool("update-headers", false, "write testdata/headers.txt anew")

// varying is what differs each time, and what stands for it in the snapshot.
var varying = []struct {
	pattern *regexp.Regexp
	instead string
}{
	{regexp.MustCompile(`(?m)^(X-Request-Id|Content-Length|Etag|Last-Modified): .*$`), "$1: …"},
	{regexp.MustCompile(`nonce-[A-Z0-9]+`), "nonce-…"},
	{regexp.MustCompile(`/embed/[^/]+/`), "/embed/…/"},
}

// The headers of each kind of answer, by TLS and without, are as the snapshot
// says.
func TestHeaders(t *testing.T) {
	plain, shared := simple.New(), textApp("Shared", "shared", app.Public)
	plain.Assets = fstest.MapFS{"a.css": {Data: []byte("a{}")}}
	shared.EmbedOrigins = []string{"https://partner.example"}
	shared.Assets = plain.Assets
	s, _ := withUsers(t, serve.Config{
		Apps: []*app.App{plain, shared, textApp("Secret", "secret", app.Authenticated)}, AllowedHosts: []string{"dash.example"},
		Pages: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("own")) }),
	})
	b := newClient(t, s.Handler())
	b.signIn("root", password)
	static := regexp.MustCompile(`/static/[^"]+dash_renderer.min.js`).FindString(bodyOf(t, b.get("/app/simpleexample/")))
	requests := []struct{ name, method, host, path, body string }{
		{"page of the site's own", "GET", "dash.example", "/", ""},
		{"app", "GET", "dash.example", "/app/simpleexample/", ""},
		{"layout", "GET", "dash.example", "/app/simpleexample/_dash-layout", ""},
		{"update", "POST", "dash.example", "/app/simpleexample/_dash-update-component", sizeCall},
		{"suite", "GET", "dash.example", "/app/simpleexample/_dash-component-suites/dash/dcc/async-graph.js", ""},
		{"asset", "GET", "dash.example", "/app/simpleexample/assets/a.css", ""},
		{"app for other sites", "GET", "dash.example", "/app/shared/", ""},
		{"asset for other sites", "GET", "dash.example", "/app/shared/assets/a.css", ""},
		{"embedding", "GET", "dash.example", "/app/shared/_dash-embed", ""},
		{"embed token", "GET", "dash.example", "token", ""},
		{"static", "GET", "dash.example", static, ""},
		{"embed.js", "GET", "dash.example", "/embed.js", ""},
		{"favicon", "GET", "dash.example", "/favicon.ico", ""},
		{"login", "GET", "dash.example", "/login", ""},
		{"sign-in that fails", "POST", "dash.example", "/login", "name=ann&password=wrong"},
		{"admin", "GET", "dash.example", "/admin/users/", ""},
		{"poke", "POST", "dash.example", "/dpd/views/poke/", "{}"},
		{"pipes", "GET", "dash.example", wsPath, ""},
		{"health", "GET", "dash.example", "/_django/health/", ""},
		{"no such app", "GET", "dash.example", "/app/nothing/", ""},
		{"sign in first", "GET", "dash.example", "/app/secret/", ""},
		{"wrong method", "DELETE", "dash.example", "/app/simpleexample/", ""},
		{"from another site", "POST", "dash.example", "/app/simpleexample/_dash-update-component", "cross"},
		{"wrong host", "GET", "evil.example", "/", ""},
		{"with a port", "GET", "dash.example:8443", "/login", ""},
		{"this machine", "GET", "localhost", "/login", ""},
	}
	var got strings.Builder
	for _, request := range requests {
		answers := map[bool]string{}
		for _, byTLS := range []bool{false, true} {
			if request.name == "embed token" {
				var err error
				if request.path, err = s.EmbedToken(t.Context(), "app/shared", "", 0); err != nil {
					t.Fatal(err)
				}
			}
			r := httptest.NewRequest(request.method, "http://"+request.host+request.path, strings.NewReader(request.body))
			r.Header.Set("Accept", acceptPage)
			switch {
			case request.body == "cross":
				r.Header.Set("Sec-Fetch-Site", "cross-site")
			case strings.HasPrefix(request.body, "{"):
				r.Header.Set("Content-Type", "application/json")
			case request.body != "":
				r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			}
			if byTLS {
				r.TLS = &tls.ConnectionState{}
			}
			if request.name == "admin" {
				for name, c := range b.cookies {
					if byTLS {
						name = "__Host-" + name
					}
					r.AddCookie(&http.Cookie{Name: name, Value: c.Value})
				}
			}
			w := httptest.NewRecorder()
			s.Handler().ServeHTTP(w, r)
			answers[byTLS] = headerText(w.Result())
		}
		got.WriteString("-- " + request.name + " --\n" + answers[false])
		for line := range strings.Lines(answers[true]) {
			if !strings.Contains(answers[false], line) {
				got.WriteString("by TLS also " + line)
			}
		}
		got.WriteString("\n")
	}
	file := filepath.Join("testdata", "headers.txt")
	if *updateHeaders {
		if err := os.WriteFile(file, []byte(got.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got.String()); diff != "" {
		t.Errorf("the headers have changed (-was +is); -update-headers writes them anew:\n%s", diff)
	}
}

// headerText is the status and the headers of an answer, sorted, without what
// differs each time.
func headerText(resp *http.Response) string {
	var b strings.Builder
	b.WriteString(resp.Status + "\n")
	for _, name := range slices.Sorted(maps.Keys(resp.Header)) {
		for _, value := range resp.Header[name] {
			b.WriteString(name + ": " + value + "\n")
		}
	}
	text := b.String()
	for _, v := range varying {
		text = v.pattern.ReplaceAllString(text, v.instead)
	}
	return text
}

// On the wire, every answer of apps tells its length: HEAD, too.
func TestAnswersTellTheirLength(t *testing.T) {
	wide := app.New("Wide")
	wide.Layout = html.Div{Children: strings.Repeat("wide ", 1000)}
	s, _ := newServer(t, serve.Config{Apps: []*app.App{simple.New(), wide}})
	server := httptest.NewServer(s.Handler())
	defer server.Close()
	client := &http.Client{Transport: &http.Transport{DisableCompression: true}}
	defer client.CloseIdleConnections()
	for _, path := range []string{"/app/simpleexample/_dash-layout", "/app/wide/_dash-layout", "/app/nobody/_dash-layout"} {
		var length int64
		for _, method := range []string{http.MethodGet, http.MethodHead} {
			request, err := http.NewRequestWithContext(t.Context(), method, server.URL+path, nil)
			if err != nil {
				t.Fatal(err)
			}
			answer, err := client.Do(request)
			if err != nil {
				t.Fatal(err)
			}
			text, err := io.ReadAll(answer.Body)
			_ = answer.Body.Close()
			if err != nil {
				t.Fatal(err)
			}
			if method == http.MethodGet {
				length = int64(len(text))
			}
			if answer.ContentLength != length || length == 0 || answer.TransferEncoding != nil {
				t.Errorf("%s %s: a length of %d, and %d bytes", method, path, answer.ContentLength, length)
			}
		}
	}
}
