package spectest

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/cresset/cresset/beacon/das"
	"github.com/cresset/cresset/beacon/kzg"
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/transition"
	"github.com/cresset/cresset/beacon/types"
	"github.com/cresset/cresset/forkchoice"
)

// smallChain plays the chain's part around a fork-choice store: it keeps every state, and an execution client that answers as the
// steps say.
type smallChain struct {
	t      *testing.T
	meta   meta
	spec   *params.Spec // of the transition
	store  *forkchoice.Store
	states map[types.Root]*transition.State
	engine map[types.Hash32]*payloadStatus
}

// newSmallChain is a chain that begins with the case's anchor.
func newSmallChain(t *testing.T, c *Case, cc *chainCase) *smallChain {
	t.Helper()
	state, err := transition.NewState(cc.Anchor, transition.NewEnv(nil))
	if err != nil {
		t.Fatal(err)
	}
	if root, err := state.HashTreeRoot(); err != nil || root != cc.Block.StateRoot {
		t.Fatalf("anchor state has root %v, the anchor block says %v; %v", root, cc.Block.StateRoot, err)
	}
	chain := &smallChain{
		t: t, meta: cc.meta, spec: c.Spec(), states: map[types.Root]*transition.State{}, engine: map[types.Hash32]*payloadStatus{},
	}
	header, err := cc.Block.Header(cc.cx)
	if err != nil {
		t.Fatal(err)
	}
	root := types.HashTreeRoot(&header)
	chain.states[root] = state
	anchor := chain.describe(cc.Block, root, state)
	if c.Fork < params.Gloas && anchor.ExecutionBlockHash != (types.Hash32{}) {
		anchor.Execution = forkchoice.Valid
	}
	chain.store, err = forkchoice.New(forkchoice.Config{
		Spec: scheduled(c.Spec(), c.Fork), GenesisTime: state.GenesisTime, Anchor: *anchor, States: chain,
	})
	if err != nil {
		t.Fatal(err)
	}
	return chain
}

// verify checks the signatures that were collected, if signatures count.
func verify(h transition.Hooks) error {
	if h.Signatures == nil {
		return nil
	}
	return h.Signatures.Verify()
}

// describe is what fork choice is told of a block, without its checkpoints to come.
func (c *smallChain) describe(block *types.BeaconBlock, root types.Root, post *transition.State) *forkchoice.Block {
	b := &forkchoice.Block{
		Slot: block.Slot, Root: root, ParentRoot: block.ParentRoot, StateRoot: block.StateRoot, ProposerIndex: block.ProposerIndex,
		ExecutionParentHash: block.Body.ExecutionPayload.ParentHash, ExecutionBlockHash: block.Body.ExecutionPayload.BlockHash,
		JustifiedCheckpoint: post.CurrentJustifiedCheckpoint, FinalizedCheckpoint: post.FinalizedCheckpoint,
	}
	if post.Since(params.Gloas) {
		bid := &block.Body.SignedExecutionPayloadBid.Message
		b.ExecutionParentHash, b.ExecutionBlockHash = bid.ParentBlockHash, bid.BlockHash
	}
	return b
}

// Balances implements forkchoice.States.
func (c *smallChain) Balances(checkpoint types.Checkpoint) (*forkchoice.Balances, error) {
	state := c.states[checkpoint.Root]
	if state == nil {
		return nil, fmt.Errorf("no state of block %v", checkpoint.Root)
	}
	if state.GetCurrentEpoch() < checkpoint.Epoch {
		state = state.Copy()
		start, err := types.ComputeStartSlotAtEpoch(c.spec, checkpoint.Epoch)
		if err != nil {
			return nil, err
		}
		if err := transition.ProcessSlots(state, start); err != nil {
			return nil, err
		}
	}
	balances, epoch := forkchoice.NewBalances(c.spec, state.Validators.Len()), state.GetCurrentEpoch()
	for i := range state.Validators.Len() {
		v := state.Validators.At(types.ValidatorIndex(i))
		if err := balances.Append(v.EffectiveBalance, transition.IsActiveValidator(&v, epoch), v.Slashed); err != nil {
			return nil, err
		}
	}
	if have, want := balances.TotalActiveBalance(), state.GetTotalActiveBalance(); have != want {
		return nil, fmt.Errorf("total active balance is %d, the state's %d", have, want)
	}
	return balances, nil
}

// Committee implements forkchoice.States.
func (c *smallChain) Committee(root types.Root, slot types.Slot) ([]uint32, error) {
	shuffling, err := c.states[root].Shuffling(types.ComputeEpochAtSlot(c.spec, slot))
	if err != nil {
		return nil, err
	}
	return shuffling.SlotCommittees(slot), nil
}

// PayloadCommittee implements forkchoice.States.
func (c *smallChain) PayloadCommittee(root types.Root, slot types.Slot) ([]types.ValidatorIndex, error) {
	return c.states[root].GetPTC(slot)
}

// Tick implements chainDriver.
func (c *smallChain) Tick(seconds uint64) error {
	c.store.OnTick(params.SecondsToMilliseconds(seconds - c.store.GenesisTime()))
	return nil
}

// Payload implements chainDriver.
func (c *smallChain) Payload(hash types.Hash32, status *payloadStatus) { c.engine[hash] = status }

// ask asks the execution client about a payload. A client without an answer has validated it.
func (c *smallChain) ask(hash types.Hash32, parent forkchoice.Node) (forkchoice.Execution, error) {
	status := c.engine[hash]
	if status == nil {
		return forkchoice.Valid, nil
	}
	switch status.Status {
	case "VALID":
		return forkchoice.Valid, nil
	case "SYNCING", "ACCEPTED":
		return forkchoice.Optimistic, nil
	case "INVALID", "INVALID_BLOCK_HASH":
		if _, err := c.store.SetChildPayloadInvalid(parent, status.latestValid()); err != nil {
			c.t.Fatalf("invalidate what %v builds on: %v", hash, err)
		}
		return forkchoice.Invalid, fmt.Errorf("payload %v is %s: %s", hash, status.Status, status.ValidationError)
	}
	c.t.Fatalf("payload status %q", status.Status)
	return forkchoice.Invalid, nil
}

// Block implements chainDriver: it imports a block with all votes in it.
func (c *smallChain) Block(signed *types.SignedBeaconBlock, columns []*types.DataColumnSidecar, available bool) error {
	block := &signed.Message
	parent := c.states[block.ParentRoot]
	if parent == nil {
		return fmt.Errorf("no state of parent %v", block.ParentRoot)
	}
	post := parent.Copy()
	if err := c.store.CheckBlock(block.Slot, block.ParentRoot, block.Body.SignedExecutionPayloadBid.Message.ParentBlockHash); err != nil {
		return err
	}
	hooks := transition.Hooks{Signatures: c.meta.signatures()}
	request, err := transition.StateTransition(post, signed, hooks)
	if err != nil {
		return err
	}
	if err := verify(hooks); err != nil {
		return err
	}
	header, err := block.Header(post.Cx)
	if err != nil {
		return err
	}
	root := types.HashTreeRoot(&header)
	b := c.describe(block, root, post)
	if request != nil {
		if err := verifyColumns(c.t, post, block.Body.BlobKZGCommitments, columns, available); err != nil {
			return err
		}
		parent := forkchoice.Node{Root: block.ParentRoot, PayloadStatus: forkchoice.Pending}
		if b.Execution, err = c.ask(b.ExecutionBlockHash, parent); err != nil {
			return err
		}
	}
	return c.apply(block, b, post)
}

// apply hands a verified block to the store, and the votes in it.
func (c *smallChain) apply(block *types.BeaconBlock, b *forkchoice.Block, post *transition.State) error {
	pulledUp := post.Copy()
	if err := transition.ProcessJustificationAndFinalization(pulledUp); err != nil {
		return err
	}
	b.UnrealizedJustified, b.UnrealizedFinalized = pulledUp.CurrentJustifiedCheckpoint, pulledUp.FinalizedCheckpoint
	b.Arrived = c.store.Time()
	c.states[b.Root] = post
	if err := c.store.OnBlock(b); err != nil {
		return err
	}
	for i := range block.Body.Attestations {
		a := &block.Body.Attestations[i]
		if err := c.vote(post, a, true); err != nil {
			return fmt.Errorf("attestation %d of the block: %w", i, err)
		}
	}
	for i := range block.Body.AttesterSlashings {
		if err := c.slash(&block.Body.AttesterSlashings[i]); err != nil {
			return err
		}
	}
	for i := range block.Body.PayloadAttestations {
		if err := c.payloadVotes(post, &block.Body.PayloadAttestations[i]); err != nil {
			return err
		}
	}
	return nil
}

// vote hands a vote to the store whose attesters a state knows.
func (c *smallChain) vote(state *transition.State, a *types.Attestation, fromBlock bool) error {
	attesting, err := state.GetAttestingIndices(a)
	if err != nil {
		return err
	}
	return c.store.OnAttestation(&forkchoice.Attestation{
		Slot: a.Data.Slot, Index: a.Data.Index, BlockRoot: a.Data.BeaconBlockRoot, Target: a.Data.Target, Attesting: attesting,
	}, fromBlock)
}

// Attestation implements chainDriver.
func (c *smallChain) Attestation(a *types.Attestation) error {
	state := c.states[a.Data.Target.Root]
	if state == nil {
		return fmt.Errorf("no state of target %v", a.Data.Target.Root)
	}
	state = state.Copy()
	start, err := types.ComputeStartSlotAtEpoch(c.spec, a.Data.Target.Epoch)
	if err != nil {
		return err
	}
	if state.Slot < start {
		if start > c.store.GetCurrentSlot()+types.Slot(c.spec.SlotsPerEpoch) {
			return fmt.Errorf("target %d is far in the future", a.Data.Target.Epoch)
		}
		if err := transition.ProcessSlots(state, start); err != nil {
			return err
		}
	}
	indexed, err := state.GetIndexedAttestation(a)
	if err != nil {
		return err
	}
	hooks := transition.Hooks{Signatures: c.meta.signatures()}
	if err := transition.IsValidIndexedAttestation(state, indexed, hooks); err != nil {
		return err
	}
	if err := verify(hooks); err != nil {
		return err
	}
	return c.vote(state, a, false)
}

// AttesterSlashing implements chainDriver.
func (c *smallChain) AttesterSlashing(a *types.AttesterSlashing) error {
	if !transition.IsSlashableAttestationData(&a.Attestation1.Data, &a.Attestation2.Data) {
		return errors.New("the votes do not contradict each other")
	}
	state := c.states[c.store.JustifiedCheckpoint().Root]
	hooks := transition.Hooks{Signatures: c.meta.signatures()}
	for _, indexed := range []*types.IndexedAttestation{&a.Attestation1, &a.Attestation2} {
		if err := transition.IsValidIndexedAttestation(state, indexed, hooks); err != nil {
			return err
		}
	}
	if err := verify(hooks); err != nil {
		return err
	}
	return c.slash(a)
}

func (c *smallChain) slash(a *types.AttesterSlashing) error {
	both := slices.DeleteFunc(slices.Clone(a.Attestation1.AttestingIndices), func(i types.ValidatorIndex) bool {
		return !slices.Contains(a.Attestation2.AttestingIndices, i)
	})
	return c.store.OnAttesterSlashing(both)
}

// Envelope implements chainDriver.
func (c *smallChain) Envelope(signed *types.SignedExecutionPayloadEnvelope, columns []*types.DataColumnSidecar, available bool) error {
	root := signed.Message.BeaconBlockRoot
	state := c.states[root]
	if state == nil {
		return fmt.Errorf("no state of block %v", root)
	}
	if err := verifyColumns(c.t, state, state.LatestExecutionPayloadBid.BlobKZGCommitments, columns, available); err != nil {
		return err
	}
	hooks := transition.Hooks{Signatures: c.meta.signatures()}
	request, err := transition.VerifyExecutionPayloadEnvelope(state, signed, hooks)
	if err != nil {
		return err
	}
	if err := verify(hooks); err != nil {
		return err
	}
	info, ok := c.store.Block(root)
	if !ok {
		return fmt.Errorf("block %v is not in the store", root)
	}
	parent := forkchoice.Node{Root: info.ParentRoot, PayloadStatus: info.ParentStatus}
	execution, err := c.ask(request.ExecutionPayload.BlockHash, parent)
	if err != nil {
		return err
	}
	return c.store.OnExecutionPayloadEnvelope(root, execution)
}

// PayloadAttestation implements chainDriver.
func (c *smallChain) PayloadAttestation(m *types.PayloadAttestationMessage) error {
	state := c.states[m.Data.BeaconBlockRoot]
	if state != nil && m.Data.Slot == state.Slot {
		indexed := &types.IndexedPayloadAttestation{AttestingIndices: []types.ValidatorIndex{m.ValidatorIndex}, Data: m.Data, Signature: m.Signature}
		hooks := transition.Hooks{Signatures: c.meta.signatures()}
		if err := transition.IsValidIndexedPayloadAttestation(state, indexed, hooks); err != nil {
			return err
		}
		if err := verify(hooks); err != nil {
			return err
		}
	}
	return c.store.OnPayloadAttestationMessage(payloadVote(&m.Data, m.ValidatorIndex), false)
}

// payloadVotes hands the payload votes in a block to the store. Spec: notify_ptc_messages (gloas).
func (c *smallChain) payloadVotes(state *transition.State, a *types.PayloadAttestation) error {
	if state.Slot == 0 {
		return nil
	}
	indexed, err := state.GetIndexedPayloadAttestation(a)
	if err != nil {
		return err
	}
	for _, i := range indexed.AttestingIndices {
		if err := c.store.OnPayloadAttestationMessage(payloadVote(&a.Data, i), true); err != nil {
			return err
		}
	}
	return nil
}

func payloadVote(data *types.PayloadAttestationData, i types.ValidatorIndex) forkchoice.PayloadVote {
	return forkchoice.PayloadVote{
		Root: data.BeaconBlockRoot, Slot: data.Slot, Validator: i, Present: data.PayloadPresent, DataAvailable: data.BlobDataAvailable,
	}
}

// verifyColumns is is_data_available of what a step hands over. Spec: is_data_available (fulu; modified gloas).
func verifyColumns(t *testing.T, state *transition.State, commitments []types.KZGCommitment, columns []*types.DataColumnSidecar, available bool) error {
	if !available {
		return errors.New("the data is not available")
	}
	setup, err := kzg.New()
	if err != nil {
		t.Fatal(err)
	}
	for _, column := range columns {
		of := commitments
		if !state.Since(params.Gloas) {
			of = column.KZGCommitments
		}
		if err := das.VerifyDataColumnSidecar(state.Cx, column, of); err != nil {
			return err
		}
		if err := das.VerifyDataColumnSidecarKZGProofs(setup, column, of); err != nil {
			return err
		}
	}
	return nil
}

// runForkChoice runs a case of fork_choice, fast_confirmation or sync. Format: tests/formats of these names.
func runForkChoice(t *testing.T, c *Case) {
	cc := readChainCase(t, c)
	chain := newSmallChain(t, c, cc)
	cc.run(t, c, chain, chain.check)
}

type wantedHead struct {
	Slot          types.Slot                `yaml:"slot"`
	Root          hexBytes                  `yaml:"root"`
	PayloadStatus *forkchoice.PayloadStatus `yaml:"payload_status"`
}

type wantedCheckpoint struct {
	Epoch types.Epoch `yaml:"epoch"`
	Root  hexBytes    `yaml:"root"`
}

type wantedVotes struct {
	BlockRoot hexBytes `yaml:"block_root"`
	Votes     []*bool  `yaml:"votes"`
}

type wantedLeaf struct {
	Root          hexBytes                  `yaml:"root"`
	Weight        types.Gwei                `yaml:"weight"`
	PayloadStatus *forkchoice.PayloadStatus `yaml:"payload_status"`
}

// check holds one value of the store against what a step expects.
func (c *smallChain) check(name string, want *yaml.Node) error {
	s := c.store
	switch name {
	case "head":
		head, err := s.GetHead()
		if err != nil {
			return err
		}
		return c.checkHead(head, want)
	case "time":
		return compareYAML(want, s.GenesisTime()+s.Time()/1000)
	case "genesis_time":
		return compareYAML(want, s.GenesisTime())
	case "justified_checkpoint":
		return checkCheckpoint(want, s.JustifiedCheckpoint())
	case "finalized_checkpoint":
		return checkCheckpoint(want, s.FinalizedCheckpoint())
	case "proposer_boost_root":
		return checkRoot(want, s.ProposerBoostRoot())
	case "get_proposer_head":
		head, err := s.GetHead()
		if err != nil {
			return err
		}
		node, err := s.GetProposerHead(head, s.GetCurrentSlot())
		if err != nil {
			return err
		}
		return checkRoot(want, node.Root)
	case "viable_for_head_roots_and_weights":
		return c.checkLeaves(want)
	case "payload_timeliness_vote", "payload_data_availability_vote":
		return c.checkVotes(name, want)
	}
	return c.checkFastConfirmation(name, want)
}

func (c *smallChain) checkHead(head forkchoice.Node, want *yaml.Node) error {
	var w wantedHead
	if err := want.Decode(&w); err != nil {
		return err
	}
	info, ok := c.store.Block(head.Root)
	if !ok || info.Slot != w.Slot || !bytes.Equal(head.Root[:], w.Root) {
		return fmt.Errorf("slot %d, %v, want slot %d, %x", info.Slot, head.Root, w.Slot, w.Root)
	}
	if w.PayloadStatus != nil && head.PayloadStatus != *w.PayloadStatus {
		return fmt.Errorf("payload status %v, want %v", head.PayloadStatus, *w.PayloadStatus)
	}
	return nil
}

func (c *smallChain) checkLeaves(want *yaml.Node) error {
	var w []wantedLeaf
	if err := want.Decode(&w); err != nil {
		return err
	}
	leaves, err := c.store.ViableLeaves()
	if err != nil {
		return err
	}
	for _, leaf := range w {
		i := slices.IndexFunc(leaves, func(n forkchoice.NodeInfo) bool {
			return bytes.Equal(n.Root[:], leaf.Root) && n.Weight == leaf.Weight && (leaf.PayloadStatus == nil || n.PayloadStatus == *leaf.PayloadStatus)
		})
		if i < 0 {
			return fmt.Errorf("no leaf %x with weight %d among %+v", leaf.Root, leaf.Weight, leaves)
		}
	}
	if len(leaves) != len(w) {
		return fmt.Errorf("%d leaves, want %d: %+v", len(leaves), len(w), leaves)
	}
	return nil
}

func (c *smallChain) checkVotes(name string, want *yaml.Node) error {
	var w wantedVotes
	if err := want.Decode(&w); err != nil {
		return err
	}
	votes, available, err := c.store.PayloadVotes(types.Root(w.BlockRoot))
	if err != nil {
		return err
	}
	if name == "payload_data_availability_vote" {
		votes = available
	}
	same := func(a, b *bool) bool { return (a == nil) == (b == nil) && (a == nil || *a == *b) }
	if !slices.EqualFunc(votes, w.Votes, same) {
		return fmt.Errorf("votes of block %x differ", w.BlockRoot)
	}
	return nil
}

func checkCheckpoint(want *yaml.Node, have types.Checkpoint) error {
	var w wantedCheckpoint
	if err := want.Decode(&w); err != nil {
		return err
	}
	if have.Epoch != w.Epoch || !bytes.Equal(have.Root[:], w.Root) {
		return fmt.Errorf("epoch %d, %v, want epoch %d, %x", have.Epoch, have.Root, w.Epoch, w.Root)
	}
	return nil
}

func checkRoot[R ~[32]byte](want *yaml.Node, have R) error {
	var w hexBytes
	if err := want.Decode(&w); err != nil {
		return err
	}
	if !bytes.Equal(have[:], w) {
		return fmt.Errorf("%x, want %x", have, []byte(w))
	}
	return nil
}

func compareYAML[T comparable](want *yaml.Node, have T) error {
	var w T
	if err := want.Decode(&w); err != nil {
		return err
	}
	if have != w {
		return fmt.Errorf("%v, want %v", have, w)
	}
	return nil
}
