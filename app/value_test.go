package app_test

import (
	"strings"
	"testing"

	"dashd/app"
)

func TestCheckValue(t *testing.T) {
	deep := func(n int) string { return strings.Repeat(`{"a":[`, n/2) + strings.Repeat(`]}`, n/2) }
	for _, tt := range []struct {
		property, value string
		want            string // "" when it is fine
	}{
		{"value", `"x"`, ""},
		{"value", ` [1, null, {"type":"Div","props":{}}] `, ""},
		{"value", deep(100), ""},
		{"value", deep(102), "too deep"},
		{"value", ``, "not valid JSON"},
		{"value", `{"a":}`, "not valid JSON"},
		{"value", `1 2`, "not valid JSON"},

		{"value", `{"type":"Div","namespace":"dash_html_components","props":{}}`, "component"},
		{"value", `[{"x":{"n\u0061mespace":1,"props":null,"type":2}}]`, "component"},
		{"value", `{"type":"Div","namespace":"x","x":{"props":1}}`, ""},

		{"value", `{"__proto__":1}`, "key __proto__"},
		{"value", `[{"a":{"\u005f_proto__":{"polluted":true}}}]`, "key __proto__"},
		{"value", `{"constructor":{"prototype":{"polluted":1}}}`, "key constructor"},
		{"value", `{"a":{"prototype":1}}`, "key prototype"},
		{"value", `"__proto__"`, ""},

		{"href", `"/app/x/"`, ""},
		{"href", `"https://example.org/javascript:"`, ""},
		{"href", `"mailto:a@example.org"`, ""},
		{"href", `"javascript"`, ""},
		{"href", `null`, ""},
		{"href", `"javascript:alert(1)"`, "script"},
		{"href", `" \t\n\u0001JaVa\r\nScRiPt\u0000\u00a0:alert(1)"`, "script"},
		{"href", `"\u006aavascript:alert(1)"`, "script"},
		{"href", `["javascript:alert(1)"]`, "script"},
		{"href", `"vbscript:x"`, "script"},
		{"href", `"data:text/html,<script>"`, "script"},
		{"href", `"DATA: text/HTML ;base64,PHN"`, "script"},
		{"href", `"data:application/xhtml+xml,x"`, "script"},
		{"href", `"data:text/csv,a"`, ""},
		{"src", `"data:image/png;base64,iVBO"`, ""},
		{"src", `"javascript:1"`, "script"},
		{"action", `"javascript:1"`, "script"},
		{"formAction", `"javascript:1"`, "script"},
		{"xlinkHref", `"javascript:1"`, "script"},
		{"data", `"javascript:1"`, "script"},
		{"srcSet", `"javascript:1"`, "script"},
		{"cite", `"javascript:1"`, "script"},
		{"poster", `"javascript:1"`, "script"},
		{"background", `"javascript:1"`, "script"},
		{"manifest", `"javascript:1"`, "script"},
		{"brand_href", `"javascript:1"`, "script"},
		{"logout_url", `"javascript:1"`, "script"},
		{"items", `[{"label":"x","href":"javascript:1"}]`, "script"},
		{"value", `"javascript:1"`, ""},
		{"children", `"javascript:1"`, ""},
	} {
		err := app.CheckValue(tt.property, []byte(tt.value))
		if tt.want == "" && err != nil || tt.want != "" && (app.ErrorCode(err) != app.Invalid || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%s %.80s: got %v, want %q", tt.property, tt.value, err, tt.want)
		}
	}
}
