// Package download fetches a run of slots from many peers in batches and hands them out in order: the machine below range sync
// (forwards) and backfill (backwards). It knows blocks by slot, root and parent only; the blocks themselves, and whatever belongs to
// them, stay with whoever asks the peers (sync/driver).
//
// A batch is a number of slots. Its blocks are asked for first; what else it needs (payloads, blobs, columns by custody) follows from
// them and is asked for from peers that have it, several at a time. A complete batch is imported when all before it are; the batches
// under way are bounded by count and bytes.
//
//	peers.go    what is known of a peer: what it serves, how fast, whether it rests
//	assign.go   which request goes to which peer
//	answers.go  answers, failures, time-outs
//	imports.go  the order of imports, and what an import that failed says of whom
//
// A batch that cannot be imported is asked for from another peer. If that one sent something else and it can be imported, whoever sent
// the first is dropped; a run of batches without a block, which may have been withheld, is asked for again with the batch after it that
// does not link.
//
// The machine is fed events with the time they happened at, and returns actions. It has no I/O, no clock and no goroutine; it belongs
// to one goroutine.
//
// Layer: 4.
//
// Specification: none of its own; requests are those of the p2p-interface documents.
package download
