package deploy_test

import (
	"context"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestUnit has systemd judge the units, for this program: what they say, and how
// far what takes dashd over could reach. 15 is an exposure of 1.5.
func TestUnit(t *testing.T) {
	analyze := tool(t, "systemd-analyze")
	program, err := exec.LookPath("dashd")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	service, socket, _ := strings.Cut(run(t, nil, "dashd", "install", "--binary", program, "--socket"), "\n# dashd.socket")
	write(t, filepath.Join(dir, "dashd.service"), service, 0o644)
	write(t, filepath.Join(dir, "dashd.socket"), "# dashd.socket"+socket, 0o644)

	verify := exec.CommandContext(t.Context(), analyze, "verify", "--man=no", "--recursive-errors=no", filepath.Join(dir, "dashd.service"), filepath.Join(dir, "dashd.socket"))
	out, err := verify.CombinedOutput()
	if err != nil || strings.Contains(string(out), dir) { // warnings about other units are not ours
		t.Errorf("verify: %v\n%s", err, out)
	}
	run(t, nil, analyze, "security", "--offline=true", "--threshold=15", "--no-pager", filepath.Join(dir, "dashd.service"))
}

// TestNginx has nginx judge its example, and puts it in front of a server: at
// the root and below a path, with a page and a websocket.
func TestNginx(t *testing.T) {
	nginx := tool(t, "nginx")
	for base, location := range map[string]string{"/": "location / {", "/x/y/": "location /x/y/ {"} {
		t.Run(base, func(t *testing.T) {
			dir := t.TempDir()
			door := filepath.Join(dir, "nginx.sock")
			example := strings.NewReplacer(
				"listen 80;", "listen unix:"+door+";",
				"listen [::]:80;", "",
				"server 127.0.0.1:8000;", "server unix:"+dir+"/dashd.sock;",
				"location / {", location,
			).Replace(read(t, "nginx.conf"))
			write(t, filepath.Join(dir, "dashd.conf"), example, 0o644)
			write(t, filepath.Join(dir, "nginx.conf"), `
				daemon off;
				master_process off;
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
				}`, 0o644)
			args := []string{"-p", dir, "-c", "nginx.conf", "-e", "stderr"}
			run(t, nil, nginx, append(args, "-t")...)

			start(t, nil, []string{"dashd", "serve", "--listen", "unix:" + dir + "/dashd.sock", "--data", filepath.Join(dir, "data"),
				"--base-path", base, "--public-url", "https://dash.example.org", "--trusted-proxies", "unix"})
			proxy := exec.Command(nginx, args...)
			proxy.Stderr = os.Stderr
			if err := proxy.Start(); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := proxy.Process.Signal(syscall.SIGTERM); err != nil {
					t.Error(err)
				}
				if err := proxy.Wait(); err != nil {
					t.Errorf("nginx ends with %v", err)
				}
			})

			client := &http.Client{Transport: &http.Transport{DialContext: dialing(door)}, Timeout: 20 * time.Second}
			url := "http://dash.example.org" + base
			if answer := get(t, client, url+"app/simpleexample/"); answer.StatusCode != http.StatusOK {
				t.Errorf("the app's page is %s", answer.Status)
			}
			upgrade, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+"dpd/ws/channel", nil)
			if err != nil {
				t.Fatal(err)
			}
			upgrade.Header = http.Header{
				"Connection": {"Upgrade"}, "Upgrade": {"websocket"}, "Origin": {"http://dash.example.org"},
				"Sec-Websocket-Version": {"13"}, "Sec-Websocket-Key": {"dGhlIHNhbXBsZSBub25jZQ=="},
			}
			answer, err := client.Do(upgrade)
			if err != nil {
				t.Fatal(err)
			}
			defer answer.Body.Close()
			if answer.StatusCode != http.StatusSwitchingProtocols {
				t.Errorf("the websocket is answered by %s", answer.Status)
			}
		})
	}
}

// dialing connects to a Unix socket, once somebody listens there.
func dialing(socket string) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, _, _ string) (net.Conn, error) {
		for {
			conn, err := new(net.Dialer).DialContext(ctx, "unix", socket)
			if err == nil || ctx.Err() != nil {
				return conn, err
			}
			time.Sleep(time.Millisecond) // between tries; the context bounds them
		}
	}
}

// tool returns the path of a program that "make test-tools" installs.
func tool(t *testing.T, name string) string {
	t.Helper()
	for _, candidate := range []string{name, "/usr/sbin/" + name} {
		if path, err := exec.LookPath(candidate); err == nil {
			return path
		}
	}
	t.Fatalf("%s is missing: make test-tools installs it", name)
	return ""
}
