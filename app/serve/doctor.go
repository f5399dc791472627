package serve

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/coder/websocket"

	"dashd/app"
)

// doctor tries a site from outside, as browsers do. It changes nothing on the
// server, and sends nothing that stays.
type doctor struct {
	site     *url.URL       // with a slash at its end
	token    string         // for the metrics; may be ""
	wsRoute  string         // below the site
	patience time.Duration  // for each answer
	first    time.Duration  // for the first event of a stream
	plain    string         // address where plain HTTP is tried
	roots    *x509.CertPool // nil: those of the system

	client   *http.Client // follows no redirects
	insecure bool         // the certificate is wrong; the token is not sent
	told     bool         // of the clock
	findings findings
}

// newDoctor returns a doctor of the site at an address.
func newDoctor(rawURL, token, wsRoute string) (*doctor, error) {
	u, err := url.Parse(rawURL)
	if err != nil || u.Hostname() == "" || u.Scheme != "http" && u.Scheme != "https" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, app.Errorf(app.Invalid, "--url %q is not like https://dash.example.org/", rawURL)
	}
	u.Path = "/" + strings.TrimLeft(strings.TrimRight(u.Path, "/")+"/", "/")
	d := &doctor{site: u, token: token, wsRoute: wsRoute, patience: 10 * time.Second, first: 5 * time.Second}
	if u.Port() == "" {
		d.plain = net.JoinHostPort(u.Hostname(), "80")
	}
	return d, nil
}

// examine tries everything. What nothing else works without comes first.
func (d *doctor) examine(ctx context.Context) findings {
	if !d.connect(ctx) {
		return d.findings
	}
	config := &tls.Config{RootCAs: d.roots, InsecureSkipVerify: d.insecure}
	transport := &http.Transport{TLSClientConfig: config, ForceAttemptHTTP2: true, ExpectContinueTimeout: d.patience, DisableCompression: true}
	defer transport.CloseIdleConnections()
	d.client = &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	page := d.tryIndex(ctx)
	if page == nil {
		return d.findings
	}
	d.tryHeaders(page)
	d.tryStatic(ctx, page)
	for _, try := range []func(context.Context){d.tryRedirect, d.tryHost, d.tryCookies, d.tryHealth, d.tryWebSocket, d.tryEvents, d.tryBody, d.tryMetrics, d.tryAdmin} {
		try(ctx)
	}
	return d.findings
}

func (d *doctor) found(id string, severity Severity, problem, fix string) {
	d.findings = append(d.findings, Finding{id, severity, problem, fix})
}

// connect tries the way to the server: name, TCP, TLS. It reports whether there
// is one at all.
func (d *doctor) connect(ctx context.Context) bool {
	host, port := d.site.Hostname(), cmp.Or(d.site.Port(), map[string]string{"http": "80", "https": "443"}[d.site.Scheme])
	ctx, cancel := context.WithTimeout(ctx, d.patience)
	defer cancel()
	if _, err := net.DefaultResolver.LookupHost(ctx, host); err != nil {
		d.found("name", Error, fmt.Sprintf("The name %s has no address: %v.", host, err), "Add an A or AAAA record for it.")
		return false
	}
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", net.JoinHostPort(host, port))
	if err != nil {
		d.found("connection", Error, fmt.Sprintf("Nobody answers at port %s of %s: %v.", port, host, err), "Start the proxy or the server, and open the port in the firewall.")
		return false
	}
	defer conn.Close()
	if d.site.Scheme == "https" {
		return d.tryTLS(ctx, conn)
	}
	if !isLoopback(host) {
		d.found("certificate", Warning, "The site is reached by plain HTTP: passwords and cookies can be read on their way.", "Have the proxy speak HTTPS, or give --tls-cert and --tls-key, or --acme-host.")
	}
	return true
}

// tryTLS shakes hands. Where only the certificate is wrong, the rest is tried
// all the same.
func (d *doctor) tryTLS(ctx context.Context, conn net.Conn) bool {
	const id = "certificate"
	config := &tls.Config{ServerName: d.site.Hostname(), RootCAs: d.roots, NextProtos: []string{"h2", "http/1.1"}}
	secure := tls.Client(conn, config)
	err := secure.HandshakeContext(ctx)
	if wrong, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		d.insecure = true
		d.found(id, Error, badCertificate(wrong, d.site.Hostname()), "Get a certificate for this name (certbot, Caddy, or --acme-host), and let the server send those of its issuers, too.")
		return true
	}
	if err != nil {
		d.found(id, Error, fmt.Sprintf("This port does not speak TLS as browsers do: %v.", err), "Have the proxy speak HTTPS here, or give --tls-cert and --tls-key, or --acme-host.")
		return false
	}
	state := secure.ConnectionState()
	if expires := state.PeerCertificates[0].NotAfter; time.Until(expires) < expirySoon {
		d.found(id, Warning, fmt.Sprintf("The certificate expires on %s.", expires.Format(time.DateOnly)), "Renew it, and see why that has not happened by itself.")
	}
	if state.NegotiatedProtocol != "h2" {
		d.found("http2", Info, "The site does not speak HTTP/2; with it, pages load faster.", "nginx: http2 on;")
	}
	return true
}

func badCertificate(err error, host string) string {
	if e, ok := errors.AsType[x509.CertificateInvalidError](err); ok && e.Reason == x509.Expired {
		return fmt.Sprintf("The certificate is of another time: it is valid from %s to %s.", e.Cert.NotBefore.Format(time.DateOnly), e.Cert.NotAfter.Format(time.DateOnly))
	}
	if e, ok := errors.AsType[x509.HostnameError](err); ok {
		return fmt.Sprintf("The certificate is not for %s but for %s.", host, strings.Join(e.Certificate.DNSNames, ", "))
	}
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return "The certificate is of an authority that browsers do not know."
	}
	return fmt.Sprintf("The certificate is not valid: %v.", err)
}

// reply is an answer of the site.
type reply struct {
	url    *url.URL
	status int
	header http.Header
	body   []byte
}

// isOurs reports whether dashd has answered, and not a proxy by itself.
func (r *reply) isOurs() bool { return r.header.Get(requestIDHeader) != "" }

// maxReply is how much of an answer is read.
const maxReply = 2 << 20

// at is the address of a path below the site.
func (d *doctor) at(path string) *url.URL { return d.site.ResolveReference(&url.URL{Path: path}) }

func (d *doctor) get(ctx context.Context, u *url.URL, header ...string) (*reply, error) {
	return d.send(ctx, http.MethodGet, u, nil, header...)
}

// send sends a request. header are names and values in turn.
func (d *doctor) send(ctx context.Context, method string, u *url.URL, body []byte, header ...string) (*reply, error) {
	ctx, cancel := context.WithTimeout(ctx, d.patience)
	defer cancel()
	resp, err := d.open(ctx, method, u, body, header...)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxReply))
	if err != nil {
		return nil, err
	}
	d.compareClocks(resp.Header)
	return &reply{u, resp.StatusCode, resp.Header, text}, nil
}

// open sends a request and leaves the answer's body to the caller.
func (d *doctor) open(ctx context.Context, method string, u *url.URL, body []byte, header ...string) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, method, u.String(), bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("User-Agent", "dashd-doctor")
	request.Header.Set("Accept", "text/html,*/*;q=0.8")
	for i := 0; i < len(header); i += 2 {
		if header[i] == "Host" {
			request.Host = header[i+1]
			continue
		}
		request.Header.Set(header[i], header[i+1])
	}
	return d.client.Do(request)
}

// skew is how far two clocks may be apart.
const skew = time.Minute

// compareClocks compares the clock of the site with that of this machine, once.
func (d *doctor) compareClocks(header http.Header) {
	date, err := http.ParseTime(header.Get("Date"))
	if apart := time.Since(date); err == nil && !d.told && apart.Abs() > skew {
		d.told = true
		d.found("clock", Warning, fmt.Sprintf("The clocks of the site and of this machine are %v apart.", apart.Abs().Round(time.Second)), "timedatectl set-ntp true, on the one that is wrong")
	}
}

// maxRedirects is how many of them a first page may have.
const maxRedirects = 10

// tryIndex loads the first page. It returns nil when there is none that the rest
// could be tried with.
func (d *doctor) tryIndex(ctx context.Context) *reply {
	at := d.site
	for range maxRedirects {
		page, err := d.get(ctx, at)
		if err != nil {
			d.found("index", Error, fmt.Sprintf("The first page cannot be loaded: %v.", err), "See the logs of the proxy and of dashd.")
			return nil
		}
		location := page.header.Get("Location")
		if page.status < 300 || page.status >= 400 || location == "" {
			return d.judgeIndex(page)
		}
		next, err := at.Parse(location)
		if err != nil || next.Host != d.site.Host || next.Scheme != d.site.Scheme {
			d.found("index", Error, "The first page leads to another site: "+location, "Try that address with --url, or correct --public-url and the proxy.")
			return nil
		}
		if !strings.HasPrefix(next.Path, d.site.Path) {
			d.wrongBase(next.Path + ", where the first page leads")
			return nil
		}
		at = next
	}
	d.found("index", Error, "The first page leads in a circle.", "See the redirects of the proxy.")
	return nil
}

var beginsAt = regexp.MustCompile(`this site begins at (/\S*?)\.[<"\s]`)

func (d *doctor) judgeIndex(page *reply) *reply {
	begin := beginsAt.FindSubmatch(append(page.body, '\n'))
	switch {
	case page.status == http.StatusMisdirectedRequest && page.isOurs():
		d.found("host", Error, fmt.Sprintf("dashd refuses the host %s, or the one that the proxy names in its place.", d.site.Host), "--public-url "+d.site.Scheme+"://"+d.site.Host+"; nginx: proxy_set_header Host $http_host;")
	case begin != nil:
		d.wrongBase(string(begin[1]))
	case page.status == http.StatusBadGateway || page.status == http.StatusGatewayTimeout || page.status == http.StatusServiceUnavailable && !page.isOurs():
		d.found("index", Error, fmt.Sprintf("The proxy does not reach dashd: it answers %d.", page.status), "systemctl status dashd, and compare --listen with the proxy's address for it.")
	case page.status >= 400 && page.status != http.StatusUnauthorized && page.status != http.StatusForbidden:
		d.found("index", Error, fmt.Sprintf("The first page is an error: %d.", page.status), "See the logs of the proxy and of dashd, and whether --url has the base path.")
	default:
		return page
	}
	return nil
}

func (d *doctor) wrongBase(where string) {
	d.found("base-path", Error, fmt.Sprintf("The site is not below %s, but below %s.", d.site.Path, where), "--base-path "+cmp.Or(strings.TrimSuffix(d.site.Path, "/"), "/")+", and a proxy that does not change the path; nginx: proxy_pass without a path")
}

// staticLink is a link to a file that dashd serves below its base path.
var staticLink = regexp.MustCompile(`(?:href|src)="((/[^"?]*?)static/[0-9a-f]{8,}/[^"?]+)"`)

// tryStatic loads a file that the first page names. Its address tells the base
// path that dashd has.
func (d *doctor) tryStatic(ctx context.Context, page *reply) {
	at := d.at(embedScript)
	if link := staticLink.FindSubmatch(page.body); link != nil {
		if string(link[2]) != d.site.Path {
			d.wrongBase(string(link[2]) + ", as its links say")
			return
		}
		at = d.at(string(link[1]))
	}
	file, err := d.get(ctx, at, "Accept-Encoding", "br, gzip", "Accept", "*/*")
	switch {
	case err != nil:
		d.found("static", Error, fmt.Sprintf("A file of the page cannot be loaded: %v.", err), "See the logs of the proxy and of dashd.")
	case file.status != http.StatusOK:
		d.found("static", Error, fmt.Sprintf("A file of the page, %s, is an error: %d.", at.Path, file.status), "Let the proxy pass all paths below "+d.site.Path+" on.")
	case file.header.Get("Content-Type") != contentType(at.Path):
		d.found("static", Error, fmt.Sprintf("The type of %s is %q, which browsers refuse.", at.Path, file.header.Get("Content-Type")), "Let the proxy pass Content-Type on as it is.")
	case file.header.Get("Content-Encoding") == "":
		d.found("static", Warning, fmt.Sprintf("%s comes uncompressed, so pages load slowly.", at.Path), "Let the proxy pass Accept-Encoding on.")
	}
}

// tryHeaders looks for the headers that protect visitors.
func (d *doctor) tryHeaders(page *reply) {
	for _, name := range []string{"X-Content-Type-Options", "Content-Security-Policy"} {
		if page.header.Get(name) == "" {
			d.found("headers", Warning, fmt.Sprintf("The header %s is missing.", name), "Let the proxy pass dashd's headers on.")
		}
	}
	if d.site.Scheme == "https" && page.header.Get("Strict-Transport-Security") == "" {
		d.found("headers", Info, "The header Strict-Transport-Security is missing: a first visit may still be by plain HTTP.", `nginx: add_header Strict-Transport-Security "max-age=31536000" always;`)
	}
}

// tryRedirect tries plain HTTP, which leads to HTTPS.
func (d *doctor) tryRedirect(ctx context.Context) {
	if d.site.Scheme != "https" || d.plain == "" {
		return
	}
	at := &url.URL{Scheme: "http", Host: strings.TrimSuffix(d.plain, ":80"), Path: d.site.Path}
	page, err := d.get(ctx, at)
	if err != nil {
		d.found("redirect", Info, "Nobody answers by plain HTTP, so who types the name alone may find nothing.", "Let the proxy answer at port 80, and lead to https://"+d.site.Host)
		return
	}
	location, err := at.Parse(page.header.Get("Location"))
	if page.status < 300 || page.status >= 400 || err != nil || location.Scheme != "https" || location.Hostname() != d.site.Hostname() {
		d.found("redirect", Error, fmt.Sprintf("By plain HTTP the site answers %d instead of leading to HTTPS.", page.status), "nginx: return 301 https://$host$request_uri;")
	}
}

// tryHost asks for another host, as a page of another site could make a browser
// do.
func (d *doctor) tryHost(ctx context.Context) {
	page, err := d.get(ctx, d.site, "Host", "doctor.invalid")
	if err == nil && page.isOurs() && page.status < 400 {
		d.found("host", Warning, "dashd answers to the name of any host, or the proxy hides which was asked for.", "No * among --allowed-hosts; nginx: proxy_set_header Host $http_host;")
	}
}

// tryCookies signs out, which nobody has been signed in to: the answer takes the
// cookie away, and so shows what one looks like.
func (d *doctor) tryCookies(ctx context.Context) {
	answer, err := d.send(ctx, http.MethodPost, d.at("logout"), nil)
	if err != nil {
		return
	}
	for _, cookie := range (&http.Response{Header: answer.header}).Cookies() {
		switch {
		case d.site.Scheme == "https" && !cookie.Secure:
			d.found("cookies", Error, "The session's cookie is not for HTTPS alone: dashd does not know that visitors come by it.", "--public-url https://"+d.site.Host+", and --trusted-proxies with the proxy")
		case d.site.Scheme == "http" && cookie.Secure && !isLoopback(d.site.Hostname()):
			d.found("cookies", Error, "The session's cookie is for HTTPS, so browsers do not keep it here: nobody can sign in.", "Try the address https://"+d.site.Host)
		case !cookie.HttpOnly || cookie.SameSite == http.SameSiteDefaultMode:
			d.found("cookies", Warning, "The session's cookie has lost HttpOnly or SameSite.", "Let the proxy pass Set-Cookie on as it is.")
		case !strings.HasPrefix(d.site.Path, cookie.Path):
			d.found("cookies", Error, fmt.Sprintf("The session's cookie is for %s, so browsers do not send it here.", cookie.Path), "--base-path "+d.site.Path+", and a proxy that does not change the path")
		}
	}
}

// tryHealth asks whether the server is well. Proxies may hide that.
func (d *doctor) tryHealth(ctx context.Context) {
	for _, path := range []string{"healthz", "readyz"} {
		answer, err := d.get(ctx, d.at(path))
		if err == nil && answer.status >= 500 {
			d.found("health", Error, fmt.Sprintf("/%s answers %d: %s", path, answer.status, short(strings.TrimSpace(string(answer.body)))), "dashd check, on the server")
		}
	}
}

// Frames of pipes: see package live.
const (
	pingFrame = `{"type":"ping"}`
	pongFrame = `"pong"`
)

// fixUpgrade tells what a proxy needs to pass websockets on.
const fixUpgrade = `nginx: proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection "upgrade"; (Caddy's reverse_proxy does so by itself)`

// tryWebSocket connects as pages with pipes do.
func (d *doctor) tryWebSocket(ctx context.Context) {
	const id = "websocket"
	ctx, cancel := context.WithTimeout(ctx, d.patience)
	defer cancel()
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: d.roots, InsecureSkipVerify: d.insecure}}
	defer transport.CloseIdleConnections()
	conn, resp, err := websocket.Dial(ctx, d.at(d.wsRoute).String(), &websocket.DialOptions{
		HTTPClient: &http.Client{Transport: transport},
		HTTPHeader: http.Header{"Origin": {d.site.Scheme + "://" + d.site.Host}, "User-Agent": {"dashd-doctor"}},
	})
	if err != nil {
		d.judgeHandshake(id, resp, err)
		return
	}
	defer conn.CloseNow()
	err = conn.Write(ctx, websocket.MessageText, []byte(pingFrame))
	var frame []byte
	if err == nil {
		_, frame, err = conn.Read(ctx)
	}
	if err != nil || !bytes.Contains(frame, []byte(pongFrame)) {
		d.found(id, Error, "A websocket opens, but no messages pass: pages with live data use the slower event stream.", "See the proxy's settings of websockets.")
		return
	}
	_ = conn.Close(websocket.StatusNormalClosure, "")
}

// judgeHandshake tells why no websocket opens. resp may be nil.
func (d *doctor) judgeHandshake(id string, resp *http.Response, err error) {
	const problem = "No websocket opens, so live data takes the slower way of event streams: "
	switch {
	case resp == nil:
		d.found(id, Error, problem+err.Error()+".", fixUpgrade)
	case resp.StatusCode == http.StatusForbidden:
		d.found(id, Error, problem+"dashd takes the page for one of another site, because it sees another host.", "--public-url "+d.site.Scheme+"://"+d.site.Host+"; nginx: proxy_set_header Host $http_host;")
	case resp.StatusCode == http.StatusNotFound:
		d.found(id, Error, problem+"there is nothing at "+d.at(d.wsRoute).Path+".", "Let the proxy pass this path on, and let --ws-route be that of the server.")
	default:
		d.found(id, Error, fmt.Sprintf("%sthe proxy does not pass the upgrade on (%d).", problem, resp.StatusCode), fixUpgrade)
	}
}

// tryEvents opens a stream of events, as pages do that no websocket reaches, and
// waits for the first.
func (d *doctor) tryEvents(ctx context.Context) {
	const id = "events"
	ctx, cancel := context.WithTimeout(ctx, d.first)
	defer cancel()
	resp, err := d.open(ctx, http.MethodPost, d.at(d.wsRoute), []byte("["+pingFrame+"]"), "Content-Type", "application/json", "Accept", "text/event-stream")
	var event string
	if err == nil {
		defer resp.Body.Close()
		if resp.StatusCode != http.StatusOK || !strings.HasPrefix(resp.Header.Get("Content-Type"), "text/event-stream") {
			d.found(id, Error, fmt.Sprintf("There is no stream of events at %s: the answer is %d.", d.at(d.wsRoute).Path, resp.StatusCode), "Let the proxy pass POST on to this path.")
			return
		}
		event, err = bufio.NewReader(io.LimitReader(resp.Body, maxReply)).ReadString('\n')
	}
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		d.found(id, Error, "A stream of events does not arrive: the proxy holds it back.", "nginx: proxy_buffering off; Caddy: flush_interval -1")
	case err != nil:
		d.found(id, Error, fmt.Sprintf("A stream of events breaks off: %v.", err), "See the proxy's log.")
	case !strings.Contains(event, pongFrame):
		d.found(id, Error, "A stream of events arrives, but not as dashd has sent it.", "Let the proxy neither compress nor change text/event-stream.")
	}
}

// triedBody is the size of a body that every proxy should take: a small upload.
const triedBody = 2 << 20

// bodyTries is how often it is tried. Whoever answers early may close the
// connection before his answer is read, which tells nothing.
const bodyTries = 3

// tryBody asks whether it may send a large body, for an app that there is not.
// dashd refuses that before it has to read it.
func (d *doctor) tryBody(ctx context.Context) {
	body := make([]byte, triedBody)
	for range bodyTries {
		answer, err := d.send(ctx, http.MethodPost, d.at("app/-/_dash-update-component"), body, "Content-Type", "application/json", "Expect", "100-continue")
		if err != nil {
			continue
		}
		if answer.status == http.StatusRequestEntityTooLarge && !answer.isOurs() {
			d.found("body", Error, fmt.Sprintf("The proxy refuses bodies of %d MiB, so uploads fail; dashd takes %d MiB unless --max-body says otherwise.", triedBody>>20, DefaultMaxBody>>20),
				"nginx: client_max_body_size 32m; Caddy: request_body { max_size 32MiB }")
		}
		return
	}
}

// tryMetrics looks whether everybody may read the metrics and, with a token,
// whether that lets read them.
func (d *doctor) tryMetrics(ctx context.Context) {
	const id = "metrics"
	answer, err := d.get(ctx, d.at("metrics"))
	if err == nil && answer.status == http.StatusOK && isMetrics(answer) {
		d.found(id, Warning, "Everybody can read the metrics.", "--admin-listen 127.0.0.1:8001, and no way there through the proxy")
		return
	}
	if d.token == "" || d.insecure || d.site.Scheme == "http" && !isLoopback(d.site.Hostname()) {
		return
	}
	answer, err = d.get(ctx, d.at("metrics"), "Authorization", "Bearer "+d.token)
	if err != nil || answer.status != http.StatusOK {
		d.found(id, Error, "The token does not let read the metrics.", "--metrics-token of the server, and a proxy that passes Authorization on")
	}
}

// isMetrics reports whether an answer is in the form of Prometheus.
func isMetrics(answer *reply) bool {
	return slices.Contains([]string{"text/plain", "application/openmetrics-text"}, strings.TrimSpace(strings.Split(answer.header.Get("Content-Type"), ";")[0]))
}

// tryAdmin looks whether the administration is reached from here.
func (d *doctor) tryAdmin(ctx context.Context) {
	answer, err := d.get(ctx, d.at("admin/"))
	if err == nil && answer.isOurs() && answer.status != http.StatusNotFound && answer.status < 500 {
		d.found("admin", Info, "Superusers reach the administration from here.", "--admin-listen 127.0.0.1:8001, or --admin off")
	}
}
