package api

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/transition"
	"github.com/cresset/cresset/beacon/types"
)

const wantIndices = `a list of validator indices, such as ["1","2"]`

// bodyIndices reads a body that is a list of validators, at least one.
func (c *call) bodyIndices() ([]types.ValidatorIndex, error) {
	dec := json.NewDecoder(c.r.Body)
	indices := []types.ValidatorIndex{}
	err := texts(dec, "validator index", maxBodyIDs, func(text string) error {
		index, ok := parseNumber(text)
		if !ok {
			return invalid("validator index", text, "a decimal number below 2**64")
		}
		indices = append(indices, types.ValidatorIndex(index))
		return nil
	})
	switch {
	case errors.Is(err, io.EOF), err == nil && len(indices) == 0:
		err = errors.New("it is empty")
	case err == nil:
		err = atEnd(dec)
	}
	if err != nil {
		return nil, badBody(err, wantIndices)
	}
	return indices, nil
}

// members is a set of validators, a bit each, of a registry's size.
type members []uint64

func newMembers(indices []types.ValidatorIndex, registry int) members {
	m := make(members, (registry+63)/64)
	for _, i := range indices {
		if uint64(i) < uint64(registry) {
			m[i/64] |= 1 << (i % 64)
		}
	}
	return m
}

func (m members) has(i uint32) bool { return uint64(i/64) < uint64(len(m)) && m[i/64]>>(i%64)&1 == 1 }

// decided is what stands beside duties.
type decided struct {
	root       types.Root
	optimistic bool
	rootless   bool // the answer names no root
}

// dutyList streams an answer whose data a function writes.
func (c *call) dutyList(d decided, data func(*ssz.Stream) error) error {
	out := c.open(meta{})
	prefix := `{"execution_optimistic":` + strconv.FormatBool(d.optimistic)
	if !d.rootless {
		prefix += `,"dependent_root":"` + d.root.String() + `"`
	}
	if err := out.Text(prefix + `,"data":`); err != nil {
		return err
	}
	if err := data(out); err != nil {
		return err
	}
	if err := out.Text("}"); err != nil {
		return err
	}
	return out.Flush()
}

// dutiesAt is what the duties of an epoch, this one or the next, are answered from, and the root that they depend on: that of the last block before the
// epoch, or of so many epochs before.
func (c *call) dutiesAt(epoch, before types.Epoch) (d dutyView, root types.Root, err error) {
	if d, err = c.duties(); err != nil {
		return d, root, err
	}
	if err = nextAtMost(epoch, d.now); err != nil {
		return d, root, err
	}
	root, err = c.dependentRoot(d.snapshot, epoch, before)
	return d, root, err
}

// attesterDuties answers which committees validators are in. Validators that are in none, or that nobody knows, have no entry.
// Spec: getAttesterDuties.
func (c *call) attesterDuties() error {
	epoch, err := c.pathEpoch()
	if err != nil {
		return err
	}
	indices, err := c.bodyIndices()
	if err != nil {
		return err
	}
	d, root, err := c.dutiesAt(epoch, 1)
	if err != nil {
		return err
	}
	shuffling, err := c.shuffling(d, epoch)
	if err != nil {
		return err
	}
	state, err := c.registry(d)
	if err != nil {
		return err
	}
	start, err := c.startOf(epoch)
	if err != nil {
		return err
	}
	return c.dutyList(decided{root: root, optimistic: d.snapshot.Optimistic}, func(out *ssz.Stream) error {
		return writeAttesterDuties(out, state, shuffling, start, newMembers(indices, state.Validators()))
	})
}

// registry is a state with all validators that have duties now.
func (c *call) registry(d dutyView) (transition.Frozen, error) {
	if state, ok := d.view.HeadState(); ok {
		return state, nil
	}
	s, err := c.n.Chain.HeadState(c.r.Context(), d.snapshot)
	if err != nil {
		return transition.Frozen{}, err
	}
	return s.Frozen(), nil
}

// writeAttesterDuties writes the seats of some validators in an epoch's committees. Spec: AttesterDuty (types/api.yaml).
func writeAttesterDuties(out *ssz.Stream, state transition.Frozen, shuffling *transition.Shuffling, start types.Slot, wanted members) error {
	separator := byte('[')
	for slot := start; slot < start+types.Slot(shuffling.Slots()); slot++ {
		for index := range shuffling.CommitteesPerSlot {
			committee := shuffling.Committee(slot, types.CommitteeIndex(index))
			for position, member := range committee {
				if !wanted.has(member) {
					continue
				}
				validator, ok := state.Validator(types.ValidatorIndex(member))
				if !ok {
					continue // of another branch
				}
				err := out.Append(func(dst []byte) ([]byte, error) {
					number := func(name string, n uint64) {
						dst = append(dst, name...)
						dst = strconv.AppendUint(dst, n, 10)
					}
					dst = append(dst, separator)
					separator = ','
					dst = append(append(dst, `{"pubkey":"`...), validator.Pubkey.String()...)
					number(`","validator_index":"`, uint64(member))
					number(`","committee_index":"`, index)
					number(`","committee_length":"`, uint64(len(committee)))
					number(`","committees_at_slot":"`, shuffling.CommitteesPerSlot)
					number(`","validator_committee_index":"`, uint64(position))
					number(`","slot":"`, uint64(slot))
					return append(dst, `"}`...), nil
				})
				if err != nil {
					return err
				}
			}
		}
	}
	return closeList(out, separator)
}

type proposerDuty struct {
	Pubkey string `json:"pubkey"`
	Index  string `json:"validator_index"`
	Slot   string `json:"slot"`
}

// proposerDuties answers who proposes when, depending on the last block before the epoch. Spec: getProposerDuties.
func (c *call) proposerDuties() error { return c.proposers(0) }

// proposerDutiesV2 is proposerDuties that depend, from Fulu on, on the last block before the epoch before. Spec: getProposerDutiesV2.
func (c *call) proposerDutiesV2() error { return c.proposers(1) }

func (c *call) proposers(before types.Epoch) error {
	epoch, err := c.pathEpoch()
	if err != nil {
		return err
	}
	d, root, err := c.dutiesAt(epoch, before)
	if err != nil {
		return err
	}
	proposers, err := c.proposersOf(d, epoch)
	if err != nil {
		return err
	}
	state, err := c.registry(d)
	if err != nil {
		return err
	}
	start, err := c.startOf(epoch)
	if err != nil {
		return err
	}
	list := make([]proposerDuty, len(proposers))
	for i, proposer := range proposers {
		validator, ok := state.Validator(proposer)
		if !ok {
			return busy(1, "The head changes: validator %d is not of its chain", proposer)
		}
		list[i] = proposerDuty{validator.Pubkey.String(), decimal(proposer), decimal(start + types.Slot(i))}
	}
	text, err := json.Marshal(list)
	if err != nil {
		return err
	}
	return c.dutyList(decided{root: root, optimistic: d.snapshot.Optimistic}, func(out *ssz.Stream) error { return out.Text(string(text)) })
}

// proposersOf is the proposers of an epoch. From Fulu on the state of the epoch before has them; until then those of the next epoch are drawn from the
// head's state as it would be if no more blocks came.
func (c *call) proposersOf(d dutyView, epoch types.Epoch) ([]types.ValidatorIndex, error) {
	spec := c.s.cfg.Spec
	start, err := c.startOf(epoch)
	if err != nil {
		return nil, err
	}
	if spec.ForkAtSlot(start) >= params.Fulu {
		if f, err := c.frozen(d, min(epoch, d.now)); err != nil {
			return nil, err
		} else if _, ok := f.ProposerAt(start); ok {
			proposers := make([]types.ValidatorIndex, spec.SlotsPerEpoch)
			for i := range proposers {
				proposers[i], _ = f.ProposerAt(start + types.Slot(i))
			}
			return proposers, nil
		}
		// The epoch before has no lookahead: it is the last one before Fulu.
	}
	var s *transition.State
	if epoch > d.now {
		s, err = c.loading(func() (*transition.State, error) { return c.headAt(d.snapshot, max(d.snapshot.Head.Slot, start)) })
	} else {
		s, err = c.epochState(d, epoch)
	}
	if err != nil {
		return nil, err
	}
	if s.Since(params.Fulu) {
		return s.ProposerLookahead[:spec.SlotsPerEpoch], nil
	}
	proposers := make([]types.ValidatorIndex, spec.SlotsPerEpoch)
	for i := range proposers {
		s.Slot = start + types.Slot(i) // within the epoch nothing else matters
		if proposers[i], err = s.GetBeaconProposerIndex(); err != nil {
			return nil, err
		}
	}
	return proposers, nil
}

type syncDuty struct {
	Pubkey    string   `json:"pubkey"`
	Index     string   `json:"validator_index"`
	Positions []string `json:"validator_sync_committee_indices"`
}

// syncDuties answers which seats validators have in the sync committee of an epoch. Spec: getSyncCommitteeDuties.
func (c *call) syncDuties() error {
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
	spec := c.s.cfg.Spec
	if period, now := types.ComputeSyncCommitteePeriod(spec, epoch), types.ComputeSyncCommitteePeriod(spec, d.now); period > now+1 {
		return fail(http.StatusBadRequest, "Invalid epoch: %d is in period %d, sync committees are known up to the next one, %d", epoch, period, now+1)
	}
	if fork := spec.ForkAtSlot(types.Slot(min(uint64(epoch), uint64(d.now)) * spec.SlotsPerEpoch)); fork < params.Altair {
		return fail(http.StatusBadRequest, "Invalid epoch: %d is of %v, want %v or later", epoch, fork, params.Altair)
	}
	state, err := c.registry(d)
	if err != nil {
		return err
	}
	committee, err := c.syncCommittee(d, state, epoch)
	if err != nil {
		return err
	}
	seats := map[types.BLSPubkey][]string{}
	for position, key := range committee {
		seats[key] = append(seats[key], decimal(position))
	}
	list := []syncDuty{}
	for _, i := range indices {
		validator, ok := state.Validator(i)
		if !ok {
			continue
		}
		if positions := seats[validator.Pubkey]; len(positions) > 0 {
			list = append(list, syncDuty{validator.Pubkey.String(), decimal(i), positions})
		}
	}
	text, err := json.Marshal(list)
	if err != nil {
		return err
	}
	return c.dutyList(decided{optimistic: d.snapshot.Optimistic, rootless: true}, func(out *ssz.Stream) error { return out.Text(string(text)) })
}

// syncCommittee is the keys of the sync committee of an epoch.
func (c *call) syncCommittee(d dutyView, head transition.Frozen, epoch types.Epoch) ([]types.BLSPubkey, error) {
	if committee, ok := head.SyncCommittee(epoch); ok {
		return committee, nil
	}
	// Of a period that is over, or one that the head has not seen the beginning of.
	s, err := c.epochState(d, min(epoch, d.now))
	if err != nil {
		return nil, err
	}
	committee, ok := s.Frozen().SyncCommittee(epoch)
	if !ok {
		return nil, notFound("Epoch not known: no state has the sync committee of epoch %d", epoch)
	}
	return committee, nil
}
