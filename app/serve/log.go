package serve

import (
	"context"
	"io"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/lmittmann/tint"
)

// newLog makes the server's log: text for people at a terminal, else JSON. Where
// w is the journal of systemd, it learns how bad each line is.
func newLog(w io.Writer, format string, level slog.Leveler) *slog.Logger {
	terminal := isTerminal(w)
	if isJournal(w) {
		priorities := &priorityWriter{w: w}
		return slog.New(&journal{newLogHandler(priorities, format, level, false), priorities})
	}
	return slog.New(newLogHandler(w, format, level, terminal))
}

func newLogHandler(w io.Writer, format string, level slog.Leveler, terminal bool) slog.Handler {
	if format == "text" || format == "auto" && terminal {
		return tint.NewTextHandler(w, &tint.Options{Level: level, TimeFormat: time.TimeOnly, NoColor: !terminal, ReplaceAttr: oneLine})
	}
	return slog.NewJSONHandler(w, &slog.HandlerOptions{Level: level})
}

// oneLine keeps a message to its line, as attributes are kept: net/http puts what
// clients send into messages.
func oneLine(groups []string, attr slog.Attr) slog.Attr {
	if len(groups) == 0 && attr.Key == slog.MessageKey {
		if text := attr.Value.String(); strings.ContainsFunc(text, func(r rune) bool { return !strconv.IsPrint(r) }) {
			attr.Value = slog.StringValue(strconv.Quote(text))
		}
	}
	return attr
}

// journal writes a line's priority before it, as "<3>", which the journal takes
// off: then "journalctl -p warning" finds what it should.
type journal struct {
	slog.Handler
	lines *priorityWriter
}

// Handle implements [slog.Handler].
func (j *journal) Handle(ctx context.Context, record slog.Record) error {
	j.lines.mu.Lock()
	defer j.lines.mu.Unlock()
	j.lines.priority = priority(record.Level)
	return j.Handler.Handle(ctx, record)
}

// WithAttrs implements [slog.Handler].
func (j *journal) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &journal{j.Handler.WithAttrs(attrs), j.lines}
}

// WithGroup implements [slog.Handler].
func (j *journal) WithGroup(name string) slog.Handler {
	return &journal{j.Handler.WithGroup(name), j.lines}
}

// priorityWriter takes lines as handlers write them, one at a time.
type priorityWriter struct {
	w io.Writer

	mu       sync.Mutex // held from Handle to Write
	priority int
	line     []byte
}

// Write implements [io.Writer].
func (p *priorityWriter) Write(line []byte) (int, error) {
	p.line = append(strconv.AppendInt(append(p.line[:0], '<'), int64(p.priority), 10), '>')
	p.line = append(p.line, line...)
	if _, err := p.w.Write(p.line); err != nil {
		return 0, err
	}
	return len(line), nil
}

// priority returns syslog's word for a level.
func priority(level slog.Level) int {
	switch {
	case level >= slog.LevelError:
		return 3
	case level >= slog.LevelWarn:
		return 4
	case level >= slog.LevelInfo:
		return 6
	default:
		return 7
	}
}

// warnIfSlow logs a callback that took long, by its name alone: what the visitor
// has sent is his own.
func (s *Server) warnIfSlow(v *Visit, output string, took time.Duration) {
	if s.config.SlowCallback < 0 || took < s.config.SlowCallback {
		return
	}
	log := v.place.mount.log
	if v.place.instance != nil {
		log = log.With("instance", v.place.slug)
	}
	log.Warn("slow callback", "callback", output, "took", took, "request", v.call.RequestID)
}
