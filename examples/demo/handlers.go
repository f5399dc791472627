package demo

import (
	"fmt"
	"net/http"

	"github.com/a-h/templ"

	"dashd/app/serve"
)

// A page that does more than embed apps has a handler, which returns what the
// page shows. Visit leads to the session that callbacks have, too.

const poke = `dashd poke live_button_counter named_counts '{"click_colour": "cyan"}'`

// demoFour tells how programs press a button of this site.
func demoFour(r *http.Request) (templ.Component, error) {
	return four(fmt.Sprintf(`curl -H "Authorization: Bearer $TOKEN" %sdpd/views/poke/ \
  -d '{"channel_name": "live_button_counter", "label": "named_counts", "value": {"click_colour": "cyan"}}'`, address(r))), nil
}

// demoSix puts a message into the session, which a callback of the app reads.
func demoSix(r *http.Request) (templ.Component, error) {
	session := serve.VisitOf(r).Session()
	return six(), session.Set("django_to_dash_context", "I am Dash receiving context from Django")
}

// demoEight counts how often the page is rendered.
func demoEight(r *http.Request) (templ.Component, error) {
	uses, err := serve.VisitOf(r).Session().Add("ind_use", 1)
	return eight(int(uses)), err
}
