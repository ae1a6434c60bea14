package devnet

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/types"
)

// What a chain has to do.
const (
	justifiedBy  = 3 // the first epoch is justified at the end of this one at the latest
	finalizedBy  = 4 // and finalized at the end of this one
	leastPerCent = 99
	recoverIn    = 3 // epochs from the end of a fault to the next one that is finalized, and from a late node's start to its votes
)

// missed are duties of one cause that are in no block of the chain of the head.
type missed struct {
	votes, blocks int
	epochs        [2]types.Epoch // first and last of the votes
}

// cause says what a missed duty of a validator is due to, "" where nothing was ordered that excuses it.
func (w *watcher) cause(v types.ValidatorIndex, slot types.Slot) string {
	epoch := types.Slot(w.spec.SlotsPerEpoch)
	for _, f := range w.cfg.Faults {
		mine := w.nodeOf(int(v)) == f.Node
		after := epoch // whatever was away has its duties, subnets and peers again
		switch {
		case f.What == late:
			after = recoverIn * epoch
		case f.What == cut:
			mine = true
		case f.Kind != validator && w.cfg.BeaconsPerValidator > 1:
			mine = false // another node is there
		}
		if mine && slot >= f.First && slot < f.Last+after {
			return f.String()
		}
	}
	if electra := w.spec.ForkEpoch(params.Electra); electra != 0 && electra != params.FarFutureEpoch && slot+1 == types.Slot(electra)*epoch {
		return "blocks of Electra hold no votes of Deneb"
	}
	return ""
}

// missedVotes adds up the votes that are missing in the epochs after the first that are over, by cause, and is an error for each epoch with too many that
// have none.
func (w *watcher) missedVotes(by map[string]*missed) (wrong []error) {
	turnouts := w.seen.turnouts()
	for _, epoch := range slices.Sorted(maps.Keys(turnouts)) {
		t, without := turnouts[epoch], []string{}
		for _, d := range t.missing {
			cause := w.cause(d.validator, d.slot)
			if cause == "" {
				without = append(without, fmt.Sprintf("%d in slot %d", d.validator, d.slot))
			}
			m := of(by, cause)
			if m.votes == 0 {
				m.epochs[0] = epoch
			}
			m.votes, m.epochs[1] = m.votes+1, epoch
		}
		if 100*(t.validators-len(without)) < leastPerCent*t.validators {
			wrong = append(wrong, fmt.Errorf("epoch %d: %.2f %% of its validators have their vote in a block or were excused by a fault, want %d %%; missing are validators %s",
				epoch, 100-100*float64(len(without))/float64(t.validators), leastPerCent, strings.Join(without, ", ")))
		}
	}
	return wrong
}

func of(by map[string]*missed, cause string) *missed {
	if by[cause] == nil {
		by[cause] = &missed{}
	}
	return by[cause]
}

// missedBlocks adds up the slots without a block in the chain of the head, by cause, says what is known of each, and is an error for each that has no cause.
func (w *watcher) missedBlocks(by map[string]*missed) (lines []string, wrong []error) {
	chain := w.seen.ancestors(w.seen.headRoot)
	left := map[types.Slot]*seenBlock{}
	for _, b := range w.seen.blocks {
		if chain[b.slot] == nil {
			left[b.slot] = b
		}
	}
	for slot := types.Slot(1); slot < w.seen.head.Slot; slot++ {
		if chain[slot] != nil {
			continue
		}
		what, cause := "no block was seen", ""
		proposer, known := w.absent[slot]
		if b := left[slot]; b != nil {
			proposer, known = b.proposer, true
			what = fmt.Sprintf("the block came %v after the start of the slot and was left", b.after.Round(10*time.Millisecond))
		}
		if known {
			what += fmt.Sprintf(", its proposer is validator %d of %s", proposer, w.nodes[w.nodeOf(int(proposer))].validator.name)
			if cause = w.cause(proposer, slot); w.seen.head.Validators.Slashed(proposer) {
				cause = "slashed"
			}
		}
		of(by, cause).blocks++
		if cause == "" {
			wrong = append(wrong, fmt.Errorf("slot %d is missed though no fault was ordered for it: %s", slot, what))
		} else {
			what += " (" + cause + ")"
		}
		lines = append(lines, fmt.Sprintf("slot %d: %s", slot, what))
	}
	return lines, wrong
}

// promise is something that has to be so soon after a fault.
type promise struct {
	what string
	kept func(*seenBlock) bool
}

// after says how the chain went on after a fault, and is an error if that took too long.
func (w *watcher) after(f Fault) (string, error) {
	before := types.Epoch(0)
	for slot, b := range w.seen.ancestors(w.seen.headRoot) {
		if slot < f.Last {
			before = max(before, b.final)
		}
	}
	promises := []promise{{fmt.Sprintf("an epoch after %d is finalized", before), func(b *seenBlock) bool { return b.final > before }}}
	if f.What == late {
		promises = append(promises, promise{"a vote of its validators is in a block", func(b *seenBlock) bool {
			for v := range b.voters {
				if w.nodeOf(int(v)) == f.Node {
					return true
				}
			}
			return false
		}})
	}
	var words []string
	var wrong []error
	for _, p := range promises {
		text, err := w.since(f, p)
		words, wrong = append(words, text), append(wrong, err)
	}
	return strings.Join(words, "; "), errors.Join(wrong...)
}

// since says when the chain of the head kept a promise. A run that reached what it was to reach before it did has not shown it.
func (w *watcher) since(f Fault, p promise) (string, error) {
	chain, bound := w.seen.ancestors(w.seen.headRoot), f.Last+types.Slot(recoverIn*w.spec.SlotsPerEpoch)
	end := "its end"
	if f.What == late {
		end = "it came"
	}
	for slot := f.Last; slot <= w.seen.head.Slot; slot++ {
		b := chain[slot]
		switch {
		case b == nil:
		case p.kept(b):
			return fmt.Sprintf("%s in slot %d, %.1f epochs after %s", p.what, slot, float64(slot-f.Last)/float64(w.spec.SlotsPerEpoch), end), nil
		case slot >= bound:
			return "not yet: " + p.what, fmt.Errorf("%v: in slot %d, %d epochs after %s, it is not so that %s", f, slot, recoverIn, end, p.what)
		}
	}
	if !w.over {
		return "not yet: " + p.what, nil
	}
	return "not yet: " + p.what, fmt.Errorf("%v: it is not so that %s when the run ends in slot %d, give it until slot %d", f, p.what, w.seen.head.Slot, bound)
}

// summary writes the last lines, and is the error of a chain that did what it must not.
func (w *watcher) summary() error {
	var wrong []error
	if len(w.oracle.pairs) > 0 {
		wrong = append(wrong, errors.New(w.oracle.String()))
	}
	s := w.seen
	if s.head == nil {
		return errors.Join(append(wrong, errors.New("no block was seen"))...)
	}
	epoch := s.head.GetCurrentEpoch()
	wrong = append(wrong, tooLate("justified", s.justified.epoch, s.justified.in, justifiedBy, epoch), tooLate("finalized", s.finalized.epoch, s.finalized.in, finalizedBy, epoch))
	share := "no epoch after the first was over"
	turnouts := s.turnouts()
	if least, at, ok := leastOf(turnouts); ok {
		share = fmt.Sprintf("participation at least %.2f %% (epoch %d)", 100*least, at)
	}
	by := map[string]*missed{}
	wrong = append(wrong, w.missedVotes(by)...)
	slots, unexcused := w.missedBlocks(by)
	wrong = append(wrong, unexcused...)
	fmt.Fprintf(w.cfg.Out, "%d slots, %.1f epochs: %s; %s; %s; %d slots missed; %v; %v\n", s.head.Slot, float64(s.head.Slot+1)/float64(w.spec.SlotsPerEpoch),
		when("justified", s.justified.epoch, s.justified.in), when("finalized", s.finalized.epoch, s.finalized.in), share, len(slots), w.oracle,
		time.Since(w.time).Round(time.Second))
	if w.cfg.Until.Kind == UntilOperations {
		for _, line := range w.traffic.said(s) {
			fmt.Fprintln(w.cfg.Out, "  "+line)
		}
	}
	if w.unread > 0 {
		fmt.Fprintf(w.cfg.Out, "  %d times a node had a vote of committees that no state was known for\n", w.unread)
	}
	for _, line := range slots {
		fmt.Fprintln(w.cfg.Out, "  "+line)
	}
	for _, e := range slices.Sorted(maps.Keys(turnouts)) {
		if share := turnouts[e].share; share < 1 {
			fmt.Fprintf(w.cfg.Out, "  epoch %d: %.2f %% of the balance took part\n", e, 100*share)
		}
	}
	for _, f := range w.cfg.Faults {
		text := "none missed"
		if m := by[f.String()]; m != nil {
			text = m.String()
			delete(by, f.String())
		}
		recovered, err := w.after(f)
		wrong = append(wrong, err)
		fmt.Fprintf(w.cfg.Out, "  %v: %s; %s\n", f, text, recovered)
	}
	for _, cause := range slices.Sorted(maps.Keys(by)) {
		name := cause
		if name == "" {
			name = "no fault"
		}
		fmt.Fprintf(w.cfg.Out, "  %s: %v\n", name, by[cause])
	}
	return errors.Join(wrong...)
}

func (m *missed) String() string {
	votes := "no votes"
	if m.votes > 0 {
		votes = fmt.Sprintf("%d votes (epochs %d to %d)", m.votes, m.epochs[0], m.epochs[1])
	}
	return fmt.Sprintf("%s and %d blocks missed", votes, m.blocks)
}

// leastOf is the lowest participation of all epochs, and the first that had it.
func leastOf(turnouts map[types.Epoch]turnout) (share float64, epoch types.Epoch, found bool) {
	for _, e := range slices.Sorted(maps.Keys(turnouts)) {
		if took := turnouts[e].share; !found || took < share {
			share, epoch, found = took, e, true
		}
	}
	return share, epoch, found
}

func when(what string, epoch, in types.Epoch) string {
	if epoch == 0 {
		return "none " + what
	}
	return fmt.Sprintf("epoch %d %s at the end of epoch %d", epoch, what, in)
}

// tooLate is the error of a first checkpoint that came later than it has to, or did not come though it had to.
func tooLate(what string, epoch, in, by, head types.Epoch) error {
	switch {
	case epoch == 0 && head > by:
		return fmt.Errorf("nothing is %s in epoch %d, want an epoch %s by the end of epoch %d", what, head, what, by)
	case epoch != 0 && in > by:
		return fmt.Errorf("the first epoch was %s at the end of epoch %d, want by the end of epoch %d", what, in, by)
	}
	return nil
}
