package app

import (
	"bytes"
	"encoding/json"
	"testing"
)

// FuzzCursor compares what the cursor finds in an object with what
// encoding/json finds.
func FuzzCursor(f *testing.F) {
	for _, text := range []string{
		`{}`, ` { "a" : 1 , "b":[1,{"c":"}"},"]"] ,"d":{"e":[]}}`, `{"a\"b":"\\","c":null,"d":-1.5e3 }`, `{"x":{},"y":[ ]}`, `[1]`, `{"a":true,"b":"\u007b"}`,
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if !json.Valid(text) {
			return
		}
		want := map[string]json.RawMessage{}
		if json.Unmarshal(text, &want) != nil || want == nil {
			return // not an object
		}
		got := map[string][]byte{}
		c := cursor{text: text}
		if !c.enter('{') {
			t.Fatalf("no object in %s", text)
		}
		for c.more() {
			key, ok := textOf(c.quotedKey())
			if !ok {
				t.Fatalf("a key of %s cannot be read", text)
			}
			got[key] = c.value()
		}
		if c.byte() != 0 {
			t.Fatalf("%s: stopped at %d", text, c.pos)
		}
		if len(got) != len(want) {
			t.Fatalf("%s: got %d members, want %d", text, len(got), len(want))
		}
		for key, value := range want {
			if !bytes.Equal(got[key], bytes.TrimSpace(value)) {
				t.Fatalf("%s: %q is %s, want %s", text, key, got[key], value)
			}
		}
	})
}
