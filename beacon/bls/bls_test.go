package bls

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"
	"unsafe"

	herumi "github.com/herumi/bls-eth-go-binary/bls"
	"pgregory.net/rapid"
)

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestSecretKeyRange(t *testing.T) {
	const order = "73eda753299d7d483339d80809a1d80553bda402fffe5bfeffffffff00000001"
	below := unhex(t, order)
	below[31]--
	sk, err := SecretKeyFromBytes(below)
	if err != nil {
		t.Fatalf("order - 1: %v", err)
	}
	if got := sk.Bytes(); !bytes.Equal(got[:], below) {
		t.Errorf("order - 1 came back as %x", got)
	}
	for name, b := range map[string][]byte{
		"order": unhex(t, order), "zero": make([]byte, 32), "all ones": bytes.Repeat([]byte{0xff}, 32), "short": below[1:], "long": append(below, 0), "empty": nil,
	} {
		if _, err := SecretKeyFromBytes(b); err == nil {
			t.Errorf("%s: accepted", name)
		} else if len(b) > 0 && strings.Contains(err.Error(), hex.EncodeToString(b)) {
			t.Errorf("%s: the error prints the key: %v", name, err)
		}
	}
}

func TestSecretKeyIsNotPrinted(t *testing.T) {
	sk := secret(t, 0xabcdef)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d"} {
		for _, v := range []any{sk, *sk, struct{ K *SecretKey }{sk}, struct{ K SecretKey }{*sk}} {
			if s := fmt.Sprintf(verb, v); strings.Contains(s, "abcdef") || strings.Contains(s, "11259375") {
				t.Errorf("%s prints %s", verb, s)
			}
		}
	}
}

func TestSecretKeyArithmeticIsThatOfPublicKeys(t *testing.T) {
	a, b := secret(t, 1000), secret(t, 77)
	if got, want := a.Add(b).Bytes(), secret(t, 1077).Bytes(); got != want {
		t.Errorf("1000 + 77 = %x", got)
	}
	if got, want := a.Mul(77).Bytes(), secret(t, 77000).Bytes(); got != want {
		t.Errorf("1000 * 77 = %x", got)
	}
	if got, want := *a.PublicKey().Add(b.PublicKey()), *secret(t, 1077).PublicKey(); got != want {
		t.Errorf("public keys of 1000 and 77 add up to %x", got.Bytes())
	}
	if got, want := *a.PublicKey().Sub(b.PublicKey()), *secret(t, 923).PublicKey(); got != want {
		t.Errorf("public keys of 1000 and 77 differ by %x", got.Bytes())
	}
}

// The points of every exceptional case of addition, and two general ones.
func specialPoints(t testing.TB) map[string]PublicKey {
	g := *secret(t, 1).PublicKey()
	return map[string]PublicKey{"infinity": {}, "G": g, "-G": g.negated(), "2G": *secret(t, 2).PublicKey(), "-2G": secret(t, 2).PublicKey().negated(), "5G": *secret(t, 5).PublicKey()}
}

func herumiSum(p, q PublicKey) PublicKey {
	a, b := p.g1(), q.g1()
	herumi.G1Add(&a, &a, &b)
	return fromG1(&a)
}

func TestAdditionCoversEveryCase(t *testing.T) {
	points := specialPoints(t)
	for np, p := range points {
		for nq, q := range points {
			want := herumiSum(p, q)
			if got := *p.Add(&q); got != want {
				t.Errorf("%s + %s = %x, want %x", np, nq, got.Bytes(), want.Bytes())
			}
			minus := q.negated()
			if got, want := *p.Sub(&q), herumiSum(p, minus); got != want {
				t.Errorf("%s - %s = %x, want %x", np, nq, got.Bytes(), want.Bytes())
			}
		}
	}
}

func TestSumOfKeys(t *testing.T) {
	var points []PublicKey
	for _, p := range specialPoints(t) {
		points = append(points, p)
	}
	points = append(points, progression(t, 40)...)
	rapid.Check(t, func(t *rapid.T) {
		// Few distinct points, so that equal, opposite and infinite ones meet at every level.
		few := rapid.IntRange(1, len(points)).Draw(t, "distinct points")
		picks := rapid.SliceOfN(rapid.IntRange(0, few-1), 0, 700).Draw(t, "picks")
		keys := make([]*PublicKey, len(picks))
		var want herumi.G1
		for i, p := range picks {
			keys[i] = &points[p]
			q := points[p].g1()
			herumi.G1Add(&want, &want, &q)
		}
		if got, want := *SumPublicKeys(keys), fromG1(&want); got != want {
			t.Fatalf("sum of %d keys is %x, want %x", len(keys), got.Bytes(), want.Bytes())
		}
	})
}

func TestSumLongerThanATile(t *testing.T) {
	n := 2*summerTile + 5
	keys := progression(t, n)
	pointers := make([]*PublicKey, n)
	for i := range keys {
		pointers[i] = &keys[i]
	}
	if got, want := *SumPublicKeys(pointers), *secret(t, uint64(n*(n+1)/2)).PublicKey(); got != want {
		t.Errorf("sum of 1..%d times G is %x, want %x", n, got.Bytes(), want.Bytes())
	}
}

func TestKeyProgression(t *testing.T) {
	first, step := secret(t, 12).PublicKey(), secret(t, 5).PublicKey()
	for _, n := range []int{0, 1, 2, 3, 255, 256, 257, 1000} {
		keys := KeyProgression(first, step, n)
		if len(keys) != n {
			t.Fatalf("%d keys, want %d", len(keys), n)
		}
		for i := range keys {
			if i > 20 && i < n-20 {
				continue
			}
			if want := *secret(t, uint64(12+5*i)).PublicKey(); keys[i] != want {
				t.Errorf("key %d of %d is %x, want %x", i, n, keys[i].Bytes(), want.Bytes())
			}
		}
	}
}

func TestPublicKeyEncoding(t *testing.T) {
	for n := uint64(1); n <= 50; n++ {
		pk := secret(t, n).PublicKey()
		p := pk.g1()
		b := pk.Bytes()
		if want := p.Serialize(); !bytes.Equal(b[:], want) {
			t.Errorf("%d*G encodes as %x, want %x", n, b, want)
		}
		back, err := PublicKeyFromBytes(b[:])
		if err != nil || *back != *pk {
			t.Errorf("%d*G came back as %v, %v", n, back, err)
		}
	}
	if b := new(PublicKey).Bytes(); b != infinityKey() {
		t.Errorf("infinity encodes as %x", b)
	}
}

func TestElementLeavesMontgomeryForm(t *testing.T) {
	library()
	check := func(f *herumi.Fp) {
		limbs := (*element)(unsafe.Pointer(f)).canonical()
		var got [48]byte
		limbs.putBigEndian(got[:])
		if want := f.Serialize(); !bytes.Equal(got[:], want) {
			t.Errorf("canonical form %x, want %x", got, want)
		}
	}
	var one, f herumi.Fp
	one.SetInt64(1)
	for range 10 { // 0, 1, ...
		check(&f)
		herumi.FpAdd(&f, &f, &one)
	}
	f.Clear()
	for range 10 { // p-1, p-2, ...
		herumi.FpSub(&f, &f, &one)
		check(&f)
	}
	for range 200 {
		f.SetByCSPRNG()
		check(&f)
	}
}

func TestKeyValidate(t *testing.T) {
	good := secret(t, 3).PublicKey().Bytes()
	infinity := infinityKey()
	if _, err := PublicKeyFromBytes(infinity[:]); !errors.Is(err, ErrInfinity) {
		t.Errorf("infinity: %v, want %v", err, ErrInfinity)
	}
	notInSubgroup := unhex(t, "8123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef")
	var p herumi.G1
	herumi.VerifyOrderG1(false)
	onCurve := p.Deserialize(notInSubgroup) == nil && !p.IsValidOrder()
	herumi.VerifyOrderG1(true)
	if !onCurve {
		t.Fatal("the test's point outside the subgroup is not even on the curve")
	}
	notOnCurve := bytes.Clone(notInSubgroup)
	notOnCurve[47]--
	modulusX := make([]byte, 48)
	modulus.putBigEndian(modulusX)
	modulusX[0] |= flagCompressed
	uncompressed := bytes.Clone(good[:])
	uncompressed[0] &^= flagCompressed
	flaggedInfinity := bytes.Clone(good[:])
	flaggedInfinity[0] |= flagInfinity
	for name, b := range map[string][]byte{
		"not in the subgroup": notInSubgroup, "not on the curve": notOnCurve, "x is the modulus": modulusX, "no compression flag": uncompressed,
		"infinity flag on a point": flaggedInfinity, "infinity with a bit in its last byte": append(infinity[:47:47], 0x30),
		"infinity with a sign": append([]byte{flagCompressed | flagInfinity | flagSign}, infinity[1:]...), "all zero": make([]byte, 48), "short": good[:47], "long": append(good[:], 0), "empty": nil,
	} {
		if pk, err := PublicKeyFromBytes(b); err == nil {
			t.Errorf("%s: accepted as %x", name, pk.Bytes())
		} else if errors.Is(err, ErrInfinity) {
			t.Errorf("%s: taken for infinity", name)
		}
	}
}

func TestSignatureDecoding(t *testing.T) {
	good := secret(t, 3).Sign([]byte("m")).Bytes()
	if s, err := SignatureFromBytes(good[:]); err != nil || s.Bytes() != good {
		t.Errorf("valid signature: %v", err)
	}
	infinity := infinitySignature()
	if s, err := SignatureFromBytes(infinity[:]); err != nil || !s.IsInfinity() || s.Bytes() != infinity {
		t.Errorf("infinity: %v, %v", s, err)
	}
	// The smallest x on the curve is almost surely outside of the subgroup, whose cofactor is 2^507.
	outside := make([]byte, 96)
	outside[0] = flagCompressed
	var p herumi.G2
	herumi.VerifyOrderG2(false)
	for p.Deserialize(outside) != nil {
		outside[95]++
	}
	inSubgroup := p.IsValidOrder()
	herumi.VerifyOrderG2(true)
	if inSubgroup {
		t.Fatal("the test's point is in the subgroup")
	}
	flaggedInfinity, dirtyInfinity, signedInfinity := good, infinity, infinity
	flaggedInfinity[0] |= flagInfinity
	dirtyInfinity[95] = 0x30 // the library takes this one
	signedInfinity[0] |= flagSign
	for name, b := range map[string][]byte{
		"not in the subgroup": outside, "infinity flag on a point": flaggedInfinity[:], "infinity with a bit in its last byte": dirtyInfinity[:],
		"infinity with a sign": signedInfinity[:], "all zero": make([]byte, 96), "short": good[:95], "long": append(good[:], 0), "empty": nil,
	} {
		if _, err := SignatureFromBytes(b); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestVerify(t *testing.T) {
	sk, message := secret(t, 42), []byte("a message of any length, not only 32 bytes")
	pk, sig := sk.PublicKey(), sk.Sign(message)
	if !Verify(pk, message, sig) {
		t.Error("valid signature refused")
	}
	if empty := sk.Sign(nil); !Verify(pk, nil, empty) {
		t.Error("valid signature of the empty message refused")
	}
	if Verify(pk, message[1:], sig) || Verify(secret(t, 43).PublicKey(), message, sig) || Verify(pk, message, secret(t, 43).Sign(message)) {
		t.Error("wrong message, key or signature verifies")
	}
	if Verify(pk, message, &Signature{}) {
		t.Error("the infinite signature verifies for a key")
	}
	if Verify(&PublicKey{}, message, &Signature{}) {
		t.Error("the infinite signature verifies for the infinite key")
	}
}

func TestAggregateVerify(t *testing.T) {
	messages := [][]byte{[]byte("one"), []byte("two"), []byte("one")} // repeated: allowed with proofs of possession
	var keys []*PublicKey
	var sigs []*Signature
	for i, m := range messages {
		sk := secret(t, uint64(i+1))
		keys, sigs = append(keys, sk.PublicKey()), append(sigs, sk.Sign(m))
	}
	sum, err := AggregateSignatures(sigs)
	if err != nil {
		t.Fatal(err)
	}
	if !AggregateVerify(keys, messages, sum) {
		t.Error("valid aggregate refused")
	}
	swapped := [][]byte{messages[1], messages[0], messages[2]}
	if AggregateVerify(keys, swapped, sum) || AggregateVerify(keys, messages, sigs[0]) {
		t.Error("wrong messages or signature verify")
	}
	if AggregateVerify(keys, messages[:2], sum) || AggregateVerify(nil, nil, &Signature{}) || AggregateVerify(nil, nil, sum) {
		t.Error("counts that differ or are zero verify")
	}
	if AggregateVerify(append(keys, &PublicKey{}), append(messages, []byte("three")), sum) {
		t.Error("an infinite key verifies")
	}
}

func TestFastAggregateVerify(t *testing.T) {
	message := root(0)
	set := signedSet(t, message, 1, 2, 3, 4)
	sig, err := SignatureFromBytes(set.Signature[:])
	if err != nil {
		t.Fatal(err)
	}
	opposite := set.Keys[0].negated()
	for _, c := range []struct {
		name           string
		keys           []*PublicKey
		sig            *Signature
		fast, ethereum bool
	}{
		{"valid", set.Keys, sig, true, true},
		{"a key missing", set.Keys[1:], sig, false, false},
		{"infinite key besides", append(set.Keys[:4:4], &PublicKey{}), sig, false, false},
		{"infinite signature", set.Keys, &Signature{}, false, false},
		{"no keys", nil, sig, false, false},
		{"no keys, infinite signature", nil, &Signature{}, false, true},
		{"only the infinite key, infinite signature", []*PublicKey{{}}, &Signature{}, false, false},
		{"opposite keys, infinite signature", []*PublicKey{set.Keys[0], &opposite}, &Signature{}, false, false},
	} {
		if got := FastAggregateVerify(c.keys, message[:], c.sig); got != c.fast {
			t.Errorf("%s: FastAggregateVerify %v, want %v", c.name, got, c.fast)
		}
		if got := EthFastAggregateVerify(c.keys, message[:], c.sig); got != c.ethereum {
			t.Errorf("%s: EthFastAggregateVerify %v, want %v", c.name, got, c.ethereum)
		}
	}
}

func TestAggregationOfNothing(t *testing.T) {
	if _, err := AggregateSignatures(nil); err == nil {
		t.Error("no signatures aggregate")
	}
	if _, err := AggregatePublicKeys(nil); err == nil {
		t.Error("no keys aggregate")
	}
	if _, err := AggregatePublicKeys([]*PublicKey{secret(t, 1).PublicKey(), {}}); !errors.Is(err, ErrInfinity) {
		t.Errorf("an infinite key aggregates: %v", err)
	}
	pk := secret(t, 9).PublicKey()
	if sum, err := AggregatePublicKeys([]*PublicKey{pk}); err != nil || *sum != *pk {
		t.Errorf("one key aggregates to %v, %v", sum, err)
	}
}

func FuzzPublicKeyFromBytes(f *testing.F) {
	good, infinity := secret(f, 3).PublicKey().Bytes(), infinityKey()
	f.Add(good[:])
	f.Add(infinity[:])
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		pk, err := PublicKeyFromBytes(b)
		if err != nil {
			return
		}
		if back := pk.Bytes(); !bytes.Equal(back[:], b) || pk.IsInfinity() {
			t.Errorf("%x decodes and encodes as %x", b, back)
		}
	})
}

func FuzzSignatureFromBytes(f *testing.F) {
	good, infinity := secret(f, 3).Sign(nil).Bytes(), infinitySignature()
	f.Add(good[:])
	f.Add(infinity[:])
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := SignatureFromBytes(b)
		if err != nil {
			return
		}
		if back := s.Bytes(); !bytes.Equal(back[:], b) {
			t.Errorf("%x decodes and encodes as %x", b, back)
		}
	})
}

// A message that was hashed once is signed by every key as the library signs it by itself, in memory of any kind.
func TestSignHashed(t *testing.T) {
	holder := struct {
		key     SecretKey
		message Message
		pointer *int // what cgo refuses to hand out the address of as bytes
	}{pointer: new(int)}
	for n, text := range []string{"", "m", strings.Repeat("x", 1000)} {
		message := []byte(text)
		holder.message = *HashMessage(message)
		for i := range 3 {
			var raw [32]byte
			for j := range raw {
				raw[j] = byte(17*j + i + n)
			}
			key, err := SecretKeyFromBytes(raw[:])
			if err != nil {
				t.Fatal(err)
			}
			holder.key = *key
			want := (&Signature{*herumi.CastFromSign(key.v.SignByte(append([]byte(nil), message...)))}).Bytes()
			if got := holder.key.SignHashed(&holder.message).Bytes(); got != want || key.Sign(message).Bytes() != want {
				t.Errorf("key %d signs %q as %x, the library as %x", i, text, got, want)
			}
		}
	}
}
