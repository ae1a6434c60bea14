package mock

import (
	"slices"

	"github.com/cresset/cresset/beacon/engine/wire"
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/types"
)

const (
	maxBlobs  = 128 // blobs of one call
	maxBodies = 32  // payload bodies of one call
)

func (m *Engine) getBlobs(method wire.Method, text []byte) (wire.Value, error) {
	var hashes []types.Bytes32
	if err := read(text, wire.Tuple(wire.Hashes(&hashes))); err != nil {
		return nil, err
	}
	if len(hashes) > maxBlobs {
		return nil, refuse(wire.TooLargeRequest, "%d blobs, at most %d are served", len(hashes), maxBlobs)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	found := make([]*wire.BlobAndProofs, len(hashes))
	answer := &found
	for i, hash := range hashes {
		found[i] = m.mu.blobs[hash]
		if found[i] == nil && method.Version == 2 {
			answer = nil
		}
	}
	return wire.ListOrNull(&answer, len(found), m.format(formFork(method)).BlobAndProofs), nil
}

// getCells answers that no blob is there; the pool has no cells.
func (m *Engine) getCells(text []byte) (wire.Value, error) {
	var hashes []types.Bytes32
	var indices wire.ColumnSet
	if err := read(text, wire.Tuple(wire.Hashes(&hashes), indices.Value())); err != nil {
		return nil, err
	}
	if len(hashes) > maxBlobs {
		return nil, refuse(wire.TooLargeRequest, "%d blobs, at most %d are served", len(hashes), maxBlobs)
	}
	found := make([]*wire.BlobCellsAndProofs, len(hashes))
	answer := &found
	return wire.ListOrNull(&answer, len(found), m.format(params.Gloas).BlobCellsAndProofs), nil
}

func (m *Engine) getBodies(method wire.Method, text []byte) (wire.Value, error) {
	nodes, err := m.asked(method, text)
	if err != nil {
		return nil, err
	}
	cx := m.format(formFork(method))
	bodies := make([]*wire.PayloadBody, len(nodes))
	for i, n := range nodes {
		if n == nil || n.payload == nil || n.verdict != valid {
			continue
		}
		fork := m.ForkAt(n.timestamp)
		bodies[i] = &wire.PayloadBody{Transactions: n.payload.Transactions}
		if fork >= params.Capella {
			bodies[i].Withdrawals = &n.payload.Withdrawals
		}
		if fork >= params.Gloas {
			bodies[i].BlockAccessList = &n.payload.BlockAccessList
		}
	}
	answer := &bodies
	return wire.ListOrNull(&answer, len(bodies), cx.Body), nil
}

// asked is the payloads whose bodies are asked for, nil for each that is not there.
func (m *Engine) asked(method wire.Method, text []byte) ([]*node, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var nodes []*node
	if method.Kind == wire.KindBodiesByHash {
		var hashes []types.Bytes32
		if err := read(text, wire.Tuple(wire.Hashes(&hashes))); err != nil {
			return nil, err
		}
		if len(hashes) > maxBodies {
			return nil, refuse(wire.TooLargeRequest, "%d bodies, at most %d are served", len(hashes), maxBodies)
		}
		for _, hash := range hashes {
			nodes = append(nodes, m.mu.tree.nodes[types.Hash32(hash)])
		}
		return nodes, nil
	}
	var start, count uint64
	if err := read(text, wire.Tuple(wire.Quantity(&start), wire.Quantity(&count))); err != nil {
		return nil, err
	}
	switch {
	case start < 1 || count < 1:
		return nil, refuse(wire.InvalidParams, "%d bodies from block %d, want 1 or more of each", count, start)
	case count > maxBodies:
		return nil, refuse(wire.TooLargeRequest, "%d bodies, at most %d are served", count, maxBodies)
	}
	head := m.mu.tree.nodes[m.mu.tree.head]
	for i := uint64(0); i < count && head != nil && start <= head.number && i <= head.number-start; i++ {
		nodes = append(nodes, m.mu.tree.canonicalLocked(start+i))
	}
	return nodes, nil
}

// answerNode answers the methods that are about the engine itself or its chain.
func (m *Engine) answerNode(method wire.Method, text []byte) (wire.Value, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch method.Kind {
	case wire.KindExchangeCapabilities:
		var theirs []string
		if err := read(text, wire.Tuple(wire.Names(&theirs))); err != nil {
			return nil, err
		}
		ours := slices.DeleteFunc(wire.Capabilities(), func(name string) bool { return slices.Contains(m.mu.faults.Missing, name) })
		return wire.Names(&ours), nil
	case wire.KindClientVersion:
		var theirs wire.ClientVersion
		if err := read(text, wire.Tuple(theirs.Value())); err != nil {
			return nil, err
		}
		ours := []wire.ClientVersion{{Code: "CM", Name: "cresset mock", Version: "v1"}}
		return wire.List(&ours, 1, (*wire.ClientVersion).Value), nil
	case wire.KindChainID:
		id := m.cfg.Spec.DepositChainId
		if m.mu.faults.ChainID != 0 {
			id = m.mu.faults.ChainID
		}
		return wire.Quantity(&id), nil
	case wire.KindSyncing:
		answer := []byte("false")
		if m.mu.faults.Syncing || m.mu.faults.SyncCalls > 0 {
			answer = []byte(`{"startingBlock":"0x0","currentBlock":"0x1","highestBlock":"0x2"}`)
		}
		return wire.Raw(&answer), nil
	}
	return m.blockLocked(method, text)
}

// block is what is answered about a block.
type block struct {
	wire.PowBlock
	number uint64
}

func (b *block) value() wire.Value {
	return wire.Object(
		wire.Need("hash", wire.Fixed(b.BlockHash[:])),
		wire.Need("parentHash", wire.Fixed(b.ParentHash[:])),
		wire.Need("number", wire.Quantity(&b.number)),
		wire.Need("totalDifficulty", wire.Wide(&b.TotalDifficulty)),
	)
}

func (m *Engine) blockLocked(method wire.Method, text []byte) (wire.Value, error) {
	var hash types.Hash32
	var number uint64
	var full bool
	which := wire.Fixed(hash[:])
	if method.Kind == wire.KindBlockByNumber {
		which = wire.Quantity(&number)
	}
	if err := read(text, wire.Tuple(which, wire.Bool(&full))); err != nil {
		return nil, err
	}
	n := m.mu.tree.nodes[hash]
	if method.Kind == wire.KindBlockByNumber {
		n = m.mu.tree.canonicalLocked(number)
		if genesis := m.cfg.Genesis; number == genesis.Number {
			n = &node{hash: genesis.Hash, number: number} // It is known even after it was forgotten for others.
		}
	}
	var found *block
	if n != nil {
		found = &block{wire.PowBlock{BlockHash: n.hash, ParentHash: n.parent}, n.number}
		if pow, ok := m.mu.pow[n.hash]; ok {
			found.PowBlock = pow
		}
	}
	return wire.Nullable(&found, (*block).value), nil
}
