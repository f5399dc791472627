package serve

import (
	"context"
	"encoding/json"
	"fmt"

	"dashd/app"
	"dashd/store"
)

// Instances is what can be done with a server's instances: by the site's own Go
// code, by the commands, and in the administration. Instances are named by
// their slug. Errors are [app.Error] where the caller can mend them: NotFound,
// Conflict for a name or slug that is taken, Invalid. It is safe for
// concurrent use.
type Instances struct {
	server *Server
	by     string // who does it, for the history
}

// Instances returns the server's instances.
func (s *Server) Instances() *Instances { return &Instances{server: s} }

// By returns the same for somebody: the history will tell.
func (i *Instances) By(user *app.User) *Instances {
	by := *i
	if user != nil {
		by.by = user.Name
	}
	return &by
}

// NewInstance is an instance to create. App is the name or slug of its app;
// what else is empty is made up, or left at the app's own.
type NewInstance = store.NewInstance

// InstanceChange is a change of an instance's description; nil fields stay.
type InstanceChange = store.InstanceChange

// InstanceFilter selects instances; its zero value selects all.
type InstanceFilter = store.Filter

// Get returns an instance.
func (i *Instances) Get(ctx context.Context, slug string) (app.Instance, error) {
	instance, err := i.server.store.Instance(ctx, slug)
	if err != nil {
		return app.Instance{}, err
	}
	return instance.Instance(), nil
}

// List returns the instances that the filter selects, by app and name.
func (i *Instances) List(ctx context.Context, filter InstanceFilter) ([]app.Instance, error) {
	if m := i.server.byName[filter.App]; m != nil {
		filter.App = m.app.Slug()
	}
	return i.server.store.Instances(ctx, filter)
}

// Create makes an instance. Its State, when there is one, is checked against
// the app.
func (i *Instances) Create(ctx context.Context, instance NewInstance) (app.Instance, error) {
	m := i.server.byName[instance.App]
	if m == nil {
		return app.Instance{}, errNoApp
	}
	instance.App = m.app.Slug()
	made, err := i.server.store.CreateInstance(ctx, instance, i.by)
	if err == nil {
		i.audit(ctx, auditInstanceCreate, made.Slug, difference(nil, instanceFacts(made)))
	}
	return made, err
}

// Ensure returns the instance with the slug, and creates it when there is none:
// for [Config.Seed], which runs at every start.
func (i *Instances) Ensure(ctx context.Context, instance NewInstance) (app.Instance, error) {
	if instance.Slug == "" {
		return app.Instance{}, app.Errorf(app.Invalid, "An instance to ensure needs a slug.")
	}
	found, err := i.Get(ctx, instance.Slug)
	if app.ErrorCode(err) == app.NotFound {
		return i.Create(ctx, instance)
	}
	return found, err
}

// Change changes the name, slug, access or save-on-change of an instance.
func (i *Instances) Change(ctx context.Context, slug string, change InstanceChange) (app.Instance, error) {
	before, err := i.Get(ctx, slug)
	if err != nil {
		return app.Instance{}, err
	}
	changed, err := i.server.store.UpdateInstance(ctx, slug, change)
	if err == nil {
		i.auditChange(ctx, before, changed)
	}
	if err == nil && (change.Access != nil || change.Slug != nil) {
		i.server.hub.CloseAll() // who listens comes back with the rights of now
	}
	return changed, err
}

// Delete removes an instance, its state and its history.
func (i *Instances) Delete(ctx context.Context, slug string) error {
	before, err := i.Get(ctx, slug)
	if err != nil {
		return err
	}
	if err := i.server.store.DeleteInstance(ctx, slug); err != nil {
		return err
	}
	i.audit(ctx, auditInstanceDelete, slug, difference(instanceFacts(before), nil))
	i.server.hub.CloseAll()
	return nil
}

// Clone makes an instance of the same app with the same state and
// save-on-change. An empty name or slug is made up.
func (i *Instances) Clone(ctx context.Context, slug, name, newSlug string) (app.Instance, error) {
	made, err := i.server.store.CloneInstance(ctx, slug, name, newSlug, i.by)
	if err == nil {
		i.audit(ctx, auditInstanceCreate, made.Slug, "clone of "+slug+", "+difference(nil, instanceFacts(made)))
	}
	return made, err
}

// State returns the tracked properties. The caller does not change them.
func (i *Instances) State(ctx context.Context, slug string) (app.BaseState, error) {
	instance, err := i.server.store.Instance(ctx, slug)
	if err != nil {
		return nil, err
	}
	return instance.State(), nil
}

// Set gives a property a value, which is encoded as JSON, and tracks it from
// now on. The component and property are those of the app's layout.
func (i *Instances) Set(ctx context.Context, slug string, id app.ID, property string, value any) error {
	text, err := json.Marshal(value)
	if err != nil {
		return app.Errorf(app.Invalid, "The value of %s.%s cannot be written as JSON.", id, property)
	}
	m, err := i.mountOf(ctx, slug)
	if err != nil {
		return err
	}
	if err := m.app.CheckInitial(app.BaseState{id: {property: text}}); err != nil {
		return err
	}
	return i.server.store.SetProperty(ctx, slug, id, property, text, i.by)
}

// Untrack stops tracking a property.
func (i *Instances) Untrack(ctx context.Context, slug string, id app.ID, property string) error {
	return i.server.store.Untrack(ctx, slug, id, property, i.by)
}

// Populate makes the tracked properties all that the app's layout sets, but
// for id, children and options, with the layout's values.
func (i *Instances) Populate(ctx context.Context, slug string) error {
	m, err := i.mountOf(ctx, slug)
	if err != nil {
		return err
	}
	state, err := m.app.Populate(ctx, nil)
	if err != nil {
		return fmt.Errorf("populate instance %s: %w", slug, err)
	}
	return i.replace(ctx, slug, state, auditInstancePopulate)
}

// Reset forgets the values of the tracked properties, which stay tracked: the
// layout's own count again.
func (i *Instances) Reset(ctx context.Context, slug string) error {
	state, err := i.State(ctx, slug)
	if err != nil {
		return err
	}
	empty := app.BaseState{}
	for id, properties := range state {
		empty[id] = map[string]json.RawMessage{}
		for property := range properties {
			empty[id][property] = nil
		}
	}
	return i.replace(ctx, slug, empty, auditInstanceReset)
}

// Replace makes the tracked properties exactly those of the state. Components
// that the layout does not have are allowed: callbacks may make them.
func (i *Instances) Replace(ctx context.Context, slug string, state app.BaseState) error {
	return i.replace(ctx, slug, state, auditInstanceImport)
}

// replace does what the action says.
func (i *Instances) replace(ctx context.Context, slug string, state app.BaseState, action string) error {
	err := i.server.store.ReplaceState(ctx, slug, state, i.by)
	if err == nil {
		i.audit(ctx, action, slug, "")
	}
	return err
}

// Revision is a value that a property has or had.
type Revision = store.Revision

// History returns the newest values of an instance's properties, the present
// ones too, newest first.
func (i *Instances) History(ctx context.Context, slug string, limit int) ([]Revision, error) {
	return i.server.store.History(ctx, slug, limit)
}

// Restore makes the tracked properties those that held at a revision.
func (i *Instances) Restore(ctx context.Context, slug string, revision int64) error {
	err := i.server.store.Restore(ctx, slug, revision, i.by)
	if err == nil {
		i.audit(ctx, auditInstanceRestore, slug, fmt.Sprintf("revision %d", revision))
	}
	return err
}

// audit writes what was done to an instance into the audit log.
func (i *Instances) audit(ctx context.Context, action, slug, detail string) {
	if _, known := doerIn(ctx); !known && i.by != "" {
		ctx = doer{name: i.by}.in(ctx)
	}
	i.server.audit(ctx, action, "instance "+slug, detail)
}

// auditChange is audit for a change of what describes an instance.
func (i *Instances) auditChange(ctx context.Context, before, after app.Instance) {
	action := auditInstanceChange
	if before.Access != after.Access {
		action = auditInstanceAccess
	}
	was, is := instanceFacts(before), instanceFacts(after)
	was["slug"], is["slug"] = before.Slug, after.Slug
	if changes := difference(was, is); changes != "" {
		i.audit(ctx, action, before.Slug, changes)
	}
}

// mountOf returns the app of an instance.
func (i *Instances) mountOf(ctx context.Context, slug string) (*mount, error) {
	instance, err := i.server.store.Instance(ctx, slug)
	if err != nil {
		return nil, err
	}
	m := i.server.bySlug[instance.Instance().App]
	if m == nil {
		return nil, errAppGone
	}
	return m, nil
}
