package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/cresset/cresset/beacon/node"
	"github.com/cresset/cresset/beacon/types"
	"github.com/cresset/cresset/cmd/internal/options"
	"github.com/cresset/cresset/cmd/internal/process"
)

// program is the commands, and what they run, so that tests can hand in another node.
type program struct {
	process.World
	runNode   func(context.Context, node.Config, *slog.Logger) error
	importAll func(context.Context, node.Config, node.ImportConfig, *slog.Logger) (node.Summary, error)
}

func main() {
	p := &program{World: process.Real(), runNode: node.Run, importAll: node.Import}
	os.Exit(p.execute(os.Args[1:]))
}

// execute is main without the process: arguments in, exit code out.
func (p *program) execute(args []string) int { return p.Execute(p.rootCommand(), args, endings()) }

func (p *program) rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "cresset-beacon",
		Short: "Run the beacon node of the Cresset consensus client",
		Long: "Run the beacon node of the Cresset consensus client.\n\n" +
			"Every flag can also be set by a variable, such as CRESSET_DATADIR, and in the file that --config names.\n" +
			"A flag overrides the variable, which overrides the file, which overrides the default.\n\n" +
			"Exit codes: 0 done, 1 failed for a reason that may pass, 2 wrong usage or configuration,\n" +
			"3 the data needs an operator.",
		Example: "  cresset-beacon --network hoodi --datadir data --execution-endpoint http://127.0.0.1:8551 --jwt-secret jwt.hex",

		Args: options.NoArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return p.supervised(cmd, p.run)
		},
	}
	root.Flags().SortFlags = false
	table().AddFlags(root.PersistentFlags())
	root.SetFlagErrorFunc(options.ExplainFlag)
	root.AddCommand(p.importCommand(), table().Command(p.Out, p.Environ))
	return root
}

// supervised loads the configuration and runs a job with it, under the eyes of whoever sends signals.
func (p *program) supervised(cmd *cobra.Command, job func(context.Context, node.Config, *slog.Logger) error) error {
	c, err := table().Load(cmd.Flags(), p.Environ)
	if err != nil {
		return process.Usage(err)
	}
	cfg := c.Settings.node
	if err := cfg.Validate(); err != nil {
		return explain(c, err)
	}
	cfg.Networking = &c.Settings.network
	log := c.Settings.logs.New(p.Errs, p.Environ)
	return explain(c, process.Supervise(cmd.Context(), log, p.Signals, process.Job{
		Name: "the node", Lost: "what was not yet saved is imported again at the next start",
		Run: func(ctx context.Context) error { return job(ctx, cfg, log) },
	}))
}

// explain adds to an error about options which do not fit together where each of them was set.
func explain(c *options.Configuration[settings], err error) error {
	var wrong *node.OptionError
	if !errors.As(err, &wrong) {
		return err
	}
	return c.Explain(err, wrong.Options)
}

// run runs the node until it is asked to end.
func (p *program) run(ctx context.Context, cfg node.Config, log *slog.Logger) error {
	log.Info("cresset-beacon starts", "version", process.Version(), "datadir", cfg.DataDir)
	if err := p.runNode(ctx, cfg, log); err != nil {
		return err
	}
	if ctx.Err() == nil {
		return errors.New("the node ended without being asked to")
	}
	log.Info("cresset-beacon has ended, everything is saved")
	return nil
}

func (p *program) importCommand() *cobra.Command {
	var files node.ImportConfig
	cmd := &cobra.Command{
		Use:   "import --blocks DIR [--columns DIR] [--blobs DIR]",
		Short: "Import a recorded chain through the whole pipeline, and end",
		Long: "Import a recorded chain through the whole pipeline, and end with one line that says what came out.\n\n" +
			"Files are <slot>.ssz_snappy (raw snappy) or <slot>.ssz in one directory, those of columns and blobs\n" +
			"<slot>-<index>. What was imported before is passed over, so an import that was stopped goes on.",
		Args: options.NoArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if files.Blocks == "" {
				return process.Usage(errors.New("--blocks is missing, want the directory of the recorded blocks"))
			}
			return p.supervised(cmd, func(ctx context.Context, cfg node.Config, log *slog.Logger) error {
				return p.importFiles(ctx, cfg, files, log)
			})
		},
	}
	cmd.Flags().StringVar(&files.Blocks, "blocks", "", "directory of blocks")
	cmd.Flags().StringVar(&files.Columns, "columns", "", "directory of data columns")
	cmd.Flags().StringVar(&files.Blobs, "blobs", "", "directory of blobs, for blocks before Fulu")
	return cmd
}

// progressInterval is how often an import says how far it is.
const progressInterval = 5 * time.Second

func (p *program) importFiles(ctx context.Context, cfg node.Config, files node.ImportConfig, log *slog.Logger) error {
	log.Info("cresset-beacon imports", "version", process.Version(), "datadir", cfg.DataDir, "blocks", files.Blocks)
	cfg.Networking, cfg.HTTPAddress = nil, "" // blocks come from files, and nobody is answered
	told := time.Now()
	files.Progress = func(done, all int, slot types.Slot) {
		if time.Since(told) >= progressInterval {
			told = time.Now()
			log.Info("import", "blocks", done, "of", all, "slot", slot)
		}
	}
	summary, err := p.importAll(ctx, cfg, files, log)
	switch done := summary != (node.Summary{}); {
	case ctx.Err() != nil && (errors.Is(err, context.Canceled) || err == nil && !done):
		return errInterrupted
	case err != nil:
		return err
	case !done:
		return errors.New("the import ended before it was done, without being asked to")
	}
	_, err = fmt.Fprintln(p.Out, summary)
	return err
}
