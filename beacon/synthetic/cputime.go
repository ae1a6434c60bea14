package synthetic

import (
	"fmt"
	"syscall"
	"time"
)

// CPUTime is what this process has used of all cores: other programs disturb it less than the time that has passed.
func CPUTime() time.Duration {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		panic(fmt.Sprintf("getrusage of this process: %v", err)) // it has no error for that
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}
