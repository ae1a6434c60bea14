// Package plist holds the large lists of the beacon state: persistent (a copy shares everything until it is written to),
// flat inside, and with all Merkle nodes cached, so that a root costs only what changed since the last one.
//
// Layer: 0. Imports beacon/ssz and beacon/params.
//
// A [Tree] is three levels deep. A [Page] holds 64 chunks (2 KiB) with the inner nodes above them and, for lists of
// containers, the values beside the roots; a branch holds 64 pages with the nodes above those; the top is a slice of
// branches. A page or branch is written in place by the list that made it and cloned by any other: each carries the stamp
// of its maker. Pages hold no pointers to small objects, so a state of 2.4 million validators is some 60 thousand heap objects.
//
// A progressive list (EIP-7916) is a row of binary subtrees of 1, 4, 16, ... chunks. The chunks of such a list are shifted
// by a constant, [ProgressivePad], after which every one of these subtrees starts on a multiple of its own size and so is
// a node that pages and branches hold anyway. Shape thus changes where values lie and nothing else.
//
// Ownership: a list belongs to one goroutine until it is frozen; a frozen list may be read and copied by many. Root
// computation of one list uses up to GOMAXPROCS goroutines on disjoint branches. There are no locks.
//
// Spec: ssz/simple-serialize.md ("Merkleization").
package plist
