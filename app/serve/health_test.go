package serve_test

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"dashd/app"
	"dashd/app/serve"
	"dashd/examples/simple"
)

// readiness is what a server tells of itself.
type readiness struct {
	Ready bool
	Parts []struct {
		Name    string
		OK      bool
		Problem string
		Warning bool
	}
}

// problems are the parts that do not work, as "name: problem".
func (r readiness) problems() (list []string) {
	for _, p := range r.Parts {
		if !p.OK {
			list = append(list, p.Name+": "+p.Problem)
		}
	}
	return list
}

// readinessOf asks the handler for operators.
func readinessOf(t *testing.T, s *serve.Server) (state readiness) {
	t.Helper()
	return readinessBy(t, s, t.Context())
}

func readinessBy(t *testing.T, s *serve.Server, ctx context.Context) (state readiness) {
	t.Helper()
	w := httptest.NewRecorder()
	s.AdminHandler().ServeHTTP(w, httptest.NewRequestWithContext(ctx, "GET", "http://127.0.0.1/readyz", nil))
	if err := json.Unmarshal(w.Body.Bytes(), &state); err != nil {
		t.Fatalf("%v in %s", err, w.Body)
	}
	if want := map[bool]int{true: http.StatusOK, false: http.StatusServiceUnavailable}[state.Ready]; w.Code != want {
		t.Errorf("status %d with %+v", w.Code, state)
	}
	return state
}

// wantReady asks until the server is ready, or has often said that it is not.
func wantReady(t *testing.T, s *serve.Server) readiness {
	t.Helper()
	var state readiness
	for range 20 {
		s.ForgetHealth()
		if state = readinessOf(t, s); state.Ready {
			return state
		}
	}
	t.Fatalf("the server does not get ready: %q", state.problems())
	return state
}

// wantUnready checks that the server is not ready for one reason.
func wantUnready(t *testing.T, s *serve.Server, problem string) {
	t.Helper()
	s.ForgetHealth()
	state := readinessOf(t, s)
	if got := state.problems(); state.Ready || len(got) != 1 || !strings.Contains(got[0], problem) {
		t.Errorf("ready: %v, problems: %q; want %q", state.Ready, got, problem)
	}
}

// Probes know of no base path, and are told no details.
func TestProbes(t *testing.T) {
	const token = "a long token"
	for base, roots := range map[string][]string{"/": {"/"}, "/x/y/": {"/", "/x/y/"}} {
		s, _ := newServer(t, serve.Config{Apps: []*app.App{simple.New()}, BasePath: base, MetricsToken: token})
		for _, root := range roots {
			for _, test := range []struct {
				handler http.Handler
				path    string
				headers []string
				want    string
			}{
				{s.Handler(), "healthz", nil, "ok"},
				{s.AdminHandler(), "healthz", nil, "ok"},
				{s.Handler(), "readyz", nil, `{"ready":true}`},
				{s.Handler(), "readyz", []string{"Authorization", "Bearer wrong"}, `{"ready":true}`},
				{s.Handler(), "readyz", []string{"Authorization", "Bearer "}, `{"ready":true}`},
				{s.Handler(), "readyz", []string{"Authorization", token}, `{"ready":true}`},
				{s.Handler(), "readyz", []string{"Authorization", "Bearer " + token}, allWell},
				{s.AdminHandler(), "readyz", nil, allWell},
			} {
				resp := do(t, test.handler, "GET", root+test.path, "", test.headers...)
				if got := bodyOf(t, resp); resp.StatusCode != http.StatusOK || got != test.want || resp.Header.Get("Cache-Control") != "no-store" {
					t.Errorf("%s%s: %d %s %s", root, test.path, resp.StatusCode, got, resp.Header)
				}
			}
		}
		if resp := do(t, s.Handler(), "POST", "/healthz", ""); resp.StatusCode < 400 {
			t.Errorf("POST: %d", resp.StatusCode)
		}
		if resp := do(t, s.Handler(), "HEAD", "/readyz", ""); resp.StatusCode != http.StatusOK || bodyOf(t, resp) != "" {
			t.Errorf("HEAD: %d", resp.StatusCode)
		}
	}
}

const allWell = `{"ready":true,"parts":[{"name":"database","ok":true},{"name":"migrations","ok":true},{"name":"disk","ok":true},{"name":"hub","ok":true}]}`

// Without a token nobody has it.
func TestNoTokenIsNone(t *testing.T) {
	s, _ := newServer(t, serve.Config{Apps: []*app.App{simple.New()}})
	if got := bodyOf(t, do(t, s.Handler(), "GET", "/readyz", "", "Authorization", "Bearer ")); got != `{"ready":true}` {
		t.Errorf("a stranger reads %s", got)
	}
}

func TestReadyDisk(t *testing.T) {
	config := serve.Config{Apps: []*app.App{simple.New()}, Data: t.TempDir(), MinDisk: 1 << 60}
	s, _ := newServer(t, config)
	wantUnready(t, s, "disk: ")
	if got := bodyOf(t, do(t, s.Handler(), "GET", "/readyz", "")); got != `{"ready":false}` {
		t.Errorf("strangers read %s", got)
	}
	wantStatus(t, do(t, s.Handler(), "GET", "/healthz", ""), http.StatusOK)
	if err := s.SelfCheck(t.Context()); err != nil {
		t.Errorf("the watchdog would restart the server: %v", err)
	}
	config.MinDisk = 1
	if err := s.Reconfigure(config); err != nil {
		t.Fatal(err)
	}
	wantReady(t, s)
}

// Without a data directory there is no disk.
func TestReadyInMemory(t *testing.T) {
	s, _ := newServer(t, serve.Config{Apps: []*app.App{simple.New()}, MinDisk: 1 << 60})
	wantReady(t, s)
}

func TestReadyStopping(t *testing.T) {
	s, _ := newServer(t, serve.Config{Apps: []*app.App{simple.New()}})
	wantReady(t, s) // and that is remembered
	s.SetStopping(true)
	if state := readinessOf(t, s); state.Ready || !strings.HasPrefix(state.problems()[0], "stopping: ") {
		t.Errorf("a server that stops says %+v", state)
	}
	s.SetStopping(false)
	if state := readinessOf(t, s); !state.Ready {
		t.Errorf("a server that goes on says %+v", state)
	}
}

// otherProcess opens a server's database beside it.
func otherProcess(t *testing.T, data string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(data, "dashd.db"))
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

func mustExec(t *testing.T, db *sql.DB, query string) {
	t.Helper()
	if _, err := db.ExecContext(t.Context(), query); err != nil {
		t.Fatal(err)
	}
}

// A database that does not take what is written is told of in bounded time, also
// while the look at it lasts.
func TestReadyDatabase(t *testing.T) {
	data := t.TempDir()
	s, _ := newServer(t, serve.Config{Apps: []*app.App{simple.New()}, Data: data})
	db := otherProcess(t, data)
	wantReady(t, s)
	s.ForgetHealth()
	mustExec(t, db, "BEGIN IMMEDIATE")
	for range 2 {
		hurried, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		if state := readinessBy(t, s, hurried); state.Ready || !strings.Contains(state.problems()[0], "does not answer") {
			t.Errorf("with a database that is locked, the server says %+v", state)
		}
		cancel()
	}
	wantStatus(t, do(t, s.Handler(), "GET", "/healthz", ""), http.StatusOK)
	mustExec(t, db, "ROLLBACK")
	wantReady(t, s)

	mustExec(t, db, "INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, 1)")
	wantUnready(t, s, "migrations: the database has version 9999, ")
	mustExec(t, db, "DELETE FROM goose_db_version WHERE version_id = 9999")
	wantReady(t, s)
}

// A server whose store is closed is not ready, and its watchdog says so.
func TestReadyClosed(t *testing.T) {
	s, err := serve.New(serve.Config{Apps: []*app.App{simple.New()}})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.SelfCheck(t.Context()); err != nil {
		t.Error(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if state := readinessOf(t, s); state.Ready || !strings.HasPrefix(state.problems()[0], "database: ") {
		t.Errorf("a closed server says %+v", state)
	}
	if err := s.SelfCheck(t.Context()); err == nil {
		t.Error("the watchdog is told that all is well")
	}
}

// A replica that is away is a warning: to send the visitors away would not help.
func TestReadyReplica(t *testing.T) {
	folder, disk := filepath.Join(t.TempDir(), "replica"), filepath.Join(t.TempDir(), "disk")
	mustDo := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	mustDo(os.Mkdir(disk, 0o700))
	mustDo(os.Symlink(disk, folder)) // so that a write under way does not make it anew
	s, _ := newServer(t, serve.Config{Apps: []*app.App{simple.New()}, Data: t.TempDir(), Replicate: "file://" + filepath.ToSlash(folder)})
	mustDo(s.Store().SyncReplica(t.Context()))
	mustDo(os.Rename(disk, disk+" away"))
	mustDo(s.Store().AddUser(t.Context(), "ann", "", false))
	if err := s.Store().SyncReplica(t.Context()); err == nil {
		t.Fatal("there is a replica in a folder that is not there")
	}
	state := wantReady(t, s)
	if got := state.problems(); len(got) != 1 || !strings.HasPrefix(got[0], "replication: ") || !strings.Contains(got[0], "there is no folder") {
		t.Errorf("the problems are %q", got)
	}
	mustDo(os.Rename(disk+" away", disk))
	mustDo(s.Store().SyncReplica(t.Context()))
	state = wantReady(t, s)
	if got := state.problems(); got != nil {
		t.Errorf("the problems are %q", got)
	}
	if last := state.Parts[len(state.Parts)-1]; last.Name != "replication" || last.Warning {
		t.Errorf("the last part is %+v", last)
	}
}

// The command asks a server elsewhere, too.
func TestHealthCommandByURL(t *testing.T) {
	const token = "a long token"
	config := serve.Config{Apps: []*app.App{simple.New()}, BasePath: "/x", MetricsToken: token, Data: t.TempDir()}
	s, _ := newServer(t, config)
	url := serveLive(t, s)
	run := func(want int, args ...string) string {
		t.Helper()
		s.ForgetHealth()
		var out, errs bytes.Buffer
		code := serve.Run(t.Context(), serve.Config{Data: t.TempDir()}, append([]string{"health"}, args...), strings.NewReader(""), &out, &errs)
		if code != want {
			t.Errorf("health %q ends with %d: %s", args, code, &errs)
		}
		return out.String() + errs.String()
	}
	const details = "database    ok\nmigrations  ok\ndisk        ok\nhub         ok\n"
	if diff := cmp.Diff("ready\n", run(0, "--url", url+"/x/")); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(details, run(0, "--url", url, "--token", token)); diff != "" {
		t.Error(diff)
	}
	if text := run(0, "--url", url+"/x", "--json", "--token", token); !strings.Contains(text, `"ready": true`) || !strings.Contains(text, `"name": "hub"`) {
		t.Errorf("as JSON: %s", text)
	}
	if text := run(1, "--url", url+"/y"); !strings.Contains(text, "does the URL have the server's base path?") {
		t.Errorf("with a wrong path: %s", text)
	}
	config.MinDisk = 1 << 60
	if err := s.Reconfigure(config); err != nil {
		t.Fatal(err)
	}
	if text := run(1, "--url", url); !strings.HasSuffix(text, ": the server is not ready\n") {
		t.Errorf("without room: %s", text)
	}
	if text := run(1, "--url", url, "--token", token); !strings.Contains(text, "disk        PROBLEM: ") {
		t.Errorf("without room: %s", text)
	}
	s.SetStopping(true)
	if text := run(1, "--url", "http://127.0.0.1:1"); !strings.Contains(text, "ask the server: ") {
		t.Errorf("without a server: %s", text)
	}
}
