package options

import (
	"strings"
	"testing"
)

func TestSizes(t *testing.T) {
	for text, want := range map[string]uint64{"1B": 1, "1024B": 1 << 10, "3 GiB": 3 << 30, "1TiB": 1 << 40, "16777215TiB": 16777215 << 40} {
		if n, ok := parseSize(text); !ok || n != want {
			t.Errorf("%q is %d (%t), want %d", text, n, ok, want)
		}
		if n, ok := parseSize(showSize(want)); !ok || n != want {
			t.Errorf("%d is shown as %q, which is %d (%t)", want, showSize(want), n, ok)
		}
	}
	for _, text := range []string{"", "B", "1", "-1B", "1.5MiB", "1mib", "1MiB ", "0x1B", "18446744073709551616B", "16777216TiB"} {
		if n, ok := parseSize(text); ok {
			t.Errorf("%q is a size, %d", text, n)
		}
	}
	if got := showSize(0); got != "0B" {
		t.Errorf("nothing is shown as %q", got)
	}
}

func TestDistance(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{
		{"", "", 0}, {"", "abc", 3}, {"abc", "", 3}, {"datadir", "datadir", 0}, {"datadr", "datadir", 1}, {"datadiir", "datadir", 1},
		{"detadir", "datadir", 1}, {"dtaadir", "datadir", 1}, {"log-levle", "log-level", 1}, {"kitten", "sitting", 3},
	} {
		if got := distance(c.a, c.b); got != c.want {
			t.Errorf("distance of %q and %q is %d, want %d", c.a, c.b, got, c.want)
		}
	}
	if got := nearest(strings.Repeat("x", 1<<20), []string{"datadir"}); got != "" {
		t.Errorf("a long word is near %q", got)
	}
}
