package serve

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"dashd/app"
	"dashd/views"
)

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
	token := r.URL.Query().Get("token")
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
	s.auditVisit(r, v, form.Name, auditSetUp, "user "+form.Name, "")
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
