// Package live carries messages from those who publish to the browsers that
// listen: an in-process hub of channels, and its websocket and event-stream
// ends. It knows channels and JSON, not Dash, and keeps nothing on disk.
//
// Delivery: a listener gets every message of its channels, in order and once;
// one that comes back gets what it missed, or is told that something is
// missing. A retained value is besides for each pipe that comes after others of
// its channel.
package live

import (
	"container/list"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"sync"
	"time"
)

// Limits bound what a hub holds. Zero fields take the value of
// [DefaultLimits].
type Limits struct {
	Channels         int // that a hub remembers
	Memory           int // bytes that all channels together remember, of which retained values may be nine tenths
	Ring             int // messages that a channel remembers for those who come back
	RingBytes        int // and their size
	Retained         int // labels of a channel with a retained value
	RetainedBytes    int // and their size
	Queue            int // messages that wait for one listener, beside those it had missed
	QueueBytes       int // and their size
	Message          int // bytes of a value
	Frame            int // bytes of what a browser sends
	Listeners        int // of a hub
	SessionListeners int // of one browser session
	AddressListeners int // of one address
	Subscriptions    int // pipes of one listener
}

// DefaultLimits are those of a hub that is told none.
var DefaultLimits = Limits{
	Channels:         10_000,
	Memory:           64 << 20,
	Ring:             500,
	RingBytes:        1 << 20,
	Retained:         200,
	RetainedBytes:    1 << 20,
	Queue:            1000,
	QueueBytes:       1 << 20,
	Message:          256 << 10,
	Frame:            300 << 10,
	Listeners:        50_000,
	SessionListeners: 100,
	AddressListeners: 1000,
	Subscriptions:    200,
}

func (l Limits) withDefaults() Limits {
	set := func(field *int, value int) {
		if *field <= 0 {
			*field = value
		}
	}
	set(&l.Channels, DefaultLimits.Channels)
	set(&l.Memory, DefaultLimits.Memory)
	set(&l.Ring, DefaultLimits.Ring)
	set(&l.RingBytes, DefaultLimits.RingBytes)
	set(&l.Retained, DefaultLimits.Retained)
	set(&l.RetainedBytes, DefaultLimits.RetainedBytes)
	set(&l.Queue, DefaultLimits.Queue)
	set(&l.QueueBytes, DefaultLimits.QueueBytes)
	set(&l.Message, DefaultLimits.Message)
	set(&l.Frame, DefaultLimits.Frame)
	set(&l.Listeners, DefaultLimits.Listeners)
	set(&l.SessionListeners, DefaultLimits.SessionListeners)
	set(&l.AddressListeners, DefaultLimits.AddressListeners)
	set(&l.Subscriptions, DefaultLimits.Subscriptions)
	return l
}

// Hub is where messages are published and listeners join. It is safe for
// concurrent use.
type Hub struct {
	// Log is told of panics in the functions of a client that is served by
	// websocket. It is set before that; New sets one that writes nothing.
	Log *slog.Logger

	limits Limits

	mu        sync.Mutex // taken before those of listeners and writers
	channels  map[string]*channel
	order     *list.List // of channels, that unused for longest first
	plain     *list.List // those of them without retained values
	bytes     int        // of what the channels remember
	listeners map[*listener]struct{}
	sessions  map[string]int // listeners of each session
	addresses map[string]int // and of each address
	closed    bool
	left      chan struct{} // closed when the hub is closed and its last listener has left

	writers writers
	counts  counts
}

// New makes a hub.
func New(limits Limits) *Hub {
	return &Hub{
		Log:       slog.New(slog.DiscardHandler),
		limits:    limits.withDefaults(),
		channels:  map[string]*channel{},
		order:     list.New(),
		plain:     list.New(),
		listeners: map[*listener]struct{}{},
		sessions:  map[string]int{},
		addresses: map[string]int{},
		left:      make(chan struct{}),
	}
}

// Errors of a hub.
var (
	ErrChannel = errors.New("a channel has 1 to 100 letters, digits and - _ . characters")
	ErrTooLong = errors.New("the message is too long")
	ErrValue   = errors.New("the value is not JSON")
	ErrFull    = errors.New("there are too many listeners or channels")
	ErrClosed  = errors.New("the hub is closed")
)

var channelPattern = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,100}$`)

// CheckChannel returns [ErrChannel] when name cannot be that of a channel.
func CheckChannel(name string) error {
	if !channelPattern.MatchString(name) {
		return ErrChannel
	}
	return nil
}

// Receipt tells a publisher what became of a message.
type Receipt struct {
	Epoch     string `json:"epoch"`     // of the channel: sequences of one epoch are one count
	Sequence  uint64 `json:"seq"`       // the message's place in its channel
	Listeners int    `json:"listeners"` // for whom it has been queued

	// Forgot says that the message, which is not retained, took the place of one
	// that was.
	Forgot bool `json:"-"`
}

// Publish queues a message for all listeners of its channel. It never blocks:
// a listener that is too slow is cut off, to come back and resume. The errors
// are ErrChannel, ErrTooLong, ErrValue and ErrFull. After Shutdown the channels
// still remember the messages, for those who come back to the next run.
func (h *Hub) Publish(m Message) (Receipt, error) {
	text, err := m.encode(h.limits.Message)
	if err != nil {
		return Receipt{}, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	c, err := h.channel(m.Channel)
	if err != nil {
		return Receipt{}, err
	}
	h.bytes -= c.size()
	forgot := !text.retain && c.retained.index(text.label) >= 0
	e := c.add(h.limits, text, c.used)
	h.bytes += c.size()
	h.sort(c)
	h.trim()
	h.counts.messages.Add(1)
	receipt := Receipt{Epoch: c.epoch, Sequence: e.sequence, Forgot: forgot}
	for l := range c.listeners {
		if l.push(e.frame) {
			receipt.Listeners++
		}
	}
	return receipt, nil
}

// channel returns a channel for use, and makes room for it where it is new. mu
// is held.
func (h *Hub) channel(name string) (*channel, error) {
	c := h.channels[name]
	if c == nil {
		for _, order := range []*list.List{h.plain, h.order} {
			for at := order.Front(); at != nil && len(h.channels) >= h.limits.Channels; {
				oldest := at.Value.(*channel)
				at = at.Next()
				if len(oldest.listeners) == 0 {
					h.forget(oldest)
				}
			}
		}
		if len(h.channels) >= h.limits.Channels {
			return nil, ErrFull
		}
		c = h.insert(name, rand.Text()[:12])
	}
	c.used = time.Now()
	h.order.MoveToBack(c.place)
	if c.plain != nil {
		h.plain.MoveToBack(c.plain)
	}
	return c, nil
}

// insert adds a channel. mu is held.
func (h *Hub) insert(name, epoch string) *channel {
	c := &channel{name: name, epoch: epoch, listeners: map[*listener]int{}}
	c.place = h.order.PushBack(c)
	h.channels[name] = c
	h.sort(c)
	return c
}

// sort notes whether a channel has retained values, when that may have changed.
// mu is held.
func (h *Hub) sort(c *channel) {
	switch plain := len(c.retained.list) == 0; {
	case plain && c.plain == nil:
		c.plain = h.plain.PushBack(c)
	case !plain && c.plain != nil:
		h.plain.Remove(c.plain)
		c.plain = nil
	}
}

// trim makes the channels unused for longest forget when the memory does not
// suffice: first what is for those who come back, and retained values only if
// that is too little. It frees a tenth, for it may look at all channels and is to
// do so seldom. mu is held.
func (h *Hub) trim() {
	if h.bytes <= h.limits.Memory {
		return
	}
	enough := h.limits.Memory / 10 * 9
	for _, forget := range []func(*channel){h.forgetRing, h.forget} {
		for at := h.order.Front(); at != nil && h.bytes > enough; {
			c := at.Value.(*channel)
			at = at.Next()
			forget(c)
		}
	}
}

// forget makes a channel forget its messages, and the hub a channel that nobody
// listens to. mu is held.
func (h *Hub) forget(c *channel) {
	h.bytes -= c.retained.bytes
	c.retained = entries{}
	h.sort(c)
	h.forgetRing(c)
}

// forgetRing is forget for all but retained values, and a channel with some.
func (h *Hub) forgetRing(c *channel) {
	h.bytes -= c.ring.bytes
	c.ring = entries{}
	if len(c.listeners) == 0 && c.plain != nil {
		delete(h.channels, c.name)
		h.order.Remove(c.place)
		h.plain.Remove(c.plain)
	}
}

// CloseSession ends the listeners of a browser session, within a second: its
// rights have changed. They may come back with the rights they have then.
func (h *Hub) CloseSession(session string) {
	h.closeAll(func(c Client) bool { return c.Session == session && session != "" })
}

// CloseUser ends the listeners of a user, as CloseSession does.
func (h *Hub) CloseUser(user string) {
	h.closeAll(func(c Client) bool { return c.User == user && user != "" })
}

// CloseAll ends all listeners, as CloseSession does.
func (h *Hub) CloseAll() {
	h.closeAll(func(Client) bool { return true })
}

func (h *Hub) closeAll(matches func(Client) bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for l := range h.listeners {
		if matches(l.client) {
			l.stop(CloseRights)
		}
	}
}

// Shutdown takes no more listeners, tells those that are there when to come
// back, each at a time of its own, and waits until they have gone, or ctx is
// done.
func (h *Hub) Shutdown(ctx context.Context) error {
	h.close()
	select {
	case <-h.left:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("wait for the listeners to leave: %w", ctx.Err())
	}
}

func (h *Hub) close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return
	}
	h.closed = true
	for l := range h.listeners {
		l.push(restartFrame())
		l.stop(CloseRestart)
	}
	if len(h.listeners) == 0 {
		close(h.left)
	}
}
