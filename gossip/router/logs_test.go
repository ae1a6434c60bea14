package router

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
)

// Warnings of the library are for whoever looks at the details, and for nobody else.
func TestTheLibrarySpeaksAtLevelDebug(t *testing.T) {
	for _, c := range []struct {
		level slog.Level
		want  string
	}{{slog.LevelInfo, ""}, {slog.LevelDebug, "level=DEBUG msg=trouble library=pubsub topic=x a.b=1\n"}} {
		var out bytes.Buffer
		log := newLibraryLog(slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: c.level})))
		log.With("topic", "x").WithGroup("a").Warn("trouble", "b", 1)
		if _, text, _ := strings.Cut(out.String(), " "); text != c.want {
			t.Errorf("at level %v the log says %q, want %q", c.level, text, c.want)
		}
	}
}
