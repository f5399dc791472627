package serve

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"dashd/app"
)

// foreignOrigin returns the origin of the page of another site that makes a
// request, if that site may embed any app, and "" else.
func (s *Server) foreignOrigin(r *http.Request) string {
	if len(s.embedOrigins) == 0 {
		return ""
	}
	origin := r.Header.Get("Origin")
	if !slices.Contains(s.embedOrigins, origin) || origin == originOf(s.config.PublicURL) {
		return ""
	}
	if _, host, _ := strings.Cut(origin, "://"); strings.EqualFold(host, r.Host) {
		return ""
	}
	return origin
}

// originOf returns the origin of a URL that has been checked, "" for none.
func originOf(raw string) string {
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" {
		return ""
	}
	return u.Scheme + "://" + u.Host
}

// takesFromElsewhere reports whether pages of other sites may use what is at a
// path at all: the places of apps, which know whose, and the end of the pipes,
// whose claims do.
func (s *Server) takesFromElsewhere(path string) bool {
	rest, ok := strings.CutPrefix(path, s.config.BasePath)
	return ok && (strings.HasPrefix(rest, kindApp+"/") || strings.HasPrefix(rest, kindInstance+"/") || rest == s.config.WSRoute)
}

// preflightAge is how long a browser remembers what it may send.
const preflightAge = 2 * time.Hour

// share lets the page of an origin read an answer, without cookies.
func share(w http.ResponseWriter, origin string) {
	w.Header()["Access-Control-Allow-Origin"] = []string{origin}
}

// answerPreflight answers the question of a browser what a page of another site
// may send. It reports whether the request is that.
func answerPreflight(w http.ResponseWriter, r *http.Request) bool {
	if r.Method != http.MethodOptions || r.Header.Get("Access-Control-Request-Method") == "" {
		return false
	}
	h := w.Header()
	h.Set("Access-Control-Allow-Methods", "GET, POST")
	h.Set("Access-Control-Allow-Headers", "Content-Type")
	h.Set("Access-Control-Max-Age", strconv.Itoa(int(preflightAge.Seconds())))
	w.WriteHeader(http.StatusNoContent)
	return true
}

// fromElsewhere does what a place must know of requests that pages of other
// sites make: no cookie of theirs counts, and only the app's own origins read
// the answer, or call it. It reports whether that has been the answer.
func (s *Server) fromElsewhere(w http.ResponseWriter, r *http.Request, v *Visit) (answered bool) {
	m := v.place.mount
	if m == nil || len(s.embedOrigins) == 0 {
		return false
	}
	if len(m.embedOrigins) > 0 {
		w.Header().Add("Vary", "Origin")
		w.Header()[resourcePolicy] = forAllPages
	}
	origin := s.foreignOrigin(r)
	if origin == "" {
		return false
	}
	v.setForeign(nil)
	if slices.Contains(m.embedOrigins, origin) {
		share(w, origin)
		return answerPreflight(w, r)
	}
	if r.Method == http.MethodPost {
		s.fail(w, v.in(r), errElsewhere)
		return true
	}
	return false
}

var errElsewhere = app.Errorf(app.Forbidden, "This request comes from another site.")

// isElsewhere reports whether the answer is shown in a page of another site,
// where nobody can sign in.
func isElsewhere(r *http.Request) bool {
	if v := VisitOf(r); v != nil && v.foreign {
		return true
	}
	site := r.Header.Get("Sec-Fetch-Site")
	return r.Header.Get("Sec-Fetch-Dest") == "iframe" && (site == "cross-site" || site == "same-site")
}
