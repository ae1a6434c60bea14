// Package transition is the state transition function: slots, blocks, epochs, operations, committees, fork upgrades and
// genesis, for every fork from phase 0 to Gloas, one body a function.
//
// Layer: 2. Imports beacon/params, beacon/ssz, beacon/ssz/plist, beacon/types and beacon/bls.
//
// It is pure: no clock, logger, context, disk or network. [State] is a beacon state with what can be derived from it;
// [Env] is what many states share: keys, shufflings, verified deposits. Instead of calling the execution client a block
// hands back the payload to be checked. Two hooks go in with [Hooks]: a collector of signatures, so that all signatures of
// one or of many blocks are verified in one batch, and a receiver of rewards.
//
// Where to find a rule: a file holds what its name says (epoch_*.go the steps of process_epoch, op_*.go the operations
// of a block, upgrade_*.go the forks). A function bears the specification's name; it branches on the state's fork where
// the specification says "Modified in".
//
// Ownership: a State belongs to one goroutine; where it pays, functions use all cores inside and are done with that when they
// return. An Env may be used by many; its caches lock themselves and are leaves.
//
// Spec: <fork>/beacon-chain.md, <fork>/fork.md (phase 0 to gloas), bellatrix and later genesis as in phase 0.
package transition
