package apptest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"sync"
	"testing"

	"dashd/app"
)

// Visit is who calls and what their page shows, where that matters. Its calls
// share one browser session. Calls can be made at once.
type Visit struct {
	User     *app.User     // nil: nobody has signed in
	Instance *Instance     // nil: the page shows the app itself
	Initial  app.BaseState // the initial arguments

	mu        sync.Mutex
	published []Message
	session   map[string]map[string]json.RawMessage // by scope and key
}

// Message is what a callback has published.
type Message struct {
	Channel, Label string
	Value          json.RawMessage
	Retained       bool
}

// Published returns what the calls of this visit have published so far.
func (v *Visit) Published() []Message {
	v.mu.Lock()
	defer v.mu.Unlock()
	return slices.Clone(v.published)
}

// Call is the function [Call], made by this visit.
func (v *Visit) Call(t testing.TB, a *app.App, output app.Dependency, props ...Prop) *Answer {
	t.Helper()
	answer, err := send(t, a, v.call(a), output, props)
	if err != nil {
		if p, ok := errors.AsType[*app.PanicError](err); ok {
			t.Fatalf("call %v: %v\n%s", output, err, p.Stack)
		}
		t.Fatalf("call %v: %v", output, err)
	}
	return answer
}

// CallError is the function [CallError], made by this visit.
func (v *Visit) CallError(t testing.TB, a *app.App, output app.Dependency, props ...Prop) error {
	t.Helper()
	answer, err := send(t, a, v.call(a), output, props)
	if err == nil {
		t.Fatalf("call %v: it was to fail, but %v", output, answer)
	}
	return err
}

func (v *Visit) call(a *app.App) *app.Call {
	call := &app.Call{AppID: a.Slug(), App: a.Slug(), Visitor: visitor{v}, Bus: visitor{v}, Initial: v.Initial}
	if v.Instance != nil {
		call.Instance, call.AppID = v.Instance, v.Instance.Instance().Slug
	}
	return call
}

// visitor is a Visit as an app sees it.
type visitor struct{ visit *Visit }

func (v visitor) User() *app.User { return v.visit.User }

func (v visitor) SessionValues(_ context.Context, scope string) (map[string]json.RawMessage, error) {
	v.visit.mu.Lock()
	defer v.visit.mu.Unlock()
	return maps.Clone(v.visit.session[scope]), nil
}

func (v visitor) SwapSessionValue(_ context.Context, scope, key string, old, replacement json.RawMessage) (bool, error) {
	v.visit.mu.Lock()
	defer v.visit.mu.Unlock()
	values := maps.Clone(v.visit.session[scope])
	if !bytes.Equal(values[key], old) {
		return false, nil
	}
	if values == nil {
		values = map[string]json.RawMessage{}
	}
	if values[key] = replacement; replacement == nil {
		delete(values, key)
	}
	if v.visit.session == nil {
		v.visit.session = map[string]map[string]json.RawMessage{}
	}
	v.visit.session[scope] = values
	return true, nil
}

func (v visitor) Publish(_ context.Context, channel, label string, value json.RawMessage, retain bool) error {
	v.visit.mu.Lock()
	defer v.visit.mu.Unlock()
	v.visit.published = append(v.visit.published, Message{channel, label, value, retain})
	return nil
}

func (visitor) Grant(channel string) string { return "granted " + channel }
