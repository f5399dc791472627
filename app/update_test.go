package app_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"

	"dashd/app"
	"dashd/app/dcc"
	"dashd/app/html"
)

// updateApp has one callback of each kind.
func updateApp() *app.App {
	a := app.New("Update")
	row := func(i any) app.ID { return app.Key("type", "row", "index", i) }
	a.Layout = page(dcc.Input{ID: "in"}, dcc.Input{ID: "num"}, html.Div{ID: "one"}, html.Div{ID: "two"}, html.Div{ID: "sum"},
		dcc.Input{ID: row(1)}, dcc.Input{ID: row(2)}, html.Div{ID: app.Key("out", 1)}, html.Div{ID: "ctx"}, html.Div{ID: "raw"})
	in := app.Input("in", "value")

	a.Callback(app.Output("one", "children"), in, app.State("num", "value")).Do(func(s string, n *int) (string, error) {
		switch s {
		case "prevent":
			return "", app.ErrPreventUpdate
		case "refuse":
			return "", app.Errorf(app.Forbidden, "Not you.")
		case "fail":
			return "", errors.New("secret detail")
		case "panic":
			panic("ouch")
		}
		if n == nil {
			return s + " none", nil
		}
		return s + " " + strings.Repeat("x", *n), nil
	})
	a.Callback(app.Output("two", "children"), app.Output("one", "title"), app.Output("two", "style"), in).Do(func(s string) (any, any, app.Style) {
		if s == "half" {
			return app.NoUpdate, "t", nil
		}
		return html.B{Children: s}, app.NoUpdate, app.Style{"color": "red"}
	})
	a.Callback(app.Output("sum", "children"), app.Input(row(app.ALL), "value")).Do(func(rows []app.Match[float64]) float64 {
		sum := 0.0
		for _, r := range rows {
			sum += r.Value * float64(r.ID.Int("index"))
		}
		return sum
	})
	a.Callback(app.Output(row(app.ALL), "placeholder"), in).Do(func(s string) []any { return []any{s, app.NoUpdate} })
	a.Callback(app.Output(app.Key("out", app.MATCH), "children"), in).Do(func(s string) string { return s })
	a.Callback(app.Outputs(app.Output("ctx", "children")), in.As("text"), app.State("num", "value")).Do(func(ctx *app.Context, in struct {
		Text  string `dash:"text"`
		Group struct {
			Number any `dash:"num.value"`
		}
	}) struct {
		Out string `dash:"ctx.children"`
	} {
		ctx.Header().Set("X-Answer", "yes")
		facts := []string{in.Text, ctx.AppID(), ctx.RelativePath("/a"), ctx.Request().URL.Path, string(ctx.TriggeredID())}
		for _, tr := range ctx.Triggered {
			facts = append(facts, tr.String()+"="+string(tr.Value))
		}
		if ctx.Arg("text").Property != "value" || !ctx.Arg("text").Triggered || ctx.Arg("num.value").ID != "num" || ctx.Arg("nope").ID != "" || len(ctx.Args) != 2 {
			facts = append(facts, "the arguments have lost their names")
		}
		for _, list := range [][]app.Argument{ctx.Inputs, ctx.States, ctx.Outputs} {
			for _, arg := range list {
				facts = append(facts, string(arg.ID)+"."+arg.Property)
			}
		}
		return struct {
			Out string `dash:"ctx.children"`
		}{strings.Join(facts, " ")}
	})
	a.Callback(app.Output("raw", "children"), in, app.Input(row(app.ALL), "value")).DoRaw(func(_ *app.Context, args []json.RawMessage) ([]any, error) {
		return []any{string(args[0]) + string(args[1])}, nil
	})
	a.Callback(app.Input("num", "value")).Do(func(int) {})
	return a
}

func TestUpdate(t *testing.T) {
	a := updateApp()
	if err := a.Validate(); err != nil {
		t.Fatal(err)
	}
	const in = `"inputs":[{"id":"in","property":"value","value":`
	one := func(value, num string) string {
		return `{"output":"one.children","outputs":{"id":"one","property":"children"},` + in + value + `}],"state":[{"id":"num","property":"value"` + num + `}]}`
	}
	for _, tt := range []struct {
		name string
		body string
		want string // "" for 204
	}{
		{"state", one(`"a"`, `,"value":3`), `{"multi":true,"response":{"one":{"children":"a xxx"}}}`},
		{"escapes", one(`"\u00e9\n<"`, ``), `{"multi":true,"response":{"one":{"children":"é\n\u003c none"}}}`},
		{"null is the zero value", one(`null`, `,"value":null`), `{"multi":true,"response":{"one":{"children":" none"}}}`},
		{"prevent", one(`"prevent"`, ``), ``},
		{"outputs left out", `{"output":"..ctx.children..",` + in + `"x"}],"state":[{"id":"num","property":"value"}]}`,
			`{"multi":true,"response":{"ctx":{"children":"x update /base/app/update/a /path  the arguments have lost their names in.value num.value ctx.children"}}}`},
		{"many outputs, grouped by component", `{"output":"..two.children...one.title...two.style..","outputs":[{"id":"two","property":"children"},{"id":"one","property":"title"},{"id":"two","property":"style"}],` + in + `"x"}]}`,
			`{"multi":true,"response":{"two":{"children":{"props":{"children":"x"},"type":"B","namespace":"dash_html_components"},"style":{"color":"red"}}}}`},
		{"no update of one", `{"output":"..two.children...one.title...two.style..","outputs":[{"id":"two","property":"children"},{"id":"one","property":"title"},{"id":"two","property":"style"}],` + in + `"half"}]}`,
			`{"multi":true,"response":{"one":{"title":"t"},"two":{"style":null}}}`},
		{"ALL", `{"output":"sum.children","outputs":{"id":"sum","property":"children"},"inputs":[[{"id":{"type":"row","index":1},"property":"value","value":10},{"id":{"index":2,"type":"row"},"property":"value","value":0.5}]]}`,
			`{"multi":true,"response":{"sum":{"children":11}}}`},
		{"ALL of none", `{"output":"sum.children","outputs":{"id":"sum","property":"children"},"inputs":[[]]}`,
			`{"multi":true,"response":{"sum":{"children":0}}}`},
		{"ALL as output", `{"output":"{\"index\":[\"ALL\"],\"type\":\"row\"}.placeholder","outputs":[{"id":{"index":1,"type":"row"},"property":"placeholder"},{"id":{"index":2,"type":"row"},"property":"placeholder"}],` + in + `"p"}]}`,
			`{"multi":true,"response":{"{\"index\":1,\"type\":\"row\"}":{"placeholder":"p"}}}`},
		{"MATCH as output", `{"output":"{\"out\":[\"MATCH\"]}.children","outputs":{"id":{"out":1},"property":"children"},` + in + `"m"}]}`,
			`{"multi":true,"response":{"{\"out\":1}":{"children":"m"}}}`},
		{"context and tagged structs", `{"output":"..ctx.children..","outputs":[{"id":"ctx","property":"children"}],` + in + `"x"}],"state":[{"id":"num","property":"value","value":1}],"changedPropIds":["in.value","gone.x"]}`,
			`{"multi":true,"response":{"ctx":{"children":"x update /base/app/update/a /path in in.value=\"x\" gone.x= in.value num.value ctx.children"}}}`},
		{"raw", `{"output":"raw.children","outputs":{"id":"raw","property":"children"},"inputs":[{"id":"in","property":"value","value":"x"},[{"id":{"index":1,"type":"row"},"property":"value"},{"id":{"index":2,"type":"row"},"property":"value","value":2}]]}`,
			`{"multi":true,"response":{"raw":{"children":"\"x\"[null,2]"}}}`},
		{"no output", `{"output":"7a3b9c5dc1cd9a7c1c1b1c9b7e0a6ef2f1b3f0c6d0b0ab7dbb1d4bbf8cbb0f4e","inputs":[{"id":"num","property":"value","value":1}]}`, ``},
	} {
		t.Run(tt.name, func(t *testing.T) {
			body := tt.body
			if tt.name == "no output" {
				body = strings.Replace(body, "7a3b9c5dc1cd9a7c1c1b1c9b7e0a6ef2f1b3f0c6d0b0ab7dbb1d4bbf8cbb0f4e", outputName(t, a, 7), 1)
			}
			call := &app.Call{Request: httptest.NewRequest("POST", "/path", nil), Header: http.Header{}, AppID: "update", Prefix: "/base/app/update/"}
			got, err := a.UpdateJSON(context.Background(), call, []byte(body))
			if err != nil {
				t.Fatal(err)
			}
			if string(got) != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
			if tt.name == "context and tagged structs" && call.Header.Get("X-Answer") != "yes" {
				t.Error("the callback's header is lost")
			}
		})
	}
}

// outputName returns the name on the wire of the app's n-th callback.
func outputName(t *testing.T, a *app.App, n int) string {
	t.Helper()
	text, err := a.DependenciesJSON()
	if err != nil {
		t.Fatal(err)
	}
	var callbacks []struct{ Output string }
	if err := json.Unmarshal(text, &callbacks); err != nil {
		t.Fatal(err)
	}
	return callbacks[n].Output
}

// refused are bodies that must be refused as Invalid, whatever the app.
var refused = map[string]string{
	"empty":                     ``,
	"not JSON":                  `{"output":`,
	"trailing text":             `{} x`,
	"array":                     `[]`,
	"null":                      `null`,
	"no output":                 `{}`,
	"unknown output":            `{"output":"nope.children","outputs":{"id":"nope","property":"children"},"inputs":[]}`,
	"output of the wrong type":  `{"output":3}`,
	"no inputs":                 `{"output":"one.children","outputs":{"id":"one","property":"children"}}`,
	"no state":                  `{"output":"one.children","outputs":{"id":"one","property":"children"},"inputs":[{"id":"in","property":"value","value":"x"}]}`,
	"undeclared input":          `{"output":"one.children","outputs":{"id":"one","property":"children"},"inputs":[{"id":"other","property":"value","value":"x"}],"state":[{"id":"num","property":"value"}]}`,
	"undeclared property":       `{"output":"one.children","outputs":{"id":"one","property":"children"},"inputs":[{"id":"in","property":"title","value":"x"}],"state":[{"id":"num","property":"value"}]}`,
	"undeclared state":          `{"output":"one.children","outputs":{"id":"one","property":"children"},"inputs":[{"id":"in","property":"value"}],"state":[{"id":"num","property":"min"}]}`,
	"one input too many":        `{"output":"one.children","outputs":{"id":"one","property":"children"},"inputs":[{"id":"in","property":"value"},{"id":"in","property":"value"}],"state":[{"id":"num","property":"value"}]}`,
	"one state too many":        `{"output":"one.children","outputs":{"id":"one","property":"children"},"inputs":[{"id":"in","property":"value"}],"state":[{"id":"num","property":"value"},{"id":"num","property":"value"}]}`,
	"value of the wrong type":   `{"output":"one.children","outputs":{"id":"one","property":"children"},"inputs":[{"id":"in","property":"value","value":{"secret":1}}],"state":[{"id":"num","property":"value"}]}`,
	"fraction for an integer":   `{"output":"one.children","outputs":{"id":"one","property":"children"},"inputs":[{"id":"in","property":"value","value":"a"}],"state":[{"id":"num","property":"value","value":1.5}]}`,
	"list for one":              `{"output":"one.children","outputs":{"id":"one","property":"children"},"inputs":[[{"id":"in","property":"value"}]],"state":[{"id":"num","property":"value"}]}`,
	"one for a list":            `{"output":"sum.children","outputs":{"id":"sum","property":"children"},"inputs":[{"id":{"index":1,"type":"row"},"property":"value"}]}`,
	"ID outside the pattern":    `{"output":"sum.children","outputs":{"id":"sum","property":"children"},"inputs":[[{"id":{"index":1,"type":"other"},"property":"value"}]]}`,
	"ID with a key too many":    `{"output":"sum.children","outputs":{"id":"sum","property":"children"},"inputs":[[{"id":{"index":1,"type":"row","x":1},"property":"value"}]]}`,
	"wildcard in a concrete ID": `{"output":"sum.children","outputs":{"id":"sum","property":"children"},"inputs":[[{"id":{"index":["ALL"],"type":"row"},"property":"value"}]]}`,
	"dictionary ID as text":     `{"output":"sum.children","outputs":{"id":"sum","property":"children"},"inputs":[[{"id":"{\"index\":1,\"type\":\"row\"}","property":"value"}]]}`,
	"null ID":                   `{"output":"one.children","outputs":{"id":"one","property":"children"},"inputs":[{"id":null,"property":"value"}],"state":[{"id":"num","property":"value"}]}`,
	"nested ID":                 `{"output":"one.children","outputs":{"id":"one","property":"children"},"inputs":[{"id":{"a":{}},"property":"value"}],"state":[{"id":"num","property":"value"}]}`,
	"no outputs of MATCH":       `{"output":"{\"out\":[\"MATCH\"]}.children","inputs":[{"id":"in","property":"value"}]}`,
	"no outputs of ALL":         `{"output":"{\"index\":[\"ALL\"],\"type\":\"row\"}.placeholder","inputs":[{"id":"in","property":"value"}]}`,
	"null outputs":              `{"output":"one.children","outputs":null,"inputs":[{"id":"in","property":"value"}],"state":[{"id":"num","property":"value"}]}`,
	"other outputs":             `{"output":"one.children","outputs":{"id":"two","property":"children"},"inputs":[{"id":"in","property":"value"}],"state":[{"id":"num","property":"value"}]}`,
	"outputs as a list":         `{"output":"one.children","outputs":[{"id":"one","property":"children"}],"inputs":[{"id":"in","property":"value"}],"state":[{"id":"num","property":"value"}]}`,
	"too few outputs":           `{"output":"..two.children...one.title...two.style..","outputs":[{"id":"two","property":"children"}],"inputs":[{"id":"in","property":"value"}]}`,
	"prototype as an ID":        `{"output":"__proto__","outputs":{"id":"__proto__","property":"x"},"inputs":[]}`,
}

func TestUpdateRefuses(t *testing.T) {
	a := updateApp()
	for name, body := range refused {
		t.Run(name, func(t *testing.T) {
			got, err := a.UpdateJSON(context.Background(), nil, []byte(body))
			if app.ErrorCode(err) != app.Invalid || err == nil {
				t.Fatalf("got %s and error %v, want an Invalid error", got, err)
			}
			if strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), "1.5") {
				t.Errorf("the message repeats the visitor's value: %v", err)
			}
		})
	}
}

// What the renderer sends for an optional component that is not there is the
// pattern as it holds it, with MATCH as an object.
func TestUpdateOptionalMatch(t *testing.T) {
	key := func(kind string, n any) app.ID { return app.Key("type", kind, "n", n) }
	optional := app.State(key("extra", app.MATCH), "value").Optional()
	a := app.New("Optional")
	a.Layout = page(html.Button{ID: key("b", 1)}, html.Div{ID: key("o", 1)})
	says := func(ctx *app.Context, _ int, extra app.Match[*string]) string {
		return fmt.Sprint(extra.ID == ctx.States[0].ID, " ", extra.ID, " ", extra.Value == nil)
	}
	input := app.Input(key("b", app.MATCH), "n_clicks")
	a.Callback(app.Output(key("o", app.MATCH), "children"), input, optional).Do(says)
	a.Callback(app.Output(key("o", app.MATCH), "title"), input, app.State(key("extra", app.MATCH), "value")).Do(says)
	all := app.State(key("extra", app.ALL), "value").Optional()
	a.Callback(app.Output(key("o", app.MATCH), "lang"), input, all).Do(func(int, []string) string { return "" })
	if err := a.Validate(); err != nil {
		t.Fatal(err)
	}
	const missing = `{"id":{"n":{"wild":"MATCH"},"type":"extra"},"property":"value","allow_optional":true,"value":null}`
	for _, tt := range []struct {
		name     string
		callback int
		state    string
		accepted bool
	}{
		{"missing", 0, missing, true},
		{"keys in another order, no value", 0, `{"id":{"type":"extra","n":{"wild":"MATCH"}},"property":"value"}`, true},
		{"not optional", 1, missing, false},
		{"with a value", 0, strings.Replace(missing, "null", `"x"`, 1), false},
		{"another pattern", 0, strings.Replace(missing, "extra", "other", 1), false},
		{"another wildcard", 0, strings.Replace(missing, `"MATCH"`, `"ALL","multi":1`, 1), false},
		{"a key too many", 0, strings.Replace(missing, `"type"`, `"x":1,"type"`, 1), false},
		{"a wildcard too many", 0, strings.Replace(missing, `"extra"`, `{"wild":"MATCH"}`, 1), false},
		{"another property", 0, strings.Replace(missing, `"property":"value"`, `"property":"title"`, 1), false},
		{"in a list", 2, `[{"id":{"n":["ALL"],"type":"extra"},"property":"value","value":null}]`, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			property := []string{"children", "title", "lang"}[tt.callback]
			got, err := update(t, a, nil, tt.callback, prop(key("o", 1), property, ""), prop(key("b", 1), "n_clicks", "1"), tt.state)
			want := `{"multi":true,"response":{"{\"n\":1,\"type\":\"o\"}":{"children":"true {\"n\":[\"MATCH\"],\"type\":\"extra\"} true"}}}`
			if tt.accepted && (err != nil || got != want) {
				t.Errorf("got  %s, %v\nwant %s", got, err, want)
			}
			if !tt.accepted && (err == nil || app.ErrorCode(err) != app.Invalid) {
				t.Errorf("got %s and error %v, want an Invalid error", got, err)
			}
		})
	}
}

// color reads itself from text, and shade from JSON.
type (
	color string
	shade string
)

func (c *color) UnmarshalText(text []byte) error {
	if string(text) != "red" {
		return errors.New("no such color")
	}
	*c = color(text)
	return nil
}

func (s *shade) UnmarshalJSON(text []byte) error {
	*s = shade("shade " + string(text))
	return nil
}

// Types that read themselves do so as parameters too.
func TestUpdateDecodes(t *testing.T) {
	type plain string
	for _, tt := range []struct {
		fn    any
		value string
		want  string // "" for an Invalid error
	}{
		{func(c color) string { return string(c) }, `"red"`, "red"},
		{func(c color) string { return string(c) }, `"evil"`, ""},
		{func(s shade) string { return string(s) }, `"red"`, `shade \"red\"`},
		{func(n json.Number) string { return n.String() }, `1.50`, "1.50"},
		{func(n json.Number) string { return n.String() }, `"evil"`, ""},
		{func(s plain) string { return string(s) }, `"evil"`, "evil"},
	} {
		body := strings.Replace(press, `"value":1`, `"value":`+tt.value, 1)
		got, err := buttonApp(tt.fn).UpdateJSON(t.Context(), nil, []byte(body))
		if want := `{"multi":true,"response":{"o":{"children":"` + tt.want + `"}}}`; tt.want != "" && (err != nil || string(got) != want) {
			t.Errorf("%T of %s: got %s, %v, want %s", tt.fn, tt.value, got, err, want)
		}
		if tt.want == "" && (err == nil || app.ErrorCode(err) != app.Invalid) {
			t.Errorf("%T of %s: got %s and error %v, want an Invalid error", tt.fn, tt.value, got, err)
		}
	}
}

func TestUpdateErrors(t *testing.T) {
	a := updateApp()
	call := func(value string) error {
		_, err := a.UpdateJSON(context.Background(), nil, []byte(`{"output":"one.children","outputs":{"id":"one","property":"children"},"inputs":[{"id":"in","property":"value","value":"`+value+`"}],"state":[{"id":"num","property":"value"}]}`))
		return err
	}
	if err := call("refuse"); app.ErrorCode(err) != app.Forbidden {
		t.Errorf("refuse: %v", err)
	}
	if err := call("fail"); err == nil || app.ErrorCode(err) != app.Internal {
		t.Errorf("fail: %v", err)
	}
	err := call("panic")
	p, ok := errors.AsType[*app.PanicError](err)
	if !ok || !strings.Contains(string(p.Stack), "update_test.go") || app.ErrorCode(err) != app.Internal {
		t.Errorf("panic: %v", err)
	}
	if err := call("ok"); err != nil {
		t.Errorf("after the panic: %v", err)
	}
}

// Results that only show when the callback runs.
func TestUpdateWrongResults(t *testing.T) {
	a := app.New("Wrong")
	a.Layout = page(dcc.Input{ID: "in"}, html.Div{ID: app.Key("i", 1)}, html.Div{ID: "raw"})
	in := app.Input("in", "value")
	a.Callback(app.Output(app.Key("i", app.ALL), "children"), in).Do(func(string) []string { return []string{"a", "b"} })
	a.Callback(app.Output("raw", "children"), in).DoRaw(func(*app.Context, []json.RawMessage) ([]any, error) { return nil, nil })
	for _, body := range []string{
		`{"output":"{\"i\":[\"ALL\"]}.children","outputs":[{"id":{"i":1},"property":"children"}],"inputs":[{"id":"in","property":"value"}]}`,
		`{"output":"raw.children","outputs":{"id":"raw","property":"children"},"inputs":[{"id":"in","property":"value"}]}`,
	} {
		if _, err := a.UpdateJSON(context.Background(), nil, []byte(body)); err == nil || app.ErrorCode(err) != app.Internal {
			t.Errorf("got %v, want an Internal error", err)
		}
	}
}

func TestLayoutFunc(t *testing.T) {
	a := app.New("Each")
	visits := 0
	a.LayoutFunc = func(ctx *app.Context) (app.Component, error) {
		visits++
		if ctx.Request().URL.Path == "/fail" {
			return nil, errors.New("no")
		}
		return app.List{html.P{ID: "p", Children: ctx.Request().URL.Path}, "text"}, nil
	}
	a.Callback(app.Output("p", "title"), app.Input("p", "n_clicks")).Do(func(n int) int { return n })
	got, err := a.LayoutJSON(context.Background(), &app.Call{Request: httptest.NewRequest("GET", "/x", nil)})
	if want := `[{"props":{"id":"p","children":"/x"},"type":"P","namespace":"dash_html_components"},"text"]`; err != nil || string(got) != want {
		t.Errorf("got %s, %v", got, err)
	}
	if _, err := a.LayoutJSON(context.Background(), &app.Call{Request: httptest.NewRequest("GET", "/fail", nil)}); err == nil {
		t.Error("the layout function's error is lost")
	}
	if visits != 3 {
		t.Errorf("the layout function ran %d times, want 3: at the check and at two visits", visits)
	}
	validation, err := a.ValidationLayoutJSON()
	if err != nil || !json.Valid(validation) {
		t.Errorf("validation layout: %s, %v", validation, err)
	}
}

func FuzzUpdate(f *testing.F) {
	a := updateApp()
	for _, body := range refused {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		got, err := a.UpdateJSON(context.Background(), nil, body)
		if err == nil && got != nil && !json.Valid(got) {
			t.Errorf("answered invalid JSON: %s", got)
		}
		if _, panicked := errors.AsType[*app.PanicError](err); panicked && !strings.Contains(err.Error(), "ouch") {
			t.Error(err)
		}
	})
}

// A large body with small lies takes little memory: what does not fit is
// refused where it begins.
func TestUpdateLargeBodies(t *testing.T) {
	a := updateApp()
	list := func(item string) string { return "[" + item + strings.Repeat(","+item, 200_000) + "]" }
	for name, body := range map[string]string{
		"inputs":        `{"output":"one.children","outputs":{"id":"one","property":"children"},"inputs":` + list("{}") + `}`,
		"outputs":       `{"output":"..ctx.children..","outputs":` + list("{}") + `,"inputs":[{"id":"in","property":"value"}],"state":[{"id":"num","property":"value"}]}`,
		"items":         `{"output":"sum.children","outputs":{"id":"sum","property":"children"},"inputs":[` + list("{}") + `]}`,
		"changes":       `{"output":"..ctx.children..","outputs":[{"id":"ctx","property":"children"}],"inputs":[{"id":"in","property":"value"}],"state":[{"id":"num","property":"value"}],"changedPropIds":` + list(`""`) + `}`,
		"known changes": `{"output":"..ctx.children..","outputs":[{"id":"ctx","property":"children"}],"inputs":[{"id":"in","property":"value"}],"state":[{"id":"num","property":"value"}],"changedPropIds":` + list(`"a.b"`) + `}`,
	} {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, err := a.UpdateJSON(context.Background(), nil, []byte(body))
			runtime.ReadMemStats(&after)
			if refused := app.ErrorCode(err) == app.Invalid; refused == strings.HasSuffix(name, "changes") {
				t.Errorf("got error %v", err)
			}
			if took := after.TotalAlloc - before.TotalAlloc; took > uint64(len(body))+8<<20 {
				t.Errorf("a body of %d bytes took %d", len(body), took)
			}
		})
	}
}
