package app_test

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"dashd/app"
	"dashd/app/dcc"
	"dashd/app/html"
)

// oddError is an error by another name.
type oddError interface{ error }

func page(children ...any) app.Component { return html.Div{Children: app.List(children)} }

// TestValidate has one app for each thing that Validate finds.
func TestValidate(t *testing.T) {
	in, out := app.Input("in", "value"), app.Output("out", "children")
	layout := page(dcc.Input{ID: "in"}, html.Div{ID: "out"}, html.Div{ID: "other"},
		html.Div{ID: app.Key("type", "row", "index", 1)})
	type tagged struct {
		Text string `dash:"in.value"`
	}
	type wrongTag struct {
		Text string `dash:"in.valeu"`
	}
	type hidden struct {
		group struct {
			Text string `dash:"in.value"`
		}
	}
	type hiddenOut struct {
		group struct {
			Text string `dash:"out.children"`
		}
	}
	for _, tt := range []struct {
		name string
		make func(a *app.App)
		want string
	}{
		{"too many parameters", func(a *app.App) { a.Callback(out, in).Do(func(x, y string) string { return "" }) },
			"callback out.children: the function takes 2 values, but there are 1 Inputs and States"},
		{"too few results", func(a *app.App) {
			a.Callback(out, app.Output("other", "title"), in).Do(func(string) string { return "" })
		},
			"callback out.children, other.title: the function returns 1 value, but there are 2 Outputs"},
		{"no function", func(a *app.App) { a.Callback(out, in) }, "has no function; call Do"},
		{"two functions", func(a *app.App) {
			c := a.Callback(out, in)
			c.Do(func(string) string { return "" })
			c.Do(func(string) string { return "" })
		}, "has more than one function"},
		{"nil function", func(a *app.App) { a.Callback(out, in).Do(nil) }, "Do needs a function, not <nil>"},
		{"not a function", func(a *app.App) { a.Callback(out, in).Do(3) }, "Do needs a function, not int"},
		{"variadic", func(a *app.App) { a.Callback(out, in).Do(func(...string) string { return "" }) }, "the function is variadic"},
		{"parameter that JSON cannot fill", func(a *app.App) { a.Callback(out, in).Do(func(chan int) string { return "" }) }, "cannot hold a JSON value"},
		{"interface parameter", func(a *app.App) { a.Callback(out, in).Do(func(fmt.Stringer) string { return "" }) }, "into which JSON cannot be decoded"},
		{"result without JSON", func(a *app.App) { a.Callback(out, in).Do(func(string) func() { return nil }) }, "has no JSON form"},
		{"error not last", func(a *app.App) {
			a.Callback(out, app.Output("other", "title"), in).Do(func(string) (oddError, string) { return nil, "" })
		}, "only the last result can be one"},
		{"ALL without slice", func(a *app.App) {
			a.Callback(out, app.Input(app.Key("type", "row", "index", app.ALL), "n_clicks")).Do(func(n int) string { return "" })
		}, "must be a slice: the wildcard stands for many; use []int"},
		{"Match of a plain ID", func(a *app.App) { a.Callback(out, in).Do(func(app.Match[string]) string { return "" }) }, "the ID has no keys"},
		{"tag that names nothing", func(a *app.App) { a.Callback(out, in).Do(func(wrongTag) string { return "" }) }, `no field of app_test.wrongTag has the tag dash:"in.value"`},
		{"property without a field", func(a *app.App) {
			a.Callback(out, in, app.State("other", "title")).Do(func(tagged) string { return "" })
		}, `has the tag dash:"other.title"`},
		{"group that is not exported", func(a *app.App) { a.Callback(out, in).Do(func(h hidden) string { return h.group.Text }) },
			"callback out.children: field group with tagged fields is not exported"},
		{"group of results that is not exported", func(a *app.App) {
			a.Callback(out, in).Do(func(s string) (h hiddenOut) { h.group.Text = s; return h })
		}, "callback out.children: field group with tagged fields is not exported"},
		{"unknown ID", func(a *app.App) { a.Callback(out, app.Input("inn", "value")).Do(func(string) string { return "" }) },
			`Input inn.value: no component of the layout has the ID "inn" (did you mean "in"?)`},
		{"unknown property", func(a *app.App) {
			a.Callback(app.Output("out", "childern"), in).Do(func(string) string { return "" })
		}, `Div has no property "childern" (did you mean "children"?)`},
		{"unknown property of a pattern", func(a *app.App) {
			a.Callback(out, app.Input(app.Key("type", "row", "index", app.ALL), "value")).Do(func([]string) string { return "" })
		}, `Div has no property "value"`},
		{"dot in an ID", func(a *app.App) { a.Callback(out, app.Input("a.b", "value")).Do(func(string) string { return "" }) }, `holds a "." or a "{"`},
		{"empty ID", func(a *app.App) { a.Callback(out, app.Input("", "value")).Do(func(string) string { return "" }) }, "Input: an ID is empty"},
		{"empty property", func(a *app.App) { a.Callback(out, app.Input("in", "")).Do(func(string) string { return "" }) }, "names no property"},
		{"odd Key", func(a *app.App) {
			a.Callback(out, app.Input(app.Key("type"), "value")).Do(func(string) string { return "" })
		}, "needs keys and values in turn"},
		{"Key of a slice", func(a *app.App) {
			a.Callback(out, app.Input(app.Key("type", []int{1}), "value")).Do(func(string) string { return "" })
		}, `the value of "type" is a []int`},
		{"Key twice", func(a *app.App) {
			a.Callback(out, app.Input(app.Key("a", 1, "a", 2), "value")).Do(func(string) string { return "" })
		}, `key "a" is there twice`},
		{"State alone", func(a *app.App) { a.Callback(out, app.State("in", "value")).Do(func(string) string { return "" }) }, "States but no Input"},
		{"Output twice in one callback", func(a *app.App) {
			a.Callback(out, out, in).Do(func(string) (string, string) { return "", "" })
		}, "Output out.children is there twice"},
		{"Output of two callbacks", func(a *app.App) {
			a.Callback(out, in).Do(func(string) string { return "" })
			a.Callback(out, in).Do(func(string) string { return "" })
		}, "sets Output out.children too; add AllowDuplicate()"},
		{"overlapping patterns", func(a *app.App) {
			a.Callback(app.Output(app.Key("type", "row", "index", app.ALL), "title"), in).Do(func(string) []string { return nil })
			a.Callback(app.Output(app.Key("type", "row", "index", 1), "title"), in).Do(func(string) string { return "" })
		}, "sets Output {\"index\":1,\"type\":\"row\"}.title too"},
		{"duplicate that runs at first", func(a *app.App) { a.Callback(out.AllowDuplicate(), in).Do(func(string) string { return "" }) }, "add app.PreventInitialCall()"},
		{"duplicates with the same inputs", func(a *app.App) {
			for range 2 {
				a.Callback(out.AllowDuplicate(), in, app.PreventInitialCall()).Do(func(string) string { return "" })
			}
		}, "has the same Outputs and the same Inputs"},
		{"AllowDuplicate on an Input", func(a *app.App) { a.Callback(out, in.AllowDuplicate()).Do(func(string) string { return "" }) }, "AllowDuplicate is for Outputs"},
		{"Input among Outputs", func(a *app.App) { a.Callback(app.Outputs(out, in), in).Do(func(string) string { return "" }) }, ""},
		{"nil argument", func(a *app.App) { a.Callback(out, nil, in).Do(func(string) string { return "" }) }, "argument 2 is nil"},
		{"ALLSMALLER in an Output", func(a *app.App) {
			a.Callback(app.Output(app.Key("i", app.ALLSMALLER), "title"), in).Do(func(string) []string { return nil })
		}, "has ALLSMALLER, which is for Inputs and States"},
		{"MATCH without MATCH", func(a *app.App) {
			a.Callback(app.Output(app.Key("i", app.MATCH), "title"), app.Input(app.Key("j", app.MATCH), "title")).Do(func(string) string { return "" })
		}, `has MATCH under "j", where the Outputs have no MATCH`},
		{"circle", func(a *app.App) {
			a.Callback(app.Output("other", "title"), app.Input("out", "title")).Do(func(s string) string { return s })
			a.Callback(app.Output("out", "title"), app.Input("other", "title")).Do(func(s string) string { return s })
		}, "callbacks call each other in a circle: other.title (app/validate_test.go:"},
		{"doubled ID", func(a *app.App) { a.Layout = page(html.Div{ID: "x"}, html.Div{Children: html.P{ID: "x"}}) }, `ID "x" is in the layout twice`},
		{"wildcard in the layout", func(a *app.App) { a.Layout = page(html.Div{ID: app.Key("i", app.MATCH)}) }, "wildcards are for callbacks"},
		{"dot in the layout", func(a *app.App) { a.Layout = page(html.Div{ID: "a.b"}) }, `holds a "."`},
		{"unknown property in Props", func(a *app.App) { a.Layout = page(html.Div{Props: app.Props{"clasName": "x"}}) }, `Div has no property "clasName" (did you mean "className"?)`},
		{"not a number", func(a *app.App) { a.Layout = page(dcc.Slider{ID: "s", Min: "0"}) }, `Slider "s": property "min" is a string, not a number`},
		{"required property", func(a *app.App) { a.Layout = page(dcc.Link{Children: "x"}) }, `Link needs the property "href"`},
		{"layout that JSON cannot hold", func(a *app.App) { a.Layout = page(func() {}) }, "a func() has no JSON form"},
		{"no layout", func(a *app.App) { a.Layout = nil }, "has no layout"},
		{"two layouts", func(a *app.App) {
			a.LayoutFunc = func(*app.Context) (app.Component, error) { return layout, nil }
		}, "has both a Layout and a LayoutFunc"},
		{"layout function that fails", func(a *app.App) {
			a.Layout = nil
			a.LayoutFunc = func(*app.Context) (app.Component, error) { return nil, errors.New("no database") }
		}, "the layout function fails for nobody's visit: no database"},
		{"layout function that panics", func(a *app.App) {
			a.Layout = nil
			a.LayoutFunc = func(*app.Context) (app.Component, error) { panic("ouch") }
		}, "panic: ouch"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := app.New("Test")
			a.Layout = layout
			tt.make(a)
			err := a.Validate()
			if tt.name == "Input among Outputs" {
				tt.want = "takes 1 value" // the Input counts as one
			}
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("got %v\nwant %s", err, tt.want)
			}
			for line := range strings.SplitSeq(err.Error(), "\n") {
				if !regexp.MustCompile(`^app/validate_test\.go:\d+: `).MatchString(line) {
					t.Errorf("no file and line: %s", line)
				}
			}
			if _, err := a.UpdateJSON(context.Background(), nil, []byte(`{}`)); err == nil || app.ErrorCode(err) != app.Internal {
				t.Errorf("an invalid app answers: %v", err)
			}
		})
	}
}

func TestValidateReportsAllAtOnce(t *testing.T) {
	a := app.New("Test")
	a.Layout = page(html.Div{ID: "x"}, html.Div{ID: "x"}, dcc.Link{})
	a.Callback(app.Output("y", "children"), app.Input("z", "value")).Do(func() {})
	got := strings.Split(a.Validate().Error(), "\n")
	if len(got) != 4 {
		t.Errorf("got %d problems, want 4: the doubled ID, the link, two of the signature\n%s", len(got), strings.Join(got, "\n"))
	}
}

func TestValidateApps(t *testing.T) {
	named := func(name string) *app.App {
		a := app.New(name)
		a.Layout = page()
		return a
	}
	twice := named("Twice")
	for _, tt := range []struct {
		apps []*app.App
		want string
	}{
		{[]*app.App{named("A"), named("B")}, ""},
		{[]*app.App{named("")}, "the app has no name"},
		{[]*app.App{named("☃")}, "no letter or digit"},
		{[]*app.App{named("A"), named("A")}, `another app named "A"`},
		{[]*app.App{named("My App"), named("my-app")}, `has the URL /app/my-app/, and so has "My App"`},
		{[]*app.App{twice, twice}, "is given twice"},
		{[]*app.App{nil}, "app 1 is nil"},
	} {
		err := app.Validate(tt.apps...)
		switch {
		case tt.want == "" && err != nil:
			t.Errorf("got %v", err)
		case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
			t.Errorf("got %v, want %s", err, tt.want)
		}
	}
}

func TestSlug(t *testing.T) {
	for name, want := range map[string]string{
		"SimpleExample": "simpleexample", "Liveput Two": "liveput-two", " a -- b ": "a-b", "Über_Ärger!": "uber_arger", "a.b/c": "abc", "-x-": "x", "日本": "",
	} {
		if got := app.New(name).Slug(); got != want {
			t.Errorf("%q: got %q, want %q", name, got, want)
		}
	}
}

// Callbacks for components that are not there yet, and optional ones.
func TestValidatePermits(t *testing.T) {
	type base struct {
		Clicks int `dash:"b.n_clicks"`
	}
	embeds := buttonApp(func(in struct{ base }) string { return fmt.Sprint(in.Clicks) })
	if got, err := embeds.UpdateJSON(t.Context(), nil, []byte(press)); err != nil || !strings.Contains(string(got), `"children":"1"`) {
		t.Errorf("an embedded struct that is not exported: %s, %v", got, err)
	}

	a := app.New("Test")
	a.Layout = page(html.Div{ID: "out"})
	a.SuppressCallbackExceptions = true
	a.Callback(app.Output("out", "children"), app.Input("later", "value")).Do(func(string) string { return "" })
	a.Callback(app.Output("out", "data-x"), app.Input(app.Key("new", app.ALL), "value")).Do(func([]string) string { return "" })
	// Two properties that follow each other, in one callback.
	a.Callback(app.Output("x", "value"), app.Output("y", "value"), app.Input("x", "value"), app.Input("y", "value")).Do(func(x, y int) (int, int) { return x, y })
	a.Callback(app.Output("z", "value"), app.Input("x", "value"), app.State("w", "value")).Do(func(x, w int) int { return x })
	a.Callback(app.Output("w", "value"), app.Input("z", "value")).Do(func(z int) int { return z })
	if err := a.Validate(); err != nil {
		t.Error(err)
	}
	b := app.New("Test")
	b.Layout = page()
	b.ValidationLayout = page(html.Div{ID: "out"}, dcc.Input{ID: "later"})
	b.Callback(app.Output("out", "children"), app.Input("later", "value")).Do(func(string) string { return "" })
	if err := b.Validate(); err != nil {
		t.Error(err)
	}
}

// Pages that a ValidationLayout stands for may each have a component with the
// same ID: what one of them has is known.
func TestValidationLayoutOfPages(t *testing.T) {
	field := app.Key("type", "field", "index", 1)
	pages := func() *app.App {
		a := app.New("Pages")
		a.Layout = page(html.Div{ID: "page"})
		a.ValidationLayout = page(html.Div{ID: "page"},
			page(html.Div{ID: "x"}, html.Div{ID: field}),
			page(dcc.Input{ID: "x"}, dcc.Input{ID: field}))
		return a
	}
	a := pages()
	all := app.Key("type", "field", "index", app.ALL)
	a.Callback(app.Output("page", "title"), app.Input("x", "value"), app.Input("x", "hidden")).Do(func(string, bool) string { return "" })
	a.Callback(app.Output("page", "lang"), app.Input(all, "value"), app.Input(all, "hidden")).Do(func([]string, []bool) string { return "" })
	if err := a.Validate(); err != nil {
		t.Error(err)
	}
	if err := a.CheckInitial(app.BaseState{"x": {"value": []byte("1"), "hidden": []byte("true")}}); err != nil {
		t.Error(err)
	}
	if err := a.CheckInitial(app.BaseState{"x": {"nope": []byte("1")}}); app.ErrorCode(err) != app.Invalid {
		t.Errorf("an unknown property of the state gives %v", err)
	}

	a = pages()
	a.Callback(app.Output("page", "title"), app.Input("x", "nope")).Do(func(string) string { return "" })
	a.Callback(app.Output("page", "lang"), app.Input(all, "nope")).Do(func([]string) string { return "" })
	if err := a.Validate(); err == nil || strings.Count(err.Error(), `has no property "nope"`) != 2 {
		t.Errorf("got %v, want two unknown properties", err)
	}

	a = pages()
	a.Layout, a.ValidationLayout = a.ValidationLayout, nil
	if err := a.Validate(); err == nil || strings.Count(err.Error(), "is in the layout twice") != 2 {
		t.Errorf("got %v, want two doubled IDs", err)
	}
}
