package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/types"
)

func nodeOf(o ssz.Object) ssz.Node { return ssz.Container(o) }

// write makes a file in a directory of the test.
func write(t *testing.T, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func checkpointFile(t *testing.T, epoch types.Epoch) (string, types.Checkpoint) {
	c := types.Checkpoint{Epoch: epoch, Root: types.Root{1, 2, 3}}
	data, err := ssz.Marshal(ssz.Context{}, nodeOf(&c))
	if err != nil {
		t.Fatal(err)
	}
	return write(t, "c.ssz", data), c
}

func TestSSZGoesToJSONAndBack(t *testing.T) {
	path, _ := checkpointFile(t, 7)
	code, text, errs := command(t, "ssz", "decode", "--type", "Checkpoint", "--fork", "fulu", path)
	if code != 0 || !strings.HasPrefix(text, `{"epoch":"7","root":"0x010203`) {
		t.Fatalf("exit code %d, %s %s", code, text, errs)
	}
	back := filepath.Join(t.TempDir(), "back.ssz_snappy")
	code, _, errs = command(t, "ssz", "decode", "--type", "Checkpoint", "--fork", "fulu", "--to", "ssz_snappy", "--output", back, write(t, "c.json", []byte(text)))
	if code != 0 {
		t.Fatalf("exit code %d, %s", code, errs)
	}
	code, again, errs := command(t, "ssz", "decode", "--type", "Checkpoint", "--fork", "fulu", back)
	if code != 0 || again != text {
		t.Fatalf("exit code %d, %s %s", code, again, errs)
	}
}

func TestSSZRootAndProof(t *testing.T) {
	path, c := checkpointFile(t, 7)
	want := types.HashTreeRoot(&c).String()
	if code, out, errs := command(t, "ssz", "root", "--type", "Checkpoint", "--fork", "phase0", path); code != 0 || strings.TrimSpace(out) != want {
		t.Fatalf("exit code %d, %s %s", code, out, errs)
	}
	code, out, errs := command(t, "ssz", "prove", "--type", "Checkpoint", "--fork", "phase0", "--gindex", "3", path)
	var p proofOutput
	if err := json.Unmarshal([]byte(out), &p); err != nil || code != 0 {
		t.Fatalf("exit code %d, %v %s", code, err, errs)
	}
	if p.Root != want || p.Leaves[0] != c.Root.String() || len(p.Branch) != 1 {
		t.Fatalf("proof is %+v", p)
	}
	if code, again, errs := command(t, "ssz", "prove", "--type", "Checkpoint", "--fork", "phase0", "--path", "root", path); code != 0 || again != out {
		t.Fatalf("by path: exit code %d, %s %s", code, again, errs)
	}
	if code, _, errs := command(t, "ssz", "prove", "--type", "Checkpoint", "--fork", "phase0", "--gindex", "6", path); code != 3 || !strings.Contains(errs, "6") {
		t.Fatalf("below a chunk: exit code %d, %s", code, errs)
	}
	if code, out, _ := command(t, "ssz", "prove", "--type", "Checkpoint", "--fork", "phase0", "--gindex", "2,3", path); code != 0 || !strings.Contains(out, `"leaves":["0x07`) {
		t.Fatalf("multiproof: exit code %d, %s", code, out)
	}
}

// TestFailureOfTheMachineIsNeitherWrongUsageNorWrongInput cannot write where there is a directory.
func TestFailureOfTheMachineIsNeitherWrongUsageNorWrongInput(t *testing.T) {
	path, _ := checkpointFile(t, 7)
	code, _, errs := command(t, "ssz", "decode", "--type", "Checkpoint", "--fork", "fulu", "--output", t.TempDir(), path)
	if code != 1 || errs == "" {
		t.Errorf("exit code %d: %s", code, errs)
	}
	code, _, errs = command(t, "ssz", "decode", "--type", "Checkpoint", "--fork", "fulu", "--to", "yaml", path)
	if code != 2 || !strings.Contains(errs, "yaml") {
		t.Errorf("unknown format: exit code %d: %s", code, errs)
	}
}

func TestSSZDiffNamesTheFields(t *testing.T) {
	a, _ := checkpointFile(t, 7)
	b, _ := checkpointFile(t, 8)
	code, out, errs := command(t, "ssz", "diff", "--type", "Checkpoint", "--fork", "gloas", a, b)
	if code != 1 || out != "Checkpoint.epoch: 7, 8\n" || errs != "" {
		t.Fatalf("exit code %d, %q %q", code, out, errs)
	}
	if code, out, _ := command(t, "ssz", "diff", "--type", "Checkpoint", "--fork", "gloas", a, a); code != 0 || out != "" {
		t.Fatalf("same file: exit code %d, %q", code, out)
	}
}

func TestSSZNamesTheFieldThatIsWrong(t *testing.T) {
	path := write(t, "v.ssz", append(make([]byte, 88), append([]byte{2}, make([]byte, 32)...)...))
	code, _, errs := command(t, "ssz", "root", "--type", "Validator", "--fork", "gloas", path)
	if code != 3 || !strings.Contains(errs, "Validator.slashed: boolean is neither 0 nor 1: 2") {
		t.Fatalf("exit code %d, %s", code, errs)
	}
}

func TestProgressLine(t *testing.T) {
	if have, want := progressLine(50, 200, 60, 55, 10*time.Second), "[#######.......................] slot 60, 5.5 slots/s, ETA 30s"; have != want {
		t.Fatalf("%q, want %q", have, want)
	}
}
