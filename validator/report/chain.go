package report

import (
	"context"
	"fmt"
	"strconv"

	"github.com/cresset/cresset/beacon/apiclient"
	"github.com/cresset/cresset/beacon/clock"
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/types"
	"github.com/cresset/cresset/validator/duties"
)

// fate is what the chain has of a vote.
type fate struct {
	included     types.Slot // of the first block that has it; 0 for none
	target, head bool       // are what the chain has
}

// chain is what one node's chain has of an epoch's votes.
type chain struct {
	spec   *params.Spec
	clock  *clock.Clock
	client *apiclient.Client
	first  types.Slot // of the epoch
	seats  []duties.Attester
	open   map[types.Slot][]int // seats of a slot whose votes were not found yet

	fates   []fate                    // by seat
	blocks  map[types.Slot]types.Root // that were asked for, by slot; zero where a slot has none
	heads   map[types.Slot]types.Root // the last block up to a slot
	lengths map[types.Slot][]uint64   // of committees
}

func newChain(t duties.Tools, client *apiclient.Client, epoch types.Epoch, seats []duties.Attester) *chain {
	x := &chain{
		spec: t.Spec, clock: t.Clock, client: client, first: types.Slot(uint64(epoch) * t.Spec.SlotsPerEpoch), seats: seats, open: map[types.Slot][]int{},
		fates: make([]fate, len(seats)), blocks: map[types.Slot]types.Root{}, heads: map[types.Slot]types.Root{}, lengths: map[types.Slot][]uint64{},
	}
	for i, seat := range seats {
		x.open[seat.Slot] = append(x.open[seat.Slot], i)
	}
	return x
}

// read asks for the blocks that are needed, in order, each not before the middle of its slot.
func (x *chain) read(ctx context.Context, proposals map[types.Slot]proposal) error {
	end := x.first + types.Slot(2*x.spec.SlotsPerEpoch)
	for slot := x.first; slot < end; slot++ {
		if _, proposed := proposals[slot]; !proposed && !x.wanted(slot) {
			continue
		}
		if err := x.clock.WaitUntil(ctx, x.clock.At(slot, x.spec.SlotDurationMs/2)); err != nil {
			return err
		}
		block, err := x.block(ctx, slot)
		if err != nil {
			return err
		}
		if block == nil {
			x.blocks[slot] = types.Root{}
			continue
		}
		if err := x.link(block); err != nil {
			return err
		}
		for i := range block.Body.Attestations {
			if err := x.attestation(ctx, slot, &block.Body.Attestations[i]); err != nil {
				return err
			}
		}
	}
	return nil
}

// wanted tells whether the block of a slot may have a vote that was not found, or tells what the right target is.
func (x *chain) wanted(slot types.Slot) bool {
	if _, known := x.heads[x.first]; !known && slot > x.first {
		return true
	}
	for of, seats := range x.open {
		if len(seats) > 0 && includable(x.spec, of, slot) {
			return true
		}
	}
	return false
}

// includable tells whether a block of a slot, which is of the same epoch as a vote or of the next, may include the vote.
// Spec: process_attestation (phase0; modified deneb).
func includable(spec *params.Spec, vote, block types.Slot) bool {
	return block >= vote+types.Slot(spec.MinAttestationInclusionDelay) &&
		(spec.ForkAtSlot(block) >= params.Deneb || block <= vote+types.Slot(spec.SlotsPerEpoch))
}

// block gives the block of a slot, nil where the chain has none.
func (x *chain) block(ctx context.Context, slot types.Slot) (*types.BeaconBlock, error) {
	data, err := x.client.Block(ctx, strconv.FormatUint(uint64(slot), 10))
	if apiclient.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	signed := new(types.SignedBeaconBlock)
	if err := ssz.Unmarshal(x.context(slot), data, ssz.Container(signed)); err != nil {
		return nil, fmt.Errorf("block of slot %d: %w", slot, err)
	}
	if signed.Message.Slot != slot {
		return nil, fmt.Errorf("block is of slot %d, want %d", signed.Message.Slot, slot)
	}
	return &signed.Message, nil
}

func (x *chain) context(slot types.Slot) ssz.Context {
	return ssz.Context{Spec: x.spec, Fork: x.spec.ForkAtSlot(slot)}
}

// link takes note of a block and of what it says of the slots before it: its parent is the last block of each of them back to where the chain has one. A node
// that has other blocks there, or has not got them, is not believed.
func (x *chain) link(block *types.BeaconBlock) (err error) {
	if x.blocks[block.Slot], err = ssz.HashTreeRoot(x.context(block.Slot), ssz.Container(block)); err != nil {
		return err
	}
	x.heads[block.Slot] = x.blocks[block.Slot]
	for slot := block.Slot; slot > x.first; slot-- {
		root, asked := x.blocks[slot-1]
		if root != (types.Root{}) && root != block.ParentRoot {
			return fmt.Errorf("block of slot %d builds on %v, that of slot %d is %v", block.Slot, block.ParentRoot, slot-1, root)
		}
		x.heads[slot-1] = block.ParentRoot
		if !asked || root != (types.Root{}) {
			break
		}
	}
	return nil
}

// attestation looks for our votes in an aggregate of a block.
func (x *chain) attestation(ctx context.Context, slot types.Slot, a *types.Attestation) error {
	var left []int
	for _, i := range x.open[a.Data.Slot] {
		voted, err := x.has(ctx, a, &x.seats[i])
		if err != nil {
			return err
		}
		if !voted || !includable(x.spec, a.Data.Slot, slot) {
			left = append(left, i)
			continue
		}
		target := a.Data.Target.Root == x.heads[x.first]
		x.fates[i] = fate{slot, target, target && a.Data.BeaconBlockRoot == x.heads[a.Data.Slot]}
	}
	x.open[a.Data.Slot] = left
	return nil
}

// has tells whether an aggregate has the vote of a seat. Spec: get_attesting_indices (phase0; modified electra).
func (x *chain) has(ctx context.Context, a *types.Attestation, seat *duties.Attester) (bool, error) {
	position := seat.Position
	if a.CommitteeBits == nil {
		if a.Data.Index != seat.Committee {
			return false, nil
		}
	} else {
		if !a.CommitteeBits.BitAt(uint64(seat.Committee)) {
			return false, nil
		}
		for c := range uint64(seat.Committee) {
			if !a.CommitteeBits.BitAt(c) {
				continue
			}
			lengths, err := x.committees(ctx, seat)
			if err != nil {
				return false, err
			}
			position += lengths[c]
		}
	}
	return position < a.AggregationBits.Len() && a.AggregationBits.BitAt(position), nil
}

// committees gives how long the committees of a seat's slot are.
func (x *chain) committees(ctx context.Context, seat *duties.Attester) ([]uint64, error) {
	lengths, ok := x.lengths[seat.Slot]
	if !ok {
		var err error
		if lengths, err = x.client.CommitteeLengths(ctx, x.spec, "head", seat.Slot); err != nil {
			return nil, err
		}
		x.lengths[seat.Slot] = lengths
	}
	if uint64(len(lengths)) != seat.CommitteesAtSlot || lengths[seat.Committee] != seat.CommitteeLength {
		return nil, fmt.Errorf("slot %d has %d committees with lengths %d, the duty says %d with %d in committee %d",
			seat.Slot, len(lengths), lengths, seat.CommitteesAtSlot, seat.CommitteeLength, seat.Committee)
	}
	return lengths, nil
}
