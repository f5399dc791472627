package serve_test

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"dashd/app"
	"dashd/app/html"
	"dashd/app/serve"
	"dashd/store"
)

// countedApp is an app with callbacks that end in each way.
func countedApp(name string, access app.Access) *app.App {
	a := app.New(name)
	a.Access = access
	var outputs app.List
	ends := map[app.ID]func() (string, error){
		"good":    func() (string, error) { return "", nil },
		"leaves":  func() (string, error) { return "", app.ErrPreventUpdate },
		"refuses": func() (string, error) { return "", app.Errorf(app.Invalid, "No.") },
		"left":    func() (string, error) { return "", context.Canceled },
		"fails":   func() (string, error) { return "", errors.New("broken") },
		"panics":  func() (string, error) { panic("broken") },
	}
	for id, end := range ends {
		outputs = append(outputs, html.Div{ID: id})
		a.Callback(app.Output(id, "children"), app.Input("in", "n_clicks")).Do(func(int) (string, error) { return end() })
	}
	a.Callback(app.Output("good", "children").AllowDuplicate(), app.Input("good", "n_clicks"), app.PreventInitialCall()).Do(func(int) string { return "" })
	a.Callback(app.Input("fails", "n_clicks"), app.PreventInitialCall()).Do(func(int) {})
	a.Layout = html.Div{Children: append(outputs, html.Div{ID: "in"})}
	return a
}

// counted is the JSON of an export.
type counted struct {
	Views []struct {
		Day, App, Target, Kind string
		Views                  int
	}
	Visitors []struct {
		Day, App, Target string
		Visitors         int
	}
	Users []struct {
		Target, User string
		Views        int
	}
	FirstCallbacks []struct {
		Target     string
		Runs       int
		Longest_ms float64
	} `json:"first_callbacks"`
	Callbacks []struct {
		Day, App, Callback string
		Runs, Failures     int
		Longest_ms         float64
	}
}

// views returns the views in short, by target and kind.
func (c *counted) views() map[string]int {
	views := map[string]int{}
	for _, v := range c.Views {
		views[v.Target+" "+v.Kind] += v.Views
	}
	return views
}

func (c *counted) visitors(app, target string) (n int) {
	for _, v := range c.Visitors {
		if v.App == app && v.Target == target {
			n += v.Visitors
		}
	}
	return n
}

// countedBy returns what a superuser finds that has been counted.
func countedBy(t *testing.T, root *client) *counted {
	t.Helper()
	resp := root.get("/admin/analytics/export?format=json")
	wantStatus(t, resp, http.StatusOK)
	c := &counted{}
	if err := json.Unmarshal([]byte(bodyOf(t, resp)), c); err != nil {
		t.Fatal(err)
	}
	return c
}

// countedServer makes a server with an app, an instance of it and a superuser,
// and with a clock that stands.
func countedServer(t *testing.T, config serve.Config) (s *serve.Server, root *client, now *time.Time) {
	t.Helper()
	config.Apps = []*app.App{countedApp("Shirts", app.Public), countedApp("Closed", app.Restricted())}
	s, _ = withUsers(t, config)
	now = new(time.Date(2026, 11, 2, 12, 0, 0, 0, time.UTC))
	s.Store().Now = func() time.Time { return *now }
	mustCreate(t, s, serve.NewInstance{App: "shirts", Name: "Mine", Slug: "mine"})
	root = newClient(t, s.Handler())
	root.signIn("root", password)
	return s, root, now
}

func wantViews(t *testing.T, root *client, want map[string]int) {
	t.Helper()
	if diff := cmp.Diff(want, countedBy(t, root).views()); diff != "" {
		t.Error(diff)
	}
}

// run calls the callback of an output of an app's page.
func (b *client) run(path, output, endID string) *http.Response {
	b.tb.Helper()
	query := ""
	if endID != "" {
		query = "?endId=" + endID
	}
	return b.sendJSON("POST", path+"_dash-update-component"+query,
		fmt.Sprintf(`{"output":"%[1]s.children","outputs":{"id":"%[1]s","property":"children"},"inputs":[{"id":"in","property":"n_clicks","value":1}]}`, output))
}

// endID returns the id of a page.
func endID(t *testing.T, page string) string {
	t.Helper()
	found := regexp.MustCompile(`"end_id":"([^"]+)"`).FindStringSubmatch(page)
	if found == nil {
		t.Fatalf("the page has no id: %.500s", page)
	}
	return found[1]
}

// Pages count themselves, with and without a frame; programs that read what
// else there is do not count.
func TestAnalyticsViews(t *testing.T) {
	s, root, _ := countedServer(t, serve.Config{})
	b := newClient(t, s.Handler())
	for _, path := range []string{"/app/shirts/", "/app/shirts/?embed=auto", "/app/shirts/_dash-embed", "/instance/mine/", "/app/Shirts/"} {
		wantStatus(t, b.get(path), http.StatusOK)
	}
	for _, path := range []string{"/app/shirts/_dash-layout", "/app/shirts/_dash-dependencies", "/app/shirts/_reload-hash", "/", "/login"} {
		wantStatus(t, b.get(path), http.StatusOK)
	}
	b.send("HEAD", "/app/shirts/", nil)
	wantStatus(t, b.get("/app/closed/"), http.StatusSeeOther)
	wantStatus(t, b.get("/app/none/"), http.StatusNotFound)
	wantStatus(t, root.get("/admin/analytics/"), http.StatusOK) // they do not count themselves
	wantStatus(t, root.get("/admin/analytics/app/"), http.StatusOK)
	wantStatus(t, root.get("/admin/analytics/app/_dash-embed"), http.StatusOK)
	wantStatus(t, root.get("/admin/analytics/app/_django/health/"), http.StatusOK)
	wantViews(t, root, map[string]int{"app/shirts page": 3, "app/shirts embed": 1, "instance/mine page": 1})
}

// The health route counts for pages that the server does not make, with and
// without the last slash, and not once more what has been counted.
func TestAnalyticsHealth(t *testing.T) {
	s, root, now := countedServer(t, serve.Config{})
	b := newClient(t, s.Handler())
	health := func(path string, headers ...string) {
		t.Helper()
		resp := b.get(path, headers...)
		if body := bodyOf(t, resp); resp.StatusCode != http.StatusOK || body != "ok" || !strings.HasPrefix(resp.Header.Get("Content-Type"), "text/plain") {
			t.Errorf("%s: %d %s", path, resp.StatusCode, body)
		}
	}
	for _, slash := range []string{"", "/"} {
		health("/app/shirts/_django/health" + slash)
		health("/instance/mine/_django/health" + slash)
		health("/_django/health" + slash)
		health("/_django/health"+slash, "Referer", "http://127.0.0.1/some/page")
		health("/_django/health"+slash, "Referer", "http://127.0.0.1/app/shirts/archive?x=1")
		health("/_django/health"+slash, "Referer", "http://127.0.0.1/instance/mine/")
		health("/_django/health"+slash, "Referer", "http://127.0.0.1/app/closed/") // which he may not open
		health("/_django/health"+slash, "Referer", "http://127.0.0.1/app/none/")
		health("/_django/health"+slash, "Referer", "https://elsewhere.example/app/shirts/")
	}
	wantStatus(t, b.get("/app/closed/_django/health/"), http.StatusSeeOther)
	wantStatus(t, b.post("/_django/health/"), http.StatusMethodNotAllowed)
	wantViews(t, root, map[string]int{"app/shirts health": 4, "instance/mine health": 4, "site health": 10})

	// The load of a page and its call are one view; a later call is another.
	wantStatus(t, b.get("/app/shirts/"), http.StatusOK)
	health("/app/shirts/_django/health/")
	wantViews(t, root, map[string]int{"app/shirts page": 1, "app/shirts health": 4, "instance/mine health": 4, "site health": 10})
	health("/app/shirts/_django/health/")
	wantViews(t, root, map[string]int{"app/shirts page": 1, "app/shirts health": 5, "instance/mine health": 4, "site health": 10})
	wantStatus(t, b.get("/app/shirts/"), http.StatusOK)
	other := newClient(t, s.Handler())
	other.address = "192.0.2.7"
	wantStatus(t, other.get("/app/shirts/_django/health/"), http.StatusOK) // has loaded no page
	*now = now.Add(2 * time.Minute)
	health("/_django/health/", "Referer", "http://127.0.0.1/app/shirts/")
	wantViews(t, root, map[string]int{"app/shirts page": 2, "app/shirts health": 7, "instance/mine health": 4, "site health": 10})
}

// A visitor counts once a day, by what is known of him.
func TestAnalyticsVisitors(t *testing.T) {
	s, root, now := countedServer(t, serve.Config{})
	first, second := newClient(t, s.Handler()), newClient(t, s.Handler())
	second.address = "192.0.2.7"
	for range 3 {
		first.get("/app/shirts/")
		second.get("/app/shirts/")
	}
	first.get("/instance/mine/")
	for range 2 { // the same user, with two browsers
		b := newClient(t, s.Handler())
		b.address = "192.0.2.9"
		b.signIn("ann", password)
		b.get("/app/shirts/")
		b.get("/instance/mine/")
	}
	c := countedBy(t, root)
	if all, ofApp, target, instance := c.visitors("", ""), c.visitors("shirts", ""), c.visitors("shirts", "app/shirts"), c.visitors("shirts", "instance/mine"); all != 3 || ofApp != 3 || target != 3 || instance != 2 {
		t.Errorf("visitors: %d, of the app %d, of itself %d, of the instance %d", all, ofApp, target, instance)
	}
	views := map[string]int{}
	for _, u := range c.Users {
		views[u.User+" "+u.Target] = u.Views
	}
	if diff := cmp.Diff(map[string]int{"ann app/shirts": 2, "ann instance/mine": 2}, views); diff != "" {
		t.Error(diff)
	}

	*now = now.AddDate(0, 0, 1)
	first.get("/app/shirts/")
	if c := countedBy(t, root); c.visitors("", "") != 4 {
		t.Errorf("on the next day there are %d visitors in all", c.visitors("", ""))
	}
}

// Who is deleted is not named by what was counted before, either.
func TestAnalyticsOfDeletedUser(t *testing.T) {
	s, root, _ := countedServer(t, serve.Config{})
	b := newClient(t, s.Handler())
	b.signIn("ann", password)
	b.get("/app/shirts/")
	if err := s.Store().DeleteUser(t.Context(), "ann"); err != nil {
		t.Fatal(err)
	}
	c := countedBy(t, root)
	if views := c.views()["app/shirts page"]; views != 1 || len(c.Users) != 0 {
		t.Errorf("%d views, of users %+v", views, c.Users)
	}
}

// Visitors that the site knows have names, too.
func TestAnalyticsAuthenticate(t *testing.T) {
	s, _ := newServer(t, serve.Config{
		Apps: []*app.App{countedApp("Shirts", app.Public)},
		Authenticate: func(r *http.Request) (*app.User, error) {
			switch name := r.Header.Get("X-User"); name {
			case "":
				return nil, nil
			case "unknown":
				return nil, errors.New("who is that")
			default:
				return &app.User{Name: name, Superuser: name == "root"}, nil
			}
		},
	})
	b := newClient(t, s.Handler())
	for _, name := range []string{"", "ann", "ann", "unknown"} {
		wantStatus(t, b.get("/app/shirts/", "X-User", name), http.StatusOK)
	}
	resp := b.get("/admin/analytics/export?format=json", "X-User", "root")
	body := bodyOf(t, resp)
	if !strings.Contains(body, `"user": "ann"`) || strings.Contains(body, "unknown") || !strings.Contains(body, `"views": 4`) {
		t.Errorf("%d %s", resp.StatusCode, body)
	}
}

// Callbacks are counted by how they end, and pages by the time to their first.
func TestAnalyticsCallbacks(t *testing.T) {
	s, root, now := countedServer(t, serve.Config{})
	b := newClient(t, s.Handler())
	for _, output := range []string{"good", "good", "leaves", "refuses", "left", "fails", "panics", "panics"} {
		bodyOf(t, b.run("/app/shirts/", output, ""))
	}
	bodyOf(t, b.run("/instance/mine/", "good", ""))
	bodyOf(t, b.run("/app/shirts/", "none", "")) // there is no such callback
	duplicate := regexp.MustCompile(`good\.children@[0-9a-f]+`).FindString(bodyOf(t, b.get("/app/shirts/_dash-dependencies")))
	wantStatus(t, b.sendJSON("POST", "/app/shirts/_dash-update-component",
		fmt.Sprintf(`{"output":%q,"outputs":{"id":"good","property":%q},"inputs":[{"id":"good","property":"n_clicks","value":1}]}`, duplicate, duplicate[len("good."):])), http.StatusOK)
	runs := map[string][2]int{}
	for _, c := range countedBy(t, root).Callbacks {
		runs[c.App+" "+c.Callback] = [2]int{c.Runs, c.Failures}
	}
	want := map[string][2]int{
		"shirts good.children":    {3, 0},
		"shirts leaves.children":  {1, 0},
		"shirts refuses.children": {1, 0},
		"shirts left.children":    {1, 0},
		"shirts fails.children":   {1, 1},
		"shirts panics.children":  {2, 2},

		"shirts good.children from good.n_clicks": {1, 0},
	}
	if diff := cmp.Diff(want, runs); diff != "" {
		t.Error(diff)
	}

	page := endID(t, bodyOf(t, b.get("/app/shirts/")))
	idle := endID(t, bodyOf(t, b.get("/instance/mine/")))
	*now = now.Add(3 * time.Second)
	for range 2 { // the second is not the first
		wantStatus(t, b.run("/app/shirts/", "good", page), http.StatusOK)
	}
	wantStatus(t, b.run("/app/shirts/", "good", "nobodys"), http.StatusOK)
	*now = now.Add(10 * time.Minute) // the visitor had something else to do
	wantStatus(t, b.run("/instance/mine/", "good", idle), http.StatusOK)
	first := countedBy(t, root).FirstCallbacks
	if len(first) != 1 || first[0].Target != "app/shirts" || first[0].Runs != 1 || first[0].Longest_ms < 2900 || first[0].Longest_ms > 3000 {
		t.Errorf("first callbacks: %+v", first)
	}
}

// What happens after midnight is of the next day.
func TestAnalyticsMidnight(t *testing.T) {
	s, root, now := countedServer(t, serve.Config{})
	b := newClient(t, s.Handler())
	*now = time.Date(2026, 11, 2, 23, 59, 59, 0, time.UTC)
	for range 2 {
		b.get("/app/shirts/")
		b.run("/app/shirts/", "good", "")
		*now = now.Add(time.Second)
	}
	c := countedBy(t, root)
	if len(c.Views) != 2 || len(c.Callbacks) != 2 || c.Callbacks[0].Day != "2026-11-02" || c.Callbacks[1].Day != "2026-11-03" || c.Callbacks[0].Runs != 1 {
		t.Errorf("%+v", c)
	}
}

// Counts are kept when the server ends.
func TestAnalyticsReopened(t *testing.T) {
	config := serve.Config{Data: t.TempDir(), Apps: []*app.App{countedApp("Shirts", app.Public)}, DefaultAccess: app.Public}
	day := store.Day(time.Now())
	for n := range 3 {
		s, err := serve.New(config)
		if err != nil {
			t.Fatal(err)
		}
		b := newClient(t, s.Handler())
		b.get("/app/shirts/")
		b.run("/app/shirts/", "good", "")
		a, err := s.Store().Analytics(t.Context(), day, "9999-12-31")
		if err != nil {
			t.Fatal(err)
		}
		var views, runs, visitors int64
		for _, v := range a.Views {
			views += v.Views
		}
		for _, c := range a.Timings {
			runs += c.Times.Runs
		}
		for _, v := range a.Visitors {
			visitors = max(visitors, v.Visitors)
		}
		if want := int64(n); views != want || runs != want || visitors != min(want, 1) && store.Day(time.Now()) == day {
			t.Errorf("after %d servers: %d views, %d runs, %d visitors", n, views, runs, visitors)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// With the switch off nothing is counted, and the health route answers.
func TestAnalyticsOff(t *testing.T) {
	s, root, _ := countedServer(t, serve.Config{NoAnalytics: true})
	b := newClient(t, s.Handler())
	page := endID(t, bodyOf(t, b.get("/app/shirts/")))
	b.run("/app/shirts/", "good", page)
	wantStatus(t, b.get("/app/shirts/_django/health"), http.StatusOK)
	wantStatus(t, b.get("/_django/health/"), http.StatusOK)
	if c := countedBy(t, root); len(c.Views)+len(c.Visitors)+len(c.Users)+len(c.FirstCallbacks)+len(c.Callbacks) != 0 {
		t.Errorf("%+v", c)
	}
	if page := bodyOf(t, root.get("/admin/analytics/")); !strings.Contains(page, "Nothing is counted") {
		t.Errorf("the page does not say so: %s", page)
	}
}

// The app in the administration draws what was counted.
func TestAnalyticsApp(t *testing.T) {
	s, root, now := countedServer(t, serve.Config{BasePath: "/"})
	b := newClient(t, s.Handler())
	b.get("/app/shirts/")
	b.get("/instance/mine/")
	root.get("/app/closed/")
	b.run("/app/shirts/", "fails", "")
	slow := store.NewCounts()
	slow.Timings[store.TimingKey{Day: "2026-11-01", Kind: store.CallbackTiming, App: "shirts", Name: "slow.children"}] = &store.Times{}
	for _, times := range slow.Timings {
		times.Add(4*time.Second, false)
	}
	if err := s.Store().AddCounts(t.Context(), slow); err != nil {
		t.Fatal(err)
	}

	page := bodyOf(t, root.get("/admin/analytics/"))
	for _, part := range []string{`src="/admin/analytics/app/?embed=auto"`, `href="/admin/analytics/"`, "400 days"} {
		if !strings.Contains(page, part) {
			t.Errorf("the page lacks %s: %s", part, page)
		}
	}
	draw := func(from, to, slug string) (status int, text string) {
		t.Helper()
		resp := root.sendJSON("POST", "/admin/analytics/app/_dash-update-component", fmt.Sprintf(`{
			"output":"..numbers.children...views.figure...first.figure...lists.children...csv.href...json.href..",
			"outputs":[{"id":"numbers","property":"children"},{"id":"views","property":"figure"},{"id":"first","property":"figure"},{"id":"lists","property":"children"},{"id":"csv","property":"href"},{"id":"json","property":"href"}],
			"inputs":[{"id":"days","property":"start_date","value":%q},{"id":"days","property":"end_date","value":%q},{"id":"app","property":"value","value":%q}]}`, from, to, slug))
		return resp.StatusCode, bodyOf(t, resp)
	}
	status, all := draw("2026-10-20", "2026-11-02", "*")
	for _, part := range []string{`"name":"Shirts"`, `"name":"Closed"`, "slow.children", "4.0 s", "fails.children", "instance/mine", `"root"`,
		"/admin/analytics/export?format=csv\\u0026from=2026-10-20\\u0026to=2026-11-02"} {
		if !strings.Contains(all, part) && !strings.Contains(strings.ReplaceAll(all, "&", `\u0026`), part) {
			t.Errorf("%d: the answer lacks %s: %s", status, part, all)
		}
	}
	if strings.Index(all, "slow.children") > strings.Index(all, "fails.children") {
		t.Error("the slowest callback is not the first")
	}
	_, one := draw("2026-11-02", "2026-11-02", "shirts")
	if strings.Contains(one, `"name":"Closed"`) || strings.Contains(one, "slow.children") || !strings.Contains(one, `"name":"mine"`) {
		t.Errorf("of one app and day: %s", one)
	}
	if status, _ := draw("", "2026-11-02", "*"); status != http.StatusNoContent {
		t.Errorf("half a choice: %d", status)
	}
	if status, text := draw("2026-11-03", "2026-11-02", "*"); status != http.StatusBadRequest || !strings.Contains(text, "is after the last") {
		t.Errorf("%d %s", status, text)
	}
	layout := bodyOf(t, root.get("/admin/analytics/app/_dash-layout"))
	if !strings.Contains(layout, store.Day(*now)) || !strings.Contains(layout, `"value":"closed"`) {
		t.Errorf("layout: %s", layout)
	}
	for _, c := range countedBy(t, root).Callbacks {
		if c.App != "shirts" {
			t.Errorf("the analytics count themselves: %+v", c)
		}
	}
}

// Only superusers see the analytics, at no other address, and not where there is
// no administration.
func TestAnalyticsAccess(t *testing.T) {
	s, root, _ := countedServer(t, serve.Config{})
	ann := newClient(t, s.Handler())
	ann.signIn("ann", password)
	anonymous := newClient(t, s.Handler())
	for _, path := range []string{"", "export", "app/", "app/_dash-layout", "app/_dash-dependencies", "app/_dash-embed"} {
		path = "/admin/analytics/" + path
		wantStatus(t, anonymous.get(path), http.StatusSeeOther)
		wantStatus(t, ann.get(path), http.StatusForbidden)
		wantStatus(t, root.get(path), http.StatusOK)
	}
	for b, want := range map[*client]int{anonymous: http.StatusUnauthorized, ann: http.StatusForbidden} {
		wantStatus(t, b.sendJSON("POST", "/admin/analytics/app/_dash-update-component", `{"output":"views.figure"}`), want)
	}
	wantStatus(t, root.get("/admin/analytics/app/none"), http.StatusNotFound)
	wantStatus(t, root.post("/admin/analytics/app/"), http.StatusMethodNotAllowed)
	wantStatus(t, root.get("/app/dashd-analytics/"), http.StatusNotFound)
	if list := bodyOf(t, root.get("/")) + bodyOf(t, root.get("/admin/apps/")); strings.Contains(list, "dashd-analytics") {
		t.Error("the analytics are among the apps")
	}
	s, _ = newServer(t, serve.Config{NoAdmin: true, Apps: []*app.App{countedApp("Shirts", app.Public)}})
	wantStatus(t, newClient(t, s.Handler()).get("/admin/analytics/app/"), http.StatusNotFound)
	s, _ = newServer(t, serve.Config{AdminApart: true, Apps: []*app.App{countedApp("dashd-analytics", app.Public)}})
	b := newClient(t, s.Handler())
	wantStatus(t, b.get("/admin/analytics/app/"), http.StatusNotFound)
	wantStatus(t, b.get("/_django/health/"), http.StatusOK)
	wantStatus(t, b.get("/app/dashd-analytics/"), http.StatusOK) // one of the site's own has its name
	b.handler = s.AdminHandler()
	wantStatus(t, b.get("/admin/analytics/app/"), http.StatusSeeOther)
}

func TestAnalyticsExport(t *testing.T) {
	s, root, _ := countedServer(t, serve.Config{})
	root.get("/app/shirts/")
	root.run("/app/shirts/", "fails", "")
	odd := store.NewCounts()
	odd.Users[store.UserKey{Day: "2026-11-02", App: "shirts", Target: "app/shirts", User: "=1+1"}] = 1
	if err := s.Store().AddCounts(t.Context(), odd); err != nil {
		t.Fatal(err)
	}
	resp := root.get("/admin/analytics/export?from=2026-11-01&to=2026-11-02")
	if got := resp.Header.Get("Content-Disposition"); got != `attachment; filename="analytics-2026-11-01-2026-11-02.csv"` {
		t.Errorf("Content-Disposition: %s", got)
	}
	lines, err := csv.NewReader(resp.Body).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]bool{}
	for _, line := range lines {
		found[strings.Join(line, " ")] = true
	}
	for _, want := range []string{
		"day app target measure name value",
		"2026-11-02 shirts app/shirts views page 1",
		"2026-11-02 shirts app/shirts visitors  1",
		"2026-11-02 shirts app/shirts user_views root 1",
		"2026-11-02 shirts app/shirts user_views '=1+1 1",
		"2026-11-02 shirts  callback_failures fails.children 1",
	} {
		if !found[want] {
			t.Errorf("no line %q in %q", want, lines)
		}
	}
	for _, query := range []string{"from=yesterday", "to=2026-13-01", "from=2026-11-02&to=2026-11-01", "from=1000-01-01", "format=xlsx"} {
		wantStatus(t, root.get("/admin/analytics/export?"+query), http.StatusBadRequest)
	}
}
