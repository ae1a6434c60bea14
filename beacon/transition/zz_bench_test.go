package transition

import (
	"testing"
	"time"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/types"
)

func BenchmarkAttestations(b *testing.B) {
	spec := params.Mainnet()
	const n = 1 << 20
	st := types.NewBeaconState(spec, params.Fulu)
	st.Slot = types.Slot(100*spec.SlotsPerEpoch + 20)
	st.BlockRoots.Zero(int(spec.SlotsPerHistoricalRoot))
	st.RandaoMixes.Zero(int(spec.EpochsPerHistoricalVector))
	for i := range st.BlockRoots.Len() {
		st.BlockRoots.Set(i, types.Root{byte(i), 1})
	}
	st.CurrentJustifiedCheckpoint.Epoch = 99
	for i := range n {
		var k types.BLSPubkey
		k[0] = 0x80
		k[1], k[2], k[3] = byte(i), byte(i>>8), byte(i>>16)
		st.Validators.Append(types.Validator{Pubkey: k, EffectiveBalance: 32e9, ExitEpoch: params.FarFutureEpoch, WithdrawableEpoch: params.FarFutureEpoch})
		st.Balances.Append(32e9)
		st.PreviousEpochParticipation.Append(0)
		st.CurrentEpochParticipation.Append(0)
		st.InactivityScores.Append(0)
	}
	st.ProposerLookahead = make([]types.ValidatorIndex, 2*spec.SlotsPerEpoch)
	s, err := NewState(st, NewEnv(nil))
	if err != nil {
		b.Fatal(err)
	}
	var atts []*types.Attestation
	for d := types.Slot(1); d <= 8; d++ {
		slot := s.Slot - d
		target, _ := s.GetBlockRoot(100)
		head, _ := s.GetBlockRootAtSlot(slot)
		a := &types.Attestation{Data: types.AttestationData{Slot: slot, BeaconBlockRoot: head, Source: s.CurrentJustifiedCheckpoint, Target: types.Checkpoint{Epoch: 100, Root: target}}}
		a.CommitteeBits = ssz.NewBitvector(64)
		total := 0
		for c := range uint64(64) {
			a.CommitteeBits.SetBitAt(c, true)
			m, err := s.GetBeaconCommittee(slot, types.CommitteeIndex(c))
			if err != nil {
				b.Fatal(err)
			}
			total += len(m)
		}
		a.AggregationBits = make([]byte, total/8+1)
		for i := range a.AggregationBits {
			a.AggregationBits[i] = 0xff
		}
		a.AggregationBits[total/8] = 0xff >> (7 - total%8)
		atts = append(atts, a)
	}
	s.GetTotalActiveBalance()
	s.HashTreeRoot()
	b.ResetTimer()
	for range b.N {
		c := s.Copy()
		start := time.Now()
		for _, a := range atts {
			if err := ProcessAttestation(c, a, 0, Hooks{}); err != nil {
				b.Fatal(err)
			}
		}
		first := time.Since(start)
		start = time.Now()
		for _, a := range atts {
			if err := ProcessAttestation(c, a, 0, Hooks{}); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(first.Microseconds())/1000, "ms-new")
		b.ReportMetric(float64(time.Since(start).Microseconds())/1000, "ms-again")
	}
}
