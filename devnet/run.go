package devnet

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"time"

	"github.com/cresset/cresset/beacon/types"
)

// Network is a development network on this machine.
type Network struct {
	cfg Config
}

// New checks a configuration.
func New(cfg Config) (*Network, error) {
	if err := cfg.setDefaults(); err != nil {
		return nil, err
	}
	return &Network{cfg}, nil
}

// Run starts the network, shows it, and ends it when what Until says is reached (nil), when ctx ends (nil where Until says nothing, else its error), at
// the deadline, when a process ends by itself, or when the chain does what it must not. No process is left.
func (d *Network) Run(ctx context.Context) (err error) {
	n := &network{cfg: d.cfg, dir: d.cfg.Dir}
	if n.dir == "" {
		if n.dir, err = os.MkdirTemp("", "cresset-devnet-"); err != nil {
			return err
		}
		defer os.RemoveAll(n.dir)
	} else if err := os.MkdirAll(n.dir, 0o700); err != nil {
		return err
	}
	n.processes = newProcesses(n.dir)
	defer n.processes.stopAll()
	interrupted := func() bool { return ctx.Err() != nil && d.cfg.Until.Kind == UntilInterrupt }
	if err := n.start(ctx); err != nil && interrupted() {
		return nil
	} else if err != nil {
		return err
	}
	w, err := newWatcher(n)
	if err != nil {
		return err
	}
	w.begin()
	err = w.watch(ctx)
	ended := time.Now()
	n.processes.stopAll()
	if interrupted() {
		err = nil
		if ended.Before(w.startOf(2)) { // nothing to judge yet
			return nil
		}
	}
	return errors.Join(err, w.summary())
}

// start brings everything up before genesis.
func (n *network) start(ctx context.Context) error {
	if err := n.prepare(); err != nil {
		return err
	}
	header, err := n.startGeth(ctx)
	if err != nil {
		return err
	}
	if err := n.writeGenesis(header); err != nil {
		return err
	}
	if err := n.startBeacons(ctx); err != nil {
		return err
	}
	if err := n.startValidators(); err != nil {
		return err
	}
	if late := time.Since(n.time); late > 0 {
		return fmt.Errorf("the processes were ready %v after genesis: give more than the %v to genesis", late.Round(time.Second), n.cfg.GenesisDelay)
	}
	return nil
}

// begin says what runs.
func (w *watcher) begin() {
	fmt.Fprintf(w.cfg.Out, "%d nodes with %s, %d validators, %s preset, slots of %v, files in %s; genesis at %s\n", len(w.nodes), w.cfg.Execution, w.cfg.Validators,
		w.spec.PresetBase, w.spec.SlotDuration(), w.dir, w.time.Format(time.TimeOnly))
	for i, n := range w.nodes {
		fmt.Fprintf(w.cfg.Out, "node %d: Beacon API %s", i, n.api.url)
		if n.geth != nil {
			fmt.Fprintf(w.cfg.Out, ", execution %s", n.rpc)
		}
		fmt.Fprintln(w.cfg.Out)
	}
	if deadline, ok := w.cfg.Until.deadline(w.spec); ok {
		fmt.Fprintf(w.cfg.Out, "until %v, at the end of slot %d (%s) at the latest\n", w.cfg.Until, deadline, w.startOf(deadline+1).Format(time.TimeOnly))
	}
}

// When the first epochs have to be justified and finalized: at the end of these epochs.
const (
	justifiedBy = 3
	finalizedBy = 4
)

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
	if least, at, ok := s.leastShare(); ok {
		share = fmt.Sprintf("participation at least %.2f %% (epoch %d)", 100*least, at)
	}
	missed := w.missed()
	fmt.Fprintf(w.cfg.Out, "%d slots, %.1f epochs: %s; %s; %s; %d slots missed; %v; %v\n", s.head.Slot, float64(s.head.Slot+1)/float64(w.spec.SlotsPerEpoch),
		when("justified", s.justified.epoch, s.justified.in), when("finalized", s.finalized.epoch, s.finalized.in), share, len(missed), w.oracle,
		time.Since(w.time).Round(time.Second))
	if w.cfg.Until.Kind == UntilOperations {
		fmt.Fprintln(w.cfg.Out, "operations "+w.traffic.said(s))
	}
	if w.unread > 0 {
		fmt.Fprintf(w.cfg.Out, "  %d times a node had a vote of committees that no state was known for\n", w.unread)
	}
	for _, m := range missed {
		fmt.Fprintln(w.cfg.Out, "  "+m)
	}
	for _, e := range slices.Sorted(maps.Keys(s.took)) {
		if took := s.took[e]; e > 0 && e < epoch && took < 1 {
			fmt.Fprintf(w.cfg.Out, "  epoch %d: %.2f %% of the balance took part\n", e, 100*took)
		}
	}
	return errors.Join(wrong...)
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

// missed are the slots without a block in the chain of the head, with the reason.
func (w *watcher) missed() (lines []string) {
	chain := w.seen.ancestors(w.seen.headRoot)
	orphans := map[types.Slot]*seenBlock{}
	for _, b := range w.seen.blocks {
		orphans[b.slot] = b
	}
	for slot := types.Slot(1); slot < w.seen.head.Slot; slot++ {
		if chain[slot] != nil {
			continue
		}
		why := w.absent[slot]
		if why == "" {
			why = "no block was seen"
		}
		if b := orphans[slot]; b != nil {
			why = fmt.Sprintf("the block of validator %d came and was left", b.proposer)
		}
		lines = append(lines, fmt.Sprintf("slot %d: %s", slot, why))
	}
	return lines
}
