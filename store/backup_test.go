package store_test

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"dashd/app"
	"dashd/store"
)

// A backup of a database that is written to is one moment of it, and those who
// write go on.
func TestBackup(t *testing.T) {
	path := filepath.Join(t.TempDir(), "dashd.db")
	s := openAt(t, path)
	create(t, s, store.NewInstance{SaveOnChange: true, State: numbered(5000)})
	i := instance(t, s, "shirts-1")
	ctx, stop := context.WithCancel(t.Context())
	var saved atomic.Int64
	var writers sync.WaitGroup
	for range 4 {
		writers.Go(func() {
			for page := i.NewPage(); ctx.Err() == nil; saved.Add(1) {
				value := fmt.Sprint(saved.Load())
				// The two are one write: a backup has both, or none.
				if err := i.Save(ctx, app.Change{Page: page, Arrival: i.Arrive(), Writes: []app.Write{changed("c1", value), changed("c2", value)}}); err != nil && ctx.Err() == nil {
					t.Error(err)
				}
			}
		})
	}
	to := filepath.Join(t.TempDir(), "backup.db")
	const rounds, tries = 5, 100
	for n, try := 0, 0; n < rounds; try++ {
		before := saved.Load()
		backup, err := store.WriteBackup(t.Context(), path, to, try > 0)
		must(t, err)
		if saved.Load() > before {
			n++ // one without was too short for a writer to have its turn
		} else if try == tries {
			t.Fatal("nobody writes during a backup")
		}
		data, err := os.ReadFile(to)
		must(t, err)
		if want := fmt.Sprintf("%x", sha256.Sum256(data)); backup.SHA256 != want || backup.Size != int64(len(data)) {
			t.Errorf("%+v, want %d bytes with %s", backup, len(data), want)
		}
		line, err := os.ReadFile(to + ".sha256")
		must(t, err)
		if want := backup.SHA256 + "  backup.db\n"; string(line) != want {
			t.Errorf("the checksum is %q, want %q", line, want)
		}
		for _, name := range []string{to, to + ".sha256"} {
			if info, err := os.Stat(name); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
				t.Errorf("%s: mode %v, %v", name, info.Mode(), err)
			}
		}
		proof, err := store.Prove(t.Context(), to, time.Time{})
		if err != nil || !proof.Checksum || proof.Instances != 1 || proof.Version != newest(t) {
			t.Errorf("%+v, %v", proof, err)
		}
	}
	stop()
	writers.Wait()
	restored := filepath.Join(t.TempDir(), "restored.db")
	_, err := store.RestoreFile(t.Context(), to, restored, time.Time{})
	must(t, err)
	other := instance(t, openAt(t, restored), "shirts-1")
	one, _ := other.Tracks("c1", "value")
	two, _ := other.Tracks("c2", "value")
	if string(one) != string(two) {
		t.Errorf("half a write: %s and %s", one, two)
	}
	if names, err := filepath.Glob(filepath.Join(filepath.Dir(to), "*")); len(names) != 2 || err != nil {
		t.Errorf("there are %q, %v", names, err)
	}
}

func TestBackupRefuses(t *testing.T) {
	dir := t.TempDir()
	path, to := filepath.Join(dir, "dashd.db"), filepath.Join(dir, "backup.db")
	if _, err := store.WriteBackup(t.Context(), path, to, false); err == nil || !strings.Contains(err.Error(), "there is no database at") {
		t.Errorf("of nothing: %v", err)
	}
	live := openAt(t, path)
	must(t, os.Symlink(dir, dir+".link"))
	for _, name := range []string{path, filepath.Join(dir+".link", "dashd.db"), path + "-wal", path + "-shm", filepath.Join(dir+".link", "dashd.db-journal")} {
		if _, err := store.WriteBackup(t.Context(), path, name, true); err == nil || !strings.Contains(err.Error(), "is the database itself") {
			t.Errorf("over %s: %v", name, err)
		}
	}
	create(t, live, store.NewInstance{})
	must(t, live.Close())
	again := openAt(t, path)
	instance(t, again, "shirts-1")
	must(t, again.Close())
	_, err := store.WriteBackup(t.Context(), path, to, false)
	must(t, err)
	before, err := os.ReadFile(to)
	must(t, err)
	if _, err := store.WriteBackup(t.Context(), path, to, false); err == nil || !strings.Contains(err.Error(), "replace it with --force") {
		t.Errorf("over a file: %v", err)
	}
	if after, err := os.ReadFile(to); string(after) != string(before) || err != nil {
		t.Errorf("the file is changed, %v", err)
	}
	if _, err := store.WriteBackup(t.Context(), path, filepath.Join(dir, "no", "backup.db"), false); err == nil {
		t.Error("into a folder that is not there")
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := store.WriteBackup(ended, path, to, true); !errors.Is(err, context.Canceled) {
		t.Errorf("interrupted: %v", err)
	}
	if after, err := os.ReadFile(to); string(after) != string(before) || err != nil {
		t.Errorf("the file is changed, %v", err)
	}
	if names, err := filepath.Glob(to + ".*"); len(names) != 1 || err != nil {
		t.Errorf("there are %q, %v", names, err)
	}
}

// The checksum of one backup never stands beside another, nor half of it.
func TestBackupChecksum(t *testing.T) {
	path, to := filepath.Join(t.TempDir(), "dashd.db"), filepath.Join(t.TempDir(), "backup.db")
	s := openAt(t, path)
	_, err := store.WriteBackup(t.Context(), path, to, false)
	must(t, err)
	before, err := os.ReadFile(to + ".sha256")
	must(t, err)
	must(t, os.Link(to+".sha256", to+".kept"))
	create(t, s, store.NewInstance{})
	_, err = store.WriteBackup(t.Context(), path, to, true)
	must(t, err)
	if kept, err := os.ReadFile(to + ".kept"); string(kept) != string(before) || err != nil {
		t.Errorf("it is written in place: %q, %v", kept, err)
	}

	create(t, s, store.NewInstance{})
	must(t, os.Mkdir(to+".sha256.half", 0o700)) // it cannot be written
	if _, err := store.WriteBackup(t.Context(), path, to, true); err == nil || !strings.Contains(err.Error(), "write the checksum") {
		t.Errorf("without a checksum: %v", err)
	}
	proof, err := store.Prove(t.Context(), to, time.Time{})
	if err != nil || proof.Checksum || proof.Instances != 2 {
		t.Errorf("%+v, %v", proof, err)
	}
}

func TestProveFindsDamage(t *testing.T) {
	path := filepath.Join(t.TempDir(), "dashd.db")
	s := openAt(t, path)
	create(t, s, store.NewInstance{State: numbered(2000)})
	must(t, s.Close())
	folder := t.TempDir()
	backup := func(name string) string {
		to := filepath.Join(folder, name)
		_, err := store.WriteBackup(t.Context(), path, to, false)
		must(t, err)
		return to
	}
	damaged := backup("damaged.db")
	f, err := os.OpenFile(damaged, os.O_RDWR, 0)
	must(t, err)
	info, err := f.Stat()
	must(t, err)
	_, err = f.WriteAt([]byte(strings.Repeat("noise", 800)), info.Size()-4096)
	must(t, errors.Join(err, f.Close()))
	bare := backup("bare.db") // damaged, and without a checksum
	data, err := os.ReadFile(damaged)
	must(t, err)
	must(t, errors.Join(os.WriteFile(bare, data, 0o600), os.Remove(bare+".sha256")))
	text := filepath.Join(folder, "text.db")
	must(t, os.WriteFile(text, []byte(strings.Repeat("no database ", 1000)), 0o600))
	foreign := filepath.Join(folder, "foreign.db")
	db, err := sql.Open("sqlite", foreign)
	must(t, err)
	_, err = db.Exec("CREATE TABLE music (n)")
	must(t, errors.Join(err, db.Close()))
	for _, test := range []struct{ from, want string }{
		{damaged, "the checksum of"},
		{bare, ""}, // SQLite's words differ
		{text, "not a database"},
		{foreign, "is not a database of dashd"},
		{filepath.Join(folder, "nothing.db"), "there is no database at"},
		{fileURL(folder), "the replica holds nothing"},
		{fileURL(filepath.Join(folder, "nothing")), "there is no folder"},
	} {
		_, err := store.Prove(t.Context(), test.from, time.Time{})
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %q", test.from, err, test.want)
		}
		to := filepath.Join(folder, "to.db")
		if _, err := store.RestoreFile(t.Context(), test.from, to, time.Time{}); err == nil {
			t.Errorf("%s is restored", test.from)
		}
		if names, err := filepath.Glob(to + "*"); len(names) > 0 || err != nil {
			t.Errorf("there are %q, %v", names, err)
		}
	}
	if _, err := store.Prove(t.Context(), path, time.Now()); err == nil || !strings.Contains(err.Error(), "only a replica can be restored to a time") {
		t.Errorf("a backup at a time: %v", err)
	}
}

func TestRestoreDatabase(t *testing.T) {
	path := filepath.Join(t.TempDir(), "dashd.db")
	s := openAt(t, path)
	create(t, s, store.NewInstance{SaveOnChange: true, State: numbered(1)})
	backup := filepath.Join(t.TempDir(), "backup.db")
	_, err := store.WriteBackup(t.Context(), path, backup, false)
	must(t, err)
	save(t, s, "1")

	other := store.New(path)
	other.LockWait = 0
	if _, _, err := other.RestoreDatabase(t.Context(), backup, time.Time{}, true); !errors.Is(err, store.ErrLocked) {
		t.Errorf("under a server: %v", err)
	}
	must(t, s.Close())
	if _, _, err := other.RestoreDatabase(t.Context(), backup, time.Time{}, false); err == nil || !strings.Contains(err.Error(), "there is a database at") {
		t.Errorf("over a database: %v", err)
	}
	if _, _, err := other.RestoreDatabase(t.Context(), backup+".no", time.Time{}, true); err == nil {
		t.Error("nothing is restored")
	}
	wantRestored(t, path, "1")
	if _, err := store.RestoreFile(t.Context(), backup, path, time.Time{}); err == nil || !strings.Contains(err.Error(), "exists") {
		t.Errorf("to a file that is there: %v", err)
	}
	_, aside, err := other.RestoreDatabase(t.Context(), backup, time.Time{}, true)
	must(t, err)
	wantRestored(t, path, "0")
	wantRestored(t, aside, "1")

	fresh := store.New(filepath.Join(t.TempDir(), "new", "dashd.db"))
	contents, aside, err := fresh.RestoreDatabase(t.Context(), backup, time.Time{}, false)
	if err != nil || aside != "" || contents.Instances != 1 {
		t.Errorf("%+v, %q, %v", contents, aside, err)
	}
	must(t, fresh.Open(t.Context()))
	must(t, fresh.Close())
}
