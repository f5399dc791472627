package dashboard

import (
	"fmt"
	"slices"
	"time"

	"dashd/app"
)

// The colours of what is chosen, which is that of Dash's controls, and of what
// is not.
const (
	strong = "#7f4bc4"
	weak   = "#dcd6e8"
)

func colour(chosen bool) string {
	if chosen {
		return strong
	}
	return weak
}

// layout is what the graphs have in common, with more.
func layout(more app.Dict) app.Dict {
	l := app.Dict{
		"margin":     app.Dict{"l": 50, "r": 10, "t": 10, "b": 40},
		"font":       app.Dict{"family": "system-ui, sans-serif", "color": "#495057"},
		"showlegend": false,
		"selections": app.List{}, // the marks show what is chosen
	}
	for name, value := range more {
		l[name] = value
	}
	return l
}

// The values of the control "step".
const (
	byDay   = "day"
	byWeek  = "week"
	byMonth = "month"
)

// timeline shows the bicycles of each day, week or month.
func timeline(f filters, step string) app.Figure {
	var starts, colours []string
	var sums []int
	for _, d := range days(f.withoutDates().counts()) {
		start, end := stepOf(d.date, step)
		if n := len(starts); n == 0 || starts[n-1] != start {
			starts, sums = append(starts, start), append(sums, 0)
			colours = append(colours, colour(f.inDates(start, end)))
		}
		sums[len(sums)-1] += d.bicycles
	}
	period, from := any("M1"), firstDay // how wide a bar is, for plotly.js
	switch step {
	case byDay:
		period = (24 * time.Hour).Milliseconds()
	case byWeek:
		period, from = (7 * 24 * time.Hour).Milliseconds(), "2024-12-30" // a Monday
	}
	return app.Figure{
		Data: app.List{app.Dict{
			"type": "bar", "x": starts, "y": sums, "marker": app.Dict{"color": colours, "line": app.Dict{"width": 0}},
			"xperiod": period, "xperiod0": from, "hovertemplate": "%{x}: %{y:,}<extra></extra>",
		}},
		Layout: layout(app.Dict{
			"dragmode": "select", "selectdirection": "h", "bargap": 0.15,
			"xaxis": app.Dict{"type": "date", "range": []string{firstDay, "2026-01-01"}, "fixedrange": true, "tickformat": "%b"},
			"yaxis": app.Dict{"fixedrange": true, "tickformat": "~s"},
		}),
	}
}

// stepOf returns the first and last day of the day, week or month that a date is in.
func stepOf(date, step string) (first, last string) {
	t, _ := time.Parse(time.DateOnly, date) // of the data
	from, to := t, t
	switch step {
	case byWeek:
		from = t.AddDate(0, 0, -(int(t.Weekday())+6)%7) // Monday
		to = from.AddDate(0, 0, 6)
	case byMonth:
		from = t.AddDate(0, 0, 1-t.Day())
		to = from.AddDate(0, 1, -1)
	}
	return from.Format(time.DateOnly), to.Format(time.DateOnly)
}

// byCounter compares the counters.
func byCounter(f filters) app.Figure {
	sums := map[string]int{}
	for _, c := range f.withoutCounters().counts() {
		sums[c.Counter] += c.Bicycles
	}
	names := counters()
	slices.SortStableFunc(names, func(a, b string) int { return sums[a] - sums[b] }) // the largest on top
	var bicycles []int
	var colours []string
	for _, name := range names {
		bicycles = append(bicycles, sums[name])
		colours = append(colours, colour(f.inCounters(name)))
	}
	return app.Figure{
		Data: app.List{app.Dict{
			"type": "bar", "orientation": "h", "x": bicycles, "y": names,
			"marker": app.Dict{"color": colours}, "hovertemplate": "%{y}: %{x:,}<extra></extra>",
		}},
		Layout: layout(app.Dict{
			"margin": app.Dict{"l": 110, "r": 10, "t": 10, "b": 40}, "bargap": 0.25,
			"xaxis": app.Dict{"fixedrange": true, "tickformat": "~s", "nticks": 5},
			"yaxis": app.Dict{"fixedrange": true, "ticksuffix": " "},
		}),
	}
}

// weather shows each day's bicycles over its temperature.
func weather(f filters) app.Figure {
	trace := func(name, symbol string, wet bool) app.Dict {
		var celsius []float64
		var bicycles []int
		var dates, colours []string
		for _, d := range days(f.withoutCelsius().counts()) {
			if (d.rain > 0) == wet {
				celsius, bicycles = append(celsius, d.celsius), append(bicycles, d.bicycles)
				dates, colours = append(dates, d.date), append(colours, colour(f.inCelsius(d.celsius)))
			}
		}
		return app.Dict{
			"type": "scatter", "mode": "markers", "name": name, "x": celsius, "y": bicycles, "text": dates,
			"marker":        app.Dict{"color": colours, "symbol": symbol, "size": 7},
			"hovertemplate": "%{text}, %{x} °C: %{y:,}<extra></extra>",
		}
	}
	return app.Figure{
		Data: app.List{trace("dry", "circle", false), trace("rain", "circle-open", true)},
		Layout: layout(app.Dict{
			"dragmode": "select", "selectdirection": "h",
			"showlegend": true, "legend": app.Dict{"x": 0, "y": 1},
			"xaxis": app.Dict{"fixedrange": true, "range": []float64{coldest, hottest}, "ticksuffix": "°", "zeroline": false},
			"yaxis": app.Dict{"fixedrange": true, "tickformat": "~s", "rangemode": "tozero"},
		}),
	}
}

// grouped writes 1234567 as "1,234,567". n is not negative.
func grouped(n int) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
