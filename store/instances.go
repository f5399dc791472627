package store

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"dashd/app"
)

// Limits of the names of instances.
const (
	MaxName = 100 // characters
	MaxSlug = 110 // bytes
)

// NewInstance is what [Store.CreateInstance] makes.
type NewInstance struct {
	App          string // slug
	Name         string // "": the app's name and a number
	Slug         string // "": from the name
	SaveOnChange bool
	Access       app.Access
	State        app.BaseState
}

// InstanceChange is what [Store.UpdateInstance] changes; nil leaves a field
// alone.
type InstanceChange struct {
	Name         *string // "": the app's name and a number
	Slug         *string // "": from the name
	SaveOnChange *bool
	Access       *app.Access
}

// Filter selects instances.
type Filter struct {
	App    string // slug; "": all
	Text   string // part of the name or the slug; "": all
	Limit  int    // 0: no limit
	Offset int
}

const selectInstance = `SELECT app, name, slug, save_on_change, access, created,
	max(updated, coalesce((SELECT max(p.updated) FROM properties p WHERE p.instance = instances.id), 0)), id, revision FROM instances `

// instanceRow is a row of selectInstance.
type instanceRow struct {
	about        app.Instance
	id, revision int64
}

func scanInstance(row scanner) (r instanceRow, err error) {
	var created, updated int64
	err = row.Scan(&r.about.App, &r.about.Name, &r.about.Slug, &r.about.SaveOnChange, &r.about.Access,
		&created, &updated, &r.id, &r.revision)
	r.about.Created, r.about.Updated = timeOf(created), timeOf(updated)
	return r, err
}

func errNoInstance() error { return app.Errorf(app.NotFound, "There is no such instance.") }

// Instance returns the instance with a slug. All who ask at the same time share
// it. A NotFound error: there is none.
func (s *Store) Instance(ctx context.Context, slug string) (*Instance, error) {
	if i := s.instances.find(slug); i != nil {
		return i, nil
	}
	s.instances.loading.Lock()
	defer s.instances.loading.Unlock()
	if i := s.instances.find(slug); i != nil {
		return i, nil
	}
	i, err := s.load(ctx, slug)
	if err != nil {
		return nil, err
	}
	s.instances.add(slug, i)
	return i, nil
}

// load reads an instance. Nobody has it, so nobody changes it meanwhile.
func (s *Store) load(ctx context.Context, slug string) (*Instance, error) {
	row, err := scanInstance(s.read.QueryRowContext(ctx, selectInstance+`WHERE slug = ?`, slug))
	if errors.Is(err, sql.ErrNoRows) {
		return nil, errNoInstance()
	}
	if err != nil {
		return nil, fmt.Errorf("read an instance: %w", err)
	}
	rows, err := s.read.QueryContext(ctx, `SELECT component, property, value, revision, since, written, page
		FROM properties WHERE instance = ?`, row.id)
	if err != nil {
		return nil, fmt.Errorf("read the state of an instance: %w", err)
	}
	defer rows.Close()
	st := &state{about: row.about, values: app.BaseState{}, marks: map[place]mark{}, version: row.revision}
	for rows.Next() {
		var at place
		var value sql.NullString
		var m mark
		if err := rows.Scan(&at.id, &at.property, &value, &m.revision, &m.since, &m.written, &m.page); err != nil {
			return nil, fmt.Errorf("read the state of an instance: %w", err)
		}
		if st.values[at.id] == nil {
			st.values[at.id] = map[string]json.RawMessage{}
		}
		st.values[at.id][at.property] = jsonOf(value)
		st.marks[at] = m
		st.version = max(st.version, m.written)
		st.size += sizeOf(at, st.values[at.id][at.property])
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read the state of an instance: %w", err)
	}
	return &Instance{store: s, id: row.id, state: st, clock: st.version}, nil
}

// Instances lists instances by name.
func (s *Store) Instances(ctx context.Context, f Filter) ([]app.Instance, error) {
	list, err := queryAll(ctx, s.read, func(row scanner) (app.Instance, error) {
		r, err := scanInstance(row)
		return r.about, err
	}, selectInstance+filtered+` ORDER BY name LIMIT ? OFFSET ?`,
		f.App, f.Text, cmp.Or(f.Limit, -1), f.Offset)
	if err != nil {
		return nil, fmt.Errorf("list the instances: %w", err)
	}
	return list, nil
}

// CountInstances returns how many instances there are, whatever the limit.
func (s *Store) CountInstances(ctx context.Context, f Filter) (int, error) {
	var n int
	if err := s.read.QueryRowContext(ctx, `SELECT count(*) FROM instances `+filtered, f.App, f.Text).Scan(&n); err != nil {
		return 0, fmt.Errorf("count the instances: %w", err)
	}
	return n, nil
}

// filtered takes a [Filter]'s App and Text.
const filtered = `WHERE (?1 = '' OR app = ?1) AND (instr(lower(name), lower(?2)) OR instr(lower(slug), lower(?2)))`

// CreateInstance makes an instance. Errors: NotFound, there is no such app;
// Conflict, the name or slug is taken; Invalid and TooLarge.
func (s *Store) CreateInstance(ctx context.Context, n NewInstance, by string) (made app.Instance, err error) {
	if err := checkState(n.State); err != nil {
		return made, err
	}
	if n.Access, err = app.ParseAccess(string(n.Access)); err != nil {
		return made, err
	}
	err = s.write(ctx, func(tx *Tx) error {
		made, err = s.create(tx, n, by)
		return err
	})
	if err != nil {
		return made, fmt.Errorf("create an instance: %w", err)
	}
	return made, nil
}

// CloneInstance makes an instance with the app, state, access and
// save-on-change of another. The name and slug may be "", as for
// [Store.CreateInstance], whose errors it has.
func (s *Store) CloneInstance(ctx context.Context, slug, newName, newSlug, by string) (made app.Instance, err error) {
	original, err := s.Instance(ctx, slug)
	if err != nil {
		return made, err
	}
	err = s.write(ctx, func(tx *Tx) error {
		st, err := original.lent()
		if err != nil {
			return err
		}
		made, err = s.create(tx, NewInstance{st.about.App, newName, newSlug, st.about.SaveOnChange, st.about.Access, st.values}, by)
		return err
	})
	if err != nil {
		return made, fmt.Errorf("clone an instance: %w", err)
	}
	return made, nil
}

func (s *Store) create(tx *Tx, n NewInstance, by string) (app.Instance, error) {
	made := app.Instance{
		App: n.App, SaveOnChange: n.SaveOnChange, Access: n.Access,
		Created: timeOf(tx.now), Updated: timeOf(tx.now),
	}
	known, err := exists(tx, `SELECT 1 FROM apps WHERE slug = ?`, n.App)
	if err != nil {
		return made, err
	}
	if !known {
		return made, errNoApp()
	}
	if made.Name, err = instanceName(tx, n.App, n.Name, 0); err != nil {
		return made, err
	}
	if made.Slug, err = instanceSlug(tx, made, n.Slug, 0); err != nil {
		return made, err
	}
	row, err := tx.Exec(`INSERT INTO instances (app, name, slug, save_on_change, access, created, updated)
		VALUES (?, ?, ?, ?, ?, ?, ?)`, made.App, made.Name, made.Slug, made.SaveOnChange, string(made.Access), tx.now, tx.now)
	if err != nil {
		return made, fmt.Errorf("write an instance: %w", err)
	}
	id, err := row.LastInsertId()
	if err != nil {
		return made, fmt.Errorf("write an instance: %w", err)
	}
	empty := &state{}
	edits, _ := empty.difference(n.State)
	v := visit{arrival: 1, user: by}
	if err := empty.prepare(edits, v, 1); err != nil {
		return made, err
	}
	for _, e := range edits {
		if err := putProperty(tx, id, v, e); err != nil {
			return made, err
		}
	}
	return made, nil
}

// UpdateInstance changes what describes an instance. Errors: NotFound, there is
// no such instance; Conflict, the name or slug is taken; Invalid.
func (s *Store) UpdateInstance(ctx context.Context, slug string, change InstanceChange) (about app.Instance, err error) {
	if change.Access != nil {
		access, err := app.ParseAccess(string(*change.Access))
		if err != nil {
			return about, err
		}
		change.Access = &access
	}
	i, err := s.Instance(ctx, slug)
	if err != nil {
		return about, err
	}
	err = s.write(ctx, func(tx *Tx) error {
		about, err = i.describe(tx, change)
		return err
	})
	if err != nil {
		return app.Instance{}, fmt.Errorf("update an instance: %w", err)
	}
	return about, nil
}

// describe is the job of UpdateInstance.
func (i *Instance) describe(tx *Tx, change InstanceChange) (app.Instance, error) {
	st, err := i.lent()
	if err != nil {
		return app.Instance{}, err
	}
	next := *st
	about := &next.about
	if change.Name != nil {
		if about.Name, err = instanceName(tx, about.App, *change.Name, i.id); err != nil {
			return *about, err
		}
	}
	if change.Slug != nil {
		if about.Slug, err = instanceSlug(tx, *about, *change.Slug, i.id); err != nil {
			return *about, err
		}
	}
	if change.SaveOnChange != nil {
		about.SaveOnChange = *change.SaveOnChange
	}
	if change.Access != nil {
		about.Access = *change.Access
	}
	about.Updated = timeOf(tx.now)
	_, err = tx.Exec(`UPDATE instances SET name = ?, slug = ?, save_on_change = ?, access = ?, updated = ? WHERE id = ?`,
		about.Name, about.Slug, about.SaveOnChange, string(about.Access), tx.now, i.id)
	if err != nil {
		return *about, fmt.Errorf("write an instance: %w", err)
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.stage(tx, &next)
	if before := st.about.Slug; before != about.Slug {
		// Findable before the commit, so that nobody loads it a second time.
		cache, slug := i.store.instances, about.Slug
		cache.add(slug, i)
		tx.onUndo(func() { cache.remove(slug, i) })
		tx.onCommit(func() { cache.remove(before, i) })
	}
	return *about, nil
}

// lent returns the state for a job, or an error when the instance is gone.
func (i *Instance) lent() (*state, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.gone {
		return nil, errNoInstance()
	}
	return i.latest(), nil
}

// DeleteInstance deletes an instance and its history. A NotFound error: there
// is none.
func (s *Store) DeleteInstance(ctx context.Context, slug string) error {
	i, err := s.Instance(ctx, slug)
	if err != nil {
		return err
	}
	err = s.write(ctx, func(tx *Tx) error {
		st, err := i.lent()
		if err != nil {
			return err
		}
		if _, err := tx.Exec(`DELETE FROM instances WHERE id = ?`, i.id); err != nil {
			return err
		}
		i.setGone(true)
		tx.onUndo(func() { i.setGone(false) })
		tx.onCommit(func() { s.instances.remove(st.about.Slug, i) })
		return nil
	})
	if err != nil {
		return fmt.Errorf("delete an instance: %w", err)
	}
	return nil
}

func (i *Instance) setGone(gone bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.gone = gone
}

// ReplaceState makes the tracked properties exactly those of state: for
// populate, import and reset. Values that stay the same keep their revision.
// Errors: NotFound, there is no such instance; Invalid and TooLarge.
func (s *Store) ReplaceState(ctx context.Context, slug string, state app.BaseState, by string) error {
	if err := checkState(state); err != nil {
		return err
	}
	return s.command(ctx, slug, "replace the state", func(i *Instance, tx *Tx) error {
		return i.replace(tx, state, by)
	})
}

// SetProperty sets a property, and tracks it from now on. A nil value tracks it
// without setting it. It has the errors of [Store.ReplaceState].
func (s *Store) SetProperty(ctx context.Context, slug string, id app.ID, property string, value json.RawMessage, by string) error {
	if err := checkState(app.BaseState{id: {property: value}}); err != nil {
		return err
	}
	return s.command(ctx, slug, "set a property", func(i *Instance, tx *Tx) error {
		return i.change(tx, visit{user: by}, func(current *state, v visit) []edit {
			at := place{id, property}
			if old, _, tracked := current.value(at); tracked && sameValue(old, value) {
				i.knowledge.confirm(at, v.arrival)
				return nil
			}
			return []edit{{at: at, value: value}}
		})
	})
}

// Untrack ends that a property is tracked. A NotFound error: there is no such
// instance, or the property is not tracked.
func (s *Store) Untrack(ctx context.Context, slug string, id app.ID, property string, by string) error {
	return s.command(ctx, slug, "untrack a property", func(i *Instance, tx *Tx) error {
		tracked := false
		err := i.change(tx, visit{user: by}, func(current *state, _ visit) []edit {
			at := place{id, property}
			if _, _, tracked = current.value(at); !tracked {
				return nil
			}
			return []edit{{at: at, remove: true}}
		})
		if err == nil && !tracked {
			return app.Errorf(app.NotFound, "The instance does not track this property.")
		}
		return err
	})
}

// command runs a job on an instance; doing says what it does.
func (s *Store) command(ctx context.Context, slug, doing string, fn func(*Instance, *Tx) error) error {
	i, err := s.Instance(ctx, slug)
	if err != nil {
		return err
	}
	if err := s.write(ctx, func(tx *Tx) error { return fn(i, tx) }); err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	return nil
}

// replace is the job of ReplaceState.
func (i *Instance) replace(tx *Tx, target app.BaseState, by string) error {
	return i.change(tx, visit{user: by}, func(current *state, v visit) []edit {
		edits, same := current.difference(target)
		for _, at := range same {
			i.knowledge.confirm(at, v.arrival)
		}
		return edits
	})
}

// instanceName returns a free name for an instance: the one that is wanted, or
// the app's and the first number that makes it free.
func instanceName(tx *Tx, appSlug, wanted string, self int64) (string, error) {
	wanted = strings.TrimSpace(wanted)
	if wanted != "" {
		if utf8.RuneCountInString(wanted) > MaxName || !utf8.ValidString(wanted) || strings.ContainsFunc(wanted, unicode.IsControl) {
			return "", app.Errorf(app.Invalid, "The name of an instance has 1 to %d characters, and no line breaks.", MaxName)
		}
		taken, err := exists(tx, `SELECT 1 FROM instances WHERE name = ? AND id <> ?`, wanted, self)
		if err == nil && taken {
			err = app.Errorf(app.Conflict, "There is an instance with this name already.")
		}
		return wanted, err
	}
	var base string
	var count int
	err := tx.QueryRow(`SELECT name, (SELECT count(*) FROM instances WHERE app = apps.slug) FROM apps WHERE slug = ?`, appSlug).Scan(&base, &count)
	if err != nil {
		return "", fmt.Errorf("read an app: %w", err)
	}
	base = string([]rune(base)[:min(MaxName-12, utf8.RuneCountInString(base))])
	return firstFree(tx, `SELECT 1 FROM instances WHERE name = ? AND id <> ?`, self, func(n int) string {
		return fmt.Sprintf("%s-%d", base, count+1+n)
	})
}

var slugPattern = regexp.MustCompile(`^[-a-zA-Z0-9_]+$`)

// instanceSlug returns a free slug: the one that is wanted, or one from the
// name.
func instanceSlug(tx *Tx, about app.Instance, wanted string, self int64) (string, error) {
	if wanted != "" {
		if len(wanted) > MaxSlug || !slugPattern.MatchString(wanted) {
			return "", app.Errorf(app.Invalid, "The slug of an instance has 1 to %d letters without accents, digits, hyphens and underscores.", MaxSlug)
		}
		taken, err := exists(tx, `SELECT 1 FROM instances WHERE slug = ? AND id <> ?`, wanted, self)
		if err == nil && taken {
			err = app.Errorf(app.Conflict, "There is an instance with this slug already.")
		}
		return wanted, err
	}
	base := cmp.Or(app.Slugify(about.Name), about.App)
	base = base[:min(len(base), MaxSlug-12)]
	return firstFree(tx, `SELECT 1 FROM instances WHERE slug = ? AND id <> ?`, self, func(n int) string {
		if n == 0 {
			return base
		}
		return base + "-" + strconv.Itoa(n+1)
	})
}

// firstFree returns the first candidate, from 0 on, for which no other row than
// self is there.
func firstFree(tx *Tx, query string, self int64, candidate func(n int) string) (string, error) {
	for n := 0; ; n++ {
		text := candidate(n)
		if taken, err := exists(tx, query, text, self); err != nil || !taken {
			return text, err
		}
	}
}

// exists reports whether a query has a row.
func exists(tx *Tx, query string, args ...any) (bool, error) {
	var one int
	err := tx.QueryRow(query, args...).Scan(&one)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("look for a name: %w", err)
	}
	return true, nil
}
