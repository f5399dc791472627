package views

import (
	"dashd/app"
)

// PlotlyAppIdentifier is a text that names an app or instance in a page, such as
// "simpleexample": django-plotly-dash's plotly_app_identifier.
type PlotlyAppIdentifier struct {
	// Name, Slug and Instance are as in [PlotlyApp].
	Name     string
	Slug     string
	Instance *app.Instance

	// Postfix comes after it, with a hyphen between.
	Postfix string
}

// String returns the text.
func (p PlotlyAppIdentifier) String() string {
	id := app.Slugify(p.Name)
	switch {
	case p.Slug != "":
		id = app.Slugify(p.Slug)
	case p.Name == "" && p.Instance != nil:
		id = app.Slugify(p.Instance.Slug)
	}
	if p.Postfix != "" {
		id += "-" + p.Postfix
	}
	return id
}

// PlotlyClass is the classes for an element around an app, such as
// "django-plotly-dash django-plotly-dash-iframe
// django-plotly-dash-app-simpleexample": django-plotly-dash's plotly_class.
type PlotlyClass struct {
	// Name, Slug and Instance are as in [PlotlyApp].
	Name     string
	Slug     string
	Instance *app.Instance

	// Prefix begins each class. Default: "django-plotly-dash".
	Prefix string

	// Postfix ends the last of them, with a hyphen between.
	Postfix string

	// TemplateType ends the second. Default: "iframe".
	TemplateType string
}

// String returns the classes.
func (p PlotlyClass) String() string {
	prefix, kind := p.Prefix, p.TemplateType
	if prefix == "" {
		prefix = "django-plotly-dash"
	}
	if kind == "" {
		kind = "iframe"
	}
	id := PlotlyAppIdentifier{p.Name, p.Slug, p.Instance, p.Postfix}
	return prefix + " " + prefix + "-" + kind + " " + prefix + "-app-" + id.String()
}
