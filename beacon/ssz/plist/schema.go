package plist

import (
	"fmt"

	"github.com/cresset/cresset/beacon/ssz"
)

// schema is the SSZ type of a list: a list with a shape, or a vector.
type schema struct {
	shape  ssz.Shape
	vector uint64 // the length of a vector; 0 marks a list
}

// check fails on a number of elements that the type does not allow.
func (s schema) check(n int) error {
	switch {
	case s.vector > 0 && uint64(n) != s.vector:
		return fmt.Errorf("%w: vector has %d elements, its length is %d", ssz.ErrSize, n, s.vector)
	case s.vector == 0 && !s.shape.Progressive && uint64(n) > s.shape.Limit:
		return &ssz.LimitError{Have: uint64(n), Limit: s.shape.Limit}
	}
	return nil
}
