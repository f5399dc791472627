package store

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"

	"dashd/app"
)

// Limits of the values of a session.
const (
	maxSessionValue  = 64 << 10  // bytes
	maxSessionValues = 256 << 10 // bytes, with their keys
	maxSessionKeys   = 200
)

func errSessionEnded() error {
	return app.Errorf(app.Unauthorized, "This session has ended. Sign in again.")
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
