package forkchoice

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/types"
)

// evenStates is States where all validators have the same balance and take turns.
type evenStates struct {
	spec *params.Spec
	fail error
	gone []types.Root // of checkpoints that have no balances any more
}

func (s *evenStates) Balances(c types.Checkpoint) (*Balances, error) {
	if slices.Contains(s.gone, c.Root) {
		return nil, fmt.Errorf("block %v is unknown", c.Root)
	}
	b := NewBalances(s.spec, 40)
	for range 40 {
		if err := b.Append(32*s.spec.EffectiveBalanceIncrement, true, false); err != nil {
			return nil, err
		}
	}
	return b, s.fail
}

func (s *evenStates) Committee(_ types.Root, slot types.Slot) (members []uint32, err error) {
	for i := range uint32(40) {
		if uint64(i)%s.spec.SlotsPerEpoch == uint64(slot)%s.spec.SlotsPerEpoch {
			members = append(members, i)
		}
	}
	return members, s.fail
}

func (s *evenStates) PayloadCommittee(types.Root, types.Slot) ([]types.ValidatorIndex, error) {
	return []types.ValidatorIndex{0, 1, 2, 3, 3}, s.fail
}

// story is a store with helpers that fail the test.
type story struct {
	*Store
	t      *testing.T
	states *evenStates
	cfg    Config
}

func newStory(t *testing.T, gloas types.Epoch) *story {
	t.Helper()
	states := &evenStates{spec: worldSpec(gloas)}
	cfg := Config{Spec: states.spec, Anchor: Block{Root: types.Root{1}, ExecutionBlockHash: types.Hash32{1}, Execution: Valid}, States: states}
	if gloas == 0 {
		cfg.Anchor.Execution = Irrelevant
	}
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return &story{s, t, states, cfg}
}

func root(n int) types.Root { return types.Root{byte(n)} }

// slot moves the time to the start of a slot.
func (s *story) slot(slot types.Slot) { s.OnTick(uint64(slot) * s.spec.SlotDurationMs) }

// block is a block on the payload of its parent; the number is its root and its payload's hash.
func (s *story) block(n, parent int, slot types.Slot) *Block {
	b := &Block{
		Slot: slot, Root: root(n), ParentRoot: root(parent), ProposerIndex: types.ValidatorIndex(n), Arrived: s.Time(),
		ExecutionParentHash: types.Hash32{byte(parent)}, ExecutionBlockHash: types.Hash32{byte(n)}, Execution: Optimistic,
	}
	if s.tree.isGloas(slot) {
		b.Execution = Irrelevant
	}
	return b
}

// add imports a block, changed by change.
func (s *story) add(n, parent int, slot types.Slot, change ...func(*Block)) {
	s.t.Helper()
	b := s.block(n, parent, slot)
	for _, c := range change {
		c(b)
	}
	s.must(s.OnBlock(b))
}

func valid(b *Block) { b.Execution = Valid }

func (s *story) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *story) refuses(class, err error) {
	s.t.Helper()
	var e *Error
	if !errors.Is(err, class) || !errors.As(err, &e) || e.Error() == "" {
		s.t.Fatalf("error %v, want one of the class %q", err, class)
	}
}

// votes lets validators from one to before another vote for a block.
func (s *story) vote(n int, slot types.Slot, index types.CommitteeIndex, from, to int) error {
	target, err := s.GetCheckpointBlock(root(n), s.epochOf(slot))
	if err != nil {
		return err
	}
	a := &Attestation{Slot: slot, Index: index, BlockRoot: root(n), Target: types.Checkpoint{Epoch: s.epochOf(slot), Root: target}}
	for i := from; i < to; i++ {
		a.Attesting = append(a.Attesting, types.ValidatorIndex(i))
	}
	return s.OnAttestation(a, false)
}

func (s *story) head(n int, status PayloadStatus) {
	s.t.Helper()
	head, err := s.GetHead()
	s.must(err)
	if want := (Node{root(n), status}); head != want {
		s.t.Fatalf("head %v %v, want %v %v", head.Root, head.PayloadStatus, want.Root, want.PayloadStatus)
	}
}

func TestBlocksThatAreRefused(t *testing.T) {
	s := newStory(t, 0)
	s.slot(6)
	s.add(2, 1, 1, func(b *Block) { b.ExecutionParentHash = types.Hash32{9} })
	s.refuses(ErrUnknownBlock, s.OnBlock(s.block(4, 3, 2)))
	s.refuses(ErrPayloadUnknown, s.OnBlock(s.block(4, 1, 7)))
	s.refuses(ErrFuture, s.CheckBlock(7, root(1), types.Hash32{9}))
	s.refuses(ErrPayloadUnknown, s.OnBlock(s.block(4, 2, 2)))
	s.must(s.OnBlock(s.block(2, 1, 1))) // is known already
	s.must(s.OnExecutionPayloadEnvelope(root(1), Valid))
	s.must(s.OnExecutionPayloadEnvelope(root(2), Optimistic))
	s.refuses(ErrInvalid, s.CheckBlock(1, root(2), types.Hash32{}))
	s.refuses(ErrFuture, s.OnBlock(func() *Block { b := s.block(4, 2, 2); b.Arrived++; return b }()))
	s.refuses(ErrInvalid, s.OnBlock(func() *Block { b := s.block(4, 2, 2); b.Execution = Valid; return b }()))
	s.refuses(ErrInvalidPayload, s.OnBlock(func() *Block { b := s.block(4, 2, 2); b.Execution = Invalid; return b }()))
	s.refuses(ErrUnknownBlock, s.OnBlock(func() *Block { b := s.block(4, 2, 2); b.JustifiedCheckpoint.Epoch = 1; return b }()))
	s.must(s.OnBlock(s.block(4, 2, 2)))
}

func TestBlocksThatConflictWithFinalityAreRefused(t *testing.T) {
	s := newStory(t, params.FarFutureEpoch)
	s.slot(13)
	s.add(2, 1, 4)
	s.add(3, 1, 5)
	finalized := types.Checkpoint{Epoch: 1, Root: root(2)}
	s.add(4, 2, 12, func(b *Block) {
		b.JustifiedCheckpoint, b.FinalizedCheckpoint = finalized, finalized
		b.UnrealizedJustified, b.UnrealizedFinalized = finalized, finalized
	})
	if s.FinalizedCheckpoint() != finalized || s.JustifiedCheckpoint() != finalized {
		t.Fatalf("checkpoints %v, %v", s.FinalizedCheckpoint(), s.JustifiedCheckpoint())
	}
	s.refuses(ErrFinalized, s.CheckBlock(4, root(1), types.Hash32{}))
	s.refuses(ErrFinalized, s.CheckBlock(13, root(3), types.Hash32{}))
	if removed := s.Prune(); !slices.Equal(removed, []types.Root{root(1), root(3)}) {
		t.Fatalf("pruned %v", removed)
	}
	if s.Prune() != nil || s.Contains(root(3)) || !s.Contains(root(2)) {
		t.Fatal("pruned again, or the wrong ones")
	}
	if got := s.GetFinalizedExecutionBlockHash(); got != (types.Hash32{2}) {
		t.Fatalf("finalized payload %v", got)
	}
	if s.ConfirmedRoot() != root(2) || s.GetSafeExecutionBlockHash() != (types.Hash32{2}) {
		t.Fatalf("confirmed %v after the confirmed block was pruned", s.ConfirmedRoot())
	}
}

// A checkpoint's block can be older than its epoch. What stands on it and is not after the epoch's first slot has another checkpoint block,
// with all that builds on it: no block of it is taken any more, and it goes.
func TestPruneDropsWhatTheFinalizedCheckpointExcludes(t *testing.T) {
	s := newStory(t, params.FarFutureEpoch)
	s.slot(17)
	s.add(2, 1, 6)
	s.add(3, 2, 7) // before the epoch's first slot
	s.add(4, 2, 8) // in it
	s.add(5, 4, 9)
	s.add(6, 2, 9) // the first block after it of the chain that is finalized
	finalized := types.Checkpoint{Epoch: 2, Root: root(2)}
	s.add(7, 6, 16, func(b *Block) {
		b.JustifiedCheckpoint, b.FinalizedCheckpoint = finalized, finalized
		b.UnrealizedJustified, b.UnrealizedFinalized = finalized, finalized
	})
	s.must(s.vote(5, 16, 0, 0, 10))
	s.head(7, Pending)
	if removed := s.Prune(); !slices.Equal(removed, []types.Root{root(1), root(3), root(4), root(5)}) {
		t.Fatalf("pruned %v", removed)
	}
	s.head(7, Pending)
	// The same block is finalized again, an epoch later: it is the tree's first by now, and still excludes what it did not before.
	s.slot(25)
	s.add(8, 2, 11)
	finalized.Epoch = 3
	s.add(9, 2, 24, func(b *Block) {
		b.JustifiedCheckpoint, b.FinalizedCheckpoint = finalized, finalized
		b.UnrealizedJustified, b.UnrealizedFinalized = finalized, finalized
	})
	if removed := s.Prune(); !slices.Equal(removed, []types.Root{root(6), root(7), root(8)}) {
		t.Fatalf("pruned %v", removed)
	}
	s.head(9, Pending)
	if s, err := Decode(s.cfg, s.Encode()); err != nil || s.Prune() != nil {
		t.Fatalf("after a start: %v", err)
	}
}

func TestVotesThatAreRefused(t *testing.T) {
	s := newStory(t, 0)
	s.slot(9)
	s.add(2, 1, 1, func(b *Block) { b.ExecutionParentHash = types.Hash32{9} })
	at := func(change func(*Attestation)) error {
		a := &Attestation{Slot: 5, BlockRoot: root(2), Target: types.Checkpoint{Epoch: 1, Root: root(2)}, Attesting: []types.ValidatorIndex{1}}
		change(a)
		return s.OnAttestation(a, false)
	}
	s.refuses(ErrFuture, at(func(a *Attestation) { a.Target.Epoch, a.Slot = 3, 12 }))
	s.refuses(ErrFuture, at(func(a *Attestation) { a.Target.Epoch, a.Slot = 2, 9 }))
	s.refuses(ErrInvalid, at(func(a *Attestation) { a.Target.Epoch, a.Slot = 0, 2 }))
	s.refuses(ErrInvalid, at(func(a *Attestation) { a.Slot = 9 }))
	s.refuses(ErrUnknownBlock, at(func(a *Attestation) { a.Target.Root = root(7) }))
	s.refuses(ErrUnknownBlock, at(func(a *Attestation) { a.BlockRoot = root(7) }))
	s.refuses(ErrInvalid, at(func(a *Attestation) { a.Target.Root = root(1) }))
	s.refuses(ErrInvalid, at(func(a *Attestation) { a.Index = 2 }))
	s.refuses(ErrPayloadUnknown, at(func(a *Attestation) { a.Index = 1 }))
	s.refuses(ErrInvalid, at(func(a *Attestation) { a.Attesting[0] = maxValidators }))
	s.refuses(ErrInvalid, s.OnAttesterSlashing([]types.ValidatorIndex{maxValidators}))
	s.add(3, 2, 8, func(b *Block) { b.ExecutionParentHash = types.Hash32{9} })
	s.refuses(ErrInvalid, at(func(a *Attestation) { a.BlockRoot = root(3) }))
	s.refuses(ErrInvalid, s.vote(3, 8, 1, 0, 1))
	s.must(at(func(*Attestation) {}))
	s.must(s.vote(3, 8, 0, 0, 1))
}

func TestPayloadVotesThatAreRefused(t *testing.T) {
	s := newStory(t, 0)
	s.slot(1)
	s.add(2, 1, 1, func(b *Block) { b.ExecutionParentHash = types.Hash32{9} })
	v := PayloadVote{Root: root(2), Slot: 1, Validator: 3, Present: true}
	s.refuses(ErrInvalid, s.OnPayloadAttestationMessage(PayloadVote{Root: root(2), Slot: 1, Validator: 9}, false))
	s.refuses(ErrUnknownBlock, s.OnPayloadAttestationMessage(PayloadVote{Root: root(5), Slot: 1}, false))
	s.must(s.OnPayloadAttestationMessage(PayloadVote{Root: root(2), Slot: 2, Validator: 9}, false))
	s.must(s.OnPayloadAttestationMessage(v, false))
	present, available, err := s.PayloadVotes(root(2))
	s.must(err)
	if present[2] != nil || present[3] == nil || !*present[3] || !*present[4] || *available[3] {
		t.Fatalf("votes %v, %v: member 3 has two places", present, available)
	}
	s.slot(2)
	s.refuses(ErrInvalid, s.OnPayloadAttestationMessage(v, false))
	s.must(s.OnPayloadAttestationMessage(v, true))
	s.refuses(ErrInvalid, s.OnExecutionPayloadEnvelope(root(2), Invalid))
	s.refuses(ErrUnknownBlock, s.OnExecutionPayloadEnvelope(root(5), Valid))
	old := newStory(t, params.FarFutureEpoch)
	old.refuses(ErrInvalid, old.OnExecutionPayloadEnvelope(root(1), Valid))
}

// A proposer builds on the payload of the previous slot's block unless the committee says that it was late or its data missing.
func TestProposerLeavesOutALatePayload(t *testing.T) {
	s := newStory(t, 0)
	s.slot(1)
	s.add(2, 1, 1, func(b *Block) { b.ExecutionParentHash = types.Hash32{9} })
	s.must(s.OnExecutionPayloadEnvelope(root(2), Valid))
	full := Node{root(2), Full}
	on := func(n Node, slot types.Slot) bool {
		t.Helper()
		yes, err := s.ShouldBuildOnFull(n, slot)
		s.must(err)
		return yes
	}
	if !on(full, 2) || !on(full, 5) || on(Node{root(2), Empty}, 5) || on(Node{root(2), Empty}, 2) {
		t.Fatal("without votes the node's own status counts")
	}
	for i := range 3 { // members 0, 1, and 2: three of five places
		s.must(s.OnPayloadAttestationMessage(PayloadVote{Root: root(2), Slot: 1, Validator: types.ValidatorIndex(i), DataAvailable: i == 0}, false))
	}
	if on(full, 2) || !on(full, 3) {
		t.Fatal("a payload that the committee calls late is built on in the next slot, or not later")
	}
	_, err := s.ShouldBuildOnFull(Node{root(2), Pending}, 2)
	s.refuses(ErrInvalid, err)
	_, err = s.ShouldExtendPayload(root(2))
	s.refuses(ErrInvalid, err)
	s.slot(2)
	if yes, err := s.ShouldExtendPayload(root(2)); err != nil || !yes {
		t.Fatalf("a payload that nobody builds against is extended: %t, %v", yes, err)
	}
	old := newStory(t, params.FarFutureEpoch)
	if yes, err := old.ShouldBuildOnFull(Node{root(1), Pending}, 1); err != nil || !yes {
		t.Fatalf("a block from before gloas has its payload: %t, %v", yes, err)
	}
}

// The first timely block of a slot has the boost until the slot ends.
func TestProposerBoost(t *testing.T) {
	s := newStory(t, params.FarFutureEpoch)
	s.slot(1)
	s.add(2, 1, 1)
	s.add(3, 1, 1)
	if s.ProposerBoostRoot() != root(2) {
		t.Fatalf("boost %v", s.ProposerBoostRoot())
	}
	s.head(2, Pending)
	weight, err := s.GetWeight(Node{root(1), Pending})
	if want := 40 * 32 * s.spec.EffectiveBalanceIncrement / 4 * 40 / 100; err != nil || weight != want {
		t.Fatalf("weight %d, %v, want the boost of %d", weight, err, want)
	}
	s.slot(2)
	s.head(3, Pending) // the higher root
	s.OnTick(s.Time() + 5999)
	s.add(4, 2, 2)
	if s.ProposerBoostRoot() != (types.Root{}) {
		t.Fatal("a late block is boosted")
	}
	s.slot(3)
	s.add(5, 4, 3, func(b *Block) { b.Arrived-- })
	if s.ProposerBoostRoot() != (types.Root{}) {
		t.Fatal("a block that came before its slot is boosted")
	}
}

// lateHead is a chain whose head came late and has no votes, its parent those of more than a slot.
func lateHead(t *testing.T) *story {
	s := newStory(t, params.FarFutureEpoch)
	s.slot(1)
	s.add(2, 1, 1)
	s.slot(2)
	s.must(s.vote(2, 1, 0, 0, 20))
	s.OnTick(s.Time() + 5500)
	s.add(3, 2, 2)
	return s
}

func TestProposerReorgsALateWeakHead(t *testing.T) {
	s := lateHead(t)
	s.slot(3)
	s.head(3, Pending)
	head := Node{root(3), Pending}
	for slot, want := range map[types.Slot]int{3: 2, 4: 3} {
		if node, err := s.GetProposerHead(head, slot); err != nil || node != (Node{root(want), Pending}) {
			t.Fatalf("slot %d is built on %v, %v, want %d", slot, node, err, want)
		}
	}
	s.states.fail = errors.New("no state")
	if node, err := s.GetProposerHead(head, 3); err != nil || node.Root != root(2) {
		t.Fatalf("without equivocators no state is needed: %v, %v", node, err)
	}
	s.states.fail = nil
	s.must(s.vote(3, 2, 0, 20, 23)) // 3 of 10 in the slot's committees
	if node, err := s.GetProposerHead(head, 3); err != nil || node != head {
		t.Fatalf("a head with votes is not re-orged: %v, %v", node, err)
	}
	if node, err := s.GetProposerHead(Node{root(1), Pending}, 1); err != nil || node.Root != root(1) {
		t.Fatalf("nothing lies below the anchor: %v, %v", node, err)
	}
}

func TestProposerOfTheNextSlotKeepsALateHeadToItself(t *testing.T) {
	s := lateHead(t)
	head := Node{root(3), Pending}
	override := func(proposing, want bool) {
		t.Helper()
		if got, err := s.ShouldOverrideForkchoiceUpdate(head, proposing); err != nil || got != want {
			t.Fatalf("override: %t, %v, want %t", got, err, want)
		}
	}
	override(true, true) // in the head's slot, whatever its weight will be
	override(false, false)
	s.slot(3)
	override(true, true)
	s.OnTick(s.Time() + s.spec.GetProposerReorgCutoffMs() + 1)
	override(true, false)
	s.slot(4)
	override(true, false)
	timely := newStory(t, params.FarFutureEpoch)
	timely.slot(1)
	timely.add(2, 1, 1)
	if got, err := timely.ShouldOverrideForkchoiceUpdate(Node{root(2), Pending}, true); err != nil || got {
		t.Fatalf("a timely head is withheld: %t, %v", got, err)
	}
	if _, err := timely.ShouldOverrideForkchoiceUpdate(Node{root(9), Pending}, true); !errors.Is(err, ErrUnknownBlock) {
		t.Fatal(err)
	}
}

// "more attestations can only increase the weight and change the output from True to False": so do those of equivocators.
func TestEquivocatorsMakeAHeadStronger(t *testing.T) {
	s := lateHead(t)
	s.slot(3)
	s.must(s.OnAttesterSlashing([]types.ValidatorIndex{22, 26, 30, 30})) // of the committees of slot 2
	if node, err := s.GetProposerHead(Node{root(3), Pending}, 3); err != nil || node.Root != root(3) {
		t.Fatalf("built on %v, %v", node, err)
	}
	s.states.fail = errors.New("no state")
	if _, err := s.GetProposerHead(Node{root(3), Pending}, 3); !errors.Is(err, s.states.fail) {
		t.Fatalf("error %v, want that of the states", err)
	}
}

// chain5 is a chain of optimistic blocks 2 to 5 with a sibling 6 of 4.
func chain5(t *testing.T) *story {
	s := newStory(t, params.FarFutureEpoch)
	s.slot(6)
	for n := 2; n <= 5; n++ {
		s.add(n, n-1, types.Slot(n-1))
	}
	s.add(6, 3, 3)
	s.must(s.vote(5, 5, 0, 0, 10))
	s.head(5, Pending)
	return s
}

func TestLatestValidHash(t *testing.T) {
	hash := func(n byte) *types.Hash32 { return &types.Hash32{n} }
	roots := func(numbers ...int) (out []types.Root) {
		for _, n := range numbers {
			out = append(out, root(n))
		}
		return out
	}
	for _, c := range []struct {
		name   string
		latest *types.Hash32
		child  bool // the payload in question is on block 5 and not imported
		class  error
		want   []types.Root
	}{
		{"nil: the block itself", nil, false, nil, roots(5)},
		{"the hash of an ancestor: its child, and what builds on it", hash(2), false, nil, roots(3, 4, 5, 6)},
		{"of the parent: the block", hash(4), false, nil, roots(5)},
		{"no hash of the chain: the block", hash(6), false, nil, roots(5)},
		{"its own", hash(5), false, nil, roots(5)},
		{"zero: the first payload, which was valid", hash(0), false, ErrValidPayload, nil},
		{"child, nil", nil, true, nil, nil},
		{"child, of an ancestor", hash(3), true, nil, roots(4, 5)},
		{"child, of the parent", hash(5), true, nil, nil},
		{"child, no hash of the chain", hash(6), true, nil, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := chain5(t)
			invalidate := s.SetPayloadInvalid
			if c.child {
				invalidate = func(r types.Root, h *types.Hash32) ([]types.Root, error) {
					return s.SetChildPayloadInvalid(Node{r, Pending}, h)
				}
			}
			got, err := invalidate(root(5), c.latest)
			if !errors.Is(err, c.class) || !slices.Equal(got, c.want) {
				t.Fatalf("invalidated %v, %v, want %v, %v", got, err, c.want, c.class)
			}
			if len(c.want) == 0 {
				s.head(5, Pending)
				return
			}
			if s.Contains(root(5)) || !s.IsOptimistic(root(5)) {
				t.Fatal("an invalid block is contained")
			}
			s.refuses(ErrInvalidPayload, s.OnBlock(s.block(5, 4, 4)))
			s.refuses(ErrInvalidPayload, s.OnBlock(s.block(9, 5, 5)))
			s.refuses(ErrInvalidPayload, s.SetPayloadValid(root(5)))
			s.refuses(ErrInvalidPayload, s.vote(5, 5, 0, 0, 1))
			if again, err := s.SetPayloadInvalid(root(5), nil); err != nil || again != nil {
				t.Fatalf("invalid again: %v, %v", again, err)
			}
			if weight, err := s.GetWeight(Node{root(1), Pending}); err != nil || weight != 0 {
				t.Fatalf("votes for an invalid block count %d, %v", weight, err)
			}
			info, ok := s.Block(root(5))
			if !ok || !info.Invalidated || info.Execution != Invalid {
				t.Fatalf("block 5: %+v", info)
			}
		})
	}
}

func TestValidPayloadsMakeTheirAncestorsValid(t *testing.T) {
	s := chain5(t)
	if verified, err := s.LatestVerifiedAncestor(root(5)); err != nil || verified != root(1) {
		t.Fatalf("latest verified ancestor %v, %v", verified, err)
	}
	if is, err := s.IsOptimisticNode(); err != nil || !is {
		t.Fatalf("optimistic node: %t, %v", is, err)
	}
	s.must(s.SetPayloadValid(root(4)))
	for n, want := range map[int]bool{2: false, 3: false, 4: false, 5: true, 6: true, 9: true} {
		if s.IsOptimistic(root(n)) != want {
			t.Errorf("block %d: optimistic %t, want %t", n, !want, want)
		}
	}
	_, err := s.SetPayloadInvalid(root(5), &types.Hash32{2})
	s.refuses(ErrValidPayload, err)
	s.add(7, 5, 6, valid)
	if is, err := s.IsOptimisticNode(); err != nil || is || s.IsOptimistic(root(5)) {
		t.Fatalf("optimistic node: %t, %v", is, err)
	}
	s.refuses(ErrUnknownBlock, s.SetPayloadValid(root(9)))
	_, err = s.SetPayloadInvalid(root(9), nil)
	s.refuses(ErrUnknownBlock, err)
	_, err = s.SetChildPayloadInvalid(Node{root(9), Pending}, nil)
	s.refuses(ErrUnknownBlock, err)
}

// "Blocks from every viable branch have transitioned to INVALIDATED leaving the block tree without viable branches"
func TestInvalidJustifiedBlockLeavesNoHead(t *testing.T) {
	s := newStory(t, params.FarFutureEpoch)
	s.slot(9)
	s.add(2, 1, 1)
	s.add(3, 2, 5, func(b *Block) { b.JustifiedCheckpoint = types.Checkpoint{Epoch: 1, Root: root(2)} })
	s.head(3, Pending)
	got, err := s.SetPayloadInvalid(root(3), &types.Hash32{1})
	s.refuses(ErrJustifiedInvalid, err)
	if !slices.Equal(got, []types.Root{root(2), root(3)}) {
		t.Fatalf("invalidated %v", got)
	}
	_, err = s.GetHead()
	s.refuses(ErrJustifiedInvalid, err)
	s.refuses(ErrJustifiedInvalid, s.OnFastConfirmation())
	if is, err := s.IsOptimisticNode(); err != nil || !is {
		t.Fatalf("optimistic node: %t, %v", is, err)
	}
}

// From Gloas on a block outlives its payload.
func TestBlockStaysWithoutItsInvalidPayload(t *testing.T) {
	s := newStory(t, 0)
	s.slot(4)
	s.add(2, 1, 1, func(b *Block) { b.ExecutionParentHash = types.Hash32{9} })
	s.must(s.OnExecutionPayloadEnvelope(root(2), Optimistic))
	s.add(3, 2, 2)
	s.head(3, Empty)
	if !s.IsOptimistic(root(3)) || s.IsOptimistic(root(2)) || !s.IsOptimisticAt(Node{root(2), Full}) {
		t.Fatal("a block is optimistic that builds on an optimistic payload")
	}
	if hash, err := s.ExecutionBlockHash(Node{root(3), Empty}); err != nil || hash != (types.Hash32{2}) {
		t.Fatalf("the execution client's head is %v, %v", hash, err)
	}
	s.refuses(ErrPayloadUnknown, s.SetPayloadValid(root(3)))
	_, err := s.SetPayloadInvalid(root(3), nil)
	s.refuses(ErrPayloadUnknown, err)
	got, err := s.SetPayloadInvalid(root(2), nil)
	if err != nil || !slices.Equal(got, []types.Root{root(2), root(3)}) {
		t.Fatalf("invalidated %v, %v", got, err)
	}
	if !s.Contains(root(2)) || s.Contains(root(3)) {
		t.Fatal("the block without its payload is removed, or what builds on that is not")
	}
	s.head(2, Empty)
	s.refuses(ErrInvalidPayload, s.OnExecutionPayloadEnvelope(root(2), Valid))
	s.refuses(ErrInvalidPayload, s.OnBlock(s.block(7, 2, 3)))
	if s.IsPayloadVerified(root(2)) {
		t.Fatal("an invalid payload is verified")
	}
}

// What the execution client called INVALID is asked again after a start: its blocks and votes are there as before.
func TestInvalidPayloadsCanBeForgotten(t *testing.T) {
	s := newStory(t, params.FarFutureEpoch)
	s.slot(9)
	s.add(2, 1, 1)
	s.add(3, 2, 5, func(b *Block) { b.JustifiedCheckpoint = types.Checkpoint{Epoch: 1, Root: root(2)} })
	s.must(s.vote(3, 5, 0, 0, 10))
	s.head(3, Pending)
	before := s.Encode()
	_, err := s.SetPayloadInvalid(root(3), &types.Hash32{1}) // the justified one
	s.refuses(ErrJustifiedInvalid, err)
	if n := s.ForgetInvalid(); n != 2 {
		t.Fatalf("%d payloads forgotten, want 2", n)
	}
	s.head(3, Pending)
	if !slices.Equal(s.Encode(), before) || s.ForgetInvalid() != 0 {
		t.Error("something else has changed")
	}
	s.must(s.SetPayloadValid(root(3)))

	s = newStory(t, 0)
	s.slot(4)
	s.add(2, 1, 1, func(b *Block) { b.ExecutionParentHash = types.Hash32{9} })
	s.must(s.OnExecutionPayloadEnvelope(root(2), Optimistic))
	s.add(3, 2, 2) // its own payload is not known
	s.head(3, Empty)
	before = s.Encode()
	_, err = s.SetPayloadInvalid(root(2), nil)
	s.must(err)
	s.head(2, Empty)
	if n := s.ForgetInvalid(); n != 1 {
		t.Fatalf("%d payloads forgotten, want 1", n)
	}
	s.head(3, Empty)
	if !slices.Equal(s.Encode(), before) {
		t.Error("something else has changed")
	}
	s.must(s.OnExecutionPayloadEnvelope(root(2), Valid))
	s.must(s.OnExecutionPayloadEnvelope(root(3), Optimistic))
}

func TestWhatIsUnknownIsAnError(t *testing.T) {
	s := newStory(t, 0)
	n := Node{root(9), Pending}
	_, e1 := s.GetAncestor(n, 0)
	_, e2 := s.IsAncestor(n, Node{root(1), Pending})
	_, e3 := s.IsAncestor(Node{root(1), Pending}, n)
	_, e4 := s.GetShufflingDependentRoot(root(9), 0)
	_, e5 := s.GetProposerHead(n, 1)
	_, e6 := s.GetWeight(n)
	_, _, e7 := s.PayloadVotes(root(9))
	_, e8 := s.ExecutionBlockHash(n)
	_, e9 := s.ShouldBuildOnFull(n, 1)
	_, e10 := s.ShouldExtendPayload(root(9))
	_, e11 := s.LatestVerifiedAncestor(root(9))
	_, e12 := s.IsExecutionBlock(root(9))
	for i, err := range []error{e1, e2, e3, e4, e5, e6, e7, e8, e9, e10, e11, e12} {
		if !errors.Is(err, ErrUnknownBlock) {
			t.Errorf("call %d: %v", i+1, err)
		}
	}
	if _, ok := s.Block(root(9)); ok || s.Contains(root(9)) || s.IsPayloadVerified(root(9)) {
		t.Error("an unknown block is known")
	}
	_, err := s.GetWeight(Node{root(1), 3})
	s.refuses(ErrInvalid, err)
	if is, err := s.IsExecutionBlock(root(1)); err != nil || !is {
		t.Errorf("a gloas block promises a payload: %t, %v", is, err)
	}
}

func TestHeadAllocatesNothing(t *testing.T) {
	s := chain5(t)
	block := uint32(2)
	if n := testing.AllocsPerRun(50, func() {
		block = 7 - block
		for i := range uint32(10) {
			s.votes.set(i, targetOf(block%5, Pending))
		}
		if _, err := s.GetHead(); err != nil {
			t.Fatal(err)
		}
	}); n > 0 {
		t.Errorf("%v allocations a head", n)
	}
}

func TestTimeDoesNotGoBack(t *testing.T) {
	s := newStory(t, params.FarFutureEpoch)
	s.slot(5)
	s.OnTick(3)
	if s.GetCurrentSlot() != 5 || s.GetCurrentStoreEpoch() != 1 || s.Time() != 5*s.spec.SlotDurationMs {
		t.Fatalf("slot %d, time %d", s.GetCurrentSlot(), s.Time())
	}
}

// A clock that was ahead is put right: what comes then is judged by the right time, and what came before is not lost.
func TestAClockThatWasAheadIsPutRight(t *testing.T) {
	s := newStory(t, params.FarFutureEpoch)
	slotMs := s.spec.SlotDurationMs
	s.slot(2)
	s.add(2, 1, 1)
	s.add(3, 1, 2)
	s.slot(3)
	s.must(s.vote(2, 2, 0, 0, 10))
	s.head(2, Pending)
	s.slot(3000)
	s.add(4, 2, 3)
	s.must(s.vote(4, 2999, 0, 4, 20)) // of some whose clocks are ahead too
	s.head(4, Pending)
	s.must(s.OnFastConfirmation())
	s.refuses(ErrInvalid, s.vote(4, 3, 0, 10, 20))
	if s.SetBack(3001*slotMs) || !s.SetBack(4*slotMs) || s.SetBack(4*slotMs) {
		t.Fatal("set back, and it is not, or the other way round")
	}
	if s.Time() != 4*slotMs || s.FastConfirmation() != getFastConfirmationStore(s.FinalizedCheckpoint()) {
		t.Fatalf("time %d, %+v", s.Time(), s.FastConfirmation())
	}
	if weight, err := s.GetWeight(Node{root(4), Pending}); err != nil || weight != 0 {
		t.Fatalf("votes that have not been made count %d, %v", weight, err)
	}
	s.must(s.vote(3, 3, 0, 4, 20))
	s.head(3, Pending)
	b := s.block(5, 4, 4)
	s.must(s.OnBlock(b))
	if s.ProposerBoostRoot() != b.Root {
		t.Error("a block in time has no boost")
	}
	if _, err := Decode(s.cfg, s.Encode()); err != nil {
		t.Error(err)
	}
	// Not before a block that is here, and the boost of a slot that comes again is gone.
	if s.SetBack(0) || s.Time() != 4*slotMs {
		t.Errorf("time %d", s.Time())
	}
	s.slot(7)
	if !s.SetBack(0) || s.Time() != 4*slotMs || s.ProposerBoostRoot() != (types.Root{}) {
		t.Errorf("time %d, boost %v", s.Time(), s.ProposerBoostRoot())
	}
	if _, err := Decode(s.cfg, s.Encode()); err != nil {
		t.Error(err)
	}
}

// At an epoch's start the checkpoints become real that blocks have brought about before.
func TestEpochStartRealizesCheckpoints(t *testing.T) {
	s := newStory(t, params.FarFutureEpoch)
	s.slot(5)
	s.add(2, 1, 4)
	justified := types.Checkpoint{Epoch: 1, Root: root(2)}
	s.add(3, 2, 5, func(b *Block) { b.UnrealizedJustified = justified })
	if s.JustifiedCheckpoint().Epoch != 0 || s.UnrealizedJustifiedCheckpoint() != justified || s.UnrealizedFinalizedCheckpoint().Epoch != 0 {
		t.Fatalf("justified %v, unrealized %v", s.JustifiedCheckpoint(), s.UnrealizedJustifiedCheckpoint())
	}
	s.slot(17)
	if s.JustifiedCheckpoint() != justified {
		t.Fatalf("justified %v", s.JustifiedCheckpoint())
	}
}

func TestErrorsOfStatesComeThrough(t *testing.T) {
	s := newStory(t, 0)
	s.slot(1)
	s.states.fail = errors.New("no state")
	if _, err := s.GetHead(); !errors.Is(err, s.states.fail) {
		t.Fatal(err)
	}
	b := s.block(2, 1, 1)
	b.ExecutionParentHash = types.Hash32{9}
	if err := s.OnBlock(b); !errors.Is(err, s.states.fail) || s.Contains(root(2)) {
		t.Fatalf("%v, contained %t", err, s.Contains(root(2)))
	}
	if _, err := s.Nodes(); !errors.Is(err, s.states.fail) {
		t.Fatal(err)
	}
	if _, err := s.IsOptimisticNode(); !errors.Is(err, s.states.fail) {
		t.Fatal(err)
	}
	s.states.fail = nil
	s.must(s.OnBlock(b))
	s.states.fail = errors.New("no committee")
	if err := s.OnPayloadAttestationMessage(PayloadVote{Root: root(2), Slot: 1}, true); !errors.Is(err, s.states.fail) {
		t.Fatal(err)
	}
}

func TestAnchorsThatAreRefused(t *testing.T) {
	spec := worldSpec(2)
	for _, anchor := range []Block{{Execution: Optimistic}, {Slot: 8, Execution: Valid}, {Slot: maxSlot + 1}} {
		if _, err := New(Config{Spec: spec, Anchor: anchor}); !errors.Is(err, ErrInvalid) {
			t.Errorf("anchor %+v: %v", anchor, err)
		}
	}
}

func TestBalances(t *testing.T) {
	spec := params.Mainnet()
	b, unit := NewBalances(spec, 0), spec.EffectiveBalanceIncrement
	if b.TotalActiveBalance() != unit {
		t.Errorf("total of nobody is %d", b.TotalActiveBalance())
	}
	for _, v := range []struct {
		n               types.Gwei
		active, slashed bool
	}{{2048, true, false}, {32, true, true}, {16, false, false}} {
		if err := b.Append(v.n*unit, v.active, v.slashed); err != nil {
			t.Fatal(err)
		}
	}
	if b.Len() != 3 || b.TotalActiveBalance() != 2080*unit || b.voting(0) != 2048 || b.voting(1) != 0 || b.effective(1) != 32 || b.effective(2) != 16 ||
		!b.isActive(1) || b.isActive(2) || b.voting(3) != 0 || b.effective(3) != 0 || b.isActive(3) {
		t.Errorf("balances %+v", b)
	}
	for _, bad := range []types.Gwei{unit + 1, 1 << 14 * unit} {
		if err := b.Append(bad, true, false); err == nil {
			t.Errorf("effective balance %d accepted", bad)
		}
	}
	b.active = ^types.Gwei(0)
	if err := b.Append(unit, true, false); !errors.Is(err, params.ErrOverflow) {
		t.Errorf("sum overflows: %v", err)
	}
	if got := b.CalculateCommitteeFraction(spec, 1<<63); got != ^types.Gwei(0) {
		t.Errorf("a huge percentage gives %d", got)
	}
}
