package serve_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"dashd/app"
	"dashd/app/dpd"
	"dashd/app/html"
	"dashd/app/serve"
	"dashd/live"
	"dashd/store"
)

// remote is a visitor's browser, over the network.
type remote struct {
	t      *testing.T
	url    string // of the server, without a slash
	client *http.Client
}

// serveLive serves until the test ends.
func serveLive(t *testing.T, s *serve.Server) string {
	t.Helper()
	server := httptest.NewServer(s.Handler())
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	return server.URL
}

// newRemote is a new browser, of nobody who has signed in.
func newRemote(t *testing.T, url string) *remote {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &remote{t, url, &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

func (p *remote) signIn(name string) *remote {
	p.t.Helper()
	resp, err := p.client.PostForm(p.url+"/login", url.Values{"name": {name}, "password": {password}})
	if err != nil {
		p.t.Fatal(err)
	}
	defer resp.Body.Close()
	wantStatus(p.t, resp, http.StatusSeeOther)
	return p
}

// get returns what is at a path.
func (p *remote) get(path string) string {
	p.t.Helper()
	return p.send(http.MethodGet, path, "")
}

func (p *remote) send(method, path, body string) string {
	p.t.Helper()
	request, err := http.NewRequestWithContext(p.t.Context(), method, p.url+path, strings.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	resp, err := p.client.Do(request)
	if err != nil {
		p.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	return string(text)
}

// wire is a websocket of a browser.
type wire struct {
	t    *testing.T
	conn *websocket.Conn
}

const wsPath = "/" + serve.DefaultWSRoute

func (p *remote) connect() *wire {
	p.t.Helper()
	conn, _, err := websocket.Dial(p.t.Context(), p.url+wsPath, &websocket.DialOptions{HTTPClient: p.client})
	if err != nil {
		p.t.Fatalf("connect: %v", err)
	}
	conn.SetReadLimit(1 << 20)
	p.t.Cleanup(func() { _ = conn.CloseNow() })
	return &wire{p.t, conn}
}

func (w *wire) send(frame string) {
	w.t.Helper()
	if err := w.conn.Write(w.t.Context(), websocket.MessageText, []byte(frame)); err != nil {
		w.t.Fatalf("send %s: %v", frame, err)
	}
}

// liveFrame is what the server sends.
type liveFrame struct {
	Type    string
	Channel string `json:"channel_name"`
	Label   string
	Value   json.RawMessage
	Epoch   string
	Seq     uint64
}

// String is short: "subscribed room", "room/temperature 21".
func (f liveFrame) String() string {
	if f.Type == "pipe.value" {
		return fmt.Sprintf("%s/%s %s", f.Channel, f.Label, f.Value)
	}
	return strings.TrimSpace(strings.TrimPrefix(f.Type, "pipe.") + " " + f.Channel)
}

func (w *wire) read() (f liveFrame, err error) {
	ctx, cancel := context.WithTimeout(w.t.Context(), patience)
	defer cancel()
	_, text, err := w.conn.Read(ctx)
	if err == nil {
		err = json.Unmarshal(text, &f)
	}
	return f, err
}

// want reads a frame.
func (w *wire) want(frame string) liveFrame {
	w.t.Helper()
	f, err := w.read()
	if err != nil {
		w.t.Fatalf("%v, want %q", err, frame)
	}
	if f.String() != frame {
		w.t.Fatalf("got %q, want %q", f, frame)
	}
	return f
}

// wantClosed reads on until the server closes the connection.
func (w *wire) wantClosed(code live.Code) {
	w.t.Helper()
	for {
		if _, err := w.read(); err != nil {
			if websocket.CloseStatus(err) != websocket.StatusCode(code) {
				w.t.Fatalf("the connection ends by %v, want code %d", err, code)
			}
			return
		}
	}
}

// subscription is the frame that subscribes a pipe. after is the last message
// that it had, or nil.
func subscription(uid, channel, claim string, after *liveFrame) string {
	frame := map[string]any{"type": "connection_triplet", "uid": uid, "channel_name": channel, "label": "l", "claim": claim}
	if after != nil {
		frame["epoch"], frame["seq"] = after.Epoch, after.Seq
	}
	text, _ := json.Marshal(frame) // strings and a number
	return string(text)
}

// mayHear reports whether a claim lets a visitor hear a channel.
func (w *wire) mayHear(channel, claim string) bool {
	w.t.Helper()
	w.send(subscription("u", channel, claim, nil))
	f, err := w.read()
	for err == nil && f.Type == "pipe.value" { // retained
		f, err = w.read()
	}
	if err != nil {
		w.t.Fatalf("subscribe to %s: %v", channel, err)
	}
	w.send(`{"type":"unsubscribe","uid":"u"}`)
	return f.String() == "subscribed "+channel
}

func (w *wire) subscribe(channel, claim string) liveFrame {
	w.t.Helper()
	w.send(subscription("u", channel, claim, nil))
	return w.want("subscribed " + channel)
}

// pipeApp has a Pipe that hears a channel.
func pipeApp(name, channel string, access app.Access) *app.App {
	a := app.New(name)
	a.Access = access
	a.Layout = html.Div{Children: app.List{dpd.Pipe{ID: "pipe", ChannelName: channel, Label: "l"}, html.Div{ID: "out"}}}
	a.Callback(app.Output("out", "children"), app.Input("pipe", "value")).Do(func(v any) string { return fmt.Sprint(v) })
	return a
}

// A visitor hears the channels that an app uses which they may open: those of
// the Pipes in its layout, and those it declares.
func TestListenAccess(t *testing.T) {
	declared := pipeApp("declared", "declared.room", app.Authenticated)
	declared.Channels = []string{"sensors.*"}
	for _, base := range []string{"", "/b"} {
		s, _ := withUsers(t, serve.Config{BasePath: base, Apps: []*app.App{
			pipeApp("open", "open.room", app.Public), declared, pipeApp("anns", "ann.room", app.Restricted("user:ann")),
		}})
		inherits, forBob := app.DefaultAccess, app.Restricted("user:bob")
		for slug, access := range map[string]app.Access{"one": inherits, "bobs": forBob} {
			if _, err := s.Instances().Create(t.Context(), serve.NewInstance{App: "anns", Slug: slug}); err != nil {
				t.Fatal(err)
			}
			if _, err := s.Instances().Change(t.Context(), slug, serve.InstanceChange{Access: &access}); err != nil {
				t.Fatal(err)
			}
		}
		url := serveLive(t, s) + base
		wires := map[string]*wire{anonymous: newRemote(t, url).connect()}
		for _, name := range []string{"ann", "bob", "root"} {
			wires[name] = newRemote(t, url).signIn(name).connect()
		}
		for _, test := range []struct{ channel, claim, who string }{
			{"open.room", "", "anonymous ann bob root"},
			{"open.room", "at " + base + "/app/open/", "anonymous ann bob root"},
			{"open.room", "at " + base + "/app/open/initial/x/", "anonymous ann bob root"},
			{"open.room", "at " + base + "/app/anns/", ""},
			{"open.room", "at /elsewhere/app/open/", ""},
			{"open.room", "at " + base + "/app/nope/", ""},
			{"open.room", "at ", ""},
			{"open.room", "by app/open ", ""},
			{"open.room", "by app/open AAAAAAAAAAAAAAAAAAAAAA", ""},
			{"open.room2", "", ""},
			{"other", "at " + base + "/app/open/", ""},
			{"declared.room", "", "ann bob root"},
			{"sensors.kitchen", "at " + base + "/app/declared/", "ann bob root"},
			{"sensors.kitchen", "", "ann bob root"},
			{"sensors", "", ""},
			{"ann.room", "", "ann root"},
			{"ann.room", "at " + base + "/app/anns/", "ann root"},
			{"ann.room", "at " + base + "/instance/one/", "ann root"},
			{"ann.room", "at " + base + "/instance/bobs/", "bob root"},
			{"ann.room", "at " + base + "/instance/nope/", ""},
			{"dashd.channels", "", "root"},
			{"dashd.channels", "at " + base + "/app/open/", "root"},
		} {
			for who, w := range wires {
				if got, want := w.mayHear(test.channel, test.claim), strings.Contains(test.who, who); got != want {
					t.Errorf("%s hears %s by %q: %v", who, test.channel, test.claim, got)
				}
			}
		}
	}
}

// A pattern does not reach dashd's own channels.
func TestListenToAllButOwn(t *testing.T) {
	a := pipeApp("greedy", "room", app.Public)
	a.Channels, a.Publishes = []string{"*"}, []string{"*"}
	s, _ := newServer(t, serve.Config{Apps: []*app.App{a}})
	w := newRemote(t, serveLive(t, s)).connect()
	if !w.mayHear("anything", "") || w.mayHear("dashd.channels", "") {
		t.Error("the pattern * is wrong")
	}
	w.send(`{"channel_name":"dashd.channels","label":"l","value":1}`)
	w.want("refused dashd.channels")
}

var grantPattern = regexp.MustCompile(`"grant":"([^"]*)"`)

// grantIn returns the only grant in an answer.
func grantIn(t *testing.T, answer string) string {
	t.Helper()
	found := grantPattern.FindAllStringSubmatch(answer, -1)
	if len(found) != 1 {
		t.Fatalf("there are %d grants in %s", len(found), answer)
	}
	return found[0][1]
}

// grantingApp makes Pipes in all ways: its layout function for each visitor,
// its callbacks as a component and as a channel alone.
func grantingApp(name string, access app.Access) *app.App {
	a := app.New(name)
	a.Access = access
	a.Layout = html.Div{Children: app.List{
		dpd.Pipe{ID: "pipe", ChannelName: "fixed", Label: "l"},
		html.Div{ID: "made"}, html.Div{ID: "in"},
	}}
	a.Callback(app.Output("made", "children"), app.Input("in", "title")).Do(func(channel string) app.Component {
		return dpd.Pipe{ID: "new", ChannelName: channel, Label: "l"}
	})
	a.Callback(app.Output("pipe", "channel_name"), app.Input("in", "title")).Do(func(channel string) string { return channel })
	return a
}

func layoutFuncApp() *app.App {
	a := app.New("layouts")
	a.Access = app.Authenticated
	a.LayoutFunc = func(ctx *app.Context) (app.Component, error) {
		return dpd.Pipe{ID: "pipe", ChannelName: "of." + ctx.User().String(), Label: "l"}, nil
	}
	return a
}

// A Pipe that was made for a visitor comes with the proof that they may hear
// it, for as long as they may open the app or instance; for nobody else.
func TestGrants(t *testing.T) {
	update := func(id, property, channel string) string {
		return fmt.Sprintf(`{"output":"%[1]s.%[2]s","outputs":{"id":%[1]q,"property":%[2]q},"inputs":[{"id":"in","property":"title","value":%[3]q}],"changedPropIds":["in.title"]}`, id, property, channel)
	}
	for name, test := range map[string]struct {
		channel string
		ask     func(ann *remote, s *serve.Server) string
	}{
		"layout function": {"of.ann", func(ann *remote, _ *serve.Server) string { return ann.get("/app/layouts/_dash-layout") }},
		"callback makes a Pipe": {"made", func(ann *remote, _ *serve.Server) string {
			return ann.send("POST", "/app/grants/_dash-update-component", update("made", "children", "made"))
		}},
		"callback names a channel": {"named", func(ann *remote, _ *serve.Server) string {
			return ann.send("POST", "/app/grants/_dash-update-component", update("pipe", "channel_name", "named"))
		}},
		"saved state": {"saved", func(ann *remote, s *serve.Server) string {
			if err := s.Instances().Set(t.Context(), "one", "pipe", "channel_name", "saved"); err != nil {
				t.Fatal(err)
			}
			return ann.get("/instance/one/_dash-layout")
		}},
		"initial arguments": {"initial", func(ann *remote, _ *serve.Server) string {
			return ann.get(ann.get("/embed") + "_dash-layout")
		}},
	} {
		t.Run(name, func(t *testing.T) {
			var s *serve.Server
			config := serve.Config{
				Apps: []*app.App{grantingApp("grants", app.Authenticated), layoutFuncApp()},
				Pages: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					url, err := serve.VisitOf(r).URL("app/grants", app.BaseState{"pipe": {"channel_name": json.RawMessage(`"initial"`)}})
					if err != nil {
						t.Error(err)
					}
					_, _ = io.WriteString(w, url)
				}),
			}
			s, _ = withUsers(t, config)
			if _, err := s.Instances().Create(t.Context(), serve.NewInstance{App: "grants", Slug: "one"}); err != nil {
				t.Fatal(err)
			}
			url := serveLive(t, s)
			ann, bob, nobody := newRemote(t, url).signIn("ann"), newRemote(t, url).signIn("bob"), newRemote(t, url)
			grant := grantIn(t, test.ask(ann, s))
			w := ann.connect()
			if !w.mayHear(test.channel, grant) {
				t.Error("the grant is refused")
			}
			if w.mayHear(test.channel, "") || w.mayHear(test.channel, "at /app/grants/") || w.mayHear("another", grant) {
				t.Error("the grant is not needed")
			}
			if bob.connect().mayHear(test.channel, grant) || nobody.connect().mayHear(test.channel, grant) {
				t.Error("the grant works for others")
			}
			w = ann.connect()
			w.subscribe(test.channel, grant)
			slug, _, _ := strings.Cut(strings.SplitN(strings.TrimPrefix(grant, "by "), " ", 2)[0], " ")
			closed := app.Restricted("user:bob")
			if rest, ok := strings.CutPrefix(slug, "instance/"); ok {
				if _, err := s.Instances().Change(t.Context(), rest, serve.InstanceChange{Access: &closed}); err != nil {
					t.Fatal(err)
				}
			} else if err := s.SetAppAccess(t.Context(), strings.TrimPrefix(slug, "app/"), closed); err != nil {
				t.Fatal(err)
			}
			w.wantClosed(live.CloseRights)
			if ann.connect().mayHear(test.channel, grant) {
				t.Error("the grant outlives the right to open the app")
			}
		})
	}
}

// An anonymous visitor may have begun another session when the pipe connects,
// as frames do that are loaded at once; or have signed in.
func TestAnonymousGrants(t *testing.T) {
	public := grantingApp("public", app.Public)
	s, _ := withUsers(t, serve.Config{Apps: []*app.App{public}, Pages: counting})
	if _, err := s.Instances().Create(t.Context(), serve.NewInstance{App: "public", Slug: "one"}); err != nil {
		t.Fatal(err)
	}
	if err := s.Instances().Set(t.Context(), "one", "pipe", "channel_name", "saved"); err != nil {
		t.Fatal(err)
	}
	url := serveLive(t, s)
	visitor, ann := newRemote(t, url), newRemote(t, url).signIn("ann")
	grant := grantIn(t, visitor.get("/instance/one/_dash-layout"))
	for range 2 {
		if !visitor.connect().mayHear("saved", grant) {
			t.Error("the grant is refused")
		}
		visitor.get("/") // begins a session
	}
	if !ann.connect().mayHear("saved", grant) {
		t.Error("the grant is refused to one who has signed in")
	}
	if visitor.connect().mayHear("saved", grantIn(t, ann.get("/instance/one/_dash-layout"))) {
		t.Error("the grant of a user works for nobody")
	}
}

// A grant outlives a restart, for it needs no memory.
func TestGrantsOutliveRestart(t *testing.T) {
	config := serve.Config{Data: t.TempDir(), Apps: []*app.App{grantingApp("grants", app.Public)}}
	run := func(f func(*remote)) {
		s := restartable(t, config)
		f(newRemote(t, serveLive(t, s)))
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	var grant string
	run(func(p *remote) {
		grant = grantIn(t, p.send("POST", "/app/grants/_dash-update-component", `{"output":"pipe.channel_name","outputs":{"id":"pipe","property":"channel_name"},"inputs":[{"id":"in","property":"title","value":"c"}]}`))
	})
	run(func(p *remote) {
		if !p.connect().mayHear("c", grant) {
			t.Error("the grant is refused after a restart")
		}
	})
}

// restartable makes a server that the test closes itself.
func restartable(t *testing.T, config serve.Config) *serve.Server {
	t.Helper()
	config.DefaultAccess = app.Public
	s, err := serve.New(config)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Browsers publish only where an app says so that they may open.
func TestBrowserPublish(t *testing.T) {
	board := pipeApp("board", "board.all", app.Authenticated)
	board.Publishes = []string{"board.*"}
	s, _ := withUsers(t, serve.Config{Apps: []*app.App{board, pipeApp("quiet", "quiet", app.Public)}})
	url := serveLive(t, s)
	ann, nobody := newRemote(t, url).signIn("ann").connect(), newRemote(t, url).connect()
	ann.subscribe("board.all", "")
	ann.send(`{"type":"publish","channel_name":"board.all","label":"l","value":[1, 2]}`)
	ann.want("board.all/l [1,2]")
	for _, test := range []struct {
		wire    *wire
		channel string
	}{{ann, "quiet"}, {ann, "elsewhere"}, {nobody, "board.all"}, {nobody, "quiet"}} {
		test.wire.send(fmt.Sprintf(`{"channel_name":%q,"label":"l","value":0}`, test.channel))
		test.wire.want("refused " + test.channel)
	}
	ann.send(`{"channel_name":"board.all","label":"l","value":"last"}`)
	ann.want(`board.all/l "last"`)
}

// A socket ends with the session that opened it, and with a change of what its
// user may.
func TestRightsEndSockets(t *testing.T) {
	for name, change := range map[string]func(ann *remote, s *serve.Server) error{
		"sign out": func(ann *remote, _ *serve.Server) error {
			resp, err := ann.client.PostForm(ann.url+"/logout", nil)
			if err == nil {
				resp.Body.Close()
			}
			return err
		},
		"access of the app": func(_ *remote, s *serve.Server) error {
			return s.SetAppAccess(t.Context(), "anns", app.Restricted("user:bob"))
		},
		"superuser":     func(_ *remote, s *serve.Server) error { return s.Store().SetSuperuser(t.Context(), "ann", true) },
		"group":         func(_ *remote, s *serve.Server) error { return s.Store().AddMember(t.Context(), "staff", "ann") },
		"user deleted":  func(_ *remote, s *serve.Server) error { return s.Store().DeleteUser(t.Context(), "ann") },
		"instance gone": func(_ *remote, s *serve.Server) error { return s.Instances().Delete(t.Context(), "one") },
	} {
		t.Run(name, func(t *testing.T) {
			s, _ := withUsers(t, serve.Config{Apps: []*app.App{pipeApp("anns", "ann.room", app.Restricted("user:ann"))}})
			if err := s.Store().AddGroup(t.Context(), "staff"); err != nil {
				t.Fatal(err)
			}
			if _, err := s.Instances().Create(t.Context(), serve.NewInstance{App: "anns", Slug: "one"}); err != nil {
				t.Fatal(err)
			}
			ann := newRemote(t, serveLive(t, s)).signIn("ann")
			w := ann.connect()
			w.subscribe("ann.room", "")
			begun := time.Now()
			if err := change(ann, s); err != nil {
				t.Fatal(err)
			}
			w.wantClosed(live.CloseRights)
			if took := time.Since(begun); took > 3*time.Second {
				t.Errorf("that took %v", took)
			}
		})
	}
}

// Only pages of this site connect.
func TestForeignPages(t *testing.T) {
	s, _ := newServer(t, serve.Config{PublicURL: "https://dash.example.org", Apps: []*app.App{pipeApp("open", "room", app.Public)}})
	url := serveLive(t, s)
	for origin, want := range map[string]int{
		url: http.StatusSwitchingProtocols, "https://dash.example.org": http.StatusSwitchingProtocols,
		"https://evil.example": http.StatusForbidden, "null": http.StatusForbidden,
	} {
		conn, resp, err := websocket.Dial(t.Context(), url+wsPath, &websocket.DialOptions{HTTPHeader: http.Header{"Origin": {origin}}})
		if err == nil {
			_ = conn.CloseNow()
		}
		if resp == nil || resp.StatusCode != want {
			t.Errorf("a page of %s gets %v, %v; want %d", origin, resp, err, want)
		}
		if want != http.StatusForbidden {
			continue
		}
		resp = do(t, s.Handler(), "POST", wsPath, "[]", "Origin", origin, "Sec-Fetch-Site", "cross-site")
		if resp.StatusCode != want {
			t.Errorf("a stream for a page of %s gets %d", origin, resp.StatusCode)
		}
	}
}

// What is no handshake, and no list of subscriptions, is an error.
func TestPipesRefuse(t *testing.T) {
	h, _ := mustNew(t, serve.Config{Apps: []*app.App{pipeApp("open", "room", app.Public)}})
	for _, test := range []struct {
		method, path, body string
		status             int
	}{
		{"GET", wsPath, "", http.StatusUpgradeRequired},
		{"GET", wsPath + "XYZ", "", http.StatusNotFound},
		{"GET", "/foo" + wsPath, "", http.StatusNotFound},
		{"PUT", wsPath, "", http.StatusMethodNotAllowed},
		{"POST", wsPath, "{}", http.StatusBadRequest},
		{"POST", wsPath, "", http.StatusBadRequest},
		{"POST", wsPath, `["` + strings.Repeat("x", 300<<10) + `"]`, http.StatusRequestEntityTooLarge},
	} {
		if resp := do(t, h, test.method, test.path, test.body); resp.StatusCode != test.status {
			t.Errorf("%s %s: %d, want %d", test.method, test.path, resp.StatusCode, test.status)
		}
	}
}

// A page that no websocket reaches hears the same by a stream of events.
func TestEventStream(t *testing.T) {
	s, _ := newServer(t, serve.Config{Apps: []*app.App{pipeApp("open", "room", app.Public)}})
	p := newRemote(t, serveLive(t, s))
	body := "[" + subscription("u", "room", "", nil) + "," + subscription("v", "secret", "", nil) + "]"
	request, err := http.NewRequestWithContext(t.Context(), "POST", p.url+wsPath, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := p.client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.Header.Get("Content-Type") != "text/event-stream" {
		t.Errorf("it is %s", resp.Header)
	}
	var text string
	until := func(part string) {
		t.Helper()
		for !strings.Contains(text, part) {
			b := make([]byte, 1024)
			n, err := resp.Body.Read(b)
			if text += string(b[:n]); err != nil && !strings.Contains(text, part) {
				t.Fatalf("%v after %s, want %s", err, text, part)
			}
		}
	}
	until(`"pipe.subscribed","channel_name":"room"`)
	until(`"pipe.refused","channel_name":"secret"`)
	if _, err := s.Publish("room", "l", 7); err != nil {
		t.Fatal(err)
	}
	until(`"label":"l","value":7,`)
}

// A server that comes back on its data directory goes on where it stopped; one
// that crashed says that something may be missing.
func TestResume(t *testing.T) {
	config := serve.Config{Data: t.TempDir(), Apps: []*app.App{pipeApp("open", "room", app.Public)}}
	publish := func(s *serve.Server, values ...int) {
		t.Helper()
		for _, v := range values {
			if _, err := s.Publish("room", "l", v); err != nil {
				t.Fatal(err)
			}
		}
	}
	s := restartable(t, config)
	w := newRemote(t, serveLive(t, s)).connect()
	w.subscribe("room", "")
	publish(s, 1)
	last := w.want("room/l 1")
	publish(s, 2, 3)
	closed := make(chan error, 1)
	go func() { closed <- s.Close() }()
	w.want("room/l 2")
	w.want("room/l 3")
	w.want("restart")
	w.wantClosed(live.CloseRestart)
	if err := <-closed; err != nil {
		t.Fatal(err)
	}

	s = restartable(t, config)
	w = newRemote(t, serveLive(t, s)).connect()
	publish(s, 4)
	w.send(subscription("u", "room", "", &last))
	w.want("subscribed room")
	for _, v := range []string{"2", "3", "4"} {
		last = w.want("room/l " + v)
	}
	copyOf := config
	copyOf.Data = t.TempDir()
	if err := os.CopyFS(copyOf.Data, os.DirFS(config.Data)); err != nil { // as a crash leaves it
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}

	s = restartable(t, copyOf)
	w = newRemote(t, serveLive(t, s)).connect()
	w.send(subscription("u", "room", "", &last))
	w.want("gap room")
	publish(s, 5)
	w.want("room/l 5")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// A retained value reaches those who come later, over restarts too, until the
// next of its channel and label.
func TestRetain(t *testing.T) {
	config := serve.Config{Data: t.TempDir(), Apps: []*app.App{pipeApp("open", "room", app.Public)}}
	s := restartable(t, config)
	for _, v := range []int{1, 2} {
		if _, err := s.Retain(t.Context(), "room", "l", v); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		w := newRemote(t, serveLive(t, s)).connect()
		w.send(subscription("u", "room", "", nil))
		w.want("room/l 2")
		w.want("subscribed room")
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s = restartable(t, config)
	}
	if _, err := s.Publish("room", "l", 3); err != nil {
		t.Fatal(err)
	}
	newRemote(t, serveLive(t, s)).connect().subscribe("room", "")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// What the hub retains is what the database has: no more labels, and of values
// published at the same time the last one.
func TestRetainedInTheDatabase(t *testing.T) {
	s, _ := newServer(t, serve.Config{Apps: []*app.App{pipeApp("open", "room", app.Public)}})
	var publishers sync.WaitGroup
	for n := range 16 {
		publishers.Go(func() {
			for i := range 20 {
				if _, err := s.Retain(t.Context(), "room", fmt.Sprint("l", i), n); err != nil {
					t.Error(err)
				}
			}
		})
	}
	publishers.Wait()
	retained, err := s.Store().Retained(t.Context())
	if err != nil || len(retained) != 20 {
		t.Fatalf("there are %d values, %v", len(retained), err)
	}
	w := newRemote(t, serveLive(t, s)).connect()
	w.send(subscription("u", "room", "", nil))
	for _, r := range retained { // in the same order
		w.want(fmt.Sprintf("room/%s %s", r.Label, r.Value))
	}
	w.want("subscribed room")

	for i := range 2 * live.DefaultLimits.Retained {
		if _, err := s.Retain(t.Context(), "room", fmt.Sprint("l", i), i); err != nil {
			t.Fatal(err)
		}
	}
	if retained, err = s.Store().Retained(t.Context()); err != nil || len(retained) != live.DefaultLimits.Retained {
		t.Errorf("there are %d values, %v", len(retained), err)
	}
}

const pokePath = "/" + serve.DefaultHTTPRoute + "/poke/"

func newToken(t *testing.T, s *serve.Server, ttl time.Duration, channels ...string) string {
	t.Helper()
	token, err := s.Store().CreateToken(t.Context(), "", channels, ttl)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func TestPoke(t *testing.T) {
	s, log := newServer(t, serve.Config{Apps: []*app.App{pipeApp("open", "room", app.Public)}})
	w := newRemote(t, serveLive(t, s)).connect()
	w.subscribe("room", "")
	token := newToken(t, s, time.Hour, "room", "UNNAMED_CHANNEL", "sensors.*", "dashd.*")
	for _, test := range []struct {
		name, method, token, contentType, body string
		status                                 int
		hears                                  string
	}{
		{"json", "POST", token, "application/json", `{"channel_name":"room","label":"l","value":{"a":[1]}}`, 200, `room/l {"a":[1]}`},
		{"curl -d", "POST", token, "application/x-www-form-urlencoded", `{"channel_name":"room","label":"l","value":"x"}`, 200, `room/l "x"`},
		{"no content type", "POST", token, "", `{"channel_name":"room","label":"l","value":-3.5}`, 200, `room/l -3.5`},
		{"no value", "POST", token, "", `{"channel_name":"room","label":"l"}`, 200, "room/l null"},
		{"no label", "POST", token, "", `{"channel_name":"room","value":1}`, 200, "room/DEFAULT$LABEL 1"},
		{"no channel", "POST", token, "", `{"value":1}`, 200, ""},
		{"other channel of the token", "POST", token, "", `{"channel_name":"sensors.x","value":1}`, 200, ""},
		{"not JSON", "POST", token, "", `{"channel_name":`, 400, ""},
		{"no object", "POST", token, "", `[1]`, 400, ""},
		{"null", "POST", token, "", `null`, 400, ""},
		{"no body", "POST", token, "", "", 400, ""},
		{"channel is no text", "POST", token, "", `{"channel_name":1}`, 400, ""},
		{"bad channel", "POST", newToken(t, s, 0, "*"), "", `{"channel_name":"a b"}`, 400, ""},
		{"no token", "POST", "", "", `{"channel_name":"room"}`, 401, ""},
		{"wrong token", "POST", token + "x", "", `{"channel_name":"room"}`, 401, ""},
		{"expired token", "POST", newToken(t, s, time.Nanosecond, "room"), "", `{"channel_name":"room"}`, 401, ""},
		{"channel of others", "POST", token, "", `{"channel_name":"rooms"}`, 403, ""},
		{"own channel", "POST", token, "", `{"channel_name":"dashd.channels"}`, 403, ""},
		{"too long", "POST", token, "", `{"channel_name":"room","value":"` + strings.Repeat("x", 256<<10) + `"}`, 413, ""},
		{"much too long", "POST", token, "", `{"channel_name":"room","value":"` + strings.Repeat("x", 3<<20) + `"}`, 413, ""},
		{"GET", "GET", token, "", "", 405, ""},
		{"PUT", "PUT", token, "", `{"channel_name":"room"}`, 405, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			headers := []string{}
			if test.token != "" {
				headers = append(headers, "Authorization", "Bearer "+test.token)
			}
			if test.contentType != "" {
				headers = append(headers, "Content-Type", test.contentType)
			}
			resp := do(t, s.Handler(), test.method, pokePath, test.body, headers...)
			var answer struct {
				Channel   string `json:"channel_name"`
				Label     string
				Epoch     string
				Seq       int
				Listeners int
				Error     string
			}
			text := bodyOf(t, resp)
			if err := json.Unmarshal([]byte(text), &answer); err != nil {
				t.Fatalf("the answer is %s", text)
			}
			if resp.StatusCode != test.status || (test.status == 200) != (answer.Error == "" && answer.Epoch != "" && answer.Seq > 0) {
				t.Errorf("status %d, want %d: %s", resp.StatusCode, test.status, text)
			}
			if challenge := resp.Header.Get("WWW-Authenticate"); (challenge != "") != (test.status == 401) {
				t.Errorf("WWW-Authenticate: %q", challenge)
			}
			if test.status == 405 && resp.Header.Get("Allow") != "POST" {
				t.Errorf("Allow: %s", resp.Header.Get("Allow"))
			}
			if test.hears == "" {
				return
			}
			w.want(test.hears)
			if answer.Channel != "room" || answer.Listeners != 1 {
				t.Errorf("the answer is %s", text)
			}
		})
	}
	if _, err := s.Publish("room", "l", "end"); err != nil {
		t.Fatal(err)
	}
	w.want(`room/l "end"`) // and nothing before it
	if strings.Contains(log.String(), token) {
		t.Error("the log has the token")
	}
}

func TestPokeRetains(t *testing.T) {
	s, _ := newServer(t, serve.Config{Apps: []*app.App{pipeApp("open", "room", app.Public)}})
	token := newToken(t, s, 0, "room")
	wantStatus(t, do(t, s.Handler(), "POST", pokePath, `{"channel_name":"room","label":"l","value":1,"retain":true}`, "Authorization", "Bearer "+token), 200)
	w := newRemote(t, serveLive(t, s)).connect()
	w.send(subscription("u", "room", "", nil))
	w.want("room/l 1")
}

// A token ends when it is revoked, and when its time is over.
func TestTokenEnds(t *testing.T) {
	s, _ := newServer(t, serve.Config{Apps: []*app.App{pipeApp("open", "room", app.Public)}})
	poke := func(token string) int {
		t.Helper()
		return do(t, s.Handler(), "POST", pokePath, `{"channel_name":"room"}`, "Authorization", "Bearer "+token).StatusCode
	}
	short, long := newToken(t, s, time.Minute, "room"), newToken(t, s, time.Hour, "room")
	if poke(short) != 200 || poke(long) != 200 {
		t.Fatal("the tokens do not work")
	}
	now := s.Store().Now
	s.Store().Now = func() time.Time { return now().Add(30 * time.Minute) }
	if poke(short) != 401 || poke(long) != 200 {
		t.Error("a token outlives its time")
	}
	tokens, err := s.Store().Tokens(t.Context())
	if err != nil || len(tokens) != 2 {
		t.Fatalf("there are %d tokens, %v", len(tokens), err)
	}
	if err := s.Store().RevokeToken(t.Context(), tokens[1].ID); err != nil {
		t.Fatal(err)
	}
	if poke(long) != 401 {
		t.Error("a token outlives its end")
	}
}

func TestPokeRate(t *testing.T) {
	h := newPokeServer(t)
	for n := range 100_000 {
		resp := h("one")
		switch {
		case resp.StatusCode == http.StatusTooManyRequests:
			if n < 2000 || resp.Header.Get("Retry-After") == "" {
				t.Errorf("refused after %d, Retry-After %q", n, resp.Header.Get("Retry-After"))
			}
			if h("two").StatusCode != 200 {
				t.Error("another token is refused too")
			}
			return
		case resp.StatusCode != 200:
			t.Fatalf("poke %d: %d", n, resp.StatusCode)
		}
	}
	t.Error("a token has no bound")
}

// newPokeServer returns a function that pokes with one of two tokens.
func newPokeServer(t *testing.T) func(which string) *http.Response {
	t.Helper()
	s, _ := newServer(t, serve.Config{Apps: []*app.App{pipeApp("open", "room", app.Public)}})
	tokens := map[string]string{"one": newToken(t, s, 0, "room"), "two": newToken(t, s, 0, "room")}
	return func(which string) *http.Response {
		t.Helper()
		return do(t, s.Handler(), "POST", pokePath, `{"channel_name":"room"}`, "Authorization", "Bearer "+tokens[which])
	}
}

func TestPokeRoutes(t *testing.T) {
	apps := []*app.App{pipeApp("open", "room", app.Public)}
	off, _ := newServer(t, serve.Config{Apps: apps, NoPoke: true})
	moved, _ := newServer(t, serve.Config{Apps: []*app.App{pipeApp("open", "room", app.Public)}, BasePath: "/b", HTTPRoute: "/api/v1/", WSRoute: "sock"})
	for _, test := range []struct {
		server *serve.Server
		path   string
		status int
	}{
		{off, pokePath, 404},
		{moved, pokePath, 404},
		{moved, "/b" + pokePath, 404},
		{moved, "/b/api/v1/poke/", 200},
		{moved, "/b/api/v1/poke", 307}, // with the method and the body, to the slash
		{moved, "/b/api/v1/poke/x", 404},
	} {
		resp := do(t, test.server.Handler(), "POST", test.path, `{"channel_name":"room"}`, "Authorization", "Bearer "+newToken(t, test.server, 0, "*"))
		if resp.StatusCode != test.status {
			t.Errorf("%s: %d, want %d", test.path, resp.StatusCode, test.status)
		}
	}
	if resp := do(t, moved.Handler(), "GET", "/b/sock", ""); resp.StatusCode != http.StatusUpgradeRequired {
		t.Errorf("the pipes: %d", resp.StatusCode)
	}
}

// Publish tells what is wrong with a message.
func TestPublishErrors(t *testing.T) {
	s, _ := newServer(t, serve.Config{Apps: []*app.App{pipeApp("open", "room", app.Public)}})
	for _, test := range []struct {
		channel string
		value   any
		want    app.Code
	}{
		{"a b", 1, app.Invalid},
		{"", 1, app.Invalid},
		{"room", make(chan int), app.Invalid},
		{"room", strings.Repeat("x", live.DefaultLimits.Message), app.TooLarge},
	} {
		if _, err := s.Publish(test.channel, "l", test.value); app.ErrorCode(err) != test.want {
			t.Errorf("%q: %v", test.channel, err)
		}
		if _, err := s.Retain(t.Context(), test.channel, "l", test.value); app.ErrorCode(err) != test.want {
			t.Errorf("retain %q: %v", test.channel, err)
		}
	}
	if receipt, err := s.Publish("room", "l", nil); err != nil || receipt.Sequence != 1 || errors.Is(err, live.ErrValue) {
		t.Errorf("null: %v, %v", receipt, err)
	}
}

// A server starts also where what its channels remembered cannot be read.
func TestChannelsLost(t *testing.T) {
	data := t.TempDir()
	broken := store.New(filepath.Join(data, "dashd.db"))
	if err := broken.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{
		broken.KeepChannels(t.Context(), []byte("nonsense")),
		broken.Retain(t.Context(), store.Retained{Channel: "no channel", Label: "x", Value: []byte("1")}),
		broken.Close(),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	s, log := newServer(t, serve.Config{Apps: []*app.App{pipeApp("open", "room", app.Public)}, Data: data})
	if _, err := s.Publish("room", "x", 1); err != nil {
		t.Errorf("publish: %v", err)
	}
	for _, want := range []string{"the channels of the last run are lost", "a retained value is lost"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log does not say %q: %s", want, log)
		}
	}
}
