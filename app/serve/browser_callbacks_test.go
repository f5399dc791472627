package serve_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"dashd/app"
	"dashd/app/dcc"
	"dashd/app/html"
	"dashd/app/serve"
)

// A slider is dragged: each event calls the callback, and every other call
// would never end if the next did not take its place.
func TestBrowserLatestWins(t *testing.T) {
	const events = 200
	var waiting, superseded atomic.Int64
	a := app.New("Drag")
	a.Layout = html.Div{Children: app.List{dcc.Input{ID: "in", Type: "range", Min: 0, Max: events, Value: 0}, html.Div{ID: "out"}}}
	a.Callback(app.Output("out", "children"), app.Input("in", "value"), app.LatestWins()).
		Do(func(ctx *app.Context, raw json.RawMessage) (string, error) {
			value := strings.Trim(string(raw), `"`)
			if strings.ContainsAny(value[len(value)-1:], "13579") {
				waiting.Add(1)
				<-ctx.Done()
				waiting.Add(-1)
				superseded.Add(1)
				return "", ctx.Err()
			}
			return value, nil
		})
	h, log := mustNew(t, serve.Config{Apps: []*app.App{a}})
	b := openTab(t, h, "/app/drag/")
	b.untilText("#out", "0")
	js[bool](b, fmt.Sprintf(`(async () => {
		const input = document.querySelector("#in");
		const set = Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, "value").set;
		for (let i = 1; i <= %d; i++) {
			set.call(input, i);
			input.dispatchEvent(new Event("input", { bubbles: true }));
			await new Promise(resolve => setTimeout(resolve));
		}
		return true;
	})()`, events))
	b.untilText("#out", fmt.Sprint(events))
	b.untilIdle()
	if got := js[string](b, `document.querySelector("#out").textContent`); got != fmt.Sprint(events) {
		t.Errorf("the page ends with %s", got)
	}
	for waiting.Load() != 0 { // the last one may be about to hear of it; the tab's time bounds it
		if b.ctx.Err() != nil {
			t.Fatalf("%d calls still wait", waiting.Load())
		}
		time.Sleep(time.Millisecond)
	}
	if superseded.Load() == 0 {
		t.Error("no call was superseded")
	}
	if text := log.String(); strings.Contains(text, "ERROR") {
		t.Errorf("superseded calls are logged as errors:\n%.1000s", text)
	}
	t.Logf("%d of %d events were superseded", superseded.Load(), events)
}

// A page of 500 callbacks and 1,000 components with dictionary IDs. Their first
// calls are prevented: 500 answers at once keep the renderer busy for minutes.
func TestBrowserLarge(t *testing.T) {
	const callbacks = 500
	cell := func(kind string, i any) app.ID { return app.Key("kind", kind, "i", i) }
	a := app.New("Large")
	a.Defaults = []app.Arg{app.PreventInitialCall()}
	var layout app.List
	for i := range callbacks {
		layout = append(layout, html.Button{Children: fmt.Sprint(i), ID: cell("in", i), NClicks: 0}, html.Span{ID: cell("out", i)})
	}
	a.Layout = html.Div{Children: append(divs("sum"), layout...)}
	a.Callback(app.Output("sum", "children"), clicks(cell("in", app.ALL)), app.AllowInitialCall()).Do(func(clicks []int) string {
		sum := 0
		for _, n := range clicks {
			sum += n
		}
		return fmt.Sprint(sum, " of ", len(clicks))
	})
	a.Callback(app.Output(cell("out", app.MATCH), "title"), clicks(cell("in", app.MATCH))).
		Do(func(n int) string { return fmt.Sprint("clicked ", n) })
	for i := range callbacks - 2 {
		a.Callback(app.Output(cell("out", i), "children"), clicks(cell("in", i))).Do(func(n int) string { return fmt.Sprint(i, ": ", n) })
	}
	h, _ := mustNew(t, serve.Config{Apps: []*app.App{a}})
	b := openTab(t, h, "/app/large/")
	b.untilText("#sum", "0 of 500")
	b.untilIdle()
	b.click(`#\{\"i\"\:7\,\"kind\"\:\"in\"\}`)
	b.untilText("#sum", "1 of 500")
	const out = `#\{\"i\"\:7\,\"kind\"\:\"out\"\}`
	b.untilText(out, "7: 1")
	b.until(fmt.Sprintf("document.querySelector(%q).title === 'clicked 1'", out))
	b.untilIdle()
}

// Functions in the browser, inline and from a file, under the page's
// Content-Security-Policy.
func TestBrowserClientside(t *testing.T) {
	a := app.New("Clientside")
	a.Assets = fstest.MapFS{"lib.js": {Data: []byte(`window.dash_clientside = Object.assign(window.dash_clientside || {}, { lib: { twice: n => 2 * n } });`)}}
	a.Layout = html.Div{Children: append(buttons("b", "c"), divs("inline", "file", "later", "one", "two", "side", "who", "server")...)}
	b := clicks("b")
	a.Callback(app.Output("inline", "children"), b, app.State("c", "n_clicks")).JS(`(n, m) => "inline " + n + m + " </script><!--"`)
	a.Callback(app.Output("file", "children"), b).ClientsideFunction("lib", "twice")
	a.Callback(app.Output("later", "children"), b).JS(`async n => { await null; return "later " + n; }`)
	a.Callback(app.Output("one", "children"), app.Output("two", "children"), b).
		JS(`n => n > 1 ? ["one " + n, dash_clientside.no_update] : ["one", "two"]`)
	a.Callback(clicks("c"), app.PreventInitialCall()).JS(`n => { dash_clientside.set_props("side", { children: "side " + n }); }`)
	a.Callback(app.Output("who", "children"), b, clicks("c"), app.PreventInitialCall()).
		JS(`function () { if (dash_clientside.callback_context.triggered_id === "b") throw dash_clientside.PreventUpdate; return dash_clientside.callback_context.triggered_id; }`)
	a.Callback(app.Output("server", "children"), app.Input("inline", "children")).Do(func(text string) string { return "server: " + text })
	h, _ := mustNew(t, serve.Config{Apps: []*app.App{a}})

	policy := do(t, h, "GET", "/app/clientside/", "").Header.Get("Content-Security-Policy")
	script, _, _ := strings.Cut(policy[strings.Index(policy, "script-src"):], ";")
	if strings.Contains(script, "unsafe-inline") || strings.Contains(script, "unsafe-eval") {
		t.Errorf("the policy permits too much: %s", script)
	}
	call := `{"output":"inline.children","outputs":{"id":"inline","property":"children"},"inputs":[{"id":"b","property":"n_clicks","value":1}],"state":[{"id":"c","property":"n_clicks","value":0}],"changedPropIds":["b.n_clicks"]}`
	if resp := do(t, h, "POST", "/app/clientside/_dash-update-component", call, "Content-Type", "application/json"); resp.StatusCode != 400 {
		t.Errorf("a call of a function in the browser: status %d", resp.StatusCode)
	}

	tab := openTab(t, h, "/app/clientside/")
	for _, step := range []struct {
		click string
		want  map[string]string
	}{
		{"", map[string]string{"inline": "inline 00 </script><!--", "file": "0", "later": "later 0", "one": "one", "two": "two", "side": "", "who": "", "server": "server: inline 00 </script><!--"}},
		{"b", map[string]string{"inline": "inline 10 </script><!--", "file": "2", "later": "later 1", "one": "one", "two": "two", "who": ""}},
		{"b", map[string]string{"inline": "inline 20 </script><!--", "file": "4", "later": "later 2", "one": "one 2", "two": "two", "who": ""}},
		{"c", map[string]string{"inline": "inline 20 </script><!--", "side": "side 1", "who": "c"}},
	} {
		if step.click != "" {
			tab.click("#" + step.click)
		}
		for id, text := range step.want {
			tab.untilText("#"+id, text)
		}
		tab.untilIdle()
	}
}

// A button is disabled, and something else is shown, while its callback runs,
// and no longer, also when it fails.
func TestBrowserRunning(t *testing.T) {
	answer := make(chan error)
	a := app.New("Running")
	a.Layout = html.Div{Children: append(buttons("go"), html.Div{ID: "state", Children: "idle"}, html.Div{ID: "out"})}
	a.Callback(app.Output("out", "children"), clicks("go"), app.PreventInitialCall(),
		app.Running(app.Output("go", "disabled"), true, false),
		app.Running(app.Output("state", "children"), html.B{Children: "busy", ID: "busy"}, "idle"),
	).Do(func(n int) (string, error) {
		err := <-answer
		return fmt.Sprint("done ", n), err
	})
	h, _ := mustNew(t, serve.Config{Apps: []*app.App{a}})
	b := openTab(t, h, "/app/running/")
	b.untilText("#state", "idle")
	b.untilIdle()
	for i, err := range []error{nil, app.Errorf(app.Conflict, "Not now."), app.ErrPreventUpdate, nil} {
		b.click("#go")
		b.until(`document.querySelector("#go").disabled`)
		b.untilText("#state b#busy", "busy")
		if app.ErrorCode(err) == app.Conflict {
			b.expect("409")
			b.expect("console error")
		}
		answer <- err
		b.until(`!document.querySelector("#go").disabled`)
		b.untilText("#state", "idle")
		b.untilText("#out", []string{"done 1", "done 1", "done 1", "done 4"}[i])
	}
}

// A panic is a failed request, which the renderer reports once, and no more:
// the page is not told its cause, and goes on.
func TestBrowserPanic(t *testing.T) {
	a := app.New("Panic")
	a.Layout = html.Div{Children: append(buttons("b"), html.Div{ID: "out"})}
	a.Callback(app.Output("out", "children"), clicks("b")).Do(func(n int) string {
		if n == 1 {
			panic("a secret")
		}
		return fmt.Sprint("fine ", n)
	})
	h, log := mustNew(t, serve.Config{Apps: []*app.App{a}})
	b := openTab(t, h, "/app/panic/")
	b.expect("status 500")
	b.expect("status of 500")
	b.untilText("#out", "fine 0")
	b.untilIdle()
	js[bool](b, `window.reports = [], console.error = (...args) => window.reports.push(JSON.stringify(args)), true`)
	b.click("#b")
	b.until("window.reports.length > 0")
	b.click("#b")
	b.untilText("#out", "fine 2")
	b.untilIdle()
	reports := js[[]string](b, "window.reports")
	if len(reports) != 1 || !strings.Contains(reports[0], "Callback error updating out.children") || strings.Contains(reports[0], "secret") || strings.Contains(reports[0], ".go") {
		t.Errorf("the page reports %q", reports)
	}
	if !strings.Contains(log.String(), "a secret") {
		t.Error("the log does not tell of the panic")
	}
}

// A slider and an input that set each other: a callback whose outputs are its
// inputs.
func TestBrowserCircular(t *testing.T) {
	var calls atomic.Int64
	a := app.New("Circular")
	a.Layout = html.Div{Children: app.List{
		dcc.Slider{Min: 0, Max: 10, Step: 1, Value: 3, ID: "sl"}, dcc.Input{ID: "si", Type: "number", Value: 3}, html.Div{ID: "out"},
	}}
	a.Callback(app.Output("sl", "value"), app.Output("si", "value"), app.Input("sl", "value"), app.Input("si", "value")).
		Do(func(ctx *app.Context, slider, input float64) (float64, float64) {
			calls.Add(1)
			if ctx.TriggeredID() == "sl" {
				return slider, slider
			}
			return input, input
		})
	a.Callback(app.Output("out", "children"), app.Input("sl", "value"), app.Input("si", "value")).
		Do(func(slider, input float64) string { return fmt.Sprint(slider, " ", input) })
	h, _ := mustNew(t, serve.Config{Apps: []*app.App{a}})
	b := openTab(t, h, "/app/circular/")
	b.untilText("#out", "3 3")
	b.untilIdle()
	b.fill("#si", "7")
	b.untilText("#out", "7 7")
	b.untilIdle()
	b.do("move the slider", chromedp.Focus(chromedp.CSS("[role=slider]")))
	b.keys(kb.ArrowRight)
	b.untilText("#out", "8 8")
	b.untilIdle()
	if n := calls.Load(); n > 5 {
		t.Errorf("the callback ran %d times", n)
	}
}

// Callbacks without outputs that have the same inputs are all called.
func TestBrowserWithoutOutputs(t *testing.T) {
	a := app.New("Side")
	ids := []app.ID{"one", "two", "three"}
	a.Layout = html.Div{Children: append(buttons("b"), divs(append(slices.Clone(ids), "start")...)...)}
	for _, id := range ids {
		a.Callback(clicks("b")).Do(func(ctx *app.Context, n int) { ctx.SetProps(id, app.Props{"children": fmt.Sprint(id, " ", n)}) })
	}
	a.Callback().Do(func(ctx *app.Context) { ctx.SetProps("start", app.Props{"children": "started"}) })
	h, _ := mustNew(t, serve.Config{Apps: []*app.App{a}})
	b := openTab(t, h, "/app/side/")
	for n := range 2 {
		for _, id := range ids {
			b.untilText("#"+string(id), fmt.Sprint(id, " ", n))
		}
		b.untilText("#start", "started")
		b.untilIdle()
		if n == 0 {
			b.click("#b")
		}
	}
}

// SetProps can bring the first components of a suite.
func TestBrowserLateSuiteBySetProps(t *testing.T) {
	a := app.New("Late")
	a.Layout = html.Div{Children: append(buttons("b"), divs("out", "side")...)}
	a.Callback(app.Output("out", "children"), clicks("b"), app.PreventInitialCall()).Do(func(ctx *app.Context, n int) any {
		ctx.SetProps("side", app.Props{"children": hello{Children: n, ID: "hello"}})
		return "out"
	})
	h, _ := mustNew(t, serve.Config{Apps: []*app.App{a}, Suites: []*app.Suite{dynLib}})
	b := openTab(t, h, "/app/late/")
	b.untilIdle()
	for n := range 2 {
		b.click("#b")
		b.untilText("#side em#hello", fmt.Sprint("dyn ", n+1))
		b.untilText("#out", "out")
	}
}
