package serve

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"time"

	"dashd/app"
	"dashd/store"
)

// DefaultEmbedTTL is how long an embed token of [Server.EmbedToken] waits for
// its use, unless it is told another time.
const DefaultEmbedTTL = 5 * time.Minute

// EmbedToken returns an address of an app, "app/<slug>", or instance,
// "instance/<slug>", for a page of another site: the src of an iframe or a
// <dash-app>. It has a token in it, by which the visitor is the user with that
// name, one of dashd's own, or anonymous for "". The token is good for the first
// load, within ttl, at most an hour; 0 stands for [DefaultEmbedTTL]. From then
// on the app works until nobody has used it for 8 hours, for a day at most, or
// until the user is signed out.
//
// The address begins with [Config.PublicURL], or with a slash where there is
// none. Whoever has it first is the user: make one for each load of the page,
// and let nobody else see it. The app's EmbedOrigins say which pages may use it.
// Errors are [app.Error]: NotFound, Invalid.
func (s *Server) EmbedToken(ctx context.Context, target, user string, ttl time.Duration) (address string, err error) {
	p, err := s.findTarget(ctx, target)
	if err != nil {
		return "", err
	}
	if p.mount == nil {
		return "", errAppGone
	}
	if ttl == 0 {
		ttl = DefaultEmbedTTL
	}
	token, err := s.store.AddEmbedToken(ctx, p.target(), user, ttl)
	if err != nil {
		return "", err
	}
	detail := ""
	if user != "" {
		detail = "for user " + user
	}
	s.auditSparsely(ctx, auditEmbedCreate, auditTarget(p.target()), detail)
	return strings.TrimSuffix(s.config.PublicURL, "/") + p.prefix + embedPath + token + "/", nil
}

// embedPath begins the part of the path that names an embed token or, after the
// first load, the session that has taken its place.
const embedPath = "embed/"

// enterEmbed takes the session from the path of a visit, whose rest follows the
// place. No cookie counts then. A token becomes a session where an app is loaded:
// by its page, which moves to the path of the session, or by _dash-embed, whose
// answer has that path. It returns what follows, and reports whether the request
// has been answered.
func (s *Server) enterEmbed(w http.ResponseWriter, r *http.Request, v *Visit, path string) (rest string, answered bool, err error) {
	secret, rest, ok := strings.Cut(strings.TrimPrefix(path, embedPath), "/")
	w.Header()["Referrer-Policy"] = noReferrer
	v.setForeign(nil)
	v.embedded = true
	if !ok {
		s.addSlash(w, r)
		return "", true, nil
	}
	ctx, target := r.Context(), v.place.target()
	session, err := s.store.EmbedSession(ctx, secret, target)
	isLoad := r.Method == http.MethodGet && (rest == "" || rest == "_dash-embed")
	if app.ErrorCode(err) != app.Unauthorized || !isLoad {
		v.place.prefix += embedPath + secret + "/"
		v.setForeign(session)
		return rest, false, err
	}
	if session, err = s.store.StartEmbed(ctx, secret, target, r.UserAgent(), remoteIP(r)); err != nil {
		return "", false, err
	}
	by := doer{address: remoteIP(r), request: requestID(w)}
	if user := session.User(); user != nil {
		by.name = user.Name
	}
	s.auditSparsely(by.in(ctx), auditEmbedOpen, auditTarget(target), "")
	v.place.prefix += embedPath + session.Token() + "/"
	v.setForeign(session)
	if rest != "" {
		return rest, false, nil
	}
	url := v.place.prefix
	if r.URL.RawQuery != "" {
		url += "?" + r.URL.RawQuery
	}
	w.Header().Set("Cache-Control", "no-store")
	http.Redirect(w, r, url, http.StatusSeeOther)
	return "", true, nil
}

var noReferrer = []string{"no-referrer"}

// setForeign makes the visit one from a page of another site: it has the given
// session, which may be nil, and no cookie counts.
func (v *Visit) setForeign(session *store.Session) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.foreign, v.looked, v.session = true, true, session
}

// errForeign is said in place of "sign in" where that is not possible.
var errForeign = app.Errorf(app.Unauthorized, "This app is for those who have signed in. In a page of another site, its address needs an embed token for that.")

// loggable returns a path as logs may have it: without embed tokens.
func loggable(path string) string {
	parts := strings.SplitAfter(path, "/")
	for i, part := range parts {
		switch {
		case i == 0 || parts[i-1] != embedPath || part == embedPath:
		case !isClean(path): // the token may stand anywhere
			return strings.Join(parts[:i], "") + "…"
		default:
			parts[i] = "…/"
		}
	}
	return strings.Join(parts, "")
}

// embedListeners are the embed sessions by whose right pipes listen, and their
// users. Their connections are of other sessions, or of none, so the hub does not
// know whom it has to close when they end. It is safe for concurrent use.
type embedListeners struct {
	mu    sync.Mutex
	users map[string]string // by the session's hash
}

func (l *embedListeners) add(session *store.Session) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.users == nil {
		l.users = map[string]string{}
	}
	l.users[string(session.Hash())] = session.User().String()
}

// end forgets a session that has ended, or with a nil hash all of a user. It
// reports whether any of them listened.
func (l *embedListeners) end(hash []byte, user string) (listened bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for session, of := range l.users {
		if hash != nil && session == string(hash) || hash == nil && of == user {
			delete(l.users, session)
			listened = true
		}
	}
	return listened
}
