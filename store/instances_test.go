package store_test

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"dashd/app"
	"dashd/store"

	"github.com/google/go-cmp/cmp"
)

func TestCreateInstance(t *testing.T) {
	s := openTimed(t, "", newClock())
	must(t, s.RecordApps(t.Context(), []store.App{{Slug: "shirts", Name: "Shirts"}, {Slug: "long", Name: strings.Repeat("Ä", 150)}}))
	for _, test := range []struct {
		name       string
		new        store.NewInstance
		want, slug string
	}{
		{"no names", store.NewInstance{}, "Shirts-1", "shirts-1"},
		{"a name", store.NewInstance{Name: " Spring Sale! "}, "Spring Sale!", "spring-sale"},
		{"a name with the same slug", store.NewInstance{Name: "Spring Sale"}, "Spring Sale", "spring-sale-2"},
		{"and again", store.NewInstance{Name: "Spring, sale"}, "Spring, sale", "spring-sale-3"},
		{"a name without letters for a slug", store.NewInstance{Name: "日本"}, "日本", "shirts"},
		{"and again", store.NewInstance{Name: "東京"}, "東京", "shirts-2"},
		{"a slug", store.NewInstance{Name: "Autumn", Slug: "A_9-"}, "Autumn", "A_9-"},
		{"the next number", store.NewInstance{}, "Shirts-8", "shirts-8"},
		{"a number that is taken later", store.NewInstance{Name: "Shirts-10"}, "Shirts-10", "shirts-10"},
		{"and left out", store.NewInstance{}, "Shirts-11", "shirts-11"},
		{"a slug alone", store.NewInstance{Slug: "x"}, "Shirts-12", "x"},
		{"longest names", store.NewInstance{Name: strings.Repeat("b", 100), Slug: strings.Repeat("c", 110)}, strings.Repeat("b", 100), strings.Repeat("c", 110)},
		{"a long name of an app", store.NewInstance{App: "long"}, strings.Repeat("Ä", 88) + "-1", strings.Repeat("a", 88) + "-1"},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.new.State, test.new.Access = shirt(), "restricted user:bob user:ann user:bob"
			about := create(t, s, test.new)
			want := app.Instance{
				App: about.App, Name: test.want, Slug: test.slug, Access: "restricted user:ann user:bob",
				Created: newClock().Now(), Updated: newClock().Now(),
			}
			if diff := cmp.Diff(want, about); diff != "" {
				t.Error(diff)
			}
			i := instance(t, s, test.slug)
			if diff := cmp.Diff(want, i.Instance()); diff != "" {
				t.Errorf("read: %s", diff)
			}
			if diff := cmp.Diff(shirt(), i.State()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestWrongInstances(t *testing.T) {
	s := openAt(t, "")
	create(t, s, store.NewInstance{Name: "Spring", Slug: "spring"})
	create(t, s, store.NewInstance{Name: "Other"})
	for _, test := range []struct {
		name string
		new  store.NewInstance
		want app.Code
	}{
		{"no such app", store.NewInstance{App: "nothing"}, app.NotFound},
		{"no such app, with names", store.NewInstance{App: "nothing", Name: "a", Slug: "a"}, app.NotFound},
		{"name is taken", store.NewInstance{Name: "Spring"}, app.Conflict},
		{"slug is taken", store.NewInstance{Slug: "spring"}, app.Conflict},
		{"slug with a blank", store.NewInstance{Slug: "a b"}, app.Invalid},
		{"slug with a line break", store.NewInstance{Slug: "a\n"}, app.Invalid},
		{"slug with an accent", store.NewInstance{Slug: "ä"}, app.Invalid},
		{"slug too long", store.NewInstance{Slug: strings.Repeat("a", 111)}, app.Invalid},
		{"name too long", store.NewInstance{Name: strings.Repeat("ä", 101)}, app.Invalid},
		{"name with a line break", store.NewInstance{Name: "a\nb"}, app.Invalid},
		{"name of no text", store.NewInstance{Name: "\xff"}, app.Invalid},
		{"access", store.NewInstance{Access: "everybody"}, app.Invalid},
		{"state", store.NewInstance{State: app.BaseState{"__proto__": {"a": nil}}}, app.Invalid},
		{"component as a value", store.NewInstance{State: app.BaseState{"a": {"value": json.RawMessage(`{"type":"A","namespace":"b","props":{}}`)}}}, app.Invalid},
	} {
		t.Run(test.name, func(t *testing.T) {
			if test.new.App == "" {
				test.new.App = "shirts"
			}
			_, err := s.CreateInstance(t.Context(), test.new, "")
			wantCode(t, err, test.want)
			if test.new.State != nil || test.new.App != "shirts" {
				return
			}
			change := store.InstanceChange{Access: &test.new.Access}
			if test.new.Name != "" {
				change.Name = &test.new.Name
			}
			if test.new.Slug != "" {
				change.Slug = &test.new.Slug
			}
			_, err = s.UpdateInstance(t.Context(), "other", change)
			wantCode(t, err, test.want)
		})
	}
	if n, err := s.CountInstances(t.Context(), store.Filter{}); n != 2 || err != nil {
		t.Errorf("%d instances, %v", n, err)
	}
}

func TestNoSuchInstance(t *testing.T) {
	s := openAt(t, "")
	create(t, s, store.NewInstance{Slug: "Spring"})
	ctx := t.Context()
	for _, slug := range []string{"", "nothing", "spring", "Spring ", "Spring%"} {
		_, err := s.Instance(ctx, slug)
		wantCode(t, err, app.NotFound)
		_, err = s.UpdateInstance(ctx, slug, store.InstanceChange{})
		wantCode(t, err, app.NotFound)
		_, err = s.CloneInstance(ctx, slug, "", "", "")
		wantCode(t, err, app.NotFound)
		_, err = s.History(ctx, slug, 10)
		wantCode(t, err, app.NotFound)
		wantCode(t, s.DeleteInstance(ctx, slug), app.NotFound)
		wantCode(t, s.ReplaceState(ctx, slug, shirt(), ""), app.NotFound)
		wantCode(t, s.SetProperty(ctx, slug, "a", "b", nil, ""), app.NotFound)
		wantCode(t, s.Untrack(ctx, slug, "a", "b", ""), app.NotFound)
		wantCode(t, s.Restore(ctx, slug, 1, ""), app.NotFound)
	}
}

func TestUpdateInstance(t *testing.T) {
	now := newClock()
	path := filepath.Join(t.TempDir(), "dashd.db")
	s := openTimed(t, path, now)
	recordShirts(t, s)
	i := shirtInstance(t, s)
	created := now.Now()
	now.pass(1e9)
	about, err := s.UpdateInstance(t.Context(), "shirts-1", store.InstanceChange{Name: new("Spring"), Slug: new("spring"), Access: new(app.Public)})
	must(t, err)
	want := app.Instance{App: "shirts", Name: "Spring", Slug: "spring", SaveOnChange: true, Access: app.Public, Created: created, Updated: now.Now()}
	if diff := cmp.Diff(want, about); diff != "" {
		t.Error(diff)
	}
	if got := instance(t, s, "spring"); got != i {
		t.Error("under the new slug is another instance")
	}
	_, err = s.Instance(t.Context(), "shirts-1")
	wantCode(t, err, app.NotFound)
	if create(t, s, store.NewInstance{Slug: "shirts-1"}); instance(t, s, "shirts-1") == i {
		t.Error("under the old slug is still the same instance")
	}
	open(t, i).save(changed("color", `"blue"`)) // goes on after the change
	wantValue(t, instance(t, s, "spring"), "color", `"blue"`)

	// Its own names are free for it, and empty ones are made anew.
	_, err = s.UpdateInstance(t.Context(), "spring", store.InstanceChange{Name: new("Spring"), Slug: new("spring"), SaveOnChange: new(false)})
	must(t, err)
	about, err = s.UpdateInstance(t.Context(), "spring", store.InstanceChange{Name: new(""), Slug: new("")})
	must(t, err)
	if about.Name != "Shirts-3" || about.Slug != "shirts-3" || about.SaveOnChange {
		t.Errorf("%+v", about)
	}
	must(t, s.Close())
	if diff := cmp.Diff(about, instance(t, openAt(t, path), "shirts-3").Instance()); diff != "" {
		t.Errorf("in the database: %s", diff)
	}
}

func TestDeleteInstance(t *testing.T) {
	s := openAt(t, "")
	i := shirtInstance(t, s)
	open(t, i).save(changed("color", `"blue"`))
	must(t, s.SetProperty(t.Context(), "shirts-1", "color", "value", json.RawMessage(`1`), ""))
	must(t, s.DeleteInstance(t.Context(), "shirts-1"))
	_, err := s.Instance(t.Context(), "shirts-1")
	wantCode(t, err, app.NotFound)

	// Who still has it cannot write, not even into one with the same slug.
	again := create(t, s, store.NewInstance{SaveOnChange: true, State: shirt()})
	err = i.Save(t.Context(), app.Change{Page: i.NewPage(), Arrival: i.Arrive(), Writes: []app.Write{changed("color", `"green"`)}})
	wantCode(t, err, app.NotFound)
	wantCode(t, i.Save(t.Context(), app.Change{Page: i.NewPage(), Arrival: i.Arrive()}), app.NotFound)
	if again.Slug != "shirts-1" {
		t.Errorf("%+v", again)
	}
	wantValue(t, instance(t, s, "shirts-1"), "color", `"red"`)
	history, err := s.History(t.Context(), "shirts-1", 100)
	must(t, err)
	if len(history) != 3 {
		t.Errorf("the new one has %d revisions", len(history))
	}
}

func TestCloneInstance(t *testing.T) {
	s := openAt(t, "")
	create(t, s, store.NewInstance{Name: "Spring", SaveOnChange: true, Access: app.Public, State: shirt()})
	i := instance(t, s, "spring")
	open(t, i).save(changed("color", `"blue"`))
	about, err := s.CloneInstance(t.Context(), "spring", "", "", "bob")
	must(t, err)
	if about.Name != "Shirts-2" || about.Slug != "shirts-2" || !about.SaveOnChange || about.Access != app.Public {
		t.Errorf("%+v", about)
	}
	if about, err = s.CloneInstance(t.Context(), "spring", "Copy", "copy_", "bob"); err != nil || about.Name != "Copy" || about.Slug != "copy_" {
		t.Errorf("%+v, %v", about, err)
	}
	_, err = s.CloneInstance(t.Context(), "spring", "Copy", "", "bob")
	wantCode(t, err, app.Conflict)
	clone := instance(t, s, "shirts-2")
	if diff := cmp.Diff(i.State(), clone.State()); diff != "" {
		t.Error(diff)
	}
	open(t, clone).save(changed("color", `"green"`))
	wantValue(t, i, "color", `"blue"`)
}

func TestListInstances(t *testing.T) {
	s := openAt(t, "")
	must(t, s.RecordApps(t.Context(), []store.App{{Slug: "hats", Name: "Hats"}}))
	for n := range 5 {
		create(t, s, store.NewInstance{Name: fmt.Sprintf("Spring %d", 5-n), Slug: fmt.Sprintf("s%d_x", 5-n)})
	}
	create(t, s, store.NewInstance{App: "hats", Name: "100% wool"})
	for _, test := range []struct {
		name  string
		f     store.Filter
		want  []string
		count int
	}{
		{"all", store.Filter{}, []string{"100-wool", "s1_x", "s2_x", "s3_x", "s4_x", "s5_x"}, 6},
		{"of an app", store.Filter{App: "hats"}, []string{"100-wool"}, 1},
		{"of no app", store.Filter{App: "Hats"}, nil, 0},
		{"part of the name", store.Filter{Text: "ring 3"}, []string{"s3_x"}, 1},
		{"in another case", store.Filter{Text: "SPRING 3"}, []string{"s3_x"}, 1},
		{"part of the slug", store.Filter{Text: "2_"}, []string{"s2_x"}, 1},
		{"text is no pattern", store.Filter{Text: "%"}, []string{"100-wool"}, 1},
		{"text of another app", store.Filter{App: "hats", Text: "spring"}, nil, 0},
		{"a page", store.Filter{App: "shirts", Limit: 2, Offset: 2}, []string{"s3_x", "s4_x"}, 5},
		{"the last page", store.Filter{App: "shirts", Limit: 2, Offset: 4}, []string{"s5_x"}, 5},
	} {
		t.Run(test.name, func(t *testing.T) {
			list, err := s.Instances(t.Context(), test.f)
			must(t, err)
			var slugs []string
			for _, about := range list {
				slugs = append(slugs, about.Slug)
			}
			if diff := cmp.Diff(test.want, slugs); diff != "" {
				t.Error(diff)
			}
			if n, err := s.CountInstances(t.Context(), test.f); n != test.count || err != nil {
				t.Errorf("counted %d, %v", n, err)
			}
		})
	}
}

func TestReplaceState(t *testing.T) {
	s := openAt(t, "")
	i := shirtInstance(t, s)
	p := open(t, i)
	p.save(changed("size", `"large"`))
	slow := i.Arrive()
	target := app.BaseState{
		"size": {"value": json.RawMessage(`"large"`)},
		"text": {"value": json.RawMessage(`[ 1, 2 ]`), "style": nil},
	}
	must(t, s.ReplaceState(t.Context(), "shirts-1", target, "ann"))
	p.saveAt(slow, answered("size", `"slow"`), answered("text", `"slow"`))
	target["text"]["value"] = json.RawMessage(`[1,2]`)
	if diff := cmp.Diff(target, i.State()); diff != "" {
		t.Error(diff)
	}
	history, err := s.History(t.Context(), "shirts-1", 100)
	must(t, err)
	for _, r := range history {
		if r.Component == "size" && r.Property == "value" && r.Until == 0 && r.User != "bob" {
			t.Errorf("what stayed the same has a new revision: %+v", r)
		}
	}

	for _, state := range []app.BaseState{{"a.b": {"value": nil}}, {"a": {"id": nil}}, {"a": {"href": json.RawMessage(`"javascript:alert(1)"`)}}} {
		wantCode(t, s.ReplaceState(t.Context(), "shirts-1", state, ""), app.Invalid)
	}
	must(t, s.ReplaceState(t.Context(), "shirts-1", nil, "ann"))
	if len(i.State()) != 0 {
		t.Errorf("%v", i.State())
	}
}

func TestSetProperty(t *testing.T) {
	s := openAt(t, "")
	i := shirtInstance(t, s)
	p := open(t, i)
	slow := i.Arrive()
	ctx := t.Context()
	must(t, s.SetProperty(ctx, "shirts-1", "color", "value", json.RawMessage(`"blue"`), "ann"))
	wantValue(t, i, "color", `"blue"`)
	p.saveAt(slow, answered("color", `"slow"`))
	wantValue(t, i, "color", `"blue"`)
	p.save(carried("color", `"red"`))
	wantValue(t, i, "color", `"blue"`)

	// A command that changes nothing counts as well.
	slow = i.Arrive()
	must(t, s.SetProperty(ctx, "shirts-1", "color", "value", json.RawMessage(`"blue"`), "ann"))
	p.saveAt(slow, answered("color", `"slow"`))
	wantValue(t, i, "color", `"blue"`)

	must(t, s.SetProperty(ctx, "shirts-1", "new", "value", nil, "ann"))
	if value, tracked := i.Tracks("new", "value"); value != nil || !tracked {
		t.Errorf("%s, %v", value, tracked)
	}
	p.save(carried("new", `1`))
	wantValue(t, i, "new", ``)
	p.save(answered("new", `2`))
	wantValue(t, i, "new", `2`)

	must(t, s.Untrack(ctx, "shirts-1", "new", "value", "ann"))
	if _, tracked := i.Tracks("new", "value"); tracked {
		t.Error("still tracked")
	}
	if _, there := i.State()["new"]; there {
		t.Error("a component without properties is there")
	}
	p.save(answered("new", `3`))
	if _, tracked := i.Tracks("new", "value"); tracked {
		t.Error("tracked again")
	}
	wantCode(t, s.Untrack(ctx, "shirts-1", "new", "value", "ann"), app.NotFound)
	wantCode(t, s.SetProperty(ctx, "shirts-1", "a", "__proto__", nil, ""), app.Invalid)
	wantCode(t, s.SetProperty(ctx, "shirts-1", "a", "b", json.RawMessage(`{`), ""), app.Invalid)
}

// Commands, saves, renames and loads at the same time: each instance stays one.
func TestInstancesUnderLoad(t *testing.T) {
	s := openFile(t)
	i := shirtInstance(t, s)
	var all sync.WaitGroup
	for n := range 4 {
		all.Go(func() {
			p := open(t, i)
			for round := range 40 {
				value := fmt.Sprint(n, round)
				p.save(changed("color", `"`+value+`"`))
				err := s.SetProperty(t.Context(), i.Instance().Slug, "size", "value", json.RawMessage(`"`+value+`"`), "")
				if err != nil && app.ErrorCode(err) != app.NotFound { // it may just have been renamed
					t.Error(err)
				}
			}
		})
	}
	all.Go(func() {
		slug := "shirts-1"
		for round := range 40 {
			about, err := s.UpdateInstance(context.Background(), slug, store.InstanceChange{Slug: new(fmt.Sprint("r", round))})
			if err != nil {
				t.Error(err)
				return
			}
			slug = about.Slug
		}
	})
	all.Wait()
	if got := instance(t, s, "r39"); got != i {
		t.Error("there are two")
	}
}
