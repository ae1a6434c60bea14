package main

import (
	"errors"

	"github.com/cresset/cresset/beacon/chain"
	"github.com/cresset/cresset/beacon/node"
	"github.com/cresset/cresset/beacon/store"
	"github.com/cresset/cresset/cmd/internal/process"
)

// errInterrupted is the end of a job that a signal stopped before it was done.
var errInterrupted = errors.New("stopped by a signal")

// endings is what errors mean to whoever started the program; the first row that an error is of counts.
func endings() []process.Ending {
	return []process.Ending{
		{Code: process.ExitUsage, Is: process.As[*node.UsageError]},
		{Code: process.ExitTransient, Is: process.As[*store.LockedError], Action: "end that process, or give this one another --datadir"},
		{Code: process.ExitOperator, Is: process.As[*store.NetworkError], Action: "give this network a --datadir of its own"},
		{Code: process.ExitOperator, Is: process.As[*store.VersionError]},
		{Code: process.ExitOperator, Is: process.As[*chain.RejectedError], Action: "the block breaks a rule of the network: check that it is of this network and not damaged"},
		{Code: process.ExitOperator, Is: process.As[*node.OperatorError]},
		{Code: process.ExitTransient, Is: process.Is(errInterrupted), Action: "what was imported is kept, start again to go on"},
	}
}
