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

// VerifyBatch verifies all sets at once: nil, or a *BatchError with every culprit. No sets verify. See Batch.
func VerifyBatch(sets []Set) error {
	var b Batch
	b.Add(sets...)
	return b.Verify()
}

// Batch verifies sets that come one after the other. What can be done for a set by itself - its signature decoded, its keys summed, its
// message hashed - is begun when it is added, on other goroutines, and is the larger part; the pairings of all are left for the end.
//
// With random weights w the sets hold, but for a chance of 2^-64, if and only if
//
//	product over distinct messages m of e(sum of w_i*key_i over the sets of m, H(m)) = e(G, sum of w_i*signature_i)
//
// so that sets with one message share a pairing, and errors of several sets cannot cancel: whoever made them did not
// know the weights. Weights have 64 bits because an attacker has no way to try offline; every attempt costs a message.
// When the product is wrong, the culprits are searched for with what was decoded and hashed already; see search.go.
//
// The zero value is ready. It belongs to one goroutine, and uses up to GOMAXPROCS others.
type Batch struct {
	sets     []*decodedSet
	messages map[[32]byte]int // place of a message in hashes
	hashes   []*herumi.G2
	work     crew
}

// decodedSet is a set, and what became of it by itself.
type decodedSet struct {
	Set
	message   int // of the batch's hashes
	err       error
	key       herumi.G1
	signature herumi.G2
}

// Len is the number of sets added.
func (b *Batch) Len() int { return len(b.sets) }

// Add adds sets. Their keys must not be changed before Verify returns.
func (b *Batch) Add(sets ...Set) {
	library()
	if b.messages == nil {
		b.messages = make(map[[32]byte]int, len(sets))
	}
	for _, set := range sets {
		place, known := b.messages[set.Message]
		if !known {
			place = len(b.hashes)
			hash := new(herumi.G2)
			b.messages[set.Message] = place
			b.hashes = append(b.hashes, hash)
			b.work.do(func() { *hash = hashToG2(set.Message[:], SignatureDomain) })
		}
		s := &decodedSet{Set: set, message: place}
		b.sets = append(b.sets, s)
		b.work.do(func() { s.err = decodeSet(&s.Set, &s.key, &s.signature) })
	}
}

// Truncate forgets all sets but the first n.
func (b *Batch) Truncate(n int) { b.sets = b.sets[:n] }

// Verify verifies all sets, and forgets them: nil, or a *BatchError with every culprit. No sets verify.
func (b *Batch) Verify() error {
	b.work.wait()
	sets := b.sets
	p := b.product()
	b.sets, b.messages, b.hashes = nil, nil, nil
	if len(p.items) > 0 {
		if e := p.evaluate(0, len(p.items), p.weights); !e.IsOne() {
			for _, c := range p.culprits(&e) {
				sets[p.items[c.item].set].err = ErrSignature
			}
		}
	}
	var failed BatchError
	for i, s := range sets {
		if s.err == nil {
			continue
		}
		err := s.err
		if s.Label != nil {
			err = fmt.Errorf("%v: %w", s.Label, err)
		}
		failed.Culprits, failed.Reasons = append(failed.Culprits, i), append(failed.Reasons, err)
	}
	if len(failed.Culprits) > 0 {
		return &failed
	}
	return nil
}

// product is the equation of a batch, kept for a search. The slices keys, signatures and weights run parallel to items.
type product struct {
	hashes     []*herumi.G2 // of distinct messages
	items      []item       // well-formed sets, those of one message next to each other
	keys       []herumi.G1
	signatures []herumi.G2
	weights    []herumi.Fr
}

type item struct{ set, message int } // indices into sets and hashes

// product orders the sets that are well-formed and draws their weights.
func (b *Batch) product() *product {
	p := &product{hashes: b.hashes}
	for i, s := range b.sets {
		if s.err == nil {
			p.items = append(p.items, item{i, s.message})
		}
	}
	mathrand.Shuffle(len(p.items), func(i, j int) { p.items[i], p.items[j] = p.items[j], p.items[i] }) // see search.go
	slices.SortStableFunc(p.items, func(x, y item) int { return cmp.Compare(x.message, y.message) })
	p.keys, p.signatures = make([]herumi.G1, len(p.items)), make([]herumi.G2, len(p.items))
	for i, it := range p.items {
		p.keys[i], p.signatures[i] = b.sets[it.set].key, b.sets[it.set].signature
	}
	p.weights = randomWeights(len(p.items))
	return p
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

// evaluate computes the left side over the right side of the equation of a Batch for items[lo:hi] with the given weights, spread
// over cores.
func (p *product) evaluate(lo, hi int, weights []herumi.Fr) herumi.GT {
	const smallest = 8 // items a goroutine is worth
	parts := max(1, min(runtime.GOMAXPROCS(0), (hi-lo)/smallest))
	values := make([]herumi.GT, parts)
	parallel(parts, func(i int) {
		values[i] = p.millerLoops(lo+(hi-lo)*i/parts, lo+(hi-lo)*(i+1)/parts, weights)
	})
	e := values[0]
	for i := 1; i < parts; i++ {
		herumi.GTMul(&e, &e, &values[i])
	}
	herumi.FinalExp(&e, &e)
	return e
}

// millerLoops is the quotient for items[lo:hi] before the final exponentiation.
func (p *product) millerLoops(lo, hi int, weights []herumi.Fr) (value herumi.GT) {
	var left []herumi.G1
	var right []herumi.G2
	for i := lo; i < hi; {
		end := i + 1
		for end < hi && p.items[end].message == p.items[i].message {
			end++
		}
		var key herumi.G1
		herumi.G1MulVec(&key, p.keys[i:end], weights[i:end])
		if !key.IsZero() { // e(infinity, _) = 1
			left, right = append(left, key), append(right, *p.hashes[p.items[i].message])
		}
		i = end
	}
	var signature herumi.G2
	herumi.G2MulVec(&signature, p.signatures[lo:hi], weights[lo:hi])
	if !signature.IsZero() { // e(_, infinity) = 1
		left, right = append(left, library().negGenerator), append(right, signature)
	}
	herumi.MillerLoopVec(&value, left, right)
	return value
}
