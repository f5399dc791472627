package store_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"dashd/app"
	"dashd/store"
)

var _ app.Visitor = (*store.Session)(nil)

// sessionOf returns the session of a token as a request finds it, or nil.
func sessionOf(t *testing.T, s *store.Store, token string) *store.Session {
	t.Helper()
	session, ok, err := s.Session(t.Context(), token)
	must(t, err)
	if ok != (session != nil) {
		t.Fatalf("ok is %t with session %v", ok, session)
	}
	return session
}

// signIn starts a session.
func signIn(t *testing.T, s *store.Store, user string, old *store.Session) *store.Session {
	t.Helper()
	session, err := s.StartSession(t.Context(), old, user, "Firefox", "192.0.2.1")
	must(t, err)
	return session
}

func set(t *testing.T, session *store.Session, key string, value any) {
	t.Helper()
	must(t, app.NewSession(t.Context(), session).Set(key, value))
}

func get(t *testing.T, session *store.Session, key string) (value string) {
	t.Helper()
	_, err := app.NewSession(t.Context(), session).Get(key, &value)
	must(t, err)
	return value
}

func TestSessionWithoutRow(t *testing.T) {
	s, _ := openUsers(t)
	session := s.NewSession()
	if found := sessionOf(t, s, session.Token()); found == nil || found.User() != nil {
		t.Fatalf("the new session is %v", found)
	}
	infos, err := s.Sessions(t.Context(), "")
	if err != nil || len(infos) != 0 {
		t.Errorf("a session without values has a row: %v, %v", infos, err)
	}
	set(t, session, "k", "v")
	infos, err = s.Sessions(t.Context(), "")
	if err != nil || len(infos) != 1 || infos[0].ID != session.ID() || infos[0].Values != 1 {
		t.Errorf("sessions: %+v, %v", infos, err)
	}
	if got := get(t, sessionOf(t, s, session.Token()), "k"); got != "v" {
		t.Errorf("value %q", got)
	}
}

func TestForgedTokens(t *testing.T) {
	s, c := openUsers(t)
	good := signIn(t, s, "ann", nil).Token()
	raw, err := base64.RawURLEncoding.DecodeString(good)
	must(t, err)
	other := openTimed(t, "", c) // with another secret
	tokens := map[string]string{
		"empty":        "",
		"truncated":    good[:len(good)-1],
		"longer":       good + "A",
		"line break":   good[:10] + "\n" + good[11:],
		"not base64":   good[:10] + "*" + good[11:],
		"of elsewhere": other.NewSession().Token(),
		"zeros":        strings.Repeat("A", len(good)),
		"line breaks":  strings.Repeat("\n", len(good)),
	}
	for i := range raw {
		raw[i] ^= 1
		tokens[fmt.Sprintf("byte %d", i)] = base64.RawURLEncoding.EncodeToString(raw)
		raw[i] ^= 1
	}
	for name, token := range tokens {
		if sessionOf(t, s, token) != nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if sessionOf(t, s, good) == nil {
		t.Error("the good token is refused")
	}
}

func TestSignInRenewsSession(t *testing.T) {
	s, _ := openUsers(t)
	before := s.NewSession()
	set(t, before, "cart", "apples")
	arguments := app.BaseState{"a": {"value": json.RawMessage("1")}}
	id, err := s.AddInitial(t.Context(), "app/a", before.Hash(), arguments, time.Hour)
	must(t, err)
	after := signIn(t, s, "Ann", before)
	if after.Token() == before.Token() {
		t.Error("the token stays")
	}
	found := sessionOf(t, s, after.Token())
	if found == nil || found.User().String() != "ann" || after.User().String() != "ann" {
		t.Fatalf("the new session is %v", found)
	}
	if got := get(t, found, "cart"); got != "apples" {
		t.Errorf("the value is %q", got)
	}
	if got, err := s.Initial(t.Context(), id, "app/a", after.Hash()); err != nil || !cmp.Equal(arguments, got) {
		t.Errorf("the initial arguments are %v, %v", got, err)
	}
	if old := sessionOf(t, s, before.Token()); old != nil && (old.User() != nil || get(t, old, "cart") != "") {
		t.Error("the old token still opens the session")
	}
	if infos, err := s.Sessions(t.Context(), ""); err != nil || len(infos) != 1 {
		t.Errorf("sessions: %+v, %v", infos, err)
	}

	again := signIn(t, s, "ann", after)
	if sessionOf(t, s, after.Token()) != nil {
		t.Error("the token from before the second sign-in is accepted")
	}
	if got := get(t, again, "cart"); got != "apples" {
		t.Errorf("the value of the same user is %q", got)
	}
	other := signIn(t, s, "root", again)
	if got := get(t, other, "cart"); got != "" {
		t.Errorf("another user finds the value %q", got)
	}
	if sessionOf(t, s, again.Token()) != nil {
		t.Error("the token of the user before is accepted")
	}
	if _, err := s.Initial(t.Context(), id, "app/a", other.Hash()); err == nil {
		t.Error("another user finds the initial arguments")
	}
	_, err = s.StartSession(t.Context(), nil, "nobody", "", "")
	wantCode(t, err, app.NotFound)
}

func TestSessionExpiry(t *testing.T) {
	const day = 24 * time.Hour
	s, c := openUsers(t)
	empty, full, user := s.NewSession(), s.NewSession(), signIn(t, s, "ann", nil)
	set(t, full, "k", "v")
	check := func(when string, wantEmpty, wantFull, wantUser bool) {
		t.Helper()
		for range 2 { // from the cache, and, after a sweep, from the database
			if got := sessionOf(t, s, empty.Token()) != nil; got != wantEmpty {
				t.Errorf("%s: without a row: %t", when, got)
			}
			if got := sessionOf(t, s, full.Token()) != nil; got != wantFull {
				t.Errorf("%s: with a value: %t", when, got)
			}
			if got := sessionOf(t, s, user.Token()) != nil; got != wantUser {
				t.Errorf("%s: signed in: %t", when, got)
			}
			must(t, s.Sweep(t.Context()))
		}
	}
	check("new", true, true, true)
	c.pass(day + time.Second)
	check("after a day", false, true, true)
	c.pass(13 * day)
	if sessionOf(t, s, user.Token()) == nil {
		t.Error("signed in: false when it has been idle for 13 days")
	}
	c.pass(day + time.Second)
	check("one idle for more than 14 days", false, false, true)
	c.pass(14 * day)
	check("shortly before 30 days", false, false, true)
	c.pass(day)
	check("after 30 days", false, false, false)
	if infos, err := s.Sessions(t.Context(), ""); err != nil || len(infos) != 0 {
		t.Errorf("rows stay: %+v, %v", infos, err)
	}
}

// A value in time makes that an anonymous session outlives its day, also for
// who has found it without a row before.
func TestFirstValueKeepsSession(t *testing.T) {
	s, c := openUsers(t)
	token := s.NewSession().Token()
	set(t, sessionOf(t, s, token), "k", "v")
	c.pass(48 * time.Hour)
	if sessionOf(t, s, token) == nil {
		t.Error("the session has ended")
	}
}

func TestEndSession(t *testing.T) {
	ways := map[string]func(s *store.Store, session *store.Session) error{
		"sign out":        func(s *store.Store, v *store.Session) error { return s.EndSession(t.Context(), v) },
		"everywhere":      func(s *store.Store, _ *store.Session) error { return s.EndSessions(t.Context(), "ANN", nil) },
		"by id":           func(s *store.Store, v *store.Session) error { return s.EndSessionByID(t.Context(), v.ID()) },
		"new password":    func(s *store.Store, _ *store.Session) error { return s.SetPassword(t.Context(), "ann", password, nil) },
		"deleted account": func(s *store.Store, _ *store.Session) error { return s.DeleteUser(t.Context(), "Ann") },
	}
	for name, end := range ways {
		t.Run(name, func(t *testing.T) {
			s, _ := openUsers(t)
			type ending struct{ session, user string }
			ended := map[ending]int{}
			s.OnSessionEnd = func(session []byte, user string) { ended[ending{string(session), user}]++ }
			session := signIn(t, s, "ann", nil)
			root := signIn(t, s, "root", nil)
			set(t, session, "k", "v")
			must(t, end(s, sessionOf(t, s, session.Token())))
			if sessionOf(t, s, session.Token()) != nil {
				t.Error("the token is accepted")
			}
			if sessionOf(t, s, root.Token()) == nil {
				t.Error("another user is signed out")
			}
			if ended[ending{string(session.Hash()), "ann"}] != 1 || ended[ending{string(root.Hash()), "root"}] != 0 {
				t.Errorf("told: %v", ended)
			}
			wantCode(t, app.NewSession(t.Context(), session).Set("k", "w"), app.Unauthorized)
		})
	}
}

func TestKeepSession(t *testing.T) {
	s, _ := openUsers(t)
	here, there, last := signIn(t, s, "ann", nil), signIn(t, s, "ann", nil), signIn(t, s, "ann", nil)
	must(t, s.EndSessions(t.Context(), "ann", last.Hash()))
	if sessionOf(t, s, here.Token()) != nil || sessionOf(t, s, there.Token()) != nil || sessionOf(t, s, last.Token()) == nil {
		t.Error("the wrong sessions ended")
	}
	must(t, s.SetPassword(t.Context(), "ann", password, last.Hash()))
	if sessionOf(t, s, last.Token()) == nil {
		t.Error("the session that sets a password ended")
	}
	wantCode(t, s.EndSessionByID(t.Context(), "xyz"), app.NotFound)
	wantCode(t, s.EndSessionByID(t.Context(), here.ID()), app.NotFound)
}

func TestRightsInSession(t *testing.T) {
	s, _ := openUsers(t)
	var changed []string
	s.OnSessionEnd = func(session []byte, user string) {
		if session == nil {
			changed = append(changed, user)
		}
	}
	token := signIn(t, s, "ann", nil).Token()
	user := func() app.User { return *sessionOf(t, s, token).User() }
	want := app.User{Name: "ann"}
	check := func(step string) {
		t.Helper()
		if diff := cmp.Diff(want, user()); diff != "" {
			t.Errorf("%s: %s", step, diff)
		}
	}
	check("at first")
	must(t, s.AddGroup(t.Context(), "staff"))
	must(t, s.AddMember(t.Context(), "staff", "ann"))
	want.Groups = []string{"staff"}
	check("member")
	must(t, s.SetSuperuser(t.Context(), "ann", true))
	want.Superuser = true
	check("superuser")
	must(t, s.DeleteGroup(t.Context(), "staff"))
	want.Groups = nil
	check("group deleted")
	if diff := cmp.Diff([]string{"ann", "ann", "ann"}, changed); diff != "" {
		t.Error(diff)
	}
}

func TestSessions(t *testing.T) {
	s, c := openUsers(t)
	created := c.Now()
	session := signIn(t, s, "ann", nil)
	set(t, session, "k", "v")
	c.pass(time.Minute)
	_, err := s.StartSession(t.Context(), nil, "root", strings.Repeat("ä", 150), "")
	must(t, err)
	infos, err := s.Sessions(t.Context(), "ANN")
	must(t, err)
	want := []store.SessionInfo{{ID: session.ID(), User: "ann", Agent: "Firefox", Address: "192.0.2.1", Created: created, Seen: created, Values: 1}}
	if diff := cmp.Diff(want, infos); diff != "" {
		t.Error(diff)
	}
	infos, err = s.Sessions(t.Context(), "")
	if err != nil || len(infos) != 2 || infos[0].User != "root" || infos[0].Agent != strings.Repeat("ä", 100) {
		t.Errorf("all: %+v, %v", infos, err)
	}
}

func TestSessionLimits(t *testing.T) {
	s, _ := openUsers(t)
	values := app.NewSession(t.Context(), s.NewSession())
	text := func(size int) string { return strings.Repeat("x", size-2) } // and quotes
	wantCode(t, values.Set("k", text(64<<10+1)), app.TooLarge)
	for i := range 3 {
		must(t, values.Set(fmt.Sprint(i), text(64<<10)))
	}
	wantCode(t, values.Set("k", text(64<<10)), app.TooLarge) // the keys count
	must(t, values.Set("k", text(64<<10-4)))
	must(t, values.Set("k", text(64<<10-5))) // in its own place
	wantCode(t, values.App("other").Set("l", 1), app.TooLarge)
	must(t, values.Delete("k"))
	must(t, values.App("other").Set("l", 1))

	values = app.NewSession(t.Context(), s.NewSession())
	for i := range 200 {
		must(t, values.Set(fmt.Sprint(i), i))
	}
	wantCode(t, values.Set("one more", 1), app.TooLarge)
	must(t, values.Set("0", 1))
}

func TestSwapSessionValue(t *testing.T) {
	s, _ := openUsers(t)
	session := s.NewSession()
	one, two := json.RawMessage("1"), json.RawMessage("2")
	steps := []struct {
		name             string
		old, replacement json.RawMessage
		want             bool
	}{
		{"missing, wanted", one, two, false},
		{"missing, removed", nil, nil, true},
		{"missing", nil, one, true},
		{"there, not wanted", nil, two, false},
		{"there, another wanted", two, one, false},
		{"there", one, two, true},
		{"removed", two, nil, true},
		{"removed before", two, one, false},
	}
	for _, step := range steps {
		got, err := session.SwapSessionValue(t.Context(), "app:a", "k", step.old, step.replacement)
		if err != nil || got != step.want {
			t.Errorf("%s: %t, %v", step.name, got, err)
		}
	}
	set(t, session, "k", "shared")
	must(t, app.NewSession(t.Context(), session).App("a").Set("k", "own"))
	if got := get(t, session, "k"); got != "shared" {
		t.Errorf("scopes mix: %q", got)
	}
}

// Two requests of one session count together, and no step is lost.
func TestParallelSessionValues(t *testing.T) {
	const rounds = 1000
	s := openTimed(t, filepath.Join(t.TempDir(), "dashd.db"), newClock())
	token := s.NewSession().Token()
	var wg sync.WaitGroup
	for range 2 {
		session := sessionOf(t, s, token)
		wg.Go(func() {
			for range rounds {
				if _, err := app.NewSession(t.Context(), session).Add("n", 1); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	var n int
	_, err := app.NewSession(t.Context(), sessionOf(t, s, token)).Get("n", &n)
	if err != nil || n != 2*rounds {
		t.Errorf("counted %d, %v", n, err)
	}
}

// A server that starts again knows the tokens.
func TestSessionSurvivesRestart(t *testing.T) {
	path, c := filepath.Join(t.TempDir(), "dashd.db"), newClock()
	s := openTimed(t, path, c)
	must(t, s.AddUser(t.Context(), "ann", password, false))
	session, empty := signIn(t, s, "ann", nil), s.NewSession()
	c.pass(time.Hour)
	sessionOf(t, s, session.Token())
	must(t, s.Close())
	s = openTimed(t, path, c)
	if sessionOf(t, s, session.Token()) == nil || sessionOf(t, s, empty.Token()) == nil {
		t.Error("the sessions are gone")
	}
	if infos, err := s.Sessions(t.Context(), "ann"); err != nil || len(infos) != 1 || !infos[0].Seen.Equal(c.Now()) {
		t.Errorf("Close does not save the last use: %+v, %v", infos, err)
	}
}

func TestSessionErrors(t *testing.T) {
	s, _ := openUsers(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := s.Session(ctx, s.NewSession().Token()); err == nil {
		t.Error("a session is read for a visitor who has left")
	}
}
