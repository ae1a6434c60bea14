package recorded

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/golang/snappy"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/spectest"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/types"
)

// Names lists the recorded chains.
func Names() []string { return []string{"deneb-to-fulu", "fulu"} }

// Chain is a recorded chain.
type Chain struct {
	Name     string
	Spec     *params.Spec
	Manifest Manifest
	Blocks   []*types.SignedBeaconBlock // by slot
	Payloads []Payload                  // of the blocks, one each
	Orphans  []*types.SignedBeaconBlock
	Columns  map[types.Slot][]*types.DataColumnSidecar // of the block of a slot
	Blobs    map[types.Slot][]*types.BlobSidecar
	// Config, GethGenesis and Genesis are the files themselves: the network's configuration, the execution client's genesis, and
	// the genesis state in SSZ.
	Config, GethGenesis, Genesis []byte
	// GenesisTime is in Unix seconds, GenesisPayload the execution block of the genesis state.
	GenesisTime    uint64
	GenesisPayload types.ExecutionPayloadHeader
	// States is the recorded states, in SSZ, by slot.
	States map[types.Slot][]byte
}

// Manifest is what the other client reported of the chain.
type Manifest struct {
	Head struct {
		Root      string
		StateRoot string `json:"state_root"`
		Slot      types.Slot
	}
	Blocks []struct {
		Slot               types.Slot `json:"slot"`
		BlockRoot          string     `json:"block_root"`
		StateRoot          string     `json:"state_root"`
		ExecutionBlockHash string     `json:"execution_block_hash"`
	}
	Epochs []struct {
		AtSlot   types.Slot `json:"at_slot"`
		Finality struct {
			Previous  Checkpoint `json:"previous_justified"`
			Current   Checkpoint `json:"current_justified"`
			Finalized Checkpoint `json:"finalized"`
		} `json:"finality_checkpoints"`
	}
	Validators []struct {
		Index, Balance, Status string
		Validator              json.RawMessage
	}
	Statuses map[string]int `json:"validator_statuses"`
}

// Checkpoint is a checkpoint as the Beacon API writes it.
type Checkpoint struct{ Epoch, Root string }

// Is tells whether it is a checkpoint.
func (m Checkpoint) Is(c types.Checkpoint) bool {
	return m.Epoch == fmt.Sprint(uint64(c.Epoch)) && m.Root == c.Root.String()
}

// Head is the last block.
func (c *Chain) Head() *types.SignedBeaconBlock { return c.Blocks[len(c.Blocks)-1] }

// GenesisState decodes the genesis state.
func (c *Chain) GenesisState() (*types.BeaconState, error) {
	return types.DecodeBeaconState(c.Spec, c.Genesis)
}

// TimeAt is when a slot of the chain begins.
func (c *Chain) TimeAt(slot types.Slot) time.Time {
	return time.Unix(int64(c.GenesisTime), 0).Add(time.Duration(uint64(slot)*c.Spec.SlotDurationMs) * time.Millisecond)
}

// Archive is the path of a chain's archive.
func Archive(name string) string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(file), "..", "..", "testdata", "chains", name+".tar.zst")
}

// walk calls f for each file of a chain, with its path inside the chain's directory.
func walk(name string, f func(file string, content []byte) error) error {
	return spectest.WalkArchive(Archive(name), func(file string, content []byte) error {
		_, rest, _ := strings.Cut(strings.TrimPrefix(file, "./"), "/")
		return f(rest, content)
	})
}

// Unpack writes the files of a chain to a directory, for programs that read them from there.
func Unpack(name, dir string) error {
	return walk(name, func(file string, content []byte) error {
		if !filepath.IsLocal(file) {
			return fmt.Errorf("%s: %q leads out of the directory", name, file)
		}
		file = filepath.Join(dir, file)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			return err
		}
		return os.WriteFile(file, content, 0o644)
	})
}

// Load reads a recorded chain.
func Load(name string) (*Chain, error) {
	c := &Chain{
		Name: name, Columns: map[types.Slot][]*types.DataColumnSidecar{}, Blobs: map[types.Slot][]*types.BlobSidecar{},
		States: map[types.Slot][]byte{},
	}
	files := map[string][]byte{}
	err := walk(name, func(file string, content []byte) error {
		files[file] = bytes.Clone(content)
		return nil
	})
	if err != nil {
		return nil, err
	}
	c.Config, c.GethGenesis = files["config.yaml"], files["geth-genesis.json"]
	if c.Spec, _, err = params.Load(c.Config); err != nil {
		return nil, fmt.Errorf("%s: config: %w", name, err)
	}
	if err := json.Unmarshal(files["manifest.json"], &c.Manifest); err != nil {
		return nil, fmt.Errorf("%s: manifest: %w", name, err)
	}
	names := make([]string, 0, len(files))
	for file := range files {
		names = append(names, file)
	}
	slices.Sort(names)
	for _, file := range names {
		if err := c.add(file, files[file]); err != nil {
			return nil, fmt.Errorf("%s: %s: %w", name, file, err)
		}
	}
	genesis, err := c.GenesisState()
	if err != nil {
		return nil, fmt.Errorf("%s: genesis: %w", name, err)
	}
	c.GenesisTime, c.GenesisPayload = genesis.GenesisTime, genesis.LatestExecutionPayloadHeader
	return c, nil
}

// add takes in one file of the archive.
func (c *Chain) add(file string, content []byte) error {
	base, packed := strings.CutSuffix(path.Base(file), ".ssz_snappy")
	if !packed {
		return nil
	}
	data, err := snappy.Decode(nil, content)
	if err != nil {
		return err
	}
	if base == "genesis" {
		c.Genesis = data
		return nil
	}
	number, _, _ := strings.Cut(base, "-")
	at, err := strconv.ParseUint(number, 10, 64)
	if err != nil {
		return err
	}
	slot := types.Slot(at)
	cx := ssz.Context{Spec: c.Spec, Fork: c.Spec.ForkAtSlot(slot)}
	switch path.Dir(file) {
	case "blocks", "orphans":
		block, _, err := types.DecodeSignedBeaconBlock(c.Spec, data)
		if err != nil {
			return err
		}
		if path.Dir(file) == "orphans" {
			c.Orphans = append(c.Orphans, block)
		} else {
			c.Blocks = append(c.Blocks, block)
			c.Payloads = append(c.Payloads, payloadOf(cx, &block.Message))
		}
	case "columns":
		s := &types.DataColumnSidecar{}
		if err := ssz.Unmarshal(cx, data, ssz.Container(s)); err != nil {
			return err
		}
		c.Columns[slot] = append(c.Columns[slot], s)
	case "blobs":
		if cx.Fork >= params.Fulu {
			return nil // the blobs as they were asked for; their columns are there too
		}
		s := &types.BlobSidecar{}
		if err := ssz.Unmarshal(cx, data, ssz.Container(s)); err != nil {
			return err
		}
		c.Blobs[slot] = append(c.Blobs[slot], s)
	case "states":
		c.States[slot] = data
	}
	return nil
}
