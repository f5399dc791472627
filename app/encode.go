package app

import (
	"bytes"
	"encoding"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// This file is the one place that decides how Go values become the JSON that
// the Dash renderer reads:
//
//   - components become {"props":...,"type":...,"namespace":...};
//   - NaN and infinities become null at any depth, as in Dash;
//   - "<" is written as \u003c, so that the text is safe inside a script element;
//   - structs follow the tags of encoding/json, in field order; maps are sorted;
//   - time.Time is written as Python's isoformat writes it;
//   - a nil slice or map is null.
//
// Values that JSON has no form for (functions, channels, complex numbers,
// cycles) are errors.

// maxDepth bounds the nesting of an encoded value; what is deeper is a cycle.
const maxDepth = 1000

// encoder appends JSON to buf. It is used by one goroutine for one text.
type encoder struct {
	buf    []byte
	depth  int
	suites []*Suite // those of the components met, each once
	seen   func(Component, *componentPlan, ID) error

	index   *layoutIndex // noted while writing, when it is not nil
	answers *[]Write     // each property of updates, when it is not nil
	bus     Bus          // gives Pipes their grants, when it is not nil
}

// appendJSON appends the JSON of v.
func appendJSON(b []byte, v any) ([]byte, error) {
	e := encoder{buf: b}
	err := e.any(v)
	return e.buf, err
}

// mustAppendJSON is appendJSON for the basic types, which cannot fail.
func mustAppendJSON(v any) []byte {
	b, err := appendJSON(nil, v)
	if err != nil {
		panic(err)
	}
	return b
}

// any encodes v, taking the frequent types without reflection.
func (e *encoder) any(v any) error {
	switch v := v.(type) {
	case nil:
		e.buf = append(e.buf, "null"...)
	case string:
		e.buf = appendString(e.buf, v, true)
	case bool:
		e.buf = strconv.AppendBool(e.buf, v)
	case int:
		e.buf = strconv.AppendInt(e.buf, int64(v), 10)
	case float64:
		e.buf = appendFloat(e.buf, v, 64)
	case []float64:
		if v == nil {
			e.buf = append(e.buf, "null"...)
			return nil
		}
		e.buf = append(e.buf, '[')
		for i, f := range v {
			if i > 0 {
				e.buf = append(e.buf, ',')
			}
			e.buf = appendFloat(e.buf, f, 64)
		}
		e.buf = append(e.buf, ']')
	case []any:
		return e.list(v)
	case List:
		return e.list(v)
	case map[string]any:
		return e.dict(v)
	case Props:
		return e.dict(v)
	case Style:
		return e.dict(v)
	case Figure:
		return e.dict(v.dict())
	case *Patch:
		if v == nil {
			e.buf = append(e.buf, "null"...)
			return nil
		}
		return e.patch(v)
	case Patch:
		return e.patch(&v)
	case PatchAt, PatchValue:
		return errors.New("a place in a Patch changes nothing; call one of its operations")
	default:
		return e.value(reflect.ValueOf(v))
	}
	return nil
}

func (e *encoder) enter() error {
	if e.depth++; e.depth > maxDepth {
		return fmt.Errorf("nested more than %d levels deep; is there a cycle?", maxDepth)
	}
	return nil
}

func (e *encoder) list(v []any) error {
	if v == nil {
		e.buf = append(e.buf, "null"...)
		return nil
	}
	if err := e.enter(); err != nil {
		return err
	}
	e.buf = append(e.buf, '[')
	for i, item := range v {
		if i > 0 {
			e.buf = append(e.buf, ',')
		}
		if err := e.any(item); err != nil {
			return at(strconv.Itoa(i), err)
		}
	}
	e.buf = append(e.buf, ']')
	e.depth--
	return nil
}

func (e *encoder) dict(v map[string]any) error {
	if v == nil {
		e.buf = append(e.buf, "null"...)
		return nil
	}
	if err := e.enter(); err != nil {
		return err
	}
	e.buf = append(e.buf, '{')
	for i, key := range sortedKeys(v) {
		if i > 0 {
			e.buf = append(e.buf, ',')
		}
		e.buf = appendString(e.buf, key, true)
		e.buf = append(e.buf, ':')
		if err := e.any(v[key]); err != nil {
			return at(key, err)
		}
	}
	e.buf = append(e.buf, '}')
	e.depth--
	return nil
}

func sortedKeys(m map[string]any) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

// valueError is an encoding error with the path to the value.
type valueError struct {
	path []string // innermost first
	err  error
}

func (e *valueError) Error() string {
	path := slices.Clone(e.path)
	slices.Reverse(path)
	return "encode " + strings.Join(path, ".") + ": " + e.err.Error()
}

func (e *valueError) Unwrap() error { return e.err }

// at adds the place of a value to the error of encoding it.
func at(place string, err error) error {
	if ve, ok := err.(*valueError); ok {
		ve.path = append(ve.path, place)
		return ve
	}
	return &valueError{path: []string{place}, err: err}
}

var (
	componentType     = reflect.TypeFor[Component]()
	marshalerType     = reflect.TypeFor[json.Marshaler]()
	textMarshalerType = reflect.TypeFor[encoding.TextMarshaler]()
	timeType          = reflect.TypeFor[time.Time]()
	idType            = reflect.TypeFor[ID]()
	elementType       = reflect.TypeFor[Element]()
	numberType        = reflect.TypeFor[json.Number]()
	patchType         = reflect.TypeFor[*Patch]()
	figureType        = reflect.TypeFor[Figure]()
)

// value encodes by reflection.
func (e *encoder) value(v reflect.Value) error {
	if !v.IsValid() {
		e.buf = append(e.buf, "null"...)
		return nil
	}
	t := v.Type()
	kind := t.Kind()
	if (kind == reflect.Pointer || kind == reflect.Interface || kind == reflect.Map || kind == reflect.Slice) && v.IsNil() {
		e.buf = append(e.buf, "null"...)
		return nil
	}
	if !v.CanInterface() { // an embedded struct that is not exported, or a pointer to it: its methods cannot be called
		return e.structure(reflect.Indirect(v))
	}
	switch t {
	case timeType:
		e.buf = appendTime(e.buf, v.Interface().(time.Time))
		return nil
	case idType:
		e.buf = appendID(e.buf, ID(v.String()))
		return nil
	case numberType:
		return e.marshaler(v)
	case patchType, patchType.Elem(), reflect.TypeFor[PatchAt](), reflect.TypeFor[PatchValue](), figureType:
		return e.any(v.Interface())
	}
	if kind == reflect.Struct && t.Implements(componentType) {
		return e.component(v)
	}
	if !isComponentPointer(t) {
		m := marshaling(v)
		switch mt := m.Type(); {
		case mt.Implements(marshalerType):
			return e.marshaler(m)
		case mt.Implements(textMarshalerType):
			text, err := m.Interface().(encoding.TextMarshaler).MarshalText()
			if err != nil {
				return err
			}
			e.buf = appendString(e.buf, string(text), true)
			return nil
		}
	}
	switch kind {
	case reflect.String:
		e.buf = appendString(e.buf, v.String(), true)
	case reflect.Bool:
		e.buf = strconv.AppendBool(e.buf, v.Bool())
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		e.buf = strconv.AppendInt(e.buf, v.Int(), 10)
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		e.buf = strconv.AppendUint(e.buf, v.Uint(), 10)
	case reflect.Float32:
		e.buf = appendFloat(e.buf, v.Float(), 32)
	case reflect.Float64:
		e.buf = appendFloat(e.buf, v.Float(), 64)
	case reflect.Pointer, reflect.Interface:
		if err := e.enter(); err != nil {
			return err
		}
		err := e.value(v.Elem())
		e.depth--
		return err
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 && !marshals(reflect.PointerTo(t.Elem())) {
			e.buf = append(e.buf, '"')
			e.buf = base64.StdEncoding.AppendEncode(e.buf, v.Bytes())
			e.buf = append(e.buf, '"')
			return nil
		}
		return e.sequence(v)
	case reflect.Array:
		return e.sequence(v)
	case reflect.Map:
		return e.mapping(v)
	case reflect.Struct:
		return e.structure(v)
	default:
		return fmt.Errorf("a %s has no JSON form", t)
	}
	return nil
}

// marshaling returns v, or its address when it has one: the methods of a pointer
// include those of the value.
func marshaling(v reflect.Value) reflect.Value {
	if v.CanAddr() && v.Kind() != reflect.Pointer && v.Kind() != reflect.Interface {
		return v.Addr()
	}
	return v
}

// marshals reports whether a type writes itself.
func marshals(t reflect.Type) bool {
	return t.Implements(marshalerType) || t.Implements(textMarshalerType)
}

func isComponentPointer(t reflect.Type) bool {
	return t.Kind() == reflect.Pointer && t.Elem().Kind() == reflect.Struct && t.Elem().Implements(componentType)
}

// marshaler takes the JSON that a type makes of itself. It is written again so
// that the rules of this file hold for it too.
func (e *encoder) marshaler(v reflect.Value) error {
	var text []byte
	var err error
	if n, ok := v.Interface().(json.Number); ok {
		text = []byte(n)
		if n == "" {
			text = []byte("0")
		}
	} else if text, err = v.Interface().(json.Marshaler).MarshalJSON(); err != nil {
		return err
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, text); err != nil {
		return fmt.Errorf("%s made invalid JSON: %w", v.Type(), err)
	}
	e.buf = appendSafe(e.buf, compact.Bytes())
	return nil
}

func (e *encoder) sequence(v reflect.Value) error {
	if err := e.enter(); err != nil {
		return err
	}
	e.buf = append(e.buf, '[')
	for i := range v.Len() {
		if i > 0 {
			e.buf = append(e.buf, ',')
		}
		if err := e.value(v.Index(i)); err != nil {
			return at(strconv.Itoa(i), err)
		}
	}
	e.buf = append(e.buf, ']')
	e.depth--
	return nil
}

func (e *encoder) mapping(v reflect.Value) error {
	if err := e.enter(); err != nil {
		return err
	}
	type member struct {
		key   string
		value reflect.Value
	}
	members := make([]member, 0, v.Len())
	for iter := v.MapRange(); iter.Next(); {
		key, err := mapKey(iter.Key())
		if err != nil {
			return err
		}
		members = append(members, member{key, iter.Value()})
	}
	slices.SortFunc(members, func(a, b member) int { return strings.Compare(a.key, b.key) })
	e.buf = append(e.buf, '{')
	for i, m := range members {
		if i > 0 {
			e.buf = append(e.buf, ',')
		}
		e.buf = appendString(e.buf, m.key, true)
		e.buf = append(e.buf, ':')
		if err := e.value(m.value); err != nil {
			return at(m.key, err)
		}
	}
	e.buf = append(e.buf, '}')
	e.depth--
	return nil
}

func mapKey(k reflect.Value) (string, error) {
	if k.Kind() == reflect.String {
		return k.String(), nil
	}
	if k.Type().Implements(textMarshalerType) {
		text, err := k.Interface().(encoding.TextMarshaler).MarshalText()
		return string(text), err
	}
	switch {
	case k.CanInt():
		return strconv.FormatInt(k.Int(), 10), nil
	case k.CanUint():
		return strconv.FormatUint(k.Uint(), 10), nil
	}
	return "", fmt.Errorf("a map with keys of type %s has no JSON form", k.Type())
}

// appendID appends an ID as the renderer wants it in a layout: a string, or an object.
func appendID(b []byte, id ID) []byte {
	if !id.IsKey() {
		return appendString(b, string(id), true)
	}
	if strings.IndexByte(string(id), '<') < 0 {
		return append(b, id...)
	}
	return appendSafe(b, []byte(id))
}

// appendFloat appends f as encoding/json does, and null for what JSON lacks.
func appendFloat(b []byte, f float64, bits int) []byte {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return append(b, "null"...)
	}
	format := byte('f')
	if abs := math.Abs(f); abs != 0 {
		if bits == 64 && (abs < 1e-6 || abs >= 1e21) || bits == 32 && (float32(abs) < 1e-6 || float32(abs) >= 1e21) {
			format = 'e'
		}
	}
	b = strconv.AppendFloat(b, f, format, -1, bits)
	if n := len(b); format == 'e' && b[n-4] == 'e' && b[n-2] == '0' { // 1e-7, not 1e-07
		b = append(b[:n-2], b[n-1])
	}
	return b
}

// appendTime appends t as Python's datetime.isoformat does: microseconds only
// when there are any, and the offset always.
func appendTime(b []byte, t time.Time) []byte {
	layout := `"2006-01-02T15:04:05-07:00"`
	if t.Nanosecond()/1000 != 0 {
		layout = `"2006-01-02T15:04:05.000000-07:00"`
	}
	return t.AppendFormat(b, layout)
}

const hexDigits = "0123456789abcdef"

// appendString appends s as a JSON string. Invalid UTF-8 becomes U+FFFD. With
// html, "<" is escaped.
func appendString(b []byte, s string, html bool) []byte {
	b = append(b, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= utf8.RuneSelf {
			r, size := utf8.DecodeRuneInString(s[i:])
			if r == utf8.RuneError && size == 1 {
				b = append(b, s[start:i]...)
				b = append(b, "\ufffd"...)
				i++
				start = i
				continue
			}
			i += size
			continue
		}
		if c >= ' ' && c != '"' && c != '\\' && (c != '<' || !html) {
			i++
			continue
		}
		b = append(b, s[start:i]...)
		switch c {
		case '"', '\\':
			b = append(b, '\\', c)
		case '\n':
			b = append(b, '\\', 'n')
		case '\r':
			b = append(b, '\\', 'r')
		case '\t':
			b = append(b, '\\', 't')
		default:
			b = append(b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		}
		i++
		start = i
	}
	b = append(b, s[start:]...)
	return append(b, '"')
}
