package serve

import (
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// proxies are the peers whose word is taken on who makes a request, for which
// host, and whether by TLS: [Config.TrustedProxies].
type proxies struct {
	networks []netip.Prefix
	unix     bool // whoever connects to a Unix socket
}

// unixPeers stands for those in [Config.TrustedProxies].
const unixPeers = "unix"

func parseProxies(list []string) (p proxies, err error) {
	for _, entry := range list {
		entry = strings.TrimSpace(entry)
		if entry == unixPeers {
			p.unix = true
			continue
		}
		network, err := parseNetwork(entry)
		if err != nil {
			return proxies{}, fmt.Errorf("trusted proxy %q is not an address such as 10.0.0.1, a network such as 10.0.0.0/8, or %s", entry, unixPeers)
		}
		p.networks = append(p.networks, network)
	}
	return p, nil
}

// parseNetwork reads a network, or an address as the network of it alone.
func parseNetwork(text string) (netip.Prefix, error) {
	network, err := netip.ParsePrefix(text)
	if err != nil {
		ip, err := netip.ParseAddr(text)
		if err != nil {
			return netip.Prefix{}, err
		}
		ip = plainIP(ip)
		return netip.PrefixFrom(ip, ip.BitLen()), nil
	}
	if network.Addr().Is4In6() { // which no plain address is in
		return netip.Prefix{}, fmt.Errorf("%s is IPv4 in IPv6", text)
	}
	return network.Masked(), nil
}

// plainIP returns an address as all others are compared: IPv4 as such, and
// without the zone.
func plainIP(ip netip.Addr) netip.Addr { return ip.Unmap().WithZone("") }

func (p proxies) include(ip netip.Addr) bool {
	return slices.ContainsFunc(p.networks, func(network netip.Prefix) bool { return network.Contains(ip) })
}

// sent reports whether one of them has sent the request.
func (p proxies) sent(r *http.Request) bool {
	if onUnixSocket(r) {
		return p.unix
	}
	peer, ok := parseNode(r.RemoteAddr)
	return ok && p.include(peer)
}

func onUnixSocket(r *http.Request) bool {
	local, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	return ok && local.Network() == "unix"
}

// isForwarded reports whether a request has a header by which proxies tell of
// the visitor.
func isForwarded(r *http.Request) bool {
	h := r.Header
	return len(h["X-Forwarded-For"]) > 0 || len(h["X-Forwarded-Proto"]) > 0 || len(h["X-Forwarded-Host"]) > 0 || len(h["Forwarded"]) > 0
}

// believeProxies gives the routes each request as the visitor has made it, where
// a trusted proxy tells of him. All that depends on his address, on the host or
// on TLS comes after it, and needs to know nothing of proxies.
func (s *Server) believeProxies(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !isForwarded(r) {
			next.ServeHTTP(w, r)
			return
		}
		if !s.proxies.sent(r) {
			s.noteProxy(r)
			next.ServeHTTP(w, r)
			return
		}
		told := s.proxies.tell(r.Header)
		r = told.of(r)
		if told.scheme == "http" && s.belongsToTLS(r) {
			http.Redirect(w, r, originOf(s.config.PublicURL)+r.URL.RequestURI(), http.StatusPermanentRedirect)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// asVisitorSent is the request of believeProxies, for a request that may not
// have passed that.
func (s *Server) asVisitorSent(r *http.Request) *http.Request {
	if !isForwarded(r) || !s.proxies.sent(r) {
		return r
	}
	return s.proxies.tell(r.Header).of(r)
}

// noteProxy tells the operator of a proxy that he may have forgotten.
func (s *Server) noteProxy(r *http.Request) {
	peer := remoteIP(r)
	if onUnixSocket(r) {
		peer = unixPeers
	}
	if s.strangers.first(peer) {
		s.config.Log.Warn("what a proxy tells of visitors is not believed; if the proxy is yours, name it with --trusted-proxies", "peer", peer)
	}
}

// belongsToTLS reports whether a person who came by plain HTTP to a trusted
// proxy is to come again by TLS, where visitors reach the server.
func (s *Server) belongsToTLS(r *http.Request) bool {
	public, err := url.Parse(s.config.PublicURL)
	if err != nil || public.Scheme != "https" || canonicalHost(public.Host) != canonicalHost(r.Host) || !isPage(r) {
		return false
	}
	// Browsers send this by TLS only. The proxy is wrong then, mostly because
	// another one in front of it has ended TLS, and the redirect would not end.
	if r.Header.Get("Sec-Fetch-Site") != "" {
		if s.strangers.first("http") {
			s.config.Log.Warn("a trusted proxy says http of visitors who came by https; let it send X-Forwarded-Proto: https", "host", public.Host)
		}
		return false
	}
	return true
}

// told is what proxies tell of a visitor. What they do not tell, or not so that
// it can be read, is the zero value.
type told struct {
	ip     netip.Addr
	host   string
	scheme string // http or https
}

// tell reads the headers of a request that one of the proxies has sent. Most
// proxies know one kind of header and pass the other on as the visitor has made
// it up, so what the two kinds tell differently is not believed.
func (p proxies) tell(h http.Header) told {
	x, f := p.tellX(h), p.tellForwarded(h["Forwarded"])
	return told{agreed(x.ip, f.ip), agreed(x.host, f.host), agreed(x.scheme, f.scheme)}
}

// agreed returns what both say, or the one that says something.
func agreed[T comparable](a, b T) T {
	var nothing T
	switch {
	case a == b, b == nothing:
		return a
	case a == nothing:
		return b
	default:
		return nothing
	}
}

// tellX reads X-Forwarded-For, -Host and -Proto. The last two are of one proxy
// only, so several values must be the same.
func (p proxies) tellX(h http.Header) told {
	ip, _ := p.visitor(listed(h["X-Forwarded-For"]))
	return told{ip, hostTold(only(listed(h["X-Forwarded-Host"]))), schemeTold(only(listed(h["X-Forwarded-Proto"])))}
}

// tellForwarded reads the Forwarded header of RFC 7239. Host and scheme are as
// that proxy saw them to which the visitor came.
func (p proxies) tellForwarded(header []string) told {
	hops, ok := parseForwarded(strings.Join(header, ","))
	if !ok || len(hops) == 0 {
		return told{}
	}
	nodes := make([]string, len(hops))
	for i, hop := range hops {
		nodes[i] = hop["for"]
	}
	ip, at := p.visitor(nodes)
	return told{ip, hostTold(hops[at]["host"]), schemeTold(hops[at]["proto"])}
}

// visitor returns the visitor among the nodes by which a request has come, and
// the node's place. From the last node, which the nearest proxy has written,
// each tells the truth of the one before it as long as it is a proxy that is
// trusted. Where one cannot be read, the visitor is the last that could.
func (p proxies) visitor(nodes []string) (ip netip.Addr, at int) {
	for at = len(nodes) - 1; at >= 0; at-- {
		node, ok := parseNode(nodes[at])
		if !ok {
			return ip, at
		}
		ip = node
		if !p.include(node) {
			return ip, at
		}
	}
	return ip, 0
}

// parseNode reads an IP address as proxies and [http.Request.RemoteAddr] have
// it: with or without a port, IPv6 with or without brackets.
func parseNode(text string) (netip.Addr, bool) {
	if node, err := netip.ParseAddrPort(text); err == nil {
		return plainIP(node.Addr()), true
	}
	if inner, ok := strings.CutPrefix(text, "["); ok {
		if text, ok = strings.CutSuffix(inner, "]"); !ok {
			return netip.Addr{}, false
		}
	}
	ip, err := netip.ParseAddr(text)
	return plainIP(ip), err == nil
}

// listed returns the values of a header that is a list.
func listed(header []string) (values []string) {
	for _, line := range header {
		for value := range strings.SplitSeq(line, ",") {
			values = append(values, strings.TrimSpace(value))
		}
	}
	return values
}

// only returns the value that all are, "" where they differ.
func only(values []string) string {
	if values = slices.Compact(values); len(values) == 1 {
		return values[0]
	}
	return ""
}

// hostTold returns a host, with its port, or "" for what is none.
func hostTold(text string) string {
	if u, err := url.Parse("//" + text); err != nil || u.Host != text || u.User != nil {
		return ""
	}
	return text
}

// schemeTold returns http or https, as which proxies also count websockets, or
// "" for anything else.
func schemeTold(text string) string {
	switch strings.ToLower(text) {
	case "https", "wss":
		return "https"
	case "http", "ws":
		return "http"
	}
	return ""
}

// parseForwarded reads a Forwarded header: for each proxy, what it says by its
// name in lower case.
func parseForwarded(text string) (hops []map[string]string, ok bool) {
	hop := map[string]string{}
	for text = trimBlank(text); text != ""; text = trimBlank(text) {
		switch text[0] {
		case ';':
			text = text[1:]
			continue
		case ',':
			text = text[1:]
			hops = append(hops, hop)
			hop = map[string]string{}
			continue
		}
		name, rest, found := strings.Cut(text, "=")
		name = strings.ToLower(name)
		if _, twice := hop[name]; !found || twice || name == "" || strings.ContainsAny(name, " \t,;\"") {
			return nil, false
		}
		if hop[name], text, ok = cutValue(rest); !ok {
			return nil, false
		}
		if text = trimBlank(text); text != "" && text[0] != ';' && text[0] != ',' {
			return nil, false
		}
	}
	return append(hops, hop), true
}

func trimBlank(text string) string { return strings.TrimLeft(text, " \t") }

// cutValue cuts a value of a Forwarded header, which may be quoted, from what
// follows it.
func cutValue(text string) (value, rest string, ok bool) {
	if !strings.HasPrefix(text, `"`) {
		end := strings.IndexAny(text, " \t,;\"")
		if end < 0 {
			end = len(text)
		}
		return text[:end], text[end:], end > 0
	}
	var b strings.Builder
	for i := 1; i < len(text); i++ {
		switch text[i] {
		case '"':
			return b.String(), text[i+1:], true
		case '\\':
			if i++; i == len(text) {
				return "", "", false
			}
		}
		b.WriteByte(text[i])
	}
	return "", "", false
}

// of returns the request as the visitor has made it.
func (t told) of(r *http.Request) *http.Request {
	visitors := new(http.Request)
	*visitors = *r
	if t.ip.IsValid() {
		visitors.RemoteAddr = netip.AddrPortFrom(t.ip, 0).String() // nobody tells the port
	}
	if t.host != "" {
		visitors.Host = t.host
	}
	switch {
	case t.scheme == "http":
		visitors.TLS = nil
	case t.scheme == "https" && r.TLS == nil:
		visitors.TLS = &tls.ConnectionState{HandshakeComplete: true}
	}
	if visitors.TLS != nil {
		visitors.Host = strings.TrimSuffix(visitors.Host, ":443") // as browsers name it in Origin
	} else {
		visitors.Host = strings.TrimSuffix(visitors.Host, ":80")
	}
	return visitors
}
