// Package peers decides with whom a node is connected: whom to dial, whom to let in, whom to leave, and what is thought of each. It
// knows neither libp2p nor a socket: it is told what happened and when, and answers with actions that beacon/p2p carries out.
//
//	config.go   numbers of peers, limits
//	manager.go  the table of peers; what happens to one
//	admit.go    who may connect: bans, limits for an address and a range
//	score.go    offences and what they cost, decay, bans
//	dial.go     whom to dial next, and when again
//	prune.go    whom to leave when there are too many
//	needs.go    subnets and columns for which peers are needed
//	reach.go    whether others can dial us, in words
//	book.go     which peers are worth remembering over a restart
//
// Owner goroutine: none. A Manager is not safe for concurrent use; its owner guards it by a lock. Nothing here waits.
//
// Layer: 3.
//
// Specification: p2p-interface.md: "Attestation subnet subscription" (phase0), "Peer scoring" (fulu). Peer management is left to clients
// otherwise.
package peers
