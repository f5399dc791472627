//go:build s3

package store_test

import (
	"net/http/httptest"
	"testing"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
)

func init() {
	replicaKinds["s3"] = func(t *testing.T) string {
		setKeys(t)
		backend := s3mem.New()
		must(t, backend.CreateBucket("backups"))
		server := httptest.NewServer(gofakes3.New(backend).Server())
		t.Cleanup(server.Close)
		return "s3://backups/dashd?region=eu-central-1&endpoint=" + server.URL
	}
	hanging["s3"] = func(t *testing.T, address string) string {
		setKeys(t)
		return "s3://backups/dashd?region=eu-central-1&endpoint=http://" + address
	}
}

// setKeys sets the credentials, without which they would be asked for outside.
func setKeys(t *testing.T) {
	t.Setenv("AWS_ACCESS_KEY_ID", "id")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
}
