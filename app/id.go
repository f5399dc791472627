package app

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// ID identifies a component: a plain string, or a dictionary made by [Key] for
// pattern-matching callbacks. A dictionary is held as Dash's own text of it,
// JSON with sorted keys and no blanks, so two IDs are the same component
// exactly when they are equal strings.
//
// A plain ID holds neither "." nor "{".
type ID string

// Wildcard is a value in a [Key] that stands for many components.
type Wildcard string

// The wildcards of pattern-matching callbacks.
const (
	ALL        Wildcard = "ALL"        // every matching component
	MATCH      Wildcard = "MATCH"      // the one component with the same value as the output's
	ALLSMALLER Wildcard = "ALLSMALLER" // those with a value below the one that MATCH has
)

// Key makes a dictionary ID from keys and values in turn:
//
//	app.Key("type", "done", "index", 3)
//	app.Key("type", "done", "index", app.MATCH)
//
// Keys are strings; values are strings, numbers, booleans or a [Wildcard].
// Anything else is reported by [App.Validate] where the ID is used.
func Key(keysAndValues ...any) ID {
	if len(keysAndValues) == 0 || len(keysAndValues)%2 != 0 {
		return badKey("needs keys and values in turn, but has %d arguments", len(keysAndValues))
	}
	var p pattern
	for i := 0; i < len(keysAndValues); i += 2 {
		key, ok := keysAndValues[i].(string)
		if !ok {
			return badKey("key %v is a %T, not a string", keysAndValues[i], keysAndValues[i])
		}
		part := patternPart{key: key}
		switch value := keysAndValues[i+1].(type) {
		case Wildcard:
			part.wildcard = value
		case string:
			part.value = string(appendString(nil, value, false))
		case bool, int, int8, int16, int32, int64, uint, uint8, uint16, uint32, uint64, float32, float64:
			part.value = string(mustAppendJSON(value))
		default:
			return badKey("the value of %q is a %T; it can be a string, a number, a boolean or a wildcard", key, value)
		}
		p = append(p, part)
	}
	p.sort()
	if key, twice := p.repeated(); twice {
		return badKey("key %q is there twice", key)
	}
	return p.id()
}

// badKeyMark begins an ID that Key could not make; what follows is the reason.
const badKeyMark = "{!"

func badKey(format string, args ...any) ID {
	return ID(badKeyMark + fmt.Sprintf(format, args...))
}

// IsKey reports whether id is a dictionary.
func (id ID) IsKey() bool { return strings.HasPrefix(string(id), "{") }

// Value returns what a dictionary ID has under key: a string, a float64, a
// bool, a [Wildcard], or nil when there is no such key or id is plain.
func (id ID) Value(key string) any {
	p, err := parsePattern(id)
	if err != nil {
		return nil
	}
	for _, part := range p {
		if part.key != key {
			continue
		}
		if part.wildcard != "" {
			return part.wildcard
		}
		var v any
		if json.Unmarshal([]byte(part.value), &v) != nil {
			return nil
		}
		return v
	}
	return nil
}

// Int returns the integer that a dictionary ID has under key, or 0.
func (id ID) Int(key string) int {
	f, _ := id.Value(key).(float64)
	return int(f)
}

// Text returns the string that a dictionary ID has under key, or "".
func (id ID) Text(key string) string {
	s, _ := id.Value(key).(string)
	return s
}

// Matches reports whether id is a component that pattern stands for: an equal
// ID, or a dictionary with the same keys, and equal values where pattern has no
// [Wildcard]. ALLSMALLER counts as ALL here, and MATCH too.
func (id ID) Matches(pattern ID) bool {
	if !id.IsKey() || !pattern.IsKey() {
		return id == pattern
	}
	p, err := parsePattern(pattern)
	if err != nil {
		return false
	}
	parts, err := parsePattern(id)
	return err == nil && p.matches(parts)
}

// canonical returns the form of a dictionary ID whose keys may be in any order.
// What is no ID stays as it is.
func (id ID) canonical() ID {
	if !id.IsKey() {
		return id
	}
	p, err := parsePattern(id)
	if err != nil {
		return id
	}
	return p.id()
}

// MarshalJSON encodes a plain ID as a string and a dictionary as an object, as
// in a layout.
func (id ID) MarshalJSON() ([]byte, error) { return appendID(nil, id), nil }

// UnmarshalJSON decodes what MarshalJSON encodes; an object's keys may come in
// any order.
func (id *ID) UnmarshalJSON(text []byte) error {
	if len(text) > 0 && text[0] == '{' {
		p, err := parsePattern(ID(text))
		if err != nil {
			return err
		}
		*id = p.id()
		return nil
	}
	return json.Unmarshal(text, (*string)(id))
}

// check returns why id cannot be the ID of a component or a dependency.
func (id ID) check() error {
	switch {
	case id == "":
		return fmt.Errorf("an ID is empty")
	case strings.HasPrefix(string(id), badKeyMark):
		return fmt.Errorf("app.Key %s", strings.TrimPrefix(string(id), badKeyMark))
	case id.IsKey():
		_, err := parsePattern(id)
		return err
	case strings.ContainsAny(string(id), ".{"):
		return fmt.Errorf("ID %q holds a \".\" or a \"{\", which Dash does not allow", string(id))
	}
	return nil
}

// pattern is a dictionary ID taken apart, sorted by key.
type pattern []patternPart

type patternPart struct {
	key      string
	value    string // JSON of a string, number or boolean; "" for a wildcard
	wildcard Wildcard
}

// parsePattern takes a dictionary apart; wildcards are one-element arrays, as
// in _dash-dependencies. Keys may come in any order.
func parsePattern(id ID) (pattern, error) {
	if !json.Valid([]byte(id)) {
		return nil, fmt.Errorf("ID %q is not a dictionary; make it with app.Key", string(id))
	}
	return readPattern([]byte(id))
}

// readPattern is parsePattern for text that is valid JSON.
func readPattern(text []byte) (pattern, error) {
	c := cursor{text: text}
	if !c.enter('{') {
		return nil, fmt.Errorf("ID %q is not a dictionary; make it with app.Key", text)
	}
	p := make(pattern, 0, 3)
	for c.more() {
		key, ok := textOf(c.quotedKey())
		if !ok {
			return nil, fmt.Errorf("ID %q has a key that cannot be read", text)
		}
		part := patternPart{key: key}
		switch raw := c.value(); raw[0] {
		case '[':
			var w []Wildcard
			if err := json.Unmarshal(raw, &w); err != nil || len(w) != 1 || (w[0] != ALL && w[0] != MATCH && w[0] != ALLSMALLER) {
				return nil, fmt.Errorf("ID %q: the value of %q is a list, but not a wildcard", text, key)
			}
			part.wildcard = w[0]
		case '{', 'n':
			return nil, fmt.Errorf("ID %q: the value of %q is not a string, a number or a boolean", text, key)
		case '"':
			s, ok := textOf(raw)
			if !ok {
				return nil, fmt.Errorf("ID %q: the value of %q cannot be read", text, key)
			}
			part.value = string(appendString(nil, s, false))
		default:
			part.value = string(raw)
		}
		p = append(p, part)
	}
	p.sort()
	if key, twice := p.repeated(); twice || len(p) == 0 {
		return nil, fmt.Errorf("ID %q has no key, or %q twice", text, key)
	}
	return p, nil
}

func (p pattern) sort() {
	slices.SortFunc(p, func(a, b patternPart) int { return strings.Compare(a.key, b.key) })
}

func (p pattern) repeated() (key string, ok bool) {
	for i := 1; i < len(p); i++ {
		if p[i].key == p[i-1].key {
			return p[i].key, true
		}
	}
	return "", false
}

// id returns Dash's text of the pattern.
func (p pattern) id() ID {
	b := []byte{'{'}
	for i, part := range p {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendString(b, part.key, false)
		b = append(b, ':')
		if part.wildcard != "" {
			b = append(b, `["`...)
			b = append(b, part.wildcard...)
			b = append(b, `"]`...)
		} else {
			b = append(b, part.value...)
		}
	}
	return ID(append(b, '}'))
}

// has reports whether a part of the pattern is the wildcard w.
func (p pattern) has(w Wildcard) bool {
	return slices.ContainsFunc(p, func(part patternPart) bool { return part.wildcard == w })
}

// many reports whether the pattern stands for a list of components.
func (p pattern) many() bool { return p.has(ALL) || p.has(ALLSMALLER) }

// matchesText reports whether text is a component that the pattern can stand
// for and is written as [ID] holds it. Other forms of the same ID it does not
// know: readPattern and matches do.
func (p pattern) matchesText(text []byte) bool {
	c := cursor{text: text}
	step := func(b byte) bool {
		if c.pos >= len(text) || text[c.pos] != b {
			return false
		}
		c.pos++
		return true
	}
	for i, part := range p {
		if i == 0 && !step('{') || i > 0 && !step(',') {
			return false
		}
		start := c.pos
		key := c.value()
		if c.pos-len(key) != start || !isText(key, part.key) || !simpleString(key) || !step(':') {
			return false
		}
		start = c.pos
		value := c.value()
		switch {
		case c.pos-len(value) != start || len(value) == 0:
			return false
		case part.wildcard == "":
			if string(value) != part.value {
				return false
			}
		case strings.IndexByte("{[n", value[0]) >= 0 || value[0] == '"' && !simpleString(value):
			return false
		}
	}
	return step('}') && c.pos == len(text)
}

// matches reports whether id is a component that the pattern can stand for:
// the same keys, and equal values where the pattern has no wildcard.
func (p pattern) matches(id pattern) bool {
	if len(p) != len(id) {
		return false
	}
	for i, part := range p {
		if part.key != id[i].key || id[i].wildcard != "" {
			return false
		}
		if part.wildcard == "" && part.value != id[i].value {
			return false
		}
	}
	return true
}
