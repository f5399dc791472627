package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"dashd/migrations"
)

// openWith migrates the database of a store whose binary has the first
// migration, and these as number 2 and so on.
func openWith(ctx context.Context, t *testing.T, path string, further ...string) error {
	t.Helper()
	first, err := fs.ReadFile(migrations.Files, "0001_init.sql")
	if err != nil {
		t.Fatal(err)
	}
	files := fstest.MapFS{"0001_init.sql": {Data: first}}
	for n, text := range further {
		files[fmt.Sprintf("%04d_further.sql", n+2)] = &fstest.MapFile{Data: []byte("-- +goose Up\n" + text + "\n")}
	}
	s := New(path)
	s.files = files
	s.Log = slog.New(slog.DiscardHandler)
	return errors.Join(s.open(ctx), s.Close())
}

// contents tells a database file in short: its version, and which of the tables
// a, b, c, d and e it has.
func contents(t *testing.T, path string) string {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var told string
	err = db.QueryRow(`SELECT (SELECT max(version_id) FROM goose_db_version) || ' ' ||
		coalesce((SELECT group_concat(name, '' ORDER BY name) FROM sqlite_schema WHERE length(name) = 1), '')`).Scan(&told)
	if err != nil {
		t.Fatal(err)
	}
	return told
}

// copies returns the names of the copies beside a database.
func copies(t *testing.T, path string) (names []string) {
	t.Helper()
	all, err := filepath.Glob(path + ".*")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range all {
		names = append(names, strings.TrimPrefix(name, path+"."))
	}
	return names
}

func TestMigrate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "dashd.db")
	tables := []string{
		"CREATE TABLE a (n);", "CREATE TABLE b (n);", "CREATE TABLE c (n);", "CREATE TABLE d (n);", "CREATE TABLE e (n);",
	}
	if err := openWith(t.Context(), t, path); err != nil {
		t.Fatal(err)
	}
	if got := copies(t, path); got != nil {
		t.Errorf("copies of nothing: %q", got)
	}
	if err := openWith(t.Context(), t, path, tables[0]); err != nil {
		t.Fatal(err)
	}
	if got := contents(t, path); got != "2 a" {
		t.Errorf("it is %q", got)
	}
	if got := contents(t, path+".before-0002"); got != "1 " {
		t.Errorf("the copy is %q", got)
	}
	info, err := os.Stat(path + ".before-0002")
	if err != nil {
		t.Fatal(err)
	}
	if runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("the copy has the mode %v", info.Mode())
	}
	for n := 2; n <= len(tables); n++ {
		for range 2 { // the second time there is nothing to do
			if err := openWith(t.Context(), t, path, tables[:n]...); err != nil {
				t.Fatal(err)
			}
		}
	}
	if got, want := copies(t, path), []string{"before-0004", "before-0005", "before-0006"}; !slices.Equal(got, want) {
		t.Errorf("copies: %q", got)
	}
	if got := contents(t, path); got != "6 abcde" {
		t.Errorf("it is %q", got)
	}
}

func TestMigrationFails(t *testing.T) {
	path := filepath.Join(t.TempDir(), "dashd.db")
	if err := openWith(t.Context(), t, path); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		err := openWith(t.Context(), t, path, "CREATE TABLE a (n);", "CREATE TABLE b (n); CREATE TABLE b (n);")
		if err == nil || !strings.Contains(err.Error(), "migrate the database from version") {
			t.Errorf("%v", err)
		}
		if got := contents(t, path); got != "2 a" { // the step that fails leaves nothing
			t.Errorf("it is %q", got)
		}
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := openWith(ended, t, path, "CREATE TABLE a (n);", "CREATE TABLE b (n);"); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	if got := contents(t, path); got != "2 a" {
		t.Errorf("it is %q", got)
	}
	if err := openWith(t.Context(), t, path, "CREATE TABLE a (n);", "CREATE TABLE b (n);"); err != nil {
		t.Error(err)
	}
	if got := contents(t, path); got != "3 ab" {
		t.Errorf("it is %q", got)
	}
}
