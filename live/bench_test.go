package live_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"runtime"
	"sync"
	"testing"

	"dashd/live"
)

// sink is a connection that counts what it is sent.
type sink struct{ sent *sync.WaitGroup }

func (s sink) Send([]byte) error { s.sent.Done(); return nil }
func (s sink) Close(live.Code)   {}
func (s sink) Cut()              {}

// BenchmarkPublish1000 is a message to 1,000 listeners, until it has been
// handed to all connections.
func BenchmarkPublish1000(b *testing.B) {
	const listeners = 1000
	h := live.New(live.Limits{})
	var sent sync.WaitGroup
	sent.Add(listeners)
	for range listeners {
		l, err := h.Join(open, sink{&sent})
		if err != nil {
			b.Fatal(err)
		}
		defer l.Leave()
		l.Receive(subscribeC)
	}
	sent.Wait()
	message := live.Message{Channel: "c", Label: "l", Value: []byte(`{"temperature": 21.5}`)}
	b.ReportAllocs()
	for b.Loop() {
		sent.Add(listeners)
		if _, err := h.Publish(message); err != nil {
			b.Fatal(err)
		}
		sent.Wait()
	}
}

// BenchmarkConnection reports the memory of a websocket that has subscribed
// and is silent. The client's side is in it, a bare connection of about 1 kB.
func BenchmarkConnection(b *testing.B) {
	const connections = 1000
	h := live.New(live.Limits{})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { h.ServeWebSocket(w, r, open) })}
	go func() { _ = server.Serve(listener) }()
	b.Cleanup(func() {
		_ = server.Close()
		_ = h.Shutdown(b.Context())
	})
	shake := "GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n" +
		string(header(fin|opText, len(subscribeC))) + subscribeC
	reader := bufio.NewReader(nil)
	for b.Loop() {
		before := inUse()
		var conns []net.Conn
		for range connections {
			conn, err := net.Dial("tcp", listener.Addr().String())
			if err != nil {
				b.Fatal(err)
			}
			conns = append(conns, conn)
			if _, err := io.WriteString(conn, shake); err != nil {
				b.Fatal(err)
			}
			reader.Reset(conn)
			if _, err := http.ReadResponse(reader, nil); err != nil {
				b.Fatal(err)
			}
			if _, err := reader.ReadByte(); err != nil { // of the answer to the subscription
				b.Fatal(err)
			}
		}
		if n, _, _, _ := h.Held(); n != connections {
			b.Fatalf("%d listeners", n)
		}
		b.ReportMetric(float64(inUse()-before)/connections, "B/connection")
		for _, conn := range conns {
			_ = conn.Close()
		}
		for n := connections; n > 0; n, _, _, _ = h.Held() {
			runtime.Gosched()
		}
	}
}

func inUse() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapInuse + m.StackInuse
}
