package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

// The exit codes.
const (
	exitFailed = 1
	exitUsage  = 2
	exitInput  = 3
)

// errSaid stands for what the command has said itself.
var errSaid = errors.New("said already")

// exitError is an error that decides about the exit code.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string { return e.err.Error() }
func (e *exitError) Unwrap() error { return e.err }

// usageError says that the command was called wrongly.
func usageError(err error) error { return &exitError{exitUsage, err} }

// inputError says that what the command was given to read is wrong.
func inputError(err error) error { return &exitError{exitInput, err} }

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// run is main without the process: arguments and streams in, exit code out.
func run(ctx context.Context, args []string, in io.Reader, out, errs io.Writer) int {
	root := rootCommand()
	// What cobra refuses itself, before a command runs, is wrong usage: unknown commands and flags, values that do not parse.
	code := exitUsage
	root.PersistentPreRun = func(*cobra.Command, []string) { code = exitFailed }
	root.SetArgs(args)
	root.SetIn(in)
	root.SetOut(out)
	root.SetErr(errs)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	var exit *exitError
	if !errors.As(err, &exit) {
		exit = &exitError{code, err}
	}
	if exit.err != errSaid {
		fmt.Fprintf(errs, "cresset: %v\n", exit)
	}
	return exit.code
}

func rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:           "cresset",
		Short:         "Tools for operators of the Cresset consensus client",
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.NoArgs,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.AddCommand(replayCommand(), sszCommand(), keysCommand(), depositCommand(), exitCommand(), blsChangeCommand(), protectionCommand(), devnetCommand())
	return root
}
