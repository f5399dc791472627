package serve_test

import (
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"dashd/app"
	"dashd/app/html"
	"dashd/app/serve"
	"dashd/examples/clientside"
)

// withAssets is an app that has the files.
func withAssets(files fs.FS) *app.App {
	a := app.New("Assets")
	a.Access = app.Public
	a.Layout = html.Div{}
	a.Assets = files
	return a
}

// assetFolder is a directory with files, and ways out of it, beside a secret.
func assetFolder(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	folder := filepath.Join(dir, "assets")
	for name, text := range map[string]string{
		"secret.txt":          "a secret",
		"assets/note.txt":     "a note",
		"assets/a b#c.css":    "a {}",
		"assets/sub/deep.txt": "deep",
		"assets/index.html":   "an index",
	} {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if runtime.GOOS != "windows" { // where links need rights
		for link, target := range map[string]string{"link.txt": "../secret.txt", "absolute.txt": filepath.Join(dir, "secret.txt"), "out": "..", "broken": "nowhere"} {
			if err := os.Symlink(target, filepath.Join(folder, link)); err != nil {
				t.Fatal(err)
			}
		}
	}
	return folder
}

// Nothing but the regular files below the directory can be read.
func TestAssetsStayInside(t *testing.T) {
	folder := assetFolder(t)
	root, err := os.OpenRoot(folder)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { root.Close() })
	for name, files := range map[string]fs.FS{"DirFS": os.DirFS(folder), "Root": root.FS()} {
		h, _ := mustNew(t, serve.Config{Apps: []*app.App{withAssets(files)}})
		for path, want := range map[string]string{
			"note.txt": "a note", "sub/deep.txt": "deep", "a%20b%23c.css": "a {}", "index.html": "an index", "sub%2fdeep.txt": "deep",
			"link.txt": "", "absolute.txt": "", "out/secret.txt": "", "out/assets/note.txt": "", "broken": "",
			"..%2fsecret.txt": "", "%2e%2e/secret.txt": "", "sub/..%2f..%2fsecret.txt": "", "..%5csecret.txt": "", "%2fetc%2fpasswd": "",
			"note.txt%00.css": "", "note.txt/": "", "NOTE.TXT": "", "sub": "", "sub/": "", "": "", "C:%5csecret.txt": "", "note.txt::$DATA": "", "CON": "",
		} {
			resp := do(t, h, "GET", "/app/assets/assets/"+path, "")
			body := bodyOf(t, resp)
			if want != "" && (resp.StatusCode != http.StatusOK || body != want) || want == "" && (resp.StatusCode == http.StatusOK || strings.Contains(body, "secret\"") || strings.Contains(body, "a secret")) {
				t.Errorf("%s: %s: %d %s", name, path, resp.StatusCode, body)
			}
		}
		if page := bodyOf(t, do(t, h, "GET", "/app/assets/", "")); !strings.Contains(page, `href="/app/assets/assets/a%20b%23c.css?m=`) {
			t.Errorf("%s: the page lacks the stylesheet: %s", name, page)
		}

		// What becomes a link later is no longer there.
		if runtime.GOOS != "windows" {
			deep := filepath.Join(folder, "sub", "deep.txt")
			if err := os.Remove(deep); err != nil {
				t.Fatal(err)
			}
			if err := os.Symlink("../../secret.txt", deep); err != nil {
				t.Fatal(err)
			}
			if resp := do(t, h, "GET", "/app/assets/assets/sub/deep.txt", ""); resp.StatusCode != http.StatusNotFound {
				t.Errorf("%s: a file that became a link: %d", name, resp.StatusCode)
			}
			if err := os.Remove(deep); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(deep, []byte("deep"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// unseekable files can only be read from the start to the end.
type unseekable struct{ fs.FS }

func (u unseekable) Open(name string) (fs.File, error) {
	file, err := u.FS.Open(name)
	if _, isDir := file.(fs.ReadDirFile); isDir || err != nil {
		return file, err
	}
	return struct{ fs.File }{file}, nil
}

// Browsers ask whether a file has changed, and for parts of it.
func TestAssetsConditionsAndRanges(t *testing.T) {
	const text = "0123456789"
	on := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	for name, tt := range map[string]struct {
		files   fs.FS
		file    string
		hasETag bool
	}{
		"embedded":   {fstest.MapFS{"x.bin": {Data: []byte(text)}}, "x.bin", true},
		"on disk":    {fstest.MapFS{"x.bin": {Data: []byte(text), ModTime: on}}, "x.bin", false},
		"unseekable": {unseekable{fstest.MapFS{"x.bin": {Data: []byte(text), ModTime: on}}}, "x.bin", false},
		"embed.FS":   {clientside.New().Assets, "meter.css", true},
	} {
		h, _ := mustNew(t, serve.Config{Apps: []*app.App{withAssets(tt.files)}})
		get := func(headers ...string) *http.Response {
			return do(t, h, "GET", "/app/assets/assets/"+tt.file, "", headers...)
		}
		whole := get()
		content := bodyOf(t, whole)
		if whole.StatusCode != http.StatusOK || whole.Header.Get("Cache-Control") != "no-cache" || len(content) < 10 {
			t.Errorf("%s: %d %v", name, whole.StatusCode, whole.Header)
		}
		known := []string{"If-Modified-Since", whole.Header.Get("Last-Modified")}
		if tt.hasETag {
			known = []string{"If-None-Match", whole.Header.Get("ETag")}
		}
		if again := get(known...); known[1] == "" || again.StatusCode != http.StatusNotModified || bodyOf(t, again) != "" {
			t.Errorf("%s: with %v: %d", name, known, again.StatusCode)
		}
		if stale := get("If-None-Match", `"other"`); stale.StatusCode != http.StatusOK {
			t.Errorf("%s: with another ETag: %d", name, stale.StatusCode)
		}
		part := get("Range", "bytes=2-4")
		if part.StatusCode != http.StatusPartialContent || bodyOf(t, part) != content[2:5] {
			t.Errorf("%s: a range: %d %v", name, part.StatusCode, part.Header)
		}
		if beyond := get("Range", "bytes=1000000-"); beyond.StatusCode != http.StatusRequestedRangeNotSatisfiable {
			t.Errorf("%s: beyond the end: %d", name, beyond.StatusCode)
		}
		if head := do(t, h, "HEAD", "/app/assets/assets/"+tt.file, ""); head.StatusCode != http.StatusOK || bodyOf(t, head) != "" {
			t.Errorf("%s: HEAD: %d", name, head.StatusCode)
		}
	}
}

// What is to be ignored is no part of the page, but there.
func TestAssetsIgnore(t *testing.T) {
	files := fstest.MapFS{"a.css": {}, "b.js": {}, "print/c.css": {}, "b.min.js": {}, "print/d.mjs": {}, "note.txt": {Data: []byte("a note")}}
	for ignore, want := range map[string][]string{
		"":               {"a.css", "print/c.css", "b.js", "b.min.js", "print/d.mjs"},
		`\.min\.js$`:     {"a.css", "print/c.css", "b.js", "print/d.mjs"},
		`^print/|note`:   {"a.css", "b.js", "b.min.js"},
		`\.(css|m?js)\b`: nil,
	} {
		a := withAssets(files)
		if ignore != "" {
			a.AssetsIgnore = regexp.MustCompile(ignore)
		}
		h, _ := mustNew(t, serve.Config{Apps: []*app.App{a}})
		var got []string
		for _, match := range regexp.MustCompile(`/app/assets/assets/([^"?]+)\?m=`).FindAllStringSubmatch(bodyOf(t, do(t, h, "GET", "/app/assets/", "")), -1) {
			got = append(got, match[1])
		}
		if !slices.Equal(got, want) {
			t.Errorf("%q: the page has %v, want %v", ignore, got, want)
		}
		for name := range files {
			if status := do(t, h, "GET", "/app/assets/assets/"+name, "").StatusCode; status != http.StatusOK {
				t.Errorf("%q: %s: %d", ignore, name, status)
			}
		}
	}
}

// AssetURL is right at every place of an app; "assets/" beside the page is, too.
func TestAssetURL(t *testing.T) {
	a := app.New("Picture")
	a.Access = app.Public
	a.Assets = fstest.MapFS{"sub/a b#c.png": {Data: []byte("a picture")}}
	a.LayoutFunc = func(ctx *app.Context) (app.Component, error) {
		return html.Img{ID: "picture", Src: ctx.AssetURL("/sub/a b#c.png")}, nil
	}
	for _, base := range []string{"/", "/x/y/"} {
		s, _ := newServer(t, serve.Config{Apps: []*app.App{a}, BasePath: base})
		mustCreate(t, s, serve.NewInstance{App: "Picture", Slug: "one"})
		b := newClient(t, s.Handler())
		for _, target := range []string{"app/picture", "instance/one"} {
			for _, initial := range []app.BaseState{nil, {"picture": {"alt": []byte(`"A picture"`)}}} {
				prefix := b.urlOf(s, target, initial)
				src := prefix + "assets/sub/a%20b%23c.png"
				if layout := b.open(prefix).layout(); !containsProps(t, layout, `"src":"`+src+`"`) {
					t.Errorf("%s: the layout is %s, want %s", prefix, layout, src)
				}
				if resp := b.get(src); resp.StatusCode != http.StatusOK || bodyOf(t, resp) != "a picture" {
					t.Errorf("%s: %d", src, resp.StatusCode)
				}
			}
		}
	}
}
