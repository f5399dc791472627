//go:build unix

package serve_test

import (
	"bufio"
	"bytes"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"dashd/app"
	"dashd/app/serve"
)

// nginxFrame is around the example, which is a file that nginx's own
// configuration includes.
const nginxFrame = `
daemon off;
pid nginx.pid;
error_log stderr;
events {}
http {
	access_log off;
	client_body_temp_path body;
	proxy_temp_path proxy;
	fastcgi_temp_path fastcgi;
	uwsgi_temp_path uwsgi;
	scgi_temp_path scgi;
	include dashd.conf;
}`

// Lines of the example that some tests leave out.
const (
	upgradeLine    = "proxy_set_header Upgrade $http_upgrade;"
	connectionLine = "proxy_set_header Connection $dashd_connection;"
	bufferingLine  = "proxy_buffering off;"
	versionLine    = "proxy_http_version 1.1;" // before which there are no chunks, which nginx does not hold back
)

// nginx is the way through nginx, to a server at a base path, as
// examples/deploy/nginx.conf has it without some lines.
func nginx(base string, without ...string) way {
	return way{base, func(t *testing.T, h http.Handler) string {
		t.Helper()
		program, err := exec.LookPath("nginx")
		if err != nil {
			program, err = exec.LookPath("/usr/sbin/nginx")
		}
		if err != nil {
			t.Fatal("nginx is missing: make test-tools installs it")
		}
		dir, err := os.MkdirTemp("", "nginx") // a short path, for the socket
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = os.RemoveAll(dir) })
		server := httptest.NewUnstartedServer(h)
		_ = server.Listener.Close()
		if server.Listener, err = net.Listen("unix", filepath.Join(dir, "dashd.sock")); err != nil {
			t.Fatal(err)
		}
		server.Start()
		t.Cleanup(server.Close)

		door, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		address := door.Addr().String()
		example, err := os.ReadFile("../../examples/deploy/nginx.conf")
		if err != nil {
			t.Fatal(err)
		}
		changes := []string{
			"listen 80;", "listen " + address + ";",
			"listen [::]:80;", "",
			"server 127.0.0.1:8000;", "server unix:" + dir + "/dashd.sock;",
			"location / {", "location " + base + "/ {",
		}
		for _, line := range without {
			changes = append(changes, line, "")
		}
		for i := 0; i < len(changes); i += 2 {
			if !bytes.Contains(example, []byte(changes[i])) {
				t.Fatalf("the example has no %q", changes[i])
			}
		}
		frame := nginxFrame
		if os.Geteuid() == 0 {
			frame += "\nuser root;" // or its worker may not open the socket
		}
		for name, text := range map[string]string{"nginx.conf": frame, "dashd.conf": strings.NewReplacer(changes...).Replace(string(example))} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		startNginx(t, exec.Command(program, "-p", dir, "-c", "nginx.conf", "-e", "stderr"), door.(*net.TCPListener))
		return "http://" + address
	}}
}

// startNginx starts nginx with a listener that it inherits, as from another
// nginx that it takes the place of: nobody else gets the port between, and
// connections wait until it takes them.
func startNginx(t *testing.T, proxy *exec.Cmd, door *net.TCPListener) {
	t.Helper()
	file, err := door.File()
	if err != nil {
		t.Fatal(err)
	}
	proxy.ExtraFiles = []*os.File{file}
	proxy.Env = append(os.Environ(), "NGINX=3;")
	var errors bytes.Buffer
	proxy.Stderr = &errors
	if err := proxy.Start(); err != nil {
		t.Fatal(err)
	}
	if err := syscall.SetNonblock(int(file.Fd()), true); err != nil { // which handing it over has undone
		t.Error(err)
	}
	_, _ = file.Close(), door.Close()
	t.Cleanup(func() {
		if err := proxy.Process.Signal(syscall.SIGTERM); err != nil {
			t.Error(err)
		}
		if err := proxy.Wait(); err != nil || t.Failed() {
			t.Logf("nginx ends with %v and says %s", err, &errors)
		}
	})
}

// What works in the browser works through nginx, below a path.
func TestBrowserNginx(t *testing.T) {
	for _, suite := range []struct {
		name string
		test func(t *testing.T, w way)
	}{
		{"demo", testDemo},
		{"twelve", testDemoTwelve},
		{"pipe", testPipe},
		{"frame", testAutoHeight},
		{"admin", testAdmin},
	} {
		t.Run(suite.name, func(t *testing.T) { suite.test(t, nginx("/x/y")) })
	}
}

// Where nginx lets no websocket through, pipes hear by a stream of events.
func TestBrowserNginxWithoutUpgrade(t *testing.T) {
	l := &taken{}
	w := nginx("/x/y", upgradeLine, connectionLine)
	s, _ := newServer(t, w.config(serve.Config{Apps: []*app.App{roomApp("Room", l)}}))
	var upgrades, streams atomic.Int32
	b := w.open(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, wsPath) {
			if r.Method == http.MethodPost {
				streams.Add(1)
			}
			if r.Header.Get("Upgrade") != "" {
				upgrades.Add(1)
			}
		}
		s.Handler().ServeHTTP(w, r)
	}), "/app/room/")
	b.expect("WebSocket")
	b.expect(wsPath)
	b.untilHears("room")
	mustPublish(t, s, "n", numbers(1, 50)...)
	b.untilText("#taken", "50")
	l.want(t, 50)
	if upgrades.Load() != 0 || streams.Load() == 0 {
		t.Errorf("%d websockets came through, and %d streams", upgrades.Load(), streams.Load())
	}
}

// Events come through nginx at once, also where its own buffers are on.
func TestNginxStream(t *testing.T) {
	for name, without := range map[string][]string{"as in the example": nil, "with buffers": {bufferingLine, versionLine}} {
		t.Run(name, func(t *testing.T) {
			w := nginx("/x/y", without...)
			s, _ := newServer(t, w.config(serve.Config{Apps: []*app.App{roomApp("Room", &taken{})}}))
			client := &http.Client{Timeout: patience}
			resp, err := client.Post(w.serve(t, s.Handler())+w.base+wsPath, "application/json", strings.NewReader("["+subscription("u", "room", "", nil)+"]"))
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			lines := bufio.NewScanner(resp.Body)
			wait := func(part string) {
				t.Helper()
				for lines.Scan() {
					if strings.Contains(lines.Text(), part) {
						return
					}
				}
				t.Fatalf("the stream ends before %s: %v", part, lines.Err())
			}
			wait("subscribed")
			for n := range 3 { // each only when the one before has come
				mustPublish(t, s, "l", fmt.Sprint("message ", n))
				wait(fmt.Sprint("message ", n))
			}
		})
	}
}

// With the example nobody can make up who he is, and dashd knows the host with
// its port.
func TestNginxForwards(t *testing.T) {
	w := nginx("/x/y")
	s, log := newServer(t, w.config(serve.Config{Pages: asking}))
	origin := w.serve(t, s.Handler())
	request, err := http.NewRequestWithContext(t.Context(), "GET", origin+"/x/y/", nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{xFor: "1.2.3.4", xHost: "evil.example", xProto: "https", "Forwarded": "for=1.2.3.4;proto=https"} {
		request.Header.Set(name, value)
	}
	resp, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	want := "127.0.0.1:0 " + strings.TrimPrefix(origin, "http://") + " false " + origin + "/x/y/"
	if got := bodyOf(t, resp); got != want || strings.Contains(log.String(), "not believed") {
		t.Errorf("got %s, want %s; the log says %s", got, want, log)
	}
}

// Whatever nginx and dashd read differently, no request comes to dashd of which
// nginx does not know: its answer would be taken for that of somebody else's.
func TestNginxSmuggling(t *testing.T) {
	w := nginx("")
	s, _ := newServer(t, w.config(serve.Config{}))
	var came atomic.Int32
	address := strings.TrimPrefix(w.serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		came.Add(1)
		s.Handler().ServeHTTP(w, r)
	})), "http://")
	const begin = "POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
	if got := sendRaw(t, address, begin+"Content-Length: 3\r\n\r\nabc"+secondRequest); len(got) != 2 || came.Swap(0) != 2 {
		t.Fatalf("two plain requests get %v", got)
	}
	corpus := map[string]string{
		"length and chunks": fmt.Sprintf("Content-Length: %d\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 5+len(secondRequest)),
		"chunks and length": "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n5e\r\n" + strings.Repeat("x", 0x5e) + "\r\n0\r\n\r\n",
	}
	for name, rest := range smuggled {
		corpus[name] = rest
	}
	for name, rest := range corpus {
		statuses := sendRaw(t, address, begin+rest+secondRequest)
		n := int(came.Swap(0))
		if _, direct := smuggled[name]; n > len(statuses) || !direct && n > 0 { // it refuses length and chunks together
			t.Errorf("%s: nginx answers %v, and dashd had %d requests", name, statuses, n)
		}
	}
}
