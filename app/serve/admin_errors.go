package serve

import (
	"net/http"
	"regexp"
	"strings"

	"github.com/a-h/templ"

	"dashd/views"
)

// requestIDs are the ids of requests.
var requestIDs = regexp.MustCompile(`^[0-9a-f]{16}$`)

// errors serves the newest requests that failed, or that with the id that a
// visitor saw.
func (a admin) errors(w http.ResponseWriter, r *http.Request, v *Visit, refused views.Form) error {
	found := views.Failures{ID: strings.ToLower(strings.TrimSpace(r.URL.Query().Get("id"))), Kept: keptFailures}
	if found.ID != "" && !requestIDs.MatchString(found.ID) {
		found.ID, found.Strange = "", true
	}
	found.List = a.failures.newest(keptFailures, found.ID)
	return a.show(w, r, v, "Errors", refused, func(frame views.Admin) templ.Component { return frame.Errors(found) })
}
