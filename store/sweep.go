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
// hour by itself.
func (s *Store) Sweep(ctx context.Context) error {
	err := s.write(ctx, func(tx *Tx) error {
		if err := s.sweepHistory(tx); err != nil {
			return err
		}
		if _, err := tx.Exec(`DELETE FROM initial_arguments WHERE expires <= ?`, tx.now); err != nil {
			return fmt.Errorf("remove expired initial arguments: %w", err)
		}
		if _, err := tx.Exec(`DELETE FROM embed_tokens WHERE expires <= ?`, tx.now); err != nil {
			return fmt.Errorf("remove expired embed tokens: %w", err)
		}
		if err := s.sweepAudit(tx); err != nil {
			return err
		}
		if err := s.sweepAnalytics(tx); err != nil {
			return err
		}
		return s.sweepSessions(tx)
	})
	if err != nil {
		return fmt.Errorf("sweep: %w", err)
	}
	return nil
}

func (s *Store) sweepHistory(tx *Tx) error {
	rows, err := tx.Query(`SELECT DISTINCT instance FROM history`)
	if err != nil {
		return fmt.Errorf("find history: %w", err)
	}
	defer rows.Close()
	var instances []int64
	for rows.Next() {
		var id int64
		if err := rows.Scan(&id); err != nil {
			return fmt.Errorf("find history: %w", err)
		}
		instances = append(instances, id)
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("find history: %w", err)
	}
	for _, id := range instances {
		if err := pruneHistory(tx, id, tx.now-s.HistoryKeep.Milliseconds()); err != nil {
			return err
		}
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
