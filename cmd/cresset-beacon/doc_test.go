package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
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
	if want := documentation(options()); !strings.HasPrefix(after, want) {
		t.Errorf("the tables below \"## Options\" in docs/configuration.md differ from the table of options; they should read\n%s", want)
	}
}

// Rows of the table have what flags, file, help and documentation need.
func TestTableIsSound(t *testing.T) {
	seen := map[string]bool{}
	lastOfGroup := map[string]int{}
	table := options()
	for i, o := range table {
		if seen[o.name] || o.name != strings.ToLower(o.name) || strings.ContainsAny(o.name, "_. ") {
			t.Errorf("name %q is there twice or is not of the form a-b-c", o.name)
		}
		seen[o.name] = true
		if o.help == "" || strings.ContainsAny(o.help, "|\n") || o.kind == "" || o.group == "" {
			t.Errorf("%s has help %q, kind %q, group %q", o.name, o.help, o.kind, o.group)
		}
		if last, ok := lastOfGroup[o.group]; ok && last != i-1 {
			t.Errorf("%s stands apart from the rest of group %q", o.name, o.group)
		}
		lastOfGroup[o.group] = i
	}
}
