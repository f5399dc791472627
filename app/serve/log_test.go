package serve_test

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"
	"unicode"

	"dashd/app"
	"dashd/app/serve"
)

// logged reads a log in JSON.
func logged(t *testing.T, log *lockedBuffer) (lines []map[string]any) {
	t.Helper()
	for text := range strings.Lines(log.String()) {
		var line map[string]any
		if err := json.Unmarshal([]byte(text), &line); err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		lines = append(lines, line)
	}
	return lines
}

// wantLine returns the line of a log with a message.
func wantLine(t *testing.T, log *lockedBuffer, message string) map[string]any {
	t.Helper()
	for _, line := range logged(t, log) {
		if line["msg"] == message {
			return line
		}
	}
	t.Fatalf("the log has no %q: %s", message, log)
	return nil
}

// Nothing that a stranger sends makes a line of its own, or colours a terminal.
func TestLogInjection(t *testing.T) {
	for _, format := range []string{"text", "json"} {
		log := &lockedBuffer{}
		s, err := serve.New(serve.Config{Apps: []*app.App{watchedApp()}, DefaultAccess: app.Public, Log: serve.NewLog(log, format, slog.LevelDebug)})
		if err != nil {
			t.Fatal(err)
		}
		h := s.Handler()
		before := strings.Count(log.String(), "\n")
		const evil = "%0d%0alevel=ERROR%20msg=forged%1b%5b31m%00%e2%80%a8%ff"
		paths := []string{"/" + evil, "/app/" + evil + "/", "/app/watched/" + evil, "/instance/" + evil + "/", "/app/watched/initial/" + evil + "/", "/app/watched/embed/" + evil + "/"}
		for _, path := range paths {
			do(t, h, "GET", path, "")
		}
		do(t, h, "GET", "/", "", "Host", "evil\x1b[31m\r\nforged.example.org")
		do(t, h, "POST", "/app/watched/_dash-update-component", watchedCall("panic"), "Content-Type", "application/json", "X-Forwarded-For", "1.2.3.4\x1b[31m")
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		text := log.String()
		if i := strings.IndexFunc(text, func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }); i >= 0 {
			t.Errorf("%s: the log has %q", format, text[i:min(len(text), i+20)])
		}
		if lines := strings.Count(text, "\n") - before; lines < len(paths) {
			t.Errorf("%s: the log has %d lines for %d requests", format, lines, len(paths)+2)
		}
		for line := range strings.Lines(text) {
			if strings.HasPrefix(line, "level=ERROR") || format == "json" && !json.Valid([]byte(line)) {
				t.Errorf("%s: a line is %q", format, line)
			}
		}
	}
}

// Lines that belong to a request have its id, which the visitor sees, too.
func TestLogRequestIDs(t *testing.T) {
	s, log := newServer(t, serve.Config{Apps: []*app.App{watchedApp()}, SlowCallback: time.Nanosecond})
	mustCreate(t, s, serve.NewInstance{App: "watched", Slug: "one"})
	call := func(how string) (id string) {
		t.Helper()
		resp := do(t, s.Handler(), "POST", "/instance/one/_dash-update-component", watchedCall(how), "Content-Type", "application/json")
		if id = resp.Header.Get("X-Request-Id"); id == "" {
			t.Fatal("the answer has no id")
		}
		return id
	}
	id := call("log")
	if line := wantLine(t, log, "as told"); line["request"] != id || line["app"] != "watched" {
		t.Errorf("an app's own line is %v", line)
	}
	slow := wantLine(t, log, "slow callback")
	if slow["request"] != id || slow["app"] != "watched" || slow["instance"] != "one" || slow["callback"] != "out.children" || slow["took"].(float64) <= 0 || slow["level"] != "WARN" {
		t.Errorf("a slow callback's line is %v", slow)
	}
	id = call("fail")
	if line := wantLine(t, log, "request failed"); line["request"] != id {
		t.Errorf("a failure's line is %v", line)
	}
	resp := do(t, s.Handler(), "GET", "/", "", "Host", "other.example.org")
	if line := wantLine(t, log, "host refused; allow it with --allowed-hosts or --public-url"); line["request"] != resp.Header.Get("X-Request-Id") {
		t.Errorf("a refused host's line is %v", line)
	}
	const secret = "what the visitor has typed"
	call(secret)
	if strings.Contains(log.String(), secret) {
		t.Errorf("the log has a value: %s", log)
	}
}

// Callbacks that are not slow, or are not watched, have no line.
func TestQuickCallbacks(t *testing.T) {
	for _, limit := range []time.Duration{time.Hour, -1} {
		s, log := newServer(t, serve.Config{Apps: []*app.App{watchedApp()}, SlowCallback: limit})
		wantStatus(t, do(t, s.Handler(), "POST", "/app/watched/_dash-update-component", watchedCall("x"), "Content-Type", "application/json"), http.StatusOK)
		if strings.Contains(log.String(), "slow") {
			t.Errorf("with %v: %s", limit, log)
		}
	}
}
