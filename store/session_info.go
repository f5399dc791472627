package store

import (
	"context"
	"encoding/hex"
	"fmt"
	"time"
)

// maxListed is how many sessions a list has.
const maxListed = 1000

// SessionInfo is what people may know of a session.
type SessionInfo struct {
	ID      string // not the token
	User    string // "": anonymous
	Agent   string // User-Agent of the browser that signed in, cut short
	Address string // and where it was
	Created time.Time
	Seen    time.Time // up to two minutes old
	Values  int       // how many there are
}

// Sessions returns the sessions of a user, or all for "": the last used first,
// and no more than a thousand. Anonymous ones are there if they have values.
func (s *Store) Sessions(ctx context.Context, user string) ([]SessionInfo, error) {
	query, args := selectSessions(""), []any{maxListed}
	if user != "" {
		query, args = selectSessions("WHERE "+ofUser), []any{foldName(user), maxListed}
	}
	all, err := queryAll(ctx, s.read, scanSessionInfo, query, args...)
	if err != nil {
		return nil, fmt.Errorf("list the sessions: %w", err)
	}
	return all, nil
}

// selectSessions is the list of all sessions, or those of a user. They are two
// texts, because SQLite chooses the index when it has only the text.
func selectSessions(where string) string {
	return `SELECT hash, coalesce((SELECT name FROM users WHERE id = user), ''),
		agent, address, created, seen, (SELECT count(*) FROM session_values WHERE session = hash)
		FROM sessions ` + where + ` ORDER BY seen DESC, hash LIMIT ?`
}

func scanSessionInfo(row scanner) (info SessionInfo, err error) {
	var hash []byte
	var created, seen int64
	err = row.Scan(&hash, &info.User, &info.Agent, &info.Address, &created, &seen, &info.Values)
	info.ID = hex.EncodeToString(hash[:min(len(hash), sessionIDBytes)])
	info.Created, info.Seen = timeOf(created), timeOf(seen)
	return info, err
}
