package app_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"dashd/app"
	"dashd/app/apptest"
	"dashd/app/dcc"
	"dashd/app/html"
)

// parseState reads a state of a test.
func parseState(t testing.TB, text string) app.BaseState {
	t.Helper()
	state, err := app.ParseState([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return state
}

// layoutOf returns a layout as a page gets it.
func layoutOf(t testing.TB, a *app.App, call *app.Call) string {
	t.Helper()
	text, err := a.LayoutJSON(context.Background(), call)
	if err != nil {
		t.Fatal(err)
	}
	if !json.Valid(text) {
		t.Fatalf("the layout is not JSON: %s", text)
	}
	return string(text)
}

func TestOverlay(t *testing.T) {
	const namespace = `"namespace":"dash_core_components"`
	input := func(props string) string { return `{"props":{` + props + `},"type":"Input",` + namespace + `}` }
	div := func(props string) string {
		return `{"props":{` + props + `},"type":"Div","namespace":"dash_html_components"}`
	}
	for _, tt := range []struct {
		name           string
		layout         app.Component
		saved, initial string
		want           string
	}{
		{"nothing", dcc.Input{ID: "a", Value: 1}, ``, ``, input(`"id":"a","value":1`)},
		{"of another component", dcc.Input{ID: "a", Value: 1}, `{"b":{"value":2}}`, `{"c":{"value":2}}`, input(`"id":"a","value":1`)},
		{"saved over code", dcc.Input{ID: "a", Value: 1}, `{"a":{"value":2}}`, ``, input(`"id":"a","value":2`)},
		{"initial over code", dcc.Input{ID: "a", Value: 1}, ``, `{"a":{"value":2}}`, input(`"id":"a","value":2`)},
		{"initial over saved, by property", dcc.Input{ID: "a", Value: 1, Placeholder: "p0"}, `{"a":{"value":7,"placeholder":"saved"}}`, `{"a":{"value":9}}`,
			input(`"id":"a","value":9,"placeholder":"saved"`)},
		{"added, sorted", dcc.Input{ID: "a", Value: 1}, `{"a":{"placeholder":"p","list":"l"}}`, `{"a":{"name":"n","list":"m"}}`,
			input(`"id":"a","value":1,"list":"m","name":"n","placeholder":"p"`)},
		{"null is a value", dcc.Input{ID: "a", Value: 1}, `{"a":{"value":2}}`, `NULL`, input(`"id":"a","value":null`)},
		{"not set", dcc.Input{ID: "a", Value: 1}, `{"a":{"value":null,"placeholder":null}}`, ``, input(`"id":"a","value":1`)},
		{"not set, over saved", dcc.Input{ID: "a", Value: 1}, `{"a":{"value":2}}`, `{"a":{"value":null}}`, input(`"id":"a","value":2`)},
		{"safe in a script", dcc.Input{ID: "a"}, `{"a":{"value":"</script>","<b":1}}`, ``, input(`"id":"a","\u003cb":1,"value":"\u003c/script>"`)},

		{"parent and child", html.Div{ID: "a", Title: "t", Children: app.List{"x", dcc.Input{ID: "b", Value: 1}, html.Div{ID: "c"}}}, `{"a":{"title":"u","lang":"en"},"b":{"value":2},"c":{"children":3}}`, ``,
			div(`"id":"a","children":["x",` + input(`"id":"b","value":2`) + `,` + div(`"id":"c","children":3`) + `],"title":"u","lang":"en"`)},
		{"gone with what held it", html.Div{ID: "a", Children: html.Div{ID: "b", Children: html.Div{ID: "c"}}}, `{"a":{"children":"text","title":"t"},"b":{"title":"no"},"c":{"children":"no"}}`, ``,
			div(`"id":"a","children":"text","title":"t"`)},
		{"an object with the same ID", dcc.Graph{ID: "g", Figure: app.Dict{"data": []any{app.Dict{"id": "a", "value": 1}}, "id": "a"}}, `{"a":{"value":2}}`, ``,
			`{"props":{"id":"g","figure":{"data":[{"id":"a","value":1}],"id":"a"}},"type":"Graph",` + namespace + `}`},
		{"a component in a property", dcc.Checklist{ID: "l", Options: []any{app.Dict{"id": "a", "label": html.Div{ID: "a"}, "value": 1}}}, `{"a":{"children":"x","value":2}}`, ``,
			`{"props":{"id":"l","options":[{"id":"a","label":` + div(`"id":"a","children":"x","value":2`) + `,"value":1}]},"type":"Checklist",` + namespace + `}`},
		{"a dictionary ID", dcc.Input{ID: app.Key("type", "row", "index", 1), Value: 1}, `{"{\"type\": \"row\", \"index\": 1}":{"value":2}}`, ``,
			input(`"id":{"index":1,"type":"row"},"value":2`)},
		{"a dictionary ID by hand", dcc.Input{ID: `{"type":"row","index":1}`, Value: 1}, `{"{\"index\":1,\"type\":\"row\"}":{"value":2}}`, ``,
			input(`"id":{"type":"row","index":1},"value":2`)},
		{"Props over fields", dcc.Input{ID: "no", Value: 1, Props: app.Props{"id": "a", "value": 2, "placeholder": "p"}}, `{"a":{"value":3,"placeholder":4},"no":{"value":5}}`, ``,
			input(`"id":"a","placeholder":4,"value":3`)},
		{"Element", app.Element{Namespace: "x", Type: "E", Props: app.Props{"id": app.ID("a"), "children": html.Div{ID: "b"}}}, `{"a":{"value":3},"b":{"children":4}}`, ``,
			`{"props":{"children":` + div(`"id":"b","children":4`) + `,"id":"a","value":3},"type":"E","namespace":"x"}`},
		{"Element with a decoded ID", app.Element{Namespace: "x", Type: "E", Props: app.Props{"id": map[string]any{"b": "<", "a": 1.0}}}, `{"{\"a\":1,\"b\":\"<\"}":{"value":3}}`, ``,
			`{"props":{"id":{"a":1,"b":"\u003c"},"value":3},"type":"E","namespace":"x"}`},
		{"List", app.List{dcc.Input{ID: "a"}, dcc.Input{ID: "b"}}, `{"a":{"value":1},"b":{"value":2}}`, ``,
			`[` + input(`"id":"a","value":1`) + `,` + input(`"id":"b","value":2`) + `]`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			call := &app.Call{}
			if tt.saved != "" {
				call.Instance = apptest.NewInstance(t, tt.saved)
			}
			switch tt.initial {
			case "":
			case "NULL":
				call.Initial = app.BaseState{"a": {"value": json.RawMessage("null")}}
			default:
				call.Initial = parseState(t, tt.initial)
			}
			fixed, made := app.New("Fixed"), app.New("Made")
			fixed.Layout = tt.layout
			made.LayoutFunc = func(*app.Context) (app.Component, error) { return tt.layout, nil }
			for _, a := range []*app.App{fixed, made} {
				before := layoutOf(t, a, nil)
				if got := layoutOf(t, a, call); got != tt.want {
					t.Errorf("%s: got  %s\nwant %s", a.Name(), got, tt.want)
				}
				if after := layoutOf(t, a, nil); after != before {
					t.Errorf("%s: the layout itself has become %s", a.Name(), after)
				}
			}
		})
	}
}

// A layout without a state is not copied.
func TestLayoutWithoutState(t *testing.T) {
	a := app.New("Plain")
	a.Layout = dcc.Input{ID: "a", Value: 1}
	first, err := a.LayoutJSON(context.Background(), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, call := range []*app.Call{nil, {}, {Instance: apptest.NewInstance(t, `{"a":{"value":null},"b":{"value":1}}`), Initial: app.BaseState{"a": nil}}} {
		again, err := a.LayoutJSON(context.Background(), call)
		if err != nil || &again[0] != &first[0] {
			t.Errorf("the layout of %+v is a copy, %v", call, err)
		}
	}
}

// A layout function knows the instance, and its page shows one state of it.
func TestLayoutFuncInstance(t *testing.T) {
	instance := apptest.NewInstance(t, `{"a":{"value":1,"title":"t"}}`)
	var kept *app.InstanceState
	a := app.New("Made")
	a.LayoutFunc = func(ctx *app.Context) (app.Component, error) {
		kept = ctx.Instance()
		if ctx.Instance() == nil {
			return dcc.Input{ID: "a"}, nil
		}
		if err := instance.Save(ctx, app.Change{Writes: []app.Write{{ID: "a", Property: "value", Value: json.RawMessage("99")}}}); err != nil {
			return nil, err
		}
		var n int
		if found, err := ctx.Instance().Value("a", "value", &n); !found || err != nil {
			return nil, fmt.Errorf("found %v, %v", found, err)
		}
		if err := ctx.Instance().Set("a", "title", "set"); err != nil {
			return nil, err
		}
		return dcc.Input{ID: "a", Placeholder: fmt.Sprint(n)}, nil
	}
	got := layoutOf(t, a, &app.Call{Instance: instance})
	if want := `{"props":{"id":"a","placeholder":"1","title":"set","value":1},`; !strings.HasPrefix(got, want) {
		t.Errorf("got %s, want %s", got, want)
	}
	if err := kept.Set("a", "title", "late"); err == nil {
		t.Error("a layout function's state outlives it")
	}
	if value, _ := instance.Tracks("a", "title"); string(value) != `"t"` {
		t.Errorf("a layout function has saved %s", value)
	}
}

func BenchmarkLayout(b *testing.B) {
	a := app.New("Layout")
	var rows app.List
	for i := range 500 {
		rows = append(rows, html.Div{Children: app.List{html.Label{Children: "A label of some length"}, dcc.Input{ID: app.Key("type", "row", "index", i), Value: i}}})
	}
	a.Layout = html.Div{Children: rows}
	everything, err := a.Populate(context.Background(), nil)
	if err != nil {
		b.Fatal(err)
	}
	few := app.BaseState{}
	for _, i := range []int{3, 100, 499} {
		few[app.Key("index", i, "type", "row")] = map[string]json.RawMessage{"value": json.RawMessage("7"), "placeholder": json.RawMessage(`"none"`)}
	}
	for _, bb := range []struct {
		name string
		call *app.Call
	}{
		{"stateless", nil},
		{"3 components saved", &app.Call{Initial: few}},
		{"500 components saved", &app.Call{Initial: everything}},
	} {
		b.Run(bb.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := a.LayoutJSON(context.Background(), bb.call); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
