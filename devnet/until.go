package devnet

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/cresset/cresset/beacon/params"
)

// UntilKind is what a run waits for.
type UntilKind uint8

// What a run may wait for.
const (
	UntilInterrupt  UntilKind = iota
	UntilFinalized            // an epoch is finalized
	UntilSlot                 // the head has reached a slot
	UntilOperations           // every kind of traffic is in a finalized block
)

// Until is when a run ends by itself.
type Until struct {
	Kind UntilKind
	N    uint64 // epoch or slot
}

// ParseUntil reads "finalized:EPOCH", "slot:SLOT", "operations", or nothing for a run that only an interrupt ends.
func ParseUntil(text string) (Until, error) {
	kind, number, given := strings.Cut(text, ":")
	u := Until{}
	switch {
	case text == "":
		return u, nil
	case text == "operations":
		return Until{Kind: UntilOperations}, nil
	case kind == "finalized" && given:
		u.Kind = UntilFinalized
	case kind == "slot" && given:
		u.Kind = UntilSlot
	default:
		return u, fmt.Errorf("until is %q, want finalized:EPOCH, slot:SLOT or operations", text)
	}
	var err error
	if u.N, err = strconv.ParseUint(number, 10, 32); err != nil || u.N == 0 {
		return u, fmt.Errorf("until is %q, want a number above 0 after %s", text, kind)
	}
	return u, nil
}

// String is what ParseUntil reads.
func (u Until) String() string {
	switch u.Kind {
	case UntilFinalized:
		return fmt.Sprintf("finalized:%d", u.N)
	case UntilSlot:
		return fmt.Sprintf("slot:%d", u.N)
	case UntilOperations:
		return "operations"
	}
	return "interrupted"
}

// operationsEpochs is how long every kind of traffic may take to be finalized, counted from when it can be sent, besides the time that the network keeps a
// validator that leaves.
const operationsEpochs = 19

// deadline is the slot in which it has to be reached, and whether there is one. An epoch is finalized in the second block after its end at best; one
// epoch more is what a network may take that began late, and another half is for the watching.
func (u Until) deadline(spec *params.Spec) (params.Slot, bool) {
	perEpoch := uint64(spec.SlotsPerEpoch)
	switch u.Kind {
	case UntilFinalized:
		return params.Slot((u.N+3)*perEpoch + perEpoch/2), true
	case UntilSlot:
		return params.Slot(u.N + perEpoch), true
	case UntilOperations:
		last := params.Epoch(0)
		for fork := params.Altair; fork <= lastFork; fork++ {
			if epoch := spec.ForkEpoch(fork); epoch != params.FarFutureEpoch {
				last = max(last, epoch)
			}
		}
		waits := uint64(spec.ShardCommitteePeriod) + uint64(spec.MinValidatorWithdrawabilityDelay)
		return params.Slot((uint64(last) + waits + operationsEpochs) * perEpoch), true
	}
	return 0, false
}
