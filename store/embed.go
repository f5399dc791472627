package store

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"dashd/app"
)

// How long an app in a page of another site works: without a request, and at
// most. Then the page is loaded again.
const (
	embedIdle   = 8 * time.Hour
	embedMaxAge = 24 * time.Hour
)

// maxEmbedTTL is how long an embed token may wait for its use.
const maxEmbedTTL = time.Hour

// AddEmbedToken makes a token by which a browser gets a session for one target
// ("app/<slug>" or "instance/<slug>") as a user, or as nobody for "". It is good
// for one use in the time ttl: see [Store.StartEmbed]. It cannot be had again.
// Errors: NotFound for the user, Invalid for the time.
func (s *Store) AddEmbedToken(ctx context.Context, target, user string, ttl time.Duration) (string, error) {
	if ttl <= 0 || ttl > maxEmbedTTL {
		return "", app.Errorf(app.Invalid, "An embed token waits for its use for at most %v; it cannot be %v.", maxEmbedTTL, ttl)
	}
	token := rand.Text()
	hash := sha256.Sum256([]byte(token))
	err := s.write(ctx, func(tx *Tx) error {
		var id sql.NullInt64
		if user != "" {
			known, _, err := appUser(tx, user)
			if err != nil {
				return err
			}
			id = sql.NullInt64{Int64: known, Valid: true}
		}
		_, err := tx.Exec(`INSERT INTO embed_tokens (hash, target, user, created, expires) VALUES (?, ?, ?, ?, ?)`,
			hash[:], target, id, tx.now, tx.now+ttl.Milliseconds())
		return err
	})
	if err != nil {
		return "", fmt.Errorf("make an embed token: %w", err)
	}
	return token, nil
}

// StartEmbed takes a token of [Store.AddEmbedToken] and starts its session. The
// token of that stands in the path of URLs: it is none for a cookie. Errors:
// Unauthorized when the token is not one for the target, has been used, or has
// expired.
func (s *Store) StartEmbed(ctx context.Context, token, target, agent, address string) (*Session, error) {
	session := s.newSession(signedIn)
	hash := sha256.Sum256([]byte(token))
	err := s.write(ctx, func(tx *Tx) error {
		var user sql.NullInt64
		err := tx.QueryRow(`DELETE FROM embed_tokens WHERE hash = ? AND target = ? AND expires > ? RETURNING user`, hash[:], target, tx.now).Scan(&user)
		if errors.Is(err, sql.ErrNoRows) {
			return errNoEmbed()
		}
		if err != nil {
			return err
		}
		_, err = tx.Exec(`INSERT INTO sessions (hash, user, target, agent, address, created, seen) VALUES (?, ?, ?, ?, ?, ?, ?)`,
			session.hash[:], user, target, cut(agent, maxAgent), address, millis(session.made), tx.now)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("start an embed session: %w", err)
	}
	return s.EmbedSession(ctx, session.token, target)
}

// EmbedSession returns the session of a token in the path of a URL of a target.
// Errors: Unauthorized when it is not one of this server's for the target, has
// ended, or is too old.
func (s *Store) EmbedSession(ctx context.Context, token, target string) (*Session, error) {
	session, ok, err := s.session(ctx, token, target)
	if err == nil && !ok {
		err = errNoEmbed()
	}
	return session, err
}

func errNoEmbed() error {
	return app.Errorf(app.Unauthorized, "This address of the app was good for one load and some time, which are over. Load the page that shows the app again.")
}

// endEmbedTokens ends what waits for a user.
func endEmbedTokens(tx *Tx, user string) error {
	_, err := tx.Exec(`DELETE FROM embed_tokens WHERE `+ofUser, foldName(user))
	return err
}
