package app_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"dashd/app"
	"dashd/app/apptest"
	"dashd/app/dcc"
	"dashd/app/html"

	"github.com/google/go-cmp/cmp"
)

type memory = apptest.Instance

// recorder is an instance that notes what calls save.
type recorder struct {
	*memory
	discards bool  // has no SaveOnChange
	fails    error // of Save

	mu      sync.Mutex
	arrived int
	changes []app.Change
	late    error         // of the context of Save
	within  time.Duration // to its deadline
}

func newRecorder(t testing.TB, state string) *recorder {
	return &recorder{memory: apptest.NewInstance(t, state)}
}

func (r *recorder) Instance() app.Instance {
	i := r.memory.Instance()
	i.SaveOnChange = !r.discards
	return i
}

func (r *recorder) Arrive() int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.arrived++
	return r.memory.Arrive()
}

func (r *recorder) Save(ctx context.Context, change app.Change) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.changes, r.late = append(r.changes, change), ctx.Err()
	if until, ok := ctx.Deadline(); ok {
		r.within = time.Until(until)
	}
	if r.fails != nil {
		return r.fails
	}
	return r.memory.Save(ctx, change)
}

// writes describes what has been saved.
func (r *recorder) writes() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var all []string
	for i, change := range r.changes {
		if i > 0 {
			all = append(all, ";")
		}
		for _, w := range change.Writes {
			origin := [...]string{"carried", "changed", "answered", "patched"}[w.Origin]
			all = append(all, fmt.Sprintf("%s %s.%s=%s", origin, w.ID, w.Property, w.Value))
		}
	}
	return strings.Join(all, " ")
}

func row(n int) app.ID { return app.Key("type", "row", "index", n) }

// savingApp calls fn with its context, and returns what it returns for
// o.children and o.title. Input: i.value; States: s.value and those of all rows.
func savingApp(fn func(ctx *app.Context) (children, title any, err error), options ...app.Arg) *app.App {
	a := app.New("Saving")
	a.SuppressCallbackExceptions = true
	a.Layout = page(dcc.Input{ID: "i"}, dcc.Input{ID: "s"}, dcc.Input{ID: row(1)}, dcc.Input{ID: row(2)},
		html.Div{ID: "o"}, html.A{ID: "side"}, dcc.Graph{ID: "g", Figure: app.Dict{"data": []int{1}}})
	a.Callback(append(options,
		app.Output("o", "children"), app.Output("o", "title"),
		app.Input("i", "value"), app.State("s", "value"), app.State(app.Key("type", "row", "index", app.ALL), "value"),
	)...).Do(func(ctx *app.Context, _, _ any, _ []any) (any, any, error) { return fn(ctx) })
	return a
}

const savingState = `{"i":{"value":0},"s":{"value":0},"{\"index\":1,\"type\":\"row\"}":{"value":0},"{\"index\":2,\"type\":\"row\"}":{"value":0},
	"o":{"children":0,"title":0},"side":{"href":0,"title":0},"g":{"figure":null}}`

// fromPage is what the page of savingApp sends. Row 3 is not tracked, row 2 has
// no value.
const fromPage = `changed i.value=1 carried s.value="x<é" carried {"index":1,"type":"row"}.value=[1,{"a":"b"}]`

// send calls the callback of savingApp.
func send(t *testing.T, a *app.App, call *app.Call) (string, error) {
	t.Helper()
	return update(t, a, call, 0, many(prop("o", "children", ""), prop("o", "title", "")), prop("i", "value", " 1 "),
		prop("s", "value", `"x\u003c\u00e9"`)+","+many(prop(row(1), "value", `[1, {"a": "b"}]`), prop(row(2), "value", ""), prop(row(3), "value", "3")), "i.value")
}

func TestSave(t *testing.T) {
	for _, tt := range []struct {
		name    string
		fn      func(ctx *app.Context) (children, title any, err error)
		handler app.ErrorHandler
		want    string // besides what the page sent
		err     string
	}{
		{name: "outputs", fn: func(*app.Context) (any, any, error) { return "</p>", []int{1, 2}, nil }, want: ` answered o.children="</p>" answered o.title=[1,2]`},
		{name: "null", fn: func(*app.Context) (any, any, error) { return nil, app.NoUpdate, nil }, want: ` answered o.children=null`},
		{name: "NoUpdate", fn: func(*app.Context) (any, any, error) { return app.NoUpdate, app.NoUpdate, nil }},
		{name: "PreventUpdate", fn: func(ctx *app.Context) (any, any, error) {
			ctx.SetProps("side", app.Props{"title": "lost"})
			return "lost", "lost", errors.Join(ctx.Instance().Set("o", "title", "lost"), app.ErrPreventUpdate)
		}},
		{name: "an error", fn: func(ctx *app.Context) (any, any, error) {
			return "lost", "lost", errors.Join(ctx.Instance().Set("o", "title", "lost"), app.Errorf(app.Forbidden, "No."))
		}, err: "No."},
		{name: "an error that is handled", fn: func(*app.Context) (any, any, error) { return nil, nil, errors.New("ouch") },
			handler: func(*app.Context, error) ([]any, error) { return []any{"sorry", app.NoUpdate}, nil }, want: ` answered o.children="sorry"`},
		{name: "an error that is handled by nothing", fn: func(ctx *app.Context) (any, any, error) {
			return nil, nil, errors.Join(ctx.Instance().Set("o", "title", "kept"), errors.New("ouch"))
		}, handler: func(*app.Context, error) ([]any, error) { return nil, nil }, want: ` answered o.title="kept"`},
		{name: "a panic", fn: func(*app.Context) (any, any, error) { panic("ouch") }, err: "panic: ouch"},
		{name: "an answer without JSON", fn: func(ctx *app.Context) (any, any, error) {
			return "lost", func() {}, ctx.Instance().Set("side", "title", "lost")
		}, err: "no JSON form"},
		{name: "a component", fn: func(*app.Context) (any, any, error) { return html.B{Children: "x"}, app.NoUpdate, nil },
			want: ` answered o.children={"props":{"children":"x"},"type":"B","namespace":"dash_html_components"}`},
		{name: "Set, then SetProps, then Outputs", fn: func(ctx *app.Context) (any, any, error) {
			ctx.SetProps("side", app.Props{"title": "by SetProps", "lang": "untracked"})
			ctx.SetProps("i", app.Props{"value": 5})
			err := errors.Join(ctx.Instance().Set("s", "value", app.Dict{"b": 1, "a": "<"}), ctx.Instance().Set("untracked", "value", 1))
			return app.NoUpdate, "by Output", err
		}, want: ` answered s.value={"a":"<","b":1} answered side.title="by SetProps" answered i.value=5 answered o.title="by Output"`},
		{name: "SetProps of a dictionary ID in any order", fn: func(ctx *app.Context) (any, any, error) {
			ctx.SetProps(`{"type":"row", "index":2}`, app.Props{"value": 2})
			return app.NoUpdate, app.NoUpdate, nil
		}, want: ` answered {"index":2,"type":"row"}.value=2`},
		{name: "Patches", fn: func(ctx *app.Context) (any, any, error) {
			ctx.SetProps("side", app.Props{"title": app.NewPatch().Add(1)})
			return *app.NewPatch().Append("x"), json.RawMessage(`{"operations":[], "__dash_patch_update":"__dash_patch_update"}`), nil
		}, want: ` patched side.title={"__dash_patch_update":"__dash_patch_update","operations":[{"operation":"Add","location":[],"params":{"value":1}}]}` +
			` patched o.children={"__dash_patch_update":"__dash_patch_update","operations":[{"operation":"Append","location":[],"params":{"value":"x"}}]}` +
			` patched o.title={"operations":[],"__dash_patch_update":"__dash_patch_update"}`},
		{name: "a Patch of the layout's own value", fn: func(ctx *app.Context) (any, any, error) {
			ctx.SetProps("g", app.Props{"figure": app.NewPatch().At("data").Append(2)})
			return app.NoUpdate, app.NoUpdate, nil
		}, want: ` answered g.figure={"data":[1,2]}`},
		{name: "a Patch of what has just been set", fn: func(ctx *app.Context) (any, any, error) {
			ctx.SetProps("g", app.Props{"figure": app.NewPatch().At("data").Append(2)})
			return app.NoUpdate, app.NoUpdate, ctx.Instance().Set("g", "figure", app.Dict{"data": []int{}})
		}, want: ` answered g.figure={"data":[]} patched g.figure={"__dash_patch_update":"__dash_patch_update","operations":[{"operation":"Append","location":["data"],"params":{"value":2}}]}`},
		{name: "a Patch that does not fit the layout", fn: func(ctx *app.Context) (any, any, error) {
			ctx.SetProps("g", app.Props{"figure": app.NewPatch().At("layout").Reverse()})
			return app.NoUpdate, app.NoUpdate, nil
		}},
		{name: "a script as a link", fn: func(ctx *app.Context) (any, any, error) {
			ctx.SetProps("side", app.Props{"href": "javascript:alert(1)"})
			return html.A{Href: "javascript:alert(1)"}, app.Dict{"__proto__": 1}, nil
		}},
	} {
		for _, timeout := range []bool{false, true} {
			t.Run(fmt.Sprint(tt.name, ", with a timeout ", timeout), func(t *testing.T) {
				saved := newRecorder(t, strings.Replace(savingState, `"o":{"children":0`, `"o":{"children":[]`, 1))
				var options []app.Arg
				if timeout {
					options = append(options, app.Timeout(time.Minute))
				}
				a := savingApp(tt.fn, options...)
				a.OnError = tt.handler
				answer, err := send(t, a, &app.Call{Instance: saved, Page: "page", Visitor: visitor{user: &app.User{Name: "ann"}}})
				if tt.err == "" && err != nil || tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err)) {
					t.Errorf("got %s, %v", answer, err)
				}
				if got, want := saved.writes(), fromPage+tt.want; got != want {
					t.Errorf("got  %s\nwant %s", got, want)
				}
				if len(saved.changes) != 1 || saved.changes[0].Page != "page" || saved.changes[0].User != "ann" || saved.changes[0].Arrival != 1 {
					t.Errorf("the changes are %+v", saved.changes)
				}
				without, _ := send(t, savingApp(func(ctx *app.Context) (any, any, error) {
					if ctx.Instance() != nil {
						t.Error("there is an instance")
					}
					return tt.fn(ctx)
				}, append(options, app.Args{})...), nil)
				if tt.handler == nil && answer != without {
					t.Errorf("with the instance the page gets %s, without it %s", answer, without)
				}
			})
		}
	}
}

// visitor is a user without a session.
type visitor struct{ user *app.User }

func (v visitor) User() *app.User { return v.user }

func (visitor) SessionValues(context.Context, string) (map[string]json.RawMessage, error) {
	return nil, nil
}

func (visitor) SwapSessionValue(context.Context, string, string, json.RawMessage, json.RawMessage) (bool, error) {
	return false, nil
}

func TestSaveNothing(t *testing.T) {
	fn := func(*app.Context) (any, any, error) { return "x", "y", nil }
	for name, tt := range map[string]struct {
		saved   *recorder
		arrived int
	}{
		"nothing is tracked":     {newRecorder(t, `{"other":{"value":1},"i":{"title":1},"o":{}}`), 1},
		"it discards all":        {&recorder{memory: apptest.NewInstance(t, savingState), discards: true}, 0},
		"the request is refused": {newRecorder(t, savingState), 0},
	} {
		call := &app.Call{Instance: tt.saved}
		if name == "the request is refused" {
			if _, err := update(t, savingApp(fn), call, 0, "[]", prop("i", "value", "1"), "", "i.value"); app.ErrorCode(err) != app.Invalid {
				t.Errorf("%s: %v", name, err)
			}
		} else if _, err := send(t, savingApp(fn), call); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if len(tt.saved.changes) > 0 || tt.saved.arrived != tt.arrived {
			t.Errorf("%s: %d arrived, saved is %s", name, tt.saved.arrived, tt.saved.writes())
		}
	}
}

// What the page sends is data, or is not saved.
func TestSaveRefusesFromPage(t *testing.T) {
	for _, value := range []string{
		`{"type":"Div","namespace":"dash_html_components","props":{}}`,
		`{"__proto__":{"polluted":1}}`,
		strings.Repeat("[", 101) + strings.Repeat("]", 101),
	} {
		saved := newRecorder(t, savingState)
		var seen any
		a := savingApp(func(ctx *app.Context) (any, any, error) {
			_, err := ctx.Instance().Value("i", "value", &seen)
			return app.NoUpdate, app.NoUpdate, err
		})
		_, err := update(t, a, &app.Call{Instance: saved}, 0, many(prop("o", "children", ""), prop("o", "title", "")),
			prop("i", "value", value), prop("s", "value", "1")+",[]", "i.value")
		if err != nil || saved.writes() != "carried s.value=1" || seen != 0.0 {
			t.Errorf("%.60s: saved is %q, seen %v, %v", value, saved.writes(), seen, err)
		}
	}

	// A page may carry along what the instance has, from an Output: it knows it then.
	const component = `{"type":"Div","namespace":"x","props":{}}`
	saved := newRecorder(t, savingState)
	err := saved.memory.Save(context.Background(), app.Change{Writes: []app.Write{{ID: "i", Property: "value", Value: raw(component)}}})
	if err != nil {
		t.Fatal(err)
	}
	a := savingApp(func(*app.Context) (any, any, error) { return app.NoUpdate, app.NoUpdate, nil })
	_, err = update(t, a, &app.Call{Instance: saved}, 0, many(prop("o", "children", ""), prop("o", "title", "")),
		prop("i", "value", component), prop("s", "value", "")+",[]")
	if want := "carried i.value=" + component; err != nil || saved.writes() != want {
		t.Errorf("saved is %q, %v", saved.writes(), err)
	}
}

// The null of an optional component that is not in the page is not its value.
func TestSaveOptional(t *testing.T) {
	a := app.New("Optional")
	a.Layout = html.Div{Children: app.List{html.Button{ID: "b"}, html.Div{ID: "o"}, html.Div{ID: "shown"}}}
	a.SuppressCallbackExceptions = true
	a.Callback(app.Output("o", "children"), app.Input("b", "n_clicks"), app.State("extra", "value").Optional()).
		Do(func(int, *string) any { return app.NoUpdate })
	for state, want := range map[string]string{
		`{"id":"extra","property":"value","allow_optional":true,"value":null}`: "",
		`{"id":"extra","property":"value","value":null}`:                       "carried extra.value=null",
	} {
		saved := newRecorder(t, `{"extra":{"value":"kept"}}`)
		if _, err := update(t, a, &app.Call{Instance: saved}, 0, prop("o", "children", ""), prop("b", "n_clicks", "1"), state); err != nil || saved.writes() != want {
			t.Errorf("%s: saved is %q, %v; want %q", state, saved.writes(), err, want)
		}
	}
}

// An answer that cannot be saved is told to the app's log, without the value.
func TestSaveLogs(t *testing.T) {
	var log strings.Builder
	saved := newRecorder(t, savingState)
	a := savingApp(func(ctx *app.Context) (any, any, error) {
		ctx.SetProps("side", app.Props{"href": "javascript:secret"})
		return app.NoUpdate, app.NoUpdate, nil
	})
	if _, err := send(t, a, &app.Call{Instance: saved, Log: slog.New(slog.NewTextHandler(&log, nil)), RequestID: "r1"}); err != nil {
		t.Fatal(err)
	}
	if got := log.String(); !strings.Contains(got, "side.href") || !strings.Contains(got, "r1") || strings.Contains(got, "secret") {
		t.Errorf("the log is %q", got)
	}
}

func TestSaveFails(t *testing.T) {
	full, broken := app.Errorf(app.TooLarge, "Full."), errors.New("disk")
	for _, tt := range []struct {
		name      string
		save, own error
		code      app.Code
		is        error // in the chain
		text      string
	}{
		{"with an app's error", full, nil, app.TooLarge, full, "Full."},
		{"with another", broken, nil, app.Internal, broken, "save what the callback changed: disk"},
		{"after ErrPreventUpdate", full, app.ErrPreventUpdate, app.TooLarge, full, "Full."},
		{"after the callback's error", full, app.Errorf(app.Forbidden, "No."), app.Forbidden, nil, "No.; nor could the page's values be saved: Full."},
		{"after an internal error", full, broken, app.Internal, broken, "disk; nor could the page's values be saved: Full."},
	} {
		saved := newRecorder(t, savingState)
		saved.fails = tt.save
		answer, err := send(t, savingApp(func(*app.Context) (any, any, error) { return "x", "y", tt.own }), &app.Call{Instance: saved})
		if answer != "" || app.ErrorCode(err) != tt.code || tt.is != nil && !errors.Is(err, tt.is) || !strings.HasSuffix(err.Error(), tt.text) {
			t.Errorf("%s: got %s, %v", tt.name, answer, err)
		}
	}
}

// The visitor who leaves loses nothing.
func TestSaveAfterVisitorLeft(t *testing.T) {
	saved := newRecorder(t, savingState)
	ctx, leave := context.WithCancel(context.Background())
	a := savingApp(func(*app.Context) (any, any, error) { leave(); return "x", "y", nil })
	_, err := a.UpdateJSON(ctx, &app.Call{Instance: saved}, []byte(`{"output":"..o.children...o.title..","outputs":[{"id":"o","property":"children"},{"id":"o","property":"title"}],
		"inputs":[{"id":"i","property":"value","value":1}],"state":[{"id":"s","property":"value"},[]]}`))
	if want := `carried i.value=1 answered o.children="x" answered o.title="y"`; err != nil || saved.writes() != want {
		t.Errorf("saved is %q, %v", saved.writes(), err)
	}
	if saved.late != nil || saved.within <= 0 || saved.within > 10*time.Second {
		t.Errorf("the context of Save has %v and ends in %v", saved.late, saved.within)
	}
}

// After a timeout the function may still run, but its instance does not hear it.
func TestSaveTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		saved := newRecorder(t, savingState)
		release, ended := make(chan struct{}), make(chan error, 1)
		a := savingApp(func(ctx *app.Context) (any, any, error) {
			err := ctx.Instance().Set("s", "value", "early")
			<-release
			ended <- errors.Join(err, ctx.Instance().Set("s", "value", "late"))
			return "late", "late", nil
		}, app.Timeout(time.Second))
		if _, err := send(t, a, &app.Call{Instance: saved}); app.ErrorCode(err) != app.TimedOut {
			t.Errorf("got %v", err)
		}
		close(release)
		if err := <-ended; err == nil || !strings.Contains(err.Error(), "the call has ended") {
			t.Errorf("the late Set gives %v", err)
		}
		synctest.Wait()
		if got := saved.writes(); got != fromPage {
			t.Errorf("saved is %s", got)
		}
	})
}

// A superseded call keeps what the page sent, not its answer.
func TestSaveLatestWins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		saved := newRecorder(t, savingState)
		var calls int
		a := savingApp(func(ctx *app.Context) (any, any, error) {
			if calls++; calls == 1 {
				<-ctx.Done()
				return "old", "old", nil
			}
			return "new", app.NoUpdate, nil
		}, app.LatestWins())
		first := make(chan string)
		call := &app.Call{Instance: saved, Page: "p"}
		go func() {
			answer, err := send(t, a, call)
			first <- fmt.Sprint(answer, err)
		}()
		synctest.Wait()
		if _, err := send(t, a, call); err != nil {
			t.Error(err)
		}
		if got := <-first; got != "<nil>" {
			t.Errorf("the first gets %s", got)
		}
		want := map[int64]string{1: "", 2: ` answered o.children="new"`}
		for _, change := range saved.changes {
			one := &recorder{changes: []app.Change{change}}
			if got := one.writes(); got != fromPage+want[change.Arrival] {
				t.Errorf("call %d saves %s", change.Arrival, got)
			}
		}
		if len(saved.changes) != 2 {
			t.Errorf("%d changes are saved", len(saved.changes))
		}
	})
}

// Side updates that move into the response, for the suites that it brings, are
// saved once.
func TestSaveWithSuites(t *testing.T) {
	saved := newRecorder(t, savingState)
	a := savingApp(func(ctx *app.Context) (any, any, error) {
		ctx.SetProps("side", app.Props{"title": app.Element{Namespace: "late", Type: "T"}})
		ctx.SetProps("o", app.Props{"title": "lost"})
		return "c", "t", nil
	})
	answer, err := send(t, a, &app.Call{Instance: saved, Dist: func([]*app.Suite) []app.Resource { return []app.Resource{{Type: "_js_dist", URL: "/late.js"}} }})
	want := fromPage + ` answered side.title={"props":{},"type":"T","namespace":"late"} answered o.children="c" answered o.title="t"`
	if got := saved.writes(); err != nil || got != want {
		t.Errorf("got  %s, %v\nwant %s\nfor  %s", got, err, want, answer)
	}
}

// A callback sees what the page sent and what it set, saved or not.
func TestInstanceState(t *testing.T) {
	for _, discards := range []bool{false, true} {
		saved := newRecorder(t, savingState)
		saved.discards = discards
		a := savingApp(func(ctx *app.Context) (any, any, error) {
			s := ctx.Instance()
			value := func(id app.ID, property string) string {
				var v json.RawMessage
				found, err := s.Value(id, property, &v)
				return fmt.Sprintf("%v %s %v", found, v, err)
			}
			check := func(what, got, want string) {
				t.Helper()
				if got != want {
					t.Errorf("%s: got %s, want %s", what, got, want)
				}
			}
			check("names", fmt.Sprint(s.Name(), s.Slug(), s.Instance().SaveOnChange), fmt.Sprint("Testtest", !discards))
			check("an Input", value("i", "value"), "true 1 <nil>")
			check("a State, ID in any order", value(`{"type":"row","index":1}`, "value"), `true [1,{"a":"b"}] <nil>`)
			check("an unset State", value(row(2), "value"), "true 0 <nil>")
			check("not tracked", value("nobody", "value"), "false  <nil>")
			check("not set", value("g", "figure"), "false  <nil>")
			check("tracks", fmt.Sprint(s.Tracks("g", "figure"), s.Tracks(`{ "type":"row", "index":2}`, "value"), s.Tracks(row(3), "value"), s.Tracks("g", "config")), "true true false false")
			var n struct{}
			if found, err := s.Value("i", "value", &n); !found || err == nil || !strings.Contains(err.Error(), "i.value") {
				t.Errorf("a value that does not fit gives %v, %v", found, err)
			}

			before := s.State()
			if err := errors.Join(s.Set("i", "value", 2), s.Set("i", "value", 3), s.Set(`{"type":"row","index":2}`, "value", nil), s.Set(row(3), "value", 3)); err != nil {
				t.Error(err)
			}
			check("set", value("i", "value"), "true 3 <nil>")
			check("set to null", value(row(2), "value"), "true null <nil>")
			check("set, not tracked", value(row(3), "value"), "false  <nil>")
			check("the state before", string(before["i"]["value"]), "1")
			after := s.State()
			check("the state after", string(after["i"]["value"])+string(after[row(2)]["value"]), "3null")
			if _, there := after[row(3)]; there {
				t.Error("Set tracks what was not tracked")
			}
			delete(after["i"], "value")
			check("the state is a copy", value("i", "value"), "true 3 <nil>")

			for want, value := range map[string]any{
				"component":   html.Div{},
				"constructor": app.Dict{"constructor": 1},
				"no JSON":     func() {},
				"Patch":       app.NewPatch(),
			} {
				if err := s.Set("s", "value", value); err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("Set of a %T gives %v", value, err)
				}
			}
			if err := s.Set("side", "href", " java\nscript:x"); app.ErrorCode(err) != app.Invalid {
				t.Errorf("Set of a script URL gives %v", err)
			}

			var all sync.WaitGroup
			for i := range 10 {
				all.Go(func() {
					if err := s.Set("o", "title", i); err != nil {
						t.Error(err)
					}
					_, _ = s.Value("o", "title", new(int))
					_ = s.State()
				})
			}
			all.Wait()
			return app.NoUpdate, app.NoUpdate, nil
		})
		if _, err := send(t, a, &app.Call{Instance: saved}); err != nil {
			t.Fatal(err)
		}
		value, _ := saved.Tracks("i", "value")
		if want := map[bool]string{false: "3", true: "0"}[discards]; string(value) != want {
			t.Errorf("discards %v: the saved value is %s", discards, value)
		}
	}
}

// A page of the app itself has no instance, and a callback need not care.
func TestInstanceStateless(t *testing.T) {
	a := buttonApp(func(ctx *app.Context, _ int) (string, error) {
		s := ctx.Instance()
		found, err := s.Value("b", "n_clicks", new(int))
		return fmt.Sprint(s == nil, s.Name(), s.Slug(), s.Tracks("b", "n_clicks"), found, len(s.State())), errors.Join(err, s.Set("b", "n_clicks", 1))
	})
	got, err := a.UpdateJSON(t.Context(), nil, []byte(press))
	if err != nil || !strings.Contains(string(got), `"truefalse false 0"`) {
		t.Errorf("got %s, %v", got, err)
	}
}

// The contract of django-plotly-dash with a saved app, by its own test of it.
func TestStatefulContract(t *testing.T) {
	key := func(n int) app.ID { return app.Key("_type", "btn3", "_id", fmt.Sprintf("inp-%d", n)) }
	a := app.New("Contract")
	a.Layout = html.Div{Children: app.List{
		html.Button{ID: "btn1", NClicks: 0, NClicksTimestamp: -1, Children: "one"},
		html.Button{ID: key(0), NClicks: 1, Children: "two"},
		html.Button{ID: key(1), NClicks: 2, Children: "three"},
		html.A{ID: "link", Href: "/first", Children: "link"},
		html.Div{ID: "text"},
		html.Div{ID: app.Key("_type", "out", "_id", "inp-0")},
	}}
	a.Callback(
		app.Output("link", "href"), app.Output("text", "children"),
		app.Input("btn1", "n_clicks"), app.Input(app.Key("_type", "btn3", "_id", app.ALL), "n_clicks"), app.State("link", "href"),
	).Do(func(one int, all []app.Match[int], href string) (string, string) {
		sum := one
		for _, m := range all {
			sum += m.Value
		}
		return fmt.Sprintf("/%d", sum), href
	})
	a.Callback(
		app.Output(app.Key("_type", "out", "_id", app.MATCH), "children"),
		app.Input(app.Key("_type", "btn3", "_id", app.MATCH), "n_clicks"), app.Input(app.Key("_type", "btn3", "_id", app.ALLSMALLER), "n_clicks"),
	).Do(func(own int, smaller []int) string { return fmt.Sprint(own, smaller) })
	apptest.Check(t, a)

	// 1. A new instance tracks nothing.
	if got := string(apptest.NewInstance(t, `{}`).State().Text()); got != `{}` {
		t.Errorf("a new instance has %s", got)
	}

	// 2. Populate takes what the layout sets.
	populated, err := a.Populate(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	const state = `{"btn1": {"n_clicks": 0, "n_clicks_timestamp": -1}, "link": {"href": "/first"}, ` +
		`"{\"_id\":\"inp-0\",\"_type\":\"btn3\"}": {"n_clicks": 1}, "{\"_id\":\"inp-1\",\"_type\":\"btn3\"}": {"n_clicks": 2}}`
	if got := string(populated.Text()); got != state {
		t.Errorf("got  %s\nwant %s", got, state)
	}
	instance := apptest.NewInstance(t, string(populated.Text()))

	// 3 and 4. Entries by ID in any form; an update is saved when the call has ended.
	visit := &apptest.Visit{Instance: instance}
	b := app.New("Inside")
	b.Layout = a.Layout
	b.Callback(app.Output("text", "children"), app.Input("btn1", "n_clicks_timestamp")).Do(func(ctx *app.Context, _ int) (string, error) {
		s := ctx.Instance()
		have := fmt.Sprint(s.Tracks("btn1", "n_clicks"), s.Tracks(key(0), "n_clicks"), s.Tracks(`{"_type":"btn3","_id":"inp-0"}`, "n_clicks"),
			s.Tracks("text", "children"), s.Tracks("nobody", "n_clicks"))
		err := errors.Join(s.Set("btn1", "n_clicks", 100), s.Set("nobody", "n_clicks", 100))
		saved, _ := instance.Tracks("btn1", "n_clicks")
		return fmt.Sprint(have, " ", string(s.State()["btn1"]["n_clicks"]), " ", string(saved)), err
	})
	answer := visit.Call(t, b, app.Output("text", "children"), apptest.Set("btn1", "n_clicks_timestamp", 1))
	if got, want := answer.Text("text", "children"), "true true true false false 100 0"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}

	// 5. The layout has the saved state, and over it the initial arguments.
	call := &app.Call{Instance: instance, Initial: parseState(t, `{"{\"_type\":\"btn3\",\"_id\":\"inp-0\"}":{"n_clicks":200}}`)}
	layout := layoutOf(t, a, call)
	for _, want := range []string{`"id":"btn1","children":"one","n_clicks":100,"n_clicks_timestamp":1`, `"id":{"_id":"inp-0","_type":"btn3"},"children":"two","n_clicks":200`, `"children":"three","n_clicks":2`} {
		if !strings.Contains(layout, want) {
			t.Errorf("the layout lacks %s: %s", want, layout)
		}
	}

	// 7. Inputs and States are saved, members of wildcards too; Outputs where they
	// are tracked.
	answer = visit.Call(t, a, app.Output("link", "href"), apptest.Change(key(1), "n_clicks", 7))
	if got := answer.Text("link", "href") + answer.Text("text", "children"); got != "/108/first" {
		t.Errorf("got %s", got)
	}
	answer = visit.Call(t, a, app.Output(app.Key("_type", "out", "_id", "inp-0"), "children"), apptest.Change(key(0), "n_clicks", 3))
	if got := answer.Text(app.Key("_type", "out", "_id", "inp-0"), "children"); got != "3 []" {
		t.Errorf("got %s", got)
	}
	const final = `{"btn1": {"n_clicks": 100, "n_clicks_timestamp": 1}, "link": {"href": "/108"}, ` +
		`"{\"_id\":\"inp-0\",\"_type\":\"btn3\"}": {"n_clicks": 3}, "{\"_id\":\"inp-1\",\"_type\":\"btn3\"}": {"n_clicks": 7}}`
	if diff := cmp.Diff(final, string(instance.State().Text())); diff != "" {
		t.Error(diff)
	}
}
