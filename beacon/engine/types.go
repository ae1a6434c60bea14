package engine

import (
	"errors"
	"fmt"

	"github.com/cresset/cresset/beacon/engine/wire"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/types"
)

// The structures of the Engine API, declared in beacon/engine/wire, where each is documented.
type (
	Status             = wire.Status
	PayloadStatus      = wire.PayloadStatus
	ForkchoiceState    = wire.ForkchoiceState
	PayloadAttributes  = wire.PayloadAttributes
	PayloadID          = wire.PayloadID
	BlobsBundle        = wire.BlobsBundle
	BlobAndProofs      = wire.BlobAndProofs
	BlobCellsAndProofs = wire.BlobCellsAndProofs
	ColumnSet          = wire.ColumnSet
	PayloadBody        = wire.PayloadBody
	PowBlock           = wire.PowBlock
	ClientVersion      = wire.ClientVersion
	RPCError           = wire.RPCError
	Code               = wire.Code
)

// The statuses of a payload.
const (
	Valid            = wire.Valid
	Invalid          = wire.Invalid
	Syncing          = wire.Syncing
	Accepted         = wire.Accepted
	InvalidBlockHash = wire.InvalidBlockHash
)

// The errors of the Engine API, for errors.Is.
const (
	UnknownPayload           = wire.UnknownPayload
	InvalidForkchoiceState   = wire.InvalidForkchoiceState
	InvalidPayloadAttributes = wire.InvalidPayloadAttributes
	TooLargeRequest          = wire.TooLargeRequest
	UnsupportedFork          = wire.UnsupportedFork
	TooDeepReorg             = wire.TooDeepReorg
	MethodNotFound           = wire.MethodNotFound
	InvalidParams            = wire.InvalidParams
	ServerError              = wire.ServerError
)

// Errors of calls that got no answer, for errors.Is. Each comes inside a *CallError.
var (
	// ErrOffline: no connection, no answer in time, or an HTTP status that says so.
	ErrOffline = errors.New("the execution client does not answer")
	// ErrAuth: the secret cannot be read, or the execution client refuses it.
	ErrAuth = errors.New("the execution client refuses the JWT")
	// ErrWrongChain: the execution client is of another chain, so nothing is sent to it.
	ErrWrongChain = errors.New("the execution client is of another chain")
	// ErrMalformed: the answer is not what the Engine API allows, or contradicts itself.
	ErrMalformed = errors.New("malformed answer of the execution client")
	// ErrUnavailable: the execution client does not offer an optional method.
	ErrUnavailable = errors.New("the execution client does not offer this method")
)

// CallError is a call that failed on the way to the execution client or back. An answer that is an error is an *RPCError instead.
type CallError struct {
	Endpoint string
	Method   string
	Kind     error // ErrOffline, ErrAuth, ErrWrongChain, ErrMalformed or ErrUnavailable
	Err      error // what happened
}

// Error has endpoint, method and what happened.
func (e *CallError) Error() string {
	return fmt.Sprintf("%s of execution client %s: %v: %v", e.Method, e.Endpoint, e.Kind, e.Err)
}

// Unwrap gives the kind and what happened.
func (e *CallError) Unwrap() []error { return []error{e.Kind, e.Err} }

// BuiltPayload is the answer to GetPayload.
type BuiltPayload struct {
	Payload               *types.ExecutionPayload
	Value                 ssz.Uint256              // wei for the fee recipient; since capella
	Blobs                 *BlobsBundle             // since deneb, else nil
	Requests              *types.ExecutionRequests // since electra, else nil
	ShouldOverrideBuilder bool                     // since deneb
}
