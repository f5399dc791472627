package store

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"dashd/app"
)

// Token lets a program publish to channels over HTTP.
type Token struct {
	ID       int64
	Name     string   // what it is for; may be ""
	Channels []string // patterns as in [path.Match]
	Created  time.Time
	Expires  time.Time // zero: never
	Used     time.Time // to the minute; zero: never
}

// Covers reports whether the token is for a channel.
func (t Token) Covers(channel string) bool {
	return slices.ContainsFunc(t.Channels, func(pattern string) bool {
		ok, _ := path.Match(pattern, channel)
		return ok
	})
}

// tokenCache holds all tokens by hash: there are few, and each poke asks.
type tokenCache struct {
	mu     sync.Mutex
	byHash map[[sha256.Size]byte]Token // nil: to be read; a change makes another one
}

// tokenMark begins the text of a token, so that scanners of leaked secrets
// find it.
const tokenMark = "dashd_poke_"

// CreateToken makes a token for channels, which are patterns such as
// "sensors.*", and returns its text, which cannot be had again. A ttl of 0
// means for ever. Errors: Invalid.
func (s *Store) CreateToken(ctx context.Context, name string, channels []string, ttl time.Duration) (string, error) {
	if len(channels) == 0 {
		return "", app.Errorf(app.Invalid, "A token needs the channels that it is for, such as 'sensors.*'.")
	}
	for _, pattern := range channels {
		if _, err := path.Match(pattern, ""); err != nil || pattern == "" || strings.ContainsAny(pattern, " \t\n") {
			return "", app.Errorf(app.Invalid, "%q is not a pattern of channels such as 'sensors.*'.", pattern)
		}
	}
	if ttl < 0 {
		return "", app.Errorf(app.Invalid, "A token cannot expire before it is made.")
	}
	token := tokenMark + rand.Text()
	hash := sha256.Sum256([]byte(token))
	err := s.write(ctx, func(tx *Tx) error {
		expires := sql.NullInt64{Int64: tx.now + ttl.Milliseconds(), Valid: ttl > 0}
		_, err := tx.Exec(`INSERT INTO tokens (hash, name, channels, created, expires) VALUES (?, ?, ?, ?, ?)`,
			hash[:], name, strings.Join(channels, " "), tx.now, expires)
		return err
	})
	if err != nil {
		return "", fmt.Errorf("create a token: %w", err)
	}
	s.tokens.forget()
	return token, nil
}

// Tokens returns all tokens, those that have expired too, oldest first.
func (s *Store) Tokens(ctx context.Context) ([]Token, error) {
	all, err := s.tokens.all(ctx, s)
	if err != nil {
		return nil, fmt.Errorf("list the tokens: %w", err)
	}
	tokens := make([]Token, 0, len(all))
	for _, t := range all {
		tokens = append(tokens, t)
	}
	slices.SortFunc(tokens, func(a, b Token) int { return int(a.ID - b.ID) })
	return tokens, nil
}

var errNoToken = app.Errorf(app.Unauthorized, "This needs a token that is in force: dashd token create makes one.")

// Token returns the token with a text and notes its use, where that can be
// written. Errors: Unauthorized when there is none, or it has expired.
func (s *Store) Token(ctx context.Context, text string) (Token, error) {
	hash := sha256.Sum256([]byte(text)) // equal hashes alone tell: the time of the search tells nothing of a token
	all, err := s.tokens.all(ctx, s)
	if err != nil {
		return Token{}, fmt.Errorf("find a token: %w", err)
	}
	t, ok := all[hash]
	now := s.Now()
	if !ok || !t.Expires.IsZero() && !now.Before(t.Expires) {
		return Token{}, errNoToken
	}
	if s.tokens.use(hash, now) {
		err := s.write(ctx, func(tx *Tx) error {
			_, err := tx.Exec(`UPDATE tokens SET used = ? WHERE id = ?`, millis(now), t.ID)
			return err
		})
		if err != nil {
			s.Log.Warn("the use of a token is not noted", "token", t.ID, "err", err)
		}
	}
	return t, nil
}

// RevokeToken ends a token. Errors: NotFound.
func (s *Store) RevokeToken(ctx context.Context, id int64) error {
	err := s.write(ctx, func(tx *Tx) error {
		result, err := tx.Exec(`DELETE FROM tokens WHERE id = ?`, id)
		if err != nil {
			return err
		}
		if n, err := result.RowsAffected(); err != nil || n > 0 {
			return err
		}
		return app.Errorf(app.NotFound, "There is no token %d.", id)
	})
	if err != nil {
		return fmt.Errorf("revoke a token: %w", err)
	}
	s.tokens.forget()
	return nil
}

func (c *tokenCache) forget() {
	c.mu.Lock()
	c.byHash = nil
	c.mu.Unlock()
}

// use notes that a token is used, and reports whether that is to be written:
// once a minute, also when it fails.
func (c *tokenCache) use(hash [sha256.Size]byte, now time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	t, ok := c.byHash[hash]
	if !ok || now.Sub(t.Used) < time.Minute {
		return false
	}
	t.Used = now
	c.byHash = maps.Clone(c.byHash)
	c.byHash[hash] = t
	return true
}

func (c *tokenCache) all(ctx context.Context, s *Store) (map[[sha256.Size]byte]Token, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.byHash != nil {
		return c.byHash, nil
	}
	rows, err := s.read.QueryContext(ctx, `SELECT hash, id, name, channels, created, expires, used FROM tokens`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	all := map[[sha256.Size]byte]Token{}
	for rows.Next() {
		var t Token
		var hash []byte
		var channels string
		var created int64
		var expires, used sql.NullInt64
		if err := rows.Scan(&hash, &t.ID, &t.Name, &channels, &created, &expires, &used); err != nil {
			return nil, err
		}
		t.Channels, t.Created = strings.Fields(channels), timeOf(created)
		if expires.Valid {
			t.Expires = timeOf(expires.Int64)
		}
		if used.Valid {
			t.Used = timeOf(used.Int64)
		}
		all[[sha256.Size]byte(hash)] = t
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	c.byHash = all
	return all, nil
}
