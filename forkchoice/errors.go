package forkchoice

import (
	"errors"
	"fmt"

	"github.com/cresset/cresset/beacon/types"
)

// Classes of errors, for errors.Is.
var (
	// ErrInvalid: what was handed in breaks a rule and will always do.
	ErrInvalid = errors.New("invalid")
	// ErrUnknownBlock: a block that was named is not in the tree. It may come later.
	ErrUnknownBlock = errors.New("unknown block")
	// ErrFuture: what was handed in is too early.
	ErrFuture = errors.New("from the future")
	// ErrPayloadUnknown: the payload that a block or a vote builds on has not been verified. It may come later.
	ErrPayloadUnknown = errors.New("unknown payload")
	// ErrFinalized: a block conflicts with the finalized checkpoint, or lies before it.
	ErrFinalized = errors.New("conflicts with finality")
	// ErrInvalidPayload: a block has, or descends from one that has, a payload that the execution client rejected.
	ErrInvalidPayload = errors.New("invalid payload")
	// ErrValidPayload: the execution client calls invalid what it called valid before. Such a client is faulty; nothing was
	// changed.
	ErrValidPayload = errors.New("payload was valid before")
	// ErrJustifiedInvalid: the block of the justified checkpoint is invalidated, so that there is no head. An operator has
	// to step in.
	ErrJustifiedInvalid = errors.New("justified checkpoint has an invalid payload")
)

// Error says which rule a call breaks.
type Error struct {
	// Class is one of the errors above; errors.Is finds it.
	Class error
	// Rule is the condition that does not hold, in the specification's terms.
	Rule string
	// Have and Want are the two values, or what comes nearest to them.
	Have, Want any
}

func (e *Error) Error() string {
	return fmt.Sprintf("%v: %s: have %v, want %v", e.Class, e.Rule, e.Have, e.Want)
}

// Unwrap gives the class.
func (e *Error) Unwrap() error { return e.Class }

// broken makes an Error.
func broken(class error, rule string, have, want any) error {
	return &Error{Class: class, Rule: rule, Have: have, Want: want}
}

// unknown is the error of a block that is not in the tree.
func unknown(rule string, root types.Root) error {
	return broken(ErrUnknownBlock, rule, root, "a block of the tree")
}
