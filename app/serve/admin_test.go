package serve_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"dashd/app"
	"dashd/app/dcc"
	dash "dashd/app/html"
	"dashd/app/serve"
	"dashd/store"
)

// adminApp is an app with something to track.
func adminApp() *app.App {
	a := app.New("Colors")
	a.Title = "All colors"
	a.Layout = dash.Div{Children: app.List{
		dcc.Input{ID: "color", Value: "red"},
		dash.Div{ID: "output"},
	}}
	return a
}

// administer makes a server and the browser of its superuser.
func administer(t *testing.T, config serve.Config) (*serve.Server, *client, *lockedBuffer) {
	t.Helper()
	if config.Apps == nil {
		config.Apps = []*app.App{adminApp()}
	}
	s, log := withUsers(t, config)
	b := newClient(t, s.Handler())
	b.signIn("root", password)
	return s, b, log
}

// did follows the redirect of an action that has worked, and returns where it
// led and the page there.
func did(t *testing.T, b *client, resp *http.Response, notice string) (location, page string) {
	t.Helper()
	wantStatus(t, resp, http.StatusSeeOther)
	location = resp.Header.Get("Location")
	resp = b.get(location)
	wantStatus(t, resp, http.StatusOK)
	page = bodyOf(t, resp)
	if !strings.Contains(html.UnescapeString(page), notice) || !strings.Contains(page, `role="status"`) {
		t.Errorf("%s lacks the notice %q: %s", location, notice, page)
	}
	if again := bodyOf(t, b.get(location)); strings.Contains(again, `role="status"`) {
		t.Errorf("%s shows its notice twice", location)
	}
	return location, page
}

// refused checks that an action was not done, and that the page says why and
// keeps what was typed.
func refused(t *testing.T, resp *http.Response, status int, parts ...string) {
	t.Helper()
	wantStatus(t, resp, status)
	page := html.UnescapeString(bodyOf(t, resp))
	for _, part := range append(parts, `role="alert"`) {
		if !strings.Contains(page, part) {
			t.Errorf("the page lacks %q: %s", part, page)
		}
	}
}

func mustCreate(t *testing.T, s *serve.Server, instance serve.NewInstance) app.Instance {
	t.Helper()
	made, err := s.Instances().Create(t.Context(), instance)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func stateOf(t *testing.T, s *serve.Server, slug string) string {
	t.Helper()
	state, err := s.Instances().State(t.Context(), slug)
	if err != nil {
		t.Fatal(err)
	}
	return string(state.Text())
}

// red is the state {"color": {"value": "red"}}.
func red() app.BaseState { return app.BaseState{"color": {"value": json.RawMessage(`"red"`)}} }

func TestAdminPages(t *testing.T) {
	s, root, _ := administer(t, serve.Config{})
	mustCreate(t, s, serve.NewInstance{App: "colors", Name: "Mine", Slug: "mine", State: red()})
	if err := s.Store().AddGroup(t.Context(), "staff"); err != nil {
		t.Fatal(err)
	}
	ann, nobody := newClient(t, s.Handler()), newClient(t, s.Handler())
	ann.signIn("ann", password)
	for path, parts := range map[string][]string{
		"/admin/":                               {"Administration", "Mine", "No request has failed"},
		"/admin/apps/":                          {"Colors", "All colors", "by default", "Check all"},
		"/admin/apps/colors":                    {"All colors", "As in the code: public"},
		"/admin/instances/":                     {"Mine", `href="/instance/mine/"`, "New instance"},
		"/admin/instances/mine":                 {"Mine", "color", "Populate", "Restore"},
		"/admin/instances/mine/state":           {"textarea"},
		"/admin/instances/mine/value":           {"Add a value"},
		"/admin/instances/mine/delete":          {"Delete the instance Mine?"},
		"/admin/users/":                         {"root", "ann", "bob", "superuser"},
		"/admin/users/ann":                      {"Make a superuser", "staff"},
		"/admin/users/ann/delete":               {"Delete the user ann?"},
		"/admin/groups/":                        {"staff"},
		"/admin/groups/staff/delete":            {"Delete the group staff?"},
		"/admin/sessions/":                      {"This browser", "192.0.2.1"},
		"/admin/errors/":                        {"No request has failed"},
		"/admin/errors/?id=0123456789abcdef":    {"No error with this id"},
		"/admin/errors/?id=%3Cscript%3Ealert()": {"An id has 16 digits"},
	} {
		t.Run(path, func(t *testing.T) {
			resp := root.get(path)
			if cache := resp.Header.Get("Cache-Control"); cache != "no-store" {
				t.Errorf("Cache-Control is %q", cache)
			}
			wantPage(t, resp, http.StatusOK, append(parts, `aria-current="page"`)...)
			wantStatus(t, ann.get(path), http.StatusForbidden)
			wantLocation(t, nobody.get(path), "/login?next="+url.QueryEscape(path))
		})
	}
	for _, path := range []string{"/admin/apps/no", "/admin/instances/no", "/admin/users/no", "/admin/groups/no/delete", "/admin/no"} {
		wantStatus(t, root.get(path), http.StatusNotFound)
	}
}

func TestAdminChecksApps(t *testing.T) {
	var fails atomic.Bool
	fickle := app.New("Fickle")
	fickle.LayoutFunc = func(*app.Context) (app.Component, error) {
		if fails.Load() {
			return nil, errors.New("the <b>data</b> is away")
		}
		return dash.Div{}, nil
	}
	panics := app.New("Panics")
	panics.LayoutFunc = func(*app.Context) (app.Component, error) {
		if fails.Load() {
			panic("out of luck")
		}
		return dash.Div{}, nil
	}
	_, b, log := administer(t, serve.Config{Apps: []*app.App{adminApp(), fickle, panics}})

	_, page := did(t, b, b.post("/admin/apps/"), "All 3 apps work.")
	if n := strings.Count(page, " works: its layout has "); n != 3 {
		t.Errorf("%d results, want 3: %s", n, page)
	}
	fails.Store(true)
	_, page = did(t, b, b.post("/admin/apps/"), "2 of 3 apps fail.")
	for _, part := range []string{"Colors works", "Fickle fails: make the layout: the &lt;b&gt;data&lt;/b&gt; is away", "Panics fails: ", "out of luck"} {
		if !strings.Contains(page, part) {
			t.Errorf("the results lack %q: %s", part, page)
		}
	}
	if text := log.String(); strings.Count(text, "the app fails its check") != 2 || !strings.Contains(text, `"app":"fickle"`) {
		t.Errorf("the log does not have the failures: %s", text)
	}
	location, _ := did(t, b, b.post("/admin/apps/colors/check"), "Colors works")
	if location != "/admin/apps/colors" {
		t.Errorf("the check of one app leads to %s", location)
	}
	did(t, b, b.post("/admin/apps/fickle/check"), "Fickle fails")
}

func TestAdminSetsAppAccess(t *testing.T) {
	s, b, _ := administer(t, serve.Config{})
	ann, bob := newClient(t, s.Handler()), newClient(t, s.Handler())
	ann.signIn("ann", password)
	bob.signIn("bob", password)
	const form = "/admin/apps/colors/access"
	wantStatus(t, ann.get("/app/colors/"), http.StatusOK)

	_, page := did(t, b, b.post(form, "level", "restricted", "who", "user:ann, group:staff"), "It counts from now on.")
	for _, part := range []string{"There is no group staff.", "by the administration", `value="group:staff user:ann"`} {
		if !strings.Contains(page, part) {
			t.Errorf("the page lacks %q: %s", part, page)
		}
	}
	wantStatus(t, ann.get("/app/colors/"), http.StatusOK)
	wantStatus(t, bob.get("/app/colors/"), http.StatusForbidden)

	refused(t, b.post(form, "level", "restricted", "who", "ann <b>"), http.StatusBadRequest, `"ann" is not like user:ann`, `value="ann <b>"`)
	refused(t, b.post(form, "level", "everybody"), http.StatusBadRequest, "is not public, authenticated")
	wantStatus(t, bob.get("/app/colors/"), http.StatusForbidden)

	_, page = did(t, b, b.post(form, "level", "", "who", "user:ann"), "It counts from now on.")
	if !strings.Contains(page, "by default") {
		t.Errorf("the access is not the default's: %s", page)
	}
	wantStatus(t, bob.get("/app/colors/"), http.StatusOK)
}

// Who is deleted is in no app's access any more, at once.
func TestAdminDeletesNamesFromAccess(t *testing.T) {
	s, b, _ := administer(t, serve.Config{})
	if err := s.Store().AddGroup(t.Context(), "staff"); err != nil {
		t.Fatal(err)
	}
	if err := s.Store().AddMember(t.Context(), "staff", "bob"); err != nil {
		t.Fatal(err)
	}
	did(t, b, b.post("/admin/apps/colors/access", "level", "restricted", "who", "user:ann group:staff"), "Saved.")
	closed := func(name string) {
		t.Helper()
		c := newClient(t, s.Handler())
		c.signIn(name, password)
		wantStatus(t, c.get("/app/colors/"), http.StatusForbidden)
	}
	did(t, b, b.post("/admin/users/ann/delete"), "The user ann is deleted.")
	did(t, b, b.post("/admin/users/", "name", "ann", "password", password), "The user ann is added.")
	closed("ann")
	did(t, b, b.post("/admin/groups/staff/delete"), "The group staff is deleted.")
	did(t, b, b.post("/admin/groups/", "name", "staff"), "The group staff is added.")
	did(t, b, b.post("/admin/groups/staff/add", "user", "bob"), "bob is a member of staff now.")
	closed("bob")
}

func TestAdminAppsThatAreGone(t *testing.T) {
	s, b, _ := administer(t, serve.Config{})
	if err := s.Store().RecordApps(t.Context(), []store.App{{Slug: "old", Name: "Old"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Store().CreateInstance(t.Context(), serve.NewInstance{App: "old", Name: "Kept", Slug: "kept", State: red()}, ""); err != nil {
		t.Fatal(err)
	}
	wantPage(t, b.get("/admin/"), 200, "Not in this binary any more: 1 app.")
	wantPage(t, b.get("/admin/apps/"), 200, "not in this binary", "Forget")
	wantPage(t, b.get("/admin/apps/old"), 200, "not in this binary", "Forget")
	wantPage(t, b.get("/admin/instances/kept"), 200, "not in this binary", "color")
	if page := bodyOf(t, b.get("/admin/instances/kept")); strings.Contains(page, "/instance/kept/") {
		t.Error("the instance can be opened")
	}
	if text := bodyOf(t, b.get("/admin/instances/kept/export")); text != `{"color": {"value": "red"}}` {
		t.Errorf("export: %s", text)
	}
	refused(t, b.post("/admin/instances/kept/populate"), http.StatusGone, "not part of this server any more")
	refused(t, b.post("/admin/apps/old/check"), http.StatusConflict, "not in this binary")
	refused(t, b.post("/admin/apps/old/access", "level", "public"), http.StatusConflict, "not in this binary")
	refused(t, b.post("/admin/apps/old/forget"), http.StatusConflict, "Delete them first")
	refused(t, b.post("/admin/apps/colors/forget"), http.StatusConflict, "cannot be forgotten")
	did(t, b, b.post("/admin/instances/kept/delete"), "The instance Kept is deleted.")
	did(t, b, b.post("/admin/apps/old/forget"), "The app old is forgotten.")
	wantStatus(t, b.get("/admin/apps/old"), http.StatusNotFound)
}

func TestAdminInstances(t *testing.T) {
	s, b, _ := administer(t, serve.Config{})
	location, _ := did(t, b, b.post("/admin/instances/", "app", "colors", "name", "First", "slug", "", "save_on_change", "on", "populate", "on"), "The instance is made.")
	if location != "/admin/instances/first" {
		t.Fatalf("the new instance is at %s", location)
	}
	if state := stateOf(t, s, "first"); !strings.Contains(state, `"color": {`) || !strings.Contains(state, `"value": "red"`) {
		t.Errorf("populated: %s", state)
	}
	refused(t, b.post("/admin/instances/", "app", "colors", "name", "First", "slug", "other"), http.StatusConflict, "with this name already", `value="First"`, `value="other"`, "<details class=\"new\" open")
	refused(t, b.post("/admin/instances/", "app", "colors", "name", "x", "slug", "no blanks"), http.StatusBadRequest, "The slug of an instance", `value="no blanks"`)
	refused(t, b.post("/admin/instances/", "app", "nope", "name", "x"), http.StatusNotFound, "There is no such app.")
	refused(t, b.post("/admin/instances/", "app", "nope", "name", "x", "populate", "on"), http.StatusNotFound, "There is no such app.")

	location, page := did(t, b, b.post("/admin/instances/first/describe", "name", "One", "slug", "one", "level", "restricted", "who", "user:ann user:carl"), "Saved.")
	if location != "/admin/instances/one" || !strings.Contains(page, "There is no user carl.") {
		t.Errorf("%s: %s", location, page)
	}
	one, err := s.Instances().Get(t.Context(), "one")
	if err != nil || one.Name != "One" || one.SaveOnChange || one.Access != "restricted user:ann user:carl" {
		t.Errorf("described: %+v %v", one, err)
	}
	refused(t, b.post("/admin/instances/one/describe", "name", "Two", "slug", "one", "level", "restricted", "who", "ann"), http.StatusBadRequest, `"ann" is not like`, `value="Two"`, `value="ann"`)

	did(t, b, b.post("/admin/instances/one/value", "component", "color", "property", "value", "text", `"blue"`, "was", wasOf(t, b, "/admin/instances/one/value?component=color&property=value")), "color.value is saved.")
	if state := stateOf(t, s, "one"); !strings.Contains(state, `"value": "blue"`) {
		t.Errorf("after the edit: %s", state)
	}
	did(t, b, b.post("/admin/instances/one/reset"), "The layout's own values count again.")
	if state := stateOf(t, s, "one"); !strings.Contains(state, `"value": null`) {
		t.Errorf("after the reset: %s", state)
	}
	did(t, b, b.post("/admin/instances/one/populate"), "those of the app's layout")
	if state := stateOf(t, s, "one"); !strings.Contains(state, `"value": "red"`) {
		t.Errorf("populated: %s", state)
	}
	did(t, b, b.post("/admin/instances/one/restore", "revision", revisionOf(t, s, "one", `"blue"`)), "are back.")
	if state := stateOf(t, s, "one"); !strings.Contains(state, `"value": "blue"`) {
		t.Errorf("restored: %s", state)
	}
	history, err := s.Instances().History(t.Context(), "one", 100)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range history {
		if r.User != "root" {
			t.Errorf("the history says %q of revision %d", r.User, r.Revision)
		}
	}
	wantPage(t, b.get("/admin/instances/one"), 200, "by root", "&#34;blue&#34;")
	refused(t, b.post("/admin/instances/one/restore", "revision", "12345"), http.StatusNotFound, "no revision 12345")
	refused(t, b.post("/admin/instances/one/restore", "revision", "x"), http.StatusBadRequest, "A revision is a number.")

	did(t, b, b.post("/admin/instances/one/untrack", "component", "color", "property", "value"), "color.value is no longer tracked.")
	if state := stateOf(t, s, "one"); strings.Contains(state, `"value": "`) {
		t.Errorf("untracked: %s", state)
	}
	refused(t, b.post("/admin/instances/one/untrack", "component", "color", "property", "value"), http.StatusNotFound, "does not track")

	location, _ = did(t, b, b.post("/admin/instances/one/clone", "name", "Copy"), "This is the copy.")
	if location != "/admin/instances/copy" || stateOf(t, s, "copy") != stateOf(t, s, "one") {
		t.Errorf("%s: %s", location, stateOf(t, s, "copy"))
	}
	refused(t, b.post("/admin/instances/one/clone", "name", "Copy"), http.StatusConflict, "with this name already", `value="Copy"`)

	resp := b.get("/admin/instances/copy/export")
	if got := resp.Header.Get("Content-Disposition"); got != `attachment; filename="copy.json"` {
		t.Errorf("the export is no file: %s", got)
	}
	if text := bodyOf(t, resp); text != stateOf(t, s, "copy") {
		t.Errorf("export: %s", text)
	}
	did(t, b, b.post("/admin/instances/copy/delete"), "The instance Copy is deleted.")
	wantStatus(t, b.get("/admin/instances/copy"), http.StatusNotFound)
	wantStatus(t, b.post("/admin/instances/copy/delete"), http.StatusNotFound)
}

// wasOf returns what a form says of the text that it was made with.
func wasOf(t *testing.T, b *client, path string) string {
	t.Helper()
	resp := b.get(path)
	wantStatus(t, resp, http.StatusOK)
	found := regexp.MustCompile(`name="was" value="([^"]*)"`).FindStringSubmatch(bodyOf(t, resp))
	if found == nil {
		t.Fatalf("%s has no such form", path)
	}
	return found[1]
}

// revisionOf returns the newest revision in which something had a value.
func revisionOf(t *testing.T, s *serve.Server, slug, value string) string {
	t.Helper()
	history, err := s.Instances().History(t.Context(), slug, 100)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range history {
		if string(r.Value) == value {
			return fmt.Sprint(r.Revision)
		}
	}
	t.Fatalf("%s never had the value %s", slug, value)
	return ""
}

func TestAdminEditsState(t *testing.T) {
	s, b, _ := administer(t, serve.Config{})
	state := red()
	state["color"]["debounce"] = json.RawMessage(`null`)
	state["color"]["size"] = nil
	mustCreate(t, s, serve.NewInstance{App: "colors", Name: "Mine", Slug: "mine", State: state})
	const form, one = "/admin/instances/mine/state", "/admin/instances/mine/value"
	page := html.UnescapeString(bodyOf(t, b.get(form)))
	text := "{\n  \"color\": {\n    \"debounce\": null,\n    \"size\": null,\n    \"value\": \"red\"\n  }\n}\n"
	if !strings.Contains(page, ">"+text+"<") {
		t.Fatalf("the text is not there: %s", page)
	}

	was := wasOf(t, b, form)
	keeps := `name="was" value="` + was + `"`
	refused(t, b.post(form, "was", was, "text", "{\n  \"color\": {\"value\": blue}\n}"), 400, "line 2, column 22", "{\"value\": blue}", keeps, `aria-invalid="true"`)
	refused(t, b.post(form, "was", was, "text", `{"color": 1}`), 400, "The state of color is not an object", `{"color": 1}`, keeps)
	refused(t, b.post(form, "was", was, "text", `{"color": {"id": 1}}`), 400, "color", keeps)
	refused(t, b.post(form, "was", was, "text", ""), 400, "line 1, column 1", keeps)
	refused(t, b.post(one, "component", "color", "property", "value", "was", wasOf(t, b, one+"?component=color&property=value"), "text", "[1,\n2,,]"), 400, "line 2, column 3", "[1,\n2,,]")
	refused(t, b.post(one, "component", "colour", "property", "value", "was", wasOf(t, b, one), "text", "1"), 400, "has no component colour", `value="colour"`)
	if got := stateOf(t, s, "mine"); !strings.Contains(got, `"value": "red"`) {
		t.Fatalf("a refused text is saved: %s", got)
	}

	// Somebody else is faster.
	oneWas := wasOf(t, b, one+"?component=color&property=value")
	if err := s.Instances().Set(t.Context(), "mine", "color", "value", "green"); err != nil {
		t.Fatal(err)
	}
	mine := strings.Replace(text, "red", "mine", 1)
	refused(t, b.post(form, "was", was, "text", "{"), 400, keeps) // he is not told yet
	resp := b.post(form, "was", was, "text", mine)
	if resp.StatusCode != http.StatusConflict {
		t.Fatalf("status %d: the change of somebody else is lost", resp.StatusCode)
	}
	page = html.UnescapeString(bodyOf(t, resp))
	if !strings.Contains(page, mine) || !strings.Contains(page, "was changed meanwhile") || strings.Contains(page, keeps) {
		t.Errorf("the page: %s", page)
	}
	refused(t, b.post(one, "component", "color", "property", "value", "was", oneWas, "text", `"mine"`), 409, "was changed meanwhile", `"mine"`)
	if got := stateOf(t, s, "mine"); !strings.Contains(got, `"green"`) {
		t.Fatalf("the change of somebody else is lost: %s", got)
	}

	// Told, he does it all the same. A null stays what it was.
	did(t, b, b.post(form, "was", wasOf(t, b, form), "text", strings.ReplaceAll(mine, "\n", "\r\n")), "Saved.")
	got, err := s.Instances().State(t.Context(), "mine")
	if err != nil {
		t.Fatal(err)
	}
	if string(got["color"]["value"]) != `"mine"` || string(got["color"]["debounce"]) != "null" || got["color"]["size"] != nil || len(got["color"]) != 3 {
		t.Errorf("saved: %s", got)
	}
	wantPage(t, b.get("/admin/instances/mine"), 200, "the layout's own")
}

func TestAdminLargeState(t *testing.T) {
	s, b, _ := administer(t, serve.Config{})
	state := app.BaseState{"color": {"value": json.RawMessage(`"` + strings.Repeat("x", 600<<10) + `"`)}}
	mustCreate(t, s, serve.NewInstance{App: "colors", Name: "Large", Slug: "large", State: state})
	for _, path := range []string{"/admin/instances/large/state", "/admin/instances/large/value?component=color&property=value", "/admin/instances/large"} {
		resp := b.get(path)
		wantStatus(t, resp, http.StatusOK)
		if page := bodyOf(t, resp); len(page) > 50<<10 {
			t.Errorf("%s has %d bytes", path, len(page))
		}
	}
	wantPage(t, b.get("/admin/instances/large/state"), 200, "too large to be edited here")
}

func TestAdminPaging(t *testing.T) {
	s, b, _ := administer(t, serve.Config{})
	for i := range 120 {
		mustCreate(t, s, serve.NewInstance{App: "colors", Name: fmt.Sprintf("Number %03d", i), SaveOnChange: i%3 == 0})
	}
	row := regexp.MustCompile(`Number \d+`)
	for _, tt := range []struct {
		query       string
		total       string
		first, last string
		n           int
		links       []string
	}{
		{"", "1 to 50 of 120 instances", "Number 000", "Number 049", 50, []string{`href="/admin/instances/?page=2"`}},
		{"?page=2", "51 to 100 of 120 instances", "Number 050", "Number 099", 50, []string{"?page=1", "?page=3"}},
		{"?page=3", "101 to 120 of 120 instances", "Number 100", "Number 119", 20, []string{"?page=2"}},
		{"?page=99", "101 to 120 of 120 instances", "Number 100", "Number 119", 20, nil},
		{"?page=-1", "1 to 50 of 120 instances", "Number 000", "Number 049", 50, nil},
		{"?page=9999999999999999999999", "120 instances", "Number", "", -1, nil},
		{"?save=on", "40 instances", "Number 000", "Number 117", 40, nil},
		{"?save=off&page=2&app=colors", "51 to 80 of 80 instances", "Number 076", "Number 119", 30, []string{"?app=colors&amp;page=1&amp;save=off"}},
		{"?text=number+11", "10 instances", "Number 110", "Number 119", 10, nil},
		{"?text=nothing", "No instance is like this", "", "", 0, nil},
		{"?app=nope", "No instance is like this", "", "", 0, nil},
	} {
		resp := b.get("/admin/instances/" + tt.query)
		wantStatus(t, resp, http.StatusOK)
		page := bodyOf(t, resp)
		rows := row.FindAllString(page, -1)
		if tt.n >= 0 && len(rows) != tt.n || tt.n > 0 && (rows[0] != tt.first || rows[len(rows)-1] != tt.last) {
			t.Errorf("%s: %d rows: %v", tt.query, len(rows), rows)
		}
		for _, part := range append(tt.links, tt.total) {
			if !strings.Contains(page, part) {
				t.Errorf("%s lacks %q: %s", tt.query, part, page)
			}
		}
	}
}

func TestAdminEscapes(t *testing.T) {
	const script = `<script>alert(1)</script>"'&`
	evil := app.New("Evil " + script)
	evil.Title = script
	evil.Layout = dcc.Input{ID: "color"}
	s, b, _ := administer(t, serve.Config{Apps: []*app.App{evil}})
	text, err := json.Marshal(script)
	if err != nil {
		t.Fatal(err)
	}
	mustCreate(t, s, serve.NewInstance{App: evil.Slug(), Name: "Name " + script, Slug: "evil", State: app.BaseState{"color": {"value": text}}})
	visitor := newClient(t, s.Handler())
	wantStatus(t, visitor.send("POST", "/login", url.Values{"name": {"ann"}, "password": {password}}, "User-Agent", script), http.StatusSeeOther)
	q := url.QueryEscape(script)
	for _, path := range []string{
		"/admin/", "/admin/apps/", "/admin/apps/" + evil.Slug(), "/admin/instances/", "/admin/instances/evil", "/admin/instances/evil/state",
		"/admin/instances/evil/value?component=color&property=value", "/admin/instances/evil/value?component=" + q + "&property=" + q,
		"/admin/instances/evil/delete", "/admin/instances/?text=" + q + "&app=" + q + "&save=" + q, "/admin/sessions/", "/admin/users/ann", "/admin/errors/?id=" + q,
	} {
		resp := b.get(path)
		wantStatus(t, resp, http.StatusOK)
		if page := bodyOf(t, resp); strings.Contains(page, "<script") {
			t.Errorf("%s: the script is there: %s", path, page)
		}
		if policy := resp.Header.Get("Content-Security-Policy"); !strings.Contains(policy, "default-src 'self'") || strings.Contains(policy, "unsafe") {
			t.Errorf("%s: the policy is %q", path, policy)
		}
	}
	for path, resp := range map[string]*http.Response{
		"create":  b.post("/admin/instances/", "app", evil.Slug(), "name", script, "slug", script),
		"state":   b.post("/admin/instances/evil/state", "was", script, "text", script),
		"value":   b.post("/admin/instances/evil/value", "was", script, "text", script, "component", script, "property", script),
		"access":  b.post("/admin/apps/"+evil.Slug()+"/access", "level", "restricted", "who", script),
		"user":    b.post("/admin/users/", "name", script, "password", password),
		"group":   b.post("/admin/groups/", "name", script),
		"restore": b.post("/admin/instances/evil/restore", "revision", script),
	} {
		if resp.StatusCode != http.StatusBadRequest {
			t.Errorf("%s: status %d", path, resp.StatusCode)
		}
		if page := bodyOf(t, resp); strings.Contains(page, "<script") || !strings.Contains(page, `role="alert"`) {
			t.Errorf("%s: the script is there, or no reason: %s", path, page)
		}
	}
}

func TestAdminUsers(t *testing.T) {
	s, b, log := administer(t, serve.Config{})
	did(t, b, b.post("/admin/groups/", "name", "staff"), "The group staff is added.")
	location, _ := did(t, b, b.post("/admin/users/", "name", "carl", "password", "a long password", "superuser", "on"), "The user carl is added.")
	if location != "/admin/users/carl" {
		t.Errorf("the new user is at %s", location)
	}
	refused(t, b.post("/admin/users/", "name", "CARL", "password", "a long password"), 409, "already a user", `value="CARL"`, `<details class="new" open`)
	refused(t, b.post("/admin/users/", "name", "a b", "password", "a long password"), 400, "A name has", `value="a b"`)
	refused(t, b.post("/admin/users/", "name", "dora", "password", "short"), 400, `value="dora"`)

	resp := b.post("/admin/users/", "name", "dora", "password", "")
	wantStatus(t, resp, http.StatusOK)
	shown := regexp.MustCompile(`<p class="password"><code>([^<]+)</code>`).FindStringSubmatch(bodyOf(t, resp))
	if shown == nil {
		t.Fatal("the generated password is not shown")
	}
	dora := newClient(t, s.Handler())
	dora.signIn("dora", html.UnescapeString(shown[1]))
	if page := bodyOf(t, b.get("/admin/users/dora")); strings.Contains(page, shown[1]) {
		t.Error("the password is shown again")
	}
	resp = b.post("/admin/users/dora/password", "password", "")
	again := regexp.MustCompile(`<p class="password"><code>([^<]+)</code>`).FindStringSubmatch(bodyOf(t, resp))
	if again == nil || again[1] == shown[1] {
		t.Fatalf("another password: %v", again)
	}
	if dora.signedIn() != "" {
		t.Error("who has a new password is still signed in")
	}
	dora.signIn("dora", html.UnescapeString(again[1]))
	refused(t, b.post("/admin/users/dora/password", "password", "short"), 400)
	did(t, b, b.post("/admin/users/root/password", "password", "another password"), "root has a new password.") // and goes on

	did(t, b, b.send("POST", "/admin/users/dora/groups", url.Values{"group": {"staff"}}), "Saved.")
	if u, err := s.Store().User(t.Context(), "dora"); err != nil || strings.Join(u.Groups, " ") != "staff" {
		t.Errorf("groups: %v %v", u.Groups, err)
	}
	wantPage(t, b.get("/admin/users/dora"), 200, `value="staff" checked`)
	did(t, b, b.post("/admin/users/dora/groups"), "Saved.")
	if u, err := s.Store().User(t.Context(), "dora"); err != nil || len(u.Groups) != 0 {
		t.Errorf("groups: %v %v", u.Groups, err)
	}
	refused(t, b.send("POST", "/admin/users/dora/groups", url.Values{"group": {"nope"}}), 404, "no such group")

	did(t, b, b.post("/admin/users/dora/superuser", "superuser", "on"), "dora is a superuser now.")
	did(t, b, b.post("/admin/users/dora/superuser", "superuser", "off"), "dora is no superuser any more.")
	refused(t, b.post("/admin/users/ROOT/superuser", "superuser", "off"), 409, "cannot do this to yourself")
	refused(t, b.post("/admin/users/ROOT/delete"), 409, "cannot do this to yourself")

	dora.signIn("dora", html.UnescapeString(again[1]))
	wantPage(t, b.get("/admin/users/dora"), 200, "Browser/1 (test)", "Sign out everywhere")
	did(t, b, b.post("/admin/users/dora/signout"), "dora is signed out.")
	if dora.signedIn() != "" {
		t.Error("dora is still signed in")
	}
	did(t, b, b.post("/admin/users/dora/delete"), "The user dora is deleted.")
	wantStatus(t, b.get("/admin/users/dora"), http.StatusNotFound)
	for _, secret := range []string{shown[1], again[1], "a long password", "another password"} {
		if strings.Contains(log.String(), html.UnescapeString(secret)) {
			t.Error("the log has a password")
		}
	}
}

func TestAdminGroups(t *testing.T) {
	s, b, _ := administer(t, serve.Config{})
	did(t, b, b.post("/admin/groups/", "name", "staff"), "The group staff is added.")
	refused(t, b.post("/admin/groups/", "name", "Staff"), 409, "already a group", `value="Staff"`)
	_, page := did(t, b, b.post("/admin/groups/staff/add", "user", "ann"), "ann is a member of staff now.")
	if !strings.Contains(page, `<a href="/admin/users/ann">ann</a>`) || strings.Contains(page, `<option value="ann">`) {
		t.Errorf("the member: %s", page)
	}
	refused(t, b.post("/admin/groups/staff/add", "user", "nope"), 404, "no such user")
	refused(t, b.post("/admin/groups/nope/add", "user", "ann"), 404, "no such group")
	did(t, b, b.post("/admin/groups/staff/remove", "user", "ann"), "ann is no member of staff any more.")
	did(t, b, b.post("/admin/groups/staff/delete"), "The group staff is deleted.")
	if groups, err := s.Store().Groups(t.Context()); err != nil || len(groups) != 0 {
		t.Errorf("groups: %v %v", groups, err)
	}
}

func TestAdminSessions(t *testing.T) {
	s, b, _ := administer(t, serve.Config{Pages: counting})
	ann, nobody := newClient(t, s.Handler()), newClient(t, s.Handler())
	ann.signIn("ann", password)
	nobody.get("/")
	page := bodyOf(t, b.get("/admin/sessions/"))
	ids := regexp.MustCompile(`name="session" value="([0-9a-f]+)"`).FindAllStringSubmatch(page, -1)
	if len(ids) != 2 || !strings.Contains(page, "anonymous") || !strings.Contains(page, "3 sessions") {
		t.Fatalf("sessions: %s", page)
	}
	for _, id := range ids {
		did(t, b, b.post("/admin/sessions/", "session", id[1]), "That browser is signed out.")
	}
	if ann.signedIn() != "" || b.signedIn() != "root" {
		t.Error("ann is still signed in, or root is not")
	}
	ann.signIn("ann", password)
	page = bodyOf(t, b.get("/admin/users/ann"))
	id := regexp.MustCompile(`name="session" value="([0-9a-f]+)"`).FindStringSubmatch(page)
	if id == nil {
		t.Fatalf("ann's page lacks her session: %s", page)
	}
	if location, _ := did(t, b, b.post("/admin/sessions/", "session", id[1], "user", "ann"), "That browser is signed out."); location != "/admin/users/ann" {
		t.Errorf("it leads to %s", location)
	}
	refused(t, b.post("/admin/sessions/", "session", "xyz"), 404, "no such session")
}

// A visitor's error is found by the id that he saw.
func TestAdminErrors(t *testing.T) {
	broken := app.New("Broken")
	var fails atomic.Bool
	broken.LayoutFunc = func(*app.Context) (app.Component, error) {
		if fails.Load() {
			panic("out of luck <b>")
		}
		return dash.Div{}, nil
	}
	s, b, _ := administer(t, serve.Config{Apps: []*app.App{broken}})
	fails.Store(true)
	resp := newClient(t, s.Handler()).get("/app/broken/_dash-layout?secret=1", "Accept", "application/json")
	wantStatus(t, resp, http.StatusInternalServerError)
	var seen struct{ ID string }
	if err := json.NewDecoder(resp.Body).Decode(&seen); err != nil {
		t.Fatal(err)
	}
	wantStatus(t, b.get("/app/nope/"), http.StatusNotFound) // no failure of ours
	for _, path := range []string{"/admin/", "/admin/errors/", "/admin/errors/?id=" + seen.ID, "/admin/errors/?id=+" + strings.ToUpper(seen.ID)} {
		resp := b.get(path)
		wantStatus(t, resp, http.StatusOK)
		page := bodyOf(t, resp)
		for _, part := range []string{seen.ID, "/app/broken/_dash-layout", "app/broken", "500", "out of luck &lt;b&gt;", "<details>", "admin_test.go"} {
			if !strings.Contains(page, part) {
				t.Errorf("%s lacks %q: %s", path, part, page)
			}
		}
		if strings.Contains(page, "secret") || strings.Count(page, `class="text"`) != 1 {
			t.Errorf("%s has the query, or other errors: %s", path, page)
		}
	}

	// Only so many are kept.
	var visitors sync.WaitGroup
	for range 10 {
		visitors.Go(func() {
			for range 25 {
				newClient(t, s.Handler()).get("/app/broken/_dash-layout", "Accept", "application/json")
			}
		})
	}
	visitors.Wait()
	page := bodyOf(t, b.get("/admin/errors/"))
	if n := strings.Count(page, `class="text"`); n != 200 || strings.Contains(page, seen.ID) {
		t.Errorf("%d errors are kept", n)
	}
	wantPage(t, b.get("/admin/errors/?id="+seen.ID), 200, "No error with this id")
}

// A site that brings its own users has none to manage.
func TestAdminOfForeignUsers(t *testing.T) {
	s, _ := newServer(t, serve.Config{
		Apps: []*app.App{adminApp()},
		Authenticate: func(r *http.Request) (*app.User, error) {
			return &app.User{Name: "ann", Superuser: r.Header.Get("X-Root") != ""}, nil
		},
	})
	b := newClient(t, s.Handler())
	wantStatus(t, b.get("/admin/"), http.StatusForbidden)
	for _, path := range []string{"/admin/users/", "/admin/groups/"} {
		wantPage(t, b.get(path, "X-Root", "1"), 200, "This site brings its own users")
		wantStatus(t, b.send("POST", path, url.Values{"name": {"x"}}, "X-Root", "1"), http.StatusMethodNotAllowed)
	}
	page := bodyOf(t, b.get("/admin/", "X-Root", "1"))
	if strings.Contains(page, "/admin/users/") {
		t.Error("the menu leads to users")
	}
	// The notice needs a session, which begins with it.
	resp := b.send("POST", "/admin/apps/colors/access", url.Values{"level": {"restricted"}, "who": {"user:x"}}, "X-Root", "1")
	wantLocation(t, resp, "/admin/apps/colors")
	wantPage(t, b.get("/admin/apps/colors", "X-Root", "1"), 200, "It counts from now on.")
}

func TestNoAdmin(t *testing.T) {
	s, _ := withUsers(t, serve.Config{Apps: []*app.App{adminApp()}, NoAdmin: true})
	b := newClient(t, s.Handler())
	b.signIn("root", password)
	wantStatus(t, b.get("/admin/"), http.StatusNotFound)
	wantStatus(t, b.post("/admin/instances/", "app", "colors"), http.StatusNotFound)
}
