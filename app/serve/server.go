// Package serve makes a server of apps: it holds the command line, the HTTP
// server with its routes and middleware, and puts the other packages together.
//
// [Main] is the whole of a program that serves apps; [New] makes a handler to
// mount in a server of one's own.
package serve

import (
	"fmt"
	"io/fs"
	"net/http"
	"strings"

	"dashd/app"
	"dashd/app/dbc"
	"dashd/app/dcc"
	"dashd/app/dpd"
	"dashd/app/html"
	"dashd/app/table"
	"dashd/static"
	"dashd/views"
)

// builtinSuites are the component suites whose bundles are part of dashd.
var builtinSuites = []*app.Suite{html.Suite, dcc.Suite, table.Suite, dbc.Suite, dpd.Suite}

// Server serves apps over HTTP.
type Server struct {
	config  Config
	bundles *bundles
	suites  map[string]*app.Suite // by namespace
	apps    []*mount
	byName  map[string]*mount // by slug and by name
	hosts   hostList
	handler http.Handler

	compress func(http.Handler) http.HandlerFunc
}

// New makes a server. It checks the apps ([app.Validate]) and returns all that
// is wrong with them at once.
func New(config Config) (*Server, error) {
	config, err := config.withDefaults()
	if err != nil {
		return nil, err
	}
	if err := app.Validate(config.Apps...); err != nil {
		return nil, err
	}
	s := &Server{config: config, byName: map[string]*mount{}, hosts: newHostList(config)}
	suites, err := config.suites()
	if err != nil {
		return nil, err
	}
	s.suites = map[string]*app.Suite{}
	for _, suite := range suites {
		s.suites[suite.Namespace] = suite
	}
	if err := s.loadBundles(suites); err != nil {
		return nil, err
	}
	for _, a := range config.Apps {
		m, err := s.newMount(a, suites)
		if err != nil {
			return nil, err
		}
		s.apps = append(s.apps, m)
		s.byName[a.Name()] = m
	}
	for _, m := range s.apps { // a slug wins over another app's name
		s.byName[m.app.Slug()] = m
	}
	if config.Home != "" && s.byName[config.Home] == nil {
		return nil, fmt.Errorf("home: there is no app %q", config.Home)
	}
	s.compress = newCompressor()
	s.handler = s.middleware(s.routes())
	return s, nil
}

// Handler returns the server's handler. It expects the base path in the
// requests' paths.
func (s *Server) Handler() http.Handler { return s.handler }

// loadBundles makes the files of the suites, and dashd's own, ready to serve.
func (s *Server) loadBundles(suites []*app.Suite) (err error) {
	if s.bundles, err = newBundles(static.Bundles(), static.Manifest); err != nil {
		return err
	}
	for pkg, files := range map[string]fs.FS{sitePackage: static.Dashd(), dpd.Suite.Package: static.DPD()} {
		if err := s.bundles.addFiles(pkg, files); err != nil {
			return fmt.Errorf("load %s: %w", pkg, err)
		}
	}
	for _, suite := range suites {
		if err := s.bundles.addSuite(suite); err != nil {
			return fmt.Errorf("load suite %s: %w", suite.Namespace, err)
		}
	}
	return nil
}

// sitePackage is the folder of the files that the site's own pages use.
const sitePackage = "dashd"

// suites lists the suites that pages can load, each namespace once.
func (c Config) suites() ([]*app.Suite, error) {
	byNamespace := map[string]*app.Suite{}
	var suites []*app.Suite
	add := func(suite *app.Suite) error {
		switch known := byNamespace[suite.Namespace]; {
		case known == suite:
		case known != nil:
			return fmt.Errorf("two suites have the namespace %q", suite.Namespace)
		default:
			byNamespace[suite.Namespace] = suite
			suites = append(suites, suite)
		}
		return nil
	}
	for _, suite := range builtinSuites {
		if err := add(suite); err != nil {
			return nil, err
		}
	}
	for _, suite := range c.Suites {
		if err := add(suite); err != nil {
			return nil, err
		}
	}
	for _, a := range c.Apps {
		page, err := a.Page()
		if err != nil {
			return nil, err
		}
		for _, suite := range page.Suites {
			if suite.Package == "" {
				continue // an Element's: known by its namespace only
			}
			if err := add(suite); err != nil {
				return nil, fmt.Errorf("app %q: %w", a.Name(), err)
			}
		}
	}
	return suites, nil
}

// routes is the server's route table.
func (s *Server) routes() http.Handler {
	base := s.config.BasePath
	mux := http.NewServeMux()
	mux.HandleFunc(base+"app/{app}", s.addSlash)
	mux.HandleFunc(base+"static/{file...}", func(w http.ResponseWriter, r *http.Request) {
		s.bundles.serveStatic(w, r, r.PathValue("file"))
	})
	mux.HandleFunc("GET "+base+"favicon.ico", s.serveFavicon)
	mux.HandleFunc("GET "+base+"{$}", s.serveHome)
	mux.HandleFunc(base, s.servePages)
	if base != "/" {
		mux.HandleFunc(strings.TrimSuffix(base, "/"), s.addSlash)
		mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
			s.fail(w, r, app.Errorf(app.NotFound, "There is nothing at this address; this site begins at %s.", base))
		})
	}
	apps := base + "app/"
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// The apps come first and fast; what is no clean path of theirs, the
		// mux mends.
		if path, ok := strings.CutPrefix(r.URL.Path, apps); ok && strings.Contains(path, "/") && isClean(r.URL.Path) {
			s.serveApp(w, r, path)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

// isClean reports whether a path has no empty part, "." or "..".
func isClean(path string) bool {
	return !strings.Contains(path, "//") && !strings.Contains(path, "/./") && !strings.Contains(path, "/../") &&
		!strings.HasSuffix(path, "/.") && !strings.HasSuffix(path, "/..")
}

// addSlash leads to the same path with a slash at its end.
func (s *Server) addSlash(w http.ResponseWriter, r *http.Request) {
	url := r.URL.EscapedPath() + "/"
	if r.URL.RawQuery != "" {
		url += "?" + r.URL.RawQuery
	}
	http.Redirect(w, r, url, http.StatusPermanentRedirect)
}

// serveHome serves "/".
func (s *Server) serveHome(w http.ResponseWriter, r *http.Request) {
	if home := s.byName[s.config.Home]; home != nil {
		http.Redirect(w, r, home.prefix, http.StatusTemporaryRedirect)
		return
	}
	if s.config.Pages != nil {
		s.servePages(w, r)
		return
	}
	links := make([]views.AppLink, len(s.apps))
	for i, m := range s.apps {
		links[i] = views.AppLink{Title: m.page.Title, Name: m.app.Name(), URL: m.prefix}
	}
	s.render(w, r, http.StatusOK, s.site("Apps").Apps(links))
}

// servePages serves the site's own pages.
func (s *Server) servePages(w http.ResponseWriter, r *http.Request) {
	if s.config.Pages == nil {
		s.fail(w, r, errNoPage)
		return
	}
	w.Header()["Referrer-Policy"] = sameOrigin
	s.compress(http.StripPrefix(strings.TrimSuffix(s.config.BasePath, "/"), s.config.Pages)).ServeHTTP(w, r)
}

var errNoPage = app.Errorf(app.NotFound, "There is no such page.")

func (s *Server) serveFavicon(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "image/x-icon")
	w.Header().Set("Cache-Control", "public, max-age=86400")
	http.ServeFileFS(w, r, static.Dashd(), "favicon.ico")
}

// site returns the frame for a page of the site.
func (s *Server) site(title string) views.Site {
	return views.Site{
		Title:      title,
		Stylesheet: s.bundles.url(s.config.BasePath, sitePackage, "site.css"),
		Home:       s.config.BasePath,
	}
}
