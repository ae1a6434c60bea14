// Package checkpoint fetches the finalized state and block that a chain begins at, and verifies them.
//
// Sources are compared: all that can be reached have to have the same block, that of the earliest checkpoint that one of them calls
// finalized, or the one that the operator names. A state is only ever taken by what it hashes to: the block names the state, and the
// sources, or the operator, the block.
//
// Layer: 4.
//
// Specification: weak-subjectivity.md (phase0; modified electra, gloas), sync from a checkpoint.
package checkpoint
