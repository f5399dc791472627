package live

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// snapshot is what a hub remembers, as it is kept over a restart.
type snapshot struct {
	Channels []channelSnapshot `json:"channels"` // that unused for longest first
}

type channelSnapshot struct {
	Name     string          `json:"name"`
	Epoch    string          `json:"epoch"`
	Sequence uint64          `json:"seq"` // of the last message
	Used     time.Time       `json:"used"`
	Ring     []entrySnapshot `json:"ring"`
	Retained []entrySnapshot `json:"retained,omitempty"`
}

type entrySnapshot struct {
	Sequence uint64 `json:"seq"`
	Label    string `json:"label"`
	Value    string `json:"value"` // a string, for JSON may not be nested as deep again
}

// Snapshot returns what the channels remember, for Restore of the next run. It
// is taken after the last message.
func (h *Hub) Snapshot() ([]byte, error) {
	text, err := json.Marshal(h.snapshot())
	if err != nil {
		return nil, fmt.Errorf("write down the channels: %w", err)
	}
	return text, nil
}

func (h *Hub) snapshot() snapshot {
	h.mu.Lock()
	defer h.mu.Unlock()
	var s snapshot
	for at := h.order.Front(); at != nil; at = at.Next() {
		if c := at.Value.(*channel); c.sequence > 0 {
			s.Channels = append(s.Channels, channelSnapshot{
				Name: c.name, Epoch: c.epoch, Sequence: c.sequence, Used: c.used,
				Ring: c.ring.snapshot(), Retained: c.retained.snapshot(),
			})
		}
	}
	return s
}

func (s *entries) snapshot() []entrySnapshot {
	list := make([]entrySnapshot, len(s.list))
	for i, e := range s.list {
		list[i] = entrySnapshot{e.sequence, e.label, string(e.value)}
	}
	return list
}

// Restore gives a new hub the channels of a snapshot, as far as its limits
// allow. A snapshot is restored once: the caller forgets it before the hub is
// used, or a second run would count again what the first has counted. A
// snapshot that makes no sense is an error, and changes nothing.
func (h *Hub) Restore(text []byte) error {
	var s snapshot
	if err := json.Unmarshal(text, &s); err != nil {
		return fmt.Errorf("read the channels: %w", err)
	}
	restored := New(h.limits)
	for _, c := range s.Channels[max(0, len(s.Channels)-h.limits.Channels):] {
		if err := restored.restore(&c); err != nil {
			return fmt.Errorf("restore channel %q: %w", c.Name, err)
		}
	}
	restored.trim()
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.channels) > 0 {
		return errors.New("restore the channels: the hub has been used")
	}
	h.channels, h.order, h.plain, h.bytes = restored.channels, restored.order, restored.plain, restored.bytes
	return nil
}

// errSnapshot is what is wrong with a snapshot that nobody took.
var errSnapshot = errors.New("it is not as a hub left it")

func (h *Hub) restore(s *channelSnapshot) error {
	if CheckChannel(s.Name) != nil || h.channels[s.Name] != nil || s.Epoch == "" {
		return errSnapshot
	}
	c := h.insert(s.Name, s.Epoch)
	c.sequence, c.used = s.Sequence, s.Used
	for i, e := range s.Ring {
		if e.Sequence == 0 || e.Sequence+uint64(len(s.Ring)-1-i) != s.Sequence {
			return errSnapshot
		}
		if err := c.ring.restore(c, &e, h.limits.Ring, h.limits.RingBytes); err != nil {
			return err
		}
	}
	for i, e := range s.Retained {
		if e.Sequence == 0 || e.Sequence > s.Sequence || i > 0 && e.Sequence <= s.Retained[i-1].Sequence {
			return errSnapshot
		}
		if err := c.retained.restore(c, &e, h.limits.Retained, h.limits.RetainedBytes); err != nil {
			return err
		}
	}
	h.bytes += c.size()
	h.sort(c)
	return nil
}

func (s *entries) restore(c *channel, e *entrySnapshot, most, mostBytes int) error {
	m := Message{Channel: c.name, Label: e.Label, Value: json.RawMessage(e.Value)}
	text, err := m.encode(len(e.Value))
	if err != nil {
		return err
	}
	s.add(text.entry(c.epoch, e.Sequence), most, mostBytes)
	return nil
}
