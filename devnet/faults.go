package devnet

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/cresset/cresset/beacon/types"
)

// What may be done to a network.
type faultKind string

const (
	stop faultKind = "stop" // a process stands still
	cut  faultKind = "cut"  // no packet goes from one half of the nodes to the other
	late faultKind = "late" // a node with its execution client and its validator process comes late, with nothing on its disks
)

// kind is a kind of process.
type kind string

const (
	geth      kind = "geth"
	beaconOf  kind = "beacon"
	validator kind = "validator"
)

// Fault is something that is done to the network from the beginning of a slot to that of another one.
type Fault struct {
	What        faultKind
	Kind        kind // of the process that is stopped
	Node        int  // of a process that is stopped, or that comes late
	Checkpoint  bool // the late node begins at a checkpoint of node 0
	First, Last types.Slot
}

// String is what ParseFaults reads.
func (f Fault) String() string {
	switch f.What {
	case cut:
		return fmt.Sprintf("cut %d-%d", f.First, f.Last)
	case late:
		text := fmt.Sprintf("late %d %d", f.Node, f.Last)
		if f.Checkpoint {
			text += " checkpoint"
		}
		return text
	}
	return fmt.Sprintf("stop %s %d %d-%d", f.Kind, f.Node, f.First, f.Last)
}

// ParseFaults reads faults with semicolons between:
//
//	stop KIND NODE SLOT-SLOT       a geth, beacon or validator is stopped at the beginning of a slot and started again at that of another
//	cut SLOT-SLOT                  the first and the second half of the nodes do not reach each other
//	late NODE SLOT [checkpoint]    a node starts at a slot, from genesis or at a checkpoint
func ParseFaults(text string) (faults []Fault, err error) {
	if strings.TrimSpace(text) == "" {
		return nil, nil
	}
	for item := range strings.SplitSeq(text, ";") {
		f, err := parseFault(strings.Fields(item))
		if err != nil {
			return nil, fmt.Errorf("fault %q: %w", strings.TrimSpace(item), err)
		}
		faults = append(faults, f)
	}
	return faults, nil
}

func parseFault(words []string) (f Fault, err error) {
	switch n := len(words); {
	case n == 4 && words[0] == string(stop):
		f.What, f.Kind = stop, kind(words[1])
		if f.Kind != geth && f.Kind != beaconOf && f.Kind != validator {
			return f, fmt.Errorf("the kind is %q, want %s, %s or %s", words[1], geth, beaconOf, validator)
		}
		if f.Node, err = parseNode(words[2]); err != nil {
			return f, err
		}
		f.First, f.Last, err = parseSlots(words[3])
		return f, err
	case n == 2 && words[0] == string(cut):
		f.What = cut
		f.First, f.Last, err = parseSlots(words[1])
		return f, err
	case (n == 3 || n == 4 && words[3] == "checkpoint") && words[0] == string(late):
		f.What, f.Checkpoint = late, n == 4
		if f.Node, err = parseNode(words[1]); err != nil {
			return f, err
		}
		slot, err := strconv.ParseUint(words[2], 10, 32)
		if err != nil || slot == 0 {
			return f, fmt.Errorf("the slot is %q, want a number above 0", words[2])
		}
		f.Last = types.Slot(slot)
		return f, nil
	}
	return f, fmt.Errorf("want stop KIND NODE SLOT-SLOT, cut SLOT-SLOT or late NODE SLOT [checkpoint]")
}

func parseNode(word string) (int, error) {
	node, err := strconv.ParseUint(word, 10, 8)
	if err != nil {
		return 0, fmt.Errorf("the node is %q, want a number", word)
	}
	return int(node), nil
}

func parseSlots(word string) (first, last types.Slot, err error) {
	from, to, _ := strings.Cut(word, "-")
	a, err1 := strconv.ParseUint(from, 10, 32)
	b, err2 := strconv.ParseUint(to, 10, 32)
	if err1 != nil || err2 != nil || a == 0 || b <= a {
		return 0, 0, fmt.Errorf("the slots are %q, want FIRST-LAST with FIRST above 0 and below LAST", word)
	}
	return types.Slot(a), types.Slot(b), nil
}

// lateKeys is how many keys a node has that comes late: few, so that the others justify and finalize without it.
const lateKeys = 4

// check refuses faults that a network cannot have.
func (f Fault) check(c *Config) error {
	switch {
	case f.Node >= c.Nodes:
		return fmt.Errorf("fault %v: there is no node %d, the last is %d", f, f.Node, c.Nodes-1)
	case f.What == stop && f.Kind == geth && c.Execution != Geth:
		return fmt.Errorf("fault %v: there is no geth", f)
	case f.What == cut && c.Nodes < 2:
		return fmt.Errorf("fault %v: there is one node, want at least 2", f)
	case f.What == late && f.Node == 0:
		return fmt.Errorf("fault %v: node 0 is whom the others reach and what traffic is handed to, want another one", f)
	}
	return nil
}

// Cut tells whether the network is cut in two on the way, for which it has to run on a Stage.
func (c *Config) Cut() bool {
	for _, f := range c.Faults {
		if f.What == cut {
			return true
		}
	}
	return false
}

// comes tells how a node comes that comes late.
func (c *Config) comes(node int) (Fault, bool) {
	for _, f := range c.Faults {
		if f.What == late && f.Node == node {
			return f, true
		}
	}
	return Fault{}, false
}

// arrivals are the nodes that are there from the start on, and those that come late.
func (c *Config) arrivals() (punctual, late []int) {
	for i := range c.Nodes {
		if _, ok := c.comes(i); ok {
			late = append(late, i)
		} else {
			punctual = append(punctual, i)
		}
	}
	return punctual, late
}
