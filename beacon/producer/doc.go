// Package producer makes blocks for the validators of this node: operations from the pool, a payload from the execution client,
// blobs with their proofs.
//
// Layer: 6. It reads the chain, the pool and the clock, and has the chain ask the execution client for payloads: the chain alone tells the
// execution client of heads, which asking for a payload does too.
//
// Where to find what:
//
//	produce.go   the parts of a block put together
//	payload.go   the payload: prepared ahead, asked for, waited for
//	prepare.go   fee recipients of proposers, and the payload of the next slot begun before it begins
//	intake.go    what gossip's rules accepted put into the pool
//	sidecars.go  what is published beside a block: blobs or columns
//
// Blocks are made from phase 0 to Fulu. A block before the merge has an empty payload. From Gloas on a block has a builder's bid instead of a
// payload; such slots are refused (ErrFork). Deposits that a state still demands from the deposit contract cannot be had (ErrDeposits):
// networks get validators by genesis or, from Electra on, by requests of the execution layer.
//
// Owner goroutine: Run's prepares payloads ahead. All methods may be called by many. Producer.mu is a leaf, held over maps only.
//
// Spec: validator.md (phase0 to fulu).
package producer
