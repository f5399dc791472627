package demo

import (
	"net/http"

	"github.com/a-h/templ"

	"dashd/app/serve"
)

// demoEight counts in the session how often the page is rendered. A callback of
// the app reads it.
func demoEight(r *http.Request) (templ.Component, error) {
	uses, err := serve.VisitOf(r).Session().Add("ind_use", 1)
	return eight(int(uses)), err
}
