package live

import (
	"encoding/json"
	"slices"
	"strings"
	"time"
)

// channel is what a hub knows of one channel. The hub's mutex guards it.
type channel struct {
	name      string
	epoch     string
	sequence  uint64 // of the last message
	ring      []entry
	bytes     int // of the ring's frames
	retained  map[string]entry
	listeners map[*Listener]struct{}
	used      time.Time // the last message or subscription
	rate      rate
}

// entry is a message that a channel remembers.
type entry struct {
	sequence uint64
	label    string
	frame    []byte // as it is sent; not changed any more
}

// add gives a message its place and remembers it.
func (c *channel) add(limits Limits, label string, head []byte, retain bool) entry {
	c.sequence++
	c.used = time.Now()
	c.rate.count(c.used)
	e := entry{sequence: c.sequence, label: label, frame: tail(head, c.epoch, c.sequence)}
	if len(c.ring) > 0 && (len(c.ring) >= limits.Ring || c.bytes+len(e.frame) > limits.RingBytes) {
		n := 0
		for n < len(c.ring) && (len(c.ring)-n >= limits.Ring || c.bytes+len(e.frame) > limits.RingBytes) {
			c.bytes -= len(c.ring[n].frame)
			n++
		}
		c.ring = slices.Delete(c.ring, 0, n)
	}
	c.ring = append(c.ring, e)
	c.bytes += len(e.frame)
	if retain {
		if c.retained == nil {
			c.retained = map[string]entry{}
		}
		c.retained[label] = e
	} else {
		delete(c.retained, label) // a newer value has taken its place
	}
	return e
}

// Position is a place in a channel's messages: the last that was received.
type Position struct {
	Epoch    string
	Sequence uint64
}

// since returns what a listener at a position has missed. Not whole: some of it
// is gone.
func (c *channel) since(p Position) (missed []entry, whole bool) {
	if p.Epoch != c.epoch || p.Sequence > c.sequence {
		return nil, false
	}
	i, _ := slices.BinarySearchFunc(c.ring, p.Sequence+1, func(e entry, sequence uint64) int {
		return int(int64(e.sequence) - int64(sequence)) // sequences are near each other
	})
	missed = c.ring[i:]
	return missed, uint64(len(missed)) == c.sequence-p.Sequence
}

// ChannelInfo describes a channel.
type ChannelInfo struct {
	Name      string
	Listeners int
	Sequence  uint64          // of its last message
	Rate      float64         // messages in a second, over the last ten
	Used      time.Time       // its last message or subscription
	Label     string          // of the last message; "" without one
	Value     json.RawMessage // of the last message; nil without one
}

// Channels describes all channels, by name.
func (h *Hub) Channels() []ChannelInfo {
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
		if len(c.ring) > 0 {
			last := c.ring[len(c.ring)-1]
			var m struct {
				Value json.RawMessage `json:"value"`
			}
			_ = json.Unmarshal(last.frame, &m) // it is our own
			info.Label, info.Value = last.label, m.Value
		}
		infos = append(infos, info)
	}
	slices.SortFunc(infos, func(a, b ChannelInfo) int { return strings.Compare(a.Name, b.Name) })
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
