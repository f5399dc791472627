package serve_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"

	"dashd/app"
	"dashd/app/dcc"
	"dashd/app/dpd"
	"dashd/app/html"
	"dashd/app/serve"
	"dashd/examples/pipes"
)

// taken are the messages that callbacks have had.
type taken struct {
	mu   sync.Mutex
	list []int
}

func (l *taken) add(values []any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, v := range values {
		n, _ := v.(float64)
		l.list = append(l.list, int(n))
	}
}

// want checks that callbacks had each of the numbers from 1 to n once, in order.
func (l *taken) want(t *testing.T, n int) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	want := make([]int, n)
	for i := range want {
		want[i] = i + 1
	}
	if !slices.Equal(l.list, want) {
		t.Errorf("the callbacks had %d messages, want %d: %v", len(l.list), n, l.list)
	}
}

// roomApp shows the last value of the channel "room", counts the messages and
// gaps, and gives the messages to l.
func roomApp(name string, l *taken) *app.App {
	a := app.New(name)
	a.Access = app.Public
	a.UpdateTitle = " "
	a.Layout = html.Div{Children: app.List{
		dpd.Pipe{ID: "pipe", ChannelName: "room", Label: "n"},
		html.Div{ID: "value"}, html.Div{ID: "count"}, html.Div{ID: "gaps"}, html.Div{ID: "taken"},
		html.Button{ID: "move", Children: "Move"}, html.Div{ID: "moved", Children: dpd.Pipe{ID: "other", ChannelName: "room", Label: "other"}},
		html.Div{ID: "other-count"}, html.Button{ID: "remove", Children: "Remove"},
	}}
	a.Channels = []string{"hall"}
	a.Callback(app.Output("value", "children"), app.Input("pipe", "value")).Do(func(v any) string { return fmt.Sprint(v) })
	a.Callback(app.Output("count", "children"), app.Input("pipe", "sequence"), app.State("pipe", "value")).Do(func(n int, v any) string { return fmt.Sprint(n, " ", v) })
	a.Callback(app.Output("gaps", "children"), app.Input("pipe", "gaps")).Do(func(n int) int { return n })
	a.Callback(app.Output("taken", "children"), app.Input("pipe", "messages")).Do(func(values []any) int {
		l.add(values)
		l.mu.Lock()
		defer l.mu.Unlock()
		return len(l.list)
	})
	a.Callback(app.Output("other-count", "children"), app.Input("other", "sequence"), app.State("other", "value")).Do(func(n int, v any) string { return fmt.Sprint(n, " ", v) })
	a.Callback(app.Output("pipe", "channel_name"), app.Input("move", "n_clicks"), app.PreventInitialCall()).Do(func(n int) string { return [2]string{"room", "hall"}[n%2] })
	a.Callback(app.Output("moved", "children"), app.Input("remove", "n_clicks"), app.PreventInitialCall()).Do(func(int) any { return nil })
	return a
}

// liveOf is the connection of an app's page.
const liveOf = `dpd_live.open(new URL(location.pathname.replace(/\/((app|instance)\/.*)?$/, "") + "` + wsPath + `", location).href)`

// untilHears waits until the page has subscribed to the channels.
func (b *tab) untilHears(channels ...string) {
	b.Helper()
	for _, channel := range channels {
		b.until(fmt.Sprintf("%s.positions.has(%q)", liveOf, channel))
	}
	b.untilIdle()
}

func mustPublish(t *testing.T, s *serve.Server, label string, values ...any) {
	t.Helper()
	for _, v := range values {
		if _, err := s.Publish("room", label, v); err != nil {
			t.Fatal(err)
		}
	}
}

func numbers(from, to int) (list []any) {
	for n := from; n <= to; n++ {
		list = append(list, n)
	}
	return list
}

// What the command publishes appears in the pages of two visitors.
func TestBrowserPoke(t *testing.T) {
	config := serve.Config{Data: t.TempDir(), DefaultAccess: app.Public, Apps: []*app.App{roomApp("Room", &taken{})}}
	s := restartable(t, config)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- s.Serve(ctx, listener) }()
	defer func() {
		stop()
		if err := <-served; err != nil {
			t.Error(err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()

	var tabs []*tab
	for range 2 {
		b := openTab(t, s.Handler(), "/app/room/")
		b.expect("/dpd/ws/channel") // the server stops before the page goes
		b.untilHears("room")
		b.untilText("#value", "<nil>")
		tabs = append(tabs, b)
	}
	for _, value := range []string{"21.5", "warm", `{"a": 1}`, "-3.5"} {
		var out, problems bytes.Buffer
		args := []string{"poke", "--data", config.Data, "room", "n", value}
		if code := serve.Run(t.Context(), serve.Config{}, args, strings.NewReader(""), &out, &problems); code != 0 || out.String() != "sent to 2 listeners\n" {
			t.Fatalf("poke %s: %d %s%s", value, code, &out, &problems)
		}
		want := map[string]string{`{"a": 1}`: "map[a:1]"}[value]
		if want == "" {
			want = value
		}
		for _, b := range tabs {
			b.untilText("#value", want)
		}
	}
	tabs[1].screenshot("poke")
}

// A page hears the messages of its channel with its label, all of them, and the
// last value once more when it is the same again.
func TestBrowserPipe(t *testing.T) { testPipe(t, direct) }

func testPipe(t *testing.T, w way) {
	l := &taken{}
	s, _ := newServer(t, w.config(serve.Config{Apps: []*app.App{roomApp("Room", l)}}))
	b := w.open(t, s.Handler(), "/app/room/")
	b.untilHears("room")

	mustPublish(t, s, "other", "a")
	b.untilText("#other-count", "1 a")
	b.untilText("#count", "0 <nil>")

	mustPublish(t, s, "n", numbers(1, 200)...)
	b.untilText("#taken", "200")
	b.untilText("#value", "200")
	b.untilText("#count", "200 200")
	l.want(t, 200)
	for n := range 3 {
		mustPublish(t, s, "n", 201)
		b.untilText("#count", fmt.Sprint(201+n, " 201"))
		b.untilText("#taken", fmt.Sprint(201+n))
		b.untilIdle()
	}
	mustPublish(t, s, "n", nil)
	b.untilText("#value", "<nil>")
	b.untilText("#gaps", "0")

	b.click("#move")
	b.untilHears("hall")
	mustPublish(t, s, "n", "not for it")
	if _, err := s.Publish("hall", "n", 5); err != nil {
		t.Fatal(err)
	}
	b.untilText("#value", "5")
	b.untilText("#count", "205 5")
	b.click("#move")
	b.until(`(` + liveOf + `.on("hall").length === 0)`)
	mustPublish(t, s, "other", "b")
	b.untilText("#other-count", "2 b")
	mustPublish(t, s, "n", 6)
	b.untilText("#value", "6")
	b.click("#remove")
	b.until(liveOf + ".pipes.size === 1")
	b.untilIdle()
}

// A page with no pipe left has no connection and no timer.
func TestBrowserPipeGone(t *testing.T) {
	a := app.New("Gone")
	a.Layout = html.Div{Children: app.List{
		html.Div{ID: "place", Children: dpd.Pipe{ID: "pipe", ChannelName: "room"}}, html.Div{ID: "out"}, html.Button{ID: "turn", Children: "Turn"},
	}}
	a.Callback(app.Output("out", "children"), app.Input("pipe", "value")).Do(func(v any) string { return fmt.Sprint(v) })
	a.Callback(app.Output("place", "children"), app.Input("turn", "n_clicks"), app.PreventInitialCall()).Do(func(n int) any {
		if n%2 == 1 {
			return nil
		}
		return dpd.Pipe{ID: "pipe", ChannelName: "room"}
	})
	s, _ := newServer(t, serve.Config{Apps: []*app.App{a}})
	b := openTab(t, s.Handler(), "/app/gone/")
	b.untilHears("room")
	for range 2 {
		mustPublish(t, s, "", "here")
		b.untilText("#out", "here")
		b.click("#turn")
		b.until(fmt.Sprintf("%[1]s.pipes.size === 0 && %[1]s.end === null && %[1]s.timer === null && %[1]s.positions.size === 0", liveOf))
		b.click("#turn")
		b.untilHears("room")
		b.untilText("#out", "<nil>")
	}
}

// All Pipes of a channel have a retained value, those that come late too, and
// each has it once.
func TestBrowserPipeRetained(t *testing.T) {
	a := app.New("Kept")
	a.Layout = html.Div{Children: app.List{
		dpd.Pipe{ID: "one", ChannelName: "room", Label: "n"}, dpd.Pipe{ID: "two", ChannelName: "room", Label: "n"},
		html.Button{ID: "add", Children: "Add"}, html.Div{ID: "place"},
	}}
	a.Callback(app.Output("place", "children"), app.Input("add", "n_clicks"), app.PreventInitialCall()).Do(func(int) any {
		return dpd.Pipe{ID: "three", ChannelName: "room", Label: "n"}
	})
	for name, sockets := range map[string]bool{"websocket": true, "stream": false} {
		t.Run(name, func(t *testing.T) {
			s, _ := newServer(t, serve.Config{Apps: []*app.App{a}})
			retain := func(value string) {
				t.Helper()
				if _, err := s.Retain(t.Context(), "room", "n", value); err != nil {
					t.Fatal(err)
				}
			}
			retain("kept")
			b := openTab(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Header.Get("Upgrade") != "" && !sockets {
					http.Error(w, "no websockets", http.StatusBadRequest)
					return
				}
				s.Handler().ServeHTTP(w, r)
			}), "/app/kept/")
			b.expect("WebSocket")
			b.expect(wsPath)
			untilHad := func(want string, ids ...string) {
				t.Helper()
				for _, id := range ids {
					b.until(fmt.Sprintf(`(({sequence, value}) => sequence + " " + value)(dash_component_api.getLayout(%q).props) === %q`, id, want))
				}
			}
			b.untilHears("room")
			untilHad("1 kept", "one", "two")
			b.click("#add")
			untilHad("1 kept", "three")
			mustPublish(t, s, "n", "next")
			untilHad("2 next", "one", "two", "three")

			js[bool](b, `dispatchEvent(new PageTransitionEvent("pagehide", {persisted: true}))`)
			b.until(liveOf + ".end === null")
			retain("anew")
			js[bool](b, `dispatchEvent(new PageTransitionEvent("pageshow", {persisted: true}))`)
			untilHad("3 anew", "one", "two", "three")
			js[bool](b, `dispatchEvent(new Event("online"))`)
			mustPublish(t, s, "n", "last")
			untilHad("4 last", "one", "two", "three")
		})
	}
}

// While a callback works on messages the next ones wait, so that its answer
// counts.
func TestBrowserSlowCallback(t *testing.T) {
	called, gate := make(chan struct{}, 100), make(chan struct{})
	a := app.New("Slow")
	a.Layout = html.Div{Children: app.List{dpd.Pipe{ID: "pipe", ChannelName: "room", Label: "n"}, dcc.Store{ID: "all", Data: []int{}}, html.Div{ID: "out"}}}
	a.Callback(app.Output("all", "data"), app.Input("pipe", "messages"), app.PreventInitialCall()).Do(func(values []int) *app.Patch {
		called <- struct{}{}
		<-gate
		patch := app.NewPatch()
		for _, v := range values {
			patch.Append(v)
		}
		return patch
	})
	a.Callback(app.Output("out", "children"), app.Input("all", "data")).Do(func(all []int) string { return fmt.Sprint(all) })
	s, _ := newServer(t, serve.Config{Apps: []*app.App{a}})
	b := openTab(t, s.Handler(), "/app/slow/")
	b.untilHears("room")
	mustPublish(t, s, "n", 1)
	<-called
	mustPublish(t, s, "n", 2, 3)
	b.until(liveOf + `.positions.get("room").seq === 3`)
	close(gate)
	b.untilText("#out", "[1 2 3]")
}

// relay is an address whose server can be exchanged.
type relay struct {
	to atomic.Pointer[http.Handler]
}

func (r *relay) turn(to http.Handler) { r.to.Store(&to) }

func (r *relay) ServeHTTP(w http.ResponseWriter, req *http.Request) { (*r.to.Load()).ServeHTTP(w, req) }

var nobodyHome = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "down", http.StatusBadGateway) })

// A page comes back to a server that restarts and misses nothing; what a crash
// has lost it counts.
func TestBrowserRestart(t *testing.T) {
	l := &taken{}
	config := serve.Config{Data: t.TempDir(), Apps: []*app.App{roomApp("Room", l)}}
	s := restartable(t, config)
	r := &relay{}
	r.turn(s.Handler())
	b := openTab(t, r, "/app/room/")
	for _, part := range []string{wsPath, "502", "console error: Object"} { // what does not reach the server
		b.expect(part)
	}
	b.untilHears("room")
	n := 0
	publish := func(count int) {
		mustPublish(t, s, "n", numbers(n+1, n+count)...)
		n += count
	}
	publish(20)
	b.untilText("#taken", "20")
	for range 2 {
		publish(20)
		r.turn(nobodyHome)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s = restartable(t, config)
		publish(20) // before the page is back
		r.turn(s.Handler())
		b.untilText("#taken", fmt.Sprint(n))
		publish(20)
		b.untilText("#taken", fmt.Sprint(n))
	}
	b.untilText("#gaps", "0")
	l.want(t, n)

	crashed := s
	s = restartable(t, serve.Config{Apps: config.Apps}) // remembers nothing
	r.turn(s.Handler())
	if err := crashed.Close(); err != nil {
		t.Fatal(err)
	}
	b.untilText("#gaps", "1")
	publish(1)
	b.untilText("#value", fmt.Sprint(n))
	l.want(t, n)
	r.turn(nobodyHome)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// A page of the back and forward cache goes on where it was left.
func TestBrowserPageAway(t *testing.T) {
	l := &taken{}
	s, _ := newServer(t, serve.Config{Apps: []*app.App{roomApp("Room", l)}})
	b := openTab(t, s.Handler(), "/app/room/")
	b.untilHears("room")
	mustPublish(t, s, "n", 1)
	b.untilText("#taken", "1")
	js[bool](b, `dispatchEvent(new PageTransitionEvent("pagehide", {persisted: true}))`)
	b.until(fmt.Sprintf("%[1]s.end === null && %[1]s.timer === null && %[1]s.pipes.size === 2", liveOf))
	mustPublish(t, s, "n", 2, 3)
	js[bool](b, `dispatchEvent(new PageTransitionEvent("pageshow", {persisted: true}))`)
	b.untilText("#taken", "3")
	js[bool](b, `dispatchEvent(new Event("online"))`)
	mustPublish(t, s, "n", 4)
	b.untilText("#taken", "4")
	// What two connections bring that overlap counts once.
	js[bool](b, `(live => live.receive(live.end, JSON.stringify({type: "pipe.value", channel_name: "room", label: "n", value: 4, ...live.positions.get("room")})) || true)(`+liveOf+`)`)
	mustPublish(t, s, "n", 5)
	b.untilText("#taken", "5")
	b.untilText("#gaps", "0")
	l.want(t, 5)
}

// What a callback has taken that did not reach the server is taken once more.
func TestBrowserCallbackLost(t *testing.T) {
	l := &taken{}
	s, _ := newServer(t, serve.Config{Apps: []*app.App{roomApp("Room", l)}})
	var down atomic.Bool
	b := openTab(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if down.Load() && r.Method == http.MethodPost {
			nobodyHome.ServeHTTP(w, r)
			return
		}
		s.Handler().ServeHTTP(w, r)
	}), "/app/room/")
	b.expect("502")
	b.expect("console error: Object")
	b.untilHears("room")
	down.Store(true)
	mustPublish(t, s, "n", 1, 2, 3)
	b.until(`3 <= performance.getEntriesByType("resource").filter(e => e.responseStatus === 502).length`) // value, count and taken
	down.Store(false)
	b.untilText("#taken", "3")
	l.want(t, 3)
}

// A page around two apps, with a script of its own, has one socket.
func TestBrowserFrames(t *testing.T) {
	one, two := &taken{}, &taken{}
	s, _ := newServer(t, serve.Config{BasePath: "/base", Apps: []*app.App{roomApp("One", one), roomApp("Two", two)}, Pages: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		fmt.Fprint(w, `<!DOCTYPE html><title>Host</title><link rel="icon" href="data:,"><p id="own"></p><iframe id="one" src="/base/app/one/"></iframe><iframe id="two" src="/base/app/two/"></iframe>`)
	})})
	b := openTab(t, s.Handler(), "/base/")
	connection := `dpd_live.open(new URL("/base` + wsPath + `", location).href)`
	connected := "window.dpd_live && " + connection + `.positions.has("room") && ` + connection + ".pipes.size === 4"
	b.until(connected) // so that its socket is not counted
	var sockets atomic.Int32
	if err := chromedp.Listen(b.ctx, func(event any) {
		if _, ok := event.(*network.EventWebSocketCreated); ok {
			sockets.Add(1)
		}
	}); err != nil {
		t.Fatal(err)
	}
	b.goTo("/base/?again") // now that sockets are counted
	b.until(connected)
	js[bool](b, `!!(window.gone = dpd_live.hear({channel: "room", label: "n", claim: "", message: v => own.textContent += v + " ", gap() {}, resume() {}}))`)
	for _, id := range []string{"one", "two"} {
		b.until(fmt.Sprintf(`%s.contentDocument.querySelector("#taken")?.textContent === "0"`, id))
	}
	mustPublish(t, s, "n", 1, 2)
	for _, id := range []string{"one", "two"} {
		b.until(fmt.Sprintf(`%s.contentDocument.querySelector("#taken")?.textContent === "2"`, id))
	}
	b.untilText("#own", "1 2 ")
	one.want(t, 2)
	two.want(t, 2)

	js[any](b, `one.remove()`) // the frame's pipes go with it
	b.until(connection + ".pipes.size === 3")
	mustPublish(t, s, "n", 3)
	b.until(`two.contentDocument.querySelector("#taken")?.textContent === "3"`)
	b.untilText("#own", "1 2 3 ")
	js[any](b, `two.contentWindow.left = true`)
	js[any](b, `two.contentWindow.location.reload()`) // the page still hears, so its socket stays
	b.until(`!two.contentWindow.left && two.contentDocument.querySelector("#taken")?.textContent === "3" && ` + connection + `.pipes.size === 3`)
	mustPublish(t, s, "n", 4)
	b.until(`two.contentDocument.querySelector("#taken")?.textContent === "4" && two.contentDocument.querySelector("#gaps")?.textContent === "0"`)
	b.untilText("#own", "1 2 3 4 ")
	two.want(t, 4)
	js[any](b, `gone()`)
	b.until(connection + `.pipes.size === 2`)
	if n := sockets.Load(); n != 1 {
		t.Errorf("the page opened %d sockets", n)
	}
}

// Where no websocket gets through, a page hears by a stream of events, and by a
// websocket when one does again.
func TestBrowserNoWebSocket(t *testing.T) {
	l := &taken{}
	s, _ := newServer(t, serve.Config{Apps: []*app.App{roomApp("Room", l)}})
	var open atomic.Bool
	var upgrades atomic.Int32
	b := openTab(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upgrade") != "" {
			if upgrades.Add(1); !open.Load() {
				http.Error(w, "no websockets", http.StatusBadRequest)
				return
			}
		}
		s.Handler().ServeHTTP(w, r)
	}), "/app/room/")
	b.expect("WebSocket")
	b.expect(wsPath)
	b.untilHears("room")
	mustPublish(t, s, "n", numbers(1, 50)...)
	b.untilText("#taken", "50")
	b.click("#move") // another set of subscriptions
	b.untilHears("hall")
	mustPublish(t, s, "n", "not for it")
	if _, err := s.Publish("hall", "n", 51); err != nil {
		t.Fatal(err)
	}
	b.untilText("#taken", "51")
	if n := upgrades.Load(); n != 1 {
		t.Errorf("%d websockets were tried", n)
	}

	const try = `!!(live => { clearTimeout(live.timer); live.again = 0; live.heard = true; live.beat(); return true; })(` + liveOf + `)`
	const streams = liveOf + `.end.constructor.name === "Stream" && ` + liveOf + `.trial === null`
	js[bool](b, try)
	b.until(streams)
	if n := upgrades.Load(); n != 2 {
		t.Errorf("%d websockets were tried", n)
	}
	open.Store(true)
	js[bool](b, try)
	b.until(liveOf + `.end.constructor.name === "Socket"`)
	if _, err := s.Publish("hall", "n", 52); err != nil {
		t.Fatal(err)
	}
	b.untilText("#taken", "52")
	l.want(t, 52)
}

// What answers in the place of the server, such as a proxy that wants a name and
// password, is no stream of events: it is asked less and less often.
func TestBrowserNoStream(t *testing.T) {
	l := &taken{}
	s, _ := newServer(t, serve.Config{Apps: []*app.App{roomApp("Room", l)}})
	r := &relay{}
	r.turn(s.Handler())
	b := openTab(t, r, "/app/room/")
	b.expect("WebSocket")
	b.untilHears("room")
	r.turn(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		fmt.Fprint(w, "<!doctype html><title>Sign in</title>")
	}))
	js[bool](b, `dispatchEvent(new Event("online"))`)
	b.until(liveOf + ".failures === 3")
	mustPublish(t, s, "n", 1)
	r.turn(s.Handler())
	b.untilText("#taken", "1")
	b.until(liveOf + ".failures === 0")
	b.untilText("#gaps", "0")
	l.want(t, 1)
}

// The channel of a Pipe can be what an instance has saved.
func TestBrowserSavedPipe(t *testing.T) {
	l := &taken{}
	s, _ := newServer(t, serve.Config{Apps: []*app.App{roomApp("Room", l)}})
	save := true
	if _, err := s.Instances().Create(t.Context(), serve.NewInstance{App: "room", Slug: "saved", SaveOnChange: save, State: app.BaseState{
		"pipe": {"channel_name": json.RawMessage(`"attic"`), "label": json.RawMessage(`"m"`), "value": json.RawMessage(`"before"`), "sequence": json.RawMessage("7")},
	}}); err != nil {
		t.Fatal(err)
	}
	b := openTab(t, s.Handler(), "/instance/saved/")
	b.untilHears("attic", "room")
	b.untilText("#count", "7 before")
	if _, err := s.Publish("attic", "m", 1); err != nil {
		t.Fatal(err)
	}
	b.untilText("#count", "8 1")
	b.untilIdle()
	b.goTo("/instance/saved/?again")
	b.untilText("#count", "8 1")
}

// The administration's table of channels keeps itself up to date.
func TestBrowserAdminLive(t *testing.T) {
	s, _ := withUsers(t, serve.Config{BasePath: "/b", Apps: []*app.App{roomApp("Room", &taken{})}})
	b := openTab(t, s.Handler(), "/b/admin/live/")
	b.fill("input[name=name]", "root")
	b.fill("input[name=password]", password)
	b.submit("main button")
	b.untilText("#channels tbody", "No channel has been used since the server started.")
	const row = "#channels tbody tr td:nth-of-type(%d)"
	mustPublish(t, s, "n", "first")
	b.untilText(fmt.Sprintf(row, 5), `"first"`)
	b.click(".new summary")
	b.fill("input[name=channel]", "room")
	b.fill("input[name=label]", "n")
	b.fill("textarea", "21.5")
	b.submit("#publish button")
	b.untilText(".notice p", "Published to 0 listeners.")
	b.untilText(fmt.Sprintf(row, 5), "21.5")
	b.screenshot("admin_live")
}

// What is pressed in one app moves the graphs of the other: of this page's own,
// and the one that all pages share.
func TestBrowserPipesExample(t *testing.T) {
	s, _ := newServer(t, serve.Config{
		Apps: []*app.App{pipes.NewInput(), pipes.NewOutput()},
		Seed: func(ctx context.Context, instances *serve.Instances) error {
			_, err := instances.Ensure(ctx, serve.NewInstance{App: "liveoutput", Slug: "liveoutput-2", SaveOnChange: true, State: pipes.Shared})
			return err
		},
		Pages: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			fmt.Fprint(w, `<!DOCTYPE html><title>Host</title><link rel="icon" href="data:,">
				<iframe id="in" src="/app/liveinput/"></iframe><iframe id="own" src="/app/liveoutput/" height="500"></iframe><iframe id="shared" src="/instance/liveoutput-2/" height="500"></iframe>`)
		}),
	})
	const connection = `dpd_live.open(new URL("` + wsPath + `", location).href)`
	ready := `window.dpd_live && ` + connection + `.positions.has("live_button_counter") && ` + connection + `.pipes.size === 2`
	names := func(frame string) string {
		return fmt.Sprintf(`(document.getElementById(%q).contentDocument.querySelector("#timeseries_plot .js-plotly-plot")?.data || []).map(line => line.name + " " + line.x.length).join()`, frame)
	}
	const press = `document.getElementById("in").contentDocument.getElementById("red-button").click() || true`
	const text = `document.getElementById("in").contentDocument.getElementById("button_local_counter").textContent`

	b := openTab(t, s.Handler(), "/")
	b.until(ready)
	b.until(`document.getElementById("in").contentDocument.getElementById("red-button") !== null`)
	js[bool](b, press)
	for _, frame := range []string{"own", "shared"} {
		b.until(names(frame) + ` === "red 1"`)
	}
	b.until(text + `.startsWith("Number of local clicks so far is 1 red and None blue; last change is red at 2")`)
	if _, err := s.Publish("live_button_counter", "named_counts", app.Dict{"click_colour": "cyan"}); err != nil {
		t.Fatal(err)
	}
	for _, frame := range []string{"own", "shared"} {
		b.until(names(frame) + ` === "red 2,cyan 2"`)
	}
	b.screenshot("pipes")

	b.goTo("/?again")
	b.until(ready)
	b.until(names("shared") + ` === "red 2,cyan 2"`)
	if got := js[string](b, names("own")); got != "" {
		t.Errorf("a new page begins with %s", got)
	}
}
