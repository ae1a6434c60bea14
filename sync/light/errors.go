package light

import (
	"fmt"

	"github.com/cresset/cresset/beacon/ssz"
)

// Error says which rule of the specification a light-client object breaks.
type Error struct {
	// Rule is the condition that does not hold, in the specification's terms.
	Rule string
	// Have and Want are the two values, or what comes nearest to them.
	Have, Want any
}

func (e *Error) Error() string { return fmt.Sprintf("%s: have %v, want %v", e.Rule, e.Have, e.Want) }

// broken makes an Error.
func broken(rule string, have, want any) error { return &Error{Rule: rule, Have: have, Want: want} }

// checkForm fails on an object that its fork does not allow: a branch or committee of another length, bits beyond the
// committee, a field that belongs to another fork. Objects that were decoded under cx pass.
func checkForm(cx ssz.Context, o ssz.Object) error {
	if _, err := ssz.Marshal(cx, ssz.Container(o)); err != nil {
		return fmt.Errorf("form of %v: %w", cx.Fork, err)
	}
	return nil
}

// isDefault tells whether an object equals its type's default value.
func isDefault(cx ssz.Context, o ssz.Object) bool { return ssz.Container(o).IsZero(cx) }
