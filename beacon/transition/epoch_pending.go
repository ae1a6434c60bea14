package transition

import (
	"fmt"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/types"
)

// ProcessPendingDeposits applies finalized deposits from the front of the queue, as many as the churn allows.
// Spec: process_pending_deposits (electra; modified fulu, gloas).
func ProcessPendingDeposits(s *State) error {
	spec := s.Spec()
	churn := s.GetActivationExitChurnLimit()
	if s.Since(params.Gloas) {
		churn = s.GetActivationChurnLimit()
	}
	available, err := s.DepositBalanceToConsume.Add(churn)
	if err != nil {
		return within("deposit churn", err)
	}
	finalized, err := types.ComputeStartSlotAtEpoch(spec, s.FinalizedCheckpoint.Epoch)
	if err != nil {
		return err
	}
	prefetchPendingDeposits(s, finalized)
	var (
		next      = s.GetCurrentEpoch() + 1
		processed types.Gwei
		done      int
		postponed []types.PendingDeposit
		limited   bool
	)
	for ; done < s.PendingDeposits.Len(); done++ {
		d := *s.PendingDeposits.At(done)
		bridge := !s.Since(params.Fulu) && d.Slot > params.GenesisSlot && s.Eth1DepositIndex < s.DepositRequestsStartIndex
		if bridge || d.Slot > finalized || uint64(done) >= spec.MaxPendingDepositsPerEpoch {
			break
		}
		exited, withdrawn := false, false
		index, known := s.ValidatorByPubkey(d.Pubkey)
		if known {
			v := s.Validators.At(index)
			exited, withdrawn = v.ExitEpoch < params.FarFutureEpoch, v.WithdrawableEpoch < next
		}
		if exited && !withdrawn {
			postponed = append(postponed, d)
			continue
		}
		if !withdrawn {
			sum, err := processed.Add(d.Amount)
			if err != nil {
				return fmt.Errorf("pending deposit %d: %w", done, err)
			}
			if limited = sum > available; limited {
				break
			}
			processed = sum
		}
		if err := ApplyPendingDeposit(s, &d); err != nil {
			return fmt.Errorf("pending deposit %d: %w", done, err)
		}
	}
	s.PendingDeposits.DropFront(done)
	for _, d := range postponed {
		s.PendingDeposits.Append(d)
	}
	s.DepositBalanceToConsume = 0
	if limited {
		s.DepositBalanceToConsume = available - processed
	}
	return nil
}

// prefetchPendingDeposits verifies the signatures that one epoch's deposits can ask for, in one batch.
func prefetchPendingDeposits(s *State, finalized types.Slot) {
	var fresh []types.DepositData
	most := min(uint64(s.PendingDeposits.Len()), s.Spec().MaxPendingDepositsPerEpoch)
	for i := range int(most) {
		d := s.PendingDeposits.At(i)
		if d.Slot > finalized {
			break
		}
		if _, known := s.ValidatorByPubkey(d.Pubkey); !known {
			fresh = append(fresh, depositDataOf(d))
		}
	}
	if len(fresh) > 1 {
		VerifyDepositSignatures(s.Spec(), s.env, params.DomainDeposit(), fresh)
	}
}

func depositDataOf(d *types.PendingDeposit) types.DepositData {
	return types.DepositData{
		Pubkey: d.Pubkey, WithdrawalCredentials: d.WithdrawalCredentials, Amount: d.Amount, Signature: d.Signature,
	}
}

// ApplyPendingDeposit adds to a validator's balance, or adds a validator if the deposit bears its signature.
// Spec: apply_pending_deposit (electra).
func ApplyPendingDeposit(s *State, d *types.PendingDeposit) error {
	if index, known := s.ValidatorByPubkey(d.Pubkey); known {
		return s.IncreaseBalance(index, d.Amount)
	}
	if IsValidDepositSignature(s, depositDataOf(d)) {
		return AddValidatorToRegistry(s, d.Pubkey, d.WithdrawalCredentials, d.Amount)
	}
	return nil
}

// ProcessPendingConsolidations moves the balances of sources that are withdrawable to their targets.
// Spec: process_pending_consolidations (electra).
func ProcessPendingConsolidations(s *State) error {
	next, done := s.GetCurrentEpoch()+1, 0
	for ; done < s.PendingConsolidations.Len(); done++ {
		c := *s.PendingConsolidations.At(done)
		if err := s.checkValidator(c.SourceIndex); err != nil {
			return within("source", err)
		}
		if err := s.checkValidator(c.TargetIndex); err != nil {
			return within("target", err)
		}
		source := s.Validators.At(c.SourceIndex)
		if source.Slashed {
			continue
		}
		if source.WithdrawableEpoch > next {
			break
		}
		moved := min(s.Balances.At(int(c.SourceIndex)), source.EffectiveBalance)
		s.DecreaseBalance(c.SourceIndex, moved)
		if err := s.IncreaseBalance(c.TargetIndex, moved); err != nil {
			return err
		}
	}
	s.PendingConsolidations.DropFront(done)
	return nil
}

// GetBuilderPaymentQuorumThreshold is the weight of votes from which a builder has to pay.
// Spec: get_builder_payment_quorum_threshold (gloas).
func (s *State) GetBuilderPaymentQuorumThreshold() types.Gwei {
	perSlot := s.GetTotalActiveBalance() / types.Gwei(s.Spec().SlotsPerEpoch)
	return perSlot * params.BuilderPaymentThresholdNumerator / params.BuilderPaymentThresholdDenominator
}

// ProcessBuilderPendingPayments queues the payments of the previous epoch that have their quorum.
// Spec: process_builder_pending_payments (gloas).
func ProcessBuilderPendingPayments(s *State) {
	quorum, slots := s.GetBuilderPaymentQuorumThreshold(), int(s.Spec().SlotsPerEpoch)
	for i := range slots {
		if payment := s.BuilderPendingPayments.At(i); payment.Weight >= quorum {
			s.BuilderPendingWithdrawals.Append(payment.Withdrawal)
		}
	}
	for i := range slots {
		s.BuilderPendingPayments.Set(i, *s.BuilderPendingPayments.At(slots + i))
		s.BuilderPendingPayments.Set(slots+i, types.BuilderPendingPayment{})
	}
}
