package serve

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/a-h/templ"

	"dashd/app"
	"dashd/views"
)

// admin is the administration: the pages below /admin/, and what their forms
// do. It is for superusers alone.
type admin struct{ *Server }

// adminPage serves a page. refused is a form of the page that comes back with
// the reason; it is zero when the page is just looked at.
type adminPage func(w http.ResponseWriter, r *http.Request, v *Visit, refused views.Form) error

// deed does what a form asks for, and says where the visitor goes then. What
// the visitor can mend is an [app.Error].
type deed func(r *http.Request, v *Visit) (done, error)

// done is the result of a deed.
type done struct {
	to     string // path below /admin/
	notice views.Notice
	title  string
	show   func(views.Admin) templ.Component // when set, the answer is this page, with the title: what may be seen once
}

// went is the result of a deed that has one sentence to say.
func went(to, format string, args ...any) (done, error) {
	return done{to: to, notice: views.Notice{Text: fmt.Sprintf(format, args...)}}, nil
}

func (s *Server) adminRoutes() []siteRoute {
	a := admin{s}
	routes := []siteRoute{
		a.page("", a.overview),
		a.page("apps/", a.apps),
		a.form("apps/", "", a.checkAll, a.apps),
		a.page("apps/{slug}", a.app),
		a.form("apps/{slug}/check", "", a.check, a.app),
		a.form("apps/{slug}/access", "access", a.setAppAccess, a.app),
		a.form("apps/{slug}/forget", "", a.forgetApp, a.app),

		a.page("instances/", a.instances),
		a.form("instances/", "create", a.createInstance, a.instances),
		a.page("instances/{slug}", a.instance),
		a.form("instances/{slug}/describe", "describe", a.describeInstance, a.instance),
		a.form("instances/{slug}/untrack", "", a.untrack, a.instance),
		a.form("instances/{slug}/populate", "", a.populate, a.instance),
		a.form("instances/{slug}/reset", "", a.reset, a.instance),
		a.form("instances/{slug}/clone", "clone", a.clone, a.instance),
		a.form("instances/{slug}/restore", "", a.restore, a.instance),
		a.page("instances/{slug}/value", a.value),
		a.form("instances/{slug}/value", "value", a.setValue, a.value),
		a.page("instances/{slug}/state", a.state),
		a.form("instances/{slug}/state", "state", a.replaceState, a.state),
		a.page("instances/{slug}/export", a.export),
		a.page("instances/{slug}/delete", a.confirmDeleteInstance),
		a.form("instances/{slug}/delete", "", a.deleteInstance, a.confirmDeleteInstance),

		a.page("sessions/", a.sessions),
		a.form("sessions/", "", a.revokeSession, a.sessions),
		a.page("live/", a.live),
		a.form("live/", "publish", a.publishForm, a.live),
		a.page("audit/", a.auditLog),
		a.page("audit/export/{format}", a.exportAudit),
		a.page("errors/", a.errors),
	}
	routes = append(routes, a.analyticsRoutes()...)
	if s.config.Authenticate != nil {
		return append(routes, a.page("users/", a.foreign("Users")), a.page("groups/", a.foreign("Groups")))
	}
	return append(routes,
		a.page("users/", a.users),
		a.form("users/", "add", a.addUser, a.users),
		a.page("users/{name}", a.user),
		a.form("users/{name}/password", "password", a.setPassword, a.user),
		a.form("users/{name}/superuser", "", a.setSuperuser, a.user),
		a.form("users/{name}/groups", "groups", a.setGroups, a.user),
		a.form("users/{name}/signout", "", a.signOutUser, a.user),
		a.page("users/{name}/delete", a.confirmDeleteUser),
		a.form("users/{name}/delete", "", a.deleteUser, a.confirmDeleteUser),
		a.page("groups/", a.groups),
		a.form("groups/", "add", a.addGroup, a.groups),
		a.form("groups/{name}/add", "", a.addMember, a.groups),
		a.form("groups/{name}/remove", "", a.removeMember, a.groups),
		a.page("groups/{name}/delete", a.confirmDeleteGroup),
		a.form("groups/{name}/delete", "", a.deleteGroup, a.confirmDeleteGroup),
	)
}

// adminPath is where the administration is, below the base path.
const adminPath = "admin/"

// routePath returns the pattern of a path below /admin/.
func routePath(below string) string {
	if below == "" || strings.HasSuffix(below, "/") {
		below += "{$}"
	}
	return adminPath + below
}

// page is the route of a page.
func (a admin) page(below string, serve adminPage) siteRoute {
	return siteRoute{http.MethodGet, routePath(below), app.Restricted(), func(w http.ResponseWriter, r *http.Request, v *Visit) error {
		return serve(w, r, v, views.Form{})
	}}
}

// form is the route of a form: what it does, and the page that has it, which
// comes back with what was typed when the deed is refused.
func (a admin) form(below, name string, do deed, page adminPage) siteRoute {
	do = a.audited(below, do)
	return siteRoute{http.MethodPost, routePath(below), app.Restricted(), func(w http.ResponseWriter, r *http.Request, v *Visit) error {
		if err := a.readForm(r); err != nil {
			return err
		}
		result, err := do(r, v)
		if err != nil {
			return a.showProblem(w, r, err, func(status int, sentence string) error {
				return page(w, r, v, views.Form{Name: name, Values: r.PostForm, Reason: sentence, Status: status})
			})
		}
		a.config.Log.Info("changed in the administration", "path", r.URL.Path, "user", v.User().String(), "request", requestID(w))
		if result.show != nil {
			frame, err := a.frame(r, v, result.title, views.Form{})
			if err != nil {
				return err
			}
			a.render(w, r, http.StatusOK, result.show(frame))
			return nil
		}
		if err := a.notes(v).Set(noticeKey, result.notice); err != nil { // what was to be done is done
			a.config.Log.Debug("notice lost", "request", requestID(w), "err", err)
		}
		a.goOn(w, r, a.config.BasePath+adminPath+result.to)
		return nil
	}}
}

// notes is where a session keeps what the next page tells. No slug is like
// this, so apps do not see it.
func (a admin) notes(v *Visit) *app.Session { return v.Session().App("/" + adminPath) }

const noticeKey = "notice"

// frame begins a page: it tells the result of the deed before it.
func (a admin) frame(r *http.Request, v *Visit, title string, refused views.Form) (views.Admin, error) {
	section, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, a.config.BasePath+adminPath), "/")
	frame := views.Admin{
		Site:    a.site(title, v.User()),
		Base:    a.config.BasePath + adminPath,
		Styles:  a.bundles.url(a.config.BasePath, sitePackage, "admin.css"),
		Section: section,
		Form:    refused,
		Now:     a.store.Now(),
	}
	if r.Method != http.MethodGet { // a form that comes back has its own to tell
		return frame, nil
	}
	there, err := a.notes(v).Get(noticeKey, &frame.Notice)
	if there && err == nil {
		err = a.notes(v).Delete(noticeKey)
	}
	return frame, err
}

// show answers with a page.
func (a admin) show(w http.ResponseWriter, r *http.Request, v *Visit, title string, refused views.Form, page func(views.Admin) templ.Component) error {
	frame, err := a.frame(r, v, title, refused)
	if err != nil {
		return err
	}
	status := http.StatusOK
	if refused.Reason != "" {
		status = refused.Status
	}
	a.render(w, r, status, page(frame))
	return nil
}

// perPage is how many entries of a long list one page shows.
const perPage = 50

// paged returns the entries of a list that the page which a request asks for
// shows, and how to get to the others.
func paged[T any](r *http.Request, all []T, noun string) ([]T, views.Pager) {
	first, n, pager := pageAt(r, len(all), noun)
	return all[first : first+n], pager
}

// pageAt returns the first entry that the page shows, from 0, and how many it
// shows of a list of so many.
func pageAt(r *http.Request, total int, noun string) (first, n int, _ views.Pager) {
	query := r.URL.Query()
	page, _ := strconv.Atoi(query.Get("page"))
	page = min(max(page, 1), max((total+perPage-1)/perPage, 1))
	first = (page - 1) * perPage
	last := min(first+perPage, total)
	to := func(page int) string {
		query.Set("page", strconv.Itoa(page))
		return r.URL.EscapedPath() + "?" + query.Encode()
	}
	pager := views.Pager{First: first + 1, Last: last, Total: total, Noun: noun}
	if first > 0 {
		pager.Back = to(page - 1)
	}
	if last < total {
		pager.Next = to(page + 1)
	}
	return first, last - first, pager
}

// overviewLength is how many of the latest changes and errors the overview has.
const overviewLength = 5

// overview serves the first page of the administration.
func (a admin) overview(w http.ResponseWriter, r *http.Request, v *Visit, refused views.Form) error {
	apps, err := a.knownApps(r.Context())
	if err != nil {
		return err
	}
	instances, err := a.Instances().List(r.Context(), InstanceFilter{})
	if err != nil {
		return err
	}
	sessions, err := a.store.Sessions(r.Context(), "")
	if err != nil {
		return err
	}
	users, err := a.store.Users(r.Context())
	if err != nil {
		return err
	}
	slices.SortStableFunc(instances, func(x, y app.Instance) int { return y.Updated.Compare(x.Updated) })
	about := views.Overview{
		Apps: len(apps), Instances: len(instances), Users: len(users), Sessions: len(sessions),
		Changed: instances[:min(overviewLength, len(instances))],
		Errors:  a.failures.newest(overviewLength, ""),
	}
	for _, p := range apps {
		if !p.Here {
			about.Gone++
		}
	}
	return a.show(w, r, v, "Administration", refused, func(frame views.Admin) templ.Component { return frame.Overview(about) })
}
