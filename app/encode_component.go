package app

import (
	"reflect"
	"slices"
	"strings"
	"sync"
)

// How components are encoded: by the prop tags of their structs.

// component encodes one component; v is a struct.
func (e *encoder) component(v reflect.Value) error {
	if v.Type() == elementType {
		return e.element(v.Interface().(Element))
	}
	plan := componentPlanOf(v.Type())
	suite, name := plan.identity(v)
	var overrides Props
	if plan.props >= 0 {
		overrides, _ = v.Field(plan.props).Interface().(Props)
	}
	var id ID
	if e.seen != nil || e.index != nil {
		id = plan.id(v)
		if _, overridden := overrides["id"]; overridden {
			id = overrides.id()
		}
	}
	if e.seen != nil {
		if err := e.seen(v.Interface().(Component), plan, id); err != nil {
			return err
		}
	}
	if err := e.enter(); err != nil {
		return err
	}
	e.use(suite)
	mark := e.mark()
	first := true
	e.buf = append(e.buf, `{"props":{`...)
	for i := range plan.fields {
		f := &plan.fields[i]
		fv := v.Field(f.index)
		if len(overrides) > 0 {
			if _, ok := overrides[f.name]; ok {
				continue
			}
		}
		if f.name != "children" && fv.IsZero() {
			continue
		}
		if !first {
			e.buf = append(e.buf, ',')
		}
		first = false
		e.buf = append(e.buf, f.key...)
		start := len(e.buf)
		if fv.Kind() == reflect.Interface {
			if err := e.any(fv.Interface()); err != nil {
				return at(name+"."+f.name, err)
			}
		} else if err := e.value(fv); err != nil {
			return at(name+"."+f.name, err)
		}
		if e.index != nil {
			e.index.note(f.name, start, len(e.buf))
		}
	}
	if err := e.overrides(overrides, first, name); err != nil {
		return err
	}
	if e.bus != nil {
		e.grantTo(v.Interface().(Component), overrides, !first || len(overrides) > 0)
	}
	e.close(name, suite.Namespace, id, mark)
	return nil
}

func (e *encoder) element(el Element) error {
	var id ID
	if e.seen != nil || e.index != nil {
		id = el.Props.id()
	}
	if e.seen != nil {
		if err := e.seen(el, nil, id); err != nil {
			return err
		}
	}
	if err := e.enter(); err != nil {
		return err
	}
	e.useNamespace(el.Namespace)
	mark := e.mark()
	e.buf = append(e.buf, `{"props":{`...)
	if err := e.overrides(el.Props, true, el.Type); err != nil {
		return err
	}
	if e.bus != nil {
		e.grantTo(el, nil, len(el.Props) > 0)
	}
	e.close(el.Type, el.Namespace, id, mark)
	return nil
}

func (e *encoder) overrides(props Props, first bool, component string) error {
	if len(props) == 0 {
		return nil
	}
	for _, key := range sortedKeys(props) {
		if !first {
			e.buf = append(e.buf, ',')
		}
		first = false
		e.buf = appendString(e.buf, key, true)
		e.buf = append(e.buf, ':')
		start := len(e.buf)
		if err := e.any(props[key]); err != nil {
			return at(component+"."+key, err)
		}
		if e.index != nil {
			e.index.note(key, start, len(e.buf))
		}
	}
	return nil
}

// id returns the ID among properties, or "".
func (p Props) id() ID {
	switch id := p["id"].(type) {
	case nil:
		return ""
	case ID:
		return id
	case string:
		return ID(id)
	default: // an object, as JSON is decoded
		var decoded ID
		if text, err := appendJSON(nil, id); err != nil || decoded.UnmarshalJSON(text) != nil {
			return ""
		}
		return decoded
	}
}

// mark returns where the properties of a component begin among those that the
// index notes.
func (e *encoder) mark() int {
	if e.index == nil {
		return 0
	}
	return len(e.index.open)
}

func (e *encoder) close(name, namespace string, id ID, mark int) {
	if e.index != nil {
		e.index.close(id, mark, len(e.buf))
	}
	e.buf = append(e.buf, `},"type":`...)
	e.buf = appendString(e.buf, name, true)
	e.buf = append(e.buf, `,"namespace":`...)
	e.buf = appendString(e.buf, namespace, true)
	e.buf = append(e.buf, '}')
	e.depth--
}

func (e *encoder) use(s *Suite) {
	if !slices.Contains(e.suites, s) {
		e.suites = append(e.suites, s)
	}
}

func (e *encoder) useNamespace(namespace string) {
	if !slices.ContainsFunc(e.suites, func(s *Suite) bool { return s.Namespace == namespace }) {
		e.suites = append(e.suites, &Suite{Namespace: namespace})
	}
}

// componentPlan is what the tags of a component's struct say.
type componentPlan struct {
	fields  []propField
	props   int      // index of the field Props, or -1
	idField int      // index of the field ID, or -1
	others  []string // what Props may hold besides: a name, or with "*" its beginning
}

// propField is one property: `prop:"name[,number][,required]"`.
type propField struct {
	name     string
	key      []byte // `"name":`
	index    int
	number   bool
	required bool
}

var componentPlans sync.Map // reflect.Type -> *componentPlan

func componentPlanOf(t reflect.Type) *componentPlan {
	if plan, ok := componentPlans.Load(t); ok {
		return plan.(*componentPlan)
	}
	plan := &componentPlan{props: -1, idField: -1}
	for i := range t.NumField() {
		f := t.Field(i)
		tag, ok := f.Tag.Lookup("prop")
		if f.Name == "Props" && f.Type == reflect.TypeFor[Props]() {
			plan.props = i
			if ok {
				plan.others = strings.Split(tag, ",")
			}
			continue
		}
		if !ok || !f.IsExported() {
			continue
		}
		name, options, _ := strings.Cut(tag, ",")
		if f.Type == idType && name == "id" {
			plan.idField = i
		}
		plan.fields = append(plan.fields, propField{
			name:     name,
			key:      append(appendString(nil, name, true), ':'),
			index:    i,
			number:   hasOption(options, "number"),
			required: hasOption(options, "required"),
		})
	}
	stored, _ := componentPlans.LoadOrStore(t, plan)
	return stored.(*componentPlan)
}

func (p *componentPlan) identity(v reflect.Value) (*Suite, string) {
	return v.Interface().(Component).DashComponent()
}

func (p *componentPlan) id(v reflect.Value) ID {
	if p.idField < 0 {
		return ""
	}
	return ID(v.Field(p.idField).String())
}

// knows reports whether the component has the property.
func (p *componentPlan) knows(property string) bool {
	for i := range p.fields {
		if p.fields[i].name == property {
			return true
		}
	}
	for _, other := range p.others {
		beginning, wildcard := strings.CutSuffix(other, "*")
		if property == other || wildcard && strings.HasPrefix(property, beginning) && len(property) > len(beginning) {
			return true
		}
	}
	return false
}
