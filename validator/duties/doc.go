// Package duties knows which of our validators must do what when.
//
// Layer: 4. It imports validator/{nodes,protection,signer}, beacon/{apiclient,clock,metrics,params,ssz,types}.
//
//	duties.go   Tracker: what others ask of it
//	update.go   fetching of validators and duties, and what a new head makes of them
//	check.go    which answers make no sense
//	tools.go    what duties of every kind are done with
//	miss.go     why a duty was not done
//	subscribe.go selection proofs and subscriptions to subnets
//
// Duties of this and the next epoch are held, sync committees of this and the next period. Every epoch the keys are looked up again, so that validators that
// become active get their duties. Duties depend on a block: when a head names another one for an epoch, that epoch's duties are fetched anew. An answer that makes
// no sense counts as none: another node is asked. What could not be fetched is tried again every slot; until then the old duties stand, as protection/signer keep
// them from doing harm. Nodes are told of subnets once an epoch, and again when one comes back, as it may have been restarted.
//
// Goroutines: Run owns the one that fetches. Locking: one mutex guards what is known; it is not held over I/O.
//
// Specification: phase0/validator.md (assignments, lookahead, subnet stability), altair/validator.md (sync committees), beacon-APIs.
package duties
