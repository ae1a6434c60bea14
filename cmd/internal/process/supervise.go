package process

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"
)

// grace is how long a job may take to save and end.
const grace = 10 * time.Second

// Job is what a program does until it is done, or asked to end by its context.
type Job struct {
	Name string // such as "the node"
	// Lost is what a job that is not waited for loses.
	Lost string
	Run  func(context.Context) error
}

// Supervise runs a job until it ends. A first signal asks it to end, by its context, and gives it some time; a second one, or the
// end of that time, gives the job up: the caller has to end the process, for the job may still run.
func Supervise(ctx context.Context, log *slog.Logger, signals <-chan os.Signal, job Job) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- job.Run(ctx) }()
	select {
	case err := <-done:
		return err
	case s := <-signals:
		log.Info("saving and ending; a second signal ends at once", "signal", s, "at most", grace)
	}
	cancel()
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case err := <-done:
		return err
	case s := <-signals:
		return fmt.Errorf("ended at once by a second signal (%v), %s", s, job.Lost)
	case <-timer.C:
		stacks := allStacks()
		log.Debug("all goroutines of a program that does not end", "stacks", stacks)
		return fmt.Errorf("%s did not end within %v, it hangs in %s; --log-level debug shows all goroutines", job.Name, grace, hanging(stacks))
	}
}

// maxStacks bounds the text of all goroutines.
const maxStacks = 16 << 20

// allStacks is the stacks of all goroutines.
func allStacks() string {
	buffer := make([]byte, 64<<10)
	for {
		n := runtime.Stack(buffer, true)
		if n < len(buffer) || len(buffer) >= maxStacks {
			return string(buffer[:n])
		}
		buffer = make([]byte, 2*len(buffer))
	}
}

// maxHanging is how many functions a line names.
const maxHanging = 8

// modulePath begins the names of this project's functions in stacks. Those of the program itself begin with "main.".
const modulePath = "github.com/cresset/cresset/"

// hanging names the innermost function of this project, without the command, of each goroutine.
func hanging(stacks string) string {
	var found []string
	for goroutine := range strings.SplitSeq(stacks, "\n\n") {
		for line := range strings.Lines(goroutine) {
			function, ours := strings.CutPrefix(line, modulePath)
			if !ours || strings.HasPrefix(function, "cmd/") {
				continue
			}
			// Arguments follow the name in the last brackets: beacon/chain.(*Chain).Run(0xc000012345, ...)
			if end := strings.LastIndexByte(function, '('); end > 0 {
				function = function[:end]
			}
			found = append(found, strings.TrimSpace(function))
			break
		}
	}
	slices.Sort(found)
	found = slices.Compact(found)
	switch {
	case len(found) == 0:
		return "code that is not this project's"
	case len(found) > maxHanging:
		return fmt.Sprintf("%s and %d more", strings.Join(found[:maxHanging], ", "), len(found)-maxHanging)
	}
	return strings.Join(found, ", ")
}
