package demo

import (
	"fmt"
	"net/http"

	"github.com/a-h/templ"
)

const poke = `dashd poke live_button_counter named_counts '{"click_colour": "cyan"}'`

// demoFour tells how programs press a button of this site.
func demoFour(r *http.Request) (templ.Component, error) {
	curl := fmt.Sprintf(`curl -H "Authorization: Bearer $TOKEN" %sdpd/views/poke/ \
  -d '{"channel_name": "live_button_counter", "label": "named_counts", "value": {"click_colour": "cyan"}}'`, address(r))
	return four(curl), nil
}
