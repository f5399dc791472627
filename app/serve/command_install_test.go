package serve_test

import (
	"path/filepath"
	"strings"
	"testing"

	"dashd/app/serve"
)

// TestInstallWithoutSystemd holds what "install --write" says where no systemd
// runs.
func TestInstallWithoutSystemd(t *testing.T) {
	dir := t.TempDir()
	if err := serve.HasSystemd("linux", dir); err != nil {
		t.Errorf("with systemd: %v", err)
	}
	for system, want := range map[string]string{"linux": "does not run here", "darwin": "this is darwin"} {
		err := serve.HasSystemd(system, filepath.Join(dir, "missing"))
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "dashd serve --config") {
			t.Errorf("on %s: %v", system, err)
		}
	}
}
