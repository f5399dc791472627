package examples_test

import (
	"fmt"
	"strings"
	"testing"

	"dashd/app"
	"dashd/app/apptest"
	"dashd/examples"
	"dashd/examples/dashboard"
	"dashd/examples/gallery"
	"dashd/examples/network"
	"dashd/examples/simple"
)

func TestAll(t *testing.T) {
	apps := examples.All()
	for _, a := range apps {
		t.Run(a.Name(), func(t *testing.T) { apptest.Check(t, a) })
	}
	if err := app.Validate(apps...); err != nil {
		t.Errorf("the examples cannot be served together: %v", err)
	}
}

func TestSimple(t *testing.T) {
	a := simple.New()
	color, size := app.Output("output-color", "children"), app.Output("output-size", "children")
	for _, test := range []struct {
		output app.Dependency
		props  []apptest.Prop
		want   string
	}{
		{color, nil, "The selected color is red."},
		{color, []apptest.Prop{apptest.Change("dropdown-color", "value", "blue")}, "The selected color is blue."},
		{size, nil, "The chosen T-shirt is a medium red one."},
		{size, []apptest.Prop{apptest.Set("dropdown-color", "value", "green"), apptest.Change("dropdown-size", "value", "large")}, "The chosen T-shirt is a large green one."},
	} {
		id, _, _ := strings.Cut(test.output.String(), ".")
		if got := apptest.Call(t, a, test.output, test.props...).Text(app.ID(id), "children"); got != test.want {
			t.Errorf("%v says %q, want %q", test.output, got, test.want)
		}
	}
	err := apptest.CallError(t, a, color, apptest.Change("dropdown-color", "value", 7))
	if app.ErrorCode(err) != app.Invalid {
		t.Errorf("a number for a color gives %v", err)
	}
}

func TestNetwork(t *testing.T) {
	a := network.New()
	neighbours := app.Output("neighbours", "children")
	for want, tapped := range map[string]any{
		"Click a city.":                               nil,
		"From Rome, trains run to Milan.":             app.Dict{"id": "ROM", "label": "Rome"},
		"From London, trains run to Brussels, Paris.": app.Dict{"id": "LON", "label": "London"},
	} {
		if got := apptest.Call(t, a, neighbours, apptest.Change("graph", "tapNodeData", tapped)).Text("neighbours", "children"); got != want {
			t.Errorf("%v says %q, want %q", tapped, got, want)
		}
	}

	var layout struct {
		Name      string
		Positions map[string]any
	}
	apptest.Call(t, a, app.Output("graph", "layout"), apptest.Change("arrangement", "value", "circle")).JSON("graph", "layout", &layout)
	if layout.Name != "circle" || layout.Positions != nil {
		t.Errorf("the circle is %+v", layout)
	}
	apptest.Call(t, a, app.Output("graph", "layout")).JSON("graph", "layout", &layout)
	if layout.Name != "preset" || layout.Positions["VIE"] == nil {
		t.Errorf("the map is %+v", layout)
	}
}

// TestGalleryIsComplete holds that the gallery has every component of app/dcc.
func TestGalleryIsComplete(t *testing.T) {
	layout, err := gallery.New().ValidationLayoutJSON()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{
		"Button", "Checklist", "Clipboard", "ConfirmDialog", "ConfirmDialogProvider", "DatePickerRange", "DatePickerSingle",
		"Download", "Dropdown", "Geolocation", "Graph", "Input", "Interval", "Link", "Loading", "Location", "Markdown",
		"RadioItems", "RangeSlider", "Slider", "Store", "Tab", "Tabs", "Textarea", "Tooltip", "Upload",
	} {
		if !strings.Contains(string(layout), `"type":"`+name+`","namespace":"dash_core_components"`) {
			t.Errorf("the gallery has no dcc.%s", name)
		}
	}
}

func TestGallerySays(t *testing.T) {
	a := gallery.New()
	for id, test := range map[app.ID]struct {
		change apptest.Prop
		want   string
	}{
		"dropdown-says":    {apptest.Change("dropdown", "value", []string{"Fig", "Date", "Apple"}), "To buy: Fig, Date and Apple."},
		"checklist-says":   {apptest.Change("checklist", "value", nil), "On top: nothing."},
		"slider-says":      {apptest.Change("slider", "value", -40), "-40.0 °C are -40.0 °F."},
		"range-says":       {apptest.Change("range", "value", []float64{8, 8}), "Open from 8 to 8, that is 0 hours."},
		"date-says":        {apptest.Change("date", "date", "2026-11-20"), "20 November 2026 is a Friday."},
		"dates-says":       {apptest.Change("dates", "end_date", nil), "Choose two days."},
		"input-says":       {apptest.Change("input-number", "value", 10), "Give a number from 1 to 9."},
		"textarea-says":    {apptest.Change("textarea", "value", "Zwölf Äpfel"), "2 words, 11 letters."},
		"button-says":      {apptest.Change("button", "n_clicks", 3), "Clicked 3 times."},
		"upload-says":      {apptest.Change("upload", "contents", "data:text/plain;base64,aGVsbG8="), " has 5 bytes."},
		"store-says":       {apptest.Change("store", "data", 4), "This browser tab holds 4."},
		"geolocation-says": {apptest.Change("geolocation", "position", app.Dict{"lat": 48.2, "lon": 16.37, "accuracy": 30}), "48.200°, 16.370°, give or take 30 m."},
		"points-says":      {apptest.Change("points", "selectedData", app.Dict{"points": []app.Dict{{}, {}}}), "2 points are selected."},
		"map-says":         {apptest.Change("map", "clickData", app.Dict{"points": []app.Dict{{"text": "Rome", "marker.color": 15.25}}}), "Rome has 15 h 15 min of daylight."},
		"table-says":       {apptest.Change("table", "derived_virtual_data", []app.Dict{{"height": 8000}, {"height": 8100}}), "2 mountains, 8050 m high on average; 0 selected."},
		"tooltip":          {apptest.Change("ascents", "hoverData", app.Dict{"points": []app.Dict{{"customdata": 1, "bbox": app.Dict{}}}}), "K28611 m, first climbed in 1954"},
	} {
		property := "children"
		if got := apptest.Call(t, a, app.Output(id, property), test.change).Text(id, property); got != test.want {
			t.Errorf("%s: %q, want %q", id, got, test.want)
		}
	}
}

func TestDashboardFilters(t *testing.T) {
	a := dashboard.New()
	total := func(props ...apptest.Prop) string {
		t.Helper()
		return apptest.Call(t, a, app.Output("total", "children"), props...).Text("total", "children")
	}
	all := total()
	if all != "5,865,870" {
		t.Errorf("all bicycles are %s", all)
	}
	if got := total(apptest.Set("dates", "start_date", nil), apptest.Set("dates", "end_date", nil)); got != all {
		t.Errorf("without dates there are %s bicycles, want %s", got, all)
	}
	answer := apptest.Call(t, a, app.Output("total", "children"),
		apptest.Set("counters", "value", []string{"Mill Lane"}),
		apptest.Set("dates", "start_date", "2025-09-26"),
		apptest.Change("dates", "end_date", "2025-09-28"),
	)
	for id, want := range map[app.ID]string{"total": "1,901", "daily": "633", "busiest": "Sat 27 Sep", "wet": "–"} {
		if got := answer.Text(id, "children"); got != want {
			t.Errorf("%s is %q, want %q", id, got, want)
		}
	}
	if got := total(apptest.Change("celsius", "value", []float64{29, 30})); got != "0" {
		t.Errorf("on days hotter than any there are %s bicycles", got)
	}
	parts := 0
	for _, days := range []string{"workdays", "weekends"} {
		var n int
		if _, err := fmt.Sscan(strings.ReplaceAll(total(apptest.Change("days", "value", days)), ",", ""), &n); err != nil {
			t.Fatal(err)
		}
		parts += n
	}
	if want := 5_865_870; parts != want {
		t.Errorf("workdays and weekends have %d bicycles, want %d", parts, want)
	}
}

// TestDashboardGraphs holds that a graph marks its own filter and obeys the others.
func TestDashboardGraphs(t *testing.T) {
	a := dashboard.New()
	var figure struct {
		Data []struct {
			X, Y   []any
			Marker struct{ Color []string }
		}
	}
	apptest.Call(t, a, app.Output("by-counter", "figure"), apptest.Change("counters", "value", []string{"University"})).JSON("by-counter", "figure", &figure)
	bars := figure.Data[0]
	if len(bars.Y) != 8 {
		t.Fatalf("there are %d counters, want 8", len(bars.Y))
	}
	for i, name := range bars.Y {
		if chosen := bars.Marker.Color[i] != bars.Marker.Color[0]; chosen != (name == "University") {
			t.Errorf("the bar of %v is %s", name, bars.Marker.Color[i])
		}
	}
	for step, want := range map[string]int{"day": 365, "week": 53, "month": 12} {
		apptest.Call(t, a, app.Output("timeline", "figure"),
			apptest.Set("dates", "end_date", "2025-01-31"),
			apptest.Change("step", "value", step),
		).JSON("timeline", "figure", &figure)
		if got := len(figure.Data[0].X); got != want {
			t.Errorf("the timeline by %s has %d bars, want %d", step, got, want)
		}
	}

	// What is clicked or selected becomes a filter.
	click := func(name string, chosen ...string) string {
		var counters []string
		answer := apptest.Call(t, a, app.Output("counters", "value"),
			apptest.Set("counters", "value", chosen),
			apptest.Change("by-counter", "clickData", app.Dict{"points": []app.Dict{{"y": name}}}))
		answer.JSON("counters", "value", &counters)
		return strings.Join(counters, "+")
	}
	if got := click("B", "A"); got != "A+B" {
		t.Errorf("a click on B makes %q", got)
	}
	if got := click("A", "A", "B"); got != "B" {
		t.Errorf("a second click on A makes %q", got)
	}
	answer := apptest.Call(t, a, app.Output("dates", "start_date"),
		apptest.Change("timeline", "selectedData", app.Dict{"range": app.Dict{"x": []string{"2024-12-28 10:00", "2025-02-01 11:22:33.4444"}}}))
	if from, to := answer.Text("dates", "start_date"), answer.Text("dates", "end_date"); from != "2025-01-01" || to != "2025-02-01" {
		t.Errorf("the selection is from %s to %s", from, to)
	}
	if !apptest.Call(t, a, app.Output("celsius", "value"), apptest.Change("weather", "selectedData", nil)).Prevented() {
		t.Error("the end of a selection changes the filter")
	}
}

func TestDashboardTable(t *testing.T) {
	a := dashboard.New()
	page := func(page int, order ...app.Dict) (dates []string, pages int) {
		t.Helper()
		answer := apptest.Call(t, a, app.Output("table", "data"),
			apptest.Set("days", "value", "weekends"),
			apptest.Set("table", "sort_by", order),
			apptest.Change("table", "page_current", page))
		var rows []struct{ Date string }
		answer.JSON("table", "data", &rows)
		answer.JSON("table", "page_count", &pages)
		for _, row := range rows {
			dates = append(dates, row.Date)
		}
		return dates, pages
	}
	if dates, pages := page(0); len(dates) != 8 || dates[0] != "2025-01-04" || pages != 104 {
		t.Errorf("the first of %d pages has %v", pages, dates)
	}
	if dates, _ := page(9999); len(dates) != 8 || dates[7] != "2025-12-28" {
		t.Errorf("the last page has %v", dates)
	}
	if dates, _ := page(0, app.Dict{"column_id": "date", "direction": "desc"}); dates[0] != "2025-12-28" {
		t.Errorf("sorted downwards, the first page has %v", dates)
	}
}

func TestDashboardDownload(t *testing.T) {
	var file struct{ Content, Filename string }
	apptest.Call(t, dashboard.New(), app.Output("download", "data"),
		apptest.Set("counters", "value", []string{"South Park"}),
		apptest.Set("dates", "end_date", "2025-01-02"),
		apptest.Change("save", "n_clicks", 1),
	).JSON("download", "data", &file)
	lines := strings.Split(strings.TrimSpace(file.Content), "\n")
	if file.Filename != "bicycles.csv" || len(lines) != 3 || lines[0] != "date,counter,bicycles,celsius,rain" || !strings.HasPrefix(lines[2], "2025-01-02,South Park,") {
		t.Errorf("%s is\n%s", file.Filename, file.Content)
	}
}
