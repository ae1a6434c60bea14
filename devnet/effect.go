package devnet

import (
	"fmt"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/transition"
	"github.com/cresset/cresset/beacon/types"
)

// effect is what an operation has done to a state, in words, and whether that is all that it has to do. Transfers and blobs leave nothing in it.
func (t *traffic) effect(o operation, s *transition.State) (words string, done bool) {
	at := func(i types.ValidatorIndex) types.Validator { return s.Validators.At(i) }
	eth := func(i int) float64 { return float64(s.Balances.At(i)) / params.EthToGwei }
	switch o {
	case deposit:
		i, known := s.ValidatorByPubkey(t.extra().signing.PublicKey().Bytes())
		if !known {
			return "there is no new validator", false
		}
		epoch := at(i).ActivationEpoch
		return fmt.Sprintf("validator %d is active from epoch %s on", i, inEpoch(epoch)), epoch <= s.GetCurrentEpoch()
	case voluntaryExit:
		epoch := at(exiting).ExitEpoch
		return fmt.Sprintf("validator %d leaves in epoch %s", exiting, inEpoch(epoch)), epoch != params.FarFutureEpoch
	case fullWithdrawal:
		epoch := at(withdrawing).ExitEpoch
		return fmt.Sprintf("validator %d leaves in epoch %s and has %.2f ETH left", withdrawing, inEpoch(epoch), eth(withdrawing)),
			epoch != params.FarFutureEpoch && s.Balances.At(withdrawing) == 0
	case partialWithdrawal:
		// What it had above 32 ETH was queued as a deposit by the upgrade to Electra, and is back once it is queued no more.
		queued := false
		for i := range s.PendingDeposits.Len() {
			queued = queued || s.PendingDeposits.At(i).Pubkey == s.Validators.Pubkey(partial)
		}
		for i := range s.PendingPartialWithdrawals.Len() {
			queued = queued || s.PendingPartialWithdrawals.At(i).ValidatorIndex == partial
		}
		return fmt.Sprintf("validator %d has %.2f ETH of %.2f", partial, eth(partial), float64(genesisBalance(t.spec, partial))/params.EthToGwei),
			!queued && s.Balances.At(partial) < genesisBalance(t.spec, partial)
	case consolidation:
		words := fmt.Sprintf("validator %d leaves in epoch %s", source, inEpoch(at(source).ExitEpoch))
		for i := range s.PendingConsolidations.Len() {
			if c := s.PendingConsolidations.At(i); c.SourceIndex == source && c.TargetIndex == target {
				return words + fmt.Sprintf(", what it has waits for going to validator %d", target), true
			}
		}
		moved := eth(target) > eth(source)+float64(genesisBalance(t.spec, source))/params.EthToGwei
		if moved {
			words += fmt.Sprintf(", validator %d has %.2f ETH", target, eth(target))
		}
		return words, moved
	case blsChange:
		credentials := s.Validators.WithdrawalCredentials(changing)
		return fmt.Sprintf("validator %d has credentials %x", changing, credentials[:1]), credentials[0] == params.Eth1AddressWithdrawalPrefix
	case proposerSlashing:
		return fmt.Sprintf("validator %d is slashed: %t", proposerLoss, at(proposerLoss).Slashed), at(proposerLoss).Slashed
	case attesterSlashing:
		return fmt.Sprintf("validator %d is slashed: %t", attesterLoss, at(attesterLoss).Slashed), at(attesterLoss).Slashed
	}
	return "", true
}

func inEpoch(epoch types.Epoch) string {
	if epoch == params.FarFutureEpoch {
		return "never"
	}
	return fmt.Sprint(epoch)
}
