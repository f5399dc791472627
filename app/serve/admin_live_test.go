package serve_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"dashd/app"
	"dashd/app/serve"
)

func TestAdminLive(t *testing.T) {
	s, b, _ := administer(t, serve.Config{Apps: []*app.App{pipeApp("open", "room", app.Public)}})
	wantPage(t, b.get("/admin/live/"), http.StatusOK, "No channel has been used", `src="/static/`, "dpd_components.js#/dpd/ws/channel", "live.js")
	w := newRemote(t, serveLive(t, s)).connect()
	w.subscribe("room", "")

	_, page := did(t, b, b.post("/admin/live/", "channel", " room ", "label", "l", "value", `{"a": 1}`), "Published to 1 listener.")
	w.want(`room/l {"a":1}`)
	for _, part := range []string{"<code>room</code>", "<td>1</td>", "<td>l</td>", "{&#34;a&#34;:1}"} {
		if !strings.Contains(page, part) {
			t.Errorf("the page lacks %s: %s", part, page)
		}
	}
	_, page = did(t, b, b.post("/admin/live/", "channel", "room", "label", "l", "value", "<b>warm", "retain", "on"), "Published to 1 listener.")
	w.want(`room/l "\u003cb\u003ewarm"`)
	if strings.Contains(page, "<b>") {
		t.Error("a value is part of the page")
	}
	for _, channel := range []string{"two words", "", "dashd.channels"} {
		wantPage(t, b.post("/admin/live/", "channel", channel, "label", "kept", "value", "kept"), http.StatusBadRequest, `role="alert"`, `value="kept"`)
	}
	for n := range 150 {
		if _, err := s.Publish(fmt.Sprintf("many.%03d", n), strings.Repeat(`"`, 400), strings.Repeat("<", 4000)); err != nil {
			t.Fatal(err)
		}
	}
	wantPage(t, b.get("/admin/live/"), http.StatusOK, "And 51 channels that were used longer ago.", "many.149")
}

// The rows of the table come by the hub, for a superuser who listens.
func TestAdminLiveRows(t *testing.T) {
	s, _ := withUsers(t, serve.Config{Apps: []*app.App{pipeApp("open", "room", app.Public)}})
	for n := range 150 { // as long as it gets
		if _, err := s.Publish(fmt.Sprintf("%0100d", n), strings.Repeat(`"`, 400), strings.Repeat("<", 4000)); err != nil {
			t.Fatal(err)
		}
	}
	url := serveLive(t, s)
	w := newRemote(t, url).signIn("root").connect()
	rows := func() (rows string) {
		t.Helper()
		for {
			f, err := w.read()
			if err != nil {
				t.Fatal(err)
			}
			if f.Type != "pipe.value" {
				continue
			}
			if err := json.Unmarshal(f.Value, &rows); err != nil || f.Channel != "dashd.channels" || f.Label != "rows" {
				t.Fatalf("got %v, %v", f, err)
			}
			return rows
		}
	}
	w.send(`{"type":"connection_triplet","uid":"u","channel_name":"dashd.channels","label":"rows"}`)
	if first := rows(); !strings.Contains(first, "0149") {
		t.Errorf("the first rows are %s", first)
	}
	if _, err := s.Publish("room", "l", "news"); err != nil {
		t.Fatal(err)
	}
	for !strings.Contains(rows(), "news") {
	}
	// One who comes later, when nothing changes, gets them too.
	w = newRemote(t, url).signIn("root").connect()
	w.send(`{"type":"connection_triplet","uid":"u","channel_name":"dashd.channels","label":"rows"}`)
	if !strings.Contains(rows(), "news") {
		t.Error("a later listener gets other rows")
	}
}
