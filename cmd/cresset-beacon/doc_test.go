package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cresset/cresset/cmd/internal/doclines"
	"github.com/cresset/cresset/cmd/internal/process"
)

// docs/configuration.md has the table of options as it is.
func TestDocumentationHasTheTable(t *testing.T) {
	data, err := os.ReadFile(filepath.Join("..", "..", "docs", "configuration.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, after, found := strings.Cut(string(data), "## Options\n")
	if !found {
		t.Fatal("docs/configuration.md has no \"## Options\"")
	}
	if want := table().Documentation(); !strings.HasPrefix(after, want) {
		t.Errorf("the tables below \"## Options\" in docs/configuration.md differ from the table of options; they should read\n%s", want)
	}
}

// Rows of the table have what flags, file, help and documentation need.
func TestTableIsSound(t *testing.T) {
	if err := table().Check(); err != nil {
		t.Error(err)
	}
}

// Every command line of the documentation is one that starts a node or is another command.
func TestCommandLinesOfTheDocumentation(t *testing.T) {
	lines, err := doclines.Of(filepath.Join("..", ".."), "cresset-beacon")
	if err != nil {
		t.Fatal(err)
	}
	if len(lines) < 6 {
		t.Fatalf("%d command lines were found, want more", len(lines))
	}
	for _, l := range lines {
		if l.Mention() && l.Args[0] == "import" {
			continue
		}
		args := doclines.Fill(l.Args, map[string]string{
			"URL": "http://127.0.0.1:1", "FILE": filepath.Join("..", "..", "deploy", "beacon.yaml"), "/etc/cresset/beacon.yaml": filepath.Join("..", "..", "deploy", "beacon.yaml"),
		})
		c := call(nil, args...)
		if c.code == process.ExitUsage || c.cfg == nil && strings.HasPrefix(args[0], "-") {
			t.Errorf("%s: cresset-beacon %s: code %d, started %t: %s", l.Place, strings.Join(l.Args, " "), c.code, c.cfg != nil, c.errs)
		}
	}
}
