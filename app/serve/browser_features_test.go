package serve_test

import (
	"fmt"
	"testing"

	"github.com/chromedp/chromedp/kb"

	"dashd/app"
	"dashd/app/serve"
	"dashd/examples/clientside"
	"dashd/examples/editor"
	"dashd/examples/live"
	"dashd/examples/todo"
)

// The examples that teach a chapter each, clicked through.

// openApp serves an app and waits until its page is there.
func openApp(t *testing.T, a *app.App) *tab {
	t.Helper()
	h, _ := mustNew(t, serve.Config{Apps: []*app.App{a}})
	b := openTab(t, h, "/app/"+a.Slug()+"/")
	b.untilIdle()
	return b
}

// byID is the selector of a component.
func byID(id app.ID) string { return fmt.Sprintf("[id='%s']", id) }

// untilTexts waits until the elements of a selector have the texts, in order.
func (b *tab) untilTexts(selector, texts string) {
	b.Helper()
	b.until(fmt.Sprintf("[...document.querySelectorAll(%q)].map(e => e.textContent).join('|') === %q", selector, texts))
}

func TestBrowserTodoExample(t *testing.T) {
	part := func(name string, item int) string { return byID(app.Key("part", name, "item", item)) }
	const texts = `#list span[id*='"text"']`
	b := openApp(t, todo.New())
	b.untilText("#count", "1 of 3 done")

	b.click("#new")
	b.keys("Milk" + kb.Enter)
	b.untilText(part("text", 4), "Milk")
	b.keys("Bread")
	b.until(`document.querySelector("#new").value === "Bread"`)
	b.click("#add")
	b.untilText("#count", "1 of 5 done")
	b.until(`document.querySelector("#new").value === ""`)

	b.click(part("check", 4))
	b.untilText("#count", "2 of 5 done")
	b.until(fmt.Sprintf(`document.querySelector(%q).className.includes("line-through")`, part("text", 4)))

	b.click(part("edit", 5))
	b.untilText(part("edit", 5), "Save")
	b.fill(part("input", 5), "Brown bread")
	b.click(part("delete", 3)) // the row that is being edited stays as it is
	b.untilText("#count", "2 of 4 done")
	b.untilText(part("edit", 5), "Save")
	b.click(part("edit", 5))
	b.untilText(part("text", 5), "Brown bread")

	b.click("#filter label:nth-of-type(2)")
	b.untilTexts(texts, "Add something of your own|Brown bread")
	b.click(part("check", 2)) // and so it is no longer open
	b.untilTexts(texts, "Brown bread")
	b.click("#filter label:nth-of-type(3)")
	b.untilTexts(texts, "Read about pattern-matching callbacks|Add something of your own|Milk")
	b.click("#clear")
	b.untilText("#count", "0 of 1 done")
	b.untilTexts(texts, "")
	b.click("#filter label:nth-of-type(1)")
	b.untilTexts(texts, "Brown bread")
	b.until(`document.querySelector("#clear").disabled`)
	b.untilIdle()
	b.screenshot("todo")

	b.goTo("/app/to-do/") // the tab remembers
	b.untilText("#count", "0 of 1 done")
	b.untilTexts(texts, "Brown bread")
	b.untilIdle()
}

func TestBrowserLiveExample(t *testing.T) {
	const plot = `document.querySelector("#graph .js-plotly-plot")`
	b := openApp(t, live.New())
	b.until(`(` + plot + `?.data?.[1].x.length || 0) >= 3`)
	b.click("#pause")
	b.untilText("#state", "paused")
	b.untilText("#pause", "Resume")
	b.untilIdle()
	n, second := js[int](b, plot+".data[0].x.length"), js[float64](b, plot+".data[0].x[1]")
	b.until(`document.querySelector("#status").textContent.startsWith("Tick " + 2 * ` + plot + `.data[0].x.at(-1) + ": ")`)

	b.fill("#title", "Warm")
	b.until(`document.querySelector("#graph .gtitle")?.textContent === "Warm"`)
	js[bool](b, `dash_clientside.set_props("color", {value: "#c92a2a"}) || true`)
	b.until(plot + `.data[0].line.color === "#c92a2a"`)

	// From tick 100 on, the oldest point goes.
	js[bool](b, `dash_clientside.set_props("clock", {n_intervals: 100}) || true`)
	b.until(plot + `.data[0].x.at(-1) === 50`)
	if first := js[float64](b, plot+".data[0].x[0]"); first != second {
		t.Errorf("the oldest point is at %v s, want %v", first, second)
	}
	if got := js[int](b, plot+".data[0].x.length"); got != n {
		t.Errorf("there are %d points, want %d", got, n)
	}

	b.click("#restart")
	b.until(plot + `.data[0].x.length === 1 && ` + plot + `.data[1].y.length === 1`)
	b.click("#pause")
	b.untilText("#state", "live")
	b.until(plot + `.data[0].x.length > 1`)
	b.untilText("#graph .gtitle", "Warm")
	b.screenshot("live")
}

func TestBrowserClientsideExample(t *testing.T) {
	const dots = `document.querySelectorAll("#flats .points path").length`
	b := openApp(t, clientside.New())
	b.untilText("#found", "253 of 300 flats")
	b.until(dots + " === 253")
	b.click("#districts label:nth-of-type(1)")
	b.until(dots + " < 253")
	b.until(dots + ` === parseInt(document.querySelector("#found").textContent)`)
	js[bool](b, `dash_clientside.set_props("rent", {drag_value: 600}) || true`)
	b.until(dots + " < 40 && " + dots + " > 0")
	b.until(dots + ` === parseInt(document.querySelector("#found").textContent)`)

	b.untilText("#grade", "Words: 36. For readers of 7 years and older.")
	b.untilText("#left", "109 left")
	b.click("#text")
	b.keys(kb.End + " More")
	b.untilText("#left", "104 left")
	b.untilIdle()
	b.untilText("#grade", "Words: 36. For readers of 7 years and older.") // in the middle of a word
	b.keys(".")
	b.untilText("#grade", "Words: 37. For readers of 6 years and older.")
	js[bool](b, `dash_clientside.set_props("text", {value: "a ".repeat(150)}) || true`)
	b.untilText("#left", "20 too many")
	b.until(`getComputedStyle(document.querySelector("#meter")).backgroundColor === "rgb(201, 42, 42)"`) // by the stylesheet
	b.untilText("#grade", "Words: 150. For readers of 22 years and older.")
	b.screenshot("clientside")
}

func TestBrowserEditorExample(t *testing.T) {
	const kinds = "#cards .badge"
	b := openApp(t, editor.New())
	b.untilTexts(kinds, "text|choice|slider")
	b.fill("#title", "Autumn party")
	b.untilText("#preview h2", "Autumn party")
	b.click(byID(app.Key("add", "date")))
	b.untilTexts(kinds, "text|choice|slider|date")
	b.click(byID(app.Key("add", "number")))
	b.untilTexts(kinds, "text|choice|slider|date|number")
	b.fill(byID(app.Key("label", 5)), "Guests")
	b.click(byID(app.Key("required", 5)))
	b.untilTexts("#preview label.form-label", "Your name *|Meal *|How much will you dance?|A date|Guests *")
	b.fill(byID(app.Key("choices", 2)), "Soup,Salad")
	b.untilTexts("#preview select option:not([disabled])", "Soup|Salad")
	b.click(byID(app.Key("up", 5)))
	b.untilTexts(kinds, "text|choice|slider|number|date")
	b.click(byID(app.Key("remove", 3)))
	b.untilTexts(kinds, "text|choice|number|date")
	b.untilIdle()
	b.screenshot("editor build")

	b.click(".nav-item:nth-of-type(2) a")
	b.untilTexts("#page label.form-label", "Your name *|Meal *|Guests *|A date")
	b.click("#send")
	for _, n := range []int{1, 2, 5} {
		b.untilText(byID(app.Key("problem", n)), "Please answer this.")
	}
	b.fill(byID(app.Key("answer", 1)), "Ada")
	b.fill(byID(app.Key("answer", 5)), "3")
	js[bool](b, `dash_clientside.set_props({answer: 2}, {value: "Salad"}) || true`)
	b.fill("#who", "Grace")
	b.click("#send")
	b.untilText("#result", "Thank you, Grace!Your name: AdaMeal: SaladGuests: 3A date: –")
	b.untilText(byID(app.Key("problem", 1)), "")
	b.until(`!document.querySelector("#send").disabled`)
	b.untilIdle()
	b.screenshot("editor fill in")
	b.click("#export")
	b.untilIdle()

	// Back to building, the form is still there; without fields it is not saved.
	b.click(".nav-item:nth-of-type(1) a")
	b.untilTexts(kinds, "text|choice|number|date")
	for i, n := range []int{1, 2, 5, 4} {
		b.click(byID(app.Key("remove", n)))
		b.until(fmt.Sprintf("document.querySelectorAll(%q).length === %d", kinds, 3-i))
	}
	b.untilText("#preview p", "Add a field, and the form appears here.")
	b.click("#export")
	b.untilText("#toast .toast-body, .toast-body", "The form is still empty. Add a field first.")
	b.untilIdle()
}
