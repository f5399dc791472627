//go:build unix

package examples_test

import (
	"bufio"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestCustom builds the server of examples/custom, a module of its own, and
// uses it: a page, its layout and a callback, until it is told to stop.
func TestCustom(t *testing.T) {
	program := filepath.Join(t.TempDir(), "custom")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", program, ".")
	build.Dir = "custom"
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=-mod=readonly", "GOWORK=off")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build examples/custom: %v\n%s\nWhere dashd's own go.mod has changed: cd examples/custom && go mod tidy", err, out)
	}

	server := exec.CommandContext(t.Context(), program, "serve", "--listen", "127.0.0.1:0", "--log-format", "json", "--data", t.TempDir())
	stderr, err := server.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(stderr)
	url := servingURL(t, lines) + "app/greeting/"

	if page := fetch(t, http.MethodGet, url, ""); !strings.Contains(page, "<title>Greeting</title>") || !strings.Contains(page, "DashRenderer") {
		t.Errorf("the page is\n%s", page)
	}
	if layout := fetch(t, http.MethodGet, url+"_dash-layout", ""); !strings.Contains(layout, `"id":"greeting"`) {
		t.Errorf("the layout is %s", layout)
	}
	got := fetch(t, http.MethodPost, url+"_dash-update-component", `{
		"output": "greeting.children", "outputs": {"id": "greeting", "property": "children"},
		"inputs": [{"id": "name", "property": "value", "value": "Ada"}], "changedPropIds": ["name.value"]}`)
	if want := `{"multi":true,"response":{"greeting":{"children":"Hello, Ada!"}}}`; got != want {
		t.Errorf("the callback answers %s, want %s", got, want)
	}

	if err := server.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	for lines.Scan() { // until the server has closed its end
	}
	if err := server.Wait(); err != nil {
		t.Errorf("the server ends with %v", err)
	}
}

// servingURL reads the log until it says where the server is.
func servingURL(t *testing.T, log *bufio.Scanner) string {
	t.Helper()
	var seen strings.Builder
	for log.Scan() {
		var line struct{ Msg, URL string }
		if json.Unmarshal(log.Bytes(), &line) == nil && line.Msg == "serving" {
			return line.URL
		}
		seen.WriteString(log.Text() + "\n")
	}
	t.Fatalf("the server did not start:\n%s", &seen)
	return ""
}

// fetch sends a request, with a body as JSON, and returns the body of its 200.
func fetch(t *testing.T, method, url, body string) string {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	if response.StatusCode != http.StatusOK {
		t.Fatalf("%s %s: %s\n%s", method, url, response.Status, text)
	}
	return string(text)
}
