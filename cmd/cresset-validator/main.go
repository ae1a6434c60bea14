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

	"github.com/cresset/cresset/validator/client"
)

// program is what the commands need of the world, so that tests can hand in another one.
type program struct {
	environ   []string
	out, errs io.Writer
	signals   <-chan os.Signal
	run       func(context.Context, client.Config, *slog.Logger) error
}

func main() {
	// Two places: a second signal may come before the first one is dealt with.
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	p := &program{environ: os.Environ(), out: os.Stdout, errs: os.Stderr, signals: signals, run: client.Run}
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
		err = &client.UsageError{Err: err}
	}
	code, line := judge(err)
	fmt.Fprintf(p.errs, "cresset-validator: %s\n", line)
	return code
}

func (p *program) rootCommand() *cobra.Command {
	var s settings
	root := &cobra.Command{
		Use:   "cresset-validator",
		Short: "Run the validator client of the Cresset consensus client",
		Long: "Run the validator client of the Cresset consensus client.\n\n" +
			"It holds the keys, votes and proposes by way of one or several beacon nodes, and never signs what its slashing\n" +
			"protection has not recorded first. It waits for beacon nodes that are late.\n\n" +
			"Exit codes: 0 done, 1 failed for a reason that may pass, 2 wrong usage or configuration,\n" +
			"3 keys or slashing protection need an operator.",
		Example: "  cresset-validator --network hoodi --datadir data --password-file password.txt --beacon-nodes http://127.0.0.1:5052",

		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := s.complete(); err != nil {
				return err
			}
			log := newLog(p.errs, &s, p.environ)
			log.Info("cresset-validator starts", "version", version(), "keystores", s.client.KeystoreDir)
			err := supervise(cmd.Context(), log, p.signals, func(ctx context.Context) error {
				if err := p.run(ctx, s.client, log); err != nil {
					return err
				}
				if ctx.Err() == nil {
					return errors.New("the validator client ended without being asked to")
				}
				return nil
			})
			if err == nil {
				log.Info("cresset-validator has ended")
			}
			return err
		},
	}
	addFlags(root.Flags(), &s)
	root.AddCommand(&cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprintf(p.out, "cresset-validator %s %s %s/%s\n", version(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
			return err
		},
	})
	return root
}

// grace is how long the duties under way may take to end.
const grace = 10 * time.Second

// supervise runs a job until it ends. A first signal asks it to end, by its context, and gives it some time; a second one, or the end of that time, gives the
// job up: the caller has to end the process, for the job may still run. That is safe at any time, as nothing is signed that is not recorded.
func supervise(ctx context.Context, log *slog.Logger, signals <-chan os.Signal, job func(context.Context) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- job(ctx) }()
	select {
	case err := <-done:
		return err
	case s := <-signals:
		log.Info("ending; a second signal ends at once", "signal", s, "at most", grace)
	}
	cancel()
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case err := <-done:
		return err
	case s := <-signals:
		return fmt.Errorf("ended at once by a second signal (%v)", s)
	case <-timer.C:
		return fmt.Errorf("the duties under way did not end within %v", grace)
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
