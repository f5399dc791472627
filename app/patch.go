package app

import (
	"fmt"
	"reflect"
)

// Patch changes parts of a property and leaves the rest as the page has it:
// Dash's partial update. A callback returns one in place of the property's
// value, or gives one to [Context.SetProps].
//
//	app.NewPatch().
//		At("data", 0, "y").Append(3.5).
//		At("layout", "title", "text").Assign("Now")
//
// The operations run in order. At names a place from the root of the property:
// keys are strings, indices integers, and a negative index counts from the
// end. What is not there cannot be patched: the page reports it.
type Patch struct {
	PatchAt
	operations []patchOperation
}

// PatchAt is a place in a [Patch]. Its operations return the Patch.
type PatchAt struct {
	patch    *Patch
	location []any
}

// PatchValue is a place in a [Patch] below the root: what can be replaced or
// deleted.
type PatchValue struct{ PatchAt }

type patchOperation struct {
	Operation string `json:"operation"`
	Location  []any  `json:"location"`
	Params    Dict   `json:"params"`
}

// NewPatch returns a Patch that changes nothing yet. Its own operations are on
// the whole property, such as the children of a Div.
func NewPatch() *Patch {
	p := &Patch{operations: []patchOperation{}}
	p.PatchAt = PatchAt{patch: p, location: []any{}}
	return p
}

// At returns a place: a key or index, and those below it.
func (p *Patch) At(first any, rest ...any) PatchValue {
	return PatchValue{PatchAt{patch: p, location: append([]any{first}, rest...)}}
}

func (p PatchAt) add(operation string, params Dict) *Patch {
	p.patch.operations = append(p.patch.operations, patchOperation{operation, p.location, params})
	return p.patch
}

// Assign replaces the value, or adds the key.
func (p PatchValue) Assign(value any) *Patch { return p.add("Assign", Dict{"value": value}) }

// Delete removes the key or the element.
func (p PatchValue) Delete() *Patch { return p.add("Delete", Dict{}) }

// Merge adds the members of a dictionary and replaces those of the same keys.
func (p PatchAt) Merge(members Dict) *Patch { return p.add("Merge", Dict{"value": members}) }

// Append adds an element at the end of a list.
func (p PatchAt) Append(value any) *Patch { return p.add("Append", Dict{"value": value}) }

// Prepend adds an element at the beginning of a list.
func (p PatchAt) Prepend(value any) *Patch { return p.add("Prepend", Dict{"value": value}) }

// Insert adds an element before the one with the index.
func (p PatchAt) Insert(index int, value any) *Patch {
	return p.add("Insert", Dict{"value": value, "index": index})
}

// Extend adds elements at the end of a list.
func (p PatchAt) Extend(values ...any) *Patch {
	return p.add("Extend", Dict{"value": append(List{}, values...)})
}

// Remove removes all elements that equal value.
func (p PatchAt) Remove(value any) *Patch { return p.add("Remove", Dict{"value": value}) }

// Clear empties a list or dictionary.
func (p PatchAt) Clear() *Patch { return p.add("Clear", Dict{}) }

// Reverse turns a list around.
func (p PatchAt) Reverse() *Patch { return p.add("Reverse", Dict{}) }

// Add adds to a number.
func (p PatchAt) Add(n Number) *Patch { return p.add("Add", Dict{"value": n}) }

// Sub subtracts from a number.
func (p PatchAt) Sub(n Number) *Patch { return p.add("Sub", Dict{"value": n}) }

// Mul multiplies a number.
func (p PatchAt) Mul(n Number) *Patch { return p.add("Mul", Dict{"value": n}) }

// Div divides a number.
func (p PatchAt) Div(n Number) *Patch { return p.add("Div", Dict{"value": n}) }

// patch encodes a Patch: section 5.5 of Dash's protocol.
func (e *encoder) patch(p *Patch) error {
	e.buf = append(e.buf, `{"__dash_patch_update":"__dash_patch_update","operations":[`...)
	for i, o := range p.operations {
		for _, place := range o.Location {
			switch place.(type) {
			case string, int:
			default:
				return fmt.Errorf("patch: %s at %v: a place is a string or an int, not a %T", o.Operation, o.Location, place)
			}
		}
		switch value := reflect.ValueOf(o.Params["value"]); o.Operation {
		case "Add", "Sub", "Mul", "Div":
			if !value.IsValid() || !isNumber(value) {
				return fmt.Errorf("patch: %s at %v needs a number, not a %T", o.Operation, o.Location, o.Params["value"])
			}
		}
		if i > 0 {
			e.buf = append(e.buf, ',')
		}
		e.buf = append(e.buf, `{"operation":`...)
		e.buf = appendString(e.buf, o.Operation, true)
		e.buf = append(e.buf, `,"location":`...)
		if err := e.list(o.Location); err != nil {
			return at("patch", err)
		}
		e.buf = append(e.buf, `,"params":`...)
		if err := e.dict(o.Params); err != nil {
			return at("patch", err)
		}
		e.buf = append(e.buf, '}')
	}
	e.buf = append(e.buf, ']', '}')
	return nil
}
