package serve

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"

	"dashd/app"
	"dashd/app/dcc"
	"dashd/app/dpd"
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
	Populate(ctx context.Context, call *app.Call) (app.BaseState, error)
	CheckInitial(state app.BaseState) error
}

// mount is an app at its place in the server.
type mount struct {
	app    dash
	code   app.Access // as the app's code says
	page   app.Page
	prefix string // URL path of the app, with the slash
	html   views.Dash
	csp    contentPolicy
	assets *assets

	config dashConfigText

	clientsideHash string

	embed        embedFiles
	embedOrigins []string

	access *atomic.Pointer[app.Access] // by the store, in place of the code's; nil for none

	counted *countedApp // for the analytics; nil when they count nothing of it
	metrics *appMetrics // nil for what is none of the site's apps

	log  *slog.Logger // names the app
	dist func([]*app.Suite) []app.Resource

	allowed map[string]bool // packages of _dash-component-suites
}

func (s *Server) newMount(a *app.App, suites []*app.Suite) (*mount, error) {
	page, err := a.Page()
	if err != nil {
		return nil, err
	}
	m := &mount{app: a, code: a.Access, access: new(atomic.Pointer[app.Access]), prefix: s.config.BasePath + "app/" + a.Slug() + "/", log: s.config.Log.With("app", a.Slug())}
	m.dist = func(suites []*app.Suite) []app.Resource { return s.dist(m, suites) }
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
	if m.assets, err = newAssets(a.Assets, a.AssetsIgnore); err != nil {
		return nil, fmt.Errorf("app %q: read its assets: %w", a.Name(), err)
	}
	config, err := s.dashConfig(m, suites)
	if err != nil {
		return nil, fmt.Errorf("app %q: write _dash-config: %w", a.Name(), err)
	}
	m.config = newDashConfigText(config)
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
		Fetches:     []string{m.prefix + "_dash-layout", m.prefix + "_dash-dependencies"},
		Stylesheets: s.stylesheets(m),
		Scripts:     s.scripts(m),
	}
	if page.Graphs {
		base := s.config.BasePath
		m.html.Preloads = []string{s.bundles.url(base, dcc.Suite.Package, "async-graph.js"), s.bundles.url(base, plotlyPackage, plotlyScript)}
	}
	if m.embed, err = s.embedFiles(m); err != nil {
		return nil, fmt.Errorf("app %q: read its assets: %w", a.Name(), err)
	}
	m.embedOrigins = a.EmbedOrigins
	m.csp = newContentPolicy(page, m.embedOrigins)
	return m, nil
}

// pageAt returns the app's page at a prefix: that of the app itself, of an
// instance, or of either with initial arguments.
func (m *mount) pageAt(prefix, endID string) views.Dash {
	page := m.html
	page.Config = m.config.with(prefix, endID)
	if prefix == m.prefix {
		return page
	}
	page.Favicon = m.at(prefix, page.Favicon)
	page.Fetches = m.allAt(prefix, page.Fetches)
	page.Stylesheets = m.allAt(prefix, page.Stylesheets)
	page.Scripts = slices.Clone(page.Scripts)
	for i, script := range page.Scripts {
		page.Scripts[i].URL = m.at(prefix, script.URL)
	}
	return page
}

// at returns the URL below a prefix for one below the app's own; other URLs
// stay as they are.
func (m *mount) at(prefix, url string) string {
	if rest, ok := strings.CutPrefix(url, m.prefix); ok {
		return prefix + rest
	}
	return url
}

func (m *mount) allAt(prefix string, urls []string) []string {
	moved := make([]string, len(urls))
	for i, url := range urls {
		moved[i] = m.at(prefix, url)
	}
	return moved
}

// rendererPackages are the packages of the renderer and what it stands on.
var rendererPackages = []string{"dash/deps", rendererPackage, plotlyPackage}

const (
	rendererPackage = "dash/dash-renderer"
	rendererScript  = "build/dash_renderer.min.js"
)

// rendererScripts run before every suite: section 4 of Dash's protocol,
// without the polyfill, which no browser of today needs.
var rendererScripts = [...][2]string{
	{"dash/deps", "regenerator-runtime@0.14.1.js"},
	{"dash/deps", "react@18.3.1.min.js"},
	{"dash/deps", "react-dom@18.3.1.min.js"},
	{"dash/deps", "prop-types@15.8.1.min.js"},
	{rendererPackage, rendererScript},
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
	if m.page.Late {
		scripts = append(scripts, views.Script{URL: s.bundles.url(base, sitePackage, "suites.js")})
	}
	for _, url := range s.pageSuiteScripts(m) {
		scripts = append(scripts, views.Script{URL: url})
	}
	for _, asset := range m.assets.scripts {
		scripts = append(scripts, views.Script{URL: m.prefix + asset.url, Module: isModule(asset)})
	}
	if m.page.Clientside != nil {
		scripts = append(scripts, views.Script{URL: m.prefix + "_dash-clientside.js?m=" + m.clientsideHash})
	}
	return scripts
}

// pageSuiteScripts lists the URLs of the scripts of the suites that a page
// loads.
func (s *Server) pageSuiteScripts(m *mount) (urls []string) {
	for _, suite := range m.page.Suites {
		urls = append(urls, s.suiteScripts(suite, m.page.Graphs || m.page.Late)...)
	}
	return urls
}

// suiteScripts lists the URLs of a suite's scripts. With graphs, that of dcc is
// ready to draw them. That of dpd learns from its URL where pipes connect.
func (s *Server) suiteScripts(suite *app.Suite, graphs bool) (urls []string) {
	base := s.config.BasePath
	if graphs && suite == dcc.Suite {
		topojson := s.bundles.url(base, plotlyPackage, "package_data/topojson/")
		urls = append(urls, s.bundles.url(base, sitePackage, "graph.js")+"#"+topojson)
	}
	for _, file := range suite.Scripts {
		url := s.bundles.url(base, suite.Package, file)
		if suite == dpd.Suite {
			url += "#" + base + s.config.WSRoute
		}
		urls = append(urls, url)
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
		for _, url := range s.suiteScripts(suite, true) {
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
