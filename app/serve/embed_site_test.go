package serve_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/a-h/templ"

	"dashd/app"
	"dashd/app/serve"
	"dashd/store"
	"dashd/views"
)

// pageOf serves components, as a handler of Config.Pages does.
func pageOf(components ...templ.Component) http.Handler {
	return templ.Handler(templ.Join(components...))
}

// Each visitor sees the apps that they may open, and why not the others; the
// page is there in any case.
func TestEmbedAccess(t *testing.T) {
	apps := []*app.App{
		textApp("Open", "x", app.Public),
		textApp("Members", "x", app.Authenticated),
		textApp("Staff", "x", app.Restricted("user:ann")),
	}
	var parts []templ.Component
	for _, name := range []string{"Open", "open", "Members", "Staff", "nothing"} {
		parts = append(parts, templ.Raw("\n"+name+": "), views.PlotlyApp{Name: name})
	}
	for _, slug := range []string{"one", "gone", `"<i>`} {
		parts = append(parts, templ.Raw("\n"+templ.EscapeString(slug)+": "), views.PlotlyDirect{Slug: slug})
	}
	const (
		signIn    = `<a href="/b/login?next=%2Fb%2Fpage%3Fq%3D1">Sign in to see this.</a></div>`
		forbidden = ">You may not open this. Ask its owner for access.</div>"
	)
	for _, tt := range []struct {
		user                      string
		members, staff, one, gone string
	}{
		{"", signIn, signIn, signIn, signIn},
		{"ann", `src="/b/app/members/"`, `src="/b/app/staff/"`, forbidden, forbidden},
		{"bob", `src="/b/app/members/"`, forbidden, `src="/b/instance/one/"`, forbidden},
		{"root", `src="/b/app/members/"`, `src="/b/app/staff/"`, `src="/b/instance/one/"`, ">The app of this instance is not part of this server any more. What the instance has saved is kept.</div>"},
	} {
		s, log := withUsers(t, serve.Config{Apps: apps, Pages: pageOf(parts...), BasePath: "/b"})
		mustCreate(t, s, serve.NewInstance{App: "Open", Slug: "one", Access: app.Restricted("user:bob")})
		if err := s.Store().RecordApps(t.Context(), []store.App{{Slug: "old", Name: "Old"}}); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Store().CreateInstance(t.Context(), serve.NewInstance{App: "old", Slug: "gone"}, ""); err != nil {
			t.Fatal(err)
		}
		b := newClient(t, s.Handler())
		if tt.user != "" {
			wantStatus(t, b.post("/b/login", "name", tt.user, "password", password), http.StatusSeeOther)
		}
		resp := b.get("/b/page?q=1")
		wantStatus(t, resp, http.StatusOK)
		text := bodyOf(t, resp)
		for part, want := range map[string]string{
			"Open":           `src="/b/app/open/" title="Open"`,
			"open":           `src="/b/app/open/" title="Open"`,
			"Members":        tt.members,
			"Staff":          tt.staff,
			"nothing":        ">There is no app &#34;nothing&#34;.</div>",
			"one":            tt.one,
			"gone":           tt.gone,
			"&#34;&lt;i&gt;": `>There is no instance &#34;\&#34;&lt;i&gt;&#34;.</div>`,
		} {
			_, rest, _ := strings.Cut(text, "\n"+part+": ")
			line, _, _ := strings.Cut(rest, "\n")
			if !strings.Contains(line, want) {
				t.Errorf("%q sees in place of %s: %s\nwant %s", tt.user, part, line, want)
			}
		}
		if text := log.String(); strings.Count(text, `"level":"WARN"`) != map[bool]int{false: 2, true: 3}[tt.user == "root"] || !strings.Contains(text, `"embeds":"app/nothing"`) {
			t.Errorf("the log of %q's visit says %s", tt.user, text)
		}
	}
}

// Initial arguments of a page reach the layout of its app, and of this visitor
// alone. Wrong ones are told and logged, without their values.
func TestEmbedInitial(t *testing.T) {
	initial := func(text string) app.BaseState { return parsedState(t, text) }
	s, log := newServer(t, serve.Config{Apps: []*app.App{lampApp(app.Public)}, Pages: pageOf(
		views.PlotlyApp{Name: "Lamp", Initial: initial(`{"lamp":{"value":"framed"}}`)},
		views.PlotlyApp{Name: "Lamp", Initial: initial(`{"lamp":{"value":"high"}}`), AutoHeight: true},
		views.PlotlyAppBootstrap{Name: "Lamp", Initial: initial(`{"lamp":{"value":"shaped"}}`)},
		views.PlotlyDirect{Slug: "one", Initial: initial(`{"lamp":{"value":"direct"}}`)},
		views.PlotlyDirect{Instance: &app.Instance{Slug: "one"}, Initial: initial(`{"lamp":{"value":"given"}}`)},
		views.PlotlyApp{Name: "Lamp", Initial: initial(`{"lamp":{"valeu":"secret"}}`)},
		views.PlotlyApp{Name: "Lamp", Initial: initial(`{"lump":{"value":"secret"}}`)},
	)})
	mustCreate(t, s, serve.NewInstance{App: "Lamp", Slug: "one"})
	b := newClient(t, s.Handler())
	resp := b.get("/page")
	wantStatus(t, resp, http.StatusOK)
	text := bodyOf(t, resp)
	sources := regexp.MustCompile(` src="([^"?]+)(\?embed=auto)?"`).FindAllStringSubmatch(text, -1)
	values := []string{"framed", "high", "shaped", "direct", "given"}
	if len(sources) != len(values) {
		t.Fatalf("the page is %s", text)
	}
	for i, value := range values {
		source := sources[i][1]
		if layout := b.open(source).layout(); !containsProps(t, layout, fmt.Sprintf(`"id":"lamp","value":%q`, value)) {
			t.Errorf("%s: the layout lacks %s: %s", source, value, layout)
		}
		if status := newClient(t, s.Handler()).get(source).StatusCode; status != http.StatusNotFound {
			t.Errorf("another visitor gets %s: %d", source, status)
		}
	}
	for _, problem := range []string{
		`>The Input lamp has no property valeu (did you mean &#34;value&#34;?).</div>`,
		`>App &#34;Lamp&#34; has no component lump (did you mean &#34;lamp&#34;?).</div>`,
	} {
		if !strings.Contains(text, problem) {
			t.Errorf("the page lacks %s: %s", problem, text)
		}
	}
	if text := log.String(); strings.Count(text, `"level":"WARN"`) != 2 || !strings.Contains(text, "lamp has no property valeu") || strings.Contains(text, "secret") {
		t.Errorf("the log says %s", text)
	}
}

// A site that mounts dashd below one of its paths embeds apps in pages anywhere:
// they share the visitor's session, and sign-in leads back to them.
func TestEmbedInMountedSite(t *testing.T) {
	s, log := withUsers(t, serve.Config{Apps: []*app.App{lampApp(app.Authenticated)}, BasePath: "/dash/", SitePath: "/"})
	mux := http.NewServeMux()
	mux.Handle("/dash/", s.Handler())
	mux.HandleFunc("/page", func(w http.ResponseWriter, r *http.Request) {
		visit := s.Visit(w, r)
		n, err := visit.Session().Add("n", 1)
		if err != nil {
			t.Error(err)
		}
		r = r.WithContext(visit.Context(r.Context()))
		if serve.VisitOf(r) != visit || s.Visit(w, r) != visit {
			t.Error("the request has lost its visit")
		}
		html, err := templ.ToGoHTML(r.Context(), templ.Join(
			views.PlotlyDirect{Name: "Lamp", Initial: parsedState(t, `{"lamp":{"value":"here"}}`)}, views.PlotlyFooter{}, views.PlotlyMessagePipe{}))
		if err != nil {
			t.Error(err)
		}
		fmt.Fprintf(w, "visit %v of %s, sign in at %s\n%s", n, visit.User(), visit.SignInURL(), html)
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	browser := &http.Client{Jar: jar}
	read := func(resp *http.Response, err error) string {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	get := func(path string) string {
		t.Helper()
		return read(browser.Get(server.URL + path))
	}
	if text := get("/page"); !strings.Contains(text, "visit 1 of ") || !strings.Contains(text, `<a href="/dash/login?next=%2Fpage">Sign in to see this.</a>`) {
		t.Errorf("the first page is %s", text)
	}
	text := read(browser.PostForm(server.URL+"/dash/login?next=/page", url.Values{"name": {"ann"}, "password": {password}, "next": {"/page"}}))
	source := regexp.MustCompile(`<dash-app src="(/dash/app/lamp/initial/[^"]+)"></dash-app>`).FindStringSubmatch(text)
	if source == nil || !strings.Contains(text, "visit 2 of ann") {
		t.Fatalf("after sign-in the page is %s", text)
	}
	for _, script := range regexp.MustCompile(`<script src="([^"#]+)`).FindAllStringSubmatch(text, -1) {
		resp, err := browser.Get(server.URL + script[1])
		if body := read(resp, err); resp.StatusCode != http.StatusOK || len(body) < 100 {
			t.Errorf("%s: %d", script[1], resp.StatusCode)
		}
	}
	if layout := get(source[1] + "_dash-layout"); !containsProps(t, layout, `"id":"lamp","value":"here"`) {
		t.Errorf("the layout is %s", layout)
	}
	if strings.Contains(log.String(), "SitePath") {
		t.Errorf("the log says %s", log)
	}
}

// Without SitePath, a session begun outside of the base path could not last.
func TestSitePath(t *testing.T) {
	for path, want := range map[string]string{"": "", "/": "", "/a/": "", "/a/b/": "", "a/": "does not contain", "/a": "begins and ends", "/b/": "does not contain", "/a/b/c/": "does not contain"} {
		s, err := serve.New(serve.Config{BasePath: "/a/b", SitePath: path})
		if err == nil {
			err = s.Close()
		}
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("site path %q: %v", path, err)
		}
	}
	s, log := newServer(t, serve.Config{BasePath: "/dash"})
	w := httptest.NewRecorder()
	if err := s.Visit(w, httptest.NewRequest("GET", "/page", nil)).Session().Set("x", 1); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(log.String(), "set SitePath") {
		t.Errorf("the log says %s", log)
	}
	s, _ = newServer(t, serve.Config{BasePath: "/dash", SitePath: "/"})
	for next, want := range map[string]string{"/page?x=1": "/page?x=1", "/dash/app/x/": "/dash/app/x/", "//evil.example": "/dash/", "https://evil.example": "/dash/"} {
		if got := s.LocalURL(next); got != want {
			t.Errorf("%q leads to %q, want %q", next, got, want)
		}
	}
}
