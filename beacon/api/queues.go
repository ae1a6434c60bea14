package api

import (
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/types"
)

// queue answers with a list of a state. shape is the list's in a fork.
func (c *call) queue(list func(*types.BeaconState) ssz.Node) error {
	s, f, err := c.state()
	if err != nil {
		return err
	}
	return c.value(ofFork(f, s.Cx.Fork), s.Cx, list(s.BeaconState))
}

// capOf is the shape of a queue with a limit.
func capOf(s *types.BeaconState, limit uint64) ssz.Shape {
	return ssz.Cap(limit, s.Since(params.Gloas))
}

// pendingDeposits answers with the queue of deposits. Spec: getPendingDeposits (since electra).
func (c *call) pendingDeposits() error {
	return c.queue(func(s *types.BeaconState) ssz.Node {
		return s.PendingDeposits.List(capOf(s, s.Cx.Spec.PendingDepositsLimit))
	})
}

// pendingPartialWithdrawals answers with the queue of withdrawals. Spec: getPendingPartialWithdrawals (since electra).
func (c *call) pendingPartialWithdrawals() error {
	return c.queue(func(s *types.BeaconState) ssz.Node {
		return s.PendingPartialWithdrawals.List(capOf(s, s.Cx.Spec.PendingPartialWithdrawalsLimit))
	})
}

// pendingConsolidations answers with the queue of consolidations. Spec: getPendingConsolidations (since electra).
func (c *call) pendingConsolidations() error {
	return c.queue(func(s *types.BeaconState) ssz.Node {
		return s.PendingConsolidations.List(capOf(s, s.Cx.Spec.PendingConsolidationsLimit))
	})
}
