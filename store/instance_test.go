package store_test

import (
	"context"
	"encoding/json"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"dashd/app"
	"dashd/store"

	"github.com/google/go-cmp/cmp"
)

func shirt() app.BaseState {
	return app.BaseState{
		"color": {"value": json.RawMessage(`"red"`)},
		"size":  {"value": json.RawMessage(`"medium"`), "label": nil},
	}
}

// visit is one page in a test.
type visit struct {
	t    testing.TB
	i    *store.Instance
	page string
}

func open(t testing.TB, i *store.Instance) visit {
	t.Helper()
	return visit{t, i, i.NewPage()}
}

// save saves with a request that arrives now.
func (v visit) save(writes ...app.Write) {
	v.t.Helper()
	v.saveAt(v.i.Arrive(), writes...)
}

func (v visit) saveAt(arrival int64, writes ...app.Write) {
	v.t.Helper()
	if err := v.i.Save(v.t.Context(), app.Change{Page: v.page, Arrival: arrival, User: "bob", Writes: writes}); err != nil {
		v.t.Error(err)
	}
}

func write(origin app.Origin, id app.ID, value string) app.Write {
	return app.Write{ID: id, Property: "value", Value: json.RawMessage(value), Origin: origin}
}

func carried(id app.ID, value string) app.Write  { return write(app.Carried, id, value) }
func changed(id app.ID, value string) app.Write  { return write(app.Changed, id, value) }
func answered(id app.ID, value string) app.Write { return write(app.Answered, id, value) }

func wantValue(t testing.TB, i *store.Instance, id app.ID, want string) {
	t.Helper()
	if got, _ := i.Tracks(id, "value"); string(got) != want {
		t.Errorf("%s has the value %s, want %s", id, got, want)
	}
}

func shirtInstance(t testing.TB, s *store.Store) *store.Instance {
	t.Helper()
	return instance(t, s, create(t, s, store.NewInstance{SaveOnChange: true, State: shirt()}).Slug)
}

func TestSave(t *testing.T) {
	path := filepath.Join(t.TempDir(), "dashd.db")
	s := openAt(t, path)
	i := shirtInstance(t, s)
	before := i.State()
	open(t, i).save(
		changed("color", ` { "b" : 1 } `),
		changed("nobody", `1`),
		app.Write{ID: "color", Property: "label", Value: json.RawMessage(`1`), Origin: app.Changed},
		app.Write{ID: "size", Property: "label", Value: json.RawMessage(`null`), Origin: app.Answered},
	)
	if diff := cmp.Diff(shirt(), before); diff != "" {
		t.Errorf("a state that was lent has changed: %s", diff)
	}
	want := app.BaseState{
		"color": {"value": json.RawMessage(`{"b":1}`)},
		"size":  {"value": json.RawMessage(`"medium"`), "label": json.RawMessage(`null`)},
	}
	if diff := cmp.Diff(want, i.State()); diff != "" {
		t.Errorf("in memory: %s", diff)
	}
	must(t, s.Close())
	i = instance(t, openAt(t, path), "shirts-1")
	if diff := cmp.Diff(want, i.State()); diff != "" {
		t.Errorf("in the database: %s", diff)
	}
}

func TestWithoutSaveOnChange(t *testing.T) {
	s := openFile(t)
	i := instance(t, s, create(t, s, store.NewInstance{State: shirt()}).Slug)
	open(t, i).save(changed("color", `"blue"`))
	wantValue(t, i, "color", `"red"`)

	if _, err := s.UpdateInstance(t.Context(), "shirts-1", store.InstanceChange{SaveOnChange: new(true)}); err != nil {
		t.Fatal(err)
	}
	open(t, i).save(changed("color", `"blue"`))
	wantValue(t, i, "color", `"blue"`)
}

func TestLaterWritesOfAChangeWin(t *testing.T) {
	i := shirtInstance(t, openFile(t))
	p := open(t, i)
	p.save(changed("color", `"blue"`), answered("color", `"navy"`))
	wantValue(t, i, "color", `"navy"`)
	p.save(changed("color", `"green"`), answered("color", `"navy"`))
	wantValue(t, i, "color", `"navy"`)
}

func TestStaleTab(t *testing.T) {
	i := shirtInstance(t, openFile(t))
	stale, fresh := open(t, i), open(t, i)
	fresh.save(changed("color", `"blue"`))
	stale.save(changed("size", `"large"`), carried("color", `"red"`))
	wantValue(t, i, "color", `"blue"`)
	wantValue(t, i, "size", `"large"`)

	stale.save(changed("color", `"green"`))
	wantValue(t, i, "color", `"green"`)

	reloaded := open(t, i)
	reloaded.save(carried("color", `"black"`)) // changed by a script of the page
	wantValue(t, i, "color", `"black"`)
}

// A page that sends along what another one wrote knows it.
func TestPageLearns(t *testing.T) {
	i := shirtInstance(t, openFile(t))
	one, other := open(t, i), open(t, i)
	other.save(changed("color", `"blue"`))
	one.save(carried("color", `"blue"`))
	one.save(carried("color", `"green"`))
	wantValue(t, i, "color", `"green"`)

	other.save(changed("color", `"blue"`))
	one.save(answered("color", `"blue"`)) // the answer brings it
	one.save(carried("color", `"white"`))
	wantValue(t, i, "color", `"white"`)
}

func TestSlowAnswer(t *testing.T) {
	i := shirtInstance(t, openFile(t))
	p := open(t, i)
	slow, fast := i.Arrive(), i.Arrive()
	p.saveAt(fast, answered("color", `"fast"`))
	p.saveAt(slow, answered("color", `"slow"`), answered("size", `"slow"`))
	wantValue(t, i, "color", `"fast"`)
	wantValue(t, i, "size", `"slow"`)
}

// What a later request says stands, also when it is what was saved already.
func TestSlowAnswerAfterTheSameValue(t *testing.T) {
	i := shirtInstance(t, openFile(t))
	p := open(t, i)
	slow, fast := i.Arrive(), i.Arrive()
	p.saveAt(fast, changed("color", `"red"`), carried("size", `"medium"`))
	p.saveAt(slow, changed("color", `"blue"`), answered("size", `"slow"`))
	wantValue(t, i, "color", `"red"`)
	wantValue(t, i, "size", `"slow"`) // was only carried along
}

// A request that was sent before a value changed and comes in after it.
func TestOvertakenRequest(t *testing.T) {
	now := newClock()
	s := openTimed(t, "", now)
	recordShirts(t, s)
	i := shirtInstance(t, s)
	p := open(t, i)
	p.save(changed("color", `"blue"`))
	p.save(carried("color", `"red"`))
	wantValue(t, i, "color", `"blue"`)
	now.pass(4 * time.Second)
	p.save(carried("color", `"red"`))
	wantValue(t, i, "color", `"blue"`)
	now.pass(2 * time.Second)
	p.save(carried("color", `"green"`)) // by now it is what the page has
	wantValue(t, i, "color", `"green"`)
}

// A page that loads while an older request is under way does not know what
// that is going to write.
func TestPageLoadsBeforeASlowAnswer(t *testing.T) {
	i := shirtInstance(t, openFile(t))
	one := open(t, i)
	slow := i.Arrive()
	i.Arrive()
	other := open(t, i)
	one.saveAt(slow, answered("color", `"answer"`))
	other.save(carried("color", `"red"`))
	wantValue(t, i, "color", `"answer"`)
}

func TestPageIDs(t *testing.T) {
	i := shirtInstance(t, openFile(t))
	one := open(t, i)
	if again := i.NewPage(); again == one.page {
		t.Errorf("two pages are %q", again)
	}
	one.save(changed("color", `"blue"`))
	for _, id := range []string{"", "5e1f3c", "zz-not-random", "-", strings.Repeat("z", 5000), "1-" + strings.Repeat("z", 5000)} {
		p := visit{t, i, id}
		p.save(carried("color", `"wrong"`))
		want := `"blue"`
		if strings.HasPrefix(id, "zz-") { // from the future: from now
			want = `"wrong"`
		}
		wantValue(t, i, "color", want)
		p.save(changed("color", `"right"`))
		wantValue(t, i, "color", `"right"`)
		one.save(changed("color", `"blue"`))
		wantValue(t, i, "color", `"blue"`)
	}
	// A page without an id is not the one that wrote last.
	nobody := visit{t, i, ""}
	nobody.save(changed("color", `"green"`))
	nobody.save(carried("color", `"wrong"`))
	wantValue(t, i, "color", `"green"`)
}

func TestPagesSurviveARestart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "dashd.db")
	s := openAt(t, path)
	i := shirtInstance(t, s)
	old := open(t, i)
	for range 100 { // requests that write nothing
		i.Arrive()
	}
	idle := open(t, i)
	writer := open(t, i)
	writer.save(changed("color", `"blue"`))
	i.Arrive()
	stale := open(t, i)

	must(t, s.Close())
	i = instance(t, openAt(t, path), "shirts-1")
	if got := i.Arrive(); got < 100 {
		t.Errorf("the numbers begin again with %d", got)
	}
	for _, p := range []*visit{&old, &idle, &writer, &stale} {
		p.i = i
	}
	old.save(carried("color", `"wrong"`))
	idle.save(carried("color", `"wrong"`))
	wantValue(t, i, "color", `"blue"`)
	writer.save(carried("color", `"navy"`))
	wantValue(t, i, "color", `"navy"`)

	// It loaded with a clock that went on after the last write; what has been
	// written since, it does not know.
	stale.save(carried("color", `"wrong"`))
	wantValue(t, i, "color", `"navy"`)
	stale.save(carried("size", `"small"`))
	wantValue(t, i, "size", `"small"`)
}

func TestPatch(t *testing.T) {
	i := shirtInstance(t, openFile(t))
	p := open(t, i)
	patch := func(operation string) app.Write {
		return write(app.Patched, "color", `{"__dash_patch_update":"__dash_patch_update","operations":[`+operation+`]}`)
	}
	p.save(answered("color", `[1]`))
	p.save(patch(`{"operation":"Append","location":[],"params":{"value":2}}`))
	wantValue(t, i, "color", `[1,2]`)
	p.save(patch(`{"operation":"Append","location":["x"],"params":{"value":3}}`), answered("size", `1`))
	wantValue(t, i, "color", `[1,2]`)
	wantValue(t, i, "size", `1`)
	p.save(answered("color", `[5]`), patch(`{"operation":"Append","location":[],"params":{"value":6}}`))
	wantValue(t, i, "color", `[5,6]`)

	label := patch(`{"operation":"Append","location":[],"params":{"value":2}}`)
	label.ID, label.Property = "size", "label" // is not set
	p.save(label)
	if value, tracked := i.Tracks("size", "label"); value != nil || !tracked {
		t.Errorf("a patch of nothing made %s", value)
	}
}

func TestBrowsersValuesAreData(t *testing.T) {
	i := shirtInstance(t, openFile(t))
	p := open(t, i)
	component := `{"type":"Div","namespace":"dash_html_components","props":{}}`
	p.save(changed("color", component), changed("size", `"large"`))
	wantValue(t, i, "color", `"red"`)
	wantValue(t, i, "size", `"large"`)
	p.save(answered("color", component))
	wantValue(t, i, "color", component)
}

func TestQuota(t *testing.T) {
	s := openFile(t)
	i := shirtInstance(t, s)
	big := `"` + strings.Repeat("x", store.MaxState/2) + `"`
	p := open(t, i)
	p.save(answered("color", big))
	err := i.Save(t.Context(), app.Change{Page: p.page, Arrival: i.Arrive(), Writes: []app.Write{answered("size", big)}})
	if app.ErrorCode(err) != app.TooLarge {
		t.Errorf("a state of more than 1 MiB: %v", err)
	}
	wantValue(t, i, "size", `"medium"`)
	p.save(answered("color", `1`), answered("size", big))
	wantValue(t, i, "size", big)

	if err := s.ReplaceState(t.Context(), "shirts-1", numbered(store.MaxProperties+1), ""); app.ErrorCode(err) != app.TooLarge {
		t.Errorf("too many properties: %v", err)
	}
	if err := s.ReplaceState(t.Context(), "shirts-1", numbered(store.MaxProperties), ""); err != nil {
		t.Error(err)
	}
	if err := s.SetProperty(t.Context(), "shirts-1", "one", "more", nil, ""); app.ErrorCode(err) != app.TooLarge {
		t.Errorf("a property too many: %v", err)
	}
	if _, err := s.CreateInstance(t.Context(), store.NewInstance{App: "shirts", State: numbered(store.MaxProperties + 1)}, ""); app.ErrorCode(err) != app.TooLarge {
		t.Errorf("a new instance with too many properties: %v", err)
	}
}

// A Save that changes nothing does not wait for the writer.
func TestUnchanged(t *testing.T) {
	s := openFile(t)
	i := shirtInstance(t, s)
	p := open(t, i)
	before := i.Instance().Updated
	ended, cancel := context.WithCancel(t.Context())
	cancel() // whoever asks the writer for something gets an error
	err := i.Save(ended, app.Change{Page: p.page, Arrival: i.Arrive(), Writes: []app.Write{
		carried("color", ` "red"`), answered("size", `"\u006dedium"`), carried("nobody", `1`),
	}})
	if err != nil {
		t.Errorf("the writer was asked: %v", err)
	}
	if err := i.Save(ended, app.Change{Page: p.page, Arrival: i.Arrive(), Writes: []app.Write{answered("size", `1`)}}); err == nil {
		t.Error("the writer was not asked for a change")
	}
	if got := i.Instance().Updated; !got.Equal(before) {
		t.Errorf("updated at %v, not %v", got, before)
	}
}

// Two callbacks of one page at a time: django-plotly-dash loses half of them.
func TestNoLostUpdates(t *testing.T) {
	path := filepath.Join(t.TempDir(), "dashd.db")
	s := openAt(t, path)
	i := instance(t, s, create(t, s, store.NewInstance{SaveOnChange: true, State: numbered(3)}).Slug)
	p := open(t, i)
	for round := 1; round <= 1000; round++ {
		value := strconv.Itoa(round)
		first, second := i.Arrive(), i.Arrive()
		var both sync.WaitGroup
		both.Go(func() { p.saveAt(first, changed("c0", value), answered("c2", `"first `+value+`"`)) })
		both.Go(func() { p.saveAt(second, changed("c1", value), answered("c2", `"second `+value+`"`)) })
		both.Wait()
		wantValue(t, i, "c0", value)
		wantValue(t, i, "c1", value)
		wantValue(t, i, "c2", `"second `+value+`"`) // arrived later, whichever came first
		if t.Failed() {
			t.FailNow()
		}
	}
	must(t, s.Close())
	i = instance(t, openAt(t, path), "shirts-1")
	want := app.BaseState{
		"c0": {"value": json.RawMessage(`1000`)},
		"c1": {"value": json.RawMessage(`1000`)},
		"c2": {"value": json.RawMessage(`"second 1000"`)},
	}
	if diff := cmp.Diff(want, i.State()); diff != "" {
		t.Error(diff)
	}
}
