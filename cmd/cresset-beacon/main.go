package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/cresset/cresset/beacon/node"
	"github.com/cresset/cresset/beacon/types"
)

// program is what the commands need of the world, so that tests can hand in another one.
type program struct {
	environ   []string
	out, errs io.Writer
	signals   <-chan os.Signal
	runNode   func(context.Context, node.Config, *slog.Logger) error
	importAll func(context.Context, node.Config, node.ImportConfig, *slog.Logger) (node.Summary, error)
}

func main() {
	// Two places: a second signal may come before the first one is dealt with.
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	p := &program{
		environ: os.Environ(), out: os.Stdout, errs: os.Stderr, signals: signals,
		runNode: node.Run, importAll: node.Import,
	}
	os.Exit(p.execute(os.Args[1:]))
}

// execute is main without the process: arguments in, exit code out.
func (p *program) execute(args []string) int {
	root := p.rootCommand()
	// What cobra refuses itself, before a command runs, is wrong usage: unknown commands and flags, values that do not parse.
	started := false
	root.PersistentPreRun = func(*cobra.Command, []string) { started = true }
	root.SetArgs(args)
	root.SetOut(p.out)
	root.SetErr(p.errs)
	err := root.ExecuteContext(context.Background())
	if err == nil {
		return 0
	}
	if !started {
		err = usageError(err)
	}
	code, line := judge(err)
	fmt.Fprintf(p.errs, "cresset-beacon: %s\n", line)
	return code
}

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

		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return p.supervised(cmd, p.run)
		},
	}
	root.Flags().SortFlags = false
	addFlags(root.PersistentFlags(), options())
	root.SetFlagErrorFunc(explainFlag)
	root.AddCommand(p.importCommand(), p.configCommand(), p.versionCommand())
	return root
}

// supervised loads the configuration and runs a job with it, under the eyes of whoever sends signals.
func (p *program) supervised(cmd *cobra.Command, job func(context.Context, node.Config, *slog.Logger) error) error {
	c, err := loadConfiguration(cmd.Flags(), p.environ)
	if err != nil {
		return usageError(err)
	}
	if err := c.settings.node.Validate(); err != nil {
		return c.explain(err)
	}
	c.settings.node.Networking = &c.settings.network
	log := newLog(p.errs, &c.settings, p.environ)
	return c.explain(supervise(cmd.Context(), log, p.signals, func(ctx context.Context) error {
		return job(ctx, c.settings.node, log)
	}))
}

// run runs the node until it is asked to end.
func (p *program) run(ctx context.Context, cfg node.Config, log *slog.Logger) error {
	log.Info("cresset-beacon starts", "version", version(), "datadir", cfg.DataDir)
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
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if files.Blocks == "" {
				return usageError(errors.New("--blocks is missing, want the directory of the recorded blocks"))
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
	log.Info("cresset-beacon imports", "version", version(), "datadir", cfg.DataDir, "blocks", files.Blocks)
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
	_, err = fmt.Fprintln(p.out, summary)
	return err
}

func (p *program) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  noArguments,
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprintf(p.out, "cresset-beacon %s %s %s/%s\n", version(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
			return err
		},
	}
}

// version is what the toolchain wrote into the program of where its source comes from.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" {
		return "unknown"
	}
	return info.Main.Version
}
