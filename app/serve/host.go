package serve

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"

	"dashd/views"
)

// hostList are the hosts that a request may name: the defence against a page
// of another site that points its own name at this server.
type hostList struct {
	all   bool
	names []string
	below []string // all names that end so
}

func newHostList(c Config) (hostList, error) {
	var list hostList
	for _, entry := range c.AllowedHosts {
		entry = strings.TrimSpace(entry)
		name, below := strings.CutPrefix(canonicalHost(entry), "*.")
		switch {
		case entry == "*":
			list.all = true
		case !isIP(name) && (!isHostName(name) || hostTold(entry) == ""):
			return hostList{}, fmt.Errorf("allowed host %q is not a name such as dash.example.org or *.example.org; one in another script is written as browsers send it, xn--", entry)
		case below:
			list.below = append(list.below, "."+name)
		default:
			list.names = append(list.names, name)
		}
	}
	if u, err := url.Parse(c.PublicURL); err == nil && u.Host != "" {
		list.names = append(list.names, canonicalHost(u.Host))
	}
	if name, err := os.Hostname(); err == nil {
		list.names = append(list.names, canonicalHost(name))
	}
	return list, nil
}

// canonicalHost returns a Host header's name: no port, no last dot, lower case.
func canonicalHost(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	return strings.ToLower(strings.TrimSuffix(strings.Trim(host, "[]"), "."))
}

// isLoopbackName reports whether a canonical name is always this machine.
func isLoopbackName(name string) bool {
	return name == "localhost" || strings.HasSuffix(name, ".localhost")
}

func isIP(name string) bool {
	_, err := netip.ParseAddr(name)
	return err == nil
}

var hostName = regexp.MustCompile(`^[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*$`)

// isHostName reports whether a canonical name is one that people have given to a
// host. A request may name others, which mean something to a shell.
func isHostName(name string) bool { return len(name) <= 253 && hostName.MatchString(name) }

// allows reports whether a request may name the host. It may name any IP
// address, since no page of another site has that as its own name.
func (l hostList) allows(host string) bool {
	name := canonicalHost(host)
	return l.all || isLoopbackName(name) || strings.HasSuffix(name, ".local") || slices.Contains(l.names, name) || isIP(name) ||
		slices.ContainsFunc(l.below, func(end string) bool { return strings.HasSuffix(name, end) })
}

// refuseOtherHosts refuses requests for hosts that are not ours.
func (s *Server) refuseOtherHosts(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !s.hosts.allows(r.Host) {
			s.refuseHost(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// refuseHost tells people how to allow the host, for they are often its owners.
func (s *Server) refuseHost(w http.ResponseWriter, r *http.Request) {
	name := canonicalHost(r.Host)
	if s.refused.first(cut(name, 253)) {
		s.config.Log.Warn("host refused; allow it with --allowed-hosts or --public-url", "host", cut(name, 253), "request", requestID(w))
	}
	if !isHostName(name) {
		name = "" // to be shown, and typed
	}
	h := w.Header()
	delete(h, "Strict-Transport-Security") // the name is somebody else's
	h.Set("Cache-Control", "no-store")
	if wantsJSON(r) {
		text, _ := json.Marshal(struct {
			Error string `json:"error"`
			ID    string `json:"id"`
		}{"This server does not answer to that host name. Its operator can allow it with --allowed-hosts.", requestID(w)})
		s.answerJSON(w, r, http.StatusMisdirectedRequest, text)
		return
	}
	page := views.WrongHost{Name: name, ID: requestID(w), Nonce: rand.Text()}
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'nonce-"+page.Nonce+"'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
	s.render(w, r, http.StatusMisdirectedRequest, page.Page())
}
