package live

import (
	"encoding/json"
	"fmt"
	"time"
)

// snapshot is what a hub remembers, as it is kept over a restart.
type snapshot struct {
	Channels []channelSnapshot `json:"channels"`
}

type channelSnapshot struct {
	Name     string          `json:"name"`
	Epoch    string          `json:"epoch"`
	Sequence uint64          `json:"seq"`
	Ring     []entrySnapshot `json:"ring"`
	Retained []entrySnapshot `json:"retained,omitempty"`
}

type entrySnapshot struct {
	Sequence uint64          `json:"seq"`
	Label    string          `json:"label"`
	Frame    json.RawMessage `json:"frame"`
}

// Snapshot returns what the channels remember, for Restore of the next run. It
// is taken after Shutdown, so that nothing comes after it.
func (h *Hub) Snapshot() ([]byte, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	var s snapshot
	for _, c := range h.channels {
		if c.sequence == 0 {
			continue
		}
		cs := channelSnapshot{Name: c.name, Epoch: c.epoch, Sequence: c.sequence}
		for _, e := range c.ring {
			cs.Ring = append(cs.Ring, entrySnapshot{e.sequence, e.label, e.frame})
		}
		for _, e := range c.retained {
			cs.Retained = append(cs.Retained, entrySnapshot{e.sequence, e.label, e.frame})
		}
		s.Channels = append(s.Channels, cs)
	}
	text, err := json.Marshal(s)
	if err != nil {
		return nil, fmt.Errorf("write down the channels: %w", err)
	}
	return text, nil
}

// Restore gives a hub that is not used yet the channels of a snapshot.
func (h *Hub) Restore(text []byte) error {
	var s snapshot
	if err := json.Unmarshal(text, &s); err != nil {
		return fmt.Errorf("read the channels: %w", err)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, cs := range s.Channels {
		c := &channel{name: cs.Name, epoch: cs.Epoch, sequence: cs.Sequence, listeners: map[*Listener]struct{}{}, used: time.Now()}
		for _, e := range cs.Ring {
			c.ring = append(c.ring, entry{e.Sequence, e.Label, e.Frame})
			c.bytes += len(e.Frame)
		}
		for _, e := range cs.Retained {
			if c.retained == nil {
				c.retained = map[string]entry{}
			}
			c.retained[e.Label] = entry{e.Sequence, e.Label, e.Frame}
		}
		h.channels[c.name] = c
	}
	return nil
}
