package bls

import (
	"errors"
	"fmt"

	herumi "github.com/herumi/bls-eth-go-binary/bls"
)

// Signature is a decompressed point of G2. The zero value is the point at infinity. Values are not comparable with ==:
// compare Bytes.
type Signature struct{ p herumi.G2 }

// SignatureFromBytes decodes 96 bytes: on the curve and in the subgroup of prime order. Infinity is a valid encoding.
func SignatureFromBytes(b []byte) (*Signature, error) {
	library()
	if len(b) != 96 {
		return nil, fmt.Errorf("signature has %d bytes, not 96", len(b))
	}
	var s Signature
	if err := s.p.Deserialize(isolated(b)); err != nil {
		return nil, fmt.Errorf("signature %#x is no point of the subgroup", b)
	}
	// The library takes some encodings of infinity whose other bits are not zero.
	if canonical := s.Bytes(); canonical != [96]byte(b) {
		return nil, fmt.Errorf("signature %#x is not the encoding of its point, which is %#x", b, canonical)
	}
	return &s, nil
}

// Bytes is the compressed encoding, 96 bytes.
func (s *Signature) Bytes() [96]byte {
	library()
	return [96]byte(s.p.Serialize())
}

// IsInfinity says whether the signature is the point at infinity.
func (s *Signature) IsInfinity() bool {
	library()
	return s.p.IsZero()
}

// AggregateSignatures sums up signatures. None is an error. Spec: bls.Aggregate.
func AggregateSignatures(signatures []*Signature) (*Signature, error) {
	library()
	if len(signatures) == 0 {
		return nil, errors.New("no signatures to aggregate")
	}
	sum := signatures[0].p
	for _, s := range signatures[1:] {
		herumi.G2Add(&sum, &sum, &s.p)
	}
	herumi.G2Normalize(&sum, &sum)
	return &Signature{sum}, nil
}

// SignatureDomain is the domain separation tag of the specification's signatures (ciphersuite of proof of possession).
const SignatureDomain = "BLS_SIG_BLS12381G2_XMD:SHA-256_SSWU_RO_POP_"

// HashToG2 is the point that a message is hashed to under a domain separation tag (RFC 9380,
// BLS12381G2_XMD:SHA-256_SSWU_RO_), uncompressed: x then y, each 96 bytes as c0 then c1, big-endian. It exists for the
// reference vectors, which use the RFC's own tag.
func HashToG2(message []byte, domain string) [192]byte {
	var out [192]byte
	h := hashToG2(message, domain)
	herumi.G2Normalize(&h, &h)
	for i, c := range []*herumi.Fp{&h.X.D[0], &h.X.D[1], &h.Y.D[0], &h.Y.D[1]} {
		copy(out[48*i:], c.Serialize())
	}
	return out
}
