package bls

import (
	"crypto/sha256"
	"fmt"
	"testing"
)

func secret(t testing.TB, n uint64) *SecretKey {
	t.Helper()
	sk, err := SecretKeyFromUint64(n)
	if err != nil {
		t.Fatal(err)
	}
	return sk
}

func infinityKey() [48]byte { return [48]byte{0: 0xc0} }

func infinitySignature() [96]byte { return [96]byte{0: 0xc0} }

func root(n int) [32]byte { return sha256.Sum256(fmt.Appendf(nil, "message %d", n)) }

// signedSet is a valid set of the keys with the given secrets.
func signedSet(t testing.TB, message [32]byte, secrets ...uint64) Set {
	t.Helper()
	s := Set{Message: message}
	sum := secret(t, secrets[0])
	s.Keys = append(s.Keys, sum.PublicKey())
	for _, n := range secrets[1:] {
		sk := secret(t, n)
		s.Keys = append(s.Keys, sk.PublicKey())
		sum = sum.Add(sk)
	}
	s.Signature = sum.Sign(message[:]).Bytes()
	return s
}

// progression is the first n public keys 1*G, 2*G, ...
func progression(t testing.TB, n int) []PublicKey {
	t.Helper()
	g := secret(t, 1).PublicKey()
	return KeyProgression(g, g, n)
}
