package store

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
)

// Retained is the last value of a channel and label that those who come later
// get too.
type Retained struct {
	Channel, Label string
	Value          json.RawMessage // nil: null
}

// RetainedChange is a value that is retained from now on, or is no longer.
type RetainedChange struct {
	Retained
	Forget bool
}

// RetainLimits bound the retained values: where there are more, the newest stay.
type RetainLimits struct {
	Labels       int // of a channel
	ChannelBytes int // and their size
	Bytes        int // of all channels
}

// retaining is what is to become of the retained values.
type retaining struct {
	limits RetainLimits

	mu      sync.Mutex
	waiting []*RetainedChange // in the order in which they were published

	// The writer's own.
	newest int64 // the last time in the table, each later than the one before; 0: not known
	room   int   // bytes that may come before the whole table is bounded again
}

// BoundRetained sets the limits of the retained values. There are none before;
// it is called before the first value comes.
func (s *Store) BoundRetained(limits RetainLimits) { s.retaining.limits = limits }

// Retain keeps a value over restarts, in place of the earlier one.
func (s *Store) Retain(ctx context.Context, r Retained) error {
	return s.RetainInTurn(ctx, func() *RetainedChange { return &RetainedChange{Retained: r} })
}

// Forget keeps the value of a channel and label no longer.
func (s *Store) Forget(ctx context.Context, channel, label string) error {
	return s.RetainInTurn(ctx, func() *RetainedChange {
		return &RetainedChange{Retained: Retained{Channel: channel, Label: label}, Forget: true}
	})
}

// RetainInTurn calls publish and writes what that changes; nil is nothing. It is
// called for one message at a time, and what is published last is written last.
// Nobody else's publish waits for the write.
func (s *Store) RetainInTurn(ctx context.Context, publish func() *RetainedChange) error {
	change := s.retaining.publish(publish)
	if change == nil {
		return nil
	}
	if err := s.write(ctx, s.writeRetained); err != nil {
		s.retaining.withdraw(change)
		return fmt.Errorf("write a retained value: %w", err)
	}
	return nil
}

func (q *retaining) publish(publish func() *RetainedChange) *RetainedChange {
	q.mu.Lock()
	defer q.mu.Unlock()
	change := publish()
	if change != nil {
		q.waiting = append(q.waiting, change)
	}
	return change
}

// withdraw removes a change that could not be written, if it still waits.
func (q *retaining) withdraw(change *RetainedChange) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.waiting = slices.DeleteFunc(q.waiting, func(c *RetainedChange) bool { return c == change })
}

func (q *retaining) take() []*RetainedChange {
	q.mu.Lock()
	defer q.mu.Unlock()
	changes := q.waiting
	q.waiting = nil
	return changes
}

// giveBack takes back what take has handed over.
func (q *retaining) giveBack(changes []*RetainedChange) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.waiting = append(changes, q.waiting...)
}

// writeRetained writes all changes that wait, those of others too: a change must
// not overtake one that was published before it.
func (s *Store) writeRetained(tx *Tx) error {
	q := &s.retaining
	changes := q.take()
	tx.onUndo(func() {
		q.giveBack(changes)
		q.room = 0
	})
	if q.newest == 0 {
		if err := tx.QueryRow(`SELECT coalesce(max(updated), 0) FROM retained`).Scan(&q.newest); err != nil {
			return err
		}
	}
	channels := map[string]bool{}
	for _, c := range changes {
		if c.Forget {
			if _, err := tx.Exec(`DELETE FROM retained WHERE channel = ? AND label = ?`, c.Channel, c.Label); err != nil {
				return err
			}
			continue
		}
		q.newest = max(q.newest+1, tx.now) // also where the clock goes back
		_, err := tx.Exec(`INSERT INTO retained (channel, label, value, updated) VALUES (?, ?, ?, ?)
			ON CONFLICT DO UPDATE SET value = excluded.value, updated = excluded.updated`, c.Channel, c.Label, cmp.Or(string(c.Value), "null"), q.newest)
		if err != nil {
			return err
		}
		channels[c.Channel] = true
		q.room -= len(c.Channel) + len(c.Label) + len(c.Value) + messageCost
	}
	if q.room < 0 { // also with the first value of a run
		_, err := tx.Exec(`DELETE FROM retained WHERE (channel, label) NOT IN (`+keptRetained+`)`,
			q.limits.Labels, q.limits.ChannelBytes, q.limits.Bytes)
		if err != nil {
			return err
		}
		q.room = q.limits.Bytes / 16
	}
	for channel := range channels {
		if err := q.boundChannel(tx, channel); err != nil {
			return err
		}
	}
	return nil
}

// boundChannel removes the oldest values of a channel until it has no more than
// it may: few, for it had no more before.
func (q *retaining) boundChannel(tx *Tx, channel string) error {
	var labels, bytes int
	err := tx.QueryRow(`SELECT count(*), coalesce(sum(`+retainedSize+`), 0) FROM retained WHERE channel = ?`, channel).Scan(&labels, &bytes)
	for err == nil && (labels > q.limits.Labels || bytes > q.limits.ChannelBytes) {
		var size int
		err = tx.QueryRow(`DELETE FROM retained WHERE channel = ?1 AND label = (
			SELECT label FROM retained WHERE channel = ?1 ORDER BY updated LIMIT 1) RETURNING `+retainedSize, channel).Scan(&size)
		labels, bytes = labels-1, bytes-size
	}
	return err
}

// messageCost is the size of a message beside its channel, label and value.
const messageCost = 90

// retainedSize is the size of the message of a row, about as the hub counts it.
var retainedSize = fmt.Sprintf(`octet_length(channel) + octet_length(label) + octet_length(value) + %d`, messageCost)

// keptRetained selects the keys of the rows that the [RetainLimits] leave.
var keptRetained = `WITH sized AS (SELECT channel, label, updated, ` + retainedSize + ` AS size FROM retained),
	numbered AS (SELECT *, row_number() OVER newer AS labels, sum(size) OVER newer AS bytes FROM sized
		WINDOW newer AS (PARTITION BY channel ORDER BY updated DESC, label ROWS UNBOUNDED PRECEDING)),
	summed AS (SELECT *, sum(size) OVER (ORDER BY updated DESC, channel, label ROWS UNBOUNDED PRECEDING) AS total
		FROM numbered WHERE labels <= ?1 AND bytes <= ?2)
	SELECT channel, label FROM summed WHERE total <= ?3`

// Retained returns the retained values, as far as their limits allow, the oldest
// first.
func (s *Store) Retained(ctx context.Context) ([]Retained, error) {
	limits := s.retaining.limits
	all, err := queryAll(ctx, s.read, func(row scanner) (r Retained, err error) {
		var value string
		err = row.Scan(&r.Channel, &r.Label, &value)
		r.Value = json.RawMessage(value)
		return r, err
	}, `SELECT channel, label, value FROM retained WHERE (channel, label) IN (`+keptRetained+`) ORDER BY updated`,
		limits.Labels, limits.ChannelBytes, limits.Bytes)
	if err != nil {
		return nil, fmt.Errorf("read the retained values: %w", err)
	}
	return all, nil
}

// channelsKey is the setting that holds what channels remembered at the end of
// the last run.
const channelsKey = "channels"

// KeepChannels keeps what the channels remember for the next run.
func (s *Store) KeepChannels(ctx context.Context, snapshot []byte) error {
	err := s.write(ctx, func(tx *Tx) error {
		_, err := tx.Exec(`INSERT INTO settings (key, value) VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value`, channelsKey, snapshot)
		return err
	})
	if err != nil {
		return fmt.Errorf("keep the channels: %w", err)
	}
	return nil
}

// TakeChannels returns what the channels of the last run remembered, nil when
// it did not end in good order. It is there once: a run that crashes must not
// leave it to the one after.
func (s *Store) TakeChannels(ctx context.Context) (snapshot []byte, err error) {
	err = s.write(ctx, func(tx *Tx) error {
		err := tx.QueryRow(`DELETE FROM settings WHERE key = ? RETURNING value`, channelsKey).Scan(&snapshot)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read the channels of the last run: %w", err)
	}
	return snapshot, nil
}
