package api

import (
	"errors"
	"slices"
	"strconv"

	"github.com/cresset/cresset/beacon/chain"
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/store"
	"github.com/cresset/cresset/beacon/transition"
	"github.com/cresset/cresset/beacon/types"
)

// blockRecord is what a block pays, as the transition reports it.
type blockRecord struct {
	proposer [4]types.Gwei // by source
	members  []memberReward
}

type memberReward struct {
	index           types.ValidatorIndex
	reward, penalty types.Gwei
}

// BlockReward implements transition.RewardReporter.
func (r *blockRecord) BlockReward(source transition.RewardSource, amount types.Gwei) {
	r.proposer[source] += amount
}

// SyncCommitteeReward implements transition.RewardReporter.
func (r *blockRecord) SyncCommitteeReward(index types.ValidatorIndex, reward, penalty types.Gwei) {
	r.members = append(r.members, memberReward{index, reward, penalty})
}

// AttestationReward implements transition.RewardReporter. A block ends no epoch.
func (r *blockRecord) AttestationReward(types.ValidatorIndex, transition.AttestationDuty, types.Gwei, types.Gwei) {
}

// replay applies the block that the path names to the state that it builds on, and listens to what it pays.
func (c *call) replay() (*blockRef, *types.SignedBeaconBlock, *transition.State, *blockRecord, error) {
	ref, signed, _, err := c.namedBlock()
	if err != nil {
		return nil, nil, nil, nil, err
	}
	record := new(blockRecord)
	if ref.Slot == params.GenesisSlot { // nobody made it, it pays nothing
		return ref, signed, nil, record, nil
	}
	s, err := c.parentState(ref, signed)
	if err != nil {
		return nil, nil, nil, nil, err
	}
	if _, err := transition.ProcessBlock(s, &signed.Message, transition.Hooks{Rewards: record}); err != nil {
		return nil, nil, nil, nil, err
	}
	return ref, signed, s, record, nil
}

// parentState is the state that a block is applied to.
func (c *call) parentState(ref *blockRef, signed *types.SignedBeaconBlock) (*transition.State, error) {
	unknown := notFound("Required state not found: the state that block %v of slot %d builds on is not kept", ref.Root, ref.Slot)
	parent := signed.Message.ParentRoot
	at := store.SlotRoot{Root: parent}
	block := c.n.Chain.Block(parent)
	switch {
	case block != nil:
		at.Slot = block.Slot
	case !ref.canonical:
		return nil, unknown // of a branch that lost
	default:
		before, err := c.n.Chain.CanonicalAt(c.n.Chain.Snapshot(), ref.Slot-1)
		if errors.Is(err, chain.ErrUnknownBlock) || err == nil && before.Root != parent {
			return nil, unknown
		}
		if err != nil {
			return nil, err
		}
		at = before
	}
	s, _, err := c.load(&stateRef{at, ref.Slot, block, c.n.Chain.Snapshot()})
	if errors.Is(err, chain.ErrUnknownBlock) {
		return nil, unknown
	}
	return s, err
}

// blockRewards answers what the proposer of a block got. Spec: getBlockRewards.
func (c *call) blockRewards() error {
	ref, signed, _, record, err := c.replay()
	if err != nil {
		return err
	}
	total := types.Gwei(0)
	for _, part := range record.proposer {
		total += part
	}
	return c.data(of(ref.flags), struct {
		Proposer          string `json:"proposer_index"`
		Total             string `json:"total"`
		Attestations      string `json:"attestations"`
		SyncAggregate     string `json:"sync_aggregate"`
		ProposerSlashings string `json:"proposer_slashings"`
		AttesterSlashings string `json:"attester_slashings"`
	}{
		decimal(signed.Message.ProposerIndex), decimal(total), decimal(record.proposer[transition.RewardAttestations]),
		decimal(record.proposer[transition.RewardSyncAggregate]), decimal(record.proposer[transition.RewardProposerSlashings]),
		decimal(record.proposer[transition.RewardAttesterSlashings]),
	})
}

// signed writes what was gained less what was lost.
func appendSigned(dst []byte, gain, loss types.Gwei) []byte {
	dst = append(dst, '"')
	if loss > gain {
		dst = strconv.AppendUint(append(dst, '-'), uint64(loss-gain), 10)
	} else {
		dst = strconv.AppendUint(dst, uint64(gain-loss), 10)
	}
	return append(dst, '"')
}

// syncRewards answers what the members of the sync committee got for a block, without what its proposer got. A member with several seats has the sum of
// them. Spec: getSyncCommitteeRewards.
func (c *call) syncRewards() error {
	ids, err := parseList(c.r.Body)
	if err != nil {
		return err
	}
	ref, _, s, record, err := c.replay()
	if err != nil {
		return err
	}
	wanted := selection{all: true}
	if s != nil && len(ids) > 0 {
		wanted = choose(ids, s.Validators.Len(), byKey(s))
	}
	sums := map[types.ValidatorIndex]memberReward{}
	var order []types.ValidatorIndex
	for _, m := range record.members {
		if _, chosen := slices.BinarySearch(wanted.indices, int(m.index)); !wanted.all && !chosen {
			continue
		}
		sum, known := sums[m.index]
		if !known {
			order = append(order, m.index)
		}
		sums[m.index] = memberReward{m.index, sum.reward + m.reward, sum.penalty + m.penalty}
	}
	return c.stream(of(ref.flags), func(out *ssz.Stream) error {
		separator := byte('[')
		for _, index := range order {
			err := out.Append(func(dst []byte) ([]byte, error) {
				dst = append(dst, separator)
				separator = ','
				dst = append(dst, `{"validator_index":"`...)
				dst = strconv.AppendUint(dst, uint64(index), 10)
				dst = appendSigned(append(dst, `","reward":`...), sums[index].reward, sums[index].penalty)
				return append(dst, '}'), nil
			})
			if err != nil {
				return err
			}
		}
		return closeList(out, separator)
	})
}

// byKey finds validators of a state by their keys.
func byKey(s *transition.State) func(types.BLSPubkey) (uint64, bool) {
	return func(key types.BLSPubkey) (uint64, bool) {
		i, ok := s.ValidatorByPubkey(key)
		return uint64(i), ok
	}
}

// attestationDuties is the duties that attesters are paid for from Altair on.
const attestationDuties = int(transition.DutyInactivity) + 1

// attesterReward is what one validator gets for each duty, in Gwei.
type attesterReward struct {
	index types.ValidatorIndex
	net   [attestationDuties]int64
}

// attesterReports hands on what some validators get for an epoch's votes, one by one while the transition reports it, so that it is never held for all of them.
type attesterReports struct {
	wanted members // nil for all
	write  func(*attesterReward) error
	last   attesterReward // not complete yet
	begun  bool
	failed error // of write; nothing is written after it
}

// BlockReward implements transition.RewardReporter. The end of an epoch pays no proposer.
func (r *attesterReports) BlockReward(transition.RewardSource, types.Gwei) {}

// SyncCommitteeReward implements transition.RewardReporter. The end of an epoch pays no sync committee.
func (r *attesterReports) SyncCommitteeReward(types.ValidatorIndex, types.Gwei, types.Gwei) {}

// AttestationReward implements transition.RewardReporter. All duties of a validator are reported one after the other.
func (r *attesterReports) AttestationReward(index types.ValidatorIndex, duty transition.AttestationDuty, reward, penalty types.Gwei) {
	if r.wanted != nil && !r.wanted.has(uint32(index)) {
		return
	}
	if r.begun && r.last.index != index {
		r.flush()
	}
	if !r.begun {
		r.last, r.begun = attesterReward{index: index}, true
	}
	r.last.net[duty] += int64(reward) - int64(penalty)
}

// flush writes the last validator.
func (r *attesterReports) flush() {
	if r.begun && r.failed == nil {
		r.failed = r.write(&r.last)
	}
	r.begun = false
}

// attestationRewards answers what validators got for their votes of an epoch, which were paid at the end of the next one. Spec: getAttestationsRewards.
func (c *call) attestationRewards() error {
	epoch, err := c.pathEpoch()
	if err != nil {
		return err
	}
	ids, err := parseList(c.r.Body)
	if err != nil {
		return err
	}
	s, f, err := c.payingState(epoch)
	if err != nil {
		return err
	}
	reports := new(attesterReports)
	if len(ids) > 0 {
		chosen := choose(ids, s.Validators.Len(), byKey(s))
		indices := make([]types.ValidatorIndex, len(chosen.indices))
		for k, i := range chosen.indices {
			indices[k] = types.ValidatorIndex(i)
		}
		reports.wanted = newMembers(indices, s.Validators.Len())
	}
	ideal, err := toPayday(s)
	if err != nil {
		return err
	}
	return c.stream(of(f), func(out *ssz.Stream) error { return writeAttestationRewards(out, s, ideal, reports) })
}

// payingState is the state that pays for the votes of an epoch, at the end of the epoch after it.
func (c *call) payingState(epoch types.Epoch) (*transition.State, flags, error) {
	if _, err := c.startOf(epoch); err != nil { // far below it nothing runs over
		return nil, flags{}, err
	}
	next, err := c.startOf(epoch + 2)
	if err != nil {
		return nil, flags{}, err
	}
	if err := c.checkFork("state", next-1, c.s.cfg.Spec.ForkAtSlot(next-1)); err != nil {
		return nil, flags{}, err
	}
	if now := c.n.Chain.Clock().CurrentEpoch(); epoch+2 > now {
		return nil, flags{}, notFound("Epoch not known: the votes of epoch %d are paid for at the end of epoch %d, it is epoch %d", epoch, epoch+1, now)
	}
	ref, err := c.stateOfSlot(c.n.Chain.Snapshot(), next-1)
	if err != nil {
		return nil, flags{}, err
	}
	s, f, err := c.load(ref)
	if errors.Is(err, chain.ErrUnknownBlock) {
		err = notFound("Required data not available: the state of slot %d is not kept", next-1)
	}
	return s, f, err
}

// toPayday takes a state through the end of its epoch up to where attesters are paid, and gives what is ideal. Spec: process_epoch (altair).
func toPayday(s *transition.State) ([]transition.IdealReward, error) {
	if err := transition.ProcessJustificationAndFinalization(s); err != nil {
		return nil, err
	}
	if err := transition.ProcessInactivityUpdates(s); err != nil {
		return nil, err
	}
	return transition.IdealRewards(s)
}

// writeAttestationRewards writes ideal rewards, and real ones while attesters are paid. Spec: AttestationsRewards (types/rewards.yaml).
func writeAttestationRewards(out *ssz.Stream, s *transition.State, ideal []transition.IdealReward, reports *attesterReports) error {
	separator := byte('[')
	entry := func(name string, number uint64, net [attestationDuties]int64) error {
		return out.Append(func(dst []byte) ([]byte, error) {
			dst = append(append(dst, separator, '{', '"'), name...)
			separator = ','
			dst = strconv.AppendUint(append(dst, `":"`...), number, 10)
			for _, duty := range []struct {
				name string
				duty transition.AttestationDuty
			}{{"head", transition.DutyHead}, {"target", transition.DutyTarget}, {"source", transition.DutySource}, {"inactivity", transition.DutyInactivity}} {
				dst = append(append(append(dst, `","`...), duty.name...), `":"`...)
				dst = strconv.AppendInt(dst, net[duty.duty], 10)
			}
			return append(dst, `"}`...), nil
		})
	}
	if err := out.Text(`{"ideal_rewards":`); err != nil {
		return err
	}
	for _, i := range ideal {
		var net [attestationDuties]int64
		for duty, reward := range i.Rewards {
			net[duty] = int64(reward)
		}
		if err := entry("effective_balance", uint64(i.EffectiveBalance), net); err != nil {
			return err
		}
	}
	if err := closeList(out, separator); err != nil {
		return err
	}
	if err := out.Text(`,"total_rewards":`); err != nil {
		return err
	}
	separator = '['
	reports.write = func(r *attesterReward) error { return entry("validator_index", uint64(r.index), r.net) }
	if err := transition.ProcessRewardsAndPenalties(s, reports); err != nil {
		return err
	}
	if reports.flush(); reports.failed != nil {
		return reports.failed
	}
	if err := closeList(out, separator); err != nil {
		return err
	}
	return out.Text("}")
}

var (
	_ transition.RewardReporter = (*blockRecord)(nil)
	_ transition.RewardReporter = (*attesterReports)(nil)
)
