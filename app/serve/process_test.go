//go:build unix

package serve_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"dashd/app/serve"
)

// manager is a service manager to which a process tells how it is.
type manager struct {
	t     *testing.T
	name  string // of its socket
	words chan map[string]string
}

func newManager(t *testing.T, name string) *manager {
	t.Helper()
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	m := &manager{t, name, make(chan map[string]string, 1000)}
	var reading sync.WaitGroup
	reading.Go(func() {
		defer close(m.words)
		for b := make([]byte, 64<<10); ; {
			n, err := conn.Read(b)
			if err != nil {
				return
			}
			word := map[string]string{}
			for line := range strings.SplitSeq(string(b[:n]), "\n") {
				key, value, _ := strings.Cut(line, "=")
				word[key] = value
			}
			m.words <- word
		}
	})
	t.Cleanup(func() { conn.Close(); reading.Wait() })
	return m
}

// await reads on until the process says a word that has the key.
func (m *manager) await(key string) map[string]string {
	m.t.Helper()
	deadline := time.After(patience)
	for {
		select {
		case word, ok := <-m.words:
			if _, has := word[key]; has {
				return word
			}
			if !ok {
				m.t.Fatalf("the process said nothing of %s", key)
			}
		case <-deadline:
			m.t.Fatalf("the process says nothing of %s", key)
		}
	}
}

// process is a running program.
type process struct {
	*manager
	cmd   *exec.Cmd
	log   logFile
	ended chan struct{}
	err   error // once it has ended
}

// logFile is a file that a process logs to: what it has written is there at
// once.
type logFile string

func (f logFile) String() string {
	text, err := os.ReadFile(string(f))
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// startProcess runs a command until the test ends.
func startProcess(t *testing.T, m *manager, cmd *exec.Cmd) *process {
	t.Helper()
	log, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	p := &process{manager: m, cmd: cmd, log: logFile(log.Name()), ended: make(chan struct{})}
	cmd.Stderr = log
	cmd.Env = append(append(os.Environ(), "NOTIFY_SOCKET="+m.name, "GORACE="+endAtOnce), cmd.Env...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		p.err = cmd.Wait()
		close(p.ended)
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may have ended
		<-p.ended
		if t.Failed() {
			t.Logf("the log of %s:\n%s", strings.Join(cmd.Args, " "), p.log)
		}
	})
	return p
}

// serveProcess runs "serve" of a program, with a data directory of its own, and
// waits until it serves.
func serveProcess(t *testing.T, program string, args ...string) *process {
	t.Helper()
	args = append([]string{"serve", "--listen", "127.0.0.1:0", "--data", t.TempDir(), "--log-format", "json"}, args...)
	p := startProcess(t, newManager(t, filepath.Join(shortDir(t), "notify")), exec.Command(program, args...))
	p.await("READY")
	return p
}

// shortDir is a directory whose path is short enough for sockets.
func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "d")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

var servedURL = regexp.MustCompile(`"url":"([^"]*)/"`)

// url is where the process serves, without a slash at the end.
func (p *process) url() string {
	p.t.Helper()
	found := servedURL.FindStringSubmatch(p.log.String())
	if found == nil {
		p.t.Fatal("the process does not log where it serves")
	}
	return found[1]
}

func (p *process) signal(s os.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Fatal(err)
	}
}

// wait returns the exit code.
func (p *process) wait() int {
	p.t.Helper()
	select {
	case <-p.ended:
		return p.cmd.ProcessState.ExitCode()
	case <-time.After(patience):
		p.t.Fatal("the process does not end")
		return 0
	}
}

// reload returns what the process says of its state after a reload.
func (p *process) reload() string {
	p.t.Helper()
	p.signal(syscall.SIGHUP)
	if word := p.await("RELOADING"); runtime.GOOS == "linux" && word["MONOTONIC_USEC"] == "" {
		p.t.Errorf("a reload begins with %v", word)
	}
	return p.await("READY")["STATUS"]
}

// status returns the status of a GET.
func (p *process) status(path, host string) int {
	p.t.Helper()
	request, err := http.NewRequestWithContext(p.t.Context(), http.MethodGet, p.url()+path, nil)
	if err != nil {
		p.t.Fatal(err)
	}
	request.Host = host
	resp, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		p.t.Fatal(err)
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode
}

// gatedPath is where the callback of the gated program is.
const gatedPath = "/app/gated/_dash-update-component"

// call runs a callback of the gated program.
func call(ctx context.Context, client *http.Client, url, word string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url+gatedPath, strings.NewReader(faultyCall(word)))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	return succeed(client, request)
}

func succeed(client *http.Client, request *http.Request) error {
	resp, err := client.Do(request)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK || len(text) == 0 {
		return fmt.Errorf("%s: %s", resp.Status, text)
	}
	return nil
}

// load is visitors who come all the time.
type load struct {
	stop   func()
	all    sync.WaitGroup
	served atomic.Int64
	failed atomic.Pointer[error]
}

// startLoad makes visitors who run callbacks, each by a connection of its own,
// and others who keep theirs and read.
func startLoad(t *testing.T, url string) *load {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	l := &load{stop: stop}
	visit := func(client *http.Client, do func(*http.Client) error) {
		l.all.Go(func() {
			defer client.CloseIdleConnections()
			for ctx.Err() == nil {
				if err := do(client); err == nil {
					l.served.Add(1)
				} else {
					l.failed.CompareAndSwap(nil, &err)
					return
				}
			}
		})
	}
	for range 8 {
		visit(&http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true}}, func(c *http.Client) error {
			return call(context.Background(), c, url, "")
		})
		visit(&http.Client{Timeout: patience, Transport: &http.Transport{}}, func(c *http.Client) error {
			request, err := http.NewRequest(http.MethodGet, url+"/app/gated/_dash-layout", nil)
			if err != nil {
				return err
			}
			return succeed(c, request)
		})
	}
	t.Cleanup(func() { stop(); l.all.Wait() })
	return l
}

// more waits until so many more visitors have been served.
func (l *load) more(t *testing.T, n int64) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for until := l.served.Load() + n; l.served.Load() < until && l.failed.Load() == nil; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("nobody is served")
		}
	}
}

// end fails the test if a visitor was not served.
func (l *load) end(t *testing.T) {
	t.Helper()
	l.stop()
	l.all.Wait()
	if err := l.failed.Load(); err != nil {
		t.Errorf("after %d visitors, one was not served: %v", l.served.Load(), *err)
	}
}

// What systemd hears of a server, from its start to its end.
func TestNotify(t *testing.T) {
	names := []string{filepath.Join(shortDir(t), "notify")}
	if runtime.GOOS == "linux" {
		names = append(names, fmt.Sprintf("@dashd-test-%d", os.Getpid()))
	}
	for _, name := range names {
		m := newManager(t, name)
		cmd := exec.Command("dashd", "serve", "--listen", "127.0.0.1:0", "--data", t.TempDir(), "--log-format", "json")
		cmd.Env = []string{"WATCHDOG_USEC=100000"}
		p := startProcess(t, m, cmd)
		if word := p.await("EXTEND_TIMEOUT_USEC"); word["STATUS"] != "Opening the database." || word["EXTEND_TIMEOUT_USEC"] != "30000000" {
			t.Errorf("the start asks for time with %v", word)
		}
		if word := p.await("READY"); word["READY"] != "1" || word["STATUS"] != "Serving 3 apps at "+p.url()+"/" {
			t.Errorf("it is ready with %v, at %s", word, p.url())
		}
		if got := p.status("/", ""); got != http.StatusOK {
			t.Errorf("a server that is ready answers %d", got)
		}
		for range 3 {
			p.await("WATCHDOG")
		}
		p.signal(syscall.SIGTERM)
		p.await("STOPPING")
		p.await("EXTEND_TIMEOUT_USEC")
		if code := p.wait(); code != 0 {
			t.Errorf("it ends with %d", code)
		}
	}
}

// A failure has its number and its sentence.
func TestNotifyFailure(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	p := startProcess(t, newManager(t, filepath.Join(shortDir(t), "notify")),
		exec.Command("dashd", "serve", "--listen", listener.Addr().String(), "--data", t.TempDir()))
	word := p.await("ERRNO")
	if word["ERRNO"] != fmt.Sprint(int(syscall.EADDRINUSE)) || !strings.Contains(word["STATUS"], "another program has this address") {
		t.Errorf("a failure says %v", word)
	}
	if code := p.wait(); code != 1 {
		t.Errorf("it ends with %d", code)
	}
}

// The watchdog hears nothing of a server that does not work, or hangs.
func TestWatchdog(t *testing.T) {
	m := newManager(t, filepath.Join(shortDir(t), "notify"))
	t.Setenv("NOTIFY_SOCKET", m.name)
	t.Setenv("WATCHDOG_USEC", "20000")
	var works atomic.Bool
	works.Store(true)
	stop := serve.Watch(func(ctx context.Context) error {
		if works.Load() {
			return nil
		}
		<-ctx.Done()
		return errors.New("it hangs")
	})
	m.await("WATCHDOG")
	works.Store(false)
	for { // a sign of life may be under way
		word := <-m.words
		if strings.Contains(word["STATUS"], "it hangs") {
			break
		}
	}
	for range 3 {
		if word := <-m.words; word["WATCHDOG"] != "" {
			t.Errorf("a server that hangs says %v", word)
		}
	}
	works.Store(true)
	m.await("WATCHDOG")
	stop()

	t.Setenv("WATCHDOG_PID", "1") // another process
	serve.Watch(func(context.Context) error { panic("checked for nobody") })()
}

// A reload takes what is good, all of it; and nothing of what is bad.
func TestReload(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "dashd.json")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(`{}`)
	p := serveProcess(t, "gated", "--config", file)
	if got := p.status("/app/gated/", "one.example"); got != http.StatusMisdirectedRequest {
		t.Fatalf("a host that is not allowed: %d", got)
	}
	visitors := startLoad(t, p.url())
	const rounds = 5
	for range rounds {
		write(`{"allowed-hosts": ["one.example"], "home": "gated"}`)
		if state := p.reload(); !strings.HasPrefix(state, "Serving 1 apps, reloaded") {
			t.Fatal(state)
		}
		if got := p.status("/app/gated/", "one.example"); got != http.StatusOK {
			t.Fatalf("a host that is allowed now: %d", got)
		}
		if got := p.status("/", ""); got != http.StatusTemporaryRedirect {
			t.Fatalf("the home of now: %d", got)
		}
		visitors.more(t, 50)
		for _, bad := range []string{
			`{`, `{"hom": "gated"}`, `{"home": "nope"}`, `{"base-path": "a b"}`, `{"stop-timeout": "-1s"}`, `{"log-level": "loud"}`, `{"tls-cert": "x"}`,
			`{"replicate": "gopher://x"}`, `{"admin-listen": "8001"}`, `{"tls-cert": "nowhere", "tls-key": "nowhere"}`, // which count after a restart
		} {
			write(bad)
			if state := p.reload(); !strings.HasPrefix(state, "The reload failed, and the settings before stay in force: ") {
				t.Fatalf("%s: %s", bad, state)
			}
			if got := p.status("/app/gated/", "one.example"); got != http.StatusOK {
				t.Fatalf("%s: the host that was allowed: %d", bad, got)
			}
		}
		visitors.more(t, 50)
		write(`{}`)
		p.reload()
		if got := p.status("/app/gated/", "one.example"); got != http.StatusMisdirectedRequest {
			t.Fatalf("a host that is no longer allowed: %d", got)
		}
	}
	visitors.end(t)
	if got := strings.Count(p.log.String(), "the settings are not taken, those before stay in force"); got != rounds*10 {
		t.Errorf("%d bad reloads are logged", got)
	}

	// The level of the log counts at once.
	if strings.Contains(p.log.String(), `"msg":"request"`) {
		t.Error("requests are logged")
	}
	write(`{"log-level": "debug", "base-path": "/x"}`)
	p.reload()
	if got := p.status("/x/app/gated/", ""); got != http.StatusOK {
		t.Errorf("below the base path: %d", got)
	}
	if got := p.status("/app/gated/", ""); got != http.StatusNotFound {
		t.Errorf("outside of the base path: %d", got)
	}
	if !strings.Contains(p.log.String(), `"msg":"request"`) {
		t.Error("requests are not logged")
	}

	// Some settings need a restart.
	cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	writeCertificate(t, cert, key, time.Now().Add(365*24*time.Hour))
	write(fmt.Sprintf(`{"admin-listen": "127.0.0.1:0", "synchronous": "full", "audit-keep": "3d", "tls-cert": %q, "tls-key": %q}`, cert, key))
	p.reload()
	if !strings.Contains(p.log.String(), `"settings":"admin-listen audit-keep synchronous tls-cert"`) {
		t.Error("what needs a restart is not logged")
	}
	if got := p.status("/admin/", ""); got == http.StatusNotFound {
		t.Error("the administration is gone")
	}
	p.signal(syscall.SIGTERM)
	if code := p.wait(); code != 0 {
		t.Errorf("it ends with %d", code)
	}
}

// A reload finds the configuration file where the start has found it, also when
// the file says that the data are elsewhere. What is wrong names the setting.
func TestReloadOfFoundFile(t *testing.T) {
	dir, data := t.TempDir(), t.TempDir()
	write := func(setting string) {
		t.Helper()
		path := filepath.Join(dir, "dashd-data", "dashd.json")
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, fmt.Appendf(nil, `{"data": %q, %s}`, data, setting), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	write(`"home": "gated"`)
	cmd := exec.Command("gated", "serve", "--listen", "127.0.0.1:0", "--log-format", "json")
	cmd.Dir = dir
	p := startProcess(t, newManager(t, filepath.Join(shortDir(t), "notify")), cmd)
	p.await("READY")
	write(`"home": "gated", "allowed-hosts": ["one.example"]`)
	for range 2 {
		p.reload()
		if got := p.status("/", "one.example"); got != http.StatusTemporaryRedirect {
			t.Errorf("after a reload: %d", got)
		}
	}
	if strings.Contains(p.log.String(), "count after a restart") {
		t.Error("it takes the data to be elsewhere")
	}
	write(`"home": {}`)
	if state := p.reload(); !strings.Contains(state, "--home: "+filepath.Join(dir, "dashd-data", "dashd.json")) {
		t.Errorf("a bad value: %s", state)
	}
}

// gate is where callbacks of the gated program wait.
type gate struct{ net.Listener }

func newGate(t *testing.T) gate {
	t.Helper()
	listener, err := net.Listen("unix", filepath.Join(shortDir(t), "gate"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	t.Setenv("GATE", listener.Addr().String())
	return gate{listener}
}

// wait returns the next callback that waits.
func (g gate) wait(t *testing.T) net.Conn {
	t.Helper()
	conn, err := g.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// A server that is told to stop finishes the callbacks that have begun.
func TestStopUnderLoad(t *testing.T) {
	gate := newGate(t)
	p := serveProcess(t, "gated")
	const callbacks = 20
	answers := make(chan error, callbacks)
	var waiting []net.Conn
	for range callbacks {
		go func() { answers <- call(t.Context(), &http.Client{Transport: &http.Transport{}}, p.url(), "wait") }()
		waiting = append(waiting, gate.wait(t))
	}
	p.signal(syscall.SIGTERM)
	p.await("STOPPING")
	address := strings.TrimPrefix(p.url(), "http://")
	for { // until nobody comes in any more
		conn, err := net.Dial("tcp", address)
		if err != nil {
			break
		}
		conn.Close()
	}
	for _, conn := range waiting {
		conn.Close()
	}
	for range callbacks {
		if err := <-answers; err != nil {
			t.Errorf("a callback that had begun: %v", err)
		}
	}
	if code := p.wait(); code != 0 {
		t.Errorf("it ends with %d", code)
	}
}

// A callback that does not end is not waited for forever.
func TestStopTimeout(t *testing.T) {
	gate := newGate(t)
	p := serveProcess(t, "gated", "--stop-timeout", "10ms")
	answer := make(chan error, 1)
	go func() { answer <- call(t.Context(), http.DefaultClient, p.url(), "wait") }()
	gate.wait(t)
	p.signal(syscall.SIGTERM)
	if code := p.wait(); code != 1 {
		t.Errorf("it ends with %d", code)
	}
	if err := <-answer; err == nil {
		t.Error("the callback was answered")
	}
	if !strings.Contains(p.log.String(), "requests were still under way after 10ms") {
		t.Error("the log does not say why")
	}
}

// Before the end, a server goes on to answer, and asks its clients to leave. A
// second signal ends it at once.
func TestShutdownDelay(t *testing.T) {
	p := serveProcess(t, "gated", "--shutdown-delay", "1h")
	get := func() *http.Response {
		t.Helper()
		resp, err := http.Get(p.url() + "/app/gated/")
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		_, _ = io.Copy(io.Discard, resp.Body)
		wantStatus(t, resp, http.StatusOK)
		return resp
	}
	if get().Close {
		t.Error("a server that goes on closes its connections")
	}
	p.signal(syscall.SIGTERM)
	p.await("STOPPING")
	for !get().Close { // it is about to
	}
	for {
		p.signal(syscall.SIGTERM)
		select {
		case <-p.ended:
			if status, ok := p.cmd.ProcessState.Sys().(syscall.WaitStatus); !ok || status.Signal() != syscall.SIGTERM {
				t.Errorf("it ends with %v", p.err)
			}
			return
		case <-time.After(10 * time.Millisecond): // the first may still count
		}
	}
}

// activated is a command of the gated program with sockets that another process
// has opened, as systemd starts it.
func activated(names string, sockets []*os.File, args ...string) *exec.Cmd {
	cmd := exec.Command("sh", append([]string{"-c", `LISTEN_PID=$$ exec "$0" "$@"`, "gated", "serve", "--log-format", "json"}, args...)...)
	cmd.ExtraFiles = sockets
	cmd.Env = []string{fmt.Sprintf("LISTEN_FDS=%d", len(sockets)), "LISTEN_FDNAMES=" + names}
	return cmd
}

// socket opens a socket for others, and returns its address.
func socket(t *testing.T) (*os.File, string) {
	t.Helper()
	listener, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	file, err := listener.File()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { file.Close() })
	return file, listener.Addr().String()
}

// While a server is restarted whose socket systemd holds, nobody is refused.
func TestActivatedRestart(t *testing.T) {
	file, address := socket(t)
	data := t.TempDir()
	start := func() *process {
		p := startProcess(t, newManager(t, filepath.Join(shortDir(t), "notify")), activated("dashd.socket", []*os.File{file}, "--listen", "127.0.0.1:1", "--data", data))
		p.await("READY")
		return p
	}
	p := start()
	if !strings.Contains(p.log.String(), "systemd has opened the sockets, so the address is not used") {
		t.Error("the log does not say that --listen is not used")
	}
	visitors := startLoad(t, "http://"+address)
	for range 4 {
		visitors.more(t, 100)
		p.signal(syscall.SIGTERM)
		if code := p.wait(); code != 0 {
			t.Fatalf("it ends with %d", code)
		}
		p = start()
	}
	visitors.more(t, 100)
	visitors.end(t)
}

// A socket that is named "admin" is for operators, and what is theirs is only
// there.
func TestActivatedAdmin(t *testing.T) {
	public, publicAddress := socket(t)
	admin, adminAddress := socket(t)
	p := startProcess(t, newManager(t, filepath.Join(shortDir(t), "notify")), activated("dashd.socket:admin", []*os.File{public, admin}, "--data", t.TempDir()))
	p.await("READY")
	for range 2 {
		for address, want := range map[string]int{publicAddress: http.StatusNotFound, adminAddress: http.StatusUnauthorized} {
			resp, err := http.Get("http://" + address + "/admin/")
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			wantStatus(t, resp, want)
		}
		p.reload()
	}
}

// What systemd hands on must be what a server can use.
func TestActivatedWrongly(t *testing.T) {
	file, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	p := startProcess(t, newManager(t, filepath.Join(shortDir(t), "notify")), activated("x", []*os.File{file}, "--data", t.TempDir()))
	if code := p.wait(); code != 1 || !strings.Contains(p.log.String(), "take socket 3 of systemd") {
		t.Errorf("it ends with %d", code)
	}
	cmd := activated("", nil, "--data", t.TempDir())
	cmd.Env = []string{"LISTEN_FDS=many"}
	p = startProcess(t, newManager(t, filepath.Join(shortDir(t), "notify")), cmd)
	if code := p.wait(); code != 1 || !strings.Contains(p.log.String(), "LISTEN_FDS is not a number") {
		t.Errorf("it ends with %d", code)
	}
}
