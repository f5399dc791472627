package serve

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"io/fs"
	"log/slog"
	"math"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/alecthomas/kong"

	"dashd/app"
	"dashd/store"
)

// facts are all that dashd's own checks look at. They are gathered once, and
// nothing is changed by that.
type facts struct {
	now   time.Time
	built time.Time // when this binary's code was committed; zero: unknown

	apps      error  // what is wrong with them, all of it
	configErr error  // what is wrong with the rest of the configuration
	config    Config // complete, unless configErr says otherwise

	listen, adminListen string
	certFile            string
	certificate         certificate
	acme                bool
	debug               bool
	variables           []string // of the environment that are no settings
	secrets             []secret

	data    folder
	running bool // a server has the data directory open, and told inside
	held    bool // somebody has it open who takes no commands
	holder  string
	askErr  error // why the running server did not tell
	inside  inside

	database    bool  // there is one
	databaseErr error // why it cannot be read

	exposure string // of the unit, as systemd-analyze says; "" when it is not installed
}

// certificate is that of --tls-cert.
type certificate struct {
	err      error     // why it cannot be used
	expires  time.Time // zero without one
	wrongFor string    // the host of the public URL that it is not for
}

// secret is a setting that nobody but the server should know.
type secret struct {
	setting string
	flag    bool        // it comes from the command line
	path    string      // of the file that it comes from; "" for none
	mode    fs.FileMode // of that
}

// folder is the data directory.
type folder struct {
	path   string
	there  bool
	err    error // why it cannot be used, or made
	mode   fs.FileMode
	open   []string // files in it that others may read
	disk   string   // what is not a disk of this machine: "NFS", "SMB", "FUSE"; "" for one, or unknown
	card   bool     // it is an SD card
	free   int64    // bytes; negative: unknown
	inodes int64    // negative: unknown
}

// inside is what the process tells that has the database open, or would.
type inside struct {
	Survey      store.Survey
	Synchronous string
	Replica     *store.ReplicaStatus // nil: not replicated
	Process     process
}

// process is one that serves, or would.
type process struct {
	Root   bool
	Files  uint64 // that it may have open; 0: unknown
	Memory int64  // bytes that it may use; 0: no limit
}

// checkOperations are what the command asks for.
var checkOperations = map[string]operation{
	"check/show": operate(func(ctx context.Context, s *Server, _ nothing) (inside, error) {
		survey, err := s.store.Survey(ctx)
		if err != nil {
			return inside{}, err
		}
		told := inside{Survey: survey, Synchronous: s.store.Synchronous, Process: thisProcess()}
		if status, ok := s.store.Replica(); ok {
			told.Replica = &status
		}
		return told, nil
	}),
}

// thisProcess tells of the process that asks.
func thisProcess() process {
	p := process{Root: os.Geteuid() == 0, Files: maxOpenFiles()}
	if limit := debug.SetMemoryLimit(-1); limit != math.MaxInt64 {
		p.Memory = limit
	} else if runtime.GOOS == "linux" {
		p.Memory = cgroupLimit(os.DirFS("/"))
	}
	return p
}

// gather gathers the facts for "check".
func (c *checkCommand) gather(ctx context.Context, i *invocation, parsed *kong.Context) *facts {
	f := &facts{
		now:         time.Now(),
		built:       buildTime(),
		listen:      c.address(),
		adminListen: c.AdminListen,
		certFile:    c.TLSCert,
		acme:        len(c.ACMEHost) > 0,
		variables:   unknownVariables(os.Environ(), i.variables()),
	}
	f.readConfig(&c.settings, i.config(&c.settings))
	f.debug = c.level() <= slog.LevelDebug || i.program.Log != nil && i.program.Log.Enabled(ctx, slog.LevelDebug)
	f.readCertificate(c.TLSCert, c.TLSKey)
	f.findSecrets(&c.settings, i, parsed)
	f.lookAtFolder(i.data)
	f.ask(ctx, lockWait)
	if c.Deploy {
		f.exposure = unitExposure(ctx)
	}
	return f
}

// readConfig finds what is wrong with the apps, and with the configuration.
func (f *facts) readConfig(c *settings, config Config) {
	f.config = config
	f.apps = app.Validate(f.config.Apps...)
	complete, err := f.config.withDefaults()
	if err == nil {
		f.config = complete
	}
	if err == nil && f.apps == nil {
		_, err = prepare(f.config)
	}
	if err == nil {
		err = checkReplica(f.config)
	}
	f.configErr = errors.Join(c.check(), err)
}

// readCertificate reads the certificate of the settings.
func (f *facts) readCertificate(cert, key string) {
	if cert == "" || key == "" {
		return
	}
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		f.certificate.err = err
		return
	}
	f.certificate.expires = pair.Leaf.NotAfter
	if host := f.publicHost(); host != "" && pair.Leaf.VerifyHostname(host) != nil {
		f.certificate.wrongFor = host
	}
}

// findSecrets finds the secrets among the settings, and where each stands.
func (f *facts) findSecrets(c *settings, i *invocation, parsed *kong.Context) {
	add := func(setting string) {
		s := secret{setting: setting}
		source := i.sourceOf(parsed, setting)
		switch {
		case strings.HasPrefix(source, "--"):
			s.flag = true
		case strings.HasSuffix(source, fileSuffix) && strings.HasPrefix(source, envPrefix):
			s.path = os.Getenv(source)
		case source != "" && source == i.sources.path:
			s.path = source
		}
		f.addSecret(s)
	}
	if c.MetricsToken != "" {
		add("metrics-token")
	}
	if hasSecret(c.Replicate) {
		add("replicate")
	}
	if c.TLSKey != "" {
		f.addSecret(secret{setting: "tls-key", path: c.TLSKey})
	}
}

func (f *facts) addSecret(s secret) {
	if info, err := os.Stat(s.path); s.path != "" && err == nil && permissionsCount {
		s.mode = info.Mode().Perm()
	}
	f.secrets = append(f.secrets, s)
}

// hasSecret reports whether the URL of a replica has a password or a key in it.
func hasSecret(rawURL string) bool {
	u, err := url.Parse(rawURL)
	if err != nil {
		return false
	}
	shown, err := url.Parse(store.ShownReplica(rawURL))
	_, password := u.User.Password()
	return password || err != nil || len(u.Query()) > len(shown.Query())
}

// permissionsCount says that the permissions of files mean what they say.
const permissionsCount = runtime.GOOS != "windows"

// lookAtFolder looks at the data directory, and at what is in it.
func (f *facts) lookAtFolder(path string) {
	f.data = folder{path: path, free: -1, inodes: -1}
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		f.data.err = canMake(path)
		return
	case err != nil:
		f.data.err = err
		return
	case !info.IsDir():
		f.data.err = &fs.PathError{Op: "open", Path: path, Err: syscall.ENOTDIR}
		return
	}
	f.data.there = true
	entries, err := os.ReadDir(path)
	f.data.err = cmp.Or(err, mayWrite(path))
	if permissionsCount {
		f.data.mode = info.Mode().Perm()
		for _, entry := range entries {
			if info, err := entry.Info(); err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o077 != 0 {
				f.data.open = append(f.data.open, entry.Name())
			}
		}
	}
	f.data.disk, f.data.card = diskKind(path)
	s := store.New(filepath.Join(path, databaseFile))
	if free, err := s.DiskFree(); err == nil {
		f.data.free = free
	}
	if inodes, err := s.FilesFree(); err == nil {
		f.data.inodes = inodes
	}
	stat, err := os.Stat(filepath.Join(path, databaseFile))
	f.database = err == nil && stat.Size() > 0
}

// canMake returns why a directory that is not there cannot be made.
func canMake(path string) error {
	path, err := filepath.Abs(path)
	if err != nil {
		return err
	}
	for parent := filepath.Dir(path); ; parent = filepath.Dir(parent) {
		info, err := os.Stat(parent)
		switch {
		case errors.Is(err, fs.ErrNotExist) && parent != filepath.Dir(parent):
			continue
		case err != nil:
			return err
		case !info.IsDir():
			return &fs.PathError{Op: "open", Path: parent, Err: syscall.ENOTDIR}
		}
		return mayWrite(parent)
	}
}

// ask asks the server that runs on the data directory what the database holds.
// When none runs it looks for itself. A server that starts or stops has the
// directory locked and takes no commands: it has a moment to do either.
func (f *facts) ask(ctx context.Context, wait time.Duration) {
	f.inside = inside{Synchronous: f.config.Synchronous, Process: thisProcess()}
	path := filepath.Join(f.data.path, databaseFile)
	deadline := time.Now().Add(wait)
	for f.data.there {
		if server := runningServer(ctx, f.data.path); server != nil {
			f.running = true
			f.askRunning(ctx, server)
			return
		}
		holder, held, err := store.Held(path)
		if err != nil {
			f.data.err = cmp.Or(f.data.err, err)
		}
		if f.held, f.holder = held, holder; !held || time.Now().After(deadline) {
			break
		}
		select {
		case <-ctx.Done():
			f.askErr = ctx.Err()
			return
		case <-time.After(reachInterval):
		}
	}
	if f.database {
		f.inside.Survey, f.databaseErr = store.Look(ctx, path)
	}
}

func (f *facts) askRunning(ctx context.Context, server *http.Client) {
	told, err := call[inside](ctx, &client{running: server}, "check/show", nothing{})
	if f.askErr = err; err == nil {
		f.inside = told
	}
}

// buildTime returns when the code of this binary was committed.
func buildTime() time.Time {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return time.Time{}
	}
	for _, setting := range info.Settings {
		if setting.Key == "vcs.time" {
			built, _ := time.Parse(time.RFC3339, setting.Value)
			return built
		}
	}
	return time.Time{}
}

// unitName is the unit of systemd that runs dashd.
const unitName = "dashd.service"

// analyzeTimeout is how long systemd-analyze may take.
const analyzeTimeout = 10 * time.Second

var overallExposure = regexp.MustCompile(`Overall exposure level for \S+: ([0-9.]+)`)

// unitExposure returns how exposed the unit is that is installed: from 0, which
// is best, to 10. It is "" when that cannot be told.
func unitExposure(ctx context.Context) string {
	installed := slices.ContainsFunc([]string{"/etc/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system"}, func(dir string) bool {
		_, err := os.Stat(filepath.Join(dir, unitName))
		return err == nil
	})
	if !installed {
		return ""
	}
	ctx, cancel := context.WithTimeout(ctx, analyzeTimeout)
	defer cancel()
	out, err := exec.CommandContext(ctx, "systemd-analyze", "security", "--no-pager", unitName).Output()
	if found := overallExposure.FindSubmatch(out); err == nil && found != nil {
		return string(found[1])
	}
	return ""
}

// publicHost is the host name of the public URL, "" for none.
func (f *facts) publicHost() string {
	u, err := url.Parse(f.config.PublicURL)
	if err != nil {
		return ""
	}
	return u.Hostname()
}

// isBeyond reports whether an address to listen on is reached from other
// machines.
func isBeyond(address string) bool {
	if address == "" || strings.HasPrefix(address, "unix:") {
		return false
	}
	host, _, err := net.SplitHostPort(address)
	return err == nil && !isLoopback(host)
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
}

// tls reports whether the server speaks HTTPS.
func (f *facts) tls() bool { return f.certFile != "" || f.acme }

// https reports whether visitors are told to come by HTTPS.
func (f *facts) https() bool { return strings.HasPrefix(f.config.PublicURL, "https://") }

// isShown reports whether people on other machines reach the server, by itself
// or by a proxy.
func (f *facts) isShown() bool {
	host := f.publicHost()
	return isBeyond(f.listen) || len(f.config.TrustedProxies) > 0 || host != "" && !isLoopback(host)
}

// holds returns what the database holds; nothing when it cannot be read.
func (f *facts) holds() (h store.Holdings, known bool) {
	if f.inside.Survey.Holdings == nil {
		return store.Holdings{}, false
	}
	return *f.inside.Survey.Holdings, true
}
