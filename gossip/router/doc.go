// Package router stands between libp2p's gossipsub and the pure rules of package gossip: it subscribes to topics, takes messages in,
// has them checked in batches, passes on what is accepted and hands it to the chain.
//
// Where to find what:
//
//	router.go      the Router: configuration, goroutines
//	mesh.go        gossipsub with the specification's parameters, scores and limits
//	filter.go      which subscriptions of peers are kept
//	limits.go      how much of what a peer may send in one frame
//	losses.go      counts what gossipsub has no room for
//	topics.go      subscriptions of this node
//	table.go       the table of queues
//	queue.go       one queue: a lane for each peer
//	pipeline.go    workers that check batches
//	suspects.go    who is checked apart
//	apply.go       what becomes of what was decided
//	hold.go        messages that wait for a block, a payload or a slot
//	votes.go       accepted votes on their way to fork choice
//	columns.go     columns from the execution client's blobs and from other columns
//	publish.go     messages of this node
//
// A message goes from a goroutine of gossipsub, which waits for the verdict, into a bounded queue of its kind. A worker takes a batch,
// runs the rules, verifies all signatures in one batch, and gives the verdicts; then what was accepted is applied. Imports, which take
// long, and votes, which wait for the chain's writer, have goroutines of their own.
//
// Layer: 6.
//
// Owner goroutine: Run starts gossipsub, the workers of the pipeline, and one goroutine each for slots, events of the chain, subscriptions,
// votes, columns, and two for imports. Locks: one each in Router (topics), pipeline, suspects, holding area, votes and columns; none is
// held while another one is taken but suspects' in the pipeline's, and none over I/O.
//
// Specification: the gossip domain of p2p-interface.md (phase0 to gloas); reconstruction and cross-seeding of fulu/das-core.md.
package router
