package params

import "fmt"

// Fork is a version of the protocol. The values are ordered, so "from Electra on" is
// fork >= Electra.
type Fork uint8

// The forks, oldest first.
const (
	Phase0 Fork = iota
	Altair
	Bellatrix
	Capella
	Deneb
	Electra
	Fulu
	Gloas
	Heze

	forkCount
)

// Forks returns all forks, oldest first.
func Forks() []Fork {
	forks := make([]Fork, forkCount)
	for i := range forks {
		forks[i] = Fork(i)
	}
	return forks
}

// String returns the name that the specification's folders and the Beacon API use, for example
// "phase0".
func (f Fork) String() string {
	switch f {
	case Phase0:
		return "phase0"
	case Altair:
		return "altair"
	case Bellatrix:
		return "bellatrix"
	case Capella:
		return "capella"
	case Deneb:
		return "deneb"
	case Electra:
		return "electra"
	case Fulu:
		return "fulu"
	case Gloas:
		return "gloas"
	case Heze:
		return "heze"
	}
	return fmt.Sprintf("fork(%d)", uint8(f))
}

// ParseFork is the inverse of Fork.String. It fails on a name that no fork has.
func ParseFork(name string) (Fork, error) {
	for f := range forkCount {
		if f.String() == name {
			return f, nil
		}
	}
	return 0, fmt.Errorf("unknown fork %q", clip(name))
}
