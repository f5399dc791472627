package store_test

import (
	"database/sql"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"dashd/store"
)

// auditLog returns what a filter selects: the actions and targets, and whoever
// did it.
func auditLog(t *testing.T, s *store.Store, f store.AuditFilter) (lines []string) {
	t.Helper()
	for e, err := range s.AuditLog(t.Context(), f) {
		must(t, err)
		lines = append(lines, strings.TrimSpace(e.Action+" "+e.Target+" by "+e.Actor))
	}
	f.Limit, f.Offset = 0, 0
	all := 0
	for _, err := range s.AuditLog(t.Context(), f) {
		must(t, err)
		all++
	}
	if n, err := s.CountAudit(t.Context(), f); n != all || err != nil {
		t.Errorf("%d are counted, %d are there: %v", n, all, err)
	}
	return lines
}

func TestAudit(t *testing.T) {
	s, c := openUsers(t)
	entries := []store.AuditEntry{
		{Action: "user.add", Target: "user Ann", Actor: "root", Address: "192.0.2.1", Request: "0123456789abcdef", Detail: "superuser: off"},
		{Action: "user.password", Target: "user ann", Actor: "ann"},
		{Action: "users", Actor: "Root"},
		{Action: "token.create", Target: "token", Actor: "command line", Detail: strings.Repeat("é", 600)},
	}
	var want []store.AuditEntry
	for i, e := range entries {
		must(t, s.Audit(t.Context(), e))
		e.ID, e.Time, e.Detail = int64(i+1), c.Now(), e.Detail[:min(len(e.Detail), 1000)]
		want = append([]store.AuditEntry{e}, want...)
		c.pass(time.Minute)
	}
	var got []store.AuditEntry
	for e, err := range s.AuditLog(t.Context(), store.AuditFilter{}) {
		must(t, err)
		got = append(got, e)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("want - got +\n%s", diff)
	}
	for _, test := range []struct {
		name   string
		filter store.AuditFilter
		want   []string
	}{
		{"an action", store.AuditFilter{Action: "user.add"}, []string{"user.add user Ann by root"}},
		{"a first word", store.AuditFilter{Action: "user"}, []string{"user.password user ann by ann", "user.add user Ann by root"}},
		{"half a word", store.AuditFilter{Action: "use"}, nil},
		{"a pattern", store.AuditFilter{Action: "%"}, nil},
		{"a user", store.AuditFilter{User: "root"}, []string{"users  by Root", "user.add user Ann by root"}},
		{"to whom it was done", store.AuditFilter{User: "ANN"}, []string{"user.password user ann by ann", "user.add user Ann by root"}},
		{"a time", store.AuditFilter{Since: want[1].Time}, []string{"token.create token by command line", "users  by Root"}},
		{"all of it", store.AuditFilter{Action: "user", User: "root", Since: want[3].Time}, []string{"user.add user Ann by root"}},
		{"a page", store.AuditFilter{Limit: 2, Offset: 1}, []string{"users  by Root", "user.password user ann by ann"}},
		{"the last page", store.AuditFilter{Limit: 2, Offset: 3}, []string{"user.add user Ann by root"}},
	} {
		if diff := cmp.Diff(test.want, auditLog(t, s, test.filter)); diff != "" {
			t.Errorf("%s: want - got +\n%s", test.name, diff)
		}
	}
}

// A log of many batches is read whole, once, while more is written, and no
// further than somebody wants it.
func TestAuditLogIsLong(t *testing.T) {
	s, _ := openUsers(t)
	const many = 1200
	for i := range many {
		must(t, s.Audit(t.Context(), store.AuditEntry{Action: "a", Target: fmt.Sprint(i)}))
	}
	next := many - 1
	for e, err := range s.AuditLog(t.Context(), store.AuditFilter{}) {
		must(t, err)
		if e.Target != fmt.Sprint(next) {
			t.Fatalf("%s comes where %d should", e.Target, next)
		}
		must(t, s.Audit(t.Context(), store.AuditEntry{Action: "b"}))
		next--
	}
	if next != -1 {
		t.Errorf("%d are left", next+1)
	}
	if n := len(auditLog(t, s, store.AuditFilter{Action: "a", Limit: 750, Offset: 100})); n != 750 {
		t.Errorf("%d of 750", n)
	}
	for range s.AuditLog(t.Context(), store.AuditFilter{}) {
		break
	}
	must(t, s.Close())
	for e, err := range s.AuditLog(t.Context(), store.AuditFilter{}) {
		if err == nil {
			t.Errorf("a closed store has %v", e)
		}
	}
}

func TestAuditSparsely(t *testing.T) {
	s, c := openUsers(t)
	failed := store.AuditEntry{Action: "session.failed", Target: "user ann", Address: "192.0.2.1"}
	sparsely := func(e store.AuditEntry, wantNew int) {
		t.Helper()
		before := len(auditLog(t, s, store.AuditFilter{}))
		must(t, s.AuditSparsely(t.Context(), e))
		if n := len(auditLog(t, s, store.AuditFilter{})) - before; n != wantNew {
			t.Errorf("%d entries are new, want %d", n, wantNew)
		}
	}
	sparsely(failed, 1)
	for range 3 {
		c.pass(19 * time.Second)
		sparsely(failed, 0)
	}
	elsewhere := failed
	elsewhere.Address = "192.0.2.2"
	sparsely(elsewhere, 1)
	c.pass(4 * time.Second)
	sparsely(failed, 1)

	// All that is not new counts, too.
	for i := range 100 {
		e := failed
		e.Address = fmt.Sprint("198.51.100.", i)
		must(t, s.AuditSparsely(t.Context(), e))
	}
	if n := len(auditLog(t, s, store.AuditFilter{})); n != 1+60 {
		t.Errorf("a flood leaves %d entries", n)
	}
	other := failed
	other.Action = "session.throttled"
	sparsely(other, 1)
	must(t, s.Audit(t.Context(), failed))
	c.pass(-time.Hour) // the clock was wrong, and nobody waits for that time to come
	sparsely(failed, 1)
}

func TestAuditStays(t *testing.T) {
	path := filepath.Join(t.TempDir(), "dashd.db")
	c := newClock()
	s := openTimed(t, path, c)
	for range 3 {
		must(t, s.Audit(t.Context(), store.AuditEntry{Action: "old"}))
		must(t, s.AuditSparsely(t.Context(), store.AuditEntry{Action: "sparse", Address: fmt.Sprint(c.Now())}))
		c.pass(time.Hour)
	}
	db, err := sql.Open("sqlite", path)
	must(t, err)
	defer db.Close()
	if _, err := db.Exec(`UPDATE audit SET actor = 'bob'`); err == nil || !strings.Contains(err.Error(), "the audit log is not changed") {
		t.Errorf("an entry can be changed: %v", err)
	}

	s.AuditKeep = 150 * time.Minute
	must(t, s.Sweep(t.Context()))
	if n := len(auditLog(t, s, store.AuditFilter{})); n != 4 {
		t.Errorf("%d entries are left, want those of 2 hours: 4", n)
	}
	c.pass(24 * time.Hour)
	must(t, s.Sweep(t.Context()))
	must(t, s.Audit(t.Context(), store.AuditEntry{Action: "new"}))
	for e, err := range s.AuditLog(t.Context(), store.AuditFilter{}) {
		must(t, err)
		if e.Action != "new" || e.ID != 7 {
			t.Errorf("%s has the number %d: a gap is to stay", e.Action, e.ID)
		}
	}
}

// The log has a bound, and what strangers cause does not push the rest out.
func TestAuditIsBounded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "dashd.db")
	s := openAt(t, path)
	must(t, s.Audit(t.Context(), store.AuditEntry{Action: "first"}))
	db, err := sql.Open("sqlite", path)
	must(t, err)
	defer db.Close()
	_, err = db.Exec(`WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 50010)
		INSERT INTO audit (time, sparse, action, target, actor, address, request, detail)
		SELECT unixepoch() * 1000 + n, 1, 'sparse', n, '', '', '', '' FROM n`)
	must(t, err)
	must(t, s.Sweep(t.Context()))
	if n, err := s.CountAudit(t.Context(), store.AuditFilter{Action: "sparse"}); n != 50_000 || err != nil {
		t.Errorf("%d sparse entries, %v", n, err)
	}
	if n, err := s.CountAudit(t.Context(), store.AuditFilter{Action: "first"}); n != 1 || err != nil {
		t.Errorf("%d other entries, %v", n, err)
	}
	for e, err := range s.AuditLog(t.Context(), store.AuditFilter{Limit: 1, Offset: 49_999}) {
		must(t, err)
		if e.Target != "11" {
			t.Errorf("the oldest is %s", e.Target)
		}
	}
}
