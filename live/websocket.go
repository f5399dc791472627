package live

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/coder/websocket"
)

// Times of a connection.
const (
	writeTimeout = 5 * time.Second  // for what is queued to be taken
	idleTimeout  = 90 * time.Second // in which a client must send something
)

// Rate of a connection: a client that sends more than burst frames at once, or
// perSecond for long, is closed.
const (
	burst     = 400
	perSecond = 40
)

// ServeWebSocket answers a websocket handshake and serves the connection until
// it ends. Only pages of this host may connect, and those of origins, which are
// patterns of host names as in path.Match.
func (h *Hub) ServeWebSocket(w http.ResponseWriter, r *http.Request, client Client, origins ...string) {
	conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{
		OriginPatterns:  origins,
		CompressionMode: websocket.CompressionDisabled,
	})
	if err != nil {
		return // Accept has answered
	}
	socket := &socket{conn}
	l, err := h.join(client, socket)
	if err != nil {
		code := CloseFull
		if errors.Is(err, ErrClosed) {
			code = CloseRestart
		}
		_ = conn.Close(websocket.StatusCode(code), code.reason())
		return
	}
	defer l.leave()
	conn.SetReadLimit(int64(h.limits.Frame))
	if code := l.read(r.Context(), conn); code != 0 {
		_ = conn.Close(websocket.StatusCode(code), code.reason())
	}
	_ = conn.CloseNow()
}

// read reads frames until the connection ends, or returns why to end it.
func (l *Listener) read(ctx context.Context, conn *websocket.Conn) Code {
	allowance, last := float64(burst), time.Now()
	for {
		next, cancel := context.WithTimeout(ctx, idleTimeout)
		kind, frame, err := conn.Read(next)
		cancel()
		if err != nil {
			return 0
		}
		now := time.Now()
		allowance = min(burst, allowance+now.Sub(last).Seconds()*perSecond) - 1
		last = now
		switch {
		case allowance < 0:
			return CloseAbuse
		case kind != websocket.MessageText:
			return CloseBinary
		case l.receive(frame) != nil:
			return CloseWrong
		}
	}
}

// socket is a websocket as a transport.
type socket struct{ conn *websocket.Conn }

func (s *socket) send(frames [][]byte) error {
	ctx, cancel := context.WithTimeout(context.Background(), writeTimeout)
	defer cancel()
	for _, frame := range frames {
		if err := s.conn.Write(ctx, websocket.MessageText, frame); err != nil {
			return err
		}
	}
	return nil
}

// close shakes hands in a goroutine of its own, which ends within seconds: the
// peer may not answer.
func (s *socket) close(code Code) {
	if code == 0 {
		_ = s.conn.CloseNow()
		return
	}
	go func() { _ = s.conn.Close(websocket.StatusCode(code), code.reason()) }()
}
