package serve

import (
	"encoding/json"
	"errors"
	"mime"
	"net/http"
	"strconv"

	"dashd/app"
	"dashd/store"
)

// readForm reads the body of a request, which must be a form, into r.PostForm.
func (s *Server) readForm(r *http.Request) error {
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || media != "application/x-www-form-urlencoded" {
		return app.Errorf(app.Unsupported, "The body must be sent as a form, application/x-www-form-urlencoded.")
	}
	err = r.ParseForm()
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return app.Errorf(app.TooLarge, "The form is larger than the %d bytes that this server takes.", maxForm)
	}
	if err != nil {
		return app.Errorf(app.Invalid, "The form cannot be read.")
	}
	return nil
}

// goOn leads to a page after what was asked for is done.
func (s *Server) goOn(w http.ResponseWriter, r *http.Request, next string) {
	if !wantsJSON(r) {
		http.Redirect(w, r, next, http.StatusSeeOther)
		return
	}
	text, _ := json.Marshal(struct {
		Next string `json:"next"`
	}{next})
	s.answerJSON(w, r, http.StatusOK, text)
}

// showProblem shows a form again, with what is wrong with it. What the visitor
// cannot mend, and what a program sent, is an error as any other.
func (s *Server) showProblem(w http.ResponseWriter, r *http.Request, err error, show func(status int, sentence string) error) error {
	if throttled, ok := errors.AsType[*store.ThrottledError](err); ok {
		w.Header().Set("Retry-After", strconv.Itoa(int(throttled.RetryAfter.Seconds())))
	}
	problem, ok := errors.AsType[*app.Error](err)
	if !ok || wantsJSON(r) {
		return err
	}
	return show(statuses[problem.Code], problem.Message)
}

// newPassword returns the password of a form that asks for it twice.
func newPassword(r *http.Request) (string, error) {
	password := r.PostForm.Get("new")
	if password != r.PostForm.Get("again") {
		return "", app.Errorf(app.Invalid, "The two passwords are not the same.")
	}
	return password, nil
}
