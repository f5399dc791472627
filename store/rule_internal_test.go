package store

import (
	"encoding/json"
	"testing"

	"dashd/app"
)

func TestWriteRule(t *testing.T) {
	const (
		carried, changed = app.Carried, app.Changed
		answered         = app.Answered
		patched          = app.Patched
	)
	for _, test := range []struct {
		name    string
		arrival int64
		standing
		may map[app.Origin]bool
	}{
		{
			"another page wrote it, this page has seen that", 9, standing{revision: 5, written: 6, known: 6},
			map[app.Origin]bool{carried: true, changed: true, answered: true, patched: true},
		},
		{
			"this page has seen later writes, too", 9, standing{revision: 5, written: 6, known: 8},
			map[app.Origin]bool{carried: true, changed: true, answered: true, patched: true},
		},
		{
			"another page wrote it since", 9, standing{revision: 5, written: 6, known: 5},
			map[app.Origin]bool{carried: false, changed: true, answered: true, patched: true},
		},
		{
			"a page that knows nothing", 9, standing{revision: 1, written: 1},
			map[app.Origin]bool{carried: false, changed: true, answered: true, patched: true},
		},
		{
			"this page wrote it last", 9, standing{revision: 5, written: 6, own: true},
			map[app.Origin]bool{carried: true, changed: true, answered: true, patched: true},
		},
		{
			"this page announced it a moment ago", 9, standing{revision: 5, written: 6, own: true, known: 8, announced: true},
			map[app.Origin]bool{carried: false, changed: true, answered: true, patched: true},
		},
		{
			"the same request goes on", 5, standing{revision: 5, written: 6, own: true},
			map[app.Origin]bool{carried: true, changed: true, answered: true, patched: true},
		},
		{
			"a later request of the same page wrote it", 4, standing{revision: 5, written: 6, own: true, known: 8},
			map[app.Origin]bool{carried: false, changed: false, answered: false, patched: false},
		},
		{
			"a later request of another page wrote it", 4, standing{revision: 5, written: 6, known: 6},
			map[app.Origin]bool{carried: false, changed: false, answered: false, patched: false},
		},
		{
			"an earlier request wrote it after this one arrived", 7, standing{revision: 5, written: 12, known: 6},
			map[app.Origin]bool{carried: false, changed: true, answered: true, patched: true},
		},
		{
			"no arrival", 0, standing{revision: 1, written: 1, own: true, known: 1},
			map[app.Origin]bool{carried: false, changed: false, answered: false, patched: false},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			for origin, want := range test.may {
				if got := mayWrite(origin, test.arrival, test.standing); got != want {
					t.Errorf("origin %d: %v, want %v", origin, got, want)
				}
			}
		})
	}
}

func TestSameValue(t *testing.T) {
	for _, test := range []struct {
		a, b string
		want bool
	}{
		{`1`, `1`, true},
		{`1`, `1.0`, true},
		{`100`, `1e2`, true},
		{`0`, `-0`, true},
		{`1`, `2`, false},
		{`1`, `"1"`, false},
		{`9007199254740993`, `9007199254740992`, false},
		{`1e999`, `1e998`, false},
		{`null`, `null`, true},
		{`null`, `0`, false},
		{`true`, `false`, false},
		{`"a"`, `"\u0061"`, true},
		{`{"a":1,"b":[2]}`, ` { "b" : [2.0], "a": 1 }`, true},
		{`{"a":1}`, `{"a":1,"b":2}`, false},
		{`{"a":1}`, `{"b":1}`, false},
		{`{"a":null}`, `{"b":null}`, false},
		{`[1,2]`, `[2,1]`, false},
		{`[1]`, `[1,2]`, false},
		{`[[1]]`, `[{"0":1}]`, false},
		{`1`, `1 2`, false},
		{`{`, `{ `, false},
		{`-1`, `-1.0`, true},
		{`-1`, `1`, false},
	} {
		a, b := json.RawMessage(test.a), json.RawMessage(test.b)
		if got := sameValue(a, b); got != test.want {
			t.Errorf("%s and %s: %v", a, b, got)
		}
		if got := sameValue(b, a); got != test.want {
			t.Errorf("%s and %s: %v", b, a, got)
		}
	}
	if null := json.RawMessage("null"); sameValue(nil, null) || sameValue(null, nil) || !sameValue(nil, nil) {
		t.Error("a value that is not set equals null, or not itself")
	}
}

func TestPageName(t *testing.T) {
	if got := loadedAt(pageName(12345, "ABC")); got != 12345 {
		t.Errorf("the page loaded at %d", got)
	}
	for _, other := range []string{"", "-", "x", "-5", "-5-abc", "é-abc", "zzzzzzzzzzzzzzzzzzzzzz-abc", "5e1f3c"} {
		if got := loadedAt(other); got != 0 {
			t.Errorf("%q loaded at %d", other, got)
		}
	}
}

// A page that says something pushes out the one that has been silent for
// longest, not one that is in use.
func TestKnowledgeIsBounded(t *testing.T) {
	var k knowledge
	at := place{"a", "value"}
	for n := range 10 * maxPages {
		k.remember(pageName(int64(n), "x")).learn(at, int64(n))
		k.page("0-x")
	}
	if len(k.pages) != maxPages {
		t.Errorf("%d pages", len(k.pages))
	}
	if k.pages["0-x"] == nil {
		t.Error("the page in use is forgotten")
	}
	k.remember(string(make([]byte, maxPageName+1)))
	k.remember("")
	if len(k.pages) != maxPages || k.pages[""] != nil {
		t.Error("a page without a proper id is kept")
	}
}
