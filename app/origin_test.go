package app_test

import (
	"strings"
	"testing"

	"dashd/app"
	"dashd/app/html"
)

// Browsers write origins in one way, and what is written otherwise would never
// be found.
func TestEmbedOrigins(t *testing.T) {
	for origin, want := range map[string]bool{
		"https://partner.example":      true,
		"https://www.partner.example":  true,
		"http://localhost:8790":        true,
		"http://[::1]:8790":            true,
		"https://partner.example:8443": true,

		"":                                false,
		"*":                               false,
		"null":                            false,
		"partner.example":                 false,
		"//partner.example":               false,
		"https://":                        false,
		"https://*.partner.example":       false,
		"https://partner.example/":        false,
		"https://partner.example/a":       false,
		"https://partner.example?a":       false,
		"https://partner.example:":        false,
		"https://partner.example:443":     false,
		"http://partner.example:80":       false,
		"https://Partner.example":         false,
		"HTTPS://partner.example":         false,
		"https://ann@partner.example":     false,
		"ftp://partner.example":           false,
		"https://a.example; script-src *": false,
		"https://a.example b.example":     false,
		"https://a.example,b.example":     false,
		"https://a.example'":              false,
	} {
		a := app.New("App")
		a.Layout = html.Div{}
		a.EmbedOrigins = []string{"https://good.example", origin}
		err := app.Validate(a)
		if (err == nil) != want {
			t.Errorf("%q: %v", origin, err)
		}
		if err != nil && !strings.Contains(err.Error(), "is not an origin as browsers write it, such as https://partner.example") {
			t.Errorf("%q: %v", origin, err)
		}
	}
}
