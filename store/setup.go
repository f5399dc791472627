package store

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"database/sql"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"dashd/app"
)

// setupAge is how long a set-up link is good.
const setupAge = 24 * time.Hour

func errSetupToken() error {
	return app.Errorf(app.Forbidden, "This set-up link is wrong or too old. Start the server again for a new one.")
}

// NewSetupToken returns the secret of a link with which somebody becomes the
// first superuser, once, in the next 24 hours. Earlier ones are void. Errors:
// Conflict when there is a user.
func (s *Store) NewSetupToken(ctx context.Context) (token string, err error) {
	raw := binary.BigEndian.AppendUint64(nil, uint64(millis(s.Now())))
	raw = append(raw, make([]byte, 16)...)
	rand.Read(raw[8:])
	token = base64.RawURLEncoding.EncodeToString(raw)
	hash := sha256.Sum256([]byte(token))
	err = s.write(ctx, func(tx *Tx) error {
		if err := checkNoUsers(tx); err != nil {
			return err
		}
		_, err := tx.Exec(`INSERT INTO settings (key, value) VALUES ('setup_hash', ?)
			ON CONFLICT (key) DO UPDATE SET value = excluded.value`, hash[:])
		return err
	})
	if err != nil {
		return "", fmt.Errorf("make a set-up link: %w", err)
	}
	return token, nil
}

// Setup makes the first user, a superuser, for who has the token. Errors:
// Conflict when there is a user, Forbidden for a wrong or old token, Invalid for
// a wrong name or password, after which the token is still good.
func (s *Store) Setup(ctx context.Context, token, name, password string) error {
	// Asked first, so that strangers cannot have passwords hashed.
	if err := s.write(ctx, func(tx *Tx) error { return checkSetup(tx, token) }); err != nil {
		return fmt.Errorf("set up: %w", err)
	}
	hash, err := s.newPassword(ctx, password)
	if err != nil {
		return err
	}
	err = s.write(ctx, func(tx *Tx) error {
		if err := checkSetup(tx, token); err != nil {
			return err
		}
		if _, err := tx.Exec(`DELETE FROM settings WHERE key = 'setup_hash'`); err != nil {
			return err
		}
		return addUser(tx, name, hash, true)
	})
	if err != nil {
		return fmt.Errorf("set up: %w", err)
	}
	return nil
}

func checkNoUsers(tx *Tx) error {
	has, err := exists(tx, `SELECT 1 FROM users`)
	if err == nil && has {
		err = app.Errorf(app.Conflict, "This server is set up already. Sign in instead.")
	}
	return err
}

func checkSetup(tx *Tx, token string) error {
	if err := checkNoUsers(tx); err != nil {
		return err
	}
	var right []byte
	err := tx.QueryRow(`SELECT value FROM settings WHERE key = 'setup_hash'`).Scan(&right)
	if errors.Is(err, sql.ErrNoRows) {
		return errSetupToken()
	}
	if err != nil {
		return err
	}
	hash := sha256.Sum256([]byte(token))
	if subtle.ConstantTimeCompare(hash[:], right) != 1 {
		return errSetupToken()
	}
	// The token is ours: its time can be trusted.
	raw, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil || len(raw) < 8 {
		return errSetupToken()
	}
	made := timeOf(int64(binary.BigEndian.Uint64(raw)))
	if timeOf(tx.now).Sub(made) > setupAge {
		return errSetupToken()
	}
	return nil
}
