// Command fetch brings the front-end bundles into the repository.
//
// It reads static/packages.json, gets each npm package with the npm client,
// checks the integrity of the package and of every file, and writes the files
// compressed (name.br and name.gz), static/manifest.json and the licences: of
// the packages and of the libraries inside their bundles.
// Run it from the root of the repository:
//
//	go run ./static/fetch
//	go run ./static/fetch -check
//
// The output depends on packages.json, on the version of the brotli module and
// on the gzip writer of the Go release that runs it, and on nothing else. With
// -check nothing is fetched or written: the committed files are compared with
// packages.json.
package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/andybalholm/brotli"
)

// A List is what static/packages.json holds.
type List struct {
	Packages  []Package
	Libraries []Library
}

// A Package is an npm package and what we take of it.
type Package struct {
	Name      string
	Version   string
	License   string   // SPDX identifier
	Integrity string   // of the tarball: "sha512-" and base64
	Notices   []string // files that hold the licence and its notices
	Note      string   // what the notices leave unsaid
	Folder    string   // where its files are below _dash-component-suites
	Into      string   // the example that it is for; empty for the binary itself
	Files     []File
}

// A File is a file of a package, or a JSON module inside one.
type File struct {
	File   string // name in the package
	Module string // the JSON module to take out of File
	Path   string // name below Folder
	Bytes  int64
	SHA256 string
	Seldom bool // asked for by no page of dashd: stored in the one encoding that everybody takes
}

// encodings returns the endings of the names under which a file is stored.
func (f File) encodings() []string {
	if f.Seldom {
		return []string{".gz"}
	}
	return []string{".br", ".gz"}
}

// encoders are the writers of the encodings.
var encoders = map[string]func(io.Writer) io.WriteCloser{".br": newBrotli, ".gz": newGzip}

// Manifest is what static/manifest.json holds.
type Manifest struct {
	Packages []NPM             `json:"packages"`
	Folders  map[string]Folder `json:"folders"`
}

// NPM names a package and its licence.
type NPM struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	License string `json:"license"`
}

// A Folder is a directory of bundles with a short hash of its content.
type Folder struct {
	Hash  string           `json:"hash"`
	Files map[string]Entry `json:"files"`
}

// An Entry describes the uncompressed form of a file.
type Entry struct {
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
}

func main() {
	check := flag.Bool("check", false, "compare the committed files with packages.json")
	flag.Parse()
	run := fetch
	if *check {
		run = verify
	}
	if err := run("static/packages.json"); err != nil {
		fmt.Fprintln(os.Stderr, "fetch:", err)
		os.Exit(1)
	}
}

// readList reads packages.json.
func readList(name string) (List, error) {
	var list List
	b, err := os.ReadFile(name)
	if err != nil {
		return list, err
	}
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&list); err != nil {
		return list, fmt.Errorf("read %s: %w", name, err)
	}
	return list, nil
}

// dir is the directory that holds the compressed files of p.
func (p Package) dir() string {
	if p.Into != "" {
		return path.Join(p.Into, "bundle")
	}
	return path.Join("static/bundles", p.Folder)
}

// licenses is the file that holds the licence of p.
func (p Package) licenses() string {
	if p.Into != "" {
		return path.Join(p.Into, "LICENSES.txt")
	}
	return "static/licenses/LICENSES.txt"
}

// fetch gets all packages, and writes the output once all of it is known.
func fetch(name string) error {
	list, err := readList(name)
	if err != nil {
		return err
	}
	tmp, err := os.MkdirTemp("", "dashd-fetch-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	libraries, err := getLibraries(list.Libraries, tmp)
	if err != nil {
		return err
	}

	out := map[string][]byte{}
	manifest := Manifest{Folders: map[string]Folder{}}
	inside := map[string][]Library{} // of the packages of a LICENSES.txt
	for _, p := range list.Packages {
		content, err := p.get(tmp)
		if err != nil {
			return fmt.Errorf("get %s@%s: %w", p.Name, p.Version, err)
		}
		for _, f := range p.Files {
			b, err := f.from(content)
			if err != nil {
				return fmt.Errorf("take %s from %s@%s: %w", f.Path, p.Name, p.Version, err)
			}
			file := path.Join(p.dir(), f.Path)
			for _, ext := range f.encodings() {
				if out[file+ext], err = compress(b, encoders[ext]); err != nil {
					return err
				}
			}
		}
		section, err := p.notice(content)
		if err != nil {
			return err
		}
		own := librariesIn(p.Name, libraries)
		bundled, err := p.bundled(content, own)
		if err != nil {
			return fmt.Errorf("list the libraries in %s@%s: %w", p.Name, p.Version, err)
		}
		file := p.licenses()
		out[file] = slices.Concat(out[file], section, bundled)
		inside[file] = append(inside[file], own...)
		if p.Into == "" {
			manifest.add(p)
		}
	}
	for file, own := range inside {
		out[file] = append(out[file], licenseTexts(own)...)
	}
	manifest.hash()
	if out["static/manifest.json"], err = json.MarshalIndent(manifest, "", " "); err != nil {
		return err
	}
	out["static/manifest.json"] = append(out["static/manifest.json"], '\n')
	return write(out)
}

// get returns the files of p.
func (p Package) get(dir string) (map[string][]byte, error) {
	names, err := pack(dir, p.Name+"@"+p.Version)
	if err != nil {
		return nil, err
	}
	return open(filepath.Join(dir, names[0]), p.Integrity)
}

// pack gets the tarballs of packages, given as name@version, into dir and
// returns their names there.
func pack(dir string, packages ...string) ([]string, error) {
	args := []string{"pack", "--pack-destination", dir, "--ignore-scripts", "--silent"}
	cmd := exec.Command("npm", append(args, packages...)...)
	cmd.Dir = dir
	cmd.Stderr = os.Stderr
	stdout, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("run npm pack: %w", err)
	}
	names := strings.Fields(string(stdout))
	if len(names) != len(packages) {
		return nil, fmt.Errorf("run npm pack: %d tarballs, want %d", len(names), len(packages))
	}
	return names, nil
}

// open checks a tarball and returns its files.
func open(name, integrity string) (map[string][]byte, error) {
	b, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	sum := sha512.Sum512(b)
	if got := "sha512-" + base64.StdEncoding.EncodeToString(sum[:]); got != integrity {
		return nil, fmt.Errorf("integrity is %s, want %s", got, integrity)
	}
	return untar(b)
}

// untar returns the regular files of an npm tarball without their first
// directory.
func untar(b []byte) (map[string][]byte, error) {
	z, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		return nil, fmt.Errorf("open tarball: %w", err)
	}
	files := map[string][]byte{}
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if err == io.EOF {
			return files, nil
		}
		if err != nil {
			return nil, fmt.Errorf("read tarball: %w", err)
		}
		if h.Typeflag != tar.TypeReg {
			continue
		}
		_, name, _ := strings.Cut(h.Name, "/")
		if files[name], err = io.ReadAll(r); err != nil {
			return nil, fmt.Errorf("read tarball: %w", err)
		}
	}
}

// from returns the content of f, checked, out of the files of its package.
func (f File) from(content map[string][]byte) ([]byte, error) {
	b, ok := content[f.File]
	if !ok {
		return nil, fmt.Errorf("no file %s in the package", f.File)
	}
	if f.Module != "" {
		var err error
		if b, err = jsonModule(b, f.Module); err != nil {
			return nil, err
		}
	}
	return b, f.check(b)
}

// check reports whether b is the content of f.
func (f File) check(b []byte) error {
	sum := sha256.Sum256(b)
	if got := hex.EncodeToString(sum[:]); got != f.SHA256 || int64(len(b)) != f.Bytes {
		return fmt.Errorf("content is %d bytes of sha256 %s, want %d of %s", len(b), got, f.Bytes, f.SHA256)
	}
	return nil
}

// jsonModule returns the JSON file name that esbuild put into the script b as
// an object literal: keys without quotes and spaces are the only differences.
func jsonModule(b []byte, name string) ([]byte, error) {
	_, rest, ok := bytes.Cut(b, []byte(`"`+name+`"(exports, module) {`))
	if !ok {
		return nil, fmt.Errorf("no module %s in the file", name)
	}
	_, rest, _ = bytes.Cut(rest, []byte("module.exports = "))
	literal, _, _ := bytes.Cut(rest, []byte(";\n"))

	var quoted, out bytes.Buffer
	word := func(c byte) bool {
		return c == '_' || c == '$' || 'a' <= c|0x20 && c|0x20 <= 'z' || '0' <= c && c <= '9'
	}
	for i := 0; i < len(literal); {
		start := i
		switch c := literal[i]; {
		case c == '"':
			for i++; i < len(literal) && literal[i] != '"'; i++ {
				if literal[i] == '\\' {
					i++
				}
			}
			i = min(i+1, len(literal))
			quoted.Write(literal[start:i])
		case word(c):
			for i < len(literal) && word(literal[i]) {
				i++
			}
			if i < len(literal) && literal[i] == ':' {
				fmt.Fprintf(&quoted, "%q", literal[start:i])
			} else {
				quoted.Write(literal[start:i])
			}
		default:
			quoted.WriteByte(c)
			i++
		}
	}
	if err := json.Compact(&out, quoted.Bytes()); err != nil {
		return nil, fmt.Errorf("read module %s: %w", name, err)
	}
	return out.Bytes(), nil
}

func newBrotli(w io.Writer) io.WriteCloser {
	return brotli.NewWriterLevel(w, brotli.BestCompression)
}

func newGzip(w io.Writer) io.WriteCloser {
	z, _ := gzip.NewWriterLevel(w, gzip.BestCompression) // a valid level
	return z
}

func compress(b []byte, encoder func(io.Writer) io.WriteCloser) ([]byte, error) {
	var buf bytes.Buffer
	w := encoder(&buf)
	if _, err := w.Write(b); err != nil {
		return nil, fmt.Errorf("compress: %w", err)
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("compress: %w", err)
	}
	return buf.Bytes(), nil
}

func (m *Manifest) add(p Package) {
	m.Packages = append(m.Packages, NPM{p.Name, p.Version, p.License})
	folder, ok := m.Folders[p.Folder]
	if !ok {
		folder.Files = map[string]Entry{}
		m.Folders[p.Folder] = folder
	}
	for _, f := range p.Files {
		folder.Files[f.Path] = Entry{f.Bytes, f.SHA256}
	}
}

// hash sets the hash of each folder from the names and hashes of its files.
func (m *Manifest) hash() {
	for name, folder := range m.Folders {
		h := sha256.New()
		for _, file := range slices.Sorted(maps.Keys(folder.Files)) {
			fmt.Fprintf(h, "%s %s\n", folder.Files[file].SHA256, file)
		}
		folder.Hash = hex.EncodeToString(h.Sum(nil))[:12]
		m.Folders[name] = folder
	}
}

// write replaces the output of an earlier run by out.
func write(out map[string][]byte) error {
	stale := map[string]bool{"static/bundles": true}
	for name := range out {
		if dir, _, ok := strings.Cut(name, "/bundle/"); ok {
			stale[dir+"/bundle"] = true
		}
	}
	for dir := range stale {
		if err := os.RemoveAll(dir); err != nil {
			return err
		}
	}
	for name, b := range out {
		if err := os.MkdirAll(path.Dir(name), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(name, b, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// verify checks the committed files, all encodings of each.
func verify(name string) error {
	list, err := readList(name)
	if err != nil {
		return err
	}
	var problems []error
	for _, p := range list.Packages {
		for _, f := range p.Files {
			file := path.Join(p.dir(), f.Path)
			for _, ext := range f.encodings() {
				if err := f.verify(file + ext); err != nil {
					problems = append(problems, fmt.Errorf("check %s%s: %w", file, ext, err))
				}
			}
		}
	}
	return errors.Join(problems...)
}

func (f File) verify(name string) error {
	r, err := os.Open(name)
	if err != nil {
		return err
	}
	defer r.Close()
	var plain io.Reader = brotli.NewReader(r)
	if path.Ext(name) == ".gz" {
		if plain, err = gzip.NewReader(r); err != nil {
			return err
		}
	}
	b, err := io.ReadAll(plain)
	if err != nil {
		return err
	}
	return f.check(b)
}
