package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"testing"

	"dashd/app"
)

func newShirt(t *testing.T, s *Store) *Instance {
	t.Helper()
	if err := s.RecordApps(t.Context(), []App{{Slug: "shirts", Name: "Shirts"}}); err != nil {
		t.Fatal(err)
	}
	about, err := s.CreateInstance(t.Context(), NewInstance{App: "shirts", SaveOnChange: true, State: app.BaseState{
		"color": {"value": json.RawMessage(`"red"`)},
	}}, "")
	if err != nil {
		t.Fatal(err)
	}
	i, err := s.Instance(t.Context(), about.Slug)
	if err != nil {
		t.Fatal(err)
	}
	return i
}

func blue(i *Instance) app.Change {
	return app.Change{Page: i.NewPage(), Arrival: i.Arrive(), Writes: []app.Write{
		{ID: "color", Property: "value", Value: json.RawMessage(`"blue"`), Origin: app.Changed},
	}}
}

// While a transaction is under way, nobody sees what it writes, and nobody is
// told that the same value is saved.
func TestNothingIsSeenBeforeTheCommit(t *testing.T) {
	s := openMemory(t)
	i := newShirt(t, s)
	slow, later := i.Arrive(), i.Arrive()
	staged, release, done := make(chan struct{}), make(chan struct{}), make(chan error)
	go func() {
		done <- s.write(context.Background(), func(tx *Tx) error {
			change := blue(i)
			change.Arrival = slow
			err := i.save(tx, change)
			close(staged)
			<-release
			return err
		})
	}()
	<-staged
	if got, _ := i.Tracks("color", "value"); string(got) != `"red"` {
		t.Errorf("%s is seen", got)
	}
	if i.NewPage()[0] != '1' {
		t.Error("a page that loads now knows what is not committed")
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel() // who asks the writer gets an error
	for _, value := range []string{`"blue"`, `"red"`} {
		change := blue(i)
		change.Arrival, change.Writes[0].Value = later, json.RawMessage(value)
		if err := i.Save(ended, change); !errors.Is(err, context.Canceled) {
			t.Errorf("%s is answered before the outcome is known: %v", value, err)
		}
	}
	close(release)
	if err := <-done; err != nil {
		t.Error(err)
	}
	if got, _ := i.Tracks("color", "value"); string(got) != `"blue"` {
		t.Errorf("%s is not seen", got)
	}
}

func TestFailedTransactionLeavesTheInstance(t *testing.T) {
	s := openMemory(t)
	i := newShirt(t, s)
	wrong := errors.New("wrong")
	err := s.write(t.Context(), func(tx *Tx) error {
		if err := i.save(tx, blue(i)); err != nil {
			return err
		}
		if _, err := i.describe(tx, InstanceChange{Slug: new("other"), SaveOnChange: new(false)}); err != nil {
			return err
		}
		return wrong
	})
	if !errors.Is(err, wrong) {
		t.Fatal(err)
	}
	if got, _ := i.Tracks("color", "value"); string(got) != `"red"` || i.draft != nil {
		t.Errorf("the value is %s", got)
	}
	if about := i.Instance(); about.Slug != "shirts-1" || !about.SaveOnChange {
		t.Errorf("%+v", about)
	}
	if _, err := s.Instance(t.Context(), "other"); app.ErrorCode(err) != app.NotFound {
		t.Errorf("under the slug it did not get: %v", err)
	}
	if again, err := s.Instance(t.Context(), "shirts-1"); again != i {
		t.Errorf("not the same instance: %v", err)
	}
	if err := i.Save(t.Context(), blue(i)); err != nil {
		t.Error(err)
	}
	if got, _ := i.Tracks("color", "value"); string(got) != `"blue"` {
		t.Errorf("then the value is %s", got)
	}
}

// Two jobs of one transaction build on each other, and the second can fail
// alone.
func TestJobsOfOneInstance(t *testing.T) {
	s := openMemory(t)
	i := newShirt(t, s)
	err := s.write(t.Context(), func(tx *Tx) error {
		if err := i.save(tx, blue(i)); err != nil {
			return err
		}
		second := &Tx{w: tx.w, now: tx.now}
		change := blue(i)
		change.Writes[0].Value = json.RawMessage(`"green"`)
		if err := i.save(second, change); err != nil {
			return err
		}
		if got, _, _ := i.draft.value(place{"color", "value"}); string(got) != `"green"` {
			return fmt.Errorf("the draft has %s", got)
		}
		second.undo()
		if got, _, _ := i.draft.value(place{"color", "value"}); string(got) != `"blue"` {
			return fmt.Errorf("then the draft has %s", got)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	if got, _ := i.Tracks("color", "value"); string(got) != `"blue"` || i.draft != nil {
		t.Errorf("the value is %s", got)
	}
}

// What somebody holds is never loaded a second time, however small the cache.
func TestOneInstanceEach(t *testing.T) {
	s := openMemory(t)
	s.instances = newInstanceCache(2)
	held := newShirt(t, s)
	for range 10 {
		newShirt(t, s)
	}
	if n := s.instances.recent.Len(); n != 2 {
		t.Errorf("%d instances are kept", n)
	}
	runtime.GC()
	newShirt(t, s) // clears the map
	if n := len(s.instances.bySlug); n > 5 {
		t.Errorf("%d slugs are known", n)
	}
	again, err := s.Instance(t.Context(), held.Instance().Slug)
	if err != nil || again != held {
		t.Errorf("another one: %v", err)
	}
	if _, err := s.Instance(t.Context(), "shirts-5"); err != nil {
		t.Errorf("one that was dropped: %v", err)
	}
}

func TestUntrackedPropertiesAreForgotten(t *testing.T) {
	s := openMemory(t)
	i := newShirt(t, s)
	change := blue(i)
	for range 2 { // the second time it is learned and confirmed
		if err := i.Save(t.Context(), change); err != nil {
			t.Fatal(err)
		}
	}
	page, at := i.knowledge.page(change.Page), place{"color", "value"}
	if page.learned[at] == 0 || page.announced[at] == 0 || i.knowledge.confirmed[at] == 0 {
		t.Fatalf("%+v, %v", page, i.knowledge.confirmed)
	}
	if err := s.Untrack(t.Context(), "shirts-1", "color", "value", ""); err != nil {
		t.Fatal(err)
	}
	if len(page.learned)+len(page.announced)+len(i.knowledge.confirmed) != 0 {
		t.Errorf("%+v, %v", page, i.knowledge.confirmed)
	}
}
