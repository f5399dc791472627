//go:build packages && unix

package deploy_test

import (
	"debug/buildinfo"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestPackages looks into the packages in dist/ and runs what the first one
// brings; "make package-test" builds them.
func TestPackages(t *testing.T) {
	for _, test := range []struct{ arch, goarch, goarm string }{
		{"amd64", "amd64", ""}, {"arm64", "arm64", ""}, {"armhf", "arm", "6"},
	} {
		t.Run(test.arch, func(t *testing.T) {
			packages, err := filepath.Glob("../../dist/dashd_*_" + test.arch + ".deb")
			if err != nil || len(packages) != 1 {
				t.Fatalf("the packages are %q: %v", packages, err)
			}
			if got := strings.TrimSpace(run(t, nil, "dpkg-deb", "--field", packages[0], "Architecture")); got != test.arch {
				t.Errorf("it is for %s", got)
			}
			if conffiles := run(t, nil, "dpkg-deb", "--info", packages[0], "conffiles"); conffiles != "/etc/dashd/dashd.json\n" {
				t.Errorf("the configuration files are %q", conffiles)
			}
			for _, script := range []string{"postinst", "prerm", "postrm"} {
				if got := run(t, nil, "dpkg-deb", "--info", packages[0], script); got != read(t, filepath.Join("debian", script)) {
					t.Errorf("%s is another one:\n%s", script, got)
				}
			}
			checkContents(t, run(t, nil, "dpkg-deb", "--contents", packages[0]))

			root := t.TempDir()
			run(t, nil, "dpkg-deb", "-x", packages[0], root)
			binary := filepath.Join(root, "usr/bin/dashd")
			info, err := buildinfo.ReadFile(binary)
			if err != nil {
				t.Fatal(err)
			}
			built := map[string]string{}
			for _, setting := range info.Settings {
				built[setting.Key] = setting.Value
			}
			if built["GOARCH"] != test.goarch || built["GOARM"] != test.goarm || built["CGO_ENABLED"] != "0" || built["-trimpath"] != "true" {
				t.Errorf("the program is built with %v", built)
			}
			licences := read(t, filepath.Join(root, "usr/share/doc/dashd/copyright"))
			for _, want := range []string{"MIT License", "plotly.js", "dash_cytoscape", "modernc.org/sqlite v", "The Go Authors"} {
				if !strings.Contains(licences, want) {
					t.Errorf("the copyright file lacks %s", want)
				}
			}
			if test.arch == "amd64" && strings.TrimSpace(run(t, nil, "go", "env", "GOARCH")) == "amd64" {
				if version := run(t, nil, binary, "version"); !strings.HasPrefix(version, "dashd ") {
					t.Errorf("its version is %s", version)
				}
				run(t, []string{"STATE_DIRECTORY=" + t.TempDir()}, binary, "check", "--config", filepath.Join(root, "etc/dashd/dashd.json"))
			}
		})
	}
}

// checkContents holds the modes and owners of what a package brings.
func checkContents(t *testing.T, listing string) {
	t.Helper()
	want := map[string]string{
		"./usr/bin/dashd":                        "-rwxr-xr-x",
		"./usr/lib/systemd/system/dashd.service": "-rw-r--r--",
		"./usr/lib/systemd/system/dashd.socket":  "-rw-r--r--",
		"./etc/dashd/dashd.json":                 "-rw-r--r--",
		"./usr/share/doc/dashd/copyright":        "-rw-r--r--",
	}
	for line := range strings.Lines(listing) {
		words := strings.Fields(line)
		mode, owner, file := words[0], words[1], words[len(words)-1]
		if owner != "root/root" || slices.Contains([]byte(mode), 's') || mode[8] == 'w' {
			t.Errorf("%s is %s of %s", file, mode, owner)
		}
		if want[file] != "" && mode != want[file] {
			t.Errorf("%s is %s", file, mode)
		}
		delete(want, file)
	}
	for file := range want {
		t.Errorf("%s is not there", file)
	}
}
