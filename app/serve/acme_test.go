//go:build unix

package serve_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/acme"
)

// authority is an ACME authority for one order at a time. It believes every
// signature, but looks for the proof at the server.
type authority struct {
	url         string
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey

	mu     sync.Mutex
	server string // where the names lead to
	name   string // of the order
	proven bool
	issued [][]byte // DER
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	a := &authority{key: key}
	if a.certificate, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(a)
	a.url = "http://" + server.Listener.Addr().String()
	server.Start()
	t.Cleanup(server.Close)
	return a
}

func (a *authority) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	w.Header().Set("Replay-Nonce", fmt.Sprint(time.Now().UnixNano()))
	w.Header().Set("Location", a.url+"/order")
	var request struct{ Payload string }
	_ = json.NewDecoder(r.Body).Decode(&request)
	payload, _ := base64.RawURLEncoding.DecodeString(request.Payload)
	answer := func(status int, value map[string]any) {
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(value)
	}
	state := map[bool]string{false: "pending", true: "valid"}[a.proven]
	order := map[string]any{
		"status":         map[bool]string{false: "pending", true: "ready"}[a.proven],
		"identifiers":    []map[string]string{{"type": "dns", "value": a.name}},
		"authorizations": []string{a.url + "/authorization"},
		"finalize":       a.url + "/finalize",
	}
	challenge := map[string]any{"type": "tls-alpn-01", "url": a.url + "/challenge", "token": "token", "status": state}
	switch r.URL.Path {
	case "/directory":
		answer(200, map[string]any{"newNonce": a.url + "/nonce", "newAccount": a.url + "/account", "newOrder": a.url + "/orders", "revokeCert": a.url + "/revoke", "keyChange": a.url + "/key"})
	case "/nonce":
	case "/account":
		answer(201, map[string]any{"status": "valid"})
	case "/orders":
		var wanted struct{ Identifiers []struct{ Value string } }
		_ = json.Unmarshal(payload, &wanted)
		a.name, a.proven = wanted.Identifiers[0].Value, false
		order["identifiers"], order["status"] = []map[string]string{{"type": "dns", "value": a.name}}, "pending"
		answer(201, order)
	case "/order":
		answer(200, order)
	case "/authorization":
		answer(200, map[string]any{"status": state, "identifier": map[string]string{"type": "dns", "value": a.name}, "challenges": []any{challenge}})
	case "/challenge":
		if err := a.look(); err != nil {
			answer(403, map[string]any{"detail": err.Error()})
			return
		}
		a.proven = true
		challenge["status"] = "valid"
		answer(200, challenge)
	case "/finalize":
		var wanted struct{ CSR string }
		_ = json.Unmarshal(payload, &wanted)
		der, _ := base64.RawURLEncoding.DecodeString(wanted.CSR)
		csr, err := x509.ParseCertificateRequest(der)
		if err != nil {
			answer(400, map[string]any{"detail": err.Error()})
			return
		}
		template := &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), DNSNames: csr.DNSNames, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(90 * 24 * time.Hour)}
		if der, err = x509.CreateCertificate(rand.Reader, template, a.certificate, csr.PublicKey, a.key); err != nil {
			answer(500, map[string]any{"detail": err.Error()})
			return
		}
		a.issued = append(a.issued, der)
		order["status"], order["certificate"] = "valid", a.url+"/certificate"
		answer(200, order)
	case "/certificate":
		_ = pem.Encode(w, &pem.Block{Type: "CERTIFICATE", Bytes: a.issued[len(a.issued)-1]})
	default:
		answer(404, map[string]any{"detail": "nothing is there"})
	}
}

// look looks for the proof at the server, by TLS-ALPN.
func (a *authority) look() error {
	conn, err := tls.DialWithDialer(&net.Dialer{Timeout: patience}, "tcp", a.server, &tls.Config{ServerName: a.name, NextProtos: []string{acme.ALPNProto}, InsecureSkipVerify: true})
	if err != nil {
		return err
	}
	defer conn.Close()
	state := conn.ConnectionState()
	for _, extension := range state.PeerCertificates[0].Extensions {
		if extension.Id.String() == "1.3.6.1.5.5.7.1.31" && extension.Critical && state.NegotiatedProtocol == acme.ALPNProto {
			return nil
		}
	}
	return errors.New("there is no proof")
}

// A server gets its certificate from an authority, keeps it, and gives nobody
// another name's.
func TestACME(t *testing.T) {
	a := newAuthority(t)
	data := t.TempDir()
	port := freePort(t)
	a.mu.Lock()
	a.server = "127.0.0.1:" + port
	a.mu.Unlock()
	serve := func() *process {
		p := serveProcess(t, "gated", "--listen", a.server, "--data", data, "--acme-host", "dash.example", "--acme-email", "ann@dash.example", "--acme-directory", a.url+"/directory")
		if p.url() != "https://dash.example:"+port {
			t.Errorf("it serves at %s", p.url())
		}
		if !strings.Contains(p.log.String(), "calls port 443") {
			t.Error("the log does not tell of the port")
		}
		return p
	}
	get := func(name string) error {
		client := trusting(a.certificate, func(c *tls.Config) { c.ServerName = name })
		request, err := http.NewRequest(http.MethodGet, "https://"+a.server+"/app/gated/", nil)
		if err != nil {
			return err
		}
		request.Host = name
		return succeed(client, request)
	}
	p := serve()
	if err := get("dash.example"); err != nil {
		t.Fatal(err)
	}
	if err := get("other.example"); err == nil {
		t.Error("it has a certificate of another name")
	}
	info, err := os.Stat(filepath.Join(data, "acme"))
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the certificates are kept in %v, %v", info.Mode(), err)
	}
	p.signal(os.Interrupt)
	if code := p.wait(); code != 0 {
		t.Errorf("it ends with %d", code)
	}
	p = serve()
	if err := get("dash.example"); err != nil {
		t.Fatal(err)
	}
	p.signal(os.Interrupt)
	p.wait()
	a.mu.Lock()
	if len(a.issued) != 1 {
		t.Errorf("%d certificates were issued", len(a.issued))
	}
	a.mu.Unlock()
	if strings.Contains(p.log.String(), "other.example") {
		t.Error("what strangers ask for is logged")
	}

	// What the authority refuses is logged.
	p = serveProcess(t, "gated", "--acme-host", "dash.example", "--acme-directory", a.url+"/nowhere")
	for !strings.Contains(p.log.String(), "the authority gives no certificate") {
		time.Sleep(time.Millisecond) // the server asks by itself; the test's time bounds it
	}
}
