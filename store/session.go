package store

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"dashd/app"
)

// Limits of the values of a session.
const (
	maxSessionValue  = 64 << 10  // bytes
	maxSessionValues = 256 << 10 // bytes, with their keys
	maxSessionKeys   = 200
)

const (
	// A token without a row is good for this long: until the visitor does
	// something that is worth a row.
	rowlessAge = 24 * time.Hour

	maxAgent       = 200 // bytes
	maxListed      = 1000
	sessionIDBytes = 8
)

func errSessionEnded() error {
	return app.Errorf(app.Unauthorized, "This session has ended. Sign in again.")
}

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
	if !s.lives(c, now) {
		return nil, false, nil
	}
	s.sessions.use(hash, now)
	return &Session{store: s, token: token, hash: hash, kind: c.kind, made: c.made, user: c.user}, true, nil
}

// lives reports whether a session still counts.
func (s *Store) lives(c cachedSession, now time.Time) bool {
	age := now.Sub(c.made)
	switch {
	case age > s.SessionMaxAge:
		return false
	case !c.stored:
		return c.kind == anonymous && age <= rowlessAge
	}
	return now.Sub(c.seen) <= s.SessionIdle
}

const selectSession = `SELECT s.seen, u.name, u.superuser, ` + groupsOfUser + `
	FROM sessions s LEFT JOIN users u ON u.id = s.user WHERE s.hash = ?`

// readSession reads the row of a session, if there is one.
func (s *Store) readSession(ctx context.Context, hash sessionHash) (c cachedSession, err error) {
	var seen int64
	var name, groups sql.NullString
	var superuser sql.NullBool
	err = s.sessionRow.QueryRowContext(ctx, hash[:]).Scan(&seen, &name, &superuser, &groups)
	if errors.Is(err, sql.ErrNoRows) {
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

// StartSession starts the session of a user who has just signed in with a
// browser, and ends that of the browser before, which may be nil. The new one
// has another token, so that nobody who has seen the old one gets in, and the
// values and initial arguments of the old one, unless that was of somebody
// else. Errors: NotFound for the user.
func (s *Store) StartSession(ctx context.Context, old *Session, user, agent, address string) (*Session, error) {
	next := s.newSession(signedIn)
	err := s.write(ctx, func(tx *Tx) error {
		id, u, err := appUser(tx, user)
		if err != nil {
			return err
		}
		next.user = u
		_, err = tx.Exec(`INSERT INTO sessions (hash, user, agent, address, created, seen) VALUES (?, ?, ?, ?, ?, ?)`,
			next.hash[:], id, cut(agent, maxAgent), address, millis(next.made), tx.now)
		if err != nil || old == nil {
			return err
		}
		return s.succeed(tx, old, next, id)
	})
	if err != nil {
		return nil, fmt.Errorf("start a session: %w", err)
	}
	return next, nil
}

// succeed makes the session of a user take the place of another.
func (s *Store) succeed(tx *Tx, old, next *Session, user int64) error {
	foreign, err := exists(tx, `SELECT 1 FROM sessions WHERE hash = ? AND user <> ?`, old.hash[:], user)
	if err != nil {
		return err
	}
	if !foreign {
		for _, move := range []string{
			`UPDATE session_values SET session = ? WHERE session = ?`,
			`UPDATE initial_arguments SET session = ? WHERE session = ?`,
		} {
			if _, err := tx.Exec(move, next.hash[:], old.hash[:]); err != nil {
				return err
			}
		}
	}
	return s.end(tx, `hash = ?`, old.hash[:])
}

// cut returns the begin of a text of visitors, as valid UTF-8.
func cut(text string, size int) string {
	return strings.ToValidUTF8(text[:min(len(text), size)], "")
}

// EndSession signs a browser out. Nothing happens if the session has ended.
func (s *Store) EndSession(ctx context.Context, session *Session) error {
	return s.endSessions(ctx, `hash = ?`, session.hash[:])
}

// EndSessions signs a user out of all browsers, but not of that whose session
// has the hash except; nil is for all.
func (s *Store) EndSessions(ctx context.Context, user string, except []byte) error {
	return s.endSessions(ctx, ofUser+` AND hash IS NOT ?`, foldName(user), except)
}

// EndSessionByID ends a session of [Store.Sessions]. Errors: NotFound.
func (s *Store) EndSessionByID(ctx context.Context, id string) error {
	start, err := hex.DecodeString(id)
	if err != nil || len(start) != sessionIDBytes {
		return errNoSession()
	}
	const byID = `substr(hash, 1, length(?1)) = ?1`
	err = s.write(ctx, func(tx *Tx) error {
		found, err := exists(tx, `SELECT 1 FROM sessions WHERE `+byID, start)
		if err == nil && !found {
			err = errNoSession()
		}
		if err != nil {
			return err
		}
		return s.end(tx, byID, start)
	})
	if err != nil {
		return fmt.Errorf("end the session: %w", err)
	}
	return nil
}

func errNoSession() error { return app.Errorf(app.NotFound, "There is no such session.") }

func (s *Store) endSessions(ctx context.Context, where string, args ...any) error {
	if err := s.write(ctx, func(tx *Tx) error { return s.end(tx, where, args...) }); err != nil {
		return fmt.Errorf("end sessions: %w", err)
	}
	return nil
}

// ofUser is the sessions of a user, by the folded name.
const ofUser = `user = (SELECT id FROM users WHERE folded = ?)`

// end removes sessions, and tells of it after the commit.
func (s *Store) end(tx *Tx, where string, args ...any) error {
	rows, err := tx.Query(`DELETE FROM sessions WHERE `+where+`
		RETURNING hash, coalesce((SELECT name FROM users WHERE id = user), '')`, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var hash []byte
		var user string
		if err := rows.Scan(&hash, &user); err != nil {
			return err
		}
		tx.onCommit(func() {
			s.sessions.forget(sessionHash(hash))
			if s.OnSessionEnd != nil {
				s.OnSessionEnd(hash, user)
			}
		})
	}
	return rows.Err()
}

// rightsChange makes that users may do something else known after the commit.
func (s *Store) rightsChange(tx *Tx, users ...string) {
	tx.onCommit(func() {
		s.sessions.forgetAll()
		for _, user := range users {
			if s.OnSessionEnd != nil {
				s.OnSessionEnd(nil, user)
			}
		}
	})
}

// sweepSessions ends the sessions that are idle or too old.
func (s *Store) sweepSessions(tx *Tx) error {
	if err := s.saveSeen(tx); err != nil {
		return err
	}
	err := s.end(tx, `seen < ? OR created < ?`, tx.now-s.SessionIdle.Milliseconds(), tx.now-s.SessionMaxAge.Milliseconds())
	if err != nil {
		return fmt.Errorf("end old sessions: %w", err)
	}
	return sweepThrottles(tx)
}

// SessionInfo is what people may know of a session.
type SessionInfo struct {
	ID      string // not the token
	User    string // "": anonymous
	Agent   string // User-Agent of the browser that signed in, cut short
	Address string // and where it was
	Created time.Time
	Seen    time.Time // to some minutes
	Values  int       // how many there are
}

// Sessions returns the sessions of a user, or all for "": the last used first,
// and no more than a thousand. Anonymous ones are there if they have values.
func (s *Store) Sessions(ctx context.Context, user string) ([]SessionInfo, error) {
	where := `true OR ` // keeps the argument
	if user != "" {
		where = ``
	}
	all, err := queryAll(ctx, s.read, scanSessionInfo, `SELECT hash, coalesce((SELECT name FROM users WHERE id = user), ''),
		agent, address, created, seen, (SELECT count(*) FROM session_values WHERE session = hash)
		FROM sessions WHERE `+where+ofUser+` ORDER BY seen DESC, hash LIMIT ?`, foldName(user), maxListed)
	if err != nil {
		return nil, fmt.Errorf("list the sessions: %w", err)
	}
	return all, nil
}

func scanSessionInfo(row scanner) (info SessionInfo, err error) {
	var hash []byte
	var created, seen int64
	err = row.Scan(&hash, &info.User, &info.Agent, &info.Address, &created, &seen, &info.Values)
	info.ID = hex.EncodeToString(hash[:min(len(hash), sessionIDBytes)])
	info.Created, info.Seen = timeOf(created), timeOf(seen)
	return info, err
}

const selectSessionValues = `SELECT key, value FROM session_values WHERE session = ? AND scope = ?`

// SessionValues implements [app.SessionValues].
func (v *Session) SessionValues(ctx context.Context, scope string) (map[string]json.RawMessage, error) {
	rows, err := v.store.sessionValues.QueryContext(ctx, v.hash[:], scope)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	values := map[string]json.RawMessage{}
	for rows.Next() {
		var key string
		var value []byte
		if err := rows.Scan(&key, &value); err != nil {
			return nil, err
		}
		values[key] = value
	}
	return values, rows.Err()
}

// SwapSessionValue implements [app.SessionValues]. Errors: TooLarge for a value
// of more than 64 KiB, and for more than 256 KiB or 200 values in the session;
// Unauthorized when the user has been signed out.
func (v *Session) SwapSessionValue(ctx context.Context, scope, key string, old, replacement json.RawMessage) (swapped bool, err error) {
	if len(replacement) > maxSessionValue {
		return false, app.Errorf(app.TooLarge, "A value of a session has at most %d KiB.", maxSessionValue>>10)
	}
	err = v.store.write(ctx, func(tx *Tx) error {
		var current []byte
		err := tx.QueryRow(`SELECT value FROM session_values WHERE session = ? AND scope = ? AND key = ?`, v.hash[:], scope, key).Scan(&current)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		if (current == nil) != (old == nil) || !bytes.Equal(current, old) {
			return nil
		}
		swapped = true
		if replacement == nil {
			_, err := tx.Exec(`DELETE FROM session_values WHERE session = ? AND scope = ? AND key = ?`, v.hash[:], scope, key)
			return err
		}
		return v.put(tx, scope, key, replacement)
	})
	return swapped && err == nil, err
}

// put writes a value if there is room, and the row of the session if there is
// none.
func (v *Session) put(tx *Tx, scope, key string, value json.RawMessage) error {
	if err := v.begin(tx); err != nil {
		return err
	}
	var n, size int
	err := tx.QueryRow(`SELECT count(*), coalesce(sum(octet_length(scope) + octet_length(key) + octet_length(value)), 0)
		FROM session_values WHERE session = ? AND NOT (scope = ? AND key = ?)`, v.hash[:], scope, key).Scan(&n, &size)
	if err != nil {
		return err
	}
	if n >= maxSessionKeys || size+len(scope)+len(key)+len(value) > maxSessionValues {
		return app.Errorf(app.TooLarge, "A session has at most %d values and %d KiB.", maxSessionKeys, maxSessionValues>>10)
	}
	_, err = tx.Exec(`INSERT INTO session_values (session, scope, key, value) VALUES (?, ?, ?, ?)
		ON CONFLICT DO UPDATE SET value = excluded.value`, v.hash[:], scope, key, string(value))
	return err
}

// begin makes the row of an anonymous session, if there is none.
func (v *Session) begin(tx *Tx) error {
	if v.kind == signedIn {
		lives, err := exists(tx, `SELECT 1 FROM sessions WHERE hash = ?`, v.hash[:])
		if err == nil && !lives {
			err = errSessionEnded()
		}
		return err
	}
	result, err := tx.Exec(`INSERT INTO sessions (hash, created, seen) VALUES (?, ?, ?) ON CONFLICT DO NOTHING`,
		v.hash[:], millis(v.made), tx.now)
	if err != nil {
		return err
	}
	n, err := result.RowsAffected()
	if n > 0 {
		tx.onCommit(func() { v.store.sessions.forget(v.hash) })
	}
	return err
}
