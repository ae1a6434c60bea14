// Package bls holds keys, signatures and their verification on the curve BLS12-381, in the scheme of the
// specification: public keys in G1, signatures in G2, proof of possession.
//
// Layer 0: it imports the standard library and herumi's library, and it is the only package that names that library.
// Everything it hands out is one of its own opaque types.
//
// Spec files covered: phase0/beacon-chain.md ("BLS signatures"), altair/bls.md (eth_aggregate_pubkeys,
// eth_fast_aggregate_verify).
//
// What is decoded is valid: PublicKeyFromBytes is KeyValidate, and SignatureFromBytes checks the subgroup, so that a
// value of these types needs no second check. The one exception is the point at infinity: sums of keys can be
// infinity, and the zero values of PublicKey and Signature are infinity. No function here verifies anything for an
// infinite public key.
//
// Locking: functions and values are immutable and safe for concurrent use, VerifyBatch starts goroutines of its own
// and waits for them; KeyCache states its own rules.
//
// The library has to be initialised once per process. This package has no init function: the first call of whatever
// needs the library initialises it behind a sync.Once (library in lib.go). It is the one piece of package-level state,
// written once and constant afterwards.
package bls
