package serve

import (
	"context"
	"net/http"
	"strings"

	"dashd/app"
	"dashd/store"
)

// place is where an app is served: as itself or as an instance, with or
// without initial arguments.
type place struct {
	mount    *mount          // nil when the program no longer has the instance's app
	instance *store.Instance // nil for the app itself
	slug     string          // of the app or instance
	prefix   string          // URL path, with the slash
}

// The kinds of places: the first part of their URLs.
const (
	kindApp      = "app"
	kindInstance = "instance"
)

var (
	errNoApp      = app.Errorf(app.NotFound, "There is no such app.")
	errNoInstance = app.Errorf(app.NotFound, "There is no such instance.")
	errAppGone    = app.Errorf(app.Gone, "The app of this instance is not part of this server any more. What the instance has saved is kept.")
)

// findTarget returns the place that a target names: see [place.target]. An app
// may stand there by its name, too.
func (s *Server) findTarget(ctx context.Context, target string) (place, error) {
	kind, slug, _ := strings.Cut(target, "/")
	return s.find(ctx, kind, slug)
}

// find returns the place of an app, by slug or name, or of an instance.
func (s *Server) find(ctx context.Context, kind, slug string) (place, error) {
	if kind == kindApp {
		if m := s.byName[slug]; m != nil {
			return place{mount: m, slug: m.app.Slug(), prefix: m.prefix}, nil
		}
		return place{}, errNoApp
	}
	if kind != kindInstance {
		return place{}, errNoPage
	}
	instance, err := s.store.Instance(ctx, slug)
	if app.ErrorCode(err) == app.NotFound {
		return place{}, errNoInstance
	}
	if err != nil {
		return place{}, err
	}
	return place{
		mount:    s.bySlug[instance.Instance().App],
		instance: instance,
		slug:     slug,
		prefix:   s.config.BasePath + kindInstance + "/" + slug + "/",
	}, nil
}

// target names the place: "app/<slug>" or "instance/<slug>".
func (p place) target() string {
	if p.instance != nil {
		return kindInstance + "/" + p.slug
	}
	return kindApp + "/" + p.slug
}

// access says who may open the place: what the instance says, or else what the
// store, the app's code, or the server's default say of the app.
func (s *Server) access(p place) app.Access {
	if p.instance != nil {
		if access := p.instance.Instance().Access; access != app.DefaultAccess {
			return access
		}
	}
	if p.mount == nil {
		return app.Restricted()
	}
	return s.appAccess(p.mount)
}

// admit is the one place that decides who may open apps and instances. An error
// of its own is Unauthorized or Forbidden.
func (s *Server) admit(v *Visit, p place) error {
	access := s.access(p)
	if access == app.Public {
		return nil
	}
	user, err := v.identify()
	if err != nil {
		return err
	}
	return permit(access, user)
}

func permit(access app.Access, user *app.User) error {
	switch {
	case access.Allows(user):
		return nil
	case user == nil:
		return app.Errorf(app.Unauthorized, "Sign in to see this.")
	default:
		return app.Errorf(app.Forbidden, "You may not open this. Ask its owner for access.")
	}
}

// turnAway answers a visitor who was not admitted: with the way to sign in
// where a person asks for a page.
func (s *Server) turnAway(w http.ResponseWriter, r *http.Request, err error) {
	if app.ErrorCode(err) == app.Unauthorized {
		if isElsewhere(r) {
			err = errForeign
		} else if url := s.signInURL(r); url != "" && isPage(r) {
			http.Redirect(w, r, url, http.StatusSeeOther)
			return
		}
	}
	s.fail(w, r, err)
}

// isPage reports whether a person's browser asks for a page.
func isPage(r *http.Request) bool {
	return (r.Method == http.MethodGet || r.Method == http.MethodHead) && !wantsJSON(r) &&
		strings.Contains(r.Header.Get("Accept"), "text/html")
}
