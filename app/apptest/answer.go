package apptest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"dashd/app"
)

// Answer is what a callback tells the page to set. A method that is asked for
// a property that the callback left alone fails the test.
type Answer struct {
	t         testing.TB
	prevented bool
	props     map[app.ID]map[string]json.RawMessage
}

// newAnswer reads the answer to an update: section 5.4 of Dash's protocol.
func newAnswer(t testing.TB, text []byte) *Answer {
	t.Helper()
	answer := &Answer{t: t, prevented: text == nil, props: map[app.ID]map[string]json.RawMessage{}}
	if text == nil {
		return answer
	}
	var wire struct {
		Response   map[app.ID]map[string]json.RawMessage `json:"response"`
		SideUpdate map[app.ID]map[string]json.RawMessage `json:"sideUpdate"`
	}
	if err := json.Unmarshal(text, &wire); err != nil {
		t.Fatalf("the answer is not that of a callback: %v\n%s", err, text)
	}
	for _, updates := range []map[app.ID]map[string]json.RawMessage{wire.SideUpdate, wire.Response} {
		for id, props := range updates {
			if answer.props[id] == nil {
				answer.props[id] = map[string]json.RawMessage{}
			}
			maps.Copy(answer.props[id], props)
		}
	}
	return answer
}

// Prevented reports whether the callback left the page as it is, by
// [app.ErrPreventUpdate]. So does every callback without Outputs.
func (a *Answer) Prevented() bool { return a.prevented }

// Has reports whether the callback set the property: not so with [app.NoUpdate].
func (a *Answer) Has(id app.ID, property string) bool {
	_, ok := a.find(id, property)
	return ok
}

// Text returns the text of a property as a visitor reads it: a string, a number,
// or all the text inside a component or list. Null is "".
func (a *Answer) Text(id app.ID, property string) string {
	a.t.Helper()
	d := json.NewDecoder(bytes.NewReader(a.raw(id, property)))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		a.t.Fatalf("%s.%s is not JSON: %v", id, property, err)
	}
	var text strings.Builder
	if !writeText(&text, v) {
		a.t.Fatalf("%s.%s has no text: %s", id, property, a.raw(id, property))
	}
	return text.String()
}

// JSON decodes a property into dst, as encoding/json does.
func (a *Answer) JSON(id app.ID, property string, dst any) {
	a.t.Helper()
	raw := a.raw(id, property)
	if err := json.Unmarshal(raw, dst); err != nil {
		a.t.Fatalf("%s.%s does not fit %T: %v\n%s", id, property, dst, err, raw)
	}
}

func (a *Answer) raw(id app.ID, property string) json.RawMessage {
	a.t.Helper()
	value, ok := a.find(id, property)
	if !ok {
		a.t.Fatalf("%s.%s was not set: %v", id, property, a)
	}
	return value
}

func (a *Answer) find(id app.ID, property string) (json.RawMessage, bool) {
	for answered, props := range a.props {
		if answered == id || answered.Matches(id) {
			value, ok := props[property]
			return value, ok
		}
	}
	return nil, false
}

// String says what the callback set.
func (a *Answer) String() string {
	if a.prevented {
		return "the callback left the page as it is"
	}
	var names []string
	for _, id := range slices.Sorted(maps.Keys(a.props)) {
		for _, property := range slices.Sorted(maps.Keys(a.props[id])) {
			names = append(names, fmt.Sprintf("%s.%s", id, property))
		}
	}
	return "the callback set " + listed(names)
}

// writeText writes the text in a value; it reports whether the value can have one.
func writeText(w *strings.Builder, v any) bool {
	switch v := v.(type) {
	case nil:
	case string:
		w.WriteString(v)
	case json.Number, bool:
		fmt.Fprint(w, v)
	case []any:
		for _, item := range v {
			if !writeText(w, item) {
				return false
			}
		}
	case map[string]any:
		props := propsOf(v)
		return props != nil && writeText(w, props["children"])
	}
	return true
}
