package store

import (
	"strings"
	"testing"
	"time"

	"dashd/app"
)

// changes returns how many rows the writer has changed so far.
func changes(t *testing.T, s *Store) (n int) {
	t.Helper()
	err := s.write(t.Context(), func(tx *Tx) error { return tx.QueryRow(`SELECT total_changes()`).Scan(&n) })
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// Requests that change nothing write nothing but the time, at most once a
// minute and not while anybody waits.
func TestSessionWrites(t *testing.T) {
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	s := openCheap(t, func() time.Time { return now })
	if err := s.AddUser(t.Context(), "ann", "", false); err != nil {
		t.Fatal(err)
	}
	user, err := s.StartSession(t.Context(), nil, "ann", "", "")
	if err != nil {
		t.Fatal(err)
	}
	empty := s.NewSession()
	visit := func(flush bool) (written int) {
		t.Helper()
		before := changes(t, s)
		for range 100 {
			for _, v := range []*Session{user, empty} {
				if _, ok, err := s.Session(t.Context(), v.token); !ok || err != nil {
					t.Fatal(ok, err)
				}
				if _, err := app.NewSession(t.Context(), v).All(); err != nil {
					t.Fatal(err)
				}
				if err := app.NewSession(t.Context(), v).Delete("missing"); err != nil {
					t.Fatal(err)
				}
			}
		}
		if flush {
			if err := s.flushSeen(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		return changes(t, s) - before
	}
	if n := visit(true); n != 0 {
		t.Errorf("%d rows written in the first minute", n)
	}
	now = now.Add(time.Minute)
	if n := visit(false); n != 0 {
		t.Errorf("%d rows written during requests", n)
	}
	if n := visit(true); n != 1 {
		t.Errorf("%d rows written by the flush", n)
	}
	if n := visit(true); n != 0 {
		t.Errorf("%d rows written in the same minute", n)
	}
	var seen int64
	if err := s.read.QueryRow(`SELECT seen FROM sessions`).Scan(&seen); err != nil || seen != millis(now) {
		t.Errorf("seen %d, %v", seen, err)
	}
}

// Lists of sessions read no more of them than they show.
func TestSessionsPlan(t *testing.T) {
	s := openCheap(t, time.Now)
	for _, test := range []struct {
		where, index string
		args         []any
	}{
		{"WHERE " + ofUser, "sessions_by_user", []any{"ANN", 10}},
		{"", "sessions_by_seen", []any{10}},
	} {
		rows, err := queryAll(t.Context(), s.read, func(row scanner) (detail string, err error) {
			err = row.Scan(new(any), new(any), new(any), &detail)
			return detail, err
		}, `EXPLAIN QUERY PLAN `+selectSessions(test.where), test.args...)
		if plan := strings.Join(rows, "; "); err != nil || !strings.Contains(plan, test.index) {
			t.Errorf("the list of sessions %s is read without %s: %s, %v", test.where, test.index, plan, err)
		}
	}
}

// A session in the cache needs no SQL, and one that ends is not in the cache.
func TestSessionCache(t *testing.T) {
	s := openCheap(t, time.Now)
	v := s.NewSession()
	if _, ok, err := s.Session(t.Context(), v.token); !ok || err != nil {
		t.Fatal(ok, err)
	}
	_, generation, ok := s.sessions.find(v.hash)
	if !ok {
		t.Fatal("not in the cache")
	}
	s.sessions.forget(v.hash)
	if s.sessions.keep(v.hash, cachedSession{}, generation); len(s.sessions.sessions) != 0 {
		t.Error("what was read before a change is kept after it")
	}
	for i := range cachedSessions + 10 {
		hash := sessionHash{byte(i), byte(i >> 8), byte(i >> 16)}
		s.sessions.keep(hash, cachedSession{stored: true}, generation+1)
	}
	if n := len(s.sessions.sessions); n != cachedSessions {
		t.Errorf("the cache has %d sessions", n)
	}
}

// When too many sessions are used in a minute, the flush is early and no note
// is lost for good.
func TestSeenIsBounded(t *testing.T) {
	c, now := newSessionCache(), time.Now()
	for i := range cachedSessions {
		c.seen[sessionHash{1, byte(i), byte(i >> 8)}] = now
	}
	one := sessionHash{2}
	c.keep(one, cachedSession{stored: true}, 0)
	for range 3 {
		c.use(one, now)
	}
	if len(c.seen) != cachedSessions || len(c.full) != 1 {
		t.Errorf("%d notes, %d calls for a flush", len(c.seen), len(c.full))
	}
	c.takeSeen()
	if c.use(one, now); len(c.seen) != 1 {
		t.Error("the note is lost")
	}
}

// The keys of throttles tell nothing of what people have typed.
func TestThrottleKeys(t *testing.T) {
	s := openCheap(t, time.Now)
	if _, err := s.SignIn(t.Context(), "hunter2hunter2", "x", "192.0.2.1"); err == nil {
		t.Fatal("signed in")
	}
	rows, err := s.read.Query(`SELECT key FROM throttles`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	n := 0
	for rows.Next() {
		var key string
		if err := rows.Scan(&key); err != nil {
			t.Fatal(err)
		}
		if n++; strings.Contains(strings.ToLower(key), "hunter2") || len(key) != 32 {
			t.Errorf("key %q", key)
		}
	}
	if rows.Err() != nil || n != 3 {
		t.Errorf("%d rows, %v", n, rows.Err())
	}
}
