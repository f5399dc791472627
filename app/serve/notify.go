package serve

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// systemd tells the service manager how the service is, by sd_notify's protocol:
// lines of VARIABLE=value in a datagram. Without a manager it does nothing. It
// never fails the service: a word that does not arrive is lost.
type systemd struct {
	socket   string        // "" without a manager
	watchdog time.Duration // within which it wants a sign of life; 0: it does not
}

func newSystemd() *systemd {
	n := &systemd{socket: os.Getenv("NOTIFY_SOCKET")}
	pid := os.Getenv("WATCHDOG_PID")
	if pid == "" || pid == strconv.Itoa(os.Getpid()) {
		usec, _ := strconv.ParseInt(os.Getenv("WATCHDOG_USEC"), 10, 64) // 0 when it is no number
		n.watchdog = time.Duration(usec) * time.Microsecond
	}
	return n
}

// notifyTimeout is how long the manager may take to read what is sent.
const notifyTimeout = time.Second

// send sends lines. A socket whose name begins with "@" is no file.
func (n *systemd) send(lines ...string) {
	if n.socket == "" {
		return
	}
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: n.socket, Net: "unixgram"})
	if err != nil {
		return
	}
	defer conn.Close()
	if conn.SetWriteDeadline(time.Now().Add(notifyTimeout)) == nil {
		_, _ = conn.Write([]byte(strings.Join(lines, "\n")))
	}
}

// status is the line that "systemctl status" shows.
func status(text string) string {
	return "STATUS=" + strings.Join(strings.FieldsFunc(text, func(r rune) bool { return r == '\n' || r == '\r' }), "; ")
}

// ready says that the service serves: after the start, and after each reload.
func (n *systemd) ready(text string) { n.send("READY=1", status(text)) }

// reloading says that a reload has begun. The time is for services of the type
// notify-reload.
func (n *systemd) reloading() {
	lines := []string{"RELOADING=1", status("Reloading.")}
	if now := monotonic(); now > 0 {
		lines = append(lines, fmt.Sprintf("MONOTONIC_USEC=%d", now.Microseconds()))
	}
	n.send(lines...)
}

// stopping says that the end has begun.
func (n *systemd) stopping() { n.send("STOPPING=1") }

// failed says why the service ends.
func (n *systemd) failed(err error) {
	lines := []string{status(sentence(err))}
	if number, ok := errors.AsType[syscall.Errno](err); ok {
		lines = append(lines, fmt.Sprintf("ERRNO=%d", int(number)))
	}
	n.send(lines...)
}

// A long start or end asks for more time, again and again.
const (
	extension   = 30 * time.Second
	extendEvery = 10 * time.Second
)

// busy says what takes its time, and asks for more of it until it is done. All
// that is done has bounds of its own.
func (n *systemd) busy(text string) (done func()) {
	more := fmt.Sprintf("EXTEND_TIMEOUT_USEC=%d", extension.Microseconds())
	n.send(status(text), more)
	return n.every(extendEvery, func(context.Context) { n.send(more) })
}

// watch feeds the watchdog while check succeeds in time, so that a server that
// does not work is restarted.
func (n *systemd) watch(check func(context.Context) error, log *slog.Logger) (stop func()) {
	if n.watchdog <= 0 {
		return func() {}
	}
	every := n.watchdog / 2
	return n.every(every, func(ctx context.Context) {
		ctx, cancel := context.WithTimeout(ctx, every)
		defer cancel()
		err := check(ctx)
		switch {
		case err == nil:
			n.send("WATCHDOG=1")
		case context.Cause(ctx) != context.Canceled:
			log.Warn("the server does not work as it should", "err", err)
			n.send(status("The server does not work as it should: " + sentence(err)))
		}
	})
}

// every calls do every so often until stop is called, which waits for the end of
// a call under way.
func (n *systemd) every(interval time.Duration, do func(context.Context)) (stop func()) {
	if n.socket == "" {
		return func() {}
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		ticker := time.NewTicker(interval)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
				do(ctx)
			}
		}
	}()
	return func() { cancel(); <-done }
}
