package live_test

import (
	"testing"
	"unicode/utf8"

	"dashd/live"
)

// FuzzReceive: whatever a client sends, the hub does not panic, and sends
// nothing but JSON that is not much longer.
func FuzzReceive(f *testing.F) {
	for _, seed := range []string{
		`{"type":"connection_triplet","uid":"u","channel_name":"c","label":"l","epoch":"e","seq":1}`,
		`{"type":"connection_triplet","uid":"v","channel_name":"c","label":"l"}`,
		`{"type":"unsubscribe","uid":"u"}`,
		`{"type":"ping"}`,
		`{"channel_name":"c","label":"l","value":{"a":[1e999,"\ud800"]}}`,
		`{}`, `[]`, `null`, `{"type":1}`, "{\"label\":\"\xff\"}", `{"seq":18446744073709551616}`,
	} {
		f.Add(seed, seed)
	}
	f.Fuzz(func(t *testing.T, first, second string) {
		h := live.New(live.Limits{Ring: 3, Retained: 2, Subscriptions: 3})
		p := &peer{t: t, ended: make(chan struct{})}
		l, err := h.Join(publisher(h), p)
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range []string{`{"type":"connection_triplet","uid":"u","channel_name":"c","label":"l"}`, first, second} {
			if code := l.Receive(text); code != 0 && code != live.CloseWrong {
				t.Errorf("%q: code %d", text, code)
			} else if code == 0 && !utf8.ValidString(text) {
				t.Errorf("%q was taken", text)
			}
		}
		l.Leave()
		if n := len(h.Channels()); n > 3 {
			t.Errorf("%d channels", n)
		}
		if bytes := h.Remembered(); bytes > 2*(len(first)+len(second))+1000 {
			t.Errorf("%d bytes are remembered", bytes)
		}
		text, err := h.Snapshot()
		if err != nil {
			t.Fatal(err)
		}
		if err := live.New(live.Limits{}).Restore(text); err != nil {
			t.Errorf("restore %s: %v", text, err)
		}
	})
}
