package store_test

import (
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"dashd/app"
)

func TestSetup(t *testing.T) {
	s := openTimed(t, "", newClock())
	wantCode(t, s.Setup(t.Context(), "", "root", password), app.Forbidden)
	first, err := s.NewSetupToken(t.Context())
	must(t, err)
	token, err := s.NewSetupToken(t.Context())
	must(t, err)
	tests := []struct {
		step, token, name, password string
		want                        app.Code
	}{
		{"no token", "", "root", password, app.Forbidden},
		{"the token before", first, "root", password, app.Forbidden},
		{"a truncated token", token[:len(token)-1], "root", password, app.Forbidden},
		{"a longer token", token + "A", "root", password, app.Forbidden},
		{"a wrong name", token, "a b", password, app.Invalid},
		{"a wrong password", token, "root", "short", app.Invalid},
		{"no password", token, "root", "", app.Invalid},
		{"right", token, "root", password, ""},
		{"again", token, "root2", password, app.Conflict},
	}
	for _, test := range tests {
		t.Run(test.step, func(t *testing.T) {
			wantCode(t, s.Setup(t.Context(), test.token, test.name, test.password), test.want)
			has, err := s.HasUsers(t.Context())
			if done := strings.Contains("right again", test.step); err != nil || has != done {
				t.Errorf("HasUsers: %t, %v", has, err)
			}
		})
	}
	_, err = s.NewSetupToken(t.Context())
	wantCode(t, err, app.Conflict)
	user, err := s.SignIn(t.Context(), "root", password, "")
	if err != nil || !user.Superuser {
		t.Errorf("signed in as %+v, %v", user, err)
	}
}

func TestSetupTokenExpires(t *testing.T) {
	c := newClock()
	s := openTimed(t, "", c)
	token, err := s.NewSetupToken(t.Context())
	must(t, err)
	c.pass(24*time.Hour + time.Second)
	wantCode(t, s.Setup(t.Context(), token, "root", password), app.Forbidden)
	c.pass(-2 * time.Second)
	wantCode(t, s.Setup(t.Context(), token, "root", password), "")
}

// A link is void when a user was made in another way.
func TestSetupAfterAddUser(t *testing.T) {
	s := openTimed(t, "", newClock())
	token, err := s.NewSetupToken(t.Context())
	must(t, err)
	must(t, s.AddUser(t.Context(), "ann", password, false))
	wantCode(t, s.Setup(t.Context(), token, "root", password), app.Conflict)
}

// Two who use the link at once are one user.
func TestSetupRace(t *testing.T) {
	s := openTimed(t, filepath.Join(t.TempDir(), "dashd.db"), newClock())
	token, err := s.NewSetupToken(t.Context())
	must(t, err)
	errs := make([]error, 2)
	var wg sync.WaitGroup
	for i, name := range []string{"ann", "ben"} {
		wg.Go(func() { errs[i] = s.Setup(t.Context(), token, name, password) })
	}
	wg.Wait()
	users, err := s.Users(t.Context())
	if err != nil || len(users) != 1 || (errs[0] == nil) == (errs[1] == nil) {
		t.Errorf("users %+v, %v; errors %v, %v", users, err, errs[0], errs[1])
	}
}
