package serve

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/a-h/templ"

	"dashd/app"
	"dashd/store"
	"dashd/views"
)

// foreign serves the page in place of those of users and groups, where the site
// brings its own.
func (a admin) foreign(title string) adminPage {
	return func(w http.ResponseWriter, r *http.Request, v *Visit, refused views.Form) error {
		return a.show(w, r, v, title, refused, views.Admin.Foreign)
	}
}

// users serves the list of the users.
func (a admin) users(w http.ResponseWriter, r *http.Request, v *Visit, refused views.Form) error {
	stored, err := a.store.Users(r.Context())
	if err != nil {
		return err
	}
	var users []views.AdminUser
	for _, u := range stored {
		users = append(users, describeUser(u))
	}
	return a.show(w, r, v, "Users", refused, func(frame views.Admin) templ.Component { return frame.Users(users) })
}

func describeUser(u store.User) views.AdminUser {
	return views.AdminUser{Name: u.Name, Superuser: u.Superuser, Groups: u.Groups, Created: u.Created, SignedIn: u.SignedIn}
}

// addUser adds a user. A password that the server has made is shown this once.
func (a admin) addUser(r *http.Request, _ *Visit) (done, error) {
	name := strings.TrimSpace(r.PostForm.Get("name"))
	password, made := passwordOf(r)
	if err := a.store.AddUser(r.Context(), name, password, r.PostForm.Has("superuser")); err != nil {
		return done{}, err
	}
	if made {
		return showPassword(name, password), nil
	}
	return went("users/"+url.PathEscape(name), "The user %s is added.", name)
}

// passwordOf returns the password of a form, and makes one when that is empty.
func passwordOf(r *http.Request) (password string, made bool) {
	if password = r.PostForm.Get("password"); password != "" {
		return password, false
	}
	return store.GeneratePassword(), true
}

func showPassword(name, password string) done {
	return done{title: name, show: func(frame views.Admin) templ.Component { return frame.NewPassword(name, password) }}
}

// user serves the page of one user.
func (a admin) user(w http.ResponseWriter, r *http.Request, v *Visit, refused views.Form) error {
	stored, err := a.store.User(r.Context(), r.PathValue("name"))
	if err != nil {
		return err
	}
	about := views.AdminUserPage{AdminUser: describeUser(stored), Self: isSelf(v, stored.Name)}
	groups, err := a.store.Groups(r.Context())
	if err != nil {
		return err
	}
	for _, g := range groups {
		about.All = append(about.All, g.Name)
	}
	if about.Sessions, err = a.listSessions(r, v, stored.Name); err != nil {
		return err
	}
	return a.show(w, r, v, stored.Name, refused, func(frame views.Admin) templ.Component { return frame.UserPage(about) })
}

// isSelf reports whether the visitor is the named user.
func isSelf(v *Visit, name string) bool { return strings.EqualFold(v.User().String(), name) }

// setPassword gives a user another password, and ends the user's sessions, but
// not the one that asks.
func (a admin) setPassword(r *http.Request, v *Visit) (done, error) {
	name := r.PathValue("name")
	password, made := passwordOf(r)
	keep, err := a.hereHash(r, v)
	if err != nil {
		return done{}, err
	}
	if err := a.store.SetPassword(r.Context(), name, password, keep); err != nil {
		return done{}, err
	}
	if made {
		return showPassword(name, password), nil
	}
	return went("users/"+url.PathEscape(name), "%s has a new password.", name)
}

var errSelf = app.Errorf(app.Conflict, "You cannot do this to yourself. Ask another superuser.")

// setSuperuser makes a user a superuser or not.
func (a admin) setSuperuser(r *http.Request, v *Visit) (done, error) {
	name, on := r.PathValue("name"), r.PostForm.Get("superuser") == "on"
	if isSelf(v, name) {
		return done{}, errSelf
	}
	if err := a.store.SetSuperuser(r.Context(), name, on); err != nil {
		return done{}, err
	}
	if on {
		return went("users/"+url.PathEscape(name), "%s is a superuser now.", name)
	}
	return went("users/"+url.PathEscape(name), "%s is no superuser any more.", name)
}

// setGroups makes a user a member of the groups that are ticked, alone.
func (a admin) setGroups(r *http.Request, _ *Visit) (done, error) {
	user, err := a.store.User(r.Context(), r.PathValue("name"))
	if err != nil {
		return done{}, err
	}
	ticked := r.PostForm["group"]
	for _, g := range ticked {
		if slices.Contains(user.Groups, g) {
			continue
		}
		if err := a.store.AddMember(r.Context(), g, user.Name); err != nil {
			return done{}, err
		}
	}
	for _, g := range user.Groups {
		if slices.Contains(ticked, g) {
			continue
		}
		if err := a.store.RemoveMember(r.Context(), g, user.Name); err != nil {
			return done{}, err
		}
	}
	return went("users/"+url.PathEscape(user.Name), "Saved. It counts from now on.")
}

// signOutUser ends a user's sessions, but not the one that asks.
func (a admin) signOutUser(r *http.Request, v *Visit) (done, error) {
	name := r.PathValue("name")
	keep, err := a.hereHash(r, v)
	if err != nil {
		return done{}, err
	}
	if err := a.store.EndSessions(r.Context(), name, keep); err != nil {
		return done{}, err
	}
	return went("users/"+url.PathEscape(name), "%s is signed out.", name)
}

func (a admin) confirmDeleteUser(w http.ResponseWriter, r *http.Request, v *Visit, refused views.Form) error {
	user, err := a.store.User(r.Context(), r.PathValue("name"))
	if err != nil {
		return err
	}
	here := a.config.BasePath + adminPath + "users/" + url.PathEscape(user.Name)
	return a.show(w, r, v, "Delete "+user.Name, refused, func(frame views.Admin) templ.Component {
		return frame.Confirm(views.Confirmation{
			Question: "Delete the user " + user.Name + "?",
			Text:     "The user is signed out and cannot come back. What the user did in the history of instances stays.",
			Action:   "Delete",
			Post:     here + "/delete",
			Back:     here,
		})
	})
}

// deleteUser removes a user.
func (a admin) deleteUser(r *http.Request, v *Visit) (done, error) {
	name := r.PathValue("name")
	if isSelf(v, name) {
		return done{}, errSelf
	}
	if err := a.store.DeleteUser(r.Context(), name); err != nil {
		return done{}, err
	}
	if err := a.loadAccess(r.Context()); err != nil { // the name is in no app's any more
		return done{}, err
	}
	return went("users/", "The user %s is deleted.", name)
}
