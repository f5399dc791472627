package store_test

import (
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"dashd/app"
	"dashd/store"
)

// A survey is the same by the store that has the database open, and by somebody
// who looks.
func TestSurvey(t *testing.T) {
	path := filepath.Join(t.TempDir(), "dashd.db")
	if _, err := store.Look(t.Context(), path); err == nil || !strings.Contains(err.Error(), "there is no database") {
		t.Errorf("of nothing: %v", err)
	}
	if _, held, err := store.Held(path); held || err != nil {
		t.Errorf("of nothing: held %v, %v", held, err)
	}
	if entries, err := os.ReadDir(filepath.Dir(path)); err != nil || len(entries) > 0 {
		t.Errorf("who looks has made %v, %v", entries, err)
	}
	s := openAt(t, path)
	must(t, s.AddUser(t.Context(), "ann", "long enough", true))
	must(t, s.AddUser(t.Context(), "bob", "", false))
	create(t, s, store.NewInstance{Slug: "open", Access: app.Public})
	create(t, s, store.NewInstance{Slug: "own"})
	must(t, s.SetAppAccess(t.Context(), "shirts", new(app.Public)))
	_, err := s.CreateToken(t.Context(), "roof", []string{"sensors.*", "c"}, time.Hour)
	must(t, err)
	_, err = s.CreateToken(t.Context(), "", []string{"*"}, 0)
	must(t, err)
	must(t, s.RecordRestoreCheck(t.Context(), "x.db"))
	got, err := s.Survey(t.Context())
	must(t, err)
	if got.Version != newest(t) || got.Known != newest(t) || got.Journal != "wal" || got.Damage != "" {
		t.Errorf("%+v", got)
	}
	h := *got.Holdings
	if time.Since(h.Newest) > time.Minute || time.Since(h.RestoreCheck.At) > time.Minute {
		t.Errorf("%+v", h)
	}
	want := store.Holdings{
		Superusers: 1, NoPassword: []string{"bob"}, PublicInstances: []string{"open"}, Access: map[string]app.Access{"shirts": app.Public},
		Tokens: []store.Token{{ID: 1, Name: "roof", Channels: []string{"sensors.*", "c"}, Expires: h.Tokens[0].Expires}, {ID: 2, Channels: []string{"*"}}},
		Newest: h.Newest, RestoreCheck: h.RestoreCheck,
	}
	if diff := cmp.Diff(want, h); diff != "" {
		t.Error(diff)
	}
	if until := time.Until(h.Tokens[0].Expires); until > time.Hour || until < 50*time.Minute {
		t.Errorf("the token expires in %v", until)
	}
	looked, err := store.Look(t.Context(), path)
	must(t, err)
	if diff := cmp.Diff(got, looked); diff != "" {
		t.Error(diff)
	}
	if by, held, err := store.Held(path); !held || err != nil || !strings.HasPrefix(by, "process ") {
		t.Errorf("while it is open: %q, %v, %v", by, held, err)
	}
	must(t, s.Close())
	if _, held, err := store.Held(path); held || err != nil {
		t.Errorf("when it is closed: %v, %v", held, err)
	}
}

// Of a database of another version, only that is told. It stays as it is.
func TestLookMigratesNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "dashd.db")
	must(t, openAt(t, path).Close())
	for _, change := range []string{"UPDATE goose_db_version SET version_id = 9999 WHERE version_id = (SELECT max(version_id) FROM goose_db_version)", "DELETE FROM goose_db_version WHERE version_id > 1"} {
		execute(t, path, change)
		for range 2 {
			v, err := store.Look(t.Context(), path)
			must(t, err)
			if v.Holdings != nil || v.Version == v.Known || v.Known != newest(t) {
				t.Errorf("%s: %+v", change, v)
			}
		}
	}
	execute(t, path, "DROP TABLE goose_db_version")
	if _, err := store.Look(t.Context(), path); err == nil || !strings.Contains(err.Error(), "not a database of dashd") {
		t.Errorf("another program's: %v", err)
	}
}

// execute runs a statement on a database that nobody has open.
func execute(t *testing.T, path, statement string) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	must(t, err)
	_, err = db.Exec(statement)
	must(t, errors.Join(err, db.Close()))
}
