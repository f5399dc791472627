package serve

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"dashd/app"
	"dashd/app/html"
)

// aSite serves a small site at an address of this machine.
func aSite(t *testing.T, config Config) *httptest.Server {
	t.Helper()
	a := app.New("Sales")
	a.Layout = html.Div{Children: "sales"}
	a.Access = app.Public
	config.Apps = []*app.App{a}
	s, err := New(config)
	if err != nil {
		t.Fatal(err)
	}
	site := httptest.NewServer(s.Handler())
	t.Cleanup(func() {
		site.Close()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return site
}

// aProxy is a proxy in front of a site. change, if not nil, is what it does
// wrong with requests, and changeAnswer with answers.
func aProxy(t *testing.T, site *httptest.Server, change func(*httputil.ProxyRequest), changeAnswer func(*http.Response)) *httputil.ReverseProxy {
	t.Helper()
	target, err := url.Parse(site.URL)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{DisableCompression: true}
	t.Cleanup(transport.CloseIdleConnections)
	return &httputil.ReverseProxy{
		Transport:     transport,
		FlushInterval: -1,
		ErrorLog:      log.New(io.Discard, "", 0),
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			r.Out.Host = r.In.Host
			if change != nil {
				change(r)
			}
		},
		ModifyResponse: func(resp *http.Response) error {
			if changeAnswer != nil {
				changeAnswer(resp)
			}
			return nil
		},
	}
}

// examined returns what a doctor finds, as "severity id".
func examined(t *testing.T, d *doctor) (found []string) {
	t.Helper()
	for _, f := range d.examine(t.Context()) {
		if f.Problem == "" || f.Severity != Info && f.Fix == "" {
			t.Errorf("it does not say what to do: %+v", f)
		}
		found = append(found, string(f.Severity)+" "+f.ID)
	}
	slices.Sort(found)
	return slices.Compact(found)
}

func mustDoctor(t *testing.T, url, token string) *doctor {
	t.Helper()
	d, err := newDoctor(url, token, DefaultWSRoute)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// A site that is well has no findings, with and without a base path, a proxy and
// TLS.
func TestDoctorOfHealthy(t *testing.T) {
	for _, base := range []string{"/", "/x/y/"} {
		for _, home := range []string{"", "Sales"} {
			site := aSite(t, Config{BasePath: base, NoAdmin: true, Home: home})
			proxy := httptest.NewServer(aProxy(t, site, nil, nil))
			t.Cleanup(proxy.Close)
			for _, at := range []string{site.URL + base, proxy.URL + strings.TrimSuffix(base, "/")} {
				d := mustDoctor(t, at, "")
				if found := examined(t, d); len(found) > 0 {
					t.Errorf("%s: %+v", at, d.findings)
				}
			}
		}
	}
}

func TestDoctorOverTLS(t *testing.T) {
	site := aSite(t, Config{NoAdmin: true, PublicURL: "https://127.0.0.1"})
	plain := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "https://127.0.0.1/", http.StatusMovedPermanently)
	}))
	t.Cleanup(plain.Close)
	addHSTS := func(resp *http.Response) { resp.Header.Set("Strict-Transport-Security", "max-age=31536000") }
	proxy := startTLS(t, aProxy(t, site, nil, addHSTS), nil, true)
	for _, tt := range []struct {
		name  string
		site  *httptest.Server
		plain string
		roots bool
		want  []string
	}{
		{"good", proxy, plain.Listener.Addr().String(), true, nil},
		{"plain HTTP is served", proxy, site.Listener.Addr().String(), true, []string{"error redirect"}},
		{"plain HTTP is not there", proxy, "127.0.0.1:1", true, []string{"info redirect"}},
		{"authority unknown", proxy, "", false, []string{"error certificate"}},
		{"expired", startTLS(t, aProxy(t, site, nil, addHSTS), []*big.Int{big.NewInt(-2), big.NewInt(-1)}, true), "", true, []string{"error certificate"}},
		{"not yet", startTLS(t, aProxy(t, site, nil, addHSTS), []*big.Int{big.NewInt(1), big.NewInt(90)}, true), "", true, []string{"error certificate"}},
		{"expires soon", startTLS(t, aProxy(t, site, nil, addHSTS), []*big.Int{big.NewInt(-1), big.NewInt(2)}, true), "", true, []string{"warning certificate"}},
		{"no HTTP/2, no HSTS", startTLS(t, aProxy(t, site, nil, nil), nil, false), "", true, []string{"info headers", "info http2"}},
		{"cookies not for HTTPS", startTLS(t, aProxy(t, aSite(t, Config{NoAdmin: true}), func(r *httputil.ProxyRequest) { r.Out.Header.Del("X-Forwarded-Proto") }, addHSTS), nil, true), "", true, []string{"error cookies"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := mustDoctor(t, tt.site.URL, "")
			d.plain = tt.plain
			if tt.roots {
				d.roots = x509.NewCertPool()
				d.roots.AddCert(tt.site.Certificate())
			}
			if diff := cmp.Diff(tt.want, examined(t, d)); diff != "" {
				t.Errorf("%s\n%+v", diff, d.findings)
			}
		})
	}
	d := mustDoctor(t, strings.Replace(site.URL, "http", "https", 1), "")
	if diff := cmp.Diff([]string{"error certificate"}, examined(t, d)); diff != "" {
		t.Error(diff)
	}
}

// startTLS serves by HTTPS, with a certificate that is valid between two days
// from now; nil is one that lasts.
func startTLS(t *testing.T, handler http.Handler, days []*big.Int, http2 bool) *httptest.Server {
	t.Helper()
	server := httptest.NewUnstartedServer(handler)
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.EnableHTTP2 = http2
	if days != nil {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		template := &x509.Certificate{
			SerialNumber: big.NewInt(1), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
			NotBefore: time.Now().AddDate(0, 0, int(days[0].Int64())), NotAfter: time.Now().AddDate(0, 0, int(days[1].Int64())),
		}
		der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
		if err != nil {
			t.Fatal(err)
		}
		server.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
	}
	server.StartTLS()
	t.Cleanup(server.Close)
	return server
}

// What proxies do wrong is found, and nothing else.
func TestDoctorOfProxies(t *testing.T) {
	site := aSite(t, Config{BasePath: "/x/y", NoAdmin: true})
	root := aSite(t, Config{NoAdmin: true})
	good := aProxy(t, site, nil, nil)
	pipes := "/x/y/" + DefaultWSRoute
	for _, tt := range []struct {
		name  string
		proxy http.Handler
		want  []string
	}{
		{"strips the upgrade", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			r.Header.Del("Upgrade")
			r.Header.Del("Connection")
			good.ServeHTTP(w, r)
		}), []string{"error websocket"}},
		{"knows no pipes", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == pipes {
				http.NotFound(w, r)
				return
			}
			good.ServeHTTP(w, r)
		}), []string{"error events", "error websocket"}},
		{"answers websockets itself", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == pipes && r.Method == http.MethodGet {
				w.WriteHeader(http.StatusOK)
				return
			}
			good.ServeHTTP(w, r)
		}), []string{"error websocket"}},
		{"cuts the base path off", http.StripPrefix("/x/y", aProxy(t, root, nil, nil)), []string{"error base-path"}},
		{"puts another base path before", aProxy(t, site, func(r *httputil.ProxyRequest) { r.Out.URL.Path = "/z" + r.In.URL.Path }, nil), []string{"error base-path"}},
		{"leads below another path", redirecting("/elsewhere/"), []string{"error base-path"}},
		{"leads to another site", redirecting("https://other.example/"), []string{"error index"}},
		{"leads in a circle", redirecting("/x/y/again"), []string{"error index"}},
		{"names another host", aProxy(t, site, func(r *httputil.ProxyRequest) { r.Out.Host = "backend.example" }, nil), []string{"error host"}},
		{"hides the host", aProxy(t, site, func(r *httputil.ProxyRequest) { r.Out.Host = "127.0.0.1" }, nil), []string{"error websocket", "warning host"}},
		{"refuses bodies", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.ContentLength > 1<<20 {
				http.Error(w, "413 Request Entity Too Large", http.StatusRequestEntityTooLarge)
				return
			}
			good.ServeHTTP(w, r)
		}), []string{"error body"}},
		{"drops headers", aProxy(t, site, nil, func(resp *http.Response) {
			resp.Header.Del("X-Content-Type-Options")
			resp.Header.Del("Content-Security-Policy")
		}), []string{"warning headers"}},
		{"drops compression", aProxy(t, site, func(r *httputil.ProxyRequest) { r.Out.Header.Del("Accept-Encoding") }, nil), []string{"warning static"}},
		{"changes types", aProxy(t, site, nil, func(resp *http.Response) {
			if strings.HasPrefix(resp.Header.Get("Content-Type"), "text/css") {
				resp.Header.Set("Content-Type", "text/plain")
			}
		}), []string{"error static"}},
		{"hides files", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.Contains(r.URL.Path, "/static/") {
				http.NotFound(w, r)
				return
			}
			good.ServeHTTP(w, r)
		}), []string{"error static"}},
		{"changes cookies", aProxy(t, site, nil, func(resp *http.Response) {
			if cookie := resp.Header.Get("Set-Cookie"); cookie != "" {
				resp.Header.Set("Set-Cookie", strings.Replace(cookie, "; HttpOnly", "", 1))
			}
		}), []string{"warning cookies"}},
		{"has cookies for another path", aProxy(t, site, nil, func(resp *http.Response) {
			if cookie := resp.Header.Get("Set-Cookie"); cookie != "" {
				resp.Header.Set("Set-Cookie", strings.Replace(cookie, "Path=/x/y/", "Path=/z/", 1))
			}
		}), []string{"error cookies"}},
		{"has no server", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) }), []string{"error index"}},
		{"has an error", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) }), []string{"error index"}},
		{"is not ready", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/x/y/readyz" {
				http.Error(w, "the disk is full", http.StatusServiceUnavailable)
				return
			}
			good.ServeHTTP(w, r)
		}), []string{"error health"}},
		{"has another clock", aProxy(t, site, nil, func(resp *http.Response) {
			resp.Header.Set("Date", time.Now().Add(-time.Hour).UTC().Format(http.TimeFormat))
		}), []string{"warning clock"}},
		{"shows the metrics", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/x/y/metrics" {
				w.Header().Set("Content-Type", "text/plain; version=0.0.4")
				return
			}
			good.ServeHTTP(w, r)
		}), []string{"warning metrics"}},
		{"shows the administration", aProxy(t, aSite(t, Config{BasePath: "/x/y"}), nil, nil), []string{"info admin"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			proxy := httptest.NewServer(tt.proxy)
			t.Cleanup(proxy.Close)
			d := mustDoctor(t, proxy.URL+"/x/y/", "")
			if diff := cmp.Diff(tt.want, examined(t, d)); diff != "" {
				t.Errorf("%s\n%+v", diff, d.findings)
			}
		})
	}
}

func redirecting(to string) http.Handler { return http.RedirectHandler(to, http.StatusFound) }

// A proxy that waits for the end of an answer holds a stream back for ever. The
// doctor waits for a bounded time.
func TestDoctorOfBufferingProxy(t *testing.T) {
	good := aProxy(t, aSite(t, Config{NoAdmin: true}), nil, nil)
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost && r.URL.Path == "/"+DefaultWSRoute {
			w = httptest.NewRecorder() // nothing passes before the end
		}
		good.ServeHTTP(w, r)
	}))
	t.Cleanup(proxy.Close)
	d := mustDoctor(t, proxy.URL, "")
	d.first = 100 * time.Millisecond
	if diff := cmp.Diff([]string{"error events"}, examined(t, d)); diff != "" {
		t.Errorf("%s\n%+v", diff, d.findings)
	}
}

// The token is sent to read the metrics, and by no way on which others read it.
func TestDoctorToken(t *testing.T) {
	good := aProxy(t, aSite(t, Config{NoAdmin: true}), nil, nil)
	var sent []string
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/metrics" {
			good.ServeHTTP(w, r)
			return
		}
		if token := r.Header.Get("Authorization"); token != "" {
			sent = append(sent, token)
		}
		if r.Header.Get("Authorization") != "Bearer right" {
			http.Error(w, "no", http.StatusUnauthorized)
		}
	})
	proxy := httptest.NewServer(handler)
	t.Cleanup(proxy.Close)
	for token, want := range map[string][]string{"right": nil, "wrong": {"error metrics"}} {
		sent = nil
		d := mustDoctor(t, proxy.URL, token)
		if diff := cmp.Diff(want, examined(t, d)); diff != "" || !slices.Equal(sent, []string{"Bearer " + token}) {
			t.Errorf("%s: %s, sent %q", token, diff, sent)
		}
	}
	sent = nil
	d := mustDoctor(t, startTLS(t, handler, nil, true).URL, "right")
	examined(t, d) // its certificate is of an unknown authority
	if len(sent) > 0 {
		t.Errorf("sent %q", sent)
	}
}

func TestDoctorFindsNobody(t *testing.T) {
	for at, want := range map[string]string{"http://a..b/": "error name", "http://127.0.0.1:1/": "error connection"} {
		if diff := cmp.Diff([]string{want}, examined(t, mustDoctor(t, at, ""))); diff != "" {
			t.Errorf("%s: %s", at, diff)
		}
	}
}

func TestDoctorCommand(t *testing.T) {
	site := aSite(t, Config{BasePath: "/x", NoAdmin: true})
	config := Config{Data: t.TempDir(), PublicURL: site.URL, BasePath: "/x"}
	run := func(args ...string) (code int, out, err string) {
		var stdout, stderr bytes.Buffer
		code = Run(t.Context(), config, append([]string{"doctor"}, args...), strings.NewReader(""), &stdout, &stderr)
		return code, stdout.String(), stderr.String()
	}
	if code, out, err := run(); code != 0 || out != "Nothing is wrong.\n" || err != "" {
		t.Errorf("by the settings: %d, %q, %q", code, out, err)
	}
	code, out, errs := run("--json", "--url", site.URL)
	var list []Finding
	if err := json.Unmarshal([]byte(out), &list); err != nil || len(list) != 1 || list[0].ID != "base-path" || code != 1 || !strings.HasSuffix(errs, ": 1 error, 0 warnings\n") {
		t.Errorf("below another path: %d, %v, %q, %v", code, list, errs, err)
	}
}
