package devnet

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/cresset/cresset/beacon/params"
)

// Execution is what stands behind the beacon nodes.
type Execution string

// The execution layers.
const (
	Geth Execution = "geth" // a geth for each node
	Mock Execution = "mock" // the engine that is built into the beacon node
)

// Config is what a Network is made of.
type Config struct {
	// Programs is the directory of cresset-beacon, cresset-validator and, for Geth, geth.
	Programs string
	// Dir is where files go and stay. Empty for a directory that is removed at the end.
	Dir string
	// Nodes is how many beacon nodes there are, each with an execution client and a validator process. Default 2.
	Nodes int
	// BeaconsPerValidator is how many beacon nodes each validator process uses, its own first. Default 1.
	BeaconsPerValidator int
	// Validators is how many keys there are, split evenly between the processes. Default 64, which is also the least.
	Validators int
	// Preset is the base of the network's configuration: "minimal" (default) or "mainnet". NetworkConfig is a file in its place.
	Preset        string
	NetworkConfig []byte
	// Slot is the time of a slot, whole seconds; 0 for 4 s, or what NetworkConfig says. Schedule is when forks begin (ParseSchedule); nil for Fulu from genesis
	// on, or what NetworkConfig says.
	Slot     time.Duration
	Schedule map[params.Fork]params.Epoch
	// Execution is the execution layer. Default Geth.
	Execution Execution
	// Until is when the run ends by itself.
	Until Until
	// GenesisDelay is the time from the start of Run to genesis. Default 30 s.
	GenesisDelay time.Duration
	// Faults are done to the network on the way.
	Faults []Fault
	// Out is where the table and the summary go; Live tells that it is a terminal.
	Out  io.Writer
	Live bool
}

func (c *Config) setDefaults() error {
	if c.Nodes == 0 {
		c.Nodes = 2
	}
	if c.BeaconsPerValidator == 0 {
		c.BeaconsPerValidator = 1
	}
	if c.Validators == 0 {
		c.Validators = leastValidators
	}
	if c.Preset == "" {
		c.Preset = "minimal"
	}
	if c.Execution == "" {
		c.Execution = Geth
	}
	if c.GenesisDelay == 0 {
		c.GenesisDelay = 30 * time.Second
	}
	if c.NetworkConfig == nil {
		if c.Slot == 0 {
			c.Slot = 4 * time.Second
		}
		if c.Schedule == nil {
			var err error
			if c.Schedule, err = ParseSchedule("fulu"); err != nil {
				return err
			}
		}
	}
	return c.check()
}

// maxNodes and maxValidators are what one machine can bear.
const (
	maxNodes      = 16
	maxValidators = 4096
)

func (c *Config) check() error {
	switch {
	case c.Out == nil:
		return errors.New("nothing is given to write the table to (Out)")
	case c.Nodes < 1 || c.Nodes > maxNodes:
		return fmt.Errorf("nodes are %d, want 1 to %d", c.Nodes, maxNodes)
	case c.BeaconsPerValidator < 1 || c.BeaconsPerValidator > c.Nodes:
		return fmt.Errorf("beacon nodes of each validator process are %d, want 1 to %d, which is all of them", c.BeaconsPerValidator, c.Nodes)
	case c.Validators < leastValidators || c.Validators > maxValidators:
		return fmt.Errorf("validators are %d, want %d to %d", c.Validators, leastValidators, maxValidators)
	case c.Execution != Geth && c.Execution != Mock:
		return fmt.Errorf("the execution layer is %q, want %s or %s", c.Execution, Geth, Mock)
	case c.GenesisDelay < 0:
		return fmt.Errorf("the time to genesis is %v, want more than nothing", c.GenesisDelay)
	}
	programs := []string{"cresset-beacon", "cresset-validator"}
	if c.Execution == Geth {
		programs = append(programs, "geth")
	}
	for _, name := range programs {
		if _, err := os.Stat(filepath.Join(c.Programs, name)); err != nil {
			return fmt.Errorf("%w (make devnet builds it)", err)
		}
	}
	for _, f := range c.Faults {
		if err := f.check(c); err != nil {
			return err
		}
	}
	if _, late := c.arrivals(); 4*lateKeys*len(late) > c.Validators {
		return fmt.Errorf("%d nodes come late with %d keys each, want at most a quarter of the %d validators to be late", len(late), lateKeys, c.Validators)
	}
	return nil
}
