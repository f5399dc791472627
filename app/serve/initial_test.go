package serve_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"dashd/app"
	"dashd/app/dcc"
	"dashd/app/html"
	"dashd/app/serve"
)

// embedding makes the page, of a site that mounts dashd, that embeds an app. It
// returns what [serve.Visit.URL] does, and the answer.
func (b *client) embedding(s *serve.Server, target string, initial app.BaseState) (url string, answer *http.Response, err error) {
	b.tb.Helper()
	page := *b // with the same cookies
	page.handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		url, err = s.Visit(w, r).URL(target, initial)
	})
	answer = page.get("/")
	return url, answer, err
}

// urlOf is the URL that embedding gives to an app.
func (b *client) urlOf(s *serve.Server, target string, initial app.BaseState) string {
	b.tb.Helper()
	url, _, err := b.embedding(s, target, initial)
	if err != nil {
		b.tb.Fatal(err)
	}
	return url
}

// lampApp has two components with two properties each.
func lampApp(access app.Access) *app.App {
	a := app.New("Lamp")
	a.Access = access
	a.Layout = html.Div{Children: app.List{
		dcc.Input{ID: "lamp", Value: "code", Placeholder: "code", Name: "code"},
		html.Div{ID: app.Key("type", "row", "index", 1), Title: "code"},
		html.Div{ID: "out"},
	}}
	a.Assets = fstest.MapFS{"note.txt": {Data: []byte("note")}, "lamp.css": {Data: []byte("a{}")}}
	a.Callback(app.Output("out", "children"), app.Input("lamp", "value")).Do(func(v string) string { return "answer to " + v })
	return a
}

const lampCall = `{"output":"out.children","outputs":{"id":"out","property":"children"},"inputs":[{"id":"lamp","property":"value","value":"x"}]}`

const expiredSentence = "The arguments of this page have expired; load the page that embeds it again."

// Over what the instance has saved, and that over the code, each property for
// itself.
func TestInitialOverlay(t *testing.T) {
	s, _ := newServer(t, serve.Config{Apps: []*app.App{lampApp(app.Public)}})
	mustCreate(t, s, serve.NewInstance{App: "Lamp", Slug: "one", State: parsedState(t, `{"lamp":{"value":"saved","placeholder":"saved","debounce":null}}`)})
	b := newClient(t, s.Handler())
	for _, tt := range []struct{ target, initial, want string }{
		{"app/lamp", ``, `"id":"lamp","name":"code","placeholder":"code","value":"code"`},
		{"app/Lamp", `{}`, `"id":"lamp","name":"code","placeholder":"code","value":"code"`},
		{"app/lamp", `{"lamp":{"value":"initial"}}`, `"id":"lamp","name":"code","placeholder":"code","value":"initial"`},
		{"instance/one", ``, `"id":"lamp","name":"code","placeholder":"saved","value":"saved"`},
		{"instance/one", `{"lamp":{"value":"initial"}}`, `"id":"lamp","name":"code","placeholder":"saved","value":"initial"`},
		{"instance/one", `{"lamp":{"value":"<b>","name":"initial","placeholder":null}}`, `"id":"lamp","name":"initial","placeholder":"saved","value":"\u003cb>"`},
		{"instance/one", `{"{\"type\":\"row\",\"index\":1}":{"title":"initial"}}`, `"id":{"index":1,"type":"row"},"children":null,"title":"initial"`},
		{"instance/one", `{"lamp":{"debounce":true}}`, `"debounce":true`},
	} {
		var initial app.BaseState
		if tt.initial != "" {
			initial = parsedState(t, tt.initial)
		}
		url := b.urlOf(s, tt.target, initial)
		pattern := `^/` + strings.ToLower(tt.target) + `/initial/dpd-initial-args-[0-9a-f]{32}/$`
		if initial == nil {
			pattern = `^/` + tt.target + `/$`
		}
		if !regexp.MustCompile(pattern).MatchString(url) {
			t.Errorf("%s %s is at %s", tt.target, tt.initial, url)
		}
		if layout := b.open(url).layout(); !containsProps(t, layout, tt.want) {
			t.Errorf("%s %s: the layout lacks %s: %s", tt.target, tt.initial, tt.want, layout)
		}
	}
	wantState(t, s, "one", `{"lamp": {"debounce": null, "placeholder": "saved", "value": "saved"}}`)
}

// containsProps reports whether an object of a JSON text has all the members.
func containsProps(t *testing.T, text, members string) bool {
	t.Helper()
	var want map[string]any
	if err := json.Unmarshal([]byte("{"+members+"}"), &want); err != nil {
		t.Fatalf("%v: %s", err, members)
	}
	var has func(any) bool
	has = func(v any) bool {
		switch v := v.(type) {
		case map[string]any:
			all := true
			for name, value := range want {
				got, ok := v[name]
				all = all && ok && fmt.Sprint(got) == fmt.Sprint(value)
			}
			for _, inner := range v {
				all = all || has(inner)
			}
			return all
		case []any:
			for _, inner := range v {
				if has(inner) {
					return true
				}
			}
		}
		return false
	}
	var layout any
	if err := json.Unmarshal([]byte(text), &layout); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return has(layout)
}

// A page of the site, by Config.Pages or by the site's own server, gives an
// anonymous visitor the session that the arguments belong to. Nobody else has
// them.
func TestInitialBelongsToSession(t *testing.T) {
	pages := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for _, initial := range []app.BaseState{{"lamp": {"value": json.RawMessage(`"on"`)}}, {"lamp": {"value": json.RawMessage(`"off"`)}}} {
			url, err := serve.VisitOf(r).URL("instance/one", initial)
			if err != nil {
				t.Error(err)
			}
			fmt.Fprintf(w, "<iframe src=%q></iframe>", url)
		}
	})
	s, log := withUsers(t, serve.Config{Apps: []*app.App{lampApp(app.Public)}, Pages: pages, BasePath: "/b"})
	mustCreate(t, s, serve.NewInstance{App: "Lamp", Slug: "one"})
	b := newClient(t, s.Handler())
	resp := b.get("/b/page")
	wantStatus(t, resp, http.StatusOK)
	if cookies := resp.Cookies(); len(cookies) != 1 || cookies[0].Path != "/b/" || !cookies[0].HttpOnly || cookies[0].SameSite != http.SameSiteLaxMode {
		t.Fatalf("the page sets %v", cookies)
	}
	urls := regexp.MustCompile(`src="([^"]+)"`).FindAllStringSubmatch(bodyOf(t, resp), -1)
	if len(urls) != 2 || urls[0][1] == urls[1][1] {
		t.Fatalf("the page embeds %v", urls)
	}
	on, off := urls[0][1], urls[1][1]
	for url, value := range map[string]string{on: "on", off: "off"} {
		if layout := b.open(url).layout(); !containsProps(t, layout, fmt.Sprintf(`"value":%q`, value)) {
			t.Errorf("%s: %s", url, layout)
		}
	}
	before := b.token()
	if resp := b.get("/b/page"); len(resp.Cookies()) != 0 || b.token() != before {
		t.Error("the next page begins another session")
	}

	// Who signs in keeps them, whoever has the old token does not.
	thief := newClient(t, s.Handler())
	thief.cookies[cookieName(b)] = b.cookies[cookieName(b)]
	wantStatus(t, b.post("/b/login", "name", "ann", "password", password), http.StatusSeeOther)
	b.open(on)
	for name, other := range map[string]*client{"nobody": newClient(t, s.Handler()), "another": newClient(t, s.Handler()), "a thief": thief} {
		if name == "another" {
			other.get("/b/page")
		}
		wantPage(t, other.get(on), http.StatusNotFound, "<!doctype html>", expiredSentence)
		wantPage(t, other.get(on+"_dash-layout", "Accept", "application/json"), http.StatusNotFound, `{"error":"`+expiredSentence)
	}
	if text := log.String(); strings.Contains(text, "dpd-initial-args-") || strings.Contains(text, `"on"`) {
		t.Errorf("the log has the arguments or their id: %s", text)
	}
}

// All views of the app are there below the arguments, of an app and of an
// instance; each names the ones there.
func TestInitialViews(t *testing.T) {
	s, _ := newServer(t, serve.Config{Apps: []*app.App{lampApp(app.Public)}})
	mustCreate(t, s, serve.NewInstance{App: "Lamp", Slug: "one"})
	b := newClient(t, s.Handler())
	for _, target := range []string{"app/lamp", "instance/one"} {
		url := b.urlOf(s, target, parsedState(t, `{"lamp":{"value":"initial"}}`))
		for _, tt := range []struct {
			method, path, body string
			status             int
			content            string
		}{
			{"GET", "", "", 200, `"requests_pathname_prefix":"` + url + `"`},
			{"GET", "", "", 200, `href="` + url + `assets/lamp.css`},
			{"GET", "_dash-layout", "", 200, `"value":"initial"`},
			{"GET", "_dash-dependencies", "", 200, "out.children"},
			{"POST", "_dash-update-component", lampCall, 200, "answer to x"},
			{"GET", "_dash-component-suites/dash/html/dash_html_components.min.js", "", 200, "function"},
			{"GET", "assets/note.txt", "", 200, "note"},
			{"GET", "_favicon.ico", "", 200, "\x00\x00\x01\x00"},
			{"GET", "_reload-hash", "", 200, "reloadHash"},
			{"GET", "_dash-routes", "", 404, "There is no such page."},
			{"POST", "_dash-layout", "", 405, ""},
			{"GET", "_dash-update-component", "", 405, ""},
			{"GET", "initial/x/", "", 404, ""},
		} {
			resp := b.sendJSON(tt.method, url+tt.path, tt.body)
			if body := bodyOf(t, resp); resp.StatusCode != tt.status || !strings.Contains(body, tt.content) {
				t.Errorf("%s %s: %d %s", tt.method, url+tt.path, resp.StatusCode, body)
			}
		}
		resp := b.get(strings.TrimSuffix(url, "/"))
		wantStatus(t, resp, http.StatusPermanentRedirect)
		if location := resp.Header.Get("Location"); location != url {
			t.Errorf("without its slash it leads to %s", location)
		}
		other := map[string]string{"app/lamp": "/instance/one/", "instance/one": "/app/lamp/"}[target]
		_, id, _ := strings.Cut(url, "initial/")
		for _, wrong := range []string{other + "initial/" + id, url[:len(url)-2] + "/", "/" + target + "/initial/nope/", "/" + target + "/initial//"} {
			for _, view := range []string{"", "_dash-layout"} {
				resp := b.get(wrong + view)
				if wrong == "/"+target+"/initial//" {
					if resp.StatusCode == http.StatusOK {
						t.Errorf("%s: %d", wrong, resp.StatusCode)
					}
					continue
				}
				wantPage(t, resp, http.StatusNotFound, expiredSentence)
			}
		}
	}
}

func TestInitialErrors(t *testing.T) {
	without := serve.Config{Apps: []*app.App{lampApp(app.Public)}, Data: t.TempDir()}
	with := without
	with.Apps = append([]*app.App{textApp("Away", "away", app.Public)}, without.Apps...)
	before := restartable(t, with)
	mustCreate(t, before, serve.NewInstance{App: "Away", Slug: "away"})
	if err := before.Close(); err != nil {
		t.Fatal(err)
	}
	s, _ := newServer(t, without)
	mustCreate(t, s, serve.NewInstance{App: "Lamp", Slug: "one"})
	large := `{"lamp":{"value":"` + strings.Repeat("x", 1<<20-100) + `"}}`
	for _, tt := range []struct {
		target, initial string
		code            app.Code
		want            string
	}{
		{"app/nope", ``, app.NotFound, "There is no such app."},
		{"app/nope", `{}`, app.NotFound, "There is no such app."},
		{"instance/nope", `{}`, app.NotFound, "There is no such instance."},
		{"instance/away", `{}`, app.Gone, "not part of this server any more"},
		{"lamp", `{}`, app.NotFound, "There is no such page."},
		{"", `{}`, app.NotFound, "There is no such page."},
		{"app/lamp/x", `{}`, app.NotFound, "There is no such app."},
		{"app/lamp", `{"lmap":{"value":1}}`, app.Invalid, `App "Lamp" has no component lmap (did you mean "lamp"?).`},
		{"instance/one", `{"lmap":{"value":1}}`, app.Invalid, `no component lmap`},
		{"app/lamp", `{"{\"index\":2,\"type\":\"row\"}":{"title":1}}`, app.Invalid, `no component {"index":2,"type":"row"}`},
		{"app/lamp", `{"lamp":{"vlaue":1}}`, app.Invalid, `The Input lamp has no property vlaue (did you mean "value"?).`},
		{"app/lamp", `{"lamp":{"value":{"type":"Div","namespace":"dash_html_components","props":{}}}}`, app.Invalid, "lamp.value holds a component"},
		{"app/lamp", large, "", ""},
	} {
		b := newClient(t, s.Handler())
		var initial app.BaseState
		if tt.initial != "" {
			initial = parsedState(t, tt.initial)
		}
		url, answer, err := b.embedding(s, tt.target, initial)
		if tt.code == "" {
			if err != nil {
				t.Errorf("%s: %v", tt.target, err)
			}
			continue
		}
		if app.ErrorCode(err) != tt.code || !strings.Contains(err.Error(), tt.want) || url != "" {
			t.Errorf("%s %s: %q, %v", tt.target, tt.initial, url, err)
		}
		if len(answer.Cookies()) != 0 {
			t.Errorf("%s %s: an error begins a session", tt.target, tt.initial)
		}
	}
}

func TestInitialExpires(t *testing.T) {
	s, _ := newServer(t, serve.Config{Apps: []*app.App{lampApp(app.Public)}, InitialTTL: time.Hour})
	now := time.Now()
	s.Store().Now = func() time.Time { return now }
	b := newClient(t, s.Handler())
	url := b.urlOf(s, "app/lamp", parsedState(t, `{"lamp":{"value":"initial"}}`))
	now = now.Add(time.Hour - time.Minute)
	w := b.open(url)
	now = now.Add(2 * time.Minute)
	wantPage(t, b.get(url), http.StatusNotFound, "<!doctype html>", expiredSentence)
	wantPage(t, b.get(url+"_dash-layout", "Accept", "application/json"), http.StatusNotFound, `{"error":"`+expiredSentence)
	w.answer(lampCall) // the page that is open goes on
	now = time.Now()
	w.open(b.urlOf(s, "app/lamp", parsedState(t, `{"lamp":{"value":"initial"}}`)))
}

// The arguments open nothing that the app or instance does not.
func TestInitialAccess(t *testing.T) {
	s, _ := withUsers(t, serve.Config{Apps: []*app.App{lampApp(app.Restricted("user:ann"))}})
	mustCreate(t, s, serve.NewInstance{App: "Lamp", Slug: "one"})
	ann, bob, nobody := newClient(t, s.Handler()), newClient(t, s.Handler()), newClient(t, s.Handler())
	ann.signIn("ann", password)
	bob.signIn("bob", password)
	for _, target := range []string{"app/lamp", "instance/one"} {
		initial := parsedState(t, `{"lamp":{"value":"initial"}}`)
		ann.open(ann.urlOf(s, target, initial))
		url := bob.urlOf(s, target, initial)
		wantStatus(t, bob.get(url), http.StatusForbidden)
		wantStatus(t, bob.get(url+"_dash-layout", "Accept", "application/json"), http.StatusForbidden)
		url = nobody.urlOf(s, target, initial)
		if resp := nobody.get(url); !strings.HasPrefix(resp.Header.Get("Location"), "/login?next=") {
			t.Errorf("nobody gets %d", resp.StatusCode)
		}
		wantStatus(t, nobody.sendJSON("POST", url+"_dash-update-component", lampCall), http.StatusUnauthorized)
	}
}
