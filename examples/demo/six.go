package demo

import (
	"net/http"

	"github.com/a-h/templ"

	"dashd/app/serve"
)

// demoSix puts a message into the session, which a callback of the app reads.
func demoSix(r *http.Request) (templ.Component, error) {
	session := serve.VisitOf(r).Session()
	return six(), session.Set("django_to_dash_context", "I am Dash receiving context from Django")
}
