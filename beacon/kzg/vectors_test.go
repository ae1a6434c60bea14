package kzg

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// moduleDir asks the go command for the folder of the c-kzg module, which ships the reference vectors.
func moduleDir(t *testing.T) string {
	t.Helper()
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/ethereum/c-kzg-4844/v2").Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			t.Fatalf("locate the c-kzg module: %v: %s", err, exit.Stderr)
		}
		t.Fatalf("locate the c-kzg module: %v", err)
	}
	return strings.TrimSpace(string(out))
}

func newContext(t testing.TB) *Context {
	t.Helper()
	c, err := New()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// input holds the fields of all handlers' inputs.
type input struct {
	Blob, Commitment, Proof, Z, Y     string
	Blobs, Commitments, Proofs, Cells []string
	CellIndices                       []uint64   `yaml:"cell_indices"`
	CommitmentIndices                 []uint64   `yaml:"commitment_indices"`
	CosetsEvals                       [][]string `yaml:"cosets_evals"`
}

// unhex reads a hex string of a fixed size. Vectors hold strings of wrong size on purpose: that is an error as the
// client's SSZ types would give it.
func unhex[T Blob | Cell | Commitment | Proof | [32]byte](s string) (out T, err error) {
	b, err := hex.DecodeString(strings.TrimPrefix(s, "0x"))
	if err != nil {
		return out, err
	}
	switch dst := any(&out).(type) {
	case *Blob:
		err = fill(dst[:], b)
	case *Cell:
		err = fill(dst[:], b)
	case *Commitment:
		err = fill(dst[:], b)
	case *Proof:
		err = fill(dst[:], b)
	case *[32]byte:
		err = fill(dst[:], b)
	}
	return out, err
}

func fill(dst, src []byte) error {
	if len(src) != len(dst) {
		return fmt.Errorf("%d bytes instead of %d", len(src), len(dst))
	}
	copy(dst, src)
	return nil
}

func unhexAll[T Blob | Cell | Commitment | Proof](in []string) ([]T, error) {
	out := make([]T, len(in))
	for i, s := range in {
		v, err := unhex[T](s)
		if err != nil {
			return nil, fmt.Errorf("element %d: %w", i, err)
		}
		out[i] = v
	}
	return out, nil
}

func hexOf(b []byte) any { return "0x" + hex.EncodeToString(b) }

func hexList[T Cell | Proof](in *[CellsPerExtBlob]T, of func(T) []byte) []any {
	out := make([]any, len(in))
	for i, v := range in {
		out[i] = hexOf(of(v))
	}
	return out
}

func cellList(c *[CellsPerExtBlob]Cell) any { return hexList(c, func(v Cell) []byte { return v[:] }) }
func proofList(p *[CellsPerExtBlob]Proof) any {
	return hexList(p, func(v Proof) []byte { return v[:] })
}

// handlers run a case; an error stands for the vectors' null.
var handlers = map[string]func(c *Context, in *input) (any, error){
	"blob_to_kzg_commitment": func(c *Context, in *input) (any, error) {
		blob, err := unhex[Blob](in.Blob)
		if err != nil {
			return nil, err
		}
		out, err := c.BlobToKZGCommitment(&blob)
		return hexOf(out[:]), err
	},
	"compute_kzg_proof": func(c *Context, in *input) (any, error) {
		blob, err1 := unhex[Blob](in.Blob)
		z, err2 := unhex[[32]byte](in.Z)
		if err := errors.Join(err1, err2); err != nil {
			return nil, err
		}
		proof, y, err := c.ComputeKZGProof(&blob, z)
		return []any{hexOf(proof[:]), hexOf(y[:])}, err
	},
	"verify_kzg_proof": func(c *Context, in *input) (any, error) {
		commitment, err1 := unhex[Commitment](in.Commitment)
		z, err2 := unhex[[32]byte](in.Z)
		y, err3 := unhex[[32]byte](in.Y)
		proof, err4 := unhex[Proof](in.Proof)
		if err := errors.Join(err1, err2, err3, err4); err != nil {
			return nil, err
		}
		return c.VerifyKZGProof(commitment, z, y, proof)
	},
	"compute_blob_kzg_proof": func(c *Context, in *input) (any, error) {
		blob, err1 := unhex[Blob](in.Blob)
		commitment, err2 := unhex[Commitment](in.Commitment)
		if err := errors.Join(err1, err2); err != nil {
			return nil, err
		}
		out, err := c.ComputeBlobKZGProof(&blob, commitment)
		return hexOf(out[:]), err
	},
	"verify_blob_kzg_proof": func(c *Context, in *input) (any, error) {
		blob, err1 := unhex[Blob](in.Blob)
		commitment, err2 := unhex[Commitment](in.Commitment)
		proof, err3 := unhex[Proof](in.Proof)
		if err := errors.Join(err1, err2, err3); err != nil {
			return nil, err
		}
		return c.VerifyBlobKZGProof(&blob, commitment, proof)
	},
	"verify_blob_kzg_proof_batch": func(c *Context, in *input) (any, error) {
		blobs, err1 := unhexAll[Blob](in.Blobs)
		commitments, err2 := unhexAll[Commitment](in.Commitments)
		proofs, err3 := unhexAll[Proof](in.Proofs)
		if err := errors.Join(err1, err2, err3); err != nil {
			return nil, err
		}
		return c.VerifyBlobKZGProofBatch(blobs, commitments, proofs)
	},
	"compute_cells": func(c *Context, in *input) (any, error) {
		blob, err := unhex[Blob](in.Blob)
		if err != nil {
			return nil, err
		}
		cells, err := c.ComputeCells(&blob)
		if err != nil {
			return nil, err
		}
		return cellList(cells), nil
	},
	"compute_cells_and_kzg_proofs": func(c *Context, in *input) (any, error) {
		blob, err := unhex[Blob](in.Blob)
		if err != nil {
			return nil, err
		}
		cells, proofs, err := c.ComputeCellsAndKZGProofs(&blob)
		if err != nil {
			return nil, err
		}
		return []any{cellList(cells), proofList(proofs)}, nil
	},
	"verify_cell_kzg_proof_batch": func(c *Context, in *input) (any, error) {
		commitments, err1 := unhexAll[Commitment](in.Commitments)
		cells, err2 := unhexAll[Cell](in.Cells)
		proofs, err3 := unhexAll[Proof](in.Proofs)
		if err := errors.Join(err1, err2, err3); err != nil {
			return nil, err
		}
		return c.VerifyCellKZGProofBatch(commitments, in.CellIndices, cells, proofs)
	},
	"recover_cells_and_kzg_proofs": func(c *Context, in *input) (any, error) {
		cells, err := unhexAll[Cell](in.Cells)
		if err != nil {
			return nil, err
		}
		recovered, proofs, err := c.RecoverCellsAndKZGProofs(in.CellIndices, cells)
		if err != nil {
			return nil, err
		}
		return []any{cellList(recovered), proofList(proofs)}, nil
	},
	"compute_challenge": func(c *Context, in *input) (any, error) {
		blob, err1 := unhex[Blob](in.Blob)
		commitment, err2 := unhex[Commitment](in.Commitment)
		if err := errors.Join(err1, err2); err != nil {
			return nil, err
		}
		out, err := c.computeChallenge(&blob, commitment)
		return hexOf(out[:]), err
	},
	"compute_verify_cell_kzg_proof_batch_challenge": func(c *Context, in *input) (any, error) {
		commitments, err1 := unhexAll[Commitment](in.Commitments)
		proofs, err2 := unhexAll[Proof](in.Proofs)
		joined := make([]string, len(in.CosetsEvals))
		for i, evals := range in.CosetsEvals {
			for _, e := range evals {
				joined[i] += strings.TrimPrefix(e, "0x")
			}
		}
		cells, err3 := unhexAll[Cell](joined)
		if err := errors.Join(err1, err2, err3); err != nil {
			return nil, err
		}
		out, err := c.computeVerifyCellKZGProofBatchChallenge(cellBatch{commitments, in.CommitmentIndices, in.CellIndices, cells, proofs})
		return hexOf(out[:]), err
	},
}

// All cases of all handlers that the c-kzg module ships.
func TestReferenceVectors(t *testing.T) {
	c := newContext(t)
	tests := filepath.Join(moduleDir(t), "tests")
	dirs, err := os.ReadDir(tests)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, d := range dirs {
		name := d.Name()
		run, ok := handlers[name]
		if !ok {
			t.Errorf("handler %s is unknown", name)
			continue
		}
		seen[name] = true
		t.Run(name, func(t *testing.T) {
			cases, err := filepath.Glob(filepath.Join(tests, name, "*", "*", "data.yaml"))
			if err != nil {
				t.Fatal(err)
			}
			if files := countFiles(t, filepath.Join(tests, name)); len(cases) == 0 || len(cases) != files {
				t.Fatalf("%d cases in %d files", len(cases), files)
			}
			for _, path := range cases {
				runCase(t, c, path, run)
			}
			t.Logf("%-46s %4d cases", name, len(cases))
		})
	}
	for name := range handlers {
		if !seen[name] {
			t.Errorf("handler %s has no vectors", name)
		}
	}
}

func countFiles(t *testing.T, dir string) (n int) {
	t.Helper()
	err := filepath.WalkDir(dir, func(_ string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			n++
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func runCase(t *testing.T, c *Context, path string, run func(*Context, *input) (any, error)) {
	t.Helper()
	name := filepath.Base(filepath.Dir(path))
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var test struct {
		Input  input
		Output yaml.Node
	}
	decoder := yaml.NewDecoder(bytes.NewReader(raw))
	decoder.KnownFields(true)
	if err := decoder.Decode(&test); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	var want any
	if err := test.Output.Decode(&want); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	got, err := run(c, &test.Input)
	if err != nil {
		got = nil
	}
	if !equal(got, want) {
		t.Errorf("%s: got %.200v (error %v), want %.200v", name, got, err, want)
	}
}

// equal compares nested lists of strings and booleans.
func equal(a, b any) bool {
	x, ok1 := a.([]any)
	y, ok2 := b.([]any)
	if ok1 && ok2 {
		return slices.EqualFunc(x, y, equal)
	}
	return ok1 == ok2 && a == b
}

func TestEmbeddedSetupIsThatOfTheLibrary(t *testing.T) {
	raw, err := os.ReadFile(filepath.Join(moduleDir(t), "src", "trusted_setup.txt"))
	if err != nil {
		t.Fatal(err)
	}
	// The text has the counts of G1 and G2 points, g1_lagrange, g2_monomial, g1_monomial.
	words := strings.Fields(string(raw))
	const n = fieldElementsPerBlob
	if len(words) != 2+2*n+g2Points || words[0] != fmt.Sprint(n) || words[1] != fmt.Sprint(g2Points) {
		t.Fatalf("%d words, %s and %s points", len(words), words[0], words[1])
	}
	points := words[2:]
	order := slices.Concat(points[n+g2Points:], points[:n], points[n:n+g2Points])
	want, err := hex.DecodeString(strings.Join(order, ""))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(trustedSetup, want) {
		t.Error("trusted_setup.bin differs")
	}
}
