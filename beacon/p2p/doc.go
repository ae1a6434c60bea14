// Package p2p is the node's place in the network: the libp2p host (TCP with noise and yamux, QUIC), discovery (discv5) and the node
// record, and the peer manager's hands. It knows no rule of consensus; protocols on streams, gossip and the exchange of status and
// metadata are of the layers above, which are told of peers through Handler and say what they think of them.
//
//	config.go    what a Host is made of
//	identity.go  the key on disk
//	peerid.go    peers' names; the node id of a peer
//	address.go   addresses in their several forms
//	host.go      the Host: listening, running, ending
//	conns.go     connections as they come and go; what gater and manager say of them
//	actions.go   dials and goodbyes
//	limits.go    resource limits
//	streams.go   streams for the layers above
//	record.go    node records: what stands in ours, and what is believed of others'
//	forkid.go    which fork a record announces
//	discovery.go discv5
//	sockets.go   the sockets of discovery, of both families as one
//	local.go     our own record and its changes
//	nat.go       ports opened in a router, on request
//	book.go      the file of good peers, and of bans
//	locate.go    where peers that came to us can be dialled
//	info.go      what the Beacon API tells
//
// A peer is named by its libp2p id in its printable form (16Uiu2HA...), everywhere.
//
// Owner goroutine: Host.mu guards the peer manager (beacon/p2p/peers) and what is counted beside it; libp2p's callbacks and the layers
// above enter there. Run does what the manager asks for: it owns dials, goodbyes and the file of peers. Lock order: mu is a leaf, and
// not held over I/O, nor over a call of the layers above.
//
// Layer: 3.
//
// Specification: p2p-interface.md: "Network fundamentals", "The discovery domain: discv5" (phase0; altair, fulu), "Attestation subnet
// subscription" (phase0).
package p2p
