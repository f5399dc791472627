// Package dashboard is a small dashboard as people make them: a year of bicycle
// counts with filters, figures that filter each other, a table and a download.
//
// Everything that is shown reads the filters, and a click or a selection in a
// graph writes them: the filters are all that the page has to remember.
package dashboard

import (
	"cmp"
	"encoding/csv"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"dashd/app"
	"dashd/app/dbc"
	"dashd/app/dcc"
	"dashd/app/html"
	"dashd/app/table"
)

// New makes the app.
func New() *app.App {
	a := app.New("Dashboard")
	a.Title = "Bicycles in 2025"
	a.Access = app.Public
	a.Layout = dbc.Container{Fluid: "xxl", ClassName: "py-3", Children: app.List{
		header(),
		controls(),
		numbers(),
		dbc.Row{ClassName: "g-3", Children: app.List{
			graph("timeline", 8, "Over the year", "Drag over a time to choose it.", steps()),
			graph("by-counter", 4, "By counter", "Click to choose counters.", nil),
			graph("weather", 5, "By temperature", "One point for each day. Drag to choose.", nil),
			rows(),
		}},
	}}

	// onFilters adds a callback that runs when a filter changes.
	onFilters := func(args ...app.Arg) *app.Callback {
		return a.Callback(append(args,
			app.Input("counters", "value"),
			app.Input("dates", "start_date"),
			app.Input("dates", "end_date"),
			app.Input("celsius", "value"),
			app.Input("days", "value"),
		)...)
	}

	onFilters(
		app.Output("total", "children"),
		app.Output("daily", "children"),
		app.Output("busiest", "children"),
		app.Output("wet", "children"),
	).Do(summarise)

	onFilters(
		app.Output("by-counter", "figure"),
		app.Output("weather", "figure"),
	).Do(func(f filters) (app.Figure, app.Figure) { return byCounter(f), weather(f) })

	onFilters(
		app.Output("timeline", "figure"),
		app.Input("step", "value"),
	).Do(func(in struct {
		filters
		Step string `dash:"step.value"`
	}) app.Figure {
		return timeline(in.filters, in.Step)
	})

	onFilters(
		app.Output("table", "data"),
		app.Output("table", "page_count"),
		app.Input("table", "page_current"),
		app.Input("table", "sort_by"),
	).Do(func(in struct {
		filters
		Page int      `dash:"table.page_current"`
		Sort []sortBy `dash:"table.sort_by"`
	}) ([]count, int) {
		return tablePage(in.filters.counts(), in.Page, in.Sort)
	})

	// A new choice of the filters begins with the first page.
	onFilters(
		app.Output("table", "page_current"),
		app.PreventInitialCall(),
	).Do(func(filters) int { return 0 })

	a.Callback(
		app.Output("download", "data"),
		app.Input("save", "n_clicks"),
		app.State("counters", "value"),
		app.State("dates", "start_date"),
		app.State("dates", "end_date"),
		app.State("celsius", "value"),
		app.State("days", "value"),
		app.PreventInitialCall(),
	).Do(func(in struct {
		filters
		Clicks int `dash:"save.n_clicks"`
	}) (dcc.DownloadData, error) {
		return download(in.filters.counts())
	})

	link(a)
	return a
}

// link makes the graphs write the filters.
func link(a *app.App) {
	// The click is cleared, so that a second one on the same bar is a change.
	a.Callback(
		app.Output("counters", "value").AllowDuplicate(),
		app.Output("by-counter", "clickData"),
		app.Input("by-counter", "clickData"),
		app.State("counters", "value"),
		app.PreventInitialCall(),
	).Do(func(clicked struct{ Points []struct{ Y string } }, chosen []string) ([]string, any, error) {
		if len(clicked.Points) == 0 {
			return nil, nil, app.ErrPreventUpdate
		}
		return toggle(chosen, clicked.Points[0].Y), nil, nil
	})

	a.Callback(
		app.Output("dates", "start_date").AllowDuplicate(),
		app.Output("dates", "end_date").AllowDuplicate(),
		app.Input("timeline", "selectedData"),
		app.PreventInitialCall(),
	).Do(func(selected struct{ Range struct{ X []string } }) (from, to string, err error) {
		x := selected.Range.X
		if len(x) != 2 { // the new figure has taken the selection away
			return "", "", app.ErrPreventUpdate
		}
		return dateOf(x[0]), dateOf(x[1]), nil
	})

	a.Callback(
		app.Output("celsius", "value").AllowDuplicate(),
		app.Input("weather", "selectedData"),
		app.PreventInitialCall(),
	).Do(func(selected struct{ Range struct{ X []float64 } }) (celsius [2]float64, err error) {
		x := selected.Range.X
		if len(x) != 2 {
			return celsius, app.ErrPreventUpdate
		}
		return [2]float64{max(coldest, round(x[0])), min(hottest, round(x[1]))}, nil
	})

	a.Callback(
		app.Output("counters", "value").AllowDuplicate(),
		app.Output("dates", "start_date").AllowDuplicate(),
		app.Output("dates", "end_date").AllowDuplicate(),
		app.Output("celsius", "value").AllowDuplicate(),
		app.Output("days", "value"),
		app.Input("reset", "n_clicks"),
		app.PreventInitialCall(),
	).Do(func(int) (counters []string, from, to string, celsius [2]float64, days string) {
		return []string{}, firstDay, lastDay, [2]float64{coldest, hottest}, allDays
	})
}

// header is the page's heading and its buttons.
func header() app.Component {
	return html.Div{ClassName: "d-flex flex-wrap justify-content-between align-items-end gap-2 mb-3", Children: app.List{
		html.Div{Children: app.List{
			html.H1{Children: "Bicycles in 2025", ClassName: "h3 mb-0"},
			html.Div{Children: "Eight counters of an invented town", ClassName: "text-secondary"},
		}},
		html.Div{ClassName: "d-flex gap-2", Children: app.List{
			dbc.Button{ID: "reset", Children: "Reset", Color: "secondary", Outline: true, Size: "sm"},
			dbc.Button{ID: "save", Children: "Save as CSV", Color: "dark", Size: "sm"},
			dcc.Download{ID: "download"},
		}},
	}}
}

// controls are the filters.
func controls() app.Component {
	control := func(width int, label string, component app.Component) dbc.Col {
		return dbc.Col{Xs: 12, Md: 6, Lg: width, Children: app.List{
			html.Div{Children: label, ClassName: "small text-secondary mb-1"},
			component,
		}}
	}
	return dbc.Card{ClassName: "shadow-sm mb-3", Children: dbc.CardBody{Children: dbc.Row{ClassName: "g-3", Children: app.List{
		control(3, "Counters", dcc.Dropdown{ID: "counters", Options: dcc.OptionsOf(counters()...), Multi: true, Placeholder: "All"}),
		control(3, "Dates", dcc.DatePickerRange{
			ID: "dates", StartDate: firstDay, EndDate: lastDay,
			MinDateAllowed: firstDay, MaxDateAllowed: lastDay, DisplayFormat: "D MMM", FirstDayOfWeek: 1,
		}),
		control(3, "Temperature", dcc.RangeSlider{
			ID: "celsius", Min: coldest, Max: hottest, Step: 0.5, Value: []float64{coldest, hottest},
			Marks:            map[string]string{"-10": "-10°", "0": "0°", "10": "10°", "20": "20°", "30": "30°"},
			AllowDirectInput: new(false),
		}),
		control(3, "Days", dcc.RadioItems{
			ID: "days", Value: allDays, Inline: true,
			Options: dcc.Options{{Label: "All", Value: allDays}, {Label: "Workdays", Value: workdays}, {Label: "Weekends", Value: weekends}},
		}),
	}}}}
}

// numbers are the cards with the most important figures.
func numbers() app.Component {
	var cards app.List
	for _, n := range []struct {
		id    app.ID
		label string
	}{
		{"total", "bicycles"},
		{"daily", "a day"},
		{"busiest", "busiest day"},
		{"wet", "on days with rain"},
	} {
		cards = append(cards, dbc.Col{Xs: 6, Lg: 3, Children: dbc.Card{ClassName: "shadow-sm h-100", Children: dbc.CardBody{ClassName: "py-2", Children: app.List{
			html.Div{ID: n.id, ClassName: "fs-4 fw-semibold"},
			html.Div{Children: n.label, ClassName: "small text-secondary"},
		}}}})
	}
	return dbc.Row{ClassName: "g-3 mb-3", Children: cards}
}

// summarise returns what the number cards say.
func summarise(f filters) (total, daily, busiest, wet string) {
	all := days(f.counts())
	if len(all) == 0 {
		return "0", "–", "–", "–"
	}
	var sums, numbers [2]int // of dry days and of wet ones
	best := all[0]
	for _, d := range all {
		kind := 0
		if d.rain > 0 {
			kind = 1
		}
		sums[kind] += d.bicycles
		numbers[kind]++
		if d.bicycles > best.bicycles {
			best = d
		}
	}
	sum := sums[0] + sums[1]
	total, daily, wet = grouped(sum), grouped(sum/len(all)), "–"
	if date, err := time.Parse(time.DateOnly, best.date); err == nil {
		busiest = date.Format("Mon 2 Jan")
	}
	if numbers[0] > 0 && numbers[1] > 0 && sums[0] > 0 {
		dry, rainy := float64(sums[0])/float64(numbers[0]), float64(sums[1])/float64(numbers[1])
		wet = strings.Replace(fmt.Sprintf("%+.0f %%", 100*(rainy/dry-1)), "-", "−", 1)
	}
	return total, daily, busiest, wet
}

// graph is a card with a graph, so many twelfths wide.
func graph(id app.ID, width int, title, about string, control app.Component) dbc.Col {
	heading := html.Div{ClassName: "d-flex flex-wrap justify-content-between", Children: app.List{
		html.Div{Children: app.List{
			html.H2{Children: title, ClassName: "h6 mb-0"},
			html.Div{Children: about, ClassName: "small text-secondary"},
		}},
		control,
	}}
	return dbc.Col{Xs: 12, Lg: width, Children: dbc.Card{ClassName: "shadow-sm h-100", Children: dbc.CardBody{Children: app.List{
		heading,
		dcc.Graph{ID: id, Config: app.Dict{"displayModeBar": false}, Style: app.Style{"height": "20rem"}},
	}}}}
}

// steps chooses what a bar of the timeline stands for.
func steps() app.Component {
	return dcc.RadioItems{
		ID: "step", Value: byWeek, Inline: true,
		Options: dcc.Options{{Label: "Days", Value: byDay}, {Label: "Weeks", Value: byWeek}, {Label: "Months", Value: byMonth}},
	}
}

const pageSize = 8

// rows is the card with the table. The server sorts it and sends a page at a time.
func rows() app.Component {
	return dbc.Col{Xs: 12, Lg: 7, Children: dbc.Card{ClassName: "shadow-sm h-100", Children: dbc.CardBody{Children: app.List{
		html.H2{Children: "Counts", ClassName: "h6 mb-3"},
		table.DataTable{
			ID: "table",
			Columns: []table.Column{
				{ID: "date", Name: "Date"},
				{ID: "counter", Name: "Counter"},
				{ID: "bicycles", Name: "Bicycles", Type: table.ColumnTypeNumeric, Format: app.Dict{"specifier": ","}},
				{ID: "celsius", Name: "°C", Type: table.ColumnTypeNumeric},
				{ID: "rain", Name: "Rain (mm)", Type: table.ColumnTypeNumeric},
			},
			PageAction:      table.PageActionCustom,
			PageCurrent:     0,
			PageSize:        pageSize,
			SortAction:      table.SortActionCustom,
			StyleAsListView: true,
			StyleTable:      app.Style{"overflowX": "auto"},
			StyleCell:       app.Style{"fontFamily": "system-ui, sans-serif", "fontSize": "0.9rem", "padding": "0.35rem 0.6rem"},
			StyleHeader:     app.Style{"fontWeight": "600", "backgroundColor": "var(--bs-tertiary-bg)"},
			StyleCellConditional: []app.Dict{
				{"if": app.Dict{"column_id": "date"}, "textAlign": "left"},
				{"if": app.Dict{"column_id": "counter"}, "textAlign": "left"},
			},
		},
	}}}}
}

// sortBy is an item of the table's sort_by.
type sortBy struct {
	Column    string `json:"column_id"`
	Direction string // "asc" or "desc"
}

// compare orders two counts by a column of the table.
func (s sortBy) compare(a, b count) int {
	order := 0
	switch s.Column {
	case "date":
		order = cmp.Compare(a.Date, b.Date)
	case "counter":
		order = cmp.Compare(a.Counter, b.Counter)
	case "bicycles":
		order = cmp.Compare(a.Bicycles, b.Bicycles)
	case "celsius":
		order = cmp.Compare(a.Celsius, b.Celsius)
	case "rain":
		order = cmp.Compare(a.Rain, b.Rain)
	}
	if s.Direction == "desc" {
		return -order
	}
	return order
}

// tablePage returns the rows of a page of the table, and the number of pages.
func tablePage(counts []count, page int, order []sortBy) (rows []count, pages int) {
	slices.SortStableFunc(counts, func(a, b count) int {
		for _, s := range order {
			if c := s.compare(a, b); c != 0 {
				return c
			}
		}
		return 0
	})
	pages = max(1, (len(counts)+pageSize-1)/pageSize)
	page = max(0, min(page, pages-1))
	return counts[page*pageSize : min(len(counts), (page+1)*pageSize)], pages
}

// download makes a CSV file of counts.
func download(counts []count) (dcc.DownloadData, error) {
	var text strings.Builder
	w := csv.NewWriter(&text)
	if err := w.Write(columns); err != nil {
		return dcc.DownloadData{}, err
	}
	for _, c := range counts {
		if err := w.Write(c.record()); err != nil {
			return dcc.DownloadData{}, err
		}
	}
	w.Flush()
	return dcc.SendString(text.String(), "bicycles.csv").WithType("text/csv"), w.Error()
}

// toggle adds a name to those chosen, or takes it away.
func toggle(chosen []string, name string) []string {
	if i := slices.Index(chosen, name); i >= 0 {
		return slices.Delete(slices.Clone(chosen), i, i+1)
	}
	return append(slices.Clone(chosen), name)
}

// dateOf cuts plotly.js's "2025-03-01 11:22:33.4444" to the day, within the year.
func dateOf(s string) string { return max(firstDay, min(lastDay, s[:min(len(s), len(firstDay))])) }

// round rounds to the step of the temperature's control.
func round(celsius float64) float64 { return math.Round(2*celsius) / 2 }
