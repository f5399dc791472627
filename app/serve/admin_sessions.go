package serve

import (
	"net/http"
	"net/url"

	"github.com/a-h/templ"

	"dashd/views"
)

// sessions serves the list of the browser sessions.
func (a admin) sessions(w http.ResponseWriter, r *http.Request, v *Visit, refused views.Form) error {
	all, err := a.listSessions(r, v, "")
	if err != nil {
		return err
	}
	list, pager := paged(r, all, "session")
	return a.show(w, r, v, "Sessions", refused, func(frame views.Admin) templ.Component { return frame.Sessions(list, pager) })
}

// listSessions returns the sessions of a user, or all for "".
func (a admin) listSessions(r *http.Request, v *Visit, user string) ([]views.AdminSession, error) {
	stored, err := a.store.Sessions(r.Context(), user)
	if err != nil {
		return nil, err
	}
	here, err := v.present(r.Context())
	if err != nil {
		return nil, err
	}
	var list []views.AdminSession
	for _, s := range stored {
		list = append(list, views.AdminSession{
			ID: s.ID, User: s.User, Agent: s.Agent, Address: s.Address,
			Created: s.Created, Seen: s.Seen, Values: s.Values,
			Here: here != nil && here.ID() == s.ID,
		})
	}
	return list, nil
}

// hereHash returns the hash of the session that asks, or nil.
func (a admin) hereHash(r *http.Request, v *Visit) ([]byte, error) {
	here, err := v.present(r.Context())
	if here == nil || err != nil {
		return nil, err
	}
	return here.Hash(), nil
}

// revokeSession signs a browser out. The form comes from the list of all
// sessions, or of those of a user.
func (a admin) revokeSession(r *http.Request, _ *Visit) (done, error) {
	if err := a.store.EndSessionByID(r.Context(), r.PostForm.Get("session")); err != nil {
		return done{}, err
	}
	to := "sessions/"
	if user := r.PostForm.Get("user"); user != "" {
		to = "users/" + url.PathEscape(user)
	}
	return went(to, "That browser is signed out.")
}
