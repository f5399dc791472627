package apptest

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"strconv"
	"sync"
	"testing"

	"dashd/app"
)

// Instance is a saved instance of an app, in memory: what callbacks change
// stays for the next call and for State. There is one page: a call simply
// writes what is tracked. It is safe for concurrent use.
type Instance struct {
	mu      sync.Mutex
	record  app.Instance
	state   app.BaseState
	pages   int
	arrived int64
}

// NewInstance makes an instance that saves on change. state names what is
// tracked, in the form of [app.ParseState]; null is a property that is not set.
func NewInstance(t testing.TB, state string) *Instance {
	t.Helper()
	parsed, err := app.ParseState([]byte(state))
	if err == nil {
		err = app.CheckState(parsed)
	}
	if err != nil {
		t.Fatalf("make an instance: %v", err)
	}
	return &Instance{record: app.Instance{Name: "Test", Slug: "test", SaveOnChange: true}, state: parsed}
}

// Instance describes the instance.
func (i *Instance) Instance() app.Instance { return i.record }

// State returns a copy of what is saved.
func (i *Instance) State() app.BaseState {
	i.mu.Lock()
	defer i.mu.Unlock()
	state := app.BaseState{}
	for id, props := range i.state {
		state[id] = maps.Clone(props)
	}
	return state
}

// Tracks implements [app.Saved].
func (i *Instance) Tracks(id app.ID, property string) (json.RawMessage, bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.state.Value(id, property)
}

// NewPage implements [app.Saved].
func (i *Instance) NewPage() string {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.pages++
	return strconv.Itoa(i.pages)
}

// Arrive implements [app.Saved].
func (i *Instance) Arrive() int64 {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.arrived++
	return i.arrived
}

// Save implements [app.Saved].
func (i *Instance) Save(_ context.Context, change app.Change) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	for _, w := range change.Writes {
		old, tracked := i.state.Value(w.ID, w.Property)
		if !tracked {
			continue
		}
		if w.Origin == app.Patched {
			patched, err := app.ApplyPatch(old, w.Value)
			if err != nil {
				return fmt.Errorf("save %s.%s: %w", w.ID, w.Property, err)
			}
			w.Value = patched
		}
		i.state[w.ID][w.Property] = w.Value
	}
	return nil
}
