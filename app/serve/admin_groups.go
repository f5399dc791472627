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

// groups serves the list of the groups with their members.
func (a admin) groups(w http.ResponseWriter, r *http.Request, v *Visit, refused views.Form) error {
	stored, err := a.store.Groups(r.Context())
	if err != nil {
		return err
	}
	users, err := a.store.Users(r.Context())
	if err != nil {
		return err
	}
	var groups []views.AdminGroup
	for _, g := range stored {
		group := views.AdminGroup{Name: g.Name, Members: g.Members}
		for _, u := range users {
			if !slices.Contains(g.Members, u.Name) {
				group.Others = append(group.Others, u.Name)
			}
		}
		groups = append(groups, group)
	}
	return a.show(w, r, v, "Groups", refused, func(frame views.Admin) templ.Component { return frame.Groups(groups) })
}

// addGroup adds a group.
func (a admin) addGroup(r *http.Request, _ *Visit) (done, error) {
	name := strings.TrimSpace(r.PostForm.Get("name"))
	if err := a.store.AddGroup(r.Context(), name); err != nil {
		return done{}, err
	}
	return went("groups/", "The group %s is added.", name)
}

// addMember adds a user to a group.
func (a admin) addMember(r *http.Request, _ *Visit) (done, error) {
	group, user := r.PathValue("name"), r.PostForm.Get("user")
	if err := a.store.AddMember(r.Context(), group, user); err != nil {
		return done{}, err
	}
	return went("groups/", "%s is a member of %s now.", user, group)
}

// removeMember removes a user from a group.
func (a admin) removeMember(r *http.Request, _ *Visit) (done, error) {
	group, user := r.PathValue("name"), r.PostForm.Get("user")
	if err := a.store.RemoveMember(r.Context(), group, user); err != nil {
		return done{}, err
	}
	return went("groups/", "%s is no member of %s any more.", user, group)
}

func (a admin) confirmDeleteGroup(w http.ResponseWriter, r *http.Request, v *Visit, refused views.Form) error {
	name := r.PathValue("name")
	stored, err := a.store.Groups(r.Context())
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(stored, func(g store.Group) bool { return g.Name == name }) {
		return app.Errorf(app.NotFound, "There is no such group.")
	}
	groups := a.config.BasePath + adminPath + "groups/"
	return a.show(w, r, v, "Delete "+name, refused, func(frame views.Admin) templ.Component {
		return frame.Confirm(views.Confirmation{
			Question: "Delete the group " + name + "?",
			Text:     "Its members stay users. What is restricted to the group is closed to them.",
			Action:   "Delete",
			Post:     groups + url.PathEscape(name) + "/delete",
			Back:     groups,
		})
	})
}

// deleteGroup removes a group.
func (a admin) deleteGroup(r *http.Request, _ *Visit) (done, error) {
	name := r.PathValue("name")
	if err := a.store.DeleteGroup(r.Context(), name); err != nil {
		return done{}, err
	}
	if err := a.loadAccess(r.Context()); err != nil { // the name is in no app's any more
		return done{}, err
	}
	return went("groups/", "The group %s is deleted.", name)
}
