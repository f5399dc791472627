package serve

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"dashd/app"
)

// Config says what a server serves and how. The zero value of each field is
// its default; the command line's flags set the fields with the same names.
type Config struct {
	// Apps are served at /app/<slug>/.
	Apps []*app.App

	// Suites are component suites of others that apps use by name only
	// ([app.Element]). Those of generated components need no mention.
	Suites []*app.Suite

	// Pages serves what dashd has no page for: the site's own pages. Paths come
	// without the base path. Default: a list of the apps at "/", 404 elsewhere.
	Pages http.Handler

	// Data is the directory of the server's own files: the database, and the
	// socket by which commands reach a running server. It is made when missing.
	// Default: none; everything is kept in memory and ends with the server.
	Data string

	// DefaultAccess is that of apps which say nothing. Default:
	// [app.Authenticated].
	DefaultAccess app.Access

	// Authenticate tells who makes a request, in place of dashd's own users: nil
	// for an anonymous visitor. With an error the request is refused. It is
	// called by many goroutines at once, at most once for each request. Each of
	// its users has a session of his own in a browser, by his name.
	Authenticate func(r *http.Request) (*app.User, error)

	// SignInURL is where anonymous visitors go for what is not public; the
	// address that they wanted is added as "next". Default: dashd's own page.
	// It belongs to Authenticate.
	SignInURL string

	// Decorate wraps each view of the apps and instances, once when the server
	// is made: django-plotly-dash's view_decorator. [VisitOf] tells the wrapper
	// what a request is for. It runs after access has been granted, so it can
	// take away but not give. A nil handler is an error of [New].
	Decorate func(route Route, next http.Handler) http.Handler

	// Seed is called when the server starts, before it answers: the place to
	// make the instances that a site needs.
	Seed func(ctx context.Context, instances *Instances) error

	// InitialTTL is how long initial arguments can be used. Default:
	// [DefaultInitialTTL].
	InitialTTL time.Duration

	// WSRoute is the path, below the base path, at which pipes connect. Default:
	// [DefaultWSRoute].
	WSRoute string

	// HTTPRoute is the path, below the base path, under which "poke/" takes
	// messages. Default: [DefaultHTTPRoute].
	HTTPRoute string

	// NoPoke takes HTTPRoute away.
	NoPoke bool

	// NoAdmin takes the administration below /admin/ away.
	NoAdmin bool

	// Home is the name or slug of the app that "/" leads to. Default: "/" is
	// the first of Pages, or the list of the apps.
	Home string

	// BasePath is the path below which everything is served, such as "/my-app".
	// Default: "/".
	BasePath string

	// SitePath is the path below which the site's own pages are, where a site
	// mounts dashd at BasePath and asks [Server.Visit] in pages outside of it:
	// "/", mostly. The session's cookie goes to all of them, and sign-in leads
	// back to them. Default: BasePath.
	SitePath string

	// PublicURL is how visitors reach the server, such as
	// "https://dash.example.org". Its host is allowed.
	PublicURL string

	// AllowedHosts are the host names that requests may name, besides loopback,
	// IP addresses, this machine's names, names that end in ".local", and that
	// of PublicURL. "*.example.org" allows all names below one, "*" all.
	AllowedHosts []string

	// TrustedProxies are the addresses, or networks as "10.0.0.0/8", of proxies
	// whose word on the client's address, host and scheme is taken; "unix" is
	// whoever connects to a Unix socket. Default: none.
	TrustedProxies []string

	// Replicate is where the database is replicated to while it is served, and
	// restored from when it is missing: a URL of file, s3 or sftp. Default: nowhere.
	Replicate string

	// Synchronous is "normal", with which what was saved survives a crash of the
	// program, or "full", with which it also survives a loss of power. Default:
	// "normal".
	Synchronous string

	// MetricsToken lets those who have it read /metrics, as a bearer token, on
	// every listener. Default: only [Server.AdminHandler] has /metrics.
	MetricsToken string

	// NoMetrics takes /metrics away.
	NoMetrics bool

	// AdminApart takes the administration, poke and the metrics away from
	// [Server.Handler], for those who serve [Server.AdminHandler] elsewhere.
	AdminApart bool

	// NoAnalytics counts no views. AnalyticsKeep is how long the counts are kept.
	// Default: [DefaultAnalyticsKeep].
	NoAnalytics   bool
	AnalyticsKeep time.Duration

	// AuditKeep is how long the audit log is kept. Default: [DefaultAuditKeep].
	AuditKeep time.Duration

	// SlowCallback is how long a callback may take before the log has a warning;
	// negative for never. Default: [DefaultSlowCallback].
	SlowCallback time.Duration

	// MinDisk is how many bytes must be free on the disk of Data for the server
	// to call itself ready. Default: [DefaultMinDisk].
	MinDisk int64

	// Checks are the site's own, beside those of the command "check".
	Checks []Check

	// MaxBody is the most bytes that a request's body may have. Default:
	// [DefaultMaxBody].
	MaxBody int64

	// Log takes the server's messages. Default: none.
	Log *slog.Logger
}

// The defaults of [Config.WSRoute] and [Config.HTTPRoute], as in
// django-plotly-dash.
const (
	DefaultWSRoute   = "dpd/ws/channel"
	DefaultHTTPRoute = "dpd/views"
)

// DefaultInitialTTL is the default of [Config.InitialTTL].
const DefaultInitialTTL = 24 * time.Hour

// DefaultMaxBody is the default of [Config.MaxBody]: room for a dcc.Upload of
// some 20 MB.
const DefaultMaxBody = 32 << 20

// The defaults of the fields of [Config] with these names.
const (
	DefaultAnalyticsKeep = 400 * 24 * time.Hour // a year, and the month to compare it with
	DefaultAuditKeep     = 400 * 24 * time.Hour
	DefaultSlowCallback  = 3 * time.Second
	DefaultMinDisk       = 64 << 20
)

// withDefaults returns the configuration with what was left out filled in.
func (c Config) withDefaults() (Config, error) {
	base := "/" + strings.Trim(c.BasePath, "/")
	if base != "/" {
		base += "/"
	}
	if u, err := url.Parse(base); err != nil || u.Path != base || u.EscapedPath() != base || strings.Contains(base, "//") || strings.Contains(base, "{") {
		return c, fmt.Errorf("base path %q is not a plain path such as /my-app", c.BasePath)
	}
	c.BasePath = base
	if c.SitePath == "" {
		c.SitePath = base
	}
	if !strings.HasPrefix(c.SitePath, "/") || !strings.HasSuffix(c.SitePath, "/") || !strings.HasPrefix(base, c.SitePath) {
		return c, fmt.Errorf("site path %q does not contain the base path %s; it begins and ends with a slash", c.SitePath, base)
	}
	if c.MaxBody < 0 {
		return c, fmt.Errorf("the largest body cannot be negative")
	}
	if c.MaxBody == 0 {
		c.MaxBody = DefaultMaxBody
	}
	if c.PublicURL != "" {
		u, err := url.Parse(c.PublicURL)
		if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
			return c, fmt.Errorf("public URL %q is not like https://dash.example.org", c.PublicURL)
		}
	}
	access, err := app.ParseAccess(string(c.DefaultAccess))
	if err != nil {
		return c, fmt.Errorf("default access: %w", err)
	}
	if c.DefaultAccess = access; access == app.DefaultAccess {
		c.DefaultAccess = app.Authenticated
	}
	if c.WSRoute, err = plainPath(c.WSRoute, DefaultWSRoute); err != nil {
		return c, fmt.Errorf("websocket route: %w", err)
	}
	if c.HTTPRoute, err = plainPath(c.HTTPRoute, DefaultHTTPRoute); err != nil {
		return c, fmt.Errorf("HTTP route: %w", err)
	}
	if c.InitialTTL < 0 {
		return c, fmt.Errorf("initial arguments cannot expire before they are made")
	}
	if c.InitialTTL == 0 {
		c.InitialTTL = DefaultInitialTTL
	}
	if c.AnalyticsKeep < 0 || c.AuditKeep < 0 || c.MinDisk < 0 {
		return c, fmt.Errorf("what is kept, and what must be free on the disk, cannot be negative")
	}
	c.AnalyticsKeep = cmp.Or(c.AnalyticsKeep, DefaultAnalyticsKeep)
	c.AuditKeep = cmp.Or(c.AuditKeep, DefaultAuditKeep)
	c.SlowCallback = cmp.Or(c.SlowCallback, DefaultSlowCallback)
	c.MinDisk = cmp.Or(c.MinDisk, DefaultMinDisk)
	c.Synchronous = cmp.Or(strings.ToLower(c.Synchronous), "normal")
	if c.Synchronous != "normal" && c.Synchronous != "full" {
		return c, fmt.Errorf("synchronous is normal or full, not %q", c.Synchronous)
	}
	if c.SignInURL != "" && c.Authenticate == nil {
		return c, fmt.Errorf("a sign-in URL of the site's own needs Authenticate")
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c, nil
}

// takenPaths are the first words of paths that dashd serves itself.
var takenPaths = []string{kindApp, kindInstance, "static", "admin", "login", "logout", "setup", "account", "healthz", "readyz", "metrics", "_django", embedScript, "favicon.ico"}

// plainPath returns a path below the base path without slashes at its ends, or
// the default when there is none.
func plainPath(path, byDefault string) (string, error) {
	path = strings.Trim(path, "/")
	if path == "" {
		return byDefault, nil
	}
	first, _, _ := strings.Cut(path, "/")
	switch u, err := url.Parse(path); {
	case err != nil || u.EscapedPath() != path || u.Path != path || !isClean("/"+path) || strings.ContainsAny(path, "{}"):
		return "", fmt.Errorf("%q is not a plain path such as %s", path, byDefault)
	case slices.Contains(takenPaths, first):
		return "", fmt.Errorf("%q is below /%s/, which is taken", path, first)
	}
	return path, nil
}
