package bls

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// crew does tasks in the background, on up to GOMAXPROCS goroutines that live while there is something to do. The zero value is ready.
type crew struct {
	mu struct {
		sync.Mutex
		tasks   []func()
		workers int
	}
	wg sync.WaitGroup
}

// do has a task done, some time before wait returns.
func (c *crew) do(task func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.mu.tasks = append(c.mu.tasks, task)
	if c.mu.workers < runtime.GOMAXPROCS(0) {
		c.mu.workers++
		c.wg.Go(c.work)
	}
}

// work does tasks until none is left.
func (c *crew) work() {
	for task := c.next(); task != nil; task = c.next() {
		task()
	}
}

// next takes a task; nil ends the worker, for there is none.
func (c *crew) next() (task func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.mu.tasks) == 0 {
		c.mu.workers--
		return nil
	}
	task, c.mu.tasks = c.mu.tasks[0], c.mu.tasks[1:]
	return task
}

// wait returns when all tasks are done.
func (c *crew) wait() { c.wg.Wait() }

// parallel calls f(0), ..., f(n-1) on up to GOMAXPROCS goroutines and waits for all.
func parallel(n int, f func(i int)) {
	workers := min(runtime.GOMAXPROCS(0), n)
	if workers <= 1 {
		for i := range n {
			f(i)
		}
		return
	}
	var next atomic.Int64
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				f(i)
			}
		})
	}
	wg.Wait()
}
