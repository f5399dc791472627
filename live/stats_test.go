package live_test

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"dashd/live"
)

// wantStats checks all but the size of what is remembered.
func wantStats(t *testing.T, h *live.Hub, want live.Stats) {
	t.Helper()
	synctest.Wait()
	got := h.Stats()
	if got.Bytes != h.Remembered() {
		t.Errorf("the channels remember %d bytes, not %d", h.Remembered(), got.Bytes)
	}
	got.Bytes = 0
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("stats (-want +got):\n%s", diff)
	}
}

// The numbers of a hub are what has happened.
func TestStats(t *testing.T) {
	inBubble(t, live.Limits{Queue: 3, Listeners: 2}, func(t *testing.T, h *live.Hub) {
		quick, slow := connect(t, h, open), connect(t, h, open)
		if _, err := h.Join(open, slow); !errors.Is(err, live.ErrFull) {
			t.Fatalf("a third listener: %v", err)
		}
		quick.subscribe("u", "c")
		slow.subscribe("u", "c")
		wantStats(t, h, live.Stats{Channels: 1, Sent: 2, Refused: 1})
		release := slow.hold()
		for i := range 2 {
			publish(t, h, "c", fmt.Sprint(i))
			synctest.Wait()
		}
		wantStats(t, h, live.Stats{Channels: 1, Sent: 4, Refused: 1, Messages: 2, Queued: 1}) // one is on its way
		for i := range 4 {                                                                    // what it had missed, the position, leaves room for one more
			publish(t, h, "c", fmt.Sprint(i))
			synctest.Wait()
		}
		release()
		slow.closedWith(live.CloseSlow)
		want := live.Stats{Channels: 1, Sent: 9, Refused: 1, Messages: 6, Dropped: 4, Slow: 1}
		wantStats(t, h, want)
		again := connect(t, h, open)
		again.listener.Receive(`{"type":"connection_triplet","uid":"u","channel_name":"c","label":"l","epoch":"before","seq":1}`)
		want.Sent, want.Gaps = want.Sent+7, 1
		wantStats(t, h, want)
	})
}

// The two ways to connect are told from each other, and panics are counted.
func TestStatsOfConnections(t *testing.T) {
	client := live.Client{Listen: func(channel, _ string) bool {
		if channel == "bad" {
			panic("bad")
		}
		return true
	}}
	inServer(t, live.Limits{}, client, func(t *testing.T, s *served) {
		w, other := s.connect(), s.connect()
		w.subscribe("u", "c")
		w.expect("subscribed c 0")
		wantStats(t, s.Hub, live.Stats{WebSockets: 2, Channels: 1, Sent: 1})
		other.subscribe("u", "bad")
		other.gone()
		wantStats(t, s.Hub, live.Stats{WebSockets: 1, Channels: 1, Sent: 1, Panics: 1})
		w.Close()
	})
	inServerOf(t, live.Limits{}, eventsOf(open, subscribeC), func(t *testing.T, s *served) {
		client := s.client()
		defer client.CloseIdleConnections()
		e := s.events(client)
		e.expect("subscribed c 0")
		wantStats(t, s.Hub, live.Stats{EventStreams: 1, Channels: 1, Sent: 1})
		s.CloseAll()
		e.ends()
	})
}
