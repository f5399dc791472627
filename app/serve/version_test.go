package serve_test

import (
	"bytes"
	"encoding/json"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"
	"testing"

	"dashd/app/serve"
)

// TestSBOM holds the shape of the bill of materials: what CycloneDX 1.6 asks
// for, every reference once, and nothing left out.
func TestSBOM(t *testing.T) {
	type component struct {
		Type, Name, Version, PURL string
		Ref                       string `json:"bom-ref"`
		Licenses                  []struct{ Expression string }
		Properties                []struct{ Name, Value string }
	}
	var bill struct {
		BOMFormat, SpecVersion string
		Version                int
		Metadata               struct {
			Timestamp string
			Component component
		}
		Components   []component
		Dependencies []struct {
			Ref       string
			DependsOn []string
		}
	}
	text := versionText(t, "sbom")
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&bill); err != nil {
		t.Fatalf("the bill is no CycloneDX: %v\n%s", err, text)
	}
	if bill.BOMFormat != "CycloneDX" || bill.SpecVersion != "1.6" || bill.Version != 1 {
		t.Errorf("it says that it is %s %s, version %d", bill.BOMFormat, bill.SpecVersion, bill.Version)
	}
	if program := bill.Metadata.Component; program.Type != "application" || program.Name != "dashd" {
		t.Errorf("the program is %+v", program)
	}
	url := regexp.MustCompile(`^pkg:(golang|npm)/[a-z0-9./_%~-]+@[A-Za-z0-9.%~-]+$`)
	refs := []string{}
	for _, c := range bill.Components {
		if c.Type != "library" || c.Name == "" || c.Version == "" || c.Ref == "" || c.PURL != "" && !url.MatchString(c.PURL) {
			t.Errorf("a component is %+v", c)
		}
		if strings.HasPrefix(c.PURL, "pkg:npm/") && (len(c.Licenses) != 1 || c.Licenses[0].Expression == "") {
			t.Errorf("%s has no licence", c.Ref)
		}
		if slices.Contains(refs, c.Ref) {
			t.Errorf("%s is there twice", c.Ref)
		}
		refs = append(refs, c.Ref)
	}
	if len(bill.Dependencies) != 1 || bill.Dependencies[0].Ref != bill.Metadata.Component.Ref || !slices.Equal(bill.Dependencies[0].DependsOn, refs) {
		t.Errorf("what depends on what is %+v", bill.Dependencies)
	}
	for _, want := range []string{"pkg:golang/std@", "pkg:golang/modernc.org/sqlite@v1.60.0", "pkg:golang/github.com/azure/fork@v2.0.0%2Bincompatible", "pkg:npm/plotly.js@", "suite:dash_cytoscape"} {
		if !slices.ContainsFunc(refs, func(ref string) bool { return strings.HasPrefix(ref, want) }) {
			t.Errorf("the bill lacks %s", want)
		}
	}
	if again := versionText(t, "sbom"); !bytes.Equal(text, again) {
		t.Error("a second bill is not the same")
	}
}

// TestVersion holds what people read of a build.
func TestVersion(t *testing.T) {
	text := string(versionText(t, "modules"))
	for _, want := range []string{
		"dashd 0123456789ab+changes, go1.",
		"\ncommit 0123456789abcdef of 2026-11-20T12:00:00Z, with changes since\n",
		"\nsuite dash_cytoscape 1.0.2\n",
		"\nmodernc.org/sqlite v1.60.0\n",
		"\ngithub.com/Azure/fork v2.0.0+incompatible\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
	var build struct {
		Commit   string
		Modified bool
		Modules  []struct{ Path, Version, Sum string }
	}
	if err := json.Unmarshal(versionText(t, "json"), &build); err != nil {
		t.Fatal(err)
	}
	if build.Commit != "0123456789abcdef" || !build.Modified || len(build.Modules) != 2 || build.Modules[0].Sum != "h1:x" {
		t.Errorf("as JSON, the build is %+v", build)
	}
}

// versionText returns what "version" prints in one of its forms of a build. It
// is not of this test's, in which the linker notes no modules.
func versionText(t *testing.T, form string) []byte {
	t.Helper()
	text, err := serve.VersionText(program(), form, &debug.BuildInfo{
		Main: debug.Module{Path: "dashd", Version: "(devel)"},
		Deps: []*debug.Module{
			{Path: "modernc.org/sqlite", Version: "v1.60.0", Sum: "h1:x"},
			{Path: "example.org/old", Version: "v1.0.0", Replace: &debug.Module{Path: "github.com/Azure/fork", Version: "v2.0.0+incompatible"}},
		},
		Settings: []debug.BuildSetting{
			{Key: "vcs.revision", Value: "0123456789abcdef"},
			{Key: "vcs.time", Value: "2026-11-20T12:00:00Z"},
			{Key: "vcs.modified", Value: "true"},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return text
}
