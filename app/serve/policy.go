package serve

import (
	"net/url"
	"strings"

	"dashd/app"
)

// contentPolicy is the Content-Security-Policy of an app's page: section 10 of
// the design. Plotly.js and the suites write style attributes, so styles are
// the one thing that is not locked.
type contentPolicy struct{ before, after string }

func newContentPolicy(page app.Page, embedOrigins []string) contentPolicy {
	scripts, styles := origins(page.Scripts), origins(page.Stylesheets)
	return contentPolicy{
		before: "default-src 'self'; script-src 'self'" + scripts + " 'nonce-",
		after: "'; style-src 'self' 'unsafe-inline'" + styles +
			"; img-src 'self' data: blob:" + styles +
			"; font-src 'self' data:" + styles +
			"; connect-src 'self'; worker-src 'self' blob:; media-src 'self' data: blob:" +
			"; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'self'" + ancestors(embedOrigins),
	}
}

// ancestors are the origins whose pages may show an app in a frame, to stand at
// the end of a policy.
func ancestors(origins []string) string {
	if len(origins) == 0 {
		return ""
	}
	return " " + strings.Join(origins, " ")
}

func (p contentPolicy) header(nonce string) string { return p.before + nonce + p.after }

// origins lists the origins of URLs of other hosts, each after a blank.
func origins(urls []string) string {
	var list string
	for _, raw := range urls {
		u, err := url.Parse(raw)
		if err != nil || u.Host == "" {
			continue
		}
		origin := u.Host
		if u.Scheme != "" {
			origin = u.Scheme + "://" + u.Host
		}
		if !strings.Contains(list+" ", " "+origin+" ") {
			list += " " + origin
		}
	}
	return list
}
