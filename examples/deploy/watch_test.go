//go:build unix

package deploy_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"dashd/app/serve"
	"dashd/examples/demo"
)

// TestPrometheus reads the metrics as prometheus.yml says.
func TestPrometheus(t *testing.T) {
	const token = "of the file"
	job := lookup(t, "prometheus.yml", 0, "scrape_configs", 0)
	if target := lookup(t, "prometheus.yml", 0, "scrape_configs", 0, "static_configs", 0, "targets", 0); target != settings(t, nil)["listen"] {
		t.Errorf("it reads %s, dashd listens on %s", target, settings(t, nil)["listen"])
	}
	config := demo.Config()
	config.MetricsToken = token
	s, err := serve.New(config)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	scrape := job.(map[string]any)
	authorization := scrape["authorization"].(map[string]any)
	r := httptest.NewRequest("GET", "http://127.0.0.1"+scrape["metrics_path"].(string), nil)
	r.Header.Set("Authorization", authorization["type"].(string)+" "+token)
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, r)
	if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "\ndashd_ready 1\n") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}
