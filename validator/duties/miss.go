package duties

import (
	"errors"

	"github.com/cresset/cresset/validator/protection"
)

// Miss says why a duty was not done. It is an error.
type Miss struct {
	Why string // in plain words, the same for all that were missed for that reason
	Err error  // what happened
}

func (m *Miss) Error() string { return m.Why + ": " + m.Err.Error() }
func (m *Miss) Unwrap() error { return m.Err }

// Advice is what an operator can do about it.
func (m *Miss) Advice() string {
	switch {
	case errors.Is(m.Err, protection.ErrSlashable):
		return "after a reorganization of the chain this is as it must be; if there was none, make sure that no other process has these keys"
	case errors.Is(m.Err, protection.ErrNotRegistered):
		return "import the keys' slashing protection with cresset protection import, or register them with cresset protection register if they never signed anything"
	case errors.Is(m.Err, protection.ErrUnusable):
		return "the process ends, and checks the database when it is started again; look at the disk if this happens again"
	}
	return "look at the beacon nodes"
}
