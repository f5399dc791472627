package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"unicode/utf8"
)

// The bounds of a state, in bytes: its text, and an ID or the name of a property.
const (
	maxStateText = 1 << 20
	maxStateName = 1000
)

// ParseState reads a state in django-plotly-dash's form of it, as
// [BaseState.Text] writes it: an object of objects of values. The keys of
// dictionary IDs may be in any order, values keep no blanks, and null makes a
// property that is tracked and not set.
//
// Errors are Invalid and name the place; TooLarge beyond 1 MiB. Whether a page
// may have the state, [CheckState] says.
func ParseState(text []byte) (BaseState, error) {
	if len(text) > maxStateText {
		return nil, Errorf(TooLarge, "The state has %d bytes; %d are possible.", len(text), maxStateText)
	}
	if err := checkText(text); err != nil {
		return nil, err
	}
	state := BaseState{}
	c := cursor{text: text}
	if !c.enter('{') {
		return nil, Errorf(Invalid, "The state is not an object of component IDs.")
	}
	for c.more() {
		key, _ := textOf(c.quotedKey())
		if len(key) > maxStateName { // before it is taken apart
			return nil, Errorf(Invalid, "The state: an ID has more than %d bytes.", maxStateName)
		}
		id := ID(key).canonical()
		if problem := idProblem(id); problem != "" {
			return nil, Errorf(Invalid, "The state: %s.", problem)
		}
		if state[id] != nil {
			return nil, Errorf(Invalid, "The state has the component %s twice.", id)
		}
		if state[id] = map[string]json.RawMessage{}; !c.enter('{') {
			return nil, Errorf(Invalid, "The state of %s is not an object of properties.", id)
		}
		for c.more() {
			property, _ := textOf(c.quotedKey())
			if problem := propertyProblem(property); problem != "" {
				return nil, Errorf(Invalid, "The state of %s: %s.", id, problem)
			}
			if _, twice := state[id][property]; twice {
				return nil, Errorf(Invalid, "The state has %s.%s twice.", id, property)
			}
			value := c.value()
			if depthOf(value) > maxValueDepth {
				return nil, Errorf(Invalid, "The value of %s.%s is nested too deep.", id, property)
			}
			if string(value) == "null" {
				value = nil
			} else {
				value = appendPlain(nil, value)
			}
			state[id][property] = value
		}
	}
	return state, nil
}

// checkText returns an Invalid error with the line and column where text stops
// to be JSON.
func checkText(text []byte) error {
	offset, problem := 0, ""
	var whole json.RawMessage
	if err := json.Unmarshal(text, &whole); err != nil {
		offset, problem = len(text), err.Error()
		if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
			offset = max(int(syntax.Offset)-1, 0)
		}
	} else if offset = invalidUTF8(text); offset < 0 {
		return nil
	} else {
		problem = "not UTF-8"
	}
	line, column := 1, 1
	for _, r := range string(text[:min(offset, len(text))]) {
		if column++; r == '\n' {
			line, column = line+1, 1
		}
	}
	return Errorf(Invalid, "The state is not valid JSON at line %d, column %d: %s.", line, column, problem)
}

// invalidUTF8 returns where text stops to be UTF-8, or -1.
func invalidUTF8(text []byte) int {
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRune(text[i:])
		if r == utf8.RuneError && size == 1 {
			return i
		}
		i += size
	}
	return -1
}

// depthOf returns how deep a valid JSON value is nested.
func depthOf(value []byte) (deepest int) {
	depth := 0
	for c := (cursor{text: value}); c.pos < len(value); {
		switch value[c.pos] {
		case '"':
			c.skipString()
			continue
		case '{', '[':
			depth++
			deepest = max(deepest, depth)
		case '}', ']':
			depth--
		}
		c.pos++
	}
	return deepest
}

// propertyProblem says why a property cannot be in a state, or "".
func propertyProblem(name string) string {
	switch {
	case name == "":
		return "a property has no name"
	case len(name) > maxStateName:
		return fmt.Sprintf("the name of a property has more than %d bytes", maxStateName)
	case name == "id":
		return "the ID of a component stays what it is"
	case isDangerous(name):
		return fmt.Sprintf("the property %s is a danger in JavaScript", name)
	}
	return ""
}

// idProblem says why id cannot be that of a component in a state, or "".
func idProblem(id ID) string {
	if len(id) > maxStateName {
		return fmt.Sprintf("an ID has more than %d bytes", maxStateName)
	}
	if err := id.check(); err != nil {
		return err.Error()
	}
	if !id.IsKey() {
		if isDangerous(string(id)) {
			return fmt.Sprintf("the ID %s is a danger in JavaScript", id)
		}
		return ""
	}
	p, _ := parsePattern(id)
	for _, part := range p {
		switch {
		case part.wildcard != "":
			return fmt.Sprintf("the ID %s has a wildcard; name one component", id)
		case isDangerous(part.key):
			return fmt.Sprintf("the key %s in an ID is a danger in JavaScript", part.key)
		}
	}
	return ""
}

// Text returns the state as django-plotly-dash stores it: as Python's
// json.dumps writes it, components and properties sorted. A property that is
// tracked and not set is null. The values must be valid JSON, as everywhere in a
// state.
func (s BaseState) Text() []byte { return s.AppendText(nil) }

// AppendText appends the state as [BaseState.Text] returns it.
func (s BaseState) AppendText(b []byte) []byte {
	b = append(b, '{')
	for i, id := range slices.Sorted(maps.Keys(s)) {
		if i > 0 {
			b = append(b, ", "...)
		}
		b = appendPython(b, plainString(string(id)))
		b = append(b, ": {"...)
		props := s[id]
		for i, property := range slices.Sorted(maps.Keys(props)) {
			if i > 0 {
				b = append(b, ", "...)
			}
			b = appendPython(b, plainString(property))
			b = append(b, ": "...)
			if value := props[property]; value == nil {
				b = append(b, "null"...)
			} else {
				b = appendPython(b, value)
			}
		}
		b = append(b, '}')
	}
	return append(b, '}')
}

// CheckState returns an Invalid [Error] when a state cannot be saved: IDs that
// are none or have wildcards, or whose keys are not in order; names that are a
// danger in JavaScript ("__proto__", "constructor", "prototype"); the property
// "id"; and values that [CheckValue] refuses.
func CheckState(state BaseState) error {
	for _, id := range slices.Sorted(maps.Keys(state)) {
		if problem := idProblem(id); problem != "" {
			return Errorf(Invalid, "The state: %s.", problem)
		}
		if id != id.canonical() {
			return Errorf(Invalid, "The ID %s must have its keys in order and no blanks: %s.", id, id.canonical())
		}
		for _, property := range slices.Sorted(maps.Keys(state[id])) {
			if problem := propertyProblem(property); problem != "" {
				return Errorf(Invalid, "The state of %s: %s.", id, problem)
			}
			if value := state[id][property]; value != nil {
				if problem := checkedValue(property, value); problem != "" {
					return Errorf(Invalid, "The value of %s.%s %s.", id, property, problem)
				}
			}
		}
	}
	return nil
}

// CheckInitial is [CheckState] for a state that is given to this app by hand,
// as initial arguments are: its components are those of the layout, and their
// properties ones that they have. A component that the layout lacks is accepted
// where callbacks or a layout function may make it.
func (a *App) CheckInitial(state BaseState) error {
	b, err := a.ready()
	if err != nil {
		return err
	}
	if err := CheckState(state); err != nil {
		return err
	}
	open := a.LayoutFunc != nil || a.SuppressCallbackExceptions
	for _, id := range slices.Sorted(maps.Keys(state)) {
		n, ok := b.node(id)
		if !ok && !open {
			return Errorf(Invalid, "App %q has no component %s%s.", a.name, id, b.suggest(id))
		}
		if !ok {
			continue
		}
		for _, property := range slices.Sorted(maps.Keys(state[id])) {
			if !n.knows(property) {
				return Errorf(Invalid, "The %s %s has no property %s%s.", n.name, id, property, n.suggest(property))
			}
		}
	}
	return nil
}

// node returns what has an ID in the known layouts.
func (b *build) node(id ID) (n node, ok bool) {
	for _, t := range b.known {
		if t != nil && len(t.nodes[id].plans) > 0 {
			n = node{t.nodes[id].name, append(n.plans, t.nodes[id].plans...)}
		}
	}
	return n, len(n.plans) > 0
}

func (b *build) suggest(id ID) string {
	for _, t := range b.known {
		if t != nil {
			if hint := t.suggest(id); hint != "" {
				return hint
			}
		}
	}
	return ""
}

// Populate returns every property that the layout sets, of every component
// with an ID: what an instance is to track that tracks all. Left out are
// children, options and id, and what [CheckValue] refuses. call may be nil; of
// an instance and of initial arguments it knows nothing.
func (a *App) Populate(ctx context.Context, call *Call) (BaseState, error) {
	b, err := a.ready()
	if err != nil {
		return nil, err
	}
	text, index := b.layout, b.index
	if a.LayoutFunc != nil {
		bare := Call{}
		if call != nil {
			bare = *call
		}
		bare.Instance, bare.Initial = nil, nil
		layout, err := a.callLayout(newContext(ctx, &bare))
		if err != nil {
			return nil, fmt.Errorf("make the layout: %w", err)
		}
		if text, index, err = encodeLayout(layout, nil); err != nil {
			return nil, err
		}
	}
	state := BaseState{}
	for _, c := range index.components {
		if idProblem(c.id) != "" {
			continue // a layout function's; App.Validate tells of a layout's own
		}
		for _, p := range index.propsOf(c) {
			value := text[p.start:p.end]
			if p.name == "children" || p.name == "options" || propertyProblem(p.name) != "" || valueProblem(p.name, value, dataOnly) != "" {
				continue
			}
			if state[c.id] == nil {
				state[c.id] = map[string]json.RawMessage{}
			}
			state[c.id][p.name] = appendPlain(nil, value)
		}
	}
	return state, nil
}
