// Package das is the arithmetic of data availability sampling: which columns a node custodies, and the matrix of cells
// of a block's blobs.
//
// Layer 2: it imports beacon/params, beacon/types and beacon/kzg. It is pure: no clock, disk, network or logger, and
// no state. All functions are safe for concurrent use.
//
// Spec files covered: fulu/das-core.md, and the checks of sidecars in p2p-interface.md (deneb, fulu, gloas).
package das
