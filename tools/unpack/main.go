package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/cresset/cresset/beacon/spectest"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: unpack ARCHIVE DIR")
		os.Exit(2)
	}
	if err := unpack(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "unpack:", err)
		os.Exit(1)
	}
}

// unpack writes every file of an archive below a directory. A name that would lead out of it is an error.
func unpack(archive, dir string) error {
	return spectest.WalkArchive(archive, func(name string, content []byte) error {
		name = filepath.Clean(name)
		if !filepath.IsLocal(name) {
			return fmt.Errorf("archive %s: %q leads out of the directory", archive, name)
		}
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		return os.WriteFile(path, content, 0o644)
	})
}
