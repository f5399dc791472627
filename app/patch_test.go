package app_test

import (
	"context"
	"encoding/json"
	"math"
	"strings"
	"testing"

	"dashd/app"
	"dashd/app/html"
)

// press is what the page sends when somebody clicks the button of buttonApp.
const press = `{"output":"o.children","outputs":{"id":"o","property":"children"},"inputs":[{"id":"b","property":"n_clicks","value":1}],"changedPropIds":["b.n_clicks"]}`

// buttonApp has a button b, Divs o and t, and one callback of the button that
// sets the children of o.
func buttonApp(fn any, options ...app.Arg) *app.App {
	a := app.New("Button")
	a.Layout = page(html.Button{ID: "b", NClicks: 0}, html.Div{ID: "o"}, html.Div{ID: "t"})
	a.Callback(append(options, app.Output("o", "children"), app.Input("b", "n_clicks"))...).Do(fn)
	return a
}

func TestPatch(t *testing.T) {
	at := func(first any, rest ...any) app.PatchValue { return app.NewPatch().At(first, rest...) }
	for _, tt := range []struct {
		name  string
		patch *app.Patch
		want  string // the operations
	}{
		{"nothing", app.NewPatch(), ``},
		{"nothing, zero value", &app.Patch{}, ``},

		{"Assign", at("a").Assign(5), `{"operation":"Assign","location":["a"],"params":{"value":5}}`},
		{"Assign nested", at("a", 0, "b").Assign("x"), `{"operation":"Assign","location":["a",0,"b"],"params":{"value":"x"}}`},
		{"Assign null", at("a").Assign(nil), `{"operation":"Assign","location":["a"],"params":{"value":null}}`},
		{"Assign index from the end", at("l", -1).Assign("last"), `{"operation":"Assign","location":["l",-1],"params":{"value":"last"}}`},
		{"Assign first of a list", at(0).Assign(true), `{"operation":"Assign","location":[0],"params":{"value":true}}`},
		{"Assign component", at(0, "props", "children").Assign(html.B{Children: "x"}),
			`{"operation":"Assign","location":[0,"props","children"],"params":{"value":{"props":{"children":"x"},"type":"B","namespace":"dash_html_components"}}}`},
		{"Assign not a number", at("a").Assign([]float64{math.NaN(), math.Inf(1)}), `{"operation":"Assign","location":["a"],"params":{"value":[null,null]}}`},
		{"Assign with a key to escape", at("</a>", `"`, "ü.{").Assign("</b>"), `{"operation":"Assign","location":["\u003c/a>","\"","ü.{"],"params":{"value":"\u003c/b>"}}`},
		{"Delete", at("a").Delete(), `{"operation":"Delete","location":["a"],"params":{}}`},
		{"Delete nested", at("a", -2).Delete(), `{"operation":"Delete","location":["a",-2],"params":{}}`},

		{"Merge", app.NewPatch().Merge(app.Dict{"b": 1, "a": 2}), `{"operation":"Merge","location":[],"params":{"value":{"a":2,"b":1}}}`},
		{"Merge nested", at("d").Merge(app.Dict{}), `{"operation":"Merge","location":["d"],"params":{"value":{}}}`},
		{"Append", app.NewPatch().Append(9), `{"operation":"Append","location":[],"params":{"value":9}}`},
		{"Append nested component", at("l").Append(html.Br{}), `{"operation":"Append","location":["l"],"params":{"value":{"props":{"children":null},"type":"Br","namespace":"dash_html_components"}}}`},
		{"Prepend", app.NewPatch().Prepend([]int{1}), `{"operation":"Prepend","location":[],"params":{"value":[1]}}`},
		{"Prepend nested", at("l").Prepend(0), `{"operation":"Prepend","location":["l"],"params":{"value":0}}`},
		{"Insert", app.NewPatch().Insert(1, "x"), `{"operation":"Insert","location":[],"params":{"index":1,"value":"x"}}`},
		{"Insert nested from the end", at("l").Insert(-1, nil), `{"operation":"Insert","location":["l"],"params":{"index":-1,"value":null}}`},
		{"Extend", app.NewPatch().Extend(1, "two", html.B{ID: "b"}), `{"operation":"Extend","location":[],"params":{"value":[1,"two",{"props":{"id":"b","children":null},"type":"B","namespace":"dash_html_components"}]}}`},
		{"Extend nested by nothing", at("l").Extend(), `{"operation":"Extend","location":["l"],"params":{"value":[]}}`},
		{"Remove", app.NewPatch().Remove("x"), `{"operation":"Remove","location":[],"params":{"value":"x"}}`},
		{"Remove nested", at("l").Remove(nil), `{"operation":"Remove","location":["l"],"params":{"value":null}}`},
		{"Clear", app.NewPatch().Clear(), `{"operation":"Clear","location":[],"params":{}}`},
		{"Clear nested", at("l").Clear(), `{"operation":"Clear","location":["l"],"params":{}}`},
		{"Reverse", app.NewPatch().Reverse(), `{"operation":"Reverse","location":[],"params":{}}`},
		{"Reverse nested", at("l").Reverse(), `{"operation":"Reverse","location":["l"],"params":{}}`},
		{"Add", app.NewPatch().Add(5), `{"operation":"Add","location":[],"params":{"value":5}}`},
		{"Add nested", at("n", "x").Add(0.5), `{"operation":"Add","location":["n","x"],"params":{"value":0.5}}`},
		{"Sub", app.NewPatch().Sub(uint8(5)), `{"operation":"Sub","location":[],"params":{"value":5}}`},
		{"Sub nested", at("n").Sub(-1), `{"operation":"Sub","location":["n"],"params":{"value":-1}}`},
		{"Mul", app.NewPatch().Mul(json.Number("1.10")), `{"operation":"Mul","location":[],"params":{"value":1.10}}`},
		{"Mul nested", at("n").Mul(2), `{"operation":"Mul","location":["n"],"params":{"value":2}}`},
		{"Div", app.NewPatch().Div(4), `{"operation":"Div","location":[],"params":{"value":4}}`},
		{"Div nested", at("n").Div(2), `{"operation":"Div","location":["n"],"params":{"value":2}}`},

		{"several in order", at("b").Assign(1).At("a").Append(2).At("b").Delete().Clear(),
			`{"operation":"Assign","location":["b"],"params":{"value":1}},{"operation":"Append","location":["a"],"params":{"value":2}},` +
				`{"operation":"Delete","location":["b"],"params":{}},{"operation":"Clear","location":[],"params":{}}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			value := `{"o":{"children":{"__dash_patch_update":"__dash_patch_update","operations":[` + tt.want + `]}}}`
			for want, fn := range map[string]any{
				`{"multi":true,"response":` + value + `}`: func(int) *app.Patch { return tt.patch },
				`{"multi":true,"sideUpdate":` + value + `,"response":{}}`: func(ctx *app.Context, _ int) any {
					ctx.SetProps("o", app.Props{"children": tt.patch})
					return app.NoUpdate
				},
			} {
				got, err := buttonApp(fn).UpdateJSON(context.Background(), nil, []byte(press))
				if err != nil {
					t.Fatal(err)
				}
				if string(got) != want {
					t.Errorf("got  %s\nwant %s", got, want)
				}
			}
		})
	}
}

// A place is used for several operations, and stays what it is.
func TestPatchPlace(t *testing.T) {
	p := app.NewPatch()
	list := p.At("a", "l")
	list.Append(1)
	p.At("a", "l", 0).Delete()
	list.Append(2)
	got, err := buttonApp(func(int) any { return p }).UpdateJSON(context.Background(), nil, []byte(press))
	if err != nil {
		t.Fatal(err)
	}
	const want = `"operations":[{"operation":"Append","location":["a","l"],"params":{"value":1}},` +
		`{"operation":"Delete","location":["a","l",0],"params":{}},{"operation":"Append","location":["a","l"],"params":{"value":2}}]`
	if !strings.Contains(string(got), want) {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestPatchRefuses(t *testing.T) {
	for _, tt := range []struct {
		name  string
		patch *app.Patch
		want  string
	}{
		{"float", app.NewPatch().At(1.0).Assign(1), "a place is a string or an int, not a float64"},
		{"other integer", app.NewPatch().At("a", int64(1)).Assign(1), "not a int64"},
		{"nil", app.NewPatch().At(nil).Delete(), "not a <nil>"},
		{"ID", app.NewPatch().At(app.ID("a")).Delete(), "not a app.ID"},
		{"list", app.NewPatch().At("a", []string{"b"}).Append(1), "not a []string"},
		{"deep down", app.NewPatch().At("a").Assign(1).At("a", 0, true, "b").Clear(), "not a bool"},
		{"value without JSON", app.NewPatch().At("a").Assign(app.Dict{"f": func() {}}), "a func() has no JSON form"},
		{"member without JSON", app.NewPatch().Merge(app.Dict{"c": make(chan int)}), "a chan int has no JSON form"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, fn := range []any{
				func(int) *app.Patch { return tt.patch },
				func(ctx *app.Context, _ int) string { ctx.SetProps("t", app.Props{"x": tt.patch}); return "" },
			} {
				got, err := buttonApp(fn).UpdateJSON(context.Background(), nil, []byte(press))
				if err == nil || app.ErrorCode(err) != app.Internal || !strings.Contains(err.Error(), tt.want) {
					t.Errorf("got %s and error %v, want %q", got, err, tt.want)
				}
			}
		})
	}
}

// FuzzPatch sends places and values of any kind.
func FuzzPatch(f *testing.F) {
	f.Add("a", "b", 0, 1.5, `{"x":[1]}`, uint8(0))
	f.Add("", "\x00", -1, math.Inf(-1), `"</script>"`, uint8(1))
	f.Add("\xff", "é☃😀\u2028", math.MinInt, math.NaN(), `null`, uint8(2))
	f.Add("__proto__", `"\`, math.MaxInt, 0.0, `[[],{}]`, uint8(3))
	f.Add("a.b", "{}", 7, 1e300, `not JSON`, uint8(4))
	f.Fuzz(func(t *testing.T, key, second string, index int, number float64, text string, kind uint8) {
		var place any = second
		valid := true
		switch kind % 5 {
		case 1:
			place = index
		case 2:
			place, valid = number, false
		case 3:
			place, valid = []byte(second), false
		}
		var value any = text
		if json.Valid([]byte(text)) {
			value = json.RawMessage(text)
		}
		p := app.NewPatch().At(key, place).Assign(value).
			At(place).Insert(index, key).
			Extend(number, html.B{Children: second}).
			At(key, index, place).Merge(app.Dict{key: value, second: number}).
			At(key).Add(number)
		got, err := buttonApp(func(int) any { return p }).UpdateJSON(context.Background(), nil, []byte(press))
		if !valid {
			if err == nil {
				t.Fatalf("a %T is accepted as a place: %s", place, got)
			}
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		if !json.Valid(got) || strings.Contains(string(got), "<") {
			t.Fatalf("not JSON that a script element can hold: %s", got)
		}
		var answer struct {
			Response map[string]map[string]struct {
				Operations []struct {
					Operation string
					Location  []any
				}
			}
		}
		if err := json.Unmarshal(got, &answer); err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, o := range answer.Response["o"]["children"].Operations {
			names = append(names, o.Operation)
		}
		if strings.Join(names, " ") != "Assign Insert Extend Merge Add" {
			t.Fatalf("the operations are %v in %s", names, got)
		}
	})
}

// What is meant as a Patch but is none, or patches nothing that can be.
func TestPatchMisuse(t *testing.T) {
	if got, want := encoded(t, *app.NewPatch().Append(1)), encoded(t, app.NewPatch().Append(1)); got != want {
		t.Errorf("a Patch by value: got %s, want %s", got, want)
	}
	for name, v := range map[string]any{
		"place":            app.NewPatch().At("a"),
		"add a string":     app.NewPatch().At("a").Add("1"),
		"divide by nil":    app.NewPatch().At("a").Div(nil),
		"multiply a slice": app.NewPatch().At("a").Mul([]int{1}),
	} {
		if text, err := encode(t, v); err == nil {
			t.Errorf("%s: got %s, want an error", name, text)
		}
	}
}
