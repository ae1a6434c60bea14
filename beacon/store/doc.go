// Package store is the node's disk: blocks, payloads, columns and blobs, states in full or as differences, fork choice with the
// journal of what it was told, and what else has to outlive the process.
//
// Layer: 3. It uses beacon/store/kv.
//
// It holds bytes and differences and replays nothing; states between those that are stored are computed by whoever knows the
// transition. The key schema stands in schema.go, one row a kind of record, and nowhere else. Every record carries a checksum over its
// key and its value. A record that is not there gives ErrNotFound, one that is not what was written a *DamagedError that names it;
// sizes are checked before memory is taken for them.
//
// What belongs together is committed in one Batch. Differences of states are computed from pages: what two states share in memory
// costs nothing, and a state read as a difference shares all else with its base.
//
// Ownership: a Store may be used by many goroutines, a Batch by one. The package starts no goroutine of its own. A lock on the
// directory keeps other processes out. The one lock inside, of the state that cold states are measured against, is a leaf.
//
// Specification: none of its own; retention follows the p2p-interface.md of the forks by what Prune is told.
package store
