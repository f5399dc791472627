package store

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"
)

// A session's token is a kind, a time in seconds, random bytes and a MAC of
// them, in base64url. So every visitor can have one without a row in the
// database, and only this server can make one.
const (
	tokenPayload = 1 + 4 + 24
	tokenMAC     = 16
	tokenLength  = (tokenPayload + tokenMAC) * 4 / 3
)

// sessionKind says what a token is worth without its row.
type sessionKind byte

const (
	anonymous sessionKind = 'a' // a session without values
	signedIn  sessionKind = 's' // nothing: the session has ended
)

// newToken makes a token.
func (s *Store) newToken(kind sessionKind, made time.Time) string {
	payload := make([]byte, tokenPayload, tokenPayload+tokenMAC)
	payload[0] = byte(kind)
	binary.BigEndian.PutUint32(payload[1:], uint32(made.Unix()))
	rand.Read(payload[5:])
	return base64.RawURLEncoding.EncodeToString(append(payload, s.tokenMAC(payload)...))
}

// readToken takes apart a token that this server has made.
func (s *Store) readToken(token string) (kind sessionKind, made time.Time, ok bool) {
	raw, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil || len(raw) != tokenPayload+tokenMAC { // line breaks are skipped
		return 0, time.Time{}, false
	}
	payload, mac := raw[:tokenPayload], raw[tokenPayload:]
	if !hmac.Equal(mac, s.tokenMAC(payload)) {
		return 0, time.Time{}, false
	}
	return sessionKind(payload[0]), time.Unix(int64(binary.BigEndian.Uint32(payload[1:])), 0), true
}

func (s *Store) tokenMAC(payload []byte) []byte { return s.MAC("session", string(payload))[:tokenMAC] }

// MAC returns the keyed hash of some words for a purpose. The key is this
// database's, and never changes.
func (s *Store) MAC(purpose string, words ...string) []byte {
	h := hmac.New(sha256.New, s.secret)
	io.WriteString(h, purpose)
	for _, w := range words {
		h.Write(binary.BigEndian.AppendUint32(nil, uint32(len(w))))
		io.WriteString(h, w)
	}
	return h.Sum(nil)
}

// readSecret reads the key of [Store.mac], and makes it at the first start.
func (s *Store) readSecret(ctx context.Context) error {
	secret := make([]byte, sha256.Size)
	rand.Read(secret)
	err := s.write(ctx, func(tx *Tx) error {
		err := tx.QueryRow(`SELECT value FROM settings WHERE key = 'session_secret'`).Scan(&secret)
		if !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		_, err = tx.Exec(`INSERT INTO settings (key, value) VALUES ('session_secret', ?)`, secret)
		return err
	})
	if err != nil {
		return fmt.Errorf("read the secret of the sessions: %w", err)
	}
	s.secret = secret
	return nil
}
