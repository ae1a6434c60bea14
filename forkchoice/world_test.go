package forkchoice

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/types"
)

// worldValidators is how many validators the world has.
const worldValidators = 12

// world is a chain of blocks that were never run: what States has to tell of them is drawn from hashes. It knows the committees of pruned
// blocks, so that it answers alike before and after pruning, but not their balances.
type world struct {
	spec   *params.Spec
	known  map[types.Root]*Block
	pruned map[types.Root]bool
}

// worldSpec is a spec with short epochs and Gloas from an epoch on.
func worldSpec(gloas types.Epoch) *params.Spec {
	spec := *params.Minimal()
	for _, epoch := range []*params.Epoch{
		&spec.AltairForkEpoch, &spec.BellatrixForkEpoch, &spec.CapellaForkEpoch, &spec.DenebForkEpoch, &spec.ElectraForkEpoch, &spec.FuluForkEpoch,
	} {
		*epoch = 0
	}
	spec.GloasForkEpoch = gloas
	spec.SlotsPerEpoch, spec.PTCSize = 4, 5
	return &spec
}

func seed(parts ...any) uint64 {
	h := sha256.New()
	for _, p := range parts {
		if err := binary.Write(h, binary.LittleEndian, p); err != nil {
			panic(err)
		}
	}
	return binary.LittleEndian.Uint64(h.Sum(nil))
}

// newWorld gives a world with an anchor, and the config of a store that begins with it.
func newWorld(gloas types.Epoch) (*world, Config) {
	w := &world{spec: worldSpec(gloas), known: map[types.Root]*Block{}, pruned: map[types.Root]bool{}}
	anchor := Block{Root: types.Root{1}, ExecutionBlockHash: types.Hash32{1}, Execution: Valid}
	if gloas == 0 {
		anchor.Execution = Irrelevant
	}
	w.known[anchor.Root] = &anchor
	return w, Config{Spec: w.spec, GenesisTime: 1000, Anchor: anchor, States: w}
}

func (w *world) Balances(c types.Checkpoint) (*Balances, error) {
	if w.pruned[c.Root] {
		return nil, fmt.Errorf("block %v was pruned", c.Root)
	}
	b := NewBalances(w.spec, worldValidators)
	for i := range worldValidators - int(seed(c.Root, uint64(c.Epoch), "len"[0])%2) {
		x := seed(c.Root, uint64(c.Epoch), uint64(i))
		if err := b.Append(types.Gwei(x%5+28)*w.spec.EffectiveBalanceIncrement, x>>8%8 != 0, x>>16%8 == 0); err != nil {
			return nil, err
		}
	}
	return b, nil
}

// at is the block of a chain at a slot.
func (w *world) at(root types.Root, slot types.Slot) types.Root {
	for w.known[root].Slot > slot {
		root = w.known[root].ParentRoot
	}
	return root
}

func (w *world) Committee(root types.Root, slot types.Slot) ([]uint32, error) {
	epoch := types.ComputeEpochAtSlot(w.spec, slot)
	dependent := types.Slot(0)
	if epoch > w.spec.MinSeedLookahead {
		dependent = types.Slot(uint64(epoch-w.spec.MinSeedLookahead)*w.spec.SlotsPerEpoch) - 1
	}
	turn := seed(w.at(root, dependent), uint64(epoch))
	var members []uint32
	for i := range uint64(worldValidators) {
		if (i*7+turn)%w.spec.SlotsPerEpoch == uint64(slot)%w.spec.SlotsPerEpoch {
			members = append(members, uint32(i))
		}
	}
	return members, nil
}

func (w *world) PayloadCommittee(root types.Root, slot types.Slot) ([]types.ValidatorIndex, error) {
	members := make([]types.ValidatorIndex, w.spec.PTCSize)
	for at := range members {
		members[at] = types.ValidatorIndex(seed(root, uint64(slot), uint64(at)) % worldValidators)
	}
	return members, nil
}

// extend makes a block on a parent, with checkpoints as a transition could have made them.
func (w *world) extend(t *rapid.T, parentRoot types.Root, slot types.Slot, now uint64) *Block {
	parent := w.known[parentRoot]
	b := &Block{Slot: slot, ParentRoot: parentRoot, ProposerIndex: types.ValidatorIndex(rapid.IntRange(0, 1).Draw(t, "proposer"))}
	n := seed(parentRoot, uint64(slot), uint64(len(w.known)))
	binary.BigEndian.PutUint64(b.Root[:], n)
	b.ExecutionBlockHash = types.Hash32(b.Root)
	b.ExecutionParentHash = parent.ExecutionBlockHash
	gloas := w.spec.ForkAtSlot(slot) >= params.Gloas
	if gloas && w.spec.ForkAtSlot(parent.Slot) >= params.Gloas && rapid.Bool().Draw(t, "on empty") {
		b.ExecutionParentHash = parent.ExecutionParentHash
	}
	if !gloas {
		b.Execution = rapid.SampledFrom([]Execution{Valid, Optimistic}).Draw(t, "execution")
	}
	b.Arrived = now - min(now, rapid.SampledFrom([]uint64{0, 0, 1000, 3000, 6000}).Draw(t, "early"))

	epoch := types.ComputeEpochAtSlot(w.spec, slot)
	b.JustifiedCheckpoint, b.FinalizedCheckpoint = parent.JustifiedCheckpoint, parent.FinalizedCheckpoint
	if epoch > types.ComputeEpochAtSlot(w.spec, parent.Slot) {
		b.JustifiedCheckpoint, b.FinalizedCheckpoint = parent.UnrealizedJustified, parent.UnrealizedFinalized
		b.UnrealizedJustified, b.UnrealizedFinalized = b.JustifiedCheckpoint, b.FinalizedCheckpoint
	} else {
		b.UnrealizedJustified, b.UnrealizedFinalized = parent.UnrealizedJustified, parent.UnrealizedFinalized
	}
	w.known[b.Root] = b
	if target := epoch - types.Epoch(min(uint64(epoch), uint64(rapid.IntRange(0, 1).Draw(t, "target")))); target > b.UnrealizedJustified.Epoch && rapid.IntRange(0, 2).Draw(t, "justifies") == 0 {
		if b.JustifiedCheckpoint.Epoch > b.UnrealizedFinalized.Epoch && rapid.Bool().Draw(t, "finalizes") {
			b.UnrealizedFinalized = b.JustifiedCheckpoint
		}
		// No block has votes for itself.
		if root := w.at(b.Root, types.Slot(uint64(target)*w.spec.SlotsPerEpoch)); root != b.Root {
			b.UnrealizedJustified = types.Checkpoint{Epoch: target, Root: root}
		}
	}
	return b
}

// history drives a store and the model with the same events.
type history struct {
	t     *rapid.T
	w     *world
	cfg   Config
	s     *Store
	m     *model
	order []types.Root // all blocks ever made
	last  Execution    // what the execution client says of payloads that are all right: it may be far behind
	seen  coverage
}

// coverage counts what happened in histories, so that a test can tell that it tests something.
type coverage map[string]int

func (h *history) block(label string) types.Root {
	recent := h.order[max(0, len(h.order)-8):]
	return rapid.SampledFrom(recent).Draw(h.t, label)
}

func (h *history) same(what string, err, want error) {
	h.t.Helper()
	if (err == nil) != (want == nil) {
		h.t.Fatalf("%s: %v, the model says %v", what, err, want)
	}
	if err == nil {
		h.seen[what]++
	} else {
		h.seen["refused "+what]++
	}
}

func (h *history) tick() {
	slotMs := h.w.spec.SlotDurationMs
	step := rapid.SampledFrom([]uint64{500, 1500, 3000, slotMs, slotMs, slotMs, slotMs, 2 * slotMs, 5 * slotMs}).Draw(h.t, "tick")
	next := h.m.now + step
	if rapid.Bool().Draw(h.t, "to the slot's start") {
		next = (h.m.now/slotMs + 1) * slotMs
	}
	before := h.m.slot()
	h.advance(next)
	if h.m.slot() > before {
		h.confirm()
	}
}

func (h *history) advance(ms uint64) {
	h.s.OnTick(ms)
	h.m.onTick(ms)
}

// back has a clock put right that was ahead, by some slots.
func (h *history) back() {
	slots := uint64(rapid.IntRange(1, 6).Draw(h.t, "slots back"))
	ms := h.m.now - min(h.m.now, slots*h.w.spec.SlotDurationMs)
	for i := range h.s.tree.nodes {
		ms = max(ms, uint64(h.s.tree.nodes[i].slot)*h.w.spec.SlotDurationMs)
	}
	if h.s.SetBack(ms) {
		h.m.setBack(ms)
		h.seen["back"]++
	}
}

// confirm runs the fast confirmation rule; not where an invalid block is justified by now.
func (h *history) confirm() {
	if h.broken() {
		return
	}
	if err := h.s.OnFastConfirmation(); err != nil {
		h.t.Fatal(err)
	}
	h.m.onFastConfirmation()
	if h.s.fcr.ConfirmedRoot != h.s.finalized.Root {
		h.seen["confirmed"]++
	}
}

func (h *history) addBlock() {
	parent := h.block("parent")
	if rapid.IntRange(0, 2).Draw(h.t, "on head") > 0 {
		parent = h.m.head().Root
	}
	slot := max(h.w.known[parent].Slot+1, h.m.slot()-min(h.m.slot(), types.Slot(rapid.IntRange(0, 2).Draw(h.t, "age"))))
	b := h.w.extend(h.t, parent, slot, h.m.now)
	h.order = append(h.order, b.Root)
	h.same("block", h.s.OnBlock(b), h.m.onBlock(b))
	if h.s.boostRoot == b.Root {
		h.seen["boost"]++
	}
}

// healthy is a slot as it should be: a block on the head in time, its payload, votes of all for it, and the next slot.
func (h *history) healthy() {
	head := h.m.head()
	slot := h.m.slot()
	if h.w.known[head.Root].Slot < slot {
		b := h.w.extend(h.t, head.Root, slot, h.m.now)
		h.order = append(h.order, b.Root)
		if b.Execution != Irrelevant {
			b.Execution = h.last
		}
		err := h.s.OnBlock(b)
		h.same("block", err, h.m.onBlock(b))
		if err == nil {
			head.Root = b.Root
		}
		if err == nil && h.m.gloas(b.Root) {
			h.same("envelope", h.s.OnExecutionPayloadEnvelope(b.Root, h.last), h.m.onEnvelope(b.Root, h.last))
		}
	}
	h.advance((uint64(slot) + 1) * h.w.spec.SlotDurationMs)
	epoch := types.ComputeEpochAtSlot(h.w.spec, slot)
	a := &Attestation{
		Slot: slot, BlockRoot: head.Root, Attesting: []types.ValidatorIndex{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11},
		Target: types.Checkpoint{Epoch: epoch, Root: h.w.at(head.Root, types.Slot(uint64(epoch)*h.w.spec.SlotsPerEpoch))},
	}
	h.same("attestation", h.s.OnAttestation(a, false), h.m.onAttestation(a, false))
	h.confirm()
}

// lateBlock is a slot whose block comes too late to be voted for.
func (h *history) lateBlock() {
	head, slot := h.m.head(), h.m.slot()
	h.advance(max(h.m.now, uint64(slot)*h.w.spec.SlotDurationMs+5000))
	if h.w.known[head.Root].Slot < slot {
		b := h.w.extend(h.t, head.Root, slot, h.m.now)
		b.Arrived = h.m.now
		h.order = append(h.order, b.Root)
		h.same("block", h.s.OnBlock(b), h.m.onBlock(b))
	}
	h.advance((uint64(slot) + 1) * h.w.spec.SlotDurationMs)
	h.confirm()
	if !h.broken() {
		h.compare()
	}
}

func (h *history) attest() {
	root := h.block("vote")
	if rapid.Bool().Draw(h.t, "for the head") {
		root = h.m.head().Root
	}
	current := h.m.slot()
	slot := current - min(current, types.Slot(rapid.IntRange(0, 5).Draw(h.t, "slots ago")))
	epoch := types.ComputeEpochAtSlot(h.w.spec, slot)
	target := h.w.at(root, types.Slot(uint64(epoch)*h.w.spec.SlotsPerEpoch))
	if rapid.IntRange(0, 9).Draw(h.t, "wrong target") == 0 {
		target = h.block("target")
	}
	a := &Attestation{
		Slot: slot, Index: types.CommitteeIndex(rapid.SampledFrom([]uint64{0, 0, 0, 1, 1, 2}).Draw(h.t, "index")), BlockRoot: root,
		Target: types.Checkpoint{Epoch: epoch, Root: target},
	}
	for i := range worldValidators {
		if rapid.Bool().Draw(h.t, "attests") {
			a.Attesting = append(a.Attesting, types.ValidatorIndex(i))
		}
	}
	fromBlock := rapid.Bool().Draw(h.t, "from block")
	h.same("attestation", h.s.OnAttestation(a, fromBlock), h.m.onAttestation(a, fromBlock))
}

func (h *history) slash() {
	i := types.ValidatorIndex(rapid.IntRange(0, worldValidators-1).Draw(h.t, "slashed"))
	if len(h.m.equivocating) > 3 {
		return
	}
	h.same("slashing", h.s.OnAttesterSlashing([]types.ValidatorIndex{i}), nil)
	h.m.equivocating[i] = true
}

func (h *history) envelope() {
	root := h.block("payload of")
	e := rapid.SampledFrom([]Execution{Valid, Optimistic}).Draw(h.t, "payload")
	h.same("envelope", h.s.OnExecutionPayloadEnvelope(root, e), h.m.onEnvelope(root, e))
}

func (h *history) payloadVotes() {
	root := h.block("payload vote for")
	committee, _ := h.w.PayloadCommittee(root, h.w.known[root].Slot)
	fromBlock := rapid.Bool().Draw(h.t, "from block")
	for range rapid.IntRange(1, 5).Draw(h.t, "votes") {
		v := PayloadVote{
			Root: root, Slot: h.w.known[root].Slot, Validator: rapid.SampledFrom(committee).Draw(h.t, "member"),
			Present: rapid.Bool().Draw(h.t, "present"), DataAvailable: rapid.Bool().Draw(h.t, "available"),
		}
		if rapid.IntRange(0, 9).Draw(h.t, "stranger") == 0 {
			v.Validator = types.ValidatorIndex(rapid.IntRange(0, worldValidators).Draw(h.t, "who"))
		}
		h.same("payload vote", h.s.OnPayloadAttestationMessage(v, fromBlock), h.m.onPayloadVote(v, fromBlock))
	}
}

// payloadKnown tells whether the model has a payload of a block that the execution client can speak of.
func (h *history) payloadKnown(root types.Root) bool {
	b := h.m.blocks[root]
	return b != nil && b.Execution != Irrelevant
}

func (h *history) validate() {
	root := h.block("valid")
	if h.payloadKnown(root) && h.m.blocks[root].Execution != Invalid {
		h.same("valid payload", h.s.SetPayloadValid(root), nil)
		h.m.setValid(root)
	}
}

func (h *history) invalidate() {
	root := h.block("invalid")
	if !h.payloadKnown(root) {
		return
	}
	var latest *types.Hash32
	switch rapid.IntRange(0, 3).Draw(h.t, "latest valid") {
	case 0:
		latest = &types.Hash32{}
	case 1:
		hash := h.w.known[h.block("latest valid hash")].ExecutionBlockHash
		latest = &hash
	}
	if _, _, ok := h.s.tree.ancestor(h.s.tree.byRoot[root], Pending, 0); !ok && latest != nil && *latest == (types.Hash32{}) {
		return // The first payload of all is beyond the tree.
	}
	want := h.m.setInvalid(root, latest)
	_, err := h.s.SetPayloadInvalid(root, latest)
	if errors.Is(err, ErrJustifiedInvalid) {
		err = nil // All was done, and the history ends here.
	}
	h.same("invalid payload", err, want)
}

// broken tells whether the block of a checkpoint was invalidated. Only an operator can go on from there.
func (h *history) broken() bool {
	for _, c := range []types.Checkpoint{h.m.justified, h.m.finalized, h.m.unrealizedJustified, h.m.unrealizedFinalized} {
		if h.m.blocks[c.Root] == nil {
			return true
		}
	}
	return false
}

func (h *history) prune() {
	before := len(h.m.blocks)
	h.m.prune()
	for _, root := range h.s.Prune() {
		h.w.pruned[root] = true
	}
	if len(h.m.blocks) < before {
		h.seen["prune"]++
	}
}

func (h *history) reload() {
	s, err := Decode(h.cfg, h.s.Encode())
	if err != nil {
		h.t.Fatal(err)
	}
	h.s = s
	h.seen["reload"]++
}

// compare holds the store against the model.
func (h *history) compare() {
	t, s, m := h.t, h.s, h.m
	if s.justified != m.justified || s.finalized != m.finalized || s.unrealizedJustified != m.unrealizedJustified ||
		s.unrealizedFinalized != m.unrealizedFinalized || s.boostRoot != m.boost || s.fcr != m.fcr || s.now != m.now {
		t.Fatalf("store\n%+v %+v %+v %+v %v\n%+v\nmodel\n%+v %+v %+v %+v %v\n%+v", s.justified, s.finalized, s.unrealizedJustified, s.unrealizedFinalized,
			s.boostRoot, s.fcr, m.justified, m.finalized, m.unrealizedJustified, m.unrealizedFinalized, m.boost, m.fcr)
	}
	head, err := s.GetHead()
	if err != nil {
		t.Fatal(err)
	}
	if want := m.head(); head != want {
		t.Fatalf("head %v, the model's %v", head, want)
	}
	h.seen["head "+head.PayloadStatus.String()]++
	nodes, err := s.Nodes()
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range nodes {
		if want := m.weight(n.Node); n.Weight != want {
			t.Fatalf("weight of %v is %d, the model's %d", n.Node, n.Weight, want)
		}
	}
	leaves, want := 0, m.leaves()
	for _, n := range nodes {
		if weight, ok := want[n.Node]; n.Leaf != ok || ok && weight != n.Weight {
			t.Fatalf("leaf %v: %t, weight %d; the model has %t, %d", n.Node, n.Leaf, n.Weight, ok, weight)
		}
		if n.Leaf {
			leaves++
		}
	}
	if leaves != len(want) {
		t.Fatalf("%d leaves, the model has %d", leaves, len(want))
	}
	for _, root := range h.order {
		if s.Contains(root) != (m.blocks[root] != nil) {
			t.Fatalf("block %v: contained %t, in the model %t", root, s.Contains(root), m.blocks[root] != nil)
		}
	}
	h.compareNodes(head)
}

func (h *history) compareNodes(head Node) {
	t, s, m := h.t, h.s, h.m
	slot := s.GetCurrentSlot()
	have, err := s.GetProposerHead(head, slot)
	want, wantErr := m.proposerHead(head, slot)
	if (err == nil) != (wantErr == nil) || have != want {
		t.Fatalf("proposer head %v, %v; the model's %v, %v", have, err, want, wantErr)
	}
	if have != head && err == nil {
		h.seen["re-org"]++
	}
	for root, b := range m.blocks {
		for _, n := range []Node{{root, Pending}, m.own(root)} {
			chain := m.chain(n)
			if want := len(chain) > 0 && (chain[0].Execution == Optimistic || chain[0].Execution == Invalid); n.PayloadStatus != Full || m.verified(root) {
				if have := s.IsOptimisticAt(n); have != want {
					t.Fatalf("node %v: optimistic %t, in the model %t", n, have, want)
				}
			}
		}
		if info, _ := s.Block(root); info.Execution != b.Execution {
			t.Fatalf("block %v: payload %v, in the model %v", root, info.Execution, b.Execution)
		}
		if b.Slot+1 == slot && m.gloas(root) {
			if have, err := s.ShouldExtendPayload(root); err != nil || have != m.shouldExtend(root) {
				t.Fatalf("should_extend_payload of %v: %t, %v", root, have, err)
			}
		}
		if is, err := s.IsAncestor(head, Node{root, Pending}); err != nil || is != m.isAncestor(head, Node{root, Pending}) {
			t.Fatalf("%v is an ancestor of the head: %t, %v", root, is, err)
		}
	}
}

// A store and the model of the specification that go through the same history answer alike at every point of it: heads, weights,
// leaves, checkpoints, boost, payload statuses, confirmed blocks; and what one refuses the other does.
func TestStoreAnswersAsTheSpecification(t *testing.T) {
	for _, c := range []struct {
		name  string
		gloas types.Epoch
		want  []string
	}{
		{"fulu", params.FarFutureEpoch, []string{"head pending", "boost", "invalid payload", "re-org", "prune", "reload", "back", "confirmed"}},
		{"gloas", 0, []string{"head empty", "head full", "boost", "invalid payload", "re-org", "prune", "reload", "back", "payload vote", "confirmed"}},
		{"both", 2, []string{"head pending", "head empty", "head full", "boost", "prune", "confirmed"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			seen := coverage{}
			rapid.Check(t, func(rt *rapid.T) {
				w, cfg := newWorld(c.gloas)
				s, err := New(cfg)
				if err != nil {
					rt.Fatal(err)
				}
				h := &history{t: rt, w: w, cfg: cfg, s: s, m: newModel(cfg), order: []types.Root{cfg.Anchor.Root}, seen: seen}
				h.last = rapid.SampledFrom([]Execution{Valid, Optimistic}).Draw(rt, "execution client")
				events := []func(){
					h.healthy, h.healthy, h.healthy, h.healthy, h.healthy, h.healthy, h.healthy, h.lateBlock, h.tick, h.tick, h.tick, h.addBlock, h.addBlock, h.addBlock, h.attest, h.attest, h.attest, h.envelope, h.envelope,
					h.payloadVotes, h.validate, h.slash, h.invalidate, h.prune, h.reload, h.back,
				}
				for range rapid.IntRange(20, 110).Draw(rt, "events") {
					rapid.SampledFrom(events).Draw(rt, "event")()
					if h.broken() {
						if _, err := h.s.GetHead(); (err != nil) != (h.m.blocks[h.s.justified.Root] == nil) {
							rt.Fatalf("head without the justified block: %v", err)
						}
						return
					}
					if rapid.IntRange(0, 2).Draw(rt, "compare") == 0 {
						h.compare()
					}
				}
			})
			t.Logf("%v", seen)
			for _, what := range c.want {
				if seen[what] == 0 {
					t.Errorf("never happened: %s", what)
				}
			}
		})
	}
}
