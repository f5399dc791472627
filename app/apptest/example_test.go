package apptest_test

import (
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

func ExampleCheck() {
	t := new(testing.T) // the test's own

	apptest.Check(t, newDoubler())
	fmt.Println("failed:", t.Failed())
	// Output:
	// failed: false
}

func ExampleCall() {
	t := new(testing.T) // the test's own

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
	t := new(testing.T) // the test's own

	err := apptest.CallError(t, newDoubler(), app.Output("double", "children"),
		apptest.Change("number", "value", 1001))
	fmt.Println(app.ErrorCode(err), err)
	// Output:
	// invalid run callback double.children: This number is too large.
}
