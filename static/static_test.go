package static_test

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
	"testing"

	"dashd/static"

	"github.com/andybalholm/brotli"
)

// packages.json, as far as it matters here.
type npm struct {
	Name, Version, License, Folder, Into string
	Files                                []struct {
		Path   string
		Bytes  int
		SHA256 string
		Seldom bool // without brotli
	}
}

func packages(t *testing.T) []npm {
	t.Helper()
	b, err := os.ReadFile("packages.json")
	if err != nil {
		t.Fatal(err)
	}
	var list struct{ Packages []npm }
	if err := json.Unmarshal(b, &list); err != nil {
		t.Fatal(err)
	}
	return list.Packages
}

// TestBundles holds that each file of packages.json is there in its encodings
// with the content that packages.json promises, and that nothing else is.
func TestBundles(t *testing.T) {
	seen := map[string]bool{}
	for _, p := range packages(t) {
		fsys, folder := static.Bundles(), p.Folder
		if p.Into != "" {
			fsys, folder = os.DirFS(".."), path.Join(p.Into, "bundle")
		}
		for _, f := range p.Files {
			for ext, decode := range decoders {
				if f.Seldom && ext == ".br" {
					continue
				}
				name := path.Join(folder, f.Path) + ext
				seen[name] = true
				compressed, err := fs.ReadFile(fsys, name)
				if err != nil {
					t.Error(err)
					continue
				}
				b, err := decode(compressed)
				if err != nil {
					t.Errorf("decompress %s: %v", name, err)
					continue
				}
				sum := sha256.Sum256(b)
				if got := hex.EncodeToString(sum[:]); got != f.SHA256 || len(b) != f.Bytes {
					t.Errorf("%s holds %d bytes of %s, want %d of %s", name, len(b), got, f.Bytes, f.SHA256)
				}
			}
		}
	}
	err := fs.WalkDir(static.Bundles(), ".", func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && !seen[name] {
			t.Errorf("%s is embedded but not in packages.json", name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

var decoders = map[string]func([]byte) ([]byte, error){
	".br": func(b []byte) ([]byte, error) {
		return io.ReadAll(brotli.NewReader(bytes.NewReader(b)))
	},
	".gz": func(b []byte) ([]byte, error) {
		z, err := gzip.NewReader(bytes.NewReader(b))
		if err != nil {
			return nil, err
		}
		return io.ReadAll(z)
	},
}

// TestLibraries holds that LICENSES.txt names each library inside the bundles,
// under its packages and with its licence.
func TestLibraries(t *testing.T) {
	b, err := os.ReadFile("packages.json")
	if err != nil {
		t.Fatal(err)
	}
	var list struct {
		Libraries []struct {
			Name, Version, License string
			In                     []string
		}
	}
	if err := json.Unmarshal(b, &list); err != nil {
		t.Fatal(err)
	}
	cytoscape, err := os.ReadFile("../examples/network/cytoscape/LICENSES.txt")
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range list.Libraries {
		title := "\n" + l.Name + " " + l.Version + " (" + l.License + ")"
		for _, p := range l.In {
			text := static.Licenses
			if p == "dash-cytoscape" {
				text = string(cytoscape)
			}
			if !strings.Contains(text, title+", ") || !strings.Contains(text, title+"\n") {
				t.Errorf("the licences of %s lack%s", p, title)
			}
		}
	}
}

// TestManifest holds that manifest.json and LICENSES.txt agree with
// packages.json.
func TestManifest(t *testing.T) {
	var manifest struct {
		Packages []struct{ Name, Version, License string }
		Folders  map[string]struct {
			Hash  string
			Files map[string]struct {
				Bytes  int
				SHA256 string
			}
		}
	}
	if err := json.Unmarshal(static.Manifest, &manifest); err != nil {
		t.Fatal(err)
	}
	count := 0
	for _, p := range packages(t) {
		if p.Into != "" {
			continue
		}
		if len(manifest.Packages) == count || manifest.Packages[count].Name != p.Name ||
			manifest.Packages[count].Version != p.Version || manifest.Packages[count].License != p.License {
			t.Fatalf("manifest.json has no package %s %s (%s) at %d", p.Name, p.Version, p.License, count)
		}
		count++
		if title := p.Name + " " + p.Version + " (" + p.License + ")\n"; !strings.Contains(static.Licenses, title) {
			t.Errorf("LICENSES.txt has no section %q", title)
		}
		folder := manifest.Folders[p.Folder]
		if len(folder.Hash) != 12 {
			t.Errorf("manifest.json: hash of %s is %q", p.Folder, folder.Hash)
		}
		for _, f := range p.Files {
			if got := folder.Files[f.Path]; got.Bytes != f.Bytes || got.SHA256 != f.SHA256 {
				t.Errorf("manifest.json: %s of %s is %v", f.Path, p.Folder, got)
			}
		}
	}
	if len(manifest.Packages) != count {
		t.Errorf("manifest.json has %d packages, packages.json %d", len(manifest.Packages), count)
	}
}

func TestDashd(t *testing.T) {
	icon, err := fs.ReadFile(static.Dashd(), "favicon.ico")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.HasPrefix(icon, []byte{0, 0, 1, 0, 2, 0}) {
		t.Error("favicon.ico is not an icon of two images")
	}
	if _, err := fs.Stat(static.Dashd(), "graph.js"); err != nil {
		t.Error(err)
	}
}
