package gethtest

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/golang/snappy"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/spectest"
	"github.com/cresset/cresset/beacon/transition"
	"github.com/cresset/cresset/beacon/types"
)

// Block is a recorded block with what the execution client is told of it.
type Block struct {
	Slot    types.Slot
	Fork    params.Fork
	Request *transition.NewPayloadRequest
}

// Chain is a recorded chain.
type Chain struct {
	Spec *params.Spec
	// Genesis is the execution block of the genesis state.
	Genesis     types.ExecutionPayloadHeader
	GenesisTime uint64
	Blocks      []Block // by slot
	// GethGenesis is the genesis of the execution layer in the form that `geth init` reads.
	GethGenesis []byte
	// Head is the hash of the last execution block, as it was recorded.
	Head types.Hash32
}

// Load reads a chain of testdata/chains by the name of its archive: "deneb-to-fulu" or "fulu".
func Load(name string) (*Chain, error) {
	_, here, _, ok := runtime.Caller(0)
	if !ok {
		return nil, fmt.Errorf("load chain %s: the place of the source is not known", name)
	}
	archive := filepath.Join(filepath.Dir(here), "..", "..", "..", "testdata", "chains", name+".tar.zst")
	files := map[string][]byte{}
	err := spectest.WalkArchive(archive, func(name string, content []byte) error {
		_, rest, _ := strings.Cut(strings.TrimPrefix(name, "./"), "/")
		if strings.HasPrefix(rest, "blocks/") || slices.Contains([]string{"config.yaml", "genesis.ssz_snappy", "geth-genesis.json", "manifest.json"}, rest) {
			files[rest] = content
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("load chain %s: %w", name, err)
	}
	c := &Chain{GethGenesis: files["geth-genesis.json"]}
	if err := c.read(files); err != nil {
		return nil, fmt.Errorf("load chain %s: %w", name, err)
	}
	return c, nil
}

func (c *Chain) read(files map[string][]byte) (err error) {
	if c.Spec, _, err = params.Load(files["config.yaml"]); err != nil {
		return err
	}
	encoded, err := snappy.Decode(nil, files["genesis.ssz_snappy"])
	if err != nil {
		return fmt.Errorf("genesis state: %w", err)
	}
	state, err := types.DecodeBeaconState(c.Spec, encoded)
	if err != nil {
		return fmt.Errorf("genesis state: %w", err)
	}
	c.Genesis, c.GenesisTime = state.LatestExecutionPayloadHeader, state.GenesisTime
	for name, content := range files {
		if !strings.HasPrefix(name, "blocks/") {
			continue
		}
		block, err := c.block(content)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		c.Blocks = append(c.Blocks, block)
	}
	slices.SortFunc(c.Blocks, func(a, b Block) int { return int(a.Slot) - int(b.Slot) })
	return c.readHead(files["manifest.json"])
}

func (c *Chain) readHead(manifest []byte) error {
	var m struct {
		Blocks []struct {
			Hash string `json:"execution_block_hash"`
		}
	}
	if err := json.Unmarshal(manifest, &m); err != nil {
		return fmt.Errorf("manifest: %w", err)
	}
	if len(m.Blocks) != len(c.Blocks) {
		return fmt.Errorf("manifest of %d blocks, the archive has %d", len(m.Blocks), len(c.Blocks))
	}
	c.Head = c.Blocks[len(c.Blocks)-1].Request.ExecutionPayload.BlockHash
	if recorded := m.Blocks[len(m.Blocks)-1].Hash; recorded != c.Head.String() {
		return fmt.Errorf("manifest has head %s, the last block %v", recorded, c.Head)
	}
	return nil
}

func (c *Chain) block(content []byte) (Block, error) {
	encoded, err := snappy.Decode(nil, content)
	if err != nil {
		return Block{}, err
	}
	signed, cx, err := types.DecodeSignedBeaconBlock(c.Spec, encoded)
	if err != nil {
		return Block{}, err
	}
	body := &signed.Message.Body
	request := &transition.NewPayloadRequest{
		ExecutionPayload:      &body.ExecutionPayload,
		ParentBeaconBlockRoot: signed.Message.ParentRoot,
		ExecutionRequests:     &body.ExecutionRequests,
	}
	for _, commitment := range body.BlobKZGCommitments {
		request.VersionedHashes = append(request.VersionedHashes, transition.KZGCommitmentToVersionedHash(commitment))
	}
	return Block{Slot: signed.Message.Slot, Fork: cx.Fork, Request: request}, nil
}
