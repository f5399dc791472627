package store_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"dashd/app"
	"dashd/store"
)

// clock is a time that tests move.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// openTimed opens a store whose clock the test moves, with cheap passwords: in
// memory if path is "".
func openTimed(t *testing.T, path string, c *clock) *store.Store {
	t.Helper()
	s := store.New(path)
	s.Now = c.Now
	s.PasswordCost = store.PasswordCost{Memory: 8, Passes: 1, Threads: 1}
	if err := s.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// openUsers opens a store with two users: the superuser root and ann.
func openUsers(t *testing.T) (*store.Store, *clock) {
	t.Helper()
	c := newClock()
	s := openTimed(t, "", c)
	must(t, s.AddUser(t.Context(), "root", password, true))
	must(t, s.AddUser(t.Context(), "ann", password, false))
	return s, c
}

const password = "correct horse"

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// wantCode checks the code of an error; "" is for none.
func wantCode(t *testing.T, err error, want app.Code) {
	t.Helper()
	switch {
	case err == nil && want != "":
		t.Errorf("no error, want %s", want)
	case err != nil && app.ErrorCode(err) != want:
		t.Errorf("error %v is %s, want %s", err, app.ErrorCode(err), want)
	}
}

func TestAddUser(t *testing.T) {
	s, c := openUsers(t)
	must(t, s.AddUser(t.Context(), "Ænne", "", false))
	tests := []struct {
		name, password string
		want           app.Code
	}{
		{"ben", password, ""},
		{"ann", password, app.Conflict},
		{"ANN", password, app.Conflict},
		{"ænne", password, app.Conflict},
		{"", password, app.Invalid},
		{"a b", password, app.Invalid},
		{"user:ann", password, app.Invalid},
		{"carl", "1234567", app.Invalid},
		{"carl", strings.Repeat("1", 1025), app.Invalid},
		{"carl", strings.Repeat("1", 1024), ""},
	}
	for _, test := range tests {
		wantCode(t, s.AddUser(t.Context(), test.name, test.password, false), test.want)
	}
	users, err := s.Users(t.Context())
	must(t, err)
	now := c.Now()
	want := []store.User{
		{Name: "ann", HasPassword: true, Created: now},
		{Name: "ben", HasPassword: true, Created: now},
		{Name: "carl", HasPassword: true, Created: now},
		{Name: "root", HasPassword: true, Created: now, Superuser: true},
		{Name: "Ænne", Created: now},
	}
	if diff := cmp.Diff(want, users); diff != "" {
		t.Error(diff)
	}
}

func TestUser(t *testing.T) {
	s, _ := openUsers(t)
	u, err := s.User(t.Context(), "ROOT")
	if err != nil || u.Name != "root" || !u.Superuser {
		t.Errorf("got %+v, %v", u, err)
	}
	_, err = s.User(t.Context(), "nobody")
	wantCode(t, err, app.NotFound)
	wantCode(t, s.SetPassword(t.Context(), "nobody", password, nil), app.NotFound)
	wantCode(t, s.SetSuperuser(t.Context(), "nobody", true), app.NotFound)
	wantCode(t, s.DeleteUser(t.Context(), "nobody"), app.NotFound)
}

func TestLastSuperuser(t *testing.T) {
	s, _ := openUsers(t)
	wantCode(t, s.DeleteUser(t.Context(), "root"), app.Conflict)
	wantCode(t, s.SetSuperuser(t.Context(), "Root", false), app.Conflict)
	must(t, s.SetSuperuser(t.Context(), "ann", false)) // is none
	must(t, s.SetSuperuser(t.Context(), "ann", true))
	must(t, s.DeleteUser(t.Context(), "root"))
	wantCode(t, s.DeleteUser(t.Context(), "ann"), app.Conflict)
	users, err := s.Users(t.Context())
	if err != nil || len(users) != 1 || !users[0].Superuser {
		t.Errorf("got %+v, %v", users, err)
	}
}

// Two superusers who depose each other at once leave one.
func TestLastSuperuserRace(t *testing.T) {
	s, _ := openUsers(t)
	must(t, s.SetSuperuser(t.Context(), "ann", true))
	errs := make([]error, 2)
	var wg sync.WaitGroup
	for i, name := range []string{"root", "ann"} {
		wg.Go(func() { errs[i] = s.SetSuperuser(t.Context(), name, false) })
	}
	wg.Wait()
	if (errs[0] == nil) == (errs[1] == nil) {
		t.Errorf("errors: %v, %v", errs[0], errs[1])
	}
}

func TestGroups(t *testing.T) {
	s, c := openUsers(t)
	must(t, s.AddGroup(t.Context(), "Staff"))
	must(t, s.AddGroup(t.Context(), "board"))
	wantCode(t, s.AddGroup(t.Context(), "staff"), app.Conflict)
	wantCode(t, s.AddGroup(t.Context(), "a b"), app.Invalid)
	wantCode(t, s.AddMember(t.Context(), "nobody", "ann"), app.NotFound)
	wantCode(t, s.AddMember(t.Context(), "staff", "nobody"), app.NotFound)
	for _, user := range []string{"root", "ann", "Ann"} {
		must(t, s.AddMember(t.Context(), "staff", user))
	}
	must(t, s.AddMember(t.Context(), "board", "ann"))
	groups, err := s.Groups(t.Context())
	must(t, err)
	want := []store.Group{
		{Name: "board", Members: []string{"ann"}, Created: c.Now()},
		{Name: "Staff", Members: []string{"ann", "root"}, Created: c.Now()},
	}
	if diff := cmp.Diff(want, groups); diff != "" {
		t.Error(diff)
	}
	must(t, s.RemoveMember(t.Context(), "board", "ann"))
	must(t, s.DeleteGroup(t.Context(), "STAFF"))
	wantCode(t, s.DeleteGroup(t.Context(), "staff"), app.NotFound)
	if u, err := s.User(t.Context(), "ann"); err != nil || len(u.Groups) != 0 {
		t.Errorf("got %+v, %v", u, err)
	}
}

func TestGeneratePassword(t *testing.T) {
	a, b := store.GeneratePassword(), store.GeneratePassword()
	if a == b || len(a) != 23 || strings.ToLower(a) != a || strings.Count(a, "-") != 3 {
		t.Errorf("passwords %q and %q", a, b)
	}
}
