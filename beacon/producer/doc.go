// Package producer makes blocks for the validators of this node: operations from the pool, a payload from the execution client,
// blobs with their proofs.
//
// Layer: 6.
//
// Specification: validator.md (phase0 to fulu).
package producer
