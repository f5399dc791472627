package serve

import (
	"slices"
	"strings"
	"testing"
)

func TestDidYouMean(t *testing.T) {
	known := settingNames()
	for _, tc := range []struct{ word, want string }{
		{"lisen", "listen"},
		{"allowed_host", "allowed-hosts"},
		{"pubilc-url", "public-url"},
		{"tls-crt", "tls-cert"},
		{"basepath", "base-path"},
		{"zzzzzz", ""},
	} {
		got := didYouMean(tc.word, known)
		if tc.want == "" && got != "" || tc.want != "" && !strings.Contains(got, `"`+tc.want+`"`) {
			t.Errorf("for %q it says %q, want %q", tc.word, got, tc.want)
		}
	}
}

func TestUnknownVariables(t *testing.T) {
	known := (&invocation{}).variables()
	got := unknownVariables([]string{"DASHD_CONFIG_FILE=x", "DASHD_LISTN=x", "DASHD_LISTEN=x", "DASHD_METRICS_TOKEN_FILE=/x", "DASHD_PORT_8000_TCP=tcp://x", "DASHD_SERVICE_HOST=x", "HOME=/"}, known)
	want := []string{`DASHD_CONFIG_FILE; did you mean "DASHD_CONFIG"?`, `DASHD_LISTN; did you mean "DASHD_LISTEN"?`}
	if !slices.Equal(got, want) {
		t.Errorf("it says %q", got)
	}
}
