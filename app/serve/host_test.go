package serve_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"dashd/app"
	"dashd/app/serve"
	"dashd/examples/simple"
)

// askHost asks for a page or another path of a host, and returns the answer.
func askHost(h http.Handler, method, host, path string, headers ...string) *http.Response {
	r := httptest.NewRequest(method, "http://localhost"+path, nil)
	r.Host = host
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result()
}

func TestAllowedHosts(t *testing.T) {
	h, _ := mustNew(t, serve.Config{AllowedHosts: []string{"Dash.Example.", "*.Sub.example", "with.port:8000", "under_score.example", "xn--bcher-kva.example", "2001:db8::1"}})
	for host, want := range map[string]int{
		"dash.example": 200, "DASH.example.:8000": 200, "dash.example:": 200, "a.sub.example": 200, "a.b.sub.example.": 200,
		"with.port": 200, "with.port:9": 200, "under_score.example": 200, "xn--bcher-kva.example": 200, "XN--BCHER-KVA.EXAMPLE": 200,
		"[2001:db8::1]": 200, "[fe80::1%25eth0]:8000": 200, "10.1.2.3:80": 200,
		"sub.example": 421, "evilsub.example": 421, "dash.example.evil.example": 421, "dash.example..": 421, ".": 421, "*": 421, "*.sub.example": 200,
		"127.0.0.1.evil.example": 421, "127.1": 421, "2130706433": 421, "0x7f000001": 421, "localhost.evil.example": 421, "notlocalhost": 421,
		"dash.example@evil.example": 421, "dash.example,evil.example": 421, "dash.example evil.example": 421,
	} {
		if resp := askHost(h, "GET", host, "/"); resp.StatusCode != want {
			t.Errorf("host %q: %d, want %d", host, resp.StatusCode, want)
		}
	}
	for _, name := range []string{"", "https://dash.example", "dash.example/x", "bücher.example", "a b", "a..b", "dash.*", "*example", strings.Repeat("a", 64) + ".example"} {
		_, err := serve.New(serve.Config{AllowedHosts: []string{name}})
		if want := fmt.Sprintf("allowed host %q is not a name such as dash.example.org", name); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", name, err)
		}
	}
}

// A person reads which host is refused and what to type; a program reads JSON.
func TestRefusedHost(t *testing.T) {
	h, log := mustNew(t, serve.Config{Apps: []*app.App{simple.New()}})
	resp := askHost(h, "GET", "Dash.Example.Org.:8000", "/", "Accept", acceptPage)
	text := bodyOf(t, resp)
	for _, want := range []string{"<strong>dash.example.org</strong>", "<pre>--allowed-hosts dash.example.org</pre>", `"allowed-hosts": ["dash.example.org"]`, resp.Header.Get("X-Request-Id")} {
		if !strings.Contains(text, want) {
			t.Errorf("the page lacks %s: %s", want, text)
		}
	}
	if resp.StatusCode != http.StatusMisdirectedRequest || resp.Header.Get("Content-Type") != "text/html; charset=utf-8" ||
		!strings.HasPrefix(resp.Header.Get("Content-Security-Policy"), "default-src 'none'; style-src 'nonce-") || resp.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("%d %v", resp.StatusCode, resp.Header)
	}
	if strings.Contains(text, "href=") || strings.Contains(text, "src=") {
		t.Errorf("the page needs what this host does not give: %s", text)
	}

	var answer struct{ Error, ID string }
	resp = askHost(h, "GET", "dash.example.org", "/readyz", "Accept", "application/json")
	if err := json.Unmarshal([]byte(bodyOf(t, resp)), &answer); err != nil || !strings.Contains(answer.Error, "--allowed-hosts") || answer.ID != resp.Header.Get("X-Request-Id") {
		t.Errorf("a program reads %+v, %v", answer, err)
	}

	// What means something to a shell is not to be typed.
	for _, host := range []string{"$(reboot).example", "a;reboot", "`reboot`", "<script>", strings.Repeat("a.", 200) + "example", ""} {
		text := bodyOf(t, askHost(h, "GET", host, "/"))
		if strings.Contains(text, "--allowed-hosts") || strings.Contains(text, "reboot") || strings.Contains(text, "<script") || strings.Contains(text, "a.a.") {
			t.Errorf("for %s the page is %s", host, text)
		}
	}

	if n := strings.Count(log.String(), `"host":"dash.example.org"`); n != 1 {
		t.Errorf("the log has %d lines of one host: %s", n, log)
	}
	for i := range 500 {
		askHost(h, "GET", fmt.Sprintf("%d.%s.example", i, strings.Repeat("x", 1000)), "/")
	}
	if text := log.String(); strings.Count(text, "host refused") != 50 || len(text) > 50*1000 {
		t.Errorf("a scanner fills the log: %d lines, %d bytes", strings.Count(text, "host refused"), len(text))
	}
}

// A page of another site that points its own name at this server gets nothing of
// it, whatever it asks for, and with the cookies of that name.
func TestRebinding(t *testing.T) {
	s, _ := withUsers(t, serve.Config{Apps: []*app.App{simple.New(), textApp("Secret", "secret", app.Authenticated)}, PublicURL: "http://dash.example"})
	b := newClient(t, s.Handler())
	b.signIn("root", password)
	cookie := ""
	for name, c := range b.cookies {
		cookie = name + "=" + c.Value
	}
	asked := map[string]bool{}
	try := func(method, path string) {
		if asked[method+path] {
			return
		}
		asked[method+path] = true
		resp := askHost(s.Handler(), method, "rebound.example", path, "Cookie", cookie, "Origin", "http://rebound.example", "Sec-Fetch-Site", "same-origin")
		if text := bodyOf(t, resp); resp.StatusCode != http.StatusMisdirectedRequest || len(resp.Cookies()) > 0 || strings.Contains(text, "secret") || strings.Contains(text, "root") {
			t.Errorf("%s %s: %d %s", method, path, resp.StatusCode, text)
		}
	}
	for _, route := range s.RouteTable() {
		try(route.Method, "/"+strings.NewReplacer("{$}", "", "{", "", "}", "", "...", "").Replace(route.Path))
	}
	for _, path := range []string{"/", "/app/secret/", "/app/secret/_dash-layout", "/app/simpleexample/_dash-update-component", "/embed.js", "/static/x/y", "/favicon.ico", "/healthz", "/metrics", "/nothing"} {
		for _, method := range []string{"GET", "POST", "OPTIONS"} {
			try(method, path)
		}
	}
}

// The host counts that a request's line names, not the header beside it.
func TestAbsoluteForm(t *testing.T) {
	s, _ := newServer(t, serve.Config{Apps: []*app.App{simple.New()}, Pages: asking, AllowedHosts: []string{"dash.example"}})
	server := httptest.NewServer(s.Handler())
	t.Cleanup(server.Close)
	for target, want := range map[string]int{
		"http://dash.example/":                       200,
		"https://dash.example/":                      200, // which makes it no request by TLS: see below
		"http://dash.example/app/simpleexample/":     200,
		"http://dash.example//app/simpleexample/../": 307,
		"http://evil.example/":                       421,
		"http://evil.example/app/simpleexample/":     421,
		"http://dash.example@evil.example/":          421,
		"//evil.example/":                            307, // a path, to be cleaned
		"/app/simpleexample/_dash-layout?http://x/":  200,
		"http://dash.example:80/app/simpleexample/":  200,
		"http:///": 200, // no host: that of the header
		"http://dash.example/app/simpleexample/nothing/": 404,
	} {
		got := sendRaw(t, server.Listener.Addr().String(), "GET "+target+" HTTP/1.1\r\nHost: dash.example\r\nConnection: close\r\n\r\n")
		if len(got) != 1 || got[0] != want {
			t.Errorf("%s: %v, want %d", target, got, want)
		}
	}
	r := httptest.NewRequest("GET", "/", nil)
	r.URL.Scheme, r.URL.Host, r.Host, r.RequestURI = "https", "dash.example", "dash.example", "https://dash.example/"
	w := httptest.NewRecorder()
	if s.Handler().ServeHTTP(w, r); !strings.HasSuffix(w.Body.String(), " false http://dash.example/") {
		t.Errorf("an https target is %s", w.Body)
	}
}

// A host that somebody made up is in no answer that others could get: links and
// redirects are paths.
func TestHostInjection(t *testing.T) {
	s, _ := withUsers(t, serve.Config{Apps: []*app.App{simple.New(), textApp("Secret", "secret", app.Authenticated)}, AllowedHosts: []string{"*"}})
	for _, path := range []string{"/", "/login", "/app/simpleexample", "/app/simpleexample/", "/app/secret/", "/admin/", "/account", "/nothing"} {
		resp := askHost(s.Handler(), "GET", "evil.example", path, "Accept", acceptPage, xHost, "worse.example")
		if text := bodyOf(t, resp) + fmt.Sprint(resp.Header); strings.Contains(text, "evil.example") || strings.Contains(text, "worse.example") {
			t.Errorf("%s names the host: %s", path, text)
		}
	}
}
