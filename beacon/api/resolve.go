package api

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/cresset/cresset/beacon/chain"
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/store"
	"github.com/cresset/cresset/beacon/transition"
	"github.com/cresset/cresset/beacon/types"
	"github.com/cresset/cresset/forkchoice"
)

const (
	wantStateID = "head, genesis, finalized, justified, a slot, or 0x and the 64 hex digits of a state root"
	wantBlockID = "head, genesis, finalized, a slot, or 0x and the 64 hex digits of a block root"
)

// stateRef is a state that a request names.
type stateRef struct {
	at       store.SlotRoot // the last block in it
	slot     types.Slot     // of the state
	block    *chain.Block   // nil if the block is finalized and not in memory any more
	snapshot *chain.Snapshot
}

// blockRef is a block that a request names.
type blockRef struct {
	store.SlotRoot
	block     *chain.Block // nil if it is not in memory
	canonical bool
	flags
}

// stateRef finds the state that the path names. Spec: StateId (params/index.yaml).
func (c *call) stateRef() (*stateRef, error) {
	id, s := c.r.PathValue("state_id"), c.n.Chain.Snapshot()
	ofBlock := func(b *chain.Block) *stateRef {
		return &stateRef{store.SlotRoot{Slot: b.Slot, Root: b.Root}, b.Slot, b, s}
	}
	switch id {
	case "head":
		return ofBlock(s.Head), nil
	case "genesis":
		return c.stateOfSlot(s, params.GenesisSlot)
	case "finalized", "justified":
		checkpoint := s.Finalized
		if id == "justified" {
			checkpoint = s.Justified
		}
		if b := c.n.Chain.Block(checkpoint.Root); b != nil {
			return ofBlock(b), nil
		}
		return nil, notFound("State not found: the %s block %v is not known", id, checkpoint.Root)
	}
	if root, ok := parseRoot(id); ok {
		return c.stateOfRoot(s, root)
	}
	slot, ok := parseNumber(id)
	if !ok {
		return nil, invalid("state ID", id, wantStateID)
	}
	return c.stateOfSlot(s, types.Slot(slot))
}

// stateOfSlot is the state of the canonical chain at a slot, that of a slot without a block included.
func (c *call) stateOfSlot(s *chain.Snapshot, slot types.Slot) (*stateRef, error) {
	if now := c.n.Chain.Clock().CurrentSlot(); slot > max(now, s.Head.Slot) {
		return nil, notFound("State not found: slot %d has not begun", slot)
	}
	at, err := c.n.Chain.CanonicalAt(s, slot)
	if errors.Is(err, chain.ErrUnknownBlock) {
		return nil, notFound("State not found: slot %d is older than the oldest block", slot)
	}
	if err != nil {
		return nil, err
	}
	return &stateRef{at, slot, c.n.Chain.Block(at.Root), s}, nil
}

// stateOfRoot finds a state by its root: that of a block in memory, on any branch, or one of the canonical chain's as far as the head's state
// remembers them.
func (c *call) stateOfRoot(s *chain.Snapshot, root types.Root) (*stateRef, error) {
	for b := range c.n.Chain.Blocks() {
		if b.StateRoot == root {
			return &stateRef{store.SlotRoot{Slot: b.Slot, Root: b.Root}, b.Slot, b, s}, nil
		}
	}
	head, err := c.n.Chain.HeadState(c.r.Context(), s)
	if err != nil {
		return nil, err
	}
	history := types.Slot(c.s.cfg.Spec.SlotsPerHistoricalRoot)
	for back := types.Slot(1); back <= min(history, head.Slot); back++ {
		if slot := head.Slot - back; head.StateRoots.At(int(slot%history)) == root {
			return c.stateOfSlot(s, slot)
		}
	}
	return nil, notFound("State not found: no state of the last %d slots has the root %v", history, root)
}

// flags are those of a state.
func (c *call) stateFlags(ref *stateRef) flags {
	s := ref.snapshot
	return flags{
		optimistic: c.optimistic(s, ref.block),
		finalized:  ref.slot <= s.FinalizedSlot && (ref.block == nil || ref.block.Root == s.Finalized.Root),
	}
}

// optimistic tells whether the chain up to a block rests on a payload that the execution client has not verified. Nil stands for a block that
// the finalized one descends from. Spec: sync/optimistic.md, "Ethereum Beacon APIs".
func (c *call) optimistic(s *chain.Snapshot, b *chain.Block) bool {
	if b == s.Head {
		return s.Optimistic
	}
	if b == nil {
		if b = c.n.Chain.Block(s.Finalized.Root); b == nil {
			return s.Optimistic
		}
	}
	// A Gloas block whose own payload is not there, or is invalid, rests on the one that it builds on.
	hash := b.ExecutionBlockHash
	for x := b; x != nil; x = x.Parent() {
		status := x.ExecutionStatus()
		if x.ExecutionBlockHash == hash && status != forkchoice.Irrelevant && status != forkchoice.Invalid {
			return status == forkchoice.Optimistic
		}
		if x == b {
			hash = b.ExecutionParentHash
		}
		if hash == (types.Hash32{}) {
			return false // before the merge
		}
	}
	return false
}

// state gives the state that the path names, for this call alone.
func (c *call) state() (*transition.State, flags, error) {
	ref, err := c.stateRef()
	if err != nil {
		return nil, flags{}, err
	}
	return c.load(ref)
}

func (c *call) load(ref *stateRef) (s *transition.State, f flags, err error) {
	ctx := c.r.Context()
	f = c.stateFlags(ref)
	switch {
	case ref.block == ref.snapshot.Head && ref.slot == ref.block.Slot:
		s, err = c.n.Chain.HeadState(ctx, ref.snapshot)
	case ref.block != nil:
		s, err = c.loading(func() (*transition.State, error) { return c.n.Chain.StateAt(ctx, ref.at.Root, ref.slot) })
		if errors.Is(err, chain.ErrUnknownBlock) {
			s, err = c.historic(ref) // finality has come in between
		}
	default:
		s, err = c.historic(ref)
	}
	if err != nil {
		return nil, f, err
	}
	fork := s.Cx.Fork
	if err := c.checkFork("state", s.Slot, fork); err != nil {
		return nil, f, err
	}
	return s, f, nil
}

// historic computes a state of the finalized chain, which reads a whole state from the disk.
func (c *call) historic(ref *stateRef) (*transition.State, error) {
	return c.loading(func() (*transition.State, error) {
		return c.n.Chain.HistoricState(c.r.Context(), ref.at, ref.slot)
	})
}

// loading gets a state that is not the head's. One at a time, so that requests never take all of the chain's turns to compute states.
func (c *call) loading(get func() (*transition.State, error)) (*transition.State, error) {
	leave, err := c.s.loads.enter(c.r.Context())
	if err != nil {
		return nil, err
	}
	defer leave()
	return get()
}

// checkFork refuses a state or block of a fork that the route has nothing to say of. Spec: "Should return 400 if the state retrieved is prior to [...]".
func (c *call) checkFork(what string, slot types.Slot, fork params.Fork) error {
	switch r := c.route; {
	case fork < r.since:
		return fail(http.StatusBadRequest, "Invalid %s ID: the %s of slot %d is of %v, want %v or later", what, what, slot, fork, r.since)
	case r.until != 0 && fork >= r.until:
		return fail(http.StatusBadRequest, "Invalid %s ID: the %s of slot %d is of %v, want one before %v", what, what, slot, fork, r.until)
	}
	return nil
}

// blockRef finds the block that the path names. Spec: BlockId (params/index.yaml).
func (c *call) blockRef() (*blockRef, error) {
	id, s := c.r.PathValue("block_id"), c.n.Chain.Snapshot()
	ref, err := c.findBlock(s, id)
	if err != nil {
		return nil, err
	}
	if err := c.checkFork("block", ref.Slot, c.s.cfg.Spec.ForkAtSlot(ref.Slot)); err != nil {
		return nil, err
	}
	return ref, nil
}

func (c *call) findBlock(s *chain.Snapshot, id string) (*blockRef, error) {
	switch id {
	case "head":
		return c.refOf(s, s.Head), nil
	case "genesis":
		return c.blockOfSlot(s, params.GenesisSlot)
	case "finalized":
		if b := c.n.Chain.Block(s.Finalized.Root); b != nil {
			return c.refOf(s, b), nil
		}
		return nil, notFound("Block not found: the finalized block %v is not known", s.Finalized.Root)
	}
	if root, ok := parseRoot(id); ok {
		return c.blockOfRoot(s, root)
	}
	slot, ok := parseNumber(id)
	if !ok {
		return nil, invalid("block ID", id, wantBlockID)
	}
	return c.blockOfSlot(s, types.Slot(slot))
}

// refOf is a block in memory.
func (c *call) refOf(s *chain.Snapshot, b *chain.Block) *blockRef {
	return &blockRef{
		SlotRoot: store.SlotRoot{Slot: b.Slot, Root: b.Root}, block: b, canonical: s.Canonical(b.Slot) == b,
		flags: flags{optimistic: c.optimistic(s, b), finalized: b.Root == s.Finalized.Root},
	}
}

// refOnDisk is a block that is not in memory: one that the finalized one descends from, or one that lost.
func (c *call) refOnDisk(s *chain.Snapshot, at store.SlotRoot, canonical bool) *blockRef {
	return &blockRef{SlotRoot: at, canonical: canonical, flags: flags{optimistic: c.optimistic(s, nil), finalized: canonical}}
}

func (c *call) blockOfSlot(s *chain.Snapshot, slot types.Slot) (*blockRef, error) {
	at, err := c.n.Chain.CanonicalAt(s, slot)
	if errors.Is(err, chain.ErrUnknownBlock) || err == nil && at.Slot != slot {
		return nil, notFound("Block not found: the chain has no block in slot %d", slot)
	}
	if err != nil {
		return nil, err
	}
	if b := c.n.Chain.Block(at.Root); b != nil {
		return c.refOf(s, b), nil
	}
	return c.refOnDisk(s, at, true), nil
}

func (c *call) blockOfRoot(s *chain.Snapshot, root types.Root) (*blockRef, error) {
	if b := c.n.Chain.Block(root); b != nil {
		return c.refOf(s, b), nil
	}
	unknown := notFound("Block not found: %v", root)
	slot, err := c.n.Store.SlotOf(root)
	if errors.Is(err, store.ErrNotFound) {
		// Genesis lies on the disk as a root only.
		if at, err := c.n.Chain.CanonicalAt(s, params.GenesisSlot); err == nil && at.Root == root {
			return c.refOnDisk(s, at, true), nil
		}
		return nil, unknown
	}
	if err != nil {
		return nil, err
	}
	has, err := c.n.Store.HasBlock(root)
	if err != nil {
		return nil, err
	}
	if !has {
		return nil, unknown
	}
	at, err := c.n.Chain.CanonicalAt(s, slot)
	if err != nil && !errors.Is(err, chain.ErrUnknownBlock) {
		return nil, err
	}
	return c.refOnDisk(s, store.SlotRoot{Slot: slot, Root: root}, err == nil && at.Root == root), nil
}

// namedBlock is the block that the request's path names, with its schema.
func (c *call) namedBlock() (*blockRef, *types.SignedBeaconBlock, ssz.Context, error) {
	ref, err := c.blockRef()
	if err != nil {
		return nil, nil, ssz.Context{}, err
	}
	signed, cx, err := c.read(ref)
	return ref, signed, cx, err
}

// read reads a block.
func (c *call) read(ref *blockRef) (*types.SignedBeaconBlock, ssz.Context, error) {
	cx := c.context(c.s.cfg.Spec.ForkAtSlot(ref.Slot))
	signed, err := c.n.Store.Block(ref.Root)
	if errors.Is(err, store.ErrNotFound) {
		if ref.Slot == params.GenesisSlot {
			signed, err = c.genesisBlock(ref, cx)
			return signed, cx, err
		}
		return nil, cx, notFound("Block not found: block %v of slot %d is not kept", ref.Root, ref.Slot)
	}
	return signed, cx, err
}

// genesisBlock makes the block that the genesis state is after: no one has signed it, and it says nothing.
func (c *call) genesisBlock(ref *blockRef, cx ssz.Context) (*types.SignedBeaconBlock, error) {
	if known := c.s.genesis.Load(); known != nil {
		return known, nil
	}
	s := c.n.Chain.Snapshot()
	at, err := c.stateOfSlot(s, params.GenesisSlot)
	if err != nil {
		return nil, err
	}
	if at.block != nil {
		return c.keepGenesis(ref, cx, at.block.StateRoot)
	}
	state, err := c.historic(at)
	if err != nil {
		return nil, err
	}
	root, err := state.HashTreeRoot()
	if err != nil {
		return nil, err
	}
	return c.keepGenesis(ref, cx, root)
}

func (c *call) keepGenesis(ref *blockRef, cx ssz.Context, stateRoot types.Root) (*types.SignedBeaconBlock, error) {
	signed := &types.SignedBeaconBlock{Message: types.BeaconBlock{StateRoot: stateRoot}}
	root, err := ssz.HashTreeRoot(cx, ssz.Container(&signed.Message))
	if err != nil {
		return nil, fmt.Errorf("genesis block: %w", err)
	}
	if root != ref.Root {
		return nil, notFound("Block not found: the genesis block %v is not an empty one, and is not kept", ref.Root)
	}
	c.s.genesis.Store(signed)
	return signed, nil
}
