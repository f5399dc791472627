package apps

import (
	"fmt"

	"dashd/app"
	"dashd/app/dcc"
	"dashd/app/html"
	"dashd/app/table"
)

type order struct {
	Day      string `json:"day"`
	Customer string `json:"customer"`
	Crates   int    `json:"crates"`
}

var orders = []order{
	{"2026-03-02", "Harbour Inn", 4},
	{"2026-03-05", "Mill Bakery", 9},
	{"2026-03-09", "Harbour Inn", 6},
	{"2026-03-12", "Old Town Deli", 3},
	{"2026-03-16", "Mill Bakery", 8},
	{"2026-03-23", "Old Town Deli", 5},
}

// Orders filters a table by days and a customer.
func Orders() *app.App {
	a := app.New("Orders")
	a.Access = app.Public
	a.Layout = html.Div{Children: app.List{
		dcc.DatePickerRange{
			ID: "days", StartDate: "2026-03-01", EndDate: "2026-03-31", MinDateAllowed: "2026-03-01", MaxDateAllowed: "2026-03-31",
			DisplayFormat: "D MMM", NumberOfMonthsShown: 1, Clearable: true,
		},
		dcc.Dropdown{ID: "customer", Placeholder: "All customers", Options: dcc.OptionsOf("Harbour Inn", "Mill Bakery", "Old Town Deli")},
		table.DataTable{ID: "table", Columns: table.ColumnsOf("day", "customer", "crates"), SortAction: "native"},
		html.P{ID: "sum"},
	}}

	a.Callback(
		app.Output("table", "data"),
		app.Output("sum", "children"),
		app.Input("days", "start_date"),
		app.Input("days", "end_date"),
		app.Input("customer", "value"),
	).Do(func(from, to, customer string) (found []order, sum string) {
		found = []order{}
		crates := 0
		for _, o := range orders {
			if o.Day >= from && (o.Day <= to || to == "") && (o.Customer == customer || customer == "") {
				found = append(found, o)
				crates += o.Crates
			}
		}
		return found, fmt.Sprintf("%d crates", crates)
	})
	return a
}
