package live_test

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"

	"dashd/live"
)

// wire is a websocket client that can do all that is forbidden.
type wire struct {
	net.Conn
	t      *testing.T
	reader *bufio.Reader
}

// Opcodes.
const (
	opContinuation = 0x0
	opText         = 0x1
	opBinary       = 0x2
	opClose        = 0x8
	opPing         = 0x9
	opPong         = 0xA
	fin            = 0x80
	reserved       = 0x40
)

// openWire shakes hands on a connection. early is sent along.
func openWire(t *testing.T, conn net.Conn, early ...byte) *wire {
	t.Helper()
	w := &wire{Conn: conn, t: t, reader: bufio.NewReader(conn)}
	_, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"+string(early))
	if err != nil {
		t.Fatalf("write the handshake: %v", err)
	}
	answer, err := http.ReadResponse(w.reader, nil)
	if err != nil || answer.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("handshake: %v %v", answer, err)
	}
	return w
}

// frame writes a frame. first is the opcode and the bits beside it. The mask is
// zero.
func (w *wire) frame(first byte, payload []byte) {
	w.t.Helper()
	w.raw(append(header(first, len(payload)), payload...))
}

func header(first byte, length int) []byte {
	head := []byte{first, 0x80 | 127}
	head = binary.BigEndian.AppendUint64(head, uint64(length))
	return append(head, 0, 0, 0, 0)
}

func (w *wire) raw(b []byte) {
	w.t.Helper()
	if _, err := w.Write(b); err != nil {
		w.t.Errorf("write: %v", err)
	}
}

func (w *wire) text(text string) {
	w.t.Helper()
	w.frame(fin|opText, []byte(text))
}

func (w *wire) subscribe(uid, channel string) {
	w.t.Helper()
	w.text(`{"type":"connection_triplet","uid":"` + uid + `","channel_name":"` + channel + `","label":"l"}`)
}

// next reads a frame.
func (w *wire) next() (opcode byte, payload []byte, err error) {
	var head [2]byte
	if _, err := io.ReadFull(w.reader, head[:]); err != nil {
		return 0, nil, err
	}
	length := uint64(head[1])
	switch length {
	case 126:
		var b [2]byte
		_, err = io.ReadFull(w.reader, b[:])
		length = uint64(binary.BigEndian.Uint16(b[:]))
	case 127:
		var b [8]byte
		_, err = io.ReadFull(w.reader, b[:])
		length = binary.BigEndian.Uint64(b[:])
	}
	if err != nil {
		return 0, nil, err
	}
	payload = make([]byte, length)
	_, err = io.ReadFull(w.reader, payload)
	return head[0] & 0xF, payload, err
}

// expect reads messages and compares them.
func (w *wire) expect(want ...string) {
	w.t.Helper()
	for _, want := range want {
		opcode, payload, err := w.next()
		var f frame
		if err != nil || opcode != opText || json.Unmarshal(payload, &f) != nil || f.String() != want {
			w.t.Fatalf("got opcode %d, %q, %v, want %s", opcode, payload, err, want)
		}
	}
}

// closing reads on until a close frame, and returns its code; 0 when the
// connection ends without one.
func (w *wire) closing() live.Code {
	for {
		opcode, payload, err := w.next()
		if err != nil {
			return 0
		}
		if opcode == opClose && len(payload) >= 2 {
			return live.Code(binary.BigEndian.Uint16(payload))
		}
	}
}

// closedWith expects a close frame, answers it, and expects the end.
func (w *wire) closedWith(want live.Code) {
	w.t.Helper()
	if got := w.closing(); got != want {
		w.t.Errorf("closed with %d, want %d", got, want)
		return
	}
	_, _ = w.Write(append(header(fin|opClose, 2), byte(want>>8), byte(want))) // it may have gone
	w.gone()
}

func (w *wire) gone() {
	w.t.Helper()
	if opcode, payload, err := w.next(); err == nil {
		w.t.Errorf("got opcode %d %q after the end", opcode, payload)
	}
	w.Close()
}

// pipes is a listener of in-memory connections, for servers in virtual time.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case conn := <-p.conns:
		return conn, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

func (p *pipes) Addr() net.Addr { return pipeAddr{} }

type pipeAddr struct{}

func (pipeAddr) Network() string { return "pipe" }
func (pipeAddr) String() string  { return "pipe" }

func (p *pipes) dial(context.Context, string, string) (net.Conn, error) {
	client, server := net.Pipe()
	p.conns <- server
	return client, nil
}

// served is a hub behind a server in virtual time.
type served struct {
	*live.Hub
	t     *testing.T
	pipes *pipes
}

func (s *served) connect() *wire {
	s.t.Helper()
	conn, _ := s.pipes.dial(s.t.Context(), "", "")
	w := openWire(s.t, conn)
	synctest.Wait() // until it has joined
	return w
}

// listeners is the number of connections once all has come to rest.
func (s *served) listeners() int {
	synctest.Wait()
	n, _, _, _ := s.Held()
	return n
}

// inServer runs a test in virtual time with a hub behind a real server.
func inServer(t *testing.T, limits live.Limits, client live.Client, test func(t *testing.T, s *served)) {
	t.Helper()
	inServerOf(t, limits, func(h *live.Hub) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) { h.ServeWebSocket(w, r, client) }
	}, test)
}

func inServerOf(t *testing.T, limits live.Limits, handler func(*live.Hub) http.HandlerFunc, test func(t *testing.T, s *served)) {
	t.Helper()
	inBubble(t, limits, func(t *testing.T, h *live.Hub) {
		s := &served{h, t, &pipes{conns: make(chan net.Conn), closed: make(chan struct{})}}
		server := &http.Server{Handler: handler(h), ErrorLog: log.New(io.Discard, "", 0)}
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			if err := server.Serve(s.pipes); !errors.Is(err, http.ErrServerClosed) {
				t.Errorf("serve: %v", err)
			}
		}()
		defer func() {
			if err := h.Shutdown(context.Background()); err != nil {
				t.Errorf("shutdown: %v", err)
			}
			if err := server.Close(); err != nil {
				t.Errorf("close the server: %v", err)
			}
			<-ended
		}()
		test(t, s)
	})
}
