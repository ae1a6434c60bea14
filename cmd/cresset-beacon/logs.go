package main

import (
	"io"
	"log/slog"
	"os"
	"slices"
	"strings"

	"github.com/lmittmann/tint"
	"golang.org/x/term"
)

// newLog makes the logger that the settings ask for. On a terminal lines are coloured, unless NO_COLOR is set (no-color.org).
func newLog(out io.Writer, s *settings, environ []string) *slog.Logger {
	var level slog.Level
	switch s.logLevel {
	case "debug":
		level = slog.LevelDebug
	case "warn":
		level = slog.LevelWarn
	case "error":
		level = slog.LevelError
	}
	f, isFile := out.(*os.File)
	switch {
	case s.logFormat == "json":
		return slog.New(slog.NewJSONHandler(out, &slog.HandlerOptions{Level: level}))
	case s.logFormat == "auto" && isFile && term.IsTerminal(int(f.Fd())):
		plain := slices.ContainsFunc(environ, func(entry string) bool {
			value, found := strings.CutPrefix(entry, "NO_COLOR=")
			return found && value != ""
		})
		return slog.New(tint.NewTextHandler(out, &tint.Options{Level: level, NoColor: plain}))
	}
	return slog.New(slog.NewTextHandler(out, &slog.HandlerOptions{Level: level}))
}
