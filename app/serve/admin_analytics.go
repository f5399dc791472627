package serve

import (
	"cmp"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/a-h/templ"

	"dashd/app"
	"dashd/app/dcc"
	"dashd/app/html"
	"dashd/store"
	"dashd/views"
)

// The paths of the analytics below /admin/: the page, the app in it, and what
// other programs read.
const (
	analyticsPath       = "analytics/"
	analyticsAppPath    = analyticsPath + "app/"
	analyticsExportPath = analyticsPath + "export"
)

func (a admin) analyticsRoutes() []siteRoute {
	return []siteRoute{
		a.page(analyticsPath, a.analytics),
		a.page(analyticsExportPath, a.exportAnalytics),
		{http.MethodGet, adminPath + analyticsAppPath + "{view...}", app.Restricted(), a.serveAnalyticsApp},
		{http.MethodPost, adminPath + analyticsAppPath + "{view...}", app.Restricted(), a.serveAnalyticsApp},
	}
}

// analytics serves the page with the app that draws the analytics.
func (a admin) analytics(w http.ResponseWriter, r *http.Request, v *Visit, refused views.Form) error {
	page := views.Analytics{
		App:    a.config.BasePath + adminPath + analyticsAppPath,
		Script: a.config.BasePath + embedScript,
		Styles: a.bundles.url(a.config.BasePath, sitePackage, "analytics.css"),
		Off:    a.config.NoAnalytics,
		Days:   int(a.config.AnalyticsKeep / (24 * time.Hour)),
	}
	return a.show(w, r, v, "Analytics", refused, func(frame views.Admin) templ.Component { return frame.Analytics(page) })
}

// exportAnalytics serves what was counted as a file.
func (a admin) exportAnalytics(w http.ResponseWriter, r *http.Request, _ *Visit, _ views.Form) error {
	query := r.URL.Query()
	days, counted, err := a.exportedDays(r.Context(), analyticsDays{From: query.Get("from"), To: query.Get("to")})
	if err != nil {
		return err
	}
	format := cmp.Or(query.Get("format"), csvFormat)
	text, err := export(counted, days, format)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Disposition", fmt.Sprintf(`attachment; filename="analytics-%s-%s.%s"`, days.from, days.to, format))
	w.Header().Set("Content-Type", map[string]string{csvFormat: "text/csv; charset=utf-8", jsonFormat: "application/json"}[format])
	a.answer(w, r, http.StatusOK, text)
	return nil
}

// newAnalyticsApp mounts the app that draws the analytics. It is none of the
// server's apps: it has its place below /admin/, and is not counted itself.
func (s *Server) newAnalyticsApp(suites []*app.Suite) (*mount, error) {
	if s.config.NoAdmin {
		return nil, nil
	}
	m, err := s.newMount(analyticsApp{s}.make(), suites)
	if err != nil {
		return nil, fmt.Errorf("make the analytics: %w", err)
	}
	return m, nil
}

// serveAnalyticsApp serves the views of the app.
func (a admin) serveAnalyticsApp(w http.ResponseWriter, r *http.Request, v *Visit) (err error) {
	v.place = place{mount: a.analyticsApp, slug: a.analyticsApp.app.Slug(), prefix: a.config.BasePath + adminPath + analyticsAppPath}
	var ok bool
	if v.View, v.rest, ok = viewOf(r.PathValue("view")); !ok {
		return errNoPage
	}
	if a.allowMethod(w, r, v.View) {
		a.serveView(w, r, v)
	}
	return nil
}

// analyticsApp is a Dash app like any other.
type analyticsApp struct{ *Server }

func (a analyticsApp) make() *app.App {
	board := app.New("dashd-analytics")
	board.Title = "Analytics"
	board.UpdateTitle = " "
	for _, file := range []string{"site.css", "admin.css", "analytics.css"} {
		board.Stylesheets = append(board.Stylesheets, a.bundles.url(a.config.BasePath, sitePackage, file))
	}
	board.LayoutFunc = a.layout
	board.Callback(
		app.Output("numbers", "children"),
		app.Output("views", "figure"),
		app.Output("first", "figure"),
		app.Output("lists", "children"),
		app.Output("csv", "href"),
		app.Output("json", "href"),
		app.Input("days", "start_date"),
		app.Input("days", "end_date"),
		app.Input("app", "value"),
	).Do(a.draw)
	return board
}

// allApps is the choice of all apps: no slug is like this.
const allApps = "*"

// layout makes the page as it is at first: of the last thirty days.
func (a analyticsApp) layout(*app.Context) (app.Component, error) {
	now := time.Now()
	if a.store != nil { // not so while the app is checked
		now = a.store.Now()
	}
	choices := dcc.Options{{Label: "All apps", Value: allApps}}
	for _, m := range a.apps {
		choices = append(choices, dcc.Option{Label: m.page.Title, Value: m.app.Slug()})
	}
	graph := func(id app.ID, title string) app.Component {
		return html.Section{ClassName: "graph", Children: app.List{
			html.H2{Children: title},
			dcc.Graph{ID: id, Config: app.Dict{"displayModeBar": false, "responsive": true}},
		}}
	}
	return html.Div{ClassName: "admin analytics", Children: app.List{
		html.Div{ClassName: "choices", Children: app.List{
			html.Div{ClassName: "field", Children: app.List{
				html.Label{Children: "App", HTMLFor: "app"},
				dcc.Dropdown{ID: "app", Options: choices, Value: allApps, Clearable: new(false), Searchable: new(len(choices) > 10)},
			}},
			html.Div{ClassName: "field", Children: app.List{
				html.Label{Children: "Days", HTMLFor: "days"},
				dcc.DatePickerRange{
					ID: "days", StartDate: store.Day(now.AddDate(0, 0, 1-usualSpan)), EndDate: store.Day(now), MaxDateAllowed: store.Day(now),
					DisplayFormat: "YYYY-MM-DD", FirstDayOfWeek: 1, MinimumNights: 0, Updatemode: dcc.DatePickerRangeUpdatemodeBothdates,
				},
			}},
			html.Div{ClassName: "exports", Children: app.List{
				html.A{ID: "csv", Children: "Save as CSV", ClassName: "button quiet"},
				html.A{ID: "json", Children: "Save as JSON", ClassName: "button quiet"},
			}},
		}},
		html.Ul{ID: "numbers", ClassName: "numbers"},
		graph("views", "Views and visitors"),
		graph("first", "From the page to its first callback"),
		html.Div{ID: "lists"},
	}}, nil
}

// draw draws the choice.
func (a analyticsApp) draw(ctx *app.Context, from, to, slug string) (numbers app.List, viewed, first app.Figure, lists app.List, csv, json string, err error) {
	if from == "" || to == "" { // one of the two has been chosen
		return nil, first, first, nil, "", "", app.ErrPreventUpdate
	}
	days, err := parseSpan(from[:min(len(from), len(time.DateOnly))], to[:min(len(to), len(time.DateOnly))], a.store.Now())
	if err != nil {
		return nil, first, first, nil, "", "", err
	}
	counted, err := a.readAnalytics(ctx, days)
	if err != nil {
		return nil, first, first, nil, "", "", err
	}
	if slug == allApps {
		slug = ""
	}
	r := newReport(counted, days, slug)
	return numbersOf(r), a.viewsFigure(r), firstFigure(r), a.lists(r), a.exportURL(days, csvFormat), a.exportURL(days, jsonFormat), nil
}

func (a analyticsApp) exportURL(days span, format string) string {
	query := url.Values{"from": {days.from}, "to": {days.to}, "format": {format}}
	return a.config.BasePath + adminPath + analyticsExportPath + "?" + query.Encode()
}

// label names a target for people.
func (a analyticsApp) label(target string) string {
	kind, slug, _ := strings.Cut(target, "/")
	switch {
	case target == store.SiteTarget:
		return "Pages of the site"
	case target == store.Others:
		return "Others"
	case kind == kindApp && a.bySlug[slug] != nil:
		return a.bySlug[slug].page.Title
	}
	return slug
}

// numbersOf are the most important numbers of a report.
func numbersOf(r *report) (items app.List) {
	add := func(number, about string) {
		items = append(items, html.Li{Children: app.List{html.Strong{Children: number}, html.Span{Children: about}}})
	}
	some := func(n int64, d time.Duration) string {
		if n == 0 {
			return "–"
		}
		return duration(d)
	}
	runs, failures := r.runs()
	add(fmt.Sprint(r.views), "views")
	add(fmt.Sprintf("%.1f", float64(r.visitors)/float64(max(1, len(r.days)))), fmt.Sprintf("visitors a day, at most %d", r.most))
	add(fmt.Sprint(len(r.users)), "users")
	add(some(r.first.Runs, r.first.Quantile(0.5)), "median time to the first callback")
	add(fmt.Sprint(runs), "runs of callbacks")
	add(fmt.Sprint(failures), "of them failed")
	return items
}

// The colours of the graphs can be seen on a light ground and on a dark one.
var seriesColours = []string{"#4c8bd6", "#e08a3c", "#4aa36c", "#b56bb5", "#cc5f67", "#8f9440", "#3fa3b5"}

const (
	otherColour = "#8592a0"
	lineColour  = "#d6336c"
	gridColour  = "rgba(128, 140, 152, 0.25)"
)

// figureLayout is what the graphs have in common, with more.
func figureLayout(r *report, more app.Dict) app.Dict {
	axis := app.Dict{"gridcolor": gridColour, "zerolinecolor": gridColour, "fixedrange": true, "rangemode": "tozero", "automargin": true}
	days := app.Dict{"gridcolor": gridColour, "fixedrange": true, "type": "date", "tickformat": "%-d %b", "hoverformat": "%a %-d %b %Y"}
	if n := len(r.days); n <= 10 {
		days["dtick"] = 24 * time.Hour.Milliseconds()
		days["tick0"] = r.days[0].day
	}
	layout := app.Dict{
		"paper_bgcolor": "rgba(0,0,0,0)", "plot_bgcolor": "rgba(0,0,0,0)",
		"font":   app.Dict{"family": "system-ui, sans-serif", "size": 13},
		"margin": app.Dict{"l": 40, "r": 10, "t": 10, "b": 30}, "height": 300,
		"legend":    app.Dict{"orientation": "h", "y": -0.2, "itemclick": false, "itemdoubleclick": false},
		"hovermode": "x unified", "dragmode": false, "showlegend": true,
		"xaxis": days, "yaxis": axis,
	}
	maps.Copy(layout, more)
	return layout
}

// viewsFigure draws the views of each day, by what was viewed, and its visitors.
func (a analyticsApp) viewsFigure(r *report) app.Figure {
	sums := map[string]int64{}
	var days []string
	var visitors []int64
	for _, d := range r.days {
		days, visitors = append(days, d.day), append(visitors, d.visitors)
		for name, n := range d.views {
			sums[name] += n
		}
	}
	names := slices.SortedFunc(maps.Keys(sums), func(x, y string) int {
		return cmp.Or(cmp.Compare(sums[y], sums[x]), strings.Compare(x, y))
	})
	bar := func(label, colour string, names []string) app.Dict {
		var counts []int64
		for _, d := range r.days {
			var n int64
			for _, name := range names {
				n += d.views[name]
			}
			counts = append(counts, n)
		}
		return app.Dict{"type": "bar", "name": label, "x": days, "y": counts, "marker": app.Dict{"color": colour}}
	}
	var data app.List
	shown := names[:min(len(names), len(seriesColours))]
	for i, name := range shown {
		data = append(data, bar(a.label(name), seriesColours[i], []string{name}))
	}
	if rest := names[len(shown):]; len(rest) > 0 {
		data = append(data, bar(fmt.Sprintf("%d others", len(rest)), otherColour, rest))
	}
	data = append(data, app.Dict{
		"type": "scatter", "mode": "lines+markers", "name": "Visitors", "x": days, "y": visitors,
		"line": app.Dict{"color": lineColour, "width": 2}, "marker": app.Dict{"size": 5},
	})
	return app.Figure{Data: data, Layout: figureLayout(r, app.Dict{"barmode": "stack", "bargap": 0.25})}
}

// firstFigure draws how long the pages of each day took to their first callback.
func firstFigure(r *report) app.Figure {
	line := func(name, colour string, part float64) app.Dict {
		var days []string
		var seconds []any
		for _, d := range r.days {
			days = append(days, d.day)
			if d.first.Runs == 0 {
				seconds = append(seconds, nil)
				continue
			}
			seconds = append(seconds, d.first.Quantile(part).Seconds())
		}
		return app.Dict{
			"type": "scatter", "mode": "lines+markers", "name": name, "x": days, "y": seconds,
			"line": app.Dict{"color": colour, "width": 2}, "marker": app.Dict{"size": 6}, "hovertemplate": "%{y:.2f} s",
		}
	}
	layout := figureLayout(r, app.Dict{"height": 260})
	layout["yaxis"].(app.Dict)["ticksuffix"] = " s"
	return app.Figure{
		Data:   app.List{line("50 % of the pages", seriesColours[0], 0.5), line("95 % of the pages", lineColour, slowPart)},
		Layout: layout,
	}
}

// Bounds of the lists; an export has all.
const shownRows = 50

// lists are the tables of a report.
func (a analyticsApp) lists(r *report) app.List {
	var targets, users, slow, failing [][]any
	for _, t := range r.targets {
		first, slowFirst := "–", "–"
		if t.first.Runs > 0 {
			first, slowFirst = duration(t.first.Quantile(0.5)), duration(t.first.Quantile(slowPart))
		}
		targets = append(targets, []any{
			app.List{html.Strong{Children: a.label(t.target)}, " ", html.Span{Children: t.target, ClassName: "faint"}},
			t.sum, t.views[store.PageView], t.views[store.EmbedView], t.views[store.HealthView], t.visitors, first, slowFirst,
		})
	}
	for _, u := range r.users {
		users = append(users, []any{cmp.Or(u.user, "others"), u.views, u.days})
	}
	row := func(c callbackReport) []any {
		t := &c.times
		return []any{app.List{html.Code{Children: c.callback}, " ", html.Span{Children: a.label(kindApp + "/" + c.app), ClassName: "faint"}},
			t.Runs, t.Failures, duration(t.Mean()), duration(t.Quantile(slowPart)), duration(t.Longest)}
	}
	for _, c := range r.callbacks[:min(shownCallbacks, len(r.callbacks))] {
		slow = append(slow, row(c))
	}
	for _, c := range r.failing() {
		failing = append(failing, row(c))
	}
	callbackHead := []string{"Callback", "Runs", "Failures", "Mean", "95 % within", "Longest"}
	return app.List{
		list("Apps and instances", "Nothing has been viewed in these days.", []string{"Viewed", "Views", "Pages", "Embedded", "Health route", "Daily visitors", "First callback", "95 % within"}, targets),
		list("Users", "Nobody who had signed in has viewed anything in these days.", []string{"User", "Views", "Days"}, users),
		list("Slowest callbacks", "No callback has run in these days.", callbackHead, slow),
		list("Failing callbacks", "No callback has failed in these days.", callbackHead, failing),
	}
}

// list is a table that looks like those of the administration.
func list(title, empty string, head []string, rows [][]any) app.Component {
	if len(rows) == 0 {
		return html.Section{Children: app.List{html.H2{Children: title}, html.P{Children: empty, ClassName: "empty"}}}
	}
	var names, body app.List
	for _, name := range head {
		names = append(names, html.Th{Children: name})
	}
	for _, row := range rows[:min(shownRows, len(rows))] {
		var cells app.List
		for i, cell := range row {
			cells = append(cells, html.Td{Children: cell, Props: app.Props{"data-label": head[i]}})
		}
		body = append(body, html.Tr{Children: cells})
	}
	section := app.List{html.H2{Children: title}, html.Table{ClassName: "list stack", Children: app.List{
		html.Thead{Children: html.Tr{Children: names}}, html.Tbody{Children: body},
	}}}
	if more := len(rows) - shownRows; more > 0 {
		section = append(section, html.P{Children: fmt.Sprintf("And %d more: save them.", more), ClassName: "faint"})
	}
	return html.Section{Children: section}
}
