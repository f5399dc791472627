package serve

import (
	"net/http"
	"strings"
)

// The values of headers that many answers have.
var (
	noSniff = []string{"nosniff"}

	// Policies for referrers.
	sameOrigin = []string{"same-origin"}

	// Who may load an answer as a script, style sheet or image: pages of this
	// server, or of any. Frames and fetches have rules of their own.
	forOwnPages = []string{"same-origin"}
	forAllPages = []string{"cross-origin"}

	// A year. Names below this one may be somebody else's.
	byTLSOnly = []string{"max-age=31536000"}

	// A page that has opened this one has no hold on it.
	ownWindow = []string{"same-origin-allow-popups"}

	// The site's own pages need none of these. Apps may: their pages ask the
	// visitor, as any page does.
	noDevices = []string{"camera=(), display-capture=(), geolocation=(), microphone=(), midi=(), payment=(), usb=()"}
)

const resourcePolicy = "Cross-Origin-Resource-Policy"

// securityHeaders sets the headers that all answers have; pages have more.
func (s *Server) securityHeaders(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h["X-Content-Type-Options"] = noSniff
		h[resourcePolicy] = forOwnPages
		if r.TLS != nil && ownsName(r.Host) {
			h["Strict-Transport-Security"] = byTLSOnly
		}
		next.ServeHTTP(w, r)
	})
}

// ownsName reports whether the server may say of the host's name that it is for
// TLS alone: browsers take that for all ports of the name, and with a port, or
// on the visitor's own machine, the others belong to other servers.
func ownsName(host string) bool {
	return !strings.Contains(host, ":") && !isLoopbackName(canonicalHost(host))
}

// pageHeaders sets the headers of pages, where they are not set.
func (s *Server) pageHeaders(h http.Header, r *http.Request) {
	h["Content-Type"] = htmlType
	if len(h["Referrer-Policy"]) == 0 {
		h["Referrer-Policy"] = sameOrigin
	}
	if s.secure(r) { // browsers complain of it elsewhere
		h["Cross-Origin-Opener-Policy"] = ownWindow
	}
	if h.Get("Content-Security-Policy") == "" {
		h.Set("Content-Security-Policy", sitePolicy)
		h["Permissions-Policy"] = noDevices
	}
}

var htmlType = []string{"text/html; charset=utf-8"}

// sitePolicy is the Content-Security-Policy of the site's own pages.
const sitePolicy = "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'self'"
