package live_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"dashd/live"
)

// frame is what a peer has been sent.
type frame struct {
	Type    string          `json:"type"`
	Channel string          `json:"channel_name"`
	Label   string          `json:"label"`
	Value   json.RawMessage `json:"value"`
	Epoch   string          `json:"epoch"`
	Seq     uint64          `json:"seq"`
	UID     string          `json:"uid"`
	After   int             `json:"after_ms"`
}

// String is short: "subscribed room 3", "room/temperature 21 #4".
func (f frame) String() string {
	switch f.Type {
	case "pipe.value":
		s := fmt.Sprintf("%s/%s %s #%d", f.Channel, f.Label, f.Value, f.Seq)
		if f.UID != "" {
			s += " for " + f.UID
		}
		return s
	case "pipe.subscribed":
		return fmt.Sprintf("subscribed %s %d", f.Channel, f.Seq)
	case "pipe.gap":
		return fmt.Sprintf("gap %s %d", f.Channel, f.Seq)
	case "pipe.refused":
		return "refused " + f.Channel
	case "pipe.restart":
		return "restart"
	}
	return f.Type
}

// peer is an in-process connection.
type peer struct {
	t        *testing.T
	listener *live.Listener
	ended    chan struct{}
	left     chan struct{}

	mu     sync.Mutex
	stuck  chan struct{} // not nil: takes nothing until it is closed
	frames []frame
	code   live.Code
	over   bool
}

var open = live.Client{Listen: func(string, string) bool { return true }}

// connect joins a hub. The peer leaves when its connection ends.
func connect(t *testing.T, h *live.Hub, client live.Client) *peer {
	t.Helper()
	p := &peer{t: t, ended: make(chan struct{}), left: make(chan struct{})}
	l, err := h.Join(client, p)
	if err != nil {
		t.Fatalf("join: %v", err)
	}
	p.listener = l
	go func() {
		defer close(p.left)
		<-p.ended
		l.Leave()
	}()
	return p
}

func (p *peer) Send(text []byte) error {
	p.mu.Lock()
	stuck := p.stuck
	p.mu.Unlock()
	if stuck != nil {
		timeout := time.NewTimer(live.WriteTimeout)
		defer timeout.Stop()
		select {
		case <-stuck:
		case <-p.ended:
		case <-timeout.C:
			return errors.New("timeout")
		}
	}
	var f frame
	if err := json.Unmarshal(text, &f); err != nil {
		p.t.Errorf("sent %q: %v", text, err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.over {
		return errors.New("closed")
	}
	p.frames = append(p.frames, f)
	return nil
}

func (p *peer) Close(code live.Code) { p.end(code) }
func (p *peer) Cut()                 { p.end(0) }

func (p *peer) end(code live.Code) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.over {
		p.over, p.code = true, code
		close(p.ended)
	}
}

// hold makes a peer take nothing, until release.
func (p *peer) hold() (release func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	stuck := make(chan struct{})
	p.stuck = stuck
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.stuck = nil
		close(stuck)
	}
}

func (p *peer) receive(format string, args ...any) {
	p.t.Helper()
	text := fmt.Sprintf(format, args...)
	if code := p.listener.Receive(text); code != 0 {
		p.t.Errorf("frame %s: code %d", text, code)
	}
}

func (p *peer) subscribe(uid, channel string) {
	p.t.Helper()
	p.receive(`{"type":"connection_triplet","uid":%q,"channel_name":%q,"label":"l"}`, uid, channel)
}

func (p *peer) resume(channel, epoch string, seq uint64) {
	p.t.Helper()
	p.receive(`{"type":"connection_triplet","uid":"u","channel_name":%q,"label":"l","epoch":%q,"seq":%d}`, channel, epoch, seq)
}

// taken returns what came since it was last called. All goroutines of the
// bubble have come to rest.
func (p *peer) taken() []frame {
	synctest.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	frames := p.frames
	p.frames = nil
	return frames
}

// expect compares what came since the last time.
func (p *peer) expect(want ...string) {
	p.t.Helper()
	got := []string{}
	for _, f := range p.taken() {
		got = append(got, f.String())
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		p.t.Errorf("got  %q\nwant %q", got, want)
	}
}

// closedWith waits until the connection has ended.
func (p *peer) closedWith(want live.Code) {
	p.t.Helper()
	<-p.left
	if p.code != want {
		p.t.Errorf("closed with %d, want %d", p.code, want)
	}
}

func publish(t *testing.T, h *live.Hub, channel, value string) live.Receipt {
	t.Helper()
	return send(t, h, live.Message{Channel: channel, Label: "l", Value: json.RawMessage(value)})
}

func retain(t *testing.T, h *live.Hub, channel, value string) live.Receipt {
	t.Helper()
	return send(t, h, live.Message{Channel: channel, Label: "l", Value: json.RawMessage(value), Retain: true})
}

func send(t *testing.T, h *live.Hub, m live.Message) live.Receipt {
	t.Helper()
	receipt, err := h.Publish(m)
	if err != nil {
		t.Fatalf("publish to %q: %v", m.Channel, err)
	}
	return receipt
}

// inBubble runs a test in virtual time with a hub, which it shuts down at the
// end. No goroutine may be left then, nor anything of a listener.
func inBubble(t *testing.T, limits live.Limits, test func(t *testing.T, h *live.Hub)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		h := live.New(limits)
		test(t, h)
		if err := h.Shutdown(context.Background()); err != nil {
			t.Errorf("shutdown: %v", err)
		}
		synctest.Wait()
		listeners, sessions, bytes, writers := h.Held()
		if listeners != 0 || sessions != 0 || writers != 0 {
			t.Errorf("left behind: %d listeners, %d sessions, %d writers", listeners, sessions, writers)
		}
		for _, c := range h.Channels() {
			if c.Listeners != 0 {
				t.Errorf("left behind: %d listeners of channel %s", c.Listeners, c.Name)
			}
		}
		if counted := h.Remembered(); bytes != counted {
			t.Errorf("the hub counts %d bytes, its channels hold %d", bytes, counted)
		}
	})
}
