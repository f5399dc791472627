package serve

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"dashd/app"
	"dashd/app/dcc"
	"dashd/app/html"
	"dashd/app/table"
	"dashd/views"
)

// dash is what the server needs of an app: bytes in, bytes out. *app.App is one.
type dash interface {
	Name() string
	Slug() string
	Page() (app.Page, error)
	LayoutJSON(ctx context.Context, call *app.Call) ([]byte, error)
	ValidationLayoutJSON() ([]byte, error)
	DependenciesJSON() ([]byte, error)
	UpdateJSON(ctx context.Context, call *app.Call, body []byte) ([]byte, error)
}

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
	}
	if rest, ok := strings.CutPrefix(path, "_dash-component-suites/"); ok {
		return ViewSuites, rest, true
	}
	if rest, ok := strings.CutPrefix(path, "assets/"); ok {
		return ViewAssets, rest, true
	}
	return "", path, false
}

// mount is an app at its place in the server.
type mount struct {
	app    dash
	page   app.Page
	prefix string // URL path of the app, with the slash
	html   views.Dash
	csp    contentPolicy
	assets *assets

	config [2]string // _dash-config before and after the page's end_id

	clientsideHash string

	allowed map[string]bool // packages of _dash-component-suites
}

func (s *Server) newMount(a *app.App, suites []*app.Suite) (*mount, error) {
	page, err := a.Page()
	if err != nil {
		return nil, err
	}
	m := &mount{app: a, prefix: s.config.BasePath + "app/" + a.Slug() + "/"}
	page.Suites = slices.Clone(page.Suites) // those of the app stay as they are
	for i, suite := range page.Suites {
		if suite.Package != "" {
			continue
		}
		known := s.suites[suite.Namespace]
		if known == nil {
			return nil, fmt.Errorf("app %q: no suite has the namespace %q; add it to Config.Suites", a.Name(), suite.Namespace)
		}
		page.Suites[i] = known
	}
	if page.Dynamic { // Dash's own suites are there, as in every page of Dash
		for _, suite := range []*app.Suite{html.Suite, dcc.Suite, table.Suite} {
			if !slices.Contains(page.Suites, suite) {
				page.Suites = append(page.Suites, suite)
			}
		}
	}
	m.page = page
	sum := sha256.Sum256(page.Clientside)
	m.clientsideHash = hex.EncodeToString(sum[:8])
	if m.assets, err = newAssets(a.Assets); err != nil {
		return nil, fmt.Errorf("app %q: read its assets: %w", a.Name(), err)
	}
	config, err := s.dashConfig(m, suites)
	if err != nil {
		return nil, fmt.Errorf("app %q: write _dash-config: %w", a.Name(), err)
	}
	m.config[0], m.config[1], _ = strings.Cut(config, endIDPlace)
	m.allowed = map[string]bool{}
	for _, pkg := range rendererPackages {
		m.allowed[pkg] = true
	}
	for _, suite := range suites {
		m.allowed[suite.Package] = true
	}
	m.html = views.Dash{
		Title:       page.Title,
		Favicon:     m.prefix + "_favicon.ico",
		Preloads:    []string{m.prefix + "_dash-layout", m.prefix + "_dash-dependencies"},
		Stylesheets: s.stylesheets(m),
		Scripts:     s.scripts(m),
	}
	m.csp = newContentPolicy(page)
	return m, nil
}

// rendererPackages are the packages of the renderer and what it stands on.
var rendererPackages = []string{"dash/deps", "dash/dash-renderer", plotlyPackage}

// rendererScripts run before every suite: section 4 of Dash's protocol,
// without the polyfill, which no browser of today needs.
var rendererScripts = [...][2]string{
	{"dash/deps", "regenerator-runtime@0.14.1.js"},
	{"dash/deps", "react@18.3.1.min.js"},
	{"dash/deps", "react-dom@18.3.1.min.js"},
	{"dash/deps", "prop-types@15.8.1.min.js"},
	{"dash/dash-renderer", "build/dash_renderer.min.js"},
}

// Pages load plotly.js in its strict form: the ordinary one compiles the
// shaders of its WebGL traces with eval, which the page's policy refuses. The
// ordinary one is there too, at Dash's own address.
const (
	plotlyPackage = "plotly"
	plotlyScript  = "package_data/plotly-strict.min.js"
)

func (s *Server) scripts(m *mount) []views.Script {
	base := s.config.BasePath
	var scripts []views.Script
	for _, f := range rendererScripts {
		scripts = append(scripts, views.Script{URL: s.bundles.url(base, f[0], f[1])})
	}
	for _, url := range m.page.Scripts {
		scripts = append(scripts, views.Script{URL: url})
	}
	if m.page.Dynamic {
		scripts = append(scripts, views.Script{URL: s.bundles.url(base, sitePackage, "suites.js")})
	}
	for _, suite := range m.page.Suites {
		for _, url := range s.suiteScripts(suite) {
			scripts = append(scripts, views.Script{URL: url})
		}
	}
	for _, asset := range m.assets.scripts {
		scripts = append(scripts, views.Script{URL: m.prefix + asset.url, Module: strings.HasSuffix(asset.path, ".mjs")})
	}
	if m.page.Clientside != nil {
		scripts = append(scripts, views.Script{URL: m.prefix + "_dash-clientside.js?m=" + m.clientsideHash})
	}
	return scripts
}

// suiteScripts lists the URLs of a suite's scripts.
func (s *Server) suiteScripts(suite *app.Suite) (urls []string) {
	base := s.config.BasePath
	if suite.Namespace == "dash_core_components" { // has the Graph
		topojson := s.bundles.url(base, plotlyPackage, "package_data/topojson/")
		urls = append(urls, s.bundles.url(base, sitePackage, "graph.js")+"#"+topojson)
	}
	for _, file := range suite.Scripts {
		urls = append(urls, s.bundles.url(base, suite.Package, file))
	}
	return urls
}

// dist lists the files of suites that a callback's answer needs and the page
// has not loaded.
func (s *Server) dist(m *mount, suites []*app.Suite) (resources []app.Resource) {
	for _, suite := range suites {
		if slices.ContainsFunc(m.page.Suites, func(loaded *app.Suite) bool { return loaded.Namespace == suite.Namespace }) {
			continue
		}
		if known := s.suites[suite.Namespace]; known != nil {
			suite = known
		}
		for _, url := range s.suiteScripts(suite) {
			resources = append(resources, app.Resource{Type: "_js_dist", URL: url})
		}
		for _, file := range suite.Styles {
			resources = append(resources, app.Resource{Type: "_css_dist", URL: s.bundles.url(s.config.BasePath, suite.Package, file)})
		}
	}
	return resources
}

func (s *Server) stylesheets(m *mount) []string {
	urls := slices.Clone(m.page.Stylesheets)
	for _, suite := range m.page.Suites {
		for _, file := range suite.Styles {
			urls = append(urls, s.bundles.url(s.config.BasePath, suite.Package, file))
		}
	}
	for _, asset := range m.assets.styles {
		urls = append(urls, m.prefix+asset.url)
	}
	return urls
}

// serveApp serves the views of the apps.
func (s *Server) serveApp(w http.ResponseWriter, r *http.Request) {
	m := s.byName[r.PathValue("app")]
	if m == nil {
		s.fail(w, r, app.Errorf(app.NotFound, "There is no such app."))
		return
	}
	view, rest, ok := viewOf(r.PathValue("view"))
	if !ok {
		if !m.page.Routes || (r.Method != http.MethodGet && r.Method != http.MethodHead) {
			s.fail(w, r, errNoPage)
			return
		}
		view = ViewMain
	}
	if !s.allowMethod(w, r, view) {
		return
	}
	var err error
	switch view {
	case ViewMain:
		err = s.serveMain(w, r, m)
	case ViewLayout:
		err = s.serveLayout(w, r, m)
	case ViewDependencies:
		err = s.serveDependencies(w, r, m)
	case ViewUpdate:
		err = s.serveUpdate(w, r, m)
	case ViewSuites:
		s.bundles.serveSuite(w, r, rest, func(pkg string) bool { return m.allowed[pkg] })
	case ViewAssets:
		m.assets.serve(w, r, rest, func() { s.fail(w, r, errNoPage) })
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
		answerJSON(w, r, http.StatusOK, []byte(`{"files":[],"hard":false,"packages":[],"reloadHash":null}`))
	case ViewFavicon:
		if !m.assets.has("favicon.ico") {
			s.serveFavicon(w, r)
			return
		}
		m.assets.serve(w, r, "favicon.ico", func() { s.fail(w, r, errNoPage) })
	}
	if err != nil {
		s.fail(w, r, err)
	}
}

// allowMethod answers OPTIONS and the wrong methods.
func (s *Server) allowMethod(w http.ResponseWriter, r *http.Request, view View) bool {
	allow := "GET, HEAD, OPTIONS"
	if view == ViewUpdate {
		allow = "POST, OPTIONS"
	}
	if strings.Contains(allow, r.Method) && r.Method != http.MethodOptions {
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

func (s *Server) serveMain(w http.ResponseWriter, r *http.Request, m *mount) error {
	page := m.html
	page.Nonce = rand.Text()
	page.Config = m.config[0] + rand.Text() + m.config[1]
	w.Header().Set("Content-Security-Policy", m.csp.header(page.Nonce))
	w.Header().Set("Cache-Control", "no-cache")
	s.render(w, r, http.StatusOK, page.Page())
	return nil
}

func (s *Server) serveLayout(w http.ResponseWriter, r *http.Request, m *mount) error {
	layout, err := m.app.LayoutJSON(r.Context(), s.call(w, r, m))
	if err != nil {
		return err
	}
	w.Header().Set("Cache-Control", "no-cache")
	answerJSON(w, r, http.StatusOK, layout)
	return nil
}

func (s *Server) serveDependencies(w http.ResponseWriter, r *http.Request, m *mount) error {
	dependencies, err := m.app.DependenciesJSON()
	if err != nil {
		return err
	}
	w.Header().Set("Cache-Control", "no-cache")
	answerJSON(w, r, http.StatusOK, dependencies)
	return nil
}

// bodyTimeout is the time in which a request's body must have arrived.
const bodyTimeout = time.Minute

func (s *Server) serveUpdate(w http.ResponseWriter, r *http.Request, m *mount) error {
	if !isJSON(r.Header.Get("Content-Type")) {
		return app.Errorf(app.Unsupported, "The body must be sent as application/json.")
	}
	body, err := s.readBody(w, r)
	if err != nil {
		return err
	}
	answer, err := m.app.UpdateJSON(r.Context(), s.call(w, r, m), body)
	switch {
	case err != nil:
		return err
	case answer == nil:
		w.WriteHeader(http.StatusNoContent)
	default:
		answerJSON(w, r, http.StatusOK, answer)
	}
	return nil
}

// readBody reads a bounded body in bounded time.
func (s *Server) readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	if r.ContentLength > s.config.MaxBody {
		return nil, s.tooLarge()
	}
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Now().Add(bodyTimeout)) // not every writer has deadlines
	reader := http.MaxBytesReader(w, r.Body, s.config.MaxBody)
	var body []byte
	var err error
	if n := r.ContentLength; n >= 0 && n <= 64<<10 { // larger bodies grow as they arrive
		body = make([]byte, n)
		_, err = io.ReadFull(reader, body)
	} else {
		body, err = io.ReadAll(reader)
	}
	if err != nil {
		if _, ok := err.(*http.MaxBytesError); ok {
			return nil, s.tooLarge()
		}
		return nil, app.Errorf(app.Invalid, "The body did not arrive whole.")
	}
	_ = control.SetReadDeadline(time.Time{}) // the callback may take its time
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
func (s *Server) call(w http.ResponseWriter, r *http.Request, m *mount) *app.Call {
	return &app.Call{
		Request: r,
		Header:  w.Header(),
		AppID:   m.app.Slug(),
		Prefix:  m.prefix,
		Page:    r.URL.Query().Get("endId"),
		Dist:    func(suites []*app.Suite) []app.Resource { return s.dist(m, suites) },
		Log:     requestOf(r).logger(s.config.Log).With("app", m.app.Slug()),
	}
}

// dashConfig writes _dash-config: section 3 of Dash's protocol.
func (s *Server) dashConfig(m *mount, suites []*app.Suite) (string, error) {
	validation, err := m.app.ValidationLayoutJSON()
	if err != nil {
		return "", err
	}
	children := map[string]map[string][]string{}
	for _, suite := range suites {
		children[suite.Namespace] = suite.ChildrenProps
		if suite.ChildrenProps == nil {
			children[suite.Namespace] = map[string][]string{}
		}
	}
	config := dashConfig{
		RequestsPathnamePrefix:     m.prefix,
		DisableVersionCheck:        true,
		SuppressCallbackExceptions: m.page.SuppressCallbackExceptions,
		UpdateTitle:                m.page.UpdateTitle,
		ChildrenProps:              children,
		DashVersion:                dashVersion,
		PlotlyVersion:              plotlyVersion,
		CSRFTokenName:              "_csrf_token",
		CSRFHeaderName:             "X-CSRFToken",
		PlotlyjsURL:                s.bundles.url(s.config.BasePath, plotlyPackage, plotlyScript),
		ValidationLayout:           validation,
		EndID:                      endIDPlace,
	}
	if config.UpdateTitle == " " {
		config.UpdateTitle = ""
	}
	text, err := json.Marshal(config) // escapes "<", ">" and "&"
	return string(text), err
}

// dashVersion is the version of Dash whose protocol dashd speaks.
const dashVersion = "4.3.0"

// plotlyVersion is plotly.py's that belongs to that Dash.
const plotlyVersion = "6.9.0"

// dashConfig is _dash-config. Debug off: ui, props_check
// and validate_callbacks are false.
type dashConfig struct {
	EndID                      string                         `json:"end_id"` // first: endIDPlace is found there
	URLBasePathname            *string                        `json:"url_base_pathname"`
	RequestsPathnamePrefix     string                         `json:"requests_pathname_prefix"`
	UI                         bool                           `json:"ui"`
	PropsCheck                 bool                           `json:"props_check"`
	DisableVersionCheck        bool                           `json:"disable_version_check"`
	ShowUndoRedo               bool                           `json:"show_undo_redo"`
	SuppressCallbackExceptions bool                           `json:"suppress_callback_exceptions"`
	UpdateTitle                string                         `json:"update_title"`
	ChildrenProps              map[string]map[string][]string `json:"children_props"`
	ServeLocally               bool                           `json:"serve_locally"`
	DashVersion                string                         `json:"dash_version"`
	PythonVersion              string                         `json:"python_version"`
	DashVersionURL             string                         `json:"dash_version_url"`
	DDKVersion                 *string                        `json:"ddk_version"`
	PlotlyVersion              string                         `json:"plotly_version"`
	ValidateCallbacks          bool                           `json:"validate_callbacks"`
	CSRFTokenName              string                         `json:"csrf_token_name"`
	CSRFHeaderName             string                         `json:"csrf_header_name"`
	PlotlyCloudInstalled       bool                           `json:"plotly_cloud_installed"`
	PlotlyjsURL                string                         `json:"plotlyjs_url"`
	ValidationLayout           json.RawMessage                `json:"validation_layout,omitempty"`
}

// endIDPlace is where _dash-config gets the end_id of each page: the renderer
// sends it with every callback, so that the server tells pages apart.
const endIDPlace = "{end_id}"

// contentPolicy is the Content-Security-Policy of an app's page: section 10 of
// the design. Plotly.js and the suites write style attributes, so styles are
// the one thing that is not locked.
type contentPolicy struct{ before, after string }

func newContentPolicy(page app.Page) contentPolicy {
	scripts, styles := origins(page.Scripts), origins(page.Stylesheets)
	return contentPolicy{
		before: "default-src 'self'; script-src 'self'" + scripts + " 'nonce-",
		after: "'; style-src 'self' 'unsafe-inline'" + styles +
			"; img-src 'self' data: blob:" + styles +
			"; font-src 'self' data:" + styles +
			"; connect-src 'self'; worker-src 'self' blob:; media-src 'self' data: blob:" +
			"; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'self'",
	}
}

func (p contentPolicy) header(nonce string) string { return p.before + nonce + p.after }

// origins lists the origins of URLs of other hosts, each after a blank.
func origins(urls []string) string {
	var list string
	for _, raw := range urls {
		u, err := url.Parse(raw)
		if err != nil || u.Host == "" {
			continue
		}
		origin := u.Host
		if u.Scheme != "" {
			origin = u.Scheme + "://" + u.Host
		}
		if !strings.Contains(list+" ", " "+origin+" ") {
			list += " " + origin
		}
	}
	return list
}
