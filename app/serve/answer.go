package serve

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strconv"
	"strings"

	"github.com/a-h/templ"

	"dashd/app"
)

// answerJSON writes a JSON answer.
func (s *Server) answerJSON(w http.ResponseWriter, r *http.Request, status int, text []byte) {
	w.Header()["Content-Type"] = jsonType
	s.answer(w, r, status, text)
}

var jsonType = []string{"application/json"}

// answer writes an answer whose headers are set. HEAD gets the headers alone.
func (s *Server) answer(w http.ResponseWriter, r *http.Request, status int, text []byte) {
	if len(text) >= compressFrom {
		if len(r.Header["Accept-Encoding"]) > 0 {
			s.compress(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { write(w, r, status, text) })).ServeHTTP(w, r)
			return
		}
		w.Header().Add("Vary", "Accept-Encoding")
	}
	write(w, r, status, text)
}

// write writes an answer as it is. The HTTP server counts short ones.
func write(w http.ResponseWriter, r *http.Request, status int, text []byte) {
	head := r.Method == http.MethodHead
	if head || len(text) >= compressFrom {
		w.Header()["Content-Length"] = []string{strconv.Itoa(len(text))}
	}
	w.WriteHeader(status)
	if !head {
		_, _ = w.Write(text) // the visitor may have left
	}
}

// render writes a page. It is made whole first, so that an error can still
// become an error.
func (s *Server) render(w http.ResponseWriter, r *http.Request, status int, page templ.Component) {
	var text bytes.Buffer
	if err := page.Render(context.WithoutCancel(r.Context()), &text); err != nil { // also after a body that did not come
		s.config.Log.Error("render page", "err", err, "request", requestID(w))
		http.Error(w, "Something went wrong (id "+requestID(w)+").", http.StatusInternalServerError)
		return
	}
	s.pageHeaders(w.Header(), r)
	s.answer(w, r, status, text.Bytes())
}

// statuses are the HTTP statuses of the error codes.
var statuses = map[app.Code]int{
	app.Invalid:      http.StatusBadRequest,
	app.Unauthorized: http.StatusUnauthorized,
	app.Forbidden:    http.StatusForbidden,
	app.NotFound:     http.StatusNotFound,
	app.Conflict:     http.StatusConflict,
	app.Gone:         http.StatusGone,
	app.TooLarge:     http.StatusRequestEntityTooLarge,
	app.Unsupported:  http.StatusUnsupportedMediaType,
	app.TooMany:      http.StatusTooManyRequests,
	app.Unavailable:  http.StatusServiceUnavailable,
	app.TimedOut:     http.StatusGatewayTimeout,
	app.Full:         http.StatusInsufficientStorage,
	app.Internal:     http.StatusInternalServerError,
}

// isFailure tells of the codes with which the server fails, not the visitor.
var isFailure = map[app.Code]bool{app.Internal: true, app.Unavailable: true, app.Full: true}

// fail answers a request with an error: JSON for a program, a page for a
// person. It is the one place where errors of requests are logged,
// but for panics in the middle of an answer.
func (s *Server) fail(w http.ResponseWriter, r *http.Request, err error) {
	if errors.Is(err, context.Canceled) && r.Context().Err() != nil {
		s.config.Log.Debug("visitor left", "request", requestID(w), "path", loggable(r.URL.Path))
		return
	}
	code := app.ErrorCode(err)
	status := statuses[code]
	sentence := "Something went wrong. The log has the reason under this id."
	if e, ok := errors.AsType[*app.Error](err); ok && code != app.Internal {
		sentence = e.Message
	}
	if status != 0 && !isFailure[code] {
		s.config.Log.Debug("request refused", "request", requestID(w), "path", loggable(r.URL.Path), "status", status, "err", err)
	} else {
		if status == 0 {
			status = http.StatusInternalServerError
		}
		s.logFailure(w, r, err)
	}
	if status >= http.StatusInternalServerError {
		s.noteFailure(w, r, status, err)
	}
	s.refuse(w, r, status, sentence)
}

// logFailure logs that the server has failed.
func (s *Server) logFailure(w http.ResponseWriter, r *http.Request, err error) {
	attrs := []any{slog.String("request", requestID(w)), slog.String("path", loggable(r.URL.Path)), slog.Any("err", err)}
	if p, ok := errors.AsType[*app.PanicError](err); ok {
		attrs = append(attrs, slog.String("stack", string(p.Stack)))
		s.metrics.panics.Add(1)
	}
	s.config.Log.Error("request failed", attrs...)
}

// refuse answers with a status and a sentence for the visitor. The page shows
// who that is, where r is of a [Visit].
func (s *Server) refuse(w http.ResponseWriter, r *http.Request, status int, sentence string) {
	h := w.Header()
	h.Del("Content-Security-Policy")
	elsewhere := isElsewhere(r)
	h.Set("Cache-Control", "no-store")
	id := requestID(w)
	if wantsJSON(r) {
		text, _ := json.Marshal(struct {
			Error string `json:"error"`
			ID    string `json:"id"`
		}{sentence, id})
		s.answerJSON(w, r, status, text)
		return
	}
	site := s.site(http.StatusText(status), nil)
	v := VisitOf(r)
	if v != nil && v.place.mount != nil {
		h.Set("Content-Security-Policy", sitePolicy+ancestors(v.place.mount.embedOrigins))
	}
	if v != nil && !elsewhere {
		site = s.site(site.Title, v.User())
	} else {
		site.SignIn = "" // the visitor may have done so, or cannot
	}
	s.render(w, r, status, site.Error(sentence, id, status == http.StatusUnauthorized && !elsewhere))
}

// wantsJSON reports whether the request comes from a program: the renderer
// asks for JSON alone.
func wantsJSON(r *http.Request) bool {
	return strings.Contains(r.URL.Path, "/_dash-update-component") || strings.HasSuffix(r.URL.Path, "/poke/") ||
		strings.HasPrefix(r.Header.Get("Accept"), "application/json") ||
		strings.HasPrefix(r.Header.Get("Content-Type"), "application/json")
}
