package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"dashd/app"
)

// maxAgent is how much is kept of the name of a browser, in bytes.
const maxAgent = 200

func errWrongPassword() error {
	return app.Errorf(app.Unauthorized, "The name or the password is wrong.")
}

// SignIn checks the name and the password that somebody at an IP address has
// sent, and returns the user. It starts no session: see [Store.StartSession].
// Errors: one Unauthorized for all that is wrong, which takes as long for a
// name that nobody has; a [ThrottledError] after too many of them; TooMany when
// too many people sign in.
func (s *Store) SignIn(ctx context.Context, name, password, address string) (*app.User, error) {
	attempt := s.newAttempt(name, address)
	if err := s.write(ctx, attempt.begin); err != nil {
		return nil, fmt.Errorf("begin to sign in: %w", err)
	}
	var hash string // "" for a user who is not there, too
	err := s.read.QueryRowContext(ctx, `SELECT password FROM users WHERE folded = ?`, foldName(name)).Scan(&hash)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return nil, fmt.Errorf("read the password: %w", err)
	}
	right, outdated, err := s.passwords.verify(ctx, password, hash, s.PasswordCost)
	if err != nil {
		return nil, fmt.Errorf("check the password: %w", err)
	}
	if !right {
		// It counts, whether or not the visitor waits for the answer.
		if err := s.write(context.WithoutCancel(ctx), attempt.fail); err != nil {
			return nil, fmt.Errorf("count a failed sign-in: %w", err)
		}
		return nil, errWrongPassword()
	}
	renewed := hash
	if outdated {
		if renewed, err = s.passwords.hash(ctx, password, s.PasswordCost); err != nil {
			return nil, fmt.Errorf("renew the password's hash: %w", err)
		}
	}
	var user *app.User
	err = s.write(ctx, func(tx *Tx) error {
		// Another password may have been set in the meantime.
		err := mustChange(tx, errWrongPassword, `UPDATE users SET signed_in = ?, password = ? WHERE folded = ? AND password = ?`,
			tx.now, renewed, foldName(name), hash)
		if err != nil {
			return err
		}
		if _, user, err = appUser(tx, name); err != nil {
			return err
		}
		return attempt.succeed(tx)
	})
	if err != nil {
		return nil, fmt.Errorf("sign in: %w", err)
	}
	return user, nil
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
		if old.user == nil || old.user.Name == u.Name {
			if err := inherit(tx, old, next); err != nil {
				return err
			}
		}
		return s.end(tx, `hash = ?`, old.hash[:])
	})
	if err != nil {
		return nil, fmt.Errorf("start a session: %w", err)
	}
	return next, nil
}

// inherit gives what one session has to another.
func inherit(tx *Tx, old, next *Session) error {
	for _, move := range []string{
		`UPDATE session_values SET session = ? WHERE session = ?`,
		`UPDATE initial_arguments SET session = ? WHERE session = ?`,
	} {
		if _, err := tx.Exec(move, next.hash[:], old.hash[:]); err != nil {
			return err
		}
	}
	return nil
}

// cut returns the begin of a text of visitors, as valid UTF-8.
func cut(text string, size int) string {
	return strings.ToValidUTF8(text[:min(len(text), size)], "")
}
