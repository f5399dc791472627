package serve

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/a-h/templ"

	"dashd/app"
	"dashd/views"
)

// maxEdited is the most bytes of JSON that a page lets edit: so much fits into
// a form, even if all of it is escaped there.
const maxEdited = 512 << 10

// errStale refuses a text that somebody else's would be lost by.
var errStale = app.Errorf(app.Conflict, "What you edit was changed meanwhile. Your text is below; save again to put it in place of what is there now.")

// edit makes the form of a text of JSON. What it says of the text before is
// how a later change by somebody else is found: it stays as it was in a form
// that comes back, until the visitor has been told.
func edit(instance app.Instance, text, now string, refused views.Form) views.JSONEdit {
	e := views.JSONEdit{Instance: instance, Text: text, Was: now, Large: len(text) > maxEdited}
	if refused.Reason != "" && refused.Status != statuses[app.Conflict] {
		e.Was = refused.Values.Get("was")
	}
	return e
}

// digest tells texts apart.
func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:16])
}

// state serves the page that edits all values of an instance.
func (a admin) state(w http.ResponseWriter, r *http.Request, v *Visit, refused views.Form) error {
	instance, err := a.store.Instance(r.Context(), r.PathValue("slug"))
	if err != nil {
		return err
	}
	text := stateText(instance.State())
	form := edit(instance.Instance(), text, digest(text), refused)
	return a.show(w, r, v, form.Instance.Name, refused, func(frame views.Admin) templ.Component { return frame.State(form) })
}

// replaceState makes the values of an instance those of a text.
func (a admin) replaceState(r *http.Request, v *Visit) (done, error) {
	slug := r.PathValue("slug")
	state, err := app.ParseState([]byte(r.PostForm.Get("text")))
	if err != nil {
		return done{}, err
	}
	now, err := a.Instances().State(r.Context(), slug)
	if err != nil {
		return done{}, err
	}
	if r.PostForm.Get("was") != digest(stateText(now)) {
		return done{}, errStale
	}
	keepNulls(state, now)
	if err := a.Instances().By(v.User()).Replace(r.Context(), slug, state); err != nil {
		return done{}, err
	}
	return went(instanceURL(slug), "Saved. What was before is in the history.")
}

// keepNulls keeps values that are null: a text cannot tell them from those that
// are not set.
func keepNulls(state, now app.BaseState) {
	for id, properties := range state {
		for property, value := range properties {
			if old, _ := now.Value(id, property); value == nil && string(old) == "null" {
				properties[property] = old
			}
		}
	}
}

// stateText returns a state as JSON with a line for each value.
func stateText(state app.BaseState) string {
	var b strings.Builder
	b.WriteString("{")
	comma := ""
	for _, id := range slices.Sorted(maps.Keys(state)) {
		b.WriteString(comma + "\n  " + quoted(string(id)) + ": {")
		comma = ","
		comma := ""
		for _, property := range slices.Sorted(maps.Keys(state[id])) {
			value := "null"
			if text := state[id][property]; text != nil {
				value = string(text)
			}
			b.WriteString(comma + "\n    " + quoted(property) + ": " + value)
			comma = ","
		}
		b.WriteString("\n  }")
	}
	b.WriteString("\n}\n")
	return b.String()
}

// quoted returns a text as JSON that people can read.
func quoted(text string) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(text) // a string can be encoded
	return strings.TrimSuffix(b.String(), "\n")
}

// value serves the page that edits one value of an instance, or adds one.
func (a admin) value(w http.ResponseWriter, r *http.Request, v *Visit, refused views.Form) error {
	instance, err := a.store.Instance(r.Context(), r.PathValue("slug"))
	if err != nil {
		return err
	}
	if err := r.ParseForm(); err != nil {
		return app.Errorf(app.Invalid, "The address cannot be read.")
	}
	id, property := app.ID(r.Form.Get("component")), r.Form.Get("property")
	now, tracked := instance.Tracks(id, property)
	form := edit(instance.Instance(), string(now), digest(string(now)), refused)
	form.Component, form.Property, form.New = string(id), property, !tracked
	return a.show(w, r, v, form.Instance.Name, refused, func(frame views.Admin) templ.Component { return frame.Value(form) })
}

// setValue gives a property a value.
func (a admin) setValue(r *http.Request, v *Visit) (done, error) {
	slug, form := r.PathValue("slug"), r.PostForm
	id, property, text := app.ID(form.Get("component")), strings.TrimSpace(form.Get("property")), form.Get("text")
	if err := checkJSON(text); err != nil {
		return done{}, err
	}
	instance, err := a.store.Instance(r.Context(), slug)
	if err != nil {
		return done{}, err
	}
	if now, _ := instance.Tracks(id, property); form.Get("was") != digest(string(now)) {
		return done{}, errStale
	}
	if err := a.Instances().By(v.User()).Set(r.Context(), slug, id, property, json.RawMessage(text)); err != nil {
		return done{}, err
	}
	return went(instanceURL(slug), "%s.%s is saved.", id, property)
}

// checkJSON returns an Invalid error with the line and column where a text
// stops to be JSON.
func checkJSON(text string) error {
	var value json.RawMessage
	err := json.Unmarshal([]byte(text), &value)
	if err == nil {
		return nil
	}
	before := text
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		before = text[:max(0, min(int(syntax.Offset)-1, len(text)))]
	}
	line := strings.Count(before, "\n") + 1
	column := len([]rune(before[strings.LastIndex(before, "\n")+1:])) + 1
	return app.Errorf(app.Invalid, "This is not JSON at line %d, column %d: %v.", line, column, err)
}
