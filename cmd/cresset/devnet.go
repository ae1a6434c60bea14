package main

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/cresset/cresset/devnet"
)

type devnetFlags struct {
	nodes, validators int
	beacons           int
	preset, config    string
	slot              int
	forks, execution  string
	until, faults     string
	dir, programs     string
	delay             time.Duration
	onStage           bool
}

func devnetCommand() *cobra.Command {
	var f devnetFlags
	cmd := &cobra.Command{
		Use:   "devnet",
		Short: "Run a network of execution clients, beacon nodes and validator processes on this machine, and show it",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return f.run(cmd) },
	}
	flags := cmd.Flags()
	flags.IntVar(&f.nodes, "nodes", 2, "beacon nodes, each with an execution client and a validator process")
	flags.IntVar(&f.beacons, "beacons-per-validator", 1, "beacon nodes that each validator process uses, its own first")
	flags.IntVar(&f.validators, "validators", 64, "validators' keys, split between the nodes")
	flags.StringVar(&f.preset, "preset", "", "minimal or mainnet (default minimal)")
	flags.StringVar(&f.config, "network-config", "", "configuration file of the network in place of the preset's, YAML")
	flags.IntVar(&f.slot, "slot-seconds", 0, "time of a slot (default 4, or that of --network-config)")
	flags.StringVar(&f.forks, "fork", "", "fork of genesis, or a schedule such as deneb:0,electra:2,fulu:4 (default fulu, or that of --network-config)")
	flags.StringVar(&f.execution, "el", string(devnet.Geth), "execution clients: geth, or mock for the engine built into the beacon node")
	flags.StringVar(&f.until, "until", "", "when to end: finalized:EPOCH, slot:SLOT, or operations, when all of the traffic is finalized (default: when interrupted)")
	flags.StringVar(&f.faults, "faults", "", `what is done to the network: "stop geth 0 20-50; stop beacon 1 24-32; stop validator 1 40-44; cut 56-72; late 2 40; late 3 40 checkpoint"`)
	flags.StringVar(&f.dir, "dir", "", "directory for all files, which stay (default: one that is removed at the end)")
	flags.StringVar(&f.programs, "programs", "", "directory of cresset-beacon, cresset-validator and geth (default: that of this program)")
	flags.DurationVar(&f.delay, "genesis-delay", 30*time.Second, "time to genesis, for everything to start in")
	flags.BoolVar(&f.onStage, onStage, false, "this program made the namespaces that it runs in")
	if err := flags.MarkHidden(onStage); err != nil {
		panic(err) // it was made a line above
	}
	return cmd
}

func (f *devnetFlags) run(cmd *cobra.Command) error {
	cfg, err := f.parse(cmd)
	if err != nil {
		return usageError(err)
	}
	d, err := devnet.New(cfg)
	if err != nil {
		return usageError(err)
	}
	if cfg.Cut() && !f.onStage {
		return runOnStage(cmd)
	}
	return d.Run(cmd.Context())
}

func (f *devnetFlags) parse(cmd *cobra.Command) (cfg devnet.Config, err error) {
	cfg = devnet.Config{
		Programs: f.programs, Dir: f.dir, Nodes: f.nodes, BeaconsPerValidator: f.beacons, Validators: f.validators, Preset: f.preset, Slot: time.Duration(f.slot) * time.Second,
		Execution: devnet.Execution(f.execution), GenesisDelay: f.delay, Out: cmd.OutOrStdout(),
	}
	if out, ok := cfg.Out.(*os.File); ok {
		cfg.Live = term.IsTerminal(int(out.Fd()))
	}
	if f.programs == "" {
		self, err := os.Executable()
		if err != nil {
			return cfg, fmt.Errorf("find this program: %w", err)
		}
		cfg.Programs = filepath.Dir(self)
	}
	if f.config != "" {
		if f.preset != "" {
			return cfg, fmt.Errorf("--preset %s and --network-config %s are both given, want one", f.preset, f.config)
		}
		if cfg.NetworkConfig, err = readInput(f.config, cmd.InOrStdin()); err != nil {
			return cfg, err
		}
	}
	if f.forks != "" {
		if cfg.Schedule, err = devnet.ParseSchedule(f.forks); err != nil {
			return cfg, err
		}
	}
	if cfg.Until, err = devnet.ParseUntil(f.until); err != nil {
		return cfg, err
	}
	cfg.Faults, err = devnet.ParseFaults(f.faults)
	return cfg, err
}
