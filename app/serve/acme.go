package serve

import (
	"context"
	"crypto/tls"
	"log/slog"
	"time"

	"golang.org/x/crypto/acme"
	"golang.org/x/crypto/acme/autocert"
	"golang.org/x/time/rate"
)

// newACME gets certificates for the hosts of the settings, and renews them. It
// keeps them in a directory of their own.
func (c *settings) newACME(dir string, log *slog.Logger) (*tls.Config, error) {
	manager := &autocert.Manager{
		Prompt:     autocert.AcceptTOS,
		HostPolicy: autocert.HostWhitelist(c.ACMEHost...),
		Cache:      autocert.DirCache(dir),
		Email:      c.ACMEEmail,
		Client:     &acme.Client{DirectoryURL: autocert.DefaultACMEDirectory, UserAgent: "dashd"},
	}
	if c.ACMEDirectory != "" {
		manager.Client.DirectoryURL = c.ACMEDirectory
	}
	config := manager.TLSConfig()
	config.GetCertificate = logFailures(manager, log)
	return config, nil
}

// logFailures returns the manager's GetCertificate with its failures logged, but
// for hosts that are not ours.
func logFailures(manager *autocert.Manager, log *slog.Logger) func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	sometimes := rate.Sometimes{Interval: time.Minute}
	return func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		certificate, err := manager.GetCertificate(hello)
		if err != nil && manager.HostPolicy(context.Background(), hello.ServerName) == nil {
			sometimes.Do(func() {
				log.Warn("the authority gives no certificate", "host", hello.ServerName, "err", err)
			})
		}
		return certificate, err
	}
}
