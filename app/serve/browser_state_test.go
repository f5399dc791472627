package serve_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"testing"

	"dashd/app"
	"dashd/app/dcc"
	"dashd/app/html"
	"dashd/app/serve"
	"dashd/examples/simple"
)

// paintApp shows the color that its visitor chooses, and counts the choices of
// this browser.
func paintApp() *app.App {
	a := app.New("Paint")
	a.Access = app.Public
	a.Layout = html.Div{Children: app.List{
		dcc.RadioItems{ID: "color", Options: []string{"red", "green", "blue"}, Value: "red"},
		html.P{ID: "text"},
	}}
	a.Callback(app.Output("text", "children"), app.Input("color", "value")).Do(func(ctx *app.Context, color string) (string, error) {
		choices, err := ctx.Session().Add("choices", float64(len(ctx.Triggered)))
		return fmt.Sprintf("%s, choice %v", color, choices), err
	})
	return a
}

// chosen is true when the radio buttons in a document stand at a value.
func chosen(document, id, value string) string {
	return fmt.Sprintf(`%s.querySelector('[id="%s"] input:checked')?.closest("label").textContent.trim() === %q`, document, id, value)
}

// From the first start to a value that is still there after a reload: the
// set-up link, the first superuser, who signs in elsewhere, makes an instance
// and uses it; then somebody else sees what it has saved.
func TestBrowserState(t *testing.T) {
	s, _ := newServer(t, serve.Config{Apps: []*app.App{paintApp()}})
	link, _ := setupLink(t, s)
	root := openTab(t, s.Handler(), link)
	root.fill("input[name=name]", "root")
	root.fill("input[name=new]", password)
	root.fill("input[name=again]", password)
	root.submit("main button")
	root.until(`location.pathname === "/admin/"`)

	elsewhere := openTab(t, s.Handler(), "/admin/instances/") // and so to the page to sign in
	elsewhere.fill("input[name=name]", "root")
	elsewhere.fill("input[name=password]", password)
	elsewhere.submit("main button")
	elsewhere.click(".new summary")
	elsewhere.fill("#create input[name=name]", "The shed")
	elsewhere.click("#create input[name=save_on_change]")
	elsewhere.click("#create input[name=populate]")
	elsewhere.submit("#create button")
	elsewhere.untilText(".notice p", "The instance is made.")
	elsewhere.submit(`main a[href="/instance/the-shed/"]`)
	elsewhere.untilText("#text", "red, choice 0")
	elsewhere.click("#color label:nth-of-type(3) input")
	elsewhere.untilText("#text", "blue, choice 1")
	elsewhere.untilIdle()
	elsewhere.goTo("/instance/the-shed/")
	elsewhere.until(chosen("document", "color", "blue"))
	elsewhere.untilText("#text", "blue, choice 1")
	elsewhere.untilIdle()

	visitor := openTab(t, s.Handler(), "/instance/the-shed/")
	visitor.until(chosen("document", "color", "blue"))
	visitor.untilText("#text", "blue, choice 0")
	visitor.click("#color label:nth-of-type(2) input")
	visitor.untilText("#text", "green, choice 1")
	visitor.untilIdle()
	visitor.goTo("/app/paint/") // the app itself is as it was
	visitor.until(chosen("document", "color", "red"))
	visitor.untilText("#text", "red, choice 1")
	visitor.untilIdle()

	root.goTo("/admin/instances/the-shed")
	root.until(`document.querySelector("main").textContent.includes('"green"')`)
	if wide := js[int](root, "document.documentElement.scrollWidth - innerWidth"); wide > 0 {
		t.Errorf("the page is %d pixels wider than its window", wide)
	}
	root.screenshot("state_admin")
	root.goTo("/instance/the-shed/")
	root.until(chosen("document", "color", "green"))
	root.untilText("#text", "green, choice 0")
	root.untilIdle()
}

// embed writes a page of iframes, with these ids, of apps and instances.
func embed(w http.ResponseWriter, r *http.Request, frames ...frame) {
	fmt.Fprintf(w, `<!doctype html><title>Demo</title><p id="user">%v</p>`, serve.VisitOf(r).User())
	for _, f := range frames {
		url, err := serve.VisitOf(r).URL(f.target, f.initial)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		fmt.Fprintf(w, `<iframe id=%q src=%q style="width: 100%%; height: 220px"></iframe>`, f.id, url)
	}
}

type frame struct {
	id, target string
	initial    app.BaseState
}

// document is that of an iframe, once it is there.
func (f frame) document() string {
	return fmt.Sprintf("document.getElementById(%q).contentDocument", f.id)
}

// untilSays waits until a component in the iframe has the text.
func (f frame) untilSays(b *tab, id, text string) {
	b.Helper()
	b.until(fmt.Sprintf("%s?.getElementById(%q)?.textContent === %q", f.document(), id, text))
}

// choose clicks a radio button in the iframe.
func (f frame) choose(b *tab, id string, nth int) {
	b.Helper()
	js[bool](b, fmt.Sprintf("!%s.querySelectorAll('#%s input')[%d].click()", f.document(), id, nth))
}

// Demo two of django-plotly-dash: an instance, and the same with initial
// arguments above what it has saved.
func TestBrowserDemoTwo(t *testing.T) {
	saved := frame{id: "saved", target: "instance/simpleexample-1"}
	green := frame{"green", "instance/simpleexample-1", app.BaseState{"dropdown-color": {"value": json.RawMessage(`"green"`)}}}
	h, _ := mustNew(t, serve.Config{
		Apps:  []*app.App{simple.New()},
		Pages: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { embed(w, r, saved, green) }),
		Seed: func(ctx context.Context, instances *serve.Instances) error {
			_, err := instances.Ensure(ctx, serve.NewInstance{App: "SimpleExample", Slug: "simpleexample-1", State: app.BaseState{
				"dropdown-color": {"value": json.RawMessage(`"blue"`)}, "dropdown-size": {"value": json.RawMessage(`"small"`)},
			}})
			return err
		},
	})
	b := openTab(t, h, "/")
	for range 2 { // nothing is saved
		saved.untilSays(b, "output-size", "The chosen T-shirt is a small blue one.")
		green.untilSays(b, "output-size", "The chosen T-shirt is a small green one.")
		b.until(chosen(saved.document(), "dropdown-color", "Blue"))
		b.until(chosen(green.document(), "dropdown-color", "Green"))
		saved.choose(b, "dropdown-size", 0)
		saved.untilSays(b, "output-size", "The chosen T-shirt is a large blue one.")
		b.goTo("/")
	}
	saved.untilSays(b, "output-size", "The chosen T-shirt is a small blue one.")
	green.untilSays(b, "output-size", "The chosen T-shirt is a small green one.")
	b.screenshot("demo_two")
}

// Demo three: an app and an instance of it that saves. What the session has
// counted is theirs together; the second output stays as it is for CO2.
func TestBrowserDemoThree(t *testing.T) {
	a := app.New("Ex2")
	a.Access = app.Public
	a.Layout = html.Div{Children: app.List{
		dcc.RadioItems{ID: "dropdown-one", Value: "Oxygen", Options: dcc.Options{
			{Label: "O2", Value: "Oxygen"}, {Label: "N2", Value: "Nitrogen"}, {Label: "CO2", Value: "Carbon dioxide"},
		}},
		html.P{ID: "output-one"}, html.P{ID: "output-two"},
	}}
	a.Callback(app.Output("output-one", "children"), app.Output("output-two", "children"), app.Input("dropdown-one", "value")).
		Do(func(ctx *app.Context, gas string) (string, any, error) {
			calls, err := ctx.Session().Add("calls", 1)
			if err != nil {
				return "", nil, err
			}
			own, err := ctx.Session().Add("calls of "+ctx.User().String(), 1)
			text := fmt.Sprintf("%s at %s: call %v, %v of %v", gas, ctx.AppID(), calls, own, ctx.User())
			if gas == "Carbon dioxide" {
				return text, app.NoUpdate, err
			}
			return text, gas, err
		})

	plain, saving := frame{id: "plain", target: "app/Ex2"}, frame{id: "saving", target: "instance/ex2-3"}
	s, _ := withUsers(t, serve.Config{
		Apps:  []*app.App{a},
		Pages: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { embed(w, r, plain, saving) }),
		Seed: func(ctx context.Context, instances *serve.Instances) error {
			_, err := instances.Ensure(ctx, serve.NewInstance{App: "Ex2", Slug: "ex2-3", SaveOnChange: true, State: app.BaseState{"dropdown-one": {"value": json.RawMessage(`"Nitrogen"`)}}})
			return err
		},
	})
	b := openTab(t, s.Handler(), "/")
	b.untilText("#user", "AnonymousUser")
	plain.untilSays(b, "output-two", "Oxygen")
	saving.untilSays(b, "output-two", "Nitrogen") // both have called, in any order
	plain.choose(b, "dropdown-one", 1)
	plain.untilSays(b, "output-one", "Nitrogen at ex2: call 3, 3 of AnonymousUser")
	saving.choose(b, "dropdown-one", 2)
	saving.untilSays(b, "output-one", "Carbon dioxide at ex2-3: call 4, 4 of AnonymousUser")
	saving.untilSays(b, "output-two", "Nitrogen")

	b.goTo("/login?next=/")
	b.fill("input[name=name]", "ann")
	b.fill("input[name=password]", password)
	b.submit("main button")
	b.untilText("#user", "ann")
	plain.untilSays(b, "output-two", "Oxygen")
	b.until(chosen(plain.document(), "dropdown-one", "O2"))
	b.until(chosen(saving.document(), "dropdown-one", "CO2")) // the choice was saved
	b.until(saving.document() + `.getElementById("output-one").textContent.startsWith("Carbon dioxide at ex2-3: call ")`)
	saving.choose(b, "dropdown-one", 0)
	saving.untilSays(b, "output-one", "Oxygen at ex2-3: call 7, 3 of ann")
	saving.untilSays(b, "output-two", "Oxygen")
	b.screenshot("demo_three")
}

// Demo eight: a page and the app in it count in one session.
func TestBrowserDemoEight(t *testing.T) {
	h, _ := mustNew(t, serve.Config{Apps: []*app.App{pressApp()}, Pages: countUses})
	b := openTab(t, h, "/")
	b.untilText("#uses", "1")
	js[bool](b, `document.querySelector("iframe").id = "press", true`)
	f := frame{id: "press"}
	f.untilSays(b, "renders", "the page was rendered 1 times")
	for n := 1; n <= 2; n++ {
		js[bool](b, "!"+f.document()+`.getElementById("press").click()`)
		f.untilSays(b, "presses", fmt.Sprintf("pressed %d times, %d on this page", n, n))
	}
	b.goTo("/")
	b.untilText("#uses", "2")
	js[bool](b, `document.querySelector("iframe").id = "press", true`)
	f.untilSays(b, "renders", "the page was rendered 2 times")
	js[bool](b, "!"+f.document()+`.getElementById("press").click()`)
	f.untilSays(b, "presses", "pressed 3 times, 1 on this page")
}
