package serve

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net/http"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"dashd/app"
)

// bundles serves the files of component suites. It knows every file from the
// start and answers for these exact names only; nothing that a request says
// reaches a file system. Compressed files are sent as they are stored.
type bundles struct {
	hashes map[string]string  // package -> hash of its content
	files  map[string]*bundle // "package/file"
}

// A bundle is one file, in the forms in which it can be sent.
type bundle struct {
	pkg         string
	contentType string
	tag         string // names the content; the ETag adds the encoding
	forms       []form // the preferred one first
}

// A form is a bundle in one content coding.
type form struct {
	encoding string // "br", "gzip" or "identity"
	size     int64
	open     func() (io.ReadCloser, error)
}

// newBundles returns the server of the built-in bundles and of the suites.
// builtin and manifest are as in package static. A suite without Files must be
// one of the built-in ones.
func newBundles(builtin fs.FS, manifest []byte, suites ...*app.Suite) (*bundles, error) {
	b := &bundles{hashes: map[string]string{}, files: map[string]*bundle{}}
	if err := b.addBuiltin(builtin, manifest); err != nil {
		return nil, fmt.Errorf("load built-in bundles: %w", err)
	}
	seen := map[*app.Suite]bool{}
	for _, s := range suites {
		if seen[s] {
			continue
		}
		seen[s] = true
		if err := b.addSuite(s); err != nil {
			return nil, fmt.Errorf("load suite %s: %w", s.Package, err)
		}
	}
	return b, nil
}

func (b *bundles) addBuiltin(builtin fs.FS, manifest []byte) error {
	var m struct {
		Folders map[string]struct {
			Hash  string
			Files map[string]struct {
				Bytes  int64
				SHA256 string
			}
		}
	}
	if err := json.Unmarshal(manifest, &m); err != nil {
		return fmt.Errorf("read manifest: %w", err)
	}
	for pkg, folder := range m.Folders {
		b.hashes[pkg] = folder.Hash
		for name, f := range folder.Files {
			file := pkg + "/" + name
			forms, err := compressedForms(builtin, file, f.Bytes)
			if err != nil {
				return err
			}
			b.files[file] = &bundle{pkg, contentType(file), f.SHA256[:16], forms}
		}
	}
	return nil
}

func (b *bundles) addSuite(s *app.Suite) error {
	_, known := b.hashes[s.Package]
	switch {
	case s.Files == nil && !known:
		return errors.New("it has no Files and is not part of dashd")
	case s.Files != nil && known:
		return errors.New("another suite has the same Package")
	case s.Files != nil:
		if err := b.addFiles(s.Package, s.Files); err != nil {
			return err
		}
	}
	for _, name := range slices.Concat(s.Scripts, s.Styles) {
		if b.files[s.Package+"/"+name] == nil {
			return fmt.Errorf("find %s: %w", name, fs.ErrNotExist)
		}
	}
	return nil
}

// addFiles adds the files of a package that is not built in.
func (b *bundles) addFiles(pkg string, fsys fs.FS) error {
	if !fs.ValidPath(pkg) || pkg == "." {
		return fmt.Errorf("%q is no path for a package", pkg)
	}
	names := map[string]bool{} // -> whether it is stored compressed
	err := fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		ext := path.Ext(name)
		stored := ext == ".br" || ext == ".gz"
		if stored {
			name = strings.TrimSuffix(name, ext)
		}
		names[name] = names[name] || stored
		return nil
	})
	if err != nil {
		return err
	}

	hash := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(names)) {
		file := pkg + "/" + name
		if b.files[file] != nil {
			return fmt.Errorf("%s is there twice", file)
		}
		load := plainForms
		if names[name] {
			load = storedForms
		}
		forms, sum, err := load(fsys, name)
		if err != nil {
			return err
		}
		tag := hex.EncodeToString(sum[:8])
		b.files[file] = &bundle{pkg, contentType(file), tag, forms}
		fmt.Fprintf(hash, "%x %s\n", sum, name)
	}
	b.hashes[pkg] = hex.EncodeToString(hash.Sum(nil))[:12]
	return nil
}

// compressedForms returns the forms of a file that is stored as name.gz and,
// if it is asked for often, name.br. The plain form, of the given size, is
// unpacked when it is asked for.
func compressedForms(fsys fs.FS, name string, size int64) (forms []form, err error) {
	gz, err := fs.Stat(fsys, name+".gz")
	if err != nil {
		return nil, err
	}
	open := func(name string) func() (io.ReadCloser, error) {
		return func() (io.ReadCloser, error) { return fsys.Open(name) }
	}
	switch br, err := fs.Stat(fsys, name+".br"); {
	case err == nil:
		forms = append(forms, form{"br", br.Size(), open(name + ".br")})
	case !errors.Is(err, fs.ErrNotExist):
		return nil, err
	}
	return append(forms,
		form{"gzip", gz.Size(), open(name + ".gz")},
		form{"identity", size, func() (io.ReadCloser, error) { return openGzip(fsys, name+".gz") }},
	), nil
}

// storedForms returns the forms of a suite's file that is stored compressed, and
// the hash of what is stored.
func storedForms(fsys fs.FS, name string) ([]form, [sha256.Size]byte, error) {
	gz, err := fs.ReadFile(fsys, name+".gz")
	if err != nil {
		return nil, [sha256.Size]byte{}, err
	}
	if len(gz) < 18 { // the least header and trailer
		return nil, [sha256.Size]byte{}, fmt.Errorf("read %s.gz: %w", name, gzip.ErrHeader)
	}
	size := binary.LittleEndian.Uint32(gz[len(gz)-4:]) // as gzip's trailer has it
	forms, err := compressedForms(fsys, name, int64(size))
	return forms, sha256.Sum256(gz), err
}

// plainForms returns the forms of a suite's file that is stored as it is, and its
// hash. Text that gains by it is compressed here, once.
func plainForms(fsys fs.FS, name string) ([]form, [sha256.Size]byte, error) {
	b, err := fs.ReadFile(fsys, name)
	if err != nil {
		return nil, [sha256.Size]byte{}, err
	}
	forms := []form{{"identity", int64(len(b)), func() (io.ReadCloser, error) { return fsys.Open(name) }}}
	if compressible[path.Ext(name)] {
		if gz := gzipped(b); len(gz) < len(b)*9/10 {
			forms = append([]form{memoryForm("gzip", gz)}, forms...)
		}
	}
	return forms, sha256.Sum256(b), nil
}

func gzipped(text []byte) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	z.Write(text) // a bytes.Buffer does not fail
	z.Close()
	return b.Bytes()
}

func memoryForm(encoding string, body []byte) form {
	return form{encoding, int64(len(body)), func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(body)), nil
	}}
}

// openGzip opens a gzip file and reads what it holds.
func openGzip(fsys fs.FS, name string) (io.ReadCloser, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	z, err := gzip.NewReader(f)
	if err != nil {
		f.Close()
		return nil, err
	}
	return struct {
		io.Reader
		io.Closer
	}{z, f}, nil
}

// url returns the URL of a file or directory below the hash of its package, so
// that the files next to it are found by their names. pkg is a package or a
// directory of one.
func (b *bundles) url(base, pkg, file string) string {
	name := pkg + "/" + file
	var hash string
	for dir := name; hash == "" && dir != "."; dir = path.Dir(dir) {
		hash = b.hashes[dir]
	}
	return base + "static/" + hash + "/" + (&url.URL{Path: name}).EscapedPath()
}

// serveStatic answers for rest, "<hash>/<package>/<file>", which never changes.
func (b *bundles) serveStatic(w http.ResponseWriter, r *http.Request, rest string) {
	hash, name, _ := strings.Cut(rest, "/")
	f := b.files[name]
	if f == nil || b.hashes[f.pkg] != hash {
		http.NotFound(w, r)
		return
	}
	f.serve(w, r, "public, max-age=31536000, immutable")
}

// serveSuite answers for rest, "<package>/<file>", as Dash does: with a
// fingerprint in its name a file is kept for a year, without one it is
// revalidated. It is there only if its package is allowed.
func (b *bundles) serveSuite(w http.ResponseWriter, r *http.Request, rest string, allowed func(pkg string) bool) {
	f, cache := b.files[rest], ""
	if f == nil {
		f, cache = b.files[cutFingerprint(rest)], "max-age=31536000"
	}
	if f == nil || !allowed(f.pkg) {
		http.NotFound(w, r)
		return
	}
	f.serve(w, r, cache)
}

var fingerprint = regexp.MustCompile(`^v[\w-]+m[0-9a-fA-F]+$`)

// cutFingerprint removes the fingerprint that Dash puts after the first dot of
// a file's name, as in react@18.v4_3_0m1750000000.3.1.min.js.
func cutFingerprint(name string) string {
	dir, file := path.Split(name)
	first, rest, _ := strings.Cut(file, ".")
	second, rest, ok := strings.Cut(rest, ".")
	if !ok || !fingerprint.MatchString(second) {
		return name
	}
	return dir + first + "." + rest
}

// serve sends f in the form that the request prefers, to be kept as the value
// of Cache-Control says. Without one, f has an ETag, and the answer to a request
// that knows it is 304. Ranges are not served: nobody needs part of a script.
func (f *bundle) serve(w http.ResponseWriter, r *http.Request, cache string) {
	h := w.Header()
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		h.Set("Allow", "GET, HEAD")
		http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
		return
	}
	h.Add("Vary", "Accept-Encoding")
	form, ok := f.negotiate(strings.Join(r.Header.Values("Accept-Encoding"), ","))
	if !ok {
		http.Error(w, "no acceptable encoding", http.StatusNotAcceptable)
		return
	}
	body, err := form.open()
	if err != nil {
		http.Error(w, "cannot read the file", http.StatusInternalServerError)
		return
	}
	defer body.Close()

	if cache != "" {
		h.Set("Cache-Control", cache)
	} else {
		etag := `"` + f.tag + "-" + form.encoding + `"`
		h.Set("ETag", etag)
		if etagMatches(r.Header.Values("If-None-Match"), etag) {
			w.WriteHeader(http.StatusNotModified)
			return
		}
	}
	h.Set("Accept-Ranges", "none")
	h.Set("Content-Type", f.contentType)
	h.Set("Content-Length", strconv.FormatInt(form.size, 10))
	if form.encoding != "identity" {
		h.Set("Content-Encoding", form.encoding)
	}
	if r.Method == http.MethodGet {
		io.Copy(w, body) // what fails here is the connection
	}
}

// negotiate returns the acceptable form with the highest weight in an
// Accept-Encoding header; of equal ones, the first.
func (f *bundle) negotiate(accept string) (form, bool) {
	weights := map[string]float64{}
	for item := range strings.SplitSeq(strings.ToLower(accept), ",") {
		name, param, weighted := strings.Cut(item, ";")
		q := 1.0
		if weighted {
			value, ok := strings.CutPrefix(strings.TrimSpace(param), "q=")
			var err error
			if q, err = strconv.ParseFloat(value, 64); !ok || err != nil {
				continue
			}
		}
		weights[strings.TrimSpace(name)] = q
	}
	weight := func(encoding string) float64 {
		if q, ok := weights[encoding]; ok {
			return q
		}
		if q, ok := weights["*"]; ok {
			return q
		}
		if encoding == "identity" {
			return 0.0001 // acceptable unless refused, but the last choice
		}
		return 0
	}
	var best form
	var most float64
	for _, form := range f.forms {
		if q := weight(form.encoding); q > most {
			best, most = form, q
		}
	}
	return best, most > 0
}

// etagMatches reports whether an If-None-Match header names etag.
func etagMatches(header []string, etag string) bool {
	for item := range strings.SplitSeq(strings.Join(header, ","), ",") {
		item = strings.TrimSpace(item)
		if item == "*" || strings.TrimPrefix(item, "W/") == etag {
			return true
		}
	}
	return false
}

// contentType returns the media type of a file by its name, everywhere the
// same: package mime asks the operating system.
func contentType(name string) string {
	if t, ok := contentTypes[path.Ext(name)]; ok {
		return t
	}
	return "application/octet-stream"
}

var contentTypes = map[string]string{
	".css":   "text/css; charset=utf-8",
	".gif":   "image/gif",
	".ico":   "image/x-icon",
	".jpeg":  "image/jpeg",
	".jpg":   "image/jpeg",
	".js":    "text/javascript; charset=utf-8",
	".json":  "application/json",
	".map":   "application/json",
	".mjs":   "text/javascript; charset=utf-8",
	".png":   "image/png",
	".svg":   "image/svg+xml",
	".ttf":   "font/ttf",
	".txt":   "text/plain; charset=utf-8",
	".wasm":  "application/wasm",
	".webp":  "image/webp",
	".woff":  "font/woff",
	".woff2": "font/woff2",
}

// compressible are the files whose compression at start is worth the while.
var compressible = map[string]bool{
	".css": true, ".js": true, ".json": true, ".map": true, ".mjs": true, ".svg": true, ".txt": true, ".wasm": true,
}
