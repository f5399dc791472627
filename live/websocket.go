package live

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"github.com/coder/websocket"
)

// Times of a connection.
const (
	writeTimeout = 5 * time.Second  // for a frame to be taken
	idleTimeout  = 90 * time.Second // in which a client must send something
)

// Rate of a connection: a client that sends more than burst frames at once, or
// perSecond for long, is closed.
const (
	burst     = 400
	perSecond = 40
)

// ServeWebSocket answers a websocket handshake and returns. A goroutine of the
// hub serves the connection until it ends, or Shutdown ends it. The
// functions of the client outlive the request; what they hold on to, each
// connection holds.
//
// Only pages of this host may connect, and those of origins, which are patterns
// as in [path.Match] of a host, or of a scheme, :// and a host.
func (h *Hub) ServeWebSocket(w http.ResponseWriter, r *http.Request, client Client, origins ...string) {
	if origin := strings.ToLower(r.Header.Get("Origin")); r.TLS != nil && strings.HasPrefix(origin, "http:") {
		http.Error(w, "This page came without TLS.", http.StatusForbidden) // Accept compares hosts alone
		return
	}
	taken := &hijacker{ResponseWriter: w}
	conn, err := websocket.Accept(taken, r, &websocket.AcceptOptions{
		OriginPatterns:  origins,
		CompressionMode: websocket.CompressionDisabled,
	})
	if err != nil {
		return // Accept has answered
	}
	conn.SetReadLimit(int64(h.limits.Frame))
	socket := &socket{conn: conn, raw: taken.conn}
	l, err := h.join(client, socket)
	switch {
	case errors.Is(err, ErrClosed):
		socket.close(CloseRestart)
	case err != nil:
		socket.close(CloseFull)
	default:
		// Not in this goroutine: it holds the buffers, headers and stack of
		// net/http, half of what a connection would cost.
		go l.serve(socket)
	}
}

// serve serves a connection until it ends.
func (l *listener) serve(s *socket) {
	defer l.leave()
	defer func() { _ = s.conn.CloseNow() }()
	defer func() {
		if p := recover(); p != nil {
			l.hub.counts.panics.Add(1)
			l.hub.Log.Error("a function of a listener panicked", "panic", p, "stack", string(debug.Stack()), "request", l.client.Request)
		}
	}()
	l.read(s.conn)
	// Most often it is closed already. Where it broke the protocol, the client
	// needs time to read that.
	s.close(CloseProtocol)
}

// read serves what the client sends until the connection ends. It reads on
// while a writer closes the connection, to see the client's part in that.
func (l *listener) read(conn *websocket.Conn) {
	idle := time.AfterFunc(idleTimeout, func() { l.stop(CloseIdle) })
	defer idle.Stop()
	allowance, last := float64(burst), time.Now()
	for {
		kind, frame, err := conn.Read(context.Background())
		if err != nil {
			return
		}
		idle.Reset(idleTimeout)
		now := time.Now()
		allowance = min(burst, allowance+now.Sub(last).Seconds()*perSecond) - 1
		last = now
		if allowance < 0 {
			l.stop(CloseAbuse)
		} else if kind != websocket.MessageText {
			l.stop(CloseBinary)
		} else if code := l.receive(frame); code != 0 {
			l.stop(code)
		}
	}
}

// socket is a websocket as a transport.
type socket struct {
	conn *websocket.Conn
	raw  net.Conn // under conn, which cannot be hurried when it closes
}

func (s *socket) send(frame []byte) error {
	if err := s.raw.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
		return err
	}
	defer func() { _ = s.raw.SetWriteDeadline(time.Time{}) }() // it is not that of pongs
	return s.conn.Write(context.Background(), websocket.MessageText, frame)
}

func (s *socket) close(code Code) {
	timer := time.AfterFunc(closeTimeout, s.cut)
	defer timer.Stop()
	_ = s.conn.Close(websocket.StatusCode(code), code.reason())
}

func (s *socket) cut() { _ = s.raw.Close() }

// Sizes of a connection's buffers, in bytes. Those of net/http are 4096, of
// which thousands of silent connections would use nothing.
const (
	readBuffer  = 512
	writeBuffer = 1024
)

// hijacker takes a connection over for a handshake, and notes what is to be
// closed when it is cut.
type hijacker struct {
	http.ResponseWriter
	conn net.Conn
}

func (h *hijacker) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, buffers, err := http.NewResponseController(h.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, err
	}
	h.conn = conn
	if tls, ok := conn.(interface{ NetConn() net.Conn }); ok {
		h.conn = tls.NetConn() // TLS says goodbye when it closes, which takes time
	}
	early := make([]byte, buffers.Reader.Buffered()) // sent before the handshake was answered
	if _, err := io.ReadFull(buffers.Reader, early); err != nil {
		return nil, nil, err
	}
	reader := bufio.NewReaderSize(io.MultiReader(bytes.NewReader(early), conn), max(readBuffer, len(early)))
	if _, err := reader.Peek(len(early)); err != nil {
		return nil, nil, err
	}
	return conn, bufio.NewReadWriter(reader, bufio.NewWriterSize(conn, writeBuffer)), nil
}
