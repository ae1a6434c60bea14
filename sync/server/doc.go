// Package server answers the requests of peers: the handlers of all protocols of sync/reqresp, from the disk, the chain's snapshot and
// what light clients are given.
//
// Where to find what:
//
//	server.go   what the handlers need, and the map of them
//	streams.go  which protocols a host answers in an epoch
//	control.go  status, goodbye, ping, metadata
//	branch.go   the canonical chain of a range of slots, as of one moment
//	blocks.go   blocks by range, by root and by head; payload envelopes
//	data.go     columns and blobs
//	light.go    what light clients ask for, derived as the head moves
//	answers.go  the answers to light clients
//
// Answers go from the disk to the peer item by item, as encodings that are not decoded. What a request may cost is bounded by
// sync/reqresp (quotas, streams, bytes), states are computed only as the head moves.
//
// Owner goroutine: handlers run on the goroutine of their stream. Light.Run is the only goroutine that derives for light clients; a lock
// (Light.mu) guards what it has derived, is a leaf and never held over I/O.
//
// Layer: 6.
//
// Specification: p2p-interface.md (phase0 to gloas), "The Req/Resp domain"; light-client/p2p-interface.md and full-node.md (altair to gloas).
package server
