package store

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"dashd/app"
)

var cheap = PasswordCost{Memory: 8, Passes: 1, Threads: 1}

func TestPasswordHash(t *testing.T) {
	h := newHasher()
	costly := PasswordCost{Memory: 16, Passes: 2, Threads: 2}
	hash, err := h.hash(t.Context(), "secret", cheap)
	if err != nil || !strings.HasPrefix(hash, "$argon2id$v=19$m=8,t=1,p=1$") {
		t.Fatalf("hash %s, %v", hash, err)
	}
	if again, err := h.hash(t.Context(), "secret", cheap); err != nil || again == hash {
		t.Errorf("the same hash a second time: %v", err)
	}
	tests := []struct {
		name, password, hash string
		cost                 PasswordCost
		right, outdated      bool
	}{
		{"right", "secret", hash, cheap, true, false},
		{"wrong", "Secret", hash, cheap, false, false},
		{"another cost", "secret", hash, costly, true, true},
		{"none", "", "", cheap, false, false},
		// From the tests of the reference implementation.
		{"foreign", "password", "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4", cheap, true, true},
	}
	for _, test := range tests {
		right, outdated, err := h.verify(t.Context(), test.password, test.hash, test.cost)
		if err != nil || right != test.right || outdated != test.outdated {
			t.Errorf("%s: right %t, outdated %t, %v", test.name, right, outdated, err)
		}
	}
	for _, bad := range []string{
		"x",
		strings.Replace(hash, "argon2id", "argon2i", 1),
		strings.Replace(hash, "v=19", "v=16", 1),
		strings.Replace(hash, "t=1", "t=0", 1),
		strings.Replace(hash, "p=1", "p=0", 1),
		strings.Replace(hash, "p=1", "p=300", 1),
		hash[:strings.LastIndex(hash, "$")+1],
		hash + "*",
		hash + "$",
	} {
		if right, _, err := h.verify(t.Context(), "secret", bad, cheap); err == nil || right || strings.Contains(err.Error(), "$") {
			t.Errorf("%s: right %t, error %v", bad, right, err)
		}
	}
}

// Two hashes are made at once, 64 wait, and who comes then is sent away.
func TestHasherQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHasher()
		for range hashesAtOnce { // that never end
			h.all <- struct{}{}
			h.work <- struct{}{}
		}
		impatient, leave := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		errs := make([]error, hashesWaiting)
		for i := range errs {
			ctx := t.Context()
			if i == 0 {
				ctx = impatient
			}
			wg.Go(func() { _, errs[i] = h.hash(ctx, "secret", cheap) })
		}
		synctest.Wait()
		if len(h.all) != hashesAtOnce+hashesWaiting {
			t.Fatalf("%d work or wait", len(h.all))
		}
		if _, err := h.hash(t.Context(), "secret", cheap); app.ErrorCode(err) != app.TooMany {
			t.Errorf("one more gets %v", err)
		}
		leave()
		synctest.Wait()
		if !errors.Is(errs[0], context.Canceled) || len(h.all) != hashesAtOnce+hashesWaiting-1 {
			t.Errorf("who leaves gets %v, and %d work or wait", errs[0], len(h.all))
		}
		<-h.work
		wg.Wait()
		if err := errors.Join(errs[1:]...); err != nil {
			t.Error(err)
		}
	})
}

// Whoever is not there costs a hash, too: the queue is full for all.
func TestSignInAlwaysHashes(t *testing.T) {
	s := openCheap(t, time.Now)
	if err := s.AddUser(t.Context(), "ann", "correct horse", false); err != nil {
		t.Fatal(err)
	}
	if err := s.AddUser(t.Context(), "proxied", "", false); err != nil {
		t.Fatal(err)
	}
	for range cap(s.passwords.all) {
		s.passwords.all <- struct{}{}
	}
	for _, name := range []string{"ann", "proxied", "nobody", "not even a name"} {
		_, err := s.SignIn(t.Context(), name, "wrong password", "192.0.2.1")
		if _, throttled := errors.AsType[*ThrottledError](err); throttled || app.ErrorCode(err) != app.TooMany {
			t.Errorf("%s: no hash is made: %v", name, err)
		}
	}
}

func TestSignInRenewsHash(t *testing.T) {
	s := openCheap(t, time.Now)
	if err := s.AddUser(t.Context(), "ann", "correct horse", false); err != nil {
		t.Fatal(err)
	}
	hash := func() (text string) {
		if err := s.read.QueryRow(`SELECT password FROM users`).Scan(&text); err != nil {
			t.Fatal(err)
		}
		return text
	}
	s.PasswordCost.Passes = 3
	if _, err := s.SignIn(t.Context(), "ann", "wrong password", ""); err == nil || !strings.Contains(hash(), "t=1,") {
		t.Errorf("a wrong password renews: %v", err)
	}
	for range 2 {
		if _, err := s.SignIn(t.Context(), "ann", "correct horse", ""); err != nil || !strings.Contains(hash(), "t=3,") {
			t.Errorf("not renewed: %v", err)
		}
	}
}

// openCheap opens a store in memory with a clock and with cheap passwords.
func openCheap(t *testing.T, now func() time.Time) *Store {
	t.Helper()
	s := New("")
	s.Now = now
	s.PasswordCost = cheap
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
