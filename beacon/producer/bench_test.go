package producer

import (
	"testing"
	"time"

	"github.com/prysmaticlabs/go-bitfield"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/pool"
	"github.com/cresset/cresset/beacon/synthetic"
	"github.com/cresset/cresset/beacon/transition"
	"github.com/cresset/cresset/beacon/types"
)

// BenchmarkProduce makes the block of a state of mainnet's size, but for what the execution client does: the pool has 4 aggregates of each
// committee of the last two epochs, every one of which lacks another ninth of its members; votes of the last 8 slots are new to the state.
// "x-transition" is choosing and applying as a multiple of applying the same block, measured in the same run; cold is the first time, when
// signatures have to be decompressed.
func BenchmarkProduce(b *testing.B) {
	parent, made, err := synthetic.State(synthetic.Default(params.Mainnet(), params.Fulu, 2_400_000, 950_000))
	check(b, err)
	next, _, err := made.NextBlock(parent)
	check(b, err)
	state := parent.Copy()
	check(b, transition.ProcessSlots(state, next.Message.Slot))
	_, err = state.HashTreeRoot()
	check(b, err)
	signature := made.Keys().SignAll([]uint64{1}, types.Root{})
	p := pool.New(pool.Config{Spec: made.Spec()})
	aggregates := 0
	for delay := types.Slot(1); delay < 48; delay++ {
		aggregates += insertSlot(b, p, state, state.Slot-delay, signature)
	}
	run := func() (fillTime, all time.Duration, out *Produced) {
		s := state.Copy()
		start := time.Now()
		ops, err := fill(p, s)
		check(b, err)
		fillTime = time.Since(start)
		block := next.Message
		payload := block.Body.SyncAggregate
		ops.into(&block.Body)
		block.Body.SyncAggregate = payload
		out = &Produced{Fork: params.Fulu, Block: &block}
		check(b, finish(s, out))
		return fillTime, time.Since(start), out
	}
	coldFill, cold, out := run()
	bestFill, best, apply := time.Hour, time.Hour, time.Hour
	for b.Loop() {
		f, a, _ := run()
		bestFill, best = min(bestFill, f), min(best, a)
		s := state.Copy()
		start := time.Now()
		check(b, finish(s, &Produced{Block: out.Block}))
		apply = min(apply, time.Since(start))
	}
	voters := uint64(0)
	for _, a := range out.Block.Body.Attestations {
		voters += a.AggregationBits.Count()
	}
	b.ReportMetric(float64(aggregates), "aggregates")
	b.ReportMetric(float64(voters), "voters")
	b.ReportMetric(coldFill.Seconds()*1000, "cold-choose-ms")
	b.ReportMetric(bestFill.Seconds()*1000, "choose-ms")
	b.ReportMetric(apply.Seconds()*1000, "transition-ms")
	b.ReportMetric(float64(cold)/float64(apply), "cold-x-transition")
	b.ReportMetric(float64(best)/float64(apply), "x-transition")
}

// insertSlot puts the aggregates of a slot's committees into the pool. Their signatures are of something else: nobody verifies them.
func insertSlot(b *testing.B, p *pool.Pool, s *transition.State, slot types.Slot, signature types.BLSSignature) (n int) {
	spec := s.Spec()
	epoch := types.ComputeEpochAtSlot(spec, slot)
	sh, err := s.Shuffling(epoch)
	check(b, err)
	data := types.AttestationData{Slot: slot, Source: s.CurrentJustifiedCheckpoint, Target: types.Checkpoint{Epoch: epoch}}
	if epoch != s.GetCurrentEpoch() {
		data.Source = s.PreviousJustifiedCheckpoint
	}
	data.BeaconBlockRoot, err = s.GetBlockRootAtSlot(slot)
	check(b, err)
	data.Target.Root, err = s.GetBlockRoot(epoch)
	check(b, err)
	for i := range types.CommitteeIndex(sh.CommitteesPerSlot) {
		members := sh.Committee(slot, i)
		for lacks := range 4 {
			a := pool.Aggregate{Data: &data, Committee: i, Bits: make(bitfield.Bitlist, len(members)/8+1), Signature: signature}
			a.Bits[len(members)/8] |= 1 << (len(members) % 8)
			for k, m := range members {
				if k%9 != lacks {
					a.Bits.SetBitAt(uint64(k), true)
					a.Attesting = append(a.Attesting, types.ValidatorIndex(m))
				}
			}
			p.InsertAggregate(a)
			n++
		}
	}
	return n
}
