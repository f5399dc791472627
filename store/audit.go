package store

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"math"
	"time"
)

// AuditEntry is an entry of the audit log: who did what, to what, from where.
// It has no secrets, and no values of instances.
type AuditEntry struct {
	ID      int64     `json:"id"`
	Time    time.Time `json:"time"`
	Action  string    `json:"action"`  // such as "user.password"
	Target  string    `json:"target"`  // what it was done to: "user ann"; "": the actor, or the server
	Actor   string    `json:"actor"`   // name of a user, "command line" or "the program"; "": nobody known
	Address string    `json:"address"` // IP address; of a command, the user of the machine
	Request string    `json:"request"` // id of the request, as the server's log has it; "": none
	Detail  string    `json:"detail"`  // such as "access: authenticated -> public"
}

// maxAuditText bounds each text of an entry, in bytes.
const maxAuditText = 1000

// Bounds of what is written sparsely.
const (
	sparseTime = time.Minute
	maxSparse  = 60 // entries of one action in that time
)

// How many entries are kept, whatever their age. The sparse ones are counted
// apart: nobody can flood the others out.
const (
	maxAudit       = 500_000
	maxSparseAudit = 50_000
)

// Audit adds an entry to the audit log. The ID and the time are made up.
func (s *Store) Audit(ctx context.Context, e AuditEntry) error {
	if err := s.write(ctx, func(tx *Tx) error { return addAudit(tx, e, false) }); err != nil {
		return fmt.Errorf("write the audit log: %w", err)
	}
	return nil
}

// AuditSparsely is [Store.Audit] for what strangers or pages can cause as often
// as they like: at most one of the entries that are the same is written in a
// minute, and of one action 60.
func (s *Store) AuditSparsely(ctx context.Context, e AuditEntry) error {
	err := s.write(ctx, func(tx *Tx) error {
		var same, all int
		err := tx.QueryRow(`SELECT count(*), coalesce(sum(target = ? AND actor = ? AND address = ? AND detail = ?), 0) FROM audit
			WHERE sparse = 1 AND time > ? AND time <= ? AND action = ?`,
			auditText(e.Target), auditText(e.Actor), auditText(e.Address), auditText(e.Detail),
			tx.now-sparseTime.Milliseconds(), tx.now, auditText(e.Action)).Scan(&all, &same)
		if err != nil || same > 0 || all >= maxSparse {
			return err
		}
		return addAudit(tx, e, true)
	})
	if err != nil {
		return fmt.Errorf("write the audit log: %w", err)
	}
	return nil
}

func auditText(text string) string { return cut(text, maxAuditText) }

func addAudit(tx *Tx, e AuditEntry, sparse bool) error {
	_, err := tx.Exec(`INSERT INTO audit (time, sparse, action, target, actor, address, request, detail) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
		tx.now, sparse, auditText(e.Action), auditText(e.Target), auditText(e.Actor), auditText(e.Address), auditText(e.Request), auditText(e.Detail))
	return err
}

// AuditFilter selects entries of the audit log; its zero value selects all.
type AuditFilter struct {
	Action string    // an action, or its first word: "user" is for "user.password", too
	User   string    // who did it, or to whom it was done, whatever the case of ASCII letters
	Since  time.Time // the first moment
	Limit  int       // 0: no limit
	Offset int       // how many of the newest are left out
}

// auditFiltered takes Action, User and Since.
const auditFiltered = ` FROM audit WHERE (?1 = '' OR action = ?1 OR substr(action, 1, length(?1) + 1) = ?1 || '.')
	AND (?2 = '' OR actor = ?2 COLLATE NOCASE OR target = 'user ' || ?2 COLLATE NOCASE) AND time >= ?3`

func (f AuditFilter) args() []any {
	since := int64(math.MinInt64)
	if !f.Since.IsZero() {
		since = millis(f.Since)
	}
	return []any{f.Action, f.User, since}
}

// auditBatch is how many entries are read at a time.
const auditBatch = 500

// AuditLog returns the entries that the filter selects, the newest first. An
// error is the last of them. Between the entries the store is free for others.
func (s *Store) AuditLog(ctx context.Context, f AuditFilter) iter.Seq2[AuditEntry, error] {
	return func(yield func(AuditEntry, error) bool) {
		before, offset := int64(math.MaxInt64), f.Offset
		for left := cmp.Or(f.Limit, math.MaxInt); left > 0; left -= auditBatch {
			size := min(left, auditBatch)
			batch, err := queryAll(ctx, s.read, scanAudit, `SELECT id, time, action, target, actor, address, request, detail`+auditFiltered+`
				AND id < ?4 ORDER BY id DESC LIMIT ?5 OFFSET ?6`, append(f.args(), before, size, offset)...)
			if err != nil {
				yield(AuditEntry{}, fmt.Errorf("read the audit log: %w", err))
				return
			}
			for _, e := range batch {
				if !yield(e, nil) {
					return
				}
			}
			if len(batch) < size {
				return
			}
			before, offset = batch[size-1].ID, 0
		}
	}
}

func scanAudit(row scanner) (e AuditEntry, err error) {
	var at int64
	err = row.Scan(&e.ID, &at, &e.Action, &e.Target, &e.Actor, &e.Address, &e.Request, &e.Detail)
	e.Time = timeOf(at)
	return e, err
}

// CountAudit returns how many entries the filter selects, whatever the limit.
func (s *Store) CountAudit(ctx context.Context, f AuditFilter) (n int, err error) {
	if err := s.read.QueryRowContext(ctx, `SELECT count(*)`+auditFiltered, f.args()...).Scan(&n); err != nil {
		return 0, fmt.Errorf("count the audit log: %w", err)
	}
	return n, nil
}

// sweepAudit removes the entries that are too old, or too many. Nothing else
// removes any.
func (s *Store) sweepAudit(tx *Tx) error {
	for sparse, most := range []int{maxAudit, maxSparseAudit} {
		_, err := tx.Exec(`DELETE FROM audit WHERE sparse = ?1 AND (time < ?2 OR
			id <= (SELECT id FROM audit WHERE sparse = ?1 ORDER BY time DESC, id DESC LIMIT 1 OFFSET ?3))`,
			sparse, tx.now-s.AuditKeep.Milliseconds(), most)
		if err != nil {
			return fmt.Errorf("remove old entries of the audit log: %w", err)
		}
	}
	return nil
}
