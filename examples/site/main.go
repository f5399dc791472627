// Command site is an ordinary web site that has dashboards in its pages. dashd is
// mounted at one of its paths and keeps the users; the pages are the site's own.
//
//	dashd user add ann --data ./site-data
//	go run ./examples/site
package main

import (
	"cmp"
	_ "embed"
	"encoding/json"
	"html/template"
	"log"
	"net/http"

	"github.com/a-h/templ"

	"dashd/app"
	"dashd/app/serve"
	"dashd/examples/dashboard"
	"dashd/examples/simple"
	"dashd/views"
)

func main() {
	dash, err := newDash("./site-data")
	if err != nil {
		log.Fatal(err)
	}
	log.Print("serving http://127.0.0.1:8000/")
	log.Fatal(http.ListenAndServe("127.0.0.1:8000", newSite(dash)))
}

// newDash makes the server of the apps. Its sessions hold for all of the site.
func newDash(data string) (*serve.Server, error) {
	report := dashboard.New()
	report.Access = app.Authenticated
	return serve.New(serve.Config{
		Apps:     []*app.App{simple.New(), newWelcome(), report},
		BasePath: "/dash/",
		SitePath: "/",
		Data:     data,
	})
}

// newSite makes the site's handler.
func newSite(dash *serve.Server) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/dash/", dash.Handler())
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) { home(w, r, dash.Visit(w, r)) })
	mux.HandleFunc("GET /report", func(w http.ResponseWriter, r *http.Request) { report(w, r, dash.Visit(w, r)) })
	return mux
}

// home counts the visits, which the app Welcome shows, and has an app that
// starts with the colour of the page's URL.
func home(w http.ResponseWriter, r *http.Request, visit *serve.Visit) {
	if _, err := visit.Session().Add("visits", 1); err != nil {
		log.Print(err) // the page is worth more than the count
	}
	color, _ := json.Marshal(cmp.Or(r.FormValue("color"), "red")) // a string has a JSON form
	shirt := app.BaseState{"dropdown-color": {"value": color}, "dropdown-size": {"value": json.RawMessage(`"large"`)}}
	render(w, r, visit, "home", map[string]templ.Component{
		"Welcome": views.PlotlyApp{Name: "Welcome", AutoHeight: true},
		"Shirt":   views.PlotlyDirect{Name: "SimpleExample", Initial: shirt},
	})
}

// report is for those who have signed in.
func report(w http.ResponseWriter, r *http.Request, visit *serve.Visit) {
	if !visit.User().SignedIn() {
		http.Redirect(w, r, visit.SignInURL(), http.StatusSeeOther)
		return
	}
	render(w, r, visit, "report", map[string]templ.Component{
		"Report": views.PlotlyApp{Name: "Dashboard", AutoHeight: true, Height: "900px"},
	})
}

//go:embed pages.html
var source string

var pages = template.Must(template.New("").Parse(source))

// render writes a page with components of dashd's in it.
func render(w http.ResponseWriter, r *http.Request, visit *serve.Visit, page string, parts map[string]templ.Component) {
	parts["Header"], parts["Footer"] = views.PlotlyHeader{}, views.PlotlyFooter{}
	data := map[string]template.HTML{}
	for name, part := range parts {
		html, err := templ.ToGoHTML(visit.Context(r.Context()), part)
		if err != nil {
			log.Print(err)
		}
		data[name] = html
	}
	if err := pages.ExecuteTemplate(w, page, data); err != nil {
		log.Print(err)
	}
}
