package mock

import (
	"cmp"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/cresset/cresset/beacon/engine/wire"
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/types"
)

// Genesis is the block that everything is built on, valid from the start: that of the genesis state, or the one that a node starts from.
type Genesis struct {
	Hash      types.Hash32
	Number    uint64
	Timestamp uint64 // seconds; 0 where the beacon chain's genesis time is not known
	GasLimit  uint64 // of the payloads that are built; by default 60 million
}

// Config is what an Engine is made of.
type Config struct {
	Spec *params.Spec
	// GenesisTime is the start of slot 0, Unix seconds. Timestamps are told to forks by it.
	GenesisTime uint64
	Genesis     Genesis
	// Secret is the key of the JWT, 32 bytes; nil to let everyone in.
	Secret []byte
	// Now is the time that tokens are compared with; nil for time.Now.
	Now func() time.Time
	// Transactions makes up the transactions of the payload with a block number; nil for none.
	Transactions func(number uint64) [][]byte
	// Blobs makes up the blobs of the payload with a block number, to which its transactions have to fit; nil for none.
	Blobs func(number uint64) wire.BlobsBundle
	// Peers lets what is missing of a head's branch count as fetched from peers, as an embedded engine needs whose node is started again: it
	// forgets with its process, and the node goes on where it was.
	Peers bool
	// MaxBlocks is how many payloads are kept (8192). The lowest are forgotten first.
	MaxBlocks int
}

const defaultGasLimit = 60_000_000

// baseFee is what all payloads that are built say, in wei.
const baseFee = 7

// Engine is the execution client. It may be used by many goroutines.
type Engine struct {
	cfg Config

	mu struct {
		sync.Mutex
		tree     tree
		building map[wire.PayloadID]*built
		queue    []wire.PayloadID // of building, oldest first
		blobs    map[types.Bytes32]*wire.BlobAndProofs
		pow      map[types.Hash32]wire.PowBlock
		custody  *wire.ColumnSet
		faults   Faults
		peers    bool // what is missing of a head's branch counts as fetched
		calls    map[string]int
		finished chan struct{} // closed when the faults change, so that what hangs ends
	}
}

// built is a payload that was asked for.
type built struct {
	fork params.Fork
	wire.BuiltPayload
	parentRoot types.Root
}

// maxBuilding is how many payloads in the making are kept.
const maxBuilding = 64

// New makes an engine. It starts nothing.
func New(cfg Config) (*Engine, error) {
	switch {
	case cfg.Spec == nil:
		return nil, errors.New("mock engine: no spec")
	case cfg.Secret != nil && len(cfg.Secret) != 32:
		return nil, fmt.Errorf("mock engine: JWT secret of %d bytes, want 32", len(cfg.Secret))
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	cfg.MaxBlocks = cmp.Or(cfg.MaxBlocks, 8192)
	cfg.Genesis.GasLimit = cmp.Or(cfg.Genesis.GasLimit, defaultGasLimit)
	m := &Engine{cfg: cfg}
	m.mu.calls = map[string]int{}
	m.mu.blobs = map[types.Bytes32]*wire.BlobAndProofs{}
	m.mu.pow = map[types.Hash32]wire.PowBlock{}
	m.mu.peers = cfg.Peers
	m.mu.finished = make(chan struct{})
	m.Forget()
	return m, nil
}

// Forget makes the engine forget all payloads but its genesis, as one that was set up anew.
func (m *Engine) Forget() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.mu.tree = newTree(m.cfg.Genesis, m.cfg.MaxBlocks)
	m.mu.building = map[wire.PayloadID]*built{}
	m.mu.queue = nil
}

// Head is the head that the engine was last told, if it was valid.
func (m *Engine) Head() types.Hash32 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.mu.tree.head
}

// Custody is the custody columns that the engine was last told; nil if none.
func (m *Engine) Custody() *wire.ColumnSet {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.mu.custody
}

// Calls is how often a method was called, by its full name.
func (m *Engine) Calls(method string) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.mu.calls[method]
}

// AddBlob puts a blob into the pool that engine_getBlobs serves.
func (m *Engine) AddBlob(hash types.Bytes32, blob wire.BlobAndProofs) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.mu.blobs[hash] = &blob
}

// AddPowBlock lets eth_getBlockByHash know a block of before the merge. Its hash is a valid parent of payloads.
func (m *Engine) AddPowBlock(block wire.PowBlock) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.mu.pow[block.BlockHash] = block
	m.mu.tree.addLocked(&node{hash: block.BlockHash, parent: block.ParentHash, verdict: valid})
}

// ForkAt is the fork of a payload with a timestamp.
func (m *Engine) ForkAt(timestamp uint64) params.Fork {
	if timestamp < m.cfg.GenesisTime {
		return m.cfg.Spec.GenesisFork()
	}
	return m.cfg.Spec.ForkAtSlot(types.Slot((timestamp - m.cfg.GenesisTime) * 1000 / m.cfg.Spec.SlotDurationMs))
}

func (m *Engine) format(fork params.Fork) wire.Context {
	return wire.Context{Spec: m.cfg.Spec, Fork: fork}
}

// wei is a small number as a 256-bit one.
func wei(n byte) (out ssz.Uint256) {
	out[0] = n
	return out
}
