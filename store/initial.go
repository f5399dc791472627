package store

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"dashd/app"
)

// maxInitial is how many sets of initial arguments a session has: of more, the
// oldest go.
const maxInitial = 200

const initialPrefix = "dpd-initial-args-"

// AddInitial keeps the values that a page gives to an app which it embeds, and
// returns the id for the URL. The values are for that target ("app/<slug>" or
// "instance/<slug>"), for the session with that hash, and for the time ttl.
// Properties without a value are left out. Errors: Invalid and TooLarge.
func (s *Store) AddInitial(ctx context.Context, target string, session []byte, state app.BaseState, ttl time.Duration) (id string, err error) {
	if err := checkState(state); err != nil {
		return "", err
	}
	value, err := encodeState(state)
	if err != nil {
		return "", fmt.Errorf("keep initial arguments: %w", err)
	}
	var secret [16]byte
	rand.Read(secret[:])
	id = initialPrefix + hex.EncodeToString(secret[:])
	hash := sha256.Sum256([]byte(id))
	err = s.write(ctx, func(tx *Tx) error {
		_, err := tx.Exec(`INSERT INTO initial_arguments (hash, target, session, value, created, expires) VALUES (?, ?, ?, ?, ?, ?)`,
			hash[:], target, session, value, tx.now, tx.now+ttl.Milliseconds())
		if err != nil {
			return err
		}
		_, err = tx.Exec(`DELETE FROM initial_arguments WHERE hash IN (
			SELECT hash FROM initial_arguments WHERE session = ? ORDER BY created DESC, hash = ? DESC LIMIT -1 OFFSET ?)`,
			session, hash[:], maxInitial)
		if len(session) == len(sessionHash{}) {
			tx.onCommit(func() { s.sessions.forget(sessionHash(session)) }) // it lasts as long
		}
		return err
	})
	if err != nil {
		return "", fmt.Errorf("keep initial arguments: %w", err)
	}
	return id, nil
}

// Initial returns the values that [Store.AddInitial] keeps. A NotFound error:
// there are none with this id for the target and the session, or no longer.
func (s *Store) Initial(ctx context.Context, id, target string, session []byte) (app.BaseState, error) {
	hash := sha256.Sum256([]byte(id))
	var value []byte
	err := s.read.QueryRowContext(ctx, `SELECT value FROM initial_arguments
		WHERE hash = ? AND target = ? AND session = ? AND expires > ?`, hash[:], target, session, millis(s.Now())).Scan(&value)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, app.Errorf(app.NotFound, "The arguments of this page have expired; load the page that embeds it again.")
	}
	if err != nil {
		return nil, fmt.Errorf("read initial arguments: %w", err)
	}
	state := app.BaseState{}
	if err := json.Unmarshal(value, &state); err != nil {
		return nil, fmt.Errorf("read initial arguments: %w", err)
	}
	return state, nil
}

// encodeState encodes a state as JSON by the texts of its IDs. What is not set
// cannot be told from null there and is left out.
func encodeState(state app.BaseState) (string, error) {
	set := map[string]map[string]json.RawMessage{}
	for id, values := range state {
		set[string(id)] = map[string]json.RawMessage{}
		for property, value := range values {
			if value != nil {
				set[string(id)][property] = value
			}
		}
	}
	text, err := json.Marshal(set)
	return string(text), err
}
