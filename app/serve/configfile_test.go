package serve

import (
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
	known := []string{"DASHD_LISTEN", "DASHD_METRICS_TOKEN"}
	got := unknownVariables([]string{"DASHD_LISTN=x", "DASHD_LISTEN=x", "DASHD_METRICS_TOKEN_FILE=/x", "DASHD_PORT_8000_TCP=tcp://x", "DASHD_SERVICE_HOST=x", "HOME=/"}, known)
	if len(got) != 1 || got[0] != `DASHD_LISTN; did you mean "DASHD_LISTEN"?` {
		t.Errorf("it says %q", got)
	}
}
