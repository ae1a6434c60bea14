package spectest

import (
	"errors"
	"fmt"
	"path"
	"strings"
)

// ID is the place of a case in the official layout.
type ID struct {
	Preset, Fork, Runner, Handler, Suite, Name string
}

// What bls/<handler>/<case>.yaml stands for: the layout of bls12-381-tests knows no preset, fork and suite.
const (
	blsRoot   = "bls"
	blsPreset = "general"
	blsFork   = "phase0"
	blsSuite  = "bls12-381-tests"
)

// ErrNoVector says of a path that it is beside the vectors on purpose: a file at the top (a README, an archive, an index), or a preset's
// config.yaml, which official archives have for reference.
var ErrNoVector = errors.New("not a vector")

// ParsePath splits the slash-separated path of a vector file, below the root of the layout, into its case and the file's name.
// A leading "./" and "tests/", as official archives have it, are dropped. "bls/<handler>/<case>.yaml" is the file data.yaml of a case of
// the runner bls in general/phase0. It fails on a path of any other shape, with ErrNoVector where that is in order.
func ParsePath(p string) (ID, string, error) {
	parts := strings.Split(strings.TrimPrefix(path.Clean(p), "tests/"), "/")
	for _, part := range parts {
		if part == "" || part == "." || part == ".." {
			return ID{}, "", fmt.Errorf("vector path %q: element %q", p, part)
		}
	}
	if len(parts) == 1 || len(parts) == 2 && parts[1] == "config.yaml" {
		return ID{}, "", fmt.Errorf("%q: %w", p, ErrNoVector)
	}
	if len(parts) == 3 && parts[0] == blsRoot && path.Ext(parts[2]) == ".yaml" {
		name := strings.TrimSuffix(parts[2], ".yaml")
		return ID{blsPreset, blsFork, blsRoot, parts[1], blsSuite, name}, "data.yaml", nil
	}
	if len(parts) != 7 {
		return ID{}, "", fmt.Errorf("vector path %q has %d elements, want <preset>/<fork>/<runner>/<handler>/<suite>/<case>/<file>", p, len(parts))
	}
	return ID{parts[0], parts[1], parts[2], parts[3], parts[4], parts[5]}, parts[6], nil
}

// Key is "<runner>/<handler>", under which a [Plan] names the function for the case.
func (id ID) Key() string { return id.Runner + "/" + id.Handler }

// String is the case's directory in the official layout.
func (id ID) String() string {
	return path.Join(id.Preset, id.Fork, id.Runner, id.Handler, id.Suite, id.Name)
}
