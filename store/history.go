package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"dashd/app"
)

const (
	maxHistory      = 1000     // rows that an instance keeps; those of one change go together
	maxHistoryBytes = 16 << 20 // of values that an instance keeps
	maxBacklog      = MaxState // what may come on top before it is pruned
	rowCost         = 4 << 10  // of a row's backlog, beside its value
)

// Revision is a value that a property has or had.
type Revision struct {
	Revision  int64     // the place of the request among all to the instance
	Until     int64     // the revision that replaced it; 0: it is the current value
	At        time.Time // when it was written
	User      string    // who wrote it; "": anonymous
	Page      string    // id of the page that wrote it; "": a command or the server
	Component app.ID
	Property  string
	Value     json.RawMessage // nil: tracked, not set
}

// History returns the values that an instance's properties have and had, the
// newest first, and no more than limit. Values that one page wrote one after
// the other count as one. A NotFound error: there is no such instance.
func (s *Store) History(ctx context.Context, slug string, limit int) ([]Revision, error) {
	i, err := s.Instance(ctx, slug)
	if err != nil {
		return nil, err
	}
	rows, err := s.read.QueryContext(ctx, `
		SELECT revision, 0 AS until, updated, user, page, component, property, value FROM properties WHERE instance = ?1
		UNION ALL
		SELECT revision, until, updated, user, page, component, property, value FROM history WHERE instance = ?1
		ORDER BY revision DESC, component, property LIMIT ?2`, i.id, limit)
	if err != nil {
		return nil, fmt.Errorf("read the history: %w", err)
	}
	defer rows.Close()
	var revisions []Revision
	for rows.Next() {
		var r Revision
		var at int64
		var value sql.NullString
		if err := rows.Scan(&r.Revision, &r.Until, &at, &r.User, &r.Page, &r.Component, &r.Property, &value); err != nil {
			return nil, fmt.Errorf("read the history: %w", err)
		}
		r.At, r.Value = timeOf(at), jsonOf(value)
		revisions = append(revisions, r)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read the history: %w", err)
	}
	return revisions, nil
}

// Restore makes the tracked properties those that they were at a revision. The
// restored state is a revision of its own, and what it replaces is history. A
// NotFound error: there is no such instance, or the history does not go back so
// far.
func (s *Store) Restore(ctx context.Context, slug string, revision int64, by string) error {
	i, err := s.Instance(ctx, slug)
	if err != nil {
		return err
	}
	err = s.write(ctx, func(tx *Tx) error {
		target, err := i.stateAt(tx, revision)
		if err != nil {
			return err
		}
		return i.replace(tx, target, by)
	})
	if err != nil {
		return fmt.Errorf("restore a revision: %w", err)
	}
	return nil
}

// stateAt reads the tracked properties as they were at a revision.
func (i *Instance) stateAt(tx *Tx, revision int64) (app.BaseState, error) {
	newest, err := i.lent()
	if err != nil {
		return nil, err
	}
	var horizon int64
	if err := tx.QueryRow(`SELECT horizon FROM instances WHERE id = ?`, i.id).Scan(&horizon); err != nil {
		return nil, fmt.Errorf("read where the history begins: %w", err)
	}
	if revision < max(1, horizon) || revision > newest.version {
		return nil, app.Errorf(app.NotFound, "The history of this instance has no revision %d.", revision)
	}
	rows, err := tx.Query(`
		SELECT component, property, value FROM properties WHERE instance = ?1 AND since <= ?2
		UNION ALL
		SELECT component, property, value FROM history WHERE instance = ?1 AND since <= ?2 AND until > ?2`, i.id, revision)
	if err != nil {
		return nil, fmt.Errorf("read a revision: %w", err)
	}
	return scanState(rows)
}

// scanState reads rows of component, property and value, and closes them.
func scanState(rows *sql.Rows) (app.BaseState, error) {
	defer rows.Close()
	state := app.BaseState{}
	for rows.Next() {
		var at place
		var value sql.NullString
		if err := rows.Scan(&at.id, &at.property, &value); err != nil {
			return nil, fmt.Errorf("read the state: %w", err)
		}
		if state[at.id] == nil {
			state[at.id] = map[string]json.RawMessage{}
		}
		state[at.id][at.property] = jsonOf(value)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read the state: %w", err)
	}
	return state, nil
}

// jsonOf returns a value as the state holds it.
func jsonOf(value sql.NullString) json.RawMessage {
	if !value.Valid {
		return nil
	}
	return json.RawMessage(value.String)
}

// textOf returns a value as the database holds it.
func textOf(value json.RawMessage) sql.NullString {
	return sql.NullString{String: string(value), Valid: value != nil}
}

// archive keeps a property's row as it is before the edit.
func (i *Instance) archive(tx *Tx, e edit, until int64) error {
	_, err := tx.Exec(`
		INSERT INTO history (instance, component, property, revision, since, until, value, page, user, updated, replaced)
		SELECT instance, component, property, revision, since, ?, value, page, user, updated, ? FROM properties
		WHERE instance = ? AND component = ? AND property = ?`, until, tx.now, i.id, e.at.id, e.at.property)
	if err != nil {
		return fmt.Errorf("write the history: %w", err)
	}
	i.backlog += rowCost + e.oldSize
	return nil
}

// pruneHistory removes what an instance's history has too many of, or what was
// replaced before the time. What one change replaced stays or goes as a whole,
// and that of the last change stays in any case but age. From then on the
// history is complete from the last removed revision on.
func pruneHistory(tx *Tx, instance, before int64) error {
	var horizon sql.NullInt64
	err := tx.QueryRow(`
		SELECT max(until) FROM (
			SELECT until, replaced, sum(places) OVER newer AS places, sum(bytes) OVER newer AS bytes
			FROM (
				SELECT until, max(replaced) AS replaced, count(*) AS places, sum(octet_length(value)) AS bytes
				FROM history WHERE instance = ? GROUP BY until)
			WINDOW newer AS (ORDER BY until DESC ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING))
		WHERE places >= ? OR bytes >= ? OR replaced < ?`, instance, maxHistory, maxHistoryBytes, before).Scan(&horizon)
	if err != nil {
		return fmt.Errorf("find old history: %w", err)
	}
	if !horizon.Valid {
		return nil
	}
	if _, err := tx.Exec(`DELETE FROM history WHERE instance = ? AND until <= ?`, instance, horizon.Int64); err != nil {
		return fmt.Errorf("remove old history: %w", err)
	}
	if _, err := tx.Exec(`UPDATE instances SET horizon = ? WHERE id = ?`, horizon.Int64, instance); err != nil {
		return fmt.Errorf("note where the history begins: %w", err)
	}
	return nil
}
