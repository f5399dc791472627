package store

import (
	"context"
	"fmt"
	"time"
)

// sweepEvery is how often what has expired is removed; the first time is soon
// after the start, so that a server that never runs long does it, too.
const (
	sweepEvery = time.Hour
	sweepFirst = time.Minute
)

// Sweep removes what has expired: history, initial arguments, embed tokens,
// analytics, entries of the audit log and sessions. An open store does so every
// hour by itself. It is many short writes, so that others come in between.
func (s *Store) Sweep(ctx context.Context) error {
	if err := s.sweepHistory(ctx); err != nil {
		return fmt.Errorf("sweep: %w", err)
	}
	for _, sweep := range []func(*Tx) error{sweepInitial, sweepEmbedTokens, s.sweepAudit, s.sweepAnalytics, s.sweepSessions, sweepThrottles} {
		if err := s.write(ctx, sweep); err != nil {
			return fmt.Errorf("sweep: %w", err)
		}
	}
	return nil
}

// sweepHistory prunes the history of each instance that may have too much of it.
// A reader finds them, and that takes longest.
func (s *Store) sweepHistory(ctx context.Context) error {
	before := millis(s.Now().Add(-s.HistoryKeep))
	instances, err := queryAll(ctx, s.read, func(row scanner) (id int64, err error) {
		err = row.Scan(&id)
		return id, err
	}, `SELECT instance FROM history GROUP BY instance
		HAVING count(*) > ? OR sum(octet_length(value)) >= ? OR min(replaced) < ?`, maxHistory, maxHistoryBytes, before)
	if err != nil {
		return fmt.Errorf("find history: %w", err)
	}
	for _, id := range instances {
		if err := s.write(ctx, func(tx *Tx) error { return pruneHistory(tx, id, before) }); err != nil {
			return err
		}
	}
	return nil
}

func sweepInitial(tx *Tx) error {
	if _, err := tx.Exec(`DELETE FROM initial_arguments WHERE expires <= ?`, tx.now); err != nil {
		return fmt.Errorf("remove expired initial arguments: %w", err)
	}
	return nil
}

func sweepEmbedTokens(tx *Tx) error {
	if _, err := tx.Exec(`DELETE FROM embed_tokens WHERE expires <= ?`, tx.now); err != nil {
		return fmt.Errorf("remove expired embed tokens: %w", err)
	}
	return nil
}

// sweeper is the goroutine that sweeps.
type sweeper struct {
	end  context.CancelFunc
	done chan struct{}
}

func startSweeper(s *Store) *sweeper {
	ctx, end := context.WithCancel(context.Background())
	sw := &sweeper{end, make(chan struct{})}
	go func() {
		defer close(sw.done)
		timer := time.NewTimer(sweepFirst)
		defer timer.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-timer.C:
			}
			if err := s.Sweep(ctx); err != nil && ctx.Err() == nil {
				s.Log.Error("expired data not removed", "err", err)
			}
			timer.Reset(sweepEvery)
		}
	}()
	return sw
}

func (sw *sweeper) stop() {
	sw.end()
	<-sw.done
}
