package main

import (
	"bytes"
	"cmp"
	"encoding/csv"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/cresset/cresset/beacon/params"
)

// The parts of the specification that stand outside the forks' folders, with the fork they came with.
var outside = map[string]params.Fork{"ssz": params.Phase0, "sync": params.Bellatrix}

var (
	fence    = regexp.MustCompile("^\\s*```(\\w*)")
	function = regexp.MustCompile(`^\s*def (\w+)\(`)
)

// entry is a row of the map.
type entry struct{ file, function, fork, where string }

func (e entry) fields() []string { return []string{e.file, e.function, e.fork, e.where} }

func main() {
	specs := flag.String("specs", "", "checkout of the consensus specification")
	out := flag.String("out", "docs/specfuncs.csv", "file to merge into")
	fill := flag.String("fill", "", "checkout of this repository: fill an open row where exactly one symbol has the function's name")
	flag.Parse()
	if *specs == "" || flag.NArg() > 0 {
		fmt.Fprintln(os.Stderr, "usage: specfuncs -specs DIR [-out FILE] [-fill DIR]")
		os.Exit(2)
	}
	if err := run(*specs, *out, *fill); err != nil {
		fmt.Fprintln(os.Stderr, "specfuncs:", err)
		os.Exit(1)
	}
}

func run(specs, out, repository string) error {
	old, err := readMap(out)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	entries, err := extract(os.DirFS(specs))
	if err != nil {
		return err
	}
	merged, dropped := merge(entries, old)
	for _, e := range dropped {
		fmt.Fprintf(os.Stderr, "no longer in the specification: %s %s (%s)\n", e.file, e.function, e.where)
	}
	if repository != "" {
		named, err := symbols(os.DirFS(repository))
		if err != nil {
			return err
		}
		fill(merged, named)
	}
	var text bytes.Buffer
	writer := csv.NewWriter(&text)
	if err := writer.Write([]string{"file", "function", "fork", "where"}); err != nil {
		return err
	}
	for _, e := range merged {
		if err := writer.Write(e.fields()); err != nil {
			return err
		}
	}
	writer.Flush()
	if err := writer.Error(); err != nil {
		return err
	}
	return os.WriteFile(out, text.Bytes(), 0o644)
}

// readMap reads the file that run writes.
func readMap(name string) ([]entry, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	reader := csv.NewReader(bytes.NewReader(text))
	reader.FieldsPerRecord = 4
	records, err := reader.ReadAll()
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	var entries []entry
	for _, r := range records[min(1, len(records)):] {
		entries = append(entries, entry{r[0], r[1], r[2], r[3]})
	}
	return entries, nil
}

// extract returns a row for every function of a checkout, by fork and file, in the order of the text. Where a file defines a name
// twice (a helper inside two functions), it has one row.
func extract(specs fs.FS) ([]entry, error) {
	var entries []entry
	seen := map[[2]string]bool{}
	read := func(name string, fork params.Fork) error {
		text, err := fs.ReadFile(specs, name)
		if err != nil {
			return err
		}
		for _, f := range functions(string(text)) {
			if !seen[[2]string{name, f}] {
				seen[[2]string{name, f}] = true
				entries = append(entries, entry{name, f, fork.String(), area(name)})
			}
		}
		return nil
	}
	type root struct {
		dir  string
		fork params.Fork
	}
	var roots []root
	for _, fork := range params.Forks() {
		roots = append(roots, root{path.Join("specs", fork.String()), fork})
	}
	for dir, fork := range outside {
		roots = append(roots, root{dir, fork})
	}
	for _, r := range roots {
		err := fs.WalkDir(specs, r.dir, func(name string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || filepath.Ext(name) != ".md" {
				return err
			}
			return read(name, r.fork)
		})
		if err != nil {
			return nil, err
		}
	}
	slices.SortStableFunc(entries, func(a, b entry) int {
		return cmp.Or(cmp.Compare(order(a.fork), order(b.fork)), cmp.Compare(a.file, b.file))
	})
	return entries, nil
}

// order is the place of a fork's rows. Its name comes from params.Forks.
func order(fork string) int {
	return slices.IndexFunc(params.Forks(), func(f params.Fork) bool { return f.String() == fork })
}

// functions returns the names defined in the python blocks of a document.
func functions(text string) []string {
	var names []string
	inside, python := false, false
	for line := range strings.Lines(text) {
		if m := fence.FindStringSubmatch(line); m != nil {
			inside = !inside
			python = inside && m[1] == "python"
			continue
		}
		if m := function.FindStringSubmatch(line); m != nil && python {
			names = append(names, m[1])
		}
	}
	return names
}

// area is the part of the client that a file's functions wait for, empty for the files whose functions have to exist.
func area(file string) string {
	dir, base := path.Split(file)
	switch {
	case strings.HasPrefix(file, "specs/"+params.Heze.String()+"/"):
		return params.Heze.String()
	case base == "fork-choice.md", base == "fast-confirmation.md", dir == "sync/":
		return "fork-choice"
	case base == "p2p-interface.md":
		return "networking"
	case base == "validator.md", base == "builder.md", base == "weak-subjectivity.md":
		return "validator"
	}
	return ""
}

// merge keeps what the old map says of rows that are still there, and returns the old rows that are not.
func merge(entries, old []entry) (merged, dropped []entry) {
	where := map[[2]string]string{}
	for _, e := range old {
		where[[2]string{e.file, e.function}] = e.where
	}
	for _, e := range entries {
		key := [2]string{e.file, e.function}
		if w := where[key]; w != "" {
			e.where = w
		}
		delete(where, key)
		merged = append(merged, e)
	}
	for _, e := range old {
		if _, left := where[[2]string{e.file, e.function}]; left {
			dropped = append(dropped, e)
		}
	}
	return merged, dropped
}
