package light

import (
	"testing"

	"github.com/cresset/cresset/beacon/bls"
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/types"
)

// testSpec has a fork every epoch of 8 slots up to Gloas at slot 40, all within the first sync committee period of 64 slots.
func testSpec(t testing.TB) *params.Spec {
	t.Helper()
	const schedule = `
ALTAIR_FORK_EPOCH: 0
BELLATRIX_FORK_EPOCH: 0
CAPELLA_FORK_EPOCH: 1
DENEB_FORK_EPOCH: 2
ELECTRA_FORK_EPOCH: 3
FULU_FORK_EPOCH: 4
GLOAS_FORK_EPOCH: 5
`
	spec, _, err := params.Minimal().Override([]byte(schedule))
	if err != nil {
		t.Fatal(err)
	}
	return spec
}

// chain makes blocks and states that have of a real chain what light clients look at.
type chain struct {
	t                     testing.TB
	spec                  *params.Spec
	genesisValidatorsRoot types.Root
}

func newChain(t testing.TB) *chain {
	return &chain{t: t, spec: testSpec(t), genesisValidatorsRoot: types.Root{1, 2, 3}}
}

// node is a block with its post state.
type node struct {
	block *types.SignedBeaconBlock
	state *types.BeaconState
	root  types.Root
}

func (c *chain) must(err error) {
	c.t.Helper()
	if err != nil {
		c.t.Fatal(err)
	}
}

// key is the secret key of a member of the sync committee of a period.
func (c *chain) key(period, member uint64) *bls.SecretKey {
	key, err := bls.SecretKeyFromUint64(1 + member + period*c.spec.SyncCommitteeSize)
	c.must(err)
	return key
}

func (c *chain) committee(period uint64) *ssz.Shared[types.SyncCommittee] {
	var sc types.SyncCommittee
	var keys []*bls.PublicKey
	for i := range c.spec.SyncCommitteeSize {
		keys = append(keys, c.key(period, i).PublicKey())
		sc.Pubkeys = append(sc.Pubkeys, keys[i].Bytes())
	}
	sc.AggregatePubkey = bls.SumPublicKeys(keys).Bytes()
	return ssz.Share(sc)
}

// sign is the signature of a header, in a block of a slot, by the first members of the slot's sync committee.
func (c *chain) sign(header *types.BeaconBlockHeader, slot types.Slot, members uint64) types.SyncAggregate {
	version := c.spec.ComputeForkVersion(types.ComputeEpochAtSlot(c.spec, slot-1))
	domain := types.ComputeDomain(params.DomainSyncCommittee(), version, c.genesisValidatorsRoot)
	message := types.ComputeSigningRoot(types.HashTreeRoot(header), domain)
	aggregate := types.SyncAggregate{SyncCommitteeBits: ssz.NewBitvector(c.spec.SyncCommitteeSize)}
	var signatures []*bls.Signature
	for i := range members {
		aggregate.SyncCommitteeBits.SetBitAt(i, true)
		signatures = append(signatures, c.key(types.ComputeSyncCommitteePeriodAtSlot(c.spec, slot), i).Sign(message[:]))
	}
	if members > 0 {
		sum, err := bls.AggregateSignatures(signatures)
		c.must(err)
		aggregate.SyncCommitteeSignature = sum.Bytes()
	}
	return aggregate
}

// add makes a block. The sync aggregate is of the first members, for the parent; a nil finalized block is genesis.
func (c *chain) add(slot types.Slot, parent, finalized *node, members uint64) *node {
	c.t.Helper()
	fork := c.spec.ForkAtSlot(slot)
	cx := ssz.Context{Spec: c.spec, Fork: fork}
	block := &types.SignedBeaconBlock{Message: types.BeaconBlock{Slot: slot, ProposerIndex: types.ValidatorIndex(slot)}}
	body := &block.Message.Body
	if parent != nil {
		header, err := parent.block.Message.Header(parent.state.Cx)
		c.must(err)
		block.Message.ParentRoot = parent.root
		body.SyncAggregate = c.sign(&header, slot, members)
	}
	hash := types.Hash32{byte(slot), 0xee}
	switch {
	case fork >= params.Gloas:
		body.SignedExecutionPayloadBid.Message.ParentBlockHash = hash
	case fork >= params.Bellatrix:
		body.ExecutionPayload.BlockHash = hash
		body.ExecutionPayload.Transactions = [][]byte{{1, 2, 3}}
		body.ExecutionPayload.ExtraData = []byte("extra")
	}
	if fork >= params.Capella && fork < params.Gloas {
		body.ExecutionPayload.Withdrawals = []types.Withdrawal{{Amount: 7}}
	}
	if fork >= params.Deneb && fork < params.Gloas {
		body.ExecutionPayload.BlobGasUsed = 131072
	}
	state := c.state(slot)
	if finalized != nil {
		state.FinalizedCheckpoint = types.Checkpoint{Epoch: types.ComputeEpochAtSlot(c.spec, finalized.block.Message.Slot), Root: finalized.root}
	}
	header, err := block.Message.Header(cx)
	c.must(err)
	state.LatestBlockHeader = header
	root, err := state.HashTreeRoot()
	c.must(err)
	block.Message.StateRoot, header.StateRoot = root, root
	return &node{block, state, types.HashTreeRoot(&header)}
}

// state is a state without validators, with the sync committees of its period.
func (c *chain) state(slot types.Slot) *types.BeaconState {
	s := types.NewBeaconState(c.spec, c.spec.ForkAtSlot(slot))
	s.Slot = slot
	s.BlockRoots.Zero(int(c.spec.SlotsPerHistoricalRoot))
	s.StateRoots.Zero(int(c.spec.SlotsPerHistoricalRoot))
	s.RandaoMixes.Zero(int(c.spec.EpochsPerHistoricalVector))
	s.Slashings.Zero(int(c.spec.EpochsPerSlashingsVector))
	if s.Since(params.Gloas) {
		s.BuilderPendingPayments.Fill(int(2 * c.spec.SlotsPerEpoch))
	}
	period := types.ComputeSyncCommitteePeriodAtSlot(c.spec, slot)
	s.CurrentSyncCommittee, s.NextSyncCommittee = c.committee(period), c.committee(period+1)
	return s
}

// update derives the update of a block whose parent is attested; a nil finalized block is not at hand.
func (c *chain) update(n, attested *node, finalized *types.SignedBeaconBlock) *types.LightClientUpdate {
	c.t.Helper()
	update, err := CreateLightClientUpdate(n.state, n.block, attested.state, attested.block, finalized)
	c.must(err)
	return update
}

// store begins at a block, in the form of a fork.
func (c *chain) store(n *node, form params.Fork) *LightClientStore {
	c.t.Helper()
	bootstrap, err := CreateLightClientBootstrap(n.state, n.block)
	c.must(err)
	bootstrap, err = UpgradeLCBootstrap(n.state.Cx, form, bootstrap)
	c.must(err)
	store, err := InitializeLightClientStore(ssz.Context{Spec: c.spec, Fork: form}, n.root, bootstrap)
	c.must(err)
	return store
}

// process upgrades an update to the store's form and processes it, one slot after it was signed.
func (c *chain) process(store *LightClientStore, update *types.LightClientUpdate) error {
	c.t.Helper()
	from := ssz.Context{Spec: c.spec, Fork: c.spec.ForkAtSlot(update.AttestedHeader.Beacon.Slot)}
	upgraded, err := UpgradeLCUpdate(from, store.Cx.Fork, update)
	c.must(err)
	return ProcessLightClientUpdate(store, upgraded, update.SignatureSlot+1, c.genesisValidatorsRoot)
}
