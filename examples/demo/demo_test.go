package demo_test

import (
	"fmt"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"

	"dashd/app/serve"
	"dashd/examples/demo"
)

// browser is a visitor of the site, with cookies.
type browser struct {
	*testing.T
	client *http.Client
	url    string // of the server
}

// visit serves the demo site below a base path.
func visit(t *testing.T, base string) *browser {
	t.Helper()
	config := demo.Config()
	config.BasePath = base
	s, err := serve.New(config)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(s.Handler())
	t.Cleanup(func() {
		server.Close()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &browser{t, &http.Client{Jar: jar}, server.URL}
}

func (b *browser) get(path string, status int) string {
	b.Helper()
	return b.send(http.MethodGet, path, "", status)
}

func (b *browser) send(method, path, body string, status int) string {
	b.Helper()
	r, err := http.NewRequestWithContext(b.Context(), method, b.url+path, strings.NewReader(body))
	if err != nil {
		b.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	answer, err := b.client.Do(r)
	if err != nil {
		b.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		b.Fatal(err)
	}
	if answer.StatusCode != status {
		b.Fatalf("%s %s: %s\n%.500s", method, path, answer.Status, text)
	}
	return string(text)
}

func has(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("there is no %s in %.2000s", part, text)
		}
	}
}

// embeds are the apps in each page, in their order: those in frames, and those
// in the page itself.
var embeds = map[string]string{
	"demo-one":    "iframe app/simpleexample",
	"demo-two":    "iframe instance/simpleexample-1, iframe instance/simpleexample-1/initial",
	"demo-three":  "iframe app/ex2, iframe instance/ex2-3",
	"demo-four":   "iframe app/liveinput, iframe app/liveoutput, iframe instance/liveoutput-2",
	"demo-five":   "dash-app app/simpleexample",
	"demo-six":    "dash-app app/dash_example_1",
	"demo-seven":  "iframe app/bootstrapapplication",
	"demo-eight":  "iframe app/djangosessionstate",
	"demo-nine":   "iframe app/localstate",
	"demo-ten":    "iframe instance/multiple-callback-values-1, iframe instance/multiple-callback-values-expanded",
	"demo-eleven": "iframe app/network",
	"demo-twelve": "dash-app app/simpleexample, dash-app instance/simpleexample-1, dash-app app/liveinput, dash-app app/temperature, dash-app app/liveoutput, dash-app app/orders, " +
		"iframe app/simpleexample/initial, iframe instance/liveoutput-2, iframe instance/multiple-callback-values-1, iframe instance/ex2-3",
}

var (
	embedPattern = regexp.MustCompile(`<(iframe|dash-app) src="([^"?]*)`)
	codePattern  = regexp.MustCompile(`(?s)<summary>examples/(.*?)</summary><pre><code>(.*?)</code></pre>`)
	tagPattern   = regexp.MustCompile(`<[^>]*>`)
)

// Each page is there, the apps that it embeds are too, and it shows its source
// as it is in the file.
func TestPages(t *testing.T) {
	for _, base := range []string{"", "/x"} {
		b := visit(t, base)
		contents := b.get(base+"/", http.StatusOK)
		for page, want := range embeds {
			t.Run(base+page, func(t *testing.T) {
				b := &browser{t, b.client, b.url}
				has(t, contents, `href="`+page+`"`)
				text := b.get(base+"/"+page, http.StatusOK)
				var got []string
				for _, match := range embedPattern.FindAllStringSubmatch(text, -1) {
					b.get(match[2]+"_dash-layout", http.StatusOK)
					place := strings.TrimPrefix(match[2], base+"/")
					if before, _, ok := strings.Cut(place, "/initial/"); ok {
						place = before + "/initial/"
					}
					got = append(got, match[1]+" "+strings.TrimSuffix(place, "/"))
				}
				if strings.Join(got, ", ") != want {
					t.Errorf("it embeds %q", got)
				}
				code := codePattern.FindAllStringSubmatch(text, -1)
				if len(code) < 2 || !strings.HasSuffix(code[0][1], ".templ") {
					t.Fatalf("it shows the source of %d files", len(code))
				}
				for _, match := range code {
					file, err := os.ReadFile("../" + match[1])
					if err != nil {
						t.Fatal(err)
					}
					if html.UnescapeString(tagPattern.ReplaceAllString(match[2], "")) != string(file) {
						t.Errorf("%s is not what it is", match[1])
					}
					has(t, match[2], `<span class="keyword">package</span> `, `<span class="string">&#34;`)
				}
				for _, link := range regexp.MustCompile(`(?:href|src)="(\./[^"]*)"`).FindAllStringSubmatch(text, -1) {
					if link[1] != "./admin/" {
						b.get(base+"/"+link[1], http.StatusOK)
					}
				}
			})
		}
		b.get(base+"/demo/dashboard.png", http.StatusOK)
		has(t, b.get(base+"/demo-four", http.StatusOK), strings.ReplaceAll("&#34; "+b.url+base+"/dpd/views/poke/ ", `"`, "&#34;"))
		has(t, b.get(base+"/nope", http.StatusNotFound), "There is no such page.", `href="./"`)
		has(t, b.get(base+"/nope/nope/nope", http.StatusNotFound), `href="../.././"`)
		b.get(base+"/demo-thirteen", http.StatusNotFound)
		b.get(base+"/demo/demo.go", http.StatusNotFound)
	}
}

// Each app of the contents is there.
func TestContents(t *testing.T) {
	b := visit(t, "")
	text := b.get("/", http.StatusOK)
	links := regexp.MustCompile(`href="(app/[^"]*)"`).FindAllStringSubmatch(text, -1)
	if len(links) < 7 {
		t.Errorf("there are %d links to apps", len(links))
	}
	for _, link := range links {
		b.get("/"+link[1], http.StatusOK)
	}
}

// What pages and apps have put into the session.
func TestSession(t *testing.T) {
	b := visit(t, "")
	update := func(app, body string, status int) string {
		t.Helper()
		return b.send(http.MethodPost, "/app/"+app+"/_dash-update-component", body, status)
	}

	const fruit = `{"output":"test-output-div2.children","outputs":{"id":"test-output-div2","property":"children"},"inputs":[{"id":"my-dropdown2","property":"value","value":"Plums"}],"changedPropIds":["my-dropdown2.value"]}`
	has(t, update("dash_example_1", fruit, http.StatusBadRequest), "django_to_dash_context")
	b.get("/demo-six", http.StatusOK)
	text := update("dash_example_1", fruit, http.StatusOK)
	has(t, text, `"response":{"test-output-div2":{"children":[{"props":{"children":["You have selected Plums."]`,
		"The session context message is 'I am Dash receiving context from Django'")

	const graph = `"inputs":[{"id":"my-dropdown1","property":"value","value":"MTL"}],"changedPropIds":["my-dropdown1.value"]}`
	text = update("dash_example_1", `{"output":"test-output-div.children","outputs":{"id":"test-output-div","property":"children"},`+graph, http.StatusOK)
	has(t, text, `"response":{"test-output-div":{"children":[{"props":{"id":"line-area-graph2"`)
	update("dash_example_1", `{"output":"..test-output-div3.children..","outputs":[{"id":"test-output-div3","property":"children"}],`+graph, http.StatusOK)

	for n := 1; n <= 2; n++ {
		has(t, b.get("/demo-eight", http.StatusOK), fmt.Sprintf(`<strong id="ind_use">%d</strong>`, n))
		has(t, b.get("/demo-session-var", http.StatusOK), `href="demo-one"`)
	}
	text = update("djangosessionstate", `{"output":"base-alert.children","outputs":{"id":"base-alert","property":"children"},"inputs":[{"id":"danger-alert","property":"children","value":""}],"changedPropIds":[]}`, http.StatusOK)
	has(t, text, "and the page render count is 2")
	text = update("ex2", `{"output":"output-one.children","outputs":{"id":"output-one","property":"children"},"inputs":[{"id":"dropdown-one","property":"value","value":"Oxygen"}],"changedPropIds":[]}`, http.StatusOK)
	has(t, text, `\"add_counter\":2`, `\"ind_use\":2`, `\"calls_so_far\":1`)
}

// A server that starts again has the instances as they are by then.
func TestInstances(t *testing.T) {
	config := demo.Config()
	config.Data = t.TempDir()
	start := func(use func(*serve.Instances)) {
		t.Helper()
		s, err := serve.New(config)
		if err != nil {
			t.Fatal(err)
		}
		use(s.Instances())
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	list := func(instances *serve.Instances) (lines []string) {
		t.Helper()
		all, err := instances.List(t.Context(), serve.InstanceFilter{})
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range all {
			state, err := instances.State(t.Context(), i.Slug)
			if err != nil {
				t.Fatal(err)
			}
			lines = append(lines, fmt.Sprintf("%s|%s|%s|%v|%s", i.App, i.Name, i.Slug, i.SaveOnChange, state.Text()))
		}
		return lines
	}
	start(func(instances *serve.Instances) {
		got := strings.Join(list(instances), "\n")
		want := `ex2|Ex2-1|ex2-3|true|{"dropdown-one": {"value": "Nitrogen"}}
multiplecallbackvalues|Multiple Callback Values Example 1|multiple-callback-values-1|false|{}
multiplecallbackvaluesexpanded|Multiple Callback Values Example 2|multiple-callback-values-expanded|false|{}
patternstatecallbacks|Pattern and State saving Example|pattern-state-callback|false|{}
simpleexample|SimpleExample-1|simpleexample-1|false|{"dropdown-color": {"value": "blue"}, "dropdown-size": {"value": "small"}}
liveoutput|liveoutput-2|liveoutput-2|true|{"named_count_pipe": {"channel_name": "live_button_counter", "label": "named_counts", "value": null}, "state_uid": {"value": "635c89ae-c996-4488-84df-041c1153fdef"}}`
		if got != want {
			t.Errorf("the instances are\n%s", got)
		}
		if err := instances.Set(t.Context(), "ex2-3", "dropdown-one", "value", "Oxygen"); err != nil {
			t.Fatal(err)
		}
	})
	start(func(instances *serve.Instances) {
		if got := list(instances); len(got) != 6 || !strings.Contains(got[0], "Oxygen") {
			t.Errorf("then they are %q", got)
		}
	})
}
