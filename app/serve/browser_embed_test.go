package serve_test

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"dashd/app"
	"dashd/app/dbc"
	"dashd/app/dcc"
	"dashd/app/html"
	"dashd/app/serve"
	"dashd/app/table"
)

// hostPolicy is the Content-Security-Policy of a site that has apps in its
// pages: what embed.js says that it takes.
const hostPolicy = "default-src 'self'; script-src 'self' 'nonce-n'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; worker-src 'self' blob:"

// hostPage is a page of a site with the elements in its body.
func hostPage(elements string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Content-Security-Policy", hostPolicy)
		io.WriteString(w, `<!doctype html><title>The host</title><link rel="icon" href="data:,"><script src="/embed.js"></script>
			<h1>A page</h1><div style="display: grid; grid-template-columns: 1fr 1fr 1fr; gap: 8px">`+elements+`</div>`)
	})
}

// dashApps are elements: "a=x" is <dash-app id="a" src="/app/x/">.
func dashApps(ids ...string) string {
	var b strings.Builder
	for _, id := range ids {
		name, slug, _ := strings.Cut(id, "=")
		fmt.Fprintf(&b, `<dash-app id=%q src="/app/%s/"></dash-app>`, name, slug)
	}
	return b.String()
}

// untilApps waits until n apps run in the page.
func (b *tab) untilApps(n int) {
	b.Helper()
	b.until(fmt.Sprintf("(window.dash_stores || []).length === %d", n))
	b.untilIdle()
}

// calls counts the callbacks by the app that they were sent to.
type calls struct {
	mu sync.Mutex
	n  map[string]int
}

func (c *calls) count(next http.Handler) http.Handler {
	c.n = map[string]int{}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if prefix, ok := strings.CutSuffix(r.URL.Path, "/_dash-update-component"); ok {
			c.mu.Lock()
			c.n[prefix]++
			c.mu.Unlock()
		}
		next.ServeHTTP(w, r)
	})
}

func (c *calls) take() map[string]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	taken := c.n
	c.n = map[string]int{}
	return taken
}

// Apps for pages of several. The ids of their components are all the same.

func public(name string, children ...any) *app.App {
	a := app.New(name)
	a.Access = app.Public
	a.Layout = html.Div{Children: append(app.List{html.Button{ID: "go", Children: "Go"}, html.Div{ID: "out"}}, children...)}
	a.Callback(app.Output("out", "children"), app.Input("go", "n_clicks")).Do(func(n int) string { return fmt.Sprint(name, " ", n) })
	return a
}

func fieldApp(name string) *app.App {
	a := public(name, dcc.Input{ID: "field", Value: "w"}, html.Div{ID: "echo"},
		dcc.Store{ID: "kept", StorageType: "local"}, html.Button{ID: "keep", Children: "Keep"}, html.Div{ID: "has"})
	a.Callback(app.Output("echo", "children"), app.Input("field", "value")).Do(func(v string) string { return name + ": " + v })
	a.Callback(app.Output("kept", "data"), app.Input("keep", "n_clicks"), app.State("field", "value"), app.PreventInitialCall()).Do(func(_ int, v string) string { return v })
	a.Callback(app.Output("has", "children"), app.Input("kept", "modified_timestamp"), app.State("kept", "data")).Do(func(_ float64, v any) string { return fmt.Sprint("kept ", v) })
	return a
}

func graphApp() *app.App {
	a := public("Graphs",
		dcc.Dropdown{ID: "choice", Options: []string{"One", "Two"}, Value: "One"},
		dcc.DatePickerSingle{ID: "date", Date: "2026-02-03", DisplayFormat: "YYYY-MM-DD"}, html.Div{ID: "day"},
		dcc.Graph{ID: "graph", Style: app.Style{"height": "300px"}}, html.Div{ID: "clicked"})
	a.Callback(app.Output("graph", "figure"), app.Input("choice", "value")).Do(func(v string) app.Figure {
		return app.Figure{Data: app.List{app.Dict{"type": "bar", "x": []string{"a", "b", "c"}, "y": []int{1, 9, 1}}}, Layout: app.Dict{"title": app.Dict{"text": "Title " + v}}}
	})
	a.Callback(app.Output("day", "children"), app.Input("date", "date")).Do(func(v string) string { return "on " + v })
	a.Callback(app.Output("clicked", "children"), app.Input("graph", "clickData"), app.PreventInitialCall()).Do(func(v map[string]any) string {
		return fmt.Sprint("at ", v["points"].([]any)[0].(map[string]any)["x"])
	})
	return a
}

func tableApp() *app.App {
	a := public("Table", table.DataTable{ID: "table", Columns: []table.Column{{ID: "a", Name: "A", Editable: new(true)}, {ID: "b", Name: "B", Editable: new(true)}},
		Data: []app.Dict{{"a": 1, "b": "x"}, {"a": 2, "b": "y"}}}, html.Div{ID: "sum"})
	a.Callback(app.Output("sum", "children"), app.Input("table", "data")).Do(func(rows []map[string]any) string {
		return fmt.Sprint(rows[0]["a"], rows[0]["b"], rows[1]["a"], rows[1]["b"])
	})
	return a
}

// scriptApp has functions of the same names as others of its kind, among its
// assets and inline.
func scriptApp(name string) *app.App {
	a := public(name, dcc.Input{ID: "field"}, html.Div{ID: "named"}, html.Button{ID: "later", Children: "Later"},
		html.Div{ID: "now"}, html.Div{ID: "soon"}, html.Div{ID: "none", Children: "none"}, html.Div{ID: "server"})
	a.Assets = fstest.MapFS{
		"a.js": {Data: []byte(`"use strict"; const me = "` + name + `";`)},
		"b.js": {Data: []byte(`window.dash_clientside = Object.assign({}, window.dash_clientside, {same: {
			hello: v => me + " " + (v || "") + " by " + (dash_clientside.callback_context.triggered_id || "nobody"),
		}});`)},
		"c.css": {Data: []byte(`/* ` + name + ` */`)},
		"d.mjs": {Data: []byte(`window.modules = [...(window.modules || []), "` + name + `"].sort();`)},
	}
	a.Callback(app.Output("named", "children"), app.Input("field", "value")).ClientsideFunction("same", "hello")
	a.Callback(app.Output("none", "children"), app.Input("later", "n_clicks"), app.PreventInitialCall()).JS(`function (n) {
		const say = how => "` + name + ` " + how + " " + n;
		dash_clientside.set_props("now", {children: say("now")});
		Promise.resolve().then(() => fetch("/app/` + app.Slugify(name) + `/_reload-hash")).then(() => dash_clientside.set_props("soon", {children: say("soon")}));
		return window.dash_clientside.no_update;
	}`)
	a.Callback(app.Output("server", "children"), app.Input("soon", "children"), app.PreventInitialCall()).Do(func(v string) string { return "server: " + v })
	return a
}

func tabsApp(name string) *app.App {
	label := func(n string) string { return name + " " + n }
	a := public(name,
		dcc.Tabs{ID: "tabs", Value: "a", Children: app.List{dcc.Tab{Label: label("A"), Value: "a"}, dcc.Tab{Label: label("B"), Value: "b"}}},
		dbc.Tabs{ID: "bootstrap", ActiveTab: "x", Children: app.List{dbc.Tab{Label: label("X"), TabID: "x"}, dbc.Tab{Label: label("Y"), TabID: "y"}}},
		dbc.Tabs{ID: "unset", Children: app.List{dbc.Tab{Label: label("Z"), TabID: "z"}}}, // it asks which is the first, in an effect
		html.Div{ID: "open"}, dcc.Loading{ID: "loading", Children: html.Div{ID: "slow"}},
		html.Span{ID: "target", Children: "target"}, dbc.Tooltip{Children: label("tip"), Target: "target"})
	a.Callback(app.Output("open", "children"), app.Input("tabs", "value"), app.Input("bootstrap", "active_tab")).Do(func(x, y string) string { return x + y })
	return a
}

// slowly answers a click when release says so.
func slowly(a *app.App, release chan struct{}) *app.App {
	a.Callback(app.Output("slow", "children"), app.Input("go", "n_clicks"), app.PreventInitialCall()).Do(func(ctx *app.Context, n int) (string, error) {
		select {
		case <-release:
			return fmt.Sprint("slow ", n), nil
		case <-ctx.Done():
			return "", ctx.Err()
		}
	})
	return a
}

// Many apps live in one page, each for itself.
func TestBrowserDirectApps(t *testing.T) {
	release := make(chan struct{})
	counted := &calls{}
	elements := dashApps("f1=field", "f2=field", "g1=graphs", "g2=graphs", "t1=table", "t2=table", "s1=script-one", "s2=script-two", "x1=tabs-one", "x2=tabs-two", "r1=room", "r2=hall")
	s, _ := newServer(t, serve.Config{Pages: hostPage(elements), Apps: []*app.App{
		fieldApp("Field"), graphApp(), tableApp(), scriptApp("Script One"), scriptApp("Script Two"),
		tabsApp("Tabs One"), slowly(tabsApp("Tabs Two"), release), roomApp("Room", &taken{}), roomApp("Hall", &taken{}),
	}})
	b := openTab(t, counted.count(s.Handler()), "/nothing")
	var mu sync.Mutex
	var sockets []string
	if err := chromedp.Listen(b.ctx, func(event any) {
		if e, ok := event.(*network.EventWebSocketCreated); ok {
			mu.Lock()
			sockets = append(sockets, e.URL)
			mu.Unlock()
		}
	}); err != nil {
		t.Fatal(err)
	}
	b.goTo("/")
	b.untilApps(12)
	in := func(element, id string) string { return "#" + element + " [id=" + id + "]" }
	first := counted.take()

	b.run("each for itself", func() {
		names := []string{"f1=Field", "f2=Field", "g1=Graphs", "t1=Table", "s1=Script One", "s2=Script Two", "x1=Tabs One"}
		for i, item := range names {
			element, _, _ := strings.Cut(item, "=")
			for range i + 1 {
				b.press(in(element, "go"))
			}
		}
		for i, item := range names {
			element, name, _ := strings.Cut(item, "=")
			b.untilText(in(element, "out"), fmt.Sprint(name, " ", i+1))
		}
		b.untilIdle()
		if got, want := slices.Sorted(maps.Keys(counted.take())), []string{"/app/field", "/app/graphs", "/app/script-one", "/app/script-two", "/app/table", "/app/tabs-one"}; !slices.Equal(got, want) {
			t.Errorf("the callbacks went to %v, want %v", got, want)
		}
		for prefix := range first {
			if slug := strings.TrimPrefix(prefix, "/app/"); !strings.Contains(elements, "/"+slug+"/") {
				t.Errorf("at first there was a callback to %s", prefix)
			}
		}
		b.fill(in("f2", "field"), "two")
		b.untilText(in("f2", "echo"), "Field: two")
		b.untilText(in("f1", "echo"), "Field: w")
	})
	b.run("graphs", func() {
		b.press(in("g1", "choice"))
		b.press(".dash-dropdown-option", "Two")
		b.keys(kb.Escape)
		b.untilText("#g1 .gtitle", "Title Two")
		b.untilText("#g2 .gtitle", "Title One")
		b.press(in("g2", "date"))
		b.press(".dash-datepicker-calendar-date-inside", "14")
		b.untilText(in("g2", "day"), "on 2026-02-14")
		b.untilText(in("g1", "day"), "on 2026-02-03")
		b.clickAt("#g2 .nsewdrag")
		b.untilText(in("g2", "clicked"), "at b")
		b.untilText(in("g1", "clicked"), "")
	})
	b.run("tables", func() {
		cell := func(element, column string, row int) string {
			return fmt.Sprintf("#%s td[data-dash-column=%s][data-dash-row='%d']", element, column, row)
		}
		b.edit(cell("t1", "a", 0), "42")
		b.edit(cell("t2", "a", 0), "43")
		b.untilText(in("t1", "sum"), "42x2y")
		b.untilText(in("t2", "sum"), "43x2y")
		b.press(cell("t2", "a", 0))
		b.keys(kb.ArrowRight)
		b.until(`document.querySelector("#t2 td.focused").dataset.dashColumn === "b"`)
		b.keys("zz" + kb.Enter)
		b.untilText(in("t2", "sum"), "43zz2y")
		b.untilText(in("t1", "sum"), "42x2y")
	})
	b.run("clientside functions", func() {
		b.fill(in("s1", "field"), "A")
		b.fill(in("s2", "field"), "B")
		b.untilText(in("s1", "named"), "Script One A by field")
		b.untilText(in("s2", "named"), "Script Two B by field")
		for i, element := range []string{"s1", "s2", "s2"} {
			b.press(in(element, "later"))
			want := fmt.Sprint("Script Two ", "%s ", i)
			if element == "s1" {
				want = "Script One %s 1"
			}
			b.untilText(in(element, "now"), fmt.Sprintf(want, "now"))
			b.untilText(in(element, "soon"), fmt.Sprintf(want, "soon"))
			b.untilText(in(element, "server"), "server: "+fmt.Sprintf(want, "soon"))
		}
		b.untilText(in("s1", "soon"), "Script One soon 1")
		b.untilText(in("s2", "none"), "none")
		b.until(`modules.join() === "Script One,Script Two"`)
		b.until(`!("me" in window) && !window.dash_clientside.same`)
	})
	b.run("tabs, tooltips and loading", func() {
		b.untilTexts("#x1 .tab", "Tabs One A|Tabs One B")
		b.untilTexts("#x2 .tab", "Tabs Two A|Tabs Two B")
		b.untilTexts("#x2 .nav-link", "Tabs Two X|Tabs Two Y|Tabs Two Z")
		b.until(`["#x1", "#x2"].every(id => document.querySelector(id).getProps("unset").active_tab === "z")`)
		b.press("#x2 .tab", "Tabs Two B")
		b.press("#x2 .nav-link", "Tabs Two Y")
		b.untilText(in("x2", "open"), "by")
		b.untilText(in("x1", "open"), "ax")
		b.hover(in("x2", "target"))
		b.untilTexts(".tooltip-inner", "Tabs Two tip")
		b.press(in("x2", "go"))
		b.until(`document.querySelector("#x2 .dash-spinner") !== null`)
		b.gone("#x1 .dash-spinner")
		release <- struct{}{}
		b.untilText(in("x2", "slow"), "slow 1")
		b.gone("#x2 .dash-spinner")
	})
	b.run("pipes", func() {
		b.untilHears("room")
		mustPublish(t, s, "n", 7)
		b.untilText(in("r1", "value"), "7")
		b.untilText(in("r2", "value"), "7")
		mu.Lock()
		defer mu.Unlock()
		if len(sockets) != 1 {
			t.Errorf("sockets: %v", sockets)
		}
	})
	b.run("scripts of the page", func() {
		b.until(`(document.querySelector("#f1").setProps("echo", {children: "from the page"}), document.querySelector("#f1").getProps("field").value === "w")`)
		b.untilText(in("f1", "echo"), "from the page")
		b.untilText(in("f2", "echo"), "Field: two")
		b.until(`(dash_clientside.set_props("clicked", {children: "first"}), true)`)
	})
	b.expect("dash-app: set_props: 2 apps have the id")
	b.untilText(in("g1", "clicked"), "first")

	if got := js[string](b, "document.title + location.pathname"); got != "The host/" {
		t.Errorf("the page has become %s", got)
	}
	loaded := map[string]int{}
	for _, address := range js[[]string](b, `performance.getEntriesByType("resource").map(e => e.name)`) {
		if u, err := url.Parse(address); err == nil && strings.HasPrefix(u.Path, "/static/") {
			loaded[u.Path]++
		}
	}
	for path, n := range loaded {
		if n > 1 {
			t.Errorf("%s was loaded %d times", path, n)
		}
	}
	for _, part := range []string{"react-dom@", "embed/dash_renderer.js", "plotly-strict", "async-graph", "dpd_components"} {
		if n := len(slices.Collect(func(yield func(string) bool) {
			for path := range loaded {
				if strings.Contains(path, part) && !yield(path) {
					return
				}
			}
		})); n != 1 {
			t.Errorf("the page has %d files like %s: %v", n, part, loaded)
		}
	}
	b.screenshot("direct apps")
}

// tickApp calls the server all the time.
func tickApp(name string) *app.App {
	a := public(name, dcc.Interval{ID: "interval", Interval: 20}, html.Div{ID: "ticks"})
	a.Callback(app.Output("ticks", "children"), app.Input("interval", "n_intervals")).Do(func(n int) int { return n })
	return a
}

// Scripts add and remove apps, and nothing is left of those that have gone.
func TestBrowserDirectAppsComeAndGo(t *testing.T) {
	counted := &calls{}
	s, _ := newServer(t, serve.Config{Pages: hostPage(dashApps("f1=field")), Apps: []*app.App{
		fieldApp("Field"), graphApp(), tableApp(), tickApp("Tick"), tickApp("Tock"), roomApp("Room", &taken{}), tabsApp("Tabs"), tabsApp("Others"), scriptApp("Script One"),
	}})
	if _, err := s.Instances().Create(t.Context(), serve.NewInstance{App: "field", Slug: "mine", State: app.BaseState{app.ID("field"): {"value": []byte(`"saved"`)}}}); err != nil {
		t.Fatal(err)
	}
	b := openTab(t, counted.count(s.Handler()), "/")
	b.untilApps(1)
	add := func(id, src string) {
		t.Helper()
		b.until(fmt.Sprintf(`(document.body.append(Object.assign(document.createElement("dash-app"), {id: %q})), document.querySelector("#%[1]s").setAttribute("src", %q), true)`, id, src))
	}
	remove := func(id string) {
		t.Helper()
		b.until(fmt.Sprintf(`(document.querySelector("#%s").remove(), true)`, id))
	}

	b.run("added, moved and changed", func() {
		add("late", "/instance/mine/")
		b.untilText("#late #echo", "Field: saved")
		b.fill("#late #field", "L")
		b.untilText("#late #echo", "Field: L")
		b.until(`(document.body.prepend(document.querySelector("#late")), true)`)
		b.fill("#late #field", "M")
		b.untilText("#late #echo", "Field: M")
		b.untilApps(2)
		b.until(`(document.querySelector("#late").setAttribute("src", "app/script-one"), true)`)
		b.untilText("#late #named", "Script One  by nobody")
		b.untilApps(2)
		remove("late")
		b.untilApps(1)
	})
	b.run("after one with the same ids", func() {
		for i, slug := range []string{"tabs", "others"} {
			add(slug, "/app/"+slug+"/")
			b.untilApps(i + 2)
		}
		for slug, tip := range map[string]string{"tabs": "Tabs tip", "others": "Others tip"} {
			b.hover("#" + slug + " #target")
			b.untilTexts(".tooltip-inner", tip)
			b.afterEffects() // before which the tooltip does not hear that the mouse leaves
			b.hover("#f1 #keep")
			b.gone(".tooltip-inner")
		}
		remove("tabs")
		remove("others")
		b.untilApps(1)
	})
	b.run("apart in the browser's storage", func() {
		add("kept", "/app/field/")
		b.untilApps(2)
		b.until(`(document.querySelector("#kept").setAttribute("storage", "kept:"), true)`)
		b.untilApps(2)
		b.fill("#kept #field", "K")
		b.untilText("#kept #echo", "Field: K")
		b.press("#kept #keep")
		b.untilText("#kept #has", "kept K")
		b.untilText("#f1 #has", "kept <nil>")
		b.press("#f1 #keep")
		b.untilText("#f1 #has", "kept w")
		b.untilText("#kept #has", "kept K")
		b.until(`localStorage.getItem("kept") === '"w"' && localStorage.getItem("kept:kept") === '"K"'`)
		remove("kept")
	})
	b.run("removed", func() {
		add("tick", "/app/tick/")
		add("tock", "/app/tock/")
		add("room", "/app/room/")
		b.untilText("#room #count", "0 <nil>")
		b.untilText("#tick #out", "Tick 0")
		b.untilText("#tock #out", "Tock 0")
		b.until(liveOf + `.positions.has("room")`)
		remove("tick")
		remove("room")
		b.until("window.dash_stores.length === 2")
		b.until(liveOf + ".pipes.size === 0 && " + liveOf + ".end === null")
		counted.take()
		for tocks := 0; tocks < 20; time.Sleep(time.Millisecond) {
			n := counted.take()
			if tocks += n["/app/tock"]; n["/app/tick"] > 0 {
				tocks = 0 // some may have been on their way
			}
			if b.ctx.Err() != nil {
				t.Fatal("the callbacks go on after the removal")
			}
		}
		remove("tock")
	})
	b.run("hastily", func() {
		for range 3 {
			for i, slug := range []string{"graphs", "table", "tabs", "room", "field"} {
				add(fmt.Sprint("h", i), "/app/"+slug+"/")
			}
			b.until(`([...document.querySelectorAll("dash-app[id^=h]")].forEach(e => e.remove()), true)`)
			for i, slug := range []string{"graphs", "table", "tabs", "room", "field"} {
				add(fmt.Sprint("h", i), "/app/"+slug+"/")
			}
			b.until("window.dash_stores.length === 6")
			b.until(`([...document.querySelectorAll("dash-app[id^=h]")].forEach(e => e.remove()), true)`)
		}
		b.untilApps(1)
		b.press("#f1 #go")
		b.untilText("#f1 #out", "Field 1")
	})
}

// When an app is ready its layout can be seen and changed, and nothing says that
// it loads, though it has no first callback.
func TestBrowserDirectAppReady(t *testing.T) {
	a := app.New("Quiet")
	a.Access = app.Public
	a.Layout = html.Div{Children: append(buttons("go"), dcc.Input{ID: "field", Value: "w"}, html.Div{ID: "out"})}
	a.Callback(app.Output("out", "children"), app.Input("go", "n_clicks"), app.State("field", "value"), app.PreventInitialCall()).
		Do(func(n int, text string) string { return fmt.Sprint(n, text) })
	s, _ := newServer(t, serve.Config{Apps: []*app.App{a}, Pages: hostPage(`<script nonce="n">
		window.seen = [];
		document.addEventListener("dash-ready", ({target}) => {
			seen.push([target.getProps("field").value, target.querySelector("#field").value].join());
			target.setProps("field", {value: "x"});
		});
	</script>` + dashApps("q=quiet"))})
	b := openTab(t, s.Handler(), "/")
	b.untilApps(1)
	b.until(`document.querySelector("#field").value === "x"`)
	b.click("#go")
	b.untilText("#out", "1x")
	b.untilIdle()
	if seen := js[[]string](b, "seen"); !slices.Equal(seen, []string{"w,w"}) {
		t.Errorf("when the app was ready it had %q", seen)
	}
}

// Enter in a field presses no button, as in the app's own page: the form around
// an app is not sent.
func TestBrowserDirectAppEnter(t *testing.T) {
	s, _ := newServer(t, serve.Config{Pages: hostPage(dashApps("f=field")), Apps: []*app.App{fieldApp("Field")}})
	b := openTab(t, s.Handler(), "/")
	b.untilApps(1)
	b.press("#field")
	b.keys(kb.Enter)
	b.until(`document.querySelector("#f").getProps("field").n_submit === 1`)
	b.untilIdle()
	b.press("#go")
	b.untilText("#out", "Field 1")
	b.until(`document.querySelector("#f").getProps("go").n_clicks === 1`)
	b.until(`!document.querySelector("form > button").checkVisibility()`)
}

// Stylesheets of suites that a callback's answer needs follow the element's css,
// as the others do.
func TestBrowserDirectAppLateSuite(t *testing.T) {
	const sheets = `[...document.head.querySelectorAll("link[rel=stylesheet], style")].map(e => e.getAttribute("href") || e.textContent).filter(text => text.includes("bootstrap")).join().replace(/[^"]*\/static\/\w+\//, "")`
	for css, want := range map[string]string{
		"":      "dash_bootstrap_components/bootstrap.min.css",
		"layer": `@import url("dash_bootstrap_components/bootstrap.min.css") layer(dash);`,
		"none":  "",
	} {
		s, _ := newServer(t, serve.Config{Pages: hostPage(`<dash-app id="late" src="/app/late/" css="` + css + `"></dash-app>`), Apps: []*app.App{lateApp()}})
		b := openTab(t, s.Handler(), "/")
		b.untilApps(1)
		for n := 1; n <= 2; n++ {
			b.press("#go")
			b.untilText("#out .badge", fmt.Sprint("badge ", n))
		}
		if got := js[string](b, sheets); got != want {
			t.Errorf("with css=%q the page has the stylesheets %s, want %s", css, got, want)
		}
	}
}

// lateApp has a component of a suite that its layout does not use.
func lateApp() *app.App {
	a := app.New("Late")
	a.Access = app.Public
	a.Layout = html.Div{Children: app.List{html.Button{ID: "go", Children: "Go"}, html.Div{ID: "out"}}}
	a.Callback(app.Output("out", "children"), app.Input("go", "n_clicks"), app.PreventInitialCall()).Do(func(n int) any {
		return dbc.Badge{Children: fmt.Sprint("badge ", n)}
	})
	return a
}

// Where an app cannot be loaded, there is a sentence in its place.
func TestBrowserDirectAppProblems(t *testing.T) {
	secret := fieldApp("Secret")
	secret.Access = app.Restricted()
	users := fieldApp("Users")
	users.Access = app.Authenticated
	elements := dashApps("none=none", "users=users", "secret=secret", "fine=field") + `<dash-app id="gone" src="http://127.0.0.1:1/app/x/"></dash-app><dash-app id="empty">Nothing yet</dash-app><dash-app id="page" src="/"></dash-app>`
	page := hostPage(elements)
	pages := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/_dash-embed" {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		page.ServeHTTP(w, r)
	})
	s, _ := newServer(t, serve.Config{Pages: pages, Apps: []*app.App{fieldApp("Field"), secret, users}})
	b := openTab(t, s.Handler(), "/")
	for _, part := range []string{"/_dash-embed: status 404", "/_dash-embed: status 401", "/_dash-embed: status 502", "Failed to load resource", "127.0.0.1:1/", "net::ERR_"} {
		b.expect(part)
	}
	for id, want := range map[string]string{
		"none":   "There is no such app.",
		"users":  "Sign in to see this.",
		"secret": "Sign in to see this.",
		"gone":   "The server of this app cannot be reached, or does not permit this page to show it.",
		"empty":  "Nothing yet",
		"page":   "This app cannot be loaded: its server answers with the status 502.",
	} {
		b.untilText("#"+id, want)
	}
	b.until(`document.querySelectorAll(".dash-app-error[role=alert]").length === 5`)
	b.untilText("#fine #echo", "Field: w")

	b.until(`(document.addEventListener("dash-error", e => { window.said = e.target.id + ": " + e.detail.message; }), document.querySelector("#empty").setAttribute("src", "/app/none/"), true)`)
	b.until(`window.said === "empty: There is no such app."`)
	b.until(`(document.addEventListener("dash-ready", e => { window.ready = e.target.id; }), document.querySelector("#empty").setAttribute("src", "/app/field/"), true)`)
	b.until(`window.ready === "empty"`)
	b.untilText("#empty #echo", "Field: w")
}

// The same is so of an app whose layout or dependencies cannot be had.
func TestBrowserDirectAppWithoutLayout(t *testing.T) {
	var apps []*app.App
	for _, name := range []string{"Refused", "Broken", "Cut", "Fine"} {
		apps = append(apps, fieldApp(name))
	}
	s, _ := newServer(t, serve.Config{Apps: apps, Pages: hostPage(`<script nonce="n">
		window.seen = [];
		for (const type of ["dash-ready", "dash-error"]) document.addEventListener(type, e => seen.push([e.target.id, type, e.detail?.message ?? ""].join()));
	</script>` + dashApps("refused=refused", "broken=broken", "cut=cut", "fine=fine"))})
	b := openTab(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/app/refused/_dash-layout":
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusForbidden)
			io.WriteString(w, `{"error": "Not for you."}`)
		case "/app/broken/_dash-dependencies":
			http.Error(w, "down", http.StatusBadGateway)
		case "/app/cut/_dash-layout":
			panic(http.ErrAbortHandler)
		default:
			s.Handler().ServeHTTP(w, r)
		}
	}), "/")
	for _, part := range []string{"_dash-layout: status 403", "_dash-dependencies: status 502", "Failed to load resource", "/app/cut/_dash-layout: net::ERR_", "Response is missing header"} {
		b.expect(part)
	}
	const (
		down        = "This app cannot be loaded: its server answers with the status 502."
		unreachable = "The server of this app cannot be reached, or does not permit this page to show it."
	)
	b.until(`seen.length === 4`)
	want := []string{"broken,dash-error," + down, "cut,dash-error," + unreachable, "fine,dash-ready,", "refused,dash-error,Not for you."}
	if seen := js[[]string](b, "seen.sort()"); !slices.Equal(seen, want) {
		t.Errorf("the page was told %q, want %q", seen, want)
	}
	for id, text := range map[string]string{"refused": "Not for you.", "broken": down, "cut": unreachable} {
		b.untilText("#"+id, text)
	}
	b.until(`document.querySelectorAll(".dash-app-error[role=alert]").length === 3`)
	b.untilApps(1)
	b.untilText("#fine #echo", "Fine: w")
}
