package store

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"

	"dashd/app"
)

// Limits of the state of one instance.
const (
	MaxState      = 1 << 20 // bytes of JSON, with the names
	MaxProperties = 10_000
)

// place names a property of a component.
type place struct {
	id       app.ID
	property string
}

// state is an instance as it is at one moment. It never changes: with makes the
// next one.
type state struct {
	about   app.Instance
	values  app.BaseState
	marks   map[place]mark
	version int64 // the instance's clock when it was written
	size    int   // bytes, as MaxState counts
}

// mark tells who wrote a property, and when, by the instance's clock.
type mark struct {
	revision int64 // when the request arrived
	since    int64 // the revision with which the page began to write it
	written  int64 // when it was written
	page     string
}

// edit is what a request does to one property.
type edit struct {
	at      place
	value   json.RawMessage // nil: not set
	remove  bool            // no longer tracked
	tracked bool            // it was, with the mark old
	old     mark
	oldSize int // of the value, in bytes
	mark    mark
}

// visit is who edits: a page, or a command, which has no page.
type visit struct {
	arrival int64
	page    string
	user    string
}

// writes reports whether the visit wrote what bears the mark. What it writes
// then takes the place of its own value and makes no history.
func (v visit) writes(m mark) bool {
	return m.page == v.page && (v.page != "" || m.revision == v.arrival)
}

// value returns a property's value and mark, and whether it is tracked.
func (s *state) value(at place) (json.RawMessage, mark, bool) {
	m, tracked := s.marks[at]
	return s.values[at.id][at.property], m, tracked
}

// prepare completes edits of the visit, which are written at written. It copies
// the values, which may be part of a request's memory.
func (s *state) prepare(edits []edit, v visit, written int64) error {
	for i := range edits {
		e := &edits[i]
		if e.value != nil {
			var text bytes.Buffer
			if err := json.Compact(&text, e.value); err != nil {
				return fmt.Errorf("write property %s of %s: %w", e.at.property, e.at.id, err)
			}
			e.value = text.Bytes()
		}
		old, m, tracked := s.value(e.at)
		e.old, e.oldSize, e.tracked = m, len(old), tracked
		e.mark = mark{revision: v.arrival, since: v.arrival, written: written, page: v.page}
		if e.tracked && v.writes(e.old) {
			e.mark.since = e.old.since
		}
	}
	return nil
}

// with returns the state after edits that are complete. A TooLarge error says
// that it would outgrow its quota.
func (s *state) with(edits []edit) (*state, error) {
	next := *s
	next.values = maps.Clone(s.values)
	next.marks = maps.Clone(s.marks)
	copied := map[app.ID]bool{}
	for _, e := range edits {
		next.version = max(next.version, e.mark.written)
		id := e.at.id
		if !copied[id] {
			copied[id] = true
			if next.values[id] = maps.Clone(next.values[id]); next.values[id] == nil {
				next.values[id] = map[string]json.RawMessage{}
			}
		}
		if e.tracked {
			next.size -= sizeOf(e.at, next.values[id][e.at.property])
		}
		if e.remove {
			delete(next.marks, e.at)
			if delete(next.values[id], e.at.property); len(next.values[id]) == 0 {
				delete(next.values, id)
				copied[id] = false
			}
			continue
		}
		next.values[id][e.at.property] = e.value
		next.marks[e.at] = e.mark
		next.size += sizeOf(e.at, e.value)
	}
	return &next, checkQuota(len(next.marks), next.size)
}

func checkQuota(properties, size int) error {
	switch {
	case size > MaxState:
		return app.Errorf(app.TooLarge, "The state of an instance can have %d kB; this change makes it larger.", MaxState/1024)
	case properties > MaxProperties:
		return app.Errorf(app.TooLarge, "An instance can have %d tracked properties; this change makes it more.", MaxProperties)
	}
	return nil
}

// sizeOf counts what a property takes in the text of a base state.
func sizeOf(at place, value json.RawMessage) int {
	return len(at.id) + len(at.property) + len(value) + len(`"":{"":},`)
}

// checkState checks the state that somebody gives to an instance.
func checkState(state app.BaseState) error {
	if err := app.CheckState(state); err != nil {
		return err
	}
	properties, size := 0, 0
	for id, values := range state {
		for property, value := range values {
			properties++
			size += sizeOf(place{id, property}, value)
		}
	}
	return checkQuota(properties, size)
}

// difference returns the edits that turn the state into target, and the places
// of values that are the same.
func (s *state) difference(target app.BaseState) (edits []edit, same []place) {
	for id, values := range target {
		for property, value := range values {
			at := place{id, property}
			if old, _, tracked := s.value(at); tracked && sameValue(old, value) {
				same = append(same, at)
			} else {
				edits = append(edits, edit{at: at, value: value})
			}
		}
	}
	for at := range s.marks {
		if _, tracked := target.Value(at.id, at.property); !tracked {
			edits = append(edits, edit{at: at, remove: true})
		}
	}
	return edits, same
}
