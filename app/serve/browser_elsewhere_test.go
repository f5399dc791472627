package serve_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"dashd/app"
	"dashd/app/dpd"
	"dashd/app/html"
	"dashd/app/serve"
)

// elsewhere is a page of another site, whose elements come from a server.
type elsewhere struct {
	server   string // URL
	elements func() string
}

func (e *elsewhere) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/page" {
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", strings.NewReplacer("'self'", "'self' "+e.server).Replace(hostPolicy)+"; connect-src "+e.server+" "+strings.Replace(e.server, "http", "ws", 1)+"; frame-src "+e.server)
	fmt.Fprintf(w, `<!doctype html><title>The partner</title><link rel="icon" href="data:,"><script src="%s/embed.js"></script>`, e.server)
	io.WriteString(w, e.elements())
}

// privateApp is for those who have signed in. It has a channel that all of them
// hear, and one that its layout grants; it counts in the session.
func privateApp(partner string) *app.App {
	a := app.New("Private")
	a.Access = app.Authenticated
	a.EmbedOrigins = []string{partner}
	a.Channels = []string{"known"}
	a.Assets = fstest.MapFS{"dot.svg": {Data: []byte(`<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><circle cx="4" cy="4" r="4"/></svg>`)}}
	a.LayoutFunc = func(ctx *app.Context) (app.Component, error) {
		return html.Div{Children: app.List{
			html.Button{ID: "go", Children: "Go"}, html.Div{ID: "out"}, html.Img{ID: "picture", Src: ctx.AssetURL("dot.svg")}, html.Img{ID: "relative", Src: "assets/dot.svg"},
			dpd.Pipe{ID: "known", ChannelName: "known"}, html.Div{ID: "heard-known"},
			dpd.Pipe{ID: "granted", ChannelName: "granted"}, html.Div{ID: "heard-granted"},
		}}, nil
	}
	a.Callback(app.Output("out", "children"), app.Input("go", "n_clicks")).Do(func(ctx *app.Context, _ int) (string, error) {
		n, err := ctx.Session().Add("n", 1)
		return fmt.Sprint(ctx.User(), " ", n), err
	})
	for _, name := range []app.ID{"known", "granted"} {
		a.Callback(app.Output("heard-"+name, "children"), app.Input(name, "value")).Do(func(v any) string { return fmt.Sprint(v) })
	}
	return a
}

// inFrame waits until an expression is true in a frame of another site.
func (b *tab) inFrame(n int, expression string) {
	b.Helper()
	tree, err := chromedp.Call(b.ctx, page.GetFrameTree, cdp.Empty{})
	if err != nil || len(tree.FrameTree.ChildFrames) <= n {
		b.Fatalf("find frame %d: %v", n, err)
	}
	world, err := chromedp.Call(b.ctx, page.CreateIsolatedWorld, page.CreateIsolatedWorldParams{FrameID: tree.FrameTree.ChildFrames[n].Frame.ID})
	if err != nil {
		b.Fatalf("enter frame %d: %v", n, err)
	}
	wait := fmt.Sprintf(`new Promise((resolve, reject) => {
		const end = Date.now() + %d;
		const look = () => { if (%s) resolve(""); else if (Date.now() < end) setTimeout(look, 10); else resolve(document.body.innerText || "nothing"); };
		look();
	})`, patience.Milliseconds(), trying(expression))
	result, err := chromedp.Call(b.ctx, runtime.Evaluate, runtime.EvaluateParams{Expression: wait, ContextID: world.ExecutionContextID, AwaitPromise: new(true), ReturnByValue: new(true)})
	if err != nil || string(result.Result.Value) != `""` {
		b.Fatalf("wait in frame %d until %s: %v, %s", n, expression, err, result.Result.Value)
	}
}

// A page of another site shows public apps, and with tokens private ones, as
// elements and in frames, without cookies.
func TestBrowserElsewhere(t *testing.T) {
	partner := &elsewhere{}
	b := openTab(t, partner, "/")
	public, private := graphApp(), privateApp(b.origin)
	public.EmbedOrigins = []string{b.origin}
	s, _ := newServer(t, serve.Config{Apps: []*app.App{public, private, fieldApp("Unshared")}})
	if err := s.Store().AddUser(t.Context(), "ann", password, false); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(s.Handler())
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	partner.server = server.URL
	partner.elements = func() string {
		token := embedAddress(t, s, "app/private", "ann")
		elements := fmt.Sprintf(`<dash-app id="p1" src="%[1]s%[2]s"></dash-app><dash-app id="p2" src="%[1]s%[2]s"></dash-app>`, server.URL, token)
		for id, path := range map[string]string{"graph": "/app/graphs/", "refused": "/app/private/", "unshared": "/app/unshared/"} {
			elements += fmt.Sprintf(`<dash-app id="%s" src="%s%s"></dash-app>`, id, server.URL, path)
		}
		for _, path := range []string{embedAddress(t, s, "app/private", "ann"), "/app/private/"} {
			elements += fmt.Sprintf(`<iframe src="%s%s"></iframe>`, server.URL, path)
		}
		return elements
	}
	b.expect("request to another host: " + server.URL + "/")
	b.expect(server.URL + "/app/private/_dash-embed: status 401")
	b.expect(server.URL + "/app/private/: status 401")
	b.expect("Failed to load resource")
	b.expect("CORS") // of the app that is not shared
	b.expect("net::ERR_FAILED")
	for range 2 { // the second time with other tokens
		b.goTo("/page")
		b.untilText("#graph #out", "Graphs 0")
		b.until("window.dash_stores.length === 3")
		b.untilText("#refused", "This app is for those who have signed in. In a page of another site, its address needs an embed token for that.")
		b.untilText("#unshared", "The server of this app cannot be reached, or does not permit this page to show it.")
		b.until(`["p1", "p2"].map(id => document.querySelector("#" + id + " #out").textContent).sort().join() === "ann 1,ann 2"`)
	}

	b.run("elements", func() {
		b.press("#graph #choice")
		b.press(".dash-dropdown-option", "Two")
		b.untilText("#graph .gtitle", "Title Two")
		b.press("#p1 #go")
		b.untilText("#p1 #out", "ann 3")
		b.press("#p2 #go")
		b.untilText("#p2 #out", "ann 4")
		b.until(`["p1", "p2"].every(id => [...document.querySelectorAll("#" + id + " img")].every(img => img.naturalWidth > 0))`)
	})
	b.run("frames", func() {
		b.inFrame(0, `document.querySelector("#out")?.textContent === "ann 1"`)
		b.inFrame(0, `[...document.querySelectorAll("img")].every(img => img.naturalWidth > 0)`)
		b.inFrame(1, `document.body.innerText.includes("needs an embed token")`)
		b.inFrame(1, `!document.querySelector("a[href*=login]")`)
	})
	publish := func(value int) {
		t.Helper()
		for _, channel := range []string{"known", "granted"} {
			if _, err := s.Publish(channel, "", value); err != nil {
				t.Fatal(err)
			}
		}
	}
	b.run("pipes", func() {
		live := fmt.Sprintf(`dpd_live.open("%s/%s")`, server.URL, serve.DefaultWSRoute)
		b.until(live + `.positions.has("known") && ` + live + `.positions.has("granted")`)
		b.untilIdle()
		publish(7)
		for _, element := range []string{"#p1", "#p2"} {
			b.untilText(element+" #heard-known", "7")
			b.untilText(element+" #heard-granted", "7")
		}
		b.inFrame(0, `document.querySelector("#heard-known").textContent === "7" && document.querySelector("#heard-granted").textContent === "7"`)
	})
	b.run("until the user is signed out", func() {
		b.expect("this page may not hear the channel")
		b.expect("_dash-update-component: status 401")
		b.expect("console error")
		b.expect("Callback failed")
		b.until(`(console.warn = (...args) => { (window.warned ??= []).push(args.join(" ")); }, true)`)
		if err := s.Store().EndSessions(t.Context(), "ann", nil); err != nil {
			t.Fatal(err)
		}
		b.until(`new Set(window.warned).size === 2`)
		publish(8)
		b.press("#graph #go")
		b.untilText("#graph #out", "Graphs 1")
		b.untilText("#p1 #heard-known", "7")
		b.untilText("#p1 #heard-granted", "7")
	})
	if cookies := js[string](b, "document.cookie"); cookies != "" {
		t.Errorf("cookies %s", cookies)
	}
	b.screenshot("elsewhere")
	b.goTo("/") // before the server goes, to which the page would come back
}

// Apps of several servers are in one page: each has the pipes of its own, and
// the files of suites that it needs late.
func TestBrowserElsewhereTwoServers(t *testing.T) {
	var body string
	b := openTab(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		io.WriteString(w, `<!doctype html><title>The partner</title><link rel="icon" href="data:,">`)
		if r.URL.Path == "/page" {
			io.WriteString(w, body)
		}
	}), "/")
	b.expect("; the page has ")           // a file at another base path
	servers := map[string]*serve.Server{} // by the address of their pipes
	for i, base := range []string{"", "/b"} {
		room, late := roomApp("Room", &taken{}), lateApp()
		room.EmbedOrigins, late.EmbedOrigins = []string{b.origin}, []string{b.origin}
		s, _ := newServer(t, serve.Config{BasePath: base, Apps: []*app.App{room, late}})
		origin := direct.serve(t, s.Handler())
		b.expect("request to another host: " + origin + "/")
		if i == 0 {
			body = fmt.Sprintf(`<script src="%[1]s/embed.js"></script><dash-app id="late" src="%[1]s/app/late/"></dash-app>`, origin)
		}
		body += fmt.Sprintf(`<dash-app id="room%d" src="%s%s/app/room/"></dash-app>`, i, origin, base)
		servers[origin+base+"/"+serve.DefaultWSRoute] = s
	}
	b.goTo("/page")
	b.untilApps(3)
	for address, s := range servers {
		b.until(fmt.Sprintf(`dpd_live.open(%q).positions.has("room")`, address))
		mustPublish(t, s, "n", address)
	}
	for address := range servers {
		b.until(fmt.Sprintf(`[0, 1].some(i => document.querySelector("#room" + i + " #count").textContent === %q)`, "1 "+address))
	}
	b.press("#late #go")
	b.untilText("#late .badge", "badge 1")
	b.goTo("/") // before the servers go, to which the page would come back
}
