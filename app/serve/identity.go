package serve

import (
	"net/http"
	"net/url"
	"strings"

	"dashd/app"
	"dashd/views"
)

// identityRoutes are the pages by which visitors become users, and what users
// do with their own account. Where the users are not dashd's own, there is only
// the way to the page that signs them in.
func (s *Server) identityRoutes() []siteRoute {
	if s.config.Authenticate != nil {
		if s.config.SignInURL == "" {
			return nil
		}
		return []siteRoute{{http.MethodGet, "login", app.Public, s.leadToSignIn}}
	}
	return []siteRoute{
		{http.MethodGet, "login", app.Public, s.serveLogin},
		{http.MethodPost, "login", app.Public, s.login},
		{http.MethodGet, "logout", app.Public, s.serveLogout},
		{http.MethodPost, "logout", app.Public, s.logout},
		{http.MethodGet, "setup", app.Public, s.serveSetup},
		{http.MethodPost, "setup", app.Public, s.setUp},
		{http.MethodGet, "account", app.Authenticated, s.serveAccount},
		{http.MethodPost, "account", app.Authenticated, s.changePassword},
		{http.MethodPost, "account/sessions/end", app.Authenticated, s.endOwnSession},
		{http.MethodPost, "account/signout-everywhere", app.Authenticated, s.signOutEverywhere},
	}
}

// signInURL returns where visitors sign in, or "" where they cannot. From there
// they come back to what r asks for, when it is not nil.
func (s *Server) signInURL(r *http.Request) string {
	next := ""
	if r != nil {
		next = r.URL.RequestURI()
	}
	return s.signInURLTo(next)
}

func (s *Server) signInURLTo(next string) string {
	signIn := s.config.SignInURL
	if s.config.Authenticate == nil {
		signIn = s.config.BasePath + "login"
	}
	u, err := url.Parse(signIn)
	if signIn == "" || next == "" || err != nil {
		return signIn
	}
	query := u.Query()
	query.Set("next", next)
	u.RawQuery = query.Encode()
	return u.String()
}

// localURL returns next if it is a plain path of this site, with or without a
// query, and else dashd's first page: what a link of another site says is not to
// lead anywhere else.
func (s *Server) localURL(next string) string {
	u, err := url.Parse(next)
	if err != nil || u.Scheme != "" || u.Host != "" || u.User != nil || u.Opaque != "" || u.Fragment != "" ||
		strings.ContainsFunc(next+u.Path, func(c rune) bool { return c < ' ' || c == 0x7f || c == '\\' }) ||
		!isClean(u.Path) || !strings.HasPrefix(u.Path, s.config.SitePath) {
		return s.config.BasePath
	}
	return next
}

// leadToSignIn leads from dashd's address to the host's own.
func (s *Server) leadToSignIn(w http.ResponseWriter, r *http.Request, _ *Visit) error {
	http.Redirect(w, r, s.signInURLTo(s.localURL(r.URL.Query().Get("next"))), http.StatusSeeOther)
	return nil
}

func (s *Server) serveLogin(w http.ResponseWriter, r *http.Request, v *Visit) error {
	next := s.localURL(r.URL.Query().Get("next"))
	if v.User().SignedIn() {
		s.goOn(w, r, next)
		return nil
	}
	return s.renderLogin(w, r, http.StatusOK, views.LoginForm{Next: next})
}

func (s *Server) renderLogin(w http.ResponseWriter, r *http.Request, status int, form views.LoginForm) error {
	site := s.site("Sign in", nil)
	site.SignIn = "" // here it is
	hasUsers, err := s.store.HasUsers(r.Context())
	if err != nil {
		return err
	}
	if !hasUsers {
		s.render(w, r, status, site.NoUsers())
		return nil
	}
	s.render(w, r, status, site.Login(form))
	return nil
}

func (s *Server) login(w http.ResponseWriter, r *http.Request, v *Visit) error {
	if err := s.readForm(r); err != nil {
		return err
	}
	form := views.LoginForm{Name: strings.TrimSpace(r.PostForm.Get("name")), Next: s.localURL(r.PostForm.Get("next"))}
	user, err := s.store.SignIn(r.Context(), form.Name, r.PostForm.Get("password"), remoteIP(r))
	if err != nil {
		s.auditSignIn(r, v, form.Name, err)
		return s.showProblem(w, r, err, func(status int, sentence string) error {
			form.Problem = sentence
			return s.renderLogin(w, r, status, form)
		})
	}
	if err := s.beginSession(w, r, v, user.Name); err != nil {
		return err
	}
	s.config.Log.Info("signed in", "user", user.Name, "request", requestID(w))
	s.auditVisit(r, v, user.Name, auditSignIn, "", "")
	s.goOn(w, r, form.Next)
	return nil
}

// beginSession gives the browser a session of the user in place of the one it
// has, whose values it takes over: a token that somebody planted before is worth
// nothing.
func (s *Server) beginSession(w http.ResponseWriter, r *http.Request, v *Visit, user string) error {
	old, err := v.present(r.Context())
	if err != nil {
		return err
	}
	session, err := s.store.StartSession(r.Context(), old, user, r.UserAgent(), remoteIP(r))
	if err != nil {
		return err
	}
	s.setSessionCookie(w, r, nil, session.Token())
	return nil
}

func (s *Server) serveLogout(w http.ResponseWriter, r *http.Request, v *Visit) error {
	s.render(w, r, http.StatusOK, s.site("Sign out", v.User()).Logout())
	return nil
}

func (s *Server) logout(w http.ResponseWriter, r *http.Request, v *Visit) error {
	session, err := v.present(r.Context())
	if err != nil {
		return err
	}
	if session != nil {
		if err := s.store.EndSession(r.Context(), session); err != nil {
			return err
		}
		if user := session.User(); user != nil {
			s.auditVisit(r, v, user.Name, auditSignOut, "", "")
		}
	}
	s.setSessionCookie(w, r, nil, "")
	s.goOn(w, r, s.config.BasePath)
	return nil
}

// remoteIP returns the IP address of the client; on a Unix socket it has none.
// Behind a trusted proxy it is the visitor's: see believeProxies.
func remoteIP(r *http.Request) string {
	ip, ok := parseNode(r.RemoteAddr)
	if !ok {
		return ""
	}
	return ip.String()
}
