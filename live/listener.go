package live

import (
	"sync"
	"time"
)

// Client is who is at the other end of a listener's connection.
type Client struct {
	User    string // name; "" when anonymous
	Session string // of the browser; "" when there is none
	Address string // from which it comes; "" when that has no bound of its own
	Request string // id of the request that it began with, for the log

	// Listen reports whether the client may listen to a channel. The claim is
	// what it says of its right to, which it may have made up. It is asked at
	// each subscription, and should answer by the rights of that time. Nil: it
	// may not.
	Listen func(channel, claim string) bool

	// Publish publishes a message of the client, or returns an error when it
	// may not. Nil: it may not.
	Publish func(Message) error
}

// transport is the sending end of a connection. One goroutine at a time sends
// and closes.
type transport interface {
	// send writes a frame in bounded time.
	send(frame []byte) error
	// close tells the client why, in bounded time, and ends the connection.
	close(code Code)
	// cut ends the connection without waiting, and so a send or close.
	cut()
}

// closeTimeout is what a client has to take part in the closing.
const closeTimeout = time.Second

// listener is one connection. It has joined a hub until it leaves.
type listener struct {
	hub       *Hub
	client    Client
	transport transport

	uids map[string]*channel // that the pipes hear; guarded by the hub's mutex

	mu          sync.Mutex
	room        sync.Cond // for those who wait for a shorter queue
	queue       [][]byte
	bytes       int
	missed      int // messages that the last catch-up had: the bounds do not count them
	missedBytes int
	writing     bool // a writer has it, or is going to
	over        bool // it takes nothing more
	code        Code // why it is to be closed; 0 when it is not
}

// join adds a connection. The caller calls leave when it has ended.
func (h *Hub) join(client Client, t transport) (*listener, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case h.closed:
		return nil, ErrClosed
	case len(h.listeners) >= h.limits.Listeners,
		client.Session != "" && h.sessions[client.Session] >= h.limits.SessionListeners,
		client.Address != "" && h.addresses[client.Address] >= h.limits.AddressListeners:
		h.counts.refused.Add(1)
		return nil, ErrFull
	}
	l := &listener{hub: h, client: client, transport: t, uids: map[string]*channel{}}
	l.room.L = &l.mu
	h.listeners[l] = struct{}{}
	if client.Session != "" {
		h.sessions[client.Session]++
	}
	if client.Address != "" {
		h.addresses[client.Address]++
	}
	return l, nil
}

func (l *listener) leave() {
	h := l.hub
	h.mu.Lock()
	defer h.mu.Unlock()
	l.drop()
	for uid := range l.uids {
		l.unsubscribe(uid)
	}
	delete(h.listeners, l)
	if s := l.client.Session; s != "" {
		if h.sessions[s]--; h.sessions[s] == 0 {
			delete(h.sessions, s)
		}
	}
	if a := l.client.Address; a != "" {
		if h.addresses[a]--; h.addresses[a] == 0 {
			delete(h.addresses, a)
		}
	}
	if h.closed && len(h.listeners) == 0 {
		close(h.left)
	}
}

// drop takes nothing more, and forgets what is queued.
func (l *listener) drop() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.over = true
	l.clear()
}

// clear empties the queue. mu is held.
func (l *listener) clear() {
	l.hub.counts.dropped.Add(uint64(len(l.queue)))
	l.queue, l.bytes = nil, 0
	l.room.Broadcast()
}

// push queues a frame, and reports whether the listener takes it. It never
// blocks.
func (l *listener) push(frame []byte) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	limits := &l.hub.limits
	switch {
	case l.over:
		return false
	case len(l.queue) >= limits.Queue+l.missed, l.bytes+len(frame) > limits.QueueBytes+l.missedBytes:
		l.end(CloseSlow)
		l.hub.counts.slow.Add(1)
		return false
	}
	l.append(frame)
	return true
}

// pushMissed queues what a listener has missed. There is room for it beside the
// bounds, or one that comes back would be too slow at once.
func (l *listener) pushMissed(frames [][]byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.over {
		return
	}
	before := l.bytes
	for _, frame := range frames {
		l.append(frame)
	}
	l.missed, l.missedBytes = len(frames), l.bytes-before
}

// append adds to the queue. mu is held.
func (l *listener) append(frame []byte) {
	l.queue = append(l.queue, frame)
	l.bytes += len(frame)
	l.wake()
}

// awaitRoom waits until no more than half of the bounds is queued, so that a
// client which subscribes again and again waits for itself.
func (l *listener) awaitRoom() {
	limits := &l.hub.limits
	l.mu.Lock()
	defer l.mu.Unlock()
	for !l.over && (len(l.queue) > limits.Queue/2 || l.bytes > limits.QueueBytes/2) {
		l.room.Wait()
	}
}

// stop closes the connection: within closeTimeout, but for a restart, where
// what is queued is sent before.
func (l *listener) stop(code Code) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.end(code)
}

// end is stop with mu held.
func (l *listener) end(code Code) {
	if l.over {
		return
	}
	l.over, l.code = true, code
	if code != CloseRestart {
		l.clear()
		time.AfterFunc(closeTimeout, l.transport.cut) // a writer may be held up
	}
	l.wake()
}

// ended reports whether the connection is closing.
func (l *listener) ended() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.over
}

// wake gives the listener to a writer. mu is held.
func (l *listener) wake() {
	if !l.writing {
		l.writing = true
		l.hub.writers.add(l)
	}
}

// turn is the number of frames after which a writer goes on to the next
// listener.
const turn = 32

// flush sends some of what is queued, and reports whether there is more to do.
func (l *listener) flush() (more bool) {
	for range turn {
		frame, code := l.next()
		switch {
		case code != 0:
			l.transport.close(code)
			return false // and stays with no writer
		case frame == nil:
			return false
		}
		if l.transport.send(frame) != nil {
			l.drop()
			l.transport.cut()
			return false // and stays with no writer
		}
		l.hub.counts.sent.Add(1)
	}
	return true
}

// next takes a frame from the queue or, when it is empty, says with which code
// to close. With neither the writer is done.
func (l *listener) next() (frame []byte, code Code) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.queue) == 0 {
		l.queue = nil
		l.writing = l.code != 0
		return nil, l.code
	}
	frame, l.queue[0] = l.queue[0], nil
	l.queue = l.queue[1:]
	l.bytes -= len(frame)
	l.room.Broadcast()
	return frame, 0
}

// receive does what a frame of the client says, or returns why to close the
// connection. One goroutine calls it, that which leaves.
func (l *listener) receive(frame []byte) Code {
	if l.ended() {
		return 0
	}
	var m received
	if !m.decode(frame) {
		return CloseWrong
	}
	switch m.Type {
	case "connection_triplet":
		if m.UID != "" && len(m.UID) <= maxLabel && m.Channel != nil && m.Label != nil && CheckChannel(*m.Channel) == nil {
			l.subscribe(*m.Channel, &m)
		}
	case "unsubscribe":
		l.hub.mu.Lock()
		defer l.hub.mu.Unlock()
		l.unsubscribe(m.UID)
	case "ping":
		l.push(pongFrame)
	default:
		l.publish(m.message())
	}
	return 0
}

func (l *listener) publish(m Message) {
	if CheckChannel(m.Channel) == nil && (l.client.Publish == nil || l.client.Publish(m) != nil) {
		l.push(refusedFrame(m.Channel))
	}
}

// subscribe makes a pipe hear a channel, and no other.
func (l *listener) subscribe(name string, m *received) {
	allowed := l.client.Listen != nil && l.client.Listen(name, m.Claim)
	l.awaitRoom()
	h := l.hub
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed || l.ended() {
		return
	}
	if old := l.uids[m.UID]; allowed && old != nil && old.name == name {
		return // clients of django-plotly-dash subscribe every ten seconds
	}
	l.unsubscribe(m.UID)
	if !allowed || len(l.uids) >= h.limits.Subscriptions {
		l.push(refusedFrame(name))
		return
	}
	c, err := h.channel(name)
	if err != nil {
		l.push(refusedFrame(name))
		return
	}
	l.uids[m.UID] = c
	c.listeners[l]++
	from := m.position()
	if c.listeners[l] == 1 {
		frames, whole := c.catchUp(from)
		if !whole {
			h.counts.gaps.Add(1)
		}
		l.pushMissed(frames)
	} else if e, ok := c.retained.get(*m.Label); ok { // from is what others of the page have had
		l.push(e.frameFor(m.UID))
	}
}

// unsubscribe ends the subscription of a pipe. The channel is left when no
// other pipe of the connection hears it. The hub's mutex is held.
func (l *listener) unsubscribe(uid string) {
	c := l.uids[uid]
	if c == nil {
		return
	}
	delete(l.uids, uid)
	if c.listeners[l]--; c.listeners[l] == 0 {
		delete(c.listeners, l)
	}
}
