package gossip

import (
	"github.com/cresset/cresset/beacon/kzg"
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/types"
)

// Config is what Rules are made of.
type Config struct {
	Spec *params.Spec
	// GenesisTime is in Unix seconds.
	GenesisTime           uint64
	GenesisValidatorsRoot types.Root
	// View gives the chain at the moment it is called. It is called once or twice a message.
	View func() View
	KZG  *kzg.Context
	// Seen is what was seen before; nil for a new one.
	Seen *Seen
	// LightClient may be nil: light client updates are ignored then.
	LightClient LightClient
}

// Rules checks messages.
type Rules struct {
	spec           *params.Spec
	genesisTime    uint64
	validatorsRoot types.Root
	view           func() View
	kzg            *kzg.Context
	seen           *Seen
	lightClient    LightClient
}

// New makes the rules of a chain.
func New(cfg Config) *Rules {
	if cfg.Seen == nil {
		cfg.Seen = NewSeen(cfg.Spec)
	}
	return &Rules{
		spec: cfg.Spec, genesisTime: cfg.GenesisTime, validatorsRoot: cfg.GenesisValidatorsRoot, view: cfg.View, kzg: cfg.KZG,
		seen: cfg.Seen, lightClient: cfg.LightClient,
	}
}

// Seen is what was seen before.
func (r *Rules) Seen() *Seen { return r.seen }

// Arrival is how a message came.
type Arrival struct {
	// Now is the time by our clock, in milliseconds since genesis.
	Now uint64
	// Fork and Subnet are those of the topic.
	Fork   params.Fork
	Subnet uint64
}

func (r *Rules) cx(fork params.Fork) ssz.Context { return ssz.Context{Spec: r.spec, Fork: fork} }

func (r *Rules) epochOf(slot types.Slot) types.Epoch { return types.ComputeEpochAtSlot(r.spec, slot) }

// startOf is the first slot of an epoch, the last slot of all if the epoch is beyond all slots.
func (r *Rules) startOf(epoch types.Epoch) types.Slot {
	slot, err := types.ComputeStartSlotAtEpoch(r.spec, epoch)
	if err != nil {
		return ^types.Slot(0)
	}
	return slot
}

// domain is the signature domain of a message that is of the present or an epoch next to it: the one of the state in that epoch.
// Spec: get_domain (phase0).
func (r *Rules) domain(kind types.DomainType, epoch types.Epoch) types.Domain {
	return types.ComputeDomain(kind, r.spec.ComputeForkVersion(epoch), r.validatorsRoot)
}

// future defers a message of a slot that is not begun. One that is more than a slot early is not worth keeping.
func (r *Rules) future(rule Rule, slot types.Slot, now uint64) Decision {
	current := currentSlot(r.spec, now)
	d := ignore(rule, slot, current)
	if slot-current <= 1 {
		d.Verdict, d.Wait = Defer, Wait{Kind: WaitSlot, Slot: slot}
	}
	return d
}

// checkFork checks that a message with a slot of its own came on a topic of that slot's fork: its encoding and its root depend on it.
func (r *Rules) checkFork(slot types.Slot, in Arrival) Decision {
	if fork := r.spec.ForkAtSlot(slot); fork != in.Fork {
		return reject(RuleForkOfTopic, fork, in.Fork)
	}
	return accepted
}

// finalizedDescends tells whether the finalized checkpoint is an ancestor of an imported block, or the block itself.
// Spec: get_checkpoint_block (phase0).
func (r *Rules) finalizedDescends(v View, root types.Root) (ancestor types.Root, ok bool) {
	finalized := v.Finalized()
	ancestor, found := v.Ancestor(root, r.startOf(finalized.Epoch))
	return ancestor, found && ancestor == finalized.Root
}

// isFutureSlot tells whether a slot has not begun by any honest clock. Spec: is_future_slot (phase0).
func isFutureSlot(spec *params.Spec, slot types.Slot, now uint64) bool {
	return uint64(slot) > addTime(now, spec.MaximumGossipClockDisparity)/spec.SlotDurationMs
}

// isWithinSlotRange tells whether the time is within slot and slot + more, both included, by some honest clock.
// Spec: is_within_slot_range (phase0).
func isWithinSlotRange(spec *params.Spec, slot, more types.Slot, now uint64) bool {
	if isFutureSlot(spec, slot, now) {
		return false
	}
	// The slot has begun, so that nothing below overflows unless the range is beyond all time.
	end := addTime(uint64(slot), addTime(uint64(more), 1))
	if end > (^uint64(0)-spec.MaximumGossipClockDisparity)/spec.SlotDurationMs {
		return true
	}
	return end*spec.SlotDurationMs+spec.MaximumGossipClockDisparity >= now
}

// isCurrentSlot tells whether a slot is the present one by some honest clock. Spec: is_current_slot (altair).
func isCurrentSlot(spec *params.Spec, slot types.Slot, now uint64) bool {
	return isWithinSlotRange(spec, slot, 0, now)
}

// isCurrentOrNextSlot tells whether a slot is the present or the next one. Spec: is_current_or_next_slot (gloas).
func isCurrentOrNextSlot(spec *params.Spec, slot types.Slot, now uint64) bool {
	return isCurrentSlot(spec, slot, now) || slot > 0 && isCurrentSlot(spec, slot-1, now)
}

// isPastSlot tells whether a slot has begun by every honest clock. Spec: is_past_slot (gloas).
func isPastSlot(spec *params.Spec, slot types.Slot, now uint64) bool {
	if uint64(slot) > now/spec.SlotDurationMs {
		return false
	}
	return now > addTime(uint64(slot)*spec.SlotDurationMs, spec.MaximumGossipClockDisparity)
}

// isWithinEpoch tells whether the time is within an epoch by some honest clock. Spec: is_within_epoch (deneb).
func isWithinEpoch(spec *params.Spec, epoch types.Epoch, now uint64) bool {
	start, err := types.ComputeStartSlotAtEpoch(spec, epoch)
	return err == nil && isWithinSlotRange(spec, start, types.Slot(spec.SlotsPerEpoch-1), now)
}

// isCurrentOrPreviousEpoch tells whether an epoch is the present one or the one before. Spec: is_current_or_previous_epoch (deneb).
func isCurrentOrPreviousEpoch(spec *params.Spec, epoch types.Epoch, now uint64) bool {
	return isWithinEpoch(spec, epoch, now) || epoch+1 > epoch && isWithinEpoch(spec, epoch+1, now)
}

// currentSlot is the slot by our clock.
func currentSlot(spec *params.Spec, now uint64) types.Slot {
	return types.Slot(now / spec.SlotDurationMs)
}

// addTime adds, up to the largest number.
func addTime(a, b uint64) uint64 {
	if a > ^uint64(0)-b {
		return ^uint64(0)
	}
	return a + b
}
