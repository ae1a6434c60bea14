package synthetic

import (
	"cmp"
	"slices"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/transition"
	"github.com/cresset/cresset/beacon/types"
)

// fillQueues makes the three queues of Electra. Not more than the registry's validators can be in.
func (c *Chain) fillQueues(s *types.BeaconState, g *registry) {
	for _, d := range c.pendingDeposits(s, newRandom(c.config.Seed, 2)) {
		s.PendingDeposits.Append(d)
	}
	r := newRandom(c.config.Seed, 3)
	n := min(c.config.PartialWithdrawals, len(g.compounding))
	for k := range n {
		s.PendingPartialWithdrawals.Append(types.PendingPartialWithdrawal{
			ValidatorIndex: g.compounding[k*len(g.compounding)/n], Amount: r.gwei(eth/10, eth),
			WithdrawableEpoch: epoch + types.Epoch(k/8), // the first eight are due
		})
	}
	slices.SortStableFunc(g.leaving, func(a, b types.ValidatorIndex) int {
		va, vb := s.Validators.At(a), s.Validators.At(b)
		return cmp.Compare(va.WithdrawableEpoch, vb.WithdrawableEpoch)
	})
	if len(g.compounding) == 0 {
		return
	}
	for k, source := range g.leaving[:min(c.config.Consolidations, len(g.leaving))] {
		s.PendingConsolidations.Append(types.PendingConsolidation{SourceIndex: source, TargetIndex: g.compounding[k%len(g.compounding)]})
	}
	s.EarliestExitEpoch, s.EarliestConsolidationEpoch = epoch+200, epoch+10
	s.ExitBalanceToConsume, s.ConsolidationBalanceToConsume = 64*eth, 64*eth
}

// pendingDeposits makes the queue of deposits, each with a valid signature: as many with builder credentials as the config
// says, evenly between others that half add to a validator and half make one.
func (c *Chain) pendingDeposits(s *types.BeaconState, r random) []types.PendingDeposit {
	n, builders := c.config.PendingDeposits, c.config.BuilderDeposits
	fresh := c.keys.Pubkeys(depositKeys, n)
	deposits, keys := make([]types.PendingDeposit, n), make([]uint64, n)
	first := uint64(s.Slot) - uint64(n)/4 - 4*c.spec.SlotsPerEpoch
	for i := range deposits {
		d := &deposits[i]
		keys[i], d.Pubkey = depositKeys+uint64(i), fresh[i]
		r.fill(d.WithdrawalCredentials[12:])
		d.WithdrawalCredentials[0] = params.CompoundingWithdrawalPrefix
		d.Amount = c.spec.MinActivationBalance
		d.Slot = types.Slot(first + uint64(i)/4)
		switch {
		case (i+1)*builders/max(n, 1) > i*builders/max(n, 1):
			d.WithdrawalCredentials[0] = params.BuilderWithdrawalPrefix
		case i%2 == 0:
			v := types.ValidatorIndex(r.Uint64N(uint64(s.Validators.Len())))
			keys[i], d.Pubkey, d.WithdrawalCredentials = uint64(v), s.Validators.Pubkey(v), s.Validators.WithdrawalCredentials(v)
			d.Amount = r.gwei(eth, 32*eth)
		}
	}
	parallel(n, func(i int) {
		d := &deposits[i]
		d.Signature = c.signDeposit(keys[i], types.DepositMessage{Pubkey: d.Pubkey, WithdrawalCredentials: d.WithdrawalCredentials, Amount: d.Amount})
	})
	return deposits
}

// signDeposit signs with key number n. Deposits are valid across forks.
func (c *Chain) signDeposit(n uint64, message types.DepositMessage) types.BLSSignature {
	domain := types.ComputeDomain(params.DomainDeposit(), c.spec.GenesisForkVersion, types.Root{})
	return c.keys.signOne(n, types.ComputeSigningRoot(types.HashTreeRoot(&message), domain))
}

// requests is what the payload of a slot asks for: two deposits of new keys and two withdrawals. That of the state which
// the chain began with asked for nothing.
func (c *Chain) requests(s *transition.State, slot types.Slot) types.ExecutionRequests {
	var out types.ExecutionRequests
	if slot <= c.first {
		return out
	}
	r := newRandom(c.config.Seed, uint64(slot))
	for i := range uint64(2) {
		number := requestKeys + 2*uint64(slot) + i
		d := types.DepositRequest{Pubkey: c.keys.Secret(number).PublicKey().Bytes(), Amount: c.spec.MinActivationBalance, Index: 2*uint64(slot) + i}
		r.fill(d.WithdrawalCredentials[12:])
		d.WithdrawalCredentials[0] = params.CompoundingWithdrawalPrefix
		d.Signature = c.signDeposit(number, types.DepositMessage{Pubkey: d.Pubkey, WithdrawalCredentials: d.WithdrawalCredentials, Amount: d.Amount})
		out.Deposits = append(out.Deposits, d)
	}
	for i := range min(2, len(c.compounding)) {
		v := c.compounding[(2*int(slot)+i)%len(c.compounding)]
		credentials := s.Validators.WithdrawalCredentials(v)
		out.Withdrawals = append(out.Withdrawals, types.WithdrawalRequest{
			SourceAddress: types.ExecutionAddress(credentials[12:]), ValidatorPubkey: s.Validators.Pubkey(v), Amount: eth,
		})
	}
	return out
}
