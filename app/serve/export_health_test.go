package serve

import (
	"context"
	"io"
	"log/slog"
	"time"
)

// ForgetHealth makes the next probe look at the parts of the server again.
func (s *Server) ForgetHealth() {
	s.health.wait()
	s.health.mu.Lock()
	defer s.health.mu.Unlock()
	s.health.at = time.Time{}
}

// SetStopping says whether the end has begun.
func (s *Server) SetStopping(stopping bool) { s.stopping.Store(stopping) }

// SelfCheck is selfCheck.
func (s *Server) SelfCheck(ctx context.Context) error { return s.selfCheck(ctx) }

// Reconfigure is renew.
func (s *Server) Reconfigure(config Config) error { return s.renew(config) }

// NewLog is newLog.
func NewLog(w io.Writer, format string, level slog.Leveler) *slog.Logger {
	return newLog(w, format, level)
}
