package synthetic

import (
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/types"
)

// fillBuilders sets what Gloas adds to the state: builders, nine in ten of them active, payments of all slots so far and a
// bid whose payload has been delivered and is applied by the next block.
func (c *Chain) fillBuilders(s *types.BeaconState) (err error) {
	r := newRandom(c.config.Seed, 6)
	for i, key := range c.keys.Pubkeys(builderKeys, c.config.Builders) {
		b := types.Builder{
			Pubkey: key, Version: params.PayloadBuilderVersion, Balance: r.gwei(1000*eth, 2000*eth), DepositEpoch: settled,
			WithdrawableEpoch: params.FarFutureEpoch,
		}
		r.fill(b.ExecutionAddress[:])
		if i%10 == 9 {
			b.WithdrawableEpoch, b.Balance = epoch-5, 0
		}
		s.Builders.Append(b)
	}
	s.ExecutionPayloadAvailability = ssz.NewBitvector(c.spec.SlotsPerHistoricalRoot)
	for i := range c.spec.SlotsPerHistoricalRoot {
		s.ExecutionPayloadAvailability.SetBitAt(i, true)
	}
	slots := c.spec.SlotsPerEpoch
	s.BuilderPendingPayments.Fill(int(2 * slots))
	for slot := c.startSlot(epoch - 1); slot <= s.Slot; slot++ {
		// Where the payload came, the payment was settled; one in ten did not.
		if slot%10 == 0 && slot != s.Slot {
			s.BuilderPendingPayments.Set(int(uint64(slot-c.startSlot(epoch-1))), types.BuilderPendingPayment{
				Weight: r.gwei(0, 100_000*eth), Withdrawal: c.payment(slot), ProposerIndex: types.ValidatorIndex(r.Uint64N(uint64(c.config.Validators))),
			})
		}
	}
	s.BuilderPendingWithdrawals.Append(c.payment(s.Slot - 1))
	bid := c.bid(s.Slot)
	bid.ParentBlockHash, bid.ParentBlockRoot = s.LatestBlockHash, s.LatestBlockHeader.ParentRoot
	bid.BlobKZGCommitments = c.commitments(r)
	bid.ExecutionRequestsRoot, err = ssz.HashTreeRoot(s.Cx, ssz.Container(&types.ExecutionRequests{}))
	s.LatestExecutionPayloadBid = bid
	return err
}

// bid is the part of the bid in a slot's block that depends on nothing but the slot.
func (c *Chain) bid(slot types.Slot) types.ExecutionPayloadBid {
	r := newRandom(c.config.Seed, 1<<40+uint64(slot))
	bid := types.ExecutionPayloadBid{BlockHash: types.Hash32(r.root()), GasLimit: gasLimit, BuilderIndex: c.builder(slot), Slot: slot, Value: r.gwei(eth/100, eth/10)}
	r.fill(bid.FeeRecipient[:])
	return bid
}

// payment is what the builder of a slot owes.
func (c *Chain) payment(slot types.Slot) types.BuilderPendingWithdrawal {
	bid := c.bid(slot)
	return types.BuilderPendingWithdrawal{FeeRecipient: bid.FeeRecipient, Amount: bid.Value, BuilderIndex: bid.BuilderIndex}
}

// builder is the active builder that has won a slot.
func (c *Chain) builder(slot types.Slot) types.BuilderIndex {
	i := uint64(slot) % uint64(c.config.Builders)
	return types.BuilderIndex(i - i%10)
}
