package store_test

import (
	"path/filepath"
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
	got, err := s.Retained(t.Context())
	must(err)
	want := []store.Retained{{Channel: "a", Label: "x", Value: []byte("3")}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("retained values differ (-want +got):\n%s", diff)
	}
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
