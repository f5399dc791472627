package serve

import (
	"bytes"
	"runtime/debug"
)

// HasSystemd returns why units are of no use on a system, or nil.
var HasSystemd = hasSystemd

// VersionText returns what "version" prints of a build: its form is "modules",
// "json" or "sbom".
func VersionText(config Config, form string, info *debug.BuildInfo) ([]byte, error) {
	var out bytes.Buffer
	c := versionCommand{Modules: form == "modules", JSON: form == "json", SBOM: form == "sbom"}
	err := c.print(config, info, &console{out: &out})
	return out.Bytes(), err
}
