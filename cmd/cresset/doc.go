// Command cresset holds the operator's tools: it replays recorded chains, reads, hashes, proves and compares SSZ, makes and keeps
// validators' keys, deposits, exits and withdrawal changes, looks after the database of slashing protection, and runs development networks.
//
// Layer: 9.
//
// Exit codes: 0 done, 1 failed for a reason outside of the input (or, for "ssz diff", values differ), 2 wrong usage,
// 3 wrong input.
package main
