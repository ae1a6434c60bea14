// Package chain is the node's view of the beacon chain and its only writer.
//
// Blocks, payloads, columns and votes of any origin come in; the head, finality and events come out. An item is verified on the
// goroutine that brings it, against states that are never written to again, and what comes out (a Verified value with unexported
// fields) is applied by the writer, one at a time, which cannot fail on input. A block and its payload are two steps: until Fulu
// the payload travels inside the block and both are taken together, from Gloas on the payload is an item of its own.
//
// Where to find what:
//
//	chain.go       the Chain, its goroutines
//	origin.go      where items come from, and what that changes
//	block.go       import of blocks: check, transition, signatures, payload, data
//	segment.go     import of a run of blocks with all signatures in one batch
//	payload.go     import of payload envelopes (gloas)
//	data.go        columns and blobs that wait for their block, and blocks that wait for them
//	datacheck.go   what columns and blobs have to prove
//	history.go     blocks from before the point that the chain began at, backwards
//	votes.go       attestations, slashings, payload attestations
//	checked.go     what gossip's rules verified, applied without being verified again
//	writer.go      the writer's loop
//	apply.go       the one place where a block gets into fork choice, index and disk
//	head.go        the head, events, what the execution client is told
//	build.go       the execution client builds a payload on the head
//	finality.go    what happens when a checkpoint is finalized
//	snapshot.go    what readers see
//	statecache.go  states in memory, bounded by bytes
//	regen.go       states computed again from disk and blocks, behind one gate
//	deferred.go    items that wait for another, bounded by bytes
//	gaps.go        columns of the past that came to custody later
//	persist.go     states and fork choice to disk, off the writer's path
//	start.go       from disk to a running chain, whatever a crash left
//	advance.go     the head state brought to the next slot before it starts
//	forkstates.go  what fork choice asks of states
//	view.go        what gossip's rules ask of the chain
//	inspect.go     what the API asks: fork choice, blocks of slots, states of the finalized chain
//	viewfacts.go   committees and proposers of branches, remembered for gossip's rules
//
// Owner goroutine: Run starts the writer, which alone touches fork choice (field w), and helpers that own nothing but their inbox.
// Readers load a Snapshot. Lock order: no lock of this package is held while another one is taken, and none over I/O; but for branchFacts.turn, which is only
// tried and comes before all others.
//
// Layer: 5.
//
// Specification: fork-choice.md (phase0 to gloas), sync/optimistic.md, fast-confirmation.md: who calls the handlers and when.
package chain
