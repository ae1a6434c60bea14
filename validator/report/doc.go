// Package report says once an epoch what became of our duties.
//
// Layer: 5. It imports validator/{duties,nodes}, beacon/{apiclient,clock,params,ssz,types}.
//
//	report.go   Report: what others tell it, and when it judges
//	chain.go    what the blocks of the chain have of an epoch's votes
//	explain.go  figures and plain words
//
// An epoch is judged in the last two slots in which its votes can be included, by the blocks themselves: whatever process made a vote, its bit is in an aggregate
// or it is not. Of each slot at most one block is asked for, and only while a vote of ours that could be in it was not found yet. Since Electra an aggregate
// joins several committees, and where our bit is depends on how long those before ours are; that is asked once for a slot where it matters.
//
// All blocks of an epoch come from one node and have to build on each other; where they do not, the epoch is asked for again, or said to be unknown.
//
// Goroutines: Run is one loop and asks. Locking: one mutex guards what others told; it is not held over I/O.
//
// Specification: beacon-APIs (getBlockV2, getEpochCommittees); get_attesting_indices, get_attestation_participation_flag_indices (altair; modified deneb,
// electra) for what is included, and for which target and head are right.
package report
