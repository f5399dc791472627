package store

import (
	"context"
	"fmt"
	"sync"
	"time"

	"dashd/app"
)

const (
	seenEvery      = time.Minute // how often the last use of a session is written, at most
	cachedSessions = 10_000
)

// sessionHash is the SHA-256 of a token: the key of the session's row.
type sessionHash [32]byte

// cachedSession is what a request has to know of its session.
type cachedSession struct {
	kind   sessionKind
	made   time.Time // when the token was made
	stored bool      // there is a row
	needed time.Time // when its last initial arguments expire, if not stored; zero: it has none
	seen   time.Time // the last use, if stored
	target string    // what it is for; "": the whole site
	user   *app.User
}

// sessionCache spares requests the look at the database, and collects when
// sessions were last used, which is written later. It is bounded: what does not
// fit is read, or noted, at the next request.
type sessionCache struct {
	mu         sync.Mutex
	sessions   map[sessionHash]*cachedSession
	generation int64 // of the rows that sessions were read from
	seen       map[sessionHash]time.Time
	full       chan struct{} // holds one when seen should be written soon
}

func newSessionCache() *sessionCache {
	return &sessionCache{
		sessions: map[sessionHash]*cachedSession{},
		seen:     map[sessionHash]time.Time{},
		full:     make(chan struct{}, 1),
	}
}

// find returns a session, or the generation for [sessionCache.keep].
func (c *sessionCache) find(hash sessionHash) (found cachedSession, generation int64, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if s, ok := c.sessions[hash]; ok {
		return *s, c.generation, true
	}
	return cachedSession{}, c.generation, false
}

// keep adds a session that was read after the generation was asked for, unless
// the rows have changed since then. A full cache loses any other.
func (c *sessionCache) keep(hash sessionHash, s cachedSession, generation int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if generation != c.generation {
		return
	}
	for other := range c.sessions {
		if len(c.sessions) < cachedSessions {
			break
		}
		delete(c.sessions, other)
	}
	c.sessions[hash] = &s
}

// forget is called when the row of a session, or its initial arguments, have
// changed.
func (c *sessionCache) forget(hash sessionHash) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.generation++
	delete(c.sessions, hash)
}

// forgetAll is called when users or groups have changed.
func (c *sessionCache) forgetAll() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.generation++
	clear(c.sessions)
}

// use notes that a session is used.
func (c *sessionCache) use(hash sessionHash, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s, ok := c.sessions[hash]
	if !ok || !s.stored || now.Sub(s.seen) < seenEvery {
		return
	}
	if len(c.seen) >= cachedSessions {
		select {
		case c.full <- struct{}{}:
		default:
		}
		return
	}
	s.seen, c.seen[hash] = now, now
}

// takeSeen hands over what [sessionCache.use] has noted.
func (c *sessionCache) takeSeen() map[sessionHash]time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	seen := c.seen
	c.seen = map[sessionHash]time.Time{}
	return seen
}

// giveBack takes back what takeSeen has handed over.
func (c *sessionCache) giveBack(seen map[sessionHash]time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for hash, at := range seen {
		if c.seen[hash].Before(at) {
			c.seen[hash] = at
		}
	}
}

// saveSeen writes when sessions were last used.
func (s *Store) saveSeen(tx *Tx) error {
	seen := s.sessions.takeSeen()
	tx.onUndo(func() { s.sessions.giveBack(seen) })
	for hash, at := range seen {
		if _, err := tx.Exec(`UPDATE sessions SET seen = max(seen, ?) WHERE hash = ?`, millis(at), hash[:]); err != nil {
			return fmt.Errorf("save when sessions were used: %w", err)
		}
	}
	return nil
}

// flushSeen writes what there is to write of [Store.saveSeen].
func (s *Store) flushSeen(ctx context.Context) error {
	s.sessions.mu.Lock()
	n := len(s.sessions.seen)
	s.sessions.mu.Unlock()
	if n == 0 {
		return nil
	}
	return s.write(ctx, s.saveSeen)
}

// startFlushing writes when sessions were last used, once in a while, in a
// goroutine that stop ends after a last time.
func (s *Store) startFlushing() (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(seenEvery)
		defer tick.Stop()
		for ctx.Err() == nil {
			select {
			case <-tick.C:
			case <-s.sessions.full:
			case <-ctx.Done():
			}
			if err := s.flushSeen(background); err != nil {
				s.Log.Error("sessions keep an old time of their last use", "err", err)
			}
		}
	}()
	return func() {
		cancel()
		<-done
	}
}
