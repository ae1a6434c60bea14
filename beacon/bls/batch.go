package bls

import (
	"cmp"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	herumi "github.com/herumi/bls-eth-go-binary/bls"
)

// Set is one statement to verify: the aggregate of all Keys' signatures of Message is Signature.
type Set struct {
	Keys      []*PublicKey // at least one, none infinite; a sum made by the caller stands for its parts
	Message   [32]byte     // signing root
	Signature [96]byte     // encoded; decoded and checked by the verification
	Label     any          // names the set in errors, printed with %v; may be nil
}

// ErrSignature says that a signature is well-formed and does not verify.
var ErrSignature = errors.New("signature does not verify")

// BatchError names the sets that are wrong, and only those: all others verified.
type BatchError struct {
	Culprits []int   // indices into the sets, ascending
	Reasons  []error // of each culprit, with its label; wraps ErrSignature or says why key or signature is invalid
}

// Error lists the first few culprits.
func (e *BatchError) Error() string {
	const most = 4
	var b strings.Builder
	fmt.Fprintf(&b, "%d invalid signature sets", len(e.Culprits))
	for i, r := range e.Reasons[:min(most, len(e.Reasons))] {
		fmt.Fprintf(&b, "; set %d: %v", e.Culprits[i], r)
	}
	if len(e.Reasons) > most {
		b.WriteString("; ...")
	}
	return b.String()
}

// Unwrap gives the reasons to errors.Is.
func (e *BatchError) Unwrap() []error { return e.Reasons }

// VerifyBatch verifies all sets at once: nil, or a *BatchError with every culprit. No sets verify.
//
// With random weights w the sets hold, but for a chance of 2^-64, if and only if
//
//	product over distinct messages m of e(sum of w_i*key_i over the sets of m, H(m)) = e(G, sum of w_i*signature_i)
//
// so that sets with one message share a pairing, and errors of several sets cannot cancel: whoever made them did not
// know the weights. Weights have 64 bits because an attacker has no way to try offline; every attempt costs a message.
// When the product is wrong, the culprits are searched for with what was decoded and hashed already; see search.go.
//
// It uses GOMAXPROCS goroutines and returns when they are done.
func VerifyBatch(sets []Set) error {
	b := prepare(sets)
	if len(b.items) > 0 {
		if e := b.evaluate(0, len(b.items), b.weights); !e.IsOne() {
			for _, c := range b.culprits(&e) {
				b.errs[b.items[c.item].set] = ErrSignature
			}
		}
	}
	var failed BatchError
	for i, err := range b.errs {
		if err == nil {
			continue
		}
		if label := sets[i].Label; label != nil {
			err = fmt.Errorf("%v: %w", label, err)
		}
		failed.Culprits, failed.Reasons = append(failed.Culprits, i), append(failed.Reasons, err)
	}
	if len(failed.Culprits) > 0 {
		return &failed
	}
	return nil
}

// batch is what a verification keeps for a search. The slices keys, signatures and weights run parallel to items.
type batch struct {
	errs       []error     // by set
	hashes     []herumi.G2 // of distinct messages
	items      []item      // well-formed sets, those of one message next to each other
	keys       []herumi.G1
	signatures []herumi.G2
	weights    []herumi.Fr
}

type item struct{ set, message int } // indices into sets and hashes

// prepare decodes signatures, sums keys, hashes messages and draws weights.
func prepare(sets []Set) *batch {
	library()
	b := &batch{errs: make([]error, len(sets))}
	messages := make([]int, len(sets)) // index of each set's message
	var distinct [][32]byte
	seen := make(map[[32]byte]int, len(sets))
	for i := range sets {
		m, ok := seen[sets[i].Message]
		if !ok {
			m = len(distinct)
			seen[sets[i].Message] = m
			distinct = append(distinct, sets[i].Message)
		}
		messages[i] = m
	}
	b.hashes = make([]herumi.G2, len(distinct))
	keys, signatures := make([]herumi.G1, len(sets)), make([]herumi.G2, len(sets))
	parallel(len(distinct)+len(sets), func(i int) {
		if i < len(distinct) {
			b.hashes[i] = hashToG2(distinct[i][:], SignatureDomain)
			return
		}
		i -= len(distinct)
		b.errs[i] = decodeSet(&sets[i], &keys[i], &signatures[i])
	})
	for i, err := range b.errs {
		if err == nil {
			b.items = append(b.items, item{i, messages[i]})
		}
	}
	mathrand.Shuffle(len(b.items), func(i, j int) { b.items[i], b.items[j] = b.items[j], b.items[i] }) // see search.go
	slices.SortStableFunc(b.items, func(x, y item) int { return cmp.Compare(x.message, y.message) })
	b.keys, b.signatures = make([]herumi.G1, len(b.items)), make([]herumi.G2, len(b.items))
	for i, it := range b.items {
		b.keys[i], b.signatures[i] = keys[it.set], signatures[it.set]
	}
	b.weights = randomWeights(len(b.items))
	return b
}

// decodeSet applies the rules for a single set: at least one key, no infinite key nor sum, a signature in the subgroup.
func decodeSet(s *Set, key *herumi.G1, signature *herumi.G2) error {
	sum, err := AggregatePublicKeys(s.Keys)
	if err != nil {
		return err
	}
	if sum.IsInfinity() {
		return fmt.Errorf("sum of %d keys: %w", len(s.Keys), ErrInfinity)
	}
	sig, err := SignatureFromBytes(s.Signature[:])
	if err != nil {
		return err
	}
	*key, *signature = sum.g1(), sig.p
	return nil
}

// randomWeights draws n non-zero 64-bit weights. The first is one, for only their ratios matter.
func randomWeights(n int) []herumi.Fr {
	weights := make([]herumi.Fr, n)
	buf := make([]byte, 8*n)
	_, _ = rand.Read(buf) // crashes the program rather than fail
	for i := range weights {
		w := binary.LittleEndian.Uint64(buf[8*i:])
		for w == 0 {
			var again [8]byte
			_, _ = rand.Read(again[:])
			w = binary.LittleEndian.Uint64(again[:])
		}
		if i == 0 {
			w = 1
		}
		weights[i] = scalarFromUint64(w)
	}
	return weights
}

// evaluate computes the left side over the right side of the equation of VerifyBatch for items[lo:hi] with the given weights, spread
// over cores.
func (b *batch) evaluate(lo, hi int, weights []herumi.Fr) herumi.GT {
	const smallest = 8 // items a goroutine is worth
	parts := max(1, min(runtime.GOMAXPROCS(0), (hi-lo)/smallest))
	values := make([]herumi.GT, parts)
	parallel(parts, func(i int) {
		values[i] = b.millerLoops(lo+(hi-lo)*i/parts, lo+(hi-lo)*(i+1)/parts, weights)
	})
	e := values[0]
	for i := 1; i < parts; i++ {
		herumi.GTMul(&e, &e, &values[i])
	}
	herumi.FinalExp(&e, &e)
	return e
}

// millerLoops is the quotient for items[lo:hi] before the final exponentiation.
func (b *batch) millerLoops(lo, hi int, weights []herumi.Fr) (value herumi.GT) {
	var left []herumi.G1
	var right []herumi.G2
	for i := lo; i < hi; {
		end := i + 1
		for end < hi && b.items[end].message == b.items[i].message {
			end++
		}
		var key herumi.G1
		herumi.G1MulVec(&key, b.keys[i:end], weights[i:end])
		if !key.IsZero() { // e(infinity, _) = 1
			left, right = append(left, key), append(right, b.hashes[b.items[i].message])
		}
		i = end
	}
	var signature herumi.G2
	herumi.G2MulVec(&signature, b.signatures[lo:hi], weights[lo:hi])
	if !signature.IsZero() { // e(_, infinity) = 1
		left, right = append(left, library().negGenerator), append(right, signature)
	}
	herumi.MillerLoopVec(&value, left, right)
	return value
}

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
