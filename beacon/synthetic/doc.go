// Package synthetic makes beacon states of any size out of a seed, and blocks that really verify on them: what a node on
// mainnet holds in the middle of an epoch, without a network. Its benchmarks are those of docs/performance.md.
//
// Layer: none. Only tests and tools import it.
//
// [State] fills every field of a Fulu or Gloas state: full histories, a registry whose old indices have mostly left,
// balances with rewards, participation of 99 in 100, queues, sync committees, proposers and payload timeliness
// committees that the transition itself has drawn. [Chain] builds the blocks that follow.
//
// Secret key i is (i + 1) times the seed's key. The public keys then come from one addition each, and what the members of
// a committee sign together is signed by one scalar multiplication with the sum of their numbers. Decompressing 2.4
// million keys takes minutes, so a [Config] may name a file (see [KeyFile]) that keeps them between runs; it is made
// anew when it is absent or damaged. One process may use a file at a time.
//
// Ownership: nothing here is shared; a Chain belongs to one goroutine.
//
// Spec: none of its own; what it builds is checked by beacon/transition.
package synthetic
