package serve

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"

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

	// Home is the name or slug of the app that "/" leads to. Default: "/" is
	// the first of Pages, or the list of the apps.
	Home string

	// BasePath is the path below which everything is served, such as "/my-app".
	// Default: "/".
	BasePath string

	// PublicURL is how visitors reach the server, such as
	// "https://dash.example.org". Its host is allowed.
	PublicURL string

	// AllowedHosts are the host names that requests may name, besides loopback,
	// IP addresses, this machine's names, names that end in ".local", and that
	// of PublicURL. "*" allows all.
	AllowedHosts []string

	// MaxBody is the most bytes that a request's body may have. Default:
	// [DefaultMaxBody].
	MaxBody int64

	// Log takes the server's messages. Default: none.
	Log *slog.Logger
}

// DefaultMaxBody is the default of [Config.MaxBody]: room for a dcc.Upload of
// some 20 MB.
const DefaultMaxBody = 32 << 20

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
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c, nil
}
