package serve_test

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"dashd/app"
	"dashd/app/dbc"
	"dashd/app/dcc"
	"dashd/app/html"
	"dashd/app/serve"
)

// sessionValue returns the JSON of a value in a browser's session, private to an
// app or with "" shared, or "" when there is none.
func sessionValue(t *testing.T, s *serve.Server, b *client, appSlug, key string) string {
	t.Helper()
	var all map[string]json.RawMessage
	page := *b // with the same cookies
	page.handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		values := s.Visit(w, r).Session()
		if appSlug != "" {
			values = values.App(appSlug)
		}
		var err error
		if all, err = values.All(); err != nil {
			t.Error(err)
		}
	})
	page.get("/")
	return string(all[key])
}

// pressApp counts, in the session, what its button is pressed, and shows how
// often the page that embeds it was rendered: django-plotly-dash's demo eight.
func pressApp() *app.App {
	a := app.New("DjangoSessionState")
	a.Access = app.Public
	a.Layout = html.Div{Children: app.List{
		dbc.Button{ID: "press", Children: "Update session state", Color: "warning"},
		dbc.Alert{ID: "presses", Color: "danger"},
		dbc.Alert{ID: "renders", Color: "info"},
	}}
	a.Callback(app.Output("presses", "children"), app.Output("renders", "children"), app.Input("press", "n_clicks")).
		Do(func(ctx *app.Context, clicks int) (presses, renders string, err error) {
			counted, uses := 0.0, 0
			if clicks > 0 {
				if counted, err = ctx.Session().Add("presses", 1); err != nil {
					return "", "", err
				}
			}
			_, err = ctx.Session().Shared().Get("ind_use", &uses)
			return fmt.Sprintf("pressed %v times, %d on this page", counted, clicks), fmt.Sprintf("the page was rendered %d times", uses), err
		})
	return a
}

// countUses is the page that embeds pressApp.
var countUses = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	uses, err := serve.VisitOf(r).Session().Add("ind_use", 1)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	fmt.Fprintf(w, `<p id="uses">%v</p><iframe src="/app/djangosessionstate/"></iframe>`, uses)
})

// press is what the page of pressApp sends; 0 clicks when it opens.
func press(clicks int) string {
	changed := `"press.n_clicks"`
	if clicks == 0 {
		changed = ""
	}
	return fmt.Sprintf(`{"output":"..presses.children...renders.children..",
		"outputs":[{"id":"presses","property":"children"},{"id":"renders","property":"children"}],
		"inputs":[{"id":"press","property":"n_clicks","value":%d}],"changedPropIds":[%s]}`, clicks, changed)
}

// pressed is the answer to press.
func pressed(counted, clicks, uses int) string {
	return fmt.Sprintf(`{"multi":true,"response":{
		"presses":{"children":"pressed %d times, %d on this page"},
		"renders":{"children":"the page was rendered %d times"}}}`, counted, clicks, uses)
}

const pressPath = "/app/djangosessionstate/"

// The pages of a site and the apps in them share values of one browser; each
// browser has its own; an app has some of its own; and they outlive the server.
func TestSessionValues(t *testing.T) {
	config := serve.Config{Apps: []*app.App{pressApp()}, Pages: countUses, Data: t.TempDir()}
	s := restartable(t, config)
	one, other := newClient(t, s.Handler()), newClient(t, s.Handler())
	wantPage(t, one.get("/"), http.StatusOK, `<p id="uses">1</p>`)
	wantPage(t, one.get("/"), http.StatusOK, `<p id="uses">2</p>`)
	w := one.open(pressPath)
	wantJSON(t, w.answer(press(0)), pressed(0, 0, 2))
	wantJSON(t, w.answer(press(1)), pressed(1, 1, 2))
	wantJSON(t, w.answer(press(2)), pressed(2, 2, 2))

	wantJSON(t, other.open(pressPath).answer(press(1)), pressed(1, 1, 0))
	wantPage(t, other.get("/"), http.StatusOK, `<p id="uses">1</p>`)
	if one.token() == other.token() {
		t.Error("two browsers have one session")
	}

	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = restartable(t, config)
	defer s.Close()
	one.handler, other.handler = s.Handler(), s.Handler()
	before := one.token()
	wantPage(t, one.get("/"), http.StatusOK, `<p id="uses">3</p>`)
	wantJSON(t, w.answer(press(3)), pressed(3, 3, 3))
	wantJSON(t, other.open(pressPath).answer(press(1)), pressed(2, 1, 1))
	if one.token() != before {
		t.Error("the session begins anew")
	}
	for _, tt := range []struct{ app, key, want string }{
		{"", "ind_use", "3"}, {"djangosessionstate", "presses", "3"},
		{"", "presses", ""}, {"djangosessionstate", "ind_use", ""}, {"another", "presses", ""},
	} {
		if got := sessionValue(t, s, one, tt.app, tt.key); got != tt.want {
			t.Errorf("%q has %s = %s, want %s", tt.app, tt.key, got, tt.want)
		}
	}
}

// An instance and its app have the same private values; another app has not.
func TestSessionPrivate(t *testing.T) {
	noting := func(name string) *app.App {
		a := app.New(name)
		a.Layout = html.Div{Children: app.List{dcc.Input{ID: "in"}, html.Div{ID: "out"}}}
		a.Callback(app.Output("out", "children"), app.Input("in", "value")).Do(func(ctx *app.Context, in string) (string, error) {
			private, shared := ctx.Session(), ctx.Session().Shared()
			var was [2]string
			for i, values := range []*app.Session{private, shared} {
				if _, err := values.Get("last", &was[i]); err != nil {
					return "", err
				}
				if err := values.Set("last", in); err != nil {
					return "", err
				}
			}
			return fmt.Sprintf("%q %q", was[0], was[1]), nil
		})
		return a
	}
	s, _ := newServer(t, serve.Config{Apps: []*app.App{noting("First"), noting("Second")}})
	mustCreate(t, s, serve.NewInstance{App: "First", Slug: "one"})
	b := newClient(t, s.Handler())
	for _, tt := range []struct{ place, in, private, shared string }{
		{"/app/first/", "a", "", ""},
		{"/app/second/", "b", "", "a"},
		{"/instance/one/", "c", "a", "b"},
		{"/app/first/", "d", "c", "c"},
		{"/app/second/", "e", "b", "d"},
	} {
		answer := b.open(tt.place).answer(fmt.Sprintf(`{"output":"out.children","outputs":{"id":"out","property":"children"},"inputs":[{"id":"in","property":"value","value":%q}]}`, tt.in))
		text, _ := json.Marshal(fmt.Sprintf("%q %q", tt.private, tt.shared))
		wantJSON(t, answer, `{"multi":true,"response":{"out":{"children":`+string(text)+`}}}`)
	}
}

// A session begins with the page of an app that may use one, so that parallel
// callbacks find it; what cannot use one sets no cookie.
func TestSessionBegins(t *testing.T) {
	text := func(name string) *app.App { return textApp(name, name, app.Public) }
	withCallback := func(a *app.App, do any) *app.App {
		a.Layout = html.Div{Children: app.List{dcc.Input{ID: "in"}, html.Div{ID: "out"}}}
		a.Callback(app.Output("out", "children"), app.Input("in", "value")).Do(do)
		return a
	}
	handles := withCallback(text("handles"), func(string) (string, error) { return "", nil })
	handles.OnError = func(*app.Context, error) ([]any, error) { return nil, nil }
	lays := app.New("lays")
	lays.Access = app.Public
	lays.LayoutFunc = func(*app.Context) (app.Component, error) { return html.Div{ID: "text"}, nil }
	begins := map[*app.App]bool{
		text("plain"): false,
		withCallback(text("without"), func(string) string { return "" }):               false,
		withCallback(text("dynamic"), func(string) any { return html.Div{} }):          false,
		withCallback(text("context"), func(*app.Context, string) string { return "" }): true,
		handles: true,
		lays:    true,
	}
	config := serve.Config{}
	for a := range begins {
		config.Apps = append(config.Apps, a)
	}
	s, _ := newServer(t, config)
	const call = `{"output":"out.children","outputs":{"id":"out","property":"children"},"inputs":[{"id":"in","property":"value","value":"x"}]}`
	for a, want := range begins {
		mustCreate(t, s, serve.NewInstance{App: a.Name(), Slug: a.Slug()})
		for _, kind := range []string{"app", "instance"} {
			b := newClient(t, s.Handler())
			path := "/" + kind + "/" + a.Slug() + "/"
			for _, view := range []string{"_dash-layout", "_dash-dependencies", "_reload-hash", "_favicon.ico"} {
				if resp := b.get(path + view); len(resp.Cookies()) != 0 {
					t.Errorf("%s%s sets a cookie", path, view)
				}
			}
			if resp := b.sendJSON("POST", path+"_dash-update-component", call); len(resp.Cookies()) != 0 {
				t.Errorf("a callback of %s sets a cookie", path)
			}
			if resp := b.get(path); len(resp.Cookies()) != 0 != want {
				t.Errorf("%s sets the cookies %v", path, resp.Cookies())
			}
			if resp := b.get(path); len(resp.Cookies()) != 0 {
				t.Errorf("%s sets a cookie again", path)
			}
		}
	}
	if infos, err := s.Store().Sessions(t.Context(), ""); err != nil || len(infos) != 0 {
		t.Errorf("sessions without values are stored: %+v, %v", infos, err)
	}
}

// commits tells when the database changes, whoever changes it.
type commits struct {
	t    *testing.T
	conn *sql.Conn
}

func watchCommits(t *testing.T, data string) commits {
	t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(data, "dashd.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	conn, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return commits{t, conn}
}

// version is another one after each commit.
func (c commits) version() (n int) {
	c.t.Helper()
	if err := c.conn.QueryRowContext(c.t.Context(), "PRAGMA data_version").Scan(&n); err != nil {
		c.t.Fatal(err)
	}
	return n
}

// Requests that change nothing write nothing.
func TestSessionWrites(t *testing.T) {
	keeps := app.New("Keeps")
	keeps.Layout = html.Div{Children: app.List{dcc.Input{ID: "in"}, html.Div{ID: "out", Title: "none"}}}
	keeps.Callback(app.Output("out", "title"), app.Input("in", "value")).Do(func(ctx *app.Context, in string) (string, error) {
		if err := ctx.Session().Set("last", in); err != nil {
			return "", err
		}
		return in, ctx.Session().Shared().Delete("missing")
	})
	data := t.TempDir()
	s, _ := newServer(t, serve.Config{Apps: []*app.App{keeps, pressApp()}, Data: data})
	mustCreate(t, s, serve.NewInstance{App: "Keeps", Slug: "one", SaveOnChange: true, State: parsedState(t, `{"in":{"value":"a"},"out":{"title":"a"}}`)})
	mustCreate(t, s, serve.NewInstance{App: "Keeps", Slug: "off", State: parsedState(t, `{"in":{"value":"a"}}`)})
	call := func(in string) string {
		return fmt.Sprintf(`{"output":"out.title","outputs":{"id":"out","property":"title"},"inputs":[{"id":"in","property":"value","value":%q}],"changedPropIds":["in.value"]}`, in)
	}
	b := newClient(t, s.Handler())
	database := watchCommits(t, data)
	before := database.version()
	plain, one := b.open("/app/keeps/"), b.open("/instance/one/")
	b.open(pressPath).answer(press(0))
	if after := database.version(); after != before {
		t.Error("pages write")
	}
	one.answer(call("a"))
	if database.version() == before {
		t.Error("the first value of a session is not written")
	}
	before = database.version()
	for range 3 {
		plain.answer(call("a"))
		one.answer(call("a"))
		b.open("/instance/off/").answer(call("a"))
		b.open(pressPath).answer(press(0))
		one.layout()
	}
	if after := database.version(); after != before {
		t.Error("callbacks that change nothing write")
	}
	plain.answer(call("b"))
	value := database.version()
	if value == before {
		t.Error("a value of the session is not written")
	}
	one.answer(call("b"))
	if database.version() == value {
		t.Error("a property of the instance is not written")
	}
}

// Signing in gives the browser another token and leaves its values; the one
// before has none.
func TestSessionSignIn(t *testing.T) {
	s, _ := withUsers(t, serve.Config{Apps: []*app.App{pressApp()}, Pages: countUses})
	b := newClient(t, s.Handler())
	b.get("/")
	w := b.open(pressPath)
	w.answer(press(1))
	old := newClient(t, s.Handler())
	maps.Copy(old.cookies, b.cookies)

	b.signIn("ann", password)
	if b.token() == old.token() {
		t.Error("the token stays")
	}
	wantJSON(t, w.answer(press(2)), pressed(2, 2, 1)) // also in the page that was open
	wantJSON(t, old.open(pressPath).answer(press(1)), pressed(1, 1, 0))

	elsewhere := newClient(t, s.Handler())
	elsewhere.signIn("ann", password)
	wantJSON(t, elsewhere.open(pressPath).answer(press(1)), pressed(1, 1, 0)) // of this browser, not of the user

	token := b.token()
	wantLocation(t, b.post("/logout"), "/")
	resp := b.get(pressPath)
	wantStatus(t, resp, http.StatusOK)
	if b.token() == token || b.token() == "" {
		t.Error("signing out keeps the session")
	}
	wantJSON(t, b.open(pressPath).answer(press(1)), pressed(1, 1, 0))
}

// A session that was ended while its page is open answers with a sentence.
func TestSessionEnds(t *testing.T) {
	s, log := withUsers(t, serve.Config{Apps: []*app.App{pressApp()}})
	b := newClient(t, s.Handler())
	b.signIn("ann", password)
	w := b.open(pressPath)
	w.answer(press(1))
	if err := s.Store().EndSessions(t.Context(), "ann", nil); err != nil {
		t.Fatal(err)
	}
	wantJSON(t, w.answer(press(2)), pressed(1, 2, 0)) // the app is public: a new visitor
	if strings.Contains(log.String(), `"level":"ERROR"`) {
		t.Errorf("the log has errors: %s", log)
	}
}

// gatedHeader is a writer at whose header something else happens first.
type gatedHeader struct {
	*httptest.ResponseRecorder
	before func()
}

func (g *gatedHeader) WriteHeader(status int) {
	g.before()
	g.ResponseRecorder.WriteHeader(status)
}

// A function whose time is over cannot begin a session: the answer is being
// written.
func TestSessionAfterTimeout(t *testing.T) {
	writing, noted := make(chan struct{}), make(chan error, 1)
	a := app.New("Late")
	a.Layout = html.Div{Children: append(buttons("b"), html.Div{ID: "out"})}
	a.Callback(app.Output("out", "children"), clicks("b"), app.Timeout(time.Millisecond)).Do(func(ctx *app.Context, n int) (string, error) {
		<-writing
		_, err := ctx.Session().Add("failed", 1)
		noted <- err
		return "", err
	})
	s, _ := newServer(t, serve.Config{Apps: []*app.App{a}})
	r := httptest.NewRequest("POST", "http://127.0.0.1/app/late/_dash-update-component",
		strings.NewReader(`{"output":"out.children","outputs":{"id":"out","property":"children"},"inputs":[{"id":"b","property":"n_clicks","value":1}]}`))
	r.Header.Set("Content-Type", "application/json")
	var err error
	w := &gatedHeader{httptest.NewRecorder(), func() {
		close(writing)
		err = <-noted
	}}
	s.Handler().ServeHTTP(w, r)
	if w.Code != http.StatusGatewayTimeout || err == nil || len(w.Result().Cookies()) > 0 {
		t.Errorf("status %d, cookies %v; the session: %v", w.Code, w.Result().Cookies(), err)
	}
}
