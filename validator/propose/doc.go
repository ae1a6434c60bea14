// Package propose proposes blocks.
//
// Layer: 5. It imports validator/{duties,nodes,protection,signer}, beacon/{apiclient,params,ssz,types}.
//
//	propose.go  Proposer: the course of a slot
//	check.go    what a block that came back has to be
//
// A block is asked for at the start of its slot with the proposer's randao reveal, of one node after the other until one gives a block that passes the
// checks; then it is recorded, signed and handed to all nodes. A block that pays the fees to anybody else than the configured recipient is refused.
//
// Goroutines: Run has one for each slot with a proposal and waits for them.
//
// Specification: phase0/validator.md (block proposal), bellatrix/validator.md (fee recipient), beacon-APIs (produceBlockV3, publishBlockV2).
package propose
