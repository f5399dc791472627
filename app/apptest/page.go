package apptest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"dashd/app"
)

// page is what the renderer knows of an open page: its components that have an
// ID, in the order of the layout.
type page []component

type component struct {
	id    app.ID
	props map[string]any
}

// null is a property that is set to null, where nil is one that is not set.
var null = json.RawMessage("null")

// value returns what the renderer sends for a property.
func (c component) value(property string) any {
	if value, ok := c.props[property]; ok && value == nil {
		return null
	}
	return c.props[property]
}

// readPage opens a page of the app; without a call, as nobody. Where the layout
// function fails, the app's validation layout stands in.
func readPage(ctx context.Context, a *app.App, call *app.Call) (page, error) {
	text, err := a.LayoutJSON(ctx, call)
	if err != nil && a.ValidationLayout != nil {
		text, err = a.ValidationLayoutJSON()
	}
	if err != nil {
		return nil, err
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var layout any
	if err := d.Decode(&layout); err != nil {
		return nil, fmt.Errorf("the layout is not JSON: %w", err)
	}
	var p page
	p.collect(layout)
	return p, nil
}

// collect adds the components in a JSON value.
func (p *page) collect(v any) {
	switch v := v.(type) {
	case []any:
		for _, item := range v {
			p.collect(item)
		}
	case map[string]any:
		if props := propsOf(v); props != nil {
			switch id := props["id"].(type) {
			case string:
				*p = append(*p, component{app.ID(id), props})
			case map[string]any:
				if text, err := json.Marshal(id); err == nil {
					*p = append(*p, component{app.ID(text), props})
				}
			}
		}
		for _, name := range slices.Sorted(maps.Keys(v)) {
			p.collect(v[name])
		}
	}
}

// propsOf returns the properties of a component, or nil for another object.
func propsOf(object map[string]any) map[string]any {
	_, isType := object["type"].(string)
	_, isNamespace := object["namespace"].(string)
	props, _ := object["props"].(map[string]any)
	if !isType || !isNamespace {
		return nil
	}
	return props
}

// set gives a component of the page a property; a component that is not there
// yet is added, as a callback would have added it.
func (p *page) set(id app.ID, property string, value any) {
	i := slices.IndexFunc(*p, func(c component) bool { return c.id.Matches(id) })
	if i < 0 {
		i = len(*p)
		*p = append(*p, component{id, map[string]any{}})
	}
	(*p)[i].props[property] = value
}

// matching returns the components that an ID, maybe with wildcards, stands for.
// ALLSMALLER takes those below what at has.
func (p page) matching(pattern, at app.ID) []component {
	var found []component
	for _, c := range p {
		if c.id.Matches(pattern) && isSmaller(c.id, pattern, at) {
			found = append(found, c)
		}
	}
	return found
}

// isSmaller reports whether id is below at where the pattern has ALLSMALLER.
func isSmaller(id, pattern, at app.ID) bool {
	for key := range members(pattern) {
		if pattern.Value(key) != app.ALLSMALLER {
			continue
		}
		switch v := id.Value(key).(type) {
		case float64:
			if bound, ok := at.Value(key).(float64); !ok || v >= bound {
				return false
			}
		case string:
			if bound, ok := at.Value(key).(string); !ok || v >= bound {
				return false
			}
		default:
			return false
		}
	}
	return true
}

// members returns the keys and values of a dictionary ID.
func members(id app.ID) map[string]json.RawMessage {
	var m map[string]json.RawMessage
	if id.IsKey() {
		_ = json.Unmarshal([]byte(id), &m) // app.Key made it
	}
	return m
}

// bind puts the values that id has in the place of a pattern's MATCH.
func bind(pattern, id app.ID) app.ID {
	m, values := members(pattern), members(id)
	bound := false
	for key := range m {
		if value, ok := values[key]; ok && pattern.Value(key) == app.MATCH {
			m[key], bound = value, true
		}
	}
	if !bound {
		return pattern
	}
	text, err := json.Marshal(m)
	if err != nil {
		return pattern
	}
	return app.ID(text)
}

// has reports whether a dictionary ID has one of the wildcards.
func has(id app.ID, wildcards ...app.Wildcard) bool {
	for key := range members(id) {
		if w, ok := id.Value(key).(app.Wildcard); ok && slices.Contains(wildcards, w) {
			return true
		}
	}
	return false
}
