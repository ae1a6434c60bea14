package process

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"syscall"

	"github.com/spf13/cobra"
)

// World is what a program needs of the world, so that tests can hand in another one.
type World struct {
	Environ   []string
	Out, Errs io.Writer
	Signals   <-chan os.Signal
}

// Real is the world itself. From now on signals do not end the process.
func Real() World {
	// Two places: a second signal may come before the first one is dealt with.
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	return World{Environ: os.Environ(), Out: os.Stdout, Errs: os.Stderr, Signals: signals}
}

// Execute runs a program's root command and gives the exit code. An error is one line on standard error, under the program's name.
func (w World) Execute(root *cobra.Command, args []string, endings []Ending) int {
	// What cobra refuses itself, before a command runs, is wrong usage: unknown commands and flags, values that do not parse.
	started := false
	root.PersistentPreRun = func(*cobra.Command, []string) { started = true }
	root.SilenceErrors, root.SilenceUsage = true, true
	root.AddCommand(w.versionCommand(root.Name()))
	root.SetArgs(args)
	root.SetOut(w.Out)
	root.SetErr(w.Errs)
	err := root.ExecuteContext(context.Background())
	if err == nil {
		return 0
	}
	if !started {
		err = Usage(err)
	}
	code, line := judge(root.Name(), endings, err)
	fmt.Fprintf(w.Errs, "%s: %s\n", root.Name(), line)
	return code
}

func (w World) versionCommand(name string) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprintf(w.Out, "%s %s %s %s/%s\n", name, Version(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
			return err
		},
	}
}

// Version is what the toolchain wrote into the program of where its source comes from.
func Version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" {
		return "unknown"
	}
	return info.Main.Version
}
