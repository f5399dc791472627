package live_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"dashd/live"
)

func TestCheckChannel(t *testing.T) {
	for name, ok := range map[string]bool{
		"room":                   true,
		"A-z_0.9":                true,
		strings.Repeat("x", 100): true,
		strings.Repeat("x", 101): false,
		"":                       false,
		"two words":              false,
		"room\n":                 false,
		"r\u00f6om":              false,
	} {
		if got := live.CheckChannel(name) == nil; got != ok {
			t.Errorf("CheckChannel(%q) is fine: %t, want %t", name, got, ok)
		}
	}
}

func TestPublishChecksMessages(t *testing.T) {
	for _, test := range []struct {
		name    string
		message live.Message
		want    error
	}{
		{"no value", live.Message{Channel: "c"}, nil},
		{"number beyond float64", live.Message{Channel: "c", Value: json.RawMessage("1e999")}, nil},
		{"bad channel", live.Message{Channel: "a b"}, live.ErrChannel},
		{"long label", live.Message{Channel: "c", Label: strings.Repeat("l", 501)}, live.ErrTooLong},
		{"long value", live.Message{Channel: "c", Value: json.RawMessage(strings.Repeat("1", 101))}, live.ErrTooLong},
		{"empty value", live.Message{Channel: "c", Value: json.RawMessage{}}, live.ErrValue},
		{"two values", live.Message{Channel: "c", Value: json.RawMessage("1 2")}, live.ErrValue},
		{"value that is not UTF-8", live.Message{Channel: "c", Value: json.RawMessage("\"\xff\"")}, live.ErrValue},
		{"value that leaves the frame", live.Message{Channel: "c", Value: json.RawMessage(`1,"seq":9`)}, live.ErrValue},
	} {
		t.Run(test.name, func(t *testing.T) {
			if _, err := live.New(live.Limits{Message: 100}).Publish(test.message); !errors.Is(err, test.want) {
				t.Errorf("got %v, want %v", err, test.want)
			}
		})
	}
}

func TestFrameIsOneLine(t *testing.T) {
	inBubble(t, live.Limits{}, func(t *testing.T, h *live.Hub) {
		p := connect(t, h, open)
		p.subscribe("u", "c")
		send(t, h, live.Message{Channel: "c", Label: "a\n\xff\xff", Value: json.RawMessage("{\n\n\"x\" : 1}")})
		p.expect("subscribed c 0", "c/a\n\uFFFD {\"x\":1} #1")
	})
}

func TestOrder(t *testing.T) {
	inBubble(t, live.Limits{}, func(t *testing.T, h *live.Hub) {
		var peers []*peer
		for range 20 {
			p := connect(t, h, open)
			p.subscribe("1", "a")
			p.subscribe("2", "b")
			peers = append(peers, p)
		}
		var publishers sync.WaitGroup
		for i := range 8 {
			publishers.Go(func() {
				for range 50 {
					publish(t, h, []string{"a", "b"}[i%2], "1")
				}
			})
		}
		publishers.Wait()
		for _, p := range peers {
			next := map[string]uint64{"a": 1, "b": 1}
			for _, f := range p.taken() {
				if f.Type != "pipe.value" {
					continue
				}
				if f.Seq != next[f.Channel] {
					t.Fatalf("%s: got %d, want %d", f.Channel, f.Seq, next[f.Channel])
				}
				next[f.Channel]++
			}
			if next["a"] != 201 || next["b"] != 201 {
				t.Errorf("got up to %v, want all 200", next)
			}
		}
	})
}

func TestReceipt(t *testing.T) {
	inBubble(t, live.Limits{}, func(t *testing.T, h *live.Hub) {
		if r := publish(t, h, "c", "1"); r.Sequence != 1 || r.Listeners != 0 || r.Epoch == "" {
			t.Errorf("without listeners: %+v", r)
		}
		p, q := connect(t, h, live.Client{Listen: open.Listen, Session: "s"}), connect(t, h, open)
		p.subscribe("u", "c")
		p.subscribe("v", "c")
		q.subscribe("u", "c")
		if r := publish(t, h, "c", "1"); r.Sequence != 2 || r.Listeners != 2 {
			t.Errorf("with two listeners: %+v", r)
		}
		p.hold()
		publish(t, h, "c", "1")
		h.CloseSession("s") // it is still there, and takes nothing more
		if r := publish(t, h, "c", "1"); r.Sequence != 4 || r.Listeners != 1 {
			t.Errorf("with one listener: %+v", r)
		}
	})
}

func TestResume(t *testing.T) {
	for _, test := range []struct {
		name  string
		seq   uint64
		epoch string // "": the channel's
		want  []string
	}{
		{"up to date", 6, "", []string{"subscribed c 6"}},
		{"one behind", 5, "", []string{"subscribed c 5", "c/l 6 #6"}},
		{"just in the ring", 3, "", []string{"subscribed c 3", "c/l 4 #4", "c/l 5 #5", "c/l 6 #6"}},
		{"overrun", 2, "", []string{"gap c 3", "c/l 4 #4", "c/l 5 #5", "c/l 6 #6"}},
		{"from the start", 0, "", []string{"gap c 3", "c/l 4 #4", "c/l 5 #5", "c/l 6 #6"}},
		{"ahead", 7, "", []string{"gap c 3", "c/l 4 #4", "c/l 5 #5", "c/l 6 #6"}},
		{"far ahead", 1<<64 - 1, "", []string{"gap c 3", "c/l 4 #4", "c/l 5 #5", "c/l 6 #6"}},
		{"other epoch", 6, "before", []string{"gap c 3", "c/l 4 #4", "c/l 5 #5", "c/l 6 #6"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			inBubble(t, live.Limits{Ring: 3}, func(t *testing.T, h *live.Hub) {
				var receipt live.Receipt
				for i := range 6 {
					receipt = publish(t, h, "c", fmt.Sprint(i+1))
				}
				epoch := test.epoch
				if epoch == "" {
					epoch = receipt.Epoch
				}
				p := connect(t, h, open)
				p.resume("c", epoch, test.seq)
				publish(t, h, "c", "7")
				p.expect(append(test.want, "c/l 7 #7")...)
			})
		})
	}
}

func TestResumeOfAnUnusedChannel(t *testing.T) {
	inBubble(t, live.Limits{}, func(t *testing.T, h *live.Hub) {
		p := connect(t, h, open)
		p.subscribe("u", "c")
		epoch := p.taken()[0].Epoch
		publish(t, h, "c", "1")
		q := connect(t, h, open)
		q.resume("c", epoch, 0)
		q.expect("subscribed c 0", "c/l 1 #1")
	})
}

func TestRingBytes(t *testing.T) {
	inBubble(t, live.Limits{RingBytes: 1000}, func(t *testing.T, h *live.Hub) {
		publish(t, h, "c", "1")
		epoch := publish(t, h, "c", `"`+strings.Repeat("x", 600)+`"`).Epoch
		publish(t, h, "c", `"`+strings.Repeat("x", 700)+`"`)
		publish(t, h, "c", "4")
		p := connect(t, h, open)
		p.resume("c", epoch, 0)
		if got := p.taken(); len(got) != 3 || got[0].String() != "gap c 2" {
			t.Errorf("got %v, want the last two after a gap", got)
		}
		publish(t, h, "c", `"`+strings.Repeat("x", 2000)+`"`) // one message is remembered at any size
		q := connect(t, h, open)
		q.resume("c", epoch, 4)
		if got := q.taken(); len(got) != 2 || got[0].String() != "subscribed c 4" {
			t.Errorf("got %v, want the last", got)
		}
	})
}

// A page that was away gets all that the channels remember, though it is more
// than may wait for a listener.
func TestResumeBeyondTheQueue(t *testing.T) {
	inBubble(t, live.Limits{Ring: 50, Queue: 10}, func(t *testing.T, h *live.Hub) {
		epochs := map[string]string{}
		for i := range 5 {
			channel := fmt.Sprint("c", i)
			epochs[channel] = publish(t, h, channel, "0").Epoch
			for range 49 {
				publish(t, h, channel, "1")
			}
		}
		p := connect(t, h, open)
		for channel, epoch := range epochs {
			p.receive(`{"type":"connection_triplet","uid":%q,"channel_name":%[1]q,"label":"l","epoch":%q,"seq":0}`, channel, epoch)
			publish(t, h, channel, "2") // and goes on to get what comes
		}
		if got := len(p.taken()); got != 5*52 {
			t.Errorf("got %d frames, want %d", got, 5*52)
		}
	})
}

// A client that asks again and again for what it does not read waits, and is
// cut in the end.
func TestResumeAgainAndAgain(t *testing.T) {
	inBubble(t, live.Limits{Ring: 50, Queue: 10}, func(t *testing.T, h *live.Hub) {
		var epoch string
		for range 50 {
			epoch = publish(t, h, "c", "1").Epoch
		}
		p := connect(t, h, open)
		p.hold()
		start := time.Now()
		for range 10 {
			p.resume("c", epoch, 0)
			p.receive(`{"type":"unsubscribe","uid":"u"}`)
		}
		p.closedWith(0)
		if held := time.Since(start); held != live.WriteTimeout {
			t.Errorf("cut after %v, want %v", held, live.WriteTimeout)
		}
	})
}

func TestRetain(t *testing.T) {
	retain := func(t *testing.T, h *live.Hub, label, value string) live.Receipt {
		return send(t, h, live.Message{Channel: "c", Label: label, Value: json.RawMessage(value), Retain: true})
	}
	t.Run("late joiner", func(t *testing.T) {
		inBubble(t, live.Limits{}, func(t *testing.T, h *live.Hub) {
			retain(t, h, "x", "1")
			retain(t, h, "y", "2")
			retain(t, h, "x", "3")
			publish(t, h, "c", "4")
			p := connect(t, h, open)
			p.subscribe("u", "c")
			p.expect("c/y 2 #2", "c/x 3 #3", "subscribed c 4")
		})
	})
	t.Run("until the next of its label", func(t *testing.T) {
		inBubble(t, live.Limits{}, func(t *testing.T, h *live.Hub) {
			retain(t, h, "l", "1")
			publish(t, h, "c", "2")
			p := connect(t, h, open)
			p.subscribe("u", "c")
			p.expect("subscribed c 2")
		})
	})
	t.Run("with resume, once and in order", func(t *testing.T) {
		inBubble(t, live.Limits{Ring: 2}, func(t *testing.T, h *live.Hub) {
			epoch := retain(t, h, "v", "1").Epoch
			retain(t, h, "x", "2")
			publish(t, h, "c", "3")
			publish(t, h, "c", "4")
			retain(t, h, "y", "5")
			for _, test := range []struct {
				seq  uint64
				want []string
			}{
				{5, []string{"subscribed c 5"}},
				{3, []string{"subscribed c 3", "c/l 4 #4", "c/y 5 #5"}},
				{1, []string{"c/x 2 #2", "gap c 3", "c/l 4 #4", "c/y 5 #5"}},
				{0, []string{"c/v 1 #1", "c/x 2 #2", "gap c 3", "c/l 4 #4", "c/y 5 #5"}},
			} {
				p := connect(t, h, open)
				p.resume("c", epoch, test.seq)
				p.expect(test.want...)
			}
		})
	})
	t.Run("later pipe of a connection", func(t *testing.T) {
		inBubble(t, live.Limits{}, func(t *testing.T, h *live.Hub) {
			epoch := retain(t, h, "l", "1").Epoch
			retain(t, h, "other", "2")
			p := connect(t, h, open)
			p.subscribe("u", "c")
			p.expect("c/l 1 #1", "c/other 2 #2", "subscribed c 2")
			p.subscribe("v", "c")
			p.expect("c/l 1 #1 for v")
			p.subscribe("v", "c") // the heartbeat of django-plotly-dash
			p.expect()
			q := connect(t, h, open)                 // a page that comes back
			for _, uid := range []string{"u", "v"} { // of which v may be new, whatever the page has had
				q.receive(`{"type":"connection_triplet","uid":%q,"channel_name":"c","label":"l","epoch":%q,"seq":2}`, uid, epoch)
			}
			q.expect("subscribed c 2", "c/l 1 #1 for v")
		})
	})
	t.Run("bounds", func(t *testing.T) {
		inBubble(t, live.Limits{Retained: 3, RetainedBytes: 500}, func(t *testing.T, h *live.Hub) {
			for i := range 5 {
				retain(t, h, fmt.Sprint(i), "0")
			}
			p := connect(t, h, open)
			p.subscribe("u", "c")
			p.expect("c/2 0 #3", "c/3 0 #4", "c/4 0 #5", "subscribed c 5")
			large := `"` + strings.Repeat("x", 400) + `"`
			retain(t, h, "5", large)
			q := connect(t, h, open)
			q.subscribe("u", "c")
			q.expect("c/5 "+large+" #6", "subscribed c 6")
		})
	})
}

func TestSeveralPipes(t *testing.T) {
	inBubble(t, live.Limits{}, func(t *testing.T, h *live.Hub) {
		p := connect(t, h, open)
		p.subscribe("a", "c")
		p.subscribe("b", "c")
		p.subscribe("b", "c")
		publish(t, h, "c", "1")
		p.expect("subscribed c 0", "c/l 1 #1") // one copy
		p.receive(`{"type":"unsubscribe","uid":"a"}`)
		publish(t, h, "c", "2")
		p.expect("c/l 2 #2") // b hears it: django-plotly-dash loses it
		p.receive(`{"type":"unsubscribe","uid":"a"}`)
		p.receive(`{"type":"unsubscribe","uid":"b"}`)
		publish(t, h, "c", "3")
		p.expect()
	})
}

func TestChangeOfChannel(t *testing.T) {
	client := live.Client{Listen: func(channel, claim string) bool { return channel != "secret" || claim == "key" }}
	inBubble(t, live.Limits{}, func(t *testing.T, h *live.Hub) {
		p := connect(t, h, client)
		p.subscribe("a", "c")
		p.subscribe("b", "c")
		p.subscribe("a", "d")
		publish(t, h, "c", "1")
		publish(t, h, "d", "1")
		p.expect("subscribed c 0", "subscribed d 0", "c/l 1 #1", "d/l 1 #1")
		p.subscribe("b", "d")
		publish(t, h, "c", "2")
		publish(t, h, "d", "2")
		p.expect("d/l 2 #2")
		p.subscribe("a", "secret")
		p.subscribe("b", "secret")
		publish(t, h, "d", "3")
		publish(t, h, "secret", "3")
		p.expect("refused secret", "refused secret")
		p.receive(`{"type":"connection_triplet","uid":"a","channel_name":"secret","label":"l","claim":"key"}`)
		publish(t, h, "secret", "4")
		p.expect("subscribed secret 1", "secret/l 4 #2")
	})
}

// Rights are asked for at each subscription, also at those again.
func TestRightThatHasGone(t *testing.T) {
	allowed := true
	client := live.Client{Listen: func(string, string) bool { return allowed }}
	inBubble(t, live.Limits{}, func(t *testing.T, h *live.Hub) {
		p := connect(t, h, client)
		p.subscribe("a", "c")
		allowed = false
		p.subscribe("a", "c")
		publish(t, h, "c", "1")
		p.expect("subscribed c 0", "refused c")
	})
}

func TestSubscriptionsThatAreIgnored(t *testing.T) {
	inBubble(t, live.Limits{}, func(t *testing.T, h *live.Hub) {
		p := connect(t, h, open)
		for _, text := range []string{
			`{"type":"connection_triplet"}`,
			`{"type":"connection_triplet","channel_name":"c","label":"l"}`,
			`{"type":"connection_triplet","uid":"u","label":"l"}`,
			`{"type":"connection_triplet","uid":"u","channel_name":"c"}`,
			`{"type":"connection_triplet","uid":"u","channel_name":"c","label":null}`,
			`{"type":"connection_triplet","uid":"u","channel_name":"a b","label":"l"}`,
			`{"type":"connection_triplet","uid":"` + strings.Repeat("u", 501) + `","channel_name":"c","label":"l"}`,
			`{"type":"unsubscribe"}`,
			`{"type":"unsubscribe","uid":"never"}`,
			`{"channel_name":"a b"}`,
		} {
			p.receive("%s", text)
		}
		p.expect()
		if infos := h.Channels(); len(infos) != 0 {
			t.Errorf("channels: %v", infos)
		}
	})
}

func TestSubscriptionsBound(t *testing.T) {
	inBubble(t, live.Limits{Subscriptions: 2}, func(t *testing.T, h *live.Hub) {
		p := connect(t, h, open)
		p.subscribe("1", "a")
		p.subscribe("2", "a")
		p.subscribe("3", "a")
		p.subscribe("2", "b") // in the place of another
		p.expect("subscribed a 0", "refused a", "subscribed b 0")
	})
}

func TestListenersBound(t *testing.T) {
	inBubble(t, live.Limits{Listeners: 3, SessionListeners: 2}, func(t *testing.T, h *live.Hub) {
		a := connect(t, h, live.Client{Session: "s"})
		connect(t, h, live.Client{Session: "s"})
		if _, err := h.Join(live.Client{Session: "s"}, a); !errors.Is(err, live.ErrFull) {
			t.Errorf("third of a session: %v", err)
		}
		connect(t, h, live.Client{})
		if _, err := h.Join(live.Client{}, a); !errors.Is(err, live.ErrFull) {
			t.Errorf("fourth of all: %v", err)
		}
		a.Cut()
		<-a.left
		connect(t, h, live.Client{Session: "s"})
	})
	inBubble(t, live.Limits{AddressListeners: 2}, func(t *testing.T, h *live.Hub) {
		a := connect(t, h, live.Client{Session: "s", Address: "10.0.0.1"})
		connect(t, h, live.Client{Address: "10.0.0.1"})
		if _, err := h.Join(live.Client{Session: "t", Address: "10.0.0.1"}, a); !errors.Is(err, live.ErrFull) {
			t.Errorf("third of an address: %v", err)
		}
		connect(t, h, live.Client{Address: "10.0.0.2"})
		for range 3 {
			connect(t, h, live.Client{})
		}
		a.Cut()
		<-a.left
		connect(t, h, live.Client{Address: "10.0.0.1"})
	})
}

// A listener that takes nothing is closed; the others, and the publisher, do
// not notice.
func TestSlowListener(t *testing.T) {
	for name, limits := range map[string]live.Limits{
		"messages": {Queue: 10},
		"bytes":    {QueueBytes: 1000},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, limits, func(t *testing.T, h *live.Hub) {
				slow, quick := connect(t, h, open), connect(t, h, open)
				slow.subscribe("u", "c")
				quick.subscribe("u", "c")
				slow.expect("subscribed c 0")
				release := slow.hold()
				defer release()
				start := time.Now()
				for range 100 {
					publish(t, h, "c", "1")
					synctest.Wait()
				}
				if held := time.Since(start); held != 0 {
					t.Errorf("publishing took %v", held)
				}
				if got := len(quick.taken()); got != 101 {
					t.Errorf("the other listener got %d frames, want 101", got)
				}
				slow.closedWith(0) // it did not take the code either
				if held := time.Since(start); held != live.CloseTimeout {
					t.Errorf("cut after %v, want %v", held, live.CloseTimeout)
				}
				slow.expect()
			})
		})
	}
}

// A listener that reads, but not quickly enough, is told so, and gets the rest
// when it comes back.
func TestSlowListenerResumes(t *testing.T) {
	inBubble(t, live.Limits{Queue: 10}, func(t *testing.T, h *live.Hub) {
		p := connect(t, h, open)
		p.subscribe("u", "c")
		p.taken()
		release := p.hold()
		for i := range 20 {
			publish(t, h, "c", fmt.Sprint(i))
			synctest.Wait()
		}
		release()
		p.closedWith(live.CloseSlow)
		got := p.taken()
		last := got[len(got)-1]
		p = connect(t, h, open)
		p.resume("c", last.Epoch, last.Seq)
		got = append(got, p.taken()[1:]...)
		for i, f := range got {
			if f.Seq != uint64(i+1) {
				t.Fatalf("got %v", got)
			}
		}
		if len(got) != 20 {
			t.Errorf("got %d of 20", len(got))
		}
	})
}

func TestFailedSend(t *testing.T) {
	inBubble(t, live.Limits{}, func(t *testing.T, h *live.Hub) {
		p, q := connect(t, h, open), connect(t, h, open)
		p.subscribe("u", "c")
		q.subscribe("u", "c")
		p.taken()
		p.hold()
		start := time.Now()
		publish(t, h, "c", "1")
		p.closedWith(0)
		if held := time.Since(start); held != live.WriteTimeout {
			t.Errorf("ended after %v, want %v", held, live.WriteTimeout)
		}
		publish(t, h, "c", "2")
		q.expect("subscribed c 0", "c/l 1 #1", "c/l 2 #2")
	})
}

// Peers that do not read hold up as many writers as they are; the others are
// served nevertheless.
func TestHeldUpWriters(t *testing.T) {
	inBubble(t, live.Limits{}, func(t *testing.T, h *live.Hub) {
		for range live.MaxWriters + 50 {
			p := connect(t, h, open)
			p.subscribe("u", "c")
			p.taken()
			p.hold()
		}
		publish(t, h, "c", "1")
		synctest.Wait()
		p := connect(t, h, open)
		p.subscribe("u", "d")
		p.expect() // all writers are busy
		start := time.Now()
		time.Sleep(live.Patience)
		p.expect("subscribed d 0")
		publish(t, h, "d", "1")
		p.expect("d/l 1 #1")
		if held := time.Since(start); held != live.Patience {
			t.Errorf("it took %v", held)
		}
	})
}

func TestCloseSessionAndUser(t *testing.T) {
	for _, test := range []struct {
		name  string
		close func(h *live.Hub)
		ended string // names of the clients
	}{
		{"session", func(h *live.Hub) { h.CloseSession("s1") }, "ada1 ada1"},
		{"user", func(h *live.Hub) { h.CloseUser("ada") }, "ada1 ada1 ada2"},
		{"all", func(h *live.Hub) { h.CloseAll() }, "ada1 ada1 ada2 bob anonymous"},
		{"no session", func(h *live.Hub) { h.CloseSession("") }, ""},
		{"no user", func(h *live.Hub) { h.CloseUser("") }, ""},
		{"unknown", func(h *live.Hub) { h.CloseUser("eve"); h.CloseSession("s9") }, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			inBubble(t, live.Limits{}, func(t *testing.T, h *live.Hub) {
				clients := map[string]live.Client{
					"ada1": {User: "ada", Session: "s1"}, "ada2": {User: "ada", Session: "s2"},
					"bob": {User: "bob", Session: "s3"}, "anonymous": {},
				}
				names := []string{"ada1", "ada1", "ada2", "bob", "anonymous"}
				var peers []*peer
				for _, name := range names {
					client := clients[name]
					client.Listen = open.Listen
					p := connect(t, h, client)
					p.subscribe("u", "c")
					peers = append(peers, p)
				}
				test.close(h)
				synctest.Wait()
				var ended []string
				for i, p := range peers {
					p.mu.Lock()
					if p.code == live.CloseRights {
						ended = append(ended, names[i])
					}
					p.mu.Unlock()
				}
				if got := strings.Join(ended, " "); got != test.ended {
					t.Errorf("ended: %q, want %q", got, test.ended)
				}
			})
		})
	}
}

// Who has lost its rights gets nothing more, not even what was queued, and
// says nothing more.
func TestCloseSessionIsAtOnce(t *testing.T) {
	published := 0
	client := live.Client{Session: "s", Listen: open.Listen, Publish: func(live.Message) error { published++; return nil }}
	inBubble(t, live.Limits{}, func(t *testing.T, h *live.Hub) {
		p := connect(t, h, client)
		p.subscribe("u", "c")
		p.taken()
		release := p.hold()
		publish(t, h, "c", "1")
		synctest.Wait()
		publish(t, h, "c", "2")
		h.CloseSession("s")
		p.receive(`{"channel_name":"c","value":3}`)
		p.subscribe("v", "d")
		release()
		p.closedWith(live.CloseRights)
		p.expect("c/l 1 #1") // it was being sent
		if published != 0 {
			t.Error("it could publish")
		}
		p = connect(t, h, client)
		p.subscribe("u", "c")
		p.taken()
		p.hold()
		publish(t, h, "c", "3")
		synctest.Wait()
		start := time.Now()
		h.CloseSession("s")
		p.closedWith(0)
		if held := time.Since(start); held != live.CloseTimeout {
			t.Errorf("a peer that does not read: ended after %v, want %v", held, live.CloseTimeout)
		}
	})
}

func TestShutdown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := live.New(live.Limits{})
		p, slow := connect(t, h, open), connect(t, h, open)
		p.subscribe("u", "c")
		slow.subscribe("u", "c")
		p.taken()
		slow.taken()
		release := slow.hold()
		publish(t, h, "c", "1")
		publish(t, h, "c", "2")
		start := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := h.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("shutdown with a slow listener: %v", err)
		}
		if held := time.Since(start); held != time.Second {
			t.Errorf("shutdown took %v, want a second", held)
		}
		p.closedWith(live.CloseRestart)
		p.expect("c/l 1 #1", "c/l 2 #2", "restart")
		if receipt, err := h.Publish(live.Message{Channel: "c"}); err != nil || receipt.Sequence != 3 || receipt.Listeners != 0 {
			t.Errorf("publish after the listeners were sent away: %+v, %v", receipt, err)
		}
		if _, err := h.Join(open, p); !errors.Is(err, live.ErrClosed) {
			t.Errorf("join: %v", err)
		}
		slow.subscribe("v", "d")
		release()
		if err := h.Shutdown(t.Context()); err != nil {
			t.Errorf("shutdown again: %v", err)
		}
		slow.closedWith(live.CloseRestart)
		slow.expect("c/l 1 #1", "c/l 2 #2", "restart")
		if err := h.Shutdown(t.Context()); err != nil {
			t.Errorf("shutdown once more: %v", err)
		}
	})
}

func TestRestartIsSpread(t *testing.T) {
	inBubble(t, live.Limits{}, func(t *testing.T, h *live.Hub) {
		var peers []*peer
		for range 50 {
			peers = append(peers, connect(t, h, open))
		}
		if err := h.Shutdown(t.Context()); err != nil {
			t.Fatal(err)
		}
		seen := map[int]bool{}
		for _, p := range peers {
			f := p.taken()[0]
			if f.Type != "pipe.restart" || f.After < 0 || f.After > 2000 {
				t.Fatalf("got %+v", f)
			}
			seen[f.After] = true
		}
		if len(seen) < 25 {
			t.Errorf("50 listeners come back at %d times", len(seen))
		}
	})
}

func channelNames(h *live.Hub) string {
	var names []string
	for _, info := range h.Channels() {
		names = append(names, info.Name)
	}
	return strings.Join(names, " ")
}

func TestChannelsBound(t *testing.T) {
	inBubble(t, live.Limits{Channels: 3}, func(t *testing.T, h *live.Hub) {
		names := func() string { return channelNames(h) }
		p := connect(t, h, open)
		p.subscribe("1", "heard")
		epoch := publish(t, h, "a", "1").Epoch
		publish(t, h, "b", "1")
		publish(t, h, "a", "2")
		publish(t, h, "c", "1") // b is unused for longest
		if got := names(); got != "a c heard" {
			t.Errorf("channels: %s", got)
		}
		p.subscribe("2", "a")
		p.subscribe("3", "d") // c goes
		if got := names(); got != "a d heard" {
			t.Errorf("channels: %s", got)
		}
		if _, err := h.Publish(live.Message{Channel: "e"}); !errors.Is(err, live.ErrFull) {
			t.Errorf("all are heard: %v", err)
		}
		p.subscribe("4", "e")
		p.receive(`{"type":"unsubscribe","uid":"2"}`)
		publish(t, h, "e", "1")
		if got := names(); got != "d e heard" {
			t.Errorf("channels: %s", got)
		}
		p.receive(`{"type":"unsubscribe","uid":"3"}`)
		p.taken()
		p.resume("a", epoch, 2) // which is another a
		p.expect("gap a 0")
	})
	inBubble(t, live.Limits{Channels: 3}, func(t *testing.T, h *live.Hub) {
		names := func() string { return channelNames(h) }
		retain(t, h, "kept", "1")
		retain(t, h, "dropped", "1")
		publish(t, h, "dropped", "2") // and retains nothing any more
		publish(t, h, "plain", "1")
		retain(t, h, "late", "1")
		if got := names(); got != "kept late plain" {
			t.Errorf("channels: %s", got)
		}
		retain(t, h, "later", "1")
		if got := names(); got != "kept late later" {
			t.Errorf("channels: %s", got)
		}
		publish(t, h, "plain", "2") // there are only retained values left
		if got := names(); got != "late later plain" {
			t.Errorf("channels: %s", got)
		}
		p := connect(t, h, open)
		p.subscribe("1", "late")
		p.subscribe("2", "new")
		p.expect("late/l 1 #1", "subscribed late 1", "subscribed new 0")
		if got := names(); got != "late later new" {
			t.Errorf("channels: %s", got)
		}
	})
}

// Where the memory does not suffice, what is missed is forgotten first, and
// retained values only when they alone are too many.
func TestMemoryBoundKeepsRetained(t *testing.T) {
	const limit = 20_000
	large := `"` + strings.Repeat("x", 1000) + `"`
	inBubble(t, live.Limits{Memory: limit}, func(t *testing.T, h *live.Hub) {
		p := connect(t, h, open)
		p.subscribe("u", "heard")
		epoch := retain(t, h, "heard", "1").Epoch
		retain(t, h, "kept", "2")
		for i := range 100 {
			publish(t, h, fmt.Sprint("c", i%30), large)
		}
		q := connect(t, h, open)
		q.subscribe("u", "heard")
		q.subscribe("v", "kept")
		q.expect("heard/l 1 #1", "subscribed heard 1", "kept/l 2 #1", "subscribed kept 1")
		r := connect(t, h, open)
		r.resume("heard", epoch, 0)
		r.expect("heard/l 1 #1", "gap heard 1") // its ring has gone

		for i := range 100 {
			retain(t, h, fmt.Sprint("d", i), large)
			if _, _, bytes, _ := h.Held(); bytes > limit {
				t.Fatalf("the hub holds %d bytes", bytes)
			}
		}
		s := connect(t, h, open)
		s.subscribe("u", "heard")
		s.subscribe("v", "d0")
		s.subscribe("w", "d99")
		s.expect("subscribed heard 1", "subscribed d0 0", "d99/l "+large+" #1", "subscribed d99 1")
	})
}

func TestMemoryBound(t *testing.T) {
	const limit = 20_000
	large := `"` + strings.Repeat("x", 1000) + `"`
	inBubble(t, live.Limits{Memory: limit}, func(t *testing.T, h *live.Hub) {
		p := connect(t, h, open)
		p.subscribe("u", "heard")
		epoch := publish(t, h, "heard", large).Epoch
		for i := range 100 {
			send(t, h, live.Message{Channel: fmt.Sprint("c", i), Value: json.RawMessage(large), Retain: i%2 == 0})
			if _, _, bytes, _ := h.Held(); bytes > limit {
				t.Fatalf("the hub holds %d bytes", bytes)
			}
		}
		if n := len(h.Channels()); n < 5 || n > 20 {
			t.Errorf("%d channels remain", n)
		}
		publish(t, h, "heard", "2") // it goes on, and remembers from there
		q := connect(t, h, open)
		q.resume("heard", epoch, 0)
		q.expect("gap heard 1", "heard/l 2 #2")
	})
}

func TestChannels(t *testing.T) {
	inBubble(t, live.Limits{}, func(t *testing.T, h *live.Hub) {
		p := connect(t, h, open)
		p.subscribe("1", "b")
		p.subscribe("2", "b")
		time.Sleep(time.Second)
		for i := range 20 {
			send(t, h, live.Message{Channel: "a", Label: "x", Value: json.RawMessage(fmt.Sprintf(`{"n": %d}`, i))})
		}
		infos := h.Channels()
		if len(infos) != 2 {
			t.Fatalf("got %+v", infos)
		}
		a, b := infos[0], infos[1]
		if a.Name != "a" || a.Listeners != 0 || a.Sequence != 20 || a.Rate != 2 || a.Label != "x" || string(a.Value) != `{"n":19}` || !a.Used.Equal(time.Now()) {
			t.Errorf("a: %+v %s", a, a.Value)
		}
		if b.Name != "b" || b.Listeners != 1 || b.Sequence != 0 || b.Rate != 0 || b.Value != nil || !b.Used.Equal(time.Now().Add(-time.Second)) {
			t.Errorf("b: %+v", b)
		}
	})
}

func TestRate(t *testing.T) {
	start := time.Unix(1_000_000_000, 0)
	at := func(seconds float64) time.Time { return start.Add(time.Duration(seconds * float64(time.Second))) }
	every := func(from, to float64) (times []time.Time) {
		for s := from; s < to; s += 0.1 {
			times = append(times, at(s))
		}
		return times
	}
	for _, test := range []struct {
		name     string
		now      float64
		messages []time.Time
		want     float64
	}{
		{"nothing", 5, nil, 0},
		{"steady, at the end of a window", 19.99, every(0, 19.95), 10},
		{"steady, in the middle", 15, every(0, 14.95), 10},
		{"stopped", 15, every(0, 9.95), 5},
		{"long ago", 35, every(0, 9.95), 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := live.RateOf(at(test.now), test.messages...)
			if got < test.want-0.1 || got > test.want+0.1 {
				t.Errorf("got %.2f, want %.2f", got, test.want)
			}
		})
	}
}

func TestSnapshot(t *testing.T) {
	deep := strings.Repeat("[", 9_000) + strings.Repeat("]", 9_000)
	before := live.New(live.Limits{})
	first := publish(t, before, "c", "1")
	send(t, before, live.Message{Channel: "c", Label: "kept", Value: json.RawMessage(`"<&>"`), Retain: true})
	publish(t, before, "c", "3")
	publish(t, before, "deep", deep)
	if err := before.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	text, err := before.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	inBubble(t, live.Limits{}, func(t *testing.T, h *live.Hub) {
		if err := h.Restore(text); err != nil {
			t.Fatal(err)
		}
		if again, err := h.Snapshot(); err != nil || string(again) != string(text) {
			t.Errorf("a snapshot of what was restored differs (%v)", err)
		}
		next := publish(t, h, "c", "4")
		if next.Epoch != first.Epoch || next.Sequence != 4 {
			t.Errorf("the next message: %+v", next)
		}
		p := connect(t, h, open)
		p.resume("c", first.Epoch, 1)
		p.expect("subscribed c 1", `c/kept "<&>" #2`, "c/l 3 #3", "c/l 4 #4")
		q := connect(t, h, open)
		q.subscribe("u", "c")
		q.expect(`c/kept "<&>" #2`, "subscribed c 4")
		if err := h.Restore(text); err == nil {
			t.Error("a hub in use was restored")
		}
	})
	inBubble(t, live.Limits{Channels: 1, Message: 10}, func(t *testing.T, h *live.Hub) {
		if err := h.Restore(text); err != nil {
			t.Fatal(err)
		}
		if infos := h.Channels(); len(infos) != 1 || infos[0].Name != "deep" || string(infos[0].Value) != deep {
			t.Errorf("with lower limits: %d channels", len(infos))
		}
	})
	inBubble(t, live.Limits{Channels: 2}, func(t *testing.T, h *live.Hub) {
		if err := h.Restore(text); err != nil {
			t.Fatal(err)
		}
		publish(t, h, "new", "1")
		if got := channelNames(h); got != "c new" { // c has a retained value
			t.Errorf("channels: %s", got)
		}
	})
	inBubble(t, live.Limits{Memory: 1000}, func(t *testing.T, h *live.Hub) {
		if err := h.Restore(text); err != nil {
			t.Fatal(err)
		}
		if _, _, bytes, _ := h.Held(); bytes > 1000 {
			t.Errorf("the hub holds %d bytes", bytes)
		}
	})
	inBubble(t, live.Limits{Ring: 1}, func(t *testing.T, h *live.Hub) {
		if err := h.Restore(text); err != nil {
			t.Fatal(err)
		}
		p := connect(t, h, open)
		p.resume("c", first.Epoch, 1)
		p.expect(`c/kept "<&>" #2`, "gap c 2", "c/l 3 #3")
	})
}

func TestSnapshotThatMakesNoSense(t *testing.T) {
	for name, text := range map[string]string{
		"no JSON":       `{`,
		"bad channel":   `{"channels":[{"name":"a b","epoch":"e","seq":1}]}`,
		"no epoch":      `{"channels":[{"name":"c","seq":1}]}`,
		"twice":         `{"channels":[{"name":"c","epoch":"e","seq":1},{"name":"c","epoch":"e","seq":1}]}`,
		"hole":          `{"channels":[{"name":"c","epoch":"e","seq":3,"ring":[{"seq":1,"value":"1"},{"seq":3,"value":"1"}]}]}`,
		"ring is short": `{"channels":[{"name":"c","epoch":"e","seq":3,"ring":[{"seq":1,"value":"1"}]}]}`,
		"from zero":     `{"channels":[{"name":"c","epoch":"e","seq":0,"ring":[{"seq":0,"value":"1"}]}]}`,
		"bad value":     `{"channels":[{"name":"c","epoch":"e","seq":1,"ring":[{"seq":1,"value":"x"}]}]}`,
		"retained late": `{"channels":[{"name":"c","epoch":"e","seq":1,"retained":[{"seq":2,"value":"1"}]}]}`,
		"retained back": `{"channels":[{"name":"c","epoch":"e","seq":2,"retained":[{"seq":2,"value":"1"},{"seq":1,"value":"1"}]}]}`,
	} {
		t.Run(name, func(t *testing.T) {
			h := live.New(live.Limits{})
			if err := h.Restore([]byte(text)); err == nil {
				t.Error("it was restored")
			}
			if infos := h.Channels(); len(infos) != 0 {
				t.Errorf("channels: %v", infos)
			}
		})
	}
}

// All that may happen at once happens at once, for the race detector; and the
// hub is empty in the end.
func TestRaces(t *testing.T) {
	inBubble(t, live.Limits{Ring: 20, Queue: 50, Channels: 4}, func(t *testing.T, h *live.Hub) {
		var all sync.WaitGroup
		channels := []string{"a", "b", "c", "d", "e"}
		for i := range 8 {
			all.Go(func() {
				for j := range 100 {
					_, err := h.Publish(live.Message{Channel: channels[(i+j)%5], Retain: j%7 == 0})
					if err != nil && !errors.Is(err, live.ErrClosed) && !errors.Is(err, live.ErrFull) {
						t.Error(err)
					}
				}
			})
			all.Go(func() {
				for j := range 20 {
					client := live.Client{User: fmt.Sprint(i), Session: fmt.Sprint(i, j%3), Listen: open.Listen, Publish: func(m live.Message) error {
						_, err := h.Publish(m)
						return err
					}}
					p := &peer{t: t, ended: make(chan struct{})}
					l, err := h.Join(client, p)
					if err != nil {
						continue
					}
					for k, channel := range channels {
						l.Receive(fmt.Sprintf(`{"type":"connection_triplet","uid":"%d","channel_name":%q,"label":"l","epoch":"e"}`, k%3, channel))
						l.Receive(`{"channel_name":"a","value":1}`)
						l.Receive(`{"type":"unsubscribe","uid":"1"}`)
					}
					if j%2 == 0 {
						p.Cut()
					} else {
						h.CloseUser(fmt.Sprint(i))
						<-p.ended
					}
					l.Leave()
				}
			})
			all.Go(func() {
				for j := range 20 {
					h.CloseSession(fmt.Sprint(i, j%3))
					h.Channels()
					if _, err := h.Snapshot(); err != nil {
						t.Error(err)
					}
				}
				if i == 7 {
					if err := h.Shutdown(context.Background()); err != nil {
						t.Error(err)
					}
				}
			})
		}
		all.Wait()
	})
}

func TestSubscribeRefusals(t *testing.T) {
	inBubble(t, live.Limits{}, func(t *testing.T, h *live.Hub) {
		p := connect(t, h, live.Client{})
		p.subscribe("u", "c")
		p.receive(`{"channel_name":"c","value":1}`)
		p.receive(`{"type":"ping"}`)
		p.expect("refused c", "refused c", "pong")
		var asked []live.Message
		q := connect(t, h, live.Client{Publish: func(m live.Message) error {
			asked = append(asked, m)
			if m.Channel == "no" {
				return errors.New("no")
			}
			_, err := h.Publish(m)
			return err
		}})
		q.receive(`{"channel_name":"no"}`)
		q.receive(`{"type":"anything","channel_name":"yes","label":"l","value":{"a":null}}`)
		q.receive(`{}`)
		q.expect("refused no")
		want := []live.Message{
			{Channel: "no", Label: "DEFAULT$LABEL"},
			{Channel: "yes", Label: "l", Value: json.RawMessage(`{"a":null}`)},
			{Channel: "UNNAMED_CHANNEL", Label: "DEFAULT$LABEL"},
		}
		if !slices.EqualFunc(asked, want, func(a, b live.Message) bool { return fmt.Sprint(a) == fmt.Sprint(b) }) {
			t.Errorf("asked to publish %v\nwant %v", asked, want)
		}
	})
}
