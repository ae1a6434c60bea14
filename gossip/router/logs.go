package router

import (
	"context"
	"log/slog"
)

// libraryLog writes what the pubsub library says at level debug: it warns of what is usual here, such as that there is no connection manager
// of its own, message by message, and says nothing that an operator could act on.
type libraryLog struct{ to slog.Handler }

func newLibraryLog(to *slog.Logger) *slog.Logger {
	return slog.New(libraryLog{to.With("library", "pubsub").Handler()})
}

// Enabled implements slog.Handler.
func (l libraryLog) Enabled(ctx context.Context, _ slog.Level) bool {
	return l.to.Enabled(ctx, slog.LevelDebug)
}

// Handle implements slog.Handler.
func (l libraryLog) Handle(ctx context.Context, r slog.Record) error {
	r.Level = slog.LevelDebug
	return l.to.Handle(ctx, r)
}

// WithAttrs implements slog.Handler.
func (l libraryLog) WithAttrs(attrs []slog.Attr) slog.Handler {
	return libraryLog{l.to.WithAttrs(attrs)}
}

// WithGroup implements slog.Handler.
func (l libraryLog) WithGroup(name string) slog.Handler { return libraryLog{l.to.WithGroup(name)} }
