package serve_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"dashd/app"
	dash "dashd/app/html"
	"dashd/app/serve"
	"dashd/examples/simple"
)

// series are the values of metrics by name and labels, as they are written.
type series map[string]float64

// scrape reads the metrics as an operator's Prometheus does: below base, if there is one.
func scrape(t *testing.T, s *serve.Server, base ...string) series {
	t.Helper()
	resp := do(t, s.AdminHandler(), "GET", strings.Join(base, "")+"/metrics", "")
	text := bodyOf(t, resp)
	if resp.StatusCode != http.StatusOK || !strings.HasPrefix(resp.Header.Get("Content-Type"), "text/plain; version=0.0.4") {
		t.Fatalf("scrape: %d %s %s", resp.StatusCode, resp.Header, text)
	}
	all := series{}
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		at := strings.LastIndex(line, " ")
		value, err := strconv.ParseFloat(strings.TrimSpace(line[at:]), 64)
		if err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		all[line[:at]] = value
	}
	return all
}

// only returns those whose names match, without the zeros.
func (all series) only(pattern string) series {
	expression := regexp.MustCompile(pattern)
	some := series{}
	for name, value := range all {
		if value != 0 && expression.MatchString(name) {
			some[name] = value
		}
	}
	return some
}

// call is a callback's request for watchedApp.
func watchedCall(how string) string {
	return fmt.Sprintf(`{"output":"out.children","outputs":{"id":"out","property":"children"},"inputs":[{"id":"in","property":"title","value":%q}],"changedPropIds":["in.title"]}`, how)
}

// watchedApp has a callback that ends as its input says.
func watchedApp() *app.App {
	a := app.New("Watched")
	a.Access = app.Public
	a.Channels = []string{"room"}
	a.Layout = dash.Div{Children: app.List{dash.Div{ID: "in"}, dash.Div{ID: "out"}}}
	a.Callback(app.Output("out", "children"), app.Input("in", "title")).Do(func(ctx *app.Context, how string) (string, error) {
		switch how {
		case "fail":
			return "", errors.New("broken")
		case "refuse":
			return "", app.Errorf(app.Conflict, "Not now.")
		case "panic":
			panic("broken")
		case "leave":
			return "", app.ErrPreventUpdate
		case "log":
			ctx.Log().Info("as told")
		}
		return how, nil
	})
	return a
}

// What is known to have happened stands in the metrics, with an app's instances
// under the app, and over a reload.
func TestMetrics(t *testing.T) {
	config := serve.Config{Apps: []*app.App{watchedApp(), simple.New()}, BasePath: "/b", Data: t.TempDir()}
	s, _ := newServer(t, config)
	mustCreate(t, s, serve.NewInstance{App: "watched", Slug: "one"})
	h := s.Handler()
	const asJSON = "Content-Type"
	call := func(place, how string) {
		t.Helper()
		do(t, h, "POST", "/b/"+place+"/_dash-update-component", watchedCall(how), asJSON, "application/json")
	}
	for _, how := range []string{"x", "leave", "fail", "refuse", "panic"} {
		call("app/watched", how)
	}
	if err := s.Reconfigure(config); err != nil {
		t.Fatal(err)
	}
	call("instance/one", "y")
	call("instance/one", "fail")
	for _, path := range []string{
		"app/watched/", "instance/one/", "app/watched/initial/nothing/", "app/watched/none", "app/watched/_dash-layout", "app/Watched/_dash-layout",
		"app/simpleexample/_dash-layout", "app/none/", "app/none/_dash-layout", "instance/none/", "none", "login", "", "healthz", "_django/health/", "admin/users/",
		"static/none", "dpd/ws/channel",
	} {
		do(t, h, "GET", "/b/"+path, "")
	}
	do(t, h, "GET", "/none", "")
	do(t, h, "GET", "/healthz", "")
	do(t, h, "GET", "/b/login", "", "Host", "other.example.org")
	do(t, h, "HEAD", "/b/app/watched/_dash-layout", "")
	all := scrape(t, s, "/b")
	if diff := cmp.Diff(series{
		`dashd_requests_total{app="watched",code="200",view="update-component"}`: 2,
		`dashd_requests_total{app="watched",code="204",view="update-component"}`: 1,
		`dashd_requests_total{app="watched",code="409",view="update-component"}`: 1,
		`dashd_requests_total{app="watched",code="500",view="update-component"}`: 3,
		`dashd_requests_total{app="watched",code="200",view="main"}`:             2,
		`dashd_requests_total{app="watched",code="404",view="main"}`:             1,
		`dashd_requests_total{app="watched",code="404",view="unknown"}`:          1,
		`dashd_requests_total{app="watched",code="200",view="layout"}`:           3,
		`dashd_requests_total{app="simpleexample",code="200",view="layout"}`:     1,
		`dashd_requests_total{app="",code="404",view="unknown"}`:                 5,
		`dashd_requests_total{app="",code="421",view="unknown"}`:                 1,
		`dashd_requests_total{app="",code="200",view="login"}`:                   1,
		`dashd_requests_total{app="",code="200",view="home"}`:                    1,
		`dashd_requests_total{app="",code="200",view="healthz"}`:                 2,
		`dashd_requests_total{app="",code="200",view="health"}`:                  1,
		`dashd_requests_total{app="",code="401",view="admin"}`:                   1,
		`dashd_requests_total{app="",code="404",view="static"}`:                  1,
		`dashd_requests_total{app="",code="426",view="pipes"}`:                   1,
	}, all.only(`^dashd_requests_total`)); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(series{
		`dashd_callback_duration_seconds_count{app="watched"}`:       7,
		`dashd_callback_errors_total{app="watched",kind="internal"}`: 2,
		`dashd_callback_errors_total{app="watched",kind="panic"}`:    1,
		`dashd_callback_errors_total{app="watched",kind="conflict"}`: 1,
		`dashd_panics_total`: 1,
		`dashd_request_duration_seconds_count{view="update-component"}`: 7,
		`dashd_request_duration_seconds_count{view="login"}`:            1,
		`dashd_apps`:      2,
		`dashd_instances`: 1,
		`dashd_ready`:     1,
	}, all.only(`^dashd_(callback_(duration_seconds_count|errors)|panics|request_duration_seconds_count.*(update|login|pipes)|apps|instances|users|sessions|ready)`)); diff != "" {
		t.Errorf("callbacks, and what there is (-want +got):\n%s", diff)
	}
	for _, name := range []string{
		"dashd_database_size_bytes", "dashd_database_commit_writes_sum", "dashd_database_commit_duration_seconds_count", "dashd_disk_free_bytes",
		`dashd_part_ok{part="database"}`, "go_goroutines",
	} {
		if all[name] <= 0 {
			t.Errorf("%s is %v", name, all[name])
		}
	}
	if _, there := all[`dashd_callback_errors_total{app="simpleexample",kind="panic"}`]; !there {
		t.Error("errors of an app that has none do not begin at 0")
	}
	if info := all.only("^dashd_build_info"); len(info) != 1 {
		t.Errorf("the build is %v", info)
	}
	if replica := all.only("^(dashd_replica|litestream)"); len(replica) != 0 {
		t.Errorf("without a replica there is %v", replica)
	}
}

// What the pipes do stands in the metrics.
func TestMetricsOfPipes(t *testing.T) {
	s, _ := newServer(t, serve.Config{Apps: []*app.App{watchedApp()}})
	p := newRemote(t, serveLive(t, s))
	w := p.connect()
	w.subscribe("room", "")
	for i := range 3 {
		if _, err := s.Publish("room", "l", i); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 3 {
		w.want(fmt.Sprintf("room/l %d", i))
	}
	w.send(`{"type":"unsubscribe","uid":"u"}`)
	w.send(subscription("u", "room", "", &liveFrame{Epoch: "another", Seq: 7}))
	w.want("gap room")
	for i := range 3 { // what it remembers
		w.want(fmt.Sprintf("room/l %d", i))
	}
	w.send(`{"type":"ping"}`)
	w.want("pong") // now all before it is counted
	if diff := cmp.Diff(series{
		`dashd_live_connections{kind="websocket"}`:             1,
		`dashd_live_channels`:                                  1,
		`dashd_live_messages_total`:                            3,
		`dashd_live_gaps_total`:                                1,
		`dashd_requests_total{app="",code="101",view="pipes"}`: 1,
	}, scrape(t, s).only(`^dashd_(live_(connections|channels|messages|gaps|slow|refused|dropped|queue)|requests)`)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if sent := scrape(t, s)["dashd_live_frames_sent_total"]; sent < 8 { // the last may be about to be counted
		t.Errorf("%v frames were sent", sent)
	}
}

// Who may read the metrics, and where.
func TestMetricsAccess(t *testing.T) {
	const token = "a long token"
	bearer := func(token string) []string { return []string{"Authorization", "Bearer " + token} }
	for _, test := range []struct {
		name    string
		config  serve.Config
		admin   bool
		path    string
		headers []string
		want    int
	}{
		{"for everybody", serve.Config{}, false, "/metrics", nil, 404},
		{"an empty token", serve.Config{}, false, "/metrics", bearer(""), 404},
		{"for operators", serve.Config{}, true, "/metrics", nil, 200},
		{"no token", serve.Config{MetricsToken: token}, false, "/metrics", nil, 401},
		{"a wrong token", serve.Config{MetricsToken: token}, false, "/metrics", bearer(token + "x"), 401},
		{"the token", serve.Config{MetricsToken: token}, false, "/metrics", bearer(token), 200},
		{"another scheme", serve.Config{MetricsToken: token}, false, "/metrics", []string{"Authorization", "Basic " + token}, 401},
		{"the token, apart", serve.Config{MetricsToken: token, AdminApart: true}, false, "/metrics", bearer(token), 200},
		{"no token, apart", serve.Config{MetricsToken: token, AdminApart: true}, false, "/metrics", nil, 401},
		{"for operators, apart", serve.Config{AdminApart: true}, true, "/metrics", nil, 200},
		{"below a path", serve.Config{BasePath: "/x"}, true, "/x/metrics", nil, 200},
		{"above the path", serve.Config{BasePath: "/x"}, true, "/metrics", nil, 404},
		{"off", serve.Config{MetricsToken: token, NoMetrics: true}, true, "/metrics", bearer(token), 404},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.config.Apps = []*app.App{simple.New()}
			s, log := newServer(t, test.config)
			h := s.Handler()
			if test.admin {
				h = s.AdminHandler()
			}
			resp := do(t, h, "GET", test.path, "", test.headers...)
			text := bodyOf(t, resp)
			if resp.StatusCode != test.want || (test.want == 200) != strings.Contains(text, "dashd_ready") {
				t.Errorf("%d, want %d: %s", resp.StatusCode, test.want, text)
			}
			if challenge := resp.Header.Get("WWW-Authenticate"); (test.want == 401) != strings.HasPrefix(challenge, "Bearer ") {
				t.Errorf("WWW-Authenticate: %s", challenge)
			}
			if strings.Contains(log.String(), token) {
				t.Errorf("the log has the token: %s", log)
			}
		})
	}
}

// Whatever a scanner asks for, the metrics do not grow.
func TestMetricsAreBounded(t *testing.T) {
	s, _ := newServer(t, serve.Config{Apps: []*app.App{simple.New()}, BasePath: "/b"})
	h := s.Handler()
	random := rand.New(rand.NewPCG(1, 2))
	scan := func() int {
		for range 80 {
			word := strconv.FormatUint(random.Uint64(), 36)
			for _, pattern := range []string{"/%s", "/b/%s", "/b/%s/%[1]s", "/b/app/%s/", "/b/app/simpleexample/%s", "/b/app/simpleexample/assets/%s", "/b/app/simpleexample/initial/%s/%[1]s",
				"/b/instance/%s/_dash-layout", "/b/static/%s/x.js", "/b/admin/%s", "/b/admin/users/%s", "/b/app/%s"} {
				do(t, h, "GET", fmt.Sprintf(pattern, word), "")
			}
			do(t, h, strings.ToUpper("m"+word), "/b/login", "")
			do(t, h, "GET", "/b/", "", "Host", word+".example.org")
		}
		return len(scrape(t, s, "/b"))
	}
	scrape(t, s, "/b") // is a request, too
	first := scan()
	if second := scan(); second != first {
		t.Errorf("after a scan there are %d series, after another %d", first, second)
	}
}

// The dashboard shows nothing that the server does not have.
func TestGrafanaDashboard(t *testing.T) {
	text, err := os.ReadFile(filepath.FromSlash("../../examples/deploy/grafana-dashboard.json"))
	if err != nil {
		t.Fatal(err)
	}
	var board struct {
		UID, Title    string
		SchemaVersion int
		Templating    struct{ List []struct{ Name, Type string } }
		Panels        []struct {
			ID         int
			Title      string
			Type       string
			Datasource struct{ UID string }
			GridPos    struct{ X, Y, W, H int }
			Targets    []struct{ Expr, RefID string }
		}
	}
	if err := json.Unmarshal(text, &board); err != nil {
		t.Fatal(err)
	}
	if board.UID == "" || board.SchemaVersion < 39 || len(board.Templating.List) == 0 || board.Templating.List[0].Type != "datasource" {
		t.Errorf("the dashboard is %+v", board)
	}
	names := exported(t)
	word := regexp.MustCompile(`\b(dashd|go|process|litestream)_[a-z0-9_]+`)
	used := map[string]bool{}
	ids := map[int]bool{}
	for _, panel := range board.Panels {
		if ids[panel.ID] || panel.Title == "" {
			t.Errorf("panel %d %q", panel.ID, panel.Title)
		}
		ids[panel.ID] = true
		if panel.Type == "row" {
			continue
		}
		if panel.Datasource.UID != "${datasource}" || len(panel.Targets) == 0 || panel.GridPos.X+panel.GridPos.W > 24 {
			t.Errorf("panel %q: %+v", panel.Title, panel)
		}
		for _, target := range panel.Targets {
			found := word.FindAllString(target.Expr, -1)
			if len(found) == 0 {
				t.Errorf("panel %q shows nothing: %s", panel.Title, target.Expr)
			}
			for _, name := range found {
				used[name] = true
				if !slices.Contains(names, name) {
					t.Errorf("panel %q: the server has no %s", panel.Title, name)
				}
			}
		}
	}
	for _, name := range names { // and it shows all that is ours
		if strings.HasPrefix(name, "dashd_") && !strings.HasSuffix(name, "_sum") && !strings.HasSuffix(name, "_count") && !used[name] {
			t.Errorf("no panel shows %s", name)
		}
	}
}

// exported returns the names of the metrics of a server that replicates.
func exported(t *testing.T) (names []string) {
	t.Helper()
	replica := "file://" + filepath.ToSlash(t.TempDir())
	s, _ := newServer(t, serve.Config{Apps: []*app.App{simple.New()}, Data: t.TempDir(), Replicate: replica})
	if err := s.Store().SyncReplica(t.Context()); err != nil {
		t.Fatal(err)
	}
	do(t, s.Handler(), "GET", "/login", "")
	all := scrape(t, s)
	if all["dashd_replica_last_success_timestamp_seconds"] <= 0 || len(all.only("^litestream_")) == 0 {
		t.Errorf("of the replica there is %v", all.only("^(dashd_replica|litestream)"))
	}
	for name := range all {
		name, _, _ = strings.Cut(name, "{")
		names = append(names, name)
	}
	slices.Sort(names)
	return slices.Compact(names)
}
