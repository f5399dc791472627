package store_test

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"dashd/app"
	"dashd/store"
)

// TestRetained holds that the newest value of a channel and label is kept until
// it is forgotten.
func TestRetained(t *testing.T) {
	s := openAt(t, filepath.Join(t.TempDir(), "dashd.db"))
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(s.Retain(t.Context(), store.Retained{Channel: "a", Label: "x", Value: []byte("1")}))
	must(s.Retain(t.Context(), store.Retained{Channel: "a", Label: "y", Value: []byte("2")}))
	must(s.Retain(t.Context(), store.Retained{Channel: "a", Label: "x", Value: []byte("3")}))
	must(s.Forget(t.Context(), "a", "y"))
	must(s.Retain(t.Context(), store.Retained{Channel: "a", Label: "z"}))
	got, err := s.Retained(t.Context())
	must(err)
	want := []store.Retained{{Channel: "a", Label: "x", Value: []byte("3")}, {Channel: "a", Label: "z", Value: []byte("null")}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("retained values differ (-want +got):\n%s", diff)
	}
}

// TestRetainedIsBounded holds that the newest values stay, of each channel and of
// all, also of what came before there were limits.
func TestRetainedIsBounded(t *testing.T) {
	clock := newClock()
	path := filepath.Join(t.TempDir(), "dashd.db")
	s := openTimed(t, path, clock)
	retain := func(channel string, label, size int) {
		t.Helper()
		value := []byte(strings.Repeat("1", size))
		must(t, s.Retain(t.Context(), store.Retained{Channel: channel, Label: fmt.Sprint(label), Value: value}))
	}
	kept := func() string {
		t.Helper()
		all, err := s.Retained(t.Context())
		must(t, err)
		var names []string
		for _, r := range all {
			names = append(names, r.Channel+r.Label)
		}
		return strings.Join(names, " ")
	}
	rows := func() (n int) {
		t.Helper()
		must(t, openRaw(t, path).QueryRow(`SELECT count(*) FROM retained`).Scan(&n))
		return n
	}
	for n := range 5 {
		retain("a", n, 1)
		retain("b", n, 1)
	}
	s.BoundRetained(store.RetainLimits{Labels: 3, ChannelBytes: 5000, Bytes: 16_000})
	if got := kept(); got != "a2 b2 a3 b3 a4 b4" {
		t.Errorf("of what was there, there is %s", got)
	}
	must(t, s.Close())

	s = openTimed(t, path, clock)
	s.BoundRetained(store.RetainLimits{Labels: 3, ChannelBytes: 5000, Bytes: 16_000})
	clock.pass(-time.Hour) // the newest are told by more than the clock
	for n := range 5 {
		retain("a", 2+n, 1)
	}
	if got := kept(); got != "b2 b3 b4 a4 a5 a6" || rows() != 6 {
		t.Errorf("by labels, there is %s in %d rows", got, rows())
	}
	retain("a", 7, 3000)
	retain("a", 8, 2000)
	if got := kept(); got != "b2 b3 b4 a8" {
		t.Errorf("by the bytes of a channel, there is %s", got)
	}
	for n := range 40 {
		retain(fmt.Sprint("c", n%20, "."), 0, 1000)
	}
	if got := kept(); strings.Count(got, "c") != 14 || strings.Contains(got, "a") || !strings.HasSuffix(got, "c19.0") {
		t.Errorf("by the bytes of all, there is %s", got)
	}
	if n := rows(); n > 16 { // a part of the bytes may come on top
		t.Errorf("%d rows", n)
	}
}

// TestRetainInTurn holds that the value that is published last is there, however
// many are published at a time, and however some writes fail.
func TestRetainInTurn(t *testing.T) {
	s := openFile(t)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	var last, published int
	var publishers sync.WaitGroup
	for n := range 16 {
		publishers.Go(func() {
			for range 50 {
				ctx, fails := t.Context(), n == 0
				if fails {
					ctx = ended
				}
				err := s.RetainInTurn(ctx, func() *store.RetainedChange {
					if fails {
						return &store.RetainedChange{Retained: store.Retained{Channel: "other", Label: "l", Value: []byte("0")}}
					}
					published++ // one at a time, says the race detector
					last = published
					return &store.RetainedChange{
						Retained: store.Retained{Channel: "room", Label: "l", Value: fmt.Appendf(nil, "%d", last)},
						Forget:   last%3 == 1,
					}
				})
				if (err != nil) != fails {
					t.Error(err)
				}
			}
		})
	}
	publishers.Wait()
	if last%3 == 1 {
		t.Fatal("the last one is to be a value")
	}
	all, err := s.Retained(t.Context())
	must(t, err)
	all = slices.DeleteFunc(all, func(r store.Retained) bool { return r.Channel == "other" }) // another's write may have taken it along
	if len(all) != 1 || string(all[0].Value) != fmt.Sprint(last) {
		t.Errorf("there is %+v, want %d", all, last)
	}
	must(t, s.RetainInTurn(t.Context(), func() *store.RetainedChange { return nil }))
}

// TestTakeChannels holds that what the channels remembered is there once.
func TestTakeChannels(t *testing.T) {
	s := openAt(t, filepath.Join(t.TempDir(), "dashd.db"))
	for _, text := range []string{"one", "two"} {
		if err := s.KeepChannels(t.Context(), []byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	for _, want := range []string{"two", ""} {
		got, err := s.TakeChannels(t.Context())
		if err != nil || string(got) != want {
			t.Errorf("channels are %q, %v, want %q", got, err, want)
		}
	}
}

// TestTokens holds what a token is for, and how long.
func TestTokens(t *testing.T) {
	clock := newClock()
	s := openTimed(t, "", clock)
	short, err := s.CreateToken(t.Context(), "sensor", []string{"room", "sensors.*"}, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	long, err := s.CreateToken(t.Context(), "", []string{"*"}, 0)
	if err != nil {
		t.Fatal(err)
	}
	token, err := s.Token(t.Context(), short)
	if err != nil {
		t.Fatal(err)
	}
	for channel, covered := range map[string]bool{"room": true, "rooms": false, "sensors.a": true, "sensors.a.b": true, "sensors": false} {
		if token.Covers(channel) != covered {
			t.Errorf("the token covers %s: %v, want %v", channel, !covered, covered)
		}
	}
	clock.pass(time.Hour)
	for text, code := range map[string]app.Code{short: app.Unauthorized, "": app.Unauthorized, long + "x": app.Unauthorized} {
		if _, err := s.Token(t.Context(), text); app.ErrorCode(err) != code {
			t.Errorf("a token that is not in force: %v", err)
		}
	}
	used, err := s.Token(t.Context(), long)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.RevokeToken(t.Context(), used.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Token(t.Context(), long); app.ErrorCode(err) != app.Unauthorized {
		t.Errorf("a revoked token: %v", err)
	}
	if err := s.RevokeToken(t.Context(), used.ID); app.ErrorCode(err) != app.NotFound {
		t.Errorf("revoke it again: %v", err)
	}
	all, err := s.Tokens(t.Context())
	if err != nil || len(all) != 1 || all[0].Name != "sensor" || all[0].Used.IsZero() {
		t.Errorf("tokens are %+v, %v", all, err)
	}
	for _, channels := range [][]string{nil, {""}, {"["}, {"a b"}} {
		if _, err := s.CreateToken(t.Context(), "", channels, 0); app.ErrorCode(err) != app.Invalid {
			t.Errorf("a token for %q: %v", channels, err)
		}
	}
}

// A token counts also when its use cannot be written, which is tried once a
// minute.
func TestTokenWhoseUseIsNotWritten(t *testing.T) {
	clock, log := newClock(), &logOf{}
	path := filepath.Join(t.TempDir(), "dashd.db")
	s := store.New(path)
	s.Now, s.Log = clock.Now, slog.New(slog.NewTextHandler(log, nil))
	must(t, s.Open(t.Context()))
	t.Cleanup(func() { must(t, s.Close()) })
	text, err := s.CreateToken(t.Context(), "sensor", []string{"*"}, 0)
	must(t, err)
	_, err = openRaw(t, path).Exec(`CREATE TRIGGER refuse BEFORE UPDATE ON tokens BEGIN SELECT RAISE(ABORT, 'no room'); END`)
	must(t, err)
	for minute := range 3 {
		for range 10 {
			if token, err := s.Token(t.Context(), text); token.Name != "sensor" || err != nil {
				t.Fatalf("the token is %+v, %v", token, err)
			}
		}
		if said := log.String(); strings.Count(said, "level=WARN") != minute+1 || strings.Count(said, "no room") != minute+1 {
			t.Errorf("in minute %d the log is:\n%s", minute, said)
		}
		clock.pass(time.Minute)
	}
	_, err = openRaw(t, path).Exec(`DROP TRIGGER refuse`)
	must(t, err)
	for range 2 {
		_, err = s.Token(t.Context(), text)
		must(t, err)
	}
	var used int64
	must(t, openRaw(t, path).QueryRow(`SELECT used FROM tokens`).Scan(&used))
	if used != clock.Now().UnixMilli() {
		t.Errorf("the token was used at %v", used)
	}
}
