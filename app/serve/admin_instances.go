package serve

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/a-h/templ"

	"dashd/app"
	"dashd/views"
)

// instances serves the list of the instances, and the form that makes one.
func (a admin) instances(w http.ResponseWriter, r *http.Request, v *Visit, refused views.Form) error {
	query := r.URL.Query()
	list := views.AdminInstances{Filter: views.InstanceFilter{
		App:  query.Get("app"),
		Text: strings.TrimSpace(query.Get("text")),
		Save: query.Get("save"),
	}}
	all, err := a.Instances().List(r.Context(), InstanceFilter{App: list.Filter.App, Text: list.Filter.Text})
	if err != nil {
		return err
	}
	if saves := list.Filter.Save; saves != "" {
		all = slices.DeleteFunc(all, func(i app.Instance) bool { return i.SaveOnChange != (saves == "on") })
	}
	list.List, list.Pager = paged(r, all, "instance")
	if list.Apps, err = a.knownApps(r.Context()); err != nil {
		return err
	}
	return a.show(w, r, v, "Instances", refused, func(frame views.Admin) templ.Component { return frame.Instances(list) })
}

// instanceURL returns the path of an instance's page, below /admin/.
func instanceURL(slug string) string { return "instances/" + url.PathEscape(slug) }

// createInstance makes an instance.
func (a admin) createInstance(r *http.Request, v *Visit) (done, error) {
	form := r.PostForm
	instance := NewInstance{
		App:          form.Get("app"),
		Name:         strings.TrimSpace(form.Get("name")),
		Slug:         strings.TrimSpace(form.Get("slug")),
		SaveOnChange: form.Has("save_on_change"),
	}
	if form.Has("populate") {
		m := a.byName[instance.App]
		if m == nil {
			return done{}, errNoApp
		}
		var err error
		if instance.State, err = m.app.Populate(r.Context(), nil); err != nil {
			return done{}, fmt.Errorf("populate the new instance: %w", err)
		}
	}
	made, err := a.Instances().By(v.User()).Create(r.Context(), instance)
	if err != nil {
		return done{}, err
	}
	return went(instanceURL(made.Slug), "The instance is made.")
}

// historyLength is how much of its history the page of an instance shows.
const historyLength = 100

// instance serves the page of one instance.
func (a admin) instance(w http.ResponseWriter, r *http.Request, v *Visit, refused views.Form) error {
	place, err := a.find(r.Context(), kindInstance, r.PathValue("slug"))
	if err != nil {
		return err
	}
	about := views.AdminInstance{Instance: place.instance.Instance()}
	if place.mount != nil {
		about.AppName = place.mount.app.Name()
		about.AppGives = a.appAccess(place.mount)
	}
	history, err := a.Instances().History(r.Context(), place.slug, historyLength)
	if err != nil {
		return err
	}
	written := map[app.ID]map[string]views.Value{} // the present values in the history
	for i, revision := range history {
		value := describeValue(revision.Component, revision.Property, revision.Value)
		value.By, value.At = author(revision), revision.At
		about.History = append(about.History, views.Revision{
			Value:  value,
			Number: revision.Revision,
			First:  i == 0 || history[i-1].Revision != revision.Revision,
		})
		if revision.Until == 0 {
			if written[value.Component] == nil {
				written[value.Component] = map[string]views.Value{}
			}
			written[value.Component][value.Property] = value
		}
	}
	state := place.instance.State()
	for _, id := range slices.Sorted(maps.Keys(state)) {
		for _, property := range slices.Sorted(maps.Keys(state[id])) {
			value := describeValue(id, property, state[id][property])
			if w, ok := written[id][property]; ok {
				value.By, value.At = w.By, w.At
			}
			about.Values = append(about.Values, value)
		}
	}
	return a.show(w, r, v, about.Name, refused, func(frame views.Admin) templ.Component { return frame.Instance(about) })
}

// author says who wrote a revision.
func author(r Revision) string {
	switch {
	case r.User != "":
		return r.User
	case r.Page != "":
		return "anonymous"
	default:
		return "a command"
	}
}

// shownValue bounds what a table shows of a value.
const shownValue = 160

func describeValue(id app.ID, property string, value json.RawMessage) views.Value {
	return views.Value{
		Component: id, Property: property, Unset: value == nil,
		Text: cut(string(value), shownValue), Cut: len(value) > shownValue,
	}
}

// describeInstance changes what an instance is called and who may open it.
func (a admin) describeInstance(r *http.Request, v *Visit) (done, error) {
	form := r.PostForm
	access, err := accessOf(form)
	if err != nil {
		return done{}, err
	}
	changed, err := a.Instances().By(v.User()).Change(r.Context(), r.PathValue("slug"), InstanceChange{
		Name:         new(strings.TrimSpace(form.Get("name"))),
		Slug:         new(strings.TrimSpace(form.Get("slug"))),
		Access:       &access,
		SaveOnChange: new(form.Has("save_on_change")),
	})
	if err != nil {
		return done{}, err
	}
	unknown, err := a.unknown(r.Context(), access)
	return done{to: instanceURL(changed.Slug), notice: views.Notice{Text: "Saved. It counts from now on.", Lines: unknown}}, err
}

// untrack stops tracking a property.
func (a admin) untrack(r *http.Request, v *Visit) (done, error) {
	slug, id, property := r.PathValue("slug"), app.ID(r.PostForm.Get("component")), r.PostForm.Get("property")
	if err := a.Instances().By(v.User()).Untrack(r.Context(), slug, id, property); err != nil {
		return done{}, err
	}
	return went(instanceURL(slug), "%s.%s is no longer tracked.", id, property)
}

// populate makes an instance track all that its app's layout sets.
func (a admin) populate(r *http.Request, v *Visit) (done, error) {
	slug := r.PathValue("slug")
	if err := a.Instances().By(v.User()).Populate(r.Context(), slug); err != nil {
		return done{}, err
	}
	return went(instanceURL(slug), "The values are those of the app's layout now. What was before is in the history.")
}

// reset forgets the values of an instance.
func (a admin) reset(r *http.Request, v *Visit) (done, error) {
	slug := r.PathValue("slug")
	if err := a.Instances().By(v.User()).Reset(r.Context(), slug); err != nil {
		return done{}, err
	}
	return went(instanceURL(slug), "The layout's own values count again. What was before is in the history.")
}

// clone makes a copy of an instance.
func (a admin) clone(r *http.Request, v *Visit) (done, error) {
	copied, err := a.Instances().By(v.User()).Clone(r.Context(), r.PathValue("slug"), strings.TrimSpace(r.PostForm.Get("name")), "")
	if err != nil {
		return done{}, err
	}
	return went(instanceURL(copied.Slug), "This is the copy.")
}

// restore brings back the values of a revision.
func (a admin) restore(r *http.Request, v *Visit) (done, error) {
	slug := r.PathValue("slug")
	revision, err := strconv.ParseInt(r.PostForm.Get("revision"), 10, 64)
	if err != nil {
		return done{}, app.Errorf(app.Invalid, "A revision is a number.")
	}
	if err := a.Instances().By(v.User()).Restore(r.Context(), slug, revision); err != nil {
		return done{}, err
	}
	return went(instanceURL(slug), "The values of revision %d are back.", revision)
}

// export answers with the state as a file, in django-plotly-dash's form.
func (a admin) export(w http.ResponseWriter, r *http.Request, _ *Visit, _ views.Form) error {
	slug := r.PathValue("slug")
	state, err := a.Instances().State(r.Context(), slug)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Disposition", `attachment; filename="`+slug+`.json"`) // a slug has no quotes
	a.answerJSON(w, r, http.StatusOK, state.Text())
	return nil
}

func (a admin) confirmDeleteInstance(w http.ResponseWriter, r *http.Request, v *Visit, refused views.Form) error {
	instance, err := a.Instances().Get(r.Context(), r.PathValue("slug"))
	if err != nil {
		return err
	}
	here := a.config.BasePath + adminPath + instanceURL(instance.Slug)
	return a.show(w, r, v, "Delete "+instance.Name, refused, func(frame views.Admin) templ.Component {
		return frame.Confirm(views.Confirmation{
			Question: "Delete the instance " + instance.Name + "?",
			Text:     "All that it holds is gone then, and its history. Pages that embed it stop working. There is no way back; export it first to keep a copy.",
			Action:   "Delete",
			Post:     here + "/delete",
			Back:     here,
		})
	})
}

// deleteInstance removes an instance.
func (a admin) deleteInstance(r *http.Request, v *Visit) (done, error) {
	instance, err := a.Instances().Get(r.Context(), r.PathValue("slug"))
	if err != nil {
		return done{}, err
	}
	if err := a.Instances().By(v.User()).Delete(r.Context(), instance.Slug); err != nil {
		return done{}, err
	}
	return went("instances/", "The instance %s is deleted.", instance.Name)
}
