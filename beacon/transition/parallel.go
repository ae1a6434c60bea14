package transition

import (
	"errors"
	"runtime"
	"sync"
)

// onAllCores calls work for 0 to n-1, on all cores, and joins the errors. What work reads nobody writes to meanwhile.
func onAllCores(n int, work func(i int) error) error {
	errs := make([]error, n)
	workers := min(runtime.GOMAXPROCS(0), n)
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for i := w; i < n; i += workers {
				errs[i] = work(i)
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}
