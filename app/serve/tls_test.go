//go:build unix

package serve_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// writeCertificate writes a certificate of its own authority for 127.0.0.1,
// which is valid until then, and its key.
func writeCertificate(t *testing.T, certFile, keyFile string, until time.Time) *x509.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()),
		NotBefore:    time.Now().Add(-90 * 24 * time.Hour),
		NotAfter:     until,
		IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA:         true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range []struct {
		path, kind string
		data       []byte
	}{{certFile, "CERTIFICATE", der}, {keyFile, "PRIVATE KEY", secret}} {
		if err := os.WriteFile(f.path, pem.EncodeToMemory(&pem.Block{Type: f.kind, Bytes: f.data}), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return certificate
}

// trusting is a client that trusts one authority.
func trusting(authority *x509.Certificate, change func(*tls.Config)) *http.Client {
	pool := x509.NewCertPool()
	pool.AddCert(authority)
	config := &tls.Config{RootCAs: pool}
	if change != nil {
		change(config)
	}
	return &http.Client{Timeout: patience, Transport: &http.Transport{TLSClientConfig: config, ForceAttemptHTTP2: true, DisableKeepAlives: true}}
}

func TestCertificateFiles(t *testing.T) {
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	year := time.Now().Add(365 * 24 * time.Hour)
	first := writeCertificate(t, cert, key, year)
	p := serveProcess(t, "gated", "--tls-cert", cert, "--tls-key", key)
	if !strings.HasPrefix(p.url(), "https://127.0.0.1:") {
		t.Errorf("it serves at %s", p.url())
	}
	get := func(client *http.Client) (*http.Response, error) {
		resp, err := client.Get(p.url() + "/app/gated/")
		if err == nil {
			resp.Body.Close()
		}
		return resp, err
	}
	resp, err := get(trusting(first, nil))
	if err != nil {
		t.Fatal(err)
	}
	wantStatus(t, resp, http.StatusOK)
	if resp.ProtoMajor != 2 {
		t.Errorf("it speaks %s", resp.Proto)
	}
	if _, err := get(trusting(first, func(c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS10, tls.VersionTLS11 })); err == nil {
		t.Error("it speaks TLS 1.1")
	}

	// Plain HTTP has an answer that a person can read.
	plain, err := http.Get("http" + strings.TrimPrefix(p.url(), "https") + "/")
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(plain.Body)
	plain.Body.Close()
	if err != nil || plain.StatusCode != http.StatusBadRequest || !strings.Contains(string(text), "HTTP request to an HTTPS server") {
		t.Errorf("plain HTTP: %s: %s, %v", plain.Status, text, err)
	}

	// The websocket is there, too.
	conn, _, err := websocket.Dial(t.Context(), p.url()+wsPath, &websocket.DialOptions{HTTPClient: trusting(first, func(c *tls.Config) { c.NextProtos = []string{"http/1.1"} })})
	if err != nil {
		t.Fatalf("websocket: %v", err)
	}
	_ = conn.CloseNow()

	// A reload takes a new certificate, and no bad one.
	second := writeCertificate(t, cert, key, year)
	if _, err := get(trusting(second, nil)); err == nil {
		t.Error("the new certificate counts before the reload")
	}
	if state := p.reload(); !strings.HasPrefix(state, "Serving") {
		t.Fatal(state)
	}
	if _, err := get(trusting(second, nil)); err != nil {
		t.Errorf("the new certificate: %v", err)
	}
	other := filepath.Join(dir, "other.pem")
	for name, spoil := range map[string]func(){
		"does not match":     func() { writeCertificate(t, cert, other, year) },
		"has expired on":     func() { writeCertificate(t, cert, key, time.Now().Add(-time.Hour)) },
		"no such file":       func() { _ = os.Remove(cert) },
		"failed to find any": func() { _ = os.WriteFile(cert, nil, 0o600) },
	} {
		spoil()
		if state := p.reload(); !strings.HasPrefix(state, "The reload failed") || !strings.Contains(state, name) {
			t.Errorf("%s: the state is %q", name, state)
		}
		if _, err := get(trusting(second, nil)); err != nil {
			t.Errorf("%s: the certificate of before: %v", name, err)
		}
	}
	writeCertificate(t, cert, key, time.Now().Add(24*time.Hour))
	if state := p.reload(); !strings.HasPrefix(state, "Serving") || !strings.Contains(p.log.String(), "the certificate expires soon") {
		t.Errorf("a certificate that expires soon: %s", state)
	}
	p.signal(syscall.SIGTERM)
	if code := p.wait(); code != 0 {
		t.Errorf("it ends with %d", code)
	}
}

// A server does not start with a certificate that browsers refuse.
func TestCertificateExpired(t *testing.T) {
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	writeCertificate(t, cert, key, time.Now().Add(-time.Hour))
	out, err := exec.Command("gated", "serve", "--listen", "127.0.0.1:0", "--data", filepath.Join(dir, "data"), "--tls-cert", cert, "--tls-key", key).CombinedOutput()
	if err == nil || !strings.Contains(string(out), "has expired on") {
		t.Errorf("%v: %s", err, out)
	}
}

// The operators' own address speaks plain HTTP on this machine.
func TestAdminWithoutTLS(t *testing.T) {
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	writeCertificate(t, cert, key, time.Now().Add(365*24*time.Hour))
	admin := filepath.Join(shortDir(t), "admin")
	for _, address := range []string{"unix:" + admin, "127.0.0.1:" + freePort(t)} {
		serveProcess(t, "gated", "--tls-cert", cert, "--tls-key", key, "--admin-listen", address)
		client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			if path, ok := strings.CutPrefix(address, "unix:"); ok {
				return new(net.Dialer).DialContext(ctx, "unix", path)
			}
			return new(net.Dialer).DialContext(ctx, "tcp", address)
		}}}
		resp, err := client.Get("http://localhost/admin/")
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		wantStatus(t, resp, http.StatusUnauthorized)
	}
}

// freePort is a port that nobody listens at for the moment.
func freePort(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return fmt.Sprint(listener.Addr().(*net.TCPAddr).Port)
}
