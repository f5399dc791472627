package serve_test

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"dashd/app"
	"dashd/app/dcc"
	"dashd/app/html"
)

// twins are the recorded Python apps in Go, by their recordings' names.
var twins = map[string]func(*testing.T) *app.App{
	"01_simple":          twin01,
	"02_state":           twin02,
	"03_multi_output":    twin03,
	"04_list_of_one":     twin04,
	"06_prevent_initial": twin06,
	"07_allow_duplicate": twin07,
	"08_pattern_all":     twin08,
	"09_pattern_match":   twin09,
	"11_context":         twin11,
	"20_errors":          twin20,
	"24_graph":           twin24,
	"25_download":        twin25,
	"27_json_types":      twin27,
	"35_eager":           twin35,
	"40_location":        twin40,
	"42_duplicates":      twin42,
	"44_bench":           twin44,
}

// tshirt adds the components and callbacks of django-plotly-dash's
// SimpleExample.
func tshirt(a *app.App) app.List {
	var colors dcc.Options
	for _, c := range []string{"Red", "Green", "Blue"} {
		colors = append(colors, dcc.Option{Label: c, Value: strings.ToLower(c)})
	}
	sizes := dcc.Options{{Label: "L", Value: "large"}, {Label: "M", Value: "medium"}, {Label: "S", Value: "small"}}
	a.Callback(app.Output("output-color", "children"), app.Input("dropdown-color", "value")).
		Do(func(color string) string { return fmt.Sprintf("The selected color is %s.", color) })
	a.Callback(app.Output("output-size", "children"), app.Input("dropdown-color", "value"), app.Input("dropdown-size", "value")).
		Do(func(color, size string) string { return fmt.Sprintf("The chosen T-shirt is a %s %s one.", size, color) })
	return app.List{
		dcc.RadioItems{ID: "dropdown-color", Options: colors, Value: "red"},
		html.Div{ID: "output-color"},
		dcc.RadioItems{ID: "dropdown-size", Options: sizes, Value: "medium"},
		html.Div{ID: "output-size"},
	}
}

func twin01(*testing.T) *app.App {
	a := app.New("01_simple")
	a.Layout = html.Div{Children: tshirt(a)}
	return a
}

func twin02(*testing.T) *app.App {
	a := app.New("02_state")
	a.Layout = html.Div{Children: app.List{
		dcc.Input{ID: "name", Value: "Ann", Type: "text"},
		dcc.Input{ID: "num", Value: 3, Type: "number"},
		html.Button{Children: "Go", ID: "go", NClicks: 0},
		html.Button{Children: "Null", ID: "nul"},
		html.Div{ID: "out"}, html.Div{ID: "out2"},
	}}
	a.Callback(app.Output("out", "children"), app.Input("go", "n_clicks"), app.State("name", "value"), app.State("num", "value")).
		Do(func(n, name, num json.RawMessage) string {
			return pyRepr(n) + " " + pyRepr(name) + " " + pyRepr(num)
		})
	a.Callback(app.Output("out2", "children"), app.Input("nul", "n_clicks"), app.State("name", "value")).
		Do(func(n, name json.RawMessage) string { return pyRepr(n) + " " + pyRepr(name) })
	return a
}

func twin03(*testing.T) *app.App {
	a := app.New("03_multi_output")
	a.Layout = html.Div{Children: app.List{
		dcc.Dropdown{ID: "mode", Options: []string{"both", "first", "second", "none", "prevent", "same_comp", "single_nu"}, Value: "both"},
		html.Div{ID: "a"}, html.Div{ID: "b"}, html.Div{ID: "c"}, html.Div{ID: "d"},
	}}
	a.Callback(app.Output("a", "children"), app.Output("b", "children"), app.Input("mode", "value")).
		Do(func(mode string) (first, second any, err error) {
			first, second = "A "+mode, "B "+mode
			switch mode {
			case "prevent":
				return nil, nil, app.ErrPreventUpdate
			case "none", "single_nu":
				return app.NoUpdate, app.NoUpdate, nil
			case "first":
				second = app.NoUpdate
			case "second":
				first = app.NoUpdate
			}
			return first, second, nil
		})
	a.Callback(app.Output("c", "children"), app.Output("c", "style"), app.Output("c", "title"), app.Input("mode", "value")).
		Do(func(mode string) (string, app.Style, *string) {
			if mode == "both" {
				return "C", app.Style{"color": "red"}, nil
			}
			return "C", app.Style{"color": "blue"}, nil
		})
	a.Callback(app.Output("d", "children"), app.Input("mode", "value")).
		Do(func(mode string) (any, error) {
			switch mode {
			case "prevent":
				return nil, app.ErrPreventUpdate
			case "none", "single_nu":
				return app.NoUpdate, nil
			}
			return "D " + mode, nil
		})
	return a
}

func twin04(*testing.T) *app.App {
	a := app.New("04_list_of_one")
	a.Layout = html.Div{Children: app.List{
		dcc.Input{ID: "i", Value: "x"}, html.Div{ID: "o1"}, html.Div{ID: "o2"}, html.Div{ID: "o3"},
	}}
	a.Callback(app.Outputs(app.Output("o1", "children")), app.Input("i", "value")).
		Do(func(v string) string { return "list " + v })
	a.Callback(app.Output("o2", "children"), app.Input("i", "value")).
		Do(func(v string) []string { return []string{"plain " + v} })
	a.Callback(app.Outputs(app.Output("o3", "children")), app.Input("i", "value")).
		Do(func(v string) string { return "kw list " + v })
	return a
}

func twin06(*testing.T) *app.App {
	a := app.New("06_prevent_initial")
	a.Defaults = []app.Arg{app.PreventInitialDuplicate()}
	layout := app.List{html.Button{Children: "b", ID: "b", NClicks: 0}}
	for i := range 6 {
		layout = append(layout, html.Div{ID: app.ID(fmt.Sprintf("o%d", i))})
	}
	a.Layout = html.Div{Children: layout}
	shows := func(text string) func(int) string {
		return func(n int) string { return fmt.Sprintf("%s %d", text, n) }
	}
	b := app.Input("b", "n_clicks")
	a.Callback(app.Output("o0", "children"), b).Do(shows("default"))
	a.Callback(app.Output("o1", "children"), b, app.PreventInitialCall()).Do(shows("True"))
	a.Callback(app.Output("o2", "children"), b, app.AllowInitialCall()).Do(shows("False"))
	a.Callback(app.Output("o3", "children"), b, app.PreventInitialDuplicate()).Do(shows("idup"))
	a.Callback(app.Output("o4", "children"), b, app.PreventInitialCall()).Do(shows("positional"))
	a.Callback(app.Output("o5", "children").AllowDuplicate(), b).Do(shows("dup without explicit flag"))
	return a
}

func twin07(*testing.T) *app.App {
	a := app.New("07_allow_duplicate")
	d := app.Key("t", "d", "i", 1)
	a.Layout = html.Div{Children: app.List{
		html.Button{Children: "1", ID: "b1", NClicks: 0}, html.Button{Children: "2", ID: "b2", NClicks: 0},
		html.Div{ID: "out"}, html.Div{ID: "other"}, html.Div{ID: d},
	}}
	a.Callback(app.Output("out", "children"), app.Input("b1", "n_clicks")).
		Do(func(n int) string { return fmt.Sprintf("one %d", n) })
	a.Callback(app.Output("out", "children").AllowDuplicate(), app.Input("b2", "n_clicks"), app.PreventInitialCall()).
		Do(func(n int) string { return fmt.Sprintf("two %d", n) })
	hash := fmt.Sprintf("@%x", sha256.Sum256([]byte("b1.n_clicks.b2.n_clicks"))) // Dash shows it, we do not
	a.Callback(
		app.Output("out", "children").AllowDuplicate(), app.Output("other", "children"), app.Output("out", "title").AllowDuplicate(),
		app.Input("b1", "n_clicks"), app.Input("b2", "n_clicks"), app.PreventInitialDuplicate(),
	).Do(func(ctx *app.Context, n, m int) (string, string, string) {
		var outputs []string
		for _, o := range ctx.Outputs {
			if o.ID == "out" {
				o.Property += hash
			}
			outputs = append(outputs, fmt.Sprintf("{'id': '%s', 'property': '%s'}", o.ID, o.Property))
		}
		return fmt.Sprintf("three %d %d", n, m), fmt.Sprintf("other %d %d [%s]", n, m, strings.Join(outputs, ", ")), "t"
	})
	a.Callback(app.Output(d, "children").AllowDuplicate(), app.Input("b2", "n_clicks"), app.PreventInitialCall()).
		Do(func(n int) string { return fmt.Sprintf("dict %d", n) })
	return a
}

func twin08(*testing.T) *app.App {
	a := app.New("08_pattern_all")
	in := func(index any) app.ID { return app.Key("type", "in", "index", index) }
	echo := func(index any) app.ID { return app.Key("type", "echo", "index", index) }
	literal := app.Key("z", "k-l", "a", 1, "bool", true)
	var inputs, echoes app.List
	for i := range 3 {
		inputs = append(inputs, dcc.Input{ID: in(i), Value: fmt.Sprintf("v%d", i)})
	}
	for i := range 2 {
		echoes = append(echoes, html.Div{ID: echo(i)})
	}
	a.Layout = html.Div{Children: app.List{
		html.Div{Children: inputs},
		dcc.Input{ID: in("a.b"), Value: "dot"},
		html.Button{Children: "go", ID: "go", NClicks: 0},
		html.Pre{ID: "out"},
		html.Div{Children: echoes},
		html.Div{ID: literal}, html.Pre{ID: "empty"},
	}}
	a.Callback(app.Output("out", "children"), app.Input(in(app.ALL), "value"), app.State(echo(app.ALL), "children")).
		Do(func(ctx *app.Context, values, state []any) (string, error) {
			return jsonText(app.Dict{
				"vals": values, "state": state, "triggered": triggered(ctx), "triggered_id": wireID(ctx.TriggeredID()),
				"prop_ids": triggeredIDs(ctx), "inputs_list": wireArguments(ctx.Inputs), "outputs_list": wireArgument(ctx.Outputs[0]),
				"inputs": byName(ctx.Inputs),
			})
		})
	a.Callback(app.Output(echo(app.ALL), "children"), app.Input("go", "n_clicks")).
		Do(func(n int) []any {
			if n > 0 {
				return []any{fmt.Sprintf("e%d", n), app.NoUpdate}
			}
			return []any{fmt.Sprintf("e%d", n), "f0"}
		})
	a.Callback(app.Output(literal, "children"), app.Input("go", "n_clicks")).
		Do(func(n int) string { return fmt.Sprintf("literal dict id %d", n) })
	a.Callback(app.Output("empty", "children"), app.Input(app.Key("type", "nothing", "index", app.ALL), "value"), app.AllowInitialCall()).
		Do(func(ctx *app.Context, values []any) (string, error) {
			return jsonText(app.Dict{"vals": values, "trig": triggered(ctx), "inputs_list": wireArguments(ctx.Inputs)})
		})
	return a
}

func twin09(*testing.T) *app.App {
	a := app.New("09_pattern_match")
	a.SuppressCallbackExceptions = true
	inp := func(row any) app.ID { return app.Key("type", "inp", "row", row) }
	btn := func(row any) app.ID { return app.Key("type", "btn", "row", row) }
	lab := func(row any) app.ID { return app.Key("type", "lab", "row", row) }
	cnt := func(row, k any) app.ID { return app.Key("type", "cnt", "row", row, "k", k) }
	a.Layout = html.Div{Children: app.List{
		html.Button{Children: "add", ID: "add", NClicks: 0},
		html.Div{Children: app.List{}, ID: "box"},
		html.Div{ID: "sum"},
	}}
	a.Callback(app.Output("box", "children"), app.Input("add", "n_clicks")).
		Do(func(n int) app.Dict {
			row := html.Div{Children: app.List{
				dcc.Input{ID: inp(n), Value: fmt.Sprintf("r%d", n)},
				html.Button{Children: "x", ID: btn(n), NClicks: 0},
				html.Span{ID: lab(n)},
				html.Span{ID: cnt(n, 1)},
			}}
			return app.Dict{ // a Patch by hand
				"__dash_patch_update": "__dash_patch_update",
				"operations":          app.List{app.Dict{"operation": "Append", "location": app.List{}, "params": app.Dict{"value": row}}},
			}
		})
	a.Callback(
		app.Output(lab(app.MATCH), "children"), app.Output(lab(app.MATCH), "title"),
		app.Input(inp(app.MATCH), "value"), app.State(inp(app.MATCH), "id"),
	).Do(func(ctx *app.Context, v string, id json.RawMessage) (string, string, error) {
		by, err := json.Marshal(wireID(ctx.TriggeredID()))
		return v + " " + pyRepr(id) + " " + pyRepr(by), "T", err
	})
	a.Callback(
		app.Output(cnt(app.MATCH, app.ALL), "children"),
		app.Input(btn(app.MATCH), "n_clicks"), app.State(btn(app.ALL), "n_clicks"),
	).DoRaw(func(ctx *app.Context, args []json.RawMessage) ([]any, error) {
		texts := make([]string, len(ctx.Outputs[0].Items))
		for i := range texts {
			texts[i] = pyRepr(args[0]) + " of " + pyRepr(args[1])
		}
		return []any{texts}, nil
	})
	a.Callback(app.Output("sum", "children"), app.Input(btn(app.ALL), "n_clicks")).
		DoRaw(func(_ *app.Context, args []json.RawMessage) ([]any, error) { return []any{pyRepr(args[0])}, nil })
	return a
}

func twin11(*testing.T) *app.App {
	a := app.New("11_context")
	a.Layout = html.Div{Children: app.List{
		html.Button{Children: "1", ID: "b1"}, html.Button{Children: "2", ID: "b2", NClicks: 5},
		dcc.Input{ID: "st", Value: "S"}, html.Pre{ID: "out"}, html.Pre{ID: "chain"},
	}}
	a.Callback(app.Output("out", "children"), app.Input("b1", "n_clicks"), app.Input("b2", "n_clicks"), app.State("st", "value")).
		Do(func(ctx *app.Context, _, _, _ json.RawMessage) (string, error) {
			triggers := triggeredIDs(ctx)
			var grouping []app.Dict
			for _, arg := range append(ctx.Inputs[:2:2], ctx.States...) {
				_, by := triggers[string(arg.ID)+"."+arg.Property]
				grouping = append(grouping, app.Dict{"id": arg.ID, "property": arg.Property, "value": arg.Value, "str_id": arg.ID, "triggered": by})
			}
			r := ctx.Request()
			cookies, args, headers := app.Dict{}, app.Dict{}, app.Dict{"Host": r.Host}
			for _, c := range r.Cookies() {
				cookies[c.Name] = c.Value
			}
			for name, values := range r.URL.Query() {
				args[name] = values[0]
			}
			for _, name := range []string{"Content-Type", "Accept", "X-Csrftoken"} {
				if value := r.Header.Get(name); value != "" {
					headers[name] = value
				}
			}
			remote, _, _ := strings.Cut(r.RemoteAddr, ":")
			output := wireArgument(ctx.Outputs[0])
			return jsonText(app.Dict{
				"triggered": triggered(ctx), "bool": len(ctx.Triggered) > 0, "triggered_id": wireID(ctx.TriggeredID()),
				"triggered_prop_ids": triggers, "inputs": byName(ctx.Inputs), "states": byName(ctx.States),
				"inputs_list": wireArguments(ctx.Inputs), "states_list": wireArguments(ctx.States),
				"outputs_list": output, "outputs_grouping": output, "args_grouping": grouping,
				"using_args_grouping": false, "using_outputs_grouping": false,
				"cookies": cookies, "path": strings.TrimPrefix(r.URL.Path, "/app/"+ctx.AppID()) + "?" + r.URL.RawQuery, "args": args,
				"remote": remote, "origin": r.Header.Get("Origin"), "headers": headers,
				"custom_data": app.Dict{}, "timing": app.Dict{}, "websocket": "None",
			})
		})
	a.Callback(app.Output("chain", "children"), app.Input("out", "children")).
		Do(func(ctx *app.Context, _ string) (string, error) {
			var names []string
			for _, t := range ctx.Triggered {
				names = append(names, t.String())
			}
			return jsonText(app.Dict{"triggered_prop": names, "id": wireID(ctx.TriggeredID())})
		})
	return a
}

// twin20 makes its mistakes with DoRaw, or in values of type any, where Do's
// check of the signature would not let them pass.
func twin20(*testing.T) *app.App {
	a := app.New("20_errors")
	a.Defaults = []app.Arg{app.PreventInitialCall()}
	kinds := []app.ID{"raise", "multi_not_list", "multi_wrong_len", "wild_not_list", "wild_wrong_len", "unserialisable",
		"unser_nested", "noout_returns", "abort", "dict_bad_key", "unser_multi", "group_bad"}
	var layout app.List
	for _, kind := range kinds {
		layout = append(layout, html.Button{Children: kind, ID: kind, NClicks: 0})
	}
	for _, kind := range kinds {
		layout = append(layout, html.Div{ID: "o-" + kind})
	}
	layout = append(layout, html.Div{ID: "m2"}, html.Div{ID: "g2"})
	for _, key := range []string{"w", "v"} {
		for i := range 2 {
			layout = append(layout, html.Div{ID: app.Key(key, i)})
		}
	}
	a.Layout = html.Div{Children: layout}

	returns := func(values ...any) func(*app.Context, []json.RawMessage) ([]any, error) {
		return func(*app.Context, []json.RawMessage) ([]any, error) { return values, nil }
	}
	fails := func(err error) func(int) (string, error) {
		return func(int) (string, error) { return "", err }
	}
	clicks := func(id app.ID) app.Dependency { return app.Input(id, "n_clicks") }
	a.Callback(app.Output("o-raise", "children"), clicks("raise")).Do(fails(errors.New("boom <b>&")))
	a.Callback(app.Output("o-multi_not_list", "children"), app.Output("m2", "children"), clicks("multi_not_list")).DoRaw(returns("just a string"))
	a.Callback(app.Output("o-multi_wrong_len", "children"), app.Output("m2", "title"), clicks("multi_wrong_len")).DoRaw(returns(1, 2, 3))
	a.Callback(app.Output(app.Key("w", app.ALL), "children"), clicks("wild_not_list")).Do(func(int) any { return "x" })
	a.Callback(app.Output(app.Key("v", app.ALL), "children"), clicks("wild_wrong_len")).Do(func(int) []string { return []string{"x"} })
	a.Callback(app.Output("o-unserialisable", "children"), clicks("unserialisable")).Do(func(int) any { return make(chan int) })
	a.Callback(app.Output("o-unser_nested", "children"), clicks("unser_nested")).Do(func(int) html.Div {
		return html.Div{ID: "outer", Children: app.List{html.P{Children: "ok"}, html.Div{ID: "inner", Children: func() {}}}}
	})
	a.Callback(clicks("noout_returns")).DoRaw(returns("something"))
	a.Callback(app.Output("o-abort", "children"), clicks("abort")).Do(fails(app.Errorf(app.Forbidden, "Not for you.")))
	a.Callback(app.Output("o-dict_bad_key", "children"), clicks("dict_bad_key")).Do(func(int) app.Dict { return app.Dict{"just": "a dict as children"} })
	a.Callback(app.Output("o-unser_multi", "children"), app.Output("g2", "title"), clicks("unser_multi")).Do(func(int) (string, any) { return "fine", func() int { return 1 } })
	a.Callback(app.Output("o-group_bad", "children"), app.Output("g2", "children"), clicks("group_bad")).DoRaw(returns(1))
	return a
}

func twin24(t *testing.T) *app.App {
	a := app.New("24_graph")
	template, err := os.ReadFile("testdata/golden/plotly_template.json") // plotly.py's default
	if err != nil {
		t.Fatal(err)
	}
	figure := func(traces app.List, layout app.Dict) app.Figure {
		layout["template"] = json.RawMessage(template)
		return app.Figure{Data: traces, Layout: layout}
	}
	a.Layout = html.Div{Children: app.List{
		dcc.Graph{ID: "lists", Figure: figure(
			app.List{app.Dict{"type": "scatter", "x": []int{1, 2, 3}, "y": []any{1.5, nil, math.NaN()}, "name": "s"}},
			app.Dict{"title": app.Dict{"text": "T <b>x</b>"}})},
		dcc.Graph{ID: "np", Figure: app.Figure{
			Data:   app.List{app.Dict{"type": "bar", "x": []int{0, 1, 2, 3, 4}, "y": []float64{0, 1.5, 3, 4.5, 6}}},
			Layout: app.Dict{"height": 200}}},
		dcc.Graph{ID: "gonp", Figure: figure(
			app.List{
				app.Dict{"type": "heatmap", "z": app.TypedArray([][]float64{{0, 1, 2}, {3, 4, 5}})},
				app.Dict{"type": "scatter", "x": []string{"2024-01-01", "2024-01-02"}, "y": app.TypedArray([]int{0, 1})},
			},
			app.Dict{})},
		dcc.Graph{ID: "dates",
			Figure: app.Dict{"data": app.List{app.Dict{"x": []string{"2024-01-01", "2024-01-02T03:04:05.000678"}, "y": []int{1, 2}}}},
			Config: app.Dict{"displayModeBar": false}},
		html.Button{Children: "b", ID: "b", NClicks: 0},
		dcc.Graph{ID: "out", Props: app.Props{"animate": false}},
		html.Pre{ID: "click"},
	}}
	a.Callback(app.Output("out", "figure"), app.Input("b", "n_clicks")).
		Do(func(n int) app.Figure {
			return app.Figure{
				Data: app.List{app.Dict{"type": "scatter", "mode": "lines+markers",
					"x": app.TypedArray([]int{0, 1, 2, 3}), "y": app.TypedArray([]int{300, 2, 3, n})}},
				Layout: app.Dict{"template": app.Dict{"data": app.Dict{"scatter": app.List{app.Dict{"type": "scatter"}}}}, "uirevision": "k"},
			}
		})
	a.Callback(app.Output("click", "children"), app.Input("lists", "clickData"), app.Input("lists", "relayoutData")).
		Do(func(click, relayout any) (string, error) { return jsonText([]any{click, relayout}) })
	return a
}

func twin25(t *testing.T) *app.App {
	a := app.New("25_download")
	file := filepath.Join(t.TempDir(), "a.css")
	if err := os.WriteFile(file, []byte("body{color:#111}\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	var layout app.List
	for _, id := range []app.ID{"s", "by", "fi", "df"} {
		layout = append(layout, html.Button{Children: id, ID: id, NClicks: 0})
	}
	a.Layout = html.Div{Children: append(layout,
		dcc.Download{ID: "d"}, dcc.Download{ID: "d2"}, dcc.Upload{Children: "up", ID: "u"}, html.Pre{ID: "uo"})}
	again := app.Output("d", "data").AllowDuplicate()
	a.Callback(app.Output("d", "data"), app.Input("s", "n_clicks"), app.PreventInitialCall()).
		Do(func(int) dcc.DownloadData { return dcc.SendString("héllo\n", "a.txt") })
	a.Callback(app.Output("d2", "data"), app.Input("by", "n_clicks"), app.PreventInitialCall()).
		Do(func(int) dcc.DownloadData {
			return dcc.SendBytes([]byte{0, 1, 255}, "b.bin").WithType("application/x-foo")
		})
	a.Callback(again, app.Input("fi", "n_clicks"), app.PreventInitialCall()).
		Do(func(int) (dcc.DownloadData, error) { return dcc.SendFile(file) })
	a.Callback(again, app.Input("df", "n_clicks"), app.PreventInitialCall()).
		Do(func(int) dcc.DownloadData { return dcc.SendString("a\n1\n2\n", "df.csv") })
	a.Callback(app.Output("uo", "children"), app.Input("u", "contents"), app.State("u", "filename"), app.State("u", "last_modified")).
		Do(func(contents, name json.RawMessage, modified *float64) string {
			seen := "False"
			if modified != nil {
				seen = "True"
			}
			return pyRepr(contents) + " " + pyRepr(name) + " " + seen
		})
	return a
}

func twin27(*testing.T) *app.App {
	a := app.New("27_json_types")
	values := app.Dict{
		"date":        "2024-02-29",
		"datetime":    "2024-02-29T13:14:15", // Go has no time without a zone
		"datetime_us": "2024-02-29T13:14:15.000060",
		"datetime_tz": time.Date(2024, 2, 29, 13, 14, 15, 0, time.UTC),
		"decimal":     json.Number("1.10"),
		"np_int":      int64(7),
		"np_float":    float32(1.5),
		"np_bool":     true,
		"np_arr":      [][]int{{1, 2}, {3, 4}},
		"np_nan":      []float64{1, math.NaN(), math.Inf(1)},
		"nan":         math.NaN(),
		"inf":         math.Inf(1),
		"-inf":        math.Inf(-1),
		"uni":         "héllo ☃ 😀 \u2028 \u2029 \x00 \t \"q\" \\",
		"script":      "</script><!-- <b>&amp;",
		"big":         new(big.Int).Lsh(big.NewInt(1), 70),
		"int_float":   1.0,
		"small":       1e-7,
		"exp":         1e22,
		"tuple":       [2]int{1, 2},
		"none":        nil,
		"true":        true,
		"np_dt":       "2024-02-29T01:02:03",
		"np_dts":      []string{"2024-02-29", "NaT"},
		"pd_ts":       "2024-02-29T01:02:03",
		"pd_nat":      (*time.Time)(nil),
		"pd_na":       nil,
		"series":      []float64{1, 2, math.NaN()},
		"index":       []string{"a", "b"},
		"pd_dt":       []any{"2024-02-29T00:00:00", nil},
		"nonstr_keys": app.Dict{"1": "c", "2.5": "b", "null": "d"},
		"masked":      nil,
	}
	a.Layout = html.Div{Children: app.List{
		dcc.Store{ID: "s", Data: values},
		dcc.DatePickerSingle{ID: "dp", Date: "2024-02-29", MinDateAllowed: "2024-01-01T00:00:00"},
		html.Div{Children: "x", ID: "nones", Style: app.Style{"a": nil}, Props: app.Props{"className": nil, "title": nil}},
		dcc.Input{ID: "i", Value: "héllo</script>"},
		html.Pre{ID: "o"}, dcc.Store{ID: "s2"}, html.Div{ID: "dpo"},
	}}
	a.Callback(app.Output("o", "children"), app.Output("s2", "data"), app.Input("i", "value"), app.Input("s", "data")).
		Do(func(v, data json.RawMessage) (string, app.Dict) { return pyRepr(v) + " " + pyDumps(data), values })
	a.Callback(app.Output("dpo", "children"), app.Input("dp", "date")).
		Do(func(date json.RawMessage) string { return pyRepr(date) })
	return a
}

func twin35(*testing.T) *app.App {
	a := app.New("35_eager")
	a.Layout = html.Div{Children: app.List{dcc.Graph{ID: "g"}}}
	return a
}

func twin40(*testing.T) *app.App {
	a := app.New("40_location")
	a.Layout = html.Div{Children: app.List{
		dcc.Location{ID: "url", Refresh: false},
		dcc.Link{Children: "two", Href: "/two?x=1#h", ID: "lnk"},
		html.Div{ID: "o"},
	}}
	a.Callback(app.Output("o", "children"), app.Input("url", "pathname"), app.Input("url", "search"), app.Input("url", "hash"), app.Input("url", "href")).
		Do(func(path, search, hash, href string) string {
			return strings.Join([]string{path, search, hash, href}, " ")
		})
	return a
}

func twin42(*testing.T) *app.App {
	a := app.New("42_duplicates")
	a.Layout = html.Div{Children: app.List{
		html.Button{Children: "b", ID: "b", NClicks: 0}, html.Div{ID: "o"},
		dcc.Slider{Min: 0, Max: 10, Step: 1, Value: 3, ID: "sl"}, dcc.Input{ID: "si", Type: "number", Value: 3},
	}}
	a.Callback(app.Output("o", "children"), app.Input("b", "n_clicks")).
		Do(func(n int) string { return fmt.Sprintf("first %d", n) })
	a.Callback(app.Output("o", "children"), app.Input("b", "n_clicks"), app.Input("si", "value")).
		Do(func(n int, v float64) string { return fmt.Sprintf("second %d %v", n, v) })
	a.Callback(app.Output("sl", "value"), app.Output("si", "value"), app.Input("sl", "value"), app.Input("si", "value")).
		Do(func(ctx *app.Context, slider, input float64) (float64, float64) {
			if ctx.TriggeredID() == "sl" {
				return slider, slider
			}
			return input, input
		})
	return a
}

func twin44(*testing.T) *app.App {
	a := app.New("44_bench")
	in := func(index any) app.ID { return app.Key("type", "in", "index", index) }
	var inputs app.List
	for i := range 200 {
		inputs = append(inputs, dcc.Input{ID: in(i), Value: i, Type: "number"})
	}
	a.Layout = html.Div{Children: append(tshirt(a),
		html.Button{Children: "b", ID: "b", NClicks: 0}, dcc.Graph{ID: "g"}, html.Div{Children: inputs}, html.Div{ID: "sum"})}
	xs, ys := make([]int, 10000), make([]float64, 10000)
	for i := range xs {
		xs[i], ys[i] = i, float64(i*7919%10007)/10007
	}
	a.Callback(app.Output("g", "figure"), app.Input("b", "n_clicks")).
		Do(func(n int) app.Figure {
			return app.Figure{
				Data:   app.List{app.Dict{"type": "scatter", "mode": "lines", "x": xs, "y": ys}},
				Layout: app.Dict{"title": app.Dict{"text": fmt.Sprintf("n=%d", n)}},
			}
		})
	a.Callback(app.Output("sum", "children"), app.Input(in(app.ALL), "value")).
		Do(func(values []float64) (sum float64) {
			for _, v := range values {
				sum += v
			}
			return sum
		})
	return a
}
