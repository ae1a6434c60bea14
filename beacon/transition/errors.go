package transition

import "fmt"

// Error says which rule of the specification a block or an operation breaks. A State that returned one is unusable.
type Error struct {
	// Rule is the condition that does not hold, in the specification's terms.
	Rule string
	// Have and Want are the two values, or what comes nearest to them.
	Have, Want any
}

func (e *Error) Error() string { return fmt.Sprintf("%s: have %v, want %v", e.Rule, e.Have, e.Want) }

// broken makes an Error.
func broken(rule string, have, want any) error { return &Error{Rule: rule, Have: have, Want: want} }

// within puts a step's name in front of an error.
func within(step string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", step, err)
}
