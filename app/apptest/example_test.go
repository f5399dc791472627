package apptest_test

import (
	"context"
	"fmt"
	"testing"

	"dashd/app"
	"dashd/app/apptest"
	"dashd/app/dcc"
	"dashd/app/html"
)

// newDoubler makes an app that doubles a number.
func newDoubler() *app.App {
	a := app.New("Doubler")
	a.Layout = html.Div{Children: app.List{
		dcc.Input{ID: "number", Type: dcc.InputTypeNumber, Value: 21},
		html.P{ID: "double"},
	}}
	a.Callback(
		app.Output("double", "children"),
		app.Input("number", "value"),
	).Do(func(n int) (int, error) {
		if n > 1000 {
			return 0, app.Errorf(app.Invalid, "This number is too large.")
		}
		return 2 * n, nil
	})
	return a
}

// exampleTest stands for the *testing.T that a test has.
type exampleTest struct{ testing.TB }

func (exampleTest) Helper()                           {}
func (exampleTest) Context() context.Context          { return context.Background() }
func (exampleTest) Errorf(format string, args ...any) { fmt.Printf(format+"\n", args...) }

func ExampleCheck() {
	t := exampleTest{} // in a test: its own

	apptest.Check(t, newDoubler())
	fmt.Println("That is all.")
	// Output:
	// That is all.
}

func ExampleCall() {
	t := exampleTest{} // in a test: its own

	// As when the page opens: the values are those of the layout.
	answer := apptest.Call(t, newDoubler(), app.Output("double", "children"))
	fmt.Println(answer.Text("double", "children"))

	// As when the visitor types.
	answer = apptest.Call(t, newDoubler(), app.Output("double", "children"),
		apptest.Change("number", "value", 4))
	fmt.Println(answer.Text("double", "children"))
	// Output:
	// 42
	// 8
}

func ExampleCallError() {
	t := exampleTest{} // in a test: its own

	err := apptest.CallError(t, newDoubler(), app.Output("double", "children"),
		apptest.Change("number", "value", 1001))
	fmt.Println(app.ErrorCode(err))
	// Output:
	// invalid
}
