package store_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"dashd/app"
	"dashd/store"
)

const killedData = "DASHD_TEST_KILLED_DATA"

// A process that is killed at any moment loses nothing that it has
// acknowledged.
func TestKill(t *testing.T) {
	if path := os.Getenv(killedData); path != "" {
		saveForEver(t, openAt(t, path))
		return
	}
	const rounds, writers = 20, 4
	path := filepath.Join(t.TempDir(), "dashd.db")
	s := openAt(t, path)
	create(t, s, store.NewInstance{SaveOnChange: true, State: numbered(writers)})
	must(t, s.Close())
	for round := range rounds {
		acknowledged := killAfter(t, "TestKill", path, 1+rand.IntN(300))
		s := openAt(t, path)
		must(t, s.Check(t.Context()))
		i := instance(t, s, "shirts-1")
		for id, want := range acknowledged {
			text, _ := i.Tracks(id, "value")
			var got int64
			must(t, json.Unmarshal(text, &got))
			if got < want {
				t.Errorf("round %d: %s has %d, but %d was acknowledged", round, id, got, want)
			}
		}
		must(t, s.Close())
	}
}

// killAfter runs a test as a child, with the data at path, and kills it when it
// has acknowledged so many values. It returns the last one of each component.
func killAfter(t *testing.T, test, path string, lines int) map[app.ID]int64 {
	t.Helper()
	child := exec.Command(os.Args[0], "-test.run=^"+test+"$", "-test.timeout=1m")
	child.Env = append(os.Environ(), killedData+"="+path)
	var stderr strings.Builder
	child.Stderr = &stderr
	stdout, err := child.StdoutPipe()
	must(t, err)
	must(t, child.Start())
	last := map[app.ID]int64{}
	out := bufio.NewReader(stdout)
	for n := 1; ; n++ {
		line, err := out.ReadString('\n')
		if errors.Is(err, io.EOF) {
			break // half a line is no acknowledgement
		}
		must(t, err)
		id, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		number, err := strconv.ParseInt(value, 10, 64)
		if err != nil {
			t.Fatalf("the child says %q", line)
		}
		last[app.ID(id)] = number
		if n == lines {
			must(t, child.Process.Kill())
		}
	}
	if err := child.Wait(); err == nil || child.ProcessState.ExitCode() >= 0 && stderr.Len() > 0 {
		t.Fatalf("the child ended by itself: %v\n%s", err, stderr.String())
	}
	return last
}

// saveForEver saves rising numbers and prints each when it is acknowledged.
func saveForEver(t *testing.T, s *store.Store) {
	i := instance(t, s, "shirts-1")
	failed := make(chan error)
	for id := range i.State() {
		go func() {
			page := i.NewPage()
			text, _ := i.Tracks(id, "value")
			var n int64
			if err := json.Unmarshal(text, &n); err != nil {
				failed <- err
			}
			for {
				n++
				err := i.Save(t.Context(), app.Change{Page: page, Arrival: i.Arrive(), Writes: []app.Write{
					changed(id, strconv.FormatInt(n, 10)),
				}})
				if err != nil {
					failed <- err
				}
				fmt.Printf("%s %d\n", id, n) // one write to the pipe
			}
		}()
	}
	t.Fatal(<-failed)
}
