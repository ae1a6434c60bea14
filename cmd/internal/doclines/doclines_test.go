package doclines

import (
	"fmt"
	"testing"
)

func TestLines(t *testing.T) {
	const text = "Say `cresset keys new --count 1` and `cresset` or `cresset-beacon --x`.\n" +
		"```\ncresset a --b ~/c \\\n    --d 0x...   # what for\n" +
		"# cresset stands in a comment\n```\n" +
		"    cresset ssz --in [x]\n" +
		"cresset is a program.\n"
	got := fmt.Sprint(in(text, "cresset", true))
	if want := "[{1 [keys new --count 1]} {3 [a --b ~/c --d 0x...]} {7 [ssz --in x]}]"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	const unit = "# A unit.\n#   cresset keys list\nExecStart=/usr/local/bin/cresset --config /etc/x\n"
	if got, want := fmt.Sprint(in(unit, "cresset", false)), "[{2 [keys list]} {3 [--config /etc/x]}]"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestFill(t *testing.T) {
	got := fmt.Sprint(Fill([]string{"deposit", "--to", "0x...", "URL.", "x"}, map[string]string{"--to": "0x12", "URL": "http://a"}))
	if want := "[deposit --to 0x12 http://a x]"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
