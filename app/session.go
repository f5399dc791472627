package app

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"sync"
)

// SessionValues is where a server keeps the values of one browser session. A
// scope separates values of one key: "" is shared by all apps and pages.
type SessionValues interface {
	// SessionValues returns the values of a scope by key. The caller may change
	// the map.
	SessionValues(ctx context.Context, scope string) (map[string]json.RawMessage, error)

	// SwapSessionValue replaces a value if it still is old, and reports whether
	// it was. A nil old means that the key is not there, a nil replacement
	// removes it. The session begins with the first value, where there is none.
	SwapSessionValue(ctx context.Context, scope, key string, old, replacement json.RawMessage) (swapped bool, err error)
}

// Session is the JSON values of one browser session: private to an app, or
// shared by all. Changes are saved when the method returns, each by itself, so
// that parallel callbacks lose nothing. It is safe for concurrent use.
type Session struct {
	ctx    context.Context
	values SessionValues
	scope  string
}

// NewSession returns the shared values of a session.
func NewSession(ctx context.Context, values SessionValues) *Session {
	return &Session{ctx: ctx, values: values}
}

// Shared returns the values that all apps and the pages that embed them share.
func (s *Session) Shared() *Session { return &Session{s.ctx, s.values, ""} }

// App returns the values that are private to an app, by its slug.
func (s *Session) App(slug string) *Session { return &Session{s.ctx, s.values, "app:" + slug} }

// Get decodes the value of a key into what into points to, and reports whether
// there is one.
func (s *Session) Get(key string, into any) (bool, error) {
	all, err := s.values.SessionValues(s.ctx, s.scope)
	if err != nil {
		return false, fmt.Errorf("read session value %q: %w", key, err)
	}
	text, ok := all[key]
	if !ok {
		return false, nil
	}
	if err := json.Unmarshal(text, into); err != nil {
		return true, fmt.Errorf("read session value %q: %w", key, err)
	}
	return true, nil
}

// All returns all values by key. The caller may change the map.
func (s *Session) All() (map[string]json.RawMessage, error) {
	all, err := s.values.SessionValues(s.ctx, s.scope)
	if err != nil {
		return nil, fmt.Errorf("read session values: %w", err)
	}
	return all, nil
}

// Set replaces the value of a key, whatever it is by now. [Session.Update] is
// for a value that depends on the old one.
func (s *Session) Set(key string, value any) error {
	return s.Update(key, func(json.RawMessage) (any, error) { return value, nil })
}

// Delete removes a key.
func (s *Session) Delete(key string) error {
	return s.Update(key, func(json.RawMessage) (any, error) { return nil, nil })
}

// Add adds to a number, which is 0 when there is none, and returns the sum.
func (s *Session) Add(key string, n float64) (sum float64, err error) {
	err = s.Update(key, func(old json.RawMessage) (any, error) {
		sum = 0
		if old != nil {
			if err := json.Unmarshal(old, &sum); err != nil {
				return nil, err
			}
		}
		sum += n
		return sum, nil
	})
	return sum, err
}

// Update replaces the value of a key by what change makes of it, in one step:
// change is called again when another request was faster. old is nil when there
// is no value; a nil result removes the key.
func (s *Session) Update(key string, change func(old json.RawMessage) (any, error)) error {
	for {
		all, err := s.values.SessionValues(s.ctx, s.scope)
		if err != nil {
			return fmt.Errorf("change session value %q: %w", key, err)
		}
		old := all[key]
		value, err := change(old)
		if err != nil {
			return fmt.Errorf("change session value %q: %w", key, err)
		}
		var replacement json.RawMessage
		if value != nil {
			if replacement, err = json.Marshal(value); err != nil {
				return fmt.Errorf("change session value %q: %w", key, err)
			}
		}
		if bytes.Equal(old, replacement) {
			return nil
		}
		swapped, err := s.values.SwapSessionValue(s.ctx, s.scope, key, old, replacement)
		if err != nil {
			return fmt.Errorf("change session value %q: %w", key, err)
		}
		if swapped {
			return nil
		}
	}
}

// nobody is the visitor of a call that no server makes: anonymous, with a
// session that ends with the call.
type nobody struct {
	mu     sync.Mutex
	scopes map[string]map[string]json.RawMessage
}

func (*nobody) User() *User { return nil }

func (n *nobody) SessionValues(_ context.Context, scope string) (map[string]json.RawMessage, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return maps.Clone(n.scopes[scope]), nil
}

func (n *nobody) SwapSessionValue(_ context.Context, scope, key string, old, replacement json.RawMessage) (bool, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if !bytes.Equal(n.scopes[scope][key], old) {
		return false, nil
	}
	if n.scopes == nil {
		n.scopes = map[string]map[string]json.RawMessage{}
	}
	if n.scopes[scope] == nil {
		n.scopes[scope] = map[string]json.RawMessage{}
	}
	if replacement == nil {
		delete(n.scopes[scope], key)
	} else {
		n.scopes[scope][key] = replacement
	}
	return true, nil
}
