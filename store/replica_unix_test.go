//go:build unix

package store_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/benbjohnson/litestream"
	"github.com/benbjohnson/litestream/file"

	"dashd/app"
	"dashd/store"
)

// A process that replicates and is killed leaves a replica that can be restored,
// and its next start sends what was not there yet.
func TestKillWhileReplicating(t *testing.T) {
	if path := os.Getenv(killedData); path != "" {
		s, _ := openReplicating(t, path, os.Getenv(killedReplica))
		must(t, s.SyncReplica(t.Context()))
		go func() {
			for {
				_ = s.SyncReplica(t.Context()) // as often as it can be
			}
		}()
		saveForEver(t, s)
		return
	}
	const rounds, writers = 6, 4
	folder := t.TempDir()
	path := filepath.Join(t.TempDir(), "dashd.db")
	t.Setenv(killedReplica, fileURL(folder))
	s, _ := openReplicating(t, path, fileURL(folder))
	create(t, s, store.NewInstance{SaveOnChange: true, State: numbered(writers)})
	must(t, s.Close())
	values := func(s *store.Store) map[app.ID]int64 {
		i, all := instance(t, s, "shirts-1"), map[app.ID]int64{}
		for id := range i.State() {
			text, _ := i.Tracks(id, "value")
			var n int64
			must(t, json.Unmarshal(text, &n))
			all[id] = n
		}
		return all
	}
	restored := func() *store.Store {
		to := filepath.Join(t.TempDir(), "dashd.db")
		_, err := store.RestoreFile(t.Context(), fileURL(folder), to, time.Time{})
		must(t, err)
		other := openAt(t, to)
		must(t, other.Check(t.Context()))
		return other
	}
	for round := range rounds {
		acknowledged := killAfter(t, "TestKillWhileReplicating", path, 100+rand.IntN(2000))
		values(restored()) // it is whole, though older than what was acknowledged
		s, _ := openReplicating(t, path, fileURL(folder))
		must(t, s.SyncReplica(t.Context()))
		here, there := values(s), values(restored())
		for id, least := range acknowledged {
			if here[id] < least || there[id] != here[id] {
				t.Errorf("round %d: %s: %d was acknowledged, here is %d, in the replica %d", round, id, least, here[id], there[id])
			}
		}
		must(t, s.Close())
	}
}

const killedReplica = "DASHD_TEST_KILLED_REPLICA"

// image copies the files of a database that is open, as they would be left if
// its process were killed now. Another process copies them: to close a file of
// SQLite's drops its locks.
func image(t *testing.T, path string) (copied string) {
	t.Helper()
	dir := t.TempDir()
	if out, err := exec.Command("cp", "-R", filepath.Dir(path)+"/.", dir).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return filepath.Join(dir, filepath.Base(path))
}

// What is written while the database is not replicated is in the replica when it
// is replicated again, also when nothing was stopped in order.
func TestReplicaAfterARunWithout(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(t.TempDir(), "dashd.db")
	const components = 300
	s, _ := openReplicating(t, path, fileURL(folder))
	create(t, s, store.NewInstance{SaveOnChange: true, State: numbered(components)})
	fill := func(s *store.Store, from, to int, value string) {
		i := instance(t, s, "shirts-1")
		page := i.NewPage()
		for n := from; n < to; n++ {
			id := app.ID(fmt.Sprintf("c%d", n))
			must(t, i.Save(t.Context(), app.Change{Page: page, Arrival: i.Arrive(), Writes: []app.Write{changed(id, value)}}))
		}
	}
	fill(s, 0, 100, `"replicated"`)
	must(t, s.SyncReplica(t.Context()))
	fill(s, 100, 110, `"killed"`)

	// A run without replication: its log is written back, and begins anew.
	later := image(t, path)
	without := openAt(t, later)
	wal := func() string {
		header, err := exec.Command("head", "-c", "32", later+"-wal").Output()
		must(t, err)
		return string(header)
	}
	for n, first := 0, wal(); wal() == first; n++ {
		if n == 2000 {
			t.Fatal("the log does not begin anew")
		}
		fill(without, 110+n%100, 111+n%100, fmt.Sprint(n))
	}
	again, _ := openReplicating(t, image(t, later), fileURL(folder))
	must(t, again.SyncReplica(t.Context()))
	want := instance(t, again, "shirts-1").State()
	must(t, again.Close())
	to := filepath.Join(t.TempDir(), "dashd.db")
	_, err := store.RestoreFile(t.Context(), fileURL(folder), to, time.Time{})
	must(t, err)
	wantState(t, openAt(t, to), want)
}

func wantState(t *testing.T, s *store.Store, want app.BaseState) {
	t.Helper()
	must(t, s.Check(t.Context()))
	got := instance(t, s, "shirts-1").State()
	for id := range want {
		if string(got[id]["value"]) != string(want[id]["value"]) {
			t.Errorf("%s has the value %s, want %s", id, got[id]["value"], want[id]["value"])
		}
	}
}

// The log that a database has left is not taken for that of the next one.
func TestRestoreWithoutTheOldLog(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(t.TempDir(), "dashd.db")
	s, _ := openReplicating(t, path, fileURL(folder))
	create(t, s, store.NewInstance{SaveOnChange: true, State: numbered(1)})
	must(t, s.SyncReplica(t.Context()))
	save(t, s, "1")
	left := image(t, path)
	must(t, s.Close())
	must(t, os.Remove(left))
	if _, err := os.Stat(left + "-wal"); err != nil {
		t.Fatal(err)
	}
	other, _ := openReplicating(t, left, fileURL(folder))
	wantValue(t, instance(t, other, "shirts-1"), "c0", "1") // of the replica
	must(t, other.Check(t.Context()))
}

const sidecarConfig = "DASHD_TEST_SIDECAR"

// Replication by another process, with examples/deploy/litestream.yml: by the
// program litestream where it is installed, or else by its library.
func TestSidecar(t *testing.T) {
	if path := os.Getenv(sidecarConfig); path != "" {
		runSidecar(t, path)
		return
	}
	text, err := os.ReadFile("../examples/deploy/litestream.yml")
	must(t, err)
	folder := t.TempDir()
	path := filepath.Join(t.TempDir(), "dashd.db")
	config := filepath.Join(t.TempDir(), "litestream.yml")
	text = []byte(strings.NewReplacer("/var/lib/dashd/dashd.db", path, "s3://bucket/dashd", fileURL(folder)).Replace(string(text)))
	must(t, os.WriteFile(config, text, 0o600))

	s := openAt(t, path)
	create(t, s, store.NewInstance{SaveOnChange: true, State: numbered(300)})
	i := instance(t, s, "shirts-1")
	page := i.NewPage()
	n := 0
	change := func(times int) {
		for range times {
			n++
			must(t, i.Save(t.Context(), app.Change{Page: page, Arrival: i.Arrive(), Writes: []app.Write{
				changed("c0", fmt.Sprint(n)), changed(app.ID(fmt.Sprintf("c%d", n%300)), fmt.Sprint(n)),
			}}))
		}
	}
	for round := range 2 {
		stop := startSidecar(t, config)
		change(500)
		wantInReplica(t, folder, n)
		change(1000) // dashd writes the log back by itself, several times
		wantInReplica(t, folder, n)
		stop()
		change(200 + 700*round) // the log begins anew, or not
	}
	defer startSidecar(t, config)()
	change(1)
	wantInReplica(t, folder, n)
	to := filepath.Join(t.TempDir(), "dashd.db")
	_, err = store.RestoreFile(t.Context(), fileURL(folder), to, time.Time{})
	must(t, err)
	wantState(t, openAt(t, to), i.State())
}

// wantInReplica waits until the component c0 has the value n in the replica.
func wantInReplica(t *testing.T, folder string, n int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var last string
	for ctx.Err() == nil {
		to := filepath.Join(t.TempDir(), "dashd.db")
		if _, err := store.RestoreFile(ctx, fileURL(folder), to, time.Time{}); err != nil {
			last = err.Error() // nothing yet, or what was merged is just removed
			continue
		}
		s := openAt(t, to)
		text, _ := instance(t, s, "shirts-1").Tracks("c0", "value")
		must(t, s.Close())
		if last = string(text); last == fmt.Sprint(n) {
			return
		}
	}
	t.Fatalf("the replica has %s, not %d", last, n)
}

// startSidecar runs litestream until stop is called.
func startSidecar(t *testing.T, config string) (stop func()) {
	t.Helper()
	var sidecar *exec.Cmd
	if program, err := exec.LookPath("litestream"); err == nil {
		sidecar = exec.Command(program, "replicate", "-config", config)
	} else {
		sidecar = exec.Command(os.Args[0], "-test.run=^TestSidecar$", "-test.timeout=5m")
		sidecar.Env = append(os.Environ(), sidecarConfig+"="+config)
	}
	var said strings.Builder
	sidecar.Stdout, sidecar.Stderr = &said, &said
	must(t, sidecar.Start())
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		must(t, sidecar.Process.Signal(syscall.SIGTERM))
		if err := sidecar.Wait(); err != nil {
			t.Errorf("litestream: %v\n%s", err, said.String())
		}
	}
	t.Cleanup(stop)
	return stop
}

// runSidecar does what "litestream replicate" does.
func runSidecar(t *testing.T, config string) {
	ctx, stop := signal.NotifyContext(t.Context(), syscall.SIGTERM)
	defer stop()
	text, err := os.ReadFile(config)
	must(t, err)
	path := regexp.MustCompile(`(?m)^ +- path: (\S+)$`).FindSubmatch(text)
	to := regexp.MustCompile(`(?m)^ +url: file://(\S+)$`).FindSubmatch(text)
	if path == nil || to == nil {
		t.Fatalf("there is no path or url in\n%s", text)
	}
	db := litestream.NewDB(string(path[1]))
	client := file.NewReplicaClient(string(to[1]))
	db.Replica = litestream.NewReplicaWithClient(db, client)
	client.Replica = db.Replica
	all := litestream.NewStore([]*litestream.DB{db}, litestream.DefaultCompactionLevels)
	must(t, all.Open(ctx))
	<-ctx.Done()
	must(t, all.Close(context.Background()))
}
