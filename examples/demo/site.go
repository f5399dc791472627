package demo

import (
	"bytes"
	"embed"
	"io/fs"
	"log/slog"
	"net/http"
	"strings"

	"github.com/a-h/templ"

	"dashd/app/serve"
	"dashd/examples"
)

// page is a page with apps.
type page struct {
	name    string // the path
	title   string
	about   string // in a sentence or two
	sources []source
	body    func(*http.Request) (templ.Component, error)

	before, after string // the pages next to it, or ""
}

// fixed is the body of a page that is the same for everybody.
func fixed(c templ.Component) func(*http.Request) (templ.Component, error) {
	return func(*http.Request) (templ.Component, error) { return c, nil }
}

// pages returns the pages in the order of the contents.
func pages() []page {
	pages := []page{
		{
			name: "demo-one", title: "An app in a page",
			about:   "One line puts an app into a page, in a frame that keeps its proportions.",
			sources: sourcesOf("demo/one.templ", "simple/simple.go"),
			body:    fixed(one()),
		},
		{
			name: "demo-two", title: "A saved instance",
			about:   "An instance is a copy of an app with a state of its own. This one does not save what visitors change, so each visit starts anew.",
			sources: sourcesOf("demo/two.templ", "demo/demo.go", "simple/simple.go"),
			body:    fixed(two()),
		},
		{
			name: "demo-three", title: "What a callback knows",
			about:   "Callbacks know the visitor, the session and the instance. Both apps count their calls in the same session; the second one’s choice is still there when you come back.",
			sources: sourcesOf("demo/three.templ", "demo/apps/ex2.go", "demo/demo.go"),
			body:    fixed(three()),
		},
		{
			name: "demo-four", title: "Live updating",
			about:   "Press a button: both graphs move, the shared one for everybody who looks at it.",
			sources: sourcesOf("demo/four.templ", "pipes/input.go", "pipes/output.go", "pipes/walks.go", "demo/four.go"),
			body:    demoFour,
		},
		{
			name: "demo-five", title: "Without a frame",
			about:   "The app is part of the page itself: it is as high as its content, and shares the page’s scripts.",
			sources: sourcesOf("demo/five.templ", "simple/simple.go"),
			body:    fixed(five()),
		},
		{
			name: "demo-six", title: "A message from the page",
			about:   "The page’s own handler puts a message into the session, and a callback of the app shows it.",
			sources: sourcesOf("demo/six.templ", "demo/six.go", "demo/apps/dash_example_1.go"),
			body:    demoSix,
		},
		{
			name: "demo-seven", title: "Bootstrap",
			about:   "An app made of Bootstrap components, in a frame with one of Bootstrap’s shapes: 21 by 9.",
			sources: sourcesOf("demo/seven.templ", "demo/apps/bootstrap.go"),
			body:    fixed(seven()),
		},
		{
			name: "demo-eight", title: "Session state",
			about:   "The page and the app write to one session, and each reads what the other wrote.",
			sources: sourcesOf("demo/eight.templ", "demo/eight.go", "demo/apps/django_session_state.go"),
			body:    demoEight,
		},
		{
			name: "demo-nine", title: "Assets",
			about:   "An app brings files of its own, and names them in either of two ways.",
			sources: sourcesOf("demo/nine.templ", "demo/apps/local_state.go"),
			body:    fixed(nine()),
		},
		{
			name: "demo-ten", title: "Several outputs",
			about:   "A callback sets several properties at once, or leaves the page as it is.",
			sources: sourcesOf("demo/ten.templ", "demo/apps/multiple_callback_values.go"),
			body:    fixed(ten()),
		},
		{
			name: "demo-eleven", title: "Somebody else’s components",
			about:   "Any component suite of Dash can be used: this is Cytoscape. The frame is as high as its content. Click a city.",
			sources: sourcesOf("demo/eleven.templ", "network/network.go"),
			body:    fixed(eleven()),
		},
		{
			name: "demo-twelve", title: "Ten apps in one page",
			about:   "Six in the page itself and four in frames, all live: they share one copy of Dash and one socket, and nothing else.",
			sources: sourcesOf("demo/twelve.templ", "demo/apps/orders.go", "demo/apps/temperature.go"),
			body:    fixed(twelve()),
		},
	}
	for i := range pages[1:] {
		pages[i].after, pages[i+1].before = pages[i+1].name, pages[i].name
	}
	return pages
}

// appLinks are the apps with a page of their own.
var appLinks = []struct{ slug, title, about string }{
	{"gallery", "Gallery", "Every component, each with a callback."},
	{"to-do", "To-do list", "Components that callbacks add and remove."},
	{"live-figure", "Live figure", "A graph that grows by patches."},
	{"clientside", "In the browser", "Callbacks in JavaScript."},
	{"editor", "Form editor", "Patterns of components, one callback."},
	{"network", "Network", "Somebody else’s component suite."},
}

//go:embed files
var files embed.FS

// handler serves the pages.
func handler() http.Handler {
	pages := pages()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		render(w, r, http.StatusOK, contents(pages))
	})
	for _, p := range pages {
		mux.HandleFunc("GET /"+p.name, func(w http.ResponseWriter, r *http.Request) {
			body, err := p.body(r)
			if err != nil {
				fail(w, r, err)
				return
			}
			render(w, r, http.StatusOK, p.demo(body))
		})
	}
	mux.HandleFunc("GET /demo-session-var", func(w http.ResponseWriter, r *http.Request) {
		if _, err := serve.VisitOf(r).Session().Add("add_counter", 1); err != nil {
			fail(w, r, err)
			return
		}
		render(w, r, http.StatusOK, contents(pages))
	})
	mux.HandleFunc("GET /demo/dashboard.png", func(w http.ResponseWriter, r *http.Request) {
		sendFile(w, r, examples.Files, "dashboard/dashboard.png")
	})
	mux.HandleFunc("GET /demo/{file}", func(w http.ResponseWriter, r *http.Request) {
		sendFile(w, r, files, "files/"+r.PathValue("file"))
	})
	mux.HandleFunc("GET /", func(w http.ResponseWriter, r *http.Request) {
		render(w, r, http.StatusNotFound, notFound(strings.Repeat("../", strings.Count(r.URL.Path, "/")-1)+"./"))
	})
	return mux
}

// sendFile sends a file of the site, which browsers keep for five minutes.
func sendFile(w http.ResponseWriter, r *http.Request, from fs.FS, name string) {
	w.Header().Set("Cache-Control", "max-age=300")
	http.ServeFileFS(w, r, from, name)
}

// policy is the Content-Security-Policy of pages with apps in them: what the
// apps need, and nothing of other hosts.
const policy = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; " +
	"worker-src 'self' blob:; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'self'"

// render sends a page, whole or not at all: an app in it may begin a session,
// and says so in the header.
func render(w http.ResponseWriter, r *http.Request, status int, c templ.Component) {
	var text bytes.Buffer
	if err := c.Render(r.Context(), &text); err != nil {
		fail(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", policy)
	w.Header().Set("Cache-Control", "no-cache")
	w.WriteHeader(status)
	_, _ = text.WriteTo(w) // the visitor may have gone
}

func fail(w http.ResponseWriter, r *http.Request, err error) {
	slog.ErrorContext(r.Context(), "a page of the demo failed", "path", r.URL.Path, "error", err)
	http.Error(w, "This page cannot be shown just now. What went wrong is in the log.", http.StatusInternalServerError)
}

// address returns the URL of the site's first page, as the visitor knows it.
func address(r *http.Request) string { return serve.VisitOf(r).Address() }
