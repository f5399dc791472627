package serve_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"dashd/app"
	"dashd/app/serve"

	"github.com/google/go-cmp/cmp"
)

// testdata/golden/NN_name.json records what a Python app on real Dash 4.3.0
// answered to the real renderer, and to some requests made by hand. TestGolden
// sends the same requests to the app's twin in Go (twins_test.go) and wants the
// same status, media type and JSON. Where dashd differs on purpose,
// differences says why.
//
// To add a recording, add its file and its twin.

// exchange is a request and Dash's answer to it.
type exchange struct {
	Note    string // what is special about it
	Request struct {
		Method  string
		Path    string
		Headers map[string]string
		Body    json.RawMessage // JSON
		BodyRaw string          `json:"body_raw"` // what is not JSON
	}
	Response struct {
		Status  int
		Headers map[string]string
		Body    json.RawMessage
		BodyRaw string `json:"body_raw"`
	}
}

// label names an exchange in the table of the differences.
func (x *exchange) label() string {
	if x.Note != "" {
		return x.Note
	}
	label := x.Request.Method + " " + x.Request.Path
	var body struct{ Output string }
	if json.Unmarshal(x.Request.Body, &body) == nil && body.Output != "" {
		label += " " + body.Output
	}
	return label
}

// difference is something that dashd does otherwise than Dash, on purpose.
type difference struct {
	at     []string // "recording: label of the exchange"; nil for all exchanges
	aspect string   // what differs, as compare names it
	ours   any      // what dashd has there; nil when that is not fixed
	reason string
}

// What the entries of most callbacks in _dash-dependencies have in common.
const (
	plainCallback     = `"clientside_function":null,"prevent_initial_call":false,"background":null,"dynamic_creator":null,"no_output":false,"hidden":false,"websocket":false,"persistent":false`
	preventedCallback = `"clientside_function":null,"prevent_initial_call":true,"background":null,"dynamic_creator":null,"no_output":false,"hidden":false,"websocket":false,"persistent":false,"optional":false`
)

// differences are all of them. One that is none any more fails the test.
var differences = []difference{{
	aspect: "error body",
	reason: `an error is {"error","id"} or a short page: Werkzeug's HTML tells nothing, and the id is that of the log`,
}, {
	at: []string{
		"20_errors: empty object",
		"20_errors: JSON array",
		"20_errors: JSON null",
		"20_errors: unknown output id",
		"20_errors: missing input",
		"20_errors: no inputs key",
		"20_errors: outputs does not match output",
		"20_errors: input without id",
		"20_errors: too many args (state added)",
		"20_errors: too few outputs",
	},
	aspect: "status",
	ours:   http.StatusBadRequest,
	reason: "a request that makes no sense is the sender's fault (4xx); Dash answers 500",
}, {
	at:     []string{"20_errors: no outputs key (old renderer)"},
	aspect: "status",
	ours:   http.StatusOK,
	reason: "the callback's name tells its outputs, and django-plotly-dash takes it so; Dash answers 500",
}, {
	at:     []string{"20_errors: input ids are not checked"},
	aspect: "status",
	ours:   http.StatusBadRequest,
	reason: "a callback gets only the properties that it declares; Dash takes any",
}, {
	at:     []string{"20_errors: content type text/plain", "20_errors: no content type"},
	aspect: "status",
	ours:   http.StatusUnsupportedMediaType,
	reason: "415 says what is wrong, as newer Flask does",
}, {
	at:     []string{"20_errors: GET on POST route"},
	aspect: "status",
	ours:   http.StatusMethodNotAllowed,
	reason: "a view answers its own methods only; Dash's catch-all answers the page",
}, {
	at:     []string{"20_errors: catch-all: index for any path", "20_errors: trailing slash"},
	aspect: "status",
	ours:   http.StatusNotFound,
	reason: "an app without a dcc.Location has one page; other paths are not found",
}, {
	at:     []string{"20_errors: OPTIONS"},
	aspect: "status",
	ours:   http.StatusNoContent,
	reason: "an answer without a body is 204",
}, {
	at:     []string{"20_errors: GET /_reload-hash"},
	aspect: "body",
	ours:   `{"files":[],"hard":false,"packages":[],"reloadHash":null}`,
	reason: "no bundle list: nothing is reloaded in a running program",
}, {
	at:     []string{"01_simple: not a registered path", "01_simple: not a registered package"},
	aspect: "status",
	ours:   http.StatusNotFound,
	reason: "a bundle that is not there is not found; Dash answers 500",
}, {
	at:     []string{"01_simple: source map"},
	aspect: "status",
	ours:   http.StatusNotFound,
	reason: "source maps are left out of the program",
}, {
	at:     []string{"42_duplicates: the app"},
	aspect: "app",
	ours:   "sets Output o.children too; add AllowDuplicate() to one of them",
	reason: "two callbacks for one output are refused before serving; Dash tells in the browser, if dev tools are on",
}, {
	at:     []string{"19_optional: GET /_dash-dependencies"},
	aspect: "body",
	ours: `[{"output":"out.children","inputs":[{"id":"go","property":"n_clicks"},{"id":"missing","property":"value","allow_optional":true}],"state":[{"id":"missing2","property":"value","allow_optional":true}],` + plainCallback + `,"optional":false},
		{"output":"nowhere.children","inputs":[{"id":"missing","property":"n_clicks"}],"state":[],` + plainCallback + `,"optional":true},
		{"output":"out2.children","inputs":[{"id":"go","property":"n_clicks"}],"state":[],` + plainCallback + `,"optional":false}]`,
	reason: "no callback is hidden: that is for dev tools, which dashd does not have",
}, {
	at:     []string{"39_http: GET /"},
	aspect: "config ui",
	ours:   false,
	reason: "no dev tools",
}, {
	at:     []string{"39_http: GET /"},
	aspect: "config dev_tools",
	reason: "no dev tools",
}, {
	at:     []string{"39_http: GET /"},
	aspect: "config csrf_token_name",
	ours:   "_csrf_token",
	reason: "the name cannot be chosen: dashd looks at the origin of a request, not at a token",
}, {
	at:     []string{"39_http: POST /_dash-update-component o2.children"},
	aspect: "header set-cookie",
	ours:   "k=v; Path=/; Max-Age=60; HttpOnly; SameSite=Lax",
	reason: "a cookie's name is a token, so none has a blank; Max-Age needs no Expires",
}, {
	at:     []string{"39_http: POST /_dash-update-component o2.children"},
	aspect: "header server-timing",
	ours:   `db;desc="the database";dur=12`,
	reason: "the time of the whole is in the log; Dash sends it with dev tools only",
}, {
	at:     []string{"41_dist: GET /_dash-dependencies"},
	aspect: "body",
	ours: `[{"output":"o.children","inputs":[{"id":"b","property":"n_clicks"}],"state":[],` + preventedCallback + `},
		{"output":"no.children","inputs":[{"id":"n","property":"n_clicks"}],"state":[],` + preventedCallback + `}]`,
	reason: "every callback can return components of new suites; none makes callbacks",
}, {
	at:     []string{"41_dist: POST /_dash-update-component o.children"},
	aspect: "body",
	ours: `{"multi":true,"response":{"o":{"children":{"props":{"children":"x","id":"hel"},"type":"Hello","namespace":"dyn_lib"}}},
		"dist":[{"type":"_js_dist","url":"/static/4e9b3a191ea3/dyn_lib/dyn.js"},{"type":"_css_dist","url":"/static/4e9b3a191ea3/dyn_lib/dyn.css"}]}`,
	reason: "the URL has the hash of the suite's files, not their time",
}, {
	at:     []string{"41_dist: POST /_dash-update-component no.children"},
	aspect: "body",
	ours: `{"multi":true,"response":{"no":{"children":{"props":{"children":"y"},"type":"Hello","namespace":"dyn_lib"}}},
		"dist":[{"type":"_js_dist","url":"/static/4e9b3a191ea3/dyn_lib/dyn.js"},{"type":"_css_dist","url":"/static/4e9b3a191ea3/dyn_lib/dyn.css"}]}`,
	reason: "dashd does not know what a page has loaded, so each answer names the files; the page loads them once",
}, {
	at:     []string{"46_dotted_output_id: GET /_dash-dependencies"},
	aspect: "body",
	ours:   `[{"output":"{\"a\":1,\"bool\":true,\"z\":\"k.l..m\"}.children","inputs":[{"id":"go","property":"n_clicks"}],"state":[],` + plainCallback + `,"optional":false}]`,
	reason: "dots in the ID of an output are not escaped: the renderer cannot read what Dash sends (46b shows that this works)",
}, {
	at:     []string{"46_dotted_output_id: escaped id as in _dash-dependencies"},
	aspect: "status",
	ours:   http.StatusBadRequest,
	reason: "the callback's name has no escapes",
}, {
	at:     []string{"46_dotted_output_id: unescaped id"},
	aspect: "status",
	ours:   http.StatusOK,
	reason: "the callback's name has no escapes",
}, {
	aspect: "config disable_version_check",
	ours:   true,
	reason: "the page asks no other host",
}, {
	aspect: "config dash_version_url",
	ours:   "",
	reason: "the page asks no other host",
}, {
	aspect: "config python_version",
	ours:   "",
	reason: "there is no Python",
}, {
	aspect: "config serve_locally",
	ours:   false,
	reason: "with true the renderer takes plotly.js from Dash's own path; it is to have its fingerprint",
}, {
	aspect: "config plotlyjs_url",
	reason: "the fingerprinted plotly.js of this server",
}, {
	aspect: "config live",
	ours:   "/dpd/ws/channel",
	reason: "where the app's pipes connect; Dash has none",
}, {
	aspect: "config end_id",
	reason: "tells pages apart; Dash has no server side for it yet",
}}

// TestGolden replays the recordings.
func TestGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/golden/[0-9]*.json")
	if err != nil || len(files) < len(twins) {
		t.Fatalf("%d recordings for %d twins, %v", len(files), len(twins), err)
	}
	replayed := 0
	seen := map[string]bool{}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".json")
		t.Run(name, func(t *testing.T) {
			replayed++
			replay(t, name, readRecording(t, file), seen)
		})
	}
	if replayed < len(files) {
		return // with -run
	}
	for _, d := range differences {
		for _, at := range d.places() {
			if !seen[d.aspect+" at "+at] {
				t.Errorf("stale difference: no %q differs at %q", d.aspect, at)
			}
		}
	}
}

func (d *difference) places() []string {
	if d.at == nil {
		return []string{"all"}
	}
	return d.at
}

func readRecording(t *testing.T, file string) []exchange {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var exchanges []exchange
	if err := json.Unmarshal(text, &exchanges); err != nil {
		t.Fatalf("read %s: %v", file, err)
	}
	return exchanges
}

// replay sends a recording's requests to its twin.
func replay(t *testing.T, name string, exchanges []exchange, seen map[string]bool) {
	twin := twins[name]
	if twin == nil {
		t.Fatalf("no twin of %s", name)
	}
	a := twin(t)
	server, err := serve.New(serve.Config{
		Apps:          []*app.App{a},
		Suites:        []*app.Suite{dynLib},
		PublicURL:     "http://o.example", // a hand-made Origin of 11_context
		DefaultAccess: app.Public,
	})
	if err != nil {
		judge(t, name+": the app", map[string]finding{"app": {"served", err.Error()}}, seen)
		return
	}
	defer server.Close()
	judge(t, name+": the app", nil, seen)
	handler := server.Handler()
	prefix := "/app/" + a.Slug()
	tags := map[string]string{} // of Dash: ours
	for _, x := range exchanges {
		t.Run(x.label(), func(t *testing.T) {
			got := send(handler, prefix, &x, tags)
			judge(t, name+": "+x.label(), compare(t, &x, got, prefix), seen)
		})
	}
}

// send sends a recorded request to a server that has the app below prefix.
func send(handler http.Handler, prefix string, x *exchange, tags map[string]string) *httptest.ResponseRecorder {
	body := []byte(x.Request.Body)
	if body == nil {
		body = []byte(x.Request.BodyRaw)
	}
	r := httptest.NewRequest(x.Request.Method, prefix+x.Request.Path, bytes.NewReader(body))
	r.Host, r.RemoteAddr = "127.0.0.1:8051", "127.0.0.1:50000"
	for key, value := range x.Request.Headers {
		if ours, ok := tags[value]; ok {
			value = ours
		}
		r.Header.Set(key, value)
	}
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	if tag := x.Response.Headers["etag"]; tag != "" {
		tags[tag] = w.Header().Get("ETag")
	}
	return w
}

// finding is a fact in which an answer differs from the recorded one.
type finding struct{ dash, ours any }

// judge accepts the findings that the table of the differences has, and wants
// those that it has for this place.
func judge(t *testing.T, place string, findings map[string]finding, seen map[string]bool) {
	t.Helper()
	for _, d := range differences {
		f, differs := findings[d.aspect]
		switch {
		case d.at != nil && !slices.Contains(d.at, place):
			continue
		case !differs && d.at != nil:
			t.Errorf("stale difference: dashd has the same %s as Dash", d.aspect)
			continue
		case !differs:
			continue
		case d.at == nil:
			seen[d.aspect+" at all"] = true
		default:
			seen[d.aspect+" at "+place] = true
		}
		delete(findings, d.aspect)
		if d.ours != nil && !d.accepts(f.ours) {
			t.Errorf("%s is %v; Dash has %v, and the table of the differences %v", d.aspect, f.ours, f.dash, d.ours)
		}
	}
	for _, aspect := range slices.Sorted(maps.Keys(findings)) {
		f := findings[aspect]
		t.Errorf("%s differs from Dash's (-Dash +dashd):\n%s", aspect, cmp.Diff(f.dash, f.ours, equalJSON))
	}
}

// accepts reports whether ours is what the table has. Bodies are compared as
// JSON, and of the refusal of an app a part will do.
func (d *difference) accepts(ours any) bool {
	want, ok := d.ours.(string)
	switch {
	case ok && d.aspect == "app":
		return strings.Contains(ours.(string), want)
	case ok && d.aspect == "body":
		value, err := parseJSON([]byte(want))
		return err == nil && cmp.Equal(value, ours, equalJSON)
	}
	return reflect.DeepEqual(ours, d.ours)
}

// compare returns the aspects in which an answer differs from the recorded one:
//
//	status, content type
//	header NAME  a further header of the recording; several of a name are lines
//	body         its JSON, or the text of what is not JSON
//	config KEY   a key of the page's _dash-config
//	error body   an error says other things
//	error form   an error for a program is not {"error","id"}
func compare(t *testing.T, x *exchange, got *httptest.ResponseRecorder, prefix string) map[string]finding {
	t.Helper()
	findings := map[string]finding{}
	note := func(aspect string, dash, ours any) {
		if !cmp.Equal(dash, ours, equalJSON) {
			findings[aspect] = finding{dash, ours}
		}
	}
	want := &x.Response
	note("status", want.Status, got.Code)
	if got.Code >= 400 {
		if forProgram(x) {
			note("error form", "", errorForm(got))
		}
		if want.Status >= 400 {
			note("error body", want.BodyRaw, got.Body.String())
		}
		return findings
	}
	if got.Code != want.Status {
		return findings
	}
	if got.Code == http.StatusNoContent || got.Code == http.StatusNotModified {
		note("body", "", got.Body.String())
		return findings
	}
	if want.Headers["content-type"] != "" {
		note("content type", want.Headers["content-type"], got.Header().Get("Content-Type"))
	}
	for name, value := range want.Headers {
		if name != "content-type" && name != "etag" {
			note("header "+name, value, strings.Join(got.Header().Values(name), "\n"))
		}
	}
	switch {
	case want.Body != nil:
		dash, err := parseJSON(want.Body)
		if err != nil {
			t.Fatalf("the recording: %v", err)
		}
		ours, err := parseJSON(got.Body.Bytes())
		if err != nil {
			t.Fatalf("the answer: %v\n%s", err, got.Body)
		}
		note("body", dash, ours)
	case strings.Contains(want.BodyRaw, `id="_dash-config"`):
		dash, ours := dashConfig(t, want.BodyRaw), dashConfig(t, got.Body.String())
		if path, ok := ours["requests_pathname_prefix"].(string); ok {
			ours["requests_pathname_prefix"] = strings.TrimPrefix(path, prefix)
		}
		for key := range dash {
			note("config "+key, dash[key], ours[key])
		}
		for key := range ours {
			if _, ok := dash[key]; !ok {
				findings["config "+key] = finding{"no such key", ours[key]}
			}
		}
	case want.BodyRaw != "":
		note("body", want.BodyRaw, got.Body.String())
	}
	return findings
}

// forProgram reports whether the answer is read by a program.
func forProgram(x *exchange) bool {
	return x.Request.Headers["accept"] == "application/json" || strings.Contains(x.Request.Path, "_dash-update-component")
}

// errorForm returns what is wrong with the form of an error answer, or "".
func errorForm(got *httptest.ResponseRecorder) string {
	if media := got.Header().Get("Content-Type"); media != "application/json" {
		return "is " + media
	}
	var body struct{ Error, ID string }
	d := json.NewDecoder(bytes.NewReader(got.Body.Bytes()))
	d.DisallowUnknownFields()
	if err := d.Decode(&body); err != nil {
		return err.Error()
	}
	if body.Error == "" || body.ID == "" || body.ID != got.Header().Get("X-Request-Id") {
		return fmt.Sprintf("lacks its text or its id: %s", got.Body)
	}
	return ""
}

var configElement = regexp.MustCompile(`(?s)<script id="_dash-config" type="application/json"[^>]*>(.*?)</script>`)

// dashConfig returns the configuration in a page. Of children_props it leaves
// what says something: components whose properties hold none need no entry,
// and suites that Dash does not come with are our own.
func dashConfig(t *testing.T, page string) map[string]any {
	t.Helper()
	for _, id := range []string{"react-entry-point", "_dash-renderer"} {
		if !strings.Contains(page, `id="`+id+`"`) {
			t.Errorf("the page has no element %q", id)
		}
	}
	match := configElement.FindStringSubmatch(page)
	if match == nil {
		t.Fatalf("the page has no _dash-config:\n%s", page)
	}
	value, err := parseJSON([]byte(match[1]))
	config, ok := value.(map[string]any)
	if err != nil || !ok {
		t.Fatalf("_dash-config: %v", err)
	}
	suites, _ := config["children_props"].(map[string]any)
	maps.DeleteFunc(suites, func(namespace string, components any) bool {
		maps.DeleteFunc(components.(map[string]any), func(_ string, props any) bool { return len(props.([]any)) == 0 })
		return !slices.Contains([]string{"dash_html_components", "dash_core_components", "dash_table"}, namespace)
	})
	return config
}

// parseJSON reads one JSON text and keeps its numbers as they are.
func parseJSON(text []byte) (value any, err error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&value); err != nil {
		return nil, err
	}
	if d.More() {
		return nil, fmt.Errorf("there is more after the JSON")
	}
	return value, nil
}

// equalJSON compares parsed JSON: numbers by value, and texts that hold a JSON
// object or array (some apps show what they know) as that.
var equalJSON = cmp.Options{
	cmp.Comparer(func(a, b json.Number) bool {
		x, ok1 := new(big.Rat).SetString(a.String())
		y, ok2 := new(big.Rat).SetString(b.String())
		return ok1 && ok2 && x.Cmp(y) == 0
	}),
	cmp.Comparer(func(a, b string) bool {
		if a == b || !isContainer(a) || !isContainer(b) {
			return a == b
		}
		x, err1 := parseJSON([]byte(a))
		y, err2 := parseJSON([]byte(b))
		return err1 == nil && err2 == nil && reflect.DeepEqual(x, y)
	}),
}

func isContainer(text string) bool {
	return strings.HasPrefix(text, "{") || strings.HasPrefix(text, "[")
}
