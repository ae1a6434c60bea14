package devnet

import (
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/types"
)

// operation is a kind of traffic.
type operation uint8

// The kinds, in the order in which they are told of.
const (
	transfer operation = iota
	blobs
	deposit
	voluntaryExit
	fullWithdrawal
	partialWithdrawal
	consolidation
	blsChange
	proposerSlashing
	attesterSlashing
	operations // how many there are
)

func (o operation) String() string {
	return [...]string{
		"transfer", "blob transaction", "deposit", "voluntary exit", "full withdrawal request", "partial withdrawal request", "consolidation request",
		"BLS change", "proposer slashing", "attester slashing",
	}[o]
}

// since is the fork that an operation is possible from.
func (o operation) since() params.Fork {
	switch o {
	case deposit, fullWithdrawal, partialWithdrawal, consolidation:
		return params.Electra
	case blobs:
		return params.Fulu
	}
	return firstFork
}

// onExecution tells whether an operation begins as a transaction.
func (o operation) onExecution() bool {
	return o <= deposit || fullWithdrawal <= o && o <= consolidation
}

// operationsOf are the kinds of traffic that are in a block.
func operationsOf(body *types.BeaconBlockBody) (done []operation) {
	add := func(o operation, in bool) {
		if in {
			done = append(done, o)
		}
	}
	add(transfer, len(body.ExecutionPayload.Transactions) > 0)
	add(blobs, len(body.BlobKZGCommitments) > 0)
	add(deposit, len(body.ExecutionRequests.Deposits) > 0)
	add(voluntaryExit, len(body.VoluntaryExits) > 0)
	for _, w := range body.ExecutionRequests.Withdrawals {
		add(fullWithdrawal, w.Amount == params.FullExitRequestAmount)
		add(partialWithdrawal, w.Amount != params.FullExitRequestAmount)
	}
	add(consolidation, len(body.ExecutionRequests.Consolidations) > 0)
	add(blsChange, len(body.BLSToExecutionChanges) > 0)
	add(proposerSlashing, len(body.ProposerSlashings) > 0)
	add(attesterSlashing, len(body.AttesterSlashings) > 0)
	return done
}
