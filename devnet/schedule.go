package devnet

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/cresset/cresset/beacon/params"
)

// The forks that a network of this package may have: geth and our production begin and end here.
const (
	firstFork = params.Deneb
	lastFork  = params.Fulu
)

// ParseSchedule reads when forks begin: the name of the fork that the network begins with, or FORK:EPOCH with commas between, such as
// "deneb:0,electra:2,fulu:4". Forks below the first begin with it, forks above the last never.
func ParseSchedule(text string) (map[params.Fork]params.Epoch, error) {
	schedule := map[params.Fork]params.Epoch{}
	for fork := params.Altair; fork <= lastFork; fork++ {
		schedule[fork] = params.FarFutureEpoch
	}
	previous := params.Phase0
	for i, item := range strings.Split(text, ",") {
		name, at, given := strings.Cut(strings.TrimSpace(item), ":")
		fork, err := params.ParseFork(name)
		if err != nil {
			return nil, fmt.Errorf("fork schedule %q: %w", text, err)
		}
		epoch := uint64(0)
		if given {
			if epoch, err = strconv.ParseUint(at, 10, 32); err != nil {
				return nil, fmt.Errorf("fork schedule %q: epoch of %v is %q, want a number", text, fork, at)
			}
		}
		switch {
		case fork < firstFork || fork > lastFork:
			return nil, fmt.Errorf("fork schedule %q: %v is given, want forks from %v to %v", text, fork, firstFork, lastFork)
		case i == 0 && epoch != 0:
			return nil, fmt.Errorf("fork schedule %q: %v begins at epoch %d, want 0 of the first fork", text, fork, epoch)
		case i > 0 && fork <= previous:
			return nil, fmt.Errorf("fork schedule %q: %v stands after %v, want the forks in order", text, fork, previous)
		case i > 0 && params.Epoch(epoch) < schedule[previous]:
			return nil, fmt.Errorf("fork schedule %q: %v begins at epoch %d, before %v", text, fork, epoch, previous)
		}
		for f := previous + 1; f <= fork; f++ {
			schedule[f] = params.Epoch(epoch)
		}
		previous = fork
	}
	return schedule, nil
}
