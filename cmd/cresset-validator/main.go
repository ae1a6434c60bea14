package main

import (
	"context"
	"errors"
	"log/slog"
	"os"

	"github.com/spf13/cobra"

	"github.com/cresset/cresset/cmd/internal/options"
	"github.com/cresset/cresset/cmd/internal/process"
	"github.com/cresset/cresset/keystore"
	"github.com/cresset/cresset/validator/client"
)

// program is the commands, and what they run, so that tests can hand in another validator client.
type program struct {
	process.World
	run func(context.Context, client.Config, *slog.Logger) error
}

func main() {
	p := &program{World: process.Real(), run: client.Run}
	os.Exit(p.execute(os.Args[1:]))
}

// execute is main without the process: arguments in, exit code out.
func (p *program) execute(args []string) int { return p.Execute(p.rootCommand(), args, endings()) }

// endings is what errors mean to whoever started the program; the first row that an error is of counts.
func endings() []process.Ending {
	return []process.Ending{
		{Code: process.ExitUsage, Is: process.As[*client.UsageError]},
		{Code: process.ExitOperator, Is: process.As[*client.OperatorError]},
		{Code: process.ExitTransient, Is: process.Is(keystore.ErrLocked), Action: "end the process that uses these keys: they must never be used by two"},
	}
}

func (p *program) rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "cresset-validator",
		Short: "Run the validator client of the Cresset consensus client",
		Long: "Run the validator client of the Cresset consensus client.\n\n" +
			"It holds the keys, votes and proposes by way of one or several beacon nodes, and never signs what its slashing\n" +
			"protection has not recorded first. It waits for beacon nodes that are late.\n\n" +
			"Every flag can also be set by a variable, such as CRESSET_VALIDATOR_DATADIR, and in the file that --config names.\n" +
			"A flag overrides the variable, which overrides the file, which overrides the default.\n\n" +
			"Exit codes: 0 done, 1 failed for a reason that may pass, 2 wrong usage or configuration,\n" +
			"3 keys or slashing protection need an operator.",
		Example: "  cresset-validator --network hoodi --datadir data --password-file password.txt --beacon-nodes http://127.0.0.1:5052",

		Args: options.NoArguments,
		RunE: p.supervised,
	}
	root.Flags().SortFlags = false
	table().AddFlags(root.PersistentFlags())
	root.SetFlagErrorFunc(options.ExplainFlag)
	root.AddCommand(table().Command(p.Out, p.Environ))
	return root
}

// supervised loads the configuration and runs the validator client with it, under the eyes of whoever sends signals.
func (p *program) supervised(cmd *cobra.Command, _ []string) error {
	c, err := table().Load(cmd.Flags(), p.Environ)
	if err != nil {
		return process.Usage(err)
	}
	cfg, err := configure(c)
	if err != nil {
		return explain(c, err)
	}
	log := c.Settings.logs.New(p.Errs, p.Environ)
	log.Info("cresset-validator starts", "version", process.Version(), "keystores", cfg.KeystoreDir)
	err = process.Supervise(cmd.Context(), log, p.Signals, process.Job{
		Name: "the validator client", Lost: "duties under way are lost; nothing is signed that is not recorded",
		Run: func(ctx context.Context) error {
			if err := p.run(ctx, cfg, log); err != nil {
				return err
			}
			if ctx.Err() == nil {
				return errors.New("the validator client ended without being asked to")
			}
			return nil
		},
	})
	if err == nil {
		log.Info("cresset-validator has ended")
	}
	return explain(c, err)
}
