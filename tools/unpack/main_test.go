package main

import (
	"archive/tar"
	"os"
	"path/filepath"
	"testing"
)

// archive makes a tar with one file.
func archive(t *testing.T, name string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "a.tar")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w := tar.NewWriter(f)
	if err := w.WriteHeader(&tar.Header{Name: name, Size: 2, Mode: 0o644}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte("hi")); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestFilesAreWritten(t *testing.T) {
	dir := t.TempDir()
	if err := unpack(archive(t, "chain/blocks/1"), dir); err != nil {
		t.Fatal(err)
	}
	if data, err := os.ReadFile(filepath.Join(dir, "chain/blocks/1")); err != nil || string(data) != "hi" {
		t.Fatalf("%q, %v", data, err)
	}
}

func TestNamesStayInTheDirectory(t *testing.T) {
	if err := unpack(archive(t, "../outside"), t.TempDir()); err == nil {
		t.Fatal("a file was written outside of the directory")
	}
}
