package serve

import (
	"net/http"
	"slices"

	"dashd/app"
	"dashd/store"
	"dashd/views"
)

func (s *Server) serveAccount(w http.ResponseWriter, r *http.Request, v *Visit) error {
	account := views.Account{}
	if r.URL.Query().Has("changed") {
		account.Notice = "Your password has been changed."
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
			Created: session.Created, Seen: session.Seen, Here: session.ID == here.ID(),
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
		s.auditSignIn(r, v, user.Name, err)
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
	s.auditVisit(r, v, user.Name, auditPassword, "user "+user.Name, "")
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
	err = s.audited(v.doer(r).in(r.Context()), auditEnd, "session "+id, func() error { return s.store.EndSessionByID(r.Context(), id) })
	if err != nil {
		return err
	}
	s.goOn(w, r, s.config.BasePath+"account")
	return nil
}

func (s *Server) signOutEverywhere(w http.ResponseWriter, r *http.Request, v *Visit) error {
	user := v.User().Name
	if err := s.store.EndSessions(r.Context(), user, nil); err != nil {
		return err
	}
	s.auditVisit(r, v, user, auditEndAll, "user "+user, "")
	s.setSessionCookie(w, r, nil, "")
	s.goOn(w, r, s.config.BasePath)
	return nil
}
