// Package signer is the only holder of validators' keys in a running validator client, and makes all of their signatures.
//
// Layer: 3. It imports beacon/types, beacon/bls, beacon/clock and validator/protection.
//
//	signer.go    Signer: keys that come and go; fork schedule and clock
//	messages.go  the kinds of messages, their domains and epochs
//	sign.go      signing, one and many
//
// A block or an attestation is signed only with a protection.Permit, which exists only once the message was recorded durably; the way is
//
//	root, err := s.AttestationRoot(fork, &data)
//	permit, err := store.Attestation(protection.Attestation{Key: key, Source: ..., Target: ..., SigningRoot: root})
//	signature, err := s.SignAttestation(fork, key, &data, permit)
//
// and the signer computes the signing root again, so that a permit for anything else is refused. All other kinds cannot be slashed and
// are signed by Sign. Whatever it is, the signer refuses a message of more than one epoch ahead of its clock, and one whose caller
// believes in another fork schedule or another chain than the signer was made for.
//
// Locking: all methods may be called concurrently. One RWMutex guards the table of keys; it is not held while signing. Batches start
// goroutines and wait for them; they hash each message once.
//
// Specification: validator.md of every fork; EIP-7044 (exits), EIP-3076 by way of validator/protection.
package signer
