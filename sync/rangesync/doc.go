// Package rangesync decides which chain a node that is behind downloads, from where to where, and from whom: a state machine over
// sync/download.
//
// Peers say in their status what they have. They are grouped by the chain that they claim: first by the finalized checkpoint, where it is
// later than ours, and when no such group is left by the head. The largest group sets the target. What both have in common is found by
// asking for blocks of our chain, from its head backwards in steps that double, down to the finalized block, which everybody has to have.
// Then one run downloads what lies between; one run at a time. A target whose run failed is left alone for a while, and so are runs from
// anywhere but the finalized block.
//
//	target.go   groups of peers, the choice of a target
//	survey.go   the search for a common block
//	machine.go  runs: from a target to its end
//
// The machine is fed events with the time they happened at, and returns actions: its own (Started, Done, Failed) and those of
// sync/download. It has no I/O, no clock and no goroutine; it belongs to one goroutine.
//
// Layer: 4.
//
// Specification: none of its own; phase0/p2p-interface.md (Status).
package rangesync
