package serve

import (
	"encoding/json"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"

	"dashd/static"
)

// versionCommand is "version".
type versionCommand struct {
	Licenses bool `help:"Print the licences of what this program embeds."`
}

// Run prints the versions, or the licences.
func (c *versionCommand) Run(config Config, console *console) error {
	if c.Licenses {
		return printLicenses(config, console.out)
	}
	fmt.Fprintf(console.out, "dashd %s, %s, %s/%s\n", version(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
	fmt.Fprintf(console.out, "speaks the protocol of Dash %s\n", dashVersion)
	packages, err := npmPackages()
	if err != nil {
		return err
	}
	for _, p := range packages {
		fmt.Fprintf(console.out, "%s %s\n", p.Name, p.Version)
	}
	return nil
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

// npmPackage is a package of the front end.
type npmPackage struct{ Name, Version, License string }

func npmPackages() ([]npmPackage, error) {
	var manifest struct{ Packages []npmPackage }
	if err := json.Unmarshal(static.Manifest, &manifest); err != nil {
		return nil, fmt.Errorf("read the manifest of the bundles: %w", err)
	}
	return manifest.Packages, nil
}

// version is this build's: that of the module, else the commit.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "(unknown)"
	}
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
