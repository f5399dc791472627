package live

import "sync/atomic"

// Stats tell what a hub holds, and what it has done since it was made.
type Stats struct {
	WebSockets   int // listeners that are connected by websocket
	EventStreams int // and by a stream of events
	Channels     int
	Bytes        int // that the channels remember
	Queued       int // frames that wait to be sent

	Messages uint64 // published
	Sent     uint64 // frames: messages, and what the hub itself has to say
	Dropped  uint64 // frames that still waited when their connection ended
	Gaps     uint64 // listeners who came back and did not get all they had missed
	Slow     uint64 // connections that were closed because they were too slow
	Refused  uint64 // connections that were one too many
	Panics   uint64 // in the functions of clients
}

// counts are what a hub has done.
type counts struct {
	messages, sent, dropped, gaps, slow, refused, panics atomic.Uint64
}

// Stats returns the numbers of now. It asks each listener, so it also shows
// that none of them holds the hub up.
func (h *Hub) Stats() Stats {
	s := Stats{
		Messages: h.counts.messages.Load(),
		Sent:     h.counts.sent.Load(),
		Dropped:  h.counts.dropped.Load(),
		Gaps:     h.counts.gaps.Load(),
		Slow:     h.counts.slow.Load(),
		Refused:  h.counts.refused.Load(),
		Panics:   h.counts.panics.Load(),
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	s.Channels, s.Bytes = len(h.channels), h.bytes
	for l := range h.listeners {
		switch l.transport.(type) {
		case *socket:
			s.WebSockets++
		case *stream:
			s.EventStreams++
		}
		s.Queued += l.waiting()
	}
	return s
}

// waiting returns how many frames wait to be sent.
func (l *listener) waiting() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.queue)
}
