package reqresp

import (
	"errors"
	"fmt"
)

// Code is the first byte of a response chunk.
type Code uint8

// The result codes. 4 to 127 are reserved and 128 to 255 alternative errors; both are treated as errors.
// Source: p2p-interface.md (phase0), "Responding side".
const (
	Success Code = iota
	InvalidRequest
	ServerError
	ResourceUnavailable
)

// String is the specification's name of a code.
func (c Code) String() string {
	switch c {
	case Success:
		return "Success"
	case InvalidRequest:
		return "InvalidRequest"
	case ServerError:
		return "ServerError"
	case ResourceUnavailable:
		return "ResourceUnavailable"
	}
	return fmt.Sprintf("code %d", uint8(c))
}

// ResponseError is an answer that is an error. A handler returns one to send it; the client returns one that it received.
type ResponseError struct {
	Code    Code
	Message string // at most 256 bytes of anything
}

func (e *ResponseError) Error() string {
	if e.Message == "" {
		return e.Code.String()
	}
	return fmt.Sprintf("%v: %q", e.Code, e.Message)
}

// Unavailable is the answer that a resource is not at hand.
func Unavailable(format string, args ...any) error {
	return &ResponseError{ResourceUnavailable, fmt.Sprintf(format, args...)}
}

// Invalid is the answer that a request makes no sense.
func Invalid(format string, args ...any) error {
	return &ResponseError{InvalidRequest, fmt.Sprintf(format, args...)}
}

// RuleError says which rule a message broke, with what it has and what it may have.
type RuleError struct {
	Rule       string
	Have, Want any
}

func (e *RuleError) Error() string {
	return fmt.Sprintf("%s: have %v, want %v", e.Rule, e.Have, e.Want)
}

func broken(rule string, have, want any) error { return &RuleError{rule, have, want} }

// Class says what to do about a failed request.
type Class uint8

// The classes of failure.
const (
	// Unclassified is a mistake on this side: nothing was asked.
	Unclassified Class = iota
	// Broken means that the peer broke the protocol: drop it.
	Broken
	// Refused means that the peer answered with an error: think less of it, ask another one.
	Refused
	// TimedOut means that the peer was too slow.
	TimedOut
	// Transport means that the connection failed.
	Transport
	// Unsupported means that the peer does not speak the protocol.
	Unsupported
	// Cancelled means that this side gave up.
	Cancelled
)

// String names a class.
func (c Class) String() string {
	switch c {
	case Broken:
		return "protocol broken"
	case Refused:
		return "refused"
	case TimedOut:
		return "timed out"
	case Transport:
		return "connection failed"
	case Unsupported:
		return "not supported"
	case Cancelled:
		return "cancelled"
	}
	return "not asked"
}

// ErrUnsupported is what an Opener's error wraps if the peer does not speak the protocol.
var ErrUnsupported = errors.New("the peer does not speak the protocol")

// Error is a request that failed. It wraps a *RuleError if the peer broke a rule and a *ResponseError if it answered with an error.
type Error struct {
	Class    Class
	Peer     string
	Protocol string // name and version
	Err      error
}

func (e *Error) Error() string { return fmt.Sprintf("%s: %v: %v", e.Protocol, e.Class, e.Err) }

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// ClassOf gives the class of a failed request.
func ClassOf(err error) Class {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Class
	}
	return Unclassified
}

// CodeOf gives the code that a peer answered with, Success if that was not the failure.
func CodeOf(err error) Code {
	if e, ok := errors.AsType[*ResponseError](err); ok {
		return e.Code
	}
	return Success
}
