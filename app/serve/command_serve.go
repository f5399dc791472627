package serve

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"
	"time"
)

// serveCommand is "serve".
type serveCommand struct {
	settings `embed:""`
}

// Run serves until ctx is done. SIGHUP makes it read its settings anew.
func (c *serveCommand) Run(ctx context.Context, i *invocation, console *console) error {
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	defer signal.Stop(hangups)
	r := &serving{settings: c.settings, invocation: i, console: console, systemd: newSystemd(), hangups: hangups}
	err := r.run(ctx)
	if err != nil {
		r.systemd.failed(err)
	}
	return err
}

// serving is one run of "serve".
type serving struct {
	settings    // as the server was started
	invocation  *invocation
	console     *console
	systemd     *systemd
	hangups     <-chan os.Signal
	log         *slog.Logger
	level       slog.LevelVar
	certificate *fileCertificate // nil unless --tls-cert is set
	server      *Server
	started     Config // of the server
	stopping    ending
}

// ending says how long the end may take.
type ending struct {
	delay   time.Duration // before it, while /readyz tells of it
	timeout time.Duration // for the requests under way
}

func (c *settings) ending() ending {
	return ending{c.ShutdownDelay, cmp.Or(c.StopTimeout, stopTimeout)}
}

func (r *serving) run(ctx context.Context) error {
	if err := r.check(); err != nil {
		return err
	}
	r.level.Set(r.settings.level())
	if r.log = r.invocation.program.Log; r.log == nil {
		r.log = newLog(r.console.err, r.LogFormat, &r.level)
	}
	r.stopping = r.ending()
	for _, name := range unknownVariables(os.Environ(), r.invocation.variables()) {
		r.log.Warn("a variable of the environment is no setting", "variable", name)
	}
	limitMemory(r.log)
	entrances, err := inheritSockets()
	if err != nil {
		return err
	}
	defer func() { closeAll(entrances) }()
	config := r.invocation.config(&r.settings)
	config.Log = r.log
	config.AdminApart = config.AdminApart || slices.ContainsFunc(entrances, func(e entrance) bool { return e.admin })
	tls, err := r.newTLS(config.Data, r.log)
	if err != nil {
		return err
	}
	r.certificate = tls.file()
	if err := r.open(ctx, config); err != nil {
		return unlessStopped(ctx, err)
	}
	if entrances, err = r.listen(entrances, r.log); err == nil {
		tls.guard(entrances)
		err = r.serve(ctx, entrances, tls)
	}
	defer r.systemd.busy("Closing the database.")()
	return errors.Join(err, r.server.Close())
}

// open makes the server.
func (r *serving) open(ctx context.Context, config Config) error {
	defer r.systemd.busy("Opening the database.")()
	running, server, err := reach(ctx, config)
	if err != nil {
		return err
	}
	if running != nil {
		return fmt.Errorf("another dashd serves %s: stop it, or give another directory with --data", config.Data)
	}
	r.server, r.started = server, server.config
	return nil
}

// serve serves at the entrances until ctx is done, or one of them is broken.
func (r *serving) serve(ctx context.Context, entrances []entrance, tls *tlsSource) error {
	url := r.url(entrances)
	if err := r.server.printSetupLink(ctx, url, r.console); err != nil {
		return unlessStopped(ctx, err)
	}
	doors, err := r.server.openDoors(ctx, entrances)
	if err != nil {
		return err
	}
	r.log.Info("serving", "apps", len(r.server.apps), "url", url)
	if err := r.ready(ctx, url); err != nil {
		return errors.Join(err, doors.close(ending{timeout: r.stopping.timeout}))
	}
	defer r.systemd.watch(r.selfCheck, r.log)()
	defer tls.fetch(ctx)()
	err = r.wait(ctx, doors)
	r.systemd.stopping()
	defer r.systemd.busy("Stopping.")()
	return errors.Join(err, doors.close(r.stopping))
}

// ready says that the server serves, which it first makes sure of.
func (r *serving) ready(ctx context.Context, url string) error {
	checking, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	if err := r.selfCheck(checking); err != nil {
		return unlessStopped(ctx, fmt.Errorf("start to serve: %w", err))
	}
	r.systemd.ready(fmt.Sprintf("Serving %d apps at %s", len(r.server.apps), url))
	return nil
}

// unlessStopped returns what has kept a server from its start, unless it is told
// to end before it was ready, which is no error.
func unlessStopped(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// readyTimeout is how long the first check of the server may take.
const readyTimeout = 10 * time.Second

func (r *serving) selfCheck(ctx context.Context) error {
	return r.server.current.Load().selfCheck(ctx)
}

// settled is when, after the start, what only the start has needed is given back
// to the system.
const settled = time.Second

// wait reloads when it is told to, until the server shall end.
func (r *serving) wait(ctx context.Context, doors *doors) error {
	idle := time.After(settled)
	for {
		select {
		case <-ctx.Done():
			return nil
		case err := <-doors.failed:
			return fmt.Errorf("serve: %w", err)
		case <-r.hangups:
			r.reload()
		case <-idle:
			runtime.GC() // what pools hold survives one collection
			debug.FreeOSMemory()
		}
	}
}

// reload puts the settings of now in force. With bad ones, those before stay.
func (r *serving) reload() {
	r.systemd.reloading()
	later, err := r.renew()
	if err != nil {
		r.log.Error("the settings are not taken, those before stay in force", "err", sentence(err))
		r.systemd.ready("The reload failed, and the settings before stay in force: " + sentence(err))
		return
	}
	if len(later) > 0 {
		r.log.Warn("some settings that have changed count after a restart", "settings", strings.Join(later, " "))
	}
	r.log.Info("reloaded")
	r.server.current.Load().audit(here().in(context.Background()), auditReload, "", strings.Join(later, " "))
	r.systemd.ready(fmt.Sprintf("Serving %d apps, reloaded at %s", len(r.server.apps), time.Now().Format(time.DateTime)))
}

// renew reads all settings, and the certificate, and puts them in force: all of
// them or, with an error, none. It returns the names of those that have changed
// and need a restart.
func (r *serving) renew() (later []string, err error) {
	i := *r.invocation
	commands, _, err := i.parse()
	if err != nil {
		return nil, err
	}
	next := &commands.Serve.settings
	config := i.config(next)
	config.Log = r.log
	if err := next.checkStart(config); err != nil {
		return nil, err
	}
	if later, err = r.needRestart(next, config); err != nil {
		return nil, err
	}
	var pair *keyPair
	if cert := cmp.Or(next.TLSCert, r.TLSCert); cert != "" { // also one that counts after a restart
		if pair, err = loadKeyPair(cert, cmp.Or(next.TLSKey, r.TLSKey), r.log); err != nil {
			return nil, err
		}
	}
	config.AdminApart, config.AnalyticsKeep, config.AuditKeep = r.started.AdminApart, r.started.AnalyticsKeep, r.started.AuditKeep
	if err := r.server.renew(config); err != nil {
		return nil, err
	}
	if r.certificate != nil {
		r.certificate.Store(pair)
	}
	r.level.Set(next.level())
	r.stopping = next.ending()
	return later, nil
}

// startOnly are the settings that hold for a whole run.
var startOnly = []string{"acme-directory", "acme-email", "acme-host", "admin-listen", "analytics-keep", "audit-keep", "data", "listen", "log-format", "replicate", "synchronous"}

// needRestart lists the settings that have changed since the start and are not
// taken while the server runs.
func (r *serving) needRestart(next *settings, config Config) (names []string, err error) {
	if config, err = config.withDefaults(); err != nil {
		return nil, err
	}
	before, after := r.effective(r.started), next.effective(config)
	before["replicate"], after["replicate"] = r.started.Replicate, config.Replicate // with their secrets
	for _, name := range startOnly {
		if before[name] != after[name] {
			names = append(names, name)
		}
	}
	if (r.TLSCert == "") != (next.TLSCert == "") {
		names = append(names, "tls-cert")
	}
	return names, nil
}

// printSetupLink shows the operator the way to make the first user, when there
// is none. The link is a secret, so it is not logged.
func (s *Server) printSetupLink(ctx context.Context, url string, console *console) error {
	switch {
	case s.config.PublicURL != "":
		url = strings.TrimSuffix(s.config.PublicURL, "/") + s.config.BasePath
	case strings.HasPrefix(url, "unix:"):
		url = "http://localhost" + s.config.BasePath
	}
	link, err := s.setupLink(ctx, url)
	if link != "" {
		fmt.Fprintf(console.err, "There is no user yet. To become the first, open %s\n", link)
	}
	return err
}
