package views

import (
	"context"
	"fmt"
	"io"
	"regexp"
	"strconv"

	"github.com/a-h/templ"

	"dashd/app"
)

// PlotlyApp puts an app into a page as an iframe which is as wide as what is
// around it: django-plotly-dash's plotly_app. A page of html/template takes it
// by [templ.ToGoHTML].
//
// Where the visitor may not open the app, or there is none, a box in its place
// says so. Render fails only for what the page's author has to mend: nothing
// named, a Ratio or Height that is none, or a context without a server (see
// [Embedder]).
type PlotlyApp struct {
	// Name is the name or slug of an app. Slug, that of an instance, comes
	// before it; Instance is for when neither is set.
	Name     string
	Slug     string
	Instance *app.Instance

	// Ratio is the height in parts of the width. Default: 0.1.
	Ratio float64

	// Height is the height in place of Ratio, as CSS writes it: "300px". With
	// AutoHeight it is what the frame starts with. Default there: 150px.
	Height string

	// AutoHeight makes the frame follow the height of its content. The page
	// needs a [PlotlyFooter], too. Bounds are CSS of the page's own: min-height
	// and max-height of .dashd-auto.
	AutoHeight bool

	// FrameBorder draws a border around the frame.
	FrameBorder bool

	// Initial are values over those of the app's layout, and of what the
	// instance has saved, for this visitor.
	Initial app.BaseState
}

// Render implements [templ.Component].
func (p PlotlyApp) Render(ctx context.Context, w io.Writer) error {
	style, err := p.style()
	if err != nil {
		return err
	}
	e, err := embed(ctx, p.Name, p.Slug, p.Instance, p.Initial)
	if err != nil {
		return err
	}
	border := "0"
	if p.FrameBorder {
		border = "1"
	}
	switch {
	case e.Problem != "":
		return embedProblem(e).Render(ctx, w)
	case p.AutoHeight:
		return autoFrame(e, style, border).Render(ctx, w)
	default:
		return sizedFrame(e, style, border).Render(ctx, w)
	}
}

// style is that of the box around the frame, or of the frame itself with
// AutoHeight.
func (p PlotlyApp) style() (templ.SafeCSS, error) {
	if p.Height != "" && !cssLength.MatchString(p.Height) {
		return "", fmt.Errorf("a height is a length of CSS such as 300px; %q is none", p.Height)
	}
	switch {
	case !(p.Ratio >= 0 && p.Ratio <= 1000):
		return "", fmt.Errorf("a ratio of height to width is a number such as 0.1; %v is none", p.Ratio)
	case p.AutoHeight && p.Height != "":
		return templ.SafeCSS("display: block; width: 100%; height: " + p.Height + ";"), nil
	case p.AutoHeight:
		return "display: block; width: 100%; height: 150px;", nil
	case p.Height != "":
		return templ.SafeCSS("position: relative; height: " + p.Height + "; overflow: hidden;"), nil
	}
	ratio := p.Ratio
	if ratio == 0 {
		ratio = 0.1
	}
	percent := strconv.FormatFloat(ratio*100, 'f', -1, 32) // 7 for 0.07
	return templ.SafeCSS("position: relative; padding-bottom: " + percent + "%; height: 0; overflow: hidden;"), nil
}

// cssLength is a length, or a calculation with lengths, and nothing that could
// end a declaration.
var cssLength = regexp.MustCompile(`^[a-z0-9.%(][a-z0-9.%()*/+, -]*$`)

// PlotlyAppBootstrap puts an app into a page as an iframe with one of four
// shapes: django-plotly-dash's plotly_app_bootstrap. It has the classes of
// Bootstrap 4 and carries their sizes itself, so that it looks the same beside
// Bootstrap 5, or none. Problems are shown as [PlotlyApp] shows them.
type PlotlyAppBootstrap struct {
	// Name, Slug and Instance are as in [PlotlyApp].
	Name     string
	Slug     string
	Instance *app.Instance

	// Aspect is the ratio of width to height: "21by9", "16by9", "4by3" or
	// "1by1". Default: "4by3". Any other is an error of Render.
	Aspect string

	// Initial is as in [PlotlyApp].
	Initial app.BaseState
}

// aspects are the CSS of the aspects.
var aspects = map[string]string{"21by9": "21 / 9", "16by9": "16 / 9", "4by3": "4 / 3", "1by1": "1 / 1"}

// Render implements [templ.Component].
func (p PlotlyAppBootstrap) Render(ctx context.Context, w io.Writer) error {
	aspect := p.Aspect
	if aspect == "" {
		aspect = "4by3"
	}
	ratio, ok := aspects[aspect]
	if !ok {
		return fmt.Errorf("an aspect is 21by9, 16by9, 4by3 or 1by1; %q is none of them", aspect)
	}
	e, err := embed(ctx, p.Name, p.Slug, p.Instance, p.Initial)
	if err != nil {
		return err
	}
	if e.Problem != "" {
		return embedProblem(e).Render(ctx, w)
	}
	style := templ.SafeCSS("position: relative; width: 100%; aspect-ratio: " + ratio + "; overflow: hidden;")
	return bootstrapFrame(e, aspect, style).Render(ctx, w)
}

// PlotlyDirect puts an app into the page itself, without a frame:
// django-plotly-dash's plotly_direct, any number of them in a page. The page
// needs a [PlotlyHeader] and a [PlotlyFooter]. Problems are shown as [PlotlyApp]
// shows them.
type PlotlyDirect struct {
	// Name, Slug and Instance are as in [PlotlyApp].
	Name     string
	Slug     string
	Instance *app.Instance

	// Initial is as in [PlotlyApp].
	Initial app.BaseState
}

// Render implements [templ.Component].
func (p PlotlyDirect) Render(ctx context.Context, w io.Writer) error {
	e, err := embed(ctx, p.Name, p.Slug, p.Instance, p.Initial)
	if err != nil {
		return err
	}
	if e.Problem != "" {
		return embedProblem(e).Render(ctx, w)
	}
	return direct(e).Render(ctx, w)
}
