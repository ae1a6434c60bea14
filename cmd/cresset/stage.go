package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/cresset/cresset/devnet"
)

// onStage is the flag of this program when it runs in the namespaces that it made.
const onStage = "on-stage"

// stageTime is how long this program may take on its stage to end.
const stageTime = time.Minute

// runOnStage runs this program again with the same arguments in namespaces of its own. It says itself what went wrong there.
func runOnStage(cmd *cobra.Command) error {
	again := exec.CommandContext(cmd.Context(), "/proc/self/exe", append(os.Args[1:], "--"+onStage)...)
	again.Stdin, again.Stdout, again.Stderr = cmd.InOrStdin(), cmd.OutOrStdout(), cmd.ErrOrStderr()
	again.Cancel, again.WaitDelay = func() error { return again.Process.Signal(syscall.SIGTERM) }, stageTime
	devnet.Staged(again)
	runtime.LockOSThread() // which the kernel looks at for whether this program lives
	defer runtime.UnlockOSThread()
	if err := again.Start(); err != nil {
		return fmt.Errorf("a cut needs a user and a network namespace, and this machine gives none (run as root, or allow them with the sysctl "+
			"user.max_user_namespaces and, where there is one, kernel.unprivileged_userns_clone): %w", err)
	}
	err := again.Wait()
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit) && exit.ExitCode() > 0:
		return &exitError{exit.ExitCode(), errSaid}
	case errors.Is(err, context.Canceled):
		return nil // it ended in order, for Wait says only then that it was told to
	}
	return err
}
