package store_test

import (
	"net/http/httptest"
	"os"
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

// setKeys sets the credentials, which would be asked for outside, and takes the
// machine's own settings away.
func setKeys(t *testing.T) {
	t.Setenv("AWS_ACCESS_KEY_ID", "id")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	t.Setenv("AWS_CA_BUNDLE", "")
	t.Setenv("AWS_CONFIG_FILE", os.DevNull)
}
