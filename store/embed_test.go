package store_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"dashd/app"
	"dashd/store"
)

const embedTarget = "app/simple"

func embedToken(t *testing.T, s *store.Store, user string) string {
	t.Helper()
	token, err := s.AddEmbedToken(t.Context(), embedTarget, user, 5*time.Minute)
	must(t, err)
	return token
}

func startEmbed(t *testing.T, s *store.Store, user string) *store.Session {
	t.Helper()
	session, err := s.StartEmbed(t.Context(), embedToken(t, s, user), embedTarget, "Firefox", "192.0.2.1")
	must(t, err)
	return session
}

func wantEmbed(t *testing.T, s *store.Store, session *store.Session, want app.Code) {
	t.Helper()
	_, err := s.EmbedSession(t.Context(), session.Token(), embedTarget)
	wantCode(t, err, want)
}

func TestEmbedSession(t *testing.T) {
	s, _ := openUsers(t)
	session := startEmbed(t, s, "ann")
	if session.User() == nil || session.User().Name != "ann" {
		t.Errorf("the session is of %v", session.User())
	}
	set(t, session, "k", "v")
	found, err := s.EmbedSession(t.Context(), session.Token(), embedTarget)
	must(t, err)
	if got := get(t, found, "k"); got != "v" {
		t.Errorf("value %q", got)
	}
	if startEmbed(t, s, "").User() != nil {
		t.Error("nobody's session has a user")
	}

	_, err = s.EmbedSession(t.Context(), session.Token(), "app/other")
	wantCode(t, err, app.Unauthorized)
	if sessionOf(t, s, session.Token()) != nil {
		t.Error("the session is good for a cookie")
	}
	for _, cookie := range []*store.Session{signIn(t, s, "ann", nil), s.NewSession()} {
		for _, target := range []string{embedTarget, "app/other"} {
			_, err = s.EmbedSession(t.Context(), cookie.Token(), target)
			wantCode(t, err, app.Unauthorized)
		}
	}
}

func TestEmbedToken(t *testing.T) {
	s, c := openUsers(t)
	start := func(token, target string, want app.Code) {
		t.Helper()
		_, err := s.StartEmbed(t.Context(), token, target, "", "")
		wantCode(t, err, want)
	}
	token := embedToken(t, s, "ann")
	start(token, "app/other", app.Unauthorized)
	start("", embedTarget, app.Unauthorized)
	start(strings.ToLower(token), embedTarget, app.Unauthorized)
	start(token, embedTarget, "")
	start(token, embedTarget, app.Unauthorized)

	late := embedToken(t, s, "ann")
	c.pass(5 * time.Minute)
	start(late, embedTarget, app.Unauthorized)
	must(t, s.Sweep(t.Context()))

	for _, ttl := range []time.Duration{0, -time.Second, time.Hour + 1} {
		_, err := s.AddEmbedToken(t.Context(), embedTarget, "ann", ttl)
		wantCode(t, err, app.Invalid)
	}
	_, err := s.AddEmbedToken(t.Context(), embedTarget, "nobody", time.Minute)
	wantCode(t, err, app.NotFound)
}

// Whatever ends a user's sessions ends those in pages of other sites, and the
// tokens for further ones.
func TestEmbedEnds(t *testing.T) {
	for name, end := range map[string]func(ctx context.Context, s *store.Store) error{
		"signed out": func(ctx context.Context, s *store.Store) error { return s.EndSessions(ctx, "Ann", nil) },
		"another password": func(ctx context.Context, s *store.Store) error {
			return s.SetPassword(ctx, "ann", "another password", nil)
		},
		"deleted": func(ctx context.Context, s *store.Store) error { return s.DeleteUser(ctx, "ann") },
	} {
		t.Run(name, func(t *testing.T) {
			s, _ := openUsers(t)
			session, token := startEmbed(t, s, "ann"), embedToken(t, s, "ann")
			others, otherToken := startEmbed(t, s, "root"), embedToken(t, s, "root")
			must(t, end(t.Context(), s))
			wantEmbed(t, s, session, app.Unauthorized)
			wantEmbed(t, s, others, "")
			_, err := s.StartEmbed(t.Context(), token, embedTarget, "", "")
			wantCode(t, err, app.Unauthorized)
			_, err = s.StartEmbed(t.Context(), otherToken, embedTarget, "", "")
			wantCode(t, err, "")
		})
	}
}

func TestEmbedAge(t *testing.T) {
	s, c := openUsers(t)
	idle, used := startEmbed(t, s, "ann"), startEmbed(t, s, "ann")
	for range 4 { // 5 hours each
		c.pass(5 * time.Hour)
		wantEmbed(t, s, used, "")
	}
	wantEmbed(t, s, idle, app.Unauthorized)
	must(t, s.Sweep(t.Context()))
	infos, err := s.Sessions(t.Context(), "ann")
	must(t, err)
	if len(infos) != 1 || infos[0].ID != used.ID() {
		t.Errorf("after the sweep there are %+v", infos)
	}
	c.pass(5 * time.Hour) // more than a day
	wantEmbed(t, s, used, app.Unauthorized)
}
