package serve_test

import (
	"encoding/csv"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	cdpbrowser "github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/emulation"
	cdppage "github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/google/go-cmp/cmp"
	"golang.org/x/text/language"
	"golang.org/x/text/message"

	"dashd/app"
	"dashd/app/serve"
	"dashd/examples"
	"dashd/examples/dashboard"
	"dashd/examples/gallery"
	"dashd/examples/network"
)

// Each example opens, and fits a wide window and a telephone.
func TestBrowserExamples(t *testing.T) {
	tests := map[string]struct {
		title string
		parts []string // those that are loaded last
	}{
		"simpleexample": {"Simple example", []string{"#dropdown-size"}},
		"gallery":       {"Gallery", []string{"#dropdown", "#slider", "#dates", "#markdown mjx-container", ".hljs", "#upload", "#points canvas", "#ascents .point", "#map .point", "#table td"}},
		"dashboard":     {"Bicycles in 2025", []string{"#counters", "#dates", "#celsius [role=slider]", "#timeline .point", "#by-counter .point", "#weather .point", "#table td"}},
		"to-do":         {"To-do list", []string{"#react-entry-point input"}},
		"live-figure":   {"Live figure", []string{"#react-entry-point .main-svg"}},
		"liveinput":     {"LiveInput", []string{"#red-button"}},
		"liveoutput":    {"LiveOutput", []string{"#timeseries_plot .main-svg"}},
		"clientside":    {"In the browser", []string{"#react-entry-point .main-svg"}},
		"editor":        {"Form editor", []string{"#react-entry-point button"}},
		"network":       {"Network", []string{"#arrangement", "#graph canvas"}},
	}
	for _, a := range examples.All() {
		t.Run(a.Slug(), func(t *testing.T) {
			test, ok := tests[a.Slug()]
			if !ok {
				t.Fatal("the test does not know this example")
			}
			b := openExample(t, a)
			for _, width := range []int64{1280, 400} {
				b.do("resize", chromedp.EmulateViewport(width, 900))
				b.goTo("/app/" + a.Slug() + "/")
				b.until(fmt.Sprintf(`%q.split("; ").every(part => document.querySelector(part))`, strings.Join(test.parts, "; ")))
				b.untilIdle()
				b.until(fmt.Sprintf("document.title === %q", test.title))
				b.untilFits(width)
				b.screenshot(fmt.Sprint(a.Slug(), " ", width))
			}
		})
	}
}

func TestBrowserGallery(t *testing.T) {
	b := openExample(t, gallery.New())
	says := func(id, text string) {
		b.Helper()
		b.untilText("#"+id+"-says", text)
	}

	b.run("choices", func() {
		says("dropdown", "To buy: Apple and Cherry.")
		b.press("#dropdown")
		b.press(".dash-dropdown-option", "Fig")
		says("dropdown", "To buy: Apple, Cherry and Fig.")
		b.press(".dash-dropdown-search")
		b.keys("gra")
		b.until(`document.querySelectorAll(".dash-dropdown-option").length === 1`)
		b.press(".dash-dropdown-option", "Grape")
		says("dropdown", "To buy: Apple, Cherry, Fig and Grape.")
		b.keys(kb.Escape)
		b.gone(".dash-dropdown-content")
		b.press("#dropdown .dash-dropdown-clear")
		says("dropdown", "To buy: nothing.")

		b.press("#checklist label", "Cream")
		says("checklist", "On top: Nuts and Cream.")
		b.press("#checklist label", "Nuts")
		says("checklist", "On top: Cream.")

		b.press("#radio label", "Small")
		says("radio", "Size S.")

		b.press("#slider [role=slider]")
		b.keys(kb.ArrowRight)
		says("slider", "22.0 °C are 71.6 °F.")
		b.fill("#slider input", "-7.5")
		says("slider", "-7.5 °C are 18.5 °F.")
		b.press("#range [aria-label=Minimum]")
		b.keys(kb.ArrowLeft)
		b.press("#range [aria-label=Maximum]")
		b.keys(kb.End)
		says("range", "Open from 8 to 24, that is 16 hours.")

		b.press("#date")
		b.press(".dash-datepicker-calendar-date-inside", "14")
		says("date", "14 February 2026 is a Saturday.")
		b.gone(".dash-datepicker-content")
		b.press("#date-wrapper .dash-datepicker-caret-icon")
		b.press("[aria-label='Next month']")
		b.press(".dash-datepicker-calendar-date-inside", "31")
		says("date", "31 March 2026 is a Tuesday.")
		b.press("#date-wrapper .dash-datepicker-clear")
		says("date", "No day chosen.")
		b.press("#dates")
		b.press(".dash-datepicker-calendar-date-inside", "6")
		b.press(".dash-datepicker-calendar-date-inside", "9")
		says("dates", "3 nights.")
		b.keys(kb.Escape)
		b.gone(".dash-datepicker-content")
	})

	b.run("text", func() {
		b.fill("#input", "hop")
		says("input", "hop hop hop")
		b.press("[aria-controls=input-number].dash-stepper-increment")
		says("input", "hop hop hop hop")
		b.fill("#input-number", "")
		says("input", "Give a number from 1 to 9.")
		b.fill("#input-number", "2")
		says("input", "hop hop")

		b.fill("#textarea", "Zwölf Boxkämpfer")
		says("textarea", "2 words, 16 letters.")

		b.allow("clipboard-read", cdpbrowser.PermissionSettingGranted)
		b.allow("clipboard-write", cdpbrowser.PermissionSettingGranted)
		b.press("#clipboard")
		says("clipboard", "Copied once.")
		if text := js[string](b, "navigator.clipboard.readText()"); text != "./dashd serve" {
			b.Errorf("the clipboard has %q", text)
		}

		b.until(`document.querySelectorAll("#markdown mjx-container svg path").length > 10`)
		b.until(`document.querySelectorAll("code.language-sql .hljs-keyword").length >= 4`)
	})

	b.run("buttons", func() {
		b.press("#button")
		says("button", "Clicked once.")
		b.press("#button")
		says("button", "Clicked twice.")

		b.answer("Do you agree?", true, func() { b.press("#confirm-open") })
		says("confirm", "Agreed once. Not yet declined.")
		b.answer("Do you agree?", false, func() { b.press("#confirm-open") })
		says("confirm", "Agreed once. Declined once.")
		b.answer("Reset nothing at all?", true, func() { b.press("#provider button") })
		says("provider", "Reset once.")

		file := filepath.Join(b.TempDir(), "hello.txt")
		if err := os.WriteFile(file, []byte("Hello, world"), 0o600); err != nil {
			b.Fatal(err)
		}
		b.do("upload", chromedp.SetUploadFiles(chromedp.CSS("#upload input"), []string{file}))
		says("upload", "hello.txt has 12 bytes.")

		name, text := b.download("#download-start")
		if lines := strings.Split(text, "\n"); name != "mountains.csv" || len(lines) != 16 || lines[1] != "Everest,8849,1953" {
			b.Errorf("the file %s has %q", name, text)
		}
		says("download", "Sent once.")
	})

	b.run("page", func() {
		b.press("#tabs .tab", "Two")
		says("tabs", "The tab Two is open.")
		b.untilText("#tabs-parent .tab-content", "Inside the second.")

		js[bool](b, "window.stays = true")
		b.press("a", "?colour=blue")
		says("location", "The page is /app/gallery/?colour=blue")
		b.press("a", "?colour=green")
		says("location", "The page is /app/gallery/?colour=green")
		js[bool](b, "history.back() || true")
		says("location", "The page is /app/gallery/?colour=blue")
		b.press(".navbar a", "Table")
		says("location", "The page is /app/gallery/?colour=blue#the-table")
		b.until(`Math.abs(document.querySelector("#the-table").getBoundingClientRect().top - 80) < 2`)
		if !js[bool](b, "window.stays") {
			b.Error("the page was loaded anew")
		}

		b.press("#loading-start")
		b.until(`!!document.querySelector("#loading .dash-default-spinner, #loading .dash-spinner")`)
		says("loading", "Computed once.")
		b.gone("#loading .dash-default-spinner, #loading .dash-spinner")

		b.allow("geolocation", cdpbrowser.PermissionSettingGranted)
		b.command("be in Berlin", func() error {
			_, err := chromedp.Call(b.ctx, emulation.SetGeolocationOverride, emulation.SetGeolocationOverrideParams{Latitude: new(52.52), Longitude: new(13.405), Accuracy: new(10.0)})
			return err
		})
		b.press("#geolocation-ask")
		says("geolocation", "52.520°, 13.405°, give or take 10 m.")

		b.press("#store-add")
		says("store", "This browser tab holds 1.")
		b.press("#store-add")
		says("store", "This browser tab holds 2.")
		b.goTo("/app/gallery/")
		says("store", "This browser tab holds 2.")

		tick := func() int {
			b.until(`document.querySelector("#interval-says").textContent.startsWith("Tick ")`)
			n := 0
			if _, err := fmt.Sscanf(js[string](b, `document.querySelector("#interval-says").textContent`), "Tick %d of 30, at", &n); err != nil {
				b.Error(err)
			}
			return n
		}
		b.until(fmt.Sprintf(`document.querySelector("#interval-says").textContent.startsWith("Tick %d ")`, tick()+2))

		b.allow("geolocation", cdpbrowser.PermissionSettingDenied)
		b.press("#geolocation-ask")
		says("geolocation", "The browser does not say: User denied Geolocation")
	})

	b.run("graphs", func() {
		b.until(`!document.querySelector(".dash-graph--pending")`)
		b.drag("#points .nsewdrag", -100, -80, 100, 80)
		b.until(`/^\d+ points are selected\.$/.test(document.querySelector("#points-says").textContent)`)
		says("points", fmt.Sprintf("%d points are selected.", js[int](b, `document.querySelector("#points .js-plotly-plot").data[0].selectedpoints.length`)))

		b.hover("#ascents .point") // the first is Everest
		b.untilText("#tooltip", "Everest8849 m, first climbed in 1953")
		b.until(`document.querySelector("#tooltip").getBoundingClientRect().width > 50`)
		b.hover("#the-graphs h2")
		b.gone("#tooltip")

		cairo := "#map .scattergeo .point:nth-of-type(5), #map .point:nth-of-type(5)"
		b.hover(cairo)
		b.until(`!!document.querySelector("#map .hoverlayer .hovertext")`)
		b.clickAt(cairo)
		says("map", "Cairo has 13 h 54 min of daylight.")
		b.clickAt("#month .dash-slider-mark", "Dec")
		b.until(`document.querySelector("#map .js-plotly-plot").data[0].marker.color[4] < 11`)
		b.hover("#the-graphs h2")
		b.hover(cairo)
		b.until(`!!document.querySelector("#map .hoverlayer .hovertext")`)
		b.clickAt(cairo)
		says("map", "Cairo has 10 h 06 min of daylight.")
	})

	b.run("table", func() {
		cell := func(row int, column, text string) {
			b.Helper()
			b.untilText(fmt.Sprintf("#table td[data-dash-row='%d'][data-dash-column=%s] .dash-cell-value", row, column), text)
		}
		says("table", "14 mountains, 8283 m high on average; 0 selected.")
		b.press("#table .dash-select-cell input")
		says("table", "14 mountains, 8283 m high on average; 1 selected.")
		b.press("#table [data-dash-column=height] .column-header--sort")
		cell(0, "name", "Shishapangma")
		b.press("#table .next-page")
		cell(0, "name", "Dhaulagiri")
		b.press("#table .previous-page")
		cell(0, "name", "Shishapangma")

		b.edit("#table td[data-dash-row='0'][data-dash-column=height]", "8041")
		cell(0, "name", "Gasherbrum II")
		b.until(`!!document.querySelector("#table td.focused[data-dash-row='1'][data-dash-column=height]")`)
		b.press("#table td[data-dash-row='0'][data-dash-column=name]")
		cell(1, "height", "8,041")
		says("table", "14 mountains, 8284 m high on average; 1 selected.")

		b.press("#table .dash-filter[data-dash-column=range] input[type=text]")
		b.keys("kara" + kb.Enter)
		says("table", "4 mountains, 8194 m high on average; 0 selected.")
		b.fill("#table .dash-filter[data-dash-column=ascent] input[type=text]", "< 1950")
		says("table", "No mountain is like that.")
	})

	b.run("bootstrap", func() {
		b.hover("#badge")
		b.untilText(".tooltip-inner", "Four messages")

		b.untilText("#alert", "All is well.")
		b.press("#switch")
		b.gone("#alert")
		b.press("#switch")
		b.untilText("#alert", "All is well.")

		b.untilText("#progress", "2 of 5")
		b.press("#pagination a", "4")
		b.untilText("#progress", "4 of 5")
		b.until(`document.querySelector("#progress .progress-bar").getAttribute("aria-valuenow") === "80"`)

		b.press("#bootstrap-tabs a", "Two")
		says("bootstrap-tabs", "The tab two is open.")

		b.fill("#group", "moon")
		says("select", "Hello, moon!")
		b.do("go to the select", chromedp.Focus(chromedp.CSS("#select")))
		b.keys(kb.ArrowDown)
		says("select", "Goodbye, moon!")

		b.press("#modal-open")
		b.untilText(".modal.show .modal-title", "A modal")
		b.press("#modal-close")
		b.gone(".modal, .modal-backdrop")

		b.press("#toast-open")
		b.untilText("#toast .toast-body", "It goes by itself.")
		b.press("#toast .btn-close")
		b.gone("#toast.show")

		b.press(".accordion-button", "Second")
		b.untilText(".accordion-collapse.show", "This one, if you click it.")

		b.press("#collapse-toggle")
		b.untilText("#collapse.show", "There is no more.")
		b.press("#collapse-toggle")
		b.gone("#collapse.show")

		b.press(".dropdown-toggle")
		b.press(".dropdown-menu.show a", "Choices")
		b.gone(".dropdown-menu.show")
		says("location", "The page is /app/gallery/#the-choices")
	})
	b.untilIdle()
	b.screenshot("gallery clicked")
}

// bicycles is the dashboard's data, to count what it should show.
func bicycles(t *testing.T) [][]string {
	file, err := os.Open("../../examples/dashboard/data.csv")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	records, err := csv.NewReader(file).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	return records[1:]
}

func TestBrowserDashboard(t *testing.T) {
	b := openExample(t, dashboard.New())
	all := bicycles(t)
	left := all
	// filtered waits until the page shows the counts that keep lets through.
	filtered := func(keep func(date time.Time, counter string, celsius float64) bool) {
		t.Helper()
		left = nil
		total := 0
		for _, record := range all {
			date, _ := time.Parse(time.DateOnly, record[0])
			celsius, _ := strconv.ParseFloat(record[3], 64)
			if keep(date, record[1], celsius) {
				n, _ := strconv.Atoi(record[2])
				total += n
				left = append(left, record)
			}
		}
		b.until(fmt.Sprintf(`document.querySelector("#total").textContent.replaceAll(",", "") === "%d"`, total))
		b.untilText("#table .last-page", fmt.Sprint((len(left)+7)/8))
		b.untilIdle()
	}

	everything := func(time.Time, string, float64) bool { return true }
	filtered(everything)

	b.press("#counters")
	b.press(".dash-dropdown-option", "Mill Lane")
	b.keys(kb.Escape)
	b.gone(".dash-dropdown-content")
	filtered(func(_ time.Time, counter string, _ float64) bool { return counter == "Mill Lane" })

	b.press("#days label", "Workdays")
	filtered(func(date time.Time, counter string, _ float64) bool { return counter == "Mill Lane" && !weekend(date) })

	b.press("#celsius [aria-label=Minimum]")
	b.keys(kb.PageUp + kb.PageUp + kb.PageUp + kb.ArrowRight)
	filtered(func(date time.Time, counter string, celsius float64) bool {
		return counter == "Mill Lane" && !weekend(date) && celsius >= 5.5
	})

	// The bars are in the order of the counters' sums, the largest last.
	names := js[[]string](b, `document.querySelector("#by-counter .js-plotly-plot").data[0].y`)
	b.clickBar(names, "University")
	kept := func(date time.Time, counter string, celsius float64) bool {
		return (counter == "Mill Lane" || counter == "University") && !weekend(date) && celsius >= 5.5
	}
	filtered(kept)
	b.until(`document.querySelector("#counters").textContent.startsWith("Mill LaneUniversity")`)

	name, text := b.download("#save")
	records, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if want := append([][]string{{"date", "counter", "bicycles", "celsius", "rain"}}, left...); name != "bicycles.csv" || !cmp.Equal(records, want) {
		t.Errorf("the file %s differs: %s", name, cmp.Diff(want, records))
	}

	// row waits until the table's first row is a record.
	row := func(record []string) {
		t.Helper()
		n, _ := strconv.Atoi(record[2])
		b.until(fmt.Sprintf(`[...document.querySelectorAll("#table td[data-dash-row='0']")].map(c => c.textContent).join() === %q`,
			strings.Join([]string{record[0], record[1], message.NewPrinter(language.English).Sprint(n), record[3], record[4]}, ",")))
	}
	row(left[0])
	b.press("#table .next-page")
	row(left[8])
	b.press("#table .dash-header[data-dash-column=bicycles] .column-header--sort")
	b.press("#table .dash-header[data-dash-column=bicycles] .column-header--sort")
	slices.SortStableFunc(left, func(x, y []string) int {
		m, _ := strconv.Atoi(x[2])
		n, _ := strconv.Atoi(y[2])
		return n - m
	})
	row(left[8])

	b.clickBar(names, "Mill Lane")
	filtered(func(date time.Time, counter string, celsius float64) bool {
		return counter == "University" && !weekend(date) && celsius >= 5.5
	})
	b.until(`document.querySelector("#table .current-page").placeholder === "1"`)

	b.press("#reset")
	filtered(everything)
	b.press("#step label", "Months")
	b.until(`document.querySelector("#timeline .js-plotly-plot").data[0].x.length === 12`)

	// Graphs choose dates and temperatures too.
	b.drag("#timeline .nsewdrag", -40, 0, 40, 0)
	b.until(`document.querySelector("#dates").value !== "1 Jan" && document.querySelector("#dates-end-date").value !== "31 Dec"`)
	b.untilIdle()
	from, to := chosenDay(b, "#dates"), chosenDay(b, "#dates-end-date")
	inDates := func(date time.Time) bool { return !date.Before(from) && !date.After(to) }
	filtered(func(date time.Time, _ string, _ float64) bool { return inDates(date) })
	b.drag("#weather .nsewdrag", 60, 0, 120, 0)
	b.until(`document.querySelector("#celsius [aria-label=Minimum]").getAttribute("aria-valuenow") !== "-10"`)
	low, high := thumb(b, "Minimum"), thumb(b, "Maximum")
	filtered(func(date time.Time, _ string, celsius float64) bool {
		return inDates(date) && celsius >= low && celsius <= high
	})
	b.screenshot("dashboard clicked")
	b.press("#reset")
	filtered(everything)
}

func weekend(date time.Time) bool {
	return date.Weekday() == time.Saturday || date.Weekday() == time.Sunday
}

// clickBar clicks a counter's bar.
func (b *tab) clickBar(names []string, name string) {
	b.Helper()
	bar := fmt.Sprintf("#by-counter .bars .point:nth-of-type(%d)", slices.Index(names, name)+1)
	b.hover(bar)
	b.until(fmt.Sprintf(`(document.querySelector("#by-counter .hoverlayer .hovertext") || {textContent: ""}).textContent.includes(%q)`, name))
	b.clickAt(bar)
}

// chosenDay reads an input of the dashboard's dates.
func chosenDay(b *tab, selector string) time.Time {
	b.Helper()
	day, err := time.Parse("2 Jan 2006", js[string](b, fmt.Sprintf("document.querySelector(%q).value", selector))+" 2025")
	if err != nil {
		b.Fatal(err)
	}
	return day
}

// thumb returns where a thumb of the dashboard's temperature is.
func thumb(b *tab, label string) float64 {
	b.Helper()
	return js[float64](b, fmt.Sprintf(`+document.querySelector("#celsius [aria-label=%s]").getAttribute("aria-valuenow")`, label))
}

func TestBrowserNetwork(t *testing.T) {
	b := openExample(t, network.New())
	const cy = `document.querySelector(".__________cytoscape_container")._cyreg.cy`
	// tap clicks a city where it has stayed for ten frames.
	tap := func(id string) {
		t.Helper()
		b.untilIdle()
		at, err := chromedp.Run(b.ctx, chromedp.Poll[[2]float64](fmt.Sprintf(`(() => {
			const r = document.querySelector("#graph").getBoundingClientRect(), p = %s.getElementById(%q).renderedPosition();
			const at = [r.x + p.x, r.y + p.y], last = window.tapping || {};
			window.tapping = {at: at, frames: last.at && last.at.join() === at.join() ? last.frames + 1 : 0};
			return window.tapping.frames >= 10 ? at : null;
		})()`, cy, id)))
		if err != nil {
			t.Fatalf("wait for %s to stay: %v", id, err)
		}
		b.do("tap "+id, chromedp.MouseEvent(chromedp.MouseMoved, at[0], at[1]), chromedp.MouseClickXY(at[0], at[1]))
	}
	b.untilText("#neighbours", "Click a city.")
	b.until(cy + ".nodes().length === 17 && " + cy + ".edges().length === 24")
	b.until(`[...document.querySelectorAll("#graph canvas")].some(c => c.getContext("2d").getImageData(0, 0, c.width, c.height).data.some(v => v > 0))`)
	if !js[bool](b, `(() => {
		const top = () => document.querySelector("#graph").getBoundingClientRect().top, before = top();
		const dropdown = document.querySelector(".dash-dropdown-wrapper");
		dropdown.style.display = "none";
		const after = top();
		dropdown.style.display = "";
		return before === after;
	})()`) {
		t.Error("the dropdown moves the graph when it is loaded: Cytoscape would not notice")
	}
	tap("LYS")
	b.untilText("#neighbours", "From Lyon, trains run to Barcelona, Paris.")
	b.screenshot("network tapped")

	position := cy + `.getElementById("AMS").position("x")`
	before := js[float64](b, position)
	b.choose("#arrangement", "Circle")
	b.until(fmt.Sprintf("Math.abs(%s - %v) > 10", position, before))
	tap("ROM")
	b.untilText("#neighbours", "From Rome, trains run to Milan.")
	b.screenshot("network circle")
}

// openExample opens an example in a wide window, of a person who wants no
// animations.
func openExample(t *testing.T, a *app.App) *tab {
	t.Helper()
	h, _ := mustNew(t, serve.Config{Apps: []*app.App{a}})
	b := openTab(t, h, "/app/"+a.Slug()+"/")
	b.expect("GPU stall due to ReadPixels")             // Chromium's word on drawing without a graphics card
	b.expect("You have set a custom wheel sensitivity") // Cytoscape's, even where it is 1
	b.do("resize", chromedp.EmulateViewport(1280, 900))
	b.command("turn animations off", func() error {
		_, err := chromedp.Call(b.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-reduced-motion", Value: "reduce"}},
		})
		return err
	})
	b.untilIdle()
	return b
}

// run runs a part of a test, in the same tab.
func (b *tab) run(name string, part func()) {
	whole := b.T
	defer func() { b.T = whole }()
	whole.Run(name, func(t *testing.T) {
		b.T = t
		part()
	})
}

func (b *tab) command(what string, send func() error) {
	b.Helper()
	if err := send(); err != nil {
		b.Fatalf("%s: %v", what, err)
	}
}

// place waits until the first element of a selector, with a text if one is
// given, can be seen below the navigation bar, and returns its middle. Where it
// is to be pressed, nothing may cover it.
func (b *tab) place(selector string, text []string, press bool) (x, y float64) {
	b.Helper()
	element := fmt.Sprintf(`[...document.querySelectorAll(%q)].find(e => !%t || e.textContent === %q)`, selector, len(text) > 0, strings.Join(text, ""))
	at, err := chromedp.Run(b.ctx, chromedp.Poll[[2]float64](fmt.Sprintf(`(() => {
		const e = %s;
		if (!e) return null;
		const r = e.getBoundingClientRect(), x = r.x + r.width / 2, y = r.y + r.height / 2;
		const moves = e.wasAt !== (e.wasAt = x + " " + y); // what loads above it may move it
		if (moves) return null;
		const seen = r.width > 0 && r.top >= 0 && r.bottom <= innerHeight;
		if (seen && (%t ? e.contains(document.elementFromPoint(x, y)) : r.top >= 60)) return [x, y];
		// What is covered may be below the navigation bar, or in a list that scrolls.
		e.scrollIntoView({block: r.top < 60 || !seen ? "center" : "nearest", behavior: "instant"});
		return null;
	})()`, element, press), chromedp.WithPollingInterval(10*time.Millisecond), chromedp.WithPollingTimeout(patience)))
	if err != nil {
		b.Fatalf("see %s %q: %v\nthe page says: %.2000s", selector, text, err, js[string](b, "document.body.innerText"))
	}
	return at[0], at[1]
}

// press clicks the first element of a selector, or the first with a text.
func (b *tab) press(selector string, text ...string) {
	b.Helper()
	x, y := b.place(selector, text, true)
	b.do("press "+selector, chromedp.MouseEvent(chromedp.MouseMoved, x, y), chromedp.MouseClickXY(x, y))
}

// hover moves the mouse to an element, such as a point of a graph.
func (b *tab) hover(selector string) {
	b.Helper()
	x, y := b.place(selector, nil, false)
	b.do("hover over "+selector, chromedp.MouseEvent(chromedp.MouseMoved, x, y))
}

// clickAt clicks where an element is, though another may lie above it.
func (b *tab) clickAt(selector string, text ...string) {
	b.Helper()
	x, y := b.place(selector, text, false)
	b.do("click at "+selector, chromedp.MouseClickXY(x, y))
}

// drag drags the mouse from one place to another, as seen from the middle of an element.
func (b *tab) drag(selector string, fromX, fromY, toX, toY float64) {
	b.Helper()
	x, y := b.place(selector, nil, true)
	b.do("drag over "+selector, chromedp.DragAndDropXY(x+fromX, y+fromY, x+toX, y+toY))
}

// edit replaces the text of a cell of a DataTable.
func (b *tab) edit(cell, text string) {
	b.Helper()
	b.press(cell)
	x, y := b.place(cell+" input", nil, true)
	b.do("double-click "+cell, chromedp.MouseClickXY(x, y, chromedp.ClickCount(2)))
	b.until(fmt.Sprintf("document.activeElement.matches(%q)", cell+" input.focused"))
	b.do("select the text", chromedp.KeyEvent("a", chromedp.KeyModifiers(chromedp.ModifierCtrl)))
	b.keys(text + kb.Enter)
}

// gone waits until nothing of a selector can be seen.
func (b *tab) gone(selector string) {
	b.Helper()
	b.until(fmt.Sprintf(`[...document.querySelectorAll(%q)].every(e => !e.checkVisibility())`, selector))
}

// answer does what opens a dialog, and answers it.
func (b *tab) answer(message string, yes bool, open func()) {
	b.Helper()
	dialogs := chromedp.Events(b.ctx, cdppage.JavascriptDialogOpening)
	type answered struct {
		message string
		err     error
	}
	done := make(chan answered, 1)
	go func() {
		for dialog, err := range dialogs {
			if err == nil {
				_, err = chromedp.Call(b.ctx, cdppage.HandleJavaScriptDialog, cdppage.HandleJavaScriptDialogParams{Accept: yes})
			}
			done <- answered{dialog.Message, err}
			return
		}
	}()
	open()
	if a := <-done; a.err != nil || a.message != message {
		b.Fatalf("the dialog says %q, %v; want %q", a.message, a.err, message)
	}
}

// allow answers what the browser would ask of its user.
func (b *tab) allow(permission string, answer cdpbrowser.PermissionSetting) {
	b.Helper()
	b.command("allow "+permission, func() error {
		_, err := chromedp.Call(b.ctx, cdpbrowser.SetPermission, cdpbrowser.SetPermissionParams{
			Permission:       &cdpbrowser.PermissionDescriptor{Name: permission},
			Setting:          answer,
			Origin:           b.origin,
			BrowserContextID: chromedp.FromContext(b.ctx).BrowserContextID,
		})
		return err
	})
}

// download presses what sends a file, and returns its name and text.
func (b *tab) download(selector string) (name, text string) {
	b.Helper()
	dir := b.TempDir()
	b.command("permit downloads", func() error {
		_, err := chromedp.Call(b.ctx, cdpbrowser.SetDownloadBehavior, cdpbrowser.SetDownloadBehaviorParams{
			Behavior:         cdpbrowser.SetDownloadBehaviorBehaviorAllow,
			BrowserContextID: chromedp.FromContext(b.ctx).BrowserContextID,
			DownloadPath:     dir,
			EventsEnabled:    new(true),
		})
		return err
	})
	x, y := b.place(selector, nil, true)
	_, err := chromedp.Run(b.ctx, chromedp.WaitEvent(cdpbrowser.DownloadProgress, func(e cdpbrowser.EventDownloadProgress) bool {
		return e.State == cdpbrowser.DownloadProgressStateCompleted
	}, chromedp.MouseClickXY(x, y)))
	if err != nil {
		b.Fatalf("download: %v", err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(files) != 1 {
		b.Fatalf("the downloaded files are %q, %v", files, err)
	}
	content, err := os.ReadFile(files[0])
	if err != nil {
		b.Fatal(err)
	}
	return filepath.Base(files[0]), string(content)
}
