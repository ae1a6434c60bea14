package bls

import (
	"slices"

	herumi "github.com/herumi/bls-eth-go-binary/bls"
)

// A batch that does not verify is searched for its culprits. Let x_i be what item i contributes to a product of the items with all
// weights one: one, unless it is a culprit. For a run of items
//
//	e = product of x_i, indexed = product of x_i^i
//
// so that for a single culprit k indexed = e^k, and x_k = e. A run in which no such k is found has several culprits, and its halves are
// looked at; one half's values give the other's by division. Sums of keys and of signatures give the values of all runs for a few
// additions an item and one evaluation of pairings a run.
//
// Without weights, errors that were made for it could cancel. It is not easy, for items are in an order that nobody knows, and whether
// it happened is known: whoever made the errors did not know the weights w of the batch. If
//
//	product of x_i^w_i = product over the culprits found of x_k^w_k
//
// then, but for a chance of 2^-64, those are all culprits. Else, and where few items share a message, the search uses the weights in
// all values.

// valuer gives the value of a run of items, with each item's weight multiplied by its index if indexed.
type valuer func(lo, hi int, indexed bool) herumi.GT

// culprit is an item that does not verify.
type culprit struct {
	item  int
	value herumi.GT
}

const (
	// runLength is how many items are looked at together: comparing the values of one takes as long as the evaluation of some pairings.
	runLength = 256
	// sharing is how many items a message must have on average for sums to be of use.
	sharing = 4
)

// culprits gives the items that do not verify, for a batch whose value with its weights is e, which is not one.
func (p *product) culprits(e *herumi.GT) []culprit {
	n := len(p.items)
	if n >= sharing*len(p.hashes) {
		if found := search(p.runningSums().value, n); p.explained(e, found) {
			return found
		}
	}
	indexed := make([]herumi.Fr, n)
	for i := range indexed {
		index := scalarFromUint64(uint64(i))
		herumi.FrMul(&indexed[i], &p.weights[i], &index)
	}
	return search(func(lo, hi int, byIndex bool) herumi.GT {
		switch {
		case byIndex:
			return p.evaluate(lo, hi, indexed)
		case hi-lo == n:
			return *e
		}
		return p.evaluate(lo, hi, p.weights)
	}, n)
}

// explained tells whether the culprits are all that keeps the batch's value e from being one.
func (p *product) explained(e *herumi.GT, found []culprit) bool {
	rest := *e
	for i := range found {
		var weighted herumi.GT
		herumi.GTPow(&weighted, &found[i].value, &p.weights[found[i].item])
		herumi.GTDiv(&rest, &rest, &weighted)
	}
	return rest.IsOne()
}

// search gives the culprits among n items.
func search(value valuer, n int) []culprit {
	runs := (n + runLength - 1) / runLength
	found := make([][]culprit, runs)
	parallel(runs, func(i int) {
		lo, hi := n*i/runs, n*(i+1)/runs
		e, indexed := value(lo, hi, false), value(lo, hi, true)
		found[i] = searchRun(value, lo, hi, &e, &indexed)
	})
	return slices.Concat(found...)
}

// searchRun gives the culprits among items [lo, hi), whose values are e and indexed.
func searchRun(value valuer, lo, hi int, e, indexed *herumi.GT) []culprit {
	if e.IsOne() && indexed.IsOne() {
		return nil
	}
	if k, fits := exponent(e, indexed, lo, hi); fits {
		// Several culprits with equal errors point at the middle between them.
		if alone := value(k, k+1, false); alone.IsEqual(e) {
			return []culprit{{k, *e}}
		}
	}
	if hi-lo == 1 {
		return nil // values without weights can contradict each other
	}
	mid := lo + (hi-lo)/2
	left, leftIndexed := value(lo, mid, false), value(lo, mid, true)
	var right, rightIndexed herumi.GT
	herumi.GTDiv(&right, e, &left)
	herumi.GTDiv(&rightIndexed, indexed, &leftIndexed)
	return append(searchRun(value, lo, mid, &left, &leftIndexed), searchRun(value, mid, hi, &right, &rightIndexed)...)
}

// exponent finds k of [lo, hi) with base^k = power.
func exponent(base, power *herumi.GT, lo, hi int) (k int, found bool) {
	var at herumi.GT
	first := scalarFromUint64(uint64(lo))
	herumi.GTPow(&at, base, &first)
	for k = lo; k < hi; k++ {
		if at.IsEqual(power) {
			return k, true
		}
		herumi.GTMul(&at, &at, base)
	}
	return 0, false
}

// running is, at each place i, the sum P(i) of the keys and signatures of all items before i, and the sum Q(i) of P(1), ..., P(i).
type running struct {
	p                         *product
	keys, keySums             []herumi.G1
	signatures, signatureSums []herumi.G2
}

func (p *product) runningSums() *running {
	n := len(p.items) + 1
	s := &running{p: p, keys: make([]herumi.G1, n), keySums: make([]herumi.G1, n), signatures: make([]herumi.G2, n), signatureSums: make([]herumi.G2, n)}
	for i := range p.items {
		herumi.G1Add(&s.keys[i+1], &s.keys[i], &p.keys[i])
		herumi.G1Add(&s.keySums[i+1], &s.keySums[i], &s.keys[i+1])
		herumi.G2Add(&s.signatures[i+1], &s.signatures[i], &p.signatures[i])
		herumi.G2Add(&s.signatureSums[i+1], &s.signatureSums[i], &s.signatures[i+1])
	}
	return s
}

// value implements valuer with all weights one.
func (s *running) value(lo, hi int, indexed bool) (value herumi.GT) {
	var left []herumi.G1
	var right []herumi.G2
	for i := lo; i < hi; {
		message := s.p.items[i].message
		end := i + 1
		for end < hi && s.p.items[end].message == message {
			end++
		}
		if key := s.key(i, end, indexed); !key.IsZero() {
			left, right = append(left, key), append(right, *s.p.hashes[message])
		}
		i = end
	}
	if signature := s.signature(lo, hi, indexed); !signature.IsZero() {
		left, right = append(left, library().negGenerator), append(right, signature)
	}
	herumi.MillerLoopVec(&value, left, right)
	herumi.FinalExp(&value, &value)
	return value
}

// key is the sum of the keys of items [lo, hi), if indexed of each multiplied by its index: with p_i for a key
//
//	sum of i p_i over [0, n) = n P(n) - Q(n)
func (s *running) key(lo, hi int, indexed bool) (sum herumi.G1) {
	if !indexed {
		herumi.G1Sub(&sum, &s.keys[hi], &s.keys[lo])
		return sum
	}
	upTo := func(n int) (sum herumi.G1) {
		times := scalarFromUint64(uint64(n))
		herumi.G1Mul(&sum, &s.keys[n], &times)
		herumi.G1Sub(&sum, &sum, &s.keySums[n])
		return sum
	}
	all, before := upTo(hi), upTo(lo)
	herumi.G1Sub(&sum, &all, &before)
	return sum
}

// signature is key for signatures.
func (s *running) signature(lo, hi int, indexed bool) (sum herumi.G2) {
	if !indexed {
		herumi.G2Sub(&sum, &s.signatures[hi], &s.signatures[lo])
		return sum
	}
	upTo := func(n int) (sum herumi.G2) {
		times := scalarFromUint64(uint64(n))
		herumi.G2Mul(&sum, &s.signatures[n], &times)
		herumi.G2Sub(&sum, &sum, &s.signatureSums[n])
		return sum
	}
	all, before := upTo(hi), upTo(lo)
	herumi.G2Sub(&sum, &all, &before)
	return sum
}
