package app

import "testing"

// What matchesText accepts, readPattern and matches accept too, as the same ID.
func FuzzMatchesText(f *testing.F) {
	p, err := parsePattern(Key("index", ALL, "type", "in"))
	if err != nil {
		f.Fatal(err)
	}
	for _, text := range []string{
		`{"index":1,"type":"in"}`, `{"type":"in","index":1}`, `{"index": 1,"type":"in"}`, `{"index":"a.b","type":"in"}`, `{"index":"a\\n","type":"in"}`,
		`{"index":["ALL"],"type":"in"}`, `{"index":null,"type":"in"}`, `{"index":1,"type":"other"}`, `{"index":1,"type":"in","x":1}`, `{"index":1}`, `{}`, `"x"`, `{"index":true,"type":"in"}`,
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		id, err := parsePattern(ID(text))
		slow := err == nil && p.matches(id)
		if fast := err == nil && p.matchesText(text); fast && (!slow || id.id() != ID(text)) {
			t.Errorf("%s: matches %v, canonical %s", text, slow, id.id())
		}
	})
	canonical := []byte(`{"index":7,"type":"in"}`)
	if !p.matchesText(canonical) {
		f.Errorf("%s is not taken", canonical)
	}
}
