package devnet

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/cresset/cresset/beacon/types"
)

// kind is a kind of process.
type kind string

const (
	geth      kind = "geth"
	beaconOf  kind = "beacon"
	validator kind = "validator"
)

// Fault is a process that stands still: it is stopped when a slot begins, and started again when another begins.
type Fault struct {
	Kind        kind
	Node        int
	First, Last types.Slot // stopped from the beginning of First on, and started again at that of Last
}

// String is what ParseFaults reads.
func (f Fault) String() string {
	return fmt.Sprintf("stop %s %d %d-%d", f.Kind, f.Node, f.First, f.Last)
}

// ParseFaults reads faults with semicolons between: "stop KIND NODE SLOT-SLOT", where KIND is geth, beacon or validator, such as
// "stop geth 0 20-50; stop beacon 1 24-32".
func ParseFaults(text string) (faults []Fault, err error) {
	if strings.TrimSpace(text) == "" {
		return nil, nil
	}
	for item := range strings.SplitSeq(text, ";") {
		words := strings.Fields(item)
		if len(words) != 4 || words[0] != "stop" {
			return nil, fmt.Errorf("fault %q: want stop KIND NODE SLOT-SLOT", strings.TrimSpace(item))
		}
		f := Fault{Kind: kind(words[1])}
		if f.Kind != geth && f.Kind != beaconOf && f.Kind != validator {
			return nil, fmt.Errorf("fault %q: the kind is %q, want %s, %s or %s", item, words[1], geth, beaconOf, validator)
		}
		node, err := strconv.ParseUint(words[2], 10, 8)
		if err != nil {
			return nil, fmt.Errorf("fault %q: the node is %q, want a number", item, words[2])
		}
		f.Node = int(node)
		first, last, _ := strings.Cut(words[3], "-")
		from, err1 := strconv.ParseUint(first, 10, 32)
		to, err2 := strconv.ParseUint(last, 10, 32)
		if err1 != nil || err2 != nil || from == 0 || to <= from {
			return nil, fmt.Errorf("fault %q: the slots are %q, want FIRST-LAST with FIRST above 0 and below LAST", item, words[3])
		}
		f.First, f.Last = types.Slot(from), types.Slot(to)
		faults = append(faults, f)
	}
	return faults, nil
}
