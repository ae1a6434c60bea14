package bls

import (
	"errors"
	"fmt"

	herumi "github.com/herumi/bls-eth-go-binary/bls"
)

// Verify checks one key's signature of a message. Spec: bls.Verify.
func Verify(key *PublicKey, message []byte, signature *Signature) bool {
	return AggregateVerify([]*PublicKey{key}, [][]byte{message}, signature)
}

// AggregateVerify checks the aggregate of signatures of message i by key i. Messages may repeat, as the scheme is
// proof of possession. No keys, an infinite key, and counts that differ are false. Spec: bls.AggregateVerify.
func AggregateVerify(keys []*PublicKey, messages [][]byte, signature *Signature) bool {
	constants := library()
	if len(keys) == 0 || len(keys) != len(messages) {
		return false
	}
	left := make([]herumi.G1, len(keys), len(keys)+1)
	right := make([]herumi.G2, len(keys), len(keys)+1)
	for i, k := range keys {
		if k.IsInfinity() {
			return false
		}
		left[i], right[i] = k.g1(), hashToG2(messages[i], SignatureDomain)
	}
	if !signature.IsInfinity() { // e(_, infinity) = 1
		left, right = append(left, constants.negGenerator), append(right, signature.p)
	}
	var e herumi.GT
	herumi.MillerLoopVec(&e, left, right)
	herumi.FinalExp(&e, &e)
	return e.IsOne()
}

// FastAggregateVerify checks the aggregate of all keys' signatures of one message. No keys and an infinite key are
// false.
// Spec: bls.FastAggregateVerify.
func FastAggregateVerify(keys []*PublicKey, message []byte, signature *Signature) bool {
	sum, err := AggregatePublicKeys(keys)
	return err == nil && Verify(sum, message, signature)
}

// EthFastAggregateVerify is FastAggregateVerify, and true for no keys with the infinite signature.
// Spec: eth_fast_aggregate_verify (altair).
func EthFastAggregateVerify(keys []*PublicKey, message []byte, signature *Signature) bool {
	if len(keys) == 0 && signature.IsInfinity() {
		return true
	}
	return FastAggregateVerify(keys, message, signature)
}

var errNoKeys = errors.New("no public keys")

// AggregatePublicKeys sums up keys. No keys and an infinite key are errors; the sum itself can be infinity.
// Spec: eth_aggregate_pubkeys (altair).
func AggregatePublicKeys(keys []*PublicKey) (*PublicKey, error) {
	if len(keys) == 0 {
		return nil, errNoKeys
	}
	for i, k := range keys {
		if k.IsInfinity() {
			return nil, fmt.Errorf("key %d of %d: %w", i, len(keys), ErrInfinity)
		}
	}
	if len(keys) == 1 {
		return keys[0], nil
	}
	return SumPublicKeys(keys), nil
}
