package process

import (
	"errors"
	"strings"
)

// The exit codes.
const (
	ExitTransient = 1 // a reason that may pass: start again
	ExitUsage     = 2 // wrong usage or configuration
	ExitOperator  = 3 // a restart changes nothing
)

// Ending is what an error means to whoever started the program.
type Ending struct {
	Code   int
	Is     func(error) bool
	Action string // empty where the error itself says what to do
}

// As tells whether an error is of a type.
func As[E error](err error) bool {
	var target E
	return errors.As(err, &target)
}

// Is tells whether an error is another one.
func Is(target error) func(error) bool {
	return func(err error) bool { return errors.Is(err, target) }
}

// usageError says that a command was called wrongly.
type usageError struct{ err error }

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

// Usage makes an error one of wrong usage, with ExitUsage.
func Usage(err error) error { return &usageError{err} }

// judge gives the exit code of an error, and the one line that is said of it. The first row that the error is of counts; what is of none may pass.
func judge(name string, endings []Ending, err error) (code int, line string) {
	line = strings.Join(strings.FieldsFunc(err.Error(), func(r rune) bool { return r == '\n' || r == '\r' }), "; ")
	found := Ending{Code: ExitTransient, Action: "start again; if this repeats, look at what is logged with --log-level debug"}
	for _, e := range endings {
		if e.Is(err) {
			found = e
			break
		}
	}
	if As[*usageError](err) {
		found.Code, found.Action = ExitUsage, ""
	}
	if found.Code == ExitUsage {
		found.Action = "see " + name + " --help"
	}
	if found.Action != "" {
		line += "; " + found.Action
	}
	return found.Code, line
}
