// Package editor is an editor of forms: the chapter on components that callbacks
// make. The visitor puts a form together, sees it while he does, and fills it in.
//
// The form is in a dcc.Store; a single callback owns it. What a mode of the page
// needs is made by a callback when the mode is chosen, so callbacks are checked
// against the ValidationLayout, which has the parts of all modes.
package editor

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"dashd/app"
	"dashd/app/dbc"
	"dashd/app/dcc"
	"dashd/app/html"
)

// form is what the Store holds.
type form struct {
	Title  string  `json:"title"`
	Fields []field `json:"fields"`
}

// field is a question of the form.
type field struct {
	Number   int    `json:"number"` // its own for good, wherever it moves
	Kind     string `json:"kind"`
	Label    string `json:"label"`
	Required bool   `json:"required"`
	Choices  string `json:"choices,omitempty"` // with commas
}

// The kinds of fields.
const (
	text   = "text"
	number = "number"
	choice = "choice"
	date   = "date"
	slider = "slider"
)

var kinds = []string{text, number, choice, date, slider}

var example = form{Title: "Summer party", Fields: []field{
	{Number: 1, Kind: text, Label: "Your name", Required: true},
	{Number: 2, Kind: choice, Label: "Meal", Required: true, Choices: "Fish, Mushrooms, Nothing"},
	{Number: 3, Kind: slider, Label: "How much will you dance?"},
}}

// The modes of the page.
const (
	build = "build"
	fill  = "fill"
)

// New makes the app.
func New() *app.App {
	a := app.New("Editor")
	a.Title = "Form editor"
	a.Access = app.Public
	a.OnError = toast
	a.Layout = dbc.Container{ClassName: "py-4", Children: app.List{
		dcc.Store{ID: "form", Data: example},
		dcc.Download{ID: "download"},
		html.Div{ClassName: "d-flex align-items-center justify-content-between gap-2 mb-2", Children: app.List{
			html.H1{Children: "Form editor", ClassName: "h3 mb-0"},
			dbc.Button{ID: "export", Children: "Save as JSON", Color: "dark", Size: "sm"},
		}},
		dbc.Tabs{ID: "mode", ActiveTab: build, ClassName: "mb-3", Children: app.List{
			dbc.Tab{Label: "Build", TabID: build},
			dbc.Tab{Label: "Fill in", TabID: fill},
		}},
		html.Div{ID: "page"},
		dbc.Toast{
			ID: "toast", Header: "That did not work", Icon: "danger", IsOpen: new(false), Dismissable: true, Duration: 6000,
			Style: app.Style{"position": "fixed", "right": "1rem", "bottom": "1rem", "maxWidth": "calc(100vw - 2rem)", "zIndex": 1100},
		},
	}}
	a.ValidationLayout = app.List{a.Layout, builder(form{}), filler(form{})}

	a.Callback(
		app.Output("page", "children"),
		app.Input("mode", "active_tab"),
		app.State("form", "data"),
	).Do(func(mode string, f form) app.Component {
		if mode == fill {
			return filler(f)
		}
		return builder(f)
	})

	buildCallbacks(a)
	fillCallbacks(a)
	return a
}

// toast is the app's error handler. What a callback says by app.Errorf is for
// the visitor; anything else is for the log.
func toast(ctx *app.Context, err error) ([]any, error) {
	message := "Something is broken here. It has been noted."
	if app.ErrorCode(err) == app.Internal {
		ctx.Log().Error("callback failed", "error", err)
	} else {
		message = err.Error()
	}
	ctx.SetProps("toast", app.Props{"is_open": true, "children": message})
	return nil, nil // no values: the Outputs stay as they are
}

// edit is all that can change the form. A struct in place of parameters names
// the properties by tags; the structs in it are groups. ALL makes a slice with
// one value for each component, and a Match has its ID too.
type edit struct {
	Form     form `dash:"form.data"`
	Settings struct {
		Title    *string             `dash:"title.value"` // nil while the form is filled in
		Labels   []app.Match[string] `dash:"{\"label\":[\"ALL\"]}.value"`
		Required []app.Match[bool]   `dash:"{\"required\":[\"ALL\"]}.value"`
		Choices  []app.Match[string] `dash:"{\"choices\":[\"ALL\"]}.value"`
	}
	Clicks struct {
		Add    []int `dash:"{\"add\":[\"ALL\"]}.n_clicks"`
		Up     []int `dash:"{\"up\":[\"ALL\"]}.n_clicks"`
		Down   []int `dash:"{\"down\":[\"ALL\"]}.n_clicks"`
		Remove []int `dash:"{\"remove\":[\"ALL\"]}.n_clicks"`
	}
}

func buildCallbacks(a *app.App) {
	// With all changes in one callback, none is lost to another that began with
	// an older form. The title is on the page in one mode only.
	a.Callback(
		app.Output("form", "data"),
		app.State("form", "data"),
		app.Input("title", "value").Optional(),
		app.Input(app.Key("label", app.ALL), "value"),
		app.Input(app.Key("required", app.ALL), "value"),
		app.Input(app.Key("choices", app.ALL), "value"),
		app.Input(app.Key("add", app.ALL), "n_clicks"),
		app.Input(app.Key("up", app.ALL), "n_clicks"),
		app.Input(app.Key("down", app.ALL), "n_clicks"),
		app.Input(app.Key("remove", app.ALL), "n_clicks"),
		app.PreventInitialCall(),
	).Do(func(ctx *app.Context, in edit) (form, error) {
		f := form{Title: in.Form.Title, Fields: slices.Clone(in.Form.Fields)}
		in.settle(&f)
		for _, t := range ctx.Triggered {
			// A button that has just appeared calls too, without a click.
			if t.Property == "n_clicks" && len(t.Value) > 0 && string(t.Value) != "null" {
				f.press(t.ID)
			}
		}
		if reflect.DeepEqual(f, in.Form) {
			return f, app.ErrPreventUpdate
		}
		return f, nil
	})

	// The cards are made anew when fields come, go or move, but not while the
	// visitor types in one.
	a.Callback(
		app.Output("cards", "children"),
		app.Input("form", "data"),
		app.State(app.Key("label", app.ALL), "value"),
		app.PreventInitialCall(),
	).Do(func(f form, shown []app.Match[string]) any {
		if slices.EqualFunc(f.Fields, shown, func(f field, m app.Match[string]) bool { return f.Number == m.ID.Int("label") }) {
			return app.NoUpdate
		}
		return cards(f)
	})

	// LatestWins ends ctx when the visitor has typed on: a preview that takes
	// its time can stop, for nobody will see it.
	a.Callback(
		app.Output("preview", "children"),
		app.Input("form", "data"),
		app.PreventInitialCall(),
		app.LatestWins(),
	).Do(func(ctx *app.Context, f form) (app.List, error) {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return preview(f), nil
	})
}

// settle takes over the settings that are on the page.
func (in *edit) settle(f *form) {
	s := in.Settings
	if s.Title != nil {
		f.Title = *s.Title
	}
	set := func(number int, change func(*field)) {
		if i := f.index(number); i >= 0 {
			change(&f.Fields[i])
		}
	}
	for _, m := range s.Labels {
		set(m.ID.Int("label"), func(f *field) { f.Label = m.Value })
	}
	for _, m := range s.Required {
		set(m.ID.Int("required"), func(f *field) { f.Required = m.Value })
	}
	for _, m := range s.Choices {
		set(m.ID.Int("choices"), func(f *field) { f.Choices = m.Value })
	}
}

// press does what a button is for.
func (f *form) press(button app.ID) {
	if kind := button.Text("add"); slices.Contains(kinds, kind) {
		next := field{Number: 1, Kind: kind, Label: "A " + kind}
		for _, other := range f.Fields {
			next.Number = max(next.Number, other.Number+1)
		}
		if kind == choice {
			next.Choices = "Yes, No"
		}
		f.Fields = append(f.Fields, next)
	}
	if i := f.index(button.Int("up")); i > 0 {
		f.Fields[i-1], f.Fields[i] = f.Fields[i], f.Fields[i-1]
	}
	if i := f.index(button.Int("down")); i >= 0 && i+1 < len(f.Fields) {
		f.Fields[i], f.Fields[i+1] = f.Fields[i+1], f.Fields[i]
	}
	if i := f.index(button.Int("remove")); i >= 0 {
		f.Fields = slices.Delete(f.Fields, i, i+1)
	}
}

// index returns where the field with a number is, or -1.
func (f *form) index(number int) int {
	return slices.IndexFunc(f.Fields, func(field field) bool { return field.Number == number })
}

// builder is the page on which the form is built.
func builder(f form) app.Component {
	adders := app.List{html.Span{Children: "Add", ClassName: "text-secondary me-1"}}
	for _, kind := range kinds {
		adders = append(adders, dbc.Button{ID: app.Key("add", kind), Children: titled(kind), Color: "secondary", Outline: true, Size: "sm"})
	}
	return dbc.Row{ClassName: "g-3", Children: app.List{
		dbc.Col{Lg: 6, Children: app.List{
			dbc.InputGroup{ClassName: "mb-3", Children: app.List{
				dbc.InputGroupText{Children: "Title"},
				dbc.Input{ID: "title", Value: f.Title, Maxlength: 80, Autocomplete: "off"},
			}},
			html.Div{ID: "cards", Children: cards(f)},
			html.Div{Children: adders, ClassName: "d-flex flex-wrap align-items-center gap-2"},
		}},
		dbc.Col{Lg: 6, Children: html.Div{ClassName: "sticky-top", Style: app.Style{"zIndex": 1}, Children: dbc.Card{
			ClassName: "shadow-sm",
			Children: app.List{
				dbc.CardHeader{Children: "Preview", ClassName: "small text-secondary"},
				dbc.CardBody{ID: "preview", Children: preview(f)},
			},
		}}},
	}}
}

// cards hold the settings of the fields.
func cards(f form) app.List {
	list := app.List{}
	for i, field := range f.Fields {
		list = append(list, field.card(i == 0, i == len(f.Fields)-1))
	}
	return list
}

// preview is the form as it will be.
func preview(f form) app.List {
	list := app.List{html.H2{Children: f.Title, ClassName: "h5"}}
	if len(f.Fields) == 0 {
		list = append(list, html.P{Children: "Add a field, and the form appears here.", ClassName: "text-secondary mb-0"})
	}
	for _, field := range f.Fields {
		list = append(list, field.question("", "", "")) // without IDs: no callback reads it
	}
	return list
}

// card holds the settings of a field.
func (f field) card(first, last bool) app.Component {
	button := func(id app.ID, sign, title, color string, disabled bool) app.Component {
		return dbc.Button{ID: id, Children: sign, Title: title, Color: color, Outline: true, Size: "sm", Disabled: disabled}
	}
	settings := app.List{
		html.Div{ClassName: "d-flex align-items-center gap-2 mb-2", Children: app.List{
			dbc.Badge{Children: f.Kind, Color: "light", TextColor: "dark", ClassName: "border me-auto"},
			button(app.Key("up", f.Number), "↑", "Move up", "secondary", first),
			button(app.Key("down", f.Number), "↓", "Move down", "secondary", last),
			button(app.Key("remove", f.Number), "✕", "Remove", "danger", false),
		}},
		html.Div{ClassName: "d-flex flex-wrap align-items-center gap-3", Children: app.List{
			html.Div{Style: app.Style{"flex": "1 1 12rem"}, Children: dbc.Input{
				ID: app.Key("label", f.Number), Value: f.Label, Placeholder: "Label", Maxlength: 120, Autocomplete: "off",
			}},
			dbc.Switch{ID: app.Key("required", f.Number), Value: f.Required, Label: "required", ClassName: "mb-0"},
		}},
	}
	if f.Kind == choice {
		settings = append(settings, dbc.InputGroup{Size: "sm", ClassName: "mt-2", Children: app.List{
			dbc.InputGroupText{Children: "Choices"},
			dbc.Input{ID: app.Key("choices", f.Number), Value: f.Choices, Maxlength: 400, Autocomplete: "off"},
		}})
	}
	return dbc.Card{Key: fmt.Sprint(f.Number), ClassName: "shadow-sm mb-3", Children: dbc.CardBody{Children: settings, ClassName: "py-2"}}
}

// answers is what was filled in: a group of two callbacks' arguments. A date
// picker has a property of its own for its value.
type answers struct {
	Who    *string             `dash:"who.value"` // nil while the form is built
	Values []app.Match[any]    `dash:"{\"answer\":[\"ALL\"]}.value"`
	Days   []app.Match[string] `dash:"{\"day\":[\"ALL\"]}.date"`
}

// byNumber returns the answers by the numbers of their fields.
func (a answers) byNumber() map[int]any {
	m := map[int]any{}
	for _, v := range a.Values {
		m[v.ID.Int("answer")] = v.Value
	}
	for _, d := range a.Days {
		m[d.ID.Int("day")] = d.Value
	}
	return m
}

func fillCallbacks(a *app.App) {
	// Running keeps the button from being pressed twice.
	a.Callback(
		app.Output(app.Key("problem", app.ALL), "children"),
		app.Output("result", "children"),
		app.Input("send", "n_clicks"),
		app.State("form", "data"),
		app.State("who", "value").Optional(),
		app.State(app.Key("answer", app.ALL), "value"),
		app.State(app.Key("day", app.ALL), "date"),
		app.Running(app.Output("send", "disabled"), true, false),
		app.PreventInitialCall(),
	).Do(func(ctx *app.Context, in struct {
		Clicks  int  `dash:"send.n_clicks"`
		Form    form `dash:"form.data"`
		Answers answers
	}) (problems []string, result any, err error) {
		given := in.Answers.byNumber()
		valid := true
		for _, place := range ctx.Outputs[0].Items { // the components that ALL stands for
			problem := ""
			if i := in.Form.index(place.ID.Int("problem")); i >= 0 {
				field := in.Form.Fields[i]
				if problem, err = field.check(given[field.Number]); err != nil {
					return nil, nil, err
				}
			}
			problems = append(problems, problem)
			valid = valid && problem == ""
		}
		if !valid {
			return problems, nil, nil
		}
		return problems, thanks(in.Form, in.Answers), nil
	})

	// In both modes; what a mode has not is empty.
	a.Callback(
		app.Output("download", "data"),
		app.Input("export", "n_clicks"),
		app.State("form", "data"),
		app.State("who", "value").Optional(),
		app.State(app.Key("answer", app.ALL), "value"),
		app.State(app.Key("day", app.ALL), "date"),
		app.PreventInitialCall(),
	).Do(func(in struct {
		Clicks  int  `dash:"export.n_clicks"`
		Form    form `dash:"form.data"`
		Answers answers
	}) (data dcc.DownloadData, err error) {
		if len(in.Form.Fields) == 0 {
			return data, app.Errorf(app.Invalid, "The form is still empty. Add a field first.")
		}
		file := struct {
			form
			FilledInBy *string     `json:"filled_in_by,omitempty"`
			Answers    map[int]any `json:"answers,omitempty"`
		}{in.Form, in.Answers.Who, in.Answers.byNumber()}
		content, err := json.MarshalIndent(file, "", "  ")
		return dcc.SendString(string(content), "form.json").WithType("application/json"), err
	})
}

// filler is the page on which the form is filled in.
func filler(f form) app.Component {
	questions := app.List{html.H2{Children: f.Title, ClassName: "h5"}}
	for _, field := range f.Fields {
		questions = append(questions, field.question(
			app.Key("answer", field.Number), app.Key("day", field.Number), app.Key("problem", field.Number)))
	}
	questions = append(questions,
		dbc.InputGroup{Size: "sm", ClassName: "mb-3", Children: app.List{
			dbc.InputGroupText{Children: "Filled in by"},
			dbc.Input{ID: "who", Maxlength: 80, Autocomplete: "off"},
		}},
		dbc.Button{ID: "send", Children: "Send", Color: "primary", Disabled: len(f.Fields) == 0},
		html.Div{ID: "result"},
	)
	return dbc.Card{ClassName: "shadow-sm mx-auto", Style: app.Style{"maxWidth": "36rem"}, Children: dbc.CardBody{Children: questions}}
}

// question shows a field to be filled in: a control with the ID answer, or day
// when it is a date, and below it room for a problem. IDs can be "".
func (f field) question(answer, day, problem app.ID) app.Component {
	label := app.List{f.Label}
	if f.Required {
		label = append(label, html.Span{Children: " *", ClassName: "text-danger"})
	}
	return html.Div{ClassName: "mb-3", Children: app.List{
		dbc.Label{Children: label, HTMLFor: string(answer), ClassName: "mb-1"},
		html.Div{Children: f.control(answer, day)},
		html.Div{ID: problem, ClassName: "small text-danger"},
	}}
}

func (f field) control(answer, day app.ID) app.Component {
	switch f.Kind {
	case number:
		return dbc.Input{ID: answer, Type: dbc.InputTypeNumber}
	case choice:
		return dbc.Select{ID: answer, Options: f.choices(), Placeholder: "Choose one"}
	case date:
		return dcc.DatePickerSingle{ID: day, DisplayFormat: "D MMM YYYY", FirstDayOfWeek: 1, Clearable: true}
	case slider:
		marks := map[string]string{"0": "0", "5": "5", "10": "10"}
		return dcc.Slider{ID: answer, Min: 0, Max: 10, Step: 1, Value: 5, Marks: marks, AllowDirectInput: new(false)}
	}
	return dbc.Input{ID: answer, Autocomplete: "off", Maxlength: 1000}
}

// choices are the parts between commas.
func (f field) choices() []string {
	list := []string{}
	for part := range strings.SplitSeq(f.Choices, ",") {
		if part = strings.TrimSpace(part); part != "" && !slices.Contains(list, part) {
			list = append(list, part)
		}
	}
	return list
}

// check returns what the visitor has to mend in an answer, or "". An answer that
// the form does not let him give is an error.
func (f field) check(answer any) (problem string, err error) {
	said, isText := answer.(string)
	if answer == nil || isText && strings.TrimSpace(said) == "" {
		if f.Required {
			return "Please answer this.", nil
		}
		return "", nil
	}
	ok := false
	switch f.Kind {
	case text:
		ok = isText
	case number, slider:
		_, ok = answer.(float64)
	case choice:
		ok = slices.Contains(f.choices(), said)
	case date:
		_, wrong := time.Parse(time.DateOnly, said)
		ok = wrong == nil
	}
	if !ok {
		return "", app.Errorf(app.Invalid, "The form has no such answer to %q.", f.Label)
	}
	return "", nil
}

// thanks says what was sent.
func thanks(f form, a answers) app.Component {
	given := a.byNumber()
	lines := app.List{}
	for _, field := range f.Fields {
		said := "–"
		if v := given[field.Number]; v != nil && v != "" {
			said = fmt.Sprint(v)
		}
		lines = append(lines, html.Li{Children: field.Label + ": " + said})
	}
	hello := "Thank you!"
	if a.Who != nil && *a.Who != "" {
		hello = "Thank you, " + *a.Who + "!"
	}
	return dbc.Alert{Color: "success", ClassName: "mt-3 mb-0", Children: app.List{
		html.Strong{Children: hello},
		html.Ul{Children: lines, ClassName: "mb-0"},
	}}
}

// titled begins a word with a capital.
func titled(word string) string { return strings.ToUpper(word[:1]) + word[1:] }
