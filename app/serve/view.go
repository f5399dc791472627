package serve

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"
	"time"

	"dashd/app"
	"dashd/store"
	"dashd/views"
)

// View is one HTTP face of an app.
type View string

// The views: section 1 of Dash's protocol.
const (
	ViewMain         View = "main"             // the page
	ViewLayout       View = "layout"           // _dash-layout
	ViewDependencies View = "dependencies"     // _dash-dependencies
	ViewUpdate       View = "update-component" // _dash-update-component
	ViewSuites       View = "component-suites" // _dash-component-suites/<package>/<path>
	ViewAssets       View = "assets"           // assets/<path>
	ViewClientside   View = "clientside"       // _dash-clientside.js: the inline functions of callbacks
	ViewReload       View = "reload-hash"      // _reload-hash
	ViewFavicon      View = "favicon"          // _favicon.ico
	ViewEmbed        View = "embed"            // _dash-embed: what <dash-app> needs
	ViewEmbedJS      View = "embed-js"         // _dash-embed.js: the scripts of the app's own, for <dash-app>
	ViewHealth       View = "health"           // _django/health/, also without the last slash: counts a view
)

// viewOf splits the path below an app's URL into a view and what follows.
func viewOf(path string) (view View, rest string, ok bool) {
	switch path {
	case "":
		return ViewMain, "", true
	case "_dash-layout":
		return ViewLayout, "", true
	case "_dash-dependencies":
		return ViewDependencies, "", true
	case "_dash-update-component":
		return ViewUpdate, "", true
	case "_dash-clientside.js":
		return ViewClientside, "", true
	case "_reload-hash":
		return ViewReload, "", true
	case "_favicon.ico":
		return ViewFavicon, "", true
	case "_dash-embed":
		return ViewEmbed, "", true
	case "_dash-embed.js":
		return ViewEmbedJS, "", true
	case djangoHealth, djangoHealth + "/":
		return ViewHealth, "", true
	}
	if rest, ok := strings.CutPrefix(path, "_dash-component-suites/"); ok {
		return ViewSuites, rest, true
	}
	if rest, ok := strings.CutPrefix(path, "assets/"); ok {
		return ViewAssets, rest, true
	}
	return "", path, false
}

// Route names a view at one kind of place, as django-plotly-dash names its
// routes.
type Route struct {
	View     View
	Instance bool // of an instance, not of an app itself
	Initial  bool // with initial arguments
}

// String returns the route's name in django-plotly-dash: "app-layout" for an
// app itself, "layout" for an instance, "--args" at the end for initial
// arguments.
func (r Route) String() string {
	name := string(r.View)
	if !r.Instance {
		name = "app-" + name
	}
	if r.Initial {
		name += "--args"
	}
	return name
}

// Views are all views.
var Views = []View{ViewMain, ViewLayout, ViewDependencies, ViewUpdate, ViewSuites, ViewAssets, ViewClientside, ViewReload, ViewFavicon, ViewEmbed, ViewEmbedJS, ViewHealth}

// decorate wraps the views as Config.Decorate says.
func (s *Server) decorate() error {
	if s.config.Decorate == nil {
		return nil
	}
	s.decorated = map[Route]http.Handler{}
	view := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if v := VisitOf(r); v != nil {
			v.w = w // the decorator's, through which all goes
			s.serveView(w, r, v)
			return
		}
		s.fail(w, r, fmt.Errorf("a decorator lost the request's context"))
	})
	for _, name := range Views {
		for i := range 4 {
			route := Route{name, i&1 != 0, i&2 != 0}
			if s.decorated[route] = s.config.Decorate(route, view); s.decorated[route] == nil {
				return fmt.Errorf("decorate: there is no handler for the route %v; return next to leave it as it is", route)
			}
		}
	}
	return nil
}

// LoginRequired is a [Config.Decorate] which lets no anonymous visitor in,
// whatever access an app or instance gives.
func LoginRequired(_ Route, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		v := VisitOf(r)
		if user, err := v.identify(); err != nil {
			v.server.fail(w, r, err)
		} else if err := permit(app.Authenticated, user); err != nil {
			v.server.turnAway(w, r, err)
		} else {
			next.ServeHTTP(w, r)
		}
	})
}

// initialPath begins the part of the path that names initial arguments.
const initialPath = "initial/"

// servePlace serves the views of an app or instance. path is what follows its
// kind in the URL: "<slug>/[embed/<token>/][initial/<id>/]<view>".
func (s *Server) servePlace(w http.ResponseWriter, r *http.Request, kind, path string) {
	slug, path, _ := strings.Cut(path, "/")
	p, err := s.find(r.Context(), kind, slug)
	if err != nil {
		s.fail(w, s.Visit(w, r).in(r), err)
		return
	}
	v := &Visit{server: s, w: w, r: r, place: p}
	defer v.end()
	noteVisit(w, v)
	if p.mount != nil {
		v.App = p.mount.app.Slug()
	}
	if p.instance != nil {
		v.Instance = p.slug
	}
	if s.fromElsewhere(w, r, v) {
		return
	}
	if strings.HasPrefix(path, embedPath) {
		rest, answered, err := s.enterEmbed(w, r, v, path)
		if answered {
			return
		}
		if err != nil {
			s.fail(w, v.in(r), err)
			return
		}
		path = rest
	}
	if err := s.admit(v, p); err != nil {
		s.turnAway(w, v.in(r), err)
		return
	}
	if p.mount == nil {
		s.fail(w, v.in(r), errAppGone)
		return
	}
	if rest, ok := strings.CutPrefix(path, initialPath); ok {
		if v.Initial, path, ok = strings.Cut(rest, "/"); !ok {
			s.addSlash(w, r)
			return
		}
		v.place.prefix += initialPath + v.Initial + "/"
	}
	var ok bool
	if v.View, v.rest, ok = viewOf(path); !ok {
		if !p.mount.page.Routes || (r.Method != http.MethodGet && r.Method != http.MethodHead) {
			s.fail(w, v.in(r), errNoPage)
			return
		}
		v.View = ViewMain
	}
	if !s.allowMethod(w, r, v.View) {
		return
	}
	if s.decorated == nil {
		s.serveView(w, r, v)
		return
	}
	s.decorated[Route{v.View, p.instance != nil, v.Initial != ""}].ServeHTTP(w, v.in(r))
}

// serveView serves a view to a visitor who may see it.
func (s *Server) serveView(w http.ResponseWriter, r *http.Request, v *Visit) {
	m := v.place.mount
	var err error
	switch v.View {
	case ViewMain:
		err = s.serveMain(w, r, v)
	case ViewLayout:
		err = s.serveLayout(w, r, v)
	case ViewDependencies:
		err = s.serveDependencies(w, r, m)
	case ViewUpdate:
		err = s.serveUpdate(w, r, v)
	case ViewSuites:
		s.bundles.serveSuite(w, r, v.rest, func(pkg string) bool { return m.allowed[pkg] })
	case ViewAssets:
		m.assets.serve(w, r, v.rest, func() { s.fail(w, r, errNoPage) })
	case ViewClientside:
		if m.page.Clientside == nil {
			err = errNoPage
			break
		}
		w.Header().Set("Content-Type", "text/javascript; charset=utf-8")
		w.Header().Set("Cache-Control", "no-cache")
		w.Header().Set("ETag", `"`+m.clientsideHash+`"`)
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(m.page.Clientside))
	case ViewReload:
		s.answerJSON(w, r, http.StatusOK, []byte(`{"files":[],"hard":false,"packages":[],"reloadHash":null}`))
	case ViewFavicon:
		if !m.assets.has("favicon.ico") {
			s.serveFavicon(w, r)
			return
		}
		m.assets.serve(w, r, "favicon.ico", func() { s.fail(w, r, errNoPage) })
	case ViewEmbed:
		err = s.serveEmbed(w, r, v)
	case ViewEmbedJS:
		err = m.serveEmbedJS(w, r)
	case ViewHealth:
		s.analytics.viewed(v, store.HealthView, "")
		s.answerOK(w, r)
	}
	if err != nil {
		s.fail(w, v.in(r), err)
	}
}

// allowMethod answers OPTIONS and the wrong methods.
func (s *Server) allowMethod(w http.ResponseWriter, r *http.Request, view View) bool {
	allow := "GET, HEAD, OPTIONS"
	allowed := r.Method == http.MethodGet || r.Method == http.MethodHead
	if view == ViewUpdate {
		allow = "POST, OPTIONS"
		allowed = r.Method == http.MethodPost
	}
	if allowed {
		return true
	}
	w.Header().Set("Allow", allow)
	if r.Method == http.MethodOptions {
		w.WriteHeader(http.StatusNoContent)
		return false
	}
	s.refuse(w, r, http.StatusMethodNotAllowed, "This address takes "+allow+".")
	return false
}

func (s *Server) serveMain(w http.ResponseWriter, r *http.Request, v *Visit) error {
	m := v.place.mount
	endID, err := v.beginPage()
	if err != nil {
		return err
	}
	s.analytics.viewed(v, store.PageView, endID)
	page := m.pageAt(v.place.prefix, endID)
	page.Nonce = rand.Text()
	if r.URL.Query().Get("embed") == "auto" { // as [views.PlotlyApp] asks
		page.Scripts = append(slices.Clip(page.Scripts), views.Script{URL: s.bundles.url(s.config.BasePath, sitePackage, "frame.js")})
	}
	w.Header().Set("Content-Security-Policy", m.csp.header(page.Nonce))
	w.Header().Set("Cache-Control", "no-cache")
	if v.embedded {
		w.Header().Set("Cache-Control", "no-store")
	}
	s.render(w, r, http.StatusOK, page.Page())
	return nil
}

// beginPage checks what a page of the app stands on, and returns the page's id.
func (v *Visit) beginPage() (endID string, err error) {
	if _, err := v.initial(); err != nil {
		return "", err
	}
	if v.place.mount.page.Sessions { // parallel callbacks are to find the same session
		if _, err := v.begin(v.r.Context()); err != nil {
			return "", err
		}
	}
	if v.place.instance != nil {
		return v.place.instance.NewPage(), nil
	}
	return rand.Text(), nil
}

func (s *Server) serveLayout(w http.ResponseWriter, r *http.Request, v *Visit) error {
	call := s.call(w, r, v)
	var err error
	if call.Initial, err = v.initial(); err != nil {
		return err
	}
	layout, err := v.place.mount.app.LayoutJSON(r.Context(), call)
	if err != nil {
		return err
	}
	w.Header()["Cache-Control"] = noCache
	s.answerJSON(w, r, http.StatusOK, layout)
	return nil
}

// initial returns the initial arguments of the URL, nil when it has none. They
// belong to the session of the page that embeds the app.
func (v *Visit) initial() (app.BaseState, error) {
	if v.Initial == "" {
		return nil, nil
	}
	session, err := v.present(v.r.Context())
	if err != nil {
		return nil, err
	}
	var owner []byte
	if session != nil {
		owner = session.Hash()
	}
	return v.server.store.Initial(v.r.Context(), v.Initial, v.place.target(), owner)
}

func (s *Server) serveDependencies(w http.ResponseWriter, r *http.Request, m *mount) error {
	dependencies, err := m.app.DependenciesJSON()
	if err != nil {
		return err
	}
	w.Header()["Cache-Control"] = noCache
	s.answerJSON(w, r, http.StatusOK, dependencies)
	return nil
}

// noCache makes browsers ask again at each load.
var noCache = []string{"no-cache"}

func (s *Server) serveUpdate(w http.ResponseWriter, r *http.Request, v *Visit) error {
	if !isJSON(r.Header.Get("Content-Type")) {
		return app.Errorf(app.Unsupported, "The body must be sent as application/json.")
	}
	body, err := s.readBody(w, r)
	if err != nil {
		return err
	}
	call := s.call(w, r, v)
	if call.Instance != nil { // a Patch may be of what they set
		call.Initial, err = v.initial()
		if err != nil && app.ErrorCode(err) != app.NotFound { // expired: a page that is open goes on
			return err
		}
	}
	answer, err := v.place.mount.app.UpdateJSON(r.Context(), call, body)
	v.end() // a function whose time is over may still run

	// The answer's time counts from now, however long that took.
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(answerTimeout))
	switch {
	case err != nil:
		return err
	case answer == nil:
		w.WriteHeader(http.StatusNoContent)
	default:
		s.answerJSON(w, r, http.StatusOK, answer)
	}
	return nil
}

// readBody reads a bounded body.
func (s *Server) readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	if r.ContentLength > s.config.MaxBody {
		return nil, s.tooLarge()
	}
	var body []byte
	var err error
	if n := r.ContentLength; n >= 0 && n <= 64<<10 { // net/http gives no more than that
		body = make([]byte, n)
		_, err = io.ReadFull(r.Body, body)
	} else { // what is large grows as it arrives
		body, err = io.ReadAll(http.MaxBytesReader(w, r.Body, s.config.MaxBody))
	}
	if err != nil {
		if _, ok := err.(*http.MaxBytesError); ok {
			return nil, s.tooLarge()
		}
		return nil, app.Errorf(app.Invalid, "The body did not arrive whole.")
	}
	arrived(w)
	return body, nil
}

func (s *Server) tooLarge() error {
	return app.Errorf(app.TooLarge, "The body is larger than the %d bytes that this server takes.", s.config.MaxBody)
}

func isJSON(contentType string) bool {
	if contentType == "application/json" {
		return true
	}
	media, _, err := mime.ParseMediaType(contentType)
	return err == nil && media == "application/json"
}

// call describes the request to the app.
func (s *Server) call(w http.ResponseWriter, r *http.Request, v *Visit) *app.Call {
	m := v.place.mount
	call := &v.call
	*call = app.Call{
		Request:   r,
		Header:    w.Header(),
		AppID:     v.place.slug,
		App:       m.app.Slug(),
		Prefix:    v.place.prefix,
		Page:      pageOf(r.URL.RawQuery),
		Dist:      m.dist,
		Visitor:   v,
		Bus:       v,
		Watcher:   watcher{v},
		Log:       m.log,
		RequestID: requestID(w),
	}
	if v.place.instance != nil {
		call.Instance = v.place.instance
	}
	return call
}

// pageOf returns the end_id of the page that a callback's request comes from:
// the renderer puts it first in the query.
func pageOf(query string) string {
	rest, ok := strings.CutPrefix(query, "endId=")
	if !ok {
		return ""
	}
	id, _, _ := strings.Cut(rest, "&")
	return id
}
