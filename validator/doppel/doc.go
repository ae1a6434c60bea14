// Package doppel keeps keys from doing duties until nobody else was seen to use them.
//
// Layer: 4. It imports validator/{duties,nodes} and beacon/{apiclient,params,types}.
//
//	doppel.go  Gate: which duties are handed on
//	watch.go   what the nodes heard of our validators
//
// A Gate stands between those who do duties and those who know them, and leaves out the duties of keys that are watched. All nodes are
// asked. A key is let through once a healthy node has said of two whole epochs that it heard nothing of the validator, and no other node says that it did; one
// that any node heard of is never let through by this process. A process that is there before genesis watches nothing, as nobody can have voted yet. What a node
// did not hear is no proof: it may have had no peers.
//
// Goroutines: Run is one loop. Locking: one mutex guards what is known of keys; it is not held over I/O.
//
// Specification: beacon-APIs (getLiveness).
package doppel
