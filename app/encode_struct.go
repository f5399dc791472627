package app

import (
	"reflect"
	"slices"
	"strings"
	"sync"
	"unicode"
)

// How ordinary structs are encoded: by the tags of encoding/json.

func (e *encoder) structure(v reflect.Value) error {
	if err := e.enter(); err != nil {
		return err
	}
	first := true
	e.buf = append(e.buf, '{')
	for _, f := range structPlan(v.Type()) {
		fv, ok := fieldByIndex(v, f.index)
		if !ok || f.omit(fv) {
			continue
		}
		if !first {
			e.buf = append(e.buf, ',')
		}
		first = false
		e.buf = append(e.buf, f.key...)
		if f.quotes(fv) {
			inner := encoder{depth: e.depth}
			if err := inner.value(fv); err != nil {
				return at(f.name, err)
			}
			e.buf = appendString(e.buf, string(inner.buf), true)
			continue
		}
		if err := e.value(fv); err != nil {
			return at(f.name, err)
		}
	}
	e.buf = append(e.buf, '}')
	e.depth--
	return nil
}

// fieldByIndex is reflect.Value.FieldByIndex that gives up on a nil embedded pointer.
func fieldByIndex(v reflect.Value, index []int) (reflect.Value, bool) {
	for i, n := range index {
		if i > 0 && v.Kind() == reflect.Pointer {
			if v.IsNil() {
				return v, false
			}
			v = v.Elem()
		}
		v = v.Field(n)
	}
	return v, true
}

// structField is a field of an ordinary struct as encoding/json's tags describe it.
type structField struct {
	name      string
	tagged    bool   // with the name
	key       []byte // `"name":`
	index     []int
	omitEmpty bool
	omitZero  bool
	quoted    bool
}

func (f *structField) omit(v reflect.Value) bool {
	if f.omitZero && isZero(v) {
		return true
	}
	if !f.omitEmpty {
		return false
	}
	switch v.Kind() {
	case reflect.Array, reflect.Map, reflect.Slice, reflect.String:
		return v.Len() == 0
	case reflect.Struct:
		return false
	default:
		return v.IsZero()
	}
}

// quotes reports whether the option "string" is for a value: not for null, nor
// for what writes itself.
func (f *structField) quotes(v reflect.Value) bool {
	return f.quoted && !(v.Kind() == reflect.Pointer && v.IsNil()) && !marshals(marshaling(v).Type())
}

// zeroer has its own mind about what its zero value is.
type zeroer interface{ IsZero() bool }

var zeroerType = reflect.TypeFor[zeroer]()

func isZero(v reflect.Value) bool {
	t, kind := v.Type(), v.Kind()
	switch {
	case !v.CanInterface(), (kind == reflect.Pointer || kind == reflect.Interface) && v.IsNil():
		return v.IsZero()
	case t.Implements(zeroerType):
		return v.Interface().(zeroer).IsZero()
	case reflect.PointerTo(t).Implements(zeroerType):
		p := reflect.New(t)
		p.Elem().Set(v)
		return p.Interface().(zeroer).IsZero()
	}
	return v.IsZero()
}

var structPlans sync.Map // reflect.Type -> []structField

func structPlan(t reflect.Type) []structField {
	if plan, ok := structPlans.Load(t); ok {
		return plan.([]structField)
	}
	plan := dominant(appendFields(nil, t, nil, nil))
	structPlans.Store(t, plan)
	return plan
}

// appendFields appends the fields of a struct, and those of the structs embedded
// in it, which are within other structs in turn.
func appendFields(plan []structField, t reflect.Type, index []int, within []reflect.Type) []structField {
	if slices.Contains(within, t) {
		return plan // it embeds itself: its fields are there already, less nested
	}
	within = append(within, t)
	for i := range t.NumField() {
		f := t.Field(i)
		ft := f.Type
		if ft.Name() == "" && ft.Kind() == reflect.Pointer {
			ft = ft.Elem()
		}
		embedded := f.Anonymous && ft.Kind() == reflect.Struct // exported or not
		tag := f.Tag.Get("json")
		if tag == "-" || !f.IsExported() && !embedded {
			continue
		}
		name, options, _ := strings.Cut(tag, ",")
		tagged := isJSONName(name)
		at := append(slices.Clone(index), i)
		switch {
		case embedded && !tagged:
			plan = appendFields(plan, ft, at, within)
			continue
		case !tagged:
			name = f.Name
		}
		plan = append(plan, structField{
			name:      name,
			tagged:    tagged,
			key:       append(appendString(nil, name, true), ':'),
			index:     at,
			omitEmpty: hasOption(options, "omitempty"),
			omitZero:  hasOption(options, "omitzero"),
			quoted:    hasOption(options, "string") && isQuotable(ft.Kind()),
		})
	}
	return plan
}

// isJSONName reports whether encoding/json takes the name in a tag.
func isJSONName(name string) bool {
	return name != "" && !strings.ContainsFunc(name, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("!#$%&()*+-./:;<=>?@[]^_{|}~ ", r)
	})
}

// isQuotable reports whether the option "string" is for a kind: that of strings,
// numbers and booleans.
func isQuotable(kind reflect.Kind) bool {
	return kind == reflect.String || kind >= reflect.Bool && kind <= reflect.Float64
}

// dominant keeps, of fields with one JSON name, the least nested; of several
// such the only tagged one, and else none.
func dominant(plan []structField) []structField {
	best := make(map[string]*structField, len(plan))
	count := make(map[string]int, len(plan)) // of fields as good as the best
	for i := range plan {
		f := &plan[i]
		switch b := best[f.name]; {
		case b == nil, len(f.index) < len(b.index), len(f.index) == len(b.index) && f.tagged && !b.tagged:
			best[f.name], count[f.name] = f, 1
		case len(f.index) == len(b.index) && f.tagged == b.tagged:
			count[f.name]++
		}
	}
	kept := make([]structField, 0, len(best))
	for i := range plan {
		if f := &plan[i]; best[f.name] == f && count[f.name] == 1 {
			kept = append(kept, *f)
		}
	}
	return kept
}

func hasOption(options, name string) bool {
	for options != "" {
		var option string
		option, options, _ = strings.Cut(options, ",")
		if option == name {
			return true
		}
	}
	return false
}
