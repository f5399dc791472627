// Package gallery is an app that shows every component of app/dcc, the table
// and many of Bootstrap's, each with a callback that says what it has heard.
package gallery

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
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
	a := app.New("Gallery")
	a.Title = "Gallery"
	a.Access = app.Public
	a.UpdateTitle = " " // the Interval would make the title flicker
	a.Layout = html.Div{Children: app.List{
		navbar(),
		dbc.Container{Fluid: "lg", ClassName: "py-4", Children: app.List{
			html.H1{Children: "Gallery", ClassName: "mb-1"},
			html.P{
				Children:  "Each card shows one component, and below it what a callback written in Go says of it.",
				ClassName: "lead text-secondary",
			},
			choices(a),
			text(a),
			buttons(a),
			page(a),
			graphs(a),
			dataTable(a),
			bootstrap(a),
		}},
		html.Footer{
			Children:  "Drawn by Dash's renderer, served by one Go binary.",
			ClassName: "text-center text-secondary small py-4 border-top",
		},
	}}
	// The Geolocation asks the visitor as soon as it is on the page, so it comes
	// when a button is pressed. Callbacks are checked against this layout.
	a.ValidationLayout = app.List{a.Layout, dcc.Geolocation{ID: "geolocation"}}
	return a
}

func navbar() app.Component {
	var links app.List
	for _, name := range []string{"Choices", "Text", "Buttons", "Page", "Graphs", "Table", "Bootstrap"} {
		links = append(links, dbc.NavLink{Children: name, Href: "#the-" + strings.ToLower(name), ExternalLink: true})
	}
	return dbc.Navbar{Color: "dark", Sticky: dbc.NavbarStickyTop, ClassName: "py-1", Children: dbc.Container{Fluid: "lg", Children: app.List{
		dbc.NavbarBrand{Children: "dashd"},
		dbc.Nav{Children: links, Navbar: true, ClassName: "flex-row flex-nowrap gap-3 overflow-auto"},
	}}}
}

// section is a part of the page: a heading that the navigation bar leads to,
// and a grid of cards.
func section(id app.ID, title, about string, cards ...any) app.Component {
	return html.Section{ID: id, ClassName: "pt-4", Style: app.Style{"scrollMarginTop": "5rem"}, Children: app.List{
		html.H2{Children: title, ClassName: "h3 mb-1"},
		html.P{Children: about, ClassName: "text-secondary"},
		dbc.Row{Children: app.List(cards), ClassName: "g-3"},
	}}
}

// card shows a component under its name, a third of the page wide.
func card(name string, children ...any) dbc.Col { return wideCard(4, name, children...) }

// wideCard is a card as wide as so many twelfths of the page.
func wideCard(width int, name string, children ...any) dbc.Col {
	heading := html.H3{Children: html.Code{Children: name, ClassName: "text-body"}, ClassName: "h6"}
	return dbc.Col{Md: max(6, width), Lg: width, Children: dbc.Card{ClassName: "h-100 shadow-sm", Children: dbc.CardBody{
		Children:  append(app.List{heading}, children...),
		ClassName: "d-flex flex-column",
	}}}
}

// says is where a callback says what it has heard, at the bottom of a card.
func says(id app.ID) html.P {
	return html.P{ID: id, ClassName: "small text-secondary mt-auto mb-0 pt-3"}
}

func choices(a *app.App) app.Component {
	a.Callback(
		app.Output("dropdown-says", "children"),
		app.Input("dropdown", "value"),
	).Do(func(fruits []string) string { return "To buy: " + list(fruits) + "." })

	a.Callback(
		app.Output("checklist-says", "children"),
		app.Input("checklist", "value"),
	).Do(func(extras []string) string { return "On top: " + list(extras) + "." })

	a.Callback(
		app.Output("radio-says", "children"),
		app.Input("radio", "value"),
	).Do(func(size string) string { return "Size " + size + "." })

	a.Callback(
		app.Output("slider-says", "children"),
		app.Input("slider", "value"),
	).Do(func(celsius float64) string {
		return fmt.Sprintf("%.1f °C are %.1f °F.", celsius, celsius*9/5+32)
	})

	a.Callback(
		app.Output("range-says", "children"),
		app.Input("range", "value"),
	).Do(func(hours [2]float64) string {
		return fmt.Sprintf("Open from %v to %v, that is %v hours.", hours[0], hours[1], hours[1]-hours[0])
	})

	a.Callback(
		app.Output("date-says", "children"),
		app.Input("date", "date"),
	).Do(func(date string) string {
		day, err := time.Parse(time.DateOnly, date)
		if err != nil {
			return "No day chosen."
		}
		return day.Format("2 January 2006 is a Monday.")
	})

	a.Callback(
		app.Output("dates-says", "children"),
		app.Input("dates", "start_date"),
		app.Input("dates", "end_date"),
	).Do(func(from, to string) string {
		start, errStart := time.Parse(time.DateOnly, from)
		end, errEnd := time.Parse(time.DateOnly, to)
		if errStart != nil || errEnd != nil {
			return "Choose two days."
		}
		return fmt.Sprintf("%.0f nights.", end.Sub(start).Hours()/24)
	})

	return section("the-choices", "Choices", "One of many, some of many, or a value in a range.",
		card("dcc.Dropdown", dcc.Dropdown{
			ID:      "dropdown",
			Options: dcc.OptionsOf("Apple", "Banana", "Cherry", "Date", "Elderberry", "Fig", "Grape"),
			Value:   []string{"Apple", "Cherry"},
			Multi:   true,
		}, says("dropdown-says")),
		card("dcc.Checklist", dcc.Checklist{
			ID:      "checklist",
			Options: dcc.OptionsOf("Cream", "Nuts", "Sprinkles"),
			Value:   []string{"Nuts"},
		}, says("checklist-says")),
		card("dcc.RadioItems", dcc.RadioItems{
			ID: "radio",
			Options: dcc.Options{
				{Label: "Small", Value: "S"},
				{Label: "Medium", Value: "M"},
				{Label: "Large, sold out", Value: "L", Disabled: true},
			},
			Value: "M",
		}, says("radio-says")),
		wideCard(6, "dcc.Slider", dcc.Slider{
			ID:    "slider",
			Min:   -20,
			Max:   40,
			Step:  0.5,
			Marks: map[string]string{"-20": "-20°", "0": "0°", "20": "20°", "40": "40°"},
			Value: 21.5,
		}, says("slider-says")),
		wideCard(6, "dcc.RangeSlider", dcc.RangeSlider{
			ID:    "range",
			Min:   0,
			Max:   24,
			Step:  1,
			Marks: map[string]string{"0": "0", "6": "6", "12": "12", "18": "18", "24": "24"},
			Value: []float64{9, 17},
		}, says("range-says")),
		wideCard(6, "dcc.DatePickerSingle", dcc.DatePickerSingle{
			ID:            "date",
			Date:          "2026-02-28",
			DisplayFormat: "D MMM YYYY",
			Clearable:     true,
		}, says("date-says")),
		wideCard(6, "dcc.DatePickerRange", dcc.DatePickerRange{
			ID:             "dates",
			StartDate:      "2026-07-04",
			EndDate:        "2026-07-18",
			MinDateAllowed: "2026-01-01",
			MaxDateAllowed: "2026-12-31",
			DisplayFormat:  "D MMM",
			FirstDayOfWeek: 1,
		}, says("dates-says")),
	)
}

// list joins names as a sentence has them.
func list(names []string) string {
	switch n := len(names); n {
	case 0:
		return "nothing"
	case 1:
		return names[0]
	default:
		return strings.Join(names[:n-1], ", ") + " and " + names[n-1]
	}
}

// prose and code show what Markdown can do.
const prose = `
**Markdown** comes with *emphasis*, [links](https://commonmark.org), lists

1. in order,
2. or not,

and formulas, in a line as $e^{i\pi} + 1 = 0$ or on their own:

$$\int_{-\infty}^{\infty} e^{-x^2}\,dx = \sqrt{\pi}$$
`

const code = `
Code is highlighted:

~~~sql
SELECT city, avg(temperature) -- in degrees Celsius
FROM weather
WHERE day >= '2026-01-01'
GROUP BY city;
~~~
`

func text(a *app.App) app.Component {
	a.Callback(
		app.Output("input-says", "children"),
		app.Input("input", "value"),
		app.Input("input-number", "value"),
	).Do(func(word string, n *int) string {
		if n == nil || *n < 1 || *n > 9 {
			return "Give a number from 1 to 9."
		}
		return strings.TrimSpace(strings.Repeat(word+" ", *n))
	})

	a.Callback(
		app.Output("textarea-says", "children"),
		app.Input("textarea", "value"),
	).Do(func(text string) string {
		return fmt.Sprintf("%d words, %d letters.", len(strings.Fields(text)), len([]rune(text)))
	})

	a.Callback(
		app.Output("clipboard-says", "children"),
		app.Input("clipboard", "n_clicks"),
	).Do(func(clicks int) string { return times("Copied", clicks) })

	return section("the-text", "Text", "To read and to write.",
		card("dcc.Input", dbc.Stack{Gap: 2, Children: app.List{
			dcc.Input{ID: "input", Value: "hip", Placeholder: "A word"},
			dcc.Input{ID: "input-number", Type: dcc.InputTypeNumber, Value: 3, Min: 1, Max: 9, Step: 1},
		}}, says("input-says")),
		card("dcc.Textarea", dcc.Textarea{
			ID:    "textarea",
			Value: "The quick brown fox jumps over the lazy dog.",
			Rows:  3,
			Style: app.Style{"width": "100%"},
		}, says("textarea-says")),
		card("dcc.Clipboard",
			html.Div{ClassName: "d-flex gap-2 align-items-start bg-body-tertiary border rounded p-2", Children: app.List{
				html.Code{ID: "clipboard-text", Children: "./dashd serve", ClassName: "flex-grow-1"},
				dcc.Clipboard{ID: "clipboard", TargetID: "clipboard-text", Title: "Copy"},
			}},
			says("clipboard-says")),
		wideCard(6, "dcc.Markdown, MathJax", dcc.Markdown{ID: "markdown", Children: prose, Mathjax: true}),
		wideCard(6, "dcc.Markdown, code", dcc.Markdown{Children: code}),
	)
}

// times says how often something was done.
func times(done string, n int) string {
	switch n {
	case 0:
		return "Not yet " + strings.ToLower(done) + "."
	case 1:
		return done + " once."
	case 2:
		return done + " twice."
	}
	return fmt.Sprintf("%s %d times.", done, n)
}

func buttons(a *app.App) app.Component {
	a.Callback(
		app.Output("button-says", "children"),
		app.Input("button", "n_clicks"),
	).Do(func(clicks int) string { return times("Clicked", clicks) })

	a.Callback(
		app.Output("confirm", "displayed"),
		app.Input("confirm-open", "n_clicks"),
		app.PreventInitialCall(),
	).Do(func(int) bool { return true })

	a.Callback(
		app.Output("confirm-says", "children"),
		app.Input("confirm", "submit_n_clicks"),
		app.Input("confirm", "cancel_n_clicks"),
	).Do(func(submitted, cancelled int) string {
		return times("Agreed", submitted) + " " + times("Declined", cancelled)
	})

	a.Callback(
		app.Output("provider-says", "children"),
		app.Input("provider", "submit_n_clicks"),
	).Do(func(submitted int) string { return times("Reset", submitted) })

	a.Callback(
		app.Output("upload-says", "children"),
		app.Input("upload", "contents"),
		app.State("upload", "filename"),
	).Do(func(contents, name string) string {
		_, data, ok := strings.Cut(contents, ";base64,")
		if !ok {
			return "Nothing yet."
		}
		return fmt.Sprintf("%s has %d bytes.", name, len(strings.TrimRight(data, "="))*3/4)
	})

	a.Callback(
		app.Output("download", "data"),
		app.Input("download-start", "n_clicks"),
		app.PreventInitialCall(),
	).Do(func(int) dcc.DownloadData {
		csv := "mountain,metres,ascent\n"
		for _, m := range mountains {
			csv += fmt.Sprintf("%s,%d,%d\n", m.Name, m.Height, m.Ascent)
		}
		return dcc.SendString(csv, "mountains.csv").WithType("text/csv")
	})

	a.Callback(
		app.Output("download-says", "children"),
		app.Input("download-start", "n_clicks"),
	).Do(func(clicks int) string { return times("Sent", clicks) })

	return section("the-buttons", "Buttons", "To click, to confirm, and to exchange files.",
		card("dcc.Button", html.Div{Children: dcc.Button{ID: "button", Children: "Click me"}}, says("button-says")),
		card("dcc.ConfirmDialog",
			html.Div{Children: dcc.Button{ID: "confirm-open", Children: "Ask me"}},
			dcc.ConfirmDialog{ID: "confirm", Message: "Do you agree?"},
			says("confirm-says")),
		card("dcc.ConfirmDialogProvider",
			html.Div{Children: dcc.ConfirmDialogProvider{
				ID:       "provider",
				Children: dcc.Button{Children: "Reset"},
				Message:  "Reset nothing at all?",
			}},
			says("provider-says")),
		wideCard(6, "dcc.Upload", dcc.Upload{
			ID:       "upload",
			Children: html.Div{Children: app.List{"Drop a file, or ", html.A{Children: "choose one", Href: "#upload"}}},
			Style: app.Style{
				"border": "1px dashed var(--bs-border-color)", "borderRadius": "0.375rem",
				"padding": "1rem", "textAlign": "center",
			},
		}, says("upload-says")),
		wideCard(6, "dcc.Download",
			html.Div{Children: dcc.Button{ID: "download-start", Children: "Save mountains.csv"}},
			dcc.Download{ID: "download"},
			says("download-says")),
	)
}

func page(a *app.App) app.Component {
	a.Callback(
		app.Output("tabs-says", "children"),
		app.Input("tabs", "value"),
	).Do(func(tab string) string { return "The tab " + tab + " is open." })

	a.Callback(
		app.Output("location-says", "children"),
		app.Input("location", "pathname"),
		app.Input("location", "search"),
		app.Input("location", "hash"),
	).Do(func(path, search, hash string) string { return "The page is " + path + search + hash })

	a.Callback(
		app.Output("store", "data"),
		app.Input("store-add", "n_clicks"),
		app.State("store", "data"),
		app.PreventInitialCall(),
	).Do(func(_, stored int) int { return stored + 1 })

	a.Callback(
		app.Output("store-says", "children"),
		app.Input("store", "data"),
	).Do(func(stored int) string { return fmt.Sprintf("This browser tab holds %d.", stored) })

	a.Callback(
		app.Output("interval-says", "children"),
		app.Input("interval", "n_intervals"),
	).Do(func(ticks int) string {
		return fmt.Sprintf("Tick %d of %d, at %s.", ticks, maxTicks, time.Now().Format(time.TimeOnly))
	})

	a.Callback(
		app.Output("loading-says", "children"),
		app.Input("loading-start", "n_clicks"),
	).Do(func(ctx *app.Context, clicks int) (string, error) {
		if clicks == 0 {
			return times("Computed", clicks), nil
		}
		select { // stands for work
		case <-time.After(time.Second):
			return times("Computed", clicks), nil
		case <-ctx.Done():
			return "", ctx.Err()
		}
	})

	a.Callback(
		app.Output("geolocation-place", "children"),
		app.Input("geolocation-ask", "n_clicks"),
		app.PreventInitialCall(),
	).Do(func(int) dcc.Geolocation { return dcc.Geolocation{ID: "geolocation", Timeout: 10_000} })

	a.Callback(
		app.Output("geolocation-says", "children"),
		app.Input("geolocation", "position"),
		app.Input("geolocation", "position_error"),
		app.PreventInitialCall(),
	).Do(func(position *struct{ Lat, Lon, Accuracy float64 }, failure *struct{ Message string }) string {
		switch {
		case position != nil:
			return fmt.Sprintf("%.3f°, %.3f°, give or take %.0f m.", position.Lat, position.Lon, position.Accuracy)
		case failure != nil:
			return "The browser does not say: " + failure.Message
		}
		return "Waiting for the browser."
	})

	return section("the-page", "Page", "What a page does beside showing: open parts, keep values, watch the clock.",
		card("dcc.Tabs, dcc.Tab", dcc.Tabs{ID: "tabs", Value: "One", MobileBreakpoint: 0, Children: app.List{
			dcc.Tab{Label: "One", Value: "One", Children: html.P{Children: "Inside the first tab.", ClassName: "p-2 mb-0"}},
			dcc.Tab{Label: "Two", Value: "Two", Children: html.P{Children: "Inside the second.", ClassName: "p-2 mb-0"}},
		}}, says("tabs-says")),
		card("dcc.Location, dcc.Link",
			dcc.Location{ID: "location", Refresh: false},
			html.Div{ClassName: "d-flex gap-3", Children: app.List{
				dcc.Link{Children: "?colour=blue", Href: "?colour=blue"},
				dcc.Link{Children: "?colour=green", Href: "?colour=green"},
			}},
			says("location-says")),
		card("dcc.Store",
			dcc.Store{ID: "store", Data: 0, StorageType: dcc.StorageTypeSession},
			html.Div{Children: dcc.Button{ID: "store-add", Children: "Add one"}},
			says("store-says")),
		card("dcc.Interval",
			dcc.Interval{ID: "interval", Interval: 1000, MaxIntervals: maxTicks},
			html.P{Children: "Calls its callback each second.", ClassName: "mb-0"},
			says("interval-says")),
		card("dcc.Loading",
			html.Div{Children: dcc.Button{ID: "loading-start", Children: "Compute for a second"}},
			dcc.Loading{ID: "loading", Children: says("loading-says"), ParentClassName: "mt-auto"}),
		card("dcc.Geolocation",
			html.Div{Children: dcc.Button{ID: "geolocation-ask", Children: "Where am I?"}},
			html.Div{ID: "geolocation-place", Children: "The browser will ask you.", ClassName: "pt-2"},
			says("geolocation-says")),
	)
}

// maxTicks is how often the Interval calls.
const maxTicks = 30

// mountain is one of the fourteen above 8,000 metres. The JSON names are the
// columns of the table.
type mountain struct {
	Name   string `json:"name"`
	Range  string `json:"range"`
	Height int    `json:"height"` // metres
	Ascent int    `json:"ascent"` // year of the first
}

var mountains = []mountain{
	{"Everest", "Himalaya", 8849, 1953},
	{"K2", "Karakoram", 8611, 1954},
	{"Kangchenjunga", "Himalaya", 8586, 1955},
	{"Lhotse", "Himalaya", 8516, 1956},
	{"Makalu", "Himalaya", 8485, 1955},
	{"Cho Oyu", "Himalaya", 8188, 1954},
	{"Dhaulagiri", "Himalaya", 8167, 1960},
	{"Manaslu", "Himalaya", 8163, 1956},
	{"Nanga Parbat", "Himalaya", 8126, 1953},
	{"Annapurna", "Himalaya", 8091, 1950},
	{"Gasherbrum I", "Karakoram", 8080, 1958},
	{"Broad Peak", "Karakoram", 8051, 1957},
	{"Gasherbrum II", "Karakoram", 8035, 1956},
	{"Shishapangma", "Himalaya", 8027, 1964},
}

func graphs(a *app.App) app.Component {
	a.Callback(
		app.Output("points-says", "children"),
		app.Input("points", "selectedData"),
	).Do(func(selected struct{ Points []json.RawMessage }) string {
		if len(selected.Points) == 0 {
			return "Draw a box around some of the points."
		}
		return fmt.Sprintf("%d points are selected.", len(selected.Points))
	})

	a.Callback(
		app.Output("map", "figure"),
		app.Input("month", "value"),
	).Do(daylightMap)

	a.Callback(
		app.Output("map-says", "children"),
		app.Input("map", "clickData"),
	).Do(func(clicked pointed) string {
		if len(clicked.Points) == 0 {
			return "Click a city."
		}
		city := clicked.Points[0]
		return fmt.Sprintf("%s has %s of daylight.", city.Text, hours(city.Color))
	})

	a.Callback(
		app.Output("tooltip", "show"),
		app.Output("tooltip", "bbox"),
		app.Output("tooltip", "children"),
		app.Input("ascents", "hoverData"),
	).Do(func(hovered pointed) (show bool, box, children any) {
		if len(hovered.Points) == 0 {
			return false, app.NoUpdate, app.NoUpdate
		}
		point := hovered.Points[0]
		m := mountains[point.Index%uint(len(mountains))]
		return true, point.Box, app.List{
			html.Strong{Children: m.Name},
			html.Div{Children: fmt.Sprintf("%d m, first climbed in %d", m.Height, m.Ascent)},
		}
	})

	months := map[string]string{}
	for m := time.January; m <= time.December; m++ {
		months[fmt.Sprint(int(m))] = m.String()[:3]
	}
	still := app.Dict{"displayModeBar": false}
	return section("the-graphs", "Graphs", "Those of plotly.js: more than forty kinds, of which here are three.",
		wideCard(6, "dcc.Graph, 10,000 points",
			dcc.Graph{ID: "points", Figure: galaxy(10_000), Style: app.Style{"height": "24rem"}},
			says("points-says")),
		wideCard(6, "dcc.Graph, dcc.Tooltip",
			dcc.Graph{ID: "ascents", Figure: ascents(), ClearOnUnhover: true, Config: still, Style: app.Style{"height": "24rem"}},
			dcc.Tooltip{ID: "tooltip", Direction: dcc.DirectionBottom},
			html.P{Children: "Hover over a mountain.", ClassName: "small text-secondary mt-auto mb-0 pt-3"}),
		wideCard(12, "dcc.Graph, a map",
			dcc.Slider{ID: "month", Min: 1, Max: 12, Step: 1, Marks: months, Value: 6, AllowDirectInput: new(false)},
			dcc.Graph{ID: "map", Config: still, Style: app.Style{"height": "clamp(20rem, 60vw, 34rem)"}},
			says("map-says")),
	)
}

// pointed is what the callbacks read of clickData and hoverData.
type pointed struct {
	Points []struct {
		Text  string
		Color float64         `json:"marker.color"`
		Index uint            `json:"customdata"` // of a mountain
		Box   json.RawMessage `json:"bbox"`       // on the screen
	}
}

// galaxy is a scatter plot of n points along two arms.
func galaxy(n int) app.Figure {
	random := rand.New(rand.NewPCG(1, 2)) // the same for everybody
	x, y, distance := make([]float32, n), make([]float32, n), make([]float32, n)
	for i := range n {
		r := math.Abs(random.NormFloat64())
		turn := 3*r + math.Pi*float64(i%2)
		x[i] = float32(r*math.Cos(turn) + 0.12*random.NormFloat64())
		y[i] = float32(r*math.Sin(turn) + 0.12*random.NormFloat64())
		distance[i] = float32(r)
	}
	return app.Figure{
		Data: app.List{app.Dict{
			"type": "scattergl", "mode": "markers", "hoverinfo": "skip",
			"x": app.TypedArray(x), "y": app.TypedArray(y),
			"marker": app.Dict{"size": 4, "opacity": 0.6, "color": app.TypedArray(distance), "colorscale": "Viridis"},
		}},
		Layout: app.Dict{
			"dragmode": "select",
			"margin":   app.Dict{"l": 30, "r": 10, "t": 10, "b": 30},
			"xaxis":    app.Dict{"zeroline": false},
			"yaxis":    app.Dict{"zeroline": false, "scaleanchor": "x"},
		},
	}
}

// ascents shows when the mountains were climbed first, a trace for each range.
func ascents() app.Figure {
	var traces app.List
	for _, name := range []string{"Himalaya", "Karakoram"} {
		var years, heights, indexes []int
		for i, m := range mountains {
			if m.Range == name {
				years, heights, indexes = append(years, m.Ascent), append(heights, m.Height), append(indexes, i)
			}
		}
		traces = append(traces, app.Dict{
			"type": "scatter", "mode": "markers", "name": name, "hoverinfo": "none",
			"x": years, "y": heights, "customdata": indexes, "marker": app.Dict{"size": 13, "symbol": "triangle-up"},
		})
	}
	return app.Figure{Data: traces, Layout: app.Dict{
		"margin":   app.Dict{"l": 60, "r": 10, "t": 10, "b": 45},
		"xaxis":    app.Dict{"title": app.Dict{"text": "first climbed"}},
		"yaxis":    app.Dict{"title": app.Dict{"text": "metres"}, "tickformat": ","},
		"legend":   app.Dict{"x": 1, "y": 1, "xanchor": "right"},
		"colorway": []string{"#7f4bc4", "#f59f00"},
	}}
}

// place is a city on the map.
type place struct {
	name                string
	latitude, longitude float64
}

var places = []place{
	{"Reykjavík", 64.1, -21.9}, {"Tromsø", 69.6, 19.0}, {"London", 51.5, -0.1}, {"Rome", 41.9, 12.5},
	{"Cairo", 30.0, 31.2}, {"Lagos", 6.5, 3.4}, {"Nairobi", -1.3, 36.8}, {"Cape Town", -33.9, 18.4},
	{"Mumbai", 19.1, 72.9}, {"Beijing", 39.9, 116.4}, {"Tokyo", 35.7, 139.7}, {"Singapore", 1.3, 103.8},
	{"Sydney", -33.9, 151.2}, {"Anchorage", 61.2, -149.9}, {"Vancouver", 49.3, -123.1}, {"New York", 40.7, -74.0},
	{"Mexico City", 19.4, -99.1}, {"Lima", -12.0, -77.0}, {"São Paulo", -23.6, -46.6}, {"Ushuaia", -54.8, -68.3},
}

// daylightMap shows how long the days are in the middle of a month.
func daylightMap(month int) app.Figure {
	day := time.Date(2026, time.Month(month), 15, 0, 0, 0, 0, time.UTC).YearDay()
	var names []string
	var lats, lons, lengths []float64
	for _, p := range places {
		names = append(names, p.name)
		lats, lons = append(lats, p.latitude), append(lons, p.longitude)
		lengths = append(lengths, math.Round(10*daylight(p.latitude, day))/10)
	}
	return app.Figure{
		Data: app.List{app.Dict{
			"type": "scattergeo", "lat": lats, "lon": lons, "text": names,
			"hovertemplate": "%{text}: %{marker.color} hours<extra></extra>",
			"marker": app.Dict{
				"color": lengths, "colorscale": "Portland", "cmin": 0, "cmax": 24, "size": 13,
				"line": app.Dict{"color": "white", "width": 1},
				"colorbar": app.Dict{ // the title above it: beside it, plotly.js fails where there is no room for both
					"title": app.Dict{"text": "hours of daylight", "side": "top"}, "tickvals": []int{0, 6, 12, 18, 24},
					"orientation": "h", "y": 0, "yanchor": "top", "thickness": 10, "len": 0.7,
				},
			},
		}},
		Layout: app.Dict{
			"margin": app.Dict{"l": 0, "r": 0, "t": 10, "b": 60},
			"geo": app.Dict{
				"projection": app.Dict{"type": "natural earth"}, "bgcolor": "rgba(0,0,0,0)",
				"showland": true, "landcolor": "#e9ecef", "showocean": true, "oceancolor": "#f6fafd",
				"showcountries": true, "countrycolor": "#ced4da", "coastlinecolor": "#adb5bd", "showframe": false,
			},
			"uirevision": "map", // a new month leaves the visitor's zoom alone
		},
	}
}

// daylight returns the hours between sunrise and sunset, by the usual formula,
// which leaves the air's refraction out.
func daylight(latitude float64, yearDay int) float64 {
	const radian = math.Pi / 180
	declination := 23.44 * radian * math.Sin(2*math.Pi*float64(284+yearDay)/365)
	cosine := -math.Tan(latitude*radian) * math.Tan(declination)
	return 24 / math.Pi * math.Acos(max(-1, min(1, cosine)))
}

// hours writes 1.5 as "1 h 30 min".
func hours(h float64) string {
	minutes := int(math.Round(60 * h))
	return fmt.Sprintf("%d h %02d min", minutes/60, minutes%60)
}

func dataTable(a *app.App) app.Component {
	a.Callback(
		app.Output("table-says", "children"),
		app.Input("table", "derived_virtual_data"),
		app.Input("table", "derived_virtual_selected_rows"),
	).Do(func(rows []mountain, selected []int) string {
		if len(rows) == 0 {
			return "No mountain is like that."
		}
		sum := 0
		for _, m := range rows {
			sum += m.Height
		}
		return fmt.Sprintf("%d mountains, %d m high on average; %d selected.", len(rows), sum/len(rows), len(selected))
	})

	return section("the-table", "Table", "Sort, filter, page through and edit: the heights are yours to change.",
		wideCard(12, "table.DataTable", table.DataTable{
			ID: "table",
			Columns: []table.Column{
				{ID: "name", Name: "Mountain"},
				{ID: "range", Name: "Range"},
				{ID: "height", Name: "Height (m)", Type: table.ColumnTypeNumeric, Editable: new(true), Format: app.Dict{"specifier": ","}},
				{ID: "ascent", Name: "First ascent", Type: table.ColumnTypeNumeric},
			},
			Data:          mountains,
			SortAction:    table.SortActionNative,
			SortMode:      table.SortModeMulti,
			FilterAction:  "native",
			FilterOptions: app.Dict{"case": "insensitive"},
			PageAction:    table.PageActionNative,
			PageSize:      7,
			RowSelectable: "multi",
			StyleTable:    app.Style{"overflowX": "auto"},
			StyleCell:     app.Style{"fontFamily": "var(--bs-body-font-family)", "fontSize": "0.9rem", "padding": "0.4rem 0.75rem"},
			StyleHeader:   app.Style{"fontWeight": "600", "backgroundColor": "var(--bs-tertiary-bg)"},
			StyleCellConditional: []app.Dict{
				{"if": app.Dict{"column_id": "name"}, "textAlign": "left"},
				{"if": app.Dict{"column_id": "range"}, "textAlign": "left"},
			},
			StyleDataConditional: []app.Dict{
				{"if": app.Dict{"filter_query": "{height} >= 8500"}, "backgroundColor": "#fff8e1"},
			},
		}, says("table-says")),
	)
}

func bootstrap(a *app.App) app.Component {
	a.Callback(
		app.Output("alert", "is_open"),
		app.Input("switch", "value"),
	).Do(func(on bool) bool { return on })

	a.Callback(
		app.Output("modal", "is_open"),
		app.Input("modal-open", "n_clicks"),
		app.Input("modal-close", "n_clicks"),
		app.PreventInitialCall(),
	).Do(func(ctx *app.Context, _, _ int) bool { return ctx.TriggeredID() == "modal-open" })

	a.Callback(
		app.Output("toast", "is_open"),
		app.Input("toast-open", "n_clicks"),
		app.PreventInitialCall(),
	).Do(func(int) bool { return true })

	a.Callback(
		app.Output("progress", "value"),
		app.Output("progress", "label"),
		app.Input("pagination", "active_page"),
	).Do(func(page int) (int, string) { return 20 * page, fmt.Sprintf("%d of 5", page) })

	a.Callback(
		app.Output("bootstrap-tabs-says", "children"),
		app.Input("bootstrap-tabs", "active_tab"),
	).Do(func(tab string) string { return "The tab " + tab + " is open." })

	a.Callback(
		app.Output("select-says", "children"),
		app.Input("select", "value"),
		app.Input("group", "value"),
	).Do(func(greeting, name string) string { return greeting + ", " + name + "!" })

	a.Callback(
		app.Output("collapse", "is_open"),
		app.Input("collapse-toggle", "n_clicks"),
		app.State("collapse", "is_open"),
		app.PreventInitialCall(),
	).Do(func(_ int, open bool) bool { return !open })

	return section("the-bootstrap", "Bootstrap", "The grid, the cards and the bar above are of Bootstrap too; it comes with the first of its components.",
		card("dbc.Button, dbc.Badge",
			html.Div{ClassName: "d-flex flex-wrap gap-2", Children: app.List{
				dbc.Button{Children: "Primary", Color: "primary"},
				dbc.Button{Children: "Success", Color: "success"},
				dbc.Button{Children: "Danger", Color: "danger", Outline: true},
				dbc.Button{Children: app.List{"Inbox ", dbc.Badge{ID: "badge", Children: "4", Color: "light", TextColor: "primary"}}, Color: "primary", Size: "sm"},
				dbc.Badge{Children: "new", Color: "info", Pill: true, ClassName: "align-self-center"},
				dbc.Tooltip{Children: "Four messages", Target: "badge"},
			}}),
		card("dbc.Switch, dbc.Alert",
			dbc.Switch{ID: "switch", Value: true, Label: "Show the alert"},
			dbc.Alert{ID: "alert", Children: "All is well.", Color: "success", ClassName: "mb-0"}),
		card("dbc.Pagination, dbc.Progress",
			dbc.Pagination{ID: "pagination", MaxValue: 5, ActivePage: 2, Size: dbc.PaginationSizeSm},
			dbc.Progress{ID: "progress", Striped: true, Animated: true, Style: app.Style{"height": "1.25rem"}}),
		card("dbc.Tabs", dbc.Tabs{ID: "bootstrap-tabs", ActiveTab: "one", Children: app.List{
			dbc.Tab{Label: "One", TabID: "one", Children: html.P{Children: "Inside the first tab.", ClassName: "p-2 mb-0"}},
			dbc.Tab{Label: "Two", TabID: "two", Children: html.P{Children: "Inside the second.", ClassName: "p-2 mb-0"}},
		}}, says("bootstrap-tabs-says")),
		card("dbc.Select, dbc.InputGroup", dbc.InputGroup{Children: app.List{
			dbc.Select{ID: "select", Options: []string{"Hello", "Goodbye"}, Value: "Hello", Style: app.Style{"maxWidth": "7.5rem"}},
			dbc.Input{ID: "group", Value: "world"},
			dbc.InputGroupText{Children: "!"},
		}}, says("select-says")),
		card("dbc.Modal, dbc.Toast",
			html.Div{ClassName: "d-flex gap-2", Children: app.List{
				dbc.Button{ID: "modal-open", Children: "Open a modal", Color: "secondary"},
				dbc.Button{ID: "toast-open", Children: "Show a toast", Color: "secondary", Outline: true},
			}},
			dbc.Modal{ID: "modal", Centered: true, Children: app.List{
				dbc.ModalHeader{Children: dbc.ModalTitle{Children: "A modal"}},
				dbc.ModalBody{Children: "It stays until it is closed."},
				dbc.ModalFooter{Children: dbc.Button{ID: "modal-close", Children: "Close"}},
			}},
			dbc.Toast{
				ID: "toast", Header: "A toast", Children: "It goes by itself.", Icon: "success",
				IsOpen: new(false), Dismissable: true, Duration: 4000,
				Style: app.Style{"position": "fixed", "right": "1rem", "bottom": "1rem", "width": "18rem", "zIndex": 1100},
			}),
		wideCard(6, "dbc.Accordion", dbc.Accordion{Children: app.List{
			dbc.AccordionItem{Title: "First", Children: "One part is open at a time."},
			dbc.AccordionItem{Title: "Second", Children: "This one, if you click it."},
			dbc.AccordionItem{Title: "Third", Children: "Or this one."},
		}}),
		wideCard(6, "dbc.ListGroup, dbc.DropdownMenu, dbc.Collapse",
			dbc.ListGroup{ClassName: "mb-3", Children: app.List{
				dbc.ListGroupItem{Children: "Plain"},
				dbc.ListGroupItem{Children: "Active", Active: true},
				dbc.ListGroupItem{Children: "Disabled", Disabled: true},
			}},
			html.Div{ClassName: "d-flex gap-2 align-items-center", Children: app.List{
				dbc.DropdownMenu{Label: "Menu", Color: "secondary", Children: app.List{
					dbc.DropdownMenuItem{Children: "Choices", Href: "#the-choices", ExternalLink: true},
					dbc.DropdownMenuItem{Children: "Graphs", Href: "#the-graphs", ExternalLink: true},
				}},
				dbc.Button{ID: "collapse-toggle", Children: "More", Color: "secondary", Outline: true},
				dbc.Spinner{Color: "secondary", Size: "sm"},
			}},
			dbc.Collapse{ID: "collapse", Children: html.P{Children: "There is no more.", ClassName: "mb-0 pt-3"}}),
	)
}
