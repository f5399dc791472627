package app_test

import (
	"encoding/json"
	"strings"
	"testing"

	"dashd/app"
)

// patchOf makes the JSON form of a Patch of one operation.
func patchOf(operation, location, params string) string {
	return `{"__dash_patch_update":"__dash_patch_update","operations":[{"operation":"` + operation + `","location":` + location + `,"params":` + params + `}]}`
}

func TestApplyPatch(t *testing.T) {
	for _, tt := range []struct {
		name                               string
		value, operation, location, params string
		want                               string // "" for an error that
		problem                            string // holds this
	}{
		{"Assign", `{"a":1,"b":[1.10,2]}`, "Assign", `["a"]`, `{"value":{"x":null}}`, `{"a":{"x":null},"b":[1.10,2]}`, ""},
		{"Assign a new key", `{"b":1}`, "Assign", `["a"]`, `{"value":2}`, `{"b":1,"a":2}`, ""},
		{"Assign null", `{"b":1}`, "Assign", `["b"]`, `{"value":null}`, `{"b":null}`, ""},
		{"Assign everything", `{"b":1}`, "Assign", `[]`, `{"value":3}`, `3`, ""},
		{"Assign deep", `{"a":[{"b":{"c":1}},2]}`, "Assign", `["a",0,"b","c"]`, `{"value":9}`, `{"a":[{"b":{"c":9}},2]}`, ""},
		{"Assign from the end", `[1,2,3]`, "Assign", `[-1]`, `{"value":9}`, `[1,2,9]`, ""},
		{"Assign behind the end", `[1]`, "Assign", `[1]`, `{"value":9}`, `[1,9]`, ""},
		{"Assign far behind the end", `[1]`, "Assign", `[2]`, `{"value":9}`, ``, "out of range"},
		{"Assign before the beginning", `[1]`, "Assign", `[-2]`, `{"value":9}`, ``, "out of range"},
		{"Assign makes the way", `{}`, "Assign", `["a",0,"b"]`, `{"value":9}`, `{"a":[{"b":9}]}`, ""},
		{"Assign through a scalar", `{"a":1}`, "Assign", `["a","b"]`, `{"value":9}`, `{"a":{"b":9}}`, ""},
		{"Assign an index of an object", `{"1":0}`, "Assign", `[1]`, `{"value":9}`, `{"1":9}`, ""},
		{"Assign a key of a list", `[1]`, "Assign", `["a"]`, `{"value":9}`, ``, "a list, without keys"},
		{"Assign the last of equal keys", `{"a":1,"a":2}`, "Assign", `["a"]`, `{"value":9}`, `{"a":1,"a":9}`, ""},
		{"Assign an escaped key", `{"é\n":1}`, "Assign", `["\u00e9\n"]`, `{"value":9}`, `{"é\n":9}`, ""},
		{"Delete", `{"a":1,"b":2}`, "Delete", `["a"]`, `{}`, `{"b":2}`, ""},
		{"Delete equal keys", `{"a":1,"b":2,"a":3}`, "Delete", `["a"]`, `{}`, `{"b":2}`, ""},
		{"Delete an element", `[1,2,3]`, "Delete", `[-2]`, `{}`, `[1,3]`, ""},
		{"Delete what is not there", `{"a":[1]}`, "Delete", `["a",5]`, `{}`, `{"a":[1]}`, ""},
		{"Delete below what is not there", `{"a":[1]}`, "Delete", `["b","c"]`, `{}`, `{"a":[1]}`, ""},
		{"Delete in a number", `{"a":1}`, "Delete", `["a","b"]`, `{}`, ``, "no such place"},
		{"Merge", `{"a":1,"b":2}`, "Merge", `[]`, `{"value":{"c":3,"b":4}}`, `{"a":1,"b":4,"c":3}`, ""},
		{"Merge what is not there", `{}`, "Merge", `["a"]`, `{"value":{"c":3}}`, `{"a":{"c":3}}`, ""},
		{"Merge a list", `[1]`, "Merge", `[]`, `{"value":{"c":3}}`, ``, "not an object"},
		{"Merge a number", `{}`, "Merge", `[]`, `{"value":3}`, ``, "no object"},
		{"Append", `{"a":[1]}`, "Append", `["a"]`, `{"value":[2]}`, `{"a":[1,[2]]}`, ""},
		{"Append to nothing", `{}`, "Append", `["a"]`, `{"value":2}`, `{"a":[2]}`, ""},
		{"Append to null", `null`, "Append", `[]`, `{"value":2}`, `[2]`, ""},
		{"Append to a string", `"x"`, "Append", `[]`, `{"value":2}`, ``, "not a list"},
		{"Prepend", `[1]`, "Prepend", `[]`, `{"value":0}`, `[0,1]`, ""},
		{"Insert", `[1,2]`, "Insert", `[]`, `{"value":9,"index":1}`, `[1,9,2]`, ""},
		{"Insert from the end", `[1,2]`, "Insert", `[]`, `{"value":9,"index":-1}`, `[1,9,2]`, ""},
		{"Insert out of range", `[1,2]`, "Insert", `[]`, `{"value":9,"index":7}`, `[1,2,9]`, ""},
		{"Extend", `[1]`, "Extend", `[]`, `{"value":[2,{"a":3}]}`, `[1,2,{"a":3}]`, ""},
		{"Extend by no list", `[1]`, "Extend", `[]`, `{"value":{}}`, ``, "not a list"},
		{"Extend nothing", `{}`, "Extend", `["a"]`, `{"value":[]}`, ``, "no such place"},
		{"Remove", `[1,{"a":1,"b":[]},1.0,"1",{"b":[],"a":1}]`, "Remove", `[]`, `{"value":{"a":1.0,"b":[]}}`, `[1,1.0,"1"]`, ""},
		{"Remove a number", `[1,1.0,"1",10e-1,2]`, "Remove", `[]`, `{"value":1}`, `["1",2]`, ""},
		{"Clear a list", `[1]`, "Clear", `[]`, `{}`, `[]`, ""},
		{"Clear an object", `{"a":{"b":1}}`, "Clear", `["a"]`, `{}`, `{"a":{}}`, ""},
		{"Clear a number", `1`, "Clear", `[]`, `{}`, ``, "not a list"},
		{"Reverse", `[1,2,3]`, "Reverse", `[]`, `{}`, `[3,2,1]`, ""},
		{"Reverse an object", `{}`, "Reverse", `[]`, `{}`, ``, "not a list"},
		{"Add", `{"n":1}`, "Add", `["n"]`, `{"value":0.5}`, `{"n":1.5}`, ""},
		{"Add as JavaScript", `0.1`, "Add", `[]`, `{"value":0.2}`, `0.30000000000000004`, ""},
		{"Add strings", `"a\""`, "Add", `[]`, `{"value":"<b"}`, `"a\"<b"`, ""},
		{"Add to nothing", `{}`, "Add", `["n"]`, `{"value":1}`, ``, "no such place"},
		{"Add to null", `{"n":null}`, "Add", `["n"]`, `{"value":1}`, `{"n":1}`, ""},
		{"Add null", `1`, "Add", `[]`, `{"value":null}`, `1`, ""},
		{"Add null to null", `null`, "Add", `[]`, `{"value":null}`, `0`, ""},
		{"Add booleans", `true`, "Add", `[]`, `{"value":true}`, `2`, ""},
		{"Add a string to a number", `1`, "Add", `[]`, `{"value":"1"}`, `"11"`, ""},
		{"Add a number to a string", `"n = "`, "Add", `[]`, `{"value":1.50e-7}`, `"n = 1.5e-7"`, ""},
		{"Add a large number to a string", `"n = "`, "Add", `[]`, `{"value":12345678901234567890}`, `"n = 12345678901234567000"`, ""},
		{"Add less than zero to a string", `"n = "`, "Add", `[]`, `{"value":-0}`, `"n = 0"`, ""},
		{"Add null to a string", `"n = "`, "Add", `[]`, `{"value":null}`, `"n = null"`, ""},
		{"Add a string to a boolean", `false`, "Add", `[]`, `{"value":"<"}`, `"false<"`, ""},
		{"Add a number too large to a string", `"n = "`, "Add", `[]`, `{"value":1e400}`, ``, "not a number"},
		{"Add a list to a string", `"a"`, "Add", `[]`, `{"value":[1]}`, ``, "not a number"},
		{"Add an object", `1`, "Add", `[]`, `{"value":{}}`, ``, "not a number"},
		{"Add a number too large", `1`, "Add", `[]`, `{"value":1e400}`, ``, "not a number"},
		{"Sub from null", `null`, "Sub", `[]`, `{"value":5}`, `-5`, ""},
		{"Sub from a string", `" 7 "`, "Sub", `[]`, `{"value":"1e1"}`, `-3`, ""},
		{"Sub from a word", `"seven"`, "Sub", `[]`, `{"value":1}`, ``, "not a number"},
		{"Mul null", `null`, "Mul", `[]`, `{"value":5}`, `0`, ""},
		{"Mul a string of null", `"null"`, "Mul", `[]`, `{"value":5}`, ``, "not a number"},
		{"Mul by true", `5`, "Mul", `[]`, `{"value":true}`, `5`, ""},
		{"Div null", `null`, "Div", `[]`, `{"value":5}`, `0`, ""},
		{"Div by null", `5`, "Div", `[]`, `{"value":null}`, ``, "not a number"},
		{"Sub", `3`, "Sub", `[]`, `{"value":5}`, `-2`, ""},
		{"Mul", `2`, "Mul", `[]`, `{"value":1e-8}`, `2e-8`, ""},
		{"Mul beyond", `1e308`, "Mul", `[]`, `{"value":10}`, ``, "not a number"},
		{"Div", `3`, "Div", `[]`, `{"value":2}`, `1.5`, ""},
		{"Div by zero", `3`, "Div", `[]`, `{"value":0}`, ``, "not a number"},

		{"digits and order stay", `{"z":12345678901234567890.10,"a":[1e400,{"é":"\u00e9 <"}],"n":1}`, "Add", `["n"]`, `{"value":1}`, `{"z":12345678901234567890.10,"a":[1e400,{"é":"\u00e9 <"}],"n":2}`, ""},
		{"unknown", `[1]`, "Explode", `[]`, `{"value":1}`, ``, "no such operation"},
		{"without a value", `{}`, "Assign", `["a"]`, `{}`, ``, "no value"},
		{"a fraction as a place", `[1]`, "Assign", `[0.5]`, `{"value":1}`, ``, "neither a key nor an index"},
		{"null as a place", `[1]`, "Assign", `[null]`, `{"value":1}`, ``, "neither a key nor an index"},
		{"a list as a place", `[1]`, "Assign", `[[0]]`, `{"value":1}`, ``, "neither a key nor an index"},
		{"__proto__ as a place", `{}`, "Assign", `["__proto__","polluted"]`, `{"value":1}`, ``, "__proto__"},
		{"constructor as a place", `{}`, "Assign", `["a","construct\u006fr"]`, `{"value":1}`, ``, "constructor"},
		{"prototype in a Merge", `{}`, "Merge", `[]`, `{"value":{"prototype":1}}`, ``, "prototype"},
		{"__proto__ in a value", `[]`, "Append", `[]`, `{"value":[{"__proto\u005f_":1}]}`, ``, "__proto__"},
		{"a component", `[]`, "Append", `[]`, `{"value":{"props":{},"type":"Div","namespace":"x"}}`, `[{"props":{},"type":"Div","namespace":"x"}]`, ""},
		{"a script", `[{"props":{"href":"/a"}}]`, "Assign", `[0,"props","href"]`, `{"value":"JavaScript:alert(1)"}`, ``, "script"},
		{"too deep a place", `{}`, "Assign", `[` + strings.Repeat(`"a",`, 100) + `"a"]`, `{"value":1}`, ``, "too deep"},
		{"too deep a value", `{}`, "Assign", `[` + strings.Repeat(`"a",`, 60) + `"a"]`, `{"value":` + strings.Repeat("[", 60) + strings.Repeat("]", 60) + `}`, ``, "too deep"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := app.ApplyPatch([]byte(tt.value), []byte(patchOf(tt.operation, tt.location, tt.params)))
			switch {
			case tt.want != "" && (err != nil || string(got) != tt.want):
				t.Errorf("got %s, %v\nwant %s", got, err, tt.want)
			case tt.want == "" && (err == nil || !strings.Contains(err.Error(), tt.problem)):
				t.Errorf("got %s and error %v, want one with %q", got, err, tt.problem)
			}
		})
	}
}

// What app.Patch makes can be applied: each operation, one after the other.
func TestApplyPatchOfApp(t *testing.T) {
	p := app.NewPatch().
		At("l").Append(3).
		At("l").Prepend(0).
		At("l").Insert(1, "x").
		At("l").Extend(5, 5).
		At("l").Remove(5).
		At("l").Reverse().
		At("l", -1).Assign("end").
		At("o").Merge(app.Dict{"b": 2}).
		At("o", "a").Delete().
		At("n").Add(4).At("n").Sub(1).At("n").Mul(6).At("n").Div(4).
		At("c").Clear()
	got, err := app.ApplyPatch(json.RawMessage(` { "l" : [ 1 , 2 ] , "o" : { "a" : 1 } , "n" : 1 , "c" : [ 1 ] } `), json.RawMessage(encoded(t, p)))
	if want := `{"l":[3,2,1,"x","end"],"o":{"b":2},"n":6,"c":[]}`; err != nil || string(got) != want {
		t.Errorf("got %s, %v\nwant %s", got, err, want)
	}
}

func TestApplyPatchRefuses(t *testing.T) {
	empty := `{"__dash_patch_update":"__dash_patch_update","operations":[]}`
	for _, tt := range []struct{ value, patch, want string }{
		{`{}`, `{"operations":[]}`, "lacks its mark"},
		{`{}`, `[]`, "read the Patch"},
		{`{}`, `{`, "read the Patch"},
		{`{]`, empty, "not valid JSON"},
		{strings.Repeat("[", 101) + strings.Repeat("]", 101), empty, "too deep"},
	} {
		if got, err := app.ApplyPatch([]byte(tt.value), []byte(tt.patch)); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s of %s gives %s, %v, want %q", tt.patch, tt.value, got, err, tt.want)
		}
	}
	if _, err := app.ApplyPatch(nil, []byte(empty)); err == nil || !strings.Contains(err.Error(), "not set") {
		t.Errorf("a value that is not set gives %v", err)
	}
	if got, err := app.ApplyPatch([]byte(`{"a": 1}`), []byte(empty)); err != nil || string(got) != `{"a": 1}` {
		t.Errorf("a Patch of nothing gives %s, %v", got, err)
	}
}

func FuzzApplyPatch(f *testing.F) {
	f.Add(`{"a":[1,{"b":2}],"a":"é"}`, patchOf("Assign", `["a",-1,"b"]`, `{"value":{"c":[]}}`))
	f.Add(`[[1,2],[3]]`, patchOf("Insert", `[0]`, `{"value":null,"index":-3}`))
	f.Add(`{"n":1e308,"s":"\ud800\u005c"}`, patchOf("Mul", `["n"]`, `{"value":1e308}`))
	f.Add(`"a"`, patchOf("Add", `[]`, `{"value":"\""}`))
	f.Add(`{"a":{"constructor":1}}`, patchOf("Delete", `["a","b"]`, `{}`))
	f.Add(`[1,2,3]`, strings.Replace(patchOf("Remove", `[]`, `{"value":2}`), "}]}", `}, {"operation":"Reverse","location":[]}]}`, 1))
	f.Fuzz(func(t *testing.T, value, patch string) {
		got, err := app.ApplyPatch(json.RawMessage(value), json.RawMessage(patch))
		if err != nil {
			return
		}
		if !json.Valid(got) {
			t.Fatalf("%s of %s gives %s", patch, value, got)
		}
		for _, name := range []string{"__proto__", "constructor", "prototype"} {
			if hasKey(decodedJSON(t, got), name) {
				t.Fatalf("%s of %s gives %s", patch, value, got)
			}
		}
		if nested(got) > 100 {
			t.Fatalf("%s of %s is too deep", patch, value)
		}
	})
}

func decodedJSON(t *testing.T, text []byte) (v any) {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(string(text)))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		t.Fatal(err)
	}
	return v
}

func hasKey(v any, key string) bool {
	switch v := v.(type) {
	case []any:
		for _, item := range v {
			if hasKey(item, key) {
				return true
			}
		}
	case map[string]any:
		for k, item := range v {
			if k == key || hasKey(item, key) {
				return true
			}
		}
	}
	return false
}

// nested returns how deep valid JSON is.
func nested(text []byte) (deepest int) {
	d := json.NewDecoder(strings.NewReader(string(text)))
	for depth := 0; ; {
		token, err := d.Token()
		if err != nil {
			return deepest
		}
		switch token {
		case json.Delim('{'), json.Delim('['):
			depth++
			deepest = max(deepest, depth)
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
	}
}
