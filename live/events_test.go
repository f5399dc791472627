package live_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"dashd/live"
)

// events is a client of a stream of events.
type events struct {
	t      *testing.T
	answer *http.Response
	lines  *bufio.Reader
	cancel func()
}

const subscribeC = `{"type":"connection_triplet","uid":"u","channel_name":"c","label":"l"}`

func eventsOf(client live.Client, subscriptions ...string) func(*live.Hub) http.HandlerFunc {
	return func(h *live.Hub) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/other" {
				return
			}
			var frames [][]byte
			for _, s := range subscriptions {
				frames = append(frames, []byte(s))
			}
			if err := h.ServeEvents(wrapper{w}, r, client, frames); err != nil {
				http.Error(w, err.Error(), http.StatusServiceUnavailable)
			}
		}
	}
}

// wrapper is as middleware wraps answers.
type wrapper struct{ http.ResponseWriter }

func (w wrapper) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (s *served) client() *http.Client {
	return &http.Client{Transport: &http.Transport{DialContext: s.pipes.dial, MaxConnsPerHost: 1}}
}

func (s *served) events(client *http.Client) *events {
	s.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://h/", nil)
	if err != nil {
		s.t.Fatal(err)
	}
	answer, err := client.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	return &events{s.t, answer, bufio.NewReader(answer.Body), cancel}
}

func (e *events) expect(want ...string) {
	e.t.Helper()
	for _, want := range want {
		line, err := e.lines.ReadString('\n')
		data, found := strings.CutPrefix(line, "data: ")
		blank, _ := e.lines.ReadString('\n')
		var f frame
		if err != nil || !found || blank != "\n" || json.Unmarshal([]byte(data), &f) != nil || f.String() != want {
			e.t.Fatalf("got %q, %q, %v, want %s", line, blank, err, want)
		}
	}
}

// ends expects the end of the answer: in good order, so that the connection
// serves the next request.
func (e *events) ends() {
	e.t.Helper()
	if rest, err := io.ReadAll(e.lines); err != nil || len(rest) > 0 {
		e.t.Errorf("the end: %q, %v", rest, err)
	}
	e.answer.Body.Close()
	e.cancel()
}

func TestEvents(t *testing.T) {
	inServerOf(t, live.Limits{}, eventsOf(open, subscribeC), func(t *testing.T, s *served) {
		client := s.client()
		defer client.CloseIdleConnections()
		e := s.events(client)
		for name, want := range map[string]string{
			"Content-Type": "text/event-stream", "Cache-Control": "no-store, no-transform", "X-Accel-Buffering": "no",
		} {
			if got := e.answer.Header.Get(name); got != want {
				t.Errorf("%s: %s, want %s", name, got, want)
			}
		}
		e.expect("subscribed c 0")
		send(t, s.Hub, live.Message{Channel: "c", Label: "l", Value: json.RawMessage("{\n\n\"a\": \"\\n\"\n\n}")})
		e.expect(`c/l {"a":"\n"} #1`)
		start := time.Now()
		e.expect("pong")
		if held := time.Since(start); held != live.Beat {
			t.Errorf("a sign of life after %v", held)
		}
		publish(t, s.Hub, "c", "2")
		e.expect("c/l 2 #2")
		time.Sleep(live.Beat - time.Nanosecond) // longer than a write may take
		s.CloseAll()
		e.ends()
		answer, err := client.Get("http://h/other") // on the same connection
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if n := s.listeners(); n != 0 {
			t.Errorf("%d listeners", n)
		}
	})
}

// The headers are there before the first frame.
func TestEventsBegin(t *testing.T) {
	inServerOf(t, live.Limits{}, eventsOf(open), func(t *testing.T, s *served) {
		start := time.Now()
		e := s.events(s.client())
		if held := time.Since(start); held != 0 {
			t.Errorf("the headers took %v", held)
		}
		e.cancel()
	})
}

func TestEventsEndWithTheHub(t *testing.T) {
	inServerOf(t, live.Limits{}, eventsOf(open, subscribeC), func(t *testing.T, s *served) {
		client := s.client()
		defer client.CloseIdleConnections()
		e := s.events(client)
		e.expect("subscribed c 0")
		publish(t, s.Hub, "c", "1")
		done := make(chan error, 1)
		go func() { done <- s.Shutdown(context.Background()) }()
		e.expect("c/l 1 #1", "restart")
		e.ends()
		if err := <-done; err != nil {
			t.Error(err)
		}
		refused := s.events(client)
		if got := refused.answer.StatusCode; got != http.StatusServiceUnavailable {
			t.Errorf("afterwards: %d", got)
		}
		refused.answer.Body.Close()
		refused.cancel()
	})
}

func TestEventsEndWithTheClient(t *testing.T) {
	inServerOf(t, live.Limits{}, eventsOf(open, subscribeC), func(t *testing.T, s *served) {
		e := s.events(s.client())
		e.expect("subscribed c 0")
		e.cancel()
		if n := s.listeners(); n != 0 {
			t.Errorf("%d listeners", n)
		}
	})
}

func TestEventsAfterSignOut(t *testing.T) {
	client := live.Client{Session: "s", Listen: open.Listen}
	inServerOf(t, live.Limits{}, eventsOf(client, subscribeC), func(t *testing.T, s *served) {
		c := s.client()
		defer c.CloseIdleConnections()
		e := s.events(c)
		e.expect("subscribed c 0")
		s.CloseSession("s")
		e.ends()
		e = s.events(c) // one that does not read
		start := time.Now()
		publish(t, s.Hub, "c", "1")
		s.listeners()
		s.CloseSession("s")
		time.Sleep(live.CloseTimeout)
		if n := s.listeners(); n != 0 {
			t.Errorf("%d listeners after %v", n, time.Since(start))
		}
		e.cancel()
	})
}

func TestEventsSlow(t *testing.T) {
	inServerOf(t, live.Limits{Queue: 5}, eventsOf(open, subscribeC), func(t *testing.T, s *served) {
		quick, slow := s.events(s.client()), s.events(s.client())
		synctest.Wait() // the slow one, too, has subscribed
		quick.expect("subscribed c 0")
		start := time.Now()
		large := `"` + strings.Repeat("x", 10_000) + `"` // more than is buffered on the way
		for i := range 10 {
			publish(t, s.Hub, "c", large)
			quick.expect(fmt.Sprintf("c/l %s #%d", large, i+1))
		}
		if held := time.Since(start); held != 0 {
			t.Errorf("it took %v", held)
		}
		time.Sleep(live.CloseTimeout)
		if n := s.listeners(); n != 1 {
			t.Errorf("%d listeners, want the quick one", n)
		}
		publish(t, s.Hub, "c", "1")
		quick.expect("c/l 1 #11")
		quick.cancel()
		slow.cancel()
	})
}

// A client that takes nothing though little is sent is gone after a while.
func TestEventsStuck(t *testing.T) {
	inServerOf(t, live.Limits{}, eventsOf(open, subscribeC), func(t *testing.T, s *served) {
		e := s.events(s.client())
		publish(t, s.Hub, "c", `"`+strings.Repeat("x", 10_000)+`"`)
		time.Sleep(live.WriteTimeout)
		if n := s.listeners(); n != 0 {
			t.Errorf("%d listeners", n)
		}
		e.cancel()
	})
}

func TestEventsWithWrongSubscriptions(t *testing.T) {
	many := make([]string, 10)
	for i := range many {
		many[i] = fmt.Sprintf(`{"type":"connection_triplet","uid":"%d","channel_name":"c%[1]d","label":"l"}`, i)
	}
	t.Run("no object", func(t *testing.T) {
		inServerOf(t, live.Limits{}, eventsOf(open, `[]`), func(t *testing.T, s *served) {
			client := s.client()
			defer client.CloseIdleConnections()
			s.events(client).ends()
		})
	})
	t.Run("too many", func(t *testing.T) {
		asked := 0
		client := live.Client{Listen: func(string, string) bool { asked++; return true }}
		inServerOf(t, live.Limits{Subscriptions: 3}, eventsOf(client, many...), func(t *testing.T, s *served) {
			e := s.events(s.client())
			e.expect("subscribed c0 0", "subscribed c1 0", "subscribed c2 0", "pong")
			e.cancel()
		})
		if asked != 3 {
			t.Errorf("asked for %d channels", asked)
		}
	})
}

func TestEventsThatAreFull(t *testing.T) {
	h := live.New(live.Limits{Listeners: 1})
	l, err := h.Join(open, &peer{t: t, ended: make(chan struct{})})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Leave()
	w := httptest.NewRecorder()
	if err := h.ServeEvents(w, httptest.NewRequest(http.MethodPost, "/", nil), open, nil); !errors.Is(err, live.ErrFull) {
		t.Errorf("got %v", err)
	}
	if w.Flushed || len(w.Header()) > 0 {
		t.Errorf("something was answered: %v", w.Header())
	}
}

// An answer that cannot be sent bit by bit ends at once.
func TestEventsThatAreBuffered(t *testing.T) {
	h := live.New(live.Limits{})
	buffered := struct{ http.ResponseWriter }{httptest.NewRecorder()}
	if err := h.ServeEvents(buffered, httptest.NewRequest(http.MethodPost, "/", nil), open, [][]byte{[]byte(subscribeC)}); err != nil {
		t.Error(err)
	}
}
