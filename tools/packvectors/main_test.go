package main

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/cresset/cresset/beacon/spectest"
)

func writeFiles(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, content := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// What was packed comes out as it went in, from directories and from archives, and twice packed is the same to the byte.
func TestPack(t *testing.T) {
	source, first, second := filepath.Join(t.TempDir(), "vectors"), t.TempDir(), t.TempDir()
	writeFiles(t, source, map[string]string{
		"tests/minimal/fulu/sanity/slots/pyspec_tests/one/meta.yaml":  "{}",
		"tests/minimal/fulu/sanity/slots/pyspec_tests/two/meta.yaml":  "{a: 1}",
		"tests/minimal/fulu/sanity/slots/pyspec_tests/two/slots.yaml": "2",
		"tests/minimal/gloas/random/random/pyspec_tests/x/meta.yaml":  "",
		"tests/general/altair/bls/verify/bls/y/data.yaml":             "{}",
	})
	bls := filepath.Join(t.TempDir(), "bls")
	writeFiles(t, bls, map[string]string{"sign/case.yaml": "{output: null}"})
	if err := pack(first, []string{source, bls}); err != nil {
		t.Fatal(err)
	}
	archives := []string{"bls.tar.zst", "general.tar.zst", "minimal-fulu.tar.zst", "minimal-gloas.tar.zst"}
	var packed []string
	for _, name := range archives {
		packed = append(packed, filepath.Join(first, name))
	}
	if err := pack(second, packed); err != nil {
		t.Fatal(err)
	}
	for _, name := range append(archives, spectest.IndexFile) {
		a, errA := os.ReadFile(filepath.Join(first, name))
		b, errB := os.ReadFile(filepath.Join(second, name))
		if errA != nil || errB != nil || !bytes.Equal(a, b) {
			t.Errorf("%s: packed twice to %d and %d bytes (%v, %v)", name, len(a), len(b), errA, errB)
		}
	}
	index, err := spectest.ReadIndex(filepath.Join(first, spectest.IndexFile))
	if err != nil {
		t.Fatal(err)
	}
	if n := index["minimal-fulu.tar.zst"]["minimal/fulu/sanity"]; len(index) != 4 || n != 2 {
		t.Errorf("index %v", index)
	}
	groups, err := spectest.Open(first)
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, group := range groups {
		cases, err := group.Load()
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range cases {
			for _, name := range c.Files() {
				found = append(found, c.String()+"/"+name)
			}
		}
	}
	want := []string{
		"general/phase0/bls/sign/bls12-381-tests/case/data.yaml",
		"general/altair/bls/verify/bls/y/data.yaml",
		"minimal/fulu/sanity/slots/pyspec_tests/one/meta.yaml",
		"minimal/fulu/sanity/slots/pyspec_tests/two/meta.yaml",
		"minimal/fulu/sanity/slots/pyspec_tests/two/slots.yaml",
		"minimal/gloas/random/random/pyspec_tests/x/meta.yaml",
	}
	if !slices.Equal(found, want) {
		t.Errorf("found %q, want %q", found, want)
	}
}

func TestPackRefuses(t *testing.T) {
	stray, twice := t.TempDir(), t.TempDir()
	writeFiles(t, stray, map[string]string{"minimal/fulu/note.txt": ""})
	writeFiles(t, twice, map[string]string{"minimal/fulu/sanity/slots/s/one/meta.yaml": ""})
	for name, sources := range map[string][]string{
		"a stray file": {stray}, "the same case twice": {twice, twice}, "nothing": {t.TempDir()}, "no source": {filepath.Join(stray, "missing")},
	} {
		if err := pack(t.TempDir(), sources); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
