package serve

import (
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
	"net/http"
	"path"
	"slices"
	"strings"
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
// that an edit of a file on disk shows at the next load.
func newAssets(files fs.FS) (*assets, error) {
	a := &assets{files: files, tags: map[string]string{}}
	if files == nil {
		return a, nil
	}
	err := fs.WalkDir(files, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := fs.ReadFile(files, name)
		if err != nil {
			return err
		}
		sum := sha256.Sum256(text)
		hash := hex.EncodeToString(sum[:8])
		a.tags[name] = `"` + hash + `"`
		item := asset{path: name, url: "assets/" + name + "?m=" + hash}
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
	if !a.has(name) {
		missing()
		return
	}
	w.Header().Set("Cache-Control", "no-cache")
	if info, err := fs.Stat(a.files, name); err == nil && info.ModTime().IsZero() { // embedded, so as it was at the start
		w.Header().Set("ETag", a.tags[name])
	}
	http.ServeFileFS(w, r, a.files, name)
}
