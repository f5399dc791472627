package store_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"dashd/app"
	"dashd/store"
)

func TestSignIn(t *testing.T) {
	s, c := openUsers(t)
	must(t, s.AddUser(t.Context(), "proxied", "", false))
	must(t, s.AddGroup(t.Context(), "staff"))
	must(t, s.AddMember(t.Context(), "staff", "ann"))
	c.pass(time.Minute)
	user, err := s.SignIn(t.Context(), "ANN", password, "192.0.2.1")
	must(t, err)
	if diff := cmp.Diff(&app.User{Name: "ann", Groups: []string{"staff"}}, user); diff != "" {
		t.Error(diff)
	}
	if u, err := s.User(t.Context(), "ann"); err != nil || !u.SignedIn.Equal(c.Now()) {
		t.Errorf("signed in at %v, %v", u.SignedIn, err)
	}
	if u, err := s.User(t.Context(), "root"); err != nil || !u.SignedIn.IsZero() {
		t.Errorf("root signed in at %v, %v", u.SignedIn, err)
	}
	var messages []string
	for _, try := range [][2]string{{"ann", "wrong password"}, {"nobody", password}, {"proxied", ""}, {"", ""}, {password, "ann"}} {
		_, err := s.SignIn(t.Context(), try[0], try[1], "192.0.2.1")
		wantCode(t, err, app.Unauthorized)
		messages = append(messages, err.Error())
	}
	for _, m := range messages {
		if m != messages[0] {
			t.Errorf("the messages differ: %q", messages)
		}
	}
}

func TestSignInAfterSetPassword(t *testing.T) {
	s, _ := openUsers(t)
	must(t, s.SetPassword(t.Context(), "ann", "another horse", nil))
	_, err := s.SignIn(t.Context(), "ann", password, "192.0.2.1")
	wantCode(t, err, app.Unauthorized)
	_, err = s.SignIn(t.Context(), "ann", "another horse", "192.0.2.1")
	wantCode(t, err, "")
}

// wait returns how long an attempt to sign in has to wait: 0 if it may be made.
func wait(t *testing.T, s *store.Store, name, password, address string) time.Duration {
	t.Helper()
	_, err := s.SignIn(t.Context(), name, password, address)
	if e, ok := errors.AsType[*store.ThrottledError](err); ok {
		wantCode(t, err, app.TooMany)
		return e.RetryAfter
	}
	if err != nil {
		wantCode(t, err, app.Unauthorized)
	}
	return 0
}

func TestThrottle(t *testing.T) {
	for _, name := range []string{"ann", "nobody"} {
		t.Run(name, func(t *testing.T) {
			s, c := openUsers(t)
			fail := func() time.Duration { return wait(t, s, name, "wrong password", "192.0.2.1") }
			for i := range 5 {
				if d := fail(); d != 0 {
					t.Fatalf("attempt %d has to wait %s", i, d)
				}
			}
			for _, want := range []time.Duration{1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900} {
				if d := fail(); d != want*time.Second {
					t.Errorf("waits %s, want %d s", d, want)
				}
				c.pass(want*time.Second - time.Millisecond)
				if d := fail(); d != time.Second {
					t.Errorf("too early it waits %s", d)
				}
				c.pass(time.Millisecond)
				if d := fail(); d != 0 {
					t.Errorf("after %d s it waits another %s", want, d)
				}
			}
			if d := wait(t, s, name, password, "192.0.2.2"); d != 0 {
				t.Errorf("another address waits %s", d)
			}
			if d := wait(t, s, "root", password, "192.0.2.1"); d != 0 {
				t.Errorf("another account waits %s", d)
			}
			c.pass(24 * time.Hour)
			must(t, s.Sweep(t.Context()))
			for range 5 {
				if d := fail(); d != 0 {
					t.Errorf("a day later it waits %s", d)
				}
			}
		})
	}
}

func TestSuccessClearsThrottle(t *testing.T) {
	s, _ := openUsers(t)
	for range 3 {
		for range 4 {
			wait(t, s, "ann", "wrong password", "192.0.2.1")
		}
		if d := wait(t, s, "ann", password, "192.0.2.1"); d != 0 {
			t.Errorf("waits %s", d)
		}
	}
}

// Many guess one account from everywhere, or one address guesses many: both
// become slow, but not for who has signed in from there before.
func TestThrottleAccountAndAddress(t *testing.T) {
	tests := map[string]struct {
		free    int
		attempt func(i int) (name, address string)
		same    [2]string // is held up, too
		other   [2]string // is not
	}{
		"account": {100, func(i int) (string, string) { return "ann", fmt.Sprint("192.0.2.", i) },
			[2]string{"ann", "198.51.100.1"}, [2]string{"root", "198.51.100.1"}},
		"address": {50, func(i int) (string, string) { return fmt.Sprint("user", i), "192.0.2.1" },
			[2]string{"root", "192.0.2.1"}, [2]string{"root", "198.51.100.1"}},
		"network": {50, func(i int) (string, string) { return fmt.Sprint("user", i), fmt.Sprintf("2001:db8::%x", i) },
			[2]string{"root", "2001:db8::ffff"}, [2]string{"root", "2001:db8:0:1::1"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s, c := openUsers(t)
			for _, address := range []string{"203.0.113.1", "192.0.2.1", "2001:db8::1"} {
				if d := wait(t, s, "ann", password, address); d != 0 { // is known from here
					t.Fatalf("waits %s", d)
				}
			}
			for i := range test.free {
				user, address := test.attempt(i + 2)
				if d := wait(t, s, user, "wrong password", address); d != 0 {
					t.Fatalf("attempt %d waits %s", i, d)
				}
			}
			if d := wait(t, s, test.same[0], password, test.same[1]); d != time.Second {
				t.Errorf("the next waits %s", d)
			}
			if d := wait(t, s, test.other[0], password, test.other[1]); d != 0 {
				t.Errorf("another waits %s", d)
			}
			for _, address := range []string{"203.0.113.1", "192.0.2.1", "2001:db8::1"} {
				if d := wait(t, s, "ann", password, address); d != 0 {
					t.Errorf("who is known from %s waits %s", address, d)
				}
			}
			c.pass(time.Hour)
			for i := range test.free / 2 {
				user, address := test.attempt(i + 2)
				if d := wait(t, s, user, "wrong password", address); d != 0 {
					t.Fatalf("an hour later attempt %d waits %s", i, d)
				}
			}
			if d := wait(t, s, test.same[0], password, test.same[1]); d != time.Second {
				t.Errorf("an hour later the next waits %s", d)
			}
		})
	}
}

// Another case of the name is no way around.
func TestThrottleFoldsNames(t *testing.T) {
	s, _ := openUsers(t)
	for _, name := range []string{"ann", "Ann", "ANN", "aNN", "anN"} {
		wait(t, s, name, "wrong password", "192.0.2.1")
	}
	if d := wait(t, s, "AnN", "wrong password", "192.0.2.1"); d != time.Second {
		t.Errorf("waits %s", d)
	}
}

// Guesses in parallel are no way around.
func TestThrottleParallel(t *testing.T) {
	s, _ := openUsers(t)
	var wg sync.WaitGroup
	var mu sync.Mutex
	codes := map[app.Code]int{}
	for range 20 {
		wg.Go(func() {
			_, err := s.SignIn(t.Context(), "ann", "wrong password", "192.0.2.1")
			mu.Lock()
			defer mu.Unlock()
			codes[app.ErrorCode(err)]++
		})
	}
	wg.Wait()
	if diff := cmp.Diff(map[app.Code]int{app.Unauthorized: 5, app.TooMany: 15}, codes); diff != "" {
		t.Error(diff)
	}
}

func TestThrottleSurvivesRestart(t *testing.T) {
	path, c := filepath.Join(t.TempDir(), "dashd.db"), newClock()
	s := openTimed(t, path, c)
	for range 5 {
		wait(t, s, "ann", "wrong password", "192.0.2.1")
	}
	must(t, s.Close())
	s = openTimed(t, path, c)
	if d := wait(t, s, "ann", "wrong password", "192.0.2.1"); d != time.Second {
		t.Errorf("waits %s", d)
	}
}

// Failures of a time that the clock has not reached again hold nobody up.
func TestThrottleClock(t *testing.T) {
	s, c := openUsers(t)
	for range 6 {
		wait(t, s, "ann", "wrong password", "192.0.2.1")
	}
	c.pass(-365 * 24 * time.Hour)
	if d := wait(t, s, "ann", password, "192.0.2.1"); d != 0 {
		t.Errorf("waits %s", d)
	}
}

func TestThrottledError(t *testing.T) {
	tests := map[time.Duration]string{
		time.Second:       "1 second.",
		2 * time.Second:   "2 seconds.",
		119 * time.Second: "119 seconds.",
		121 * time.Second: "3 minutes.",
		15 * time.Minute:  "15 minutes.",
	}
	for d, want := range tests {
		err := error(&store.ThrottledError{RetryAfter: d})
		if got := "Too many attempts to sign in. Try again in " + want; err.Error() != got {
			t.Errorf("%s: %s", d, err)
		}
		wantCode(t, err, app.TooMany)
	}
}

func TestSignInCancelled(t *testing.T) {
	s, _ := openUsers(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.SignIn(ctx, "ann", password, ""); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
