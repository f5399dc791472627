package serve_test

import (
	"fmt"
	"testing"

	"dashd/app"
	"dashd/app/dbc"
	"dashd/app/dcc"
	"dashd/app/html"
	"dashd/app/serve"
	"dashd/app/table"
)

// Components in properties other than children, callbacks into them and from
// them: those that Dash's and Bootstrap's suites declare.
func TestBrowserComponentsAsProps(t *testing.T) {
	a := app.New("Props")
	a.Layout = html.Div{Children: app.List{
		html.Button{ID: "go", NClicks: 0, Children: "go"},
		dcc.Tabs{Children: app.List{dcc.Tab{Label: html.B{ID: "tab"}, Children: "body"}}},
		dbc.Toast{Header: html.B{ID: "toast"}, Children: "body"},
		dbc.AccordionItem{Title: html.B{ID: "accordion"}, Children: "body"},
		dbc.Checklist{Options: app.List{app.Dict{"label": html.B{ID: "check"}, "value": 1}}},
		dbc.Switch{Label: html.B{ID: "switch"}},
		dbc.NavbarSimple{Brand: html.Button{ID: "brand", NClicks: 0, Children: "brand"}},
		table.DataTable{ID: "table", Columns: table.ColumnsOf("a")},
		html.Div{ID: "says"},
	}}
	inside := []app.ID{"tab", "toast", "accordion", "check", "switch"}
	for _, id := range inside {
		a.Callback(app.Output(id, "children"), app.Input("go", "n_clicks")).Do(func(n int) string { return fmt.Sprint(id, " ", n) })
	}
	a.Callback(app.Output("table", "data"), app.Input("go", "n_clicks")).Do(func(n int) []map[string]int { return []map[string]int{{"a": n}} })
	a.Callback(app.Output("says", "children"), app.Input("brand", "n_clicks"), app.Input("table", "data")).Do(func(n int, rows []struct{ A int }) string {
		return fmt.Sprintf("%d clicks, %d rows of %d", n, len(rows), rows[0].A)
	})
	h, _ := mustNew(t, serve.Config{Apps: []*app.App{a}})
	b := openTab(t, h, "/app/props/")
	b.untilIdle()
	b.click("#go")
	for _, id := range inside {
		b.untilText("#"+string(id), string(id)+" 1")
	}
	b.untilText("#table td", "1")
	b.click("#brand")
	b.untilText("#says", "1 clicks, 1 rows of 1")
}
