package serve

import (
	"net/http"
	"strings"
)

// Unaudited returns the forms of the administration, as "form users/", and the
// operations of commands, as "operation user/add", that are not among those of
// which the audit log tells by itself.
func (s *Server) Unaudited() (names []string) {
	for _, route := range (admin{s}).adminRoutes() {
		below := strings.TrimSuffix(strings.TrimPrefix(route.path, adminPath), "{$}")
		if _, ok := auditedForms[below]; !ok && route.method == http.MethodPost {
			names = append(names, "form "+below)
		}
	}
	for name := range operations {
		if _, ok := auditedOperations[name]; !ok {
			names = append(names, "operation "+name)
		}
	}
	return names
}
