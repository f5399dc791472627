package app_test

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"strings"
	"testing"

	"dashd/app"
	"dashd/app/dcc"
	"dashd/app/html"

	"github.com/google/go-cmp/cmp"
)

// raw is JSON in a state.
func raw(text string) json.RawMessage { return json.RawMessage(text) }

func TestParseState(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		want       app.BaseState
	}{
		{"empty", ` {} `, app.BaseState{}},
		{"as django-plotly-dash writes it", `{"dropdown-color": {"value": "blue"}, "dropdown-size": {"value": "small"}}`,
			app.BaseState{"dropdown-color": {"value": raw(`"blue"`)}, "dropdown-size": {"value": raw(`"small"`)}}},
		{"null is not set", `{"a":{"value":null,"x":[null]}}`, app.BaseState{"a": {"value": nil, "x": raw(`[null]`)}}},
		{"nothing of a component", `{"a":{}}`, app.BaseState{"a": {}}},
		{"dictionary ID in any order", `{"{\"_type\": \"btn3\", \"_id\": \"inp-0\"}": {"n_clicks": 1}}`, app.BaseState{`{"_id":"inp-0","_type":"btn3"}`: {"n_clicks": raw(`1`)}}},
		{"blanks and escapes of values", `{"a":{"x":{ "k" : [ 1.50 , "\u00e9\u003c\u0041\/\ud83d\ude00\ud800\u001F\u007f" , true ] }}}`,
			app.BaseState{"a": {"x": raw(`{"k":[1.50,"é<A/😀\ud800\u001f` + "\x7f" + `",true]}`)}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := app.ParseState([]byte(tt.text))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestParseStateRefuses(t *testing.T) {
	deep := strings.Repeat("[", 101) + strings.Repeat("]", 101)
	for _, tt := range []struct{ text, want string }{
		{``, "line 1, column 1: unexpected end"},
		{"{\"a\":\n {\"é\" 1}}", "line 2, column 7"},
		{`{"a":{}} x`, "column 10"},
		{"{\"a\":{\"x\":\"\xff\"}}", "line 1, column 12: not UTF-8"},
		{`[]`, "not an object of component IDs"},
		{`"{}"`, "not an object of component IDs"},
		{`{"a":[]}`, "state of a is not an object"},
		{`{"a":null}`, "state of a is not an object"},
		{`{"a":{},"a":{}}`, "component a twice"},
		{`{"{\"a\":1,\"b\":2}":{},"{\"b\":2, \"a\":1}":{}}`, `component {"a":1,"b":2} twice`},
		{`{"a":{"x":1,"\u0078":2}}`, "a.x twice"},
		{`{"":{}}`, "empty"},
		{`{"a.b":{}}`, `"."`},
		{`{"{a}":{}}`, "not a dictionary"},
		{`{"{\"a\":[\"ALL\"]}":{}}`, "wildcard"},
		{`{"a":{"":1}}`, "no name"},
		{`{"a":{"id":"b"}}`, "stays what it is"},
		{`{"__proto__":{"polluted":1}}`, "danger"},
		{`{"a":{"constructor":1}}`, "danger"},
		{`{"a":{"x":` + deep + `}}`, "a.x is nested too deep"},
		{`{"` + strings.Repeat("a", 1001) + `":{}}`, "more than 1000 bytes"},
		{`{"a":{"` + strings.Repeat("a", 1001) + `":1}}`, "more than 1000 bytes"},
	} {
		if _, err := app.ParseState([]byte(tt.text)); app.ErrorCode(err) != app.Invalid || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%.60s: got %v, want %q", tt.text, err, tt.want)
		}
	}
	if _, err := app.ParseState([]byte(`{"a":{"x":"` + strings.Repeat("x", 1<<20) + `"}}`)); app.ErrorCode(err) != app.TooLarge {
		t.Errorf("a text beyond the bound gives %v", err)
	}
}

func TestStateText(t *testing.T) {
	state := app.BaseState{
		"b":                              {"z": raw(`{"k":[1.50,"é<😀\"\\\n\u0001"]}`), "a": nil},
		app.Key("type", "é", "index", 1): {"value": raw(`"x"`)},
		"a":                              {},
		"c":                              {"data-é": raw(`"\ud800\u007f"`)},
	}
	const want = `{"a": {}, "b": {"a": null, "z": {"k": [1.50, "\u00e9<\ud83d\ude00\"\\\n\u0001"]}}, "c": {"data-\u00e9": "\ud800\u007f"}, "{\"index\":1,\"type\":\"\u00e9\"}": {"value": "x"}}`
	if got := string(state.Text()); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if got := string(app.BaseState(nil).AppendText([]byte("x"))); got != "x{}" {
		t.Errorf("no state gives %s", got)
	}
	again, err := app.ParseState(state.Text())
	if err != nil {
		t.Fatal(err)
	}
	if got := string(again.Text()); got != want {
		t.Errorf("the state has become %s", got)
	}
}

func FuzzParseState(f *testing.F) {
	f.Add(`{"a": {"value": [1, {"b": "\u00e9\ud83d\ude00\ud800"}], "x": null}}`)
	f.Add(`{"{\"b\":1,\"a\":\"x\"}":{"v":-0.0e+1}}`)
	f.Add("{\"a\":{\"\u2028\":\"\\b\\f\\/\x7f\"}}")
	f.Add(`{"a":{"__proto__":1},"constructor":{}}`)
	f.Fuzz(func(t *testing.T, text string) {
		state, err := app.ParseState([]byte(text))
		if err != nil {
			if code := app.ErrorCode(err); code != app.Invalid && code != app.TooLarge {
				t.Fatalf("%q gives %v", text, err)
			}
			return
		}
		written := state.Text()
		for _, c := range written {
			if c < ' ' || c > '~' {
				t.Fatalf("%q has become %q", text, written)
			}
		}
		again, err := app.ParseState(written)
		if err != nil && app.ErrorCode(err) != app.TooLarge { // escapes take room
			t.Fatalf("%q has become %q: %v", text, written, err)
		}
		if err == nil && !cmp.Equal(state, again) {
			t.Fatalf("%q is not %q: %s", text, written, cmp.Diff(state, again))
		}
		if app.CheckState(state) == nil {
			for id, props := range state {
				for property, value := range props {
					if hasKey(map[string]any{property: decodedOrNil(value)}, "__proto__") || strings.Contains(string(id), `"__proto__"`) {
						t.Fatalf("%q pollutes", text)
					}
				}
			}
		}
	})
}

func decodedOrNil(value []byte) (v any) {
	_ = json.Unmarshal(value, &v)
	return v
}

func TestCheckState(t *testing.T) {
	good := app.BaseState{
		"a":                     {"value": nil, "x": raw(`{"type":"Div","props":{}}`), "data-x": raw(`1`)},
		app.Key("b", 1, "a", 2): {"value": raw(`null`)},
	}
	if err := app.CheckState(good); err != nil {
		t.Errorf("a good state gives %v", err)
	}
	for _, tt := range []struct {
		state app.BaseState
		want  string
	}{
		{app.BaseState{"": {}}, "empty"},
		{app.BaseState{"a.b": {}}, `"."`},
		{app.BaseState{`{"b":1,"a":2}`: {}}, `must have its keys in order and no blanks: {"a":2,"b":1}`},
		{app.BaseState{app.Key("a", app.MATCH): {}}, "wildcard"},
		{app.BaseState{app.Key("a"): {}}, "app.Key"},
		{app.BaseState{"prototype": {}}, "danger"},
		{app.BaseState{app.Key("__proto__", 1): {}}, "danger"},
		{app.BaseState{"a": {"__proto__": raw(`1`)}}, "danger"},
		{app.BaseState{"a": {"": raw(`1`)}}, "no name"},
		{app.BaseState{"a": {"id": raw(`"b"`)}}, "stays what it is"},
		{app.BaseState{"a": {"x": raw(`{`)}}, "a.x is not valid JSON"},
		{app.BaseState{"a": {"x": raw(``)}}, "a.x is not valid JSON"},
		{app.BaseState{"a": {"x": raw(`[{"constructor":1}]`)}}, "a.x has the key constructor"},
		{app.BaseState{"a": {"href": raw(`"javascript:x"`)}}, "a.href is the URL of a script"},
	} {
		if err := app.CheckState(tt.state); app.ErrorCode(err) != app.Invalid || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%v: got %v, want %q", tt.state, err, tt.want)
		}
	}
}

func TestCheckInitial(t *testing.T) {
	layout := page(dcc.Input{ID: "name"}, html.Div{ID: app.Key("type", "row", "index", 1)}, app.Element{Namespace: "x", Type: "E", Props: app.Props{"id": "other"}})
	a := app.New("Checked")
	a.Layout = layout
	for text, want := range map[string]string{
		`{"name":{"value":1,"placeholder":null}}`:                      "",
		`{"{\"index\":1,\"type\":\"row\"}":{"title":"x","data-x":1}}`:  "",
		`{"other":{"anything":1}}`:                                     "",
		`{"nmae":{"value":1}}`:                                         `no component nmae (did you mean "name"?)`,
		`{"{\"index\":2,\"type\":\"row\"}":{"title":"x"}}`:             `no component {"index":2,"type":"row"}`,
		`{"name":{"valeu":1}}`:                                         `The Input name has no property valeu (did you mean "value"?)`,
		`{"name":{"value":{"type":"Div","namespace":"x","props":{}}}}`: "holds a component",
	} {
		err := a.CheckInitial(parseState(t, text))
		if want == "" && err != nil || want != "" && (app.ErrorCode(err) != app.Invalid || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: got %v, want %q", text, err, want)
		}
	}

	made, suppressed, validated := app.New("Made"), app.New("Suppressed"), app.New("Validated")
	made.LayoutFunc = func(*app.Context) (app.Component, error) { return layout, nil }
	suppressed.Layout, suppressed.SuppressCallbackExceptions = layout, true
	validated.Layout, validated.ValidationLayout = layout, page(layout, html.Div{ID: "later"})
	for _, a := range []*app.App{made, suppressed, validated} {
		if err := a.CheckInitial(parseState(t, `{"later":{"title":1}}`)); err != nil {
			t.Errorf("%s: %v", a.Name(), err)
		}
		if err := a.CheckInitial(parseState(t, `{"name":{"valeu":1}}`)); err == nil {
			t.Errorf("%s accepts a wrong property", a.Name())
		}
	}
}

func TestPopulate(t *testing.T) {
	layout := html.Div{ID: "root", Children: app.List{
		dcc.Input{ID: "name", Value: "é<", Props: app.Props{"placeholder": nil}},
		dcc.Dropdown{ID: "choice", Options: []string{"a"}, Value: "a"},
		html.Button{ID: app.Key("_type", "btn3", "_id", "inp-0"), NClicks: 0, Children: "press"},
		html.A{ID: "bad", Href: "javascript:alert(1)", Title: "kept"},
		html.Div{Title: "no ID"},
		dcc.Checklist{ID: "list", Options: []any{app.Dict{"label": html.B{ID: "inside", Title: "in a label"}, "value": 1}}},
		app.Element{Namespace: "x", Type: "E", Props: app.Props{"id": "e", "extra": html.Div{}, "list": []int{1, 2}}},
	}}
	want := app.BaseState{
		"name":                           {"value": raw(`"é<"`), "placeholder": raw(`null`)},
		"choice":                         {"value": raw(`"a"`)},
		`{"_id":"inp-0","_type":"btn3"}`: {"n_clicks": raw(`0`)},
		"bad":                            {"title": raw(`"kept"`)},
		"inside":                         {"title": raw(`"in a label"`)},
		"e":                              {"list": raw(`[1,2]`)},
	}
	fixed, made := app.New("Fixed"), app.New("Made")
	fixed.Layout = layout
	made.LayoutFunc = func(ctx *app.Context) (app.Component, error) {
		if ctx.Instance() != nil {
			return nil, errors.New("there is an instance")
		}
		return layout, nil
	}
	for _, a := range []*app.App{fixed, made} {
		for _, call := range []*app.Call{nil, {Initial: app.BaseState{"name": {"value": raw(`"initial"`)}}}} {
			got, err := a.Populate(context.Background(), call)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s: %s", a.Name(), diff)
			}
			if err := app.CheckState(got); err != nil {
				t.Errorf("%s: what it populates cannot be saved: %v", a.Name(), err)
			}
		}
	}
	got, _ := fixed.Populate(context.Background(), nil)
	maps.Copy(got["name"], map[string]json.RawMessage{"value": raw(`1`)})
	if again, _ := fixed.Populate(context.Background(), nil); string(again["name"]["value"]) != `"é<"` {
		t.Error("the caller has changed the app")
	}
	failing := app.New("Failing")
	failing.ValidationLayout = layout
	failing.LayoutFunc = func(*app.Context) (app.Component, error) { panic("no") }
	var p *app.PanicError
	if _, err := failing.Populate(context.Background(), nil); !errors.As(err, &p) {
		t.Errorf("a layout function that panics gives %v", err)
	}
}
