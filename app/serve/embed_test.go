package serve_test

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"dashd/app"
	"dashd/app/dcc"
	"dashd/app/html"
	"dashd/app/serve"
)

// description is the answer of _dash-embed.
type description struct {
	Config struct {
		Prefix      string `json:"requests_pathname_prefix"`
		EndID       string `json:"end_id"`
		PlotlyjsURL string `json:"plotlyjs_url"`
		UI          bool   `json:"ui"`
	}
	Scripts, Modules, CSS []string
	Clientside            *struct{ Hash, URL string }
}

func describe(t *testing.T, resp *http.Response) (d description) {
	t.Helper()
	body := bodyOf(t, resp)
	if resp.StatusCode != http.StatusOK || resp.Header.Get("Cache-Control") != "no-store" {
		t.Fatalf("_dash-embed answers %d, %s: %.300s", resp.StatusCode, resp.Header.Get("Cache-Control"), body)
	}
	if err := json.Unmarshal([]byte(body), &d); err != nil {
		t.Fatal(err)
	}
	for name, list := range map[string][]string{"scripts": d.Scripts, "modules": d.Modules, "css": d.CSS} {
		if list == nil {
			t.Errorf("%s is null", name)
		}
	}
	return d
}

// The element learns what an app needs, and all of that is there.
func TestEmbedViews(t *testing.T) {
	plain := app.New("Plain")
	plain.Layout = html.Div{ID: "x"}
	for _, base := range []string{"/", "/x/y/"} {
		s, _ := newServer(t, serve.Config{BasePath: base, Apps: []*app.App{scriptApp("Script One"), graphApp(), plain}})
		h := s.Handler()
		if _, err := s.Instances().Create(t.Context(), serve.NewInstance{App: "script-one", Slug: "copy"}); err != nil {
			t.Fatal(err)
		}
		get := func(path string, headers ...string) *http.Response {
			t.Helper()
			return do(t, h, "GET", path, "", headers...)
		}
		for _, prefix := range []string{base + "app/script-one/", base + "instance/copy/"} {
			d := describe(t, get(prefix+"_dash-embed"))
			if d.Config.Prefix != prefix || d.Config.EndID == "" || d.Config.UI {
				t.Errorf("config %+v", d.Config)
			}
			names := make([]string, len(d.Scripts))
			for i, script := range d.Scripts {
				_, names[i], _ = strings.Cut(strings.TrimPrefix(script, base+"static/"), "/")
			}
			if want := []string{"dash/deps/regenerator-runtime@0.14.1.js", "dash/deps/react@18.3.1.min.js", "dash/deps/react-dom@18.3.1.min.js",
				"dash/deps/prop-types@15.8.1.min.js", "embed/dash_renderer.js"}; !slices.Equal(names[:len(want)], want) {
				t.Errorf("scripts %q", names)
			}
			for _, address := range append(slices.Concat(d.Scripts, d.Modules, d.CSS), d.Clientside.URL, d.Config.PlotlyjsURL) {
				path, _, _ := strings.Cut(address, "#")
				if resp := get(path); resp.StatusCode != http.StatusOK {
					t.Errorf("%s: %d", address, resp.StatusCode)
				}
			}
			if len(d.Modules) != 1 || !strings.HasPrefix(d.Modules[0], prefix+"assets/d.mjs?m=") {
				t.Errorf("modules %q", d.Modules)
			}
			if !strings.HasPrefix(d.CSS[len(d.CSS)-1], prefix+"assets/c.css?m=") {
				t.Errorf("stylesheets %q", d.CSS)
			}
			if d.Clientside.URL != prefix+"_dash-embed.js?m="+d.Clientside.Hash {
				t.Errorf("clientside %+v", d.Clientside)
			}
			resp := get(d.Clientside.URL)
			text, etag := bodyOf(t, resp), resp.Header.Get("ETag")
			if resp.Header.Get("Content-Type") != "text/javascript; charset=utf-8" || resp.Header.Get("Cache-Control") != "no-cache" {
				t.Errorf("headers %v", resp.Header)
			}
			for _, part := range []string{`dashEmbed.clientside("` + d.Clientside.Hash + `", function (`, "_dashprivate_clientside_funcs", `const me = "Script One"`, "hello: v =>"} {
				if !strings.Contains(text, part) {
					t.Errorf("the scripts lack %s: %s", part, text)
				}
			}
			if strings.Contains(text, "window.modules") {
				t.Error("a module is among the scripts")
			}
			if resp := get(d.Clientside.URL, "If-None-Match", etag); resp.StatusCode != http.StatusNotModified {
				t.Errorf("with its ETag it is %d", resp.StatusCode)
			}
		}
		if one, two := describe(t, get(base+"app/script-one/_dash-embed")), describe(t, get(base+"app/script-one/_dash-embed")); one.Config.EndID == two.Config.EndID {
			t.Error("two loads have the same end_id")
		}
		if d := describe(t, get(base+"app/plain/_dash-embed")); d.Clientside != nil {
			t.Errorf("an app without scripts has %+v", d.Clientside)
		}
		wantStatus(t, get(base+"app/plain/_dash-embed.js"), http.StatusNotFound)
		wantStatus(t, get(base+"app/plain/initial/none/_dash-embed"), http.StatusNotFound)
		wantStatus(t, do(t, h, "POST", base+"app/plain/_dash-embed", ""), http.StatusMethodNotAllowed)

		script := get(base + "embed.js")
		text, etag := bodyOf(t, script), script.Header.Get("ETag")
		if !strings.Contains(text, `customElements.define("dash-app"`) || !strings.Contains(text, "dashd:height") || script.Header.Get("Cache-Control") != "no-cache" {
			t.Errorf("embed.js: %v %.100s", script.Header, text)
		}
		if resp := get(base+"embed.js", "If-None-Match", etag); resp.StatusCode != http.StatusNotModified {
			t.Errorf("embed.js with its ETag is %d", resp.StatusCode)
		}
		renderer := bodyOf(t, get(base+"app/plain/_dash-component-suites/dash/dash-renderer/build/dash_renderer.min.js"))
		scripts := describe(t, get(base+"app/plain/_dash-embed")).Scripts
		wrapped := get(scripts[4], "Accept-Encoding", "identity")
		if !strings.Contains(wrapped.Header.Get("Cache-Control"), "immutable") {
			t.Errorf("the renderer: %v", wrapped.Header)
		}
		if got, want := bodyOf(t, wrapped), "dashEmbed.renderer(function (window, document, fetch) {\n"+renderer+"\n});\n"; got != want {
			t.Errorf("the renderer is not as it was: %d bytes, want %d", len(got), len(want))
		}
	}
}

// embedAddress is EmbedToken.
func embedAddress(t *testing.T, s *serve.Server, target, user string) string {
	t.Helper()
	address, err := s.EmbedToken(t.Context(), target, user, 0)
	if err != nil {
		t.Fatal(err)
	}
	return address
}

// With a token, a browser sees what its user may see, of the token's place
// alone, whatever cookie it has.
func TestEmbedSessionAccess(t *testing.T) {
	const base = "/b/"
	s := guarded(t, base)
	root := visit(t, s, base, superuser)
	for place, may := range placeMatrix {
		for _, visitor := range visitors {
			t.Run(place+" "+visitor, func(t *testing.T) {
				name := visitor
				if visitor == anonymous {
					name = ""
				}
				for _, b := range []*client{newClient(t, s.Handler()), root} {
					resp := b.get(embedAddress(t, s, place, name)+"_dash-embed", "Accept", "application/json")
					if !slices.Contains(may, visitor) {
						want := http.StatusForbidden
						if visitor == anonymous {
							want = http.StatusUnauthorized
						}
						wantStatus(t, resp, want)
						continue
					}
					prefix := describe(t, resp).Config.Prefix
					for view, ask := range viewMatrix {
						resp := b.sendJSON(ask.method, prefix+ask.path, ask.body)
						if body := bodyOf(t, resp); resp.StatusCode != http.StatusOK || !strings.Contains(body, ask.content) {
							t.Errorf("%s: %d %.300s", view, resp.StatusCode, body)
						}
						for _, other := range []string{"app/open", "app/users", "instance/users-inherits"} {
							if other != place {
								resp := b.sendJSON(ask.method, base+other+strings.TrimPrefix(prefix, base+place)+ask.path, ask.body)
								wantStatus(t, resp, http.StatusUnauthorized)
							}
						}
					}
				}
			})
		}
	}
}

// The token in an address becomes a session at the first load, and nothing of
// either is left where others could find it.
func TestEmbedToken(t *testing.T) {
	log := &lockedBuffer{}
	a := app.New("Notes")
	a.Access = app.Authenticated
	a.EmbedOrigins = []string{"https://partner.example"}
	a.Layout = html.Div{Children: app.List{html.Button{ID: "go"}, html.Div{ID: "out"}}}
	a.Callback(app.Output("out", "children"), app.Input("go", "n_clicks")).Do(func(ctx *app.Context, _ int) (string, error) {
		_, err := ctx.Session().Add("n", 1)
		return ctx.User().String(), err
	})
	s, err := serve.New(serve.Config{Apps: []*app.App{a}, PublicURL: "https://dash.example", Log: slog.New(slog.NewJSONHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.Store().AddUser(t.Context(), "ann", password, false); err != nil {
		t.Fatal(err)
	}
	var secrets []string
	address := func() (path string) {
		t.Helper()
		path, ok := strings.CutPrefix(embedAddress(t, s, "app/notes", "ann"), "https://dash.example")
		if !ok {
			t.Fatalf("the address is %s", path)
		}
		secrets = append(secrets, strings.Split(path, "/")[4])
		return path
	}
	b := newClient(t, s.Handler())
	refused := func(resp *http.Response) {
		t.Helper()
		body := bodyOf(t, resp)
		if resp.StatusCode != http.StatusUnauthorized || !strings.Contains(body, "Load the page that shows the app again") || strings.Contains(body, "/login") {
			t.Errorf("%d %s", resp.StatusCode, body)
		}
		if !strings.HasSuffix(resp.Header.Get("Content-Security-Policy"), "frame-ancestors 'self' https://partner.example") {
			t.Errorf("the frame may not show it: %v", resp.Header)
		}
	}

	first := address()
	wantStatus(t, b.send("HEAD", first, nil), http.StatusUnauthorized)
	wantStatus(t, b.get(first+"_dash-layout"), http.StatusUnauthorized)
	wantStatus(t, b.get(strings.TrimSuffix(first, "/")), http.StatusPermanentRedirect)
	resp := b.get(first + "?embed=auto")
	wantStatus(t, resp, http.StatusSeeOther)
	page, query, _ := strings.Cut(resp.Header.Get("Location"), "?")
	secrets = append(secrets, strings.Split(page, "/")[4])
	if query != "embed=auto" || !strings.HasPrefix(page, "/app/notes/embed/") || page == first || resp.Header.Get("Cache-Control") != "no-store" || resp.Header.Get("Referrer-Policy") != "no-referrer" {
		t.Errorf("%s leads to %s with %v", first, page, resp.Header)
	}
	refused(b.get(first))
	refused(b.get(first + "_dash-embed"))

	resp = b.get(page)
	wantStatus(t, resp, http.StatusOK)
	if text := bodyOf(t, resp); !strings.Contains(text, `"requests_pathname_prefix":"`+page+`"`) || resp.Header.Get("Referrer-Policy") != "no-referrer" || resp.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("%v %s", resp.Header, text)
	}
	const call = `{"output":"out.children","outputs":{"id":"out","property":"children"},"inputs":[{"id":"go","property":"n_clicks","value":1}]}`
	for range 2 {
		if text := bodyOf(t, b.sendJSON("POST", page+"_dash-update-component", call)); !strings.Contains(text, "ann") {
			t.Errorf("the callback answers %s", text)
		}
	}
	if len(b.cookies) > 0 {
		t.Errorf("cookies %v", b.cookies)
	}
	if infos, err := s.Store().Sessions(t.Context(), "ann"); err != nil || len(infos) != 1 || infos[0].Values != 1 {
		t.Errorf("sessions %+v, %v", infos, err)
	}

	b.cookies["x"] = &http.Cookie{Name: "dashd-8a5edab2", Value: secrets[1]} // the name at "/"
	wantStatus(t, b.get("/account"), http.StatusSeeOther)
	clear(b.cookies)
	for _, forged := range []string{"x", strings.Repeat("A", 26), strings.Repeat("A", 60), secrets[1][:59] + "A", strings.ToLower(secrets[0]), "%00", "embed"} {
		if forged != secrets[1] {
			refused(b.get("/app/notes/embed/" + forged + "/"))
		}
	}
	for _, odd := range []string{"/app/notes//embed/%s/", "/app/notes/embed//%s/", "/app/notes/embed/./%s/", "/app/notes/embed/x/../%s/", "/app/notes/embed/embed/%s/", "/app/embed/embed/%s/", "/app/notes/embed%%2f%s/", "/embed/%s"} {
		for _, secret := range secrets {
			b.get(strings.ReplaceAll(strings.ReplaceAll(odd, "%s", secret), "%%", "%"))
		}
	}

	waiting := address()
	if err := s.Store().EndSessions(t.Context(), "ann", nil); err != nil {
		t.Fatal(err)
	}
	refused(b.get(page))
	refused(b.get(waiting))
	for _, secret := range secrets {
		if strings.Contains(log.String(), secret) {
			t.Errorf("the log has %s: %s", secret, log)
		}
	}
	if !strings.Contains(log.String(), `"path":"/app/notes/embed/…/_dash-update-component"`) {
		t.Errorf("the log lacks the calls: %s", log)
	}

	for target, want := range map[string]app.Code{"app/none": app.NotFound, "instance/none": app.NotFound, "notes": app.NotFound, "": app.NotFound} {
		if _, err := s.EmbedToken(t.Context(), target, "ann", time.Minute); app.ErrorCode(err) != want {
			t.Errorf("for %q: %v", target, err)
		}
	}
}

// Pages of other sites read and call what the app lets them, without cookies.
func TestEmbedOrigins(t *testing.T) {
	shown := fieldApp("Shown")
	shown.EmbedOrigins = []string{"https://partner.example", "http://[::1]:8790"}
	other := fieldApp("Other")
	other.EmbedOrigins = []string{"https://another.example"}
	private := guardedApp("private", app.Authenticated)
	private.EmbedOrigins = shown.EmbedOrigins
	who := app.New("Who")
	who.Access, who.EmbedOrigins = app.Public, shown.EmbedOrigins
	who.LayoutFunc = func(ctx *app.Context) (app.Component, error) { return dcc.Markdown{Children: ctx.User().String()}, nil }
	s, _ := newServer(t, serve.Config{Apps: []*app.App{shown, other, private, who, fieldApp("Unshared")}})
	if err := s.Store().AddUser(t.Context(), user, password, true); err != nil {
		t.Fatal(err)
	}
	b := visit(t, s, "/", user)
	const call = `{"output":"echo.children","outputs":{"id":"echo","property":"children"},"inputs":[{"id":"field","property":"value","value":"x"}]}`
	for _, tt := range []struct {
		app, origin string
		allowed     bool
	}{
		{"shown", "https://partner.example", true},
		{"shown", "http://[::1]:8790", true},
		{"shown", "https://another.example", false}, // another app's
		{"shown", "http://partner.example", false},
		{"shown", "https://partner.example:444", false},
		{"shown", "https://x.partner.example", false},
		{"shown", "https://partner.example.evil.example", false},
		{"shown", "null", false},
		{"other", "https://partner.example", false},
		{"unshared", "https://partner.example", false},
	} {
		t.Run(tt.app+" "+tt.origin, func(t *testing.T) {
			headers := []string{"Origin", tt.origin, "Sec-Fetch-Site", "cross-site"}
			want := ""
			if tt.allowed {
				want = tt.origin
			}
			check := func(resp *http.Response, status int) {
				t.Helper()
				h := resp.Header
				if got := h.Get("Access-Control-Allow-Origin"); got != want || h.Get("Access-Control-Allow-Credentials") != "" || len(h.Values("Set-Cookie")) > 0 {
					t.Errorf("headers %v, want the origin %q", h, want)
				}
				if tt.allowed && !slices.Contains(h.Values("Vary"), "Origin") {
					t.Errorf("Vary %q", h.Values("Vary"))
				}
				if resp.StatusCode != status {
					t.Errorf("%d %s", resp.StatusCode, bodyOf(t, resp))
				}
			}
			prefix := "/app/" + tt.app + "/"
			for _, path := range []string{"_dash-embed", "_dash-layout", "_dash-dependencies"} {
				check(b.get(prefix+path, headers...), http.StatusOK)
			}
			status := http.StatusOK
			if !tt.allowed {
				status = http.StatusForbidden
			}
			check(b.sendJSON("POST", prefix+"_dash-update-component", call, headers...), status)

			preflight := b.send("OPTIONS", prefix+"_dash-update-component", nil, append(headers, "Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "content-type")...)
			check(preflight, http.StatusNoContent)
			if got := preflight.Header.Get("Access-Control-Allow-Headers"); (got == "Content-Type") != tt.allowed {
				t.Errorf("preflight: %q", got)
			}
			pipes := b.send("OPTIONS", "/dpd/ws/channel", nil, append(headers, "Access-Control-Request-Method", "POST")...)
			if shared := pipes.Header.Get("Access-Control-Allow-Origin") == tt.origin; shared != (tt.allowed || tt.origin == "https://another.example" || tt.origin == "https://partner.example") {
				t.Errorf("the pipes: %d %v", pipes.StatusCode, pipes.Header)
			}
			for _, path := range []string{"/", "/account", "/static/", "/embed.js"} {
				if got := b.get(path, headers...).Header.Get("Access-Control-Allow-Origin"); got != "" {
					t.Errorf("%s is for %s", path, got)
				}
			}
			wantStatus(t, b.send("POST", "/account", url.Values{}, headers...), http.StatusForbidden)
		})
	}

	partner := []string{"Origin", "https://partner.example", "Sec-Fetch-Site", "same-site", "Accept", "application/json"}
	if text := bodyOf(t, b.get("/app/who/_dash-layout")); !strings.Contains(text, user) {
		t.Fatalf("the cookie does not sign in: %s", text)
	}
	if text := bodyOf(t, b.get("/app/who/_dash-layout", partner...)); !strings.Contains(text, "AnonymousUser") {
		t.Errorf("the cookie counts in a page of another site: %s", text)
	}
	resp := b.get("/app/private/_dash-embed", partner...)
	if body := bodyOf(t, resp); resp.StatusCode != http.StatusUnauthorized || !strings.Contains(body, "needs an embed token") || resp.Header.Get("Access-Control-Allow-Origin") == "" {
		t.Errorf("without a token: %d %v %s", resp.StatusCode, resp.Header, body)
	}

	const ancestors = "; frame-ancestors 'self'"
	for path, want := range map[string]string{
		"/app/shown/":    ancestors + " https://partner.example http://[::1]:8790",
		"/app/unshared/": ancestors,
		"/":              ancestors,
	} {
		if got := b.get(path).Header.Get("Content-Security-Policy"); !strings.HasSuffix(got, want) {
			t.Errorf("%s: %s", path, got)
		}
	}
	nobody := newClient(t, s.Handler())
	resp = nobody.get("/app/private/", "Sec-Fetch-Site", "cross-site", "Sec-Fetch-Dest", "iframe", "Sec-Fetch-Mode", "navigate")
	if body := bodyOf(t, resp); resp.StatusCode != http.StatusUnauthorized || !strings.Contains(body, "needs an embed token") || strings.Contains(body, "/login") ||
		!strings.HasSuffix(resp.Header.Get("Content-Security-Policy"), ancestors+" https://partner.example http://[::1]:8790") {
		t.Errorf("a frame without a token shows %d %v %s", resp.StatusCode, resp.Header, body)
	}
	wantStatus(t, nobody.get("/app/private/", "Sec-Fetch-Site", "same-origin", "Sec-Fetch-Dest", "iframe"), http.StatusSeeOther)
}
