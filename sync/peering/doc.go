// Package peering exchanges with each peer what both say of themselves: status, metadata, pings, goodbyes. What comes of it goes to the peer
// manager (custody, subnets), to sync (where the peer stands), and back to the peer.
//
//	peering.go  the Peering, peers as they come and go
//	exchange.go one peer: the first exchange, and the later ones
//	local.go    what this node says of itself
//	relevant.go whether a peer is of any use
//
// Owner goroutine: Run. Each connected peer has a goroutine of its own that Run waits for. Peering.mu guards what was last heard of peers
// and what this node says; it is a leaf and never held over I/O.
//
// Layer: 6.
//
// Specification: phase0/p2p-interface.md (Status, Goodbye, Ping, GetMetaData; modified altair, fulu).
package peering
