package serve

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"dashd/store"
)

// embedScript is the script for pages of any site, below the base path: the
// element <dash-app> and iframes that are as high as their content.
const embedScript = "embed.js"

// embedPackage is the folder of the scripts that only pages with <dash-app>
// load: embedScript and the renderer.
const (
	embedPackage  = "embed"
	embedRenderer = "dash_renderer.js"
)

// The renderer stands between these as it is, so that embedScript can run it
// for each app with a window, a document and a fetch of the app's own.
const (
	rendererHead = "dashEmbed.renderer(function (window, document, fetch) {\n"
	rendererTail = "\n});\n"
)

// addEmbed adds the files of embedPackage. own are dashd's own files.
func (b *bundles) addEmbed(own fs.FS) error {
	renderer, err := b.text(rendererPackage + "/" + rendererScript)
	if err != nil {
		return err
	}
	files := map[string][]byte{embedRenderer: slices.Concat([]byte(rendererHead), renderer, []byte(rendererTail))}
	for _, name := range []string{"embed.js", "frames.js"} {
		text, err := fs.ReadFile(own, name)
		if err != nil {
			return err
		}
		files[embedScript] = append(files[embedScript], text...)
	}
	hash := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(files)) {
		sum := sha256.Sum256(files[name])
		fmt.Fprintf(hash, "%x %s\n", sum, name)
		forms := []form{memoryForm("gzip", gzipped(files[name])), memoryForm("identity", files[name])}
		b.files[embedPackage+"/"+name] = &bundle{embedPackage, contentType(name), hex.EncodeToString(sum[:8]), forms}
	}
	b.hashes[embedPackage] = hex.EncodeToString(hash.Sum(nil))[:12]
	return nil
}

// text returns the content of a file.
func (b *bundles) text(file string) ([]byte, error) {
	f := b.files[file]
	if f == nil {
		return nil, fmt.Errorf("find %s: %w", file, fs.ErrNotExist)
	}
	body, err := f.forms[len(f.forms)-1].open() // as it is
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", file, err)
	}
	text, err := io.ReadAll(body)
	if err = errors.Join(err, body.Close()); err != nil {
		return nil, fmt.Errorf("read %s: %w", file, err)
	}
	return text, nil
}

// serveEmbedScript serves embedScript at an address that stays the same.
func (s *Server) serveEmbedScript(w http.ResponseWriter, r *http.Request) {
	w.Header()["Cache-Control"] = noCache
	w.Header()[resourcePolicy] = forAllPages
	s.bundles.files[embedPackage+"/"+embedScript].serve(w, r, "")
}

// embedFiles are the files that an app needs in a page of others.
type embedFiles struct {
	scripts     []string // in the order in which they run
	modules     []string
	stylesheets []string
	hash        string // of the scripts of the app's own, "" when it has none
}

func (s *Server) embedFiles(m *mount) (embedFiles, error) {
	files := embedFiles{stylesheets: m.html.Stylesheets}
	base := s.config.BasePath
	for _, script := range rendererScripts {
		url := s.bundles.url(base, script[0], script[1])
		if script[0] == rendererPackage {
			url = s.bundles.url(base, embedPackage, embedRenderer)
		}
		files.scripts = append(files.scripts, url)
	}
	files.scripts = slices.Concat(files.scripts, m.page.Scripts, s.pageSuiteScripts(m))
	for _, asset := range m.assets.scripts {
		if isModule(asset) {
			files.modules = append(files.modules, m.prefix+asset.url)
		}
	}
	text, err := m.ownScripts()
	if len(text) > 0 {
		sum := sha256.Sum256(text)
		files.hash = hex.EncodeToString(sum[:8])
	}
	return files, err
}

// isModule reports whether a script runs as a module: those have no globals, so
// they need no other form in a page with several apps.
func isModule(script asset) bool { return strings.HasSuffix(script.path, ".mjs") }

// ownScripts are the inline functions of the callbacks and the scripts among
// the assets, one after the other.
func (m *mount) ownScripts() ([]byte, error) {
	text := slices.Clone(m.page.Clientside)
	for _, script := range m.assets.scripts {
		if isModule(script) {
			continue
		}
		file, err := m.assets.text(script.path)
		if errors.Is(err, fs.ErrNotExist) {
			continue // it has been taken away
		}
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", script.path, err)
		}
		text = append(append(text, "\n;"...), file...)
	}
	return text, nil
}

// text returns the content of a file.
func (a *assets) text(name string) ([]byte, error) {
	file, err := a.open(name)
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(file)
	return text, errors.Join(err, file.Close())
}

// embedding is the answer of _dash-embed: what <dash-app> needs to show an app.
type embedding struct {
	Config     json.RawMessage `json:"config"` // _dash-config
	Scripts    []string        `json:"scripts"`
	Modules    []string        `json:"modules"`
	CSS        []string        `json:"css"`
	Clientside *embedOwn       `json:"clientside"` // null when there are none
}

// embedOwn is where the scripts of an app's own are, and how they call
// themselves.
type embedOwn struct {
	Hash string `json:"hash"`
	URL  string `json:"url"`
}

func (s *Server) serveEmbed(w http.ResponseWriter, r *http.Request, v *Visit) error {
	endID, err := v.beginPage()
	if err != nil {
		return err
	}
	s.analytics.viewed(v, store.EmbedView, endID)
	m, prefix := v.place.mount, v.place.prefix
	answer := embedding{
		Config:  json.RawMessage(m.config.with(prefix, endID)),
		Scripts: m.embed.scripts,
		Modules: m.allAt(prefix, m.embed.modules),
		CSS:     m.allAt(prefix, m.embed.stylesheets),
	}
	if hash := m.embed.hash; hash != "" {
		answer.Clientside = &embedOwn{hash, prefix + "_dash-embed.js?m=" + hash}
	}
	text, err := json.Marshal(answer)
	if err != nil {
		return fmt.Errorf("write what the page needs: %w", err)
	}
	w.Header().Set("Cache-Control", "no-store")
	s.answerJSON(w, r, http.StatusOK, text)
	return nil
}

// serveEmbedJS serves the scripts of the app's own as a function of a window,
// document and dash_clientside, so that each app in a page has its own.
func (m *mount) serveEmbedJS(w http.ResponseWriter, r *http.Request) error {
	if m.embed.hash == "" {
		return errNoPage
	}
	text, err := m.ownScripts()
	if err != nil {
		return err
	}
	sum := sha256.Sum256(text) // assets on disk may have changed
	head := fmt.Sprintf("dashEmbed.clientside(%q, function (window, document, dash_clientside) {\n;", m.embed.hash)
	text = slices.Concat([]byte(head), text, []byte("\n});\n"))
	w.Header().Set("Content-Type", "text/javascript; charset=utf-8")
	w.Header()["Cache-Control"] = noCache
	w.Header().Set("ETag", `"`+hex.EncodeToString(sum[:8])+`"`)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(text))
	return nil
}
