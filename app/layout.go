package app

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"runtime/debug"
	"slices"
)

// DashComponent makes a List a layout of its own: several components side by
// side. It belongs to no suite.
func (List) DashComponent() (*Suite, string) { return nil, "" }

// LayoutJSON answers _dash-layout: the JSON of the layout for this visitor,
// under the saved state of the instance and under the initial arguments. Each
// replaces or adds properties of components, whatever the others of the
// component have. call may be nil in tests. The caller does not change the
// bytes.
func (a *App) LayoutJSON(ctx context.Context, call *Call) ([]byte, error) {
	b, err := a.ready()
	if err != nil {
		return nil, err
	}
	var saved, initial BaseState
	var bus Bus
	if call != nil {
		initial, bus = call.Initial, call.Bus
		if call.Instance != nil {
			saved = call.Instance.State()
		}
	}
	if a.LayoutFunc == nil {
		return b.index.overlay(b.layout, saved, initial, bus), nil
	}
	visit := newContext(ctx, call)
	if call != nil && call.Instance != nil {
		visit.instance = &InstanceState{saved: snapshot{call.Instance, saved}}
	}
	layout, err := a.callLayout(visit)
	if visit.instance.end() {
		saved = visit.instance.State()
	}
	if err != nil {
		return nil, fmt.Errorf("make the layout: %w", err)
	}
	if len(saved) == 0 && len(initial) == 0 {
		e := encoder{bus: bus}
		if err := e.any(layout); err != nil {
			return nil, fmt.Errorf("encode the layout: %w", err)
		}
		return e.buf, nil
	}
	text, index, err := encodeLayout(layout, bus)
	if err != nil {
		return nil, err
	}
	return index.overlay(text, saved, initial, bus), nil
}

// snapshot is an instance with its state at one moment.
type snapshot struct {
	Saved
	state BaseState
}

func (s snapshot) State() BaseState { return s.state }

func (s snapshot) Tracks(id ID, property string) (json.RawMessage, bool) {
	return s.state.Value(id, property)
}

// encodeLayout encodes a layout with its index.
func encodeLayout(layout Component, bus Bus) ([]byte, *layoutIndex, error) {
	e := encoder{index: &layoutIndex{}, bus: bus}
	if err := e.any(layout); err != nil {
		return nil, nil, fmt.Errorf("encode the layout: %w", err)
	}
	return e.buf, e.index, nil
}

func (a *App) callLayout(ctx *Context) (layout Component, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &PanicError{Value: p, Stack: debug.Stack()}
		}
	}()
	return a.LayoutFunc(ctx)
}

// ValidationLayoutJSON returns the validation_layout of _dash-config: all that
// the renderer must know of a layout that each visitor has his own of. It is
// nil when the layout itself tells.
func (a *App) ValidationLayoutJSON() ([]byte, error) {
	b, err := a.ready()
	if err != nil || a.SuppressCallbackExceptions || (a.LayoutFunc == nil && a.ValidationLayout == nil) {
		return nil, err
	}
	return b.validation, nil
}

// node is what has an ID in a layout: a component, or in a ValidationLayout
// several, of different pages.
type node struct {
	name  string           // of the last one's type
	plans []*componentPlan // nil for an Element
}

// knows reports whether one of the components has the property.
func (n node) knows(property string) bool {
	return slices.ContainsFunc(n.plans, func(p *componentPlan) bool { return p == nil || p.knows(property) })
}

// suggest is that of the last component, when the node does not know property.
func (n node) suggest(property string) string {
	return n.plans[len(n.plans)-1].suggest(property)
}

// tree is what the checks know of a layout.
type tree struct {
	json     []byte
	index    *layoutIndex
	suites   []*Suite
	nodes    map[ID]node
	doubled  []ID           // that several components have
	patterns map[ID]pattern // the dictionary IDs among the nodes
	routes   bool           // has a dcc.Location
	graphs   bool           // has a dcc.Graph
	channels []string       // that its Pipes hear
	problems []string
}

// readLayout encodes a layout and notes what the checks need.
func readLayout(layout Component) *tree {
	t := &tree{index: &layoutIndex{}, nodes: map[ID]node{}, patterns: map[ID]pattern{}}
	e := encoder{index: t.index}
	e.seen = func(c Component, plan *componentPlan, id ID) error {
		suite, name := c.DashComponent()
		if suite == nil {
			return fmt.Errorf("%T belongs to no suite", c)
		}
		if channel := channelOf(c, overridesOf(c, plan)); channel != "" && !slices.Contains(t.channels, channel) {
			t.channels = append(t.channels, channel)
		}
		if suite.Namespace == "dash_core_components" {
			t.routes = t.routes || name == "Location"
			t.graphs = t.graphs || name == "Graph"
		}
		label := name
		if id != "" {
			label = fmt.Sprintf("%s %q", name, string(id))
		}
		if plan != nil {
			t.problems = append(t.problems, checkProps(c, plan, label)...)
		}
		if id == "" {
			return nil
		}
		if err := id.check(); err != nil {
			t.problems = append(t.problems, fmt.Sprintf("component %s: %v", name, err))
			return nil
		}
		if id.IsKey() {
			p, _ := parsePattern(id)
			t.patterns[id] = p
			if p.has(MATCH) || p.many() {
				t.problems = append(t.problems, fmt.Sprintf("component %s has a wildcard in its ID; wildcards are for callbacks", label))
			}
		}
		plans := t.nodes[id].plans
		if len(plans) > 0 {
			t.doubled = append(t.doubled, id)
		}
		t.nodes[id] = node{name, append(plans, plan)}
		return nil
	}
	if err := e.any(layout); err != nil {
		t.problems = append(t.problems, "layout: "+err.Error())
	}
	t.json, t.suites = e.buf, e.suites
	return t
}

// checkProps checks what the compiler cannot: numbers, required properties and
// the names in Props.
func checkProps(c Component, plan *componentPlan, label string) (problems []string) {
	v := reflect.Indirect(reflect.ValueOf(c))
	overrides := overridesOf(c, plan)
	for name := range overrides {
		if !plan.knows(name) {
			problems = append(problems, fmt.Sprintf("component %s has no property %q%s", label, name, plan.suggest(name)))
		}
	}
	for i := range plan.fields {
		f := &plan.fields[i]
		fv := v.Field(f.index)
		_, overridden := overrides[f.name]
		switch {
		case f.required && fv.IsZero() && !overridden:
			problems = append(problems, fmt.Sprintf("component %s needs the property %q", label, f.name))
		case f.number && !fv.IsZero() && !isNumber(fv.Elem()):
			problems = append(problems, fmt.Sprintf("component %s: property %q is a %s, not a number", label, f.name, fv.Elem().Type()))
		}
	}
	return problems
}

// overridesOf returns the Props of a component.
func overridesOf(c Component, plan *componentPlan) Props {
	if plan == nil || plan.props < 0 {
		return nil
	}
	overrides, _ := reflect.Indirect(reflect.ValueOf(c)).Field(plan.props).Interface().(Props)
	return overrides
}

func isNumber(v reflect.Value) bool {
	if v.Kind() == reflect.Pointer {
		return v.IsNil() || isNumber(v.Elem())
	}
	return v.CanInt() || v.CanUint() || v.CanFloat() || v.Type() == numberType
}
