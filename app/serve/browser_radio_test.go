package serve_test

import (
	"fmt"
	"net/http"
	"testing"

	"dashd/app"
	"dashd/app/serve"
	"dashd/examples/simple"
)

// TestBrowserRadioGroups holds that the radio buttons of two direct apps with
// equal ids are groups of their own.
func TestBrowserRadioGroups(t *testing.T) {
	h, _ := mustNew(t, serve.Config{
		Apps: []*app.App{simple.New()},
		Pages: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			fmt.Fprint(w, `<!DOCTYPE html><title>Two</title><link rel="icon" href="/favicon.ico"><script src="/embed.js"></script>
				<dash-app src="/app/simpleexample/"></dash-app><dash-app src="/app/simpleexample/"></dash-app>`)
		}),
	})
	b := openTab(t, h, "/two")
	checked := `Array.from(document.querySelectorAll("dash-app input:checked"), input => input.value).join(" ")`
	b.until(`document.querySelectorAll("dash-app input").length === 12`)
	b.until(checked + ` === "red medium red medium"`)
	b.click(`dash-app:last-of-type input[value=blue]`)
	b.until(checked + ` === "red medium blue medium"`)
}
