package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Budgets of the binary, in megabytes and milliseconds.
const (
	sizeBudget   = 45
	memoryBudget = 40
	startBudget  = 150
)

// starts is how often the binary is started; settleTime is how long it is left
// alone before its memory is read.
const (
	starts     = 10
	startTime  = 10 * time.Second
	settleTime = 2 * time.Second
)

// buildBinary builds dashd as it is shipped, in a directory that remove takes
// away.
func buildBinary(ctx context.Context) (binary string, remove func(), err error) {
	dir, err := os.MkdirTemp("", "dashd-bench-")
	if err != nil {
		return "", nil, err
	}
	remove = func() { _ = os.RemoveAll(dir) }
	binary = filepath.Join(dir, "dashd.exe")
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", binary, "dashd")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		remove()
		return "", nil, fmt.Errorf("build dashd: %w", err)
	}
	return binary, remove, nil
}

// measureBinary builds dashd and measures its size, its start and its memory.
func measureBinary(ctx context.Context, t *table) error {
	binary, remove, err := buildBinary(ctx)
	if err != nil {
		return err
	}
	defer remove()
	info, err := os.Stat(binary)
	if err != nil {
		return err
	}

	var times []float64
	var memory float64
	for i := range starts + 1 {
		s, err := start(ctx, filepath.Join(filepath.Dir(binary), "data"), binary)
		if err != nil {
			return err
		}
		switch i {
		case 0: // to warm up
		case starts:
			time.Sleep(settleTime)
			memory, err = residentMegabytes(s.pid)
			fallthrough
		default:
			times = append(times, s.took.Seconds()*1000)
		}
		s.stop()
		if err != nil {
			return err
		}
	}
	took := median(times)
	t.below("start to the first 200", took, startBudget, fmt.Sprintf("below %d ms", startBudget), fmt.Sprintf("%.0f ms", took))
	if memory > 0 {
		t.below("idle memory (VmRSS)", memory, memoryBudget, fmt.Sprintf("below %d MB", memoryBudget), fmt.Sprintf("%.1f MB", memory))
	} else {
		t.note("idle memory (VmRSS)", "not measured: there is no /proc")
	}
	size := float64(info.Size()) / 1e6
	t.below("binary, stripped", size, sizeBudget, fmt.Sprintf("below %d MB", sizeBudget), fmt.Sprintf("%.1f MB", size))
	return nil
}

// started is a dashd that has answered its first request.
type started struct {
	address string
	pid     int
	took    time.Duration
	stop    func()
}

// start starts the binary, by a command that may begin with another program, and
// asks it for its first page until it answers.
func start(ctx context.Context, data string, command ...string) (*started, error) {
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, startTime)
	var log bytes.Buffer
	command = append(command, "serve", "--listen", address, "--data", data)
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Stderr = &log
	begin := time.Now()
	if err := cmd.Start(); err != nil {
		cancel()
		return nil, err
	}
	stop := func() { cancel(); _ = cmd.Wait() }
	for {
		status, err := firstStatus(address)
		switch {
		case err == nil && status == http.StatusOK:
			return &started{address, cmd.Process.Pid, time.Since(begin), stop}, nil
		case err == nil:
			stop()
			return nil, fmt.Errorf("dashd answered %d", status)
		case ctx.Err() != nil:
			stop()
			return nil, fmt.Errorf("dashd did not start: %w\n%s", err, log.String())
		}
		time.Sleep(time.Millisecond)
	}
}

// firstStatus asks for / on a new connection.
func firstStatus(address string) (int, error) {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(answerLimit)); err != nil {
		return 0, err
	}
	if _, err := fmt.Fprintf(conn, "GET / HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", address); err != nil {
		return 0, err
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return 0, err
	}
	return response.StatusCode, response.Body.Close()
}

// freeAddress returns a loopback address that nobody listens on.
func freeAddress() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return listener.Addr().String(), listener.Close()
}

// residentMegabytes returns the memory of a process, 0 where it is not known.
func residentMegabytes(pid int) (float64, error) { return statusMegabytes(pid, "VmRSS:") }

// statusMegabytes returns an amount of memory that the system tells of a
// process, 0 where it does not.
func statusMegabytes(pid int, field string) (float64, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if errors.Is(err, os.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(status)) {
		if value, ok := strings.CutPrefix(line, field); ok {
			kib, err := strconv.ParseFloat(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 64)
			return kib * 1024 / 1e6, err
		}
	}
	return 0, nil
}
