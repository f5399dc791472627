package serve

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"

	"dashd/app"
	"dashd/store"
)

// Visit is one request: what it is for, and who makes it. Handlers of
// [Config.Pages] and wrappers of [Config.Decorate] get it by [VisitOf]. It is
// safe for concurrent use, until the request has been answered.
type Visit struct {
	// App and Instance are the slugs of what the request is for: "" for a page
	// of the site, and Instance for the app itself.
	App      string
	Instance string

	// Initial is the id of the initial arguments in the URL, or "".
	Initial string

	// View is the view of the app; "" for a page of the site.
	View View

	server *Server
	w      http.ResponseWriter
	r      *http.Request

	place place    // where View is served
	call  app.Call // of the app, for View
	rest  string   // of the path, below the view

	once    sync.Once
	user    *app.User
	userErr error

	foreign  bool // by a page of another site: no cookie counts
	embedded bool // the session, if there is one, is named in the path

	mu      sync.Mutex
	looked  bool
	session *store.Session // nil when there is none
	over    bool           // the answer has begun: no more cookies
}

type visitKey struct{}

// VisitOf returns the visit that a request is, or nil when it is none of
// dashd's. See [Server.Visit] for those.
func VisitOf(r *http.Request) *Visit {
	v, _ := r.Context().Value(visitKey{}).(*Visit)
	return v
}

// Visit returns the visit of a request to a page that dashd does not serve, in
// a site that mounts it: for the user, the session and initial arguments of the
// apps that the page embeds. What it adds to the answer's header, the page must
// not have begun to send.
func (s *Server) Visit(w http.ResponseWriter, r *http.Request) *Visit {
	if v := VisitOf(r); v != nil && v.server == s {
		return v
	}
	return &Visit{server: s, w: w, r: s.asVisitorSent(r)}
}

// in returns the request with the visit in its context.
func (v *Visit) in(r *http.Request) *http.Request {
	return r.WithContext(context.WithValue(r.Context(), visitKey{}, v))
}

// User returns who has signed in, or nil.
func (v *Visit) User() *app.User {
	user, _ := v.identify()
	return user
}

// identify finds out who makes the request.
func (v *Visit) identify() (*app.User, error) {
	v.once.Do(func() {
		if authenticate := v.server.config.Authenticate; authenticate != nil && !v.foreign {
			if v.user, v.userErr = authenticate(v.r); v.userErr != nil {
				v.user = nil
			}
			return
		}
		session, err := v.present(v.r.Context())
		if v.userErr = err; session != nil {
			v.user = session.User()
		}
	})
	return v.user, v.userErr
}

// Session returns the values of this browser session that all apps and pages
// share. The first value begins a session, by a cookie in the answer.
func (v *Visit) Session() *app.Session { return app.NewSession(v.r.Context(), v) }

// SessionValues implements [app.SessionValues].
func (v *Visit) SessionValues(ctx context.Context, scope string) (map[string]json.RawMessage, error) {
	session, err := v.present(ctx)
	if session == nil || err != nil {
		return map[string]json.RawMessage{}, err
	}
	return session.SessionValues(ctx, scope)
}

// SwapSessionValue implements [app.SessionValues].
func (v *Visit) SwapSessionValue(ctx context.Context, scope, key string, old, replacement json.RawMessage) (bool, error) {
	session, err := v.begin(ctx)
	if err != nil {
		return false, err
	}
	return session.SwapSessionValue(ctx, scope, key, old, replacement)
}

// siteUser returns whom the site has signed in, or nil: also where dashd's own
// users sign in, whose sessions end when they leave.
func (v *Visit) siteUser() *app.User {
	if v.server.config.Authenticate == nil {
		return nil
	}
	return v.User()
}

// current returns the session of the request's cookie, or nil. mu is held.
func (v *Visit) current(ctx context.Context) (*store.Session, error) {
	if v.looked {
		return v.session, nil
	}
	cookie, err := v.r.Cookie(v.server.cookieName(v.r, v.siteUser()))
	if err != nil {
		v.looked = true
		return nil, nil
	}
	session, ok, err := v.server.store.Session(ctx, cookie.Value)
	if err != nil {
		return nil, fmt.Errorf("find the session: %w", err)
	}
	if v.looked = true; ok {
		v.session = session
	}
	return v.session, nil
}

// present returns the session of the request, or nil.
func (v *Visit) present(ctx context.Context) (*store.Session, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.current(ctx)
}

// begin returns the session of the request, and begins one where there is none.
func (v *Visit) begin(ctx context.Context) (*store.Session, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	session, err := v.current(ctx)
	if session != nil || err != nil {
		return session, err
	}
	if v.over {
		return nil, fmt.Errorf("begin a session: the answer has been sent")
	}
	if err := v.server.limit(v.w, v.r, &v.server.begun, beginnings); err != nil {
		return nil, err
	}
	if v.foreign { // for this request alone
		v.session = v.server.store.NewSession()
		return v.session, nil
	}
	if !strings.HasPrefix(v.r.URL.Path, v.server.config.SitePath) {
		v.server.config.Log.Warn("a page begins a session whose cookie will not reach it; set SitePath", "page", v.r.URL.Path, "request", requestID(v.w))
	}
	v.session = v.server.store.NewSession()
	v.server.setSessionCookie(v.w, v.r, v.siteUser(), v.session.Token())
	return v.session, nil
}

// end keeps functions that outlive the request from touching its answer.
func (v *Visit) end() {
	v.mu.Lock()
	v.over = true
	v.mu.Unlock()
}

// Address returns the URL of dashd's first page as visitors know it, with a
// slash at its end: below [Config.PublicURL], or below the host of the request.
func (v *Visit) Address() string {
	origin := originOf(v.server.config.PublicURL)
	if origin == "" {
		origin = "http://" + v.r.Host
		if v.server.secure(v.r) {
			origin = "https://" + v.r.Host
		}
	}
	return origin + v.server.config.BasePath
}

// URL returns the URL path of an app, "app/<slug>", or of an instance,
// "instance/<slug>", for a page that embeds it. Initial arguments, when they
// are not nil, are checked against the app's layout, kept for this session, and
// part of the URL. Errors are [app.Error]: NotFound, or Invalid with the
// component and property that do not fit.
func (v *Visit) URL(target string, initial app.BaseState) (string, error) {
	p, err := v.server.findTarget(v.r.Context(), target)
	if err != nil {
		return "", err
	}
	return v.urlAt(p, initial)
}

func (v *Visit) urlAt(p place, initial app.BaseState) (string, error) {
	if initial == nil {
		return p.prefix, nil
	}
	if p.mount == nil {
		return "", errAppGone
	}
	if err := p.mount.app.CheckInitial(initial); err != nil {
		return "", err
	}
	session, err := v.begin(v.r.Context())
	if err != nil {
		return "", err
	}
	if v.User() == nil {
		if err := v.server.limit(v.w, v.r, &v.server.begun, beginnings); err != nil {
			return "", err
		}
	}
	id, err := v.server.store.AddInitial(v.r.Context(), p.target(), session.Hash(), initial, v.server.config.InitialTTL)
	if err != nil {
		return "", fmt.Errorf("keep the initial arguments: %w", err)
	}
	return p.prefix + "initial/" + id + "/", nil
}

// cookieName names the session cookie. It differs by base path, so that two
// servers on one host do not sign each other out, and by the user that the site
// has signed in, so that the next one in a browser finds nothing of the one
// before: nobody tells when that one has left.
func (s *Server) cookieName(r *http.Request, user *app.User) string {
	name := s.cookie
	if user != nil {
		sum := sha256.Sum256([]byte(user.Name))
		name += "-" + hex.EncodeToString(sum[:8])
	}
	switch {
	case !s.secure(r):
		return name
	case s.config.BasePath == "/":
		return "__Host-" + name
	default:
		return "__Secure-" + name
	}
}

func cookieOf(base string) string {
	sum := sha256.Sum256([]byte(base))
	return "dashd-" + hex.EncodeToString(sum[:4])
}

// secure reports whether the visitor reaches the server by TLS: see
// believeProxies.
func (s *Server) secure(r *http.Request) bool {
	return r.TLS != nil || strings.HasPrefix(s.config.PublicURL, "https://")
}

// setSessionCookie gives the browser a session, or with "" takes it away. The
// browser keeps it as long as the store does.
func (s *Server) setSessionCookie(w http.ResponseWriter, r *http.Request, user *app.User, token string) {
	cookie := &http.Cookie{
		Name:     s.cookieName(r, user),
		Value:    token,
		Path:     s.config.SitePath,
		MaxAge:   int(s.store.SessionMaxAge.Seconds()),
		Secure:   s.secure(r),
		HttpOnly: true,
		SameSite: http.SameSiteLaxMode,
	}
	if token == "" {
		cookie.MaxAge = -1
	}
	http.SetCookie(w, cookie)
}
