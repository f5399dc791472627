package serve_test

import (
	"context"
	"errors"
	"fmt"
	"html"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"dashd/app"
	dash "dashd/app/html"
	"dashd/app/serve"
)

// client is a visitor's browser: it keeps cookies and sends forms.
type client struct {
	tb      testing.TB
	handler http.Handler
	cookies map[string]*http.Cookie
	address string // IP
}

func newClient(tb testing.TB, handler http.Handler) *client {
	return &client{tb: tb, handler: handler, cookies: map[string]*http.Cookie{}, address: "192.0.2.1"}
}

const acceptPage = "text/html,application/xhtml+xml,*/*;q=0.8"

// send sends a request; a nil form is none. headers are names and values in
// turn.
func (b *client) send(method, path string, form url.Values, headers ...string) *http.Response {
	b.tb.Helper()
	if form != nil {
		headers = append([]string{"Content-Type", "application/x-www-form-urlencoded"}, headers...)
	}
	return b.sendBody(method, path, form.Encode(), headers...)
}

// sendJSON sends a request with a JSON body, unless that is "".
func (b *client) sendJSON(method, path, body string, headers ...string) *http.Response {
	b.tb.Helper()
	if body != "" {
		headers = append([]string{"Content-Type", "application/json"}, headers...)
	}
	return b.sendBody(method, path, body, headers...)
}

func (b *client) sendBody(method, path, body string, headers ...string) *http.Response {
	b.tb.Helper()
	r := httptest.NewRequest(method, "http://127.0.0.1"+path, strings.NewReader(body))
	r.RemoteAddr = b.address + ":1234"
	r.Header.Set("Accept", acceptPage)
	r.Header.Set("User-Agent", "Browser/1 (test)")
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	for _, cookie := range b.cookies {
		r.AddCookie(cookie)
	}
	w := httptest.NewRecorder()
	b.handler.ServeHTTP(w, r)
	resp := w.Result()
	for _, cookie := range resp.Cookies() {
		if cookie.MaxAge < 0 {
			delete(b.cookies, cookie.Name)
		} else {
			b.cookies[cookie.Name] = cookie
		}
	}
	return resp
}

func (b *client) get(path string, headers ...string) *http.Response {
	b.tb.Helper()
	return b.send("GET", path, nil, headers...)
}

func (b *client) post(path string, fields ...string) *http.Response {
	b.tb.Helper()
	form := url.Values{}
	for i := 0; i < len(fields); i += 2 {
		form.Set(fields[i], fields[i+1])
	}
	return b.send("POST", path, form)
}

// token returns the value of the only cookie, or "".
func (b *client) token() string {
	b.tb.Helper()
	if len(b.cookies) > 1 {
		b.tb.Fatalf("the browser has %d cookies", len(b.cookies))
	}
	for _, cookie := range b.cookies {
		return cookie.Value
	}
	return ""
}

// signIn signs in, or fails the test.
func (b *client) signIn(name, password string) {
	b.tb.Helper()
	wantStatus(b.tb, b.post("/login", "name", name, "password", password), http.StatusSeeOther)
}

// signedIn reports who the account page is of, or "" for nobody.
func (b *client) signedIn() string {
	b.tb.Helper()
	resp := b.get("/account")
	if resp.StatusCode == http.StatusSeeOther {
		return ""
	}
	_, rest, _ := strings.Cut(bodyOf(b.tb, resp), `name="name" value="`)
	name, _, _ := strings.Cut(rest, `"`)
	return name
}

func wantStatus(tb testing.TB, resp *http.Response, status int) {
	tb.Helper()
	if resp.StatusCode != status {
		tb.Fatalf("status %d, want %d: %s", resp.StatusCode, status, bodyOf(tb, resp))
	}
}

func wantPage(tb testing.TB, resp *http.Response, status int, parts ...string) {
	tb.Helper()
	wantStatus(tb, resp, status)
	body := bodyOf(tb, resp)
	for _, part := range parts {
		if !strings.Contains(body, part) {
			tb.Errorf("the page lacks %q: %s", part, body)
		}
	}
}

func wantLocation(tb testing.TB, resp *http.Response, location string) {
	tb.Helper()
	wantStatus(tb, resp, http.StatusSeeOther)
	if got := resp.Header.Get("Location"); got != location {
		tb.Errorf("it leads to %q, want %q", got, location)
	}
}

const password = "correct horse"

// withUsers makes a server that has the superuser root, and the users ann and
// bob, all with the same password.
func withUsers(tb testing.TB, config serve.Config) (*serve.Server, *lockedBuffer) {
	tb.Helper()
	s, log := newServer(tb, config)
	for _, name := range []string{"root", "ann", "bob"} {
		if err := s.Store().AddUser(tb.Context(), name, password, name == "root"); err != nil {
			tb.Fatal(err)
		}
	}
	return s, log
}

// textApp is an app whose layout is a text.
func textApp(name, text string, access app.Access) *app.App {
	a := app.New(name)
	a.Layout = dash.Div{ID: "text", Children: text}
	a.Access = access
	return a
}

// counting are pages with the user, and a value of the session that grows.
var counting = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	v := serve.VisitOf(r)
	n, err := v.Session().Add("n", 1)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	fmt.Fprintf(w, "%v %v", v.User(), n)
})

func TestSignIn(t *testing.T) {
	s, log := withUsers(t, serve.Config{Apps: []*app.App{textApp("Secret", "secret", app.Authenticated)}})
	b := newClient(t, s.Handler())

	resp := b.get("/app/secret/?a=b&c=d")
	wantLocation(t, resp, "/login?next=%2Fapp%2Fsecret%2F%3Fa%3Db%26c%3Dd")
	resp = b.get(resp.Header.Get("Location"))
	page := bodyOf(t, resp)
	for _, part := range []string{
		`autocomplete="username"`, `autocomplete="current-password"`, "autofocus",
		`<input type="hidden" name="next" value="/app/secret/?a=b&amp;c=d">`,
	} {
		if !strings.Contains(page, part) {
			t.Errorf("the page to sign in lacks %q: %s", part, page)
		}
	}
	if resp.Header.Get("Cache-Control") != "no-store" || !strings.Contains(resp.Header.Get("Content-Security-Policy"), "default-src 'self'") {
		t.Errorf("headers of the page to sign in: %v", resp.Header)
	}

	next := "/app/secret/?a=b&c=d"
	resp = b.post("/login", "name", "ann", "password", "not it <&>", "next", next)
	page = bodyOf(t, resp)
	if resp.StatusCode != http.StatusUnauthorized || !strings.Contains(page, `value="ann"`) || !strings.Contains(page, `role="alert"`) ||
		!strings.Contains(page, html.EscapeString(next)) {
		t.Errorf("wrong password: %d %s", resp.StatusCode, page)
	}
	if strings.Contains(page, "not it") || len(b.cookies) != 0 {
		t.Error("the refused form keeps the password, or begins a session")
	}
	unknown := bodyOf(t, b.post("/login", "name", "nobody", "password", "not it <&>", "next", next))
	sentence := regexp.MustCompile(`role="alert">[^<]*`)
	if got, want := sentence.FindString(unknown), sentence.FindString(page); got != want || want == "" {
		t.Errorf("an unknown user gets %q, a wrong password %q", got, want)
	}

	wantLocation(t, b.post("/login", "name", "ann", "password", password, "next", next), next)
	wantPage(t, b.get(next), http.StatusOK, "react-entry-point")
	wantLocation(t, b.get("/login?next=%2Fapp%2Fsecret%2F"), "/app/secret/")
	wantPage(t, b.get("/"), http.StatusOK, ">ann</a>", "/app/secret/", "Sign out")
	wantPage(t, b.get("/nope"), http.StatusNotFound, ">ann</a>")
	wantPage(t, b.get("/app/nope/"), http.StatusNotFound, ">ann</a>")
	wantPage(t, b.get("/admin/"), http.StatusForbidden, ">ann</a>")

	if text := log.String(); strings.Contains(text, password) || strings.Contains(text, "not it") || strings.Contains(text, b.token()) {
		t.Errorf("the log has a secret: %s", text)
	}
}

func TestSignInByProgram(t *testing.T) {
	s, _ := withUsers(t, serve.Config{Apps: []*app.App{textApp("Secret", "secret", app.Authenticated)}})
	b := newClient(t, s.Handler())
	form := func(password string) url.Values {
		return url.Values{"name": {"ann"}, "password": {password}, "next": {"/app/secret/"}}
	}
	for _, tt := range []struct {
		name    string
		send    func() *http.Response
		status  int
		content string
	}{
		{"protected", func() *http.Response { return b.get("/app/secret/", "Accept", "application/json") }, 401, `{"error":"`},
		{"account", func() *http.Response { return b.get("/account", "Accept", "application/json") }, 401, `{"error":"`},
		{"wrong password", func() *http.Response {
			return b.send("POST", "/login", form("no"), "Accept", "application/json")
		}, 401, `{"error":"`},
		{"no form", func() *http.Response {
			return b.send("POST", "/login", form("no"), "Content-Type", "application/json")
		}, 415, `{"error":"`},
		{"text form", func() *http.Response {
			return b.send("POST", "/login", form(password), "Content-Type", "text/plain")
		}, 415, "<!doctype html>"},
		{"right", func() *http.Response {
			return b.send("POST", "/login", form(password), "Accept", "application/json")
		}, 200, `{"next":"/app/secret/"}`},
		{"forbidden", func() *http.Response { return b.get("/admin/", "Accept", "application/json") }, 403, `{"error":"`},
		{"sign out", func() *http.Response {
			return b.send("POST", "/logout", url.Values{}, "Accept", "application/json")
		}, 200, `{"next":"/"}`},
	} {
		resp := tt.send()
		if body := bodyOf(t, resp); resp.StatusCode != tt.status || !strings.HasPrefix(body, tt.content) {
			t.Errorf("%s: %d %s", tt.name, resp.StatusCode, body)
		}
	}
}

// Whoever knows the token of a session before somebody signs in to it, or after
// it has ended, has nothing.
func TestSessionFixation(t *testing.T) {
	s, _ := withUsers(t, serve.Config{Pages: counting})
	b := newClient(t, s.Handler())
	wantPage(t, b.get("/x"), http.StatusOK, "AnonymousUser 1")
	planted := b.cookies
	b.cookies = map[string]*http.Cookie{}
	attacker := newClient(t, s.Handler())
	for name, cookie := range planted {
		b.cookies[name], attacker.cookies[name] = cookie, cookie
	}

	before := b.token()
	b.signIn("ann", password)
	signedIn := b.token()
	if signedIn == before || signedIn == "" {
		t.Fatal("signing in does not change the token")
	}
	wantPage(t, b.get("/x"), http.StatusOK, "ann 2") // what the visitor did before is kept
	if who := attacker.signedIn(); who != "" {
		t.Errorf("the planted token is signed in as %s", who)
	}
	if body := bodyOf(t, attacker.get("/x")); body != "AnonymousUser 1" {
		t.Errorf("the planted token has the values of the session: %s", body)
	}

	b.signIn("bob", password)
	if b.token() == signedIn {
		t.Error("signing in as somebody else does not change the token")
	}
	wantPage(t, b.get("/x"), http.StatusOK, "bob 1") // ann's values are not bob's

	last := *b.cookies[cookieName(b)]
	wantLocation(t, b.post("/logout"), "/")
	if len(b.cookies) != 0 {
		t.Error("signing out leaves a cookie")
	}
	b.cookies[last.Name] = &last
	if who := b.signedIn(); who != "" {
		t.Errorf("after signing out, the token is still %s's", who)
	}

	b.cookies = map[string]*http.Cookie{last.Name: {Name: last.Name, Value: "chosen-by-somebody"}}
	b.signIn("ann", password)
	if b.token() == "chosen-by-somebody" {
		t.Error("the server takes a token that it has not made")
	}
}

func cookieName(b *client) string {
	for name := range b.cookies {
		return name
	}
	return ""
}

func TestCookies(t *testing.T) {
	names := map[string]bool{}
	for _, tt := range []struct {
		config serve.Config
		name   string // begin
		path   string
		secure bool
	}{
		{serve.Config{}, "dashd-", "/", false},
		{serve.Config{PublicURL: "https://dash.example"}, "__Host-dashd-", "/", true},
		{serve.Config{BasePath: "/x"}, "dashd-", "/x/", false},
		{serve.Config{BasePath: "/y", PublicURL: "https://dash.example"}, "__Secure-dashd-", "/y/", true},
	} {
		s, _ := withUsers(t, tt.config)
		b := newClient(t, s.Handler())
		resp := b.post(tt.path+"login", "name", "ann", "password", password)
		wantLocation(t, resp, tt.path)
		cookies := resp.Cookies()
		if len(cookies) != 1 {
			t.Fatalf("%+v: cookies %v", tt.config, cookies)
		}
		c := cookies[0]
		if !strings.HasPrefix(c.Name, tt.name) || c.Path != tt.path || c.Secure != tt.secure ||
			!c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Domain != "" || c.MaxAge <= 0 || len(c.Value) < 32 {
			t.Errorf("%+v: cookie %v", tt.config, c)
		}
		if names[c.Name] {
			t.Errorf("two base paths have the cookie %s", c.Name)
		}
		names[c.Name] = true

		gone := b.post(tt.path + "logout").Cookies()
		if len(gone) != 1 || gone[0].Name != c.Name || gone[0].Path != c.Path || gone[0].MaxAge >= 0 || gone[0].Value != "" {
			t.Errorf("%+v: signing out sets %v", tt.config, gone)
		}
	}
}

// Guessing becomes slow soon, also with the right password at last, and the
// answer says how long it takes.
func TestThrottling(t *testing.T) {
	s, log := withUsers(t, serve.Config{})
	b := newClient(t, s.Handler())
	var resp *http.Response
	for i := range 50 { // 50 fast ones cannot all be free
		resp = b.post("/login", "name", "ann", "password", "guess"+strconv.Itoa(i))
		if resp.StatusCode != http.StatusUnauthorized {
			break
		}
	}
	wantPage(t, resp, http.StatusTooManyRequests, `role="alert"`, `value="ann"`)
	if seconds, err := strconv.Atoi(resp.Header.Get("Retry-After")); err != nil || seconds < 1 {
		t.Errorf("Retry-After: %q", resp.Header.Get("Retry-After"))
	}
	resp = b.send("POST", "/login", url.Values{"name": {"ann"}, "password": {"guess"}}, "Accept", "application/json")
	for resp.StatusCode == http.StatusUnauthorized { // the wait was over just then; the next is longer
		resp = b.send("POST", "/login", url.Values{"name": {"ann"}, "password": {"guess"}}, "Accept", "application/json")
	}
	if resp.StatusCode != http.StatusTooManyRequests || resp.Header.Get("Retry-After") == "" {
		t.Errorf("a program gets %d %v", resp.StatusCode, resp.Header)
	}
	elsewhere := newClient(t, s.Handler())
	elsewhere.address = "192.0.2.2"
	elsewhere.signIn("ann", password)
	if text := log.String(); strings.Contains(text, "guess") {
		t.Errorf("the log has a password: %s", text)
	}
}

func TestNextIsLocal(t *testing.T) {
	servers := map[string]*serve.Server{}
	for _, tt := range []struct{ base, next, want string }{
		{"/", "", "/"},
		{"/", "/", "/"},
		{"/", "/app/x/", "/app/x/"},
		{"/", "/app/x/?a=b&c=http://e.example//", "/app/x/?a=b&c=http://e.example//"},
		{"/", "/app/x%20y/", "/app/x%20y/"},
		{"/", "app/x/", "/"},
		{"/", "https://evil.example/", "/"},
		{"/", "http:evil.example", "/"},
		{"/", "javascript:alert(1)", "/"},
		{"/", "//evil.example", "/"},
		{"/", "//evil.example/app/x/", "/"},
		{"/", "//ann@evil.example/", "/"},
		{"/", "///evil.example", "/"},
		{"/", "/%2fevil.example", "/"},
		{"/", `/\evil.example`, "/"},
		{"/", `\\evil.example`, "/"},
		{"/", "/%5cevil.example", "/"},
		{"/", "/\t/evil.example", "/"},
		{"/", "/%09/evil.example", "/"},
		{"/", "/a\r\nSet-Cookie: x=y", "/"},
		{"/", "/a%0d%0aSet-Cookie: x=y", "/"},
		{"/", "/.//evil.example", "/"},
		{"/", "/./evil.example", "/"},
		{"/", "/../evil.example", "/"},
		{"/", "/a/%2e%2e//evil.example", "/"},
		{"/", "/%zz", "/"},
		{"/", "@evil.example", "/"},
		{"/", " /app/x/", "/"},
		{"/", "/app/x/#y", "/"},
		{"/b", "/b/app/x/", "/b/app/x/"},
		{"/b", "/", "/b/"},
		{"/b", "/bad/", "/b/"},
		{"/b", "/b", "/b/"},
		{"/b", "/b/../other", "/b/"},
		{"/b", "/b/%2e%2e/other", "/b/"},
		{"/b", "/b/..", "/b/"},
		{"/b", "/b%2f../other", "/b/"},
	} {
		if servers[tt.base] == nil {
			servers[tt.base], _ = newServer(t, serve.Config{BasePath: tt.base})
		}
		if got := servers[tt.base].LocalURL(tt.next); got != tt.want {
			t.Errorf("base %s: %q leads to %q, want %q", tt.base, tt.next, got, tt.want)
		}
	}

	s, _ := withUsers(t, serve.Config{})
	b := newClient(t, s.Handler())
	wantPage(t, b.get("/login?next=//evil.example"), http.StatusOK, `name="next" value="/"`)
	wantLocation(t, b.post("/login", "name", "ann", "password", password, "next", "//evil.example"), "/")
	wantLocation(t, b.get("/login?next=//evil.example"), "/")
}

// Another site cannot sign a visitor in, nor out.
func TestLoginCrossSite(t *testing.T) {
	s, _ := withUsers(t, serve.Config{PublicURL: "https://dash.example"})
	form := url.Values{"name": {"ann"}, "password": {password}}
	for _, tt := range []struct {
		headers []string
		status  int
	}{
		{[]string{"Sec-Fetch-Site", "cross-site"}, 403},
		{[]string{"Sec-Fetch-Site", "same-site"}, 403},
		{[]string{"Origin", "https://evil.example"}, 403},
		{[]string{"Origin", "null"}, 403},
		{[]string{"Sec-Fetch-Site", "same-origin", "Origin", "https://dash.example"}, 303},
		{[]string{"Sec-Fetch-Site", "none"}, 303},
		{[]string{"Origin", "https://dash.example"}, 303},
		{nil, 303}, // no browser
	} {
		for _, path := range []string{"/login", "/logout"} {
			resp := newClient(t, s.Handler()).send("POST", path, form, tt.headers...)
			if resp.StatusCode != tt.status {
				t.Errorf("%s with %v: %d", path, tt.headers, resp.StatusCode)
			}
			if tt.status == 403 && len(resp.Cookies()) > 0 {
				t.Errorf("%s with %v sets %v", path, tt.headers, resp.Cookies())
			}
		}
	}
	r := httptest.NewRequest("POST", "http://evil.example/login", strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, r)
	if w.Code != http.StatusMisdirectedRequest || len(w.Result().Cookies()) > 0 {
		t.Errorf("another host: %d %v", w.Code, w.Result().Cookies())
	}
}

func TestSignOut(t *testing.T) {
	s, _ := withUsers(t, serve.Config{})
	here, there, other := newClient(t, s.Handler()), newClient(t, s.Handler()), newClient(t, s.Handler())
	signIn := func() {
		here.signIn("ann", password)
		there.signIn("ann", password)
	}
	signIn()
	other.signIn("bob", password)

	wantPage(t, here.get("/logout"), http.StatusOK, `<form class="form" method="post" action="/logout">`)
	if here.signedIn() != "ann" {
		t.Error("a GET signs out")
	}
	wantLocation(t, here.post("/logout"), "/")
	if here.signedIn() != "" || there.signedIn() != "ann" {
		t.Error("signing out is not for this browser alone")
	}
	wantLocation(t, here.post("/logout"), "/") // once more does not harm

	signIn()
	wantLocation(t, here.post("/account/signout-everywhere"), "/")
	if here.signedIn() != "" || there.signedIn() != "" {
		t.Error("somewhere the user is still signed in")
	}
	if other.signedIn() != "bob" {
		t.Error("somebody else has been signed out")
	}
}

var sessionID = regexp.MustCompile(`name="session" value="([^"]+)"`)

func TestAccountSessions(t *testing.T) {
	s, _ := withUsers(t, serve.Config{})
	here, there, other := newClient(t, s.Handler()), newClient(t, s.Handler()), newClient(t, s.Handler())
	here.signIn("ann", password)
	there.signIn("ann", password)
	other.signIn("bob", password)

	page := bodyOf(t, here.get("/account"))
	ids := sessionID.FindAllStringSubmatch(page, -1)
	if len(ids) != 1 || strings.Count(page, "This browser") != 1 || strings.Count(page, "Browser/1 (test)") != 2 {
		t.Fatalf("the account page: %s", page)
	}
	for _, secret := range []string{here.token(), there.token()} {
		if strings.Contains(page, secret) {
			t.Error("the page has a session's token")
		}
	}
	wantStatus(t, other.post("/account/sessions/end", "session", ids[0][1]), http.StatusNotFound)
	wantStatus(t, here.post("/account/sessions/end", "session", "no"), http.StatusNotFound)
	if there.signedIn() != "ann" {
		t.Fatal("somebody else has ended the session")
	}
	wantLocation(t, here.post("/account/sessions/end", "session", ids[0][1]), "/account")
	if there.signedIn() != "" || here.signedIn() != "ann" || other.signedIn() != "bob" {
		t.Error("not that session has ended")
	}
}

func TestChangePassword(t *testing.T) {
	const changed = "battery staple"
	s, log := withUsers(t, serve.Config{Pages: counting})
	here, there, other := newClient(t, s.Handler()), newClient(t, s.Handler()), newClient(t, s.Handler())
	here.signIn("ann", password)
	there.signIn("ann", password)
	other.signIn("bob", password)
	wantPage(t, here.get("/x"), http.StatusOK, "ann 1")

	for _, tt := range []struct {
		old, new, again string
		status          int
	}{
		{"wrong", changed, changed, http.StatusBadRequest},
		{"", changed, changed, http.StatusBadRequest},
		{password, changed, "other", http.StatusBadRequest},
		{password, "short", "short", http.StatusBadRequest},
		{password, "", "", http.StatusBadRequest},
	} {
		resp := here.post("/account", "password", tt.old, "new", tt.new, "again", tt.again)
		wantPage(t, resp, tt.status, `role="alert"`, "Where you are signed in")
	}
	if there.signedIn() != "ann" {
		t.Fatal("a refused change ends sessions")
	}

	before := here.token()
	resp := here.post("/account", "password", password, "new", changed, "again", changed)
	wantLocation(t, resp, "/account?changed")
	wantPage(t, here.get("/account?changed"), http.StatusOK, "Your password has been changed.")
	if here.token() == before {
		t.Error("the token stays")
	}
	if here.signedIn() != "ann" || there.signedIn() != "" || other.signedIn() != "bob" {
		t.Error("the sessions that end are not the user's others")
	}
	wantPage(t, here.get("/x"), http.StatusOK, "ann 2")
	wantStatus(t, there.post("/login", "name", "ann", "password", password), http.StatusUnauthorized)
	there.signIn("ann", changed)
	if text := log.String(); strings.Contains(text, changed) || strings.Contains(text, password) {
		t.Errorf("the log has a password: %s", text)
	}
}

// setupLink returns the path of the link that makes the first user.
func setupLink(tb testing.TB, s *serve.Server) (path, token string) {
	tb.Helper()
	link, err := s.SetupLink(tb.Context(), "http://127.0.0.1:8000/")
	if err != nil {
		tb.Fatal(err)
	}
	path, ok := strings.CutPrefix(link, "http://127.0.0.1:8000")
	_, token, found := strings.Cut(path, "/setup?token=")
	if !ok || !found || len(token) < 16 {
		tb.Fatalf("the link is %q", link)
	}
	return path, token
}

func TestSetup(t *testing.T) {
	s, log := newServer(t, serve.Config{})
	b := newClient(t, s.Handler())
	wantPage(t, b.get("/login"), http.StatusOK, "Its console shows the link")
	wantPage(t, b.post("/login", "name", "root", "password", password), http.StatusUnauthorized, "Its console shows the link")
	wantStatus(t, b.get("/setup"), http.StatusBadRequest)

	path, token := setupLink(t, s)
	resp := b.get(path)
	wantPage(t, resp, http.StatusOK, `name="token" value="`+token+`"`, `action="/setup"`, `autocomplete="new-password"`)
	if got := resp.Header["Referrer-Policy"]; !slices.Equal(got, []string{"no-referrer"}) {
		t.Errorf("Referrer-Policy: %v", got)
	}

	form := func(token, name, password, again string) *http.Response {
		return b.post("/setup", "token", token, "name", name, "new", password, "again", again)
	}
	wantPage(t, form(token, "root", password, "other"), http.StatusBadRequest, `role="alert"`, token, `value="root"`)
	wantPage(t, form(token, "root", "short", "short"), http.StatusBadRequest, `role="alert"`, token)
	wantPage(t, form(token, "not a name", password, password), http.StatusBadRequest, `role="alert"`, token)
	wrong := form("wrong", "root", password, password)
	if wrong.StatusCode < 400 || wrong.StatusCode >= 500 || len(b.cookies) > 0 {
		t.Fatalf("a wrong token: %d", wrong.StatusCode)
	}
	if wrong := b.post(path, "name", "root", "new", password, "again", password); wrong.StatusCode < 400 || wrong.StatusCode >= 500 {
		t.Fatalf("a token in the address: %d", wrong.StatusCode)
	}

	wantLocation(t, form(token, "root", password, password), "/admin/")
	wantStatus(t, b.get("/admin/"), http.StatusOK)
	if b.signedIn() != "root" {
		t.Error("the first user is not signed in")
	}
	for range 2 {
		again := newClient(t, s.Handler())
		wantPage(t, again.get(path), http.StatusNotFound, "set up already")
		resp := again.post("/setup", "token", token, "name", "evil", "new", password, "again", password)
		if resp.StatusCode < 400 || resp.StatusCode >= 500 || len(again.cookies) > 0 {
			t.Errorf("the link works again: %d", resp.StatusCode)
		}
	}
	if link, err := s.SetupLink(t.Context(), "http://127.0.0.1:8000/"); link != "" || err != nil {
		t.Errorf("with users there is the link %q, %v", link, err)
	}
	if text := log.String(); strings.Contains(text, token) || strings.Contains(text, password) {
		t.Errorf("the log has a secret: %s", text)
	}
}

func TestSetupWithoutAdmin(t *testing.T) {
	s, _ := newServer(t, serve.Config{NoAdmin: true})
	_, token := setupLink(t, s)
	b := newClient(t, s.Handler())
	wantLocation(t, b.post("/setup", "token", token, "name", "root", "new", password, "again", password), "/")
}

// Of two who open the set-up link at once, one becomes the superuser.
func TestSetupRace(t *testing.T) {
	s, _ := newServer(t, serve.Config{})
	_, token := setupLink(t, s)
	const racers = 8
	statuses := make([]int, racers)
	var wg sync.WaitGroup
	for i := range racers {
		wg.Go(func() {
			b := newClient(t, s.Handler())
			statuses[i] = b.post("/setup", "token", token, "name", "root"+strconv.Itoa(i), "new", password, "again", password).StatusCode
		})
	}
	wg.Wait()
	won := 0
	for _, status := range statuses {
		switch {
		case status == http.StatusSeeOther:
			won++
		case status < 400 || status >= 500:
			t.Errorf("a racer gets %d", status)
		}
	}
	users, err := s.Store().Users(t.Context())
	if err != nil || len(users) != 1 || won != 1 {
		t.Errorf("%d have won, and there are the users %v, %v", won, users, err)
	}
}

func TestAuthenticate(t *testing.T) {
	calls := 0
	authenticate := func(r *http.Request) (*app.User, error) {
		calls++
		switch name := r.Header.Get("X-User"); name {
		case "":
			return nil, nil
		case "broken":
			return nil, errors.New("the directory at 10.0.0.1 does not answer")
		case "refused":
			return nil, app.Errorf(app.Forbidden, "Your account is closed.")
		case "panic":
			panic("the directory")
		default:
			return &app.User{Name: name, Groups: []string{"staff"}, Superuser: name == "root"}, nil
		}
	}
	apps := []*app.App{
		textApp("Secret", "secret", app.Restricted("group:staff")),
		textApp("Open", "open", app.Public),
		textApp("Closed", "closed", app.Restricted("user:carl")),
	}
	config := serve.Config{Apps: apps, Authenticate: authenticate, SignInURL: "https://sso.example/in?x=1#top"}
	s, log := newServer(t, config)
	for _, tt := range []struct {
		method, path, user string
		status             int
		location, content  string
	}{
		{"GET", "/app/secret/", "ann", 200, "", "react-entry-point"},
		{"GET", "/app/secret/?a=b", "", 303, "https://sso.example/in?next=%2Fapp%2Fsecret%2F%3Fa%3Db&x=1#top", ""},
		{"GET", "/app/closed/", "ann", 403, "", ">ann</span>"},
		{"GET", "/app/closed/", "root", 200, "", "react-entry-point"},
		{"GET", "/app/secret/", "broken", 500, "", "Something went wrong"},
		{"GET", "/app/secret/", "refused", 403, "", "Your account is closed."},
		{"GET", "/app/secret/", "panic", 500, "", "Something went wrong"},
		{"GET", "/", "panic", 500, "", "Something went wrong"},
		{"GET", "/", "broken", 500, "", "Something went wrong"},
		{"GET", "/", "ann", 200, "", ">ann</span>"},
		{"GET", "/", "", 200, "", `href="https://sso.example/in?x=1#top"`},
		{"GET", "/admin/", "refused", 403, "", "Your account is closed."},
		{"GET", "/admin/", "ann", 403, "", "You may not open this."},
		{"GET", "/admin/", "root", 200, "", ">root</span>"},
		{"GET", "/nope", "ann", 404, "", ">ann</span>"},
		{"GET", "/login", "", 303, "https://sso.example/in?next=%2F&x=1#top", ""},
		{"GET", "/login?next=/app/secret/", "", 303, "https://sso.example/in?next=%2Fapp%2Fsecret%2F&x=1#top", ""},
		{"GET", "/login?next=//evil.example", "", 303, "https://sso.example/in?next=%2F&x=1#top", ""},
		{"POST", "/login", "", 405, "", ""},
		{"GET", "/logout", "ann", 404, "", ""},
		{"POST", "/logout", "ann", 404, "", ""},
		{"GET", "/account", "ann", 404, "", ""},
		{"GET", "/setup?token=x", "ann", 404, "", ""},
	} {
		calls = 0
		resp := newClient(t, s.Handler()).send(tt.method, tt.path, nil, "X-User", tt.user)
		body := bodyOf(t, resp)
		if resp.StatusCode != tt.status || resp.Header.Get("Location") != tt.location || !strings.Contains(body, tt.content) {
			t.Errorf("%s %s as %q: %d %s %s", tt.method, tt.path, tt.user, resp.StatusCode, resp.Header.Get("Location"), body)
		}
		if tt.user != "root" && strings.Contains(body, "10.0.0.1") || tt.user == "ann" && strings.Contains(body, "/account") {
			t.Errorf("%s %s as %q: %s", tt.method, tt.path, tt.user, body)
		}
		if calls > 1 {
			t.Errorf("%s %s as %q: Authenticate is called %d times", tt.method, tt.path, tt.user, calls)
		}
	}
	if !strings.Contains(log.String(), "10.0.0.1") {
		t.Error("the log lacks why Authenticate failed")
	}
	if link, err := s.SetupLink(t.Context(), "http://x/"); link != "" || err != nil {
		t.Errorf("the users are the host's, and there is the link %q, %v", link, err)
	}

	config.SignInURL = ""
	s, _ = newServer(t, config)
	b := newClient(t, s.Handler())
	resp := b.get("/app/secret/")
	wantStatus(t, resp, http.StatusUnauthorized)
	if body := bodyOf(t, resp); strings.Contains(body, "login") {
		t.Errorf("the page leads to a page that is not there: %s", body)
	}
	wantStatus(t, b.get("/login"), http.StatusNotFound)
	wantStatus(t, b.post("/login"), http.StatusNotFound)
}

func TestDecorate(t *testing.T) {
	routes := map[string]serve.Route{}
	var seen []string
	config := serve.Config{
		Apps: []*app.App{textApp("Open", "open", app.Public), textApp("Panics", "panics", app.Public), textApp("Staff", "staff", app.Restricted())},
		Decorate: func(route serve.Route, next http.Handler) http.Handler {
			routes[route.String()] = route
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				v := serve.VisitOf(r)
				seen = append(seen, fmt.Sprintf("%s %q %s for %s", v.App, v.Instance, v.View, v.User()))
				if v.App == "panics" {
					panic("a decorator")
				}
				next.ServeHTTP(w, r)
			})
		},
	}
	s, _ := withUsers(t, config)
	if len(routes) != 4*len(serve.Views) {
		t.Errorf("%d routes are decorated: %v", len(routes), routes)
	}
	for name, want := range map[string]serve.Route{
		"app-main":               {View: serve.ViewMain},
		"app-layout--args":       {View: serve.ViewLayout, Initial: true},
		"update-component":       {View: serve.ViewUpdate, Instance: true},
		"main--args":             {View: serve.ViewMain, Instance: true, Initial: true},
		"app-component-suites":   {View: serve.ViewSuites},
		"app-dependencies":       {View: serve.ViewDependencies},
		"app-assets":             {View: serve.ViewAssets},
		"layout":                 {View: serve.ViewLayout, Instance: true},
		"component-suites--args": {View: serve.ViewSuites, Instance: true, Initial: true},
	} {
		if got, ok := routes[name]; got != want || !ok {
			t.Errorf("%s is %+v", name, got)
		}
	}
	if _, err := s.Instances().Create(t.Context(), serve.NewInstance{App: "Open", Slug: "saved"}); err != nil {
		t.Fatal(err)
	}
	b := newClient(t, s.Handler())
	b.signIn("ann", password)
	wantStatus(t, b.get("/app/open/"), http.StatusOK)
	wantStatus(t, b.get("/instance/saved/_dash-layout"), http.StatusOK)
	resp := b.get("/app/panics/_dash-layout")
	wantPage(t, resp, http.StatusInternalServerError, "Something went wrong")
	wantStatus(t, b.get("/app/staff/"), http.StatusForbidden) // and the decorator does not hear of it
	want := []string{`open "" main for ann`, `open "saved" layout for ann`, `panics "" layout for ann`}
	if !slices.Equal(seen, want) {
		t.Errorf("the decorator was called for %q, want %q", seen, want)
	}

	config.Decorate = func(route serve.Route, next http.Handler) http.Handler {
		if route.View == serve.ViewFavicon && route.Instance && route.Initial {
			return nil
		}
		return next
	}
	if _, err := serve.New(config); err == nil || !strings.Contains(err.Error(), "favicon--args") {
		t.Errorf("a decorator without a handler: %v", err)
	}
}

func TestLoginRequired(t *testing.T) {
	config := serve.Config{Apps: []*app.App{textApp("Open", "open", app.Public)}, Decorate: serve.LoginRequired}
	s, _ := withUsers(t, config)
	b := newClient(t, s.Handler())
	wantLocation(t, b.get("/app/open/"), "/login?next=%2Fapp%2Fopen%2F")
	wantStatus(t, b.get("/app/open/_dash-layout", "Accept", "application/json"), http.StatusUnauthorized)
	wantStatus(t, b.post("/app/open/_dash-update-component"), http.StatusUnauthorized)
	b.signIn("ann", password)
	wantStatus(t, b.get("/app/open/"), http.StatusOK)

	config.Authenticate = func(*http.Request) (*app.User, error) { return nil, errors.New("no directory") }
	s, _ = newServer(t, config)
	wantStatus(t, newClient(t, s.Handler()).get("/app/open/"), http.StatusInternalServerError)
}

// A decorator that gives the next handler another request closes the view.
func TestDecorateFailsClosed(t *testing.T) {
	s, log := newServer(t, serve.Config{
		Apps: []*app.App{textApp("Open", "open", app.Public)},
		Decorate: func(_ serve.Route, next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				next.ServeHTTP(w, r.WithContext(context.Background()))
			})
		},
	})
	wantStatus(t, newClient(t, s.Handler()).get("/app/open/_dash-layout"), http.StatusInternalServerError)
	if !strings.Contains(log.String(), "decorator") {
		t.Error("the log lacks the reason")
	}
}

// What one user of the site has left in a browser is not for the next.
func TestAuthenticateSessions(t *testing.T) {
	s, _ := newServer(t, serve.Config{Apps: []*app.App{lampApp(app.Public)}, Pages: counting, Authenticate: func(r *http.Request) (*app.User, error) {
		if name := r.Header.Get("X-User"); name != "" {
			return &app.User{Name: name}, nil
		}
		return nil, nil
	}})
	b := newClient(t, s.Handler())
	page := *b
	var url string
	page.handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var err error
		if url, err = s.Visit(w, r).URL("app/lamp", parsedState(t, `{"lamp":{"value":"for ann"}}`)); err != nil {
			t.Error(err)
		}
	})
	page.get("/", "X-User", "ann")
	for _, visit := range []struct {
		user   string
		count  int
		status int // of ann's initial arguments
	}{{"ann", 1, 200}, {"bob", 1, 404}, {"", 1, 404}, {"ann", 2, 200}, {"bob", 2, 404}, {"", 2, 404}} {
		if got, want := bodyOf(t, b.get("/", "X-User", visit.user)), fmt.Sprint(" ", visit.count); !strings.HasSuffix(got, want) {
			t.Errorf("%q finds %q, want …%q", visit.user, got, want)
		}
		wantStatus(t, b.get(url+"_dash-layout", "X-User", visit.user), visit.status)
	}
}

// passed is a writer that knows how much went through it.
type passed struct {
	http.ResponseWriter
	n int
}

func (p *passed) Write(text []byte) (int, error) {
	p.n += len(text)
	return p.ResponseWriter.Write(text)
}

// What a decorator puts around the answer is used.
func TestDecorateWriter(t *testing.T) {
	var through int
	s, _ := newServer(t, serve.Config{Apps: []*app.App{textApp("Open", "open", app.Public)}, Decorate: func(_ serve.Route, next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			c := &passed{ResponseWriter: w}
			next.ServeHTTP(c, r)
			through = c.n
		})
	}})
	if n := len(bodyOf(t, newClient(t, s.Handler()).get("/app/open/_dash-layout"))); n == 0 || through != n {
		t.Errorf("of %d bytes, the decorator's writer had %d", n, through)
	}
}
