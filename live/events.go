package live

import (
	"bytes"
	"net/http"
	"sync"
	"time"
)

// ServeEvents serves a listener as a stream of server-sent events, for pages
// that no websocket reaches: each event's data is a frame. The subscriptions
// are frames too, given with the request.
func (h *Hub) ServeEvents(w http.ResponseWriter, r *http.Request, client Client, subscriptions [][]byte) error {
	stream := &stream{w: w, control: http.NewResponseController(w), ended: make(chan struct{})}
	l, err := h.join(client, stream)
	if err != nil {
		return err
	}
	defer l.leave()
	defer stream.wait()
	head := w.Header()
	head.Set("Content-Type", "text/event-stream")
	head.Set("Cache-Control", "no-store")
	head.Set("X-Accel-Buffering", "no") // nginx passes events on at once
	w.WriteHeader(http.StatusOK)
	for _, frame := range subscriptions {
		if l.receive(frame) != nil {
			break
		}
	}
	beat := time.NewTicker(idleTimeout / 4)
	defer beat.Stop()
	for {
		select {
		case <-r.Context().Done():
			return nil
		case <-stream.ended:
			return nil
		case <-beat.C:
			l.push(pongFrame) // proxies close what is silent
		}
	}
}

// stream is an event stream as a transport. Writers of the hub write to it
// while its handler waits.
type stream struct {
	mu      sync.Mutex // held while writing
	w       http.ResponseWriter
	control *http.ResponseController
	over    bool
	once    sync.Once
	ended   chan struct{}
}

func (s *stream) send(frames [][]byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over {
		return http.ErrHandlerTimeout
	}
	var text bytes.Buffer
	for _, frame := range frames {
		text.WriteString("data: ")
		text.Write(frame)
		text.WriteString("\n\n")
	}
	_ = s.control.SetWriteDeadline(time.Now().Add(writeTimeout))
	if _, err := s.w.Write(text.Bytes()); err != nil {
		return err
	}
	return s.control.Flush()
}

func (s *stream) close(Code) { s.once.Do(func() { close(s.ended) }) }

// wait lets a writer finish, and none begin: the answer ends.
func (s *stream) wait() {
	s.mu.Lock()
	s.over = true
	s.mu.Unlock()
}
