package serve_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"dashd/app"
	"dashd/app/serve"
)

// late is a body that does something before it arrives.
type late struct {
	io.Reader
	before func()
}

func (l *late) Read(p []byte) (int, error) {
	if l.before != nil {
		l.before()
		l.before = nil
	}
	return l.Reader.Read(p)
}

// Rights that end while a form is on its way do not count any more.
func TestHeldForm(t *testing.T) {
	s, _ := withUsers(t, serve.Config{Apps: []*app.App{pipeApp("staff", "staff.room", app.Restricted("user:ann"))}})
	if err := s.Store().AddUser(t.Context(), "mallory", password, true); err != nil {
		t.Fatal(err)
	}
	b := newClient(t, s.Handler())
	b.signIn("mallory", password)
	form := "name=backdoor&password=a-long-password&superuser=on"
	r := httptest.NewRequest("POST", "http://127.0.0.1/admin/users/", &late{strings.NewReader(form), func() {
		if err := s.Store().DeleteUser(t.Context(), "mallory"); err != nil {
			t.Error(err)
		}
	}})
	r.ContentLength = int64(len(form))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for _, cookie := range b.cookies {
		r.AddCookie(cookie)
	}
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, r)
	wantStatus(t, w.Result(), http.StatusUnauthorized)
	if _, err := s.Store().User(t.Context(), "backdoor"); app.ErrorCode(err) != app.NotFound {
		t.Errorf("the user of the held form: %v", err)
	}
}

// deadlined notes the time that a request's body gets.
type deadlined struct {
	*httptest.ResponseRecorder
	body time.Time
}

func (d *deadlined) SetReadDeadline(t time.Time) error {
	d.body = t
	return nil
}

// A body has a minute to arrive, read or not, and what is done with it has all
// the time that it needs.
func TestBodyTime(t *testing.T) {
	s, _ := newServer(t, serve.Config{Apps: []*app.App{lampApp(app.Public)}, Pages: http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})})
	for _, test := range []struct {
		method, path, body string
		bound              bool // at the end
	}{
		{"GET", "/app/lamp/_dash-layout", "", false},
		{"GET", "/app/lamp/_dash-layout", "unread", true},
		{"POST", "/static/none", "unread", true},
		{"POST", "/app/lamp/_dash-layout", "unread", true},
		{"POST", "/app/lamp/_dash-update-component", "read", false},
		{"POST", "/login", "name=read", false},
		{"POST", "/dpd/ws/channel", "read", false},
		{"POST", "/upload", "of the site", false},
	} {
		t.Run(fmt.Sprint(test.method, test.path, test.body), func(t *testing.T) {
			r := httptest.NewRequest(test.method, "http://127.0.0.1"+test.path, strings.NewReader(test.body))
			r.Header.Set("Content-Type", "application/json")
			w := &deadlined{ResponseRecorder: httptest.NewRecorder()}
			s.Handler().ServeHTTP(w, r)
			if bound := !w.body.IsZero(); bound != test.bound {
				t.Errorf("the status is %d, and the body's time ends at %v", w.Code, w.body)
			} else if bound && time.Until(w.body) > time.Minute {
				t.Errorf("the body has until %v", w.body)
			}
		})
	}
}
