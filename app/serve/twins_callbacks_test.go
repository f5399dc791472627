package serve_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"dashd/app"
	"dashd/app/dcc"
	"dashd/app/html"
)

// The twins of the recordings that show what else a callback can do than
// return values: run in the browser, set other properties, patch, fail.

func init() {
	maps.Copy(twins, map[string]func(*testing.T) *app.App{
		"12_clientside":       twin12,
		"13_layout_fn":        twin13,
		"15_set_props":        twin15,
		"16_patch":            twin16,
		"18_running":          twin18,
		"19_optional":         twin19,
		"22_on_error":         twin22,
		"38_dynamic":          twin38,
		"39_http":             twin39,
		"41_dist":             twin41,
		"46_dotted_output_id": twin46,
		"46b_unescaped":       twin46b,
		"48_renderer_341":     twin48,
	})
}

// buttons are buttons that say their own IDs.
func buttons(ids ...app.ID) (list app.List) {
	for _, id := range ids {
		list = append(list, html.Button{Children: id, ID: id, NClicks: 0})
	}
	return list
}

// divs are empty.
func divs(ids ...app.ID) (list app.List) {
	for _, id := range ids {
		list = append(list, html.Div{ID: id})
	}
	return list
}

func clicks(id app.ID) app.Dependency { return app.Input(id, "n_clicks") }

func twin12(*testing.T) *app.App {
	a := app.New("12_clientside")
	a.Assets = fstest.MapFS{"cs.js": {Data: []byte(
		`(window.dash_clientside ||= {}).mylib = { upper: text => String(text ?? "").toUpperCase() };`)}}
	a.Layout = html.Div{Children: append(app.List{dcc.Input{ID: "i", Value: "abc"}}, divs("o1", "o2", "o3", "o4", "srv")...)}
	i := app.Input("i", "value")
	a.Callback(app.Output("o1", "children"), i).
		JS("function(v) { return 'inline ' + v; }")
	a.Callback(app.Output("o2", "children"), i, app.PreventInitialCall()).
		ClientsideFunction("mylib", "upper")
	a.Callback(i).
		JS("function(v) { window._last = v; }")
	a.Callback(app.Output("srv", "children"), app.Input("o1", "children")).
		Do(func(v string) string { return "server saw " + v })
	a.Callback(app.Output("o3", "children"), app.Output("o4", "children"), i, app.State("o1", "children")).
		JS(`
    function(v, s) {
        return [v + '/' + s, window.dash_clientside.no_update];
    }
    `)
	return a
}

func twin13(*testing.T) *app.App {
	a := app.New("13_layout_fn")
	var calls atomic.Int64
	a.LayoutFunc = func(*app.Context) (app.Component, error) {
		call := calls.Add(1) - 1
		if call == 0 {
			calls.Add(1) // Dash calls it once more before the first page
		}
		return app.List{
			html.Div{Children: fmt.Sprint("call ", call), ID: "top"},
			"a bare string",
			dcc.Input{ID: "i", Value: "x"},
			html.Div{ID: "o", Props: app.Props{"data-x": 1, "aria-label": "lab"}},
		}, nil
	}
	a.Callback(app.Output("o", "children"), app.Input("i", "value")).Do(func(v string) string { return v })
	return a
}

func twin15(*testing.T) *app.App {
	a := app.New("15_set_props")
	dict := app.Key("k", "v", "a", 1)
	layout := append(buttons("noout", "without", "prevent", "nu", "merge", "dict", "comp", "patch"), divs("t", "o")...)
	a.Layout = html.Div{Children: append(append(layout, html.Div{ID: "p", Children: []string{"p0"}}), divs(dict, "o2")...)}
	once := app.PreventInitialCall()
	again := app.Output("o", "children").AllowDuplicate()

	a.Callback(clicks("noout"), once).Do(func(ctx *app.Context, n int) {
		ctx.SetProps("t", app.Props{"children": fmt.Sprint("no output ", n), "style": app.Style{"color": "red"}})
	})
	a.Callback(app.Output("o", "children"), clicks("without")).Do(func(ctx *app.Context, n int) string {
		ctx.SetProps("t", app.Props{"children": fmt.Sprint("with output ", n)})
		return fmt.Sprint("o ", n)
	})
	a.Callback(again, clicks("prevent"), once).Do(func(ctx *app.Context, n int) (string, error) {
		ctx.SetProps("t", app.Props{"children": "lost?"})
		return "", app.ErrPreventUpdate
	})
	a.Callback(again, clicks("nu"), once).Do(func(ctx *app.Context, n int) any {
		ctx.SetProps("t", app.Props{"children": fmt.Sprint("no_update ", n)})
		return app.NoUpdate
	})
	a.Callback(clicks("merge"), once).Do(func(ctx *app.Context, n int) {
		ctx.SetProps("t", app.Props{"children": "first", "title": "kept"})
		ctx.SetProps("t", app.Props{"children": "second"})
		ctx.SetProps("o", app.Props{"children": "via ctx"})
	})
	a.Callback(clicks("dict"), once).Do(func(ctx *app.Context, n int) {
		ctx.SetProps(dict, app.Props{"children": fmt.Sprint("dict id ", n)})
	})
	a.Callback(app.Output("o2", "children"), clicks("comp"), once).Do(func(ctx *app.Context, n int) string {
		ctx.SetProps("t", app.Props{"children": app.List{html.B{Children: "bold", ID: "newb"}}})
		return "comp"
	})
	a.Callback(clicks("patch"), once).Do(func(ctx *app.Context, n int) {
		ctx.SetProps("p", app.Props{"children": app.NewPatch().Append("more")})
	})
	return a
}

func twin16(*testing.T) *app.App {
	a := app.New("16_patch")
	patches := map[app.ID]func(p *app.Patch) *app.Patch{
		"assign":    func(p *app.Patch) *app.Patch { return p.At("a").Assign(5) },
		"nested":    func(p *app.Patch) *app.Patch { return p.At("n", "x", "y").Assign(app.List{1, app.Dict{"deep": nil}}) },
		"delete":    func(p *app.Patch) *app.Patch { return p.At("d", "k").Delete() },
		"append":    func(p *app.Patch) *app.Patch { return p.At("l").Append(9) },
		"prepend":   func(p *app.Patch) *app.Patch { return p.At("l").Prepend(0) },
		"insert":    func(p *app.Patch) *app.Patch { return p.At("l").Insert(1, "ins") },
		"extend":    func(p *app.Patch) *app.Patch { return p.At("l").Extend(7, 8) },
		"merge":     func(p *app.Patch) *app.Patch { return p.At("d").Merge(app.Dict{"m": 1, "kw": 2}) },
		"clear":     func(p *app.Patch) *app.Patch { return p.At("l").Clear() },
		"reverse":   func(p *app.Patch) *app.Patch { return p.At("l").Reverse() },
		"remove":    func(p *app.Patch) *app.Patch { return p.At("l").Remove(2) },
		"add":       func(p *app.Patch) *app.Patch { return p.At("n", "num").Add(5) },
		"sub":       func(p *app.Patch) *app.Patch { return p.At("n", "num").Sub(5) },
		"mul":       func(p *app.Patch) *app.Patch { return p.At("n", "num").Mul(2) },
		"div":       func(p *app.Patch) *app.Patch { return p.At("n", "num").Div(2) },
		"ior":       func(p *app.Patch) *app.Patch { return p.At("d").Merge(app.Dict{"or": 1}) },
		"iadd_list": func(p *app.Patch) *app.Patch { return p.At("l").Extend(100) },
		"negidx":    func(p *app.Patch) *app.Patch { return p.At("l", -1).Assign("last") },
		"attr":      func(p *app.Patch) *app.Patch { return p.At("n", "num").Assign(77) },
	}
	others := []app.ID{"component", "root_append", "combo"}
	ids := []app.ID{"assign", "nested", "delete", "append", "prepend", "insert", "extend", "merge", "clear", "reverse", "remove",
		"add", "sub", "mul", "div", "ior", "iadd_list", "negidx", "component", "root_append", "combo", "attr"}
	a.Layout = html.Div{Children: append(buttons(ids...),
		dcc.Store{ID: "s", Data: app.Dict{"a": 1, "n": app.Dict{"x": app.Dict{"y": 2}, "num": 10}, "l": []int{1, 2, 3, 2}, "d": app.Dict{"k": "v"}}},
		html.Pre{ID: "show"},
		html.Div{ID: "ch", Children: []string{"c0"}},
		dcc.Graph{ID: "g", Figure: app.Dict{"data": app.List{app.Dict{"x": []int{1, 2}, "y": []int{3, 4}}}, "layout": app.Dict{}}},
	)}
	args := []app.Arg{app.Output("s", "data"), app.PreventInitialCall()}
	for _, id := range ids {
		if !slices.Contains(others, id) {
			args = append(args, clicks(id))
		}
	}
	a.Callback(args...).DoRaw(func(ctx *app.Context, _ []json.RawMessage) ([]any, error) {
		return []any{patches[ctx.TriggeredID()](app.NewPatch())}, nil
	})
	a.Callback(app.Output("ch", "children"), clicks("component"), clicks("root_append"), app.PreventInitialCall()).
		Do(func(ctx *app.Context, _, _ int) *app.Patch {
			if ctx.TriggeredID() == "component" {
				return app.NewPatch().Append(html.B{Children: "comp"})
			}
			return app.NewPatch().Append("text")
		})
	a.Callback(app.Output("g", "figure"), app.Output("ch", "title"), clicks("combo"), app.PreventInitialCall()).
		Do(func(int) (*app.Patch, *app.Patch) {
			p := app.NewPatch().
				At("data", 0, "y", 1).Assign(40).
				At("layout", "title").Assign(app.Dict{"text": "T"}).
				At("data").Append(app.Dict{"y": []int{1}})
			return p, app.NewPatch()
		})
	a.Callback(app.Output("show", "children"), app.Input("s", "data")).Do(func(data json.RawMessage) string { return string(data) })
	return a
}

func twin18(*testing.T) *app.App {
	a := app.New("18_running")
	b := func(i any) app.ID { return app.Key("t", "b", "i", i) }
	o := func(i any) app.ID { return app.Key("t", "o", "i", i) }
	layout := app.List{html.Button{Children: "go", ID: "go", NClicks: 0}, html.Div{ID: "out"}, html.Div{ID: "st", Children: "idle"}}
	for i := range 2 {
		layout = append(layout, html.Div{Children: app.List{html.Button{Children: "m", ID: b(i), NClicks: 0}, html.Div{ID: o(i)}}})
	}
	a.Layout = html.Div{Children: layout}
	a.Callback(app.Output("out", "children"), clicks("go"),
		app.Running(app.Output("go", "disabled"), true, false),
		app.Running(app.Output("st", "children"), html.B{Children: "busy"}, "idle"),
	).Do(func(n int) string { return fmt.Sprint("n ", n) })
	a.Callback(app.Output(o(app.MATCH), "children"), clicks(b(app.MATCH)), app.PreventInitialCall(),
		app.Running(app.Output(b(app.MATCH), "disabled"), true, false),
	).Do(func(n int) string { return fmt.Sprint("m ", n) })
	return a
}

func twin19(*testing.T) *app.App {
	a := app.New("19_optional")
	a.Layout = html.Div{Children: append(buttons("go"), divs("out", "out2")...)}
	a.Callback(app.Output("out", "children"), clicks("go"), app.Input("missing", "value").Optional(), app.State("missing2", "value").Optional()).
		Do(func(n int, m, s json.RawMessage) string { return fmt.Sprint(n, " ", pyRepr(m), " ", pyRepr(s)) })
	a.Callback(app.Output("nowhere", "children"), clicks("missing"), app.Optional()).Do(func(n int) int { return n })
	a.Callback(app.Output("out2", "children"), clicks("go")).Do(func(int) string { return "hidden from devtools" })
	return a
}

// runtimeError is Python's.
type runtimeError string

func (e runtimeError) Error() string { return "RuntimeError " + string(e) }

func twin22(*testing.T) *app.App {
	a := app.New("22_on_error")
	a.OnError = func(ctx *app.Context, err error) ([]any, error) {
		cause, _ := errors.AsType[runtimeError](err)
		ctx.SetProps("log", app.Props{"children": fmt.Sprintf("global: %v trig=%s", cause, ctx.TriggeredID())})
		return nil, nil
	}
	own := func(_ *app.Context, err error) ([]any, error) {
		cause, _ := errors.AsType[runtimeError](err)
		return []any{"per callback: " + string(cause)}, nil
	}
	a.Layout = html.Div{Children: append(buttons("g", "p", "n", "m"), divs("log", "og", "op", "om", "om2")...)}
	once := app.PreventInitialCall()
	a.Callback(app.Output("og", "children"), clicks("g"), once).Do(func(int) (string, error) { return "", runtimeError("G") })
	a.Callback(app.Output("op", "children"), clicks("p"), once).OnError(own).Do(func(int) (string, error) { return "", runtimeError("P") })
	a.Callback(clicks("n"), once).Do(func(int) error { return runtimeError("N") })
	a.Callback(app.Output("om", "children"), app.Output("om2", "children"), clicks("m"), once).
		Do(func(int) (string, string, error) { return "", "", runtimeError("M") })
	return a
}

func twin38(*testing.T) *app.App {
	a := app.New("38_dynamic")
	base := html.Div{Children: append(buttons("b"), divs("box")...)}
	a.Layout = base
	a.ValidationLayout = html.Div{Children: append(app.List{base, dcc.Input{ID: "dyn"}}, divs("dyn-out", "chain")...)}
	a.Callback(app.Output("box", "children"), clicks("b")).Do(func(n int) any {
		if n == 0 {
			return nil
		}
		return html.Div{Children: append(app.List{dcc.Input{ID: "dyn", Value: fmt.Sprint("d", n)}}, divs("dyn-out", "chain")...)}
	})
	a.Callback(app.Output("dyn-out", "children"), app.Input("dyn", "value")).Do(func(v string) string { return "dyn " + v })
	a.Callback(app.Output("chain", "children"), app.Input("dyn-out", "children"), app.State("b", "n_clicks")).
		Do(func(v string, n int) string { return fmt.Sprint("chain ", v, " ", n) })
	return a
}

func twin39(*testing.T) *app.App {
	a := app.New("39_http")
	a.Layout = html.Div{Children: append(app.List{dcc.Input{ID: "i", Value: "v"}}, divs("o", "o2")...)}
	a.Callback(app.Output("o", "children"), app.Input("i", "value")).Do(func(v string) string { return "api " + v })
	a.Callback(app.Output("o2", "children"), app.Input("i", "value")).Do(func(ctx *app.Context, v string) string {
		ctx.SetCookie(&http.Cookie{Name: "dash cookie", Value: v, Path: "/"})
		ctx.SetCookie(&http.Cookie{Name: "k", Value: "v", Path: "/", MaxAge: 60, HttpOnly: true, SameSite: http.SameSiteLaxMode})
		ctx.Header().Add("X-Multi", "1")
		ctx.Header().Add("X-Multi", "2")
		ctx.Header().Set("X-One", "yes")
		ctx.RecordTiming("db", 12*time.Millisecond, "the database")
		var names []string // net/http would leave out the one with a blank
		for cookie := range strings.SplitSeq(ctx.Request().Header.Get("Cookie"), "; ") {
			name, _, _ := strings.Cut(cookie, "=")
			names = append(names, "'"+name+"'")
		}
		slices.Sort(names)
		return fmt.Sprintf("csrf=%s cookies=[%s]", ctx.Request().Header.Get("X-Csrftoken"), strings.Join(names, ", "))
	})
	return a
}

// dynLib is a suite that no page loads at first.
var dynLib = &app.Suite{
	Namespace: "dyn_lib",
	Package:   "dyn_lib",
	Version:   "0.0.1",
	Scripts:   []string{"dyn.js"},
	Styles:    []string{"dyn.css"},
	Files: fstest.MapFS{
		"dyn.js":       {Data: []byte(`window.dyn_lib = { Hello: props => React.createElement("em", { id: props.id }, "dyn ", props.children) };`)},
		"async-dyn.js": {Data: []byte("// more of it\n")},
		"dyn.css":      {Data: []byte("em { color: green; }\n")},
	},
}

type hello struct {
	Children any    `prop:"children"`
	ID       app.ID `prop:"id"`
}

func (hello) DashComponent() (*app.Suite, string) { return dynLib, "Hello" }

func twin41(*testing.T) *app.App {
	a := app.New("41_dist")
	a.SuppressCallbackExceptions = true
	a.Layout = html.Div{Children: append(buttons("b", "n"), divs("o", "no")...)}
	a.Callback(app.Output("o", "children"), clicks("b"), app.PreventInitialCall()).Do(func(int) any { return hello{Children: "x", ID: "hel"} })
	a.Callback(app.Output("no", "children"), clicks("n"), app.PreventInitialCall()).Do(func(int) any { return hello{Children: "y"} })
	return a
}

func dotted(a int, z string) app.ID { return app.Key("z", z, "a", a, "bool", true) }

func twin46(*testing.T) *app.App {
	a := app.New("46_dotted_output_id")
	a.Layout = html.Div{Children: append(buttons("go"), divs(dotted(1, "k.l..m"))...)}
	a.Callback(app.Output(dotted(1, "k.l..m"), "children"), clicks("go")).Do(func(n int) string { return fmt.Sprint("literal dict id ", n) })
	return a
}

func twin46b(*testing.T) *app.App {
	a := app.New("46b_unescaped")
	a.Layout = html.Div{Children: append(buttons("go"), divs(dotted(1, "k.l..m"), dotted(2, "q.r"), "plain")...)}
	a.Callback(app.Output(dotted(1, "k.l..m"), "children"), clicks("go")).Do(func(n int) string { return fmt.Sprint("literal dict id ", n) })
	a.Callback(app.Output(dotted(2, "q.r"), "children"), app.Output("plain", "children"), clicks("go")).
		Do(func(n int) (string, string) { return fmt.Sprint("multi ", n), fmt.Sprint("plain ", n) })
	return a
}

// twin48 lacks the background callback: its calls are not in our copy of the
// recording.
func twin48(*testing.T) *app.App {
	a := app.New("48_renderer_341")
	a.Layout = html.Div{Children: app.List{
		dcc.Input{ID: "i", Value: "v"}, html.Div{ID: "o"}, html.Button{Children: "b", ID: "b", NClicks: 0}, html.Div{ID: "bo"},
	}}
	a.Callback(app.Output("o", "children"), app.Input("i", "value")).Do(func(v string) string { return "o " + v })
	return a
}
