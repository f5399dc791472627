package store

import (
	"context"
	"encoding/hex"
	"fmt"

	"dashd/app"
)

// EndSession signs a browser out. Nothing happens if the session has ended.
func (s *Store) EndSession(ctx context.Context, session *Session) error {
	if err := s.write(ctx, func(tx *Tx) error { return s.end(tx, `hash = ?`, session.hash[:]) }); err != nil {
		return fmt.Errorf("end the session: %w", err)
	}
	return nil
}

// EndSessions signs a user out of all browsers, but not of that whose session
// has the hash except; nil is for all.
func (s *Store) EndSessions(ctx context.Context, user string, except []byte) error {
	if err := s.write(ctx, func(tx *Tx) error { return s.endOfUser(tx, user, except) }); err != nil {
		return fmt.Errorf("end sessions: %w", err)
	}
	return nil
}

// endOfUser removes the sessions of a user but one, and the tokens for further
// ones.
func (s *Store) endOfUser(tx *Tx, user string, except []byte) error {
	if err := endEmbedTokens(tx, user); err != nil {
		return err
	}
	return s.end(tx, ofUser+` AND hash IS NOT ?2`, foldName(user), except)
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

// ofUser is the sessions of a user, by the folded name.
const ofUser = `user = (SELECT id FROM users WHERE folded = ?1)`

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
	err := s.end(tx, `seen < ? OR created < ? OR target IS NOT NULL AND (seen < ? OR created < ?)`,
		tx.now-s.SessionIdle.Milliseconds(), tx.now-s.SessionMaxAge.Milliseconds(), tx.now-embedIdle.Milliseconds(), tx.now-embedMaxAge.Milliseconds())
	if err != nil {
		return fmt.Errorf("end old sessions: %w", err)
	}
	return nil
}
