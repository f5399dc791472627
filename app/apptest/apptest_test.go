package apptest_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"

	"dashd/app"
	"dashd/app/apptest"
	"dashd/app/dcc"
	"dashd/app/html"
)

func TestCall(t *testing.T) {
	a := app.New("Call")
	a.Layout = html.Div{Children: app.List{
		dcc.Input{ID: "name", Value: "world"},
		dcc.Input{ID: "age", Type: "number"},
		html.Button{ID: "save"},
		html.P{ID: "greeting"},
		html.P{ID: "count"},
	}}
	a.Callback(
		app.Output("greeting", "children"),
		app.Output("count", "children"),
		app.Input("name", "value"),
		app.State("age", "value"),
	).Do(func(ctx *app.Context, name string, age *int) (any, any, error) {
		switch {
		case name == "":
			return nil, nil, app.ErrPreventUpdate
		case name == "nobody":
			return nil, nil, app.Errorf(app.Forbidden, "Nobody may not.")
		case age == nil:
			return html.Div{Children: app.List{"Hello, ", html.B{Children: name}, 1}}, app.NoUpdate, nil
		}
		return nil, app.List{*age, len(ctx.Triggered)}, nil
	})
	a.Callback(
		app.Output("save", "children"),
		app.Input("save", "n_clicks"),
		app.PreventInitialCall(),
	).Do(func(clicks int) string { return fmt.Sprint("Saved ", clicks) })
	apptest.Check(t, a)

	answer := apptest.Call(t, a, app.Output("greeting", "children"))
	if got := answer.Text("greeting", "children"); got != "Hello, world1" {
		t.Errorf("the first call says %q", got)
	}
	if answer.Has("count", "children") {
		t.Error("NoUpdate set the count")
	}

	answer = apptest.Call(t, a, app.Output("count", "children"), apptest.Change("name", "value", "Ada"), apptest.Set("age", "value", 36))
	var pair [2]int
	if answer.JSON("count", "children", &pair); pair != [2]int{36, 1} {
		t.Errorf("the count is %v", pair)
	}
	if got := answer.Text("greeting", "children"); got != "" {
		t.Errorf("null reads as %q", got)
	}

	if !apptest.Call(t, a, app.Output("count", "children"), apptest.Change("name", "value", "")).Prevented() {
		t.Error("ErrPreventUpdate did not prevent")
	}
	if err := apptest.CallError(t, a, app.Output("count", "children"), apptest.Change("name", "value", "nobody")); app.ErrorCode(err) != app.Forbidden {
		t.Errorf("the error is %v", err)
	}
	if err := apptest.CallError(t, a, app.Output("count", "children"), apptest.Change("name", "value", 7)); app.ErrorCode(err) != app.Invalid {
		t.Errorf("a value that does not fit gives %v", err)
	}
	if got := apptest.Call(t, a, app.Output("save", "children"), apptest.Change("save", "n_clicks", 2)).Text("save", "children"); got != "Saved 2" {
		t.Errorf("the button says %q", got)
	}
}

// TestVisit calls as a user, on an instance, with a session that lasts.
func TestVisit(t *testing.T) {
	a := app.New("Visit")
	a.Layout = html.Div{Children: app.List{dcc.Input{ID: "n", Value: 1}, dcc.Input{ID: "list", Value: nil}, html.P{ID: "o"}}}
	a.Callback(app.Output("o", "children"), app.Output("list", "value"), app.Input("n", "value")).Do(func(ctx *app.Context, n int) (string, any, error) {
		if n < 0 {
			return "", nil, app.Errorf(app.Invalid, "Too small.")
		}
		visits, err := ctx.Session().Add("visits", 1)
		if err != nil {
			return "", nil, err
		}
		return fmt.Sprint(ctx.User(), " ", n, " ", visits, " ", ctx.AppID()), app.NewPatch().Append(n), nil
	})
	instance := apptest.NewInstance(t, `{"n":{"value":5},"list":{"value":[]}}`)
	visit := &apptest.Visit{User: &app.User{Name: "ann"}, Instance: instance}
	for i, want := range []string{"ann 5 1 test", "ann 6 2 test", "ann 6 3 test"} {
		var props []apptest.Prop
		if i == 1 {
			props = append(props, apptest.Change("n", "value", 6))
		}
		if got := visit.Call(t, a, app.Output("o", "children"), props...).Text("o", "children"); got != want {
			t.Errorf("call %d says %q, want %q", i+1, got, want)
		}
	}
	if err := visit.CallError(t, a, app.Output("o", "children"), apptest.Change("n", "value", -1)); app.ErrorCode(err) != app.Invalid {
		t.Errorf("the error is %v", err)
	}
	if got, want := string(instance.State().Text()), `{"list": {"value": [5, 6, 6]}, "n": {"value": -1}}`; got != want {
		t.Errorf("the instance has %s, want %s", got, want)
	}

	visit = &apptest.Visit{Initial: app.BaseState{"n": {"value": []byte("9")}}}
	if got, want := visit.Call(t, a, app.Output("o", "children")).Text("o", "children"), "AnonymousUser 9 1 visit"; got != want {
		t.Errorf("with initial arguments it says %q, want %q", got, want)
	}
	wantFailure(t, "make an instance", func(t testing.TB) { apptest.NewInstance(t, `{"n":1}`) })
	wantFailure(t, "danger", func(t testing.TB) { apptest.NewInstance(t, `{"n":{"value":{"__proto__":1}}}`) })
}

// items is an app with the components of a list, one of them with a dot and
// quotes in its ID.
func items() *app.App {
	key := func(index any) app.ID { return app.Key("type", "item", "index", index) }
	a := app.New("Items")
	a.Layout = html.Div{Children: app.List{
		dcc.Input{ID: key(1), Value: "a"},
		dcc.Input{ID: key(2), Value: "b"},
		dcc.Input{ID: key(10), Value: nil},
		html.P{ID: app.Key("type", "sum...", "of", `"a.b"<`)},
		html.P{ID: app.Key("type", "copy", "index", 1)},
		html.P{ID: app.Key("type", "copy", "index", 10)},
	}}
	a.Callback(
		app.Output(app.Key("type", "sum...", "of", `"a.b"<`), "children"),
		app.Output(app.Key("type", "copy", "index", app.ALL), "title"),
		app.Input(key(app.ALL), "value"),
	).Do(func(values []app.Match[string]) (string, []int) {
		text := ""
		for _, v := range values {
			text += fmt.Sprint(v.ID.Int("index"), v.Value, " ")
		}
		return text, []int{1, 10}
	})
	a.Callback(
		app.Output(app.Key("type", "copy", "index", app.MATCH), "children"),
		app.Input(key(app.MATCH), "value"),
		app.Input(key(app.ALLSMALLER), "value"),
	).Do(func(ctx *app.Context, own string, smaller []string) app.List {
		return app.List{own, " after ", strings.Join(smaller, ","), " by ", string(ctx.TriggeredID())}
	})
	a.Callback(app.Input(key(app.MATCH), "n_submit")).Do(func(*int) {})
	return a
}

func TestCallPatterns(t *testing.T) {
	a := items()
	apptest.Check(t, a)
	key := func(index any) app.ID { return app.Key("type", "item", "index", index) }
	sum := app.Key("of", `"a.b"<`, "type", "sum...")

	answer := apptest.Call(t, a, app.Output(sum, "children"), apptest.Change(key(2), "value", "B"), apptest.Set(key(11), "value", "new"))
	if got := answer.Text(sum, "children"); got != "1a 2B 10 11new " {
		t.Errorf("the sum is %q", got)
	}
	if got := answer.Text(app.Key("type", "copy", "index", 10), "title"); got != "10" {
		t.Errorf("the title is %q", got)
	}

	for _, output := range []any{10, app.MATCH} {
		answer = apptest.Call(t, a, app.Output(app.Key("type", "copy", "index", output), "children"), apptest.Change(key(10), "value", "c"))
		if got, want := answer.Text(app.Key("type", "copy", "index", 10), "children"), `c after a,b by {"index":10,"type":"item"}`; got != want {
			t.Errorf("the copy is %q, want %q", got, want)
		}
	}

	if !apptest.Call(t, a, app.Input(key(app.MATCH), "n_submit"), apptest.Change(key(1), "n_submit", 1)).Prevented() {
		t.Error("a callback without outputs changed the page")
	}
}

// What is sent for an optional component that is not there names its pattern.
func TestCallOptional(t *testing.T) {
	key := func(kind string, n any) app.ID { return app.Key("type", kind, "n", n) }
	a := app.New("Optional")
	a.Layout = app.List{html.Button{ID: key("b", 1)}, html.P{ID: key("o", 1)}}
	a.Callback(
		app.Output(key("o", app.MATCH), "children"),
		app.Input(key("b", app.MATCH), "n_clicks"),
		app.State(key("extra", app.MATCH), "value").Optional(),
		app.State("plain", "value").Optional(),
	).Do(func(_ int, extra app.Match[*string], plain *string) app.List {
		return app.List{extra.ID, extra.Value, plain}
	})
	apptest.Check(t, a)
	out, click := app.Output(key("o", 1), "children"), apptest.Change(key("b", 1), "n_clicks", 1)
	const missing = `[{"n":["MATCH"],"type":"extra"},null,null]`
	const there = `[{"n":1,"type":"extra"},"x",null]`
	for want, props := range map[string][]apptest.Prop{
		missing: {click},
		there:   {click, apptest.Set(key("extra", 1), "value", "x")},
	} {
		var got json.RawMessage
		if apptest.Call(t, a, out, props...).JSON(key("o", 1), "children", &got); string(got) != want {
			t.Errorf("it says %s, want %s", got, want)
		}
	}
}

func TestCallDuplicates(t *testing.T) {
	a := app.New("Duplicates")
	a.Layout = app.List{html.Button{ID: "one"}, html.Button{ID: "two"}, html.P{ID: "said"}}
	for _, name := range []app.ID{"one", "two"} {
		a.Callback(
			app.Output("said", "children").AllowDuplicate(),
			app.Input(name, "n_clicks"),
			app.PreventInitialCall(),
		).Do(func(int) string { return string(name) })
	}
	for _, name := range []app.ID{"one", "two"} {
		if got := apptest.Call(t, a, app.Output("said", "children"), apptest.Change(name, "n_clicks", 1)).Text("said", "children"); got != string(name) {
			t.Errorf("%s says %q", name, got)
		}
	}
	wantFailure(t, "several callbacks set this, of which 2 take", func(t testing.TB) {
		apptest.Call(t, a, app.Output("said", "children"))
	})
}

// TestLayoutForVisitor checks an app whose layout nobody can see.
func TestLayoutForVisitor(t *testing.T) {
	a := app.New("Visitor")
	a.LayoutFunc = func(*app.Context) (app.Component, error) { return nil, errors.New("who?") }
	a.ValidationLayout = html.P{ID: "a", Title: "b"}
	a.Callback(app.Output("a", "children"), app.Input("a", "title")).Do(strings.ToUpper)
	apptest.Check(t, a)
	if got := apptest.Call(t, a, app.Output("a", "children")).Text("a", "children"); got != "B" {
		t.Errorf("it says %q", got)
	}
}

func TestCheckFails(t *testing.T) {
	a := app.New("Wrong")
	a.Layout = html.P{ID: "a"}
	a.Callback(app.Output("a", "childern"), app.Input("b", "title")).Do(strings.ToUpper)
	failures := failuresOf(t, func(t testing.TB) { apptest.Check(t, a) })
	if len(failures) != 2 || !strings.Contains(failures[0], `"childern"`) || !strings.Contains(failures[1], `"b"`) {
		t.Errorf("Check says %q", failures)
	}
}

func TestCallFails(t *testing.T) {
	a := app.New("Fails")
	a.SuppressCallbackExceptions = true
	a.Layout = app.List{html.P{ID: "in", Title: "x"}, html.P{ID: "out"}}
	a.Callback(app.Output("out", "children"), app.Input("in", "title"), app.State("out", "title")).Do(func(in, _ string) (any, error) {
		switch in {
		case "panic":
			panic("help")
		case "stop":
			return nil, app.ErrPreventUpdate
		}
		return app.Dict{"in": in}, nil
	})
	a.Callback(app.Output("out", "lang"), app.Input("later", "n_clicks"), app.PreventInitialCall()).Do(func(n int) string { return "" })
	out := app.Output("out", "children")

	for want, call := range map[string]func(testing.TB){
		`no callback of app "Fails" sets this; its callbacks set out.children, out.lang`: func(t testing.TB) { apptest.Call(t, a, app.Output("out", "title")) },
		"does not take in.lang; it has the Inputs in.title and the States out.title":     func(t testing.TB) { apptest.Call(t, a, out, apptest.Set("in", "lang", "")) },
		"out.title is no Input of the callback":                                          func(t testing.TB) { apptest.Call(t, a, out, apptest.Change("out", "title", "")) },
		"the value of in.title":                                                          func(t testing.TB) { apptest.Call(t, a, out, apptest.Set("in", "title", t.Fatalf)) },
		"waits for the change of an Input":                                               func(t testing.TB) { apptest.Call(t, a, app.Output("out", "lang")) },
		"panic: help\ngoroutine":                                                         func(t testing.TB) { apptest.Call(t, a, out, apptest.Set("in", "title", "panic")) },
		"it was to fail, but the callback left the page as it is":                        func(t testing.TB) { apptest.CallError(t, a, out, apptest.Set("in", "title", "stop")) },
		"it was to fail, but the callback set out.children":                              func(t testing.TB) { apptest.CallError(t, a, out) },
		"out.lang was not set: the callback set out.children":                            func(t testing.TB) { apptest.Call(t, a, out).Text("out", "lang") },
		`out.children has no text: {"in":"x"}`:                                           func(t testing.TB) { apptest.Call(t, a, out).Text("out", "children") },
		"out.children does not fit *int":                                                 func(t testing.TB) { apptest.Call(t, a, out).JSON("out", "children", new(int)) },
		"has a wildcard; name each component": func(t testing.TB) {
			apptest.Call(t, items(), app.Output(app.Key("type", "copy", "index", 1), "title"), apptest.Set(app.Key("type", "item", "index", app.ALL), "value", ""))
		},
		"has MATCH; name one component instead": func(t testing.TB) {
			apptest.Call(t, items(), app.Output(app.Key("type", "copy", "index", app.MATCH), "children"))
		},
		"the layout has no such component; Set the property": func(t testing.TB) {
			apptest.Call(t, items(), app.Output(app.Key("type", "copy", "index", 5), "children"))
		},
	} {
		wantFailure(t, want, call)
	}
}

// recorder is a test that notes its failures.
type recorder struct {
	testing.TB
	failures []string
}

func (r *recorder) Errorf(format string, args ...any) {
	r.failures = append(r.failures, fmt.Sprintf(format, args...))
}

func (r *recorder) Fatalf(format string, args ...any) {
	r.Errorf(format, args...)
	runtime.Goexit()
}

func failuresOf(t *testing.T, test func(testing.TB)) []string {
	t.Helper()
	r := &recorder{TB: t}
	done := make(chan struct{})
	go func() {
		defer close(done)
		test(r)
	}()
	<-done
	return r.failures
}

func wantFailure(t *testing.T, want string, test func(testing.TB)) {
	t.Helper()
	failures := failuresOf(t, test)
	if !slices.ContainsFunc(failures, func(f string) bool { return strings.Contains(f, want) }) {
		t.Errorf("the test fails with %q, want %q", failures, want)
	}
}
