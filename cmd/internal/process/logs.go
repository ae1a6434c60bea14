package process

import (
	"io"
	"log/slog"
	"os"
	"slices"
	"strings"

	"github.com/lmittmann/tint"
	"golang.org/x/term"
)

// Logs is how a program logs.
type Logs struct {
	Level  string // debug, info, warn or error
	Format string // text, json, or auto: coloured on a terminal, text elsewhere
}

// New makes the logger. On a terminal lines are coloured, unless NO_COLOR is set (no-color.org).
func (l Logs) New(out io.Writer, environ []string) *slog.Logger {
	var level slog.Level
	switch l.Level {
	case "debug":
		level = slog.LevelDebug
	case "warn":
		level = slog.LevelWarn
	case "error":
		level = slog.LevelError
	}
	f, isFile := out.(*os.File)
	switch {
	case l.Format == "json":
		return slog.New(slog.NewJSONHandler(out, &slog.HandlerOptions{Level: level}))
	case l.Format == "auto" && isFile && term.IsTerminal(int(f.Fd())):
		plain := slices.ContainsFunc(environ, func(entry string) bool {
			value, found := strings.CutPrefix(entry, "NO_COLOR=")
			return found && value != ""
		})
		return slog.New(tint.NewTextHandler(out, &tint.Options{Level: level, NoColor: plain}))
	}
	return slog.New(slog.NewTextHandler(out, &slog.HandlerOptions{Level: level}))
}
