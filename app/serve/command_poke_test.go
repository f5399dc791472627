package serve_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"dashd/app"
	"dashd/app/serve"
)

// run runs a command as Main does.
func run(t *testing.T, stdin string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, problems bytes.Buffer
	code = serve.Run(t.Context(), serve.Config{}, args, strings.NewReader(stdin), &out, &problems)
	return code, out.String(), problems.String()
}

// A poke to a server elsewhere needs its URL, with the base path, and a token
// of it for the channel.
func TestPokeElsewhere(t *testing.T) {
	s, _ := newServer(t, serve.Config{BasePath: "/b", Apps: []*app.App{pipeApp("open", "room", app.Public)}})
	url := serveLive(t, s) + "/b"
	w := newRemote(t, url).connect()
	w.subscribe("room", "")
	token := newToken(t, s, time.Hour, "room")
	for _, test := range []struct {
		name, url, token, channel string
		code                      int
		says                      string
	}{
		{"works", url, token, "room", 0, "sent to 1 listener\n"},
		{"with a slash", url + "/", token, "room", 0, "sent to 1 listener\n"},
		{"wrong token", url, token + "x", "room", 1, "This needs a token that is in force: dashd token create makes one.\n"},
		{"other channel", url, token, "rooms", 1, "This token is not for that channel.\n"},
		{"wrong base path", strings.TrimSuffix(url, "/b"), token, "room", 1, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			code, stdout, stderr := run(t, "", "poke", "--url", test.url, "--token", test.token, test.channel, "l", "1")
			if code != test.code || !strings.HasSuffix(stdout+stderr, test.says) || strings.Contains(stderr, test.token) {
				t.Errorf("code %d, %s%s", code, stdout, stderr)
			}
			if code == 0 {
				w.want("room/l 1")
			}
		})
	}
	t.Setenv("DASHD_TOKEN", token)
	if code, _, stderr := run(t, "1\n2\n", "poke", "--url", url, "room", "l", "-"); code != 0 {
		t.Errorf("by the environment: code %d, %s", code, stderr)
	}
	w.want("room/l 1")
	w.want("room/l 2")
}

// Many values go on where a server does not answer for a moment, or has enough.
func TestPokePersists(t *testing.T) {
	s, _ := newServer(t, serve.Config{Apps: []*app.App{pipeApp("open", "room", app.Public)}})
	var requests atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch requests.Add(1) {
		case 2:
			panic(http.ErrAbortHandler) // as when it is gone
		case 4:
			w.WriteHeader(http.StatusTooManyRequests)
			_, _ = io.WriteString(w, `{"error":"Wait a moment."}`)
		default:
			s.Handler().ServeHTTP(w, r)
		}
	}))
	defer server.Close()
	code, stdout, stderr := run(t, "1\n2\n3\n", "poke", "--json", "--url", server.URL, "--token", newToken(t, s, 0, "room"), "room", "l", "-")
	if code != 0 || strings.Count(stdout, `"room"`) != 3 || !strings.Contains(stdout, `"seq":3,`) || strings.Count(stderr, "trying again") != 2 {
		t.Errorf("code %d, %s%s", code, stdout, stderr)
	}
	requests.Store(1)
	if code, _, stderr := run(t, "", "poke", "--url", server.URL, "--token", "t", "room", "l", "4"); code != 1 || !strings.Contains(stderr, "no server answers at") {
		t.Errorf("a single value: code %d, %s", code, stderr)
	}
}

// The end of the program ends the wait for a server.
func TestPokeInterrupted(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	server.Close()
	ctx, cancel := context.WithCancel(t.Context())
	var out bytes.Buffer
	stderr := writerFunc(func(p []byte) (int, error) {
		if bytes.Contains(p, []byte("trying again")) {
			cancel()
		}
		return len(p), nil
	})
	args := []string{"poke", "--url", server.URL, "--token", "t", "room", "l", "-"}
	if code := serve.Run(ctx, serve.Config{}, args, strings.NewReader("1\n"), &out, stderr); code != 1 || out.Len() > 0 {
		t.Errorf("code %d, %s", code, &out)
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }
