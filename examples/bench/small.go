package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"dashd/examples/simple"
)

// A small machine: so much memory, one processor, so many browsers at once.
const (
	smallMemory  = 512 << 20
	smallClients = 64
	smallTime    = 5 * time.Second
)

// measureSmall measures dashd with as little as a small board or virtual machine
// has.
func measureSmall(ctx context.Context, t *table) error {
	binary, remove, err := buildBinary(ctx)
	if err != nil {
		return err
	}
	defer remove()
	command, free, err := confined(smallMemory)
	if err != nil {
		t.note("512 MB of memory and one processor", "not measured: "+err.Error())
		return nil
	}
	defer free()

	data := filepath.Join(filepath.Dir(binary), "small")
	var times []float64
	for range starts {
		s, err := start(ctx, data, append(command, binary)...)
		if err != nil {
			return err
		}
		times = append(times, s.took.Seconds()*1000)
		s.stop()
	}
	t.note("512 MB of memory, one processor: start to the first 200", fmt.Sprintf("%.0f ms", median(times)))

	s, err := start(ctx, data, append(command, binary)...)
	if err != nil {
		return err
	}
	defer s.stop()
	time.Sleep(settleTime)
	idle, err := residentMegabytes(s.pid)
	if err != nil {
		return err
	}
	rate, err := loadFor(s.address, [][]byte{updateRequest(s.address), layoutRequest(simple.New())(s.address)}, smallClients, smallTime)
	if err != nil {
		return err
	}
	peak, err := statusMegabytes(s.pid, "VmHWM:")
	if err != nil {
		return err
	}
	t.note("512 MB of memory, one processor: memory", fmt.Sprintf("%.1f MB idle, at most %.1f MB under load", idle, peak))
	t.note(fmt.Sprintf("512 MB of memory, one processor: %d connections, callbacks and layouts in turn", smallClients), thousands(rate)+" requests/s")
	return nil
}

// loadFor sends requests on many connections and returns how many were answered
// in a second.
func loadFor(address string, requests [][]byte, connections int, long time.Duration) (perSecond float64, err error) {
	end := time.Now().Add(long)
	type result struct {
		n   int
		err error
	}
	results := make(chan result, connections)
	for range connections {
		go func() {
			c, err := dial(address, requests)
			if err != nil {
				results <- result{0, err}
				return
			}
			defer c.conn.Close()
			n, err := c.load(end)
			results <- result{n, err}
		}()
	}
	total := 0
	for range connections {
		r := <-results
		total += r.n
		err = errors.Join(err, r.err)
	}
	return float64(total) / long.Seconds(), err
}

// confined returns the begin of a command line whose program runs in a control
// group with so many bytes of memory and with one processor. free removes the
// group, when the program has ended.
func confined(memory int) (command []string, free func(), err error) {
	for _, kind := range []struct{ root, limit string }{
		{"/sys/fs/cgroup/memory", "memory.limit_in_bytes"},
		{"/sys/fs/cgroup", "memory.max"},
	} {
		dir, failed := os.MkdirTemp(kind.root, "dashd-bench-")
		if failed != nil {
			err = failed
			continue
		}
		free = func() { _ = os.Remove(dir) }
		if err = os.WriteFile(filepath.Join(dir, kind.limit), fmt.Append(nil, memory), 0); err != nil {
			free()
			continue
		}
		enter := "echo $$ > " + filepath.Join(dir, "cgroup.procs") + ` && exec "$@"`
		return []string{"taskset", "1", "sh", "-c", enter, "sh"}, free, nil
	}
	return nil, nil, fmt.Errorf("there is no control group to make: %w", err)
}
