package transition

import (
	"fmt"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/types"
)

// ProcessOperations applies what a block carries. From Gloas on parentSlot is the slot of the block's parent; before, it
// is of no use. Spec: process_operations (phase0; modified capella, electra, fulu, gloas).
func ProcessOperations(s *State, body *types.BeaconBlockBody, parentSlot types.Slot, h Hooks) error {
	deposits, err := ExpectedDeposits(s)
	if err != nil {
		return err
	}
	if uint64(len(body.Deposits)) != deposits {
		return broken("len(body.deposits) is the number of deposits due", len(body.Deposits), deposits)
	}
	if s.Since(params.Gloas) {
		if err := checkOperationCounts(s.Spec(), body); err != nil {
			return err
		}
	}
	attestation := func(s *State, a *types.Attestation, h Hooks) error { return ProcessAttestation(s, a, parentSlot, h) }
	if err := forOps(s, "proposer slashing", body.ProposerSlashings, with(h, ProcessProposerSlashing)); err != nil {
		return err
	}
	if err := forOps(s, "attester slashing", body.AttesterSlashings, with(h, ProcessAttesterSlashing)); err != nil {
		return err
	}
	if err := forOps(s, "attestation", body.Attestations, with(h, attestation)); err != nil {
		return err
	}
	prefetchDeposits(s, body.Deposits)
	if err := forOps(s, "deposit", body.Deposits, ProcessDeposit); err != nil {
		return err
	}
	if err := forOps(s, "voluntary exit", body.VoluntaryExits, with(h, ProcessVoluntaryExit)); err != nil {
		return err
	}
	// What follows is empty in the forks that do not have it.
	if err := forOps(s, "BLS to execution change", body.BLSToExecutionChanges, with(h, ProcessBLSToExecutionChange)); err != nil {
		return err
	}
	if s.Since(params.Gloas) {
		return forOps(s, "payload attestation", body.PayloadAttestations, with(h, ProcessPayloadAttestation))
	}
	return processRequests(s, &body.ExecutionRequests)
}

// processRequests applies the requests of a payload, those of the block's until Gloas, then those of its parent's.
// Spec: process_operations (electra), apply_parent_execution_payload (gloas).
func processRequests(s *State, r *types.ExecutionRequests) error {
	if err := forOps(s, "deposit request", r.Deposits, ProcessDepositRequest); err != nil {
		return err
	}
	if err := forOps(s, "withdrawal request", r.Withdrawals, ProcessWithdrawalRequest); err != nil {
		return err
	}
	if err := forOps(s, "consolidation request", r.Consolidations, ProcessConsolidationRequest); err != nil {
		return err
	}
	prefetchBuilderDepositRequests(s, r.BuilderDeposits)
	if err := forOps(s, "builder deposit request", r.BuilderDeposits, ProcessBuilderDepositRequest); err != nil {
		return err
	}
	return forOps(s, "builder exit request", r.BuilderExits, ProcessBuilderExitRequest)
}

// forOps processes operations of one kind in order.
func forOps[T any](s *State, name string, ops []T, process func(*State, *T) error) error {
	for i := range ops {
		if err := process(s, &ops[i]); err != nil {
			return fmt.Errorf("%s %d: %w", name, i, err)
		}
	}
	return nil
}

// with gives hooks to the processing of an operation.
func with[T any](h Hooks, process func(*State, *T, Hooks) error) func(*State, *T) error {
	return func(s *State, op *T) error { return process(s, op, h) }
}

// checkOperationCounts checks the lists that have no limit in their type any more. Spec: process_operations (gloas).
func checkOperationCounts(spec *params.Spec, body *types.BeaconBlockBody) error {
	return checkLimits([]listLimit{
		{"len(body.proposer_slashings) <= MAX_PROPOSER_SLASHINGS", len(body.ProposerSlashings), spec.MaxProposerSlashings},
		{"len(body.attester_slashings) <= MAX_ATTESTER_SLASHINGS_ELECTRA", len(body.AttesterSlashings), spec.MaxAttesterSlashingsElectra},
		{"len(body.attestations) <= MAX_ATTESTATIONS_ELECTRA", len(body.Attestations), spec.MaxAttestationsElectra},
		{"len(body.voluntary_exits) <= MAX_VOLUNTARY_EXITS", len(body.VoluntaryExits), spec.MaxVoluntaryExits},
		{"len(body.bls_to_execution_changes) <= MAX_BLS_TO_EXECUTION_CHANGES", len(body.BLSToExecutionChanges), spec.MaxBLSToExecutionChanges},
		{"len(body.payload_attestations) <= MAX_PAYLOAD_ATTESTATIONS", len(body.PayloadAttestations), spec.MaxPayloadAttestations},
	})
}

// listLimit is a rule about the length of a list.
type listLimit struct {
	rule string
	have int
	most uint64
}

// checkLimits fails on the first list that is too long.
func checkLimits(lists []listLimit) error {
	for _, list := range lists {
		if uint64(list.have) > list.most {
			return broken(list.rule, list.have, list.most)
		}
	}
	return nil
}
