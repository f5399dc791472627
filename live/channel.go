package live

import (
	"container/list"
	"encoding/json"
	"slices"
	"strings"
	"time"
)

// channel is what a hub knows of one channel. The hub's mutex guards it.
type channel struct {
	name      string
	epoch     string // sequences of one epoch are one count
	sequence  uint64 // of the last message
	ring      entries
	retained  entries           // one for a label
	listeners map[*listener]int // with the number of their pipes
	used      time.Time         // the last message or subscription
	place     *list.Element     // in the hub's order of use
	plain     *list.Element     // in that of channels without retained values; nil with some
	rate      rate
}

// entry is a message that a channel remembers. Its bytes are shared with the
// queues of listeners, and never change.
type entry struct {
	sequence uint64
	label    string
	value    json.RawMessage // a part of frame
	frame    []byte          // as it is sent
}

// entries are messages in their order. Those of a ring follow each other
// without a hole.
type entries struct {
	list  []entry
	bytes int // of the frames
}

// add remembers a message, and forgets the oldest where there is no room.
func (s *entries) add(e entry, most, mostBytes int) {
	n := 0
	for n < len(s.list) && (len(s.list)-n >= most || s.bytes+len(e.frame) > mostBytes) {
		s.bytes -= len(s.list[n].frame)
		n++
	}
	s.list = append(slices.Delete(s.list, 0, n), e)
	s.bytes += len(e.frame)
}

func (s *entries) remove(label string) {
	if i := s.index(label); i >= 0 {
		s.bytes -= len(s.list[i].frame)
		s.list = slices.Delete(s.list, i, i+1)
	}
}

func (s *entries) get(label string) (e entry, ok bool) {
	if i := s.index(label); i >= 0 {
		return s.list[i], true
	}
	return entry{}, false
}

func (s *entries) index(label string) int {
	return slices.IndexFunc(s.list, func(e entry) bool { return e.label == label })
}

// size is what the channel holds of Limits.Memory.
func (c *channel) size() int { return c.ring.bytes + c.retained.bytes }

// add gives a message its place and remembers it.
func (c *channel) add(limits Limits, m encoded, now time.Time) entry {
	c.sequence++
	c.rate.count(now)
	e := m.entry(c.epoch, c.sequence)
	c.ring.add(e, limits.Ring, limits.RingBytes)
	c.retained.remove(e.label) // this value takes its place
	if m.retain {
		c.retained.add(e, limits.Retained, limits.RetainedBytes)
	}
	return e
}

// position is a place in a channel's messages: the last that was received.
type position struct {
	epoch    string
	sequence uint64
}

// since returns what is remembered of the messages after a position, and
// whether that is all of them. Those of another epoch came after any position
// in an earlier one.
func (c *channel) since(p position) (missed []entry, whole bool) {
	all := c.ring.list
	if p.epoch != c.epoch || p.sequence > c.sequence || c.sequence-p.sequence > uint64(len(all)) {
		return all, false
	}
	return all[len(all)-int(c.sequence-p.sequence):], true
}

// covers reports whether a message is not after a position.
func (c *channel) covers(p *position, e entry) bool {
	return p != nil && p.epoch == c.epoch && e.sequence <= p.sequence
}

// catchUp returns what a new listener gets at once: the retained values, where
// it is, and what it has missed since from, and whether that is all of it.
func (c *channel) catchUp(from *position) (frames [][]byte, whole bool) {
	var missed []entry
	kind, sequence, whole := "pipe.subscribed", c.sequence, true
	if from != nil {
		if missed, whole = c.since(*from); !whole {
			kind = "pipe.gap"
		}
		sequence -= uint64(len(missed))
	}
	for _, e := range c.retained.list {
		if e.sequence <= sequence && !c.covers(from, e) {
			frames = append(frames, e.frame)
		}
	}
	frames = append(frames, positionFrame(kind, c.name, c.epoch, sequence))
	for _, e := range missed {
		frames = append(frames, e.frame)
	}
	return frames, whole
}

// ChannelInfo describes a channel.
type ChannelInfo struct {
	Name      string
	Listeners int
	Sequence  uint64          // of its last message
	Rate      float64         // messages in a second, over the last ten
	Used      time.Time       // its last message or subscription
	Label     string          // of the last message; "" without one
	Value     json.RawMessage // of the last message, not to be changed; nil without one
}

// Channels describes all channels, by name.
func (h *Hub) Channels() []ChannelInfo {
	infos := h.channelInfos()
	slices.SortFunc(infos, func(a, b ChannelInfo) int { return strings.Compare(a.Name, b.Name) })
	return infos
}

func (h *Hub) channelInfos() []ChannelInfo {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := time.Now()
	infos := make([]ChannelInfo, 0, len(h.channels))
	for _, c := range h.channels {
		info := ChannelInfo{
			Name:      c.name,
			Listeners: len(c.listeners),
			Sequence:  c.sequence,
			Rate:      c.rate.perSecond(now),
			Used:      c.used,
		}
		if n := len(c.ring.list); n > 0 {
			last := c.ring.list[n-1]
			info.Label, info.Value = last.label, last.value
		}
		infos = append(infos, info)
	}
	return infos
}

// rate counts messages in windows of rateWindow.
type rate struct {
	window  int64 // number of the present one
	present int
	last    int
}

const rateWindow = 10 * time.Second

func (r *rate) count(now time.Time) {
	r.turn(now)
	r.present++
}

func (r *rate) turn(now time.Time) {
	switch window := now.UnixNano() / int64(rateWindow); window {
	case r.window:
	case r.window + 1:
		r.window, r.last, r.present = window, r.present, 0
	default:
		r.window, r.last, r.present = window, 0, 0
	}
}

// perSecond weighs the last window by how much of it lies within rateWindow.
func (r *rate) perSecond(now time.Time) float64 {
	r.turn(now)
	part := float64(now.UnixNano()%int64(rateWindow)) / float64(rateWindow)
	return (float64(r.present) + float64(r.last)*(1-part)) / rateWindow.Seconds()
}
