package serve_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"

	"dashd/app"
	"dashd/app/dcc"
	"dashd/app/html"
	"dashd/app/serve"
	"dashd/views"
)

// framedApp has a high thing that comes and goes, tabs, a dropdown and a graph
// on demand. Its first button is at the top left.
func framedApp() *app.App {
	a := app.New("Framed")
	a.Access = app.Public
	var options dcc.Options
	for i := range 12 {
		options = append(options, dcc.Option{Label: fmt.Sprint("Option ", i), Value: fmt.Sprint(i)})
	}
	block := func(height int) html.Div { return html.Div{Style: app.Style{"height": height}} }
	a.Layout = html.Div{Children: app.List{
		html.Button{ID: "toggle", Children: "Toggle", Style: app.Style{"width": "100px", "height": "40px"}},
		html.Div{ID: "box", Style: app.Style{"height": 30}},
		dcc.Tabs{ID: "tabs", Value: "low", Children: app.List{
			dcc.Tab{Label: "Low", Value: "low", ID: "tab-low", Children: block(60)},
			dcc.Tab{Label: "High", Value: "high", ID: "tab-high", Children: block(500)},
		}},
		dcc.Dropdown{ID: "menu", Options: options},
		html.Div{ID: "chosen"},
	}}
	a.Callback(app.Output("box", "style"), app.Input("toggle", "n_clicks")).Do(func(n int) app.Style {
		return app.Style{"height": []int{30, 600}[n%2]}
	})
	a.Callback(app.Output("chosen", "children"), app.Input("menu", "value")).Do(func(v string) string { return "Chosen: " + v })
	return a
}

// viewportApp is higher than the frame, however high that is.
func viewportApp() *app.App {
	a := app.New("Viewport")
	a.Access = app.Public
	a.Layout = html.Div{Style: app.Style{"minHeight": "calc(100vh + 20px)"}}
	return a
}

// fullApp has a page that is as high as the frame, as stylesheets often say.
func fullApp() *app.App {
	a := framedApp()
	a.Stylesheets = []string{"/full.css"}
	return a
}

// framesSite is a site whose pages are components.
func framesSite(pages map[string]views.PlotlyApp) http.Handler {
	mux := http.NewServeMux()
	for path, frame := range pages {
		mux.HandleFunc("GET "+path, func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprintf(w, "<!DOCTYPE html><title>A page</title><link rel=\"icon\" href=\"data:,\"><script>%s</script><p>Before</p>", watchFrames)
			if err := frame.Render(r.Context(), w); err != nil {
				panic(err)
			}
			fmt.Fprint(w, "<p>After</p>")
			if err := (views.PlotlyFooter{}).Render(r.Context(), w); err != nil {
				panic(err)
			}
		})
	}
	mux.HandleFunc("GET /full.css", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/css")
		fmt.Fprint(w, "html, body { height: 100%; } body { min-height: 100vh; }")
	})
	return mux
}

// watchFrames keeps what frames tell, and how high the frame is when the page
// has been read.
const watchFrames = `
	var told = [], atFirst;
	addEventListener("message", ({data}) => { if (data.type === "dashd:height") told.push(data.height); });
	addEventListener("DOMContentLoaded", () => { atFirst = document.querySelector("iframe").clientHeight; });`

// In the frame of the page.
const (
	autoFrame = `document.querySelector("iframe")`
	inFrame   = autoFrame + `.contentWindow`
	fits      = inFrame + `.document.documentElement.scrollHeight === ` + autoFrame + `.clientHeight`
	isLoaded  = `["#menu", "#tab-low", "#chosen"].every(id => ` + inFrame + `.document.querySelector(id)?.getClientRects().length) &&
		` + inFrame + `.document.querySelector("#chosen").textContent === "Chosen: "`
)

// clickFramed clicks an element in the frame by its script.
func (b *tab) clickFramed(selector string) {
	b.Helper()
	js[bool](b, fmt.Sprintf(`%s.document.querySelector(%q).click(), true`, inFrame, selector))
}

// height waits until the frame is as high as its content, and as its bounds say.
func (b *tab) height(what string, least, most int) int {
	b.Helper()
	b.until(fmt.Sprintf(`%s && %s.clientHeight >= %d && %[2]s.clientHeight <= %[4]d`, fits, autoFrame, least, most))
	height := js[int](b, autoFrame+".clientHeight")
	b.Logf("%s: %d", what, height)
	return height
}

// The frame follows its content both ways, and is right at once at the second
// visit.
func TestBrowserAutoHeight(t *testing.T) { testAutoHeight(t, direct) }

func testAutoHeight(t *testing.T, w way) {
	for name, a := range map[string]*app.App{"flow": framedApp(), "full": fullApp()} {
		t.Run(name, func(t *testing.T) {
			for i := range a.Stylesheets {
				a.Stylesheets[i] = w.base + a.Stylesheets[i]
			}
			h, _ := mustNew(t, w.config(serve.Config{Apps: []*app.App{a}, Pages: framesSite(map[string]views.PlotlyApp{"/": {Name: "Framed", AutoHeight: true}})}))
			b := w.open(t, h, "/")
			b.until(isLoaded)
			low := b.height("at first", 160, 350)
			b.clickFramed("#toggle")
			b.height("grown", low+570, low+570)
			b.clickFramed("#toggle")
			b.height("shrunk", low, low)
			b.clickFramed("#tab-high")
			b.height("high tab", low+440, low+440)
			b.clickFramed("#tab-low")
			b.height("low tab", low, low)
			b.clickFramed("#menu")
			b.until(fmt.Sprintf("%s.clientHeight > %d", autoFrame, low+100))
			b.screenshot("frame_menu")
			js[bool](b, inFrame+`.document.querySelectorAll(".dash-dropdown-content .dash-options-list-option, .dash-dropdown-content label")[3].click(), true`)
			b.until(inFrame + `.document.querySelector("#chosen").textContent.length > "Chosen: ".length`)
			b.do("close the menu", chromedp.MouseClickXY(300, 8))
			b.height("chosen", low, low)
			if told := js[[]int](b, "told"); len(told) > 16 {
				t.Errorf("the frame told %d heights: %v", len(told), told)
			}

			b.goTo("/")
			b.until(isLoaded)
			b.height("second visit", low, low)
			if height := js[int](b, "atFirst"); height != low {
				t.Errorf("at the second visit the frame begins with %d, not %d", height, low)
			}
			for _, height := range js[[]int](b, "told") {
				if height != low {
					t.Errorf("at the second visit the frame tells %d, not only %d", height, low)
				}
			}
		})
	}
}

// A graph is drawn later than what is around it. The frame waits for it.
func TestBrowserAutoHeightGraph(t *testing.T) {
	a := app.New("Drawn")
	a.Access = app.Public
	a.Layout = html.Div{Children: app.List{
		dcc.Graph{ID: "graph", Figure: app.Figure{Data: []any{app.Dict{"y": []int{1, 3, 2}}}}},
		html.Div{ID: "below", Children: "Below"},
	}}
	h, _ := mustNew(t, serve.Config{Apps: []*app.App{a}, Pages: framesSite(map[string]views.PlotlyApp{"/": {Name: "Drawn", AutoHeight: true, Height: "30px"}})})
	var visit, release = make(chan struct{}, 1), make(chan struct{})
	b := openTab(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/plotly-strict.min.js") {
			select {
			case visit <- struct{}{}: // the first
			case <-release:
			case <-r.Context().Done():
			}
		}
		h.ServeHTTP(w, r)
	}), "/")
	drawn := inFrame + `.document.querySelector("#graph .main-svg")?.getClientRects().length > 0`
	b.until(drawn)
	high := b.height("with a graph", 450, 600)
	if _, err := chromedp.Call(b.ctx, network.SetCacheDisabled, network.SetCacheDisabledParams{CacheDisabled: true}); err != nil {
		t.Fatal(err)
	}
	js[bool](b, inFrame+`.old = told.length = 1, `+inFrame+`.location.reload(), true`)
	b.until(`!` + inFrame + `.old && ` + inFrame + `.document.querySelector("#below")?.textContent === "Below"`)
	js[bool](b, `new Promise(resolve => `+inFrame+`.setTimeout(() => resolve(true), 100))`) // its timer for a measurement comes before
	if js[bool](b, drawn) {
		t.Error("the graph is drawn without plotly.js")
	}
	close(release)
	b.until(drawn)
	b.height("loaded again", high, high)
	for _, height := range js[[]int](b, "told.slice(1)") {
		if height != high {
			t.Errorf("when it is loaded again, the frame gets %d, not only %d", height, high)
		}
	}
}

// Content that is always higher than its frame makes that neither grow for ever
// nor flicker: it keeps the height that it began with, and scrolls.
func TestBrowserAutoHeightViewport(t *testing.T) {
	h, _ := mustNew(t, serve.Config{Apps: []*app.App{viewportApp()}, Pages: framesSite(map[string]views.PlotlyApp{"/": {Name: "Viewport", AutoHeight: true, Height: "200px"}})})
	b := openTab(t, h, "/")
	b.until(`told.length > 3 && told.at(-1) === 200 && ` + autoFrame + `.clientHeight === 200`)
	b.until(inFrame + `.document.documentElement.scrollHeight > 200`)
	locked := js[int](b, "told.length")

	// It stays so until the content is less.
	js[bool](b, inFrame+`.document.body.append("More"), `+inFrame+`.dispatchEvent(new Event("resize")), true`)
	js[bool](b, `new Promise(resolve => `+inFrame+`.setTimeout(() => resolve(true), 40))`) // its timer for the measurement comes before
	js[bool](b, inFrame+`.document.body.replaceChildren("Less"), true`)
	b.until(`told.at(-1) < 100`)
	told := js[[]int](b, "told")
	if len(told) != locked+1 || slices.Max(told) > 200+64+5*36 {
		t.Errorf("the frame tells %v; it kept its height after %d", told, locked)
	}
}

// What grows by itself for a while is not taken for content that follows its
// frame.
func TestBrowserAutoHeightStream(t *testing.T) {
	h, _ := mustNew(t, serve.Config{Apps: []*app.App{framedApp()}, Pages: framesSite(map[string]views.PlotlyApp{"/": {Name: "Framed", AutoHeight: true}})})
	b := openTab(t, h, "/")
	b.until(isLoaded)
	low := b.height("at first", 160, 350)
	js[bool](b, `(() => {
		const body = `+inFrame+`.document.body;
		let n = 0;
		const timer = setInterval(() => {
			const line = document.createElement("div");
			line.style.height = "30px";
			body.append(line);
			if (++n === 20) clearInterval(timer);
		}, 100);
		return true;
	})()`)
	b.height("streamed", low+600, low+600)
}

// The frame may be of another origin. Heights count only from the frame itself,
// while it shows what it was made for.
func TestBrowserAutoHeightOtherOrigin(t *testing.T) {
	h, _ := mustNew(t, serve.Config{Apps: []*app.App{framedApp()}})
	updated := make(chan string, 100)
	apps := httptest.NewServer(framedAnywhere(h, updated))
	t.Cleanup(apps.Close)
	page := `<!DOCTYPE html><title>Another site</title>
		<iframe class="dashd-auto" id="app" src="` + apps.URL + `/app/framed/?embed=auto" style="width: 90%; height: 150px; border: 2px solid; box-sizing: border-box"></iframe>
		<iframe id="other" src="/other" style="height: 77px"></iframe>
		<iframe class="dashd-auto" id="left" src="` + apps.URL + `/app/framed/" style="height: 77px"></iframe>
		<script src="` + apps.URL + `/embed.js" defer></script>`
	b := openTab(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/" {
			fmt.Fprint(w, page)
		} else {
			fmt.Fprint(w, "<!DOCTYPE html><title>Other</title>")
		}
	}), "/")
	b.expect("request to another host: " + apps.URL)
	click := func() {
		t.Helper()
		at := js[[]float64](b, `(({x, y}) => [x + 30, y + 30])(document.getElementById("app").getBoundingClientRect())`)
		b.do("click in the frame", chromedp.MouseClickXY(at[0], at[1]))
	}
	for range 4 { // two callbacks of two apps
		<-updated
	}
	click()
	b.until(`document.getElementById("app").clientHeight > 700`)
	click()
	b.until(`document.getElementById("app").clientHeight < 400`)
	low := js[int](b, `document.getElementById("app").clientHeight`)

	// In turn: the page itself, a frame without the class, one that has left its
	// app, and heights that are none.
	js[bool](b, `window.heard = 0, addEventListener("message", e => { if (e.data.forged) heard++; }), postMessage({type: "dashd:height", height: 5, forged: 1}), true`)
	js[bool](b, `other.contentWindow.eval('parent.postMessage({type: "dashd:height", height: 5, forged: 1}, "*")'), true`)
	js[bool](b, `new Promise(resolve => { left.onload = () => resolve(true); left.contentWindow.location = "/other"; })`)
	for _, height := range []string{"5", "-1", "0", "1e9", "Infinity", "NaN", `"5px"`, "null"} {
		js[bool](b, `left.contentWindow.eval('parent.postMessage({type: "dashd:height", height: `+height+`, forged: 1}, "*")'), true`)
	}
	b.until("heard === 10")
	want := fmt.Sprintf("[%d 77 77]", low)
	if heights := fmt.Sprint(js[[]int](b, `[...document.querySelectorAll("iframe")].map(f => f.clientHeight)`)); heights != want {
		t.Errorf("after forged messages the frames have %v, want %s", heights, want)
	}
}

// framedAnywhere lets any page frame the apps of a server, and sends the paths
// of callbacks that it has answered.
func framedAnywhere(next http.Handler, updated chan<- string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(noPolicy{w}, r)
		if r.Method == http.MethodPost {
			updated <- r.URL.Path
		}
	})
}

// noPolicy leaves the Content-Security-Policy out.
type noPolicy struct{ http.ResponseWriter }

func (w noPolicy) WriteHeader(status int) {
	w.Header().Del("Content-Security-Policy")
	w.ResponseWriter.WriteHeader(status)
}

// A page that is in no such frame is, byte for byte, what it always was.
func TestFrameScript(t *testing.T) {
	h, _ := mustNew(t, serve.Config{Apps: []*app.App{framedApp()}})
	page := func(query string) string {
		return bodyOf(t, do(t, h, "GET", "/app/framed/"+query, ""))
	}
	const tag = "/dashd/frame.js\"></script>"
	for query, want := range map[string]bool{"": false, "?embed=": false, "?x=1&embed=auto": true, "?embed=auto": true} {
		if strings.Contains(page(query), tag) != want {
			t.Errorf("the page %q has the script: %v", query, !want)
		}
	}
	if !strings.Contains(page(""), `build/dash_renderer.min.js"></script>`) {
		t.Error("after a framed page, the page has lost its scripts")
	}
}
