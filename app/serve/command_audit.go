package serve

import (
	"context"
	"fmt"
	"iter"
	"time"

	"dashd/store"
)

// auditCommand is "audit".
type auditCommand struct {
	Since  since  `help:"Only what was done since: a time such as 2026-01-31, '2026-01-31 18:00' or 2026-01-31T18:00:00Z, or as long ago as 12h or 30d." placeholder:"TIME"`
	User   string `help:"Only what a user did, or what was done to the user." placeholder:"NAME"`
	Action string `help:"Only an action such as user.password, or all that begin with a word such as user or session." placeholder:"ACTION"`
	Limit  int    `help:"Most entries to print, the newest; 0 for all." default:"100" placeholder:"N"`
	JSON   bool   `help:"Print JSON." xor:"form"`
	CSV    bool   `help:"Print CSV, for spreadsheets." xor:"form"`
}

// auditOperations are what the command asks for.
var auditOperations = map[string]operation{
	"audit/list": operate(func(ctx context.Context, s *Server, filter store.AuditFilter) ([]store.AuditEntry, error) {
		if err := checkAuditAction(filter.Action); err != nil {
			return nil, err
		}
		entries := []store.AuditEntry{}
		for e, err := range s.store.AuditLog(ctx, filter) {
			if err != nil {
				return nil, err
			}
			entries = append(entries, e)
		}
		return entries, nil
	}),
}

// Validate implements kong's interface.
func (c *auditCommand) Validate() error {
	if c.Limit < 0 {
		return fmt.Errorf("--limit is at least 1, or 0 for all")
	}
	return nil
}

func (c *auditCommand) Run(ctx context.Context, client *client, console *console) error {
	filter := store.AuditFilter{Action: c.Action, User: c.User, Since: time.Time(c.Since), Limit: c.Limit}
	entries, err := call[[]store.AuditEntry](ctx, client, "audit/list", filter)
	if err != nil {
		return err
	}
	switch {
	case c.JSON:
		return console.json(entries)
	case c.CSV:
		return writeAuditCSV(console.out, all(entries))
	}
	rows := [][]string{{"TIME", "ACTION", "BY", "FROM", "TO", "DETAIL"}}
	for _, e := range entries {
		rows = append(rows, []string{e.Time.Local().Format(time.DateTime), e.Action, e.Actor, e.Address, e.Target, e.Detail})
	}
	return console.table(rows)
}

// all is entries that are there, as AuditLog returns them.
func all(entries []store.AuditEntry) iter.Seq2[store.AuditEntry, error] {
	return func(yield func(store.AuditEntry, error) bool) {
		for _, e := range entries {
			if !yield(e, nil) {
				return
			}
		}
	}
}

// since is a moment on a command line, or how long ago it was.
type since time.Time

// UnmarshalText implements [encoding.TextUnmarshaler].
func (s *since) UnmarshalText(text []byte) error {
	for _, layout := range []string{time.DateOnly, "2006-01-02 15:04", time.DateTime, time.RFC3339} {
		if t, err := time.ParseInLocation(layout, string(text), time.Local); err == nil {
			*s = since(t)
			return nil
		}
	}
	var ago days
	if err := ago.UnmarshalText(text); err != nil {
		return fmt.Errorf("%q is not a time such as 2026-01-31, '2026-01-31 18:00', 12h or 30d", text)
	}
	*s = since(time.Now().Add(-time.Duration(ago)))
	return nil
}
