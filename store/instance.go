package store

import (
	"container/list"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"sync"

	"dashd/app"
)

// Instance is a saved instance: an [app.Saved]. There is one *Instance of each
// at a time, which holds the state in memory; only jobs of the store's writer
// change it, and others see a change when it is committed.
type Instance struct {
	store  *Store
	id     int64
	recent *list.Element // in the cache

	mu        sync.Mutex
	state     *state // as committed
	draft     *state // as the transaction under way leaves it; nil: nobody changes it
	gone      bool   // deleted, or being deleted
	clock     int64  // ticks when a request arrives and when the state is written
	knowledge knowledge

	backlog int // the writer's: what it has added to the history since it pruned it
}

var _ app.Saved = (*Instance)(nil)

// Instance describes the instance.
func (i *Instance) Instance() app.Instance { return i.committed().about }

// State returns all tracked properties as they are now. The caller does not
// change them.
func (i *Instance) State() app.BaseState { return i.committed().values }

// Tracks reports whether a property is tracked, and returns its value.
func (i *Instance) Tracks(id app.ID, property string) (json.RawMessage, bool) {
	return i.committed().values.Value(id, property)
}

func (i *Instance) committed() *state {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.state
}

// NewPage returns the id of a page that is about to load its layout. What the
// instance holds now, that page is going to know, also after a restart.
func (i *Instance) NewPage() string { return pageName(i.committed().version, rand.Text()) }

// Arrive notes that a request has arrived, and returns its place among all
// requests to the instance.
func (i *Instance) Arrive() int64 {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.tick()
}

func (i *Instance) tick() int64 {
	i.clock++
	return i.clock
}

// Save writes what a call changed, as [app.Saved] says.
func (i *Instance) Save(ctx context.Context, change app.Change) error {
	if !i.Instance().SaveOnChange {
		return nil
	}
	change.Writes = i.trusted(change)
	if i.unchanged(change) {
		return nil
	}
	err := i.store.write(ctx, func(tx *Tx) error { return i.save(tx, change) })
	if err != nil {
		return fmt.Errorf("save the instance: %w", err)
	}
	return nil
}

// trusted leaves out values from browsers that could do harm.
func (i *Instance) trusted(change app.Change) []app.Write {
	kept := make([]app.Write, 0, len(change.Writes))
	for _, w := range change.Writes {
		if w.Value == nil {
			continue
		}
		if w.Origin == app.Carried || w.Origin == app.Changed {
			if err := app.CheckValue(w.Property, w.Value); err != nil {
				i.store.Log.Debug("value not saved", "component", w.ID, "property", w.Property, "request", change.Request, "err", err)
				continue
			}
		}
		kept = append(kept, w)
	}
	return kept
}

// unchanged reports whether the change leaves all as it is. While a transaction
// changes the instance, that is not known.
func (i *Instance) unchanged(change app.Change) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.draft != nil || i.gone {
		return false
	}
	now := millis(i.store.Now())
	results := i.judge(i.state, change, now)
	if len(results.edits(i.state)) > 0 {
		return false
	}
	i.learn(i.state, change, results, now)
	return true
}

// save is the job of Save.
func (i *Instance) save(tx *Tx, change app.Change) error {
	v := visit{change.Arrival, change.Page, change.User}
	if len(v.page) > maxPageName { // not one that NewPage has made
		v.page = ""
	}
	return i.change(tx, v, func(current *state, _ visit) []edit {
		results := i.judge(current, change, tx.now)
		i.learn(current, change, results, tx.now)
		return results.edits(current)
	})
}

// results is what a change makes of the properties that it may write.
type results map[place]result

type result struct {
	value json.RawMessage
	said  bool // by the page or the callback: not merely carried along
}

// judge applies the write rule to the writes of a change, the later ones of a
// property over the earlier.
func (i *Instance) judge(s *state, change app.Change, now int64) results {
	page := i.knowledge.page(change.Page)
	loaded := loadedAt(change.Page) // in a forged id at most all that is written by now
	made := results{}
	for _, w := range change.Writes {
		at := place{w.ID, w.Property}
		value, mark, tracked := s.value(at)
		if !tracked {
			continue
		}
		earlier, again := made[at]
		if again {
			value = earlier.value
		}
		if w.Origin == app.Patched {
			patched, err := app.ApplyPatch(value, w.Value)
			if err != nil {
				i.store.Log.Debug("patch does not fit the saved value", "component", w.ID, "property", w.Property, "request", change.Request)
				continue
			}
			w.Value = patched
		}
		if sameValue(value, w.Value) {
			made[at] = result{value, earlier.said || w.Origin != app.Carried}
		} else if mayWrite(w.Origin, change.Arrival, standing{
			revision:  max(mark.revision, i.knowledge.confirmed[at]),
			written:   mark.written,
			own:       change.Page != "" && mark.page == change.Page,
			known:     max(loaded, page.learned[at]),
			announced: page.announcedLately(at, now),
		}) {
			made[at] = result{w.Value, w.Origin != app.Carried}
		}
	}
	return made
}

// edits returns what differs from s.
func (r results) edits(s *state) []edit {
	var edits []edit
	for at, result := range r {
		if value, _, _ := s.value(at); !sameValue(value, result.value) {
			edits = append(edits, edit{at: at, value: result.value})
		}
	}
	return edits
}

// learn notes what the change tells about its page: it knows the values that it
// has in common with s, and it has announced some.
func (i *Instance) learn(s *state, change app.Change, made results, now int64) {
	if len(change.Writes) == 0 {
		return
	}
	page := i.knowledge.remember(change.Page)
	for at, result := range made {
		value, mark, _ := s.value(at)
		if !sameValue(value, result.value) {
			continue
		}
		page.learn(at, mark.written)
		if result.said {
			i.knowledge.confirm(at, change.Arrival)
		}
	}
	for _, w := range change.Writes {
		at := place{w.ID, w.Property}
		if _, _, tracked := s.value(at); tracked && w.Origin == app.Changed {
			page.announce(at, now)
		}
	}
}

// change is a job, or its part, that changes the state: it writes the edits
// that decide returns, and publishes them with the commit. A visit without an
// arrival arrives now. decide runs under the instance's lock.
func (i *Instance) change(tx *Tx, v visit, decide func(current *state, v visit) []edit) error {
	edits, next, err := i.prepare(tx, &v, decide)
	if err != nil || len(edits) == 0 {
		return err
	}
	return i.write(tx, v, edits, next)
}

func (i *Instance) prepare(tx *Tx, v *visit, decide func(*state, visit) []edit) ([]edit, *state, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.gone {
		return nil, nil, errNoInstance()
	}
	if v.arrival == 0 {
		v.arrival = i.tick()
	}
	current := i.latest()
	edits := decide(current, *v)
	if len(edits) == 0 {
		return nil, nil, nil
	}
	if err := current.prepare(edits, *v, i.tick()); err != nil {
		return nil, nil, err
	}
	next, err := current.with(edits)
	if err != nil {
		return nil, nil, err
	}
	next.about.Updated = timeOf(tx.now)
	i.stage(tx, next)
	return edits, next, nil
}

// latest returns the state as the jobs before this one leave it. It and stage
// are for jobs, under the lock.
func (i *Instance) latest() *state {
	if i.draft != nil {
		return i.draft
	}
	return i.state
}

// stage makes next the state, for the jobs that follow now, and for everybody
// with the commit.
func (i *Instance) stage(tx *Tx, next *state) {
	before := i.draft
	i.draft = next
	tx.onUndo(func() {
		i.mu.Lock()
		defer i.mu.Unlock()
		i.draft = before
	})
	tx.onCommit(func() {
		i.mu.Lock()
		defer i.mu.Unlock()
		i.state = next
		if i.draft == next {
			i.draft = nil
		}
	})
}

// write writes the rows of edits that lead to next.
func (i *Instance) write(tx *Tx, v visit, edits []edit, next *state) error {
	removed := false
	for _, e := range edits {
		if e.tracked && (e.remove || !v.writes(e.old)) {
			if err := i.archive(tx, e, v.arrival); err != nil {
				return err
			}
		}
		if !e.remove {
			if err := putProperty(tx, i.id, v, e); err != nil {
				return err
			}
			continue
		}
		removed = true
		_, err := tx.Exec(`DELETE FROM properties WHERE instance = ? AND component = ? AND property = ?`, i.id, e.at.id, e.at.property)
		if err != nil {
			return fmt.Errorf("untrack a property: %w", err)
		}
		tx.onCommit(func() {
			i.mu.Lock()
			defer i.mu.Unlock()
			i.knowledge.forget(e.at)
		})
	}
	if removed { // else the rows of the properties tell
		if _, err := tx.Exec(`UPDATE instances SET revision = ?, updated = ? WHERE id = ?`, next.version, tx.now, i.id); err != nil {
			return fmt.Errorf("write the instance's revision: %w", err)
		}
	}
	if i.backlog > maxBacklog {
		i.backlog = 0
		return pruneHistory(tx, i.id, tx.now-i.store.HistoryKeep.Milliseconds())
	}
	return nil
}

// putProperty writes the row of a property.
func putProperty(tx *Tx, instance int64, v visit, e edit) error {
	_, err := tx.Exec(`INSERT INTO properties (instance, component, property, value, revision, since, written, page, user, updated)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT DO UPDATE SET value = excluded.value, revision = excluded.revision, since = excluded.since,
			written = excluded.written, page = excluded.page, user = excluded.user, updated = excluded.updated`,
		instance, e.at.id, e.at.property, textOf(e.value), e.mark.revision, e.mark.since, e.mark.written, v.page, v.user, tx.now)
	if err != nil {
		return fmt.Errorf("write a property: %w", err)
	}
	return nil
}
