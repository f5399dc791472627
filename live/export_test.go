package live

import "time"

// What tests see of the inside.
const (
	BurstFrames  = burst
	IdleTimeout  = idleTimeout
	WriteTimeout = writeTimeout
	CloseTimeout = closeTimeout
	Patience     = patience
	Beat         = beat
	MaxWriters   = maxWriters
)

// Transport is a transport that a test brings.
type Transport interface {
	Send(frame []byte) error
	Close(code Code)
	Cut()
}

type testTransport struct{ Transport }

func (t testTransport) send(frame []byte) error { return t.Send(frame) }
func (t testTransport) close(code Code)         { t.Close(code) }
func (t testTransport) cut()                    { t.Cut() }

type Listener struct{ l *listener }

func (h *Hub) Join(client Client, t Transport) (*Listener, error) {
	l, err := h.join(client, testTransport{t})
	if err != nil {
		return nil, err
	}
	return &Listener{l}, nil
}

func (l *Listener) Leave()                    { l.l.leave() }
func (l *Listener) Receive(frame string) Code { return l.l.receive([]byte(frame)) }

// Held is what the hub holds: nothing, when everybody has left and nothing is
// remembered.
func (h *Hub) Held() (listeners, sessions, bytes, writers int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.writers.mu.Lock()
	defer h.writers.mu.Unlock()
	return len(h.listeners), len(h.sessions), h.bytes, h.writers.count
}

// Remembered is what the channels hold, counted anew.
func (h *Hub) Remembered() (bytes int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, c := range h.channels {
		for _, e := range c.ring.list {
			bytes += len(e.frame)
		}
		for _, e := range c.retained.list {
			bytes += len(e.frame)
		}
	}
	return bytes
}

// RateOf is the rate of a channel that had messages at these times.
func RateOf(now time.Time, times ...time.Time) float64 {
	var r rate
	for _, t := range times {
		r.count(t)
	}
	return r.perSecond(now)
}
