package serve

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"dashd/app"
	"dashd/app/html"
	"dashd/store"
)

// healthy are the facts of a server with which nothing is wrong, of which other
// people's browsers ask through a proxy.
func healthy(t *testing.T) *facts {
	t.Helper()
	a := app.New("Sales")
	a.Layout = html.Div{}
	config, err := Config{
		Apps: []*app.App{a}, Data: "/var/lib/dashd", PublicURL: "https://dash.example.org", TrustedProxies: []string{"127.0.0.1", "10.0.0.0/8", "unix"},
		Replicate: "file:///mnt/backup", MetricsToken: strings.Repeat("x", 32), AdminApart: true,
	}.withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	return &facts{
		now: now, built: now.AddDate(0, -1, 0), config: config, listen: "127.0.0.1:8000", adminListen: "127.0.0.1:8001",
		secrets: []secret{{setting: "metrics-token", path: "/etc/dashd/token", mode: 0o640}},
		data:    folder{path: "/var/lib/dashd", there: true, mode: 0o700, free: 100 << 30, inodes: 1e6},
		running: true, database: true,
		inside: inside{
			Synchronous: "normal",
			Process:     process{Files: 65536},
			Replica:     &store.ReplicaStatus{URL: "file:///mnt/backup", InSync: true},
			Survey: store.Survey{Version: 5, Known: 5, Journal: "wal", Holdings: &store.Holdings{
				Superusers: 1, Newest: now.Add(-time.Second), RestoreCheck: store.RestoreCheck{At: now.AddDate(0, 0, -29)},
				Tokens: []store.Token{{ID: 1, Channels: []string{"sensors.*"}, Expires: now.AddDate(0, 1, 0)}},
			}},
		},
	}
}

// inspected are the cases of dashd's own checks: what makes each of the healthy
// facts wrong, and what it then says.
var inspected = []struct {
	id       string
	change   func(f *facts)
	severity Severity
	problem  string // part of it
}{
	{"apps", func(f *facts) { f.apps = errors.New("main.go:7: app has no layout") }, Error, "main.go:7"},
	{"config", func(f *facts) { f.configErr = errors.New(`home: there is no app "x"`) }, Error, "home"},
	{"variables", func(f *facts) { f.variables = []string{`DASHD_LISEN; did you mean "DASHD_LISTEN"?`} }, Warning, "DASHD_LISEN"},
	{"listen", func(f *facts) { f.listen = "8000" }, Error, `"8000"`},
	{"listen", func(f *facts) { f.adminListen = "unix:" }, Error, `"unix:"`},
	{"listen", func(f *facts) { f.listen = "127.0.0.1:80000" }, Error, `"127.0.0.1:80000"`},
	{"hosts", func(f *facts) { f.config.AllowedHosts = []string{"https://dash.example.org"} }, Error, "is not a name"},
	{"hosts", func(f *facts) { f.config.TrustedProxies = []string{"nginx"} }, Error, "is not an address"},
	{"hosts", func(f *facts) { f.config.PublicURL += "/my-app" }, Warning, "has a path"},
	{"certificate", func(f *facts) { f.certificate.err = os.ErrPermission }, Error, "permission denied"},
	{"certificate", func(f *facts) {
		f.certificate = certificate{expires: f.now.AddDate(1, 0, 0), wrongFor: "dash.example.org"}
		f.config.TrustedProxies = nil
	}, Error, "not for dash.example.org"},
	{"certificate", func(f *facts) { // that only the proxy sees
		f.certificate = certificate{expires: f.now.AddDate(1, 0, 0), wrongFor: "dash.example.org"}
	}, Warning, "not for dash.example.org"},
	{"certificate", func(f *facts) { f.certificate = certificate{expires: f.now, wrongFor: "dash.example.org"} }, Error, "has expired"},
	{"certificate", func(f *facts) { f.certificate.expires = f.now }, Error, "has expired"},
	{"certificate", func(f *facts) { f.certificate.expires = f.now.AddDate(0, 0, 13) }, Warning, "expires on 2026-05-14"},
	{"data", func(f *facts) { f.data.err, f.running = os.ErrPermission, false }, Error, "cannot be used"},
	{"data", func(f *facts) { f.data.err = os.ErrPermission }, Warning, "This user"},
	{"data", func(f *facts) { f.data.there = false }, Info, "first start makes it"},
	{"lock", func(f *facts) { f.running, f.held, f.holder = false, true, "process 7" }, Error, "process 7"},
	{"lock", func(f *facts) { f.askErr = errors.New("it is of another version") }, Error, "another version"},
	{"database", func(f *facts) { f.databaseErr = errors.New("not a database") }, Error, "not a database"},
	{"database", func(f *facts) { f.inside.Survey.Damage = "page 7 is never used" }, Error, "page 7"},
	{"migrations", func(f *facts) { f.inside.Survey.Version = 6 }, Error, "version 6"},
	{"migrations", func(f *facts) { f.inside.Survey.Version = 4 }, Info, "from version 4 to 5"},
	{"debug", func(f *facts) { f.debug = true }, Error, "debug"},
	{"permissions", func(f *facts) { f.data.mode = 0o755 }, Error, "0755"},
	{"permissions", func(f *facts) { f.data.open = []string{"dashd.json"} }, Warning, "dashd.json"},
	{"permissions", func(f *facts) { f.data.mode, f.data.open = 0o711, []string{"dashd.db"} }, Error, "dashd.db"},
	{"secrets", func(f *facts) { f.secrets[0].mode = 0o644 }, Error, "/etc/dashd/token"},
	{"secrets", func(f *facts) { f.secrets = []secret{{setting: "replicate", flag: true}} }, Warning, "--replicate"},
	{"root", func(f *facts) { f.inside.Process.Root = true }, Warning, "root"},
	{"encryption", func(f *facts) { f.listen, f.config.TrustedProxies = ":80", nil }, Error, "plain text"},
	{"cookies", func(f *facts) { f.config.PublicURL = "http://dash.example.org" }, Warning, "plain HTTP"},
	{"proxies", func(f *facts) { f.config.TrustedProxies = nil }, Warning, "not trusted"},
	{"public-url", func(f *facts) { f.config.PublicURL = "" }, Warning, "how visitors reach it"},
	{"any-host", func(f *facts) { f.config.AllowedHosts = []string{"*"} }, Warning, "any host"},
	{"embed-origins", func(f *facts) { f.config.Apps[0].EmbedOrigins = []string{"http://partner.example"} }, Warning, "http://partner.example"},
	{"scripts", func(f *facts) { f.config.Apps[0].Scripts = []string{"https://cdn.example/x.js"} }, Warning, "https://cdn.example"},
	{"superuser", func(f *facts) { f.inside.Survey.Holdings.Superusers = 0 }, Error, "no superuser"},
	{"superuser", func(f *facts) { f.running, f.database, f.inside.Survey = false, false, store.Survey{} }, Error, "no superuser"},
	{"passwords", func(f *facts) { f.inside.Survey.Holdings.NoPassword = []string{"bob"} }, Info, "bob"},
	{"default-access", func(f *facts) { f.config.DefaultAccess = app.Public }, Warning, "everybody"},
	{"public-apps", func(f *facts) { f.config.Apps[0].Access = app.Public }, Info, "apps: sales"},
	{"public-apps", func(f *facts) { f.inside.Survey.Holdings.Access = map[string]app.Access{"sales": app.Public} }, Info, "apps: sales"},
	{"public-apps", func(f *facts) { f.inside.Survey.Holdings.PublicInstances = []string{"sales-1"} }, Info, "instances: sales-1"},
	{"tokens", func(f *facts) { f.inside.Survey.Holdings.Tokens[0].Expires = time.Time{} }, Warning, "never expires"},
	{"tokens", func(f *facts) { f.inside.Survey.Holdings.Tokens[0].Channels = []string{"*"} }, Warning, "all channels"},
	{"admin", func(f *facts) { f.adminListen = ":8001" }, Warning, ":8001"},
	{"admin", func(f *facts) { f.config.AdminApart, f.adminListen = false, "" }, Info, "Superusers"},
	{"metrics-token", func(f *facts) { f.config.MetricsToken = "secret" }, Warning, "guessed"},
	{"journal", func(f *facts) { f.inside.Survey.Journal = "delete" }, Error, `"delete"`},
	{"synchronous", func(f *facts) { f.config.Synchronous = "full" }, Warning, "after a restart"},
	{"synchronous", func(f *facts) { f.config.Synchronous, f.inside.Synchronous = "full", "full" }, Info, "survives a loss of power"},
	{"synchronous", func(*facts) {}, Info, "survives a crash"},
	{"file-system", func(f *facts) { f.data.disk = "NFS" }, Error, "NFS"},
	{"file-system", func(f *facts) { f.data.disk = "FUSE" }, Warning, "FUSE"},
	{"sd-card", func(f *facts) { f.data.card = true }, Info, "writes seldom"},
	{"sd-card", func(f *facts) { f.data.card, f.inside.Synchronous = true, "full" }, Info, "for each change"},
	{"disk", func(f *facts) { f.data.free = DefaultMinDisk - 1 }, Error, "63 MiB left"},
	{"disk", func(f *facts) { f.data.free = 2 * DefaultMinDisk }, Warning, "128 MiB left"},
	{"disk", func(f *facts) { f.data.inodes = 5 }, Warning, "5 files"},
	{"replication", func(f *facts) { f.config.Replicate, f.inside.Replica = "", nil }, Warning, "Nothing replicates"},
	{"replication", func(f *facts) { f.inside.Replica = nil }, Error, "does not replicate"},
	{"replication", func(f *facts) { f.inside.Replica.InSync, f.inside.Replica.Err = false, "no route" }, Error, "no route"},
	{"replication", func(f *facts) { f.inside.Replica.InSync, f.inside.Replica.Lag = false, time.Hour }, Error, "1h0m0s behind"},
	{"restore", func(f *facts) { f.inside.Survey.Holdings.RestoreCheck.At = time.Time{} }, Warning, "Nobody has tried"},
	{"restore", func(f *facts) { f.inside.Survey.Holdings.RestoreCheck.At = f.now.AddDate(0, 0, -31) }, Warning, "2026-03-31"},
	{"clock", func(f *facts) { f.now = f.built.Add(-time.Second) }, Error, "before this program"},
	{"clock", func(f *facts) { f.inside.Survey.Holdings.Newest = f.now.Add(time.Hour) }, Error, "before the last change"},
	{"files", func(f *facts) { f.inside.Process.Files = 1024 }, Warning, "1024 files"},
	{"memory", func(f *facts) { f.inside.Process.Memory = 512 << 20 }, Info, "512 MiB"},
	{"memory", func(*facts) {}, Info, "all memory"},
	{"unit", func(f *facts) { f.exposure = "1.2" }, Info, "1.2"},
	{"retention", func(f *facts) { f.config.NoAnalytics = true }, Info, "not counted"},
	{"retention", func(*facts) {}, Info, "kept for 400d"},
}

// always are the checks that have something to say about every server.
var always = []string{"synchronous", "memory", "retention"}

func TestInspections(t *testing.T) {
	for _, check := range inspections {
		t.Run(check.id, func(t *testing.T) {
			for _, f := range check.look(healthy(t)) {
				if !slices.Contains(always, check.id) || f.Severity != Info {
					t.Errorf("a healthy server: %s: %s", f.Severity, f.Problem)
				}
			}
			tried := false
			for _, tt := range inspected {
				if tt.id != check.id {
					continue
				}
				tried = true
				facts := healthy(t)
				tt.change(facts)
				list := check.look(facts)
				if !slices.ContainsFunc(list, func(f Finding) bool { return f.Severity == tt.severity && strings.Contains(f.Problem, tt.problem) }) {
					t.Errorf("no %s with %q: %+v", tt.severity, tt.problem, list)
				}
				for _, f := range list {
					if f.Severity != Info && f.Fix == "" {
						t.Errorf("nothing says how to mend it: %s", f.Problem)
					}
				}
			}
			if !tried {
				t.Error("no case says what is wrong")
			}
			if check.about == "" || check.about != strings.TrimSpace(check.about) {
				t.Error("nothing says what it looks at")
			}
		})
	}
	for _, tt := range inspected {
		if !slices.ContainsFunc(inspections, func(check inspection) bool { return check.id == tt.id }) {
			t.Errorf("there is no check %q", tt.id)
		}
	}
}

// What does not apply is no matter.
func TestInspectionsThatDoNotApply(t *testing.T) {
	for name, change := range map[string]func(f *facts){
		"superuser":  func(f *facts) { f.config.Authenticate, f.inside.Survey.Holdings.Superusers = nobody, 0 },
		"proxies":    func(f *facts) { f.config.TrustedProxies, f.certFile = nil, "x.pem" },
		"encryption": func(f *facts) { f.listen, f.config.TrustedProxies, f.acme = ":443", nil, true },
		"cookies":    func(f *facts) { f.config.PublicURL, f.config.TrustedProxies = "", nil },
		"public-url": func(f *facts) { f.config.PublicURL, f.config.TrustedProxies = "", nil },
		"admin":      func(f *facts) { f.config.NoAdmin, f.adminListen = true, "" },
		"disk":       func(f *facts) { f.data.free, f.data.inodes = -1, -1 },
		"restore":    func(f *facts) { f.inside.Survey.Holdings = nil },
		"tokens":     func(f *facts) { f.inside.Survey.Holdings.Tokens[0].Expires = f.now.Add(-time.Hour) },
		"replication": func(f *facts) {
			f.inside.Replica.Err = "no route" // some time ago
		},
	} {
		i := slices.IndexFunc(inspections, func(check inspection) bool { return check.id == name })
		facts := healthy(t)
		change(facts)
		if list := inspections[i].look(facts); len(list) > 0 {
			t.Errorf("%s: %+v", name, list)
		}
	}
}

func TestOwnCheck(t *testing.T) {
	for name, tt := range map[string]struct {
		run  func(context.Context) []Finding
		want []Finding
	}{
		"nothing": {func(context.Context) []Finding { return nil }, nil},
		"findings": {func(context.Context) []Finding {
			return []Finding{{Severity: Info, Problem: "a"}, {ID: "other", Problem: "b"}}
		}, []Finding{{"own", Info, "a", ""}, {"own", Error, "b", ""}}},
		"panic": {func(context.Context) []Finding { panic("boom") }, []Finding{{"own", Error, "The check itself failed: boom.", "Mend its Run function, in Config.Checks."}}},
	} {
		got := Check{ID: "own", Run: tt.run}.run(t.Context())
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	if got := (Check{ID: "own"}).run(t.Context()); len(got) != 1 || got[0].Severity != Error {
		t.Errorf("without a function: %+v", got)
	}
}

// A process that holds the directory and takes no commands is told of; and what
// the database holds is known all the same.
func TestCheckSeesLock(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	s := store.New(filepath.Join(dir, databaseFile))
	if err := s.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	look := func() *facts {
		f := &facts{}
		f.lookAtFolder(dir)
		f.ask(t.Context(), 0)
		return f
	}
	f := look()
	if !f.held || f.running || !strings.HasPrefix(f.holder, "process ") || f.databaseErr != nil || f.inside.Survey.Holdings == nil {
		t.Errorf("while it is open: %+v", f)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if f := look(); f.held || f.inside.Survey.Holdings == nil {
		t.Errorf("when it is closed: %+v", f)
	}
	if err := os.WriteFile(filepath.Join(dir, databaseFile), []byte("no database, though it is long enough for one: "+strings.Repeat(".", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	if f := look(); f.databaseErr == nil || !strings.Contains(f.databaseErr.Error(), "not a database of dashd") {
		t.Errorf("what is no database: %v", f.databaseErr)
	}
}

func TestIsBeyond(t *testing.T) {
	for address, want := range map[string]bool{
		":80": true, "0.0.0.0:80": true, "[::]:80": true, "192.0.2.1:80": true, "dash.example.org:80": true,
		"": false, "127.0.0.1:80": false, "127.8.0.1:80": false, "[::1]:80": false, "localhost:80": false, "unix:/run/x": false,
	} {
		if got := isBeyond(address); got != want {
			t.Errorf("%q: %v", address, got)
		}
	}
}

func TestHasSecret(t *testing.T) {
	for url, want := range map[string]bool{
		"file:///mnt/x": false, "sftp://ann@host/x": false, "s3://bucket/x?endpoint=http://localhost:9000&region=x": false,
		"sftp://ann:secret@host/x": true, "s3://bucket/x?secret-access-key=x": true,
	} {
		if got := hasSecret(url); got != want {
			t.Errorf("%q: %v", url, got)
		}
	}
}

func nobody(*http.Request) (*app.User, error) { return nil, nil }
