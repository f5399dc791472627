package demo_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"dashd/app"
	"dashd/app/apptest"
	"dashd/examples/demo"
	"dashd/examples/demo/apps"
)

func TestApps(t *testing.T) {
	for _, a := range apps.All() {
		t.Run(a.Name(), func(t *testing.T) { apptest.Check(t, a) })
	}
	served := demo.Config().Apps
	if err := app.Validate(served...); err != nil {
		t.Errorf("the apps cannot be served together: %v", err)
	}
	for _, a := range served {
		if a.Access != app.Public {
			t.Errorf("%s is not public", a.Name())
		}
	}
}

func TestEx2(t *testing.T) {
	output := app.Output("output-one", "children")
	visit := &apptest.Visit{}
	known := func(want string, props ...apptest.Prop) (known struct {
		App     string `json:"dash_app"`
		ID      string `json:"dash_app_id"`
		User    string
		Session struct {
			Calls  int            `json:"calls_so_far"`
			Counts map[string]int `json:"user_counts"`
		} `json:"session_state"`
	}) {
		t.Helper()
		text := visit.Call(t, apps.Ex2(), output, props...).Text("output-one", "children")
		rest, ok := strings.CutPrefix(text, "Args are ["+want+"] and kwargs are ")
		if !ok {
			t.Fatalf("it says %s", text)
		}
		if err := json.Unmarshal([]byte(rest), &known); err != nil {
			t.Fatalf("%s: %v", rest, err)
		}
		return known
	}
	k := known("Oxygen")
	if k.App != "Ex2" || k.ID != "ex2" || k.User != "AnonymousUser" || k.Session.Calls != 1 || k.Session.Counts["AnonymousUser"] != 1 {
		t.Errorf("the first call knows %+v", k)
	}
	visit.User = &app.User{Name: "ann"}
	visit.Instance = apptest.NewInstance(t, `{"dropdown-one": {"value": "Nitrogen"}}`)
	k = known("Carbon Dioxide", apptest.Change("dropdown-one", "value", "Carbon Dioxide"))
	if k.App == "Ex2" || k.User != "ann" || k.Session.Calls != 2 || k.Session.Counts["ann"] != 1 || k.Session.Counts["AnonymousUser"] != 1 {
		t.Errorf("the second call, on an instance, knows %+v", k)
	}
}

func TestDashExample1(t *testing.T) {
	a := apps.DashExample1()
	for output, id := range map[app.ID]string{"test-output-div": "line-area-graph2", "test-output-div3": "line-area-graph3"} {
		var graphs []struct {
			Type  string
			Props struct {
				ID     string
				Figure struct{ Data []struct{ Y any } }
			}
		}
		apptest.Call(t, a, app.Output(output, "children"), apptest.Change("my-dropdown1", "value", "SF")).JSON(output, "children", &graphs)
		if len(graphs) != 1 || graphs[0].Type != "Graph" || graphs[0].Props.ID != id || len(graphs[0].Props.Figure.Data) != 1 {
			t.Errorf("%s has %+v", output, graphs)
		}
	}
	text := app.Output("test-output-div2", "children")
	if err := apptest.CallError(t, a, text); app.ErrorCode(err) != app.Invalid {
		t.Errorf("without a message in the session: %v", err)
	}
}

func TestDjangoSessionState(t *testing.T) {
	a := apps.DjangoSessionState()
	visit := &apptest.Visit{}
	danger, base := app.Output("danger-alert", "children"), app.Output("base-alert", "children")
	for _, step := range []struct {
		clicks any
		danger string
		state  string
	}{
		{nil, "None", `{"clicks":0}`},
		{1, "1", `{"clicks":1}`},
		{7, "7", `{"clicks":7}`},
	} {
		got := visit.Call(t, a, danger, apptest.Change("update-button", "n_clicks", step.clicks)).Text("danger-alert", "children")
		if want := "Button has been clicked " + step.danger + " times since the page was rendered"; got != want {
			t.Errorf("%v clicks: %q", step.clicks, got)
		}
		got = visit.Call(t, a, base, apptest.Change("danger-alert", "children", got)).Text("base-alert", "children")
		if want := "Session state contains: " + step.state + " and the page render count is "; !strings.HasPrefix(got, want) {
			t.Errorf("%v clicks: %q", step.clicks, got)
		}
	}
}

func TestMultipleCallbackValues(t *testing.T) {
	output := app.Output("output-one", "children")
	blue, pressed := apptest.Change("dropdown-color", "value", "blue"), apptest.Change("button", "n_clicks", 2)
	for _, test := range []struct {
		app   *app.App
		props []apptest.Prop
		want  []string // nil: the page stays as it is
	}{
		{apps.MultipleCallbackValues(), nil, []string{"None red []", "red None", "None red"}},
		{apps.MultipleCallbackValues(), []apptest.Prop{blue}, []string{`None blue [dropdown-color.value="blue"]`, "blue None", "None blue"}},
		{apps.MultipleCallbackValuesExpanded(), nil, slices.Repeat([]string{"None red []"}, 3)},
		{apps.MultipleCallbackValuesExpanded(), []apptest.Prop{pressed}, slices.Repeat([]string{"2 red [button.n_clicks=2]"}, 3)},
		{apps.MultipleCallbackValuesExpanded(), []apptest.Prop{apptest.Change("dropdown-color", "value", "green")}, nil},
		{
			apps.MultipleCallbackValuesExpanded(),
			[]apptest.Prop{apptest.Set("button", "n_clicks", 10), apptest.Set("dropdown-color", "value", "purple-ish yellow with a hint of greeny orange")},
			slices.Repeat([]string{"10 purple-ish yellow with a hint of greeny orange []"}, 3),
		},
	} {
		answer := apptest.Call(t, test.app, output, test.props...)
		if answer.Prevented() != (test.want == nil) {
			t.Errorf("%s, %v: %v", test.app.Name(), test.props, answer)
		}
		for i, want := range test.want {
			id := app.ID([]string{"output-one", "output-two", "output-three"}[i])
			if got := answer.Text(id, "children"); got != fmt.Sprintf("Output %d: %s", i+1, want) {
				t.Errorf("%s, %v: %q", test.app.Name(), test.props, got)
			}
		}
	}
}

func TestPatternStateCallbacks(t *testing.T) {
	a := apps.PatternStateCallbacks()
	one, two, sum := app.Key("_type", "count", "_id", "one"), app.Key("_type", "count", "_id", "two"), app.Key("_type", "sum", "_id", "all")
	if got := apptest.Call(t, a, app.Output(two, "children"), apptest.Change(two, "n_clicks", 3)).Text(two, "children"); got != "Clicked 3 times" {
		t.Errorf("the button says %q", got)
	}
	got := apptest.Call(t, a, app.Output(sum, "children"), apptest.Set(one, "n_clicks", 2), apptest.Change(two, "n_clicks", 3)).Text(sum, "children")
	if got != "5 clicks on 2 buttons" {
		t.Errorf("the sum says %q", got)
	}
}

func TestOrders(t *testing.T) {
	for want, props := range map[string][]apptest.Prop{
		"35 crates": nil,
		"17 crates": {apptest.Change("customer", "value", "Mill Bakery")},
		"9 crates":  {apptest.Set("days", "start_date", "2026-03-06"), apptest.Change("days", "end_date", "2026-03-15"), apptest.Set("customer", "value", nil)},
		"31 crates": {apptest.Set("days", "start_date", "2026-03-03"), apptest.Change("days", "end_date", nil)},
		"0 crates":  {apptest.Change("customer", "value", "Nobody")},
	} {
		answer := apptest.Call(t, apps.Orders(), app.Output("table", "data"), props...)
		if got := answer.Text("sum", "children"); got != want {
			t.Errorf("%v: %s, want %s", props, got, want)
		}
	}
}
