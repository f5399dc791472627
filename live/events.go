package live

import (
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"
)

// beat is the time between signs of life: proxies close what is silent.
const beat = 20 * time.Second

// ServeEvents serves a listener as a stream of server-sent events, for pages
// that no websocket reaches: each event's data is a frame. The subscriptions
// are frames too, given with the request; those beyond Limits.Subscriptions are
// left out. It returns when the stream has ended. The error is [ErrFull] or
// [ErrClosed]; then nothing has been answered. The caller checks from where the
// request comes.
func (h *Hub) ServeEvents(w http.ResponseWriter, r *http.Request, client Client, subscriptions [][]byte) error {
	stream := &stream{w: w, control: http.NewResponseController(w), ended: make(chan struct{})}
	stream.writing.Lock() // nothing comes before the headers
	l, err := h.join(client, stream)
	if err != nil {
		return err
	}
	defer stream.end()
	defer l.leave()
	stream.begin()
	for _, frame := range subscriptions[:min(len(subscriptions), h.limits.Subscriptions)] {
		if code := l.receive(frame); code != 0 {
			l.stop(code)
		}
	}
	ticker := time.NewTicker(beat)
	defer ticker.Stop()
	for {
		select {
		case <-r.Context().Done():
			return nil
		case <-stream.ended:
			return nil
		case <-ticker.C:
			l.push(pongFrame)
		}
	}
}

// stream is an event stream as a transport. Writers of the hub write to it
// while its handler waits.
type stream struct {
	w       http.ResponseWriter
	control *http.ResponseController
	writing sync.Mutex // held by who writes

	mu    sync.Mutex // guards over and the write deadline
	over  bool
	ended chan struct{} // closed when over
}

// begin sends the headers. writing is held, until then.
func (s *stream) begin() {
	defer s.writing.Unlock()
	head := s.w.Header()
	head.Set("Content-Type", "text/event-stream")
	head.Set("Cache-Control", "no-store, no-transform") // no proxy compresses it
	head.Set("X-Accel-Buffering", "no")                 // nginx passes events on at once
	s.w.WriteHeader(http.StatusOK)
	if s.control.Flush() != nil {
		s.cut()
	}
}

var errStreamOver = errors.New("the stream is over")

func (s *stream) send(frame []byte) error {
	s.writing.Lock()
	defer s.writing.Unlock()
	if err := s.expectWrite(); err != nil {
		return err
	}
	event := make([]byte, 0, len(frame)+len("data: \n\n"))
	event = append(append(append(event, "data: "...), frame...), "\n\n"...)
	if _, err := s.w.Write(event); err != nil {
		return fmt.Errorf("write an event: %w", err)
	}
	return s.control.Flush()
}

func (s *stream) expectWrite() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over {
		return errStreamOver
	}
	return s.control.SetWriteDeadline(time.Now().Add(writeTimeout))
}

// close ends the stream. There is no way to say why.
func (s *stream) close(Code) { s.cut() }

func (s *stream) cut() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over {
		return
	}
	s.over = true
	close(s.ended)
	_ = s.control.SetWriteDeadline(time.Unix(1, 0)) // ends a write that is held up
}

// end lets the handler return: no write is under way, and none begins.
func (s *stream) end() {
	s.cut()
	s.writing.Lock()
	defer s.writing.Unlock()
	_ = s.control.SetWriteDeadline(time.Now().Add(writeTimeout)) // for the answer's end
}
