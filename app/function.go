package app

import (
	"encoding"
	"encoding/json"
	"fmt"
	"reflect"
	"strconv"
	"strings"
)

// This file checks the signature of a callback's function once, when the app
// is built, and prepares what a call needs.

var (
	contextType = reflect.TypeFor[*Context]()
	errorType   = reflect.TypeFor[error]()
	anyType     = reflect.TypeFor[any]()
	matcherType = reflect.TypeFor[matcher]()
	rawType     = reflect.TypeFor[json.RawMessage]()
)

// function is a checked function.
type function struct {
	value   reflect.Value
	context bool           // the first parameter is *Context
	params  []reflect.Type // the others
	args    []slot         // for each Input and State: where it goes
	results []slot         // for each Output: where it comes from
	err     int            // index of the error among the results, or -1
}

// slot is a parameter or result, or a field of it.
type slot struct {
	number int   // of the parameter or result
	field  []int // of a tagged struct; nil for the whole
	many   bool  // a slice of what a wildcard stands for
}

func newInvoker(fn any, args, outputs []Dependency) (invoker, []string) {
	f := &function{value: reflect.ValueOf(fn), err: -1}
	t := f.value.Type()
	var problems []string
	if t.IsVariadic() {
		return nil, []string{"the function is variadic; give it one parameter for each Input and State"}
	}

	for i := range t.NumIn() {
		if i == 0 && t.In(0) == contextType {
			f.context = true
			continue
		}
		f.params = append(f.params, t.In(i))
	}
	results := make([]reflect.Type, 0, t.NumOut())
	for i := range t.NumOut() {
		if t.Out(i) == errorType && i == t.NumOut()-1 {
			f.err = i
			continue
		}
		results = append(results, t.Out(i))
	}

	var wrong []string
	f.args, wrong = slots(f.params, args, "takes", "parameter", "Inputs and States")
	problems = append(problems, wrong...)
	f.results, wrong = slots(results, outputs, "returns", "result", "Outputs")
	problems = append(problems, wrong...)
	if len(problems) > 0 {
		return nil, problems
	}
	return f.invoke, nil
}

// takesContext reports whether a function's first parameter is *Context.
func takesContext(fn any) bool {
	t := reflect.TypeOf(fn)
	return t.NumIn() > 0 && t.In(0) == contextType
}

// slots assigns each dependency its parameter or result.
func slots(types []reflect.Type, dependencies []Dependency, verb, noun, plural string) ([]slot, []string) {
	if len(types) == 1 && isTagged(types[0]) {
		return fieldSlots(types[0], dependencies)
	}
	if len(types) != len(dependencies) {
		return nil, []string{fmt.Sprintf("the function %s %s, but there are %d %s",
			verb, counted(len(types), "value"), len(dependencies), plural)}
	}
	var problems []string
	s := make([]slot, len(types))
	for i, t := range types {
		s[i] = slot{number: i, many: dependencies[i].many()}
		if problem := checkSlot(t, dependencies[i]); problem != "" {
			problems = append(problems, fmt.Sprintf("%s %d (%s), for %v %v, %s", noun, i+1, t, dependencies[i].role, dependencies[i], problem))
		}
	}
	return s, problems
}

// checkSlot returns what is wrong with a type for a dependency, or "".
func checkSlot(t reflect.Type, d Dependency) string {
	switch {
	case d.many() && t != anyType && t.Kind() != reflect.Slice:
		return fmt.Sprintf("must be a slice: the wildcard stands for many; use []%s", t)
	case d.role == output:
		return checkEncodable(t)
	}
	element := t
	if d.many() && t.Kind() == reflect.Slice && t != rawType {
		element = t.Elem()
	}
	if reflect.PointerTo(element).Implements(matcherType) {
		if d.pattern == nil {
			return "is a Match, but the ID has no keys; use the value's type"
		}
		return ""
	}
	switch element.Kind() {
	case reflect.Func, reflect.Chan, reflect.Complex64, reflect.Complex128, reflect.UnsafePointer:
		return "cannot hold a JSON value"
	case reflect.Interface:
		if element.NumMethod() > 0 {
			return "is an interface, into which JSON cannot be decoded; use any or the type itself"
		}
	}
	return ""
}

func checkEncodable(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Func, reflect.Chan, reflect.Complex64, reflect.Complex128, reflect.UnsafePointer:
		return "has no JSON form"
	}
	if t.Implements(errorType) && t != anyType {
		return "is an error; only the last result can be one"
	}
	return ""
}

func isTagged(t reflect.Type) bool {
	if t.Kind() != reflect.Struct {
		return false
	}
	for i := range t.NumField() {
		if _, ok := t.Field(i).Tag.Lookup("dash"); ok {
			return true
		}
		if isTagged(t.Field(i).Type) {
			return true
		}
	}
	return false
}

// fieldSlots assigns each dependency the field that names it. Structs inside
// the struct are groups.
func fieldSlots(t reflect.Type, dependencies []Dependency) ([]slot, []string) {
	var problems []string
	s := make([]slot, len(dependencies))
	taken := make([]bool, len(dependencies))
	var walk func(t reflect.Type, index []int)
	walk = func(t reflect.Type, index []int) {
		for i := range t.NumField() {
			f := t.Field(i)
			at := append(append([]int(nil), index...), i)
			tag, ok := f.Tag.Lookup("dash")
			switch {
			case !ok && isTagged(f.Type):
				if !f.IsExported() && !f.Anonymous {
					problems = append(problems, fmt.Sprintf("field %s with tagged fields is not exported", f.Name))
				}
				walk(f.Type, at)
				continue
			case !ok:
				continue
			case !f.IsExported():
				problems = append(problems, fmt.Sprintf("field %s with the tag dash:%q is not exported", f.Name, tag))
				continue
			}
			found := false
			for n, d := range dependencies {
				if taken[n] || d.tag() != tag {
					continue
				}
				found, taken[n] = true, true
				s[n] = slot{field: at, many: d.many()}
				if problem := checkSlot(f.Type, d); problem != "" {
					problems = append(problems, fmt.Sprintf("field %s (%s), for %v %v, %s", f.Name, f.Type, d.role, d, problem))
				}
				break
			}
			if !found {
				problems = append(problems, fmt.Sprintf("field %s has the tag dash:%q, which is none of the callback's properties", f.Name, tag))
			}
		}
	}
	walk(t, nil)
	for n, d := range dependencies {
		if !taken[n] {
			problems = append(problems, fmt.Sprintf("no field of %s has the tag dash:%q", t, d.tag()))
		}
	}
	return s, problems
}

func counted(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return strconv.Itoa(n) + " " + noun + "s"
}

// invoke decodes the arguments, calls the function and collects the outputs.
func (f *function) invoke(ctx *Context, args []argument) ([]any, error) {
	in := make([]reflect.Value, 0, len(f.params)+1)
	if f.context {
		in = append(in, reflect.ValueOf(ctx))
	}
	first := len(in)
	for _, t := range f.params {
		in = append(in, reflect.New(t).Elem())
	}
	for i, s := range f.args {
		dst := in[first+s.number]
		if s.field != nil {
			dst = dst.FieldByIndex(s.field)
		}
		if err := args[i].decode(dst); err != nil {
			return nil, err
		}
	}
	out := f.value.Call(in)
	if f.err >= 0 && !out[f.err].IsNil() {
		return nil, out[f.err].Interface().(error)
	}
	results := make([]any, len(f.results))
	for i, s := range f.results {
		v := out[s.number]
		if s.field != nil {
			v = v.FieldByIndex(s.field)
		}
		results[i] = v.Interface()
	}
	return results, nil
}

func invokeRaw(fn func(*Context, []json.RawMessage) ([]any, error)) invoker {
	return func(ctx *Context, args []argument) ([]any, error) {
		raw := make([]json.RawMessage, len(args))
		for i := range args {
			raw[i] = args[i].json()
		}
		return fn(ctx, raw)
	}
}

// decodeValue decodes one JSON value; nil and null give the zero value.
func decodeValue(raw []byte, dst reflect.Value) error {
	if len(raw) == 0 || string(raw) == "null" {
		dst.SetZero()
		return nil
	}
	switch dst.Kind() { // the frequent types, without encoding/json's machinery
	case reflect.String:
		if raw[0] == '"' && simpleString(raw) && !decodesItself(dst.Type()) {
			dst.SetString(string(raw[1 : len(raw)-1]))
			return nil
		}
	case reflect.Int:
		if n, err := strconv.Atoi(string(raw)); err == nil && dst.Type() == intType {
			dst.SetInt(int64(n))
			return nil
		}
	}
	if err := json.Unmarshal(raw, dst.Addr().Interface()); err != nil {
		return fmt.Errorf("%s does not fit %s", kindOfJSON(raw), dst.Type())
	}
	return nil
}

var (
	unmarshalerType     = reflect.TypeFor[json.Unmarshaler]()
	textUnmarshalerType = reflect.TypeFor[encoding.TextUnmarshaler]()
	stringType          = reflect.TypeFor[string]()
	intType             = reflect.TypeFor[int]()
)

// decodesItself reports whether a string type has a say in what it holds.
func decodesItself(t reflect.Type) bool {
	if t == stringType {
		return false
	}
	pointer := reflect.PointerTo(t)
	return t == numberType || pointer.Implements(unmarshalerType) || pointer.Implements(textUnmarshalerType)
}

// simpleString reports whether a valid JSON string is ASCII without escapes.
func simpleString(raw []byte) bool {
	for _, c := range raw {
		if c == '\\' || c >= 0x80 {
			return false
		}
	}
	return true
}

// kindOfJSON names a JSON value without saying it: visitors' values stay out
// of messages and logs.
func kindOfJSON(raw []byte) string {
	switch raw[0] {
	case '"':
		return "a string"
	case '{':
		return "an object"
	case '[':
		return "an array"
	case 't', 'f':
		return "a boolean"
	}
	if strings.ContainsAny(string(raw), ".eE") {
		return "a number with a fraction or exponent"
	}
	return "a number"
}
