package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// A Library is an npm package that is part of the bundles of others.
//
// Which libraries a bundle has we know from its source map. For a bundle
// without one packages.json names those that we found in it, and the package,
// or a library in it, must declare them.
type Library struct {
	Name      string
	Version   string // whose licence we give; bundles seldom tell theirs
	License   string // SPDX identifier
	Integrity string
	In        []string // names of packages

	notices  []string        // texts of the licence files
	author   string          // as package.json has it
	declares map[string]bool // names of dependencies
}

func (l Library) String() string { return l.Name + " " + l.Version + " (" + l.License + ")" }

// getLibraries gets the licences of libraries.
func getLibraries(libraries []Library, dir string) ([]Library, error) {
	var specs []string
	for _, l := range libraries {
		specs = append(specs, l.Name+"@"+l.Version)
	}
	names, err := pack(dir, specs...)
	if err != nil {
		return nil, fmt.Errorf("get libraries: %w", err)
	}
	var list []Library
	for i, l := range libraries {
		content, err := open(filepath.Join(dir, names[i]), l.Integrity)
		if err != nil {
			return nil, fmt.Errorf("get %s: %w", specs[i], err)
		}
		for _, name := range slices.Sorted(maps.Keys(content)) {
			if licenseFile.MatchString(name) {
				notice := clean(content[name])
				if path.Ext(name) == ".html" {
					notice = textOf(notice)
				}
				l.notices = append(l.notices, notice)
			}
		}
		m, err := readMetadata(content)
		if err != nil {
			return nil, fmt.Errorf("get %s: %w", specs[i], err)
		}
		l.author, l.declares = m.author(), m.declares()
		list = append(list, l)
	}
	return list, nil
}

var licenseFile = regexp.MustCompile(`(?i)^((un|mit-)?licen[cs]e|copying|notice|epl-v10)([.-][^/]*)?$`)

// A Metadata is what we need of a package.json.
type Metadata struct {
	Author                                          json.RawMessage
	Dependencies, DevDependencies, PeerDependencies map[string]string
}

func readMetadata(content map[string][]byte) (Metadata, error) {
	var m Metadata
	if err := json.Unmarshal(content["package.json"], &m); err != nil {
		return m, fmt.Errorf("read package.json: %w", err)
	}
	return m, nil
}

// author is empty where package.json names none.
func (m Metadata) author() string {
	var person struct{ Name, Email string }
	if json.Unmarshal(m.Author, &person) == nil {
		if person.Email != "" {
			return person.Name + " <" + person.Email + ">"
		}
		return person.Name
	}
	var name string
	json.Unmarshal(m.Author, &name) // a string if it is not an object
	return name
}

// declares returns the names of all dependencies.
func (m Metadata) declares() map[string]bool {
	names := map[string]bool{}
	for _, d := range []map[string]string{m.Dependencies, m.DevDependencies, m.PeerDependencies} {
		for name := range d {
			names[name] = true
		}
	}
	return names
}

// librariesIn returns the libraries in the package of that name, in order.
func librariesIn(name string, libraries []Library) []Library {
	var list []Library
	for _, l := range libraries {
		if slices.Contains(l.In, name) {
			list = append(list, l)
		}
	}
	return sorted(list)
}

// sorted returns libraries by name and version.
func sorted(libraries []Library) []Library {
	return slices.SortedFunc(slices.Values(libraries), func(a, b Library) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.Version, b.Version))
	})
}

// bundled returns the part of LICENSES.txt on the libraries inside p.
func (p Package) bundled(content map[string][]byte, libraries []Library) ([]byte, error) {
	names, notes, err := p.traces(content)
	if err != nil {
		return nil, err
	}
	evidence, err := p.evidence(content, names, libraries)
	if err != nil {
		return nil, err
	}
	var b strings.Builder
	if len(libraries) > 0 {
		b.WriteString("Libraries inside the bundle:\n\n")
		for i, l := range libraries {
			fmt.Fprintf(&b, "%s, %s\n", l, evidence[i])
		}
		b.WriteByte('\n')
	}
	for _, c := range notes {
		fmt.Fprintf(&b, "Comment in %s:\n\n%s\n\n", c.File, c.Text)
	}
	return []byte(b.String()), nil
}

// traces returns the names and, where known, versions of the libraries in the
// source maps of p, and the licence comments there and in the files themselves.
func (p Package) traces(content map[string][]byte) (map[string]string, []Comment, error) {
	names := map[string]string{}
	var notes []Comment
	for _, f := range p.Files {
		if f.Module != "" {
			continue
		}
		if b, ok := content[f.File+".map"]; ok {
			var m struct{ Sources, SourcesContent []string }
			if err := json.Unmarshal(b, &m); err != nil {
				return nil, nil, fmt.Errorf("read %s.map: %w", f.File, err)
			}
			for i, source := range m.Sources {
				if name, version := library(source); name != "" {
					names[name] = version
				}
				if i < len(m.SourcesContent) {
					notes = append(notes, comments(short(source), m.SourcesContent[i])...)
				}
			}
		}
		notes = append(notes, comments(f.Path, string(content[f.File]))...)
	}
	seen := map[string]bool{}
	notes = slices.DeleteFunc(notes, func(c Comment) bool {
		again := seen[c.Text]
		seen[c.Text] = true
		return again
	})
	return names, notes, nil
}

var module = regexp.MustCompile(`(?:@([0-9][^/_(]*)[^/]*/)?node_modules/((?:@[^/]+/)?[^/]+)`)

// library returns the package that a source belongs to, and its version if the
// path has it, as in node_modules/.pnpm/bail@2.0.2/node_modules/bail/index.js.
func library(source string) (name, version string) {
	all := module.FindAllStringSubmatch(source, -1)
	if all == nil {
		return "", ""
	}
	last := all[len(all)-1]
	return last[2], last[1]
}

// short is the path of a source without what webpack puts before and after.
func short(source string) string {
	_, name, _ := strings.Cut(strings.TrimPrefix(source, "webpack://"), "/")
	name, _, _ = strings.Cut(name, "?")
	return strings.TrimLeft(name, "./")
}

// evidence tells how we know of each library in p. It is an error if the source
// maps name others, or nothing names one.
func (p Package) evidence(content map[string][]byte, names map[string]string, libraries []Library) ([]string, error) {
	m, err := readMetadata(content)
	if err != nil {
		return nil, err
	}
	own := m.declares()
	missing := maps.Clone(names)
	var list []string
	for _, l := range libraries {
		version, mapped := names[l.Name]
		delete(missing, l.Name)
		by := slices.IndexFunc(libraries, func(m Library) bool { return m.Name != l.Name && m.declares[l.Name] })
		switch {
		case mapped && version != "" && version != l.Version:
			return nil, fmt.Errorf("%s is %s, want %s", l.Name, version, l.Version)
		case mapped:
			list = append(list, "in the source map")
		case own[l.Name]:
			list = append(list, "declared by the package")
		case by >= 0:
			list = append(list, "declared by "+libraries[by].Name)
		default:
			return nil, fmt.Errorf("nothing names %s", l.Name)
		}
	}
	if len(missing) > 0 {
		return nil, fmt.Errorf("packages.json lacks %q", slices.Sorted(maps.Keys(missing)))
	}
	return list, nil
}
