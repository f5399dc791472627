// Package serve makes a server of apps: it holds the command line, the HTTP
// server with its routes and middleware, and puts the other packages together.
//
// [Main] is the whole of a program that serves apps; [New] makes a handler to
// mount in a server of one's own.
package serve

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"dashd/app"
	"dashd/app/dbc"
	"dashd/app/dcc"
	"dashd/app/dpd"
	"dashd/app/html"
	"dashd/app/table"
	"dashd/live"
	"dashd/static"
	"dashd/store"
	"dashd/views"
)

// builtinSuites are the component suites whose bundles are part of dashd.
var builtinSuites = []*app.Suite{html.Suite, dcc.Suite, table.Suite, dbc.Suite, dpd.Suite}

// Server serves apps over HTTP. All but its core is made from its configuration
// and stays as it is; another configuration makes another server around the same
// core: see renew.
type Server struct {
	*core

	config  Config
	bundles *bundles
	suites  map[string]*app.Suite // by namespace
	apps    []*mount
	byName  map[string]*mount // by slug and by name
	bySlug  map[string]*mount
	cookie  string // name of the session cookie, without TLS
	hosts   hostList
	proxies proxies
	handler http.Handler
	admin   http.Handler // with what Config.AdminApart takes from handler

	decorated map[Route]http.Handler // nil without Config.Decorate

	compress func(http.Handler) http.HandlerFunc

	embedOrigins []string // of all apps

	refused   noted // hosts
	strangers noted // peers that tell of visitors

	analyticsApp *mount // draws the analytics; nil without the administration
}

// core is what a server remembers. It outlives the server's configuration.
type core struct {
	current atomic.Pointer[Server] // the one that serves now

	stopping atomic.Bool // the end has begun: see doors.close

	store *store.Store
	hub   *live.Hub

	metrics        *metrics
	metricsHandler http.Handler
	health         health
	analytics      *analytics
	failures       failures
	pokes          pokeLimits
	begun          addressRates // sessions and initial arguments
	joined         addressRates // connections of pipes
	board          board
	embedListeners embedListeners
	accessLoad     sync.Mutex // what was read last is to stay
}

// New makes a server. It checks the apps ([app.Validate]) and returns all that
// is wrong with them at once; then it opens the data directory, which is its
// own until Close.
func New(config Config) (*Server, error) {
	s, err := prepare(config)
	if err != nil {
		return nil, err
	}
	if err := s.open(context.Background(), lockWait); err != nil {
		return nil, err
	}
	return s, nil
}

// prepare makes all of a server but its store, which it opens later.
func prepare(config Config) (*Server, error) {
	config, err := config.withDefaults()
	if err != nil {
		return nil, err
	}
	if err := app.Validate(config.Apps...); err != nil {
		return nil, err
	}
	s := &Server{config: config, core: &core{hub: live.New(live.Limits{}), metrics: newMetrics()}, byName: map[string]*mount{}, bySlug: map[string]*mount{}, cookie: cookieOf(config.BasePath)}
	if s.hosts, err = newHostList(config); err != nil {
		return nil, err
	}
	if s.proxies, err = parseProxies(config.TrustedProxies); err != nil {
		return nil, err
	}
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
		s.embedOrigins = append(s.embedOrigins, a.EmbedOrigins...)
	}
	s.metricsHandler = s.newMetricsHandler()
	for _, m := range s.apps { // a slug wins over another app's name
		m.metrics = s.metrics.of(m.app.Slug())
		s.byName[m.app.Slug()] = m
		s.bySlug[m.app.Slug()] = m
	}
	if config.Home != "" && s.byName[config.Home] == nil {
		return nil, fmt.Errorf("home: there is no app %q", config.Home)
	}
	if err := s.decorate(); err != nil {
		return nil, err
	}
	if s.analytics, err = newAnalytics(s.apps); err != nil {
		return nil, err
	}
	if s.analyticsApp, err = s.newAnalyticsApp(suites); err != nil {
		return nil, err
	}
	s.hub.Log = config.Log
	s.compress = newCompressor()
	s.admin = s.middleware(s.routes(true))
	s.handler = s.admin
	if config.AdminApart {
		s.handler = s.middleware(s.routes(false))
	}
	s.current.Store(s)
	return s, nil
}

// openTimeout bounds the start: the restore of a lost database over a slow line,
// migrations, and the site's seed.
const openTimeout = time.Hour

// lockWait is how long a server waits for a command, or for the one before it,
// to give the data directory free.
const lockWait = 5 * time.Second

// open opens the store, records the apps and lets the site seed it.
func (s *Server) open(ctx context.Context, wait time.Duration) (err error) {
	path := ""
	if s.config.Data != "" {
		path = filepath.Join(s.config.Data, databaseFile)
	}
	s.store = store.New(path)
	s.store.Log = s.config.Log
	s.store.LockWait = wait
	s.store.Synchronous = s.config.Synchronous
	s.store.Replicate = s.config.Replicate
	s.store.AnalyticsKeep = s.config.AnalyticsKeep
	s.store.AuditKeep = s.config.AuditKeep
	s.store.OnSessionEnd = s.endListeners
	s.store.OnCommit = s.metrics.committed
	ctx, cancel := context.WithTimeout(ctx, openTimeout)
	defer cancel()
	if err := s.store.Open(ctx); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = s.store.Close() // the first error says more
		}
	}()
	var apps []store.App
	for _, m := range s.apps {
		apps = append(apps, store.App{Slug: m.app.Slug(), Name: m.app.Name()})
	}
	switch err := s.store.RecordApps(ctx, apps); {
	case app.ErrorCode(err) == app.Full: // what is there can be seen
		s.config.Log.Warn("the apps are not recorded, and nothing can be saved", "err", err)
	case err != nil:
		return fmt.Errorf("record the apps: %w", err)
	}
	if err := s.loadAccess(ctx); err != nil {
		return err
	}
	if err := s.openHub(ctx); err != nil {
		return err
	}
	if s.config.Seed != nil {
		if err := s.config.Seed(ctx, s.Instances()); err != nil {
			return fmt.Errorf("seed: %w", err)
		}
	}
	s.analytics.start(s.store, s.config.Log)
	return nil
}

// databaseFile is the database in the data directory.
const databaseFile = "dashd.db"

// loadAccess reads who may open the apps, where the store stands above their
// code. Those who listen come back with the rights that they have now.
func (s *Server) loadAccess(ctx context.Context) error {
	s.accessLoad.Lock()
	defer s.accessLoad.Unlock()
	apps, err := s.store.Apps(ctx)
	if err != nil {
		return fmt.Errorf("read who may open the apps: %w", err)
	}
	for _, a := range apps {
		if m := s.bySlug[a.Slug]; m != nil {
			m.access.Store(a.Access)
		}
	}
	s.hub.CloseAll()
	return nil
}

// appAccess says who may open an app itself.
func (s *Server) appAccess(m *mount) app.Access {
	access := m.code
	if p := m.access.Load(); p != nil {
		access = *p
	}
	if access == app.DefaultAccess {
		return s.config.DefaultAccess
	}
	return access
}

// closeTimeout bounds the end: the listeners leave, and the channels are kept.
const closeTimeout = 10 * time.Second

// Close sends the listeners away and closes the store, after all other requests
// have ended. Without a data directory, what it held is gone.
func (s *Server) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	err := errors.Join(s.closeHub(ctx), s.analytics.close(ctx), s.store.Close())
	s.health.wait()
	return err
}

// Handler returns the server's handler. It expects the base path in the
// requests' paths.
func (s *Server) Handler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.current.Load().handler.ServeHTTP(w, r) })
}

// AdminHandler returns a handler like Handler which also serves what
// [Config.AdminApart] has taken from that, and the metrics to everybody: it is
// for an address that only operators reach.
func (s *Server) AdminHandler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.current.Load().admin.ServeHTTP(w, asOperator(r)) })
}

// renew puts another configuration in force. What is wrong with it is returned,
// and the present one stays. Requests under way end as they began. The data
// directory, how it is kept, and the apps stay as they are.
func (s *Server) renew(config Config) error {
	now := s.current.Load()
	config.Apps, config.Data, config.Replicate, config.Synchronous = now.config.Apps, now.config.Data, now.config.Replicate, now.config.Synchronous
	next, err := prepare(config)
	if err != nil {
		return err
	}
	next.core = now.core
	for _, m := range next.apps {
		before := now.bySlug[m.app.Slug()]
		m.access, m.counted, m.metrics = before.access, before.counted, before.metrics
	}
	s.current.Store(next)
	next.hub.CloseAll() // who listens comes back, with the rights of now
	return nil
}

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
	if err := s.bundles.addEmbed(static.Dashd()); err != nil {
		return fmt.Errorf("load %s: %w", embedPackage, err)
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

// routes is the server's route table, with or without the administration.
func (s *Server) routes(admin bool) http.Handler {
	base := s.config.BasePath
	mux := http.NewServeMux()
	mux.HandleFunc(base+"app/{app}", s.addSlash)
	mux.HandleFunc(base+"static/{file...}", func(w http.ResponseWriter, r *http.Request) {
		w.Header()[resourcePolicy] = forAllPages
		s.bundles.serveStatic(w, r, r.PathValue("file"))
	})
	mux.HandleFunc("GET "+base+"favicon.ico", s.serveFavicon)
	mux.HandleFunc("GET "+base+embedScript, s.serveEmbedScript)
	mux.HandleFunc("GET "+base+"{$}", s.serveHome)
	s.handle(mux, s.siteRoutes(admin))
	s.healthRoutes(mux)
	mux.HandleFunc(base, s.servePages)
	if base != "/" {
		mux.HandleFunc(strings.TrimSuffix(base, "/"), s.addSlash)
		mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
			s.fail(w, r, app.Errorf(app.NotFound, "There is nothing at this address; this site begins at %s.", base))
		})
	}
	mux.HandleFunc(base+"instance/{instance}", s.addSlash)
	apps, instances := base+kindApp+"/", base+kindInstance+"/"
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// The apps come first and fast; what is no clean path of theirs, the
		// mux mends.
		if path, ok := strings.CutPrefix(r.URL.Path, apps); ok && strings.Contains(path, "/") && isClean(r.URL.Path) {
			s.servePlace(w, r, kindApp, path)
			return
		}
		if path, ok := strings.CutPrefix(r.URL.Path, instances); ok && strings.Contains(path, "/") && isClean(r.URL.Path) {
			s.servePlace(w, r, kindInstance, path)
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
	v := &Visit{server: s, w: w, r: r}
	user, err := v.identify()
	if err != nil {
		s.fail(w, v.in(r), err)
		return
	}
	var links []views.AppLink
	for _, m := range s.apps {
		if s.appAccess(m).Allows(user) {
			links = append(links, views.AppLink{Title: m.page.Title, Name: m.app.Name(), URL: m.prefix})
		}
	}
	w.Header().Set("Cache-Control", "no-store")
	s.render(w, r, http.StatusOK, s.site("Apps", user).Apps(links))
}

// servePages serves the site's own pages.
func (s *Server) servePages(w http.ResponseWriter, r *http.Request) {
	if s.config.Pages == nil {
		s.fail(w, s.Visit(w, r).in(r), errNoPage)
		return
	}
	arrived(w) // what these take, and how long, is for the site to say
	w.Header()["Referrer-Policy"] = sameOrigin
	delete(w.Header(), resourcePolicy) // who may use the site's own files, is for the site to say
	v := &Visit{server: s, w: w, r: r}
	defer v.end()
	s.compress(http.StripPrefix(strings.TrimSuffix(s.config.BasePath, "/"), s.config.Pages)).ServeHTTP(w, r.WithContext(v.Context(r.Context())))
}

var errNoPage = app.Errorf(app.NotFound, "There is no such page.")

func (s *Server) serveFavicon(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "image/x-icon")
	w.Header().Set("Cache-Control", "public, max-age=86400")
	http.ServeFileFS(w, r, static.Dashd(), "favicon.ico")
}

// site returns the frame for a page of the site that user sees.
func (s *Server) site(title string, user *app.User) views.Site {
	return views.Site{
		User:       user,
		SignIn:     s.signInURL(nil),
		Own:        s.config.Authenticate == nil,
		Admin:      !s.config.NoAdmin && !s.config.AdminApart && user != nil && user.Superuser,
		Title:      title,
		Stylesheet: s.bundles.url(s.config.BasePath, sitePackage, "site.css"),
		Home:       s.config.BasePath,
	}
}
