package app_test

import (
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
