package serve_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"dashd/app"
	"dashd/app/serve"
	"dashd/views"
)

// An address begins so many sessions, and then gets 429 with the time to wait.
// Those who have a session, and other addresses, notice nothing.
func TestSessionsOfAnAddress(t *testing.T) {
	s, _ := newServer(t, serve.Config{Pages: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n, err := serve.VisitOf(r).Session().Add("n", 1)
		if app.ErrorCode(err) == app.TooMany {
			w.WriteHeader(http.StatusTooManyRequests)
			return
		}
		fmt.Fprint(w, n, err)
	})})
	from := func(address string) *client {
		b := newClient(t, s.Handler())
		b.address = address
		return b
	}
	early := from("[2001:db8::1]")
	wantStatus(t, early.get("/"), http.StatusOK)

	n := 1 // of the addresses of one visitor
	refused := untilRefused(t, 500, func() *http.Response {
		n++
		return from(fmt.Sprintf("[2001:db8::%x]", n)).get("/")
	})
	if wait := refused.Header.Get("Retry-After"); wait != "1" {
		t.Errorf("the time to wait is %q", wait)
	}
	if got := bodyOf(t, early.get("/")); got != "2 <nil>" {
		t.Errorf("who has a session gets %s", got)
	}
	for _, address := range []string{"[2001:db8:0:1::2]", "198.51.100.1"} {
		wantStatus(t, from(address).get("/"), http.StatusOK)
	}
	for _, address := range []string{"127.0.0.1", "[::1]"} { // also a proxy that is not named
		for range 600 {
			wantStatus(t, from(address).get("/"), http.StatusOK)
		}
	}
}

// untilRefused sends requests until one is refused, and returns that: after so
// many at least, and those that have become free again meanwhile.
func untilRefused(t *testing.T, atLeast int, send func() *http.Response) *http.Response {
	t.Helper()
	for n := range 100 * atLeast {
		resp := send()
		if resp.StatusCode == http.StatusTooManyRequests {
			if n < atLeast-1 { // one has been sent before
				t.Errorf("the %dth is refused", n+1)
			}
			return resp
		}
	}
	t.Fatal("none is refused")
	return nil
}

// Initial arguments of anonymous visitors count in the same way; the page shows
// the reason where the app would be.
func TestInitialOfAnAddress(t *testing.T) {
	initial := parsedState(t, `{"lamp":{"value":"x"}}`)
	s, log := withUsers(t, serve.Config{Apps: []*app.App{lampApp(app.Public)}, Pages: pageOf(views.PlotlyApp{Name: "Lamp", Initial: initial})})
	b := newClient(t, s.Handler())
	b.address = "198.51.100.1"
	const reason = "There are too many visits from your address; wait a moment."
	for range 50000 {
		resp := b.get("/page")
		wantStatus(t, resp, http.StatusOK)
		if strings.Contains(bodyOf(t, resp), reason) {
			if strings.Contains(log.String(), "cannot embed") {
				t.Errorf("the log says %s", log)
			}
			b.signIn("ann", password)
			if text := bodyOf(t, b.get("/page")); strings.Contains(text, reason) {
				t.Error("who has signed in is refused")
			}
			return
		}
	}
	t.Error("nothing is refused")
}

// An address opens so many connections of pipes.
func TestPipesOfAnAddress(t *testing.T) {
	s, _ := newServer(t, serve.Config{TrustedProxies: []string{"10.0.0.1"}})
	open := func(peer, visitor string) *http.Response {
		r := httptest.NewRequest("POST", wsPath, strings.NewReader("no subscriptions"))
		r.Host, r.RemoteAddr = "localhost", peer
		r.Header.Set("X-Forwarded-For", visitor)
		w := httptest.NewRecorder()
		s.Handler().ServeHTTP(w, r)
		return w.Result()
	}
	wantStatus(t, open("10.0.0.1:1", "198.51.100.1"), http.StatusBadRequest)
	refused := untilRefused(t, 1000, func() *http.Response { return open("10.0.0.1:1", "198.51.100.1") })
	if wait := refused.Header.Get("Retry-After"); wait != "1" {
		t.Errorf("the time to wait is %q", wait)
	}
	wantStatus(t, open("10.0.0.1:1", "198.51.100.2"), http.StatusBadRequest)
	for range 1500 { // the proxy itself
		wantStatus(t, open("10.0.0.1:1", "10.0.0.1"), http.StatusBadRequest)
	}
}

// What the hub counts as one address.
func TestCountedAddress(t *testing.T) {
	s, _ := newServer(t, serve.Config{TrustedProxies: []string{"10.0.0.0/8", "unix"}})
	for peer, want := range map[string]string{
		"198.51.100.1:1": "198.51.100.1", "[::ffff:198.51.100.1]:1": "198.51.100.1",
		"[2001:db8::1]:1": "2001:db8::/64", "[2001:db8::ffff:1:2:3]:1": "2001:db8::/64", "[2001:db8:0:1::1]:1": "2001:db8:0:1::/64",
		"127.0.0.1:1": "", "[::1]:1": "", "10.1.2.3:1": "", "@": "", "": "",
	} {
		r := httptest.NewRequest("GET", wsPath, nil)
		r.RemoteAddr = peer
		if got := s.Listener(r).Address; got != want {
			t.Errorf("%s: %q, want %q", peer, got, want)
		}
	}
}
