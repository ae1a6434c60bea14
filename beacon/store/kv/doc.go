// Package kv is the engine under the node's store: ordered keys and values on disk, changed in atomic batches.
//
// Layer: 3. It is the only package that names the database library, Pebble.
//
// It knows nothing of what the values mean. Values are not compressed here, because the package above compresses them by kind.
// A batch that was committed durably outlives a power failure; one that was committed otherwise outlives the end of the process
// but for what had not reached the operating system, and never without all batches that were committed before it.
//
// Ownership: a DB may be used by many goroutines, a Batch and an iteration by one. Pebble runs goroutines of its own between Open
// and Close; where it cannot write to its log it cannot go on, and the process ends at once.
//
// Specification: none of its own.
package kv
