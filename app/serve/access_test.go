package serve_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"dashd/app"
	"dashd/app/html"
	"dashd/app/serve"
)

// The visitors of the matrices. member and other are each in a group of their
// own, staff and guests.
const (
	anonymous = "anonymous"
	user      = "user"
	member    = "member"
	other     = "other"
	superuser = "superuser"
)

var visitors = []string{anonymous, user, member, other, superuser}

// Who may.
var (
	everybody  = visitors
	users      = []string{user, member, other, superuser}
	staff      = []string{member, superuser}
	superusers = []string{superuser}
	tokens     = []string{} // no visitor: programs, by a token
)

// siteMatrix says who may call each route of the site's own pages and forms.
var siteMatrix = map[string][]string{
	"GET dpd/ws/channel":      everybody, // each subscription is decided for itself
	"POST dpd/ws/channel":     everybody,
	"POST dpd/views/poke/{$}": tokens,

	"GET login":                       everybody,
	"POST login":                      everybody,
	"GET logout":                      everybody,
	"POST logout":                     everybody,
	"GET setup":                       everybody,
	"POST setup":                      everybody,
	"GET account":                     users,
	"POST account":                    users,
	"POST account/sessions/end":       users,
	"POST account/signout-everywhere": users,

	"GET _django/health":     everybody,
	"GET _django/health/{$}": everybody,

	"GET admin/analytics/{$}":            superusers,
	"GET admin/analytics/export":         superusers,
	"GET admin/analytics/app/{view...}":  superusers,
	"POST admin/analytics/app/{view...}": superusers,

	"GET admin/{$}":        superusers,
	"GET admin/errors/{$}": superusers,
	"GET admin/live/{$}":   superusers,
	"POST admin/live/{$}":  superusers,

	"GET admin/audit/{$}":             superusers,
	"GET admin/audit/export/{format}": superusers,

	"GET admin/apps/{$}":            superusers,
	"POST admin/apps/{$}":           superusers,
	"GET admin/apps/{slug}":         superusers,
	"POST admin/apps/{slug}/check":  superusers,
	"POST admin/apps/{slug}/access": superusers,
	"POST admin/apps/{slug}/forget": superusers,

	"GET admin/instances/{$}":              superusers,
	"POST admin/instances/{$}":             superusers,
	"GET admin/instances/{slug}":           superusers,
	"POST admin/instances/{slug}/describe": superusers,
	"POST admin/instances/{slug}/untrack":  superusers,
	"POST admin/instances/{slug}/populate": superusers,
	"POST admin/instances/{slug}/reset":    superusers,
	"POST admin/instances/{slug}/clone":    superusers,
	"POST admin/instances/{slug}/restore":  superusers,
	"GET admin/instances/{slug}/value":     superusers,
	"POST admin/instances/{slug}/value":    superusers,
	"GET admin/instances/{slug}/state":     superusers,
	"POST admin/instances/{slug}/state":    superusers,
	"GET admin/instances/{slug}/export":    superusers,
	"GET admin/instances/{slug}/delete":    superusers,
	"POST admin/instances/{slug}/delete":   superusers,

	"GET admin/users/{$}":               superusers,
	"POST admin/users/{$}":              superusers,
	"GET admin/users/{name}":            superusers,
	"POST admin/users/{name}/password":  superusers,
	"POST admin/users/{name}/superuser": superusers,
	"POST admin/users/{name}/groups":    superusers,
	"POST admin/users/{name}/signout":   superusers,
	"GET admin/users/{name}/delete":     superusers,
	"POST admin/users/{name}/delete":    superusers,

	"GET admin/groups/{$}":            superusers,
	"POST admin/groups/{$}":           superusers,
	"POST admin/groups/{name}/add":    superusers,
	"POST admin/groups/{name}/remove": superusers,
	"GET admin/groups/{name}/delete":  superusers,
	"POST admin/groups/{name}/delete": superusers,

	"GET admin/sessions/{$}":  superusers,
	"POST admin/sessions/{$}": superusers,
}

// viewMatrix says how each view is asked for. All views of a place are for the
// same visitors: placeMatrix says which.
var viewMatrix = map[serve.View]struct{ method, path, body, content string }{
	serve.ViewMain:         {"GET", "", "", "react-entry-point"},
	serve.ViewLayout:       {"GET", "_dash-layout", "", `"id":"out"`},
	serve.ViewDependencies: {"GET", "_dash-dependencies", "", "out.children"},
	serve.ViewUpdate:       {"POST", "_dash-update-component", guardedCall, "answer of"},
	serve.ViewSuites:       {"GET", "_dash-component-suites/dash/html/dash_html_components.min.js", "", "function"},
	serve.ViewAssets:       {"GET", "assets/note.txt", "", "note of"},
	serve.ViewClientside:   {"GET", "_dash-clientside.js", "", "function"},
	serve.ViewReload:       {"GET", "_reload-hash", "", "reloadHash"},
	serve.ViewFavicon:      {"GET", "_favicon.ico", "", "icon of"},
	serve.ViewEmbed:        {"GET", "_dash-embed", "", `"config":{`},
	serve.ViewEmbedJS:      {"GET", "_dash-embed.js", "", "dashEmbed.clientside("},
	serve.ViewHealth:       {"GET", "_django/health/", "", "ok"},
}

// placeMatrix says who may open the apps and instances of guarded.
var placeMatrix = map[string][]string{
	"app/open":     everybody,
	"app/default":  users,
	"app/users":    users,
	"app/staff":    staff,
	"app/closed":   superusers,
	"app/stricter": superusers, // in the store, above its code
	"app/laxer":    everybody,  // the same

	"instance/open-inherits":     everybody,
	"instance/users-inherits":    users,
	"instance/staff-inherits":    staff,
	"instance/stricter-inherits": superusers,
	"instance/laxer-inherits":    everybody,
	"instance/open-for-other":    {other, superuser},
	"instance/staff-for-all":     everybody,
	"instance/staff-for-users":   users,
	"instance/closed-for-member": staff,
}

const guardedCall = `{"output":"out.children","outputs":{"id":"out","property":"children"},"inputs":[{"id":"in","property":"title","value":"x"}]}`

// guardedApp has something of its own at each view.
func guardedApp(name string, access app.Access) *app.App {
	a := app.New(name)
	a.Access = access
	a.Layout = html.Div{Children: app.List{html.Div{ID: "in"}, html.Div{ID: "out"}, html.Div{ID: "js"}}}
	a.Assets = fstest.MapFS{"note.txt": {Data: []byte("note of " + name)}, "favicon.ico": {Data: []byte("icon of " + name)}}
	a.Callback(app.Output("out", "children"), app.Input("in", "title")).Do(func(string) string { return "answer of " + name })
	a.Callback(app.Output("js", "children"), app.Input("in", "title")).JS("function (x) { return x }")
	return a
}

// guarded makes a server of the places of placeMatrix, and the visitors.
func guarded(t *testing.T, base string) *serve.Server {
	t.Helper()
	s, _ := newServer(t, serve.Config{
		BasePath:      base,
		DefaultAccess: app.Authenticated,
		Apps: []*app.App{
			guardedApp("open", app.Public),
			guardedApp("default", app.DefaultAccess),
			guardedApp("users", app.Authenticated),
			guardedApp("staff", app.Restricted("group:staff")),
			guardedApp("closed", app.Restricted()),
			guardedApp("stricter", app.Public),
			guardedApp("laxer", app.Restricted()),
		},
	})
	ctx, store := t.Context(), s.Store()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range users {
		must(store.AddUser(ctx, name, password, name == superuser))
	}
	for group, name := range map[string]string{"staff": member, "guests": other} {
		must(store.AddGroup(ctx, group))
		must(store.AddMember(ctx, group, name))
	}
	must(s.SetAppAccess(ctx, "stricter", app.Restricted()))
	must(s.SetAppAccess(ctx, "laxer", app.Public))
	for slug, access := range map[string]app.Access{
		"open-inherits": "", "users-inherits": "", "staff-inherits": "", "stricter-inherits": "", "laxer-inherits": "",
		"open-for-other":    app.Restricted("user:other"),
		"staff-for-all":     app.Public,
		"staff-for-users":   app.Authenticated,
		"closed-for-member": app.Restricted("user:member", "group:nobody"),
	} {
		of, _, _ := strings.Cut(slug, "-")
		_, err := s.Instances().Create(ctx, serve.NewInstance{App: of, Slug: slug})
		must(err)
		if access != "" {
			_, err = s.Instances().Change(ctx, slug, serve.InstanceChange{Access: &access})
			must(err)
		}
	}
	return s
}

// visit returns the browser of a visitor, with a session of its own.
func visit(t *testing.T, s *serve.Server, base, visitor string) *client {
	t.Helper()
	b := newClient(t, s.Handler())
	if visitor != anonymous {
		wantStatus(t, b.post(base+"login", "name", visitor, "password", password), http.StatusSeeOther)
	}
	return b
}

// wantDecision checks that a visitor is let in, or is turned away as it should
// be: asked to sign in, or told that it is no use.
func wantDecision(t *testing.T, resp *http.Response, allowed bool, visitor, method, base, path string) (body string) {
	t.Helper()
	body = bodyOf(t, resp)
	got := resp.StatusCode
	toLogin := got == http.StatusSeeOther && strings.HasPrefix(resp.Header.Get("Location"), base+"login?next=")
	switch {
	case allowed:
		if got == http.StatusUnauthorized && path != "login" || got == http.StatusForbidden || toLogin || got >= 500 {
			t.Errorf("%s is turned away: %d %s", visitor, got, body)
		}
	case visitor != anonymous:
		if got != http.StatusForbidden {
			t.Errorf("%s gets %d", visitor, got)
		}
	case method == http.MethodGet:
		if want := base + "login?next=" + url.QueryEscape(base+path); got != http.StatusSeeOther || resp.Header.Get("Location") != want {
			t.Errorf("%s gets %d %s, not to %s", visitor, got, resp.Header.Get("Location"), want)
		}
	default:
		if got != http.StatusUnauthorized {
			t.Errorf("%s gets %d", visitor, got)
		}
	}
	return body
}

// Every route of the site's own is in siteMatrix, and lets in whom that says.
func TestSiteAccess(t *testing.T) {
	s := guarded(t, "/")
	missing := map[string]bool{}
	for route := range siteMatrix {
		missing[route] = true
	}
	for _, route := range s.RouteTable() {
		name := route.Method + " " + route.Path
		may, ok := siteMatrix[name]
		if !ok {
			t.Errorf("siteMatrix does not say who may %s", name)
			continue
		}
		delete(missing, name)
		path := pathOf(route.Path)
		for _, visitor := range visitors {
			t.Run(name+" "+visitor, func(t *testing.T) {
				b := visit(t, s, "/", visitor) // a new session: the route may end it
				var form url.Values
				if route.Method == http.MethodPost {
					form = url.Values{}
				}
				resp := b.send(route.Method, "/"+path, form)
				if len(may) == 0 {
					wantStatus(t, resp, http.StatusUnauthorized)
					return
				}
				wantDecision(t, resp, slices.Contains(may, visitor), visitor, route.Method, "/", path)
				if cache := resp.Header.Get("Cache-Control"); cache != "no-store" && resp.StatusCode == http.StatusOK {
					t.Errorf("Cache-Control: %s", cache)
				}
			})
		}
	}
	for name := range missing {
		t.Errorf("siteMatrix has %s, which is no route", name)
	}
}

// pathOf returns a path that a pattern matches. There is nothing by the names
// in it.
func pathOf(pattern string) string {
	parts := strings.Split(pattern, "/")
	for i, part := range parts {
		if part == "{$}" {
			parts[i] = ""
		} else if strings.HasPrefix(part, "{") {
			parts[i] = "nothing"
		}
	}
	return strings.Join(parts, "/")
}

// Every view of every place lets in whom placeMatrix says, with and without
// initial arguments.
func TestViewAccess(t *testing.T) {
	const base = "/b/"
	s := guarded(t, base)
	for _, view := range serve.Views {
		if _, ok := viewMatrix[view]; !ok {
			t.Errorf("viewMatrix does not say how to ask for %s", view)
		}
	}
	for place, may := range placeMatrix {
		for _, visitor := range visitors {
			t.Run(place+" "+visitor, func(t *testing.T) {
				b := visit(t, s, base, visitor)
				for _, prefix := range []string{place + "/", initialOf(t, s, b, base, place)} {
					for view, ask := range viewMatrix {
						path := prefix + ask.path
						resp := b.sendJSON(ask.method, base+path, ask.body)
						allowed := slices.Contains(may, visitor)
						body := wantDecision(t, resp, allowed, visitor, ask.method, base, path)
						if allowed != (resp.StatusCode == http.StatusOK) || allowed != strings.Contains(body, ask.content) {
							t.Errorf("%s at %s: %d %.300s", view, path, resp.StatusCode, body)
						}
						if allowed {
							continue
						}
						want := http.StatusForbidden
						if visitor == anonymous {
							want = http.StatusUnauthorized
						}
						resp = b.sendJSON(ask.method, base+path, ask.body, "Accept", "application/json")
						var answer struct{ Error, ID string }
						if err := json.Unmarshal([]byte(bodyOf(t, resp)), &answer); err != nil || answer.Error == "" || resp.StatusCode != want {
							t.Errorf("a program gets %d %+v for %s", resp.StatusCode, answer, path)
						}
					}
				}
			})
		}
	}
}

// initialOf returns the path of a place with initial arguments of the visitor.
func initialOf(t *testing.T, s *serve.Server, b *client, base, place string) string {
	t.Helper()
	var prefix string
	embedding := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var err error
		if prefix, err = s.Visit(w, r).URL(place, app.BaseState{app.ID("out"): {"title": json.RawMessage(`"x"`)}}); err != nil {
			t.Fatal(err)
		}
	})
	page := *b
	page.handler = embedding
	page.get(base)
	return strings.TrimPrefix(prefix, base)
}

// tricks are other ways to write a path.
func tricks(base, path string) []string {
	rest := strings.TrimPrefix(path, base)
	first, last, _ := strings.Cut(rest, "/")
	tail := rest[strings.LastIndex(rest, "/")+1:]
	head := strings.TrimSuffix(path, tail)
	list := []string{
		base + "/" + rest,
		"/" + path,
		"//" + path,
		base + "./" + rest,
		base + "%2e/" + rest,
		base + "x/../" + rest,
		base + "x/%2e%2e/" + rest,
		base + "x/%2E%2E/" + rest,
		base + "app/open/../../" + rest,
		base + "app/open/..%2f..%2f" + rest,
		base + "app/open/%2e%2e/%2e%2e/" + rest,
		base + "app/open/assets/../../../" + rest,
		base + "app/open/assets/..%2f..%2f..%2f" + rest,
		base + "app/open/initial/x/../../../../" + rest,
		base + "static/../" + rest,
		base + "static/..%2f" + rest,
		base + "login/../" + rest,
		base + "login%2f..%2f" + rest,
		base + "login;/../" + rest,
		base + first + "//" + last,
		base + first + "/./" + last,
		base + first + "%2f" + last,
		base + first + "%2F" + last,
		base + first + "%252f" + last,
		base + first + ";/" + last,
		base + first + ";x=y/" + last,
		base + first + "\\" + last,
		base + first + "%5c" + last,
		base + first + "/%00" + last,
		base + first + "/%20" + last,
		base + strings.ToUpper(first) + "/" + last,
		base + first + "/" + strings.ToUpper(last),
		base + first + "/" + strings.Replace(last, "/", "//", 1),
		base + first + "/" + strings.Replace(last, "/", "/./", 1),
		base + first + "/" + strings.Replace(last, "/", "/x/../", 1),
		base + first + "/" + strings.Replace(last, "/", "%2f", 1),
		base + first + "/" + strings.Replace(last, "/", ";/", 1),
		base + first + "/" + strings.Replace(last, "/", "/;/", 1),
		base + first + "/" + strings.Replace(last, "/", "/initial/x/", 1),
		base + first + "/" + strings.Replace(last, "/", "/initial//", 1),
		base + first + "/" + strings.Replace(last, "/", "/initial/;/", 1),
		base + first + "/" + strings.Replace(last, "/", "/embed/x/", 1),
		base + first + "/" + strings.Replace(last, "/", "/embed//", 1),
		base + first + "/" + strings.Replace(last, "/", "/embed/x/initial/x/", 1),
		base + first + "/" + strings.Replace(last, "/", "/initial/x/embed/x/", 1),
		base + "app/open/embed/x/../../../" + rest,
		path + "/",
		path + "//",
		path + "/.",
		path + "/..",
		path + ";",
		path + "%2f",
		path + "%00",
		path + "?next=/app/open/",
		strings.TrimSuffix(path, "/"),
		head + "x/../" + tail,
		head + "x/..%2f" + tail,
		head + "%2e/" + tail,
		head + "/" + tail,
		strings.ReplaceAll(path, "/", "%2f"),
		strings.ReplaceAll(path, "_", "%5f"),
		strings.ReplaceAll(path, "a", "%61"),
		strings.ReplaceAll(path, "a", "%2561"),
	}
	return append(list, path)
}

// However a path is written, it does not open what it does not open when it is
// written as it should be: for nobody, with no method.
func TestPathTricks(t *testing.T) {
	for _, base := range []string{"/", "/x/y/"} {
		s := guarded(t, base)
		b := newClient(t, s.Handler())
		for _, place := range []string{"app/users/", "app/staff/", "instance/staff-inherits/", "instance/open-for-other/"} {
			for _, ask := range viewMatrix {
				for _, path := range tricks(base, base+place+ask.path) {
					wantClosed(t, b, base, path, ask.body)
				}
			}
		}
		for _, route := range s.RouteTable() {
			if route.Access != app.Public {
				for _, path := range tricks(base, base+pathOf(route.Path)) {
					wantClosed(t, b, base, path, "")
				}
			}
		}
	}
}

// wantClosed checks that a path leads an anonymous visitor nowhere.
func wantClosed(t *testing.T, b *client, base, path, body string) {
	t.Helper()
	for _, method := range []string{"GET", "HEAD", "POST", "PUT", "CONNECT", "get"} {
		path := path
		for range 5 {
			if _, err := url.ParseRequestURI("http://127.0.0.1" + path); err != nil {
				break // no HTTP server takes it
			}
			resp := b.sendJSON(method, path, body)
			location := resp.Header.Get("Location")
			if location == "" {
				if resp.StatusCode < 400 && path != base { // the first page is everybody's
					t.Errorf("%s %s: %d", method, path, resp.StatusCode)
				}
				if text := bodyOf(t, resp); strings.Contains(text, " of users") || strings.Contains(text, " of staff") {
					t.Errorf("%s %s: %s", method, path, text)
				}
				break
			}
			if strings.Contains(location, "login?next=") {
				break
			}
			if !strings.HasPrefix(location, "/") || strings.HasPrefix(location, "//") {
				t.Errorf("%s %s leads to %s", method, path, location)
				break
			}
			path = location
		}
	}
}

// Of changes at once, all count at once.
func TestAccessAtOnce(t *testing.T) {
	var apps []*app.App
	for i := range 20 {
		apps = append(apps, textApp(fmt.Sprint("App", i), "text", app.Public))
	}
	s, _ := newServer(t, serve.Config{Apps: apps, Data: t.TempDir()})
	for round := range 60 {
		access := []app.Access{app.Restricted(), app.Public}[round%2]
		var changes sync.WaitGroup
		for _, a := range apps {
			changes.Go(func() {
				if err := s.SetAppAccess(t.Context(), a.Slug(), access); err != nil {
					t.Error(err)
				}
			})
		}
		changes.Wait()
		for _, a := range apps {
			if open := do(t, s.Handler(), "GET", "/app/"+a.Slug()+"/_dash-layout", "").StatusCode == http.StatusOK; open != (access == app.Public) {
				t.Errorf("%s is open: %v", a.Slug(), open)
			}
		}
	}
}
