// Package subnets keeps what the validators that use this node need of the network: the attestation subnets that they aggregate on in the next slots,
// the sync committee subnets that they are on until the end of a period, and how many custody groups their balances ask for.
//
// It decides nothing by itself: whoever has the clock asks what is wanted in a slot, and subscribes, announces and looks for peers.
//
// Layer: 5.
//
// Owner goroutine: none; a Tracker is used by all. Its lock is a leaf.
//
// Specification: validator.md (phase0, "Beacon chain responsibilities: Attesting" and "Phase 0 attestation subnet stability"; altair, "Sync Committee
// Subnet Stability"; fulu, "Validator custody").
package subnets
