package protection

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/cresset/cresset/beacon/types"
)

// vector is one of the interchange tests that come with EIP-3076.
type vector struct {
	Name    string `json:"name"`
	Genesis root   `json:"genesis_validators_root"`
	Steps   []struct {
		Succeeds    bool            `json:"should_succeed"`
		Interchange json.RawMessage `json:"interchange"`
		Blocks      []struct {
			Pubkey   string `json:"pubkey"`
			Slot     number `json:"slot"`
			Root     root   `json:"signing_root"`
			Minimal  bool   `json:"should_succeed"`          // what the least of databases has to sign
			Complete *bool  `json:"should_succeed_complete"` // what one that keeps everything may sign
		} `json:"blocks"`
		Attestations []struct {
			Pubkey   string `json:"pubkey"`
			Source   number `json:"source_epoch"`
			Target   number `json:"target_epoch"`
			Root     root   `json:"signing_root"`
			Minimal  bool   `json:"should_succeed"`
			Complete *bool  `json:"should_succeed_complete"`
		} `json:"attestations"`
	} `json:"steps"`
}

func vectors(t testing.TB) (all []vector) {
	t.Helper()
	f, err := os.Open("testdata/interchange.tar.zst")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	unpacked, err := zstd.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	defer unpacked.Close()
	for archive := tar.NewReader(unpacked); ; {
		header, err := archive.Next()
		if err == io.EOF {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		var v vector
		if err := json.NewDecoder(archive).Decode(&v); err != nil {
			t.Fatalf("%s: %v", header.Name, err)
		}
		all = append(all, v)
	}
}

func pubkey(t testing.TB, text string) (key types.BLSPubkey) {
	t.Helper()
	if err := unhex(key[:], text); err != nil {
		t.Fatal(err)
	}
	return key
}

// What every database has to sign is signed, and what even one that keeps everything has to refuse is refused.
func TestInterchangeVectors(t *testing.T) {
	steps, messages, signed := 0, 0, 0
	all := vectors(t)
	for _, v := range all {
		t.Run(v.Name, func(t *testing.T) {
			cfg := config(t)
			cfg.GenesisValidatorsRoot = types.Root(v.Genesis)
			s := create(t, cfg)
			judge := func(what string, err error, minimal bool, complete *bool) {
				messages++
				if err == nil {
					signed++
				}
				switch {
				case err != nil && !errors.Is(err, ErrSlashable) && !errors.Is(err, ErrNotRegistered):
					t.Errorf("%s: %v", what, err)
				case minimal && err != nil:
					t.Errorf("%s is refused: %v", what, err)
				case !minimal && (complete == nil || !*complete) && err == nil:
					t.Errorf("%s is signed", what)
				}
			}
			for i, step := range v.Steps {
				steps++
				if _, err := s.Import(bytes.NewReader(step.Interchange)); (err == nil) != step.Succeeds {
					t.Fatalf("step %d: import: %v, want success %t", i, err, step.Succeeds)
				}
				for j, b := range step.Blocks {
					_, err := s.Block(Block{pubkey(t, b.Pubkey), types.Slot(b.Slot), types.Root(b.Root)})
					judge(fmt.Sprintf("step %d, block %d", i, j), err, b.Minimal, b.Complete)
				}
				for j, a := range step.Attestations {
					_, err := s.Attestation(Attestation{pubkey(t, a.Pubkey), types.Epoch(a.Source), types.Epoch(a.Target), types.Root(a.Root)})
					judge(fmt.Sprintf("step %d, attestation %d", i, j), err, a.Minimal, a.Complete)
				}
			}
		})
	}
	if len(all) != wantVectors || steps != wantSteps || messages != wantMessages {
		t.Errorf("%d vectors, %d steps, %d messages, want %d, %d, %d", len(all), steps, messages, wantVectors, wantSteps, wantMessages)
	}
	t.Logf("%d interchange vectors, %d steps, %d messages, %d of them signed", len(all), steps, messages, signed)
}

// What is exported and imported elsewhere protects as much.
func TestExportsGoIntoOtherDatabases(t *testing.T) {
	for _, v := range vectors(t) {
		cfg := config(t)
		cfg.GenesisValidatorsRoot = types.Root(v.Genesis)
		s := create(t, cfg)
		for _, step := range v.Steps {
			if _, err := s.Import(bytes.NewReader(step.Interchange)); err != nil && step.Succeeds {
				t.Fatal(err)
			}
		}
		var file, again bytes.Buffer
		if err := s.Export(&file); err != nil {
			t.Fatal(err)
		}
		cfg.Path, cfg.Marker = config(t).Path, config(t).Marker
		other := create(t, cfg)
		if _, err := other.Import(bytes.NewReader(file.Bytes())); err != nil {
			t.Fatalf("%s: %v", v.Name, err)
		}
		if err := other.Export(&again); err != nil {
			t.Fatal(err)
		}
		if again.String() != file.String() {
			t.Errorf("%s: exported %s, then %s", v.Name, &file, &again)
		}
	}
}

func interchange(version, genesis string, data ...string) string {
	return fmt.Sprintf(`{"metadata":{"interchange_format_version":%q,"genesis_validators_root":%q},"data":[%s]}`, version, genesis, strings.Join(data, ","))
}

func TestAnImportTellsWhatEachKeyHadBeforeAndHasNow(t *testing.T) {
	s := create(t, config(t))
	if err := s.Register(key(1)); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Block(Block{key(1), 100, types.Root{1}}); err != nil {
		t.Fatal(err)
	}
	changes, err := s.Import(strings.NewReader(interchange("5", genesis.String(),
		fmt.Sprintf(`{"pubkey":%q,"signed_blocks":[{"slot":"50"}],"signed_attestations":[{"source_epoch":"2","target_epoch":"3"},{"source_epoch":"1","target_epoch":"7"}]}`, key(1)),
		fmt.Sprintf(`{"pubkey":%q,"signed_blocks":[],"signed_attestations":[]}`, key(2)))))
	if err != nil || len(changes) != 2 {
		t.Fatalf("%d changes, %v", len(changes), err)
	}
	one, two := changes[0], changes[1]
	if one.Before == nil || one.Before.Slot != 100 || one.Before.HasAttestation || one.After.Slot != 100 || *one.After.BlockRoot != (types.Root{1}) {
		t.Errorf("first key: %+v", one)
	}
	if !one.After.HasAttestation || one.After.Source != 2 || one.After.Target != 7 || one.After.AttestationRoot != nil {
		t.Errorf("first key's attestations: %+v", one.After)
	}
	if two.Before != nil || two.After.Key != key(2) || two.After.HasBlock {
		t.Errorf("second key: %+v", two)
	}
}

func TestAMissingSigningRootStaysMissing(t *testing.T) {
	s := create(t, config(t))
	for _, r := range []string{"", fmt.Sprintf(`,"signing_root":%q`, types.Root{1})} { // the second time it is known: too late
		if _, err := s.Import(strings.NewReader(interchange("5", genesis.String(),
			fmt.Sprintf(`{"pubkey":%q,"signed_blocks":[{"slot":"50"%s}],"signed_attestations":[{"source_epoch":"2","target_epoch":"3"%s}]}`, key(1), r, r)))); err != nil {
			t.Fatal(err)
		}
		for _, root := range []types.Root{{}, {1}} {
			if _, err := s.Block(Block{key(1), 50, root}); !errors.Is(err, ErrSlashable) {
				t.Errorf("block with root %v: %v", root, err)
			}
			if _, err := s.Attestation(Attestation{key(1), 2, 3, root}); !errors.Is(err, ErrSlashable) {
				t.Errorf("attestation with root %v: %v", root, err)
			}
		}
		var out bytes.Buffer
		if err := s.Export(&out); err != nil || strings.Contains(out.String(), "signing_root") {
			t.Errorf("exported %s, %v", &out, err)
		}
	}
}

func TestWrongInterchangeFilesAreRefusedWhole(t *testing.T) {
	s := create(t, config(t))
	good := fmt.Sprintf(`{"pubkey":%q,"signed_blocks":[{"slot":"50"}],"signed_attestations":[]}`, key(1))
	for name, text := range map[string]string{
		"empty":              "",
		"not an object":      "[]",
		"version":            interchange("4", genesis.String(), good),
		"other chain":        interchange("5", types.Root{9}.String(), good),
		"genesis root":       interchange("5", "0x00", good),
		"cut off":            strings.TrimSuffix(interchange("5", genesis.String(), good), "}"),
		"more behind":        interchange("5", genesis.String(), good) + "{}",
		"without metadata":   `{"data":[]}`,
		"null metadata":      `{"metadata":null,"data":[]}`,
		"without data":       `{"metadata":{"interchange_format_version":"5","genesis_validators_root":"` + genesis.String() + `"}}`,
		"data twice":         strings.TrimSuffix(interchange("5", genesis.String(), good), "}") + `,"data":[]}`,
		"pubkey":             interchange("5", genesis.String(), good, strings.ReplaceAll(good, key(1).String(), "0x00")),
		"slot not a string":  interchange("5", genesis.String(), good, strings.ReplaceAll(good, `"50"`, `50`)),
		"slot negative":      interchange("5", genesis.String(), good, strings.ReplaceAll(good, `"50"`, `"-1"`)),
		"slot of 65 bits":    interchange("5", genesis.String(), good, strings.ReplaceAll(good, `"50"`, `"18446744073709551616"`)),
		"no slot":            interchange("5", genesis.String(), good, strings.ReplaceAll(good, `"slot":"50"`, ``)),
		"signing root":       interchange("5", genesis.String(), good, strings.ReplaceAll(good, `"slot":"50"`, `"slot":"50","signing_root":"0x01"`)),
		"attestation's half": interchange("5", genesis.String(), good, strings.ReplaceAll(good, `"signed_attestations":[]`, `"signed_attestations":[{"source_epoch":"1"}]`)),
	} {
		if _, err := s.Import(strings.NewReader(text)); !errors.Is(err, ErrInterchange) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if marks, err := s.Marks(); err != nil || len(marks) != 0 {
		t.Errorf("%v is left of them, %v", marks, err)
	}
	if err := s.Export(io.Discard, key(1)); !errors.Is(err, ErrNotRegistered) {
		t.Errorf("export of an unknown key: %v", err)
	}
}

func FuzzInterchange(f *testing.F) {
	for _, v := range vectors(f) {
		for _, step := range v.Steps {
			f.Add([]byte(step.Interchange))
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		marks, order, err := parse(bytes.NewReader(data), types.Root{})
		if err == nil && len(marks) != len(order) {
			t.Fatalf("%d marks, %d keys", len(marks), len(order))
		}
	})
}
