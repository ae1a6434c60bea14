// Package nodes is one or several beacon nodes behind one client.
//
// Layer: 3. It imports beacon/apiclient, beacon/clock, beacon/params and beacon/types.
//
//	nodes.go   Nodes: what is known of each node, their order
//	check.go   is a node of our chain, and how far is it
//	ask.go     reads, one node or hedged, and what goes to all
//	heads.go   events of new heads
//
// A node is asked what it is on first contact and whenever it comes back: one of another chain, with another fork schedule, or without a fork that comes, is
// refused for as long as it says so. Nodes that may be asked are ordered by health (synced with a verified head, synced but unverified or without an execution
// client, syncing, not reachable), then by the slot of their heads, as far as the clock allows them, then by how fast they answer. One that comes back is held down
// for a while: it is asked after those that were there. Two are asked the same only where their health is the same, or the better one failed.
//
// Goroutines: Run owns those that watch the nodes; Broadcast leaves sends to slower nodes behind, which Run waits for. Locking: one mutex guards all that
// is known; it is never held over I/O.
//
// Specification: beacon-APIs (node, config, events).
package nodes
