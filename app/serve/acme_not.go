//go:build !acme

package serve

import (
	"crypto/tls"
	"log/slog"

	"dashd/app"
)

// newACME is not part of this build.
func (c *settings) newACME(string, *slog.Logger) (*tls.Config, error) {
	return nil, app.Errorf(app.Invalid, "This program was built without ACME: leave --acme-host out, and give --tls-cert and --tls-key.")
}
