package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"sync"
	"time"
)

// InstanceState is the state of the instance that a page shows, as one call
// sees it: what is saved, and over it what the page sent with this call for
// tracked properties, and what the call has set.
//
// A nil *InstanceState is that of a page without an instance: all methods take
// it, and it tracks nothing, so a callback works in either place. It is safe
// for concurrent use, and ends with the call: see [InstanceState.Set].
type InstanceState struct {
	saved   Saved
	saves   bool  // SaveOnChange
	arrival int64 // of the call, when saves

	mu       sync.Mutex
	writes   []Write // of tracked properties, in order: the last of a property counts
	received int     // how many of them the page sent
	ended    bool
	answers  []Write // what the answer sets; values are parts of its text
}

// newInstanceState notes that a call has arrived.
func newInstanceState(saved Saved) *InstanceState {
	s := &InstanceState{saved: saved, saves: saved.Instance().SaveOnChange}
	if s.saves {
		s.arrival = saved.Arrive()
	}
	return s
}

// Instance describes the instance; it is zero when there is none.
func (s *InstanceState) Instance() Instance {
	if s == nil {
		return Instance{}
	}
	return s.saved.Instance()
}

// Name returns the name of the instance, or "".
func (s *InstanceState) Name() string { return s.Instance().Name }

// Slug returns the slug of the instance, or "".
func (s *InstanceState) Slug() string { return s.Instance().Slug }

// Tracks reports whether the instance's state holds a property, set or not.
func (s *InstanceState) Tracks(id ID, property string) bool {
	if s == nil {
		return false
	}
	_, tracked := s.saved.Tracks(id.canonical(), property)
	return tracked
}

// Value decodes the value of a tracked property into what into points to, as
// encoding/json does. It reports whether there is one: not so for a property
// that is not tracked, or not set.
func (s *InstanceState) Value(id ID, property string, into any) (found bool, err error) {
	if s == nil {
		return false, nil
	}
	value := s.value(id.canonical(), property)
	if value == nil {
		return false, nil
	}
	if err := json.Unmarshal(value, into); err != nil {
		return true, fmt.Errorf("read %s.%s of the instance: %w", id, property, err)
	}
	return true, nil
}

// value returns the JSON of a property, or nil.
func (s *InstanceState) value(id ID, property string) json.RawMessage {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := len(s.writes) - 1; i >= 0; i-- {
		if w := &s.writes[i]; w.ID == id && w.Property == property {
			return w.Value
		}
	}
	value, _ := s.saved.Tracks(id, property)
	return value
}

// State returns all tracked properties. The caller may change the maps, not
// the values in them.
func (s *InstanceState) State() BaseState {
	state := BaseState{}
	if s == nil {
		return state
	}
	for id, props := range s.saved.State() {
		state[id] = maps.Clone(props)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, w := range s.writes {
		if state[w.ID] == nil { // no longer tracked: the instance was reset meanwhile
			state[w.ID] = map[string]json.RawMessage{}
		}
		state[w.ID][w.Property] = w.Value
	}
	return state
}

var errEnded = errors.New("the call has ended")

// Set gives a tracked property a value, null included. One that is not tracked
// is silently left alone, as in django-plotly-dash. The keys of a dictionary ID
// may be in any order.
//
// The value is saved when the callback has ended without an error, if the
// instance saves on change; else it lives for this call only. A layout function
// sees it in its layout. The page learns nothing of it: for that there are
// Outputs and [Context.SetProps].
//
// Errors: Invalid for what a state cannot hold (see [CheckValue]); any other
// when the value has no JSON form, and when the call has ended, by a Timeout
// too.
func (s *InstanceState) Set(id ID, property string, value any) error {
	id = id.canonical()
	if !s.Tracks(id, property) {
		return nil
	}
	text, err := appendJSON(nil, value)
	switch {
	case err != nil:
		return fmt.Errorf("set %s.%s of the instance: %w", id, property, err)
	case isPatch(text):
		return fmt.Errorf("set %s.%s of the instance: a Patch is for Outputs and SetProps", id, property)
	}
	if problem := valueProblem(property, text, dataOnly); problem != "" {
		return Errorf(Invalid, "The value of %s.%s %s.", id, property, problem)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return fmt.Errorf("set %s.%s of the instance: %w", id, property, errEnded)
	}
	s.writes = append(s.writes, Write{id, property, appendPlain(nil, text), Answered})
	return nil
}

// receive notes what the page sent. A value that a state cannot hold is left
// out: the callback gets it, but it is not saved.
func (s *InstanceState) receive(args []argument, changed []byte) {
	changes := map[propertyName]bool{}
	for id, property := range changedProperties(changed) {
		changes[propertyName{id, property}] = true
	}
	receive := func(p *property) {
		if p.Value == nil || p.Property == channelProperty || p.Property == grantProperty { // rights to hear come from the server
			return
		}
		saved, tracked := s.saved.Tracks(p.ID, p.Property)
		if !tracked {
			return
		}
		w := Write{ID: p.ID, Property: p.Property, Value: saved}
		if string(p.Value) != string(saved) {
			if valueProblem(p.Property, p.Value, dataOnly) != "" {
				return
			}
			w.Value = appendPlain(nil, p.Value)
		}
		if changes[propertyName{p.ID, p.Property}] {
			w.Origin = Changed
		}
		s.writes = append(s.writes, w)
	}
	for i := range args {
		if !args[i].many {
			receive(&args[i].property)
			continue
		}
		for n := range args[i].items {
			receive(&args[i].items[n])
		}
	}
	s.received = len(s.writes)
}

// end closes the state for the function that had it, which may still be
// running, and reports whether the call has written anything.
func (s *InstanceState) end() (wrote bool) {
	if s == nil {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
	return len(s.writes) > 0
}

// saveTimeout bounds the saving of one call, whose visitor may have left.
const saveTimeout = 10 * time.Second

// save writes what an ended call changed: what the page sent and, when the call
// succeeded, what it has set and answered.
func (s *InstanceState) save(ctx context.Context, b *build, call *Call, succeeded bool) error {
	if s == nil || !s.saves {
		return nil
	}
	writes := s.writes[:s.received]
	if succeeded {
		writes = s.writes
		for _, answer := range s.answers {
			if w, ok := s.answered(b, call, answer, writes); ok {
				writes = append(writes, w)
			}
		}
	}
	if len(writes) == 0 {
		return nil
	}
	change := Change{Page: call.Page, Arrival: s.arrival, Request: call.RequestID, Writes: writes}
	if call.Visitor != nil {
		if user := call.Visitor.User(); user != nil {
			change.User = user.Name
		}
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), saveTimeout)
	defer cancel()
	err := s.saved.Save(ctx, change)
	if _, ours := errors.AsType[*Error](err); err == nil || ours {
		return err
	}
	return fmt.Errorf("save what the callback changed: %w", err)
}

// answered makes the write of a property that the answer sets, and reports
// whether there is one: not for a property that is not tracked. earlier are the
// writes before it.
func (s *InstanceState) answered(b *build, call *Call, answer Write, earlier []Write) (Write, bool) {
	w := Write{ID: answer.ID.canonical(), Property: answer.Property, Origin: Answered}
	saved, tracked := s.saved.Tracks(w.ID, w.Property)
	if !tracked || w.Property == grantProperty {
		return w, false
	}
	problem := valueProblem(w.Property, answer.Value, withComponents)
	switch w.Value = appendPlain(nil, answer.Value); {
	case problem != "":
	case !isPatch(w.Value):
	case saved != nil || written(earlier, w.ID, w.Property):
		w.Origin = Patched
	default: // it is of the layout's own value
		base, _ := call.Initial.Value(w.ID, w.Property)
		if base == nil && b.index != nil {
			base = b.index.value(b.layout, w.ID, w.Property)
		}
		patched, err := ApplyPatch(base, w.Value)
		if err != nil {
			problem = "comes from a Patch that does not fit the layout"
		}
		w.Value = patched
	}
	if problem != "" {
		if call.Log != nil {
			call.Log.LogAttrs(context.Background(), slog.LevelWarn, "an instance cannot save an answer",
				slog.String("property", string(w.ID)+"."+w.Property), slog.String("problem", "the value "+problem), slog.String("request", call.RequestID))
		}
		return w, false
	}
	return w, true
}

func written(writes []Write, id ID, property string) bool {
	for i := range writes {
		if writes[i].ID == id && writes[i].Property == property {
			return true
		}
	}
	return false
}
