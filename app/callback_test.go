package app_test

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"dashd/app"
	"dashd/app/dcc"
	"dashd/app/html"

	"github.com/google/go-cmp/cmp"
)

// A property as the page sends it. value is JSON, or "" for an unset property.
func prop(id app.ID, property, value string) string {
	name, _ := json.Marshal(id)
	if value != "" {
		value = `,"value":` + value
	}
	return fmt.Sprintf(`{"id":%s,"property":%q%s}`, name, property, value)
}

// many is what the page sends for a wildcard that stands for several.
func many(props ...string) string { return "[" + strings.Join(props, ",") + "]" }

// update calls the app's n-th callback. outputs, inputs and state are JSON
// ("" for none), changed is what has triggered it.
func update(t *testing.T, a *app.App, call *app.Call, n int, outputs, inputs, state string, changed ...string) (string, error) {
	t.Helper()
	name, _ := json.Marshal(outputName(t, a, n))
	body := `{"output":` + string(name)
	if outputs != "" {
		body += `,"outputs":` + outputs
	}
	body += `,"inputs":[` + inputs + `]`
	ids, _ := json.Marshal(append([]string{}, changed...))
	body += `,"changedPropIds":` + string(ids)
	if state != "" {
		body += `,"state":[` + state + `]`
	}
	answer, err := a.UpdateJSON(t.Context(), call, []byte(body+"}"))
	return string(answer), err
}

// dependencies returns what the page is told of the app's callbacks.
func dependencies(t *testing.T, a *app.App) (list []map[string]any) {
	t.Helper()
	text, err := a.DependenciesJSON()
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &list); err != nil {
		t.Fatal(err)
	}
	return list
}

func TestSetProps(t *testing.T) {
	for _, tt := range []struct {
		name string
		fn   func(*app.Context, int) (any, error)
		want string // "" for 204
	}{
		{"with an output", func(ctx *app.Context, n int) (any, error) {
			ctx.SetProps("t", app.Props{"children": n})
			return "o", nil
		}, `{"multi":true,"sideUpdate":{"t":{"children":1}},"response":{"o":{"children":"o"}}}`},
		{"with NoUpdate", func(ctx *app.Context, _ int) (any, error) {
			ctx.SetProps("t", app.Props{"children": "x"})
			return app.NoUpdate, nil
		}, `{"multi":true,"sideUpdate":{"t":{"children":"x"}},"response":{}}`},
		{"with PreventUpdate", func(ctx *app.Context, _ int) (any, error) {
			ctx.SetProps("t", app.Props{"children": "lost"})
			return nil, app.ErrPreventUpdate
		}, ``},
		{"of the output's own component", func(ctx *app.Context, _ int) (any, error) {
			ctx.SetProps("o", app.Props{"children": "side", "title": "x"})
			return "o", nil
		}, `{"multi":true,"sideUpdate":{"o":{"children":"side","title":"x"}},"response":{"o":{"children":"o"}}}`},
		{"several calls add up", func(ctx *app.Context, _ int) (any, error) {
			ctx.SetProps("t", app.Props{"children": "first", "title": "kept"})
			ctx.SetProps("b", app.Props{"title": "of b"})
			ctx.SetProps("t", app.Props{"children": "second", "style": app.Style{"color": "red"}})
			return app.NoUpdate, nil
		}, `{"multi":true,"sideUpdate":{"t":{"children":"second","title":"kept","style":{"color":"red"}},"b":{"title":"of b"}},"response":{}}`},
		{"dictionary ID", func(ctx *app.Context, _ int) (any, error) {
			ctx.SetProps(app.Key("k", "v.<", "a", 1), app.Props{"children": "x"})
			ctx.SetProps(app.Key("a", 1, "k", "v.<"), app.Props{"title": "y"})
			return app.NoUpdate, nil
		}, `{"multi":true,"sideUpdate":{"{\"a\":1,\"k\":\"v.\u003c\"}":{"children":"x","title":"y"}},"response":{}}`},
		{"null and components", func(ctx *app.Context, _ int) (any, error) {
			ctx.SetProps("t", app.Props{"children": app.List{html.B{Children: "bold"}, "text"}, "title": nil})
			return app.NoUpdate, nil
		}, `{"multi":true,"sideUpdate":{"t":{"children":[{"props":{"children":"bold"},"type":"B","namespace":"dash_html_components"},"text"],"title":null}},"response":{}}`},
		{"of nothing", func(ctx *app.Context, _ int) (any, error) {
			ctx.SetProps("t", nil)
			ctx.SetProps("t", app.Props{})
			return app.NoUpdate, nil
		}, `{"multi":true,"response":{}}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := buttonApp(tt.fn).UpdateJSON(t.Context(), nil, []byte(press))
			if err != nil || string(got) != tt.want {
				t.Errorf("got  %s, %v\nwant %s", got, err, tt.want)
			}
		})
	}
}

// A callback without outputs answers with what it has set, or with nothing.
func TestSetPropsWithoutOutputs(t *testing.T) {
	a := app.New("Side")
	a.Layout = page(html.Button{ID: "b"}, html.Div{ID: "t"})
	a.Callback(app.Input("b", "n_clicks")).Do(func(ctx *app.Context, n int) error {
		switch n {
		case 1:
			ctx.SetProps("t", app.Props{"children": n})
		case 2:
			ctx.SetProps("t", app.Props{"children": n})
			return app.ErrPreventUpdate
		case 3:
			ctx.SetProps("t", app.Props{"children": n})
			return app.Errorf(app.Conflict, "Too late.")
		}
		return nil
	})
	for clicks, want := range map[string]string{
		"0": ``,
		"1": `{"multi":true,"sideUpdate":{"t":{"children":1}},"response":{}}`,
		"2": ``,
	} {
		got, err := update(t, a, nil, 0, "", prop("b", "n_clicks", clicks), "", "b.n_clicks")
		if err != nil || got != want {
			t.Errorf("%s clicks: got %s, %v, want %s", clicks, got, err, want)
		}
	}
	if got, err := update(t, a, nil, 0, "", prop("b", "n_clicks", "3"), "", "b.n_clicks"); app.ErrorCode(err) != app.Conflict {
		t.Errorf("an error is answered by %s, %v", got, err)
	}
}

// The page loads suites before it applies the response, but after it has
// applied the side updates, so components of suites that it lacks are part of
// the response.
func TestSetPropsOfLateSuites(t *testing.T) {
	fn := func(ctx *app.Context, _ int) string {
		ctx.SetProps("o", app.Props{"children": "lost to the output", "title": "kept"})
		ctx.SetProps("t", app.Props{"children": dcc.Markdown{Children: "x"}})
		return "o"
	}
	const component = `{"props":{"children":"x"},"type":"Markdown","namespace":"dash_core_components"}`
	for name, tt := range map[string]struct {
		files []app.Resource // that the page lacks
		want  string
	}{
		"loaded": {nil, `{"multi":true,"sideUpdate":{"o":{"children":"lost to the output","title":"kept"},"t":{"children":` + component + `}},"response":{"o":{"children":"o"}}}`},
		"late": {[]app.Resource{{Type: "_js_dist", URL: "/dcc.js"}},
			`{"multi":true,"response":{"o":{"title":"kept","children":"o"},"t":{"children":` + component + `}},"dist":[{"type":"_js_dist","url":"/dcc.js"}]}`},
	} {
		call := &app.Call{Dist: func(suites []*app.Suite) []app.Resource {
			if !slices.Equal(suites, []*app.Suite{dcc.Suite}) {
				t.Errorf("%s: asked for the files of %v", name, suites)
			}
			return tt.files
		}}
		got, err := buttonApp(fn).UpdateJSON(t.Context(), call, []byte(press))
		if err != nil || string(got) != tt.want {
			t.Errorf("%s: got  %s, %v\nwant %s", name, got, err, tt.want)
		}
	}
}

func TestOnError(t *testing.T) {
	errBoom := errors.New("boom")
	fails := func(int) (string, error) { return "", errBoom }
	says := func(text string) app.ErrorHandler {
		return func(_ *app.Context, err error) ([]any, error) {
			switch {
			case errors.Is(err, errBoom):
				text += ": boom"
			case app.ErrorCode(err) != app.Internal:
				text += ": " + string(app.ErrorCode(err))
			}
			if p, ok := errors.AsType[*app.PanicError](err); ok {
				text += fmt.Sprintf(": panic %v, stack %t", p.Value, strings.Contains(string(p.Stack), "callback_test.go"))
			}
			return []any{text}, nil
		}
	}
	never := func(_ *app.Context, err error) ([]any, error) { panic("the handler is asked for " + err.Error()) }
	returns := func(outputs []any, err error) app.ErrorHandler {
		return func(*app.Context, error) ([]any, error) { return outputs, err }
	}
	for _, tt := range []struct {
		name     string
		app, own app.ErrorHandler
		fn       any
		clicks   string
		want     string // text of o, or the answer when it begins with "{"
		code     app.Code
		err      string // part of it
	}{
		{name: "the app's", app: says("app"), fn: fails, want: "app: boom"},
		{name: "the callback's before the app's", app: never, own: says("own"), fn: fails, want: "own: boom"},
		{name: "not without an error", app: never, fn: func(int) string { return "fine" }, want: "fine"},
		{name: "not for PreventUpdate", app: never, fn: func(int) (any, error) { return nil, app.ErrPreventUpdate }, want: "{"},
		{name: "a panic", app: says("app"), fn: func(int) string { panic("ouch") }, want: "app: panic ouch, stack true"},
		{name: "a refusal", app: says("app"), fn: func(int) (string, error) { return "", app.Errorf(app.Forbidden, "No.") }, want: "app: forbidden"},
		{name: "a value that does not fit", app: says("app"), fn: fails, clicks: `"x"`, want: "app: invalid"},
		{name: "nil leaves all as it is", app: returns(nil, nil), fn: fails, want: `{"multi":true,"response":{}}`},
		{name: "NoUpdate", app: returns([]any{app.NoUpdate}, nil), fn: fails, want: `{"multi":true,"response":{}}`},
		{name: "null", app: returns([]any{nil}, nil), fn: fails, want: `{"multi":true,"response":{"o":{"children":null}}}`},
		{name: "PreventUpdate", app: returns(nil, app.ErrPreventUpdate), fn: fails, want: "{"},
		{name: "another error", own: returns(nil, app.Errorf(app.TooMany, "Later.")), fn: fails, code: app.TooMany, err: "Later."},
		{name: "an error of no kind", own: returns([]any{"lost"}, errors.New("worse")), fn: fails, code: app.Internal, err: "run callback o.children: worse"},
		{name: "the same error", own: func(_ *app.Context, err error) ([]any, error) { return nil, err }, fn: fails, code: app.Internal, err: "boom"},
		{name: "too many outputs", own: returns([]any{1, 2}, nil), fn: fails, code: app.Internal, err: "returned 2 values for 1 Outputs"},
		{name: "no outputs", own: returns([]any{}, nil), fn: fails, code: app.Internal, err: "returned 0 values for 1 Outputs"},
		{name: "a panic of the handler", own: never, app: says("not asked"), fn: fails, code: app.Internal, err: "panic: the handler is asked for"},
		{name: "SetProps of the function and the handler", fn: func(ctx *app.Context, _ int) (string, error) {
			ctx.SetProps("t", app.Props{"title": "before", "children": "before"})
			return "", errBoom
		}, app: func(ctx *app.Context, _ error) ([]any, error) {
			ctx.SetProps("t", app.Props{"children": "failed by " + string(ctx.TriggeredID())})
			return nil, nil
		}, want: `{"multi":true,"sideUpdate":{"t":{"children":"failed by b","title":"before"}},"response":{}}`},
		{name: "SetProps for a function without context", fn: fails, app: func(ctx *app.Context, _ error) ([]any, error) {
			ctx.SetProps("t", app.Props{"children": ctx.Inputs[0].Value})
			return []any{"o"}, nil
		}, want: `{"multi":true,"sideUpdate":{"t":{"children":1}},"response":{"o":{"children":"o"}}}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := app.New("Errors")
			a.OnError = tt.app
			a.Layout = page(html.Button{ID: "b"}, html.Div{ID: "o"}, html.Div{ID: "t"})
			a.Callback(app.Output("o", "children"), app.Input("b", "n_clicks")).OnError(tt.own).Do(tt.fn)
			want := tt.want
			switch {
			case want == "{":
				want = ""
			case tt.code == "" && want[0] != '{':
				want = `{"multi":true,"response":{"o":{"children":"` + want + `"}}}`
			}
			if tt.clicks == "" {
				tt.clicks = "1"
			}
			got, err := update(t, a, nil, 0, prop("o", "children", ""), prop("b", "n_clicks", tt.clicks), "", "b.n_clicks")
			if tt.code == "" {
				if err != nil || got != want {
					t.Errorf("got  %s, %v\nwant %s", got, err, want)
				}
				return
			}
			if err == nil || app.ErrorCode(err) != tt.code || !strings.Contains(err.Error(), tt.err) {
				t.Errorf("got %s, %v, want %s %q", got, err, tt.code, tt.err)
			}
			if strings.Count(fmt.Sprint(err), "run callback") > 1 {
				t.Errorf("the callback is named twice: %v", err)
			}
		})
	}
}

// Handlers are not asked for calls that no longer count.
func TestOnErrorNotForLostCalls(t *testing.T) {
	sleeps := func(int) (string, error) {
		time.Sleep(time.Minute)
		return "", errors.New("boom")
	}
	waits := func(ctx *app.Context, _ int) (string, error) {
		select {
		case <-ctx.Done():
		case <-time.After(time.Minute):
		}
		return "", fmt.Errorf("query: %w", ctx.Err())
	}
	panics := func(ctx *app.Context, _ int) (string, error) {
		_, err := waits(ctx, 0)
		panic(err)
	}
	short, long := app.Timeout(time.Second), app.Timeout(time.Hour)
	for _, tt := range []struct {
		name    string
		fn      any
		options []app.Arg
		calls   int
		asked   int
	}{
		{"superseded", waits, []app.Arg{app.LatestWins()}, 3, 1},
		{"superseded and panics", panics, []app.Arg{app.LatestWins()}, 3, 1},
		{"superseded, with time left", waits, []app.Arg{app.LatestWins(), long}, 3, 1},
		{"superseded, then late", waits, []app.Arg{app.LatestWins(), short}, 2, 0},
		{"late", waits, []app.Arg{short}, 1, 0},
		{"late without a context", sleeps, []app.Arg{short}, 1, 0},
		{"in time", sleeps, []app.Arg{long}, 2, 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var asked atomic.Int32
				a := buttonApp(tt.fn, tt.options...)
				a.OnError = func(*app.Context, error) ([]any, error) {
					asked.Add(1)
					return nil, nil
				}
				for range tt.calls {
					go a.UpdateJSON(t.Context(), &app.Call{Page: "p"}, []byte(press))
					synctest.Wait()
				}
				time.Sleep(time.Hour)
				if got := int(asked.Load()); got != tt.asked {
					t.Errorf("the handler was asked %d times, want %d", got, tt.asked)
				}
			})
		})
	}
}

// A request that no callback can take is refused before any handler is asked.
func TestOnErrorNotForRequests(t *testing.T) {
	a := updateApp()
	a.OnError = func(_ *app.Context, err error) ([]any, error) { return nil, nil }
	for name, body := range refused {
		if strings.Contains(name, "type") || strings.Contains(name, "fraction") {
			continue // the value does not fit: the handler's
		}
		if got, err := a.UpdateJSON(t.Context(), nil, []byte(body)); app.ErrorCode(err) != app.Invalid {
			t.Errorf("%s: got %s, %v", name, got, err)
		}
	}
}

func TestTimeout(t *testing.T) {
	const limit = 3 * time.Second
	deaf := func(release chan struct{}) { <-release } // does not listen to its context
	for _, tt := range []struct {
		name    string
		fn      func(ctx *app.Context, release chan struct{}) (string, error)
		handler app.ErrorHandler
		leave   bool // the visitor leaves after a second
		took    time.Duration
		want    string // text of o
		code    app.Code
		err     error
		header  string // X-Test
	}{
		{name: "in time", fn: func(ctx *app.Context, _ chan struct{}) (string, error) {
			time.Sleep(limit - 1)
			ctx.Header().Set("X-Test", "yes")
			return "done", nil
		}, took: limit - 1, want: "done", header: "yes"},
		{name: "in time, without news", fn: func(ctx *app.Context, _ chan struct{}) (string, error) {
			ctx.Header().Set("X-Test", "yes")
			return "", app.ErrPreventUpdate
		}, header: "yes"},
		{name: "fails in time", fn: func(ctx *app.Context, _ chan struct{}) (string, error) {
			return "", app.Errorf(app.NotFound, "Nothing there.")
		}, code: app.NotFound},
		{name: "panics in time", fn: func(*app.Context, chan struct{}) (string, error) { panic("ouch") }, code: app.Internal},
		{name: "still running", fn: func(ctx *app.Context, release chan struct{}) (string, error) {
			ctx.Header().Set("X-Test", "early")
			deaf(release)
			ctx.Header().Set("X-Test", "late")
			ctx.SetCookie(&http.Cookie{Name: "late", Value: "x"})
			ctx.RecordTiming("late", time.Second, "")
			ctx.SetProps("t", app.Props{"children": "late"})
			return "late", nil
		}, took: limit, code: app.TimedOut},
		{name: "panics when it is late", fn: func(ctx *app.Context, release chan struct{}) (string, error) {
			deaf(release)
			panic("late")
		}, took: limit, code: app.TimedOut},
		{name: "listens to its context", fn: func(ctx *app.Context, _ chan struct{}) (string, error) {
			<-ctx.Done()
			return "", ctx.Err()
		}, took: limit, code: app.TimedOut},
		{name: "wraps what its context says", fn: func(ctx *app.Context, _ chan struct{}) (string, error) {
			<-ctx.Done()
			return "", fmt.Errorf("query: %w", ctx.Err())
		}, took: limit, code: app.TimedOut},
		{name: "has a deadline of its own", fn: func(ctx *app.Context, _ chan struct{}) (string, error) {
			query, cancel := context.WithTimeout(ctx, time.Second)
			defer cancel()
			<-query.Done()
			return "", query.Err()
		}, took: time.Second, code: app.Internal, err: context.DeadlineExceeded},
		{name: "the visitor leaves", fn: func(ctx *app.Context, release chan struct{}) (string, error) {
			deaf(release)
			return "", nil
		}, leave: true, took: time.Second, code: app.Internal, err: context.Canceled},
		{name: "handled in time", fn: func(*app.Context, chan struct{}) (string, error) { return "", errors.New("boom") },
			handler: func(ctx *app.Context, _ error) ([]any, error) {
				ctx.Header().Set("X-Test", "handler")
				return []any{"handled"}, nil
			}, want: "handled", header: "handler"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				release := make(chan struct{})
				a := app.New("Timeout")
				a.Layout = page(html.Button{ID: "b"}, html.Div{ID: "o"}, html.Div{ID: "t"})
				a.Callback(app.Output("o", "children"), app.Input("b", "n_clicks"), app.Timeout(limit)).OnError(tt.handler).
					Do(func(ctx *app.Context, _ int) (string, error) { return tt.fn(ctx, release) })
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				if tt.leave {
					time.AfterFunc(time.Second, cancel)
				}
				call := &app.Call{Header: http.Header{}}
				start := time.Now()
				got, err := a.UpdateJSON(ctx, call, []byte(press))
				if took := time.Since(start); took != tt.took {
					t.Errorf("it took %v, want %v", took, tt.took)
				}
				answer := call.Header.Clone() // what the server sends now
				close(release)
				for range 10 {
					call.Header.Set("X-Server", "writes") // with -race: nobody else does
				}
				synctest.Wait()

				want := ""
				if tt.want != "" {
					want = `{"multi":true,"response":{"o":{"children":"` + tt.want + `"}}}`
				}
				if string(got) != want {
					t.Errorf("got %s, want %s", got, want)
				}
				if (err == nil) != (tt.code == "") || err != nil && app.ErrorCode(err) != tt.code || tt.err != nil && !errors.Is(err, tt.err) {
					t.Errorf("the error is %v, want %q", err, tt.code)
				}
				wantHeader := http.Header{}
				if tt.header != "" {
					wantHeader.Set("X-Test", tt.header)
				}
				if diff := cmp.Diff(wantHeader, answer); diff != "" {
					t.Errorf("the header (-want +got):\n%s", diff)
				}
				call.Header.Del("X-Server")
				if diff := cmp.Diff(answer, call.Header); diff != "" {
					t.Errorf("the header afterwards (-before +after):\n%s", diff)
				}
			})
		})
	}
}

// latestApp has callbacks with LatestWins. Each call says in started that it
// runs, waits for its context or for release, and tells the cause in ended.
func latestApp(started, ended chan<- string, release <-chan struct{}, options ...app.Arg) *app.App {
	row := func(i any) app.ID { return app.Key("t", "row", "i", i) }
	cell := func(i any) app.ID { return app.Key("t", "cell", "i", i) }
	waits := func(ctx *app.Context, _ []json.RawMessage) ([]any, error) {
		started <- string(ctx.TriggeredID())
		select {
		case <-ctx.Done():
			ended <- "superseded"
			return nil, ctx.Err()
		case <-release:
			ended <- "released"
		}
		results := make([]any, len(ctx.Outputs))
		for i := range results {
			results[i] = "done"
		}
		return results, nil
	}
	a := app.New("Latest")
	a.Layout = page(html.Button{ID: "b"}, html.Div{ID: "o"}, html.Div{ID: "p"},
		html.Button{ID: row(1)}, html.Button{ID: row(2)}, html.Div{ID: cell(1)}, html.Div{ID: cell(2)})
	a.Defaults = append(options, app.LatestWins())
	a.Callback(app.Output("o", "children"), app.Input("b", "n_clicks")).DoRaw(waits)
	a.Callback(app.Output("p", "children"), app.Input("b", "n_clicks")).DoRaw(waits)
	a.Callback(app.Output(cell(app.MATCH), "children"), app.Output(cell(app.MATCH), "title"), app.Input(row(app.MATCH), "n_clicks")).DoRaw(waits)
	a.Callback(app.Input(row(app.MATCH), "n_clicks")).DoRaw(waits)
	return a
}

// latestLeft counts the calls that the app still knows.
func latestLeft(a *app.App) int {
	return reflect.ValueOf(a).Elem().FieldByName("built").Elem().FieldByName("latest").FieldByName("calls").Len()
}

func TestLatestWins(t *testing.T) {
	type request struct {
		page     string
		callback int
		row      int
	}
	send := func(t *testing.T, a *app.App, r request) (string, error) {
		outputs, input, changed := prop("o", "children", ""), prop("b", "n_clicks", "1"), "b.n_clicks"
		row, cell := app.Key("t", "row", "i", r.row), app.Key("t", "cell", "i", r.row)
		switch r.callback {
		case 1:
			outputs = prop("p", "children", "")
		case 2:
			outputs = many(prop(cell, "children", ""), prop(cell, "title", ""))
		case 3:
			outputs = ""
		}
		if r.callback >= 2 {
			input, changed = prop(row, "n_clicks", "1"), string(row)+".n_clicks"
		}
		return update(t, a, &app.Call{Page: r.page}, r.callback, outputs, input, "", changed)
	}
	for _, tt := range []struct {
		name         string
		first, newer request
		superseded   bool
	}{
		{"the same", request{"p1", 0, 0}, request{"p1", 0, 0}, true},
		{"another page", request{"p1", 0, 0}, request{"p2", 0, 0}, false},
		{"pages that nobody knows apart", request{"", 0, 0}, request{"", 0, 0}, false},
		{"another callback", request{"p1", 0, 0}, request{"p1", 1, 0}, false},
		{"the same MATCH", request{"p1", 2, 1}, request{"p1", 2, 1}, true},
		{"another MATCH", request{"p1", 2, 1}, request{"p1", 2, 2}, false},
		{"without outputs, the same input", request{"p1", 3, 1}, request{"p1", 3, 1}, true},
		{"without outputs, another input", request{"p1", 3, 1}, request{"p1", 3, 2}, false},
	} {
		for _, options := range [][]app.Arg{nil, {app.Timeout(time.Hour)}} {
			t.Run(fmt.Sprint(tt.name, ", options ", len(options)), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					started, ended, release := make(chan string, 2), make(chan string, 2), make(chan struct{})
					a := latestApp(started, ended, release, options...)
					answers := make(chan string, 2)
					call := func(r request) {
						got, err := send(t, a, r)
						answers <- fmt.Sprint(got, err)
					}
					done := map[string]string{}
					for i, outputs := range []string{`{"o":{"children":"done"}}`, `{"p":{"children":"done"}}`,
						fmt.Sprintf(`{"{\"i\":%d,\"t\":\"cell\"}":{"children":"done","title":"done"}}`, tt.newer.row)} {
						done[fmt.Sprint(i)] = `{"multi":true,"response":` + outputs + `}<nil>`
					}
					done["3"] = "<nil>"
					newerWant := done[fmt.Sprint(tt.newer.callback)]

					go call(tt.first)
					synctest.Wait()
					go call(tt.newer)
					synctest.Wait()
					if len(started) != 2 {
						t.Fatalf("%d calls have started", len(started))
					}
					if got := len(ended) == 1; got != tt.superseded {
						t.Fatalf("the older call has ended: %t, want %t", got, tt.superseded)
					}
					if tt.superseded {
						if got := <-ended; got != "superseded" {
							t.Errorf("the older call was %s", got)
						}
						if got := <-answers; got != "<nil>" { // 204
							t.Errorf("the older call answers %s", got)
						}
					}
					close(release)
					synctest.Wait()
					for len(ended) > 0 {
						if got := <-ended; got != "released" {
							t.Errorf("a call was %s", got)
						}
					}
					var got []string
					for len(answers) > 0 {
						got = append(got, <-answers)
					}
					if !slices.Contains(got, newerWant) {
						t.Errorf("the answers are %q, want %q", got, newerWant)
					}
					if n := latestLeft(a); n != 0 {
						t.Errorf("the app still knows %d calls", n)
					}
				})
			})
		}
	}
}

// An older call that ends does not hide the newer one from the newest.
func TestLatestWinsThird(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		started, ended, release := make(chan string, 3), make(chan string, 3), make(chan struct{})
		a := latestApp(started, ended, release)
		for n, want := range []int{0, 1, 2} {
			go a.UpdateJSON(t.Context(), &app.Call{Page: "p"}, []byte(press))
			synctest.Wait()
			if len(started) != n+1 || len(ended) != want {
				t.Errorf("after call %d: %d have started, %d have ended", n+1, len(started), len(ended))
			}
		}
		close(release)
	})
}

// Of many calls at once all but one give way, and none is kept in mind: not
// the one that fails, nor the one that panics.
func TestLatestWinsConcurrent(t *testing.T) {
	const calls = 200
	var mu sync.Mutex
	running := 0
	all := make(chan struct{})
	a := buttonApp(func(ctx *app.Context, n int) (string, error) {
		mu.Lock()
		if running++; running == calls {
			close(all)
		}
		mu.Unlock()
		<-all
		switch n % 3 {
		case 0:
			panic("ouch")
		case 1:
			return "", errors.New("boom")
		}
		return "done", nil
	}, app.LatestWins())
	if err := a.Validate(); err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	var news []string
	for n := range calls {
		group.Go(func() {
			got, err := a.UpdateJSON(t.Context(), &app.Call{Page: "p"}, []byte(strings.Replace(press, `"value":1`, fmt.Sprintf(`"value":%d`, n), 1)))
			if got != nil || err != nil {
				mu.Lock()
				news = append(news, fmt.Sprint(string(got), err))
				mu.Unlock()
			}
		})
	}
	group.Wait()
	if len(news) != 1 {
		t.Errorf("%d calls were answered, want the newest only: %q", len(news), news)
	}
	if n := latestLeft(a); n != 0 {
		t.Errorf("the app still knows %d calls", n)
	}
}

// What the page is told of the callbacks' options.
func TestCallbackOptions(t *testing.T) {
	row := func(kind string, i any) app.ID { return app.Key("kind", kind, "i", i) }
	in, out := app.Input("b", "n_clicks"), app.Output("o", "children")
	do := func(c *app.Callback) { c.Do(func(int) string { return "" }) }
	for _, tt := range []struct {
		name     string
		defaults []app.Arg
		make     func(a *app.App) *app.Callback
		want     map[string]any // entries of _dash-dependencies
	}{
		{"none", nil, func(a *app.App) *app.Callback { return a.Callback(out, in) },
			map[string]any{"output": "o.children", "prevent_initial_call": false, "optional": false, "no_output": false, "running": nil, "clientside_function": nil, "state": []any{}}},
		{"PreventInitialCall", nil, func(a *app.App) *app.Callback { return a.Callback(app.PreventInitialCall(), out, in) },
			map[string]any{"prevent_initial_call": true}},
		{"PreventInitialDuplicate", nil, func(a *app.App) *app.Callback {
			return a.Callback(out.AllowDuplicate(), in, app.PreventInitialDuplicate())
		},
			map[string]any{"prevent_initial_call": false, "output": fmt.Sprintf("o.children@%x", sha256.Sum256([]byte("b.n_clicks")))}},
		{"Defaults", []app.Arg{app.PreventInitialCall(), app.Optional()}, func(a *app.App) *app.Callback { return a.Callback(out, in) },
			map[string]any{"prevent_initial_call": true, "optional": true}},
		{"AllowInitialCall", []app.Arg{app.PreventInitialCall()}, func(a *app.App) *app.Callback { return a.Callback(out, in, app.AllowInitialCall()) },
			map[string]any{"prevent_initial_call": false}},
		{"the last of several", []app.Arg{app.PreventInitialCall()}, func(a *app.App) *app.Callback {
			return a.Callback(out, in, app.AllowInitialCall(), app.PreventInitialCall())
		}, map[string]any{"prevent_initial_call": true}},
		{"Optional", nil, func(a *app.App) *app.Callback {
			return a.Callback(app.Output("nowhere", "children"), app.Input("missing", "value"), app.Optional())
		}, map[string]any{"optional": true, "inputs": []any{map[string]any{"id": "missing", "property": "value"}}}},
		{"Optional input and state", nil, func(a *app.App) *app.Callback {
			c := a.Callback(out, app.Input("missing", "value").Optional(), app.State("absent", "value").Optional(), in)
			return c
		}, map[string]any{"optional": false,
			"inputs": []any{map[string]any{"id": "missing", "property": "value", "allow_optional": true}, map[string]any{"id": "b", "property": "n_clicks"}},
			"state":  []any{map[string]any{"id": "absent", "property": "value", "allow_optional": true}}}},
		{"Running", nil, func(a *app.App) *app.Callback {
			return a.Callback(out, in, app.Running(app.Output("b", "disabled"), true, false),
				app.Running(app.Output("o", "children"), html.B{Children: "busy"}, app.List{"idle", html.Br{}}))
		}, map[string]any{"running": map[string]any{
			"running": map[string]any{"b.disabled": true,
				"o.children": map[string]any{"props": map[string]any{"children": "busy"}, "type": "B", "namespace": "dash_html_components"}},
			"runningOff": map[string]any{"b.disabled": false,
				"o.children": []any{"idle", map[string]any{"props": map[string]any{"children": nil}, "type": "Br", "namespace": "dash_html_components"}}}}}},
		{"Running with MATCH", nil, func(a *app.App) *app.Callback {
			return a.Callback(app.Output(row("out", app.MATCH), "children"), app.Input(row("in", app.MATCH), "n_clicks"),
				app.Running(app.Output(row("in", app.MATCH), "disabled"), true, nil))
		}, map[string]any{"output": `{"i":["MATCH"],"kind":"out"}.children`,
			"running": map[string]any{"running": map[string]any{`{"i":["MATCH"],"kind":"in"}.disabled`: true},
				"runningOff": map[string]any{`{"i":["MATCH"],"kind":"in"}.disabled`: nil}}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := app.New("Options")
			a.Defaults = tt.defaults
			a.Layout = page(html.Button{ID: "b"}, html.Div{ID: "o"}, html.Button{ID: row("in", 1)}, html.Div{ID: row("out", 1)})
			c := tt.make(a)
			if strings.HasPrefix(tt.name, "Optional input") {
				c.Do(func(_, _ *string, _ int) string { return "" })
			} else {
				do(c)
			}
			got := dependencies(t, a)[0]
			for key, want := range tt.want {
				if diff := cmp.Diff(want, got[key]); diff != "" {
					t.Errorf("%s (-want +got):\n%s", key, diff)
				}
			}
		})
	}
}

// Callbacks that nothing but their place in the program tells apart have names
// of their own, and each is the one that its name calls.
func TestCallbacksWithoutOutputs(t *testing.T) {
	a := app.New("Side")
	a.Layout = page(html.Button{ID: "b"}, html.Div{ID: "t"})
	says := func(text string) func(*app.Context, []json.RawMessage) ([]any, error) {
		return func(ctx *app.Context, args []json.RawMessage) ([]any, error) {
			ctx.SetProps("t", app.Props{"children": fmt.Sprint(text, " ", len(args), " ", len(ctx.Triggered))})
			return nil, nil
		}
	}
	in := app.Input("b", "n_clicks")
	for i := range 3 {
		a.Callback(in).DoRaw(says(fmt.Sprint("clicks ", i)))
	}
	for i := range 3 {
		a.Callback().DoRaw(says(fmt.Sprint("start ", i)))
	}
	a.Callback().DoRaw(says("elsewhere"))
	if err := a.Validate(); err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for i, want := range []string{"clicks 0 1 1", "clicks 1 1 1", "clicks 2 1 1", "start 0 0 0", "start 1 0 0", "start 2 0 0", "elsewhere 0 0"} {
		names[outputName(t, a, i)] = true
		if no := dependencies(t, a)[i]["no_output"]; no != true {
			t.Errorf("callback %d: no_output is %v", i, no)
		}
		inputs, changed := "", []string{}
		if i < 3 {
			inputs, changed = prop("b", "n_clicks", "1"), []string{"b.n_clicks"}
		}
		got, err := update(t, a, nil, i, "", inputs, "", changed...)
		if want := `{"multi":true,"sideUpdate":{"t":{"children":"` + want + `"}},"response":{}}`; err != nil || got != want {
			t.Errorf("callback %d: got %s, %v, want %s", i, got, err, want)
		}
	}
	if len(names) != 7 {
		t.Errorf("7 callbacks have %d names", len(names))
	}
	for name := range names {
		if strings.ContainsAny(name, ".@{") {
			t.Errorf("the page would take the name %q apart", name)
		}
	}
}

// Wildcards among Inputs, States and Outputs, mixed with plain IDs.
func TestWildcards(t *testing.T) {
	id := func(kind string, i any) app.ID { return app.Key("t", kind, "i", i) }
	key := func(kind string, i int) string { // of an answer
		text, _ := json.Marshal(string(id(kind, i)))
		return string(text)
	}
	// a list of what the page has of a kind
	list := func(kind, property string, values ...string) string {
		var props []string
		for i, value := range values {
			props = append(props, prop(id(kind, i+1), property, value))
		}
		return many(props...)
	}
	none := list("in", "value")
	for _, tt := range []struct {
		name                   string
		args                   []app.Arg
		fn                     any
		output                 string // its name on the wire
		outputs, inputs, state string
		want                   string
	}{
		{
			name: "ALL as input and state, plain output",
			args: []app.Arg{app.Output("o", "children"), app.Input(id("in", app.ALL), "value"), app.State(id("st", app.ALL), "title"), app.State("p", "value")},
			fn: func(in []string, st []*string, p string) string {
				return fmt.Sprintf("%v %d %t %s", in, len(st), st[0] == nil, p)
			},
			output: `o.children`, outputs: prop("o", "children", ""),
			inputs: list("in", "value", `"a"`, `"b"`), state: list("st", "title", "", `"x"`) + "," + prop("p", "value", `"p"`),
			want: `{"o":{"children":"[a b] 2 true p"}}`,
		}, {
			name:   "ALL of none everywhere",
			args:   []app.Arg{app.Output(id("out", app.ALL), "title"), app.Input(id("in", app.ALL), "value"), app.Input("b", "n_clicks"), app.State(id("st", app.ALL), "title")},
			fn:     func(in []string, n *int, st []any) []string { return append([]string{}, in...) },
			output: `{"i":["ALL"],"t":"out"}.title`, outputs: none, inputs: none + "," + prop("b", "n_clicks", ""), state: none,
			want: `{}`,
		}, {
			name:   "ALL as the only output",
			args:   []app.Arg{app.Output(id("out", app.ALL), "title"), app.Input("b", "n_clicks")},
			fn:     func(n int) []any { return []any{n, app.NoUpdate, nil} },
			output: `{"i":["ALL"],"t":"out"}.title`, outputs: list("out", "title", "", "", ""), inputs: prop("b", "n_clicks", "7"),
			want: `{` + key("out", 1) + `:{"title":7},` + key("out", 3) + `:{"title":null}}`,
		}, {
			name:   "ALL as the only output, NoUpdate for all",
			args:   []app.Arg{app.Output(id("out", app.ALL), "title"), app.Input("b", "n_clicks")},
			fn:     func(n int) any { return app.NoUpdate },
			output: `{"i":["ALL"],"t":"out"}.title`, outputs: list("out", "title", "", ""), inputs: prop("b", "n_clicks", "7"),
			want: `{}`,
		}, {
			name:   "ALL in a list of one",
			args:   []app.Arg{app.Outputs(app.Output(id("out", app.ALL), "title")), app.Input("b", "n_clicks")},
			fn:     func(n int) []int { return []int{n, n + 1} },
			output: `..{"i":["ALL"],"t":"out"}.title..`, outputs: many(list("out", "title", "", "")), inputs: prop("b", "n_clicks", "7"),
			want: `{` + key("out", 1) + `:{"title":7},` + key("out", 2) + `:{"title":8}}`,
		}, {
			name: "ALL among several outputs",
			args: []app.Arg{app.Output("o", "children"), app.Output(id("out", app.ALL), "title"), app.Output(id("out", app.ALL), "children"),
				app.Output(id("out", 2), "style"), app.Input("b", "n_clicks")},
			fn: func(n int) (string, []string, any, app.Style) {
				return "plain", []string{"t1", "t2"}, app.NoUpdate, app.Style{"top": n}
			},
			output:  `..o.children...{"i":["ALL"],"t":"out"}.title...{"i":["ALL"],"t":"out"}.children...{"i":2,"t":"out"}.style..`,
			outputs: many(prop("o", "children", ""), list("out", "title", "", ""), list("out", "children", "", ""), prop(id("out", 2), "style", "")),
			inputs:  prop("b", "n_clicks", "7"),
			want:    `{"o":{"children":"plain"},` + key("out", 1) + `:{"title":"t1"},` + key("out", 2) + `:{"title":"t2","style":{"top":7}}}`,
		}, {
			name:   "MATCH in output, input and state",
			args:   []app.Arg{app.Output(id("out", app.MATCH), "children"), app.Input(id("in", app.MATCH), "value"), app.State(id("st", app.MATCH), "title")},
			fn:     func(in, st string) string { return in + st },
			output: `{"i":["MATCH"],"t":"out"}.children`, outputs: prop(id("out", 2), "children", ""),
			inputs: prop(id("in", 2), "value", `"a"`), state: prop(id("st", 2), "title", `"b"`),
			want: `{` + key("out", 2) + `:{"children":"ab"}}`,
		}, {
			name: "MATCH with ALLSMALLER and ALL",
			args: []app.Arg{app.Output(id("out", app.MATCH), "children"), app.Input(id("in", app.MATCH), "value"),
				app.Input(id("in", app.ALLSMALLER), "value"), app.State(id("in", app.ALL), "value")},
			fn:     func(own int, smaller []int, all []int) string { return fmt.Sprint(own, smaller, all) },
			output: `{"i":["MATCH"],"t":"out"}.children`, outputs: prop(id("out", 3), "children", ""),
			inputs: prop(id("in", 3), "value", "30") + "," + list("in", "value", "10", "20"), state: list("in", "value", "10", "20", "30"),
			want: `{` + key("out", 3) + `:{"children":"30 [10 20] [10 20 30]"}}`,
		}, {
			name:   "ALLSMALLER of none",
			args:   []app.Arg{app.Output(id("out", app.MATCH), "children"), app.Input("b", "n_clicks"), app.State(id("in", app.ALLSMALLER), "value")},
			fn:     func(n int, smaller []int) int { return len(smaller) },
			output: `{"i":["MATCH"],"t":"out"}.children`, outputs: prop(id("out", 1), "children", ""),
			inputs: prop("b", "n_clicks", "1"), state: none,
			want: `{` + key("out", 1) + `:{"children":0}}`,
		}, {
			name: "refused: MATCH in one of the outputs only",
			args: []app.Arg{app.Output(id("out", app.MATCH), "children"), app.Output("o", "children"), app.Input(id("in", app.MATCH), "value")},
			fn:   func(string) (string, string) { return "m", "o" },
		}, {
			name: "MATCH in several outputs with ALL",
			args: []app.Arg{app.Output(app.Key("r", app.MATCH, "c", app.ALL), "children"),
				app.Output(app.Key("r", app.MATCH, "c", 1), "title"), app.Input(app.Key("r", app.MATCH, "c", app.ALL), "n_clicks")},
			fn:      func(n []int) ([]int, string) { return n, "t" },
			output:  `..{"c":["ALL"],"r":["MATCH"]}.children...{"c":1,"r":["MATCH"]}.title..`,
			outputs: many(many(prop(app.Key("r", "x.y", "c", 1), "children", ""), prop(app.Key("r", "x.y", "c", true), "children", "")), prop(app.Key("r", "x.y", "c", 1), "title", "")),
			inputs:  many(prop(app.Key("r", "x.y", "c", 1), "n_clicks", "1"), prop(app.Key("r", "x.y", "c", true), "n_clicks", "2")),
			want:    `{"{\"c\":1,\"r\":\"x.y\"}":{"children":1,"title":"t"},"{\"c\":true,\"r\":\"x.y\"}":{"children":2}}`,
		}, {
			name: "Match knows its component",
			args: []app.Arg{app.Output("o", "children"), app.Input(id("in", app.ALL), "value"), app.State(id("st", 1), "title")},
			fn: func(in []app.Match[*float64], st app.Match[string]) string {
				var text []string
				for _, m := range in {
					if m.Value == nil {
						text = append(text, fmt.Sprintf("%d none", m.ID.Int("i")))
					} else {
						text = append(text, fmt.Sprintf("%d %v", m.ID.Int("i"), *m.Value))
					}
				}
				return strings.Join(text, ", ") + "; " + string(st.ID.Text("t")) + " " + st.Value
			},
			output: `o.children`, outputs: prop("o", "children", ""),
			inputs: list("in", "value", "1.5", "", "null"), state: prop(id("st", 1), "title", `"x"`),
			want: `{"o":{"children":"1 1.5, 2 none, 3 none; st x"}}`,
		}, {
			name:   "untyped",
			args:   []app.Arg{app.Output("o", "children"), app.Input(id("in", app.ALL), "value"), app.State(id("st", app.ALL), "title")},
			fn:     func(in any, st json.RawMessage) []any { return []any{in, st} },
			output: `o.children`, outputs: prop("o", "children", ""),
			inputs: list("in", "value", "1", "", `{"a":[]}`), state: list("st", "title", `"<"`, ""),
			want: `{"o":{"children":[[1,null,{"a":[]}],["\u003c",null]]}}`,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := app.New("Wildcards")
			a.SuppressCallbackExceptions = true
			a.Layout = page()
			a.Callback(tt.args...).Do(tt.fn)
			if tt.output == "" {
				if err := a.Validate(); err == nil || !strings.Contains(err.Error(), "MATCH under other keys than the first Output") {
					t.Errorf("got %v", err)
				}
				return
			}
			if err := a.Validate(); err != nil {
				t.Fatal(err)
			}
			if got := outputName(t, a, 0); got != tt.output {
				t.Errorf("the name is %s, want %s", got, tt.output)
			}
			got, err := update(t, a, nil, 0, tt.outputs, tt.inputs, tt.state)
			if want := `{"multi":true,"response":` + tt.want + `}`; err != nil || got != want {
				t.Errorf("got  %s, %v\nwant %s", got, err, want)
			}
		})
	}
}

// Arguments and results in structs of structs, with what stands for many and
// fields that are the program's own.
func TestNestedGroups(t *testing.T) {
	type size struct {
		Width  int  `dash:"w.value"`
		Height *int `dash:"h.value"`
	}
	type arguments struct {
		Name  string `dash:"name.value"`
		Box   struct{ Size size }
		Rows  []app.Match[string] `dash:"{\"row\":[\"ALL\"]}.value"`
		Other string              // not the page's
	}
	type results struct {
		Text struct {
			Title any    `dash:"o.title"`
			Body  string `dash:"o.children"`
		}
		Rows []string `dash:"{\"row\":[\"ALL\"]}.placeholder"`
	}
	for _, tt := range []struct {
		name string
		do   func(c *app.Callback)
	}{
		{"both", func(c *app.Callback) {
			c.Do(func(in arguments) (out results) {
				out.Text.Title, out.Text.Body = app.NoUpdate, fmt.Sprintf("%s %d %t%s", in.Name, in.Box.Size.Width, in.Box.Size.Height == nil, in.Other)
				for _, r := range in.Rows {
					out.Rows = append(out.Rows, fmt.Sprint(r.ID.Int("row"), r.Value))
				}
				return out
			})
		}},
		{"with a context and an error", func(c *app.Callback) {
			c.Do(func(ctx *app.Context, in arguments) (out results, err error) {
				out.Text.Title, out.Text.Body = app.NoUpdate, fmt.Sprintf("%s %d %t%s", in.Name, in.Box.Size.Width, len(ctx.Inputs) == 4, in.Other)
				return results{Text: out.Text, Rows: []string{"1a", "2b"}}, nil
			})
		}},
		{"arguments only", func(c *app.Callback) {
			c.Do(func(in arguments) ([]string, any, string) {
				return []string{"1a", "2b"}, app.NoUpdate, fmt.Sprintf("%s %d %t", in.Name, in.Box.Size.Width, in.Box.Size.Height == nil)
			})
		}},
		{"results only", func(c *app.Callback) {
			c.Do(func(rows []string, h *int, w int, name string) (out results) {
				out.Text.Title, out.Text.Body, out.Rows = app.NoUpdate, fmt.Sprintf("%s %d %t", name, w, h == nil), []string{"1" + rows[0], "2" + rows[1]}
				return out
			})
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			row := func(i any) app.ID { return app.Key("row", i) }
			a := app.New("Groups")
			a.Layout = page(dcc.Input{ID: "name"}, dcc.Input{ID: "w"}, dcc.Input{ID: "h"}, html.Div{ID: "o"}, dcc.Input{ID: row(1)}, dcc.Input{ID: row(2)})
			tt.do(a.Callback( // not in the order of the fields
				app.Output(row(app.ALL), "placeholder"), app.Output("o", "title"), app.Output("o", "children"),
				app.Input(row(app.ALL), "value"), app.Input("h", "value"), app.Input("w", "value"), app.Input("name", "value")))
			if err := a.Validate(); err != nil {
				t.Fatal(err)
			}
			got, err := update(t, a, nil, 0,
				many(many(prop(row(1), "placeholder", ""), prop(row(2), "placeholder", "")), prop("o", "title", ""), prop("o", "children", "")),
				many(prop(row(1), "value", `"a"`), prop(row(2), "value", `"b"`))+","+prop("h", "value", "")+","+prop("w", "value", "7")+","+prop("name", "value", `"n"`), "")
			const want = `{"multi":true,"response":{"{\"row\":1}":{"placeholder":"1a"},"{\"row\":2}":{"placeholder":"2b"},"o":{"children":"n 7 true"}}}`
			if err != nil || got != want {
				t.Errorf("got  %s, %v\nwant %s", got, err, want)
			}
		})
	}
}

// The lists of a context, and which of them a change has triggered.
func TestContextLists(t *testing.T) {
	in := func(i any) app.ID { return app.Key("t", "in", "i", i) }
	for _, tt := range []struct {
		name      string
		changed   []string
		triggered []string // Triggered
		inputs    []string // those with the flag
		id        app.ID   // TriggeredID
	}{
		{"at first", nil, nil, nil, ""},
		{"plain", []string{"b.n_clicks"}, []string{"b.n_clicks=1"}, []string{"b.n_clicks"}, "b"},
		{"one of ALL", []string{`{"i":2,"t":"in"}.value`}, []string{`{"i":2,"t":"in"}.value="two"`},
			[]string{"ALL", `{"i":2,"t":"in"}.value`}, in(2)},
		{"one that two Inputs stand for", []string{`{"i":1,"t":"in"}.value`}, []string{`{"i":1,"t":"in"}.value="one"`},
			[]string{`{"i":1,"t":"in"}.value`, "ALL", `{"i":1,"t":"in"}.value`}, in(1)},
		{"several, in the page's order", []string{`{"i":2,"t":"in"}.value`, "b.n_clicks"}, []string{`{"i":2,"t":"in"}.value="two"`, "b.n_clicks=1"},
			[]string{"ALL", `{"i":2,"t":"in"}.value`, "b.n_clicks"}, in(2)},
		{"keys in another order", []string{`{"t": "in", "i": 2}.value`}, []string{`{"i":2,"t":"in"}.value="two"`},
			[]string{"ALL", `{"i":2,"t":"in"}.value`}, in(2)},
		{"of no Input", []string{"b.title", "gone.value", "st.value", "nodot", ""}, []string{"b.title=", "gone.value=", "st.value="}, nil, "b"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := app.New("Lists")
			a.SuppressCallbackExceptions = true
			a.Layout = page()
			var ctx *app.Context
			a.Callback(app.Output(app.Key("o", app.MATCH), "children"), app.Output(app.Key("o", app.MATCH, "k", app.ALL), "title"),
				app.Input(in(1), "value"), app.Input(in(app.ALL), "value"), app.Input("b", "n_clicks"), app.State("st", "value"), app.State(in(app.ALL), "id"),
			).DoRaw(func(c *app.Context, args []json.RawMessage) ([]any, error) {
				ctx = c
				return []any{1, app.NoUpdate}, nil
			})
			two := func(property, one, two string) string {
				return many(prop(in(1), property, one), prop(in(2), property, two))
			}
			_, err := update(t, a, nil, 0, many(prop(app.Key("o", 5), "children", ""), many(prop(app.Key("o", 5, "k", 1), "title", ""))),
				prop(in(1), "value", `"one"`)+","+two("value", `"one"`, `"two"`)+","+prop("b", "n_clicks", "1"),
				prop("st", "value", "")+","+two("id", "1", "2"), tt.changed...)
			if err != nil {
				t.Fatal(err)
			}
			var triggered, flagged []string
			for _, tr := range ctx.Triggered {
				triggered = append(triggered, tr.String()+"="+string(tr.Value))
			}
			for _, arg := range ctx.Inputs {
				if arg.Triggered && arg.Items != nil {
					flagged = append(flagged, "ALL")
				} else if arg.Triggered {
					flagged = append(flagged, string(arg.ID)+"."+arg.Property)
				}
				for _, item := range arg.Items {
					if item.Triggered {
						flagged = append(flagged, string(item.ID)+"."+item.Property)
					}
				}
			}
			if diff := cmp.Diff(tt.triggered, triggered); diff != "" {
				t.Errorf("Triggered (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.inputs, flagged); diff != "" {
				t.Errorf("Inputs with the flag (-want +got):\n%s", diff)
			}
			if got := ctx.TriggeredID(); got != tt.id {
				t.Errorf("TriggeredID is %q, want %q", got, tt.id)
			}
			wantStates := []app.Argument{{Name: "st.value", ID: "st", Property: "value"}, {Name: ctx.States[1].Name, Items: []app.Argument{
				{ID: in(1), Property: "id", Value: json.RawMessage("1")}, {ID: in(2), Property: "id", Value: json.RawMessage("2")}}}}
			wantOutputs := []app.Argument{{Name: `{"o":["MATCH"]}.children`, ID: app.Key("o", 5), Property: "children"}, {Name: `{"k":["ALL"],"o":["MATCH"]}.title`, Items: []app.Argument{{ID: app.Key("o", 5, "k", 1), Property: "title"}}}}
			if diff := cmp.Diff(wantStates, ctx.States); diff != "" {
				t.Errorf("States (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(wantOutputs, ctx.Outputs); diff != "" {
				t.Errorf("Outputs (-want +got):\n%s", diff)
			}
		})
	}
}

// What a callback adds to the header of the answer.
func TestAnswerHeader(t *testing.T) {
	for _, tt := range []struct {
		name string
		fn   func(*app.Context)
		want http.Header
	}{
		{"nothing", func(*app.Context) {}, http.Header{"X": {"server"}}},
		{"header", func(ctx *app.Context) { ctx.Header().Add("X", "callback") }, http.Header{"X": {"server", "callback"}}},
		{"cookies", func(ctx *app.Context) {
			ctx.SetCookie(&http.Cookie{Name: "a", Value: "1"})
			ctx.SetCookie(&http.Cookie{Name: "b", Value: "2 3", Path: "/", MaxAge: 60, HttpOnly: true, Secure: true, SameSite: http.SameSiteStrictMode})
		}, http.Header{"X": {"server"}, "Set-Cookie": {"a=1", `b="2 3"; Path=/; Max-Age=60; HttpOnly; Secure; SameSite=Strict`}}},
		{"cookie without a good name", func(ctx *app.Context) {
			ctx.SetCookie(&http.Cookie{Name: "a b", Value: "1"})
			ctx.SetCookie(&http.Cookie{Value: "1"})
		}, http.Header{"X": {"server"}}},
		{"timings", func(ctx *app.Context) {
			ctx.RecordTiming("db", 12300*time.Microsecond, "the database")
			ctx.RecordTiming("model", 2*time.Second, "")
			ctx.RecordTiming("x", 0, "a \"b\"\nü")
		}, http.Header{"X": {"server"}, "Server-Timing": {`db;desc="the database";dur=12.3`, `model;dur=2000`, `x;desc="a \"b\"\n\u00fc";dur=0`}}},
	} {
		for _, options := range [][]app.Arg{nil, {app.Timeout(time.Minute)}} {
			t.Run(fmt.Sprint(tt.name, ", options ", len(options)), func(t *testing.T) {
				call := &app.Call{Header: http.Header{"X": {"server"}}}
				a := buttonApp(func(ctx *app.Context, _ int) string { tt.fn(ctx); return "" }, options...)
				if _, err := a.UpdateJSON(t.Context(), call, []byte(press)); err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(tt.want, call.Header); diff != "" {
					t.Errorf("the header (-want +got):\n%s", diff)
				}
			})
		}
	}
}

func TestClientside(t *testing.T) {
	a := app.New("Clientside")
	a.Layout = page(html.Button{ID: "b"}, html.Div{ID: "o"}, html.Div{ID: "t"})
	in := app.Input("b", "n_clicks")
	const one, two = `n => "</script>" + n`, "function (n) { return n; } // at the end"
	// Defaults are for the functions on the server.
	a.Defaults = []app.Arg{app.PreventInitialCall(), app.Timeout(time.Second)}
	a.OnError = func(*app.Context, error) ([]any, error) { return nil, nil }
	a.Callback(app.Output("o", "children"), in).JS(one)
	a.Callback(app.Output("t", "children"), in).JS(two)
	a.Callback(app.Output("t", "title"), in).JS(one)
	a.Callback(app.Output("o", "title"), in, app.Running(app.Output("b", "disabled"), true, false)).ClientsideFunction("lib", "f")
	a.Callback(in).JS(two)
	a.Callback(app.Output("o", "style"), in).Do(func(int) app.Style { return nil })
	if err := a.Validate(); err != nil {
		t.Fatal(err)
	}
	p, err := a.Page()
	if err != nil {
		t.Fatal(err)
	}
	hash := func(source string) string { return fmt.Sprintf("%x", sha256.Sum256([]byte(source))) }
	want := `(function () {
var clientside = window.dash_clientside = window.dash_clientside || {};
var functions = clientside._dashprivate_clientside_funcs = clientside._dashprivate_clientside_funcs || {};
functions["` + hash(one) + `"] = ` + one + `
;
functions["` + hash(two) + `"] = ` + two + `
;
})();
`
	if diff := cmp.Diff(want, string(p.Clientside)); diff != "" {
		t.Errorf("the script (-want +got):\n%s", diff)
	}
	inline := func(source string) any {
		return map[string]any{"namespace": "_dashprivate_clientside_funcs", "function_name": hash(source)}
	}
	wants := []any{inline(one), inline(two), inline(one), map[string]any{"namespace": "lib", "function_name": "f"}, inline(two), nil}
	for i, got := range dependencies(t, a) {
		if diff := cmp.Diff(wants[i], got["clientside_function"]); diff != "" {
			t.Errorf("callback %d (-want +got):\n%s", i, diff)
		}
		outputs := map[int]string{0: prop("o", "children", ""), 1: prop("t", "children", ""), 2: prop("t", "title", ""), 3: prop("o", "title", ""), 5: prop("o", "style", "")}[i]
		answer, err := update(t, a, nil, i, outputs, prop("b", "n_clicks", "1"), "", "b.n_clicks")
		if i < 5 && app.ErrorCode(err) != app.Invalid || i == 5 && err != nil {
			t.Errorf("callback %d, called on the server: %s, %v", i, answer, err)
		}
	}

	if p, err := buttonApp(func(int) string { return "" }).Page(); err != nil || p.Clientside != nil {
		t.Errorf("an app without functions has the script %q, %v", p.Clientside, err)
	}
}

func TestClientsideRefuses(t *testing.T) {
	out, in := app.Output("o", "children"), app.Input("b", "n_clicks")
	for _, tt := range []struct {
		name string
		make func(a *app.App)
		want string
	}{
		{"no source", func(a *app.App) { a.Callback(out, in).JS(" \n") }, "names no JavaScript function"},
		{"no namespace", func(a *app.App) { a.Callback(out, in).ClientsideFunction("", "f") }, "names no JavaScript function"},
		{"no name", func(a *app.App) { a.Callback(out, in).ClientsideFunction("lib", "") }, "names no JavaScript function"},
		{"both", func(a *app.App) {
			c := a.Callback(out, in)
			c.JS("n => n")
			c.Do(func(int) string { return "" })
		}, "more than one function"},
		{"LatestWins", func(a *app.App) { a.Callback(out, in, app.LatestWins()).JS("n => n") }, "runs in the browser"},
		{"Timeout", func(a *app.App) { a.Callback(out, in, app.Timeout(1)).JS("n => n") }, "runs in the browser"},
		{"OnError", func(a *app.App) {
			a.Callback(out, in).OnError(func(*app.Context, error) ([]any, error) { return nil, nil }).JS("n => n")
		}, "runs in the browser"},
		{"negative Timeout", func(a *app.App) { a.Callback(out, in, app.Timeout(-1)).Do(func(int) string { return "" }) }, "Timeout is negative"},
		{"LatestWins without a context", func(a *app.App) { a.Callback(out, in, app.LatestWins()).Do(func(int) string { return "" }) }, "add ctx *app.Context"},
		{"Running an Input", func(a *app.App) { a.Callback(out, in, app.Running(in, true, false)).Do(func(int) string { return "" }) }, "name the property by app.Output"},
		{"Running an unknown ID", func(a *app.App) {
			a.Callback(out, in, app.Running(app.Output("oo", "title"), "x", "y")).Do(func(int) string { return "" })
		}, `no component of the layout has the ID "oo"`},
		{"Running an unknown property", func(a *app.App) {
			a.Callback(out, in, app.Running(app.Output("o", "titel"), "x", "y")).Do(func(int) string { return "" })
		}, `did you mean "title"?`},
		{"Running with what has no JSON", func(a *app.App) {
			a.Callback(out, in, app.Running(app.Output("o", "title"), func() {}, nil)).Do(func(int) string { return "" })
		}, "a func() has no JSON form"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := app.New("Refused")
			a.Layout = page(html.Button{ID: "b"}, html.Div{ID: "o"})
			tt.make(a)
			if err := a.Validate(); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v\nwant %s", err, tt.want)
			}
		})
	}
}
