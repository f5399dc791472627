package serve

import (
	"cmp"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"dashd/app"
	"dashd/store"
)

// settings are the flags of a server, which are also the variables DASHD_* of
// the environment and the keys of the configuration file. What is not set is
// left to the program's own [Config].
type settings struct {
	Listen         string   `help:"Address to listen on: host:port, or unix:PATH. Default: 127.0.0.1:8000; all addresses at $$PORT where that is set, or at 443 with --acme-host." placeholder:"ADDR" group:"Address"`
	AdminListen    string   `help:"Address of its own for the administration, poke and the metrics, which are nowhere else then." placeholder:"ADDR" group:"Address"`
	BasePath       string   `help:"Path below which everything is served, such as /my-app." placeholder:"PATH" group:"Address"`
	PublicURL      string   `help:"How visitors reach the server, such as https://dash.example.org." placeholder:"URL" group:"Address"`
	AllowedHosts   []string `help:"Further host names that requests may use; * allows all." placeholder:"NAME" group:"Address"`
	TrustedProxies []string `help:"Proxies whose forwarded headers are believed: addresses, networks such as 10.0.0.0/8, or unix." placeholder:"ADDR" group:"Address"`
	TLSCert        string   `name:"tls-cert" help:"File of the certificate; with it the server speaks HTTPS." placeholder:"FILE" group:"Address"`
	TLSKey         string   `name:"tls-key" help:"File of the certificate's key." placeholder:"FILE" group:"Address"`
	ACMEHost       []string `name:"acme-host" help:"Host names for which the server gets certificates by ACME, which means that its terms are agreed to." placeholder:"NAME" group:"Address"`
	ACMEEmail      string   `name:"acme-email" help:"Where the authority writes when something is wrong." placeholder:"EMAIL" group:"Address"`
	ACMEDirectory  string   `name:"acme-directory" help:"The authority. Default: Let's Encrypt." placeholder:"URL" group:"Address"`

	Home           string        `help:"App that / leads to." placeholder:"APP" group:"What is served"`
	DefaultAccess  accessText    `help:"Who may open apps that do not say it: public, authenticated, or 'restricted user:NAME group:NAME ...'. Default: authenticated." placeholder:"ACCESS" group:"What is served"`
	Admin          string        `help:"The administration below /admin/: on or off." enum:"on,off," default:"" placeholder:"on|off" group:"What is served"`
	HTTPPoke       string        `name:"http-poke" help:"Messages over HTTP: on or off." enum:"on,off," default:"" placeholder:"on|off" group:"What is served"`
	WSRoute        string        `name:"ws-route" help:"Path at which pipes connect. Default: ${ws_route}." placeholder:"PATH" group:"What is served"`
	HTTPRoute      string        `name:"http-route" help:"Path under which poke/ takes messages. Default: ${http_route}." placeholder:"PATH" group:"What is served"`
	InitialArgsTTL time.Duration `name:"initial-args-ttl" help:"How long initial arguments can be used. Default: ${initial_ttl}." placeholder:"TIME" group:"What is served"`
	MaxBody        int64         `help:"Most bytes of a request's body. Default: ${max_body}." placeholder:"N" group:"What is served"`

	Replicate   string `help:"Where the database is replicated to, and restored from when it is missing: file:///DIR, s3://BUCKET/PATH, sftp://USER@HOST/PATH." placeholder:"URL" group:"What is kept"`
	Synchronous string `help:"normal: what is saved survives a crash of the program; full: a loss of power, too. Default: normal." enum:"normal,full," default:"" placeholder:"normal|full" group:"What is kept"`
	MinDisk     int64  `help:"Bytes that must be free for the server to be ready. Default: ${min_disk}." placeholder:"N" group:"What is kept"`

	Metrics       string        `help:"/metrics, for Prometheus, at --admin-listen or with the token: on or off." enum:"on,off," default:"" placeholder:"on|off" group:"What is watched"`
	MetricsToken  string        `help:"Bearer token that may read /metrics at every address." placeholder:"TOKEN" group:"What is watched"`
	Analytics     string        `help:"Counts of views and callbacks: on or off." enum:"on,off," default:"" placeholder:"on|off" group:"What is watched"`
	AnalyticsKeep days          `help:"How long the counts are kept. Default: 400d." placeholder:"TIME" group:"What is watched"`
	AuditKeep     days          `help:"How long the audit log is kept. Default: 400d." placeholder:"TIME" group:"What is watched"`
	SlowCallback  time.Duration `help:"Time from which a callback is logged as slow; negative: never. Default: ${slow_callback}." placeholder:"TIME" group:"What is watched"`
	LogFormat     string        `help:"Form of the log: text, json, or auto, which is text on a terminal." enum:"auto,text,json" default:"auto" group:"What is watched"`
	LogLevel      string        `help:"Least level that is logged; debug logs each request." enum:"debug,info,warn,error" default:"info" group:"What is watched"`

	ShutdownDelay time.Duration `help:"Time between the word that the server stops, at /readyz, and its end: for balancers to look elsewhere." placeholder:"TIME" group:"End"`
	StopTimeout   time.Duration `help:"Time that requests under way have to finish. Default: ${stop_timeout}." placeholder:"TIME" group:"End"`
}

// settingVars are the defaults that the help texts name.
func settingVars(config Config) map[string]string {
	return map[string]string{
		"max_body":      fmt.Sprint(DefaultMaxBody),
		"min_disk":      fmt.Sprint(DefaultMinDisk),
		"initial_ttl":   short24(DefaultInitialTTL),
		"slow_callback": fmt.Sprint(DefaultSlowCallback),
		"stop_timeout":  fmt.Sprint(stopTimeout),
		"ws_route":      cmp.Or(config.WSRoute, DefaultWSRoute),
		"http_route":    cmp.Or(config.HTTPRoute, DefaultHTTPRoute),
	}
}

// short24 writes a time of whole hours without its zeros.
func short24(d time.Duration) string {
	return strings.TrimSuffix(strings.TrimSuffix(d.String(), "0s"), "0m")
}

// over puts the settings over the program's own configuration. The log and the
// addresses are not part of it.
func (c *settings) over(config Config) Config {
	set := func(field *string, value string) {
		if value != "" {
			*field = value
		}
	}
	set(&config.BasePath, c.BasePath)
	set(&config.PublicURL, c.PublicURL)
	set(&config.Home, c.Home)
	set((*string)(&config.DefaultAccess), string(c.DefaultAccess))
	set(&config.WSRoute, c.WSRoute)
	set(&config.HTTPRoute, c.HTTPRoute)
	set(&config.Replicate, c.Replicate)
	set(&config.Synchronous, c.Synchronous)
	set(&config.MetricsToken, c.MetricsToken)
	config.AllowedHosts = slices.Concat(config.AllowedHosts, c.AllowedHosts, c.ACMEHost)
	config.TrustedProxies = slices.Concat(config.TrustedProxies, c.TrustedProxies)
	config.InitialTTL = cmp.Or(c.InitialArgsTTL, config.InitialTTL)
	config.MaxBody = cmp.Or(c.MaxBody, config.MaxBody)
	config.MinDisk = cmp.Or(c.MinDisk, config.MinDisk)
	config.SlowCallback = cmp.Or(c.SlowCallback, config.SlowCallback)
	config.AnalyticsKeep = cmp.Or(time.Duration(c.AnalyticsKeep), config.AnalyticsKeep)
	config.AuditKeep = cmp.Or(time.Duration(c.AuditKeep), config.AuditKeep)
	for _, s := range []struct {
		no    *bool
		value string
	}{{&config.NoAdmin, c.Admin}, {&config.NoPoke, c.HTTPPoke}, {&config.NoMetrics, c.Metrics}, {&config.NoAnalytics, c.Analytics}} {
		if s.value != "" {
			*s.no = s.value == off
		}
	}
	if c.AdminListen != "" {
		config.AdminApart = true
	}
	return config
}

// effective lists the settings in force by the names of their flags: c over a
// program's configuration, which is complete.
func (c *settings) effective(config Config) map[string]string {
	list := func(words []string) string { return strings.Join(words, ",") }
	return map[string]string{
		"listen":           c.address(),
		"admin-listen":     c.AdminListen,
		"base-path":        config.BasePath,
		"public-url":       config.PublicURL,
		"allowed-hosts":    list(config.AllowedHosts),
		"trusted-proxies":  list(config.TrustedProxies),
		"tls-cert":         c.TLSCert,
		"tls-key":          c.TLSKey,
		"acme-host":        list(c.ACMEHost),
		"acme-email":       c.ACMEEmail,
		"acme-directory":   c.ACMEDirectory,
		"home":             config.Home,
		"default-access":   string(config.DefaultAccess),
		"admin":            onOff(!config.NoAdmin),
		"http-poke":        onOff(!config.NoPoke),
		"ws-route":         config.WSRoute,
		"http-route":       config.HTTPRoute,
		"initial-args-ttl": short24(config.InitialTTL),
		"max-body":         strconv.FormatInt(config.MaxBody, 10),
		"replicate":        withoutSecrets(config.Replicate),
		"synchronous":      config.Synchronous,
		"min-disk":         strconv.FormatInt(config.MinDisk, 10),
		"metrics":          onOff(!config.NoMetrics),
		"metrics-token":    hidden(config.MetricsToken),
		"analytics":        onOff(!config.NoAnalytics),
		"analytics-keep":   days(config.AnalyticsKeep).String(),
		"audit-keep":       days(config.AuditKeep).String(),
		"slow-callback":    config.SlowCallback.String(),
		"log-format":       c.LogFormat,
		"log-level":        c.LogLevel,
		"shutdown-delay":   c.ShutdownDelay.String(),
		"stop-timeout":     cmp.Or(c.StopTimeout, stopTimeout).String(),
		"data":             config.Data,
	}
}

// hidden stands for a secret.
func hidden(secret string) string {
	if secret == "" {
		return ""
	}
	return "(set)"
}

// withoutSecrets returns a URL without its password and query.
func withoutSecrets(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return hidden(text)
	}
	if u.RawQuery != "" {
		u.RawQuery = "..."
	}
	return u.Redacted()
}

// check returns what is wrong with the settings that are not part of [Config].
func (c *settings) check() error {
	switch {
	case (c.TLSCert == "") != (c.TLSKey == ""):
		return app.Errorf(app.Invalid, "A certificate needs its key: give both --tls-cert and --tls-key.")
	case c.TLSCert != "" && len(c.ACMEHost) > 0:
		return app.Errorf(app.Invalid, "A certificate comes from files or by ACME: give --tls-cert and --tls-key, or --acme-host.")
	case (c.TLSCert != "" || len(c.ACMEHost) > 0) && strings.HasPrefix(c.address(), "unix:"):
		return app.Errorf(app.Invalid, "A Unix socket has plain HTTP, for a proxy that has the certificate: leave --tls-cert and --acme-host out, or give --listen a port.")
	case c.ShutdownDelay < 0 || c.StopTimeout < 0:
		return app.Errorf(app.Invalid, "The time that a server takes to stop cannot be negative.")
	}
	return nil
}

// checkStart returns what would keep a server from starting with the settings, of
// which config is made, so far as one that runs does not look at it by itself: a
// reload would take it, and the next start fail.
func (c *settings) checkStart(config Config) error {
	if err := c.check(); err != nil {
		return err
	}
	for _, a := range []struct{ flag, address string }{{"--listen", c.address()}, {"--admin-listen", c.AdminListen}} {
		if a.address != "" && !isAddress(a.address) {
			return app.Errorf(app.Invalid, "%s: %q is no address to listen on.", a.flag, a.address)
		}
	}
	return checkReplica(config)
}

// isAddress reports whether an address can be listened on: host:port, or
// unix:PATH.
func isAddress(address string) bool {
	if path, ok := strings.CutPrefix(address, "unix:"); ok {
		return path != "" && len(path) <= longestSocket
	}
	_, port, err := net.SplitHostPort(address)
	if err != nil || port == "" {
		return false
	}
	_, err = net.LookupPort("tcp", port)
	return err == nil
}

// checkReplica returns what is wrong with where a database is replicated to.
func checkReplica(config Config) error {
	if config.Replicate == "" {
		return nil
	}
	if err := store.CheckReplicaURL(config.Replicate); err != nil {
		return fmt.Errorf("--replicate: %w", err)
	}
	return nil
}

// address is where the server listens.
func (c *settings) address() string {
	if c.Listen != "" {
		return c.Listen
	}
	if port := os.Getenv("PORT"); port != "" {
		return ":" + port
	}
	if len(c.ACMEHost) > 0 {
		return ":" + strconv.Itoa(acmePort)
	}
	return "127.0.0.1:8000"
}

// level is the least level that is logged.
func (c *settings) level() slog.Level {
	var level slog.Level
	_ = level.UnmarshalText([]byte(c.LogLevel)) // kong has checked it
	return level
}
