// Package light follows the chain by sync committee signatures alone, and derives from blocks and states what others need for
// that: the light client's store with its update rules, and the full node's side.
//
// Layer: 3. Imports beacon/params, beacon/ssz, beacon/types and beacon/bls.
//
// It is pure: no clock, disk, network or logger; the current slot and the genesis validators root are arguments. A
// [LightClientStore] belongs to one goroutine. A store that refuses an update stays as it was. Objects handed in are never
// changed, and the store keeps parts of them: they must not be changed afterwards.
//
// Light-client objects are one Go type for all forks, so an object is read under an [ssz.Context]: that of the network's
// fork digest it came with, or of the store. A store takes objects in the form of its own fork only; the Upgrade functions
// bring older ones there. All that comes in is checked to have that form (branch lengths, committee sizes, no field of
// another fork) before it is used.
//
// Where to find a rule: sync-protocol.md is store.go (initialization, updates), validate.go, header.go, update.go (what an
// update proves, which of two is better) and merkle.go; fork.md is upgrade.go; full-node.md is derive.go.
//
// Spec: light-client/sync-protocol.md, light-client/full-node.md and light-client/fork.md (altair; modified capella, deneb,
// electra, gloas).
package light
