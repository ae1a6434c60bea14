package ssz

import (
	"errors"
	"fmt"
	"strings"
)

// Sentinel errors of strict decoding; a decoding error wraps one of them or is a *LimitError.
var (
	ErrSize    = errors.New("wrong number of bytes")
	ErrOffset  = errors.New("wrong offset")
	ErrPadding = errors.New("padding bits are not zero")
	ErrBoolean = errors.New("boolean is neither 0 nor 1")
	ErrAbsent  = errors.New("field does not exist in this fork but has a value")
	ErrPath    = errors.New("generalized index leads nowhere")
	ErrJSON    = errors.New("wrong JSON")
)

// LimitError reports a list that is longer than its type allows.
type LimitError struct{ Have, Limit uint64 }

func (e *LimitError) Error() string {
	return fmt.Sprintf("list has %d elements, its limit is %d", e.Have, e.Limit)
}

// FieldError places an error: Path names container, field and element, as in BeaconBlockBody.attestations[3].data.
type FieldError struct {
	Path string
	Err  error
}

func (e *FieldError) Error() string { return e.Path + ": " + e.Err.Error() }
func (e *FieldError) Unwrap() error { return e.Err }

// at puts a step in front of an error's path. Nested containers contribute their field names; only the outermost
// container keeps its type's name.
func at(step string, err error) error {
	if err == nil {
		return nil
	}
	if fe, ok := err.(*FieldError); ok {
		if rest, found := strings.CutPrefix(fe.Path, "["); found {
			return &FieldError{Path: step + "[" + rest, Err: fe.Err}
		}
		return &FieldError{Path: step + "." + fe.Path, Err: fe.Err}
	}
	return &FieldError{Path: step, Err: err}
}

func atIndex(i int, err error) error { return at(fmt.Sprintf("[%d]", i), err) }

func sizeError(have, want int) error {
	return fmt.Errorf("%w: have %d, want %d", ErrSize, have, want)
}
