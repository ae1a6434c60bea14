// Package pool holds what waits for a block: votes and their aggregates, sync committee messages and contributions, slashings, exits,
// changes of credentials, votes on payloads; and chooses from it what a block of ours shall carry.
//
// Layer: 3. It takes what gossip's rules have accepted, as plain values, and states for a block from whoever makes one.
//
// Whatever comes in has been verified. A vote is kept as the bytes of its signature, which cost 96 bytes and no arithmetic; a point of the
// curve is made of them when a sum is asked for, and kept then. Aggregates that share voters cannot be summed up, so several of them are
// kept beside each other, and sums are made of those that are disjoint.
//
// What is bounded, by what, and who gives way:
//
//	kind                    bound                               gives way when full            goes when
//	votes, aggregates       Config.VoteBytes, 1,024 data a slot the oldest slot: its single    its epoch is before the previous one
//	                                                            votes, then its aggregates
//	aggregates, a committee 16                                  the one with fewest voters     another one contains it
//	sync messages, contr.   4 slots, 64 block roots a slot      the newest root                4 slots have passed
//	payload attestations    as sync messages                    as sync messages               as sync messages
//	proposer slashings      1,024, one a proposer               the newest                     the proposer is slashed in the finalized state
//	attester slashings      256, of 4 MiB of indices            the newest                     it slashes nobody in the finalized state
//	voluntary exits         16,384, one a validator             the newest                     the validator leaves in the finalized state
//	BLS changes             65,536, one a validator             the newest                     done in the finalized state
//
// The newest gives way where what waits is worth as much: a flood then cannot push out what was there before it. Votes are worth less every
// slot, so that the oldest give way.
//
// Owner goroutine: none; every method may be called by many goroutines. Each kind has one mutex, a leaf, held over maps and bits and never
// over arithmetic on the curve.
//
// Spec: validator.md (phase0: aggregation, block proposal; altair: sync committees; electra: compute_on_chain_aggregate).
package pool
