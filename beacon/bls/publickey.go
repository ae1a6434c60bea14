package bls

import (
	"errors"
	"fmt"

	herumi "github.com/herumi/bls-eth-go-binary/bls"
)

// ErrInfinity says that a public key is the point at infinity: a well-formed encoding that KeyValidate refuses.
var ErrInfinity = errors.New("public key is the point at infinity")

// PublicKey is a decompressed point of G1: affine, 96 bytes without pointers. The form is unique, so == compares keys.
// The zero value is the point at infinity; it only arises as a sum and verifies nothing.
type PublicKey struct{ x, y element }

// PublicKeyFromBytes decodes 48 bytes and validates them (KeyValidate): on the curve, in the subgroup of prime order,
// and not infinity, which is ErrInfinity. It costs about 0.1 ms, nearly all of it the square root and the subgroup.
func PublicKeyFromBytes(b []byte) (*PublicKey, error) {
	library()
	if len(b) != 48 {
		return nil, fmt.Errorf("public key has %d bytes, not 48", len(b))
	}
	var p herumi.G1
	if err := p.Deserialize(isolated(b)); err != nil {
		return nil, fmt.Errorf("public key %#x is no point of the subgroup", b)
	}
	pk := fromG1(&p)
	if canonical := pk.Bytes(); canonical != [48]byte(b) {
		return nil, fmt.Errorf("public key %#x is not the encoding of its point, which is %#x", b, canonical)
	}
	if pk.IsInfinity() {
		return nil, ErrInfinity
	}
	return &pk, nil
}

// IsInfinity says whether the key is the point at infinity.
func (pk *PublicKey) IsInfinity() bool { return *pk == PublicKey{} }

// Bytes is the compressed encoding, 48 bytes.
func (pk *PublicKey) Bytes() [48]byte {
	var b [48]byte
	if pk.IsInfinity() {
		b[0] = flagCompressed | flagInfinity
		return b
	}
	x := pk.x.canonical()
	x.putBigEndian(b[:])
	b[0] |= flagCompressed
	if pk.odd() {
		b[0] |= flagSign
	}
	return b
}

// The flags in the first byte of an encoding.
const (
	flagCompressed = 0x80
	flagInfinity   = 0x40
	flagSign       = 0x20 // y is the larger of the two roots
)

// odd says whether y is the larger of the two roots.
func (pk *PublicKey) odd() bool {
	y := pk.y.canonical()
	return halfModulus.less(&y)
}

// Add is the sum of two keys.
func (pk *PublicKey) Add(o *PublicKey) *PublicKey {
	sum := [1]PublicKey{*pk}
	addPoint(sum[:], o)
	return &sum[0]
}

// Sub is the difference of two keys: an aggregate without one of its keys.
func (pk *PublicKey) Sub(o *PublicKey) *PublicKey {
	neg := o.negated()
	return pk.Add(&neg)
}

// negated is the opposite point: p - y instead of y. No point of the subgroup but infinity has y = 0.
func (pk *PublicKey) negated() PublicKey {
	if pk.IsInfinity() {
		return PublicKey{}
	}
	n := PublicKey{x: pk.x, y: modulus}
	n.y.sub(&pk.y)
	return n
}

// SumPublicKeys adds up keys, many of them much faster than one by one (0.4 of the time). No keys, or keys that cancel,
// sum up to infinity.
func SumPublicKeys(keys []*PublicKey) *PublicKey {
	var s summer
	for _, k := range keys {
		s.add(k)
	}
	return s.sum()
}

// summer adds up keys in tiles, so that a long sum needs little memory.
type summer struct{ tile, partial []PublicKey }

const summerTile = 2048 // keys, 192 KiB

func (s *summer) add(k *PublicKey) {
	if len(s.tile) == summerTile {
		s.partial = append(s.partial, sumPoints(s.tile))
		s.tile = s.tile[:0]
	}
	s.tile = append(s.tile, *k)
}

func (s *summer) sum() *PublicKey {
	s.partial = append(s.partial, sumPoints(s.tile))
	total := sumPoints(s.partial)
	return &total
}

// KeyProgression is first, first + step, first + 2 step, ...: the public keys of secret keys in arithmetic
// progression, for synthetic states. It costs about one addition a key.
func KeyProgression(first, step *PublicKey, n int) []PublicKey {
	keys := make([]PublicKey, n)
	if n == 0 {
		return keys
	}
	keys[0] = *first
	distance := *step // between keys[i] and keys[i+done]
	for done := 1; done < n; done *= 2 {
		next := keys[done:min(2*done, n)]
		copy(next, keys[:done])
		addPoint(next, &distance)
		distance = *distance.Add(&distance)
	}
	return keys
}
