package apptest

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"dashd/app"
)

// Prop is a property of a component of the page: what [Set] and [Change] make.
type Prop struct {
	id       app.ID
	property string
	value    any
	changed  bool
}

// Set is a property that the page has when the callback is called. The value is
// sent as encoding/json writes it.
func Set(id app.ID, property string, value any) Prop {
	return Prop{id: id, property: property, value: value}
}

// Change is [Set] of an Input whose change is what calls the callback.
func Change(id app.ID, property string, value any) Prop {
	return Prop{id: id, property: property, value: value, changed: true}
}

func (p Prop) String() string { return string(p.id) + "." + p.property }

// Call calls the callback that sets an output, as the renderer would, and fails
// the test when the callback fails.
//
// The page is the app's layout, with the given properties. Where nothing is a
// [Change], it is the first call, made when the page opens. What a component of
// the layout leaves out stays unset, which gives a callback the zero value. A
// component that is not in the layout, because a callback would make it, comes
// by Set.
//
// The output names one component, also where the callback has MATCH. Where
// several callbacks set it, it is the one that takes all the properties. A
// callback without Outputs is named by one of its Inputs.
//
// The call is made by nobody, on the app itself; [Visit] has others.
func Call(t testing.TB, a *app.App, output app.Dependency, props ...Prop) *Answer {
	t.Helper()
	return new(Visit).Call(t, a, output, props...)
}

// CallError is [Call] for a callback that is to fail: it returns the error, and
// fails the test when there is none.
func CallError(t testing.TB, a *app.App, output app.Dependency, props ...Prop) error {
	t.Helper()
	return new(Visit).CallError(t, a, output, props...)
}

// send calls the callback. What keeps it from being called fails the test; the
// error is the app's.
func send(t testing.TB, a *app.App, call *app.Call, output app.Dependency, props []Prop) (*Answer, error) {
	t.Helper()
	body, err := newRequest(t, a, call, output, props)
	if err != nil {
		t.Fatalf("call %v: %v", output, err)
	}
	text, err := a.UpdateJSON(t.Context(), call, body)
	if err != nil {
		return nil, err
	}
	return newAnswer(t, text), nil
}

// callback is an entry of the app's dependencies.
type callback struct {
	Output     string       `json:"output"`
	Inputs     []dependency `json:"inputs"`
	State      []dependency `json:"state"`
	InBrowser  any          `json:"clientside_function"`
	OnlyLater  bool         `json:"prevent_initial_call"`
	WithoutAny bool         `json:"no_output"`

	outputs []dependency
	list    bool
}

// dependency is a property that a callback reads or sets, as declared.
type dependency struct {
	ID       app.ID `json:"id"`
	Property string `json:"property"` // of an output: maybe with "@" and a hash
	Optional bool   `json:"allow_optional"`

	declared app.ID // with MATCH, where ID has its value
}

// String returns the dependency in Dash's notation, "id.property".
func (d dependency) String() string {
	property, _, _ := strings.Cut(d.Property, "@")
	return string(d.ID) + "." + property
}

// is reports whether the dependency stands for a property of a component.
func (d dependency) is(id app.ID, property string) bool {
	declared, _, _ := strings.Cut(d.Property, "@")
	return declared == property && (id == d.ID || id.Matches(d.ID))
}

// takes reports whether a property is one of the callback's.
func (c *callback) takes(p Prop) bool {
	return slices.ContainsFunc(slices.Concat(c.Inputs, c.State, c.outputs), func(d dependency) bool { return d.is(p.id, p.property) })
}

// hears reports whether a change of a property calls the callback.
func (c *callback) hears(p Prop) bool {
	return slices.ContainsFunc(c.Inputs, func(d dependency) bool { return d.is(p.id, p.property) })
}

// readOutputs takes the callback's name apart: section 5.2 of Dash's protocol.
func (c *callback) readOutputs() {
	if c.WithoutAny {
		return
	}
	rest := c.Output
	if c.list = strings.HasPrefix(rest, ".."); c.list {
		rest = strings.TrimSuffix(rest[2:], "..")
	}
	for rest != "" {
		end := 0 // of the ID
		if rest[0] == '{' {
			d := json.NewDecoder(strings.NewReader(rest))
			if d.Decode(new(json.RawMessage)) != nil {
				return
			}
			end = int(d.InputOffset())
		} else if end = strings.IndexByte(rest, '.'); end < 0 {
			return
		}
		id := app.ID(rest[:end])
		var property string
		property, rest, _ = strings.Cut(rest[end+1:], "...")
		c.outputs = append(c.outputs, dependency{ID: id, Property: property})
	}
}

// findCallback finds the callback that sets an output.
func findCallback(a *app.App, id app.ID, property string, props []Prop) (*callback, error) {
	text, err := a.DependenciesJSON()
	if err != nil {
		return nil, err
	}
	var all []*callback
	if err := json.Unmarshal(text, &all); err != nil {
		return nil, fmt.Errorf("read the app's dependencies: %w", err)
	}
	var found []*callback
	var outputs []string
	for _, c := range all {
		c.readOutputs()
		names := c.outputs
		if c.WithoutAny {
			names = c.Inputs
		}
		if slices.ContainsFunc(names, func(d dependency) bool { return d.is(id, property) }) {
			found = append(found, c)
		}
		for _, d := range c.outputs {
			outputs = append(outputs, d.String())
		}
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("no callback of app %q sets this; its callbacks set %s", a.Name(), listed(outputs))
	}
	if len(found) > 1 {
		found = slices.DeleteFunc(found, func(c *callback) bool {
			return slices.ContainsFunc(props, func(p Prop) bool { return !c.takes(p) || p.changed && !c.hears(p) })
		})
	}
	if len(found) != 1 {
		return nil, fmt.Errorf("several callbacks set this, of which %d take all the given properties; Change an Input that only one of them has", len(found))
	}
	return found[0], nil
}

// request is the body of _dash-update-component: section 5.3 of Dash's protocol.
type request struct {
	Output  string   `json:"output"`
	Outputs any      `json:"outputs,omitempty"`
	Inputs  []any    `json:"inputs"`
	Changed []string `json:"changedPropIds"`
	State   []any    `json:"state,omitempty"`
}

// sent is a property in a request.
type sent struct {
	ID       any    `json:"id"`
	Property string `json:"property"`
	Value    any    `json:"value,omitempty"`
	Optional bool   `json:"allow_optional,omitempty"` // of a missing component
}

func newSent(id app.ID, property string, value any) sent {
	s := sent{ID: id, Property: property, Value: value}
	if id.IsKey() {
		s.ID = json.RawMessage(id)
	}
	return s
}

// newMissing is what the renderer sends for an optional component that is not
// there: the dependency as it holds it, with MATCH as an object.
func newMissing(d dependency) sent {
	s := newSent(d.declared, d.Property, null)
	s.Optional = true
	if m := members(d.declared); m != nil {
		for key := range m {
			if d.declared.Value(key) == app.MATCH {
				m[key] = json.RawMessage(`{"wild":"MATCH"}`)
			}
		}
		s.ID = m
	}
	return s
}

// newRequest writes what the renderer would send.
func newRequest(t testing.TB, a *app.App, call *app.Call, output app.Dependency, props []Prop) ([]byte, error) {
	name := output.String()
	dot := strings.LastIndexByte(name, '.')
	id, property := app.ID(name[:dot]), name[dot+1:]
	c, err := findCallback(a, id, property, props)
	if err != nil {
		return nil, err
	}
	if c.InBrowser != nil {
		return nil, errors.New("this callback runs in the browser; test it there")
	}
	page, err := readPage(t.Context(), a, call)
	if err != nil {
		return nil, err
	}

	at := id // what MATCH is taken from
	if !id.IsKey() || has(id, app.MATCH) {
		for _, p := range props {
			if p.changed && p.id.IsKey() {
				at = p.id
			}
		}
	}
	for _, list := range [][]dependency{c.outputs, c.Inputs, c.State} {
		for i := range list {
			list[i].declared = list[i].ID
			list[i].ID = bind(list[i].ID, at)
			if has(list[i].ID, app.MATCH) {
				return nil, fmt.Errorf("%v has MATCH; name one component instead", list[i])
			}
		}
	}

	r := request{Output: c.Output, Inputs: []any{}, Changed: []string{}}
	for _, p := range props {
		switch {
		case has(p.id, app.ALL, app.MATCH, app.ALLSMALLER):
			return nil, fmt.Errorf("%v has a wildcard; name each component", p)
		case !c.takes(p):
			return nil, fmt.Errorf("the callback does not take %v; it has the Inputs %s and the States %s", p, listed(c.Inputs), listed(c.State))
		case p.changed && !c.hears(p):
			return nil, fmt.Errorf("%v is no Input of the callback, so its change does not call it; use Set", p)
		case p.changed:
			r.Changed = append(r.Changed, p.String())
		}
		value, err := json.Marshal(p.value)
		if err != nil {
			return nil, fmt.Errorf("the value of %v: %w", p, err)
		}
		page.set(p.id, p.property, json.RawMessage(value))
	}
	if len(r.Changed) == 0 && c.OnlyLater {
		return nil, errors.New("the callback has PreventInitialCall, so it waits for the change of an Input; use Change for that")
	}

	outputs := make([]any, len(c.outputs))
	for i, d := range c.outputs {
		if !has(d.ID, app.ALL) {
			outputs[i] = newSent(d.ID, d.Property, nil)
			continue
		}
		items := []sent{}
		for _, found := range page.matching(d.ID, at) {
			items = append(items, newSent(found.id, d.Property, nil))
		}
		outputs[i] = items
	}
	switch {
	case c.list:
		r.Outputs = outputs
	case len(outputs) == 1:
		r.Outputs = outputs[0]
	}
	if r.Inputs, err = page.arguments("Input", c.Inputs, at); err != nil {
		return nil, err
	}
	if r.State, err = page.arguments("State", c.State, at); err != nil {
		return nil, err
	}
	return json.Marshal(r)
}

// arguments returns what the page sends for Inputs or States.
func (p page) arguments(role string, dependencies []dependency, at app.ID) ([]any, error) {
	args := make([]any, len(dependencies))
	for i, d := range dependencies {
		found := p.matching(d.ID, at)
		switch {
		case has(d.ID, app.ALL, app.ALLSMALLER):
			items := []sent{}
			for _, c := range found {
				items = append(items, newSent(c.id, d.Property, c.value(d.Property)))
			}
			args[i] = items
		case len(found) > 0:
			args[i] = newSent(found[0].id, d.Property, found[0].value(d.Property))
		case d.Optional:
			args[i] = newMissing(d)
		default:
			return nil, fmt.Errorf("%s %v: the layout has no such component; Set the property", role, d)
		}
	}
	return args, nil
}

// listed names things in a message.
func listed[T any](things []T) string {
	if len(things) == 0 {
		return "(none)"
	}
	names := make([]string, len(things))
	for i, thing := range things {
		names[i] = fmt.Sprint(thing)
	}
	return strings.Join(names, ", ")
}
