// Package duties knows which of our validators must do what when.
//
// Layer: 4. It imports validator/nodes, validator/signer, beacon/apiclient, beacon/clock, beacon/params and beacon/types.
//
//	duties.go   Tracker: what others ask of it
//	update.go   fetching of validators and duties, and what a new head makes of them
//	subscribe.go selection proofs and subscriptions to subnets
//
// Duties of this and the next epoch are held, sync committees of this and the next period. Every epoch the keys are looked up again, so that validators that
// become active get their duties. Duties depend on a block: when a head names another one for an epoch, that epoch's duties are fetched anew. What could not
// be fetched is tried again every slot; until then the old duties stand, as protection/signer keep them from doing harm.
//
// Goroutines: Run owns the one that fetches. Locking: one mutex guards what is known; it is not held over I/O.
//
// Specification: phase0/validator.md (assignments, lookahead, subnet stability), altair/validator.md (sync committees), beacon-APIs.
package duties
