package store_test

import (
	"database/sql"
	"os/exec"
	"strings"
	"testing"
)

// The driver and its C library are a pair that is tested together; a change of
// either is a decision, not a side effect of another module's update. So goose
// stays at the last version that asks for no later one.
func TestPinnedVersions(t *testing.T) {
	out, err := exec.Command("go", "list", "-m", "modernc.org/sqlite", "modernc.org/libc").Output()
	if err != nil {
		t.Fatal(err)
	}
	if got, want := strings.TrimSpace(string(out)), "modernc.org/sqlite v1.60.0\nmodernc.org/libc v1.77.1"; got != want {
		t.Errorf("modules:\n%s\nwant\n%s", got, want)
	}
	db, err := sql.Open("sqlite", ":memory:")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var version string
	if err := db.QueryRow("SELECT sqlite_version()").Scan(&version); err != nil {
		t.Fatal(err)
	}
	if want := "3.53.4"; version != want {
		t.Errorf("SQLite is %s, want %s", version, want)
	}
}
