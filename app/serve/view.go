package serve

import (
	"bytes"
	"crypto/rand"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"

	"dashd/app"
)

// View is one HTTP face of an app.
type View string

// The views: section 1 of Dash's protocol.
const (
	ViewMain         View = "main"             // the page
	ViewLayout       View = "layout"           // _dash-layout
	ViewDependencies View = "dependencies"     // _dash-dependencies
	ViewUpdate       View = "update-component" // _dash-update-component
	ViewSuites       View = "component-suites" // _dash-component-suites/<package>/<path>
	ViewAssets       View = "assets"           // assets/<path>
	ViewClientside   View = "clientside"       // _dash-clientside.js: the inline functions of callbacks
	ViewReload       View = "reload-hash"      // _reload-hash
	ViewFavicon      View = "favicon"          // _favicon.ico
)

// viewOf splits the path below an app's URL into a view and what follows.
func viewOf(path string) (view View, rest string, ok bool) {
	switch path {
	case "":
		return ViewMain, "", true
	case "_dash-layout":
		return ViewLayout, "", true
	case "_dash-dependencies":
		return ViewDependencies, "", true
	case "_dash-update-component":
		return ViewUpdate, "", true
	case "_dash-clientside.js":
		return ViewClientside, "", true
	case "_reload-hash":
		return ViewReload, "", true
	case "_favicon.ico":
		return ViewFavicon, "", true
	}
	if rest, ok := strings.CutPrefix(path, "_dash-component-suites/"); ok {
		return ViewSuites, rest, true
	}
	if rest, ok := strings.CutPrefix(path, "assets/"); ok {
		return ViewAssets, rest, true
	}
	return "", path, false
}

// serveApp serves the views of the apps. path is what follows "app/" in the
// URL: "<name>/<view>".
func (s *Server) serveApp(w http.ResponseWriter, r *http.Request, path string) {
	name, path, _ := strings.Cut(path, "/")
	m := s.byName[name]
	if m == nil {
		s.fail(w, r, app.Errorf(app.NotFound, "There is no such app."))
		return
	}
	view, rest, ok := viewOf(path)
	if !ok {
		if !m.page.Routes || (r.Method != http.MethodGet && r.Method != http.MethodHead) {
			s.fail(w, r, errNoPage)
			return
		}
		view = ViewMain
	}
	if !s.allowMethod(w, r, view) {
		return
	}
	var err error
	switch view {
	case ViewMain:
		err = s.serveMain(w, r, m)
	case ViewLayout:
		err = s.serveLayout(w, r, m)
	case ViewDependencies:
		err = s.serveDependencies(w, r, m)
	case ViewUpdate:
		err = s.serveUpdate(w, r, m)
	case ViewSuites:
		s.bundles.serveSuite(w, r, rest, func(pkg string) bool { return m.allowed[pkg] })
	case ViewAssets:
		m.assets.serve(w, r, rest, func() { s.fail(w, r, errNoPage) })
	case ViewClientside:
		if m.page.Clientside == nil {
			err = errNoPage
			break
		}
		w.Header().Set("Content-Type", "text/javascript; charset=utf-8")
		w.Header().Set("Cache-Control", "no-cache")
		w.Header().Set("ETag", `"`+m.clientsideHash+`"`)
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(m.page.Clientside))
	case ViewReload:
		s.answerJSON(w, r, http.StatusOK, []byte(`{"files":[],"hard":false,"packages":[],"reloadHash":null}`))
	case ViewFavicon:
		if !m.assets.has("favicon.ico") {
			s.serveFavicon(w, r)
			return
		}
		m.assets.serve(w, r, "favicon.ico", func() { s.fail(w, r, errNoPage) })
	}
	if err != nil {
		s.fail(w, r, err)
	}
}

// allowMethod answers OPTIONS and the wrong methods.
func (s *Server) allowMethod(w http.ResponseWriter, r *http.Request, view View) bool {
	allow := "GET, HEAD, OPTIONS"
	allowed := r.Method == http.MethodGet || r.Method == http.MethodHead
	if view == ViewUpdate {
		allow = "POST, OPTIONS"
		allowed = r.Method == http.MethodPost
	}
	if allowed {
		return true
	}
	w.Header().Set("Allow", allow)
	if r.Method == http.MethodOptions {
		w.WriteHeader(http.StatusNoContent)
		return false
	}
	s.refuse(w, r, http.StatusMethodNotAllowed, "This address takes "+allow+".")
	return false
}

func (s *Server) serveMain(w http.ResponseWriter, r *http.Request, m *mount) error {
	page := m.html
	page.Nonce = rand.Text()
	page.Config = m.config[0] + rand.Text() + m.config[1]
	w.Header().Set("Content-Security-Policy", m.csp.header(page.Nonce))
	w.Header().Set("Cache-Control", "no-cache")
	s.render(w, r, http.StatusOK, page.Page())
	return nil
}

func (s *Server) serveLayout(w http.ResponseWriter, r *http.Request, m *mount) error {
	layout, err := m.app.LayoutJSON(r.Context(), s.call(w, r, m))
	if err != nil {
		return err
	}
	w.Header()["Cache-Control"] = noCache
	s.answerJSON(w, r, http.StatusOK, layout)
	return nil
}

func (s *Server) serveDependencies(w http.ResponseWriter, r *http.Request, m *mount) error {
	dependencies, err := m.app.DependenciesJSON()
	if err != nil {
		return err
	}
	w.Header()["Cache-Control"] = noCache
	s.answerJSON(w, r, http.StatusOK, dependencies)
	return nil
}

// noCache makes browsers ask again at each load.
var noCache = []string{"no-cache"}

// bodyTimeout is the time in which a request's body must have arrived.
const bodyTimeout = time.Minute

func (s *Server) serveUpdate(w http.ResponseWriter, r *http.Request, m *mount) error {
	if !isJSON(r.Header.Get("Content-Type")) {
		return app.Errorf(app.Unsupported, "The body must be sent as application/json.")
	}
	body, err := s.readBody(w, r)
	if err != nil {
		return err
	}
	answer, err := m.app.UpdateJSON(r.Context(), s.call(w, r, m), body)
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(answerTimeout)) // counts from now, however long that took
	switch {
	case err != nil:
		return err
	case answer == nil:
		w.WriteHeader(http.StatusNoContent)
	default:
		s.answerJSON(w, r, http.StatusOK, answer)
	}
	return nil
}

// readBody reads a bounded body in bounded time.
func (s *Server) readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	if r.ContentLength > s.config.MaxBody {
		return nil, s.tooLarge()
	}
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Now().Add(bodyTimeout)) // not every writer has deadlines
	var body []byte
	var err error
	if n := r.ContentLength; n >= 0 && n <= 64<<10 { // net/http gives no more than that
		body = make([]byte, n)
		_, err = io.ReadFull(r.Body, body)
	} else { // what is large grows as it arrives
		body, err = io.ReadAll(http.MaxBytesReader(w, r.Body, s.config.MaxBody))
	}
	if err != nil {
		if _, ok := err.(*http.MaxBytesError); ok {
			return nil, s.tooLarge()
		}
		return nil, app.Errorf(app.Invalid, "The body did not arrive whole.")
	}
	_ = control.SetReadDeadline(time.Time{}) // the callback may take its time
	return body, nil
}

func (s *Server) tooLarge() error {
	return app.Errorf(app.TooLarge, "The body is larger than the %d bytes that this server takes.", s.config.MaxBody)
}

func isJSON(contentType string) bool {
	if contentType == "application/json" {
		return true
	}
	media, _, err := mime.ParseMediaType(contentType)
	return err == nil && media == "application/json"
}

// call describes the request to the app.
func (s *Server) call(w http.ResponseWriter, r *http.Request, m *mount) *app.Call {
	return &app.Call{
		Request:   r,
		Header:    w.Header(),
		AppID:     m.app.Slug(),
		Prefix:    m.prefix,
		Page:      pageOf(r.URL.RawQuery),
		Dist:      m.dist,
		Log:       m.log,
		RequestID: requestID(w),
	}
}

// pageOf returns the end_id of the page that a callback's request comes from:
// the renderer puts it first in the query.
func pageOf(query string) string {
	rest, ok := strings.CutPrefix(query, "endId=")
	if !ok {
		return ""
	}
	id, _, _ := strings.Cut(rest, "&")
	return id
}
