package spectest

import (
	"errors"
	"testing"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/transition"
	"github.com/cresset/cresset/beacon/types"
)

// operation is what runs one case of operations/*.
type operation struct {
	t *testing.T
	c *Case
	s *transition.State
	h transition.Hooks
	m meta
}

// runOperation applies one operation. Format: tests/formats/operations.
func runOperation(t *testing.T, c *Case) {
	process := operations()[c.Handler]
	if process == nil {
		t.Fatalf("unknown operation %s", c.Handler)
	}
	m := readMeta(c)
	o := &operation{t: t, c: c, s: readState(t, c, "pre"), h: transition.Hooks{Signatures: m.signatures()}, m: m}
	err := process(o)
	if err == nil && o.h.Signatures != nil {
		err = o.h.Signatures.Verify()
	}
	checkPost(t, c, o.s, err)
}

func operations() map[string]func(*operation) error {
	return map[string]func(*operation) error{
		"attestation": func(o *operation) error {
			return transition.ProcessAttestation(o.s, decode[types.Attestation](o.t, o.c, "attestation"), o.m.ParentSlot, o.h)
		},
		"attester_slashing":       signed("attester_slashing", transition.ProcessAttesterSlashing),
		"block_header":            unsigned("block", transition.ProcessBlockHeader),
		"bls_to_execution_change": signed("address_change", transition.ProcessBLSToExecutionChange),
		"builder_deposit_request": unsigned("builder_deposit_request", transition.ProcessBuilderDepositRequest),
		"builder_exit_request":    unsigned("builder_exit_request", transition.ProcessBuilderExitRequest),
		"consolidation_request":   unsigned("consolidation_request", transition.ProcessConsolidationRequest),
		"deposit":                 unsigned("deposit", transition.ProcessDeposit),
		"deposit_request":         unsigned("deposit_request", transition.ProcessDepositRequest),
		"execution_payload":       processExecutionPayload,
		"execution_payload_bid": signed("execution_payload_bid", func(s *transition.State, bid *types.SignedExecutionPayloadBid, h transition.Hooks) error {
			_, err := transition.ProcessExecutionPayloadBid(s, bid, h)
			return err
		}),
		"parent_execution_payload": unsigned("block", transition.ProcessParentExecutionPayload),
		"payload_attestation":      signed("payload_attestation", transition.ProcessPayloadAttestation),
		"proposer_slashing":        signed("proposer_slashing", transition.ProcessProposerSlashing),
		"sync_aggregate":           signed("sync_aggregate", transition.ProcessSyncAggregate),
		"voluntary_exit":           signed("voluntary_exit", transition.ProcessVoluntaryExit),
		"voluntary_exit_churn":     signed("voluntary_exit", transition.ProcessVoluntaryExit),
		"withdrawal_request":       unsigned("withdrawal_request", transition.ProcessWithdrawalRequest),
		"withdrawals":              processWithdrawals,
	}
}

// signed is an operation with signatures.
func signed[T any, P interface {
	*T
	ssz.Object
}](input string, process func(*transition.State, P, transition.Hooks) error) func(*operation) error {
	return func(o *operation) error { return process(o.s, decode[T, P](o.t, o.c, input), o.h) }
}

// unsigned is an operation whose signatures, if any, do not decide about its validity.
func unsigned[T any, P interface {
	*T
	ssz.Object
}](input string, process func(*transition.State, P) error) func(*operation) error {
	return func(o *operation) error { return process(o.s, decode[T, P](o.t, o.c, input)) }
}

func processExecutionPayload(o *operation) error {
	var execution struct {
		Valid bool `yaml:"execution_valid"`
	}
	o.c.MustYAML("execution", &execution)
	request, err := transition.ProcessExecutionPayload(o.s, decode[types.BeaconBlockBody](o.t, o.c, "body"))
	if err == nil && request == nil {
		o.t.Fatal("no payload to be checked")
	}
	if err == nil && !execution.Valid {
		err = errors.New("the execution client says that the payload is invalid")
	}
	return err
}

func processWithdrawals(o *operation) error {
	if o.c.Fork >= params.Gloas {
		return transition.ProcessWithdrawals(o.s, nil)
	}
	return transition.ProcessWithdrawals(o.s, decode[types.ExecutionPayload](o.t, o.c, "execution_payload"))
}
