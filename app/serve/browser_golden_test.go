package serve_test

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/chromedp/chromedp/kb"
	"github.com/google/go-cmp/cmp"

	"dashd/app"
	"dashd/app/serve"
)

// goldenSteps are what a person did in the recordings: "click SELECTOR",
// "type SELECTOR TEXT" at the end of an input, "clear SELECTOR", "choose
// SELECTOR OPTION" in a dropdown.
var goldenSteps = map[string][]string{
	"01_simple":          {"click #dropdown-size label:nth-of-type(1)", "click #dropdown-color label:nth-of-type(3)"},
	"02_state":           {"click #go", "type #name x", "click #nul", "clear #num", "click #go"},
	"03_multi_output":    {"choose #mode first", "choose #mode second", "choose #mode none", "choose #mode prevent", "choose #mode single_nu", "choose #mode both"},
	"04_list_of_one":     {"type #i y"},
	"06_prevent_initial": {"click #b"},
	"07_allow_duplicate": {"click #b1", "click #b2"},
	"09_pattern_match":   {"click #add", "click #add", `type #\{\"row\"\:1\,\"type\"\:\"inp\"\} q`, `click #\{\"row\"\:2\,\"type\"\:\"btn\"\}`},
	"12_clientside":      {"type #i D"},
	"13_layout_fn":       {"type #i y"},
	"15_set_props":       {"click #noout", "click #without", "click #prevent", "click #nu", "click #merge", "click #dict", "click #comp", "click #patch"},
	"16_patch": {"click #assign", "click #nested", "click #delete", "click #append", "click #prepend", "click #insert", "click #extend", "click #merge",
		"click #reverse", "click #remove", "click #add", "click #sub", "click #mul", "click #div", "click #ior", "click #iadd_list", "click #negidx",
		"click #component", "click #root_append", "click #combo", "click #attr", "click #clear"},
	"18_running":  {"click #go", `click #\{\"i\"\:1\,\"t\"\:\"b\"\}`},
	"19_optional": {"click #go"},
	"20_errors": {"click #raise", "click #multi_not_list", "click #multi_wrong_len", "click #wild_not_list", "click #wild_wrong_len", "click #unserialisable",
		"click #unser_nested", "click #noout_returns", "click #abort", "click #unser_multi", "click #group_bad"},
	"22_on_error":   {"click #g", "click #p", "click #n", "click #m"},
	"25_download":   {"click #s", "click #by", "click #fi", "click #df"},
	"27_json_types": {"type #i ☃"},
	"38_dynamic":    {"click #b", "type #dyn !", "click #b"},
	"40_location":   {"click #lnk"},
	"41_dist":       {"click #b", "click #n"},
	"46b_unescaped": {"click #go"},
}

// TestBrowserGolden does in our page what was done in the page of real Dash
// and compares the text that is then there.
func TestBrowserGolden(t *testing.T) {
	file, err := os.ReadFile("testdata/golden/dom.json")
	if err != nil {
		t.Fatal(err)
	}
	var texts map[string]string
	if err := json.Unmarshal(file, &texts); err != nil {
		t.Fatal(err)
	}
	errors := map[string][]string{ // that real Dash has here too
		"16_patch":    {"Cannot patch undefined"},
		"19_optional": {"console error"},
		"20_errors":   {"status 500", "status 403", "status of 500", "status of 403", "console error"},
	}
	for name, want := range texts {
		t.Run(name, func(t *testing.T) {
			steps, ok := goldenSteps[name]
			if !ok {
				t.Fatal("no steps")
			}
			a := twins[name](t)
			h, _ := mustNew(t, serve.Config{Apps: []*app.App{a}, Suites: []*app.Suite{dynLib}})
			path := "/app/" + a.Slug() + "/"
			if name == "40_location" {
				path += "start?q=1"
			}
			b := openTab(t, h, path)
			for _, part := range errors[name] {
				b.expect(part)
			}
			b.untilIdle()
			for _, step := range steps {
				b.step(step)
				b.untilIdle()
			}
			if name == "16_patch" { // the text is JSON, in an order of its own; the rest is plotly's
				if diff := cmp.Diff(want, js[string](b, `document.querySelector("#show").textContent`), equalJSON); diff != "" {
					t.Errorf("the patched data (-Dash +dashd):\n%s", diff)
				}
				return
			}
			want = strings.ReplaceAll(want, "http://127.0.0.1:8051", b.origin)
			// The app shows an ID as a dictionary; our keys are sorted, Python's as written.
			want = regexp.MustCompile(`\{'type': 'inp', 'row': (\d)\}`).ReplaceAllString(want, "{'row': $1, 'type': 'inp'}")
			b.untilText("#react-entry-point", want)
		})
	}
}

func (b *tab) step(step string) {
	b.Helper()
	verb, rest, _ := strings.Cut(step, " ")
	selector, text, _ := strings.Cut(rest, " ")
	switch verb {
	case "click":
		b.click(rest)
	case "type":
		b.click(selector)
		b.keys(kb.End + text)
	case "clear":
		b.fill(selector, "")
	case "choose":
		b.choose(selector, text)
	default:
		b.Fatalf("unknown step %q", step)
	}
}

// choose opens a dcc.Dropdown of one value and clicks the option with the text.
func (b *tab) choose(selector, text string) {
	b.Helper()
	const options = `[...document.querySelectorAll(".dash-dropdown-option")]`
	option := options + fmt.Sprintf(".find(o => o.textContent === %q)", text)
	b.until(options + ".length === 0") // the list of the last choice has closed
	b.click(selector)
	b.until("!!" + option)
	b.until(`document.getAnimations().every(a => a.playState !== "running")`) // the list slides in
	js[bool](b, option+".setAttribute('data-choose', '') || true")
	b.click("[data-choose]")
	b.until(fmt.Sprintf("document.querySelector(%q).textContent.startsWith(%q)", selector, text))
}
