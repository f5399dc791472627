package views_test

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"html/template"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/a-h/templ"
	"github.com/google/go-cmp/cmp"

	"dashd/app"
	"dashd/views"
)

var update = flag.Bool("update", false, "write the golden files anew")

// server is an Embedder with one app, one instance, and one of each problem.
type server struct{}

func (server) Embed(_ context.Context, target string, initial app.BaseState) views.Embedded {
	switch target {
	case "app/SimpleExample", "instance/simpleexample-1":
		e := views.Embedded{URL: "/" + strings.ToLower(target) + "/", Title: "Simple example"}
		if initial != nil {
			e.URL += "initial/dpd-initial-args-0123/"
		}
		return e
	case "app/quotes":
		return views.Embedded{URL: `/app/"quotes"&<b>/`, Title: `"Quotes" & <b>`}
	case "app/members":
		return views.Embedded{Problem: "Sign in to see this.", SignIn: `/login?next=%2F&x="`}
	case "app/staff":
		return views.Embedded{Problem: "You may not open this."}
	default:
		return views.Embedded{Problem: `There is no app "` + strings.TrimPrefix(target, "app/") + `".`}
	}
}

func (server) Script() string { return "/embed.js" }

func (server) PipeScript(socket string) string {
	if socket == "" {
		socket = "/dpd/ws/channel"
	}
	return "/static/0123/dpd_components/dpd_components.js#" + socket
}

var (
	instance = &app.Instance{App: "simpleexample", Name: "SimpleExample-1", Slug: "simpleexample-1"}
	green    = app.BaseState{"dropdown-color": {"value": json.RawMessage(`"green"`)}}
)

// The exact HTML of each component.
func TestPlotlyComponents(t *testing.T) {
	ctx := views.WithEmbedder(t.Context(), server{})
	for name, component := range map[string]templ.Component{
		"app":                     views.PlotlyApp{Name: "SimpleExample"},
		"app_slug":                views.PlotlyApp{Slug: "simpleexample-1"},
		"app_slug_before_name":    views.PlotlyApp{Name: "Other", Slug: "simpleexample-1"},
		"app_instance":            views.PlotlyApp{Instance: instance, Ratio: 0.07},
		"app_ratio":               views.PlotlyApp{Name: "SimpleExample", Ratio: 0.35},
		"app_height":              views.PlotlyApp{Name: "SimpleExample", Height: "calc(50vh - 2.5rem)"},
		"app_auto_height":         views.PlotlyApp{Name: "SimpleExample", AutoHeight: true},
		"app_auto_height_from":    views.PlotlyApp{Name: "SimpleExample", AutoHeight: true, Height: "300px", FrameBorder: true, Initial: green},
		"app_frame_border":        views.PlotlyApp{Name: "SimpleExample", FrameBorder: true},
		"app_initial":             views.PlotlyApp{Name: "SimpleExample", Initial: green},
		"app_escaped":             views.PlotlyApp{Name: "quotes"},
		"app_unknown":             views.PlotlyApp{Name: `"<i>`},
		"app_sign_in":             views.PlotlyApp{Name: "members", AutoHeight: true},
		"app_forbidden":           views.PlotlyApp{Name: "staff", Height: "300px"},
		"bootstrap":               views.PlotlyAppBootstrap{Name: "SimpleExample"},
		"bootstrap_21by9":         views.PlotlyAppBootstrap{Name: "SimpleExample", Aspect: "21by9"},
		"bootstrap_initial":       views.PlotlyAppBootstrap{Slug: "simpleexample-1", Aspect: "1by1", Initial: green},
		"bootstrap_escaped":       views.PlotlyAppBootstrap{Name: "quotes", Aspect: "16by9"},
		"bootstrap_sign_in":       views.PlotlyAppBootstrap{Name: "members"},
		"direct":                  views.PlotlyDirect{Name: "SimpleExample"},
		"direct_initial":          views.PlotlyDirect{Instance: instance, Initial: green},
		"direct_escaped":          views.PlotlyDirect{Name: "quotes"},
		"direct_unknown":          views.PlotlyDirect{Name: "other"},
		"header":                  views.PlotlyHeader{},
		"footer":                  views.PlotlyFooter{},
		"message_pipe":            views.PlotlyMessagePipe{},
		"message_pipe_elsewhere":  views.PlotlyMessagePipe{URL: `/ws?a=1&b="`},
		"page_without_direct_app": templ.Join(views.PlotlyHeader{}, views.PlotlyApp{Name: "SimpleExample"}, views.PlotlyFooter{}),
		"page_with_direct_apps":   templ.Join(views.PlotlyHeader{}, views.PlotlyDirect{Name: "SimpleExample"}, views.PlotlyDirect{Name: "SimpleExample"}, views.PlotlyFooter{}),
	} {
		t.Run(name, func(t *testing.T) {
			checkGolden(t, name, render(t, ctx, component))
		})
	}
	nonce := templ.WithNonce(ctx, "abc")
	checkGolden(t, "page_with_nonce", render(t, nonce, templ.Join(views.PlotlyHeader{}, views.PlotlyMessagePipe{}, views.PlotlyFooter{})))
}

func render(t *testing.T, ctx context.Context, component templ.Component) string {
	t.Helper()
	var html bytes.Buffer
	if err := component.Render(ctx, &html); err != nil {
		t.Fatal(err)
	}
	return html.String()
}

func checkGolden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", "plotly", name+".html")
	got += "\n"
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s differs (-update writes it anew):\n%s", file, diff)
	}
}

// What the page's author has to mend is an error of Render.
func TestPlotlyMistakes(t *testing.T) {
	ctx := views.WithEmbedder(t.Context(), server{})
	for want, component := range map[string]templ.Component{
		"needs a Name, a Slug or an Instance":                              views.PlotlyDirect{},
		`an aspect is 21by9, 16by9, 4by3 or 1by1; "3by2" is none of them`:  views.PlotlyAppBootstrap{Name: "SimpleExample", Aspect: "3by2"},
		`"300px; background: red" is none`:                                 views.PlotlyApp{Name: "SimpleExample", Height: "300px; background: red"},
		`"\"><script>" is none`:                                            views.PlotlyApp{Name: "SimpleExample", Height: `"><script>`},
		"a ratio of height to width is a number such as 0.1; -0.5 is none": views.PlotlyApp{Name: "SimpleExample", Ratio: -0.5},
	} {
		err := component.Render(ctx, new(bytes.Buffer))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("the error is %v, want %s", err, want)
		}
	}
	for _, component := range []templ.Component{
		views.PlotlyApp{Name: "SimpleExample"}, views.PlotlyAppBootstrap{Name: "SimpleExample"}, views.PlotlyDirect{Name: "SimpleExample"},
		views.PlotlyFooter{}, views.PlotlyMessagePipe{},
	} {
		if err := component.Render(t.Context(), new(bytes.Buffer)); err == nil || !strings.Contains(err.Error(), "knows no server") {
			t.Errorf("%T without a server: %v", component, err)
		}
	}
}

func TestPlotlyClass(t *testing.T) {
	for want, text := range map[string]interface{ String() string }{
		"simpleexample":        views.PlotlyAppIdentifier{Name: "SimpleExample"},
		"has-space-left":       views.PlotlyAppIdentifier{Name: "Has Space", Postfix: "left"},
		"simpleexample-1":      views.PlotlyAppIdentifier{Slug: "simpleexample-1", Name: "Other"},
		"simpleexample-1-left": views.PlotlyAppIdentifier{Instance: instance, Postfix: "left"},
		"django-plotly-dash django-plotly-dash-iframe django-plotly-dash-app-simpleexample":             views.PlotlyClass{Name: "SimpleExample"},
		"django-plotly-dash django-plotly-dash-div-direct django-plotly-dash-app-simpleexample-1-right": views.PlotlyClass{Slug: "simpleexample-1", Postfix: "right", TemplateType: "div-direct"},
		"card card-iframe card-app-simpleexample-1":                                                     views.PlotlyClass{Instance: instance, Prefix: "card"},
	} {
		if got := text.String(); got != want {
			t.Errorf("%T: %q, want %q", text, got, want)
		}
	}
}

// In html/template the components are values as others are.
func TestPlotlyInHTMLTemplate(t *testing.T) {
	ctx := views.WithEmbedder(t.Context(), server{})
	app, err := templ.ToGoHTML(ctx, views.PlotlyApp{Name: "SimpleExample"})
	if err != nil {
		t.Fatal(err)
	}
	var page strings.Builder
	text := template.Must(template.New("").Parse(`<div class="{{.Class}}">{{.App}}</div>`))
	data := map[string]any{"Class": views.PlotlyClass{Name: "SimpleExample"}, "App": app}
	if err := text.Execute(&page, data); err != nil {
		t.Fatal(err)
	}
	want := `<div class="django-plotly-dash django-plotly-dash-iframe django-plotly-dash-app-simpleexample">` + string(app) + `</div>`
	if page.String() != want {
		t.Errorf("the page is %s", page.String())
	}
}
