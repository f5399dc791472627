// Package todo is a to-do list: the chapter on pattern-matching callbacks, whose
// IDs are dictionaries and whose wildcards stand for components that come and go.
//
// The list is in a dcc.Store of the browser's tab, so that no two visitors share
// it and a reload keeps it. Callbacks change the Store by Patches, and the page
// is drawn from the Store.
package todo

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"dashd/app"
	"dashd/app/dbc"
	"dashd/app/dcc"
	"dashd/app/html"
)

// item is something to do.
type item struct {
	Text string `json:"text"`
	Done bool   `json:"done"`
}

// items are what the Store holds, by number. JSON makes the numbers strings.
type items map[int]item

// The values of the filter.
const (
	all  = "all"
	open = "open"
	done = "done"
)

// New makes the app.
func New() *app.App {
	a := app.New("To-do")
	a.Title = "To-do list"
	a.Access = app.Public
	a.Layout = dbc.Container{ClassName: "py-4", Style: app.Style{"maxWidth": "40rem"}, Children: app.List{
		dcc.Store{ID: "items", StorageType: dcc.StorageTypeSession, Data: items{
			1: {Text: "Read about pattern-matching callbacks", Done: true},
			2: {Text: "Add something of your own"},
			3: {Text: "Open this page in a second tab: it has a list of its own"},
		}},
		html.H1{Children: "To do", ClassName: "h3 mb-3"},
		dbc.InputGroup{ClassName: "mb-3", Children: app.List{
			dbc.Input{ID: "new", Placeholder: "What is to be done?", Autocomplete: "off", Maxlength: 200, Value: ""},
			dbc.Button{ID: "add", Children: "Add", Color: "dark"},
		}},
		dbc.Card{ClassName: "shadow-sm", Children: app.List{
			dbc.ListGroup{ID: "list", Flush: true, Children: app.List{}},
			dbc.CardFooter{ClassName: "d-flex flex-wrap align-items-center justify-content-between gap-2", Children: app.List{
				html.Span{ID: "count", ClassName: "small text-secondary"},
				dcc.RadioItems{
					ID: "filter", Value: all, Inline: true,
					Options: dcc.Options{{Label: "All", Value: all}, {Label: "Open", Value: open}, {Label: "Done", Value: done}},
				},
				dbc.Button{ID: "clear", Children: "Clear done", Color: "secondary", Outline: true, Size: "sm"},
			}},
		}},
	}}

	a.Callback(
		app.Output("list", "children"),
		app.Output("count", "children"),
		app.Output("clear", "disabled"),
		app.Input("items", "data"),
		app.Input("filter", "value"),
		app.State(part("check", app.ALL), "value"),
	).Do(draw)

	// The Store has several callbacks that write it, hence AllowDuplicate.
	a.Callback(
		app.Output("items", "data").AllowDuplicate(),
		app.Output("new", "value"),
		app.Input("add", "n_clicks"),
		app.Input("new", "n_submit"), // the Enter key
		app.State("new", "value"),
		app.State("items", "data"),
		app.PreventInitialCall(),
	).Do(func(_, _ int, text string, list items) (*app.Patch, string, error) {
		text = strings.TrimSpace(text)
		if text == "" {
			return nil, "", app.ErrPreventUpdate
		}
		next := 1
		for n := range list {
			next = max(next, n+1)
		}
		return app.NewPatch().At(key(next)).Assign(item{Text: text}), "", nil
	})

	// ALL gathers every check box that there is, in the order of the page; a
	// Match has the ID with the value. New boxes call the callback too, so it
	// looks for what differs and does not ask what was clicked: that also makes
	// up for a click whose answer was overtaken by the next one.
	a.Callback(
		app.Output("items", "data").AllowDuplicate(),
		app.Input(part("check", app.ALL), "value"),
		app.State("items", "data"),
		app.PreventInitialCall(),
	).Do(func(boxes []app.Match[bool], list items) (*app.Patch, error) {
		patch, changes := app.NewPatch(), 0
		for _, box := range boxes {
			n := box.ID.Int("item")
			if it, ok := list[n]; ok && it.Done != box.Value {
				patch.At(key(n), "done").Assign(box.Value)
				changes++
			}
		}
		return changed(patch, changes)
	})

	a.Callback(
		app.Output("items", "data").AllowDuplicate(),
		app.Input(part("delete", app.ALL), "n_clicks"),
		app.State("items", "data"),
		app.PreventInitialCall(),
	).Do(func(buttons []app.Match[int], list items) (*app.Patch, error) {
		patch, changes := app.NewPatch(), 0
		for _, button := range buttons {
			n := button.ID.Int("item")
			if _, ok := list[n]; ok && button.Value > 0 {
				patch.At(key(n)).Delete()
				changes++
			}
		}
		return changed(patch, changes)
	})

	a.Callback(
		app.Output("items", "data").AllowDuplicate(),
		app.Input("clear", "n_clicks"),
		app.State("items", "data"),
		app.PreventInitialCall(),
	).Do(func(_ int, list items) (*app.Patch, error) {
		patch, changes := app.NewPatch(), 0
		for n, it := range list {
			if it.Done {
				patch.At(key(n)).Delete()
				changes++
			}
		}
		return changed(patch, changes)
	})

	// MATCH stands for one item: the Outputs are parts of the item whose button
	// was clicked. All Outputs need the same MATCH, so what goes to the Store is
	// set by SetProps.
	a.Callback(
		app.Output(part("text", app.MATCH), "children"),
		app.Output(part("text", app.MATCH), "hidden"),
		app.Output(part("field", app.MATCH), "hidden"),
		app.Output(part("input", app.MATCH), "value"),
		app.Output(part("edit", app.MATCH), "children"),
		app.Input(part("edit", app.MATCH), "n_clicks"),
		app.Input(part("input", app.MATCH), "n_submit"),
		app.State(part("input", app.MATCH), "value"),
		app.State(part("text", app.MATCH), "hidden"),
		app.State("items", "data"),
		app.PreventInitialCall(),
	).Do(func(ctx *app.Context, _, _ int, typed string, editing bool, list items) (text any, textHidden, fieldHidden bool, input any, button string) {
		if !editing {
			return app.NoUpdate, true, false, app.NoUpdate, "Save"
		}
		n := ctx.Outputs[0].ID.Int("item")
		if typed = strings.TrimSpace(typed); typed == "" {
			typed = list[n].Text
		}
		ctx.SetProps("items", app.Props{"data": app.NewPatch().At(key(n), "text").Assign(typed)})
		return typed, false, true, typed, "Edit"
	})

	a.Callback(
		app.Output(part("text", app.MATCH), "className"),
		app.Input(part("check", app.MATCH), "value"),
		app.PreventInitialCall(),
	).Do(textClass)

	return a
}

// part is the ID of a part of an item, or with a wildcard that of many.
func part(name string, item any) app.ID { return app.Key("part", name, "item", item) }

// key is what the Store has an item under.
func key(n int) string { return strconv.Itoa(n) }

// changed returns a patch that has changes.
func changed(patch *app.Patch, changes int) (*app.Patch, error) {
	if changes == 0 {
		return nil, app.ErrPreventUpdate
	}
	return patch, nil
}

// draw brings the page up to date with the Store: boxes are the items on the
// page. Only rows that came or went are sent; the others stay as they are, also
// one whose text is being edited.
func draw(list items, filter string, boxes []app.Match[bool]) (rows any, count string, nothingToClear bool) {
	numbers := slices.Sorted(maps.Keys(list))
	finished := 0
	var wanted, shown []int
	for _, n := range numbers {
		it := list[n]
		if it.Done {
			finished++
		}
		if filter == all || it.Done == (filter == done) {
			wanted = append(wanted, n)
		}
	}
	for _, box := range boxes {
		shown = append(shown, box.ID.Int("item"))
	}
	rows = app.NoUpdate
	if !slices.Equal(wanted, shown) {
		patch := app.NewPatch() // of the children: a list, sorted like wanted
		for i, n := range slices.Backward(shown) {
			if !slices.Contains(wanted, n) {
				patch.At(i).Delete()
			}
		}
		for i, n := range wanted {
			if !slices.Contains(shown, n) {
				patch.Insert(i, row(n, list[n]))
			}
		}
		rows = patch
	}
	return rows, fmt.Sprintf("%d of %d done", finished, len(list)), finished == 0
}

// row is an item on the page.
func row(n int, it item) app.Component {
	return dbc.ListGroupItem{ClassName: "d-flex align-items-center gap-2", Children: app.List{
		dbc.Checkbox{ID: part("check", n), Value: it.Done, ClassName: "mb-0"},
		html.Div{ClassName: "flex-grow-1", Style: app.Style{"minWidth": 0}, Children: app.List{
			html.Span{ID: part("text", n), Children: it.Text, Hidden: false, ClassName: textClass(it.Done)},
			html.Div{ID: part("field", n), Hidden: true, Children: dbc.Input{
				ID: part("input", n), Value: it.Text, Maxlength: 200, Autocomplete: "off", Size: "sm",
			}},
		}},
		dbc.Button{ID: part("edit", n), Children: "Edit", Color: "secondary", Outline: true, Size: "sm"},
		dbc.Button{ID: part("delete", n), Children: "✕", Color: "danger", Outline: true, Size: "sm", Title: "Delete"},
	}}
}

// textClass crosses out what is done.
func textClass(done bool) string {
	if done {
		return "text-break text-decoration-line-through text-secondary"
	}
	return "text-break"
}
