package serve

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"

	"dashd/app"
	"dashd/static"

	"github.com/andybalholm/brotli"
)

const graphJS = "dash/dcc/async-graph.js"

func mustBundles(tb testing.TB, suites ...*app.Suite) *bundles {
	tb.Helper()
	b, err := newBundles(static.Bundles(), static.Manifest, suites...)
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

// bundleHandler serves /static/... and /suites/..., the latter without the package
// "dash_bootstrap_components".
func bundleHandler(b *bundles) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if rest, ok := strings.CutPrefix(r.URL.Path, "/static/"); ok {
			b.serveStatic(w, r, rest)
			return
		}
		rest := strings.TrimPrefix(r.URL.Path, "/suites/")
		b.serveSuite(w, r, rest, func(pkg string) bool { return pkg != "dash_bootstrap_components" })
	})
}

func askBundle(h http.Handler, method, url string, header ...string) *http.Response {
	r := httptest.NewRequest(method, url, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result()
}

func decoded(t *testing.T, r *http.Response) []byte {
	t.Helper()
	var body io.Reader = r.Body
	switch r.Header.Get("Content-Encoding") {
	case "br":
		body = brotli.NewReader(r.Body)
	case "gzip":
		z, err := gzip.NewReader(r.Body)
		if err != nil {
			t.Fatal(err)
		}
		body = z
	}
	b, err := io.ReadAll(body)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestBundlesIdentical holds that each built-in file arrives unchanged in all
// encodings, with the length that was announced, at both of its URLs.
func TestBundlesIdentical(t *testing.T) {
	b := mustBundles(t)
	h := bundleHandler(b)
	var manifest struct {
		Folders map[string]struct {
			Files map[string]struct{ SHA256 string }
		}
	}
	if err := json.Unmarshal(static.Manifest, &manifest); err != nil {
		t.Fatal(err)
	}
	for pkg, folder := range manifest.Folders {
		for file, want := range folder.Files {
			url := b.url("/", pkg, file)
			encodings := []string{"br", "gzip", ""}
			if file == "package_data/plotly.min.js" { // no page asks for it
				encodings = encodings[1:]
			}
			for _, encoding := range encodings {
				r := askBundle(h, "GET", url, "Accept-Encoding", encoding)
				if got := r.Header.Get("Content-Encoding"); r.StatusCode != 200 || got != encoding {
					t.Fatalf("GET %s: %d in %q, want 200 in %q", url, r.StatusCode, got, encoding)
				}
				sent, _ := io.ReadAll(r.Body)
				if got := r.Header.Get("Content-Length"); got != strconv.Itoa(len(sent)) {
					t.Errorf("GET %s in %q: Content-Length %s, but %d bytes", url, encoding, got, len(sent))
				}
				r.Body = io.NopCloser(bytes.NewReader(sent))
				sum := sha256.Sum256(decoded(t, r))
				if got := hex.EncodeToString(sum[:]); got != want.SHA256 {
					t.Errorf("GET %s in %q: content %s, want %s", url, encoding, got, want.SHA256)
				}
			}
		}
	}
}

func TestBundlesNegotiate(t *testing.T) {
	h := bundleHandler(mustBundles(t))
	tests := []struct{ accept, want string }{
		{"gzip, deflate, br, zstd", "br"},
		{"GZIP", "gzip"},
		{"gzip;q=1.0, br;q=0.5", "gzip"},
		{"gzip;q=0.5, br;q=0.5", "br"},
		{"br;q=0, gzip", "gzip"},
		{"br ; q=0 , gzip ; q=0.1", "gzip"},
		{"br;q=0, gzip;q=0", ""},
		{"br;q=0, *", "gzip"},
		{"*", "br"},
		{"*;q=0, gzip", "gzip"},
		{"identity", ""},
		{"identity, gzip;q=0.5", ""},
		{"identity;q=0, gzip;q=0.1", "gzip"},
		{"identity;q=0, *", "br"},
		{"br;q=high, gzip", "gzip"},
		{"deflate", ""},
		{"", ""},
	}
	for _, test := range tests {
		r := askBundle(h, "GET", "/suites/"+graphJS, "Accept-Encoding", test.accept)
		if got := r.Header.Get("Content-Encoding"); r.StatusCode != 200 || got != test.want {
			t.Errorf("Accept-Encoding %q: %d in %q, want %q", test.accept, r.StatusCode, got, test.want)
		}
		if got := r.Header.Get("Vary"); got != "Accept-Encoding" {
			t.Errorf("Accept-Encoding %q: Vary %q", test.accept, got)
		}
	}
	for _, refused := range []string{"identity;q=0", "*;q=0", "zstd, identity;q=0"} {
		if r := askBundle(h, "GET", "/suites/"+graphJS, "Accept-Encoding", refused); r.StatusCode != 406 {
			t.Errorf("Accept-Encoding %q: %d, want 406", refused, r.StatusCode)
		}
	}
	if r := askBundle(h, "GET", "/suites/"+graphJS); r.Header.Get("Content-Encoding") != "" {
		t.Error("without Accept-Encoding the answer is compressed")
	}
}

func TestBundlesStatus(t *testing.T) {
	b := mustBundles(t)
	h := bundleHandler(b)
	hash := "/static/" + b.hashes["dash/dcc"] + "/"
	tests := []struct {
		name, method, url string
		want              int
	}{
		{"suite", "GET", "/suites/" + graphJS, 200},
		{"suite, fingerprint", "GET", "/suites/dash/dcc/async-graph.v4_3_0m1750000000.js", 200},
		{"suite, fingerprint after the first dot", "GET", "/suites/dash/deps/react@18.v4_3_0m1750000000.3.1.min.js", 200},
		{"suite, folder with underscore", "GET", "/static/" + b.hashes["dash_bootstrap_components"] + "/dash_bootstrap_components/_components/dash_bootstrap_components.min.js", 200},
		{"suite, fingerprint elsewhere", "GET", "/suites/dash/deps/react@18.3.v4_3_0m1750000000.1.min.js", 404},
		{"suite, fingerprint in the directory", "GET", "/suites/dash.v4_3_0m17/dcc/async-graph.js", 404},
		{"suite, fingerprint without time", "GET", "/suites/dash/dcc/async-graph.v4_3_0.js", 404},
		{"suite, fingerprint as extension", "GET", "/suites/dash/dcc/async-graph.v4_3_0m17", 404},
		{"suite, two fingerprints", "GET", "/suites/dash/dcc/async-graph.v1m1.v1m1.js", 404},
		{"suite, not allowed", "GET", "/suites/dash_bootstrap_components/bootstrap.min.css", 404},
		{"suite, not allowed, fingerprint", "GET", "/suites/dash_bootstrap_components/bootstrap.v1m1.min.css", 404},
		{"suite, unknown", "GET", "/suites/dash/dcc/nothing.js", 404},
		{"suite, stored name", "GET", "/suites/" + graphJS + ".br", 404},
		{"suite, folder", "GET", "/suites/dash/dcc/", 404},
		{"suite, empty", "GET", "/suites/", 404},
		{"suite, dots", "GET", "/suites/dash/html/../dcc/async-graph.js", 404},
		{"suite, escaped dots", "GET", "/suites/dash/html/%2e%2e/dcc/async-graph.js", 404},
		{"suite, escaped slashes", "GET", "/suites/..%2f..%2fdash/dcc/async-graph.js", 404},
		{"suite, escaped name", "GET", "/suites/dash/dcc/async%2dgraph.js", 200},
		{"suite, double slash", "GET", "/suites/dash/dcc//async-graph.js", 404},
		{"suite, HEAD", "HEAD", "/suites/" + graphJS, 200},
		{"suite, POST", "POST", "/suites/" + graphJS, 405},
		{"static", "GET", hash + graphJS, 200},
		{"static, other hash", "GET", "/static/000000000000/" + graphJS, 404},
		{"static, hash of other folder", "GET", "/static/" + b.hashes["plotly"] + "/" + graphJS, 404},
		{"static, no hash", "GET", "/static/" + graphJS, 404},
		{"static, empty hash", "GET", "/static//" + graphJS, 404},
		{"static, hash only", "GET", "/static/" + b.hashes["dash/dcc"], 404},
		{"static, fingerprint", "GET", hash + "dash/dcc/async-graph.v1m1.js", 404},
		{"static, dots", "GET", hash + "dash/dcc/../dcc/async-graph.js", 404},
		{"static, escaped dots", "GET", hash + "%2e%2e/dash/dcc/async-graph.js", 404},
		{"static, HEAD", "HEAD", hash + graphJS, 200},
		{"static, DELETE", "DELETE", hash + graphJS, 405},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := askBundle(h, test.method, test.url, "Accept-Encoding", "br")
			if r.StatusCode != test.want {
				t.Errorf("%s %s: %d, want %d", test.method, test.url, r.StatusCode, test.want)
			}
			if r.StatusCode != 200 && r.Header.Get("Cache-Control") != "" {
				t.Error("an error may be cached")
			}
			if allow := r.Header.Get("Allow"); r.StatusCode == 405 && allow != "GET, HEAD" {
				t.Errorf("Allow is %q", allow)
			}
		})
	}
}

func TestBundlesHeaders(t *testing.T) {
	b := mustBundles(t)
	h := bundleHandler(b)

	r := askBundle(h, "GET", b.url("/", "dash/dcc", "async-graph.js"))
	if got, want := r.Header.Get("Cache-Control"), "public, max-age=31536000, immutable"; got != want {
		t.Errorf("static: Cache-Control %q, want %q", got, want)
	}
	r = askBundle(h, "GET", "/suites/dash/dcc/async-graph.v4_3_0m1.js")
	if got, want := r.Header.Get("Cache-Control"), "max-age=31536000"; got != want {
		t.Errorf("fingerprint: Cache-Control %q, want %q", got, want)
	}
	if got := r.Header.Get("ETag"); got != "" {
		t.Errorf("fingerprint: ETag %s", got)
	}
	r = askBundle(h, "GET", "/suites/"+graphJS)
	if got := r.Header.Get("Cache-Control"); got != "" {
		t.Errorf("no fingerprint: Cache-Control %q", got)
	}

	for url, want := range map[string]string{
		"/suites/" + graphJS: "text/javascript; charset=utf-8",
		"/suites/plotly/package_data/topojson/usa_110m.json":                   "application/json",
		b.url("/", "dash_bootstrap_components", "bootstrap.min.css"):           "text/css; charset=utf-8",
		"/suites/dash/deps/react-dom@18.v4_3_0m1750000000.3.1.min.js":          "text/javascript; charset=utf-8",
		"/suites/dash/dash-renderer/build/dash-ws-worker.v4_3_0m1750000000.js": "text/javascript; charset=utf-8",
	} {
		if got := askBundle(h, "GET", url).Header.Get("Content-Type"); got != want {
			t.Errorf("%s: Content-Type %q, want %q", url, got, want)
		}
	}
}

func TestBundlesHead(t *testing.T) {
	h := bundleHandler(mustBundles(t))
	for _, accept := range []string{"br", "gzip", ""} {
		get := askBundle(h, "GET", "/suites/"+graphJS, "Accept-Encoding", accept)
		head := askBundle(h, "HEAD", "/suites/"+graphJS, "Accept-Encoding", accept)
		if b, _ := io.ReadAll(head.Body); len(b) > 0 {
			t.Errorf("HEAD in %q has a body of %d bytes", accept, len(b))
		}
		for name := range get.Header {
			if g, h := get.Header.Get(name), head.Header.Get(name); g != h {
				t.Errorf("in %q: %s of GET is %q, of HEAD %q", accept, name, g, h)
			}
		}
	}
}

func TestBundlesRange(t *testing.T) {
	r := askBundle(bundleHandler(mustBundles(t)), "GET", "/suites/"+graphJS, "Range", "bytes=0-9")
	if b, _ := io.ReadAll(r.Body); r.StatusCode != 200 || len(b) != 13899 {
		t.Errorf("Range: %d with %d bytes, want all of the file", r.StatusCode, len(b))
	}
	if got := r.Header.Get("Accept-Ranges"); got != "none" {
		t.Errorf("Accept-Ranges %q, want none", got)
	}
}

func TestBundlesETag(t *testing.T) {
	h := bundleHandler(mustBundles(t))
	tags := map[string]string{}
	for _, accept := range []string{"br", "gzip", "identity"} {
		tag := askBundle(h, "GET", "/suites/"+graphJS, "Accept-Encoding", accept).Header.Get("ETag")
		if len(tag) < 3 || tag[0] != '"' || tag[len(tag)-1] != '"' {
			t.Fatalf("ETag in %s is %s", accept, tag)
		}
		for other, its := range tags {
			if its == tag {
				t.Errorf("%s and %s have the same ETag", accept, other)
			}
		}
		tags[accept] = tag
	}
	tests := []struct {
		name, accept, header string
		want                 int
	}{
		{"same", "br", tags["br"], 304},
		{"weak", "br", "W/" + tags["br"], 304},
		{"list", "gzip", `"x", ` + tags["gzip"], 304},
		{"any", "gzip", "*", 304},
		{"of another encoding", "gzip", tags["br"], 200},
		{"unquoted", "br", strings.Trim(tags["br"], `"`), 200},
		{"empty", "br", "", 200},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := askBundle(h, "GET", "/suites/"+graphJS, "Accept-Encoding", test.accept, "If-None-Match", test.header)
			if r.StatusCode != test.want {
				t.Fatalf("%d, want %d", r.StatusCode, test.want)
			}
			if b, _ := io.ReadAll(r.Body); r.StatusCode == 304 && len(b) > 0 {
				t.Error("304 with a body")
			}
			if r.Header.Get("ETag") != tags[test.accept] || r.Header.Get("Vary") == "" {
				t.Errorf("headers are %v", r.Header)
			}
		})
	}
}

func TestBundlesURL(t *testing.T) {
	b := mustBundles(t)
	if got, want := b.url("/base/", "dash/deps", "react@18.3.1.min.js"),
		"/base/static/"+b.hashes["dash/deps"]+"/dash/deps/react@18.3.1.min.js"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got, want := b.url("/", "plotly/package_data", "plotly.min.js"), b.url("/", "plotly", "package_data/plotly.min.js"); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got, want := b.url("/", "plotly", "package_data/topojson/"),
		"/static/"+b.hashes["plotly"]+"/plotly/package_data/topojson/"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// encoded returns the stored form of a file whose extension names the coding.
func encoded(t *testing.T, ext string, b []byte) *fstest.MapFile {
	t.Helper()
	var buf bytes.Buffer
	var w io.WriteCloser = brotli.NewWriter(&buf)
	if ext == ".gz" {
		w = gzip.NewWriter(&buf)
	}
	if _, err := w.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return &fstest.MapFile{Data: buf.Bytes()}
}

func TestBundlesSuite(t *testing.T) {
	long := bytes.Repeat([]byte("function gauge() { return 1 }\n"), 100)
	picture := []byte("\x89PNG\r\n\x1a\n and so on")
	suite := &app.Suite{
		Package: "gauges",
		Scripts: []string{"gauges.min.js", "plain.js"},
		Files: fstest.MapFS{
			"gauges.min.js.br": encoded(t, ".br", long),
			"gauges.min.js.gz": encoded(t, ".gz", long),
			"plain.js":         {Data: long},
			"short.js":         {Data: []byte("1")},
			"img/a b.png":      {Data: picture},
		},
	}
	b := mustBundles(t, suite, suite)
	h := bundleHandler(b)
	tests := []struct {
		file, accept, encoding string
		want                   []byte
	}{
		{"gauges.min.js", "br, gzip", "br", long},
		{"gauges.min.js", "gzip", "gzip", long},
		{"gauges.min.js", "", "", long},
		{"plain.js", "br, gzip", "gzip", long},
		{"plain.js", "", "", long},
		{"short.js", "br, gzip", "", []byte("1")},
		{"img/a b.png", "br, gzip", "", picture},
	}
	for _, test := range tests {
		for _, url := range []string{
			b.url("/", "gauges", test.file),
			"/suites/gauges/" + strings.ReplaceAll(test.file, " ", "%20"),
		} {
			r := askBundle(h, "GET", url, "Accept-Encoding", test.accept)
			if got := r.Header.Get("Content-Encoding"); r.StatusCode != 200 || got != test.encoding {
				t.Errorf("GET %s: %d in %q, want 200 in %q", url, r.StatusCode, got, test.encoding)
				continue
			}
			if test.encoding == "" && r.ContentLength != int64(len(test.want)) {
				t.Errorf("GET %s: Content-Length %d, want %d", url, r.ContentLength, len(test.want))
			}
			if got := decoded(t, r); !bytes.Equal(got, test.want) {
				t.Errorf("GET %s in %q: %d other bytes", url, test.accept, len(got))
			}
		}
	}

	changed := *suite
	changed.Files = fstest.MapFS{"gauges.min.js": {Data: long}, "plain.js": {Data: picture}}
	if mustBundles(t, &changed).hashes["gauges"] == b.hashes["gauges"] {
		t.Error("other content has the same hash")
	}
}

func TestBundlesRefuse(t *testing.T) {
	file := &fstest.MapFile{Data: []byte("1")}
	tests := []struct {
		name   string
		suites []*app.Suite
		want   string
	}{
		{"no files", []*app.Suite{{Package: "gauges"}}, "load suite gauges: it has no Files and is not part of dashd"},
		{"built-in package", []*app.Suite{{Package: "dash/dcc", Files: fstest.MapFS{"a.js": file}}},
			"load suite dash/dcc: another suite has the same Package"},
		{"same package", []*app.Suite{
			{Package: "gauges", Files: fstest.MapFS{"a.js": file}},
			{Package: "gauges", Files: fstest.MapFS{"a.js": file}},
		}, "load suite gauges: another suite has the same Package"},
		{"same file", []*app.Suite{{Package: "dash", Files: fstest.MapFS{"dcc/async-graph.js": file}}},
			"load suite dash: dash/dcc/async-graph.js is there twice"},
		{"bad package", []*app.Suite{{Package: "../gauges", Files: fstest.MapFS{"a.js": file}}},
			`load suite ../gauges: "../gauges" is no path for a package`},
		{"missing script", []*app.Suite{{Package: "gauges", Scripts: []string{"b.js"}, Files: fstest.MapFS{"a.js": file}}},
			"load suite gauges: find b.js: file does not exist"},
		{"only brotli", []*app.Suite{{Package: "gauges", Files: fstest.MapFS{"a.js.br": encoded(t, ".br", nil)}}},
			"load suite gauges: open a.js.gz: file does not exist"},
		{"empty gzip", []*app.Suite{{Package: "gauges", Files: fstest.MapFS{"a.js.gz": {}, "a.js.br": {}}}},
			"load suite gauges: read a.js.gz: gzip: invalid header"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := newBundles(static.Bundles(), static.Manifest, test.suites...)
			if err == nil || err.Error() != test.want {
				t.Errorf("got error %v, want %s", err, test.want)
			}
		})
	}
	if _, err := newBundles(fstest.MapFS{}, static.Manifest); err == nil {
		t.Error("bundles that the manifest has and the file system has not are accepted")
	}
}

// TestBundlesGone holds that a file which cannot be read is an error that
// nobody keeps.
func TestBundlesGone(t *testing.T) {
	files := fstest.MapFS{"a.js": {Data: []byte("1")}}
	b := mustBundles(t, &app.Suite{Package: "gauges", Files: fs.FS(files)})
	delete(files, "a.js")
	r := askBundle(bundleHandler(b), "GET", b.url("/", "gauges", "a.js"))
	if r.StatusCode != 500 || r.Header.Get("Cache-Control") != "" {
		t.Errorf("%d with Cache-Control %q", r.StatusCode, r.Header.Get("Cache-Control"))
	}
}

func BenchmarkNewBundles(b *testing.B) {
	for b.Loop() {
		mustBundles(b, &app.Suite{Package: "dashd", Files: static.Dashd()})
	}
}
