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
