package serve

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"
)

// assets serves the files of an app's own: section 9 of Dash's protocol.
type assets struct {
	files   fs.FS
	tags    map[string]string // path -> ETag
	scripts []asset
	styles  []asset
}

// asset is a file that is part of the page.
type asset struct {
	path string
	url  string // below the app's prefix
}

// newAssets reads the list of the files. They are read again when served, so
// that an edit of a file on disk shows at the next load. What ignore matches is
// served, but not part of the page.
func newAssets(files fs.FS, ignore *regexp.Regexp) (*assets, error) {
	a := &assets{files: files, tags: map[string]string{}}
	if files == nil {
		return a, nil
	}
	err := fs.WalkDir(files, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		text, err := fs.ReadFile(files, name)
		if err != nil {
			return err
		}
		sum := sha256.Sum256(text)
		hash := hex.EncodeToString(sum[:8])
		a.tags[name] = `"` + hash + `"`
		if ignore != nil && ignore.MatchString(name) {
			return nil
		}
		item := asset{path: name, url: (&url.URL{Path: "assets/" + name, RawQuery: "m=" + hash}).String()}
		switch path.Ext(name) {
		case ".js", ".mjs":
			a.scripts = append(a.scripts, item)
		case ".css":
			a.styles = append(a.styles, item)
		}
		return nil
	})
	byPath := func(x, y asset) int {
		if c := strings.Compare(path.Dir(x.path), path.Dir(y.path)); c != 0 {
			return c
		}
		return strings.Compare(x.path, y.path)
	}
	slices.SortFunc(a.scripts, byPath)
	slices.SortFunc(a.styles, byPath)
	return a, err
}

func (a *assets) has(name string) bool { return a.tags[name] != "" }

// serve serves a file that was there at the start; missing answers for others.
func (a *assets) serve(w http.ResponseWriter, r *http.Request, name string, missing func()) {
	file, err := a.open(name)
	if err != nil {
		missing()
		return
	}
	defer file.Close()
	h := w.Header()
	h.Set("Cache-Control", "no-cache")
	if t, ok := contentTypes[path.Ext(name)]; ok {
		h.Set("Content-Type", t)
	}
	if file.changed.IsZero() { // embedded, so as it was at the start
		h.Set("ETag", a.tags[name])
	}
	http.ServeContent(w, r, name, file.changed, file)
}

// assetFile is an open file.
type assetFile struct {
	io.ReadSeeker
	io.Closer
	changed time.Time
}

// open opens a file that was there at the start, and still is.
func (a *assets) open(name string) (*assetFile, error) {
	if !a.has(name) {
		return nil, fs.ErrNotExist
	}
	info, err := fs.Lstat(a.files, name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fs.ErrNotExist
	}
	file, err := a.files.Open(name)
	if err != nil {
		return nil, err
	}
	if seeker, ok := file.(io.ReadSeeker); ok {
		return &assetFile{seeker, file, info.ModTime()}, nil
	}
	text, err := io.ReadAll(file)
	if err != nil {
		_ = file.Close()
		return nil, err
	}
	return &assetFile{bytes.NewReader(text), file, info.ModTime()}, nil
}
