package serve

import (
	"context"

	"dashd/app"
	"dashd/store"
)

// TableRoute is a route of the site's own pages and forms.
type TableRoute struct {
	Method, Path string // below the base path
	Access       app.Access
}

// RouteTable returns the routes of the site's own pages and forms.
func (s *Server) RouteTable() (table []TableRoute) {
	for _, route := range s.siteRoutes(true) {
		table = append(table, TableRoute{route.method, route.path, route.access})
	}
	return table
}

// Store returns the server's store.
func (s *Server) Store() *store.Store { return s.store }

// SetupLink is setupLink.
func (s *Server) SetupLink(ctx context.Context, publicURL string) (string, error) {
	return s.setupLink(ctx, publicURL)
}

// LocalURL is localURL.
func (s *Server) LocalURL(next string) string { return s.localURL(next) }

// SetAppAccess puts an access above that of an app's code.
func (s *Server) SetAppAccess(ctx context.Context, slug string, access app.Access) error {
	if err := s.store.SetAppAccess(ctx, slug, &access); err != nil {
		return err
	}
	return s.loadAccess(ctx)
}
