package serve_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"

	"dashd/app"
	"dashd/app/serve"
	"dashd/examples/demo"
	"dashd/examples/simple"
)

// asking are pages that tell how the server sees a request.
var asking = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	fmt.Fprintf(w, "%s %s %v %s", r.RemoteAddr, r.Host, r.TLS != nil, serve.VisitOf(r).Address())
})

// ask sends a request from a peer, with names and values of headers in turn.
func ask(t *testing.T, h http.Handler, peer string, headers ...string) string {
	t.Helper()
	r := httptest.NewRequest("GET", "http://dash.example/", nil)
	r.RemoteAddr = peer
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Body.String()
}

const (
	xFor   = "X-Forwarded-For"
	xHost  = "X-Forwarded-Host"
	xProto = "X-Forwarded-Proto"
)

// A trusted proxy is believed who the visitor is, which host he asked for, and
// whether by TLS. What cannot be read leaves the request as it is.
func TestTrustedProxies(t *testing.T) {
	h, log := mustNew(t, serve.Config{Pages: asking, AllowedHosts: []string{"dash.example", "other.example"}, TrustedProxies: []string{"10.0.0.0/8", " 192.0.2.7 ", "2001:db8::/32", "127.0.0.1"}})
	const (
		proxy = "10.0.0.1:5000"
		as    = " dash.example false http://dash.example/"
		asTLS = " dash.example true https://dash.example/"
	)
	for _, tt := range []struct {
		name    string
		peer    string
		want    string
		headers []string
	}{
		{"nothing told", proxy, proxy + as, nil},
		{"address", proxy, "198.51.100.1:0" + as, []string{xFor, "198.51.100.1"}},
		{"network of one", "192.0.2.7:1", "198.51.100.1:0" + as, []string{xFor, "198.51.100.1"}},
		{"IPv6 proxy", "[2001:db8::7]:1", "198.51.100.1:0" + as, []string{xFor, "198.51.100.1"}},
		{"IPv4 in IPv6 proxy", "[::ffff:10.0.0.1]:1", "198.51.100.1:0" + as, []string{xFor, "198.51.100.1"}},
		{"port", proxy, "198.51.100.1:0" + as, []string{xFor, "198.51.100.1:4711"}},
		{"IPv6", proxy, "[2001:470::1]:0" + as, []string{xFor, "2001:470::1"}},
		{"IPv6 in brackets", proxy, "[2001:470::1]:0" + as, []string{xFor, "[2001:470::1]"}},
		{"IPv6 and port", proxy, "[2001:470::1]:0" + as, []string{xFor, "[2001:470::1]:99"}},
		{"IPv6 with a zone", proxy, "[fe80::1]:0" + as, []string{xFor, "fe80::1%eth0"}},
		{"IPv4 in IPv6", proxy, "198.51.100.1:0" + as, []string{xFor, "::ffff:198.51.100.1"}},
		{"made up before the proxy", proxy, "198.51.100.1:0" + as, []string{xFor, "127.0.0.1, 1.2.3.4, 198.51.100.1"}},
		{"chain of proxies", proxy, "198.51.100.1:0" + as, []string{xFor, "1.2.3.4, 198.51.100.1, 10.9.9.9,2001:db8::1"}},
		{"two lines", proxy, "198.51.100.1:0" + as, []string{xFor, "1.2.3.4, 198.51.100.1", xFor, "10.9.9.9"}},
		{"only proxies", proxy, "10.0.0.3:0" + as, []string{xFor, "10.0.0.3, 10.0.0.2"}},
		{"garbage", proxy, proxy + as, []string{xFor, "somebody"}},
		{"garbage before", proxy, "198.51.100.1:0" + as, []string{xFor, "\"><script>, 198.51.100.1"}},
		{"garbage last", proxy, proxy + as, []string{xFor, "198.51.100.1, unknown"}},
		{"garbage between", proxy, "10.0.0.2:0" + as, []string{xFor, "198.51.100.1, [, 10.0.0.2"}},
		{"half a bracket", proxy, proxy + as, []string{xFor, "[2001:470::1"}},
		{"empty", proxy, proxy + as, []string{xFor, ""}},
		{"commas", proxy, proxy + as, []string{xFor, strings.Repeat(",", 10000)}},

		{"https", proxy, proxy + asTLS, []string{xProto, "https"}},
		{"HTTPS", proxy, proxy + asTLS, []string{xProto, "HTTPS"}},
		{"websocket", proxy, proxy + asTLS, []string{xProto, "wss"}},
		{"http", proxy, proxy + as, []string{xProto, "http"}},
		{"https twice", proxy, proxy + asTLS, []string{xProto, "https, https"}},
		{"https and http", proxy, proxy + as, []string{xProto, "https, http"}},
		{"other scheme", proxy, proxy + as, []string{xProto, "gopher"}},

		{"host", proxy, proxy + " other.example false http://other.example/", []string{xHost, "other.example"}},
		{"host and port", proxy, proxy + " other.example:8443 true https://other.example:8443/", []string{xHost, "other.example:8443", xProto, "https"}},
		{"host and port of https", proxy, proxy + " other.example true https://other.example/", []string{xHost, "other.example:443", xProto, "https"}},
		{"host and port of http", proxy, proxy + " other.example false http://other.example/", []string{xHost, "other.example:80"}},
		{"two hosts", proxy, proxy + as, []string{xHost, "other.example, dash.example"}},
		{"two lines of hosts", proxy, proxy + as, []string{xHost, "other.example", xHost, "dash.example"}},
		{"host with a path", proxy, proxy + as, []string{xHost, "other.example/path"}},
		{"host with a user", proxy, proxy + as, []string{xHost, "dash.example@other.example"}},
		{"host with a blank", proxy, proxy + as, []string{xHost, "other example"}},

		{"Forwarded", proxy, "198.51.100.1:0 other.example true https://other.example/", []string{"Forwarded", "for=198.51.100.1;host=other.example;proto=https"}},
		{"Forwarded, quoted", proxy, "[2001:470::1]:0 other.example:8443 true https://other.example:8443/", []string{"Forwarded", ` For="[2001:470::1]:4711" ; HOST="other.example:8443";by=_x;Proto="ht\tps"`}},
		{"Forwarded, chain", proxy, "198.51.100.1:0 other.example true https://other.example/", []string{"Forwarded", `for=1.2.3.4;host=evil.example;proto=http, for=198.51.100.1;host=other.example;proto=https,for=10.0.0.9;host=inner;proto=http`}},
		{"Forwarded, lines", proxy, "198.51.100.1:0" + asTLS, []string{"Forwarded", `for=198.51.100.1;proto=https`, "Forwarded", "for=10.0.0.9"}},
		{"Forwarded, hidden", proxy, proxy + asTLS, []string{"Forwarded", `for=1.2.3.4, for=_hidden;proto=https`}},
		{"Forwarded, unknown", proxy, proxy + as, []string{"Forwarded", `for=unknown`}},
		{"Forwarded, twice for", proxy, proxy + as, []string{"Forwarded", `for=198.51.100.1;for=198.51.100.2`}},
		{"Forwarded, open quote", proxy, proxy + as, []string{"Forwarded", `for="198.51.100.1`}},
		{"Forwarded, open escape", proxy, proxy + as, []string{"Forwarded", `for="198.51.100.1\`}},
		{"Forwarded, no value", proxy, proxy + as, []string{"Forwarded", `for=`}},
		{"Forwarded, no pair", proxy, proxy + as, []string{"Forwarded", `198.51.100.1`}},
		{"Forwarded, no comma", proxy, proxy + as, []string{"Forwarded", `for="198.51.100.1"for=1.1.1.1`}},
		{"Forwarded, blanks", proxy, proxy + as, []string{"Forwarded", `for =198.51.100.1`}},

		{"both agree", proxy, "198.51.100.1:0" + asTLS, []string{xFor, "198.51.100.1", "Forwarded", "for=198.51.100.1;proto=https"}},
		{"both differ", proxy, proxy + as, []string{xFor, "198.51.100.1", xProto, "https", "Forwarded", "for=127.0.0.1;proto=http"}},

		{"a stranger's word", "203.0.113.9:5", "203.0.113.9:5" + as, []string{xFor, "198.51.100.1", xProto, "https", xHost, "other.example", "Forwarded", "for=198.51.100.1;proto=https"}},
		{"a peer that is none", "@", "@" + as, []string{xFor, "198.51.100.1"}},
	} {
		if got := ask(t, h, tt.peer, tt.headers...); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
	if lines := strings.Count(log.String(), "not believed"); lines != 2 {
		t.Errorf("of two strangers the log has %d lines: %s", lines, log)
	}
}

// A proxy that speaks TLS with the server tells of a visitor who does not.
func TestTrustedProxyByTLS(t *testing.T) {
	h, _ := mustNew(t, serve.Config{Pages: asking, TrustedProxies: []string{"10.0.0.1"}})
	for proto, want := range map[string]string{"http": "false http", "": "true https", "https": "true https"} {
		r := httptest.NewRequest("GET", "https://localhost/", nil)
		r.RemoteAddr, r.TLS = "10.0.0.1:1", &tls.ConnectionState{}
		r.Header.Set(xProto, proto)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if got := w.Body.String(); got != "10.0.0.1:1 localhost "+want+"://localhost/" {
			t.Errorf("%q: %s", proto, got)
		}
	}
}

// What is not a proxy is refused at the start, with a sentence.
func TestWrongProxies(t *testing.T) {
	for _, entry := range []string{"", "proxy.example", "10.0.0.1:80", "10.0.0.0/33", "::ffff:10.0.0.0/104", "*"} {
		_, err := serve.New(serve.Config{TrustedProxies: []string{"10.0.0.1", entry}})
		if want := fmt.Sprintf("trusted proxy %q is not an address such as 10.0.0.1", entry); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", entry, err)
		}
	}
}

// On a Unix socket there are no addresses: all who may open it are believed, or
// none.
func TestTrustedUnixSocket(t *testing.T) {
	for _, test := range []struct {
		trusted string
		want    string
	}{
		{"unix", "198.51.100.1:0 localhost true https://localhost/"},
		{"0.0.0.0/0", "@ localhost false http://localhost/"},
	} {
		h, log := mustNew(t, serve.Config{Pages: asking, TrustedProxies: []string{test.trusted}})
		path := filepath.Join(t.TempDir(), "s")
		listener, err := net.Listen("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		server := httptest.NewUnstartedServer(h)
		server.Listener = listener
		server.Start()
		t.Cleanup(server.Close)
		client := http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", path)
		}}}
		t.Cleanup(client.CloseIdleConnections)
		for range 2 {
			request, err := http.NewRequestWithContext(t.Context(), "GET", "http://localhost/", nil)
			if err != nil {
				t.Fatal(err)
			}
			request.Header.Set(xFor, "198.51.100.1")
			request.Header.Set(xProto, "https")
			resp, err := client.Do(request)
			if err != nil {
				t.Fatal(err)
			}
			if got := bodyOf(t, resp); got != test.want {
				t.Errorf("%s: %s, want %s", test.trusted, got, test.want)
			}
			resp.Body.Close()
		}
		if n := strings.Count(log.String(), `"peer":"unix"`); (n == 1) == (test.trusted == "unix") {
			t.Errorf("%s: the log has %d lines: %s", test.trusted, n, log)
		}
	}
}

// Strangers who tell of visitors have a line each, and not more than some.
func TestStrangersInLog(t *testing.T) {
	h, log := mustNew(t, serve.Config{Pages: asking, AllowedHosts: []string{"dash.example"}})
	for i := range 600 {
		ask(t, h, fmt.Sprintf("10.0.%d.%d:1", i%3, i%300%256), xFor, "1.1.1.1")
	}
	text := log.String()
	if n := strings.Count(text, "not believed"); n != 50 {
		t.Errorf("the log has %d lines", n)
	}
	if !strings.Contains(text, "--trusted-proxies") || !strings.Contains(text, `"peer":"10.0.0.0"`) {
		t.Errorf("the log says %s", text)
	}
}

// behind sends requests as a proxy on this machine that ends TLS.
func behind(h http.Handler, visitor string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.RemoteAddr = "127.0.0.1:1"
		r.Header.Set(xFor, visitor)
		r.Header.Set(xProto, "https")
		r.Header.Set(xHost, "dash.example")
		h.ServeHTTP(w, r)
	})
}

// Behind a proxy that ends TLS all is as it would be without: cookies, sign-in
// and its brake, forms, and a page of the site that dashd does not serve.
func TestBehindTLS(t *testing.T) {
	s, _ := withUsers(t, serve.Config{BasePath: "/d", SitePath: "/", Pages: counting, AllowedHosts: []string{"dash.example"}, TrustedProxies: []string{"127.0.0.1"}})
	mux := http.NewServeMux()
	mux.Handle("/d/", s.Handler())
	mux.HandleFunc("/own", func(w http.ResponseWriter, r *http.Request) {
		visit := s.Visit(w, r)
		fmt.Fprint(w, visit.User(), " ", visit.Address())
	})
	b := newClient(t, behind(mux, "198.51.100.1"))
	wantStatus(t, b.send("POST", "/d/login", map[string][]string{"name": {"ann"}, "password": {password}}, "Origin", "https://dash.example"), http.StatusSeeOther)
	for name, c := range b.cookies {
		if !strings.HasPrefix(name, "__Secure-dashd-") || !c.Secure {
			t.Errorf("the cookie is %v", c)
		}
	}
	if got := bodyOf(t, b.get("/d/")); got != "ann 1" {
		t.Errorf("a page of Pages knows %s", got)
	}
	if got := bodyOf(t, b.get("/own")); got != "ann https://dash.example/d/" {
		t.Errorf("a page of the site's own knows %s", got)
	}
	wantStatus(t, b.send("POST", "/d/logout", map[string][]string{}, "Origin", "https://evil.example"), http.StatusForbidden)
	wantStatus(t, b.send("POST", "/d/logout", map[string][]string{}, "Origin", "https://127.0.0.1"), http.StatusForbidden)

	// Who guesses, waits; his neighbours do not, nor does who tells of others.
	guess := func(visitor, forged string) int {
		b := newClient(t, behind(s.Handler(), strings.TrimPrefix(forged+", "+visitor, ", ")))
		return b.post("/d/login", "name", "bob", "password", "wrong").StatusCode
	}
	for i := range 6 {
		if status, want := guess("198.51.100.2", fmt.Sprintf("203.0.113.%d", i)), []int{401, 429}[i/5]; status != want {
			t.Errorf("guess %d: %d", i, status)
		}
	}
	if status := guess("198.51.100.3", "198.51.100.2"); status != 401 {
		t.Errorf("a neighbour's first guess: %d", status)
	}

	sessions, err := s.Store().Sessions(t.Context(), "ann")
	if err != nil || len(sessions) != 1 || sessions[0].Address != "198.51.100.1" {
		t.Errorf("ann's sessions are %+v, %v", sessions, err)
	}
}

// Pipes connect through a proxy that ends TLS, from pages that came by TLS.
func TestPipesBehindTLS(t *testing.T) {
	s, _ := newServer(t, serve.Config{AllowedHosts: []string{"dash.example"}, TrustedProxies: []string{"127.0.0.1"}})
	server := httptest.NewServer(behind(s.Handler(), "198.51.100.1"))
	t.Cleanup(server.Close)
	for origin, want := range map[string]bool{"https://dash.example": true, "http://dash.example": false, "https://evil.example": false, "https://127.0.0.1": false} {
		conn, _, err := websocket.Dial(t.Context(), server.URL+wsPath, &websocket.DialOptions{HTTPHeader: http.Header{"Origin": {origin}}})
		if (err == nil) != want {
			t.Errorf("%s: %v", origin, err)
		}
		if err == nil {
			_ = conn.CloseNow()
		}
	}
}

// The demo tells where it is, as visitors know it.
func TestDemoAddress(t *testing.T) {
	config := demo.Config()
	config.BasePath, config.TrustedProxies = "/x", []string{"127.0.0.1"}
	config.AllowedHosts = []string{"dash.example"}
	s, _ := newServer(t, config)
	for want, h := range map[string]http.Handler{"http://127.0.0.1/x/": s.Handler(), "https://dash.example/x/": behind(s.Handler(), "198.51.100.1")} {
		if text := bodyOf(t, do(t, h, "GET", "/x/demo-four", "")); !strings.Contains(text, want+"dpd/views/poke/") {
			t.Errorf("the hint does not name %s", want)
		}
	}
}

// A person who came by plain HTTP to the proxy goes on by TLS, if that is where
// visitors reach the server; but not in a circle, and nobody else.
func TestRedirectToTLS(t *testing.T) {
	page := []string{"Accept", acceptPage}
	for _, tt := range []struct {
		name    string
		method  string
		peer    string
		host    string
		headers []string
		want    string // "" for no redirect
	}{
		{"page", "GET", "10.0.0.1:1", "dash.example", append(page, xProto, "http"), "https://dash.example:8443/app/x?a=b"},
		{"HEAD", "HEAD", "10.0.0.1:1", "dash.example", append(page, xProto, "http"), "https://dash.example:8443/app/x?a=b"},
		{"other port", "GET", "10.0.0.1:1", "dash.example:80", append(page, xProto, "http"), "https://dash.example:8443/app/x?a=b"},
		{"by TLS", "GET", "10.0.0.1:1", "dash.example", append(page, xProto, "https"), ""},
		{"nothing told", "GET", "10.0.0.1:1", "dash.example", append(page, xFor, "1.2.3.4"), ""},
		{"no proxy", "GET", "10.0.0.2:1", "dash.example", append(page, xProto, "http"), ""},
		{"other host", "GET", "10.0.0.1:1", "10.0.0.9", append(page, xProto, "http"), ""},
		{"host of somebody else", "GET", "10.0.0.1:1", "evil.example", append(page, xProto, "http"), ""},
		{"program", "GET", "10.0.0.1:1", "dash.example", []string{"Accept", "*/*", xProto, "http"}, ""},
		{"form", "POST", "10.0.0.1:1", "dash.example", append(page, xProto, "http"), ""},
		{"the proxy is wrong", "GET", "10.0.0.1:1", "dash.example", append(page, xProto, "http", "Sec-Fetch-Site", "none"), ""},
	} {
		h, log := mustNew(t, serve.Config{PublicURL: "https://Dash.example:8443", TrustedProxies: []string{"10.0.0.1"}})
		tt.want = strings.Replace(tt.want, "dash", "Dash", 1) // as it is configured
		r := httptest.NewRequest(tt.method, "http://"+tt.host+"/app/x?a=b", nil)
		r.RemoteAddr = tt.peer
		for i := 0; i < len(tt.headers); i += 2 {
			r.Header.Set(tt.headers[i], tt.headers[i+1])
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		got := w.Header().Get("Location")
		if strings.HasPrefix(got, "https:") != (tt.want != "") || tt.want != "" && (got != tt.want || w.Code != http.StatusPermanentRedirect) {
			t.Errorf("%s: %d to %s, want %s", tt.name, w.Code, got, tt.want)
		}
		if said := strings.Contains(log.String(), "X-Forwarded-Proto: https"); said != (tt.name == "the proxy is wrong") {
			t.Errorf("%s: the log says %s", tt.name, log)
		}
	}
	h, _ := mustNew(t, serve.Config{PublicURL: "http://dash.example", TrustedProxies: []string{"10.0.0.1"}})
	r := httptest.NewRequest("GET", "http://dash.example/", nil)
	r.RemoteAddr = "10.0.0.1:1"
	r.Header.Set(xProto, "http")
	r.Header.Set("Accept", acceptPage)
	w := httptest.NewRecorder()
	if h.ServeHTTP(w, r); w.Code != http.StatusOK {
		t.Errorf("a site without TLS answers %d", w.Code)
	}
}

// smuggled are requests that two servers may read differently. behind each comes
// a second one, which must not be answered as the visitor's own where the first
// is refused.
var smuggled = map[string]string{
	"two lengths":            "Content-Length: 3\r\nContent-Length: 30\r\n\r\nabc",
	"two lengths in one":     "Content-Length: 3, 30\r\n\r\nabc",
	"negative length":        "Content-Length: -3\r\n\r\nabc",
	"length with a sign":     "Content-Length: +3\r\n\r\nabc",
	"hexadecimal length":     "Content-Length: 0x3\r\n\r\nabc",
	"blank before the colon": "Content-Length : 3\r\n\r\nabc",
	"unknown encoding":       "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
	"two encodings":          "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
	"encoding twice":         "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
	"encoding in quotes":     "Transfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n",
	"tab in the name":        "Transfer-Encoding\t: chunked\r\n\r\n0\r\n\r\n",
	"NUL in a value":         "X-A: a\x00b\r\n\r\n",
	"lonely CR in a value":   "X-A: a\rContent-Length: 30\r\n\r\n",
	"line without a colon":   "Nonsense\r\n\r\n",
	"two hosts":              "Host: evil.example\r\n\r\n",
	"chunk without a size":   "Transfer-Encoding: chunked\r\n\r\n-1\r\nabc\r\n0\r\n\r\n",
	"chunk too long":         "Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\nabc\r\n0\r\n\r\n",
}

const secondRequest = "GET /_django/health HTTP/1.1\r\nHost: localhost\r\nX-Second: 1\r\nConnection: close\r\n\r\n"

// sendRaw sends bytes and returns the statuses of the answers, until the server
// closes the connection.
func sendRaw(t *testing.T, address, text string) (statuses []int) {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatal(err)
	}
	for reader := bufio.NewReader(conn); ; {
		resp, err := http.ReadResponse(reader, nil)
		if err != nil {
			return statuses
		}
		statuses = append(statuses, resp.StatusCode)
		if _, err := io.Copy(io.Discard, resp.Body); err != nil {
			return statuses
		}
	}
}

// A request whose end is doubtful is refused, and ends its connection. Where it
// has both a length and chunks, Go's server takes the chunks; proxies refuse it,
// which TestNginxSmuggling holds.
func TestRequestSmuggling(t *testing.T) {
	s, _ := newServer(t, serve.Config{Apps: []*app.App{simple.New()}})
	var seconds atomic.Int32
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Second") != "" {
			seconds.Add(1)
		}
		s.Handler().ServeHTTP(w, r)
	}))
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	server.Start()
	t.Cleanup(server.Close)
	address := server.Listener.Addr().String()
	if got := sendRaw(t, address, "POST /app/simpleexample/_dash-update-component HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\nabc"+secondRequest); fmt.Sprint(got) != "[415 200]" || seconds.Swap(0) != 1 {
		t.Fatalf("two plain requests get %v", got)
	}
	for name, rest := range smuggled {
		statuses := sendRaw(t, address, "POST /app/simpleexample/_dash-update-component HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"+rest+secondRequest)
		if n := seconds.Swap(0); n != 0 || len(statuses) != 1 || statuses[0] < 400 {
			t.Errorf("%s: %v, and %d requests behind it", name, statuses, n)
		}
	}
}
