package serve

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"dashd/app"
	"dashd/store"
)

// backupCommand is "backup". It reads the database itself, beside a server that
// runs: so the file is the caller's, and may be where the server may not write.
type backupCommand struct {
	File  string `arg:"" help:"File to write, and FILE.sha256 with its checksum; - is the standard output, without one."`
	Force bool   `help:"Replace a file that is there."`
}

// Run writes the backup, and prints what it wrote.
func (c *backupCommand) Run(ctx context.Context, config Config, console *console) error {
	database := filepath.Join(config.Data, databaseFile)
	if c.File == "-" {
		return printBackup(ctx, database, console)
	}
	backup, err := store.WriteBackup(ctx, database, c.File, c.Force)
	if err != nil {
		return err
	}
	fmt.Fprintf(console.out, "%s: %d bytes, SHA-256 %s\n", c.File, backup.Size, backup.SHA256)
	return nil
}

// printBackup writes a backup to the standard output.
func printBackup(ctx context.Context, database string, console *console) error {
	if isTerminal(console.out) {
		return app.Errorf(app.Invalid, "A backup is nothing to read: lead the output into a file or a program.")
	}
	dir, err := os.MkdirTemp("", "dashd-backup")
	if err != nil {
		return fmt.Errorf("write the backup: %w", err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, databaseFile)
	if _, err := store.WriteBackup(ctx, database, path, false); err != nil {
		return err
	}
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("read the backup: %w", err)
	}
	defer f.Close()
	if _, err := io.Copy(console.out, f); err != nil {
		return fmt.Errorf("write the backup: %w", err)
	}
	return nil
}

// restoreCommand is "restore".
type restoreCommand struct {
	Source string `arg:"" optional:"" name:"from" help:"File that backup wrote, or URL of a replica. Default: the setting replicate."`
	From   string `help:"The same, as a flag." placeholder:"URL"`
	At     moment `help:"Restore what a replica had before this time: 2026-11-21 15:04:05 (local), 2026-11-21T15:04:05Z, or 15m ago." placeholder:"TIME"`
	To     string `help:"File to restore to. Default: the database of the data directory, which no server may have open." placeholder:"FILE" xor:"to"`
	Force  bool   `help:"Put a database that is in the data directory aside." xor:"to"`
	Check  bool   `help:"Restore to a temporary place only, to prove that it can be done, and tell what is there." xor:"to"`
	JSON   bool   `help:"Print JSON."`
}

// Run restores, and prints what was.
func (c *restoreCommand) Run(ctx context.Context, config Config, client *client, console *console) error {
	if c.From != "" && c.Source != "" {
		return app.Errorf(app.Invalid, "There are two places to restore from: %s and %s.", c.From, c.Source)
	}
	from := cmp.Or(c.From, c.Source, config.Replicate)
	if from == "" {
		return app.Errorf(app.Invalid, "There is nothing to restore from: name a file that backup wrote, or the URL of a replica.")
	}
	at := time.Time(c.At)
	if c.Check {
		return c.check(ctx, from, at, config, client, console)
	}
	var contents store.Contents
	var aside string
	var err error
	to := c.To
	if to != "" {
		contents, err = store.RestoreFile(ctx, from, to, at)
	} else {
		to = filepath.Join(config.Data, databaseFile)
		place := store.New(to)
		place.LockWait = 0
		contents, aside, err = place.RestoreDatabase(ctx, from, at, c.Force)
	}
	if errors.Is(err, store.ErrLocked) {
		return fmt.Errorf("%w: stop it, or restore to another file with --to", err)
	}
	if err != nil {
		return err
	}
	return c.print(console, restored{From: shownSource(from), To: to, Aside: aside, Contents: contents})
}

// check proves a backup, and has it recorded where there is a database to do so.
func (c *restoreCommand) check(ctx context.Context, from string, at time.Time, config Config, client *client, console *console) error {
	proof, err := store.Prove(ctx, from, at)
	if err != nil {
		return err
	}
	if err := c.print(console, restored{From: shownSource(from), Checksum: proof.Checksum, Contents: proof.Contents}); err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(config.Data, databaseFile)); err != nil {
		return nil // a machine that only keeps backups
	}
	if err := do(ctx, client, "restore/checked", shownSource(from)); err != nil {
		fmt.Fprintf(console.err, "The check is not recorded: %s\n", sentence(err))
	}
	return nil
}

// restored is what "restore --json" prints.
type restored struct {
	From           string `json:"from"`
	To             string `json:"to,omitempty"`    // none: a check
	Aside          string `json:"aside,omitempty"` // where the database is that was there
	Checksum       bool   `json:"checksum"`        // there is one, and it fits
	store.Contents        // what was restored
}

func (c *restoreCommand) print(console *console, r restored) error {
	if c.JSON {
		return console.json(r)
	}
	switch {
	case r.To == "" && r.Checksum:
		fmt.Fprintf(console.out, "%s can be restored, and its checksum fits.\n", r.From)
	case r.To == "":
		fmt.Fprintf(console.out, "%s can be restored.\n", r.From)
	default:
		fmt.Fprintf(console.out, "%s is restored from %s.\n", r.To, r.From)
	}
	if r.Aside != "" {
		fmt.Fprintf(console.out, "The database that was there is %s.\n", r.Aside)
	}
	return console.table([][]string{
		{"Version", fmt.Sprint(r.Version)},
		{"Apps", fmt.Sprint(r.Apps)},
		{"Instances", fmt.Sprint(r.Instances)},
		{"Users", fmt.Sprint(r.Users)},
		{"Newest change", localTime(r.Changed)},
		{"Bytes", fmt.Sprint(r.Size)},
	})
}

// shownSource is a place to restore from, without secrets.
func shownSource(from string) string {
	if strings.Contains(from, "://") {
		return store.ShownReplica(from)
	}
	return from
}

// moment is a time that a person writes.
type moment time.Time

// UnmarshalText implements [encoding.TextUnmarshaler].
func (m *moment) UnmarshalText(text []byte) error {
	at, ok := parseMoment(string(text), time.Now())
	if !ok {
		return app.Errorf(app.Invalid, "%q is not a time such as 2026-11-21 15:04:05, 2026-11-21T15:04:05Z, or 15m ago", text)
	}
	if at.After(time.Now()) {
		return app.Errorf(app.Invalid, "%s is not over yet", at.Format(time.RFC3339))
	}
	*m = moment(at)
	return nil
}

func parseMoment(text string, now time.Time) (time.Time, bool) {
	text = strings.TrimSpace(text)
	if at, err := time.Parse(time.RFC3339, text); err == nil {
		return at, true
	}
	for _, layout := range []string{time.DateTime, "2006-01-02 15:04"} {
		if at, err := time.ParseInLocation(layout, text, time.Local); err == nil {
			return at, true
		}
	}
	var ago days
	if ago.UnmarshalText([]byte(strings.TrimSpace(strings.TrimSuffix(text, "ago")))) == nil {
		return now.Add(-time.Duration(ago)), true
	}
	return time.Time{}, false
}

// replicaCommands is "replica".
type replicaCommands struct {
	Status replicaStatus `cmd:"" help:"Tell how far the replica is."`
	Sync   replicaSync   `cmd:"" help:"Wait until all that was saved is in the replica."`
}

// replicaRow is what "replica status" tells.
type replicaRow struct {
	URL         string     `json:"url"` // without secrets
	Local       uint64     `json:"local_txid"`
	Remote      uint64     `json:"remote_txid"`
	InSync      bool       `json:"in_sync"`
	Lag         float64    `json:"lag_seconds"`
	LastSuccess *time.Time `json:"last_success"` // null: none since the start
	Error       string     `json:"error"`        // of the last try
}

// backupOperations are what the commands ask for.
var backupOperations = map[string]operation{
	"replica/status": operate(func(_ context.Context, s *Server, _ nothing) (replicaRow, error) {
		status, ok := s.store.Replica()
		if !ok {
			return replicaRow{}, errNotReplicated()
		}
		row := replicaRow{URL: status.URL, Local: status.Local, Remote: status.Remote, InSync: status.InSync, Lag: status.Lag.Seconds(), Error: status.Err}
		if !status.LastSuccess.IsZero() {
			row.LastSuccess = &status.LastSuccess
		}
		return row, nil
	}),
	"replica/sync": operate(func(ctx context.Context, s *Server, _ nothing) (nothing, error) {
		if _, ok := s.store.Replica(); !ok {
			return nothing{}, errNotReplicated()
		}
		return nothing{}, s.store.SyncReplica(ctx)
	}),
	"restore/checked": operate(func(ctx context.Context, s *Server, from string) (nothing, error) {
		return nothing{}, s.store.RecordRestoreCheck(ctx, from)
	}),
}

func errNotReplicated() error {
	return app.Errorf(app.NotFound, "The database is not replicated: start the server with --replicate URL.")
}

type replicaStatus struct {
	JSON bool `help:"Print JSON."`
}

// Run prints the status. Replication that has just begun gets a moment.
func (c *replicaStatus) Run(ctx context.Context, client *client, console *console) error {
	row, err := call[replicaRow](ctx, client, "replica/status", nothing{})
	if err == nil && row.LastSuccess == nil && row.Error == "" {
		waiting, cancel := context.WithTimeout(ctx, reachTimeout)
		_ = do(waiting, client, "replica/sync", nothing{}) // the status tells what is wrong
		cancel()
		row, err = call[replicaRow](ctx, client, "replica/status", nothing{})
	}
	if err != nil {
		return err
	}
	if c.JSON {
		return console.json(row)
	}
	last := ""
	if row.LastSuccess != nil {
		last = localTime(*row.LastSuccess)
	}
	state, lag := "in sync", ""
	if !row.InSync {
		state, lag = "behind", time.Duration(row.Lag*float64(time.Second)).Round(time.Second).String()
	}
	return console.table([][]string{
		{"Replica", row.URL},
		{"State", state},
		{"Behind for", lag},
		{"Last change here", fmt.Sprint(row.Local)},
		{"Last change there", fmt.Sprint(row.Remote)},
		{"Last sent", last},
		{"Error", row.Error},
	})
}

type replicaSync struct{}

// Run waits until the replica has all.
func (*replicaSync) Run(ctx context.Context, client *client) error {
	err := do(ctx, client, "replica/sync", nothing{})
	if err != nil && ctx.Err() != nil {
		return errors.New("interrupted before the replica had all; replica status tells how far it is")
	}
	return err
}
