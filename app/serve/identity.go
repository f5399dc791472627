package serve

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"dashd/app"
	"dashd/store"
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
// query, and else the first page: what a link of another site says is not to
// lead anywhere else.
func (s *Server) localURL(next string) string {
	u, err := url.Parse(next)
	if err != nil || u.Scheme != "" || u.Host != "" || u.User != nil || u.Opaque != "" || u.Fragment != "" ||
		strings.ContainsFunc(next+u.Path, func(c rune) bool { return c < ' ' || c == 0x7f || c == '\\' }) ||
		!isClean(u.Path) || !strings.HasPrefix(u.Path, s.config.BasePath) {
		return s.config.BasePath
	}
	return next
}

// leadToSignIn leads from dashd's address to the host's own.
func (s *Server) leadToSignIn(w http.ResponseWriter, r *http.Request, _ *Visit) error {
	http.Redirect(w, r, s.signInURLTo(s.localURL(r.FormValue("next"))), http.StatusSeeOther)
	return nil
}

func (s *Server) serveLogin(w http.ResponseWriter, r *http.Request, v *Visit) error {
	next := s.localURL(r.FormValue("next"))
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
		return s.showProblem(w, r, err, func(status int, sentence string) error {
			form.Problem = sentence
			return s.renderLogin(w, r, status, form)
		})
	}
	if err := s.beginSession(w, r, v, user.Name); err != nil {
		return err
	}
	s.config.Log.Info("signed in", "user", user.Name, "request", requestID(w))
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
	s.setSessionCookie(w, r, session.Token())
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
	}
	s.setSessionCookie(w, r, "")
	s.goOn(w, r, s.config.BasePath)
	return nil
}

// setupLink returns the link that makes the first user, for the console, or ""
// when there are users. It is a new one each time; earlier ones end. publicURL
// is that of the server, with its base path.
func (s *Server) setupLink(ctx context.Context, publicURL string) (string, error) {
	if s.config.Authenticate != nil {
		return "", nil
	}
	if hasUsers, err := s.store.HasUsers(ctx); hasUsers || err != nil {
		return "", err
	}
	token, err := s.store.NewSetupToken(ctx)
	if err != nil {
		return "", fmt.Errorf("make a set-up link: %w", err)
	}
	return strings.TrimSuffix(publicURL, "/") + "/setup?token=" + url.QueryEscape(token), nil
}

var errSetUp = app.Errorf(app.NotFound, "This server is set up already.")

func (s *Server) serveSetup(w http.ResponseWriter, r *http.Request, _ *Visit) error {
	w.Header().Set("Referrer-Policy", "no-referrer") // the address has the token
	hasUsers, err := s.store.HasUsers(r.Context())
	if err != nil {
		return err
	}
	if hasUsers {
		return errSetUp
	}
	token := r.FormValue("token")
	if token == "" {
		return app.Errorf(app.Invalid, "The link to set up this server is not whole: its console shows it.")
	}
	s.renderSetup(w, r, http.StatusOK, views.SetupForm{Token: token})
	return nil
}

func (s *Server) renderSetup(w http.ResponseWriter, r *http.Request, status int, form views.SetupForm) {
	site := s.site("Set up", nil)
	site.SignIn = "" // nobody can
	s.render(w, r, status, site.Setup(form))
}

func (s *Server) setUp(w http.ResponseWriter, r *http.Request, v *Visit) error {
	w.Header().Set("Referrer-Policy", "no-referrer")
	if err := s.readForm(r); err != nil {
		return err
	}
	form := views.SetupForm{Token: r.PostForm.Get("token"), Name: strings.TrimSpace(r.PostForm.Get("name"))}
	password, err := newPassword(r)
	if err == nil {
		err = s.store.Setup(r.Context(), form.Token, form.Name, password)
	}
	if app.ErrorCode(err) == app.Invalid {
		return s.showProblem(w, r, err, func(status int, sentence string) error {
			form.Problem = sentence
			s.renderSetup(w, r, status, form)
			return nil
		})
	}
	if err != nil {
		return err
	}
	s.config.Log.Info("set up", "user", form.Name, "request", requestID(w))
	if err := s.beginSession(w, r, v, form.Name); err != nil {
		return err
	}
	if s.config.NoAdmin {
		s.goOn(w, r, s.config.BasePath)
	} else {
		s.goOn(w, r, s.config.BasePath+"admin/")
	}
	return nil
}

// accountNotice is what the account page says after a change of the password.
const accountNotice = "Your password has been changed."

func (s *Server) serveAccount(w http.ResponseWriter, r *http.Request, v *Visit) error {
	account := views.Account{}
	if r.URL.Query().Has("changed") {
		account.Notice = accountNotice
	}
	return s.renderAccount(w, r, http.StatusOK, v, account)
}

func (s *Server) renderAccount(w http.ResponseWriter, r *http.Request, status int, v *Visit, account views.Account) error {
	user := v.User()
	sessions, err := s.store.Sessions(r.Context(), user.Name)
	if err != nil {
		return err
	}
	here, err := v.present(r.Context())
	if err != nil {
		return err
	}
	for _, session := range sessions {
		account.Sessions = append(account.Sessions, views.AccountSession{
			ID: session.ID, Agent: session.Agent, Address: session.Address,
			Created: session.Created, Seen: session.Seen, Here: here != nil && session.ID == here.ID(),
		})
	}
	s.render(w, r, status, s.site("Your account", user).Account(account))
	return nil
}

func (s *Server) changePassword(w http.ResponseWriter, r *http.Request, v *Visit) error {
	if err := s.readForm(r); err != nil {
		return err
	}
	user := v.User()
	here, err := v.present(r.Context())
	if err != nil {
		return err
	}
	password, err := newPassword(r)
	if err == nil {
		_, err = s.store.SignIn(r.Context(), user.Name, r.PostForm.Get("password"), remoteIP(r))
		if app.ErrorCode(err) == app.Unauthorized {
			err = app.Errorf(app.Invalid, "The present password is wrong.")
		}
	}
	if err == nil {
		err = s.store.SetPassword(r.Context(), user.Name, password, here.Hash())
	}
	if err != nil {
		return s.showProblem(w, r, err, func(status int, sentence string) error {
			return s.renderAccount(w, r, status, v, views.Account{Problem: sentence})
		})
	}
	if err := s.beginSession(w, r, v, user.Name); err != nil {
		return err
	}
	s.config.Log.Info("changed the password", "user", user.Name, "request", requestID(w))
	s.goOn(w, r, s.config.BasePath+"account?changed")
	return nil
}

// endOwnSession signs the user out in another browser.
func (s *Server) endOwnSession(w http.ResponseWriter, r *http.Request, v *Visit) error {
	if err := s.readForm(r); err != nil {
		return err
	}
	id := r.PostForm.Get("session")
	sessions, err := s.store.Sessions(r.Context(), v.User().Name)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(sessions, func(own store.SessionInfo) bool { return own.ID == id }) {
		return app.Errorf(app.NotFound, "You have no such session.")
	}
	if err := s.store.EndSessionByID(r.Context(), id); err != nil {
		return err
	}
	s.goOn(w, r, s.config.BasePath+"account")
	return nil
}

func (s *Server) signOutEverywhere(w http.ResponseWriter, r *http.Request, v *Visit) error {
	if err := s.store.EndSessions(r.Context(), v.User().Name, nil); err != nil {
		return err
	}
	s.setSessionCookie(w, r, "")
	s.goOn(w, r, s.config.BasePath)
	return nil
}

// newPassword returns the password of a form that asks for it twice.
func newPassword(r *http.Request) (string, error) {
	password := r.PostForm.Get("new")
	if password != r.PostForm.Get("again") {
		return "", app.Errorf(app.Invalid, "The two passwords are not the same.")
	}
	return password, nil
}

// remoteIP returns the IP address of the client; on a Unix socket it has none.
func remoteIP(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}

// readForm reads the body of a request, which must be a form, into r.PostForm.
func (s *Server) readForm(r *http.Request) error {
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || media != "application/x-www-form-urlencoded" {
		return app.Errorf(app.Unsupported, "The body must be sent as a form, application/x-www-form-urlencoded.")
	}
	if err := r.ParseForm(); err != nil {
		return app.Errorf(app.Invalid, "The form cannot be read.")
	}
	return nil
}

// goOn leads to a page after what was asked for is done.
func (s *Server) goOn(w http.ResponseWriter, r *http.Request, next string) {
	if !wantsJSON(r) {
		http.Redirect(w, r, next, http.StatusSeeOther)
		return
	}
	text, _ := json.Marshal(struct {
		Next string `json:"next"`
	}{next})
	s.answerJSON(w, r, http.StatusOK, text)
}

// showProblem shows a form again, with what is wrong with it. What the visitor
// cannot mend, and what a program sent, is an error as any other.
func (s *Server) showProblem(w http.ResponseWriter, r *http.Request, err error, show func(status int, sentence string) error) error {
	if throttled, ok := errors.AsType[*store.ThrottledError](err); ok {
		w.Header().Set("Retry-After", strconv.Itoa(int(throttled.RetryAfter.Seconds())))
	}
	problem, ok := errors.AsType[*app.Error](err)
	if !ok || wantsJSON(r) {
		return err
	}
	return show(statuses[problem.Code], problem.Message)
}
