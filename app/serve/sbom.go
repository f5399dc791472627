package serve

import (
	"cmp"
	"slices"
	"strings"
)

// sbom is a bill of materials, as CycloneDX 1.6 has it: all that is linked into
// a program or embedded in it. It is the same for equal builds.
type sbom struct {
	Format       string           `json:"bomFormat"`
	Spec         string           `json:"specVersion"`
	Version      int              `json:"version"`
	Metadata     sbomMetadata     `json:"metadata"`
	Components   []sbomComponent  `json:"components"`
	Dependencies []sbomDependency `json:"dependencies"`
}

type sbomMetadata struct {
	Timestamp string        `json:"timestamp,omitempty"` // of the commit
	Component sbomComponent `json:"component"`
}

type sbomComponent struct {
	Type       string         `json:"type"`
	Ref        string         `json:"bom-ref"`
	Name       string         `json:"name"`
	Version    string         `json:"version"`
	PURL       string         `json:"purl,omitempty"`
	Licenses   []sbomLicense  `json:"licenses,omitempty"`
	Properties []sbomProperty `json:"properties,omitempty"`
}

type sbomLicense struct {
	Expression string `json:"expression"`
}

type sbomProperty struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

type sbomDependency struct {
	Ref       string   `json:"ref"`
	DependsOn []string `json:"dependsOn"`
}

// sbom returns the bill of materials of the program.
func (v *versions) sbom() sbom {
	library := func(name, version, kind string) sbomComponent {
		url := purl(kind, name, version)
		return sbomComponent{Type: "library", Ref: url, Name: name, Version: version, PURL: url}
	}
	parts := []sbomComponent{library("std", strings.TrimPrefix(v.Go, "go"), "golang")}
	for _, m := range v.Modules {
		part := library(m.Path, m.Version, "golang")
		if m.Sum != "" { // a hash of hashes, so that it is no "hash" of CycloneDX
			part.Properties = []sbomProperty{{"go:sum", m.Sum}}
		}
		parts = append(parts, part)
	}
	for _, p := range v.Packages {
		part := library(p.Name, p.Version, "npm")
		part.Licenses = []sbomLicense{{p.License}}
		parts = append(parts, part)
	}
	for _, s := range v.Suites { // the built-in ones are packages of npm, or dashd's own
		if !s.Builtin {
			parts = append(parts, sbomComponent{Type: "library", Ref: "suite:" + s.Namespace, Name: s.Namespace, Version: s.Version})
		}
	}
	slices.SortFunc(parts, func(a, b sbomComponent) int { return cmp.Compare(a.Ref, b.Ref) })
	refs := make([]string, len(parts))
	for i, part := range parts {
		refs[i] = part.Ref
	}
	program := library(v.Name, v.Version, "golang")
	program.Type = "application"
	return sbom{
		Format:       "CycloneDX",
		Spec:         "1.6",
		Version:      1,
		Metadata:     sbomMetadata{v.Time, program},
		Components:   parts,
		Dependencies: []sbomDependency{{program.Ref, refs}},
	}
}

// purl returns the URL of a package, by which bills of materials name it.
func purl(kind, name, version string) string {
	if kind == "golang" {
		name = strings.ToLower(name)
	}
	escape := strings.NewReplacer("@", "%40", "+", "%2B", "(", "%28", ")", "%29")
	return "pkg:" + kind + "/" + escape.Replace(name) + "@" + escape.Replace(version)
}
