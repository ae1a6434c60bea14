package chain

import (
	"errors"
	"fmt"

	"github.com/cresset/cresset/beacon/types"
)

// Why an item cannot be imported now. It may be later.
var (
	// ErrUnknownParent means that the parent block, or the payload that a block builds on, has not been imported.
	ErrUnknownParent = errors.New("parent is unknown")
	// ErrFutureSlot means that the item's slot has not begun.
	ErrFutureSlot = errors.New("slot has not begun")
	// ErrDataMissing means that blobs or columns of the block have not been seen.
	ErrDataMissing = errors.New("blob data is missing")
	// ErrEngine means that the execution client gave no answer.
	ErrEngine = errors.New("execution client gave no answer")
	// ErrStateBusy means that the state needed is not at hand and could not be computed in the time an item may take.
	ErrStateBusy = errors.New("state is not at hand")
	// ErrStopped means that the chain is not running any more.
	ErrStopped = errors.New("chain has stopped")
	// ErrUnknownBlock means that a block is not among those that descend from the finalized one.
	ErrUnknownBlock = errors.New("block is unknown")
)

// RejectedError is the answer to an item that is wrong and stays so.
type RejectedError struct {
	Slot types.Slot
	Root types.Root // of the block
	Err  error      // the rule that it breaks
}

func (e *RejectedError) Error() string {
	return fmt.Sprintf("block %v of slot %d is rejected: %v", e.Root, e.Slot, e.Err)
}

// Unwrap gives the rule that is broken.
func (e *RejectedError) Unwrap() error { return e.Err }

// NeedsOperatorError means that what is on disk does not suffice to start, and no retry will change that.
type NeedsOperatorError struct{ Err error }

func (e *NeedsOperatorError) Error() string {
	return fmt.Sprintf("the data directory cannot be started from: %v; start with an empty one and a checkpoint", e.Err)
}

// Unwrap gives the cause.
func (e *NeedsOperatorError) Unwrap() error { return e.Err }
