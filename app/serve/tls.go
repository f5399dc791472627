package serve

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"sync/atomic"
	"time"
)

// acmeDir is the directory, in the data directory, of the certificates that
// came by ACME, and of the account's key.
const acmeDir = "acme"

// acmePort is where an authority asks for the proof that a name is ours: its
// challenge is TLS-ALPN, which needs no port 80.
const acmePort = 443

// keyPair is a certificate with its key.
type keyPair = tls.Certificate

// fileCertificate is the certificate in force, where it comes from files.
type fileCertificate struct{ atomic.Pointer[keyPair] }

// tlsSource is where certificates come from. It is nil for plain HTTP.
type tlsSource struct {
	config      *tls.Config
	certificate *fileCertificate // nil with ACME
	hosts       []string         // that ACME is for; none with files
	log         *slog.Logger
}

// newTLS returns where the certificates come from by the settings, nil for none.
func (c *settings) newTLS(data string, log *slog.Logger) (*tlsSource, error) {
	var t *tlsSource
	switch {
	case c.TLSCert != "":
		pair, err := loadKeyPair(c.TLSCert, c.TLSKey, log)
		if err != nil {
			return nil, err
		}
		certificate := new(fileCertificate)
		certificate.Store(pair)
		t = &tlsSource{certificate: certificate, log: log, config: &tls.Config{
			GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return certificate.Load(), nil },
		}}
	case len(c.ACMEHost) > 0:
		config, err := c.newACME(filepath.Join(data, acmeDir), log)
		if err != nil {
			return nil, err
		}
		t = &tlsSource{config: config, hosts: c.ACMEHost, log: log}
	default:
		return nil, nil
	}
	t.config.MinVersion = tls.VersionTLS12
	return t, nil
}

// file returns the certificate that comes from files, or nil.
func (t *tlsSource) file() *fileCertificate {
	if t == nil {
		return nil
	}
	return t.certificate
}

// guard makes the entrances speak HTTPS, but for Unix sockets, and for the
// operators' own on the loopback address: what comes there has not left the
// machine.
func (t *tlsSource) guard(entrances []entrance) {
	if t == nil {
		return
	}
	onPort := len(t.hosts) == 0
	for i := range entrances {
		e := &entrances[i]
		address, ok := e.Addr().(*net.TCPAddr)
		if !ok || e.admin && address.IP.IsLoopback() {
			continue
		}
		e.tls = t.config
		onPort = onPort || address.Port == acmePort
	}
	if !onPort {
		t.log.Warn("the authority for --acme-host calls port 443 of these hosts: something must lead it from there to this server", "hosts", t.hosts)
	}
}

// fetch gets the certificates of ACME that are not there, so that the first
// visitor does not wait for them, and the log tells soon if that cannot be. It
// ends by the function that it returns, after the certificate under way.
func (t *tlsSource) fetch(ctx context.Context) (stop func()) {
	if t == nil || len(t.hosts) == 0 {
		return func() {}
	}
	ctx, stop = context.WithCancel(ctx)
	go func() {
		for _, host := range t.hosts {
			if ctx.Err() != nil {
				return
			}
			// Errors are logged by GetCertificate.
			_, _ = t.config.GetCertificate(&tls.ClientHelloInfo{ServerName: host, CipherSuites: []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256}})
		}
	}()
	return stop
}

// expirySoon is how long before its end a certificate is warned of, at most: those
// with a short life are warned of in the last third of it.
const expirySoon = 14 * 24 * time.Hour

// loadKeyPair reads a certificate and its key. One that has expired is an error;
// one that will soon, or is not valid yet, which may be for a clock that is
// wrong, has a warning.
func loadKeyPair(certFile, keyFile string, log *slog.Logger) (*keyPair, error) {
	pair, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		return nil, fmt.Errorf("read the certificate %s with the key %s: %w", certFile, keyFile, err)
	}
	from, to, now := pair.Leaf.NotBefore, pair.Leaf.NotAfter, time.Now()
	switch {
	case now.After(to):
		return nil, fmt.Errorf("the certificate %s has expired on %s: renew it", certFile, to.UTC().Format(time.RFC1123))
	case to.Sub(now) < min(expirySoon, to.Sub(from)/3):
		log.Warn("the certificate expires soon; renew it, and reload", "file", certFile, "expires", to)
	case now.Before(from):
		log.Warn("the certificate is not valid yet; is the clock right?", "file", certFile, "valid_from", from)
	}
	return &pair, nil
}
