// Package apptest helps to test apps: [Check] finds what is wrong with one, and
// [Call] calls one of its callbacks as the page in the browser would.
//
//	func TestGreeting(t *testing.T) {
//		a := greeting.New()
//		apptest.Check(t, a)
//		answer := apptest.Call(t, a, app.Output("greeting", "children"),
//			apptest.Change("name", "value", "Ada"))
//		if got := answer.Text("greeting", "children"); got != "Hello, Ada" {
//			t.Errorf("the greeting is %q", got)
//		}
//	}
//
// A [Visit] makes the calls of a user, or of a page that shows a saved [Instance]:
//
//	visit := &apptest.Visit{Instance: apptest.NewInstance(t, `{"name":{"value":"Ada"}}`)}
//	visit.Call(t, a, app.Output("greeting", "children"))
//
// No server and no browser is needed.
package apptest

import (
	"encoding/json"
	"testing"

	"dashd/app"
)

// Check fails the test with every problem of the app ([app.App.Validate]), and
// makes its layout and its dependencies once, as the first visitor would.
func Check(t testing.TB, a *app.App) {
	t.Helper()
	if err := a.Validate(); err != nil {
		problems := []error{err}
		if joined, ok := err.(interface{ Unwrap() []error }); ok {
			problems = joined.Unwrap()
		}
		for _, problem := range problems {
			t.Errorf("%v", problem)
		}
		return
	}
	if _, err := readPage(t.Context(), a, nil); err != nil {
		t.Errorf("app %q: %v", a.Name(), err)
	}
	dependencies, err := a.DependenciesJSON()
	if err != nil || !json.Valid(dependencies) {
		t.Errorf("app %q: its dependencies are not JSON: %v", a.Name(), err)
	}
	if _, err := a.Page(); err != nil {
		t.Errorf("app %q: describe its page: %v", a.Name(), err)
	}
}
