package serve

import (
	"context"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"testing"
)

// TestClientGivesUp holds that a command which gives one request up can make
// another.
func TestClientGivesUp(t *testing.T) {
	dir := t.TempDir()
	listener, err := net.Listen("unix", filepath.Join(dir, socketName))
	if err != nil {
		t.Fatal(err)
	}
	waiting, giveUp := context.WithCancel(t.Context())
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // else the server does not see the end of the connection
		if r.URL.Path == "/replica/sync" {
			giveUp()
			<-r.Context().Done()
		}
		_, _ = io.WriteString(w, `{"url": "file:///srv"}`)
	})}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close(); <-served })

	c := &client{settings: func() (Config, error) { return Config{Data: dir}, nil }}
	if _, err := call[replicaRow](t.Context(), c, "replica/status", nothing{}); err != nil {
		t.Fatal(err)
	}
	if err := do(waiting, c, "replica/sync", nothing{}); err == nil {
		t.Error("a request that was given up succeeded")
	}
	if row, err := call[replicaRow](t.Context(), c, "replica/status", nothing{}); err != nil || row.URL != "file:///srv" {
		t.Errorf("after a request that was given up: %v", err)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}
