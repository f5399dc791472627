package live

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"slices"
	"sync"
)

// Client is who is at the other end of a listener's connection.
type Client struct {
	User    string // name; "" when anonymous
	Session string // of the browser; "" when there is none

	// Listen reports whether the client may listen to a channel. The claim is
	// what it says of its right to, which it may have made up. Nil: it may not.
	Listen func(channel, claim string) bool

	// Publish publishes a message of the client, or returns an error when it
	// may not. Nil: it may not.
	Publish func(Message) error
}

// transport is the sending end of a connection.
type transport interface {
	// send writes frames in bounded time.
	send(frames [][]byte) error
	// close ends the connection, and so the listener, without waiting. With
	// code 0 nothing more can be said on it.
	close(code Code)
}

// Listener is one connection. It has joined a hub until it leaves.
type Listener struct {
	hub       *Hub
	client    Client
	transport transport

	uids map[string]*channel // by the pipe's own id; guarded by the hub's mutex

	mu      sync.Mutex
	queue   [][]byte
	bytes   int
	writing bool // a writer has it, or is going to
	code    Code // why it is to be closed; 0 when it is not
}

// join adds a connection. The caller calls leave when it has ended.
func (h *Hub) join(client Client, t transport) (*Listener, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case h.closed:
		return nil, ErrClosed
	case len(h.listeners) >= h.limits.Listeners,
		client.Session != "" && h.sessions[client.Session] >= h.limits.SessionListeners:
		return nil, ErrFull
	}
	l := &Listener{hub: h, client: client, transport: t, uids: map[string]*channel{}}
	h.listeners[l] = struct{}{}
	if client.Session != "" {
		h.sessions[client.Session]++
	}
	return l, nil
}

func (l *Listener) leave() {
	h := l.hub
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, c := range l.uids {
		delete(c.listeners, l)
	}
	delete(h.listeners, l)
	if s := l.client.Session; s != "" {
		if h.sessions[s]--; h.sessions[s] == 0 {
			delete(h.sessions, s)
		}
	}
	if h.closed && len(h.listeners) == 0 {
		close(h.left)
	}
	l.mu.Lock()
	l.queue, l.bytes = nil, 0
	if l.code == 0 {
		l.code = CloseIdle // it takes nothing more
	}
	l.mu.Unlock()
}

// push queues a frame. It never blocks.
func (l *Listener) push(frame []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.code != 0 {
		return
	}
	if len(l.queue) >= l.hub.limits.Queue || l.bytes+len(frame) > l.hub.limits.QueueBytes {
		l.code, l.queue, l.bytes = CloseSlow, nil, 0
	} else {
		l.queue = append(l.queue, frame)
		l.bytes += len(frame)
	}
	l.wake()
}

// stop closes the connection once what is queued has been sent.
func (l *Listener) stop(code Code) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.code == 0 {
		l.code = code
		l.wake()
	}
}

// wake gives the listener to a writer. mu is held.
func (l *Listener) wake() {
	if !l.writing {
		l.writing = true
		l.hub.writers.add(l)
	}
}

// flush sends what is queued, and reports whether there is more to do.
func (l *Listener) flush() (more bool) {
	l.mu.Lock()
	frames, code := l.queue, l.code
	l.queue, l.bytes = nil, 0
	l.mu.Unlock()
	if len(frames) > 0 && l.transport.send(frames) != nil {
		l.transport.close(0)
		return false // and stays with no writer
	}
	if code != 0 {
		l.transport.close(code)
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.writing = len(l.queue) > 0 || l.code != 0
	return l.writing
}

// errNoObject is what a client that speaks no JSON is closed for.
var errNoObject = errors.New("not a JSON object")

// receive does what a frame of the client says.
func (l *Listener) receive(frame []byte) error {
	var m received
	if !bytes.HasPrefix(bytes.TrimLeft(frame, " \t\r\n"), []byte("{")) || json.Unmarshal(frame, &m) != nil {
		return errNoObject
	}
	switch m.Type {
	case "connection_triplet":
		if m.UID == "" || m.Channel == nil || m.Label == nil || len(m.UID) > maxLabel || CheckChannel(*m.Channel) != nil {
			return nil // as django-plotly-dash
		}
		var from *Position
		if m.Epoch != "" {
			from = &Position{m.Epoch, m.Seq}
		}
		l.subscribe(m.UID, *m.Channel, m.Claim, from)
	case "unsubscribe":
		l.hub.mu.Lock()
		l.unsubscribe(m.UID)
		l.hub.mu.Unlock()
	case "ping":
		l.push(pongFrame)
	default:
		message := Message{Channel: defaultChannel, Label: defaultLabel, Value: m.Value}
		if m.Channel != nil {
			message.Channel = *m.Channel
		}
		if m.Label != nil {
			message.Label = *m.Label
		}
		if l.client.Publish == nil || l.client.Publish(message) != nil {
			l.push(refusedFrame(message.Channel))
		}
	}
	return nil
}

// subscribe makes the pipe uid hear a channel, from a position on if there is
// one, and no other channel.
func (l *Listener) subscribe(uid, name, claim string, from *Position) {
	if l.client.Listen == nil || !l.client.Listen(name, claim) {
		l.push(refusedFrame(name))
		return
	}
	h := l.hub
	h.mu.Lock()
	defer h.mu.Unlock()
	if old := l.uids[uid]; old != nil && old.name == name || h.closed {
		return
	}
	l.unsubscribe(uid)
	if len(l.uids) >= h.limits.Subscriptions {
		l.push(refusedFrame(name))
		return
	}
	c := h.channel(name)
	l.uids[uid] = c
	if _, heard := c.listeners[l]; heard {
		return
	}
	c.listeners[l] = struct{}{}
	for _, frame := range c.catchUp(from) {
		l.push(frame)
	}
}

// catchUp returns what a new listener gets at once.
func (c *channel) catchUp(from *Position) (frames [][]byte) {
	var missed []entry
	kind, sequence := "pipe.subscribed", c.sequence
	if from != nil {
		var whole bool
		if missed, whole = c.since(*from); !whole {
			kind = "pipe.gap"
		}
		if len(missed) > 0 {
			sequence = missed[0].sequence - 1
		}
	}
	var retained []entry
	for _, e := range c.retained {
		known := from != nil && from.Epoch == c.epoch && e.sequence <= from.Sequence
		if !known && (len(missed) == 0 || e.sequence < missed[0].sequence) {
			retained = append(retained, e)
		}
	}
	slices.SortFunc(retained, func(a, b entry) int { return cmp.Compare(a.sequence, b.sequence) })
	for _, e := range retained {
		frames = append(frames, e.frame)
	}
	frames = append(frames, positionFrame(kind, c, sequence))
	for _, e := range missed {
		frames = append(frames, e.frame)
	}
	return frames
}

// unsubscribe ends the subscription of a pipe. The channel is left when no
// other pipe of the connection hears it. The hub's mutex is held.
func (l *Listener) unsubscribe(uid string) {
	c := l.uids[uid]
	if c == nil {
		return
	}
	delete(l.uids, uid)
	for _, other := range l.uids {
		if other == c {
			return
		}
	}
	delete(c.listeners, l)
}
