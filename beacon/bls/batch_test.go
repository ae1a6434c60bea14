package bls

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	herumi "github.com/herumi/bls-eth-go-binary/bls"
	"pgregory.net/rapid"
)

// culprits is the batch's answer: nil if it verified.
func culprits(t testing.TB, err error) []int {
	t.Helper()
	if err == nil {
		return nil
	}
	var batch *BatchError
	if !errors.As(err, &batch) {
		t.Fatalf("error is a %T: %v", err, err)
	}
	if len(batch.Culprits) == 0 || len(batch.Reasons) != len(batch.Culprits) {
		t.Fatalf("%d culprits with %d reasons", len(batch.Culprits), len(batch.Reasons))
	}
	return batch.Culprits
}

// mixedSets are n valid sets: every third shares its message with others, every fourth has several keys.
func mixedSets(t testing.TB, n int) []Set {
	sets := make([]Set, n)
	for i := range sets {
		message := root(i)
		if i%3 == 0 {
			message = root(-1)
		}
		secrets := []uint64{uint64(i + 1)}
		if i%4 == 0 {
			secrets = append(secrets, 1000, 2000, 3000)
		}
		sets[i] = signedSet(t, message, secrets...)
		sets[i].Label = fmt.Sprintf("set number %d", i)
	}
	return sets
}

func TestBatchOfValidSets(t *testing.T) {
	sets := mixedSets(t, 40)
	for _, n := range []int{0, 1, 2, 3, 15, 16, 17, 40} {
		if err := VerifyBatch(sets[:n]); err != nil {
			t.Errorf("%d valid sets: %v", n, err)
		}
	}
}

func TestBatchNamesEveryCulprit(t *testing.T) {
	valid := mixedSets(t, 40)
	all := make([]int, len(valid))
	for i := range all {
		all[i] = i
	}
	for _, bad := range [][]int{{0}, {39}, {3}, {1, 2}, {0, 3, 6}, {0, 39}, {5, 12, 13, 30}, all} {
		sets := slices.Clone(valid)
		for _, i := range bad {
			sets[i].Signature = secret(t, uint64(i+500)).Sign(sets[i].Message[:]).Bytes()
		}
		err := VerifyBatch(sets)
		if got := culprits(t, err); !slices.Equal(got, bad) {
			t.Errorf("culprits %v, want %v", got, bad)
		}
		if !errors.Is(err, ErrSignature) || !strings.Contains(err.Error(), fmt.Sprintf("set number %d", bad[0])) {
			t.Errorf("error neither wraps ErrSignature nor names the set: %v", err)
		}
	}
}

func TestBatchTakesSetsOneAfterTheOtherAndForgetsThoseCutOff(t *testing.T) {
	var b Batch
	for i := range 20 {
		b.Add(signedSet(t, root(i%3), uint64(i+1)))
	}
	wrong := signedSet(t, root(1), 50)
	wrong.Signature = signedSet(t, root(2), 50).Signature
	b.Add(wrong)
	b.Truncate(20)
	if err := b.Verify(); err != nil {
		t.Errorf("the wrong set was cut off, and yet: %v", err)
	}
	b.Add(signedSet(t, root(1), 1), wrong)
	if got := culprits(t, b.Verify()); !slices.Equal(got, []int{1}) {
		t.Errorf("culprits %v, want the second set of the batch that was used again", got)
	}
}

func TestBatchOfOneMessageNamesCulprits(t *testing.T) {
	message := root(1)
	sets := make([]Set, 50)
	for i := range sets {
		sets[i] = signedSet(t, message, uint64(i+1))
	}
	var b Batch
	b.Add(sets...)
	if len(b.hashes) != 1 {
		t.Errorf("one message was hashed %d times", len(b.hashes))
	}
	if err := b.Verify(); err != nil || b.Len() != 0 {
		t.Errorf("%v, and %d sets are left", err, b.Len())
	}
	if err := VerifyBatch(sets); err != nil {
		t.Fatal(err)
	}
	sets[7].Signature, sets[31].Signature = sets[31].Signature, sets[7].Signature
	if got := culprits(t, VerifyBatch(sets)); !slices.Equal(got, []int{7, 31}) {
		t.Errorf("culprits %v, want those swapped", got)
	}
}

// Errors of one message that are made to deceive a search without weights: all the same, so that two of them point at the middle between
// them, or opposite, so that they cancel.
func TestBatchOfOneMessageIsNotDeceived(t *testing.T) {
	delta := secret(t, 999).Sign([]byte("shift"))
	var minus Signature
	herumi.G2Neg(&minus.p, &delta.p)
	valid := make([]Set, 600)
	for i := range valid {
		valid[i] = signedSet(t, root(1), uint64(i+1))
	}
	shift := func(sets []Set, i int, d *Signature) {
		var sum Signature
		own, err := SignatureFromBytes(sets[i].Signature[:])
		if err != nil {
			t.Fatal(err)
		}
		herumi.G2Add(&sum.p, &own.p, &d.p)
		sets[i].Signature = sum.Bytes()
	}
	for _, c := range []struct {
		name           string
		plus, opposite []int
	}{
		{"equal errors", []int{10, 20, 30, 40, 50, 300, 302, 599}, nil},
		{"two that cancel", []int{7}, []int{9}},
		{"pairs that cancel", []int{1, 100, 200, 300}, []int{2, 101, 202, 303}},
		{"one, and two that cancel", []int{5, 400}, []int{401}},
	} {
		t.Run(c.name, func(t *testing.T) {
			sets := slices.Clone(valid)
			for _, i := range c.plus {
				shift(sets, i, delta)
			}
			for _, i := range c.opposite {
				shift(sets, i, &minus)
			}
			want := slices.Sorted(slices.Values(slices.Concat(c.plus, c.opposite)))
			if got := culprits(t, VerifyBatch(sets)); !slices.Equal(got, want) {
				t.Errorf("culprits %v, want %v", got, want)
			}
		})
	}
}

// What a search without weights found counts only if it explains the weighted value.
func TestBatchSearchIsHeldAgainstTheWeights(t *testing.T) {
	sets := make([]Set, 20)
	for i := range sets {
		sets[i] = signedSet(t, root(1), uint64(i+1))
	}
	sets[3].Signature, sets[8].Signature = sets[4].Signature, sets[9].Signature
	var b Batch
	b.Add(sets...)
	b.work.wait()
	p := b.product()
	e := p.evaluate(0, len(p.items), p.weights)
	found := search(p.runningSums().value, len(p.items))
	if len(found) != 2 || !p.explained(&e, found) {
		t.Errorf("%d culprits found, explained: %t; want both and that they explain the value", len(found), p.explained(&e, found))
	}
	if p.explained(&e, found[:1]) {
		t.Error("one of two culprits explains the value")
	}
}

// Signatures whose errors cancel in a plain sum: s1 + d and s2 - d.
func TestBatchCatchesErrorsThatCancel(t *testing.T) {
	delta := secret(t, 999).Sign([]byte("shift"))
	var minus Signature
	herumi.G2Neg(&minus.p, &delta.p)
	shift := func(sig [96]byte, d *Signature) [96]byte {
		s, err := SignatureFromBytes(sig[:])
		if err != nil {
			t.Fatal(err)
		}
		sum, err := AggregateSignatures([]*Signature{s, d})
		if err != nil {
			t.Fatal(err)
		}
		return sum.Bytes()
	}
	for _, c := range []struct {
		name     string
		messages [2][32]byte
	}{{"different messages", [2][32]byte{root(1), root(2)}}, {"one message", [2][32]byte{root(1), root(1)}}} {
		sets := []Set{signedSet(t, c.messages[0], 1), signedSet(t, c.messages[1], 2), signedSet(t, root(3), 3)}
		sets[0].Signature = shift(sets[0].Signature, delta)
		sets[1].Signature = shift(sets[1].Signature, &minus)
		keys, messages, sigs := []*PublicKey{}, [][]byte{}, []*Signature{}
		for i := range sets {
			s, err := SignatureFromBytes(sets[i].Signature[:])
			if err != nil {
				t.Fatal(err)
			}
			keys, messages, sigs = append(keys, sets[i].Keys[0]), append(messages, sets[i].Message[:]), append(sigs, s)
		}
		sum, err := AggregateSignatures(sigs)
		if err != nil || !AggregateVerify(keys, messages, sum) {
			t.Fatalf("%s: the errors do not cancel in a plain sum, the attack tests nothing", c.name)
		}
		if got := culprits(t, VerifyBatch(sets)); !slices.Equal(got, []int{0, 1}) {
			t.Errorf("%s: culprits %v, want 0 and 1", c.name, got)
		}
	}
}

func TestBatchRefusesMalformedSets(t *testing.T) {
	opposite := secret(t, 8).PublicKey().negated()
	outside := [96]byte{0: flagCompressed, 95: 1}
	for _, c := range []struct {
		name   string
		change func(*Set)
		want   error // nil: any
	}{
		{"no keys", func(s *Set) { s.Keys = nil }, errNoKeys},
		{"no keys, infinite signature", func(s *Set) { s.Keys, s.Signature = nil, infinitySignature() }, errNoKeys},
		{"infinite key", func(s *Set) { s.Keys = append(s.Keys, &PublicKey{}) }, ErrInfinity},
		{"infinite key and signature", func(s *Set) { s.Keys, s.Signature = []*PublicKey{{}}, infinitySignature() }, ErrInfinity},
		{"keys that cancel", func(s *Set) {
			s.Keys, s.Signature = []*PublicKey{secret(t, 8).PublicKey(), &opposite}, infinitySignature()
		}, ErrInfinity},
		{"infinite signature", func(s *Set) { s.Signature = infinitySignature() }, ErrSignature},
		{"no point", func(s *Set) { s.Signature = [96]byte{} }, nil},
		{"not in the subgroup", func(s *Set) { s.Signature = outside }, nil},
	} {
		sets := mixedSets(t, 6)
		c.change(&sets[2])
		sets[5].Signature = sets[4].Signature // found besides
		err := VerifyBatch(sets)
		if got := culprits(t, err); !slices.Equal(got, []int{2, 5}) {
			t.Errorf("%s: culprits %v, want 2 and 5", c.name, got)
		}
		if c.want != nil && !errors.Is(err.(*BatchError).Reasons[0], c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
		if got := culprits(t, VerifyBatch(sets[2:3])); !slices.Equal(got, []int{0}) {
			t.Errorf("%s, alone: culprits %v", c.name, got)
		}
	}
}

func TestBatchOfInfiniteSignatures(t *testing.T) {
	sets := mixedSets(t, 20)
	want := make([]int, len(sets))
	for i := range sets {
		sets[i].Signature, want[i] = infinitySignature(), i
	}
	if got := culprits(t, VerifyBatch(sets)); !slices.Equal(got, want) {
		t.Errorf("culprits %v, want all", got)
	}
}

func TestWeightsAreRandomAndNotZero(t *testing.T) {
	a, b := randomWeights(100), randomWeights(100)
	same := 0
	for i := range a {
		if a[i].IsZero() || b[i].IsZero() {
			t.Errorf("weight %d is zero", i)
		}
		if a[i].IsEqual(&b[i]) {
			same++
		}
	}
	if same != 1 || !a[0].IsOne() {
		t.Errorf("%d of 100 weights repeat, want only the first, which is one", same)
	}
}

func TestBatchAgreesWithSingleVerification(t *testing.T) {
	const most = 24
	pool := make([]Set, most)
	for i := range pool {
		pool[i] = signedSet(t, root(i%5), uint64(i+1))
	}
	rapid.Check(t, func(rt *rapid.T) {
		n := rapid.IntRange(0, most).Draw(rt, "sets")
		sets := slices.Clone(pool[:n])
		var want []int
		for i := range sets {
			from := i
			if rapid.IntRange(0, 7).Draw(rt, "fate") == 0 {
				from = rapid.IntRange(0, most-1).Draw(rt, "signature of")
			}
			if sets[i].Signature = pool[from].Signature; from != i {
				want = append(want, i)
			}
		}
		if got := culprits(t, VerifyBatch(sets)); !slices.Equal(got, want) {
			rt.Fatalf("culprits %v, want %v", got, want)
		}
	})
}
