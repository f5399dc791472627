package serve

import (
	"bytes"
	"cmp"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"dashd/app"
	"dashd/store"
)

// span is some days, as the analytics write them.
type span struct{ from, to string }

// Bounds of a span, in days.
const (
	usualSpan   = 30
	longestSpan = 3660
)

// parseSpan reads a span. What is left out is the last thirty days.
func parseSpan(from, to string, now time.Time) (span, error) {
	to = cmp.Or(to, store.Day(now))
	last, err := parseDay(to)
	if err != nil {
		return span{}, err
	}
	from = cmp.Or(from, store.Day(last.AddDate(0, 0, 1-usualSpan)))
	first, err := parseDay(from)
	switch {
	case err != nil:
		return span{}, err
	case last.Before(first):
		return span{}, app.Errorf(app.Invalid, "The first day, %s, is after the last, %s.", from, to)
	case last.Sub(first) > longestSpan*24*time.Hour:
		return span{}, app.Errorf(app.Invalid, "Ask for %d days at most.", longestSpan)
	}
	return span{from, to}, nil
}

func parseDay(text string) (time.Time, error) {
	t, err := time.Parse(time.DateOnly, text)
	if err != nil {
		return t, app.Errorf(app.Invalid, "A day is written as 2026-11-02.")
	}
	return t, nil
}

// days lists the days of the span.
func (s span) days() (days []string) {
	first, _ := parseDay(s.from)
	for t := first; store.Day(t) <= s.to; t = t.AddDate(0, 0, 1) {
		days = append(days, store.Day(t))
	}
	return days
}

// readAnalytics returns what has been counted, up to now.
func (s *Server) readAnalytics(ctx context.Context, days span) (*store.Analytics, error) {
	if err := s.analytics.save(ctx); err != nil { // what has been written can be read all the same
		s.config.Log.Error("analytics not written; they are kept for the next time", "err", err)
	}
	return s.store.Analytics(ctx, days.from, days.to)
}

// report is what people want to know of some days.
type report struct {
	days      []dailyReport
	targets   []targetReport   // the most viewed first
	users     []userReport     // those with the most views first
	callbacks []callbackReport // the slowest first

	views    int64
	visitors int64       // each once a day
	most     int64       // visitors of one day
	first    store.Times // from the pages to their first callback
}

// dailyReport is a day of a report.
type dailyReport struct {
	day      string
	views    map[string]int64 // by target; those of an app's instances count as its own, unless the report is of it alone
	visitors int64
	first    store.Times
}

// targetReport is an app or instance in a report.
type targetReport struct {
	app, target string
	views       map[store.ViewKind]int64
	sum         int64 // of the views
	visitors    int64 // each once a day
	first       store.Times
}

// userReport is a user in a report.
type userReport struct {
	user  string
	views int64
	days  int
}

// callbackReport is a callback in a report.
type callbackReport struct {
	app, callback string
	times         store.Times
}

// newReport makes the report of some days, of one app or with "" of all.
func newReport(a *store.Analytics, days span, slug string) *report {
	r := &report{}
	byDay := map[string]*dailyReport{}
	for _, day := range days.days() {
		r.days = append(r.days, dailyReport{day: day, views: map[string]int64{}})
	}
	for i := range r.days {
		byDay[r.days[i].day] = &r.days[i]
	}
	targets := newRows(func(key [2]string) *targetReport {
		return &targetReport{app: key[0], target: key[1], views: map[store.ViewKind]int64{}}
	})
	users := newRows(func(name string) *userReport { return &userReport{user: name} })
	callbacks := newRows(func(key [2]string) *callbackReport { return &callbackReport{app: key[0], callback: key[1]} })
	for _, v := range a.Views {
		if slug != "" && v.App != slug {
			continue
		}
		r.views += v.Views
		name := v.Target
		if slug == "" && v.App != "" {
			name = kindApp + "/" + v.App
		}
		byDay[v.Day].views[name] += v.Views
		t := targets.row([2]string{v.App, v.Target})
		t.views[v.Kind] += v.Views
		t.sum += v.Views
	}
	for _, v := range a.Visitors {
		if v.App == slug && v.Target == "" {
			byDay[v.Day].visitors = v.Visitors
			r.visitors += v.Visitors
			r.most = max(r.most, v.Visitors)
		} else if v.Target != "" && (slug == "" || v.App == slug) {
			targets.row([2]string{v.App, v.Target}).visitors += v.Visitors
		}
	}
	seen := map[[2]string]bool{} // user and day
	for _, u := range a.Users {
		if slug != "" && u.App != slug {
			continue
		}
		row := users.row(u.User)
		row.views += u.Views
		if day := [2]string{u.User, u.Day}; !seen[day] {
			seen[day] = true
			row.days++
		}
	}
	for _, t := range a.Timings {
		switch {
		case slug != "" && t.App != slug:
		case t.Kind == store.FirstTiming:
			r.first.Merge(&t.Times)
			byDay[t.Day].first.Merge(&t.Times)
			targets.row([2]string{t.App, t.Name}).first.Merge(&t.Times)
		default:
			callbacks.row([2]string{t.App, t.Name}).times.Merge(&t.Times)
		}
	}
	r.targets = targets.sorted(func(x, y targetReport) int {
		return cmp.Or(cmp.Compare(y.sum, x.sum), strings.Compare(x.target, y.target))
	})
	r.users = users.sorted(func(x, y userReport) int {
		return cmp.Or(cmp.Compare(y.views, x.views), strings.Compare(x.user, y.user))
	})
	r.callbacks = callbacks.sorted(func(x, y callbackReport) int {
		return cmp.Or(cmp.Compare(y.times.Quantile(slowPart), x.times.Quantile(slowPart)), strings.Compare(x.callback, y.callback))
	})
	return r
}

// slowPart is the part of the runs by which callbacks are called slow: 95 of a
// hundred take no longer.
const slowPart = 0.95

// failing are the callbacks that have failed, those that did most often first.
func (r *report) failing() []callbackReport {
	failing := slices.DeleteFunc(slices.Clone(r.callbacks), func(c callbackReport) bool { return c.times.Failures == 0 })
	slices.SortStableFunc(failing, func(x, y callbackReport) int { return cmp.Compare(y.times.Failures, x.times.Failures) })
	return failing
}

// runs returns how often callbacks ran, and how often they failed.
func (r *report) runs() (runs, failures int64) {
	for _, c := range r.callbacks {
		runs += c.times.Runs
		failures += c.times.Failures
	}
	return runs, failures
}

// rowsBy are the rows of a report by key.
type rowsBy[K comparable, R any] struct {
	make func(K) *R
	rows map[K]*R
}

func newRows[K comparable, R any](make func(K) *R) rowsBy[K, R] {
	return rowsBy[K, R]{make, map[K]*R{}}
}

func (b rowsBy[K, R]) row(key K) *R {
	if b.rows[key] == nil {
		b.rows[key] = b.make(key)
	}
	return b.rows[key]
}

func (b rowsBy[K, R]) sorted(compare func(x, y R) int) []R {
	sorted := make([]R, 0, len(b.rows))
	for _, row := range b.rows {
		sorted = append(sorted, *row)
	}
	slices.SortFunc(sorted, compare)
	return sorted
}

// duration writes how long something took for a person.
func duration(d time.Duration) string {
	switch {
	case d < time.Millisecond:
		return fmt.Sprintf("%d µs", d.Microseconds())
	case d < 10*time.Millisecond:
		return fmt.Sprintf("%.1f ms", d.Seconds()*1e3)
	case d < time.Second:
		return fmt.Sprintf("%.0f ms", d.Seconds()*1e3)
	}
	return fmt.Sprintf("%.1f s", d.Seconds())
}

// The forms of an export.
const (
	csvFormat  = "csv"
	jsonFormat = "json"
)

// export writes what was counted of some days for other programs.
func export(a *store.Analytics, days span, format string) ([]byte, error) {
	switch format {
	case csvFormat:
		return exportCSV(a)
	case jsonFormat:
		return exportJSON(a, days)
	}
	return nil, app.Errorf(app.Invalid, "An export is csv or json.")
}

// exported is the JSON of an export.
type exported struct {
	From           string             `json:"from"`
	To             string             `json:"to"`
	Views          []store.Views      `json:"views"`
	Visitors       []store.Visitors   `json:"visitors"`
	Users          []store.UserViews  `json:"users"`
	FirstCallbacks []exportedFirst    `json:"first_callbacks"`
	Callbacks      []exportedCallback `json:"callbacks"`
}

type exportedFirst struct {
	Day    string `json:"day"`
	App    string `json:"app"`
	Target string `json:"target"`
	exportedTimes
}

type exportedCallback struct {
	Day      string `json:"day"`
	App      string `json:"app"`
	Callback string `json:"callback"`
	exportedTimes
}

// exportedTimes are times in milliseconds.
type exportedTimes struct {
	Runs     int64   `json:"runs"`
	Failures int64   `json:"failures"`
	Mean     float64 `json:"mean_ms"`
	Median   float64 `json:"p50_ms"`
	Slow     float64 `json:"p95_ms"`
	Longest  float64 `json:"longest_ms"`
}

func newExportedTimes(t *store.Times) exportedTimes {
	ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1e3 }
	return exportedTimes{t.Runs, t.Failures, ms(t.Mean()), ms(t.Quantile(0.5)), ms(t.Quantile(slowPart)), ms(t.Longest)}
}

func exportJSON(a *store.Analytics, days span) ([]byte, error) {
	e := exported{
		From: days.from, To: days.to,
		Views: append([]store.Views{}, a.Views...), Visitors: append([]store.Visitors{}, a.Visitors...), Users: append([]store.UserViews{}, a.Users...),
		FirstCallbacks: []exportedFirst{}, Callbacks: []exportedCallback{},
	}
	for _, t := range a.Timings {
		if times := newExportedTimes(&t.Times); t.Kind == store.FirstTiming {
			e.FirstCallbacks = append(e.FirstCallbacks, exportedFirst{t.Day, t.App, t.Name, times})
		} else {
			e.Callbacks = append(e.Callbacks, exportedCallback{t.Day, t.App, t.Name, times})
		}
	}
	text, err := json.MarshalIndent(e, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("write the export: %w", err)
	}
	return append(text, '\n'), nil
}

// exportCSV writes one line for each number, so that all of them have the same
// columns.
func exportCSV(a *store.Analytics) ([]byte, error) {
	lines := [][]string{{"day", "app", "target", "measure", "name", "value"}}
	add := func(day, app, target, measure, name string, value any) {
		lines = append(lines, []string{day, app, target, measure, spreadsheetText(name), fmt.Sprint(value)})
	}
	for _, v := range a.Views {
		add(v.Day, v.App, v.Target, "views", string(v.Kind), v.Views)
	}
	for _, v := range a.Visitors {
		add(v.Day, v.App, v.Target, "visitors", "", v.Visitors)
	}
	for _, u := range a.Users {
		add(u.Day, u.App, u.Target, "user_views", u.User, u.Views)
	}
	for _, t := range a.Timings {
		measure, target, name := "callback", "", t.Name
		if t.Kind == store.FirstTiming {
			measure, target, name = "first_callback", t.Name, ""
		}
		times := newExportedTimes(&t.Times)
		add(t.Day, t.App, target, measure+"_runs", name, times.Runs)
		if t.Kind == store.CallbackTiming {
			add(t.Day, t.App, target, measure+"_failures", name, times.Failures)
		}
		add(t.Day, t.App, target, measure+"_mean_ms", name, times.Mean)
		add(t.Day, t.App, target, measure+"_p50_ms", name, times.Median)
		add(t.Day, t.App, target, measure+"_p95_ms", name, times.Slow)
		add(t.Day, t.App, target, measure+"_longest_ms", name, times.Longest)
	}
	var text bytes.Buffer
	if err := csv.NewWriter(&text).WriteAll(lines); err != nil {
		return nil, fmt.Errorf("write the export: %w", err)
	}
	return text.Bytes(), nil
}

// spreadsheetText keeps a spreadsheet from taking a name for a formula.
func spreadsheetText(name string) string {
	if name != "" && strings.ContainsRune("=+-@\t\r", rune(name[0])) {
		return "'" + name
	}
	return name
}
