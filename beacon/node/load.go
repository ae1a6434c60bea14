package node

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/golang/snappy"

	"github.com/cresset/cresset/beacon/apiclient"
	"github.com/cresset/cresset/beacon/chain"
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/types"
	"github.com/cresset/cresset/sync/checkpoint"
)

// maxFile bounds what is read of a file: a state of four times mainnet's validators.
const maxFile = 2 << 30

// readFile reads a file of SSZ, or of SSZ in a block of snappy where its name ends so.
func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxFile {
		return nil, fmt.Errorf("%s: more than %d bytes", path, maxFile)
	}
	if !strings.HasSuffix(path, "_snappy") {
		return data, nil
	}
	data, err = unsnap(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return data, nil
}

func unsnap(data []byte) ([]byte, error) {
	n, err := snappy.DecodedLen(data)
	if err != nil {
		return nil, err
	}
	if n > maxFile {
		return nil, fmt.Errorf("%d bytes unpacked, want at most %d", n, maxFile)
	}
	return snappy.Decode(nil, data)
}

// ownNetwork is what a named network brings: its genesis state, packed, and its boot nodes.
type ownNetwork struct {
	genesis []byte
	boot    []string
}

// loadSpec reads the network's configuration.
func (c *Config) loadSpec() (spec *params.Spec, own ownNetwork, warnings []params.Warning, err error) {
	if c.Network != "" {
		spec, own.boot, own.genesis, err = params.Network(c.Network)
		return spec, own, nil, err
	}
	data, err := os.ReadFile(c.NetworkConfig)
	if err != nil {
		return nil, own, nil, &UsageError{fmt.Errorf("network-config: %w", err)}
	}
	if spec, warnings, err = params.Load(data); err != nil {
		return nil, own, nil, &UsageError{fmt.Errorf("network-config %s: %w", c.NetworkConfig, err)}
	}
	return spec, own, warnings, nil
}

// loadAnchor gets the point that an empty data directory begins at: the checkpoint if there is one, else genesis.
func (n *node) loadAnchor(ctx context.Context, bundled []byte) (*chain.Anchor, error) {
	switch {
	case n.cfg.CheckpointState != "":
		return n.cfg.loadCheckpoint(n.spec)
	case len(n.cfg.CheckpointURLs) > 0:
		return n.fetchCheckpoint(ctx)
	}
	return n.cfg.loadGenesis(n.spec, bundled)
}

// fetchCheckpoint gets a finalized state and its block from Beacon APIs.
func (n *node) fetchCheckpoint(ctx context.Context) (*chain.Anchor, error) {
	cfg := checkpoint.Config{Spec: n.spec, Now: time.Now().Add(n.cfg.ClockOffset), AllowStale: n.cfg.AllowStale || n.cfg.Network == "", Log: n.log}
	for _, url := range n.cfg.CheckpointURLs {
		source, err := apiclient.New(apiclient.Config{URL: url})
		if err != nil {
			return nil, &UsageError{fmt.Errorf("checkpoint-sync-url: %w", err)}
		}
		cfg.Sources = append(cfg.Sources, source)
	}
	if text := n.cfg.CheckpointRoot; text != "" {
		raw, err := hex.DecodeString(strings.TrimPrefix(text, "0x"))
		if err != nil || len(raw) != len(cfg.Root) {
			return nil, wrong([]string{"checkpoint-root"}, "checkpoint-root is %q, want 0x and 64 hexadecimal digits", text)
		}
		cfg.Root = types.Root(raw)
	}
	point, err := checkpoint.Fetch(ctx, cfg)
	if errors.As(err, new(*checkpoint.StaleError)) {
		return nil, &OperatorError{err}
	}
	if err != nil {
		return nil, fmt.Errorf("checkpoint sync: %w", err)
	}
	return &chain.Anchor{State: point.State, Block: point.Block}, nil
}

// loadGenesis reads the genesis state.
func (c *Config) loadGenesis(spec *params.Spec, bundled []byte) (*chain.Anchor, error) {
	data, from := bundled, c.Network
	var err error
	switch {
	case c.Genesis != "":
		from = c.Genesis
		data, err = readFile(c.Genesis)
	case len(bundled) > 0:
		data, err = unsnap(bundled)
	default:
		return nil, usage("genesis is not set, and %s brings none: want the file of its genesis state, or a checkpoint", cmpOr(c.Network, c.NetworkConfig))
	}
	if err != nil {
		return nil, &UsageError{fmt.Errorf("genesis: %w", err)}
	}
	state, err := types.DecodeBeaconState(spec, data)
	if err != nil {
		return nil, &UsageError{fmt.Errorf("genesis %s: %w", from, err)}
	}
	if state.Slot != params.GenesisSlot {
		return nil, usage("genesis %s is a state of slot %d, want slot 0", from, state.Slot)
	}
	return &chain.Anchor{State: state}, nil
}

func cmpOr(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// loadCheckpoint reads a state and its block. The state has to be that after the block; one of a block before its epoch's first
// slot is advanced by whoever made the checkpoint.
func (c *Config) loadCheckpoint(spec *params.Spec) (*chain.Anchor, error) {
	state, err := readFile(c.CheckpointState)
	if err != nil {
		return nil, &UsageError{fmt.Errorf("checkpoint-state: %w", err)}
	}
	block, err := readFile(c.CheckpointBlock)
	if err != nil {
		return nil, &UsageError{fmt.Errorf("checkpoint-block: %w", err)}
	}
	point, err := checkpoint.Decode(spec, state, block)
	if err != nil {
		return nil, &UsageError{fmt.Errorf("checkpoint-state %s, checkpoint-block %s: %w", c.CheckpointState, c.CheckpointBlock, err)}
	}
	return &chain.Anchor{State: point.State, Block: point.Block}, nil
}
