package live_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"
	"github.com/coder/websocket/wsjson"

	"dashd/live"
)

// serve serves a hub's websockets on a real port.
func serve(t *testing.T, h *live.Hub, client live.Client) (address string) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.ServeWebSocket(w, r, client)
	}))
	t.Cleanup(func() {
		server.Close()
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := h.Shutdown(ctx); err != nil {
			t.Errorf("shutdown: %v", err)
		}
	})
	return server.Listener.Addr().String()
}

func dial(t *testing.T, address string) *websocket.Conn {
	t.Helper()
	conn, _, err := websocket.Dial(t.Context(), "ws://"+address+"/", nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.CloseNow() })
	return conn
}

// say writes a text and reads one answer.
func say(t *testing.T, conn *websocket.Conn, text string) (answer map[string]any) {
	t.Helper()
	if err := conn.Write(t.Context(), websocket.MessageText, []byte(text)); err != nil {
		t.Fatal(err)
	}
	return hear(t, conn)
}

func hear(t *testing.T, conn *websocket.Conn) (message map[string]any) {
	t.Helper()
	if err := wsjson.Read(t.Context(), conn, &message); err != nil {
		t.Fatal(err)
	}
	return message
}

// publisher is a client that may do all.
func publisher(h *live.Hub) live.Client {
	return live.Client{Listen: open.Listen, Publish: func(m live.Message) error {
		_, err := h.Publish(m)
		return err
	}}
}

// A client of django-plotly-dash and ours hear the same.
func TestWebSocketSpeaksAsTheReference(t *testing.T) {
	h := live.New(live.Limits{})
	conn := dial(t, serve(t, h, publisher(h)))
	subscribed := say(t, conn, `{"type":"connection_triplet","uid":"a1b2-c3","label":"temperature","channel_name":"live_button_counter"}`)
	if subscribed["type"] != "pipe.subscribed" || subscribed["seq"] != 0.0 || subscribed["epoch"] == "" {
		t.Errorf("subscribed: %v", subscribed)
	}
	epoch := subscribed["epoch"]
	receipt := send(t, h, live.Message{Channel: "live_button_counter", Label: "temperature", Value: json.RawMessage(`{"n":[1,null]}`)})
	if receipt.Listeners != 1 {
		t.Errorf("receipt: %+v", receipt)
	}
	want := map[string]any{
		"type": "pipe.value", "label": "temperature", "value": map[string]any{"n": []any{1.0, nil}},
		"channel_name": "live_button_counter", "epoch": epoch, "seq": 1.0,
	}
	if got := hear(t, conn); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
	// What is anything else is published, to the sender too.
	got := say(t, conn, `{"type":"whatever","channel_name":"live_button_counter","label":"x","value":"hello"}`)
	if got["type"] != "pipe.value" || got["label"] != "x" || got["value"] != "hello" || got["seq"] != 2.0 {
		t.Errorf("got %v", got)
	}
	say(t, conn, `{"type":"connection_triplet","uid":"d4","label":"","channel_name":"UNNAMED_CHANNEL"}`)
	got = say(t, conn, `{}`)
	if got["channel_name"] != "UNNAMED_CHANNEL" || got["label"] != "DEFAULT$LABEL" || got["value"] != nil {
		t.Errorf("got %v", got)
	}
	if got := say(t, conn, `{"type":"ping"}`); got["type"] != "pong" {
		t.Errorf("got %v", got)
	}
}

func TestWebSocketRefusesToPublish(t *testing.T) {
	h := live.New(live.Limits{})
	for name, client := range map[string]live.Client{
		"by default":    {Listen: open.Listen},
		"by the client": {Listen: open.Listen, Publish: func(live.Message) error { return errors.New("no") }},
	} {
		t.Run(name, func(t *testing.T) {
			conn := dial(t, serve(t, live.New(live.Limits{}), client))
			if got := say(t, conn, `{"channel_name":"c","label":"l","value":1}`); got["type"] != "pipe.refused" || got["channel_name"] != "c" {
				t.Errorf("got %v", got)
			}
		})
	}
	if infos := h.Channels(); len(infos) != 0 {
		t.Errorf("channels: %v", infos)
	}
}

// What a client sends may be anything. The reaction is an answer, or a close
// code, and the next client does not notice.
func TestWebSocketTakesAnything(t *testing.T) {
	const frameLimit = 50_000
	text := func(text string) func(*wire) { return func(w *wire) { w.text(text) } }
	nested := func(n int) string {
		return `{"channel_name":"c","label":"l","value":` + strings.Repeat("[", n) + strings.Repeat("]", n) + `}`
	}
	for _, test := range []struct {
		name   string
		send   func(*wire)
		code   live.Code // or
		answer string
	}{
		{"malformed JSON", text(`{"type":`), live.CloseWrong, ""},
		{"two objects", text(`{}{}`), live.CloseWrong, ""},
		{"array", text(`[{"type":"ping"}]`), live.CloseWrong, ""},
		{"number", text(`1`), live.CloseWrong, ""},
		{"string", text(`"ping"`), live.CloseWrong, ""},
		{"null", text(`null`), live.CloseWrong, ""},
		{"nothing", text(``), live.CloseWrong, ""},
		{"type of a wrong type", text(`{"type":5}`), live.CloseWrong, ""},
		{"channel of a wrong type", text(`{"type":"connection_triplet","uid":"u","channel_name":["c"],"label":"l"}`), live.CloseWrong, ""},
		{"negative position", text(`{"type":"connection_triplet","uid":"u","channel_name":"c","label":"l","epoch":"e","seq":-1}`), live.CloseWrong, ""},
		{"position 1e999", text(`{"type":"connection_triplet","uid":"u","channel_name":"c","label":"l","epoch":"e","seq":1e999}`), live.CloseWrong, ""},
		{"deeper than JSON may be", text(nested(10_000)), live.CloseWrong, ""},
		{"invalid UTF-8", func(w *wire) { w.frame(fin|opText, []byte("{\"value\":\"\xff\"}")) }, live.CloseWrong, ""},
		{"binary", func(w *wire) { w.frame(fin|opBinary, []byte(`{"type":"ping"}`)) }, live.CloseBinary, ""},
		{"too long", text(`{"value":"` + strings.Repeat("x", 2*frameLimit) + `"}`), live.CloseLong, ""},
		{"too long, in parts", func(w *wire) {
			w.frame(opText, []byte(`{"value":"`))
			for range 20 {
				w.frame(opContinuation, []byte(strings.Repeat("x", frameLimit/10)))
			}
		}, live.CloseLong, ""},
		{"continuation of nothing", func(w *wire) { w.frame(fin|opContinuation, []byte(`{}`)) }, live.CloseProtocol, ""},
		{"message within a message", func(w *wire) { w.frame(opText, []byte(`{`)); w.text(`{}`) }, live.CloseProtocol, ""},
		{"reserved bit", func(w *wire) { w.frame(fin|reserved|opText, []byte(`{}`)) }, live.CloseProtocol, ""},
		{"unknown opcode", func(w *wire) { w.frame(fin|0x5, nil) }, live.CloseProtocol, ""},
		{"control frame in parts", func(w *wire) { w.frame(opPing, nil) }, live.CloseProtocol, ""},
		{"long control frame", func(w *wire) { w.raw(header(fin|opPing, 126)) }, live.CloseProtocol, ""},
		{"endless control frame", func(w *wire) { w.raw(header(fin|opPing, -1)) }, live.CloseProtocol, ""},
		{"no mask", func(w *wire) { w.raw([]byte{fin | opText, 2, '{', '}'}) }, live.CloseProtocol, ""},
		{"close frame that is too short", func(w *wire) { w.frame(fin|opClose, []byte{3}) }, live.CloseProtocol, ""},

		{"in parts", func(w *wire) {
			w.frame(opText, []byte(`{"type":`))
			w.frame(opContinuation, nil)
			w.frame(fin|opContinuation, []byte(`"ping"}`))
		}, 0, "pong"},
		{"white space", text(" \n\t{ \"type\" :\r\n\"ping\" } "), 0, "pong"},
		{"names twice", text(`{"type":"other","type":"ping"}`), 0, "pong"},
		{"unknown names", text(`{"type":"ping","__proto__":{"a":1},"constructor":1}`), 0, "pong"},
		{"value 1e999", text(`{"channel_name":"c","label":"l","value":1e999}`), 0, "c/l 1e999 #1"},
		{"deep value", text(nested(9_000)), 0, "c/l " + strings.Repeat("[", 9_000) + strings.Repeat("]", 9_000) + " #1"},
		{"unknown type", text(`{"type":"\u0000","channel_name":"c","label":"l"}`), 0, "c/l null #1"},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := live.New(live.Limits{Frame: frameLimit})
			address := serve(t, h, publisher(h))
			connect := func() *wire {
				conn, err := net.Dial("tcp", address)
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { _ = conn.Close() })
				_ = conn.SetDeadline(time.Now().Add(time.Minute)) // where the test would hang
				w := openWire(t, conn)
				w.subscribe("u", "c")
				w.expect("subscribed c 0")
				return w
			}
			w, neighbour := connect(), connect()
			test.send(w)
			if test.code != 0 {
				w.closedWith(test.code)
			} else {
				w.expect(test.answer)
				neighbour.expectUnlessPong(test.answer)
			}
			seq := publish(t, h, "c", "1").Sequence
			neighbour.expect(fmt.Sprintf("c/l 1 #%d", seq))
		})
	}
}

func (w *wire) expectUnlessPong(want string) {
	w.t.Helper()
	if want != "pong" {
		w.expect(want)
	}
}

func TestWebSocketOrigin(t *testing.T) {
	for _, test := range []struct {
		name, host, origin string
		tls                bool
		origins            []string
		want               int
	}{
		{name: "missing: no browser", host: "example.org", want: 101},
		{name: "same", host: "example.org", origin: "http://example.org", want: 101},
		{name: "same with port", host: "example.org:8000", origin: "http://example.org:8000", want: 101},
		{name: "same in capitals", host: "example.org", origin: "HTTP://EXAMPLE.ORG", want: 101},
		{name: "behind a proxy with TLS", host: "example.org", origin: "https://example.org", want: 101},
		{name: "TLS", host: "example.org", origin: "https://example.org", tls: true, want: 101},
		{name: "allowed", host: "example.org", origin: "https://other.example", origins: []string{"other.example"}, want: 101},
		{name: "allowed with scheme", host: "example.org", origin: "https://other.example", origins: []string{"https://other.example"}, want: 101},
		{name: "null", host: "example.org", origin: "null", want: 403},
		{name: "file", host: "example.org", origin: "file://", want: 403},
		{name: "other host", host: "example.org", origin: "http://evil.example", want: 403},
		{name: "other host in capitals", host: "example.org", origin: "HTTP://EVIL.EXAMPLE", want: 403},
		{name: "other port", host: "example.org:8000", origin: "http://example.org:8001", want: 403},
		{name: "no port", host: "example.org:8000", origin: "http://example.org", want: 403},
		{name: "trailing dot", host: "example.org", origin: "http://example.org.", want: 403},
		{name: "scheme", host: "example.org", origin: "http://example.org", tls: true, want: 403},
		{name: "scheme in capitals", host: "example.org", origin: "HTTP://example.org", tls: true, want: 403},
		{name: "scheme of an allowed one", host: "example.org", origin: "http://other.example", origins: []string{"https://other.example"}, want: 403},
		{name: "subdomain", host: "example.org", origin: "http://sub.example.org", want: 403},
		{name: "suffix", host: "example.org", origin: "http://example.org.evil.example", want: 403},
		{name: "prefix", host: "example.org", origin: "http://evilexample.org", want: 403},
		{name: "user", host: "example.org", origin: "http://example.org@evil.example", want: 403},
		{name: "internationalised", host: "example.org", origin: "http://ex\u0430mple.org", want: 403},
		{name: "no URL", host: "example.org", origin: "http://[::", want: 403},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			r.Host = test.host
			if test.tls {
				r.TLS = &tls.ConnectionState{}
			}
			for name, value := range map[string]string{
				"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
				"Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==", "Origin": test.origin,
			} {
				if value != "" {
					r.Header.Set(name, value)
				}
			}
			w := httptest.NewRecorder() // which cannot upgrade
			live.New(live.Limits{}).ServeWebSocket(w, r, open, test.origins...)
			if w.Code != test.want {
				t.Errorf("got %d, want %d", w.Code, test.want)
			}
			if upgrade := w.Header().Get("Upgrade"); test.want == 403 && upgrade != "" {
				t.Errorf("upgrade to %s", upgrade)
			}
		})
	}
}

func TestWebSocketRefusedByOrigin(t *testing.T) {
	h := live.New(live.Limits{})
	_, answer, err := websocket.Dial(t.Context(), "ws://"+serve(t, h, open)+"/", &websocket.DialOptions{
		HTTPHeader: http.Header{"Origin": {"http://evil.example"}},
	})
	if err == nil || answer == nil || answer.StatusCode != http.StatusForbidden {
		t.Errorf("got %v, %v, want 403", answer, err)
	}
}

func TestWebSocketTLS(t *testing.T) {
	h := live.New(live.Limits{})
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.ServeWebSocket(w, r, live.Client{Session: "s", Listen: open.Listen})
	}))
	defer server.Close()
	dial := func(origin string) (*websocket.Conn, *http.Response, error) {
		return websocket.Dial(t.Context(), server.URL, &websocket.DialOptions{
			HTTPClient: server.Client(), HTTPHeader: http.Header{"Origin": {origin}},
		})
	}
	conn, _, err := dial(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	if got := say(t, conn, subscribeC); got["type"] != "pipe.subscribed" {
		t.Errorf("got %v", got)
	}
	h.CloseSession("s")
	_, _, err = conn.Read(t.Context())
	if got := websocket.CloseStatus(err); got != websocket.StatusCode(live.CloseRights) {
		t.Errorf("got %v, want code %d", err, live.CloseRights)
	}
	_, answer, err := dial("http://" + server.Listener.Addr().String())
	if err == nil || answer == nil || answer.StatusCode != http.StatusForbidden {
		t.Errorf("from a page without TLS: %v, %v, want 403", answer, err)
	}
	if err := h.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestWebSocketSignOut(t *testing.T) {
	h := live.New(live.Limits{})
	conn := dial(t, serve(t, h, live.Client{Session: "s", Listen: open.Listen}))
	say(t, conn, `{"type":"connection_triplet","uid":"u","channel_name":"c","label":"l"}`)
	h.CloseSession("s")
	_, _, err := conn.Read(t.Context())
	if got := websocket.CloseStatus(err); got != websocket.StatusCode(live.CloseRights) {
		t.Errorf("got %v, want code %d", err, live.CloseRights)
	}
}

func TestWebSocketIdle(t *testing.T) {
	inServer(t, live.Limits{}, open, func(t *testing.T, s *served) {
		w, silent := s.connect(), s.connect()
		start := time.Now()
		w.subscribe("u", "c")
		w.expect("subscribed c 0")
		time.Sleep(live.IdleTimeout - time.Second)
		w.text(`{"type":"ping"}`)
		w.expect("pong")
		time.Sleep(time.Second + live.CloseTimeout)
		if n := s.listeners(); n != 1 {
			t.Errorf("%d listeners, the silent one reads nothing and should have been cut", n)
		}
		silent.Close()
		w.closedWith(live.CloseIdle)
		if held := time.Since(start); held != 2*live.IdleTimeout-time.Second {
			t.Errorf("closed after %v", held)
		}
	})
}

func TestWebSocketRate(t *testing.T) {
	inServer(t, live.Limits{}, open, func(t *testing.T, s *served) {
		w := s.connect()
		for range 100 { // 2,000 in 50 seconds is fine
			for range 20 {
				w.text(`{"type":"ping"}`)
				w.expect("pong")
			}
			time.Sleep(time.Second / 2)
		}
		time.Sleep(time.Minute)
		for range live.BurstFrames {
			w.text(`{"type":"ping"}`)
			w.expect("pong")
		}
		w.text(`{"type":"ping"}`)
		w.closedWith(live.CloseAbuse)
	})
}

// A flood of what is no message does not keep a connection alive.
func TestWebSocketControlFlood(t *testing.T) {
	inServer(t, live.Limits{}, open, func(t *testing.T, s *served) {
		w := s.connect()
		w.frame(opText, []byte("{")) // without an end
		for range int(live.IdleTimeout / time.Second) {
			w.frame(opContinuation, nil)
			w.frame(fin|opPing, []byte("x"))
			if opcode, _, err := w.next(); opcode != opPong {
				t.Fatalf("got opcode %d, %v", opcode, err)
			}
			time.Sleep(time.Second)
		}
		w.closedWith(live.CloseIdle)
	})
}

// Peers that take no part in the closing are gone within a second.
func TestWebSocketHalfOpen(t *testing.T) {
	client := live.Client{Session: "s", Listen: open.Listen}
	for name, test := range map[string]func(*wire, *sync.WaitGroup){
		"reads, does not answer": func(w *wire, _ *sync.WaitGroup) { w.closing() },
		"does not read":          func(*wire, *sync.WaitGroup) { time.Sleep(live.CloseTimeout); synctest.Wait() },
		"in the middle of a message": func(w *wire, _ *sync.WaitGroup) {
			w.raw(append(header(fin|opText, 1000), "{"...))
			w.closing()
		},
		"sends on": func(w *wire, senders *sync.WaitGroup) {
			w.raw(append(header(fin|opText, 1<<30), "{"...))
			senders.Go(func() {
				for {
					if _, err := w.Write(make([]byte, 100)); err != nil {
						return
					}
					time.Sleep(10 * time.Millisecond)
				}
			})
			w.closing()
		},
	} {
		t.Run(name, func(t *testing.T) {
			inServer(t, live.Limits{}, client, func(t *testing.T, s *served) {
				var senders sync.WaitGroup
				defer senders.Wait()
				w := s.connect()
				w.subscribe("u", "c")
				w.expect("subscribed c 0")
				start := time.Now()
				s.CloseSession("s")
				test(w, &senders)
				w.gone()
				if held := time.Since(start); held > live.CloseTimeout {
					t.Errorf("gone after %v", held)
				}
				if n := s.listeners(); n != 0 {
					t.Errorf("%d listeners are left", n)
				}
			})
		})
	}
}

// A peer that stops in the middle of a message that is too long does not hold
// its connection.
func TestWebSocketStopsInATooLongMessage(t *testing.T) {
	inServer(t, live.Limits{Frame: 100}, open, func(t *testing.T, s *served) {
		w := s.connect()
		w.raw(append(header(fin|opText, 1<<30), make([]byte, 101)...))
		start := time.Now()
		if code := w.closing(); code != live.CloseLong {
			t.Errorf("got code %d", code)
		}
		w.gone()
		if n := s.listeners(); n != 0 || time.Since(start) != live.CloseTimeout {
			t.Errorf("%d listeners after %v", n, time.Since(start))
		}
	})
}

func TestWebSocketSlow(t *testing.T) {
	inServer(t, live.Limits{Queue: 10}, open, func(t *testing.T, s *served) {
		slow, quick := s.connect(), s.connect()
		for _, w := range []*wire{slow, quick} {
			w.subscribe("u", "c")
			w.expect("subscribed c 0")
		}
		start := time.Now()
		for i := range 20 {
			publish(t, s.Hub, "c", fmt.Sprint(i))
			quick.expect(fmt.Sprintf("c/l %d #%d", i, i+1))
		}
		if held := time.Since(start); held != 0 {
			t.Errorf("it took %v", held)
		}
		time.Sleep(live.CloseTimeout)
		if n := s.listeners(); n != 1 {
			t.Errorf("%d listeners, want the quick one", n)
		}
		slow.Close()
		quick.text(`{"type":"ping"}`)
		quick.expect("pong")
		quick.Close()
	})
}

// One who asks again and again for what it does not take waits for itself, and
// is gone after a while.
func TestWebSocketAsksAgain(t *testing.T) {
	inServer(t, live.Limits{Queue: 2}, open, func(t *testing.T, s *served) {
		epoch := publish(t, s.Hub, "c", "1").Epoch
		for range 10 {
			publish(t, s.Hub, "c", "1")
		}
		w := s.connect()
		resume := `{"type":"connection_triplet","uid":"u","channel_name":"c","label":"l","epoch":"` + epoch + `"}`
		w.text(resume)
		w.text(`{"type":"unsubscribe","uid":"u"}`)
		w.text(resume)
		time.Sleep(live.WriteTimeout)
		if n := s.listeners(); n != 0 {
			t.Errorf("%d listeners", n)
		}
		w.Close()
	})
}

// What comes with the handshake, or right behind it, is not lost.
func TestWebSocketEarlyFrame(t *testing.T) {
	inServer(t, live.Limits{}, open, func(t *testing.T, s *served) {
		conn, _ := s.pipes.dial(t.Context(), "", "")
		long := `{"type":"ping","claim":"` + strings.Repeat("x", 2000) + `"}`
		w := openWire(t, conn, append(header(fin|opText, len(long)), long...)...)
		w.expect("pong")
		w.text(`{"type":"ping"}`)
		w.expect("pong")
		w.Close()
	})
}

// One who takes nothing though little is sent is gone after a while too.
func TestWebSocketStuck(t *testing.T) {
	inServer(t, live.Limits{}, open, func(t *testing.T, s *served) {
		w := s.connect()
		w.subscribe("u", "c")
		time.Sleep(live.WriteTimeout)
		if n := s.listeners(); n != 0 {
			t.Errorf("%d listeners", n)
		}
		w.Close()
	})
}

// The time for a frame is not that for a later one, or a pong.
func TestWebSocketLaterPong(t *testing.T) {
	inServer(t, live.Limits{}, open, func(t *testing.T, s *served) {
		w := s.connect()
		w.subscribe("u", "c")
		w.expect("subscribed c 0")
		time.Sleep(2 * live.WriteTimeout)
		w.frame(fin|opPing, []byte("x"))
		if opcode, payload, err := w.next(); opcode != opPong || string(payload) != "x" {
			t.Errorf("got opcode %d %q, %v", opcode, payload, err)
		}
		publish(t, s.Hub, "c", "1")
		w.expect("c/l 1 #1")
		w.Close()
	})
}

func TestWebSocketFull(t *testing.T) {
	inServer(t, live.Limits{SessionListeners: 1}, live.Client{Session: "s", Listen: open.Listen}, func(t *testing.T, s *served) {
		first := s.connect()
		s.connect().closedWith(live.CloseFull)
		start := time.Now()
		third := s.connect()
		if code := third.closing(); code != live.CloseFull {
			t.Errorf("closed with %d", code)
		}
		third.gone() // it did not answer
		if held := time.Since(start); held != live.CloseTimeout {
			t.Errorf("gone after %v", held)
		}
		first.subscribe("u", "c")
		first.expect("subscribed c 0")
		first.Close()
		if n := s.listeners(); n != 0 {
			t.Errorf("%d listeners", n)
		}
		s.connect().Close()
	})
}

func TestWebSocketShutdown(t *testing.T) {
	inServer(t, live.Limits{}, open, func(t *testing.T, s *served) {
		w := s.connect()
		w.subscribe("u", "c")
		w.expect("subscribed c 0")
		publish(t, s.Hub, "c", "1")
		done := make(chan error, 1)
		go func() { done <- s.Shutdown(context.Background()) }()
		w.expect("c/l 1 #1", "restart")
		w.closedWith(live.CloseRestart)
		if err := <-done; err != nil {
			t.Error(err)
		}
		s.connect().closedWith(live.CloseRestart)
	})
}

func TestWebSocketClientCloses(t *testing.T) {
	inServer(t, live.Limits{}, open, func(t *testing.T, s *served) {
		w := s.connect()
		w.frame(fin|opClose, []byte{3, 232})
		if code := w.closing(); code != 1000 {
			t.Errorf("answered with %d", code)
		}
		w.gone()
		if n := s.listeners(); n != 0 {
			t.Errorf("%d listeners", n)
		}
	})
}

// A panic of the caller's code ends the connection it happens in.
func TestWebSocketPanic(t *testing.T) {
	client := live.Client{Listen: func(channel, _ string) bool {
		if channel == "bad" {
			panic("bad")
		}
		return true
	}}
	inServer(t, live.Limits{}, client, func(t *testing.T, s *served) {
		var log bytes.Buffer
		s.Log = slog.New(slog.NewTextHandler(&log, nil))
		w, other := s.connect(), s.connect()
		w.subscribe("u", "bad")
		w.gone()
		other.subscribe("u", "c")
		other.expect("subscribed c 0")
		if n := s.listeners(); n != 1 {
			t.Errorf("%d listeners", n)
		}
		if !strings.Contains(log.String(), "panic=bad") || !strings.Contains(log.String(), "websocket_test.go") {
			t.Errorf("log: %s", &log)
		}
		other.Close()
	})
}
