package serve_test

import (
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"dashd/examples/demo"
)

// part is an app in a page of the demo site.
type part struct {
	*tab
	root string // JavaScript: the document of its frame, or its element
}

// frame returns the app in a frame of the page, counted from 0.
func (b *tab) frame(n int) part {
	return part{b, fmt.Sprintf(`document.querySelectorAll("iframe")[%d]?.contentDocument`, n)}
}

// direct returns an app in the page itself, counted from 0.
func (b *tab) direct(n int) part {
	return part{b, fmt.Sprintf(`document.querySelectorAll("dash-app")[%d]`, n)}
}

// text is JavaScript for the text of an element of the app.
func (p part) text(selector string) string {
	return fmt.Sprintf(`%s?.querySelector(%q)?.textContent`, p.root, selector)
}

// says waits until an element of the app has the text.
func (p part) says(selector, text string) {
	p.Helper()
	p.until(fmt.Sprintf(`%s === %q`, p.text(selector), text))
}

// saysPart waits until the text of an element of the app has the parts.
func (p part) saysPart(selector string, parts ...string) {
	p.Helper()
	p.until(fmt.Sprintf(`%q.split("|").every(part => (%s || "").includes(part))`, strings.Join(parts, "|"), p.text(selector)))
}

// press clicks the first element of a selector, with a text if one is given,
// that is in the app and not covered, when it has come to rest.
func (p part) press(selector string, text ...string) {
	p.Helper()
	at, err := chromedp.Run(p.ctx, chromedp.Poll[[2]float64](fmt.Sprintf(`(() => {
		const e = [...%s?.querySelectorAll(%q) || []].find(e => !%t || e.textContent.trim() === %q);
		if (!e) return null;
		e.scrollIntoView({block: "center", behavior: "instant"});
		const r = e.getBoundingClientRect(), x = r.x + r.width / 2, y = r.y + r.height / 2;
		if (!e.contains(e.ownerDocument.elementFromPoint(x, y))) return null;
		const frame = e.ownerDocument.defaultView.frameElement?.getBoundingClientRect();
		const at = frame ? [x + frame.x, y + frame.y] : [x, y];
		return e.wasAt === (e.wasAt = at.join(" ")) ? at : null;
	})()`, p.root, selector, len(text) > 0, strings.Join(text, "")), chromedp.WithPollingInterval(10*time.Millisecond), chromedp.WithPollingTimeout(patience)))
	if err != nil {
		p.Fatalf("see %s %q: %v\nthe app says: %.2000s", selector, text, err, js[string](p.tab, p.text("*")+` || ""`))
	}
	p.do("press "+selector, chromedp.MouseEvent(chromedp.MouseMoved, at[0], at[1]), chromedp.MouseClickXY(at[0], at[1]))
}

// points says of each line of the graph how many points it has: "red 1".
func (p part) points(text string) {
	p.Helper()
	p.until(fmt.Sprintf(`(%s?.querySelector("#timeseries_plot .js-plotly-plot")?.data || []).map(line => line.name + " " + line.x.length).join() === %q`, p.root, text))
}

// openDemo opens a page of the demo site.
func (w way) openDemo(t *testing.T, site http.Handler, path string) *tab {
	t.Helper()
	b := w.open(t, site, path)
	b.expect("GPU stall due to ReadPixels")
	b.expect("You have set a custom wheel sensitivity") // Cytoscape's, even where it is 1
	b.do("resize", chromedp.EmulateViewport(1280, 900))
	return b
}

// looks checks that the page fits a telephone, and keeps pictures of it.
func (b *tab) looks(name string) {
	b.Helper()
	schemes := []string{"light"}
	if os.Getenv("DASHD_SCREENSHOTS") != "" {
		schemes = append(schemes, "dark")
	}
	for _, scheme := range schemes {
		b.command("choose colours", func() error {
			_, err := chromedp.Call(b.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
				Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
			})
			return err
		})
		for _, width := range []int64{1280, 400} {
			b.do("resize", chromedp.EmulateViewport(width, 900))
			b.untilFits(width)
			b.screenshot(fmt.Sprintf("%s %s %d", strings.ReplaceAll(name, "/", " "), scheme, width))
		}
	}
	b.do("resize", chromedp.EmulateViewport(1280, 900))
}

// Each page of the demo does what that of django-plotly-dash does.
func TestBrowserDemo(t *testing.T) { testDemo(t, direct) }

func testDemo(t *testing.T, w way) {
	s, _ := newServer(t, w.config(demo.Config()))
	page := func(name string, interact func(b *tab)) {
		t.Run(name, func(t *testing.T) {
			b := w.openDemo(t, s.Handler(), "/"+name)
			interact(b)
			b.looks(name)
		})
	}

	page("?contents", func(b *tab) {
		b.until(`document.querySelectorAll("main a[href^=demo-]").length >= 12 && document.querySelector("img").naturalWidth > 0`)
	})

	shirt := func(p part, color, size string) {
		p.Helper()
		p.says("#output-color", "The selected color is "+color+".")
		p.says("#output-size", fmt.Sprintf("The chosen T-shirt is a %s %s one.", size, color))
	}
	page("demo-one", func(b *tab) {
		shirt(b.frame(0), "red", "medium")
		b.frame(0).press("#dropdown-color label", "Green")
		shirt(b.frame(0), "green", "medium")
		b.frame(0).press("#dropdown-size label", "L")
		shirt(b.frame(0), "green", "large")
	})

	page("demo-two", func(b *tab) {
		shirt(b.frame(0), "blue", "small")
		shirt(b.frame(1), "green", "small")
		b.frame(0).press("#dropdown-color label", "Red")
		shirt(b.frame(0), "red", "small")
		shirt(b.frame(1), "green", "small")
		b.goTo("/demo-two")
		shirt(b.frame(0), "blue", "small")
	})

	page("demo-three", func(b *tab) {
		b.frame(0).saysPart("#output-one", "Args are [Oxygen] and kwargs are {", `"dash_app_id":"ex2"`, `"user":"AnonymousUser"`)
		b.frame(1).saysPart("#output-one", "Args are [Nitrogen] and kwargs are {", `"dash_app":"Ex2-1"`)
		b.frame(1).press("#dropdown-one label", "CO2")
		b.frame(1).saysPart("#output-one", "Args are [Carbon Dioxide]", `"calls_so_far":3`, `"user_counts":{"AnonymousUser":3}`)
		b.goTo("/demo-three")
		b.frame(0).saysPart("#output-one", "Args are [Oxygen]")
		b.frame(1).saysPart("#output-one", "Args are [Carbon Dioxide]")
	})

	page("demo-four", func(b *tab) {
		in, own, shared := b.frame(0), b.frame(1), b.frame(2)
		in.says("#button_local_counter", "Press any button to start")
		connection := `dpd_live.open(new URL("` + b.base + wsPath + `", location).href)`
		b.until(`window.dpd_live && ` + connection + `.positions.has("live_button_counter") && ` + connection + `.pipes.size === 2`)
		in.press("#red-button")
		in.saysPart("#button_local_counter", "Number of local clicks so far is 1 red and None blue; last change is red at ")
		own.points("red 1")
		shared.points("red 1")
		if _, err := s.Publish("live_button_counter", "named_counts", map[string]string{"click_colour": "cyan"}); err != nil {
			b.Fatal(err)
		}
		own.points("red 2,cyan 2")
		shared.points("red 2,cyan 2")
		if !js[bool](b, fmt.Sprintf(`document.querySelector("main").textContent.includes("curl -H \"Authorization: Bearer $TOKEN\" %s/dpd/views/poke/")`, b.origin+b.base)) {
			b.Error("the hint does not name this server")
		}
		b.goTo("/demo-four") // the shared graph is still there
		shared.points("red 2,cyan 2")
		own.points("")
	})

	page("demo-five", func(b *tab) {
		shirt(b.direct(0), "red", "medium")
		b.direct(0).press("#dropdown-color label", "Green")
		shirt(b.direct(0), "green", "medium")
		b.until(`document.title === "Without a frame"`)
	})

	page("demo-six", func(b *tab) {
		p := b.direct(0)
		p.saysPart("#test-output-div2", "You have selected Oranges.", "The session context message is 'I am Dash receiving context from Django'")
		lines := func(city string) string {
			return fmt.Sprintf(`["#test-output-div", "#test-output-div3"].every(id => { const g = %s.querySelector(id + " .js-plotly-plot"); return g && g.calcdata[0].length === 500 && g.layout.xaxis.title.text === %q; })`, p.root, city)
		}
		b.until(lines("NYC"))
		p.press("#my-dropdown2")
		p.press(".dash-dropdown-option", "Plums")
		p.saysPart("#test-output-div2", "You have selected Plums.")
		p.press("#my-dropdown1")
		p.press(".dash-dropdown-option", "Montreal")
		b.until(lines("MTL"))
	})

	page("demo-seven", func(b *tab) {
		b.frame(0).says("#base-alert", "This is an alert")
		b.frame(0).says("#danger-alert", "Danger")
		b.frame(0).press("#switches label", "Switch 2")
		b.until(b.frame(0).root + `.querySelectorAll("#switches :checked").length === 2`)
		b.until(`(r => Math.abs(r.width / r.height - 21 / 9) < 0.01)(document.querySelector("iframe").getBoundingClientRect())`)
	})

	page("demo-eight", func(b *tab) {
		p := b.frame(0)
		b.untilText("#ind_use", "1")
		p.says("#danger-alert", "Button has been clicked None times since the page was rendered")
		p.says("#base-alert", `Session state contains: {"clicks":0} and the page render count is 1`)
		p.press("#update-button")
		p.says("#danger-alert", "Button has been clicked 1 times since the page was rendered")
		p.says("#base-alert", `Session state contains: {"clicks":1} and the page render count is 1`)
		b.goTo("/demo-eight")
		p.says("#base-alert", `Session state contains: {"clicks":0} and the page render count is 2`)
	})

	page("demo-nine", func(b *tab) {
		b.until(fmt.Sprintf(`(list => list.length === 2 && list.every(i => i.naturalWidth === 200 && i.width === 100))([...%s?.querySelectorAll("img") || []])`, b.frame(0).root))
	})

	page("demo-ten", func(b *tab) {
		one, two := b.frame(0), b.frame(1)
		outputs := func(p part, texts ...string) {
			p.Helper()
			for i, id := range []string{"#output-one", "#output-two", "#output-three"} {
				p.says(id, fmt.Sprintf("Output %d: %s", i+1, texts[i]))
			}
		}
		outputs(one, "None red []", "red None", "None red")
		outputs(two, "None red []", "None red []", "None red []")
		one.press("#dropdown-color label", "Green")
		outputs(one, `None green [dropdown-color.value="green"]`, "green None", "None green")
		two.press("#dropdown-color label", "Blue")
		outputs(two, slices.Repeat([]string{`None blue [dropdown-color.value="blue"]`}, 3)...)
		two.press("#dropdown-color label", "Green")
		b.until(two.root + `.defaultView.performance.getEntriesByType("resource").some(e => e.responseStatus === 204)`)
		outputs(two, slices.Repeat([]string{`None blue [dropdown-color.value="blue"]`}, 3)...)
		two.press("#dropdown-color label", "Red")
		outputs(two, slices.Repeat([]string{`None red [dropdown-color.value="red"]`}, 3)...)
		two.press("#button")
		outputs(two, slices.Repeat([]string{"1 red [button.n_clicks=1]"}, 3)...)
	})

	page("demo-eleven", func(b *tab) {
		p := b.frame(0)
		p.says("#neighbours", "Click a city.")
		b.until(`(f => f.contentDocument.querySelector("#graph canvas") && f.contentDocument.documentElement.scrollHeight <= f.clientHeight && f.clientHeight < 900)(document.querySelector("iframe"))`)
	})

	page("demo-twelve", func(b *tab) { shirt(b.direct(0), "red", "medium") })

	page("app/externalscriptstylesheets/", func(b *tab) {
		b.untilText("#scripted", "The script has written this.")
		b.until(`getComputedStyle(document.querySelector("#styled")).color === "rgb(179, 38, 30)"`)
	})
	page("instance/pattern-state-callback/", func(b *tab) {
		b.until(`document.body.innerText.includes("0 clicks on 2 buttons")`) // which moves the buttons
		b.press("button", "Clicked 0 times")
		b.until(`document.body.innerText.includes("1 clicks on 2 buttons") && document.body.innerText.includes("Clicked 1 times")`)
	})
}

// fetches counts requests by their paths, below the base path.
type fetches struct {
	mu sync.Mutex
	n  map[string]int
}

func (f *fetches) count(base string, next http.Handler) http.Handler {
	f.n = map[string]int{}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.mu.Lock()
		f.n[strings.TrimPrefix(r.URL.Path, base)]++
		f.mu.Unlock()
		next.ServeHTTP(w, r)
	})
}

// of returns how many requests there were for paths that end so.
func (f *fetches) of(suffix string) (n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for path, times := range f.n {
		if strings.HasSuffix(path, suffix) {
			n += times
		}
	}
	return n
}

// callbacks returns where callbacks have been sent since the last time.
func (f *fetches) callbacks() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var places []string
	for path := range f.n {
		place, ok := strings.CutSuffix(path, "/_dash-update-component")
		if !ok {
			continue
		}
		delete(f.n, path)
		place, _, initial := strings.Cut(strings.TrimPrefix(place, "/"), "/initial/")
		if initial {
			place += "/initial"
		}
		places = append(places, place)
	}
	slices.Sort(places)
	return strings.Join(places, " ")
}

// Ten apps in one page: each answers its own clicks alone, by requests of its
// own, and what they can share is loaded once.
func TestBrowserDemoTwelve(t *testing.T) { testDemoTwelve(t, direct) }

func testDemoTwelve(t *testing.T, w way) {
	var f fetches
	s, _ := newServer(t, w.config(demo.Config()))
	b := w.openDemo(t, f.count(w.base, s.Handler()), "/demo-twelve")
	simple, saved, input, temperature, output, orders := b.direct(0), b.direct(1), b.direct(2), b.direct(3), b.direct(4), b.direct(5)
	green, shared, three, ex2 := b.frame(0), b.frame(1), b.frame(2), b.frame(3)
	all := []part{simple, saved, input, output, orders, temperature, green, shared, three, ex2}

	size := func(p part, want string) {
		t.Helper()
		p.says("#output-size", "The chosen T-shirt is a "+want+" one.")
	}
	size(simple, "medium red")
	size(saved, "small blue")
	input.says("#button_local_counter", "Press any button to start")
	orders.says("#sum", "35 crates")
	temperature.says("#fahrenheit", "20 °C are 68.0 °F")
	size(green, "medium green")
	three.says("#output-three", "Output 3: None red")
	ex2.saysPart("#output-one", "Args are [Nitrogen]")
	output.points("")
	shared.points("")
	for _, p := range []part{output, shared} {
		b.until(p.root + `.querySelector("#timeseries_plot .main-svg") !== null`)
	}
	connection := `dpd_live.open(new URL("` + b.base + wsPath + `", location).href)`
	b.until(`window.dpd_live && ` + connection + `.positions.has("live_button_counter") && ` + connection + `.pipes.size === 2`)
	settle := func() { // requests may wait for a connection
		t.Helper()
		b.until(isIdle + `(window) && [...document.querySelectorAll("iframe")].every(frame => ` + isIdle + `(frame.contentWindow))`)
	}
	settle()
	f.callbacks()

	texts := func() (list []string) {
		for _, p := range all {
			list = append(list, js[string](b, p.root+`.querySelector("*").textContent`))
		}
		return list
	}
	for _, step := range []struct {
		name  string
		of    []part // those that change
		act   func()
		calls string
	}{
		{"simple", []part{simple}, func() {
			simple.press("#dropdown-size label", "L")
			size(simple, "large red")
		}, "app/simpleexample"},
		{"saved", []part{saved}, func() {
			saved.press("#dropdown-size label", "M")
			size(saved, "medium blue")
		}, "instance/simpleexample-1"},
		{"green", []part{green}, func() {
			green.press("#dropdown-size label", "S")
			size(green, "small green")
		}, "app/simpleexample/initial"},
		{"live", []part{input, output, shared}, func() {
			input.press("#blue-button")
			input.saysPart("#button_local_counter", "is None red and 1 blue; last change is blue at ")
			output.points("blue 1")
			shared.points("blue 1")
		}, "app/liveinput app/liveoutput instance/liveoutput-2"},
		{"orders", []part{orders}, func() {
			orders.press("#customer")
			orders.press(".dash-dropdown-option", "Mill Bakery")
			orders.says("#sum", "17 crates")
		}, "app/orders"},
		{"temperature", []part{temperature}, func() {
			temperature.press("[role=slider]")
			b.keys(kb.ArrowRight)
			temperature.says("#fahrenheit", "21 °C are 69.8 °F")
		}, ""},
		{"three", []part{three}, func() {
			three.press("#button")
			three.says("#output-three", "Output 3: 1 red")
		}, "instance/multiple-callback-values-1"},
		{"ex2", []part{ex2}, func() {
			ex2.press("#dropdown-one label", "CO2")
			ex2.saysPart("#output-one", "Args are [Carbon Dioxide]")
		}, "instance/ex2-3"},
	} {
		b.run(step.name, func() {
			before := texts()
			step.act()
			settle()
			for i, text := range texts() {
				if text != before[i] && !slices.Contains(step.of, all[i]) {
					b.Errorf("%s changes too: %.200s", all[i].root, text)
				}
			}
			if got := f.callbacks(); got != step.calls {
				b.Errorf("callbacks of %q were called, want %q", got, step.calls)
			}
		})
	}

	for _, file := range []string{"/react@18.3.1.min.js", "/react-dom@18.3.1.min.js", "/plotly-strict.min.js", "/dash_core_components.js", wsPath} {
		if n := f.of(file); n != 1 {
			t.Errorf("%s was fetched %d times", file, n)
		}
	}
	b.until(`document.title === "Ten apps in one page"`)
	b.looks("demo-twelve live")
}
