package app_test

import (
	"encoding/json"
	"testing"

	"dashd/app"
)

func TestKey(t *testing.T) {
	for _, tt := range []struct {
		id   app.ID
		want string
	}{
		{app.Key("type", "done", "index", 3), `{"index":3,"type":"done"}`},
		{app.Key("index", 1.5, "on", true), `{"index":1.5,"on":true}`},
		{app.Key("type", "in", "index", app.ALL), `{"index":["ALL"],"type":"in"}`},
		{app.Key("rate", 1e-7, "size", 1e21), `{"rate":1e-7,"size":1e+21}`}, // as JavaScript writes them
		{app.Key("t", `a"b<c.d`), `{"t":"a\"b<c.d"}`},
	} {
		if string(tt.id) != tt.want {
			t.Errorf("got %s, want %s", tt.id, tt.want)
		}
	}
}

func TestIDValues(t *testing.T) {
	id := app.Key("type", "done", "index", 3, "on", true, "which", app.MATCH)
	if got := id.Int("index"); got != 3 {
		t.Errorf("Int: got %d", got)
	}
	if got := id.Text("type"); got != "done" {
		t.Errorf("Text: got %q", got)
	}
	if got := id.Value("on"); got != true {
		t.Errorf("Value: got %v", got)
	}
	if got := id.Value("which"); got != app.MATCH {
		t.Errorf("Value of a wildcard: got %v", got)
	}
	for _, other := range []app.ID{"plain", app.Key("odd"), `{"a":`, ""} {
		if got := other.Value("index"); got != nil {
			t.Errorf("%q has a value %v", other, got)
		}
	}
	if app.ID("plain").IsKey() || !id.IsKey() {
		t.Error("IsKey is wrong")
	}
}

func TestIDJSON(t *testing.T) {
	for id, want := range map[app.ID]string{
		"plain":                            `"plain"`,
		app.Key("type", "a<b", "index", 3): `{"index":3,"type":"a\u003cb"}`,
	} {
		text, err := json.Marshal(id)
		if err != nil || string(text) != want {
			t.Errorf("%s: got %s, %v", id, text, err)
		}
		var back app.ID
		if err := json.Unmarshal(text, &back); err != nil || back != id {
			t.Errorf("%s: came back as %s, %v", id, back, err)
		}
	}
	var id app.ID
	if err := json.Unmarshal([]byte(`{ "type" : "x", "index": 1 }`), &id); err != nil || id != app.Key("index", 1, "type", "x") {
		t.Errorf("got %s, %v", id, err)
	}
	if err := json.Unmarshal([]byte(`{"a":{}}`), &id); err == nil {
		t.Error("a nested dictionary is accepted")
	}
}
