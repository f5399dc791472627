package main

import (
	"context"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"dashd/app/apptest"
	"dashd/app/serve"
)

func TestWelcome(t *testing.T) { apptest.Check(t, newWelcome()) }

// visitor is a browser at the site.
type visitor struct {
	*testing.T
	client *http.Client
	site   string
}

// newVisitor serves the site, whose only user is ann.
func newVisitor(t *testing.T) *visitor {
	t.Helper()
	data := t.TempDir()
	var said strings.Builder
	if code := serve.Run(context.Background(), serve.Config{}, []string{"user", "add", "ann", "--password-stdin", "--data", data}, strings.NewReader("correct horse\n"), &said, &said); code != 0 {
		t.Fatalf("user add: %s", &said)
	}
	dash, err := newDash(data)
	if err != nil {
		t.Fatal(err)
	}
	site := httptest.NewServer(newSite(dash))
	t.Cleanup(func() {
		site.Close()
		if err := dash.Close(); err != nil {
			t.Error(err)
		}
	})
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &visitor{t, &http.Client{Jar: jar}, site.URL}
}

// text returns the text of an answer, which is to be of a path.
func (v *visitor) text(resp *http.Response, err error, path string) string {
	v.Helper()
	if err != nil {
		v.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK || resp.Request.URL.RequestURI() != path {
		v.Fatalf("%s, not %s: %s %v: %s", resp.Request.URL, path, resp.Status, err, text)
	}
	return string(text)
}

func (v *visitor) get(path string) string {
	v.Helper()
	resp, err := v.client.Get(v.site + path)
	return v.text(resp, err, path)
}

// layout returns the layout of an app in a page, by the tag that shows it.
func (v *visitor) layout(page, tag string) string {
	v.Helper()
	match := regexp.MustCompile(`<` + tag + ` src="([^"?]+)`).FindStringSubmatch(page)
	if match == nil {
		v.Fatalf("the page has no %s: %s", tag, page)
	}
	return v.get(html.UnescapeString(match[1]) + "_dash-layout")
}

func (v *visitor) has(text string, parts ...string) {
	v.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			v.Errorf("there is no %s in %s", part, text)
		}
	}
}

// The handler's session value and initial arguments reach the apps.
func TestHome(t *testing.T) {
	v := newVisitor(t)
	page := v.get("/")
	v.has(page, `<dash-app src="/dash/app/simpleexample/initial/`, `class="dashd-auto"`, `<script src="/dash/embed.js" defer></script>`)
	v.has(v.layout(page, "iframe"), "Visits of this page: 1")
	v.has(v.layout(page, "dash-app"), `"value":"red"`, `"value":"large"`)

	page = v.get("/?color=green")
	v.has(v.layout(page, "iframe"), "Visits of this page: 2")
	v.has(v.layout(page, "dash-app"), `"value":"green"`, `"value":"large"`)
	v.get("/dash/embed.js")
}

// The report is for those who have signed in; that leads back to it.
func TestReport(t *testing.T) {
	v := newVisitor(t)
	resp, err := v.client.Get(v.site + "/report")
	v.text(resp, err, "/dash/login?next=%2Freport")
	resp, err = v.client.PostForm(v.site+"/dash/login", url.Values{"name": {"ann"}, "password": {"correct horse"}, "next": {"/report"}})
	page := v.text(resp, err, "/report")
	v.has(v.layout(page, "iframe"), `"Graph"`)
}
