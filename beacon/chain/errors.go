package chain

import (
	"errors"
	"fmt"

	"github.com/cresset/cresset/beacon/types"
	"github.com/cresset/cresset/forkchoice"
)

// Why an item cannot be imported now. It may be later.
var (
	// ErrUnknownParent means that the parent block, or the payload that a block builds on, has not been imported.
	ErrUnknownParent = errors.New("parent is unknown")
	// ErrFutureSlot means that the item's slot has not begun.
	ErrFutureSlot = errors.New("slot has not begun")
	// ErrDataMissing means that blobs or columns of the block have not been seen.
	ErrDataMissing = errors.New("blob data is missing")
	// ErrBlobsMissing is ErrDataMissing of blobs: before Fulu.
	ErrBlobsMissing = fmt.Errorf("%w: blobs", ErrDataMissing)
	// ErrEngine means that the execution client gave no answer.
	ErrEngine = errors.New("execution client gave no answer")
	// ErrStateBusy means that the state needed is not at hand and could not be computed in the time an item may take.
	ErrStateBusy = errors.New("state is not at hand")
	// ErrStopped means that the chain is not running any more.
	ErrStopped = errors.New("chain has stopped")
	// ErrUnknownBlock means that a block is not among those that descend from the finalized one.
	ErrUnknownBlock = errors.New("block is unknown")
)

// ErrInvalidPayload is in the errors of what is rejected because the execution client calls a payload invalid, its own or an ancestor's.
//
// Spec: "transmission of an INVALID execution payload via the Req/Resp domain SHOULD NOT cause a node to be down-scored or disconnected" (bellatrix).
var ErrInvalidPayload = forkchoice.ErrInvalidPayload

// PayloadMissingError is the answer to a block that builds on the payload of its parent, which is not here (gloas). It is an ErrUnknownParent.
type PayloadMissingError struct {
	Slot   types.Slot
	Parent types.Root
}

func (e *PayloadMissingError) Error() string {
	return fmt.Sprintf("block of slot %d builds on the payload of its parent: %v: %v", e.Slot, ErrUnknownParent, e.Parent)
}

// Unwrap is ErrUnknownParent.
func (e *PayloadMissingError) Unwrap() error { return ErrUnknownParent }

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
