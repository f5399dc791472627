package serve

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/a-h/templ"

	"dashd/app"
	"dashd/store"
	"dashd/views"
)

// auditFilter reads what a request selects of the audit log.
func auditFilter(r *http.Request) (store.AuditFilter, error) {
	query := r.URL.Query()
	filter := store.AuditFilter{Action: query.Get("action"), User: strings.TrimSpace(query.Get("user"))}
	return filter, checkAuditAction(filter.Action)
}

// auditLog serves the audit log.
func (a admin) auditLog(w http.ResponseWriter, r *http.Request, v *Visit, refused views.Form) error {
	filter, err := auditFilter(r)
	if err != nil {
		return err
	}
	total, err := a.store.CountAudit(r.Context(), filter)
	if err != nil {
		return err
	}
	page := views.AuditLog{Action: filter.Action, User: filter.User, Actions: auditActions}
	filter.Offset, filter.Limit, page.Pager = pageAt(r, total, "event")
	for e, err := range a.store.AuditLog(r.Context(), filter) {
		if err != nil {
			return err
		}
		page.List = append(page.List, views.AuditEntry{
			Time: e.Time, Action: e.Action, Target: e.Target, Actor: e.Actor, Address: e.Address, Request: e.Request, Detail: e.Detail,
		})
	}
	query := url.Values{}
	for key, value := range map[string]string{"action": filter.Action, "user": filter.User} {
		if value != "" {
			query.Set(key, value)
		}
	}
	page.Query = query.Encode()
	return a.show(w, r, v, "Audit log", refused, func(frame views.Admin) templ.Component { return frame.AuditLog(page) })
}

// exportAudit answers with the audit log as a file.
func (a admin) exportAudit(w http.ResponseWriter, r *http.Request, _ *Visit, _ views.Form) error {
	filter, err := auditFilter(r)
	if err != nil {
		return err
	}
	write, media := writeAuditCSV, "text/csv; charset=utf-8"
	format := r.PathValue("format")
	switch format {
	case "csv":
	case "json":
		write, media = writeAuditJSON, "application/json"
	default:
		return app.Errorf(app.NotFound, "The audit log is there as csv and as json.")
	}
	w.Header().Set("Content-Type", media)
	w.Header().Set("Content-Disposition", `attachment; filename="audit.`+format+`"`)
	if err := write(w, a.store.AuditLog(r.Context(), filter)); err != nil {
		if r.Context().Err() == nil {
			a.config.Log.Error("export of the audit log cut short", "request", requestID(w), "err", err)
		}
		panic(http.ErrAbortHandler) // so that the visitor sees that it is not whole
	}
	return nil
}
