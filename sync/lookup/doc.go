// Package lookup finds single things that something else refers to: blocks that are the unknown parent of a block or the target of a vote,
// payloads, and columns of a block that waits for them. It is a state machine.
//
// A block is asked for together with its ancestors, from whoever referred to it, until one of them is known here; a chain of unknown
// ancestors that is longer than a bound is left to range sync. Columns are asked for from those who have custody of them, several peers at
// a time. Everything is bounded: the things looked for at a time, the peers tried, and the time.
//
//	machine.go   what is looked for, the events
//	ancestors.go blocks with their unknown ancestors
//	pieces.go    columns and payloads of a block
//
// The machine is fed events with the time they happened at, and returns actions. It has no I/O, no clock and no goroutine; it belongs
// to one goroutine.
//
// Layer: 4.
//
// Specification: none of its own; fulu/p2p-interface.md (BeaconBlocksByHead, DataColumnSidecarsByRoot), gloas/p2p-interface.md
// (ExecutionPayloadEnvelopesByRoot).
package lookup
