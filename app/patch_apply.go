package app

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// ApplyPatch returns a JSON value as the page has it after a [Patch] in its
// JSON form: an object with "__dash_patch_update" and "operations". What the
// Patch leaves alone keeps its text, so numbers keep their digits and objects
// the order of their keys.
//
// It is an error when the Patch does not fit the value, or makes one that no
// state can hold: see [CheckValue], of which components alone are permitted
// here. nil is a value that is not set, which cannot be patched.
func ApplyPatch(value, patch json.RawMessage) (json.RawMessage, error) {
	var p struct {
		Mark       *json.RawMessage `json:"__dash_patch_update"`
		Operations []operation      `json:"operations"`
	}
	switch err := json.Unmarshal(patch, &p); {
	case err != nil:
		return nil, fmt.Errorf("read the Patch: %w", err)
	case p.Mark == nil:
		return nil, errors.New("read the Patch: it lacks its mark")
	case value == nil:
		return nil, errors.New("apply the Patch: the value is not set")
	case !json.Valid(value):
		return nil, errors.New("apply the Patch: the value is not valid JSON")
	}
	root := &patched{text: value}
	for _, o := range p.Operations {
		var err error
		if root, err = o.apply(root); err != nil {
			return nil, fmt.Errorf("apply the Patch: %s at %v: %w", o.Name, o.Location, err)
		}
	}
	out := root.append(make([]byte, 0, len(value)+len(patch)))
	if problem := valueProblem("", out, withComponents); problem != "" {
		return nil, fmt.Errorf("apply the Patch: the value %s", problem)
	}
	return out, nil
}

// isPatch reports whether the renderer takes a value for a Patch.
func isPatch(value []byte) bool {
	c := cursor{text: value}
	if !c.enter('{') {
		return false
	}
	for c.more() {
		if isText(c.quotedKey(), "__dash_patch_update") {
			return true
		}
		c.value()
	}
	return false
}

// operation is one operation of a Patch: section 5.5 of Dash's protocol.
type operation struct {
	Name     string `json:"operation"`
	Location []step `json:"location"`
	Params   struct {
		Value json.RawMessage `json:"value"`
		Index int             `json:"index"`
	} `json:"params"`
}

// step is a key or an index on the way to a place.
type step struct {
	key   string // or, when it is an index, its digits
	index int
	list  bool // it is an index
}

func (s *step) UnmarshalJSON(text []byte) error {
	if text[0] != '"' {
		index, err := strconv.Atoi(string(text))
		if err != nil {
			return errors.New("a place has neither a key nor an index")
		}
		s.list, s.index, s.key = true, index, strconv.Itoa(index)
		return nil
	}
	if err := json.Unmarshal(text, &s.key); err != nil {
		return err
	}
	if isDangerous(s.key) {
		return fmt.Errorf("the key %s is a danger in JavaScript", s.key)
	}
	return nil
}

func (s step) String() string {
	if s.list {
		return s.key
	}
	return strconv.Quote(s.key)
}

var (
	errNoValue  = errors.New("there is no such place")
	errNoList   = errors.New("it is not a list")
	errNoNumber = errors.New("it is not a number, or the result is none")
	errRange    = errors.New("the index is out of range")
)

// apply returns the value after the operation.
func (o *operation) apply(root *patched) (*patched, error) {
	if len(o.Location) > maxValueDepth {
		return nil, errors.New("the place is too deep")
	}
	switch o.Name {
	case "Clear", "Reverse", "Delete":
	default:
		if o.Params.Value == nil {
			return nil, errors.New("it has no value")
		}
	}
	if o.Name == "Delete" {
		return root, root.delete(o.Location)
	}
	old, err := root.at(o.Location)
	if err != nil {
		return nil, err
	}
	changed, err := o.change(old)
	if err != nil {
		return nil, err
	}
	return root.assign(o.Location, changed)
}

// change returns what the operation makes of the value at its place, which is
// nil where there is none.
func (o *operation) change(old *patched) (*patched, error) {
	given := &patched{text: o.Params.Value}
	switch o.Name {
	case "Assign":
		return given, nil
	case "Merge":
		if given.open(); given.kind != '{' {
			return nil, errors.New("its value is no object")
		}
		if old.isNull() {
			return given, nil
		}
		if old.open(); old.kind != '{' {
			return nil, errors.New("it is not an object")
		}
		for i, key := range given.keys {
			old.put(key, given.items[i])
		}
		return old, nil
	case "Append", "Prepend":
		if old.isNull() {
			old = &patched{kind: '['}
		}
	case "Add", "Sub", "Mul", "Div":
		return o.calculate(old)
	}
	if old == nil {
		return nil, errNoValue
	}
	old.open()
	if o.Name == "Clear" && old.kind != 0 {
		return &patched{kind: old.kind}, nil
	}
	if old.kind != '[' {
		return nil, errNoList
	}
	switch o.Name {
	case "Append":
		old.items = append(old.items, given)
	case "Prepend":
		old.items = slices.Insert(old.items, 0, given)
	case "Insert":
		index := o.Params.Index
		if index < 0 {
			index += len(old.items)
		}
		if index < 0 || index > len(old.items) { // as the renderer has it
			index = len(old.items)
		}
		old.items = slices.Insert(old.items, index, given)
	case "Extend":
		if given.open(); given.kind != '[' {
			return nil, errors.New("its value is not a list")
		}
		old.items = append(old.items, given.items...)
	case "Reverse":
		slices.Reverse(old.items)
	case "Remove":
		value := decoded(given.text)
		old.items = slices.DeleteFunc(old.items, func(item *patched) bool {
			return reflect.DeepEqual(decoded(item.append(nil)), value)
		})
	default:
		return nil, errors.New("there is no such operation")
	}
	return old, nil
}

// calculate changes a number as JavaScript does: null counts as 0, false as 0,
// true as 1, and a string as the number that it is. Add joins strings, with what
// JavaScript writes for a number, a boolean and null.
func (o *operation) calculate(old *patched) (*patched, error) {
	if old == nil {
		return nil, errNoValue
	}
	left, right := old.append(nil), o.Params.Value
	if o.Name == "Add" && (isString(left) || isString(right)) {
		a, ok := asString(left)
		b, too := asString(right)
		if !ok || !too {
			return nil, errNoNumber
		}
		return &patched{text: plainString(a + b)}, nil
	}
	a, ok := asNumber(left)
	b, too := asNumber(right)
	if !ok || !too {
		return nil, errNoNumber
	}
	switch o.Name {
	case "Add":
		a += b
	case "Sub":
		a -= b
	case "Mul":
		a *= b
	case "Div":
		a /= b
	}
	if math.IsNaN(a) || math.IsInf(a, 0) {
		return nil, errNoNumber
	}
	text, err := json.Marshal(a) // as JavaScript writes it
	return &patched{text: text}, err
}

func isString(text []byte) bool {
	_, ok := decoded(text).(string)
	return ok
}

// asString returns what JavaScript joins to a string, where that is certain.
func asString(text []byte) (s string, ok bool) {
	switch v := decoded(text).(type) {
	case string:
		return v, true
	case float64:
		b, err := json.Marshal(v + 0) // as JavaScript writes it, which has no -0
		return string(b), err == nil
	case bool:
		return strconv.FormatBool(v), true
	}
	return "null", isNull(text)
}

// asNumber returns what JavaScript calculates with, where that is certain.
func asNumber(text []byte) (n float64, ok bool) {
	switch v := decoded(text).(type) {
	case string:
		n, ok = decoded([]byte(v)).(float64) // JavaScript reads these, and a few more
		return n, ok
	case float64:
		return v, true
	case bool:
		if v {
			n = 1
		}
		return n, true
	}
	return 0, isNull(text)
}

// isNull tells null from what decoded has no value for.
func isNull(text []byte) bool { return strings.TrimSpace(string(text)) == "null" }

func decoded(text []byte) (v any) {
	_ = json.Unmarshal(text, &v) // nil for what is not JSON, and for a number too large for JavaScript
	return v
}

// patched is a value under a Patch: its text as long as no operation has
// looked into it, then its members or elements.
type patched struct {
	text  json.RawMessage
	kind  byte // '{' or '[' of an open one, else 0
	keys  []string
	items []*patched
}

// open takes an object or a list apart, one level deep. Others stay as they are.
func (p *patched) open() {
	if p.kind != 0 {
		return
	}
	c := cursor{text: p.text}
	switch {
	case c.enter('{'):
		p.kind = '{'
		for c.more() {
			key, _ := textOf(c.quotedKey())
			p.keys = append(p.keys, key)
			p.items = append(p.items, &patched{text: c.value()})
		}
	case c.enter('['):
		p.kind = '['
		for c.more() {
			p.items = append(p.items, &patched{text: c.value()})
		}
	}
}

func (p *patched) append(b []byte) []byte {
	if p.kind == 0 {
		return append(b, p.text...)
	}
	b = append(b, p.kind)
	for i, item := range p.items {
		if i > 0 {
			b = append(b, ',')
		}
		if p.kind == '{' {
			b = append(append(b, plainString(p.keys[i])...), ':')
		}
		b = item.append(b)
	}
	return append(b, p.kind+2) // the other bracket
}

// isNull reports whether a value is not there, or null.
func (p *patched) isNull() bool {
	return p == nil || p.kind == 0 && isNull(p.text)
}

// find returns where the step leads in an open value: -1 when nowhere, yet.
func (p *patched) find(s step) (int, error) {
	if p.kind == '{' {
		if s.list && s.index < 0 {
			return 0, errNoList
		}
		for i := len(p.keys) - 1; i >= 0; i-- { // of several, the last counts
			if p.keys[i] == s.key {
				return i, nil
			}
		}
		return -1, nil
	}
	if !s.list {
		return 0, errors.New("it is a list, without keys")
	}
	i := s.index
	if i < 0 {
		if i += len(p.items); i < 0 {
			return 0, errRange
		}
	}
	if i >= len(p.items) {
		return -1, nil
	}
	return i, nil
}

// at returns the value at a place, or nil when there is none.
func (p *patched) at(location []step) (*patched, error) {
	for _, s := range location {
		if p.open(); p.kind == 0 {
			return nil, nil
		}
		i, err := p.find(s)
		if err != nil || i < 0 {
			return nil, err
		}
		p = p.items[i]
	}
	return p, nil
}

// assign puts a value at a place and returns the whole. It makes what lacks on
// the way there.
func (p *patched) assign(location []step, value *patched) (*patched, error) {
	if len(location) == 0 {
		return value, nil
	}
	s, rest := location[0], location[1:]
	if p != nil {
		p.open()
	}
	switch {
	case p != nil && p.kind != 0:
	case s.list && (p == nil || !p.isNull()): // as the renderer has it
		p = &patched{kind: '['}
	default:
		p = &patched{kind: '{'}
	}
	i, err := p.find(s)
	if err != nil {
		return nil, err
	}
	var item *patched
	if i >= 0 {
		item = p.items[i]
	}
	if item, err = item.assign(rest, value); err != nil {
		return nil, err
	}
	switch {
	case p.kind == '{':
		p.put(s.key, item)
	case i >= 0:
		p.items[i] = item
	case s.index == len(p.items):
		p.items = append(p.items, item)
	default:
		return nil, errRange
	}
	return p, nil
}

// put sets a member of an object.
func (p *patched) put(key string, value *patched) {
	i, _ := p.find(step{key: key})
	if i < 0 {
		p.keys, p.items = append(p.keys, key), append(p.items, value)
		return
	}
	p.items[i] = value
}

// delete removes what is at a place, if there is something.
func (p *patched) delete(location []step) error {
	if len(location) == 0 {
		return nil
	}
	s, way := location[len(location)-1], location[:len(location)-1]
	p, err := p.at(way)
	if err != nil || p == nil {
		return err
	}
	if p.open(); p.kind == 0 {
		return errNoValue
	}
	i, err := p.find(s)
	for ; i >= 0 && err == nil; i, err = p.find(s) {
		p.items = slices.Delete(p.items, i, i+1)
		if p.kind == '[' {
			break
		}
		p.keys = slices.Delete(p.keys, i, i+1)
	}
	return err
}
