package report

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/types"
	"github.com/cresset/cresset/validator/duties"
)

// figures is what became of an epoch.
type figures struct {
	attested, included int
	unmade             int // by this process, and in no block
	target, head       int // right
	slots              int // from votes to the blocks that include them, all together
	worst              int
	blocks             int // of ours that are in the chain
	blocksMissed       int
	reasons            []reason
}

// reason is why some duties were missed or worth less.
type reason struct {
	what   string
	count  int
	detail string // of the first or worst of them
	after  time.Duration
}

// because counts one more of a kind.
func (f *figures) because(what string) *reason {
	i := slices.IndexFunc(f.reasons, func(r reason) bool { return r.what == what })
	if i < 0 {
		i = len(f.reasons)
		f.reasons = append(f.reasons, reason{what: what})
	}
	f.reasons[i].count++
	return &f.reasons[i]
}

// maxDetail bounds what a node said in the line of an epoch, bytes.
const maxDetail = 200

func (f *figures) missed(what string, m *duties.Miss) {
	r := f.because(what + ": " + m.Why)
	if r.detail == "" {
		detail := strings.ToValidUTF8(m.Err.Error(), "?")
		if len(detail) > maxDetail {
			detail = strings.ToValidUTF8(detail[:maxDetail], "") + "..."
		}
		r.detail = detail
	}
}

// late counts one that was handed in late.
func (f *figures) late(what string, after time.Duration) {
	r := f.because(what)
	r.after = max(r.after, after)
	r.detail = fmt.Sprintf("up to %v into their slot", r.after.Round(time.Millisecond))
}

// distance is the mean number of slots from a vote to the block that includes it, to two places; 0 where none was included.
func (f *figures) distance() float64 {
	if f.included == 0 {
		return 0
	}
	return math.Round(100*float64(f.slots)/float64(f.included)) / 100
}

// summarize puts together what this process knows of an epoch and what the chain has.
func summarize(spec *params.Spec, seats []duties.Attester, known tally, found *chain) (f figures) {
	for i, seat := range seats {
		mine, told := known.votes[seat.Validator]
		late := told && mine.after > time.Duration(spec.GetAggregateDueMs(spec.ForkAtSlot(seat.Slot)))*time.Millisecond
		switch at := found.fates[i]; {
		case at.included > 0:
			f.attested++
			f.count(seat.Slot, at, found, late, mine.after)
		case told && mine.missed != nil:
			f.missed("votes", mine.missed)
		case !told:
			f.unmade++
			f.because("votes were not made: the process was not running, or did not know its duties")
		default:
			f.attested++
			switch {
			case late:
				f.late("votes are in no block: they were handed in after aggregates were made", mine.after)
			case found.noneAfter(seat.Slot):
				f.because("votes are in no block: there was none after them")
			default:
				f.because("votes are in no block: the network did not get them, or blocks were full")
			}
		}
	}
	for slot, mine := range known.blocks {
		switch {
		case mine.missed != nil:
			f.blocksMissed++
			f.missed("blocks", mine.missed)
		case found.blocks[slot] != mine.root:
			f.blocksMissed++
			f.because("blocks were handed in and are not in the chain: they came late, or the chain left them")
		default:
			f.blocks++
		}
	}
	return f
}

// count counts a vote that is in a block.
func (f *figures) count(slot types.Slot, at fate, found *chain, late bool, after time.Duration) {
	distance := int(at.included - slot)
	f.included++
	f.slots += distance
	f.worst = max(f.worst, distance)
	switch {
	case distance == 1:
	case found.blocks[slot+1] == (types.Root{}):
		f.because("votes were included late: the slot after theirs has no block")
	case late:
		f.late("votes were included late: they were handed in after aggregates were made", after)
	default:
		f.because("votes were included late: the block of the slot after theirs does not have them")
	}
	switch {
	case !at.target:
		f.because("votes had the wrong target: the beacon node did not have the block that the epoch begins with")
		return
	case !at.head:
		f.because("votes had another head than the chain: the block of their slot came late, or the chain left it")
	default:
		f.head++
	}
	f.target++
}

// noneAfter tells whether all slots that were looked at after one are without a block.
func (x *chain) noneAfter(slot types.Slot) bool {
	for at, root := range x.blocks {
		if at > slot && root != (types.Root{}) {
			return false
		}
	}
	return true
}

// explain says in plain words why something was missed, nothing where all is well.
func (f *figures) explain() string {
	slices.SortFunc(f.reasons, func(a, b reason) int { return strings.Compare(a.what, b.what) })
	var parts []string
	for _, r := range f.reasons {
		text := fmt.Sprintf("%d %s", r.count, r.what)
		if r.detail != "" {
			text += " (" + r.detail + ")"
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, "; ")
}
