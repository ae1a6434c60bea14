package bls

import (
	"encoding/binary"
	"fmt"
	"io"

	herumi "github.com/herumi/bls-eth-go-binary/bls"
)

// SecretKey is a scalar modulo the order of the group. It prints as "hidden", never as its value.
type SecretKey struct{ v herumi.SecretKey }

// SecretKeyFromBytes reads 32 bytes, big-endian. Zero and values not below the group's order are errors.
func SecretKeyFromBytes(b []byte) (*SecretKey, error) {
	library()
	if len(b) != 32 {
		return nil, fmt.Errorf("secret key has %d bytes, not 32", len(b))
	}
	var sk SecretKey
	if err := sk.v.Deserialize(isolated(b)); err != nil {
		return nil, fmt.Errorf("secret key is not below the order of the group") // the library's error would print the key
	}
	if sk.v.IsZero() {
		return nil, fmt.Errorf("secret key is zero")
	}
	return &sk, nil
}

// SecretKeyFromUint64 is the secret key n, for tests and synthetic states. Zero is an error.
func SecretKeyFromUint64(n uint64) (*SecretKey, error) {
	var b [32]byte
	binary.BigEndian.PutUint64(b[24:], n)
	return SecretKeyFromBytes(b[:])
}

// Bytes is the key's encoding, 32 bytes big-endian.
func (sk *SecretKey) Bytes() [32]byte {
	library()
	return [32]byte(sk.v.Serialize())
}

// PublicKey derives the public key. That of a zero sum of keys is infinity.
func (sk *SecretKey) PublicKey() *PublicKey {
	library()
	pk := fromG1(herumi.CastFromPublicKey(sk.v.GetPublicKey()))
	return &pk
}

// Message is a message that was hashed to the curve, for many keys to sign. It never changes.
type Message struct{ p herumi.G2 }

// HashMessage hashes a message to the curve, which costs more than the rest of a signature.
func HashMessage(message []byte) *Message {
	p := hashToG2(message, SignatureDomain)
	herumi.G2Normalize(&p, &p)
	return &Message{p}
}

// Sign signs a message in constant time. Spec: bls.Sign.
func (sk *SecretKey) Sign(message []byte) *Signature { return sk.SignHashed(HashMessage(message)) }

// SignHashed is Sign of a message that was hashed before.
func (sk *SecretKey) SignHashed(m *Message) *Signature {
	return &Signature{mulConstantTime(&m.p, sk.scalar())}
}

// Add is the sum of two secret keys: it signs what the sum of their public keys verifies. It can be zero.
func (sk *SecretKey) Add(o *SecretKey) *SecretKey {
	library()
	var sum SecretKey
	herumi.FrAdd(sum.scalar(), sk.scalar(), o.scalar())
	return &sum
}

// Mul is the key times n.
func (sk *SecretKey) Mul(n uint64) *SecretKey {
	library()
	factor := scalarFromUint64(n)
	var product SecretKey
	herumi.FrMul(product.scalar(), sk.scalar(), &factor)
	return &product
}

// Format hides the key from every verb.
func (sk SecretKey) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "bls.SecretKey(hidden)") }

func (sk *SecretKey) scalar() *herumi.Fr { return herumi.CastFromSecretKey(&sk.v) }

func scalarFromUint64(n uint64) (fr herumi.Fr) {
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], n)
	if err := fr.SetLittleEndian(b[:]); err != nil {
		panic(err) // it takes any number below the order
	}
	return fr
}
