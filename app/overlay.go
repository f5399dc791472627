package app

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
)

// layoutIndex says where the components with IDs are in the JSON of a layout.
// The encoder writes it while it writes the text, so that only what is a
// component in Go counts, never an object of a figure that has an "id".
type layoutIndex struct {
	components []indexedComponent
	props      []indexedProp // of the components, in turn
	open       []indexedProp // of the components that are being written, innermost last
}

// indexedComponent is a component that has an ID.
type indexedComponent struct {
	id          ID
	first, last int // its part of layoutIndex.props
	end         int // where its props object ends in the text
}

// indexedProp is a property and where its value is in the text.
type indexedProp struct {
	name       string
	start, end int
}

// note adds a property of the innermost component.
func (x *layoutIndex) note(name string, start, end int) {
	x.open = append(x.open, indexedProp{name, start, end})
}

// close ends the innermost component, whose properties are those after mark.
func (x *layoutIndex) close(id ID, mark, end int) {
	if id != "" {
		first := len(x.props)
		x.props = append(x.props, x.open[mark:]...)
		x.components = append(x.components, indexedComponent{id.canonical(), first, len(x.props), end})
	}
	x.open = x.open[:mark]
}

func (x *layoutIndex) propsOf(c indexedComponent) []indexedProp { return x.props[c.first:c.last] }

// value returns the JSON that a property has in the layout, or nil.
func (x *layoutIndex) value(layout []byte, id ID, property string) json.RawMessage {
	for _, c := range x.components {
		if c.id != id {
			continue
		}
		for _, p := range x.propsOf(c) {
			if p.name == property {
				return layout[p.start:p.end]
			}
		}
	}
	return nil
}

// edit puts a value in the place of a part of a text.
type edit struct {
	start, end int
	property   string // to be added; "" when its value is replaced
	value      json.RawMessage
}

// overlay returns the layout with the properties of saved in it, and over those
// the properties of initial. A Pipe that gets another channel gets the grant for
// it. What a replaced value held is gone with it. It
// returns the layout itself when there is nothing to change.
func (x *layoutIndex) overlay(layout []byte, saved, initial BaseState, bus Bus) []byte {
	if len(saved) == 0 && len(initial) == 0 {
		return layout
	}
	var edits []edit
	set := func(c indexedComponent, property string, value json.RawMessage) {
		if value == nil || property == grantProperty {
			return
		}
		edits = append(edits, x.edit(c, property, value))
		if property == channelProperty {
			if grant := grantJSON(bus, value); grant != nil {
				edits = append(edits, x.edit(c, grantProperty, grant))
			}
		}
	}
	for _, c := range x.components {
		over := initial[c.id]
		for property, value := range saved[c.id] {
			if over[property] == nil {
				set(c, property, value)
			}
		}
		for property, value := range over {
			set(c, property, value)
		}
	}
	if len(edits) == 0 {
		return layout
	}
	size := len(layout)
	for _, e := range edits {
		size += len(e.property) + len(e.value) + len(`,"":`)
	}
	slices.SortFunc(edits, func(a, b edit) int {
		if a.start != b.start {
			return a.start - b.start
		}
		return strings.Compare(a.property, b.property)
	})
	out := make([]byte, 0, size)
	done := 0 // of layout
	for _, e := range edits {
		if e.start < done {
			continue // inside what has been replaced
		}
		out = append(out, layout[done:e.start]...)
		if e.property != "" {
			out = append(out, ',') // never the first: the ID is there
			out = appendString(out, e.property, true)
			out = append(out, ':')
		}
		out = appendSafe(out, e.value)
		done = e.end
	}
	return append(out, layout[done:]...)
}

// edit gives a component a property.
func (x *layoutIndex) edit(c indexedComponent, property string, value json.RawMessage) edit {
	for _, p := range x.propsOf(c) {
		if p.name == property {
			return edit{p.start, p.end, "", value}
		}
	}
	return edit{c.end, c.end, property, value}
}

// appendSafe appends JSON so that a script element can hold it.
func appendSafe(b, text []byte) []byte {
	for {
		i := bytes.IndexByte(text, '<')
		if i < 0 {
			return append(b, text...)
		}
		b = append(b, text[:i]...)
		b = append(b, `\u003c`...)
		text = text[i+1:]
	}
}
