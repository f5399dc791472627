package serve_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"dashd/app"
	dash "dashd/app/html"
	"dashd/app/serve"
)

// smallDisk mounts a file system of two megabytes; only root can.
func smallDisk(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=2m,mode=0700"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// ranAsRoot runs a test that mounts a disk in a namespace where it is root, for
// those who may not mount anything themselves, and reports whether it has.
func ranAsRoot(t *testing.T) bool {
	t.Helper()
	const marker = "DISK_TEST_ELSEWHERE"
	dir := t.TempDir()
	err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=1m")
	if err == nil {
		err = syscall.Unmount(dir, syscall.MNT_DETACH)
	}
	if !errors.Is(err, syscall.EPERM) || os.Getenv(marker) != "" {
		return false // what is wrong, the test tells
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self, "-test.run=^"+t.Name()+"$", "-test.count=1", "-test.v")
	cmd.Env = append(os.Environ(), marker+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{HostID: os.Geteuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{HostID: os.Getegid(), Size: 1}},
	}
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "--- PASS: "+t.Name()) {
		t.Fatalf("run as root, or where users may make namespaces: %v\n%s", err, out)
	}
	return true
}

// A full disk is told to the visitor and to the log, and when there is room
// again, all goes on.
func TestFullDisk(t *testing.T) {
	if ranAsRoot(t) {
		return
	}
	dir := smallDisk(t)
	a := app.New("Writer")
	a.Layout = dash.Div{Children: app.List{dash.Div{ID: "in"}, dash.Div{ID: "out"}}}
	a.Access = app.Public
	a.Callback(app.Output("out", "children"), app.Input("in", "n_clicks")).Do(func(n int) string {
		return fmt.Sprint(n, strings.Repeat(" and on", 2000))
	})
	s, log := withUsers(t, serve.Config{Apps: []*app.App{a}, Data: filepath.Join(dir, "data")})
	mustCreate(t, s, serve.NewInstance{App: "writer", Slug: "one", SaveOnChange: true, State: parsedState(t, `{"in": {"n_clicks": 0}, "out": {"children": ""}}`)})
	w := newClient(t, s.Handler()).open("/instance/one/")
	clicks := 0
	click := func() *http.Response {
		clicks++
		return w.post(fmt.Sprintf(`{"output":"out.children","outputs":{"id":"out","property":"children"},
			"inputs":[{"id":"in","property":"n_clicks","value":%d}],"changedPropIds":["in.n_clicks"]}`, clicks))
	}
	saved := func() string {
		t.Helper()
		var state map[string]map[string]any
		if err := json.Unmarshal([]byte(stateOf(t, s, "one")), &state); err != nil {
			t.Fatal(err)
		}
		return fmt.Sprint(state["in"]["n_clicks"])
	}
	wantStatus(t, click(), http.StatusOK)
	for range 2 {
		ballast := filepath.Join(dir, "ballast")
		if err := os.WriteFile(ballast, make([]byte, 4<<20), 0o600); !errors.Is(err, syscall.ENOSPC) {
			t.Fatalf("fill the disk: %v", err)
		}
		resp := click()
		last := clicks - 1
		for ; resp.StatusCode == http.StatusOK; resp = click() { // what SQLite's files have room for
			last = clicks
			if clicks > 10_000 {
				t.Fatal("the disk does not get full")
			}
		}
		wantStatus(t, resp, http.StatusInsufficientStorage)
		var refused struct{ Error, ID string }
		text := bodyOf(t, resp)
		if err := json.Unmarshal([]byte(text), &refused); err != nil || !strings.Contains(refused.Error, "The disk of the server is full, so nothing was saved.") || len(refused.ID) != 16 {
			t.Errorf("the page hears %s", text)
		}
		if !strings.Contains(log.String(), refused.ID) || !strings.Contains(log.String(), "the disk is full: ") {
			t.Errorf("the log does not tell: %s", log)
		}
		if got := saved(); got != fmt.Sprint(last) {
			t.Errorf("click %s is saved, click %d was the last to be", got, last)
		}
		wantStatus(t, w.get("/instance/one/"), http.StatusOK) // there to be read

		b := newClient(t, s.Handler())
		if resp := b.post("/login", "name", "ann", "password", password); resp.StatusCode != http.StatusSeeOther { // its rows are small
			wantPage(t, resp, http.StatusInsufficientStorage, "The disk of the server is full")
		}

		if err := os.Remove(ballast); err != nil {
			t.Fatal(err)
		}
		if err := s.Store().Probe(t.Context()); err != nil {
			t.Error(err)
		}
		wantStatus(t, click(), http.StatusOK)
		if got := saved(); got != fmt.Sprint(clicks) {
			t.Errorf("click %s is saved, not %d", got, clicks)
		}
		newClient(t, s.Handler()).signIn("ann", password)
	}
	if err := s.Store().Check(t.Context()); err != nil {
		t.Error(err)
	}
}
