package store

// This file is all that knows litestream, whose interface changes from version
// to version.

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/benbjohnson/litestream"
	"github.com/benbjohnson/litestream/file"
	_ "github.com/benbjohnson/litestream/s3" // its URLs
	"github.com/benbjohnson/litestream/sftp"
	"github.com/superfly/ltx"
)

const (
	captureEvery = time.Second        // what was written is captured, and sent
	captureAway  = time.Minute        // the same while it cannot be sent
	retryMost    = time.Minute        // between tries that fail
	tellEvery    = 10 * time.Minute   // at most, of the same trouble
	listTimeout  = 30 * time.Second   // for a replica to say what it has
	replicaKeep  = 7 * 24 * time.Hour // how far back the replica can be restored to
	slowestSend  = 64 << 10           // bytes per second; a slower try is given up
)

// maxWAL is how large the write-ahead log grows, in bytes, while litestream has
// not begun because the replica is away.
const maxWAL = 64 << 20

var errReplicaEmpty = errors.New("the replica holds nothing")

// replicator sends the changes of an open database to its replica. Litestream
// would do so by itself; here its steps are made one by one, so that it is known
// how far it is and what keeps it from going on.
type replicator struct {
	log   *slog.Logger
	db    *litestream.DB
	all   *litestream.Store // merges and removes what is old
	empty func(context.Context) error

	// held is a descriptor of the database, to take SQLite's lock again that
	// litestream has dropped: see takeSharedLock. To close it drops the lock, too,
	// so it is closed when no connection is open any more.
	held *os.File

	end   context.CancelFunc
	loops sync.WaitGroup

	mu       sync.Mutex
	begun    bool      // litestream knows the database, and holds its log
	local    ltx.TXID  // captured
	captured time.Time // when it was looked
	remote   ltx.TXID  // sent
	sent     time.Time // the last time that something was
	complete time.Time // when the replica last had all that was here
	trouble  [2]error  // of capture, and of send
}

// The places in replicator.trouble.
const (
	capturing = iota
	sending
)

// startReplicator begins to replicate the database at path. It calls empty to
// have the write-ahead log emptied that litestream has not begun to read.
func startReplicator(rawURL, path string, log *slog.Logger, empty func(context.Context) error) (*replicator, error) {
	client, err := newReplicaClient(rawURL)
	if err != nil {
		return nil, err
	}
	if path, err = filepath.Abs(path); err != nil {
		return nil, fmt.Errorf("find the database: %w", err)
	}
	if strings.ContainsAny(path, "?#%") {
		return nil, fmt.Errorf("a database at %s cannot be replicated: give another directory with --data, without ?, # and %% in its path", path)
	}
	r := &replicator{log: log, db: litestream.NewDB(path), empty: empty, complete: time.Now()}
	replica := litestream.NewReplicaWithClient(r.db, client)
	replica.MonitorEnabled = false
	if files, ok := client.ReplicaClient.(*file.ReplicaClient); ok {
		files.Replica = replica // whose database has the mode that its files get
	}
	r.db.Replica = replica
	r.db.MonitorInterval = 0
	r.all = litestream.NewStore([]*litestream.DB{r.db}, litestream.DefaultCompactionLevels)
	r.all.SnapshotRetention = replicaKeep
	r.all.L0RetentionCheckInterval = litestream.DefaultL0Retention // each check lists the replica
	r.all.SetShutdownSyncTimeout(0)                                // one try
	r.all.Logger = slog.New(&litestreamLog{Handler: log.Handler(), told: &told{at: map[string]time.Time{}}}).With("part", "litestream")
	r.db.SetLogger(r.all.Logger)
	if err := r.db.Open(); err != nil {
		return nil, fmt.Errorf("begin to replicate: %w", err)
	}
	if r.held, err = os.Open(path); err != nil {
		return nil, fmt.Errorf("begin to replicate: %w", err)
	}
	ctx, end := context.WithCancel(context.Background())
	r.end = end
	r.loops.Go(func() { r.repeat(ctx, "capturing changes for the replica", r.captureNew) })
	r.loops.Go(func() { r.repeat(ctx, "sending changes to the replica", r.sendNew) })
	return r, nil
}

// repeat tries again and again, less often while it fails.
func (r *replicator) repeat(ctx context.Context, what string, try func(context.Context) error) {
	var told time.Time
	timer := time.NewTimer(0)
	defer timer.Stop()
	for wait := captureEvery; ; timer.Reset(wait) {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		err := try(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			if time.Since(told) >= tellEvery {
				r.log.Warn(what+" fails", "err", err)
				told = time.Now()
			}
			wait = min(2*wait, retryMost)
		default:
			if !told.IsZero() {
				r.log.Info(what + " works again")
				told = time.Time{}
			}
			wait = captureEvery
		}
	}
}

// captureNew captures what was written, but not each second while the replica
// is away. Litestream keeps a file of each capture until it is sent: so they are
// at most 1440 a day, each with what the pages that changed in its minute have
// become, and the write-ahead log grows by what is written in a minute.
func (r *replicator) captureNew(ctx context.Context) error {
	if !r.captureIsDue(time.Now()) {
		return nil
	}
	return r.capture(ctx)
}

func (r *replicator) captureIsDue(now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.trouble[sending] == nil || r.trouble[capturing] != nil || now.Sub(r.captured) >= captureAway
}

// capture copies what was written since the last time out of the write-ahead
// log, and empties that from time to time. The first one asks the replica where
// it is.
func (r *replicator) capture(ctx context.Context) error {
	looked := time.Now()
	begun, asking := r.hasBegun(), ctx
	if !begun {
		limited, cancel := context.WithTimeout(ctx, listTimeout)
		defer cancel()
		asking = limited
	}
	err := r.db.Sync(asking)
	if err != nil && !begun { // it may have closed the database again
		err = errors.Join(err, takeSharedLock(r.held))
	}
	var pos ltx.Pos
	if err == nil {
		pos, err = r.db.Pos()
	} else if info, e := os.Stat(r.db.WALPath()); !begun && e == nil && info.Size() > maxWAL {
		err = errors.Join(err, r.empty(ctx))
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if err == nil && !r.begun {
		err = r.all.Open(ctx) // not before: its snapshots read what the first Sync writes
	}
	if err != nil && ctx.Err() != nil {
		return err // somebody has given up: that is no trouble of the replica
	}
	r.trouble[capturing] = err
	if err == nil {
		r.begun, r.local, r.captured = true, max(r.local, pos.TXID), looked
		r.note()
	}
	return err
}

func (r *replicator) hasBegun() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.begun
}

// note notes when the replica has all. The caller holds the lock.
func (r *replicator) note() {
	if r.begun && r.local == r.remote {
		r.complete = r.captured
	}
}

// sendNew sends what is captured, if it is not there.
func (r *replicator) sendNew(ctx context.Context) error {
	r.mu.Lock()
	idle := r.local == r.remote
	r.mu.Unlock()
	if idle {
		return nil
	}
	return r.send(ctx)
}

// send sends what is captured. A replica that hangs is given up some time.
func (r *replicator) send(ctx context.Context) error {
	patience := listTimeout
	if info, err := os.Stat(r.db.Path()); err == nil {
		patience += time.Duration(info.Size()/slowestSend) * time.Second
	}
	limited, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	err := r.db.Replica.Sync(limited)
	r.mu.Lock()
	defer r.mu.Unlock()
	if ctx.Err() != nil {
		return ctx.Err() // somebody does not want to wait: no trouble of the replica
	}
	r.trouble[sending] = err
	if err == nil {
		r.remote, r.sent = max(r.remote, r.db.Replica.Pos().TXID), time.Now()
		r.note()
	}
	return err
}

// sync captures and sends all that was committed before the call.
func (r *replicator) sync(ctx context.Context) error {
	if err := r.capture(ctx); err != nil {
		return err
	}
	return r.send(ctx)
}

// staleAfter is how long nothing need have been captured: a part of a second
// where all is well.
const staleAfter = 15 * time.Second

func (r *replicator) status() ReplicaStatus {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := ReplicaStatus{Local: uint64(r.local), Remote: uint64(r.remote), LastSuccess: r.sent, Lag: time.Since(r.complete)}
	if r.begun && r.local == r.remote && s.Lag < staleAfter {
		s.InSync, s.Lag = true, 0
	}
	if err := errors.Join(r.trouble[:]...); err != nil {
		s.Err = strings.ReplaceAll(err.Error(), "\n", "; ")
	}
	return s
}

// stop sends what was committed, for as long as limit. The database's other
// connections are closed. After an error the rest is sent by the next run.
func (r *replicator) stop(limit time.Duration) error {
	r.end()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	closed := make(chan error, 1)
	go func() {
		defer cancel()
		r.loops.Wait()
		err := r.sync(ctx)
		if e := r.all.Close(ctx); err == nil { // after an error, it has found the same
			err = e
		}
		_ = r.held.Close() // after all connections: the store's are closed, and this was litestream's
		closed <- err
	}()
	select {
	case err := <-closed:
		return err
	case <-time.After(limit + limit/4): // sftp does not hear of ctx; the process ends soon
		return fmt.Errorf("the replica does not answer: %w", context.DeadlineExceeded)
	}
}

// restoreReplica writes a database that a replica holds to a new file: the last
// one from before the time at, or the newest one. It returns errReplicaEmpty
// when the replica has nothing.
func restoreReplica(ctx context.Context, rawURL, path string, at time.Time) error {
	client, err := newReplicaClient(rawURL)
	if err != nil {
		return err
	}
	replica := litestream.NewReplicaWithClient(nil, client)
	limited, cancel := context.WithTimeout(ctx, listTimeout)
	defer cancel()
	first, _, err := replica.TimeBounds(limited)
	if err != nil {
		return fmt.Errorf("ask the replica what it has: %w", err)
	}
	if first.IsZero() {
		return errReplicaEmpty
	}
	options := litestream.NewRestoreOptions()
	options.OutputPath, options.Timestamp = path, at
	err = replica.Restore(ctx, options)
	if !at.IsZero() && errors.Is(err, litestream.ErrTxNotAvailable) {
		return fmt.Errorf("the replica holds nothing from before %s: it begins at %s", at.Local().Format(time.DateTime), first.Local().Format(time.DateTime))
	}
	if err != nil {
		return fmt.Errorf("read the replica: %w", err)
	}
	return nil
}

// litestreamFolder is where litestream keeps what it has captured of the
// database at path.
func litestreamFolder(path string) string {
	dir, name := filepath.Split(path)
	return filepath.Join(dir, "."+name+litestream.MetaDirSuffix)
}

// replicaClient is a client of litestream's. It connects when it is used, so
// that a server starts also while its replica is away, and does not write into
// a folder where the disk of the replica should be.
type replicaClient struct {
	litestream.ReplicaClient
	folder string // of a replica in files
}

// newReplicaClient makes a client for a URL. Its errors are for the operator,
// and without the URL's password.
func newReplicaClient(rawURL string) (*replicaClient, error) {
	const forms = "replicas are at file:///folder, s3://bucket/path or sftp://user@host/path"
	u, err := url.Parse(rawURL)
	if err != nil {
		return nil, fmt.Errorf("the URL of the replica cannot be read: %s", forms)
	}
	switch u.Scheme {
	case "file":
		return newFileClient(u)
	case "s3":
		if u.Host == "" {
			return nil, fmt.Errorf("the URL of the replica has no bucket: write s3://bucket/path")
		}
		client, err := litestream.NewReplicaClientFromURL(rawURL)
		if err != nil {
			return nil, fmt.Errorf("the URL of the replica: %w", err)
		}
		return &replicaClient{ReplicaClient: client}, nil
	case "sftp":
		return newSFTPClient(u)
	}
	return nil, fmt.Errorf("replicas of the kind %q are not known: %s", u.Scheme, forms)
}

func newFileClient(u *url.URL) (*replicaClient, error) {
	path := filepath.FromSlash(u.Path)
	if runtime.GOOS == "windows" {
		path = strings.TrimPrefix(path, `\`) // before the drive
	}
	if u.Host != "" || !filepath.IsAbs(path) {
		return nil, fmt.Errorf("the URL of the replica has no whole path: write file:///srv/backup/dashd, with three slashes")
	}
	path = filepath.Clean(path)
	return &replicaClient{ReplicaClient: file.NewReplicaClient(path), folder: path}, nil
}

// newSFTPClient makes a client for sftp://user@host/path?key=FILE&hostkey=KEY.
// The path is relative to the directory that the user comes to. Without the
// server's key anybody on the way could take the database.
func newSFTPClient(u *url.URL) (*replicaClient, error) {
	if u.Host == "" || u.User.Username() == "" {
		return nil, fmt.Errorf("the URL of the replica needs a user and a host: write sftp://user@host/path")
	}
	query := u.Query()
	client := sftp.NewReplicaClient()
	client.Host, client.User, client.Path = u.Host, u.User.Username(), strings.Trim(u.Path, "/")
	client.Password, _ = u.User.Password()
	client.KeyPath = query.Get("key")
	if client.Path == "" {
		return nil, fmt.Errorf("the URL of the replica has no path: write sftp://user@host/path")
	}
	if client.Password == "" && client.KeyPath == "" {
		return nil, fmt.Errorf("the URL of the replica needs a key for the server: add ?key=FILE, a private key without a passphrase")
	}
	kind, key, ok := strings.Cut(query.Get("hostkey"), " ")
	if !ok {
		return nil, fmt.Errorf("the URL of the replica needs the server's own key: add &hostkey=ssh-ed25519+AAAA..., as ssh-keyscan -t ed25519 %s prints it", u.Hostname())
	}
	client.HostKey = kind + " " + strings.ReplaceAll(key, " ", "+") // which a + in the URL stands for
	return &replicaClient{ReplicaClient: client}, nil
}

// Init does nothing; the other methods connect.
func (c *replicaClient) Init(context.Context) error { return nil }

func (c *replicaClient) LTXFiles(ctx context.Context, level int, seek ltx.TXID, useMetadata bool) (ltx.FileIterator, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	return c.ReplicaClient.LTXFiles(ctx, level, seek, useMetadata)
}

func (c *replicaClient) WriteLTXFile(ctx context.Context, level int, minTXID, maxTXID ltx.TXID, r io.Reader) (*ltx.FileInfo, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	return c.ReplicaClient.WriteLTXFile(ctx, level, minTXID, maxTXID, r)
}

// check reports whether the folder of a replica in files is there. Made by
// itself, it would hide that the disk is not.
func (c *replicaClient) check() error {
	if c.folder == "" {
		return nil
	}
	info, err := os.Stat(c.folder)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return fmt.Errorf("there is no folder %s: make it, or mount the disk that it is on", c.folder)
	case err != nil:
		return err
	case !info.IsDir():
		return fmt.Errorf("%s is no folder", c.folder)
	}
	return nil
}

// litestreamLog passes litestream's messages on. What it tells of its daily
// work is for debugging, and so is a trouble that it has just told of.
type litestreamLog struct {
	slog.Handler
	told *told
}

// told knows when each message was logged. They are few: litestream puts what
// varies into attributes.
type told struct {
	mu sync.Mutex
	at map[string]time.Time
}

func (t *told) lately(message string, now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if now.Sub(t.at[message]) < tellEvery {
		return true
	}
	t.at[message] = now
	return false
}

func (h *litestreamLog) Enabled(ctx context.Context, level slog.Level) bool {
	if level < slog.LevelWarn {
		level = min(level, slog.LevelDebug)
	}
	return h.Handler.Enabled(ctx, level)
}

func (h *litestreamLog) Handle(ctx context.Context, record slog.Record) error {
	level := record.Level
	if level < slog.LevelWarn || h.told.lately(record.Message, record.Time) {
		level = min(level, slog.LevelDebug)
	}
	if !h.Handler.Enabled(ctx, level) {
		return nil
	}
	ours := slog.NewRecord(record.Time, level, record.Message, record.PC)
	record.Attrs(func(a slog.Attr) bool {
		if a.Key == "error" {
			a.Key = "err"
		}
		ours.AddAttrs(a)
		return true
	})
	return h.Handler.Handle(ctx, ours)
}

func (h *litestreamLog) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &litestreamLog{h.Handler.WithAttrs(attrs), h.told}
}

func (h *litestreamLog) WithGroup(name string) slog.Handler {
	return &litestreamLog{h.Handler.WithGroup(name), h.told}
}
