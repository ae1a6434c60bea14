package api

import (
	"errors"
	"net/http"

	"github.com/cresset/cresset/beacon/chain"
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/pool"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/types"
	"github.com/cresset/cresset/forkchoice"
)

// requiredRoot gives the root in a field of the query that must be there.
func (c *call) requiredRoot(field string) (types.Root, error) {
	text, _, err := c.one(field)
	if err != nil {
		return types.Root{}, err
	}
	root, ok := parseRoot(text)
	if !ok {
		return root, invalid(field, text, "0x and 64 hex digits")
	}
	return root, nil
}

// attestationData answers what a validator votes for in a slot. It looks at nothing but what is in memory. Spec: produceAttestationData.
func (c *call) attestationData() error {
	number, err := c.required("slot")
	if err != nil {
		return err
	}
	index, indexed, err := c.number("committee_index")
	if err != nil {
		return err
	}
	slot, spec := types.Slot(number), c.s.cfg.Spec
	d, err := c.duties()
	if err != nil {
		return err
	}
	if err := c.checkVoteSlot(slot); err != nil {
		return err
	}
	data, err := c.vote(d, slot)
	if err != nil {
		return err
	}
	if fork := spec.ForkAtSlot(slot); fork < params.Electra {
		if !indexed {
			return fail(http.StatusBadRequest, "Invalid committee_index: it is missing, want a decimal number")
		}
		shuffling, err := c.shuffling(d, data.Target.Epoch)
		if err != nil {
			return err
		}
		if index >= shuffling.CommitteesPerSlot {
			return fail(http.StatusBadRequest, "Invalid committee_index: %d, a slot of epoch %d has %d committees", index, data.Target.Epoch, shuffling.CommitteesPerSlot)
		}
		data.Index = types.CommitteeIndex(index)
	}
	return c.value(meta{}, c.context(spec.ForkAtSlot(slot)), ssz.Container(data))
}

// checkVoteSlot refuses slots that have not begun by any honest clock, and those of epochs that are over.
func (c *call) checkVoteSlot(slot types.Slot) error {
	clock, spec := c.n.Chain.Clock(), c.s.cfg.Spec
	now := clock.CurrentSlot()
	latest := types.Slot((clock.MillisecondsSinceGenesis() + spec.MaximumGossipClockDisparity) / spec.SlotDurationMs)
	if slot > max(now, latest) {
		return fail(http.StatusBadRequest, "Invalid slot: %d has not begun, it is slot %d", slot, now)
	}
	if oldest, err := c.startOf(types.ComputeEpochAtSlot(spec, now)); err != nil || slot < oldest {
		return fail(http.StatusBadRequest, "Invalid slot: %d is of an epoch that is over, it is slot %d", slot, now)
	}
	return nil
}

// vote is the vote of a slot by the head's chain. Spec: "Construct attestation" (phase0/validator.md; modified electra, gloas).
func (c *call) vote(d dutyView, slot types.Slot) (*types.AttestationData, error) {
	epoch := types.ComputeEpochAtSlot(c.s.cfg.Spec, slot)
	start, err := c.startOf(epoch)
	if err != nil {
		return nil, err
	}
	block := d.snapshot.Head.AncestorAt(slot)
	if block == nil {
		return nil, busy(1, "The head of slot %d is far ahead of slot %d", d.snapshot.Head.Slot, slot)
	}
	// Spec: "A 503 error must be returned if the block identified by the response beacon_block_root is optimistic".
	if err := c.verified(d.snapshot, block); err != nil {
		return nil, err
	}
	target := block
	if block.Slot > start {
		if target = block.AncestorAt(start); target == nil {
			return nil, busy(1, "The block of the beginning of epoch %d is not in memory", epoch)
		}
	}
	if err := c.notLeftBehind(block, slot, start); err != nil {
		return nil, err
	}
	state, err := c.frozen(d, epoch)
	if err != nil {
		return nil, err
	}
	data := &types.AttestationData{
		Slot: slot, BeaconBlockRoot: block.Root, Source: state.CurrentJustified(), Target: types.Checkpoint{Epoch: epoch, Root: target.Root},
	}
	// From Gloas on the index says that the payload of an earlier block is there.
	if c.s.cfg.Spec.ForkAtSlot(slot) >= params.Gloas && block == d.snapshot.Head && d.snapshot.HeadPayload == forkchoice.Full && block.Slot < slot {
		data.Index = 1
	}
	return data, nil
}

// verified refuses to say anything that would be signed about a block whose payload, or whose ancestors', the execution client has not verified.
func (c *call) verified(s *chain.Snapshot, block *chain.Block) error {
	if block != nil && c.optimistic(s, block) {
		return busy(1, "The execution client has not verified block %v of slot %d yet", block.Root, block.Slot)
	}
	return nil
}

// engineGrace is for how many slots votes go to the last verified block while blocks on top of it wait for the execution client: one is restarted in less.
const engineGrace = 4

// notLeftBehind refuses a vote for a block on top of which there are others that only lack an answer of the execution client, if they would change the vote's target, or
// have waited for long: a node whose execution client answers knows better, and whoever has voted for a wrong target cannot vote for the right one any more.
// Without such blocks the last verified block is the one to vote for. Spec: "Attesting" (sync/optimistic.md).
func (c *call) notLeftBehind(block *chain.Block, slot, start types.Slot) error {
	oldest, waits := c.n.Chain.WaitsForEngine(block)
	if !waits || oldest > start && oldest+engineGrace >= slot {
		return nil
	}
	return busy(1, "The execution client does not answer: block %v of slot %d is verified, but not those since slot %d that build on it", block.Root, block.Slot, oldest)
}

// aggregates is who sums up votes.
func (c *call) aggregates() (Aggregates, error) {
	if err := c.synced(); err != nil {
		return nil, err
	}
	if c.n.Aggregates == nil {
		return nil, busy(0, "The node pools no votes")
	}
	return c.n.Aggregates, nil
}

// aggregateAttestation answers with the best aggregate of the votes for something. Spec: getAggregatedAttestationV2.
func (c *call) aggregateAttestation() error {
	root, err := c.requiredRoot("attestation_data_root")
	if err != nil {
		return err
	}
	slot, err := c.required("slot")
	if err != nil {
		return err
	}
	committee, err := c.required("committee_index")
	if err != nil {
		return err
	}
	votes, err := c.aggregates()
	if err != nil {
		return err
	}
	best, err := votes.AggregateAttestation(types.Slot(slot), root, types.CommitteeIndex(committee))
	if errors.Is(err, pool.ErrNone) {
		return notFound("No attestation is known with data root %v of slot %d and committee %d", root, slot, committee)
	}
	if err != nil {
		return err
	}
	if err := c.verified(c.n.Chain.Snapshot(), c.n.Chain.Block(best.Data.BeaconBlockRoot)); err != nil {
		return err
	}
	fork := c.s.cfg.Spec.ForkAtSlot(best.Data.Slot)
	return c.value(withFork(fork), c.context(fork), ssz.Container(best))
}

// syncContribution answers with the best sum of a subcommittee's messages. Spec: produceSyncCommitteeContribution.
func (c *call) syncContribution() error {
	slot, err := c.required("slot")
	if err != nil {
		return err
	}
	subcommittee, err := c.required("subcommittee_index")
	if err != nil {
		return err
	}
	if subcommittee >= params.SyncCommitteeSubnetCount {
		return fail(http.StatusBadRequest, "Invalid subcommittee_index: %d, there are %d", subcommittee, uint64(params.SyncCommitteeSubnetCount))
	}
	root, err := c.requiredRoot("beacon_block_root")
	if err != nil {
		return err
	}
	votes, err := c.aggregates()
	if err != nil {
		return err
	}
	if err := c.verified(c.n.Chain.Snapshot(), c.n.Chain.Block(root)); err != nil {
		return err
	}
	best, err := votes.SyncContribution(types.Slot(slot), root, subcommittee)
	if errors.Is(err, pool.ErrNone) {
		return notFound("No sync committee message is known for block %v in slot %d and subcommittee %d", root, slot, subcommittee)
	}
	if err != nil {
		return err
	}
	return c.value(meta{}, c.context(c.s.cfg.Spec.ForkAtSlot(types.Slot(slot))), ssz.Container(best))
}

// liveness answers whether votes of validators were heard, in gossip or in blocks. Spec: getLiveness.
func (c *call) liveness() error {
	epoch, err := c.pathEpoch()
	if err != nil {
		return err
	}
	indices, err := c.bodyIndices()
	if err != nil {
		return err
	}
	d, err := c.duties()
	if err != nil {
		return err
	}
	if epoch > d.now || epoch+1 < d.now {
		return fail(http.StatusBadRequest, "Invalid epoch: %d, votes are remembered of epoch %d and the one before", epoch, d.now)
	}
	state, err := c.frozen(d, d.now)
	if err != nil {
		return err
	}
	type answer struct {
		Index string `json:"index"`
		Live  bool   `json:"is_live"`
	}
	list := make([]answer, len(indices))
	for k, i := range indices {
		heard := c.n.Witness != nil && c.n.Witness.Attested(epoch, i)
		list[k] = answer{decimal(i), heard || state.Participated(epoch, i)}
	}
	return c.data(meta{}, list)
}
