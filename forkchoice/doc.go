// Package forkchoice is the store of the fork-choice specification, from phase 0 to Gloas, and the fast confirmation rule on
// top of it: blocks, votes and payloads go in, the head and the checkpoints come out.
//
// Layer: 2. Imports beacon/params and beacon/types. It is pure: no clock, disk, network, logger or context. Time is
// handed in, in milliseconds since genesis.
//
// A Store belongs to one goroutine, even to read, and has no locks. It knows roots, checkpoints and balances, never a state;
// what only states can answer it asks its States. Signatures and state transitions are the caller's business: what is handed in
// has been verified, but for the conditions that the specification puts into the store's handlers.
//
// Blocks lie in a slice, parents before children; a vote is a position in it. Until Fulu a block is one node of the tree,
// and its payload is a part of it. From Gloas on it is three: pending, and below it empty and full. A block has one weight for
// each of the three, and an older block is one whose votes and children all hang on pending. A head costs one pass over the
// changed votes and two over the blocks; the votes are counted anew only when the justified balances have changed.
//
// Blocks whose payload turned out to be invalid stay in the tree, marked, until they are pruned; to every rule they are as good
// as removed, as sync/optimistic.md demands.
//
// Spec files covered: fork-choice.md (phase0, altair, bellatrix, capella, deneb, fulu, gloas) but for what concerns
// states and the execution client, fast-confirmation.md (phase0, bellatrix, gloas), sync/optimistic.md.
package forkchoice
