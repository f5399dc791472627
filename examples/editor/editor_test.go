package editor

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"dashd/app"
	"dashd/app/apptest"
)

func TestCheck(t *testing.T) { apptest.Check(t, New()) }

// change calls the callback that owns the form, as it is in the layout.
func change(t *testing.T, props ...apptest.Prop) *apptest.Answer {
	t.Helper()
	return apptest.Call(t, New(), app.Output("form", "data"), props...)
}

// numbers are those of the form's fields, in order.
func numbers(answer *apptest.Answer) string {
	var f form
	answer.JSON("form", "data", &f)
	var list []string
	for _, field := range f.Fields {
		list = append(list, fmt.Sprint(field.Number))
	}
	return strings.Join(list, " ")
}

func TestButtons(t *testing.T) {
	for _, test := range []struct {
		button app.ID
		want   string
	}{
		{app.Key("add", date), "1 2 3 4"},
		{app.Key("up", 3), "1 3 2"},
		{app.Key("down", 1), "2 1 3"},
		{app.Key("remove", 2), "1 3"},
	} {
		if got := numbers(change(t, apptest.Change(test.button, "n_clicks", 1))); got != test.want {
			t.Errorf("%s makes %s, want %s", test.button, got, test.want)
		}
	}
	for _, button := range []app.ID{app.Key("up", 1), app.Key("down", 3), app.Key("remove", 9), app.Key("add", "nonsense")} {
		if !change(t, apptest.Change(button, "n_clicks", 1)).Prevented() {
			t.Errorf("%s does something", button)
		}
	}
	if !change(t, apptest.Change(app.Key("remove", 1), "n_clicks", nil)).Prevented() {
		t.Error("a button that has just appeared does something")
	}
}

func TestSettings(t *testing.T) {
	var f form
	change(t,
		apptest.Set("title", "value", "Winter party"),
		apptest.Set(app.Key("required", 3), "value", true),
		apptest.Set(app.Key("choices", 2), "value", "Soup, Salad"),
		apptest.Change(app.Key("label", 3), "value", "Dance?"),
	).JSON("form", "data", &f)
	want := form{"Winter party", []field{example.Fields[0], {2, choice, "Meal", true, "Soup, Salad"}, {3, slider, "Dance?", true, ""}}}
	if fmt.Sprint(f) != fmt.Sprint(want) {
		t.Errorf("the form is %v, want %v", f, want)
	}
}

func TestPage(t *testing.T) {
	page := app.Output("page", "children")
	if got := apptest.Call(t, New(), page).Text("page", "children"); !strings.Contains(got, "Preview"+example.Title) {
		t.Errorf("building says %q", got)
	}
	if got := apptest.Call(t, New(), page, apptest.Change("mode", "active_tab", fill)).Text("page", "children"); !strings.HasSuffix(got, "Send") {
		t.Errorf("filling in says %q", got)
	}
}

func TestCards(t *testing.T) {
	draw := func(f form) *apptest.Answer {
		return apptest.Call(t, New(), app.Output("cards", "children"),
			apptest.Set(app.Key("label", 1), "value", "Your n"),
			apptest.Set(app.Key("label", 2), "value", "Meal"),
			apptest.Set(app.Key("label", 3), "value", "Dance"),
			apptest.Change("form", "data", f))
	}
	if answer := draw(example); answer.Has("cards", "children") {
		t.Errorf("while the visitor types, %v", answer)
	}
	if got := draw(form{Fields: []field{example.Fields[1], example.Fields[0]}}).Text("cards", "children"); !strings.HasPrefix(got, choice) {
		t.Errorf("the cards say %q", got)
	}
	preview := apptest.Call(t, New(), app.Output("preview", "children"), apptest.Change("form", "data", form{Title: "New"}))
	if got := preview.Text("preview", "children"); got != "NewAdd a field, and the form appears here." {
		t.Errorf("the preview says %q", got)
	}
}

// filled is a page on which the example is filled in.
func filled(values ...any) []apptest.Prop {
	props := []apptest.Prop{apptest.Set("who", "value", "Ada")}
	for i, v := range values {
		props = append(props, apptest.Set(app.Key("answer", i+1), "value", v))
	}
	return props
}

func TestSend(t *testing.T) {
	send := []apptest.Prop{apptest.Change("send", "n_clicks", 1)}
	for i := range example.Fields {
		send = append(send, apptest.Set(app.Key("problem", i+1), "children", ""))
	}
	result := app.Output("result", "children")

	answer := apptest.Call(t, New(), result, append(filled("Ada", "Fish", 7), send...)...)
	if got := answer.Text("result", "children"); got != "Thank you, Ada!Your name: AdaMeal: FishHow much will you dance?: 7" {
		t.Errorf("the result is %q", got)
	}
	answer = apptest.Call(t, New(), result, append(filled(" ", "Fish", nil), send...)...)
	for i, want := range []string{"Please answer this.", "", ""} {
		if got := answer.Text(app.Key("problem", i+1), "children"); got != want {
			t.Errorf("the problem of field %d is %q, want %q", i+1, got, want)
		}
	}
	if got := answer.Text("result", "children"); got != "" {
		t.Errorf("with a problem, the result is %q", got)
	}
	answer = apptest.Call(t, New(), result, append(filled("Ada", "Beef", 7), send...)...)
	if got := answer.Text("toast", "children"); got != `The form has no such answer to "Meal".` || answer.Has("result", "children") {
		t.Errorf("another meal gives %q, %v", got, answer)
	}
}

func TestFieldCheck(t *testing.T) {
	for _, test := range []struct {
		field   field
		answer  any
		problem bool
		wrong   bool
	}{
		{field{Kind: text}, nil, false, false},
		{field{Kind: text, Required: true}, nil, true, false},
		{field{Kind: text}, 7.0, false, true},
		{field{Kind: number, Required: true}, 0.0, false, false},
		{field{Kind: number}, "many", false, true},
		{field{Kind: date}, "2026-02-28", false, false},
		{field{Kind: date}, "2026-02-30", false, true},
		{field{Kind: choice, Choices: "A,, B ,A"}, "B", false, false},
		{field{Kind: choice}, "A", false, true},
		{field{Kind: slider}, 3.0, false, false},
	} {
		problem, err := test.field.check(test.answer)
		if (problem != "") != test.problem || (err != nil) != test.wrong {
			t.Errorf("%+v: %v gives %q, %v", test.field, test.answer, problem, err)
		}
	}
}

func TestExport(t *testing.T) {
	export := func(props ...apptest.Prop) *apptest.Answer {
		return apptest.Call(t, New(), app.Output("download", "data"), append(props, apptest.Change("export", "n_clicks", 1))...)
	}
	read := func(answer *apptest.Answer) (content map[string]any) {
		var file struct{ Content, Filename string }
		answer.JSON("download", "data", &file)
		if err := json.Unmarshal([]byte(file.Content), &content); err != nil || file.Filename != "form.json" {
			t.Fatalf("%s: %v", file.Filename, err)
		}
		return content
	}
	if got := read(export()); got["title"] != example.Title || got["answers"] != nil || got["filled_in_by"] != nil {
		t.Errorf("the form is saved as %v", got)
	}
	if got := read(export(filled("Ada", "Fish", 7)...)); fmt.Sprint(got["answers"]) != "map[1:Ada 2:Fish 3:7]" || got["filled_in_by"] != "Ada" {
		t.Errorf("the answers are saved as %v", got)
	}
	answer := export(apptest.Set("form", "data", form{}))
	if got := answer.Text("toast", "children"); got != "The form is still empty. Add a field first." || answer.Has("download", "data") {
		t.Errorf("an empty form gives %q, %v", got, answer)
	}
}
