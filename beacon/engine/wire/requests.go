package wire

import (
	"fmt"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/types"
)

// GetExecutionRequests decodes the requests of a built payload; it is the reverse of transition.GetExecutionRequestsList.
// Unknown types, types that do not ascend and types without data are errors, and so are more requests than a payload may have.
// Spec: get_execution_requests (electra/validator.md; modified gloas).
func GetExecutionRequests(cx Context, list [][]byte) (*types.ExecutionRequests, error) {
	out := &types.ExecutionRequests{}
	s := cx.Spec
	kinds := []struct {
		kind  byte
		since params.Fork
		list  ssz.Node
	}{
		{params.DepositRequestType, params.Electra, ssz.List(&out.Deposits, ssz.Cap(s.MaxDepositRequestsPerPayload, false))},
		{params.WithdrawalRequestType, params.Electra, ssz.List(&out.Withdrawals, ssz.Cap(s.MaxWithdrawalRequestsPerPayload, false))},
		{params.ConsolidationRequestType, params.Electra, ssz.List(&out.Consolidations, ssz.Cap(s.MaxConsolidationRequestsPerPayload, false))},
		{params.BuilderDepositRequestType, params.Gloas, ssz.List(&out.BuilderDeposits, ssz.Cap(s.MaxBuilderDepositRequestsPerPayload, false))},
		{params.BuilderExitRequestType, params.Gloas, ssz.List(&out.BuilderExits, ssz.Cap(s.MaxBuilderExitRequestsPerPayload, false))},
	}
	next := 0 // the first of kinds that may still come
	for i, request := range list {
		if len(request) < 2 {
			return nil, fmt.Errorf("execution request %d has %d bytes, want a type and data", i, len(request))
		}
		k := next
		for k < len(kinds) && kinds[k].kind != request[0] {
			k++
		}
		if k == len(kinds) || !cx.since(kinds[k].since) {
			return nil, fmt.Errorf("execution request %d has type %#x, want the types of %s in ascending order", i, request[0], cx.Fork)
		}
		if err := ssz.Unmarshal(ssz.Context{Spec: s, Fork: cx.Fork}, request[1:], kinds[k].list); err != nil {
			return nil, fmt.Errorf("execution requests of type %#x: %w", request[0], err)
		}
		next = k + 1
	}
	return out, nil
}
