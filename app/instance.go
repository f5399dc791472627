package app

import (
	"context"
	"encoding/json"
	"time"
)

// Instance describes a saved copy of an app's state, with a URL of its own.
type Instance struct {
	App          string    `json:"app"` // slug
	Name         string    `json:"name"`
	Slug         string    `json:"slug"`
	SaveOnChange bool      `json:"save_on_change"` // callbacks save what they change
	Access       Access    `json:"access"`         // DefaultAccess: that of the app
	Created      time.Time `json:"created"`
	Updated      time.Time `json:"updated"` // of the state or of what is above
}

// BaseState is the tracked properties of an instance, "base_state" of
// django-plotly-dash: JSON by component and property. A nil value is tracked
// and not set: the layout's own counts. IDs are canonical. Initial arguments
// have the same shape.
type BaseState map[ID]map[string]json.RawMessage

// Value returns a property's JSON, and whether it is tracked.
func (s BaseState) Value(id ID, property string) (json.RawMessage, bool) {
	value, tracked := s[id][property]
	return value, tracked
}

// Saved is one instance as a server lends it to a call: where the state is
// kept. It is safe for concurrent use.
type Saved interface {
	Instance() Instance

	// State returns all tracked properties as they are now. The caller does not
	// change them.
	State() BaseState

	// Tracks reports whether a property is tracked, and returns its value.
	Tracks(id ID, property string) (json.RawMessage, bool)

	// NewPage returns the id of a page that is about to load its layout. What
	// the instance holds now, that page is going to know.
	NewPage() string

	// Arrive notes that a request has arrived, and returns its place among all
	// requests to the instance.
	Arrive() int64

	// Save writes what a call changed, in one transaction that is finished when
	// Save returns. What the write rule (see [Write]) denies is left out
	// silently. Errors: TooLarge when the state would outgrow its quota.
	Save(ctx context.Context, change Change) error
}

// Change is what one call writes to its instance.
type Change struct {
	Page    string // end_id of the page: an id that Saved.NewPage made, or ""
	Arrival int64  // from Saved.Arrive
	User    string // for the history; "" when anonymous
	Request string // id of the request, for the log
	Writes  []Write
}

// Write is a new value of one property. The write rule, so that nobody's newer
// value is lost:
//
//   - Only tracked properties are written, and values that differ.
//   - Nothing is written over what a later-arrived request wrote.
//   - A Carried value is written only if no other page has written the property
//     since this page last learned it: by its layout, by an answer, or by
//     sending it. One that this page announced as Changed a moment ago may have
//     been overtaken on its way, and is not written either.
//
// The ID is canonical. The value is JSON as a browser writes it, compact and
// with no more escapes than needed, so an unchanged value is the same text; and
// it is the callee's to keep.
type Write struct {
	ID       ID
	Property string
	Value    json.RawMessage // for Patched, the Patch: see ApplyPatch
	Origin   Origin
}

// Origin says where a [Write] comes from.
type Origin int

// The origins.
const (
	Carried  Origin = iota // the page sent it along
	Changed                // the page says that it has changed
	Answered               // an Output, SetProps or InstanceState.Set
	Patched                // an Output or SetProps: a Patch of the saved value
)
