package serve

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/a-h/templ"

	"dashd/app"
	"dashd/store"
	"dashd/views"
)

// apps serves the list of the apps: those of the binary, and those gone.
func (a admin) apps(w http.ResponseWriter, r *http.Request, v *Visit, refused views.Form) error {
	apps, err := a.knownApps(r.Context())
	if err != nil {
		return err
	}
	return a.show(w, r, v, "Apps", refused, func(frame views.Admin) templ.Component { return frame.Apps(apps) })
}

// app serves the page of one app.
func (a admin) app(w http.ResponseWriter, r *http.Request, v *Visit, refused views.Form) error {
	about, err := a.knownApp(r)
	if err != nil {
		return err
	}
	return a.show(w, r, v, about.Name, refused, func(frame views.Admin) templ.Component { return frame.App(about) })
}

// knownApps returns the apps that the store knows, by name; that are all.
func (a admin) knownApps(ctx context.Context) ([]views.AdminApp, error) {
	stored, err := a.store.Apps(ctx)
	if err != nil {
		return nil, err
	}
	var apps []views.AdminApp
	for _, about := range stored {
		apps = append(apps, a.describeApp(about))
	}
	slices.SortFunc(apps, func(x, y views.AdminApp) int {
		return cmp.Or(strings.Compare(x.Name, y.Name), strings.Compare(x.Slug, y.Slug))
	})
	return apps, nil
}

// knownApp returns the app that a request names.
func (a admin) knownApp(r *http.Request) (views.AdminApp, error) {
	apps, err := a.knownApps(r.Context())
	if err != nil {
		return views.AdminApp{}, err
	}
	slug := r.PathValue("slug")
	i := slices.IndexFunc(apps, func(p views.AdminApp) bool { return p.Slug == slug })
	if i < 0 {
		return views.AdminApp{}, errNoApp
	}
	return apps[i], nil
}

func (a admin) describeApp(stored store.App) views.AdminApp {
	about := views.AdminApp{
		Slug: stored.Slug, Name: stored.Name, Instances: stored.Instances,
		Created: stored.Created, Seen: stored.Seen,
	}
	if stored.Access != nil {
		about.Set = *stored.Access
	}
	m := a.bySlug[stored.Slug]
	if m == nil {
		return about
	}
	about.Here = true
	about.Title = m.page.Title
	about.URL = m.prefix
	about.Access = a.appAccess(m)
	about.Code = cmp.Or(m.code, a.config.DefaultAccess)
	switch {
	case about.Set != app.DefaultAccess:
		about.Source = "the administration"
	case m.code != app.DefaultAccess:
		about.Source = "its code"
	default:
		about.Source = "default"
	}
	return about
}

// mountOf returns the app that a request names, as it is served.
func (a admin) mountOf(r *http.Request) (*mount, error) {
	if m := a.bySlug[r.PathValue("slug")]; m != nil {
		return m, nil
	}
	return nil, app.Errorf(app.Conflict, "This app is not in this binary.")
}

// check makes what a page load of one app asks for.
func (a admin) check(r *http.Request, v *Visit) (done, error) {
	m, err := a.mountOf(r)
	if err != nil {
		return done{}, err
	}
	line, failed := a.checkApp(r, v, m)
	return done{to: "apps/" + url.PathEscape(m.app.Slug()), notice: views.Notice{Text: line, Bad: failed}}, nil
}

// checkAll checks each app, and tells the result of each.
func (a admin) checkAll(r *http.Request, v *Visit) (done, error) {
	var notice views.Notice
	var failing int
	for _, m := range a.Server.apps {
		line, failed := a.checkApp(r, v, m)
		if failed {
			failing++
		}
		notice.Lines = append(notice.Lines, line)
	}
	notice.Bad = failing > 0
	notice.Text = fmt.Sprintf("All %d apps work.", len(notice.Lines))
	if notice.Bad {
		notice.Text = fmt.Sprintf("%d of %d apps fail.", failing, len(notice.Lines))
	}
	return done{to: "apps/", notice: notice}, nil
}

// checkTimeout bounds the check of one app.
const checkTimeout = 30 * time.Second

// maxCheckLine bounds what a check tells of an app.
const maxCheckLine = 500

// checkApp makes the layout and the dependencies of an app, for the visitor
// who asks, and returns a line about that.
func (a admin) checkApp(r *http.Request, v *Visit, m *mount) (line string, failed bool) {
	ctx, cancel := context.WithTimeout(r.Context(), checkTimeout)
	defer cancel()
	begin := time.Now()
	layout, err := m.app.LayoutJSON(ctx, &app.Call{
		Request: r,
		Header:  http.Header{},
		AppID:   m.app.Slug(),
		App:     m.app.Slug(),
		Prefix:  m.prefix,
		Dist:    m.dist,
		Visitor: v,
		Log:     m.log,
	})
	if err == nil {
		_, err = m.app.DependenciesJSON()
	}
	if err != nil {
		m.log.Warn("the app fails its check", "err", err)
		return cut(fmt.Sprintf("%s fails: %v", m.app.Name(), err), maxCheckLine), true
	}
	took := time.Since(begin).Round(10 * time.Microsecond)
	return fmt.Sprintf("%s works: its layout has %.1f kB and was made in %v.", m.app.Name(), float64(len(layout))/1000, took), false
}

// setAppAccess says who may open an app, from now on.
func (a admin) setAppAccess(r *http.Request, _ *Visit) (done, error) {
	m, err := a.mountOf(r)
	if err != nil {
		return done{}, err
	}
	access, err := accessOf(r.PostForm)
	if err != nil {
		return done{}, err
	}
	set := &access
	if access == app.DefaultAccess {
		set = nil
	}
	slug := m.app.Slug()
	if err := a.store.SetAppAccess(r.Context(), slug, set); err != nil {
		return done{}, err
	}
	if err := a.loadAccess(r.Context()); err != nil {
		return done{}, err
	}
	unknown, err := a.unknown(r.Context(), access)
	return done{to: "apps/" + url.PathEscape(slug), notice: views.Notice{Text: "Saved. It counts from now on.", Lines: unknown}}, err
}

// accessOf reads the access of a form.
func accessOf(form url.Values) (app.Access, error) {
	text := form.Get("level")
	if text == string(app.Restricted()) {
		text += " " + strings.ReplaceAll(form.Get("who"), ",", " ")
	}
	return app.ParseAccess(text)
}

// unknown returns a sentence for each user and group that an access names and
// that is not there.
func (a admin) unknown(ctx context.Context, access app.Access) (sentences []string, err error) {
	who := strings.Fields(string(access))
	if len(who) < 2 || a.config.Authenticate != nil {
		return nil, nil
	}
	there := map[string]bool{}
	users, err := a.store.Users(ctx)
	if err != nil {
		return nil, err
	}
	for _, u := range users {
		there["user:"+u.Name] = true
	}
	groups, err := a.store.Groups(ctx)
	if err != nil {
		return nil, err
	}
	for _, g := range groups {
		there["group:"+g.Name] = true
	}
	for _, w := range who[1:] {
		if kind, name, _ := strings.Cut(w, ":"); !there[w] {
			sentences = append(sentences, fmt.Sprintf("There is no %s %s.", kind, name))
		}
	}
	return sentences, nil
}

// forgetApp removes what the store knows of an app that is gone.
func (a admin) forgetApp(r *http.Request, _ *Visit) (done, error) {
	slug := r.PathValue("slug")
	if a.bySlug[slug] != nil {
		return done{}, app.Errorf(app.Conflict, "This app is in this binary, so it cannot be forgotten.")
	}
	if err := a.store.ForgetApp(r.Context(), slug); err != nil {
		return done{}, err
	}
	return went("apps/", "The app %s is forgotten.", slug)
}
