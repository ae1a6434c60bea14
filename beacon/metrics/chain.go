package metrics

import "github.com/prometheus/client_golang/prometheus"

// Chain is what beacon/chain counts.
type Chain struct {
	HeadSlot         prometheus.Gauge
	FinalizedEpoch   prometheus.Gauge
	JustifiedEpoch   prometheus.Gauge
	PreviousEpoch    prometheus.Gauge // previous justified
	ActiveValidators prometheus.Gauge
	Validators       prometheus.Gauge
	Deposits         prometheus.Gauge
	PendingDeposits  prometheus.Gauge
	PendingPartials  prometheus.Gauge
	PendingMerges    prometheus.Gauge // consolidations
	Reorgs           prometheus.Counter

	Blocks         *prometheus.CounterVec // by origin and outcome
	ImportSeconds  prometheus.Histogram
	VerifySeconds  prometheus.Histogram
	ApplySeconds   prometheus.Histogram
	HeadSeconds    prometheus.Histogram
	CommitSeconds  prometheus.Histogram
	Regenerations  *prometheus.CounterVec // by outcome
	DeferredBytes  prometheus.Gauge
	DeferredDrops  prometheus.Counter
	StateBytes     prometheus.Gauge
	States         prometheus.Gauge
	Nodes          prometheus.Gauge
	EventsDropped  prometheus.Counter
	OptimisticHead prometheus.Gauge
}

// NewChain adds the metrics of the chain.
func NewChain(r *Registry) *Chain {
	return &Chain{
		HeadSlot:         r.Gauge("beacon_head_slot", "Slot of the head block."),
		FinalizedEpoch:   r.Gauge("beacon_finalized_epoch", "Finalized epoch."),
		JustifiedEpoch:   r.Gauge("beacon_current_justified_epoch", "Justified epoch."),
		PreviousEpoch:    r.Gauge("beacon_previous_justified_epoch", "Justified epoch before that."),
		ActiveValidators: r.Gauge("beacon_current_active_validators", "Active validators in the head state."),
		Validators:       r.Gauge("cresset_validators", "Validators in the head state's registry."),
		Deposits:         r.Gauge("beacon_processed_deposits_total", "Deposits included on chain."),
		PendingDeposits:  r.Gauge("beacon_pending_deposits", "Pending deposits in the head state."),
		PendingPartials:  r.Gauge("beacon_pending_partial_withdrawals", "Pending partial withdrawals in the head state."),
		PendingMerges:    r.Gauge("beacon_pending_consolidations", "Pending consolidations in the head state."),
		Reorgs:           r.Counter("beacon_reorgs_total", "Times that the head moved to another branch."),
		Blocks:           r.CounterVec("cresset_blocks_total", "Blocks handed in, by origin and outcome.", "origin", "outcome"),
		ImportSeconds:    r.Seconds("cresset_block_import_seconds", "From a block being handed in to its being applied."),
		VerifySeconds:    r.Seconds("cresset_block_verify_seconds", "Transition, signatures, availability and payload of a block."),
		ApplySeconds:     r.Seconds("cresset_block_apply_seconds", "The writer's part of an import."),
		HeadSeconds:      r.Seconds("cresset_head_seconds", "One run of the fork choice."),
		CommitSeconds:    r.Seconds("cresset_commit_seconds", "One import's batch to disk."),
		Regenerations:    r.CounterVec("cresset_state_regenerations_total", "States computed again from blocks, by outcome.", "outcome"),
		DeferredBytes:    r.Gauge("cresset_deferred_bytes", "Memory of items that wait for others."),
		DeferredDrops:    r.Counter("cresset_deferred_drops_total", "Items dropped because too many wait."),
		StateBytes:       r.Gauge("cresset_state_cache_bytes", "Memory of cached states."),
		States:           r.Gauge("cresset_state_cache_states", "Cached states."),
		Nodes:            r.Gauge("cresset_fork_choice_blocks", "Blocks in fork choice."),
		EventsDropped:    r.Counter("cresset_events_dropped_total", "Events that slow readers lost."),
		OptimisticHead:   r.Gauge("cresset_head_optimistic", "1 while the execution client has not verified the head."),
	}
}
