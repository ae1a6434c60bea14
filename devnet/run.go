package devnet

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"
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
