package serve_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"dashd/app"
	"dashd/app/dcc"
	"dashd/app/html"
	"dashd/app/serve"
	"dashd/examples/simple"

	"github.com/google/go-cmp/cmp"
)

// window is the page of an app in a visitor's browser: it sends what the
// renderer would.
type window struct {
	*client
	prefix string // URL path of the app or instance, with the slash
	end    string // the page's end_id
}

// open loads a page, and its layout.
func (b *client) open(prefix string) *window {
	b.tb.Helper()
	resp := b.get(prefix)
	wantStatus(b.tb, resp, http.StatusOK)
	match := configElement.FindStringSubmatch(bodyOf(b.tb, resp))
	if match == nil {
		b.tb.Fatalf("%s has no _dash-config", prefix)
	}
	var config struct {
		EndID  string `json:"end_id"`
		Prefix string `json:"requests_pathname_prefix"`
	}
	if err := json.Unmarshal([]byte(match[1]), &config); err != nil || config.EndID == "" || config.Prefix != prefix {
		b.tb.Fatalf("%s has the configuration %s, %v", prefix, match[1], err)
	}
	w := &window{b, prefix, config.EndID}
	w.layout()
	return w
}

// layout loads the layout again.
func (w *window) layout() string {
	w.tb.Helper()
	resp := w.get(w.prefix+"_dash-layout", "Accept", "application/json")
	wantStatus(w.tb, resp, http.StatusOK)
	return bodyOf(w.tb, resp)
}

// post sends a callback's request.
func (w *window) post(body string) *http.Response {
	w.tb.Helper()
	return w.sendJSON("POST", w.prefix+"_dash-update-component?endId="+w.end, body, "Accept", "application/json")
}

// answer sends a callback's request and returns the answer, which is to be
// there.
func (w *window) answer(body string) string {
	w.tb.Helper()
	resp := w.post(body)
	wantStatus(w.tb, resp, http.StatusOK)
	return bodyOf(w.tb, resp)
}

// wantJSON compares two JSON texts.
func wantJSON(tb testing.TB, got, want string) {
	tb.Helper()
	g, err := parseJSON([]byte(got))
	if err != nil {
		tb.Fatalf("%v: %s", err, got)
	}
	w, err := parseJSON([]byte(want))
	if err != nil {
		tb.Fatalf("%v: %s", err, want)
	}
	if diff := cmp.Diff(w, g, equalJSON); diff != "" {
		tb.Errorf("want - got +\n%s", diff)
	}
}

// wantState compares what an instance has saved.
func wantState(t *testing.T, s *serve.Server, slug, want string) {
	t.Helper()
	if got := stateOf(t, s, slug); got != want {
		t.Errorf("%s has saved\n%s, want\n%s", slug, got, want)
	}
}

// parsedState reads a state.
func parsedState(tb testing.TB, text string) app.BaseState {
	tb.Helper()
	state, err := app.ParseState([]byte(text))
	if err != nil {
		tb.Fatal(err)
	}
	return state
}

// withInstance makes a server of one app and an instance of it, slug "one".
func withInstance(t *testing.T, a *app.App, saves bool, state string) *serve.Server {
	t.Helper()
	s, _ := newServer(t, serve.Config{Apps: []*app.App{a}, Data: t.TempDir()})
	mustCreate(t, s, serve.NewInstance{App: a.Name(), Slug: "one", SaveOnChange: saves, State: parsedState(t, state)})
	return s
}

// What django-plotly-dash's own tests ask of its views and of its simple app.

func TestInstanceUpdates(t *testing.T) {
	s, _ := newServer(t, serve.Config{Apps: []*app.App{simple.New()}})
	mustCreate(t, s, serve.NewInstance{App: "SimpleExample", Name: "SimpleExample-1", State: parsedState(t, `{"dropdown-color":{"value":"blue"},"dropdown-size":{"value":"small"}}`)})
	const call = `{"output":"output-size.children","inputs":[
		{"id":"dropdown-color","property":"value","value":"blue"},
		{"id":"dropdown-size","property":"value","value":"medium"}]}`
	for _, place := range []string{"/app/SimpleExample/", "/app/simpleexample/", "/instance/simpleexample-1/"} {
		resp := newClient(t, s.Handler()).sendJSON("POST", place+"_dash-update-component", call)
		wantStatus(t, resp, http.StatusOK)
		if media := resp.Header.Get("Content-Type"); media != "application/json" {
			t.Errorf("%s answers %s", place, media)
		}
		wantJSON(t, bodyOf(t, resp), `{"response":{"output-size":{"children":"The chosen T-shirt is a medium blue one."}},"multi":true}`)
	}
}

func TestInstanceViews(t *testing.T) {
	a := simple.New()
	a.Assets = fstest.MapFS{"note.txt": {Data: []byte("note")}, "style.css": {Data: []byte("a{}")}}
	s, log := newServer(t, serve.Config{Apps: []*app.App{a}, BasePath: "/b"})
	mustCreate(t, s, serve.NewInstance{App: "SimpleExample", Name: "SimpleExample-1", State: parsedState(t, `{"dropdown-color":{"value":"blue"}}`)})
	const (
		noApp      = "There is no such app."
		noInstance = "There is no such instance."
	)
	for _, tt := range []struct {
		method, path string
		status       int
		content      string
	}{
		{"GET", "app/SimpleExample/", 200, "react-entry-point"},
		{"GET", "app/SimpleExample/_dash-layout", 200, `"value":"red"`},
		{"GET", "app/SimpleExample/_dash-dependencies", 200, "output-size.children"},
		{"GET", "app/SimpleExample/_dash-routes", 404, "There is no such page."},
		{"GET", "instance/simpleexample-1/", 200, `href="/b/instance/simpleexample-1/assets/style.css`},
		{"HEAD", "instance/simpleexample-1/", 200, ""},
		{"GET", "instance/simpleexample-1/_dash-layout", 200, `"value":"blue"`},
		{"GET", "instance/simpleexample-1/_dash-dependencies", 200, "output-size.children"},
		{"GET", "instance/simpleexample-1/_dash-routes", 404, "There is no such page."},
		{"GET", "instance/simpleexample-1/assets/note.txt", 200, "note"},
		{"GET", "instance/simpleexample-1/_dash-component-suites/dash/html/dash_html_components.min.js", 200, "function"},
		{"POST", "instance/simpleexample-1/_dash-layout", 405, ""},
		{"GET", "instance/simpleexample-1", 308, ""},
		{"GET", "app/nope/", 404, noApp},
		{"GET", "app/nope/_dash-layout", 404, noApp},
		{"GET", "app/nope/_dash-dependencies", 404, noApp},
		{"POST", "app/nope/_dash-update-component", 404, noApp},
		{"GET", "app/nope/assets/note.txt", 404, noApp},
		{"GET", "app/nope/_dash-component-suites/dash/html/dash_html_components.min.js", 404, noApp},
		{"GET", "app/simpleexample-1/", 404, noApp},
		{"GET", "instance/nope/", 404, noInstance},
		{"GET", "instance/nope/_dash-layout", 404, noInstance},
		{"GET", "instance/nope/_dash-dependencies", 404, noInstance},
		{"POST", "instance/nope/_dash-update-component", 404, noInstance},
		{"GET", "instance/nope/assets/note.txt", 404, noInstance},
		{"GET", "instance/nope/_dash-component-suites/dash/html/dash_html_components.min.js", 404, noInstance},
		{"GET", "instance/SimpleExample-1/", 404, noInstance}, // the name is not in URLs
		{"GET", "instance/simpleexample/", 404, noInstance},
		{"GET", "instance/", 404, "There is no such page."},
	} {
		resp := do(t, s.Handler(), tt.method, "/b/"+tt.path, "", "Accept", acceptPage)
		if body := bodyOf(t, resp); resp.StatusCode != tt.status || !strings.Contains(body, tt.content) {
			t.Errorf("%s %s: %d %s", tt.method, tt.path, resp.StatusCode, body)
		}
		if strings.Contains(tt.path, "_dash-update") && resp.Header.Get("Content-Type") != "application/json" {
			t.Errorf("%s answers %s", tt.path, resp.Header.Get("Content-Type"))
		}
	}
	w := newClient(t, s.Handler()).open("/b/instance/simpleexample-1/")
	if again := newClient(t, s.Handler()).open("/b/instance/simpleexample-1/"); again.end == w.end {
		t.Error("two pages are the same")
	}
	if strings.Contains(log.String(), `"level":"ERROR"`) {
		t.Errorf("the log has errors: %s", log)
	}
}

// A callback knows where it runs, who asks and what has changed, if it wants to.
func TestExpandedCallbacks(t *testing.T) {
	a := app.New("flexible_expanded_callbacks")
	a.Layout = html.Div{Children: app.List{dcc.Input{ID: "in"}, html.Div{ID: "plain"}, html.Div{ID: "all"}, html.Div{ID: "session"}}}
	a.Callback(app.Output("plain", "children"), app.Input("in", "value")).Do(func(string) string { return "ok" })
	a.Callback(app.Outputs(app.Output("all", "children")), app.Input("in", "value")).Do(func(ctx *app.Context, in string) string {
		return fmt.Sprint(in, " ", ctx.AppID(), " ", ctx.Instance().Name(), " ", ctx.User(), " ", ctx.Triggered, " ", ctx.Request().Header.Get("X-Test"))
	})
	a.Callback(app.Output("session", "children"), app.Input("in", "value")).Do(func(ctx *app.Context, _ string) (string, error) {
		var said string
		if found, err := ctx.Session().Shared().Get("django_to_dash_context", &said); !found || err != nil {
			return "", errors.Join(errors.New("the session says nothing"), err)
		}
		return "The session context message is '" + said + "'", nil
	})
	pages := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if err := serve.VisitOf(r).Session().Set("django_to_dash_context", "I am Dash"); err != nil {
			t.Error(err)
		}
	})
	s, _ := newServer(t, serve.Config{Apps: []*app.App{a}, Pages: pages})
	mustCreate(t, s, serve.NewInstance{App: a.Name(), Name: "My own", Slug: "own"})
	b := newClient(t, s.Handler())
	call := func(place, output, changed string) *http.Response {
		body := fmt.Sprintf(`{"output":%q,"inputs":[{"id":"in","property":"value","value":"x"}],"changedPropIds":[%s]}`, output, changed)
		return b.sendJSON("POST", place+"_dash-update-component", body, "X-Test", "header")
	}
	const own = "/app/flexible_expanded_callbacks/"
	for _, tt := range []struct{ place, output, changed, want string }{
		{own, "plain.children", ``, `{"multi":true,"response":{"plain":{"children":"ok"}}}`},
		{own, "..all.children..", ``, `{"multi":true,"response":{"all":{"children":"x flexible_expanded_callbacks  AnonymousUser [] header"}}}`},
		{"/instance/own/", "..all.children..", `"in.value"`, `{"multi":true,"response":{"all":{"children":"x own My own AnonymousUser [in.value] header"}}}`},
	} {
		resp := call(tt.place, tt.output, tt.changed)
		wantStatus(t, resp, http.StatusOK)
		wantJSON(t, bodyOf(t, resp), tt.want)
	}
	for _, wrong := range []string{"..plain.children..", "all.children", "nope.children"} {
		wantStatus(t, call(own, wrong, ""), http.StatusBadRequest)
	}
	wantStatus(t, call(own, "session.children", ""), http.StatusInternalServerError)
	wantStatus(t, b.get("/page"), http.StatusOK)
	resp := call(own, "session.children", "")
	wantStatus(t, resp, http.StatusOK)
	wantJSON(t, bodyOf(t, resp), `{"multi":true,"response":{"session":{"children":"The session context message is 'I am Dash'"}}}`)
}

// contractApp has the shape of the app by which django-plotly-dash tests what
// it saves: buttons, links and texts with plain and dictionary IDs.
func contractApp() *app.App {
	id := func(kind string, which any) app.ID { return app.Key("_type", kind, "_id", which) }
	clicks := func(id app.ID) app.Dependency { return app.Input(id, "n_clicks") }
	text := func(args ...any) string {
		text, _ := json.Marshal(args)
		return string(text)
	}
	a := app.New("Contract")
	a.Layout = html.Div{Children: app.List{
		html.Button{ID: "btn0", NClicks: 0, Children: "a"},
		html.Button{ID: "btn1", NClicks: 1, NClicksTimestamp: -1, Children: "b"},
		html.Button{ID: "btn2", NClicks: 2},
		html.Button{ID: id("btn3", "inp-0"), NClicks: 10, NClicksTimestamp: 100},
		html.Button{ID: id("btn3", "inp-1"), NClicks: 11},
		html.Button{ID: id("btn3", "inp-2"), NClicks: 12},
		html.A{ID: "link0", Href: "/first", Children: "link"},
		html.A{ID: id("link3", "inp-0"), Href: "/inp-0"},
		html.A{ID: id("link3", "inp-1"), Href: "/inp-1"},
		html.Div{ID: "div0", Children: "text"}, html.Div{ID: "div1"}, html.Div{ID: "div2"}, html.Div{ID: "div3"}, html.Div{ID: "div4"}, html.Div{ID: "div5"},
		html.Div{ID: id("div3", "inp-0")}, html.Div{ID: id("div3", "inp-1")}, html.Div{ID: id("div3", "inp-2")},
	}}
	a.Callback(app.Output("div0", "children"), clicks("btn0")).Do(func(n any) string { return text(n) })
	a.Callback(
		app.Output("div1", "children"), clicks("btn0"), clicks("btn1"), app.State("link0", "href"), app.State("btn1", "n_clicks_timestamp"),
	).Do(func(n, m, href, at any) string { return text(n, m, href, at) })
	a.Callback(app.Outputs(app.Output("div2", "children")), clicks("btn1")).Do(func(n any) string { return text(n) })
	a.Callback(app.Output("div3", "children"), app.Output("link0", "href"), clicks("btn0"), clicks("btn2")).
		Do(func(n, m int) (string, string) { return text(n, m), fmt.Sprintf("/%d/%d", n, m) })
	a.Callback(
		app.Output("div4", "children"), clicks(id("btn3", app.ALL)), app.State(id("btn3", app.ALL), "n_clicks_timestamp"),
	).Do(func(ns, at []any) string { return text(ns, at) })
	a.Callback(
		app.Output("div5", "children"), clicks("btn1"), clicks("btn2"), clicks(id("btn3", app.ALL)),
	).Do(func(ctx *app.Context, _, _ any, _ []any) string {
		triggers := []any{}
		for _, trigger := range ctx.Triggered {
			triggers = append(triggers, trigger.String())
		}
		return text(triggers...)
	})
	a.Callback(
		app.Output(id("div3", app.MATCH), "children"),
		clicks(id("btn3", app.MATCH)), clicks(id("btn3", app.ALLSMALLER)), app.State("btn2", "n_clicks"),
	).Do(func(n any, smaller []any, m any) string { return text(n, append([]any{}, smaller...), m) })
	a.Callback(app.Output(id("link3", app.ALL), "href"), clicks("btn2"), app.State(id("link3", app.ALL), "href")).
		Do(func(n int, links []string) (next []string) {
			for _, link := range links {
				next = append(next, fmt.Sprintf("%s/%d", link, n))
			}
			return next
		})
	return a
}

// TestContract replays testdata/contract.json: what the page of contractApp
// sends and is answered, and what the instance has saved after that.
func TestContract(t *testing.T) {
	file, err := os.ReadFile("testdata/contract.json")
	if err != nil {
		t.Fatal(err)
	}
	var contract struct {
		Steps []struct {
			Note              string
			Request, Response json.RawMessage
		}
		State app.BaseState
	}
	if err := json.Unmarshal(file, &contract); err != nil || len(contract.Steps) == 0 {
		t.Fatalf("%d steps, %v", len(contract.Steps), err)
	}
	s := withInstance(t, contractApp(), true, `{}`)
	wantState(t, s, "one", `{}`)
	if err := s.Instances().Populate(t.Context(), "one"); err != nil {
		t.Fatal(err)
	}
	const inp0, inp1 = `"{\"_id\":\"inp-0\",\"_type\":\"btn3\"}"`, `"{\"_id\":\"inp-1\",\"_type\":\"btn3\"}"`
	const populated = `{"btn0": {"n_clicks": 0}, "btn1": {"n_clicks": 1, "n_clicks_timestamp": -1}, "btn2": {"n_clicks": 2}, "link0": {"href": "/first"}, ` +
		inp0 + `: {"n_clicks": 10, "n_clicks_timestamp": 100}, "{\"_id\":\"inp-0\",\"_type\":\"link3\"}": {"href": "/inp-0"}, ` +
		inp1 + `: {"n_clicks": 11}, "{\"_id\":\"inp-1\",\"_type\":\"link3\"}": {"href": "/inp-1"}, ` +
		`"{\"_id\":\"inp-2\",\"_type\":\"btn3\"}": {"n_clicks": 12}}`
	wantState(t, s, "one", populated)

	w := newClient(t, s.Handler()).open("/instance/one/")
	for _, step := range contract.Steps {
		wantJSON(t, w.answer(string(step.Request)), string(step.Response))
		if t.Failed() {
			t.Fatalf("%s: %s", step.Note, step.Request)
		}
	}
	want := string(contract.State.Text())
	wantState(t, s, "one", want)
	if want == populated {
		t.Error("the recording changes nothing")
	}

	for _, part := range []string{`"children":"a","n_clicks":1`, `"href":"/1/3"`, `"id":{"_id":"inp-1","_type":"btn3"},"children":null,"n_clicks":12`} {
		if layout := w.layout(); !strings.Contains(layout, part) {
			t.Errorf("the layout lacks %s: %s", part, layout)
		}
	}
	initial := parsedState(t, `{"{\"_type\":\"btn3\",\"_id\":\"inp-1\"}":{"n_clicks":200}}`)
	url := w.urlOf(s, "instance/one", initial)
	if layout := w.open(url).layout(); !strings.Contains(layout, `"id":{"_id":"inp-1","_type":"btn3"},"children":null,"n_clicks":200`) || !strings.Contains(layout, `"n_clicks":1`) {
		t.Errorf("the initial arguments are not above the state: %s", layout)
	}
}

// wardrobe is an app of two inputs, each with a callback that takes the other
// one too and says what it has got. Words for the color do more: see color.
type wardrobe struct {
	*app.App
	started chan struct{} // one for each call with "slow"
	release chan struct{} // ends one of them
}

func newWardrobe() wardrobe {
	a := wardrobe{app.New("Wardrobe"), make(chan struct{}), make(chan struct{})}
	a.Layout = html.Div{Children: app.List{
		dcc.Input{ID: "color", Value: "red"}, dcc.Input{ID: "size", Value: "medium"},
		html.Div{ID: "shirt", Title: "none"}, html.Div{ID: "label", Title: "none"},
	}}
	a.Callback(app.Output("shirt", "title"), app.Output("shirt", "children"), app.Input("color", "value"), app.State("size", "value")).Do(a.color)
	a.Callback(app.Output("label", "title"), app.Input("size", "value"), app.State("color", "value")).Do(func(ctx *app.Context, size, color string) (string, error) {
		_, err := ctx.Session().Add("calls", 1)
		return size + " " + color, err
	})
	return a
}

func (a wardrobe) color(ctx *app.Context, color, size string) (title, children string, err error) {
	if _, err := ctx.Session().Add("calls", 1); err != nil {
		return "", "", err
	}
	if err := ctx.Instance().Set("label", "title", "by "+color); err != nil {
		return "", "", err
	}
	switch color {
	case "prevented":
		return "", "", app.ErrPreventUpdate
	case "refused":
		return "", "", app.Errorf(app.Forbidden, "Not this color.")
	case "broken":
		return "", "", errors.New("no more dye")
	case "panic":
		panic("no more dye")
	case "slow":
		a.started <- struct{}{}
		<-a.release
	}
	return color + " " + size, size, nil
}

const wardrobeState = `{"color":{"value":"red"},"size":{"value":"medium"},"shirt":{"title":"none"},"label":{"title":"none"}}`

// setColor is the request of a page on which the color has changed; size is what
// the page has.
func setColor(color, size string) string {
	return fmt.Sprintf(`{"output":"..shirt.title...shirt.children..",
		"outputs":[{"id":"shirt","property":"title"},{"id":"shirt","property":"children"}],
		"inputs":[{"id":"color","property":"value","value":%q}],"changedPropIds":["color.value"],
		"state":[{"id":"size","property":"value","value":%q}]}`, color, size)
}

// setSize is the same for the size.
func setSize(size, color string) string {
	return fmt.Sprintf(`{"output":"label.title","outputs":{"id":"label","property":"title"},
		"inputs":[{"id":"size","property":"value","value":%q}],"changedPropIds":["size.value"],
		"state":[{"id":"color","property":"value","value":%q}]}`, size, color)
}

// wantWardrobe compares what an instance of wardrobe has saved.
func wantWardrobe(t *testing.T, s *serve.Server, color, size, shirt, label string) {
	t.Helper()
	wantState(t, s, "one", fmt.Sprintf(`{"color": {"value": %q}, "label": {"title": %q}, "shirt": {"title": %q}, "size": {"value": %q}}`, color, label, shirt, size))
}

// Two callbacks of one page at once, again and again: neither undoes what the
// other has saved, although each sends along what the page had before. Nothing
// that they count in the session is lost.
func TestParallelCallbacks(t *testing.T) {
	const rounds = 1000
	config := serve.Config{Apps: []*app.App{newWardrobe().App}, Data: t.TempDir()}
	s := restartable(t, config)
	mustCreate(t, s, serve.NewInstance{App: "wardrobe", Slug: "one", SaveOnChange: true, State: parsedState(t, wardrobeState)})
	w := newClient(t, s.Handler()).open("/instance/one/")
	color, size := "red", "medium"
	for round := range rounds {
		newColor, newSize := fmt.Sprint("color ", round), fmt.Sprint("size ", round)
		var both sync.WaitGroup
		var statuses [2]int
		for i, body := range []string{setColor(newColor, size), setSize(newSize, color)} {
			both.Go(func() { statuses[i] = w.post(body).StatusCode })
		}
		both.Wait()
		if statuses != [2]int{http.StatusOK, http.StatusOK} {
			t.Fatalf("round %d: %v", round, statuses)
		}
		color, size = newColor, newSize
		var got [2]string
		state, err := s.Instances().State(t.Context(), "one")
		if err = errors.Join(err, json.Unmarshal(state["color"]["value"], &got[0]), json.Unmarshal(state["size"]["value"], &got[1])); err != nil {
			t.Fatal(err)
		}
		if got != [2]string{color, size} {
			t.Fatalf("round %d has saved %q", round, got)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = restartable(t, config)
	defer s.Close()
	state := stateOf(t, s, "one")
	for _, part := range []string{fmt.Sprintf(`"color": {"value": "color %d"}`, rounds-1), fmt.Sprintf(`"size": {"value": "size %d"}`, rounds-1),
		fmt.Sprintf(`"shirt": {"title": "color %d size %d"}`, rounds-1, rounds-2)} {
		if !strings.Contains(state, part) {
			t.Errorf("after a restart %s is not saved: %s", part, state)
		}
	}
	w.handler = s.Handler()
	if calls := sessionValue(t, s, w.client, "wardrobe", "calls"); calls != fmt.Sprint(2*rounds) {
		t.Errorf("the session has counted %s calls of %d", calls, 2*rounds)
	}
}

// A tab that has not heard of what another one wrote does not undo it.
func TestStaleTab(t *testing.T) {
	s := withInstance(t, newWardrobe().App, true, wardrobeState)
	stale, fresh := newClient(t, s.Handler()).open("/instance/one/"), newClient(t, s.Handler()).open("/instance/one/")
	fresh.answer(setColor("blue", "medium"))
	wantWardrobe(t, s, "blue", "medium", "blue medium", "by blue")
	stale.answer(setSize("large", "red"))
	wantWardrobe(t, s, "blue", "large", "blue medium", "large red")
	stale.answer(setColor("green", "large"))
	wantWardrobe(t, s, "green", "large", "green large", "by green")
	fresh.answer(setSize("small", "blue")) // is the stale one now
	wantWardrobe(t, s, "green", "small", "green large", "small blue")
	// One that has loaded since then may say what a script of it has set.
	stale.client.open("/instance/one/").answer(setSize("small", "black"))
	wantWardrobe(t, s, "black", "small", "green large", "small black")

	// Requests without a page's id, or with a forged one, know nothing.
	for _, id := range []string{"", "nope", stale.end + "x", strings.Repeat("z", 10_000)} {
		nobody := &window{stale.client, stale.prefix, id}
		nobody.answer(setSize("tiny", "no color"))
		wantWardrobe(t, s, "black", "tiny", "green large", "tiny no color")
	}
}

// An answer that comes late does not undo what a later request has saved, of
// the same tab or of another.
func TestSlowCallback(t *testing.T) {
	for _, same := range []bool{true, false} {
		a := newWardrobe()
		s := withInstance(t, a.App, true, wardrobeState)
		slow := newClient(t, s.Handler()).open("/instance/one/")
		fast := slow
		if !same {
			fast = newClient(t, s.Handler()).open("/instance/one/")
		}
		ended := make(chan *http.Response)
		go func() { ended <- slow.post(setColor("slow", "medium")) }()
		<-a.started
		fast.answer(setColor("blue", "medium"))
		a.release <- struct{}{}
		wantJSON(t, bodyOf(t, <-ended), `{"multi":true,"response":{"shirt":{"title":"slow medium","children":"medium"}}}`)
		wantWardrobe(t, s, "blue", "medium", "blue medium", "by blue")
	}
}

// What the visitor has changed is kept even where the callback fails. What the
// callback has set by then is not.
func TestInputsAreKept(t *testing.T) {
	for color, status := range map[string]int{
		"prevented": http.StatusNoContent,
		"refused":   http.StatusForbidden,
		"broken":    http.StatusInternalServerError,
		"panic":     http.StatusInternalServerError,
	} {
		s := withInstance(t, newWardrobe().App, true, wardrobeState)
		w := newClient(t, s.Handler()).open("/instance/one/")
		wantStatus(t, w.post(setColor(color, "small")), status)
		wantWardrobe(t, s, color, "small", "none", "none")
		if layout := w.layout(); !strings.Contains(layout, `"id":"color","value":"`+color+`"`) {
			t.Errorf("after a reload the page has %s", layout)
		}
	}
	s := withInstance(t, newWardrobe().App, true, wardrobeState)
	w := newClient(t, s.Handler()).open("/instance/one/")
	for _, wrong := range []string{
		strings.Replace(setColor("blue", "small"), "shirt.title", "shirt.tilte", 1),
		strings.Replace(setColor("blue", "small"), `"id":"size"`, `"id":"label"`, 1),
		setColor("blue", "small") + "}",
	} {
		wantStatus(t, w.post(wrong), http.StatusBadRequest)
	}
	wantWardrobe(t, s, "red", "medium", "none", "none")
}

// Without save-on-change each page begins anew.
func TestWithoutSaveOnChange(t *testing.T) {
	s := withInstance(t, newWardrobe().App, false, wardrobeState)
	w := newClient(t, s.Handler()).open("/instance/one/")
	before := w.layout()
	w.answer(setColor("blue", "small"))
	w.answer(setSize("large", "blue"))
	wantStatus(t, w.post(setColor("prevented", "small")), http.StatusNoContent)
	wantWardrobe(t, s, "red", "medium", "none", "none")
	if after := w.layout(); after != before {
		t.Errorf("the layout has become %s", after)
	}

	on := true
	if _, err := s.Instances().Change(t.Context(), "one", serve.InstanceChange{SaveOnChange: &on}); err != nil {
		t.Fatal(err)
	}
	w.answer(setColor("blue", "small"))
	wantWardrobe(t, s, "blue", "small", "blue small", "by blue")
}

// A page outlives its server: what it knew, it knows.
func TestRestart(t *testing.T) {
	config := serve.Config{Apps: []*app.App{newWardrobe().App}, Data: t.TempDir()}
	s := restartable(t, config)
	mustCreate(t, s, serve.NewInstance{App: "wardrobe", Slug: "one", SaveOnChange: true, State: parsedState(t, wardrobeState)})
	b := newClient(t, s.Handler())
	stale, writer := b.open("/instance/one/"), b.open("/instance/one/")
	writer.answer(setColor("blue", "medium"))
	fresh := b.open("/instance/one/")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = restartable(t, config)
	defer s.Close()
	b.handler = s.Handler()
	wantWardrobe(t, s, "blue", "medium", "blue medium", "by blue")
	if layout := writer.layout(); !strings.Contains(layout, `"value":"blue"`) || !strings.Contains(layout, `"title":"blue medium"`) {
		t.Errorf("the layout is %s", layout)
	}
	stale.answer(setSize("large", "red"))
	wantWardrobe(t, s, "blue", "large", "blue medium", "large red")
	writer.answer(setSize("small", "navy"))
	wantWardrobe(t, s, "navy", "small", "blue medium", "small navy")
	fresh.answer(setSize("small", "blue")) // navy has come since
	wantWardrobe(t, s, "navy", "small", "blue medium", "small blue")
}

// An instance outlives its app: a program that no longer has the app keeps the
// state and says so, and one that has it again goes on.
func TestAppIsGone(t *testing.T) {
	data := t.TempDir()
	with := serve.Config{Apps: []*app.App{simple.New(), newWardrobe().App}, Data: data}
	without := serve.Config{Apps: []*app.App{simple.New()}, Data: data}
	run := func(config serve.Config, f func(*serve.Server, *client)) {
		t.Helper()
		s := restartable(t, config)
		f(s, newClient(t, s.Handler()))
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	run(with, func(s *serve.Server, b *client) {
		mustCreate(t, s, serve.NewInstance{App: "wardrobe", Slug: "one", SaveOnChange: true, State: parsedState(t, wardrobeState)})
		public := app.Public
		if _, err := s.Instances().Change(t.Context(), "one", serve.InstanceChange{Access: &public}); err != nil {
			t.Fatal(err)
		}
		mustCreate(t, s, serve.NewInstance{App: "wardrobe", Slug: "inherits"})
		b.open("/instance/one/").answer(setColor("blue", "medium"))
	})
	const sentence = "The app of this instance is not part of this server any more. What the instance has saved is kept."
	run(without, func(s *serve.Server, b *client) {
		wantPage(t, b.get("/instance/one/"), http.StatusGone, "<!doctype html>", sentence)
		for _, view := range []string{"_dash-layout", "_dash-dependencies", "assets/x", "initial/x/", "nope"} {
			resp := b.get("/instance/one/"+view, "Accept", "application/json")
			wantPage(t, resp, http.StatusGone, `{"error":"`+sentence)
		}
		wantPage(t, b.sendJSON("POST", "/instance/one/_dash-update-component", setColor("red", "medium")), http.StatusGone, `{"error":"`)
		wantLocation(t, b.get("/instance/inherits/"), "/login?next=%2Finstance%2Finherits%2F") // nobody knows who may
		wantPage(t, b.get("/app/wardrobe/"), http.StatusNotFound, "There is no such app.")
		wantWardrobe(t, s, "blue", "medium", "blue medium", "by blue")
		if err := s.Instances().Populate(t.Context(), "one"); app.ErrorCode(err) != app.Gone {
			t.Errorf("populate: %v", err)
		}
		if err := s.Instances().Set(t.Context(), "one", "color", "value", "green"); app.ErrorCode(err) != app.Gone {
			t.Errorf("set: %v", err)
		}
		if _, err := s.Instances().Create(t.Context(), serve.NewInstance{App: "wardrobe"}); app.ErrorCode(err) != app.NotFound {
			t.Errorf("create: %v", err)
		}
		list, err := s.Instances().List(t.Context(), serve.InstanceFilter{App: "wardrobe"})
		if err != nil || len(list) != 2 {
			t.Errorf("the list is %v, %v", list, err)
		}
	})
	for _, tt := range []struct {
		line string
		code int
		want string
	}{
		{"instance show one", 0, `"blue"`},
		{"instance show one", 0, "wardrobe (gone from this program; the state is kept)"},
		{"instance show one --json", 0, `"present": false`},
		{"instance export one", 0, `{"color": {"value": "blue"}`},
		{"instance list", 0, "wardrobe"},
		{"app list", 0, "gone"},
		{"app forget wardrobe", 1, "The app has instances. Delete them first."},
	} {
		code, stdout, stderr := command(t.Context(), without, append(strings.Fields(tt.line), "--data="+data)...)
		if code != tt.code || !strings.Contains(stdout+stderr, tt.want) {
			t.Errorf("%s: exit code %d, %s%s", tt.line, code, stdout, stderr)
		}
	}
	run(with, func(s *serve.Server, b *client) {
		w := b.open("/instance/one/")
		if layout := w.layout(); !strings.Contains(layout, `"id":"color","value":"blue"`) {
			t.Errorf("the layout is %s", layout)
		}
		w.answer(setSize("large", "blue"))
		wantWardrobe(t, s, "blue", "large", "blue medium", "large blue")
	})
}

// Patches of properties that only the page's initial arguments set.
func TestPatchOverInitial(t *testing.T) {
	a := app.New("Patched")
	a.Layout = html.Div{Children: app.List{html.Button{ID: "go"}, dcc.Store{ID: "list", Data: []string{"layout"}}}}
	a.Callback(app.Output("list", "data"), app.Input("go", "n_clicks")).Do(func(n int) *app.Patch { return app.NewPatch().Append(fmt.Sprint(n)) })
	s := withInstance(t, a, true, `{"list":{"data":null}}`)
	b := newClient(t, s.Handler())
	call := func(n int) string {
		return fmt.Sprintf(`{"output":"list.data","outputs":{"id":"list","property":"data"},"inputs":[{"id":"go","property":"n_clicks","value":%d}],"changedPropIds":["go.n_clicks"]}`, n)
	}
	w := b.open(b.urlOf(s, "instance/one", parsedState(t, `{"list":{"data":["initial"]}}`)))
	w.answer(call(1))
	wantState(t, s, "one", `{"list": {"data": ["initial", "1"]}}`)
	w.answer(call(2))
	wantState(t, s, "one", `{"list": {"data": ["initial", "1", "2"]}}`)

	// When they have expired, the page goes on.
	gone := &window{b, "/instance/one/initial/expired/", w.end}
	gone.answer(call(3))
	wantState(t, s, "one", `{"list": {"data": ["initial", "1", "2", "3"]}}`)
}

// Instances is what a site's own code has of them.
func TestInstances(t *testing.T) {
	s, _ := newServer(t, serve.Config{
		Apps: []*app.App{newWardrobe().App},
		Seed: func(ctx context.Context, instances *serve.Instances) error {
			_, err := instances.Ensure(ctx, serve.NewInstance{App: "Wardrobe", Slug: "seeded", SaveOnChange: true})
			return err
		},
	})
	ctx, instances := t.Context(), s.Instances().By(&app.User{Name: "ann"})
	seeded, err := instances.Get(ctx, "seeded")
	if err != nil || seeded.App != "wardrobe" || !seeded.SaveOnChange || seeded.Created.IsZero() {
		t.Fatalf("seeded: %+v, %v", seeded, err)
	}
	if again, err := instances.Ensure(ctx, serve.NewInstance{App: "Wardrobe", Slug: "seeded"}); err != nil || again.Created != seeded.Created {
		t.Errorf("it is made again: %+v, %v", again, err)
	}
	if err := instances.Populate(ctx, "seeded"); err != nil {
		t.Fatal(err)
	}
	if err := instances.Set(ctx, "seeded", "color", "value", "blue"); err != nil {
		t.Fatal(err)
	}
	wantState(t, s, "seeded", `{"color": {"value": "blue"}, "label": {"title": "none"}, "shirt": {"title": "none"}, "size": {"value": "medium"}}`)
	for name, err := range map[string]error{
		`no component colour (did you mean "color"?)`:         instances.Set(ctx, "seeded", "colour", "value", "blue"),
		`The Input color has no property valeu`:               instances.Set(ctx, "seeded", "color", "valeu", "blue"),
		`The value of color.value cannot be written as JSON.`: instances.Set(ctx, "seeded", "color", "value", func() {}),
		`An instance to ensure needs a slug.`:                 second(instances.Ensure(ctx, serve.NewInstance{App: "Wardrobe"})),
		`There is no such app.`:                               second(instances.Create(ctx, serve.NewInstance{App: "Nope"})),
		`There is no such instance.`:                          instances.Populate(ctx, "nope"),
		`There is an instance with this slug already.`:        second(instances.Clone(ctx, "seeded", "", "seeded")),
		`The slug of an instance`:                             second(instances.Create(ctx, serve.NewInstance{App: "Wardrobe", Slug: "a b"})),
	} {
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("got %v, want %q", err, name)
		}
	}
	copied, err := instances.Clone(ctx, "seeded", "", "")
	if err != nil || !copied.SaveOnChange || stateOf(t, s, copied.Slug) != stateOf(t, s, "seeded") {
		t.Errorf("cloned: %+v, %v", copied, err)
	}
	if err := instances.Reset(ctx, "seeded"); err != nil {
		t.Fatal(err)
	}
	wantState(t, s, "seeded", `{"color": {"value": null}, "label": {"title": null}, "shirt": {"title": null}, "size": {"value": null}}`)
	history, err := instances.History(ctx, "seeded", 100)
	if err != nil {
		t.Fatal(err)
	}
	blue := slices.IndexFunc(history, func(r serve.Revision) bool { return string(r.Value) == `"blue"` })
	if blue < 0 || history[blue].User != "ann" {
		t.Fatalf("the history is %+v", history)
	}
	if err := instances.Restore(ctx, "seeded", history[blue].Revision); err != nil {
		t.Fatal(err)
	}
	wantState(t, s, "seeded", stateOf(t, s, copied.Slug))
	if err := instances.Delete(ctx, "seeded"); err != nil {
		t.Fatal(err)
	}
	if list, err := instances.List(ctx, serve.InstanceFilter{App: "Wardrobe"}); err != nil || len(list) != 1 {
		t.Errorf("left are %+v, %v", list, err)
	}
	wantStatus(t, newClient(t, s.Handler()).get("/instance/seeded/"), http.StatusNotFound)
}

// second returns the error of a pair.
func second[T any](_ T, err error) error { return err }
