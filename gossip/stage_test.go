package gossip

import (
	"maps"
	"sync"
	"testing"

	"github.com/cresset/cresset/beacon/kzg"
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/simnet"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/synthetic"
	"github.com/cresset/cresset/beacon/transition"
	"github.com/cresset/cresset/beacon/types"
	"github.com/cresset/cresset/forkchoice"
)

// world is a network with a short chain: genesis and the blocks of slots 1 and 2.
type world struct {
	spec *params.Spec
	net  *simnet.Network
	keys synthetic.Keys
	tips []simnet.Tip
	// block is one of slot 3 on the last tip.
	block *types.SignedBeaconBlock
}

const genesisTime = 1_000_000

func makeWorld(spec *params.Spec, validators int) (*world, error) {
	net, err := simnet.New(spec, validators, genesisTime)
	if err != nil {
		return nil, err
	}
	keys, err := synthetic.NewKeys(1)
	if err != nil {
		return nil, err
	}
	w := &world{spec: spec, net: net, keys: keys, tips: []simnet.Tip{net.Genesis()}}
	for slot := types.Slot(1); slot <= 3; slot++ {
		tip := w.tips[len(w.tips)-1]
		if tip.Payload != nil {
			tip = tip.WithPayload()
		}
		block, next, err := net.Block(tip, slot, nil, "")
		if err != nil {
			return nil, err
		}
		if slot == 3 {
			w.block = block
			break
		}
		w.tips = append(w.tips, next)
	}
	return w, nil
}

var worlds = struct {
	sync.Mutex
	of map[params.Fork]*world
}{of: map[params.Fork]*world{}}

// worldOf gives the network of a fork, made once for all tests.
func worldOf(t testing.TB, fork params.Fork) *world {
	t.Helper()
	worlds.Lock()
	defer worlds.Unlock()
	if worlds.of[fork] == nil {
		spec, err := simnet.Spec(fork)
		check(t, err)
		w, err := makeWorld(spec, 64)
		check(t, err)
		worlds.of[fork] = w
	}
	return worlds.of[fork]
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// trustedSetup is loaded once.
var trustedSetup = sync.OnceValues(kzg.New)

// stage is a world seen by rules that have seen nothing yet.
type stage struct {
	t testing.TB
	*world
	fork  params.Fork
	view  *fakeView
	rules *Rules
	in    Arrival
	own   ownUpdates
}

// newStage is a stage in the given slot, half a slot after its start.
func newStage(t testing.TB, fork params.Fork, slot types.Slot) *stage {
	t.Helper()
	return stageOf(t, worldOf(t, fork), fork, slot)
}

func stageOf(t testing.TB, w *world, fork params.Fork, slot types.Slot) *stage {
	t.Helper()
	setup, err := trustedSetup()
	check(t, err)
	s := &stage{t: t, world: w, fork: fork, view: newFakeView(w)}
	s.in = Arrival{Now: uint64(slot)*w.spec.SlotDurationMs + w.spec.SlotDurationMs/2, Fork: fork}
	s.rules = New(Config{
		Spec: w.spec, GenesisTime: genesisTime, GenesisValidatorsRoot: s.head().State.GenesisValidatorsRoot,
		View: func() View { return s.view }, KZG: setup, LightClient: &s.own,
	})
	return s
}

func (s *stage) head() simnet.Tip { return s.tips[len(s.tips)-1] }

// sign is a validator's signature of an object's root.
func (s *stage) sign(kind types.DomainType, epoch types.Epoch, root types.Root, signers ...types.ValidatorIndex) types.BLSSignature {
	domain := types.ComputeDomain(kind, s.spec.ComputeForkVersion(epoch), s.head().State.GenesisValidatorsRoot)
	return s.signDomain(domain, root, signers...)
}

func (s *stage) signDomain(domain types.Domain, root types.Root, signers ...types.ValidatorIndex) types.BLSSignature {
	numbers := make([]uint64, len(signers))
	for i, v := range signers {
		numbers[i] = uint64(v)
	}
	return s.keys.SignAll(numbers, types.ComputeSigningRoot(root, domain))
}

func (s *stage) root(o ssz.Object) types.Root {
	root, err := ssz.HashTreeRoot(ssz.Context{Spec: s.spec, Fork: s.fork}, ssz.Container(o))
	check(s.t, err)
	return root
}

// changeHead puts another state in the place of the head's.
func (s *stage) changeHead(change func(*transition.State)) {
	state := s.view.headState.Copy()
	change(state)
	s.view.headState = state
	s.view.states[s.view.head.Root] = state
}

// story is a message and what becomes of it.
type story[M any] struct {
	name string
	// when sets the stage.
	when func(*stage)
	// change makes the message another one before it is signed, spoil after.
	change, spoil func(*stage, *M)
	// first is sent before, and accepted.
	first bool
	// firstChange is how the message that is sent before differs.
	firstChange func(*stage, *M)

	want Verdict
	rule Rule
	wait WaitKind
}

// topicTest is how messages of a topic are made and checked.
type topicTest[M any] struct {
	fork params.Fork
	slot types.Slot
	// make makes a valid message, changed before it is signed.
	make  func(*stage, func(*M)) *M
	check func(*stage, *M) Candidate
}

// tell runs stories, each on a stage of its own.
func (tt topicTest[M]) tell(t *testing.T, stories ...story[M]) {
	t.Helper()
	for _, st := range stories {
		t.Run(tt.fork.String()+"/"+st.name, func(t *testing.T) {
			s := newStage(t, tt.fork, tt.slot)
			tt.run(s, st)
		})
	}
}

func (tt topicTest[M]) run(s *stage, st story[M]) {
	s.t.Helper()
	if st.when != nil {
		st.when(s)
	}
	with := func(change func(*stage, *M)) func(*M) {
		return func(m *M) {
			if change != nil {
				change(s, m)
			}
		}
	}
	if st.first || st.firstChange != nil {
		if checked, d := tt.check(s, tt.make(s, with(st.firstChange))).Conclude(); d.Verdict != Accept || checked == nil {
			s.t.Fatalf("the message sent before: %v", d)
		}
	}
	m := tt.make(s, with(st.change))
	if st.spoil != nil {
		st.spoil(s, m)
	}
	checked, d := tt.check(s, m).Conclude()
	if d.Verdict != st.want || d.Rule != st.rule || d.Wait.Kind != st.wait {
		s.t.Fatalf("%v, waits for %v; want %v of the rule %q, waiting for %v", d, d.Wait.Kind, st.want, st.rule, st.wait)
	}
	if (checked != nil) != (st.want == Accept) {
		s.t.Fatalf("checked is %v with the verdict %v", checked, d.Verdict)
	}
	if st.want != Accept {
		return
	}
	// What was accepted once is ignored from then on.
	if _, again := tt.check(s, m).Conclude(); again.Verdict != Ignore {
		s.t.Fatalf("the second time: %v, want it ignored", again)
	}
}

// fakeView is a chain that is what a test says.
type fakeView struct {
	w         *world
	blocks    map[types.Root]Block
	states    map[types.Root]*transition.State
	bids      map[types.Root]*types.ExecutionPayloadBid
	finalized types.Checkpoint
	head      Head
	headState *transition.State
	dependent bool
	proposers map[types.Slot]types.ValidatorIndex
	shuffled  *transition.Shuffling // instead of one worked out for each question
	// lacks names the methods whose answer is not at hand.
	lacks map[string]bool
}

func newFakeView(w *world) *fakeView {
	v := &fakeView{
		w: w, blocks: map[types.Root]Block{}, states: map[types.Root]*transition.State{}, bids: map[types.Root]*types.ExecutionPayloadBid{},
		dependent: true, proposers: map[types.Slot]types.ValidatorIndex{}, lacks: map[string]bool{},
	}
	for i, tip := range w.tips {
		b := Block{Slot: tip.Slot, Execution: forkchoice.Valid, PayloadVerified: tip.Payload != nil}
		if i > 0 {
			b.ParentRoot = w.tips[i-1].Root
		}
		bid := tip.State.LatestExecutionPayloadBid
		b.ExecutionParentHash, b.ExecutionBlockHash = bid.ParentBlockHash, bid.BlockHash
		if !tip.State.Since(params.Gloas) {
			header := tip.State.LatestExecutionPayloadHeader
			b.ExecutionParentHash, b.ExecutionBlockHash = header.ParentHash, header.BlockHash
		}
		v.blocks[tip.Root], v.states[tip.Root], v.bids[tip.Root] = b, tip.State, &bid
		v.head = Head{Root: tip.Root, Block: b, PayloadStatus: forkchoice.Full, BuildOnFull: true}
		v.headState = tip.State
	}
	v.finalized.Root = w.tips[0].Root
	return v
}

// fail makes a block one that failed.
func (v *fakeView) fail(root types.Root) {
	b := v.blocks[root]
	b.Failed = true
	v.blocks[root] = b
}

// alter changes what is known of a block.
func (v *fakeView) alter(root types.Root, change func(*Block)) {
	b := v.blocks[root]
	change(&b)
	v.blocks[root] = b
	if v.head.Root == root {
		v.head.Block = b
	}
}

func (v *fakeView) Block(root types.Root) (Block, bool) {
	b, ok := v.blocks[root]
	return b, ok
}

func (v *fakeView) Ancestor(root types.Root, slot types.Slot) (types.Root, bool) {
	for {
		b, ok := v.blocks[root]
		if !ok {
			return types.Root{}, false
		}
		if b.Slot <= slot {
			return root, true
		}
		root = b.ParentRoot
	}
}

func (v *fakeView) Finalized() types.Checkpoint { return v.finalized }

func (v *fakeView) Shuffling(root types.Root, epoch types.Epoch) (*transition.Shuffling, bool) {
	if v.lacks["Shuffling"] || v.states[root] == nil {
		return nil, false
	}
	if v.shuffled != nil {
		return v.shuffled, true
	}
	sh, err := v.states[root].Copy().Shuffling(epoch)
	return sh, err == nil
}

func (v *fakeView) Proposer(root types.Root, slot types.Slot) (types.ValidatorIndex, bool) {
	if v.lacks["Proposer"] || v.states[root] == nil {
		return 0, false
	}
	if proposer, ok := v.proposers[slot]; ok {
		return proposer, true
	}
	s := v.states[root].Copy()
	if proposer, ok := s.Frozen().ProposerAt(slot); ok {
		return proposer, true
	}
	s.Slot = slot
	proposer, err := s.GetBeaconProposerIndex()
	return proposer, err == nil
}

func (v *fakeView) State(root types.Root, _ types.Epoch) (transition.Frozen, bool) {
	if v.lacks["State"] || v.states[root] == nil {
		return transition.Frozen{}, false
	}
	return v.states[root].Frozen(), true
}

func (v *fakeView) Bid(root types.Root) (*types.ExecutionPayloadBid, bool) {
	if v.lacks["Bid"] {
		return nil, false
	}
	bid, ok := v.bids[root]
	return bid, ok
}

func (v *fakeView) Head() Head { return v.head }

func (v *fakeView) HeadState() (transition.Frozen, bool) {
	if v.lacks["HeadState"] {
		return transition.Frozen{}, false
	}
	return v.headState.Frozen(), true
}

func (v *fakeView) IsDependent(types.Root, types.Slot) bool { return v.dependent }

// lacking makes a story's stage lack something.
func lacking(what string) func(*stage) {
	return func(s *stage) { s.view.lacks[what] = true }
}

// forgetting makes the stage know nothing of a tip.
func forgetting(tip int) func(*stage) {
	return func(s *stage) {
		s.view.blocks = maps.Clone(s.view.blocks)
		delete(s.view.blocks, s.tips[tip].Root)
	}
}

func failing(tip int) func(*stage) {
	return func(s *stage) { s.view.fail(s.tips[tip].Root) }
}

// finalizing moves the finalized checkpoint.
func finalizing(epoch types.Epoch, root types.Root) func(*stage) {
	return func(s *stage) { s.view.finalized = types.Checkpoint{Epoch: epoch, Root: root} }
}

// inSlot sets the time to so many milliseconds after, or before, the start of a slot.
func inSlot(slot types.Slot, offset int) func(*stage) {
	return func(s *stage) { s.in.Now = uint64(int(uint64(slot)*s.spec.SlotDurationMs) + offset) }
}

// flip breaks a signature so that it is still one of the curve: it becomes that of another message.
func (s *stage) wrong() types.BLSSignature {
	return s.keys.SignAll([]uint64{0}, types.Root{0xbb})
}

type ownUpdates struct {
	finality   *types.LightClientFinalityUpdate
	optimistic *types.LightClientOptimisticUpdate
}

func (o *ownUpdates) FinalityUpdate() *types.LightClientFinalityUpdate     { return o.finality }
func (o *ownUpdates) OptimisticUpdate() *types.LightClientOptimisticUpdate { return o.optimistic }
