package store

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"dashd/app"
)

// rowlessAge is how long a token is good that has no row, because the visitor
// has done nothing yet that is worth one. While it has initial arguments, it is
// good for longer.
const rowlessAge = 24 * time.Hour

const sessionIDBytes = 8

// Session is the session of one browser, as it is at one request. It implements
// [app.Visitor] and is safe for concurrent use.
type Session struct {
	store *Store
	token string
	hash  sessionHash
	kind  sessionKind
	made  time.Time
	user  *app.User
}

// Token returns the secret for the browser's cookie.
func (v *Session) Token() string { return v.token }

// Hash returns the SHA-256 of the token, by which the database knows the
// session.
func (v *Session) Hash() []byte { return bytes.Clone(v.hash[:]) }

// ID returns what people may see of the session: see [SessionInfo].
func (v *Session) ID() string { return hex.EncodeToString(v.hash[:sessionIDBytes]) }

// User returns who has signed in, or nil. The caller does not change it.
func (v *Session) User() *app.User { return v.user }

// openSessions makes ready what sessions and sign-ins need.
func (s *Store) openSessions(ctx context.Context) (err error) {
	if err := s.readSecret(ctx); err != nil {
		return err
	}
	if s.sessionRow, err = s.read.PrepareContext(ctx, selectSession); err != nil {
		return fmt.Errorf("prepare to read sessions: %w", err)
	}
	if s.sessionValues, err = s.read.PrepareContext(ctx, selectSessionValues); err != nil {
		return fmt.Errorf("prepare to read session values: %w", err)
	}
	s.stopFlushing = s.startFlushing()
	return nil
}

// NewSession returns a session for an anonymous visitor. It gets a row in the
// database with its first value, not before.
func (s *Store) NewSession() *Session { return s.newSession(anonymous) }

func (s *Store) newSession(kind sessionKind) *Session {
	now := s.Now().Truncate(time.Second) // as the token says
	token := s.newToken(kind, now)
	return &Session{store: s, token: token, hash: sha256.Sum256([]byte(token)), kind: kind, made: now}
}

// Session returns the session of a browser's token. It is not ok if the token
// is not one of this server's, or the session has ended or is too old: the
// visitor gets a new one.
func (s *Store) Session(ctx context.Context, token string) (session *Session, ok bool, err error) {
	return s.session(ctx, token, "")
}

// session is [Store.Session] for the sessions of a target.
func (s *Store) session(ctx context.Context, token, target string) (session *Session, ok bool, err error) {
	if len(token) != tokenLength {
		return nil, false, nil
	}
	hash := sessionHash(sha256.Sum256([]byte(token)))
	c, generation, ok := s.sessions.find(hash)
	if !ok {
		kind, made, ok := s.readToken(token)
		if !ok {
			return nil, false, nil
		}
		if c, err = s.readSession(ctx, hash); err != nil {
			return nil, false, err
		}
		c.kind, c.made = kind, made
		s.sessions.keep(hash, c, generation)
	}
	now := s.Now()
	if c.target != target || !s.lives(c, now) {
		return nil, false, nil
	}
	s.sessions.use(hash, now)
	return &Session{store: s, token: token, hash: hash, kind: c.kind, made: c.made, user: c.user}, true, nil
}

// lives reports whether a session still counts.
func (s *Store) lives(c cachedSession, now time.Time) bool {
	age, maxAge, idle := now.Sub(c.made), s.SessionMaxAge, s.SessionIdle
	if c.target != "" {
		maxAge, idle = embedMaxAge, embedIdle
	}
	switch {
	case age > maxAge:
		return false
	case !c.stored:
		return c.kind == anonymous && (age <= rowlessAge || now.Before(c.needed))
	}
	return now.Sub(c.seen) <= idle
}

const selectSession = `SELECT s.seen, coalesce(s.target, ''), u.name, u.superuser, ` + groupsOfUser + `
	FROM sessions s LEFT JOIN users u ON u.id = s.user WHERE s.hash = ?`

// readSession reads the row of a session, if there is one.
func (s *Store) readSession(ctx context.Context, hash sessionHash) (c cachedSession, err error) {
	var seen int64
	var name, groups sql.NullString
	var superuser sql.NullBool
	err = s.sessionRow.QueryRowContext(ctx, hash[:]).Scan(&seen, &c.target, &name, &superuser, &groups)
	if errors.Is(err, sql.ErrNoRows) {
		var expires sql.NullInt64
		err = s.read.QueryRowContext(ctx, `SELECT max(expires) FROM initial_arguments WHERE session = ?`, hash[:]).Scan(&expires)
		if expires.Valid {
			c.needed = timeOf(expires.Int64)
		}
		if err != nil {
			return c, fmt.Errorf("read how long the session is needed: %w", err)
		}
		return c, nil
	}
	if err != nil {
		return c, fmt.Errorf("read the session: %w", err)
	}
	c.stored, c.seen = true, timeOf(seen)
	if name.Valid {
		c.user = &app.User{Name: name.String, Groups: names(groups), Superuser: superuser.Bool}
	}
	return c, nil
}
