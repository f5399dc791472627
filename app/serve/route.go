package serve

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"

	"dashd/app"
)

// siteRoute is a page of the site's own, or a form that one of them sends.
type siteRoute struct {
	method string     // GET also takes HEAD
	path   string     // below the base path, as ServeMux patterns are
	access app.Access // who may
	serve  func(w http.ResponseWriter, r *http.Request, v *Visit) error
}

// siteRoutes is the table of the routes besides those of apps, instances and
// static files. A test holds who may call each.
func (s *Server) siteRoutes(admin bool) []siteRoute {
	routes := slices.Concat(s.identityRoutes(), s.pipeRoutes(), s.djangoHealthRoutes())
	if !admin {
		return routes
	}
	routes = append(routes, s.pokeRoutes()...)
	if !s.config.NoAdmin {
		routes = append(routes, s.adminRoutes()...)
	}
	return routes
}

// maxForm bounds the body of a form.
const maxForm = 2 << 20

var errFormTooLarge = app.Errorf(app.TooLarge, "The form is larger than the %d bytes that this server takes.", maxForm)

// readForm reads the body, before anybody asks whose request it is: rights that
// end while it is on its way do not count any more.
func readForm(w http.ResponseWriter, r *http.Request) error {
	if r.ContentLength == 0 {
		return nil
	}
	if r.ContentLength > maxForm {
		return errFormTooLarge
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxForm))
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return errFormTooLarge
	}
	if err != nil {
		return app.Errorf(app.Invalid, "The body did not arrive whole.")
	}
	arrived(w)
	r.Body = io.NopCloser(bytes.NewReader(body))
	return nil
}

// handle adds the routes to mux, with what all of them need: access is decided
// here, and methods that a path does not take are refused.
func (s *Server) handle(mux *http.ServeMux, routes []siteRoute) {
	methods := map[string][]string{}
	for _, route := range routes {
		pattern := s.config.BasePath + route.path
		methods[pattern] = append(methods[pattern], route.method)
		mux.HandleFunc(route.method+" "+pattern, func(w http.ResponseWriter, r *http.Request) {
			if err := readForm(w, r); err != nil {
				s.fail(w, s.Visit(w, r).in(r), err)
				return
			}
			v := &Visit{server: s, w: w, r: r}
			if s.foreignOrigin(r) != "" {
				v.setForeign(nil)
			}
			defer v.end()
			r = v.in(r)
			user, err := v.identify()
			if err == nil {
				err = permit(route.access, user)
			}
			if err != nil {
				s.turnAway(w, r, err)
				return
			}
			w.Header().Set("Cache-Control", "no-store")
			if err := route.serve(w, r, v); err != nil {
				s.fail(w, r, err)
			}
		})
	}
	for pattern, allowed := range methods {
		if slices.Contains(allowed, http.MethodGet) {
			allowed = append(allowed, http.MethodHead)
		}
		slices.Sort(allowed)
		allow := strings.Join(slices.Compact(allowed), ", ")
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Allow", allow)
			s.refuse(w, s.Visit(w, r).in(r), http.StatusMethodNotAllowed, "This address takes "+allow+".")
		})
	}
}
