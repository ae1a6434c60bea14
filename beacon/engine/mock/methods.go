package mock

import (
	"crypto/sha256"
	"fmt"
	"slices"

	"github.com/cresset/cresset/beacon/engine/wire"
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/types"
)

// refuse is an answer that is an error.
func refuse(code wire.Code, format string, args ...any) error {
	return &wire.RPCError{Code: code, Message: fmt.Sprintf(format, args...)}
}

// read reads the parameters of a call.
func read(text []byte, v wire.Value) error {
	if err := wire.Read(text, v); err != nil {
		return refuse(wire.InvalidParams, "%v", err)
	}
	return nil
}

// answer is the result of a call, or an *wire.RPCError.
func (m *Engine) answer(method wire.Method, text []byte) (wire.Value, error) {
	switch method.Kind {
	case wire.KindNewPayload:
		return m.newPayload(method, text)
	case wire.KindForkchoiceUpdated:
		return m.forkchoiceUpdated(method, text)
	case wire.KindGetPayload:
		return m.getPayload(method, text)
	case wire.KindGetBlobs, wire.KindGetBlobsPartial:
		return m.getBlobs(method, text)
	case wire.KindGetCells:
		return m.getCells(text)
	case wire.KindBodiesByHash, wire.KindBodiesByRange:
		return m.getBodies(method, text)
	}
	return m.answerNode(method, text)
}

// formFork is a fork whose structures a method has; the payload's own may be another with the same ones.
func formFork(method wire.Method) params.Fork { return method.Since }

// checkFork refuses timestamps that are not the method's. Spec: "Unsupported fork" of each method.
func (m *Engine) checkFork(method wire.Method, timestamp uint64) error {
	if fork := m.ForkAt(timestamp); fork < method.Since || fork >= method.Until {
		return refuse(wire.UnsupportedFork, "%s for timestamp %d, which is of %s", method.Name, timestamp, fork)
	}
	return nil
}

func (m *Engine) newPayload(method wire.Method, text []byte) (wire.Value, error) {
	n := &wire.NewPayload{Payload: &types.ExecutionPayload{}}
	if err := read(text, m.format(formFork(method)).NewPayload(n)); err != nil {
		return nil, err
	}
	if err := m.checkFork(method, n.Payload.Timestamp); err != nil {
		return nil, err
	}
	for i, r := range n.Requests {
		if len(r) < 2 || i > 0 && r[0] <= n.Requests[i-1][0] {
			return nil, refuse(wire.InvalidParams, "execution request %d is out of order or empty", i)
		}
	}
	status := m.judge(method, n)
	return status.Value(), nil
}

// judge is the answer to a new payload. Spec: engine_newPayloadV1 (paris.md), point 6.
func (m *Engine) judge(method wire.Method, n *wire.NewPayload) *wire.PayloadStatus {
	p := n.Payload
	fork := m.ForkAt(p.Timestamp)
	if err := checkContent(fork, n); err != nil {
		return &wire.PayloadStatus{Status: wire.Invalid, ValidationError: err.Error()}
	}
	if hash := BlockHash(fork, n); hash != p.BlockHash {
		status := wire.Invalid
		if method.Version == 1 {
			status = wire.InvalidBlockHash
		}
		return &wire.PayloadStatus{Status: status, ValidationError: fmt.Sprintf("block hash is %v, the payload's is %v", p.BlockHash, hash)}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	t := &m.mu.tree
	if t.nodes[p.BlockHash] == nil {
		t.addLocked(&node{hash: p.BlockHash, parent: p.ParentHash, number: p.BlockNumber, timestamp: p.Timestamp, gasLimit: p.GasLimit, payload: p})
	}
	if m.mu.faults.InvalidFrom == p.BlockHash {
		t.condemnLocked(p.BlockHash, "it was told to be")
	}
	if m.syncsLocked() {
		return &wire.PayloadStatus{Status: wire.Syncing}
	}
	t.settleLocked(p.BlockHash)
	status := t.statusLocked(p.BlockHash)
	return &status
}

// syncsLocked tells whether the engine is told to be syncing, and counts the call.
func (m *Engine) syncsLocked() bool {
	f := &m.mu.faults
	if f.SyncCalls > 0 {
		f.SyncCalls--
		return true
	}
	return f.Syncing
}

func (m *Engine) forkchoiceUpdated(method wire.Method, text []byte) (wire.Value, error) {
	var state wire.ForkchoiceState
	var attributes *wire.PayloadAttributes
	var custody *wire.ColumnSet
	cx := m.format(formFork(method))
	if err := read(text, cx.ForkchoiceUpdated(&state, &attributes, &custody)); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if custody != nil {
		m.mu.custody = custody
	}
	out := &wire.PayloadStatusAndID{Status: wire.PayloadStatus{Status: wire.Syncing}}
	if m.syncsLocked() {
		return out.Value(), nil
	}
	t := &m.mu.tree
	if m.mu.peers {
		t.adoptLocked(state.Head)
	}
	if out.Status = t.statusLocked(state.Head); out.Status.Status != wire.Valid {
		return out.Value(), nil
	}
	for _, hash := range []types.Hash32{state.Safe, state.Finalized} {
		if m.mu.peers && t.nodes[hash] == nil {
			continue // It is among what was fetched.
		}
		if !t.inBranchLocked(hash, state.Head) {
			return nil, refuse(wire.InvalidForkchoiceState, "%v is not in the branch of head %v", hash, state.Head)
		}
	}
	t.head = state.Head
	if attributes == nil {
		return out.Value(), nil
	}
	if head := t.nodes[state.Head]; attributes.Timestamp <= head.timestamp {
		return nil, refuse(wire.InvalidPayloadAttributes, "timestamp %d, that of the head is %d", attributes.Timestamp, head.timestamp)
	}
	if err := m.checkFork(method, attributes.Timestamp); err != nil {
		return nil, err
	}
	id := m.buildLocked(m.ForkAt(attributes.Timestamp), t.nodes[state.Head], attributes)
	out.ID = &id
	return out.Value(), nil
}

// buildLocked begins a payload, and is done with it. The same attributes on the same head give the same payload.
func (m *Engine) buildLocked(fork params.Fork, parent *node, a *wire.PayloadAttributes) wire.PayloadID {
	sum := sha256.Sum256(wire.Write(slices.Clone(parent.hash[:]), m.format(fork).Attributes(a)))
	id := wire.PayloadID(sum[:8])
	if m.mu.building[id] != nil {
		return id
	}
	b := &built{fork: fork, parentRoot: a.ParentBeaconBlockRoot}
	b.Value, b.RequestsList = wei(0), [][]byte{}
	number := parent.number + 1
	emptyTrie := listRoot(nil)
	b.Payload = types.ExecutionPayload{
		ParentHash: parent.hash, FeeRecipient: a.SuggestedFeeRecipient, StateRoot: sha256.Sum256(sum[:]), ReceiptsRoot: emptyTrie,
		LogsBloom: make([]byte, m.cfg.Spec.BytesPerLogsBloom), PrevRandao: a.PrevRandao, BlockNumber: number, GasLimit: parent.gasLimit,
		Timestamp: a.Timestamp, ExtraData: []byte("cresset mock"), BaseFeePerGas: wei(baseFee), Transactions: [][]byte{}, Withdrawals: a.Withdrawals,
	}
	if m.cfg.Transactions != nil {
		b.Payload.Transactions = m.cfg.Transactions(number)
	}
	if m.cfg.Blobs != nil && fork >= params.Deneb {
		b.Blobs = m.cfg.Blobs(number)
		b.Payload.BlobGasUsed = gasPerBlob * uint64(len(b.Blobs.Commitments))
	}
	if fork >= params.Gloas {
		b.Payload.GasLimit = towards(parent.gasLimit, a.TargetGasLimit)
		b.Payload.BlockAccessList, b.Payload.SlotNumber = rlpList(nil, nil), a.SlotNumber
	}
	b.Payload.BlockHash = BlockHash(fork, &wire.NewPayload{Payload: &b.Payload, ParentBeaconBlockRoot: a.ParentBeaconBlockRoot})
	if len(m.mu.queue) == maxBuilding {
		delete(m.mu.building, m.mu.queue[0])
		m.mu.queue = m.mu.queue[1:]
	}
	m.mu.building[id] = b
	m.mu.queue = append(m.mu.queue, id)
	return id
}

// towards is the gas limit nearest to a target that may follow that of the parent. Spec: EIP-1559, gas limit bounds.
func towards(parent, target uint64) uint64 {
	const boundDivisor = 1024
	step := parent / boundDivisor
	if step > 0 {
		step--
	}
	switch {
	case target > parent:
		return min(target, parent+step)
	case target < parent:
		return max(target, parent-step)
	}
	return parent
}

func (m *Engine) getPayload(method wire.Method, text []byte) (wire.Value, error) {
	var id wire.PayloadID
	if err := read(text, wire.Tuple(id.Value())); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	b := m.mu.building[id]
	if b == nil {
		return nil, refuse(wire.UnknownPayload, "Unknown payload")
	}
	if err := m.checkFork(method, b.Payload.Timestamp); err != nil {
		return nil, err
	}
	// What is built is the engine's own payload, so it is known from now on.
	if t := &m.mu.tree; t.nodes[b.Payload.BlockHash] == nil {
		t.addLocked(&node{hash: b.Payload.BlockHash, parent: b.Payload.ParentHash, number: b.Payload.BlockNumber, timestamp: b.Payload.Timestamp,
			gasLimit: b.Payload.GasLimit, payload: &b.Payload})
		t.settleLocked(b.Payload.BlockHash)
	}
	return m.format(b.fork).BuiltPayload(&b.BuiltPayload), nil
}
