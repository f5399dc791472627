package app_test

//lint:file-ignore SA5008 Tags that look wrong are compared with encoding/json, too.

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"reflect"
	"strings"
	"testing"
	"time"

	"dashd/app"
	"dashd/app/dbc"
	"dashd/app/dcc"
	"dashd/app/html"
)

// encoded returns the JSON of a value, by way of an app whose callback returns it.
func encoded(t *testing.T, v any) string {
	t.Helper()
	text, err := encode(t, v)
	if err != nil {
		t.Fatalf("encode %T: %v", v, err)
	}
	return text
}

func encode(t *testing.T, v any) (string, error) {
	t.Helper()
	a := app.New("Encode")
	a.Layout = html.Div{Children: app.List{html.Div{ID: "in"}, html.Div{ID: "out"}}}
	a.Callback(app.Output("out", "children"), app.Input("in", "children")).Do(func(any) any { return v })
	const body = `{"output":"out.children","outputs":{"id":"out","property":"children"},"inputs":[{"id":"in","property":"children"}]}`
	text, err := a.UpdateJSON(context.Background(), nil, []byte(body))
	if err != nil {
		return "", err
	}
	if !json.Valid(text) {
		t.Fatalf("%T made invalid JSON: %s", v, text)
	}
	s := strings.TrimPrefix(string(text), `{"multi":true,"response":{"out":{"children":`)
	return strings.TrimSuffix(s, `}}}`), nil
}

type inner struct {
	Deep float64 `json:"deep"`
	Name string  `json:"name"`
}

type outer struct {
	inner
	Name    string         `json:"name"` // hides inner's
	Skipped int            `json:"-"`
	Empty   []int          `json:"empty,omitempty"`
	Zero    time.Time      `json:"zero,omitzero"`
	Quoted  int            `json:"quoted,string"`
	Plain   bool           // no tag
	Map     map[int]string `json:"map"`
	Ptr     *int           `json:"ptr"`
}

type marshaler struct{}

func (marshaler) MarshalJSON() ([]byte, error) { return []byte("{ \"a\" : \"<b>\" }"), nil }

func TestEncode(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	utc := time.Date(2024, 2, 29, 13, 14, 15, 0, time.UTC)
	for _, tt := range []struct {
		name string
		v    any
		want string
	}{
		{"nil", nil, `null`},
		{"string", "héllo ☃ 😀 \u2028\x00\t\"q\"\\", "\"héllo ☃ 😀 \u2028\\u0000\\t\\\"q\\\"\\\\\""},
		{"script", "</script><!-- <b>&amp;", `"\u003c/script>\u003c!-- \u003cb>&amp;"`},
		{"invalid UTF-8", "a\xffb", "\"a\ufffdb\""},
		{"ints", []any{1, int8(-2), uint64(math.MaxUint64), int64(math.MinInt64)}, `[1,-2,18446744073709551615,-9223372036854775808]`},
		{"big int", new(big.Int).Lsh(big.NewInt(1), 70), `1180591620717411303424`},
		{"json.Number", json.Number("1.10"), `1.10`},
		{"floats", []any{1.0, 1e-7, 1e22, float32(1.5), 0.1}, `[1,1e-7,1e+22,1.5,0.1]`},
		{"NaN at any depth", app.Dict{"a": []float64{1, nan, inf}, "b": []any{math.Inf(-1), float32(nan)}, "c": inner{Deep: nan}},
			`{"a":[1,null,null],"b":[null,null],"c":{"deep":null,"name":""}}`},
		{"time", []any{utc, utc.Add(60 * time.Microsecond), utc.In(time.FixedZone("", 3600))},
			`["2024-02-29T13:14:15+00:00","2024-02-29T13:14:15.000060+00:00","2024-02-29T14:14:15+01:00"]`},
		{"map keys sorted", map[string]int{"b": 1, "a": 2}, `{"a":2,"b":1}`},
		{"map of int keys", map[int]string{2: "b", 10: "a"}, `{"10":"a","2":"b"}`},
		{"nil slice and map", []any{[]int(nil), map[string]any(nil), []float64(nil)}, `[null,null,null]`},
		{"empty slice and map", []any{[]int{}, app.Dict{}}, `[[],{}]`},
		{"bytes", []byte{0, 1, 255}, `"AAH/"`},
		{"struct", outer{inner: inner{Deep: 1, Name: "hidden"}, Name: "n", Map: map[int]string{1: "x"}, Quoted: 5},
			`{"deep":1,"name":"n","quoted":"5","Plain":false,"map":{"1":"x"},"ptr":null}`},
		{"marshaler", marshaler{}, `{"a":"\u003cb>"}`},
		{"raw message", json.RawMessage(`[1, 2]`), `[1,2]`},
		{"pointer", new(int), `0`},
		{"component", html.Div{ID: "x"}, `{"props":{"id":"x","children":null},"type":"Div","namespace":"dash_html_components"}`},
		{"pointer to component", &html.Br{}, `{"props":{"children":null},"type":"Br","namespace":"dash_html_components"}`},
		{"component without children", dcc.Store{ID: "s", Data: 0}, `{"props":{"id":"s","data":0},"type":"Store","namespace":"dash_core_components"}`},
		{"zero number is sent", html.Button{NClicks: 0}, `{"props":{"children":null,"n_clicks":0},"type":"Button","namespace":"dash_html_components"}`},
		{"explicit false", dcc.Dropdown{Clearable: new(false)}, `{"props":{"clearable":false},"type":"Dropdown","namespace":"dash_core_components"}`},
		{"Props override and add", html.Div{Title: "t", Props: app.Props{"title": nil, "data-x": "<", "hidden": false, "className": "", "tabIndex": 0}},
			`{"props":{"children":null,"className":"","data-x":"\u003c","hidden":false,"tabIndex":0,"title":null},"type":"Div","namespace":"dash_html_components"}`},
		{"dictionary ID", html.Div{ID: app.Key("type", "a<b", "index", 3)}, `{"props":{"id":{"index":3,"type":"a\u003cb"},"children":null},"type":"Div","namespace":"dash_html_components"}`},
		{"components in lists and props", app.List{dbc.Toast{Header: html.B{Children: "h"}}, "text", 3},
			`[{"props":{"children":null,"header":{"props":{"children":"h"},"type":"B","namespace":"dash_html_components"}},"type":"Toast","namespace":"dash_bootstrap_components"},"text",3]`},
		{"element", app.Element{Namespace: "n", Type: "T", Props: app.Props{"id": "e"}}, `{"props":{"id":"e"},"type":"T","namespace":"n"}`},
		{"figure", app.Figure{Data: app.List{app.Dict{"y": []float64{nan}}}}, `{"data":[{"y":[null]}],"layout":{}}`},
		{"options", dcc.OptionsOf("a", "b"), `[{"label":"a","value":"a"},{"label":"b","value":"b"}]`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := encoded(t, tt.v); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

type (
	text  int    // has MarshalText
	ptext string // has it by pointer
	btext byte   // of which a list is no base64
	pzero int    // has IsZero by pointer

	base   struct{ A, B int }
	marks  struct{ base } // marshals itself
	other  struct{ base } // so does this
	number int
	loop   struct {
		Name string
		*loop
	}
	one   struct{ X, Y, Z int }
	two   struct{ X, Y int }
	three struct {
		X int `json:"X"`
		Y int `json:"Y"`
	}
	both struct {
		Left
		Right
	}
	Left  struct{ Same }
	Right struct{ Same }
	Same  struct{ S int }
)

func (v text) MarshalText() ([]byte, error)   { return fmt.Appendf(nil, "text %d", int(v)), nil }
func (v *ptext) MarshalText() ([]byte, error) { return []byte("ptext " + *v), nil }
func (v btext) MarshalText() ([]byte, error)  { return []byte{'b', byte(v)}, nil }
func (v *pzero) IsZero() bool                 { return *v == 7 }
func (marks) MarshalJSON() ([]byte, error)    { return []byte(`"marks"`), nil }
func (other) MarshalJSON() ([]byte, error)    { return []byte(`"other"`), nil }
func (other) IsZero() bool                    { panic("not to be called") }

// Ordinary values are written as encoding/json writes them.
func TestEncodeAsJSON(t *testing.T) {
	n, f, b, nobody := 5, 2.5, true, (*int)(nil)
	twins := reflect.Zero(reflect.StructOf([]reflect.StructField{ // in a type's source go vet finds them
		{Name: "A", Type: reflect.TypeFor[int](), Tag: `json:"x"`},
		{Name: "B", Type: reflect.TypeFor[int](), Tag: `json:"x"`},
		{Name: "C", Type: reflect.TypeFor[int]()},
	})).Interface()
	for _, v := range []any{
		// Embedded structs.
		struct{ base }{base{1, 2}},
		struct{ *base }{&base{1, 2}},
		struct{ *base }{},
		struct {
			base `json:"base"`
		}{base{1, 2}},
		struct {
			*base `json:"base"`
		}{&base{1, 2}},
		struct {
			*base `json:"base"`
		}{},
		struct {
			base `json:",omitempty"`
		}{},
		struct {
			base `json:"-"`
			C    int
		}{},
		struct {
			number `json:"n"`
			C      int
		}{1, 2},
		struct {
			*number `json:"n"`
			C       int
		}{nil, 2},
		struct{ Same }{Same{1}},
		struct{ error }{},
		struct{ fmt.Stringer }{},
		loop{"a", &loop{"b", nil}},

		// Fields of one name.
		twins,
		struct {
			A int `json:"B"`
			B int
		}{1, 2},
		struct {
			one
			two
		}{one{1, 2, 3}, two{4, 5}},
		struct {
			one
			three
		}{one{1, 2, 3}, three{4, 5}},
		struct {
			one
			X string
		}{one{1, 2, 3}, "outer"},
		both{Left{Same{1}}, Right{Same{2}}},

		// Options.
		struct {
			A *int           `json:",string"`
			B *int           `json:",string"`
			C []int          `json:",string"`
			D string         `json:",string"`
			E *float64       `json:",string"`
			F *bool          `json:"f,string"`
			G **int          `json:",string"`
			H any            `json:",string"`
			I base           `json:",string"`
			J text           `json:",string"`
			K uint8          `json:",string"`
			L map[string]int `json:",string"`
		}{&n, nobody, []int{1}, `a"b`, &f, &b, &nobody, 1, base{}, 1, 2, nil},
		struct {
			A []int        `json:",omitempty,omitzero"`
			B []int        `json:",omitzero"`
			C *time.Time   `json:",omitzero"`
			D any          `json:",omitzero"`
			E pzero        `json:",omitzero"`
			F pzero        `json:",omitzero"`
			G base         `json:",omitempty"`
			H base         `json:",omitzero"`
			I [0]int       `json:",omitempty"`
			J fmt.Stringer `json:",omitzero"`
		}{A: []int{}, B: []int{}, D: 0, E: 7},
		struct {
			A int `json:"-,"`
			B int `json:"a b.c/d"`
			C int `json:"ü"`
			D int `json:"☃"`
			E int `json:"a\\b"`
			f int
		}{1, 2, 3, 4, 5, 6},

		// Types that marshal themselves, in places of which an address can be
		// had and others.
		[]ptext{"a"}, [1]ptext{"a"}, &[1]ptext{"a"}, map[string]ptext{"k": "a"}, []*ptext{nil},
		struct{ A ptext }{"a"}, &struct{ A ptext }{"a"}, []struct{ A ptext }{{"a"}},
		ptext("a"), new(ptext), []any{ptext("a")},
		text(1), []text{1}, new(text), map[text]int{2: 1}, []btext{'x', 'y'}, []byte("xy"),
		*big.NewFloat(1.5), big.NewFloat(1.5), []big.Float{*big.NewFloat(1.5)}, []big.Int{*big.NewInt(7)},
		struct {
			marks `json:"m"`
			C     int
		}{},
	} {
		want, err := json.Marshal(v)
		if err != nil {
			t.Fatalf("%+v: %v", v, err)
		}
		if got := encoded(t, v); got != string(want) {
			t.Errorf("%+v:\ngot  %s\nwant %s", v, got, want)
		}
	}
	// Where neither of two methods is promoted, both structs are asked; those
	// that are not exported cannot be, which encoding/json does not survive.
	v := struct {
		marks `json:"m"`
		other `json:"o,omitzero"`
	}{other: other{base{1, 2}}}
	if got, want := encoded(t, v), `{"m":{"A":0,"B":0},"o":{"A":1,"B":2}}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestEncodeFloats(t *testing.T) {
	for _, f := range []float64{0, 1, -1.5, 1e-5, 1e-6, 9.99e-7, 1e-7, -1.5e-9, 1e-10, 1e-100, 5e-324, 1e20, 1e21, 1.5e22, 1e100, math.MaxFloat64, 1.0 / 3} {
		for _, v := range []any{f, float32(f), []float64{f}, []any{f}} {
			want, err := json.Marshal(v)
			if err != nil {
				continue // too large for a float32
			}
			if got := encoded(t, v); got != string(want) {
				t.Errorf("%T: got %s, want %s", v, got, want)
			}
		}
	}
}

func TestEncodeErrors(t *testing.T) {
	cycle := app.Dict{}
	cycle["self"] = cycle
	type knot struct{ Next *knot }
	loop := &knot{}
	loop.Next = loop
	for _, tt := range []struct {
		name string
		v    any
		want string
	}{
		{"function", func() {}, "a func() has no JSON form"},
		{"nested", html.Div{Children: app.List{html.P{}, html.Div{Children: app.Dict{"a": make(chan int)}}}}, "out.children.Div.children.1.Div.children.a: a chan int has no JSON form"},
		{"cycle", cycle, "is there a cycle?"},
		{"pointer cycle", loop, "is there a cycle?"},
		{"map keys", map[float64]int{1: 1}, "keys of type float64"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := encode(t, tt.v)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got error %v, want one with %q", err, tt.want)
			}
			if app.ErrorCode(err) != app.Internal {
				t.Errorf("code is %q, want %q", app.ErrorCode(err), app.Internal)
			}
		})
	}
}

func TestTypedArray(t *testing.T) {
	for _, tt := range []struct {
		name string
		v    any
		want string
	}{
		{"float64", []float64{0, 1.5, 3, 4.5, 6}, `{"bdata":"AAAAAAAAAAAAAAAAAAD4PwAAAAAAAAhAAAAAAAAAEkAAAAAAAAAYQA==","dtype":"f8"}`},
		{"narrowed", []int{0, 1, 2}, `{"bdata":"AAEC","dtype":"i1"}`},
		{"16 bits", []int{300, -2}, `{"bdata":"LAH+/w==","dtype":"i2"}`},
		{"too wide", []int64{1 << 40}, `[1099511627776]`},
		{"unsigned", []uint{200, 1}, `{"bdata":"yAE=","dtype":"u1"}`},
		{"shape", [][]float32{{0, 1}, {2, 3}, {4, 5}}, `{"bdata":"AAAAAAAAgD8AAABAAABAQAAAgEAAAKBA","dtype":"f4","shape":"3, 2"}`},
		{"ragged", [][]int{{1}, {2, 3}}, `[[1],[2,3]]`},
		{"strings", []string{"a"}, `["a"]`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := encoded(t, app.TypedArray(tt.v)); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}
