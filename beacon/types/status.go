package types

import "github.com/cresset/cresset/beacon/params"

// ValidatorStatus is where a validator stands in its life, by the Beacon API's name.
type ValidatorStatus string

// The statuses of the Beacon API.
const (
	StatusPendingInitialized ValidatorStatus = "pending_initialized"
	StatusPendingQueued      ValidatorStatus = "pending_queued"
	StatusActiveOngoing      ValidatorStatus = "active_ongoing"
	StatusActiveExiting      ValidatorStatus = "active_exiting"
	StatusActiveSlashed      ValidatorStatus = "active_slashed"
	StatusExitedUnslashed    ValidatorStatus = "exited_unslashed"
	StatusExitedSlashed      ValidatorStatus = "exited_slashed"
	StatusWithdrawalPossible ValidatorStatus = "withdrawal_possible"
	StatusWithdrawalDone     ValidatorStatus = "withdrawal_done"
)

// StatusAt is the status of a validator with a balance at an epoch.
// Source: Beacon API, types/api.yaml, ValidatorStatus.
func (x *Validator) StatusAt(epoch Epoch, balance Gwei) ValidatorStatus {
	switch {
	case epoch < x.ActivationEpoch:
		if x.ActivationEligibilityEpoch == params.FarFutureEpoch {
			return StatusPendingInitialized
		}
		return StatusPendingQueued
	case epoch < x.ExitEpoch:
		if x.ExitEpoch == params.FarFutureEpoch {
			return StatusActiveOngoing
		}
		if x.Slashed {
			return StatusActiveSlashed
		}
		return StatusActiveExiting
	case epoch < x.WithdrawableEpoch:
		if x.Slashed {
			return StatusExitedSlashed
		}
		return StatusExitedUnslashed
	case balance != 0:
		return StatusWithdrawalPossible
	}
	return StatusWithdrawalDone
}
