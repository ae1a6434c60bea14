package plist

import (
	"runtime"
	"sync"
)

// Open makes the first n chunks of the tree ready to be written to by several goroutines at once, each in branches of its
// own: see Cut and Parallel.
func (t *Tree[P]) Open(n int) {
	if n == 0 {
		return
	}
	t.mustBeWritable()
	t.stamped()
	last, _, _ := t.locate(n - 1)
	for b := range last + 1 {
		t.ownBranch(b)
	}
	t.stale = true
}

// Cut is the first chunk at or behind i that begins a branch.
func (t *Tree[P]) Cut(i int) int {
	return (i+t.pad+branchChunks-1)&^(branchChunks-1) - t.pad
}

// Open makes the list ready to be written to by several goroutines at once: see Tree.Open.
func (l *Packed[E]) Open() { l.t.Open((l.n + l.perChunk() - 1) / l.perChunk()) }

// Cut is the first element at or behind i that begins a branch.
func (l *Packed[E]) Cut(i int) int { return l.t.Cut((i+l.perChunk()-1)/l.perChunk()) * l.perChunk() }

// parallelElements is the number of elements from which on a second goroutine pays.
const parallelElements = 1 << 15

// Parallel divides the elements 0 to n among goroutines and calls work for each share, at the same time. Shares begin where
// cut says, which may move a number up. It returns the error of the first share that failed.
func Parallel(n int, cut func(i int) int, work func(share, from, to int) error) error {
	workers := max(1, min(runtime.GOMAXPROCS(0), n/parallelElements))
	errs := make([]error, workers)
	var wg sync.WaitGroup
	next := 0
	for w := range workers {
		from, to := next, n
		if w < workers-1 {
			to = min(n, max(from, cut(n*(w+1)/workers)))
		}
		if from < to || n == 0 {
			wg.Go(func() { errs[w] = work(w, from, to) })
		}
		next = to
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
