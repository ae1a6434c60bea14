package plist

import (
	"math/bits"
	"runtime"
	"sync"

	"github.com/cresset/cresset/beacon/ssz"
)

// Scratch is one goroutine's working memory for hashing.
type Scratch struct {
	Buf [][32]byte
}

// Grow gives n chunks of working memory, contents undefined.
func (s *Scratch) Grow(n int) [][32]byte {
	if cap(s.Buf) < n {
		s.Buf = make([][32]byte, n)
	}
	return s.Buf[:n]
}

// ElementRoots fills the chunks of a page whose bits are set in stale with the roots of the values beside them.
type ElementRoots[P any] func(page *Page[P], stale uint64, s *Scratch)

// parallelBranches is the number of stale branches from which on a second goroutine pays.
const parallelBranches = 8

// Rehash brings all nodes up to date. Where pages hold values beside their chunks, roots computes the chunks; otherwise it
// is nil.
func (t *Tree[P]) Rehash(roots ElementRoots[P]) {
	if !t.stale {
		return
	}
	var work []int
	for b, br := range t.top {
		if br != nil && br.stale != 0 {
			t.ownBranch(b)
			work = append(work, b)
		}
	}
	workers := min(runtime.GOMAXPROCS(0), len(work)/parallelBranches+1)
	var wg sync.WaitGroup
	for w := range workers {
		share := work[len(work)*w/workers : len(work)*(w+1)/workers]
		if w == workers-1 {
			t.rehashBranches(share, roots)
		} else {
			wg.Go(func() { t.rehashBranches(share, roots) })
		}
	}
	wg.Wait()
	t.stale = false
}

func (t *Tree[P]) rehashBranches(work []int, roots ElementRoots[P]) {
	var s Scratch
	for _, b := range work {
		br := t.top[b]
		for m := br.stale; m != 0; m &= m - 1 {
			p := bits.TrailingZeros64(m)
			page := br.pages[p]
			if page == nil || page.stale == 0 {
				continue
			}
			if page.stamp != t.stamp {
				page = ownPage(br, p, t.stamp)
			}
			if roots != nil {
				roots(page, page.stale&^page.known, &s)
			}
			page.known = 0
		}
		br.rehash(&s)
	}
}

// rehash recomputes the stale nodes of a branch, level by level over all its pages, so that many hashes go to the wide
// hasher at a time.
func (br *branch[P]) rehash(s *Scratch) {
	quads := 0
	var masks [branchPages]uint16 // stale nodes of the present level, a mask a page
	for m := br.stale; m != 0; m &= m - 1 {
		p := bits.TrailingZeros64(m)
		if page := br.pages[p]; page != nil {
			masks[p] = fold4(page.stale)
			quads += bits.OnesCount16(masks[p])
			page.stale = 0
		}
	}
	buf := s.Grow(4 * quads)
	br.gather(buf, masks[:], func(page *Page[P], k int) [][32]byte { return page.Chunks[4*k : 4*k+4] })
	ssz.HashPairs(buf, buf)
	ssz.HashPairs(buf, buf[:2*quads])
	br.scatter(buf, masks[:], 2)
	for level := 3; level <= pageDepth; level++ {
		pairs := 0
		for p, m := range masks {
			masks[p] = fold2(m)
			pairs += bits.OnesCount16(masks[p])
		}
		below := nodeBase[level-1]
		br.gather(buf, masks[:], func(page *Page[P], k int) [][32]byte { return page.nodes[below+2*k : below+2*k+2] })
		ssz.HashPairs(buf, buf[:2*pairs])
		br.scatter(buf, masks[:], level)
	}
	br.rehashAbovePages()
}

// gather copies the children of every stale node to buf, in the order of pages and nodes.
func (br *branch[P]) gather(buf [][32]byte, masks []uint16, children func(*Page[P], int) [][32]byte) {
	n := 0
	for p, m := range masks {
		for ; m != 0; m &= m - 1 {
			n += copy(buf[n:], children(br.pages[p], bits.TrailingZeros16(m)))
		}
	}
}

// scatter is the way back: one hash a stale node.
func (br *branch[P]) scatter(buf [][32]byte, masks []uint16, level int) {
	n := 0
	for p, m := range masks {
		for ; m != 0; m &= m - 1 {
			br.pages[p].nodes[nodeBase[level]+bits.TrailingZeros16(m)] = buf[n]
			n++
		}
	}
}

func (br *branch[P]) rehashAbovePages() {
	mask := br.stale
	br.stale = 0
	var buf [branchPages][32]byte
	for level := pageDepth + 1; level <= branchDepth; level++ {
		mask = fold2(mask)
		n := 0
		for m := mask; m != 0; m &= m - 1 {
			k := bits.TrailingZeros64(m)
			if level == pageDepth+1 {
				buf[n], buf[n+1] = br.pageRoot(2*k), br.pageRoot(2*k+1)
			} else {
				below := branchBase[level-1] + 2*k
				buf[n], buf[n+1] = br.nodes[below], br.nodes[below+1]
			}
			n += 2
		}
		ssz.HashPairs(buf[:], buf[:n])
		n = 0
		for m := mask; m != 0; m &= m - 1 {
			br.nodes[branchBase[level]+bits.TrailingZeros64(m)] = buf[n]
			n++
		}
	}
}

func (br *branch[P]) pageRoot(p int) [32]byte {
	if page := br.pages[p]; page != nil {
		return page.root()
	}
	return ssz.ZeroHash(pageDepth)
}

// fold2 turns a mask of nodes into the mask of their parents.
func fold2[M uint16 | uint64](m M) (out M) {
	m |= m >> 1
	for k := 0; m != 0; k, m = k+1, m>>2 {
		out |= m & 1 << k
	}
	return out
}

// fold4 turns a mask of 64 chunks into the mask of the 16 nodes two levels above.
func fold4(m uint64) (out uint16) {
	for k := 0; m != 0; k, m = k+1, m>>4 {
		if m&15 != 0 {
			out |= 1 << k
		}
	}
	return out
}
