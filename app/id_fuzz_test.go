package app_test

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
	"unicode/utf8"

	"dashd/app"
	"dashd/app/html"
)

// FuzzID reads dictionary IDs and makes them. What comes out is Dash's text of
// them, which is read back as the same ID.
func FuzzID(f *testing.F) {
	f.Add(`{"index":3,"type":"done"}`, "type", "done", "index", 3, 1.5)
	f.Add(` { "type" : ["ALL"] , "index" : ["MATCH"] } `, "", "\x00", "b", -1, 0.0)
	f.Add(`{"a":["ALLSMALLER"],"b":true,"c":-1.5e3}`, "é☃😀", `"\</script>`, "a.b", math.MaxInt, 1e21)
	f.Add(`{"a":1,"a":2}`, "a", "x", "a", 0, math.Inf(1))
	f.Add(`{"a":{"b":1},"c":null}`, "\xff", "\xff", "{", 1, 5e-324)
	f.Add(`{"a":["NONE"],"b":[],"c":["ALL","ALL"]}`, "__proto__", "constructor", "\u2028", math.MinInt, math.NaN())
	f.Add(`{"\u0061":"\u0000\ud83d\ude00\ud800","b":"a..b"}`, "k", "", "l", 2, 0.1)
	f.Add(`{"a\"\n\\":1}`, "a\"\n\\", "b", "c<", 2, 0.5)
	f.Add(`{`, "k", "{}", "l", 2, 1e-7)
	f.Fuzz(func(t *testing.T, text, key1, value1, key2 string, integer int, number float64) {
		var id app.ID
		if err := json.Unmarshal([]byte(text), &id); err == nil && id.IsKey() && !strings.HasPrefix(text, `"`) {
			checkKey(t, id)
		}
		_ = app.ID(text).Matches(app.ID(text)) // a program's own text: no panic
		_ = app.ID(text).Value(key1)

		if math.IsNaN(number) || math.IsInf(number, 0) {
			number = 0 // no JSON has it
		}
		for _, value2 := range []any{integer, number, integer > 0, app.ALL, app.MATCH} {
			id, same := app.Key(key1, value1, key2, value2), app.Key(key2, value2, key1, value1)
			if key1 == key2 || !utf8.ValidString(key1) || !utf8.ValidString(key2) || !utf8.ValidString(value1) {
				continue // refused, or not what comes back
			}
			if id != same {
				t.Fatalf("the order of the keys matters: %q and %q", id, same)
			}
			checkKey(t, id)
			if got := id.Text(key1); got != value1 {
				t.Fatalf("%q has %q under %q, want %q", id, got, key1, value1)
			}
			got, want := id.Value(key2), value2
			if n, ok := want.(int); ok {
				want = float64(n)
			}
			if got != want {
				t.Fatalf("%q has %v under %q, want %v", id, got, key2, want)
			}
			concrete := app.Key(key1, value1, key2, "any")
			if _, wild := value2.(app.Wildcard); wild != concrete.Matches(id) {
				t.Fatalf("%q stands for %q: %t", id, concrete, !wild)
			}
		}
	})
}

// checkKey checks that an ID is in Dash's form.
func checkKey(t *testing.T, id app.ID) {
	t.Helper()
	if !json.Valid([]byte(id)) {
		t.Fatalf("%q is not JSON", id)
	}
	var back app.ID
	if err := json.Unmarshal([]byte(id), &back); err != nil || back != id {
		t.Fatalf("%q comes back as %q, %v", id, back, err)
	}
	wire, err := json.Marshal(id)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(wire, &back); err != nil || back != id {
		t.Fatalf("%q, as JSON %s, comes back as %q, %v", id, wire, back, err)
	}
	wild := strings.Contains(string(id), `:["`)
	if !wild && !id.Matches(id) {
		t.Fatalf("%q is not what it stands for", id)
	}
	a := app.New("ID")
	a.Layout = html.Div{ID: id}
	a.Callback(app.Output(id, "children"), app.Input(id, "n_clicks")).Do(func(any) any { return nil })
	if err := a.Validate(); err == nil {
		var name string
		if text, _ := json.Marshal(outputName(t, a, 0)); json.Unmarshal(text, &name) != nil || name != string(id)+".children" {
			t.Fatalf("%q is %q on the wire", id, name)
		}
	} else if !wild {
		t.Fatalf("%q is refused: %v", id, err)
	}
}
