package serve_test

import (
	"testing"

	"github.com/chromedp/chromedp"

	"dashd/app"
	"dashd/app/serve"
)

// submit clicks what leads to another page, and waits for that.
func (b *tab) submit(selector string) {
	b.Helper()
	if _, err := chromedp.RunResponse(b.ctx, chromedp.Click(chromedp.CSS(selector), chromedp.NodeVisible)); err != nil {
		b.Fatalf("submit %s: %v", selector, err)
	}
}

// A superuser makes an instance and edits a value, and its page shows that.
func TestBrowserAdmin(t *testing.T) { testAdmin(t, direct) }

func testAdmin(t *testing.T, w way) {
	s, _ := withUsers(t, w.config(serve.Config{Apps: []*app.App{adminApp()}}))
	b := w.open(t, s.Handler(), "/admin/instances/")
	b.fill("input[name=name]", "root")
	b.fill("input[name=password]", password)
	b.submit("main button")

	b.click(".new summary")
	b.fill("#create input[name=name]", "From the browser")
	b.click("#create input[name=populate]")
	b.submit("#create button")
	b.untilText(".notice p", "The instance is made.")
	b.screenshot("admin_instance")

	b.submit(`a[href$="property=value"]`)
	b.untilText("textarea", `"red"`)
	b.fill("textarea", "green")
	b.expect("status 400")
	b.expect("status of 400")
	b.submit("#value .button")
	b.until(`document.querySelector("[role=alert]").textContent.includes("line 1, column 1")`)
	b.fill("textarea", `"green"`)
	b.submit("#value .button")
	b.untilText(".notice p", "color.value is saved.")

	b.goTo("/instance/from-the-browser/")
	b.untilIdle()
	b.until(`document.getElementById("color").value === "green"`)
}
