package main

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"testing/fstest"

	"github.com/cresset/cresset/beacon/params"
)

const altair = "# Text\n\ndef not_this(x):\n\n```\ndef nor_this(x):\n```\n\n" +
	"```python\ndef process_slot(state: BeaconState) -> None:\n    def for_ops(x):\n        pass\n```\n\n" +
	"- in a list:\n\n  ```python\n  def indented(\n      x: int,\n  ) -> int:\n  ```\n\n```python\ndef other(x):\n    def for_ops(x):\n```\n"

func specification(t *testing.T) fstest.MapFS {
	t.Helper()
	specs := fstest.MapFS{
		"specs/altair/beacon-chain.md":                 {Data: []byte(altair)},
		"specs/altair/fork-choice.md":                  {Data: []byte("```python\ndef on_block(x):\n```\n")},
		"specs/gloas/partial-columns/p2p-interface.md": {Data: []byte("```python\ndef validate(x):\n```\n")},
		"specs/heze/beacon-chain.md":                   {Data: []byte("```python\ndef new(x):\n```\n")},
		"specs/_features/eip1/beacon-chain.md":         {Data: []byte("```python\ndef never(x):\n```\n")},
		"ssz/merkle-proofs.md":                         {Data: []byte("```python\ndef chunk_count(x):\n```\n")},
		"sync/optimistic.md":                           {Data: []byte("```python\ndef is_optimistic(x):\n```\n")},
	}
	for _, fork := range params.Forks() {
		specs["specs/"+fork.String()+"/README.md"] = &fstest.MapFile{Data: []byte("no function")}
	}
	return specs
}

func TestExtract(t *testing.T) {
	got, err := extract(specification(t))
	if err != nil {
		t.Fatal(err)
	}
	want := []entry{
		{"ssz/merkle-proofs.md", "chunk_count", "phase0", ""},
		{"specs/altair/beacon-chain.md", "process_slot", "altair", ""},
		{"specs/altair/beacon-chain.md", "for_ops", "altair", ""},
		{"specs/altair/beacon-chain.md", "indented", "altair", ""},
		{"specs/altair/beacon-chain.md", "other", "altair", ""},
		{"specs/altair/fork-choice.md", "on_block", "altair", "fork-choice"},
		{"sync/optimistic.md", "is_optimistic", "bellatrix", "fork-choice"},
		{"specs/gloas/partial-columns/p2p-interface.md", "validate", "gloas", "networking"},
		{"specs/heze/beacon-chain.md", "new", "heze", "heze"},
	}
	if !slices.Equal(got, want) {
		t.Errorf("extracted\n%v\nwant\n%v", got, want)
	}
}

func TestExtractNeedsEveryFork(t *testing.T) {
	specs := specification(t)
	delete(specs, "specs/fulu/README.md")
	if got, err := extract(specs); err == nil {
		t.Errorf("extracted %d rows from a checkout without fulu", len(got))
	}
}

// What was filled in stays, what is new is added, what is gone is named.
func TestMerge(t *testing.T) {
	merged, dropped := merge(
		[]entry{{"a.md", "kept", "fulu", ""}, {"a.md", "new", "fulu", ""}, {"p2p-interface.md", "empty", "fulu", "networking"}},
		[]entry{{"a.md", "gone", "fulu", "x.Gone"}, {"a.md", "kept", "fulu", "x.Kept"}, {"p2p-interface.md", "empty", "fulu", ""}},
	)
	if want := []entry{{"a.md", "kept", "fulu", "x.Kept"}, {"a.md", "new", "fulu", ""}, {"p2p-interface.md", "empty", "fulu", "networking"}}; !slices.Equal(merged, want) {
		t.Errorf("merged %v, want %v", merged, want)
	}
	if want := []entry{{"a.md", "gone", "fulu", "x.Gone"}}; !slices.Equal(dropped, want) {
		t.Errorf("dropped %v, want %v", dropped, want)
	}
}

func TestRunMergesIntoItsOwnOutput(t *testing.T) {
	dir := t.TempDir()
	if err := os.CopyFS(dir, specification(t)); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(dir, "map.csv")
	for range 2 {
		if err := run(dir, out, ""); err != nil {
			t.Fatal(err)
		}
		entries, err := readMap(out)
		if err != nil || len(entries) != 9 {
			t.Fatalf("%d rows, %v, want 9", len(entries), err)
		}
	}
}

// A row is filled with the one symbol of its name, and left open where there are two or none.
func TestFill(t *testing.T) {
	named, err := symbols(fstest.MapFS{
		"beacon/a/a.go":        {Data: []byte("package a\n\nfunc ProcessSlot() {}\n\nfunc (s *State[E]) GetDomain() {}\n\nfunc Twice() {}\n")},
		"beacon/b/b.go":        {Data: []byte("package b\n\nfunc twice() {}\n\nfunc initBLSKey() {}\n")},
		"beacon/b/b_test.go":   {Data: []byte("package b\n\nfunc OnlyTest() {}\n")},
		"beacon/b/data/not.go": {Data: []byte("no Go")},
	})
	if err != nil {
		t.Fatal(err)
	}
	entries := []entry{
		{function: "process_slot"}, {function: "get_domain"}, {function: "twice"}, {function: "only_test"}, {function: "init_bls_key"},
		{function: "process_slot", where: "networking"},
	}
	fill(entries, named)
	var got []string
	for _, e := range entries {
		got = append(got, e.where)
	}
	if want := []string{"beacon/a.ProcessSlot", "beacon/a.State.GetDomain", "", "", "beacon/b.initBLSKey", "networking"}; !slices.Equal(got, want) {
		t.Errorf("filled %q, want %q", got, want)
	}
}
