package store_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"

	"dashd/app"
	"dashd/store"
)

// replicaKinds make an empty place for a replica, and return its URL.
var replicaKinds = map[string]func(t *testing.T) string{
	"file": func(t *testing.T) string { return fileURL(t.TempDir()) },
	"sftp": sftpReplica,
}

func fileURL(path string) string { return (&url.URL{Scheme: "file", Path: path}).String() }

// sftpReplica starts a server of sftp that lets one key in.
func sftpReplica(t *testing.T) string {
	dir := t.TempDir()
	_, hostKey, err := ed25519.GenerateKey(rand.Reader)
	must(t, err)
	host, err := ssh.NewSignerFromKey(hostKey)
	must(t, err)
	_, userKey, err := ed25519.GenerateKey(rand.Reader)
	must(t, err)
	user, err := ssh.NewSignerFromKey(userKey)
	must(t, err)
	block, err := ssh.MarshalPrivateKey(userKey, "")
	must(t, err)
	keyFile := filepath.Join(t.TempDir(), "id")
	must(t, os.WriteFile(keyFile, pem.EncodeToMemory(block), 0o600))

	config := &ssh.ServerConfig{PublicKeyCallback: func(c ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
		if c.User() != "ann" || !bytes.Equal(key.Marshal(), user.PublicKey().Marshal()) {
			return nil, errors.New("wrong key")
		}
		return nil, nil
	}}
	config.AddHostKey(host)
	address := serveConns(t, func(conn net.Conn) {
		_, channels, requests, err := ssh.NewServerConn(conn, config)
		if err != nil {
			return
		}
		go ssh.DiscardRequests(requests)
		for channel := range channels {
			stream, requests, err := channel.Accept()
			if err != nil {
				return
			}
			go func() {
				for r := range requests {
					_ = r.Reply(r.Type == "subsystem", nil)
				}
			}()
			server, err := sftp.NewServer(stream, sftp.WithServerWorkingDirectory(dir))
			if err != nil {
				return
			}
			_ = server.Serve()
		}
	})
	query := url.Values{"key": {keyFile}, "hostkey": {strings.TrimSpace(string(ssh.MarshalAuthorizedKey(host.PublicKey())))}}
	return "sftp://ann@" + address + "/backups/dashd?" + query.Encode()
}

// serveConns serves the connections to an address until the test is done.
func serveConns(t *testing.T, serve func(net.Conn)) (address string) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	var mu sync.Mutex
	var conns []net.Conn
	var all sync.WaitGroup
	all.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			conns = append(conns, conn)
			mu.Unlock()
			all.Go(func() {
				defer conn.Close()
				serve(conn)
			})
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		mu.Lock()
		for _, c := range conns {
			_ = c.Close()
		}
		mu.Unlock()
		all.Wait()
	})
	return listener.Addr().String()
}

// logOf is a log that can be read while it is written to.
type logOf struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *logOf) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logOf) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// replicating returns a store that replicates, and its log. It is not open.
func replicating(path, replica string) (*store.Store, *logOf) {
	s, log := store.New(path), &logOf{}
	s.Replicate, s.ReplicaWait = replica, time.Minute
	s.Log = slog.New(slog.NewTextHandler(log, nil))
	return s, log
}

// openReplicating opens a database that is replicated. The test closes it.
func openReplicating(t *testing.T, path, replica string) (*store.Store, *logOf) {
	t.Helper()
	s, log := replicating(path, replica)
	must(t, s.Open(t.Context()))
	t.Cleanup(func() { _ = s.Close() })
	recordShirts(t, s)
	return s, log
}

// save saves a value of the component c0 of the instance shirts-1.
func save(t *testing.T, s *store.Store, value string) {
	t.Helper()
	i := instance(t, s, "shirts-1")
	must(t, i.Save(t.Context(), app.Change{Page: i.NewPage(), Arrival: i.Arrive(), Writes: []app.Write{changed("c0", value)}}))
}

// wantRestored holds the value of c0 in a database file.
func wantRestored(t *testing.T, path, want string) {
	t.Helper()
	s := openAt(t, path)
	must(t, s.Check(t.Context()))
	wantValue(t, instance(t, s, "shirts-1"), "c0", want)
	must(t, s.Close())
}

func TestReplica(t *testing.T) {
	for _, kind := range slices.Sorted(maps.Keys(replicaKinds)) {
		t.Run(kind, func(t *testing.T) {
			url := replicaKinds[kind](t)
			exact := 2 * time.Millisecond
			if kind == "sftp" {
				exact = time.Second
			}
			dir := filepath.Join(t.TempDir(), "data")
			path := filepath.Join(dir, "dashd.db")

			s, log := openReplicating(t, path, url)
			create(t, s, store.NewInstance{SaveOnChange: true, State: numbered(50)})
			save(t, s, "1")
			must(t, s.SyncReplica(t.Context()))
			status, ok := s.Replica()
			if !ok || !status.InSync || status.Local == 0 || status.Local != status.Remote || status.Lag != 0 || status.LastSuccess.IsZero() || status.Err != "" {
				t.Errorf("after a sync: %+v", status)
			}
			if status.URL != store.ShownReplica(url) || strings.Contains(status.URL, "key") {
				t.Errorf("the status shows %s", status.URL)
			}
			between := clockTick(exact)
			save(t, s, "2")
			must(t, s.SyncReplica(t.Context()))
			save(t, s, "3")
			must(t, s.Close()) // which sends what is left
			if said := log.String(); strings.Contains(said, "WARN") || strings.Contains(said, "ERROR") || strings.Contains(said, "litestream") {
				t.Errorf("the log:\n%s", said)
			}

			// The machine is gone. At the same place of another, all is there.
			must(t, os.RemoveAll(dir))
			s, log = openReplicating(t, path, url)
			if !strings.Contains(log.String(), "database restored") {
				t.Errorf("the log:\n%s", log)
			}
			wantValue(t, instance(t, s, "shirts-1"), "c0", "3")
			must(t, s.Check(t.Context()))
			save(t, s, "4")
			must(t, s.SyncReplica(t.Context()))

			// While it goes on, the replica is restored elsewhere, at any time.
			now, then, never := filepath.Join(t.TempDir(), "now.db"), filepath.Join(t.TempDir(), "then.db"), filepath.Join(t.TempDir(), "never.db")
			_, err := store.RestoreFile(t.Context(), url, now, time.Time{})
			must(t, err)
			contents, err := store.RestoreFile(t.Context(), url, then, between)
			must(t, err)
			if contents.Instances != 1 || contents.Apps != 1 || contents.Version != newest(t) || contents.Changed.IsZero() {
				t.Errorf("it holds %+v", contents)
			}
			_, err = store.RestoreFile(t.Context(), url, never, between.AddDate(-1, 0, 0))
			if err == nil || !strings.Contains(err.Error(), "the replica holds nothing from before") {
				t.Errorf("before all: %v", err)
			}
			wantRestored(t, now, "4")
			wantRestored(t, then, "1")
			proof, err := store.Prove(t.Context(), url, time.Time{})
			if err != nil || proof.Instances != 1 || proof.Checksum {
				t.Errorf("%+v, %v", proof, err)
			}
			must(t, s.Close())

			// Back to an earlier time, and on from there.
			s, _ = replicating(path, url)
			_, aside, err := s.RestoreDatabase(t.Context(), url, between, true)
			must(t, err)
			wantRestored(t, aside, "4")
			s, _ = openReplicating(t, path, url)
			wantValue(t, instance(t, s, "shirts-1"), "c0", "1")
			save(t, s, "5")
			must(t, s.Close())
			must(t, os.Remove(now))
			_, err = store.RestoreFile(t.Context(), url, now, time.Time{})
			must(t, err)
			wantRestored(t, now, "5")
		})
	}
}

// clockTick returns a time that lies after all that has happened, and before
// all that will, for a replica that tells times so exactly.
func clockTick(exact time.Duration) time.Time {
	next := time.Now().Truncate(exact).Add(exact)
	for time.Now().Before(next) {
		<-time.After(time.Until(next))
	}
	return next
}

func TestReplicaURL(t *testing.T) {
	for _, test := range []struct{ url, want, shown string }{
		{"file:///srv/backup%20disk/dashd", "", "file:///srv/backup%20disk/dashd"},
		{"sftp://ann:secret@nas/dashd?hostkey=ssh-ed25519+AAAA", "", "sftp://ann@nas/dashd"},
		{"sftp://ann@nas:2222/dashd?key=/k&hostkey=ssh-ed25519+AA+A", "", "sftp://ann@nas:2222/dashd"},
		{"sftp://ann@nas/dashd?key=/k", "ssh-keyscan -t ed25519 nas", "sftp://ann@nas/dashd"},
		{"sftp://ann@nas/dashd?hostkey=ssh-ed25519+AAAA", "add ?key=FILE", "sftp://ann@nas/dashd"},
		{"sftp://ann:secret@nas", "has no path", "sftp://ann@nas"},
		{"sftp://nas/dashd", "needs a user and a host", "sftp://nas/dashd"},
		{"file://srv/backup", "three slashes", "file://srv/backup"},
		{"s3:///dashd", "has no bucket", "s3:///dashd"},
		{"gs://bucket/dashd", `replicas of the kind "gs" are not known: replicas are at file:///folder, s3://bucket/path or sftp://user@host/path`, "gs://bucket/dashd"},
		{"/srv/backup", `the kind ""`, "/srv/backup"},
		{"sftp://ann:sec ret%@nas/", "cannot be read: replicas are at file:///folder, s3://", "unreadable"},
		{"s3://bucket/a?endpoint=http://127.0.0.1:9000&region=eu&sse-customer-key=secret", "-", "s3://bucket/a?endpoint=http://127.0.0.1:9000&region=eu"},
	} {
		if got := store.ShownReplica(test.url); got != test.shown {
			t.Errorf("%s is shown as %s, want %s", test.url, got, test.shown)
		}
		if test.want == "-" {
			continue
		}
		err := store.CheckReplicaURL(test.url)
		if (err == nil) != (test.want == "") || err != nil && (!strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "ret")) {
			t.Errorf("%s: %v, want %q", test.url, err, test.want)
		}
		path := filepath.Join(t.TempDir(), "data", "dashd.db")
		if s, _ := replicating(path, test.url); err != nil {
			if openErr := s.Open(t.Context()); openErr == nil || openErr.Error() != err.Error() {
				t.Errorf("%s: open: %v", test.url, openErr)
			}
			if _, err := os.Stat(filepath.Dir(path)); err == nil {
				t.Errorf("%s: there is a data directory", test.url)
			}
		}
	}
	if s, _ := replicating("", "file:///srv"); s.Open(t.Context()) == nil {
		t.Error("a database in memory is replicated")
	}
	strange, _ := replicating(filepath.Join(t.TempDir(), "50%", "dashd.db"), fileURL(t.TempDir()))
	if err := strange.Open(t.Context()); err == nil || !strings.Contains(err.Error(), "without ?, # and %") {
		t.Errorf("a strange path: %v", err)
	}
	if _, ok := openFile(t).Replica(); ok {
		t.Error("a store without a replica has one")
	}
}

// A replica that cannot be reached is no empty one.
func TestNoDatabaseAndNoReplica(t *testing.T) {
	refusing, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	must(t, refusing.Close())
	secret := filepath.Join(t.TempDir(), "id")
	for _, test := range []struct{ url, want string }{
		{fileURL(filepath.Join(t.TempDir(), "mnt", "nas")), "make it, or mount the disk that it is on"},
		{"sftp://ann:x@" + refusing.Addr().String() + "/dashd?hostkey=ssh-ed25519+AAAAC3NzaC1lZDI1NTE5AAAAIMvvypUkBrS9RCyV//p%2BUFCLg8yKNtTu/ew/cV6XXAAP", "refused"},
		{"sftp://ann@nas/dashd?hostkey=ssh-ed25519+AAAAC3NzaC1lZDI1NTE5AAAAIMvvypUkBrS9RCyV//p%2BUFCLg8yKNtTu/ew/cV6XXAAP&key=" + secret, "no such file"},
	} {
		path := filepath.Join(t.TempDir(), "data", "dashd.db")
		for range 2 {
			s, _ := replicating(path, test.url)
			err := s.Open(t.Context())
			if err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), "make the replica reachable") {
				t.Errorf("%v, want %q", err, test.want)
			}
			if there, err := filepath.Glob(path + "*"); len(there) > 0 || err != nil {
				t.Errorf("there is %q, %v", there, err)
			}
		}
	}

	// An empty one begins; so does an empty file in place of the database.
	folder := t.TempDir()
	path := filepath.Join(t.TempDir(), "dashd.db")
	must(t, os.WriteFile(path, nil, 0o600))
	s, log := openReplicating(t, path, fileURL(folder))
	create(t, s, store.NewInstance{SaveOnChange: true, State: numbered(1)})
	must(t, s.Close())
	if !strings.Contains(log.String(), "the replica is empty") {
		t.Errorf("the log:\n%s", log)
	}
	must(t, os.Truncate(path, 0))
	must(t, os.WriteFile(path+"-wal", []byte("left of another"), 0o600))
	must(t, os.Mkdir(path+".restored.restoring", 0o700)) // of a start that was killed
	must(t, os.WriteFile(path+".restored", []byte("half"), 0o600))
	s, _ = openReplicating(t, path, fileURL(folder))
	wantValue(t, instance(t, s, "shirts-1"), "c0", "0")
	must(t, s.Check(t.Context()))
	if there, err := filepath.Glob(path + ".*"); len(there) > 0 || err != nil {
		t.Errorf("there is %q, %v", there, err)
	}
}

// While the replica is away the server works, and the log of the database does
// not grow for ever; later all comes after.
func TestReplicaAway(t *testing.T) {
	folder, disk := filepath.Join(t.TempDir(), "replica"), filepath.Join(t.TempDir(), "disk")
	must(t, os.Symlink(disk, folder)) // so that a write under way does not make it anew
	path := filepath.Join(t.TempDir(), "dashd.db")
	s := openAt(t, path)
	create(t, s, store.NewInstance{SaveOnChange: true, State: numbered(1)})
	must(t, s.Close())

	s, log := openReplicating(t, path, fileURL(folder))
	big := strconv.Quote(strings.Repeat("x", 500_000))
	for range 150 { // more than the log may have
		save(t, s, big)
	}
	if err := s.SyncReplica(t.Context()); err == nil || !strings.Contains(err.Error(), "mount the disk") {
		t.Error(err)
	}
	if info, err := os.Stat(path + "-wal"); err != nil || info.Size() > 32<<20 {
		t.Errorf("the log of the database is not emptied: %v, %v", info.Size(), err)
	}
	status, ok := s.Replica()
	if !ok || status.InSync || status.Lag == 0 || !strings.Contains(status.Err, "mount the disk") || !status.LastSuccess.IsZero() {
		t.Errorf("%+v", status)
	}
	must(t, s.Close())
	if said := log.String(); strings.Count(said, "WARN") != 2 || !strings.Contains(said, "capturing changes for the replica fails") || !strings.Contains(said, "the last changes are not in the replica") {
		t.Errorf("the log:\n%s", said)
	}

	s, log = openReplicating(t, path, fileURL(folder))
	save(t, s, "1")
	must(t, os.Mkdir(disk, 0o700))
	must(t, s.SyncReplica(t.Context()))
	must(t, os.Rename(disk, disk+".away"))
	save(t, s, "2")
	if err := s.SyncReplica(t.Context()); err == nil {
		t.Error("it is in a replica that is away")
	}
	if status, _ = s.Replica(); status.InSync || status.Remote == 0 || status.Local <= status.Remote || status.Lag == 0 || status.Err == "" {
		t.Errorf("away: %+v", status)
	}
	must(t, os.Rename(disk+".away", disk))
	must(t, s.SyncReplica(t.Context()))
	if status, _ = s.Replica(); !status.InSync || status.Err != "" {
		t.Errorf("back: %+v", status)
	}
	must(t, s.Close())
	if said := log.String(); strings.Contains(said, "the last changes are not") {
		t.Errorf("the log:\n%s", said)
	}
	to := filepath.Join(t.TempDir(), "dashd.db")
	_, err := store.RestoreFile(t.Context(), fileURL(folder), to, time.Time{})
	must(t, err)
	wantRestored(t, to, "2")
}

// hanging are replicas that accept connections and never answer.
var hanging = map[string]func(t *testing.T, address string) string{
	"sftp": func(_ *testing.T, address string) string {
		return "sftp://ann:x@" + address + "/dashd?hostkey=ssh-ed25519+AAAAC3NzaC1lZDI1NTE5AAAAIMvvypUkBrS9RCyV//p%2BUFCLg8yKNtTu/ew/cV6XXAAP"
	},
}

func TestReplicaHangs(t *testing.T) {
	for kind, url := range hanging {
		t.Run(kind, func(t *testing.T) {
			called := make(chan struct{}, 100)
			address := serveConns(t, func(conn net.Conn) {
				called <- struct{}{}
				_, _ = io.Copy(io.Discard, conn)
			})
			path := filepath.Join(t.TempDir(), "dashd.db")
			must(t, openAt(t, path).Close())
			s, log := openReplicating(t, path, url(t, address))
			s.ReplicaWait = 100 * time.Millisecond
			select {
			case <-called:
			case <-time.After(time.Minute):
				t.Fatal("it is not asked")
			}
			create(t, s, store.NewInstance{})
			if status, _ := s.Replica(); status.InSync {
				t.Errorf("%+v", status)
			}
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			if err := s.SyncReplica(ctx); err == nil {
				t.Error("it is in a replica that hangs")
			}
			must(t, s.Close()) // without end, if it waited
			if !strings.Contains(log.String(), "the last changes are not in the replica") {
				t.Errorf("the log:\n%s", log)
			}
			openAt(t, path) // the directory is free
		})
	}
}

func TestRestoreCheckIsRecorded(t *testing.T) {
	s := openFile(t)
	check, err := s.LastRestoreCheck(t.Context())
	if !check.At.IsZero() || err != nil {
		t.Errorf("%+v, %v", check, err)
	}
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	s.Now = func() time.Time { return now }
	for n := range 2 {
		must(t, s.RecordRestoreCheck(t.Context(), fmt.Sprint("backup", n)))
	}
	if check, err = s.LastRestoreCheck(t.Context()); !check.At.Equal(now) || check.From != "backup1" || err != nil {
		t.Errorf("%+v, %v", check, err)
	}
}
