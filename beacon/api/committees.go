package api

import (
	"net/http"
	"strconv"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/transition"
	"github.com/cresset/cresset/beacon/types"
)

// epochOf is the epoch that a query asks for, that of the state if none.
func (c *call) epochOf(s *transition.State, epoch uint64, given bool) types.Epoch {
	if !given {
		return s.GetCurrentEpoch()
	}
	return types.Epoch(epoch)
}

// stateCommittees answers with the committees of an epoch. Spec: getEpochCommittees.
func (c *call) stateCommittees() error {
	asked, given, err := c.number("epoch")
	if err != nil {
		return err
	}
	index, oneIndex, err := c.number("index")
	if err != nil {
		return err
	}
	slot, oneSlot, err := c.number("slot")
	if err != nil {
		return err
	}
	if !oneSlot {
		if err := c.turn(); err != nil {
			return err
		}
	}
	s, f, err := c.state()
	if err != nil {
		return err
	}
	spec, epoch := c.s.cfg.Spec, c.epochOf(s, asked, given)
	if first, last := s.GetPreviousEpoch(), s.GetCurrentEpoch()+spec.MinSeedLookahead; epoch < first || epoch > last {
		return fail(http.StatusBadRequest, "Invalid epoch: the state decides the committees of epochs %d to %d, not of %d", first, last, epoch)
	}
	if oneSlot && types.ComputeEpochAtSlot(spec, types.Slot(slot)) != epoch {
		return fail(http.StatusBadRequest, "Invalid slot: slot %d does not belong in epoch %d", slot, epoch)
	}
	shuffling, err := s.Shuffling(epoch)
	if err != nil {
		return err
	}
	if oneIndex && index >= shuffling.CommitteesPerSlot {
		return fail(http.StatusBadRequest, "Invalid index: %d, a slot of epoch %d has %d committees", index, epoch, shuffling.CommitteesPerSlot)
	}
	start, err := types.ComputeStartSlotAtEpoch(spec, epoch)
	if err != nil {
		return err
	}
	from, to := start, start+types.Slot(spec.SlotsPerEpoch)
	if oneSlot {
		from, to = types.Slot(slot), types.Slot(slot)+1
	}
	return c.stream(of(f), func(out *ssz.Stream) error {
		separator := byte('[')
		for at := from; at < to; at++ {
			for i := range shuffling.CommitteesPerSlot {
				if oneIndex && i != index {
					continue
				}
				err := out.Append(func(dst []byte) ([]byte, error) {
					dst = append(dst, separator)
					separator = ','
					return appendCommittee(dst, at, i, shuffling.Committee(at, types.CommitteeIndex(i))), nil
				})
				if err != nil {
					return err
				}
			}
		}
		return closeList(out, separator)
	})
}

// appendCommittee writes a committee. Spec: Committee (types/api.yaml).
func appendCommittee(dst []byte, slot types.Slot, index uint64, members []uint32) []byte {
	dst = append(dst, `{"index":"`...)
	dst = strconv.AppendUint(dst, index, 10)
	dst = append(dst, `","slot":"`...)
	dst = strconv.AppendUint(dst, uint64(slot), 10)
	dst = append(dst, `","validators":`...)
	dst = appendNumbers(dst, members)
	return append(dst, '}')
}

// appendNumbers writes a list of quoted numbers.
func appendNumbers[T ~uint32 | ~uint64](dst []byte, numbers []T) []byte {
	dst = append(dst, '[')
	for k, n := range numbers {
		if k > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, '"')
		dst = strconv.AppendUint(dst, uint64(n), 10)
		dst = append(dst, '"')
	}
	return append(dst, ']')
}

// stateSyncCommittees answers with the sync committee that signs in an epoch, as indices. Spec: getEpochSyncCommittees (since altair).
func (c *call) stateSyncCommittees() error {
	asked, given, err := c.number("epoch")
	if err != nil {
		return err
	}
	s, f, err := c.state()
	if err != nil {
		return err
	}
	spec, epoch := c.s.cfg.Spec, c.epochOf(s, asked, given)
	keys, ok := s.Frozen().SyncCommittee(epoch)
	if !ok {
		now := types.ComputeSyncCommitteePeriod(spec, s.GetCurrentEpoch())
		return fail(http.StatusBadRequest, "Invalid epoch: epoch %d is outside of the sync committee periods %d and %d of the state", epoch, now, now+1)
	}
	members := make([]types.ValidatorIndex, len(keys))
	for i, key := range keys {
		if members[i], ok = s.ValidatorByPubkey(key); !ok {
			return fail(http.StatusInternalServerError, "Internal error: member %d of the sync committee is no validator", i)
		}
	}
	return c.stream(of(f), func(out *ssz.Stream) error {
		return out.Append(func(dst []byte) ([]byte, error) {
			dst = append(dst, `{"validators":`...)
			dst = appendNumbers(dst, members)
			dst = append(dst, `,"validator_aggregates":[`...)
			size := len(members) / params.SyncCommitteeSubnetCount
			for i := range params.SyncCommitteeSubnetCount {
				if i > 0 {
					dst = append(dst, ',')
				}
				dst = appendNumbers(dst, members[i*size:(i+1)*size])
			}
			return append(dst, "]}"...), nil
		})
	})
}
