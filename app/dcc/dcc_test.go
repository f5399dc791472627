package dcc_test

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"dashd/app/dcc"
)

func TestOptionJSON(t *testing.T) {
	checkJSON(t, dcc.OptionsOf("Red", "Green"),
		`[{"label":"Red","value":"Red"},{"label":"Green","value":"Green"}]`)
	checkJSON(t, dcc.OptionsOf(0, 2),
		`[{"label":"0","value":0},{"label":"2","value":2}]`)
	checkJSON(t, dcc.OptionsOf[string](), `[]`)
	checkJSON(t, dcc.Options{{Label: "L", Value: false, Disabled: true, Title: "t", Search: "s"}},
		`[{"label":"L","value":false,"disabled":true,"title":"t","search":"s"}]`)
}

// The texts are those of a recording of Dash 4.3.
func TestDownloadJSON(t *testing.T) {
	checkJSON(t, dcc.SendString("héllo\n", "a.txt"),
		`{"content":"héllo\n","filename":"a.txt","type":null,"base64":false}`)
	checkJSON(t, dcc.SendBytes([]byte{0, 1, 255}, "b.bin").WithType("application/x-foo"),
		`{"content":"AAH/","filename":"b.bin","type":"application/x-foo","base64":true}`)

	path := filepath.Join(t.TempDir(), "a.css")
	if err := os.WriteFile(path, []byte("body{color:#111}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	data, err := dcc.SendFile(path)
	if err != nil {
		t.Fatal(err)
	}
	checkJSON(t, data, `{"content":"Ym9keXtjb2xvcjojMTExfQo=","filename":"a.css","type":null,"base64":true}`)

	if _, err := dcc.SendFile(path + ".missing"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a missing file gives %v", err)
	}
}

func TestWithTypeCopies(t *testing.T) {
	plain := dcc.SendString("a", "a.csv")
	plain.WithType("text/csv")
	if plain.Type != nil {
		t.Errorf("WithType changed its receiver to %q", *plain.Type)
	}
}

func checkJSON(t *testing.T, v any, want string) {
	t.Helper()
	got, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Errorf("%T is\n%s, want\n%s", v, got, want)
	}
}
