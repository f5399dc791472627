package serve

import (
	"context"
)

// selfCheck returns nil if the server does its work.
func (s *Server) selfCheck(ctx context.Context) error {
	return s.store.Probe(ctx)
}
