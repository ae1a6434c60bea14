package spectest

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// packed is where the repository keeps its vectors.
const packed = "../../testdata/spec"

// TestVectors runs every vector, of the directory CRESSET_VECTORS or else those of the repository, and prints the table.
func TestVectors(t *testing.T) {
	dir, index := os.Getenv("CRESSET_VECTORS"), Index(nil)
	if dir == "" {
		dir = packed
		var err error
		if index, err = ReadIndex(filepath.Join(packed, IndexFile)); err != nil {
			t.Fatal(err)
		}
	}
	groups, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	for archive := range index {
		if !slices.ContainsFunc(groups, func(g Group) bool { return g.Name == archive }) {
			t.Errorf("archive %s is in the index and not in %s", archive, dir)
		}
	}
	table := Run(t, plan(), groups, index)
	if testing.Short() {
		fmt.Println("short: the first case of every handler and fork")
	}
	if err := table.Write(os.Stdout); err != nil {
		t.Fatal(err)
	}
}
