package app

import (
	"reflect"
	"slices"
	"strings"
	"sync"
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
		if f.quoted {
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
	key       []byte // `"name":`
	index     []int
	omitEmpty bool
	omitZero  bool
	quoted    bool
}

func (f *structField) omit(v reflect.Value) bool {
	if f.omitZero {
		if z, ok := v.Interface().(interface{ IsZero() bool }); ok {
			return z.IsZero()
		}
		return v.IsZero()
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

var structPlans sync.Map // reflect.Type -> []structField

func structPlan(t reflect.Type) []structField {
	if plan, ok := structPlans.Load(t); ok {
		return plan.([]structField)
	}
	var plan []structField
	for _, f := range reflect.VisibleFields(t) {
		tag, tagged := f.Tag.Lookup("json")
		name, options, _ := strings.Cut(tag, ",")
		if tag == "-" {
			continue
		}
		if f.Anonymous && name == "" {
			ft := f.Type
			if ft.Kind() == reflect.Pointer {
				ft = ft.Elem()
			}
			if ft.Kind() == reflect.Struct && !(tagged && name != "") {
				continue // its fields are visible fields themselves
			}
		}
		if !f.IsExported() || hiddenBelow(t, f) {
			continue
		}
		if name == "" {
			name = f.Name
		}
		plan = append(plan, structField{
			name:      name,
			key:       append(appendString(nil, name, true), ':'),
			index:     f.Index,
			omitEmpty: hasOption(options, "omitempty"),
			omitZero:  hasOption(options, "omitzero"),
			quoted:    hasOption(options, "string"),
		})
	}
	plan = dominant(plan)
	structPlans.Store(t, plan)
	return plan
}

// hiddenBelow reports whether a promoted field lies in an embedded struct that
// has a JSON name of its own, or that the tag "-" leaves out.
func hiddenBelow(t reflect.Type, f reflect.StructField) bool {
	for _, n := range f.Index[:len(f.Index)-1] {
		if t.Kind() == reflect.Pointer {
			t = t.Elem()
		}
		outer := t.Field(n)
		if name, _, _ := strings.Cut(outer.Tag.Get("json"), ","); name != "" {
			return true
		}
		t = outer.Type
	}
	return false
}

// dominant keeps, of fields with one JSON name, the least nested.
func dominant(plan []structField) []structField {
	best := make(map[string]int, len(plan))
	for _, f := range plan {
		if depth, ok := best[f.name]; !ok || len(f.index) < depth {
			best[f.name] = len(f.index)
		}
	}
	return slices.DeleteFunc(plan, func(f structField) bool { return len(f.index) > best[f.name] })
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
