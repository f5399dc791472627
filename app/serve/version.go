package serve

import (
	"encoding/json"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
	"strings"

	"dashd/static"
)

// versionCommand is "version".
type versionCommand struct {
	Modules  bool `help:"Print the Go modules too." xor:"form"`
	JSON     bool `help:"Print JSON, with the Go modules." xor:"form"`
	SBOM     bool `name:"sbom" help:"Print a bill of materials in CycloneDX's JSON." xor:"form"`
	Licenses bool `help:"Print the licences of what this program embeds." xor:"form"`
}

// Run prints the versions, or the licences.
func (c *versionCommand) Run(config Config, console *console) error {
	if c.Licenses {
		return printLicenses(config, console.out)
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		info = &debug.BuildInfo{}
	}
	return c.print(config, info, console)
}

// print prints the versions in one of their forms.
func (c *versionCommand) print(config Config, info *debug.BuildInfo, console *console) error {
	v, err := newVersions(config, info)
	if err != nil {
		return err
	}
	switch {
	case c.JSON:
		return console.json(v)
	case c.SBOM:
		return console.json(v.sbom())
	}
	text := v.text()
	if c.Modules {
		for _, m := range v.Modules {
			text += m.Path + " " + m.Version + "\n"
		}
	}
	if _, err := io.WriteString(console.out, text); err != nil {
		return fmt.Errorf("print the versions: %w", err)
	}
	return nil
}

// versions are those of a program and of all that is in it.
type versions struct {
	Name     string         `json:"name"` // its module's
	Version  string         `json:"version"`
	Commit   string         `json:"commit,omitempty"`
	Time     string         `json:"time,omitempty"` // of the commit
	Modified bool           `json:"modified"`       // since the commit
	Go       string         `json:"go"`
	Platform string         `json:"platform"`
	Dash     string         `json:"dash"`
	Suites   []suiteVersion `json:"suites"`
	Packages []npmPackage   `json:"packages"` // of npm
	Modules  []goModule     `json:"modules"`
}

// suiteVersion is a component suite that the apps use.
type suiteVersion struct {
	Namespace string `json:"namespace"`
	Version   string `json:"version"`
	Builtin   bool   `json:"builtin"`
}

// npmPackage is a package of the front end.
type npmPackage struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	License string `json:"license"`
}

// goModule is a module that is linked in.
type goModule struct {
	Path    string `json:"path"`
	Version string `json:"version"`
	Sum     string `json:"sum,omitempty"` // as in go.sum
}

// newVersions returns the versions of a program, given what the linker has noted
// in it.
func newVersions(config Config, info *debug.BuildInfo) (*versions, error) {
	v := &versions{
		Name:     info.Main.Path,
		Version:  version(info),
		Go:       runtime.Version(),
		Platform: runtime.GOOS + "/" + runtime.GOARCH,
		Dash:     dashVersion,
		Modules:  []goModule{},
	}
	suites, err := config.suites()
	if err != nil {
		return nil, err
	}
	for _, suite := range suites {
		v.Suites = append(v.Suites, suiteVersion{suite.Namespace, suite.Version, suite.Files == nil})
	}
	if v.Packages, err = npmPackages(); err != nil {
		return nil, err
	}
	for _, setting := range info.Settings {
		switch setting.Key {
		case "vcs.revision":
			v.Commit = setting.Value
		case "vcs.time":
			v.Time = setting.Value
		case "vcs.modified":
			v.Modified = setting.Value == "true"
		}
	}
	for _, m := range info.Deps {
		if m.Replace != nil {
			m = m.Replace
		}
		v.Modules = append(v.Modules, goModule{m.Path, m.Version, m.Sum})
	}
	return v, nil
}

// text is what a person reads.
func (v *versions) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "dashd %s, %s, %s\n", v.Version, v.Go, v.Platform)
	if v.Commit != "" {
		changed := ""
		if v.Modified {
			changed = ", with changes since"
		}
		fmt.Fprintf(&b, "commit %s of %s%s\n", v.Commit, v.Time, changed)
	}
	fmt.Fprintf(&b, "speaks the protocol of Dash %s\n", v.Dash)
	for _, s := range v.Suites {
		fmt.Fprintf(&b, "suite %s %s\n", s.Namespace, s.Version)
	}
	for _, p := range v.Packages {
		fmt.Fprintf(&b, "%s %s\n", p.Name, p.Version)
	}
	return b.String()
}

// printLicenses prints the notices of the built-in bundles, and those of the
// suites that the apps bring.
func printLicenses(config Config, w io.Writer) error {
	if _, err := io.WriteString(w, static.Licenses); err != nil {
		return fmt.Errorf("print the licences: %w", err)
	}
	suites, err := config.suites()
	if err != nil {
		return err
	}
	for _, suite := range suites {
		if suite.Notice == "" {
			continue
		}
		if _, err := fmt.Fprintf(w, "\n\n%s %s\n\n%s", suite.Namespace, suite.Version, suite.Notice); err != nil {
			return fmt.Errorf("print the licences: %w", err)
		}
	}
	return nil
}

func npmPackages() ([]npmPackage, error) {
	var manifest struct{ Packages []npmPackage }
	if err := json.Unmarshal(static.Manifest, &manifest); err != nil {
		return nil, fmt.Errorf("read the manifest of the bundles: %w", err)
	}
	return manifest.Packages, nil
}

// version is that of the module, else the commit.
func version(info *debug.BuildInfo) string {
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return v
	}
	revision, changed := "(devel)", ""
	for _, setting := range info.Settings {
		switch {
		case setting.Key == "vcs.revision" && len(setting.Value) >= 12:
			revision = setting.Value[:12]
		case setting.Key == "vcs.modified" && setting.Value == "true":
			changed = "+changes"
		}
	}
	return revision + changed
}
