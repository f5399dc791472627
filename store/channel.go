package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
)

// Retained is the last value of a channel and label that those who come later
// get too.
type Retained struct {
	Channel, Label string
	Value          json.RawMessage
}

// Retain keeps a value over restarts, in place of the earlier one.
func (s *Store) Retain(ctx context.Context, r Retained) error {
	err := s.write(ctx, func(tx *Tx) error {
		_, err := tx.Exec(`INSERT INTO retained (channel, label, value, updated) VALUES (?, ?, ?, ?)
			ON CONFLICT DO UPDATE SET value = excluded.value, updated = excluded.updated`, r.Channel, r.Label, string(r.Value), tx.now)
		return err
	})
	if err != nil {
		return fmt.Errorf("retain a value: %w", err)
	}
	return nil
}

// Forget keeps the value of a channel and label no longer.
func (s *Store) Forget(ctx context.Context, channel, label string) error {
	err := s.write(ctx, func(tx *Tx) error {
		_, err := tx.Exec(`DELETE FROM retained WHERE channel = ? AND label = ?`, channel, label)
		return err
	})
	if err != nil {
		return fmt.Errorf("forget a retained value: %w", err)
	}
	return nil
}

// Retained returns all retained values.
func (s *Store) Retained(ctx context.Context) ([]Retained, error) {
	all, err := queryAll(ctx, s.read, func(row scanner) (r Retained, err error) {
		var value string
		err = row.Scan(&r.Channel, &r.Label, &value)
		r.Value = json.RawMessage(value)
		return r, err
	}, `SELECT channel, label, value FROM retained ORDER BY updated`)
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
