package store_test

import (
	"encoding/json"
	"regexp"
	"testing"
	"time"

	"dashd/app"
	"dashd/store"

	"github.com/google/go-cmp/cmp"
)

func TestInitial(t *testing.T) {
	now := newClock()
	s := openTimed(t, "", now)
	ctx := t.Context()
	ann, bob := []byte("ann"), []byte("bob")
	state := app.BaseState{
		"color":                        {"value": json.RawMessage(`"red"`), "title": json.RawMessage(`null`), "label": nil},
		app.Key("type", "a", "no", 12): {"value": json.RawMessage(`{"b":[1,2]}`)},
	}
	id, err := s.AddInitial(ctx, "app/shirts", ann, state, time.Hour)
	must(t, err)
	if !regexp.MustCompile(`^dpd-initial-args-[0-9a-f]{32}$`).MatchString(id) {
		t.Errorf("the id is %q", id)
	}
	delete(state["color"], "label") // is not set
	got, err := s.Initial(ctx, id, "app/shirts", ann)
	must(t, err)
	if diff := cmp.Diff(state, got); diff != "" {
		t.Error(diff)
	}
	for _, test := range []struct {
		name, id, target string
		session          []byte
	}{
		{"another id", id[:len(id)-1], "app/shirts", ann},
		{"another app", id, "app/hats", ann},
		{"an instance", id, "instance/shirts", ann},
		{"another session", id, "app/shirts", bob},
		{"no session", id, "app/shirts", nil},
	} {
		_, err := s.Initial(ctx, test.id, test.target, test.session)
		if app.ErrorCode(err) != app.NotFound || err.Error() != "The arguments of this page have expired; load the page that embeds it again." {
			t.Errorf("%s: %v", test.name, err)
		}
	}
	now.pass(time.Hour - time.Millisecond)
	must(t, s.Sweep(ctx))
	_, err = s.Initial(ctx, id, "app/shirts", ann)
	must(t, err)
	now.pass(time.Millisecond)
	_, err = s.Initial(ctx, id, "app/shirts", ann)
	wantCode(t, err, app.NotFound)
	must(t, s.Sweep(ctx))
	now.pass(-time.Hour)
	_, err = s.Initial(ctx, id, "app/shirts", ann)
	wantCode(t, err, app.NotFound) // it is gone

	_, err = s.AddInitial(ctx, "app/shirts", ann, app.BaseState{"a": {"constructor": nil}}, time.Hour)
	wantCode(t, err, app.Invalid)
	_, err = s.AddInitial(ctx, "app/shirts", ann, numbered(store.MaxProperties+1), time.Hour)
	wantCode(t, err, app.TooLarge)
}

// A session lasts as long as its initial arguments, but not beyond the age of
// all sessions.
func TestInitialKeepsTheSession(t *testing.T) {
	now := newClock()
	s := openTimed(t, "", now)
	s.SessionMaxAge = 72 * time.Hour
	session, other := s.NewSession(), s.NewSession()
	wantLive := func(want bool) {
		t.Helper()
		if live := sessionOf(t, s, session.Token()) != nil; live != want {
			t.Errorf("after %v the session is there: %t", now.Now().Sub(newClock().Now()), live)
		}
	}
	now.pass(23 * time.Hour)
	wantLive(true)
	id, err := s.AddInitial(t.Context(), "app/shirts", session.Hash(), nil, 24*time.Hour)
	must(t, err)
	_, err = s.AddInitial(t.Context(), "app/shirts", session.Hash(), nil, time.Hour)
	must(t, err)
	now.pass(24*time.Hour - time.Millisecond)
	must(t, s.Sweep(t.Context()))
	wantLive(true)
	_, err = s.Initial(t.Context(), id, "app/shirts", session.Hash())
	must(t, err)
	if sessionOf(t, s, other.Token()) != nil {
		t.Error("a session without arguments lasts, too")
	}
	now.pass(time.Millisecond)
	wantLive(false)
	_, err = s.AddInitial(t.Context(), "app/shirts", session.Hash(), nil, 240*time.Hour)
	must(t, err)
	wantLive(true)
	now.pass(72*time.Hour - 47*time.Hour)
	wantLive(true)
	now.pass(time.Second)
	wantLive(false)
}

func TestInitialIsBounded(t *testing.T) {
	now := newClock()
	s := openTimed(t, "", now)
	ctx := t.Context()
	other, err := s.AddInitial(ctx, "app/shirts", []byte("bob"), nil, time.Hour)
	must(t, err)
	for _, session := range []string{"all at once", "in two moments"} {
		var ids []string
		for n := range 203 {
			if n == 100 && session == "in two moments" {
				now.pass(time.Millisecond)
			}
			id, err := s.AddInitial(ctx, "app/shirts", []byte(session), nil, time.Hour)
			must(t, err)
			ids = append(ids, id)
			_, err = s.Initial(ctx, id, "app/shirts", []byte(session))
			must(t, err)
		}
		left := 0
		for n, id := range ids {
			if _, err := s.Initial(ctx, id, "app/shirts", []byte(session)); err == nil {
				left++
			} else if n >= 100 && session == "in two moments" {
				t.Errorf("number %d is gone before older ones", n)
			}
		}
		if left != 200 {
			t.Errorf("%s: %d are left", session, left)
		}
	}
	_, err = s.Initial(ctx, other, "app/shirts", []byte("bob"))
	must(t, err)
}
