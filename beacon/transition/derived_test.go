package transition

import (
	"math/rand/v2"
	"testing"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/types"
)

// pretendBlock changes a state as a block would: another header, another mix, flags, now and then a slashing or an exit.
func pretendBlock(t *testing.T, s *State, r *rand.Rand) {
	t.Helper()
	n := s.Validators.Len()
	parent := types.HashTreeRoot(&s.LatestBlockHeader)
	s.LatestBlockHeader = types.BeaconBlockHeader{Slot: s.Slot, ParentRoot: parent, BodyRoot: types.Root{byte(r.Uint32()), byte(r.Uint32()), 1}}
	mix := s.GetRandaoMix(s.GetCurrentEpoch())
	mix[r.IntN(32)] ^= byte(1 + r.IntN(255))
	s.RandaoMixes.Set(int(uint64(s.GetCurrentEpoch())%s.Spec().EpochsPerHistoricalVector), mix)
	s.participationTotals()
	for range 20 {
		i := types.ValidatorIndex(r.IntN(n))
		list, current := &s.CurrentEpochParticipation, r.IntN(2) == 0
		if !current {
			list = &s.PreviousEpochParticipation
		}
		v := s.Validators.At(i)
		epoch := s.GetCurrentEpoch()
		if !current {
			epoch = s.GetPreviousEpoch()
		}
		if added := uint8(r.IntN(8)) &^ list.At(int(i)); IsActiveValidator(&v, epoch) {
			list.Set(int(i), list.At(int(i))|added)
			if !v.Slashed {
				s.noteFlags(current, added, v.EffectiveBalance)
			}
		}
	}
	s.Balances.Set(r.IntN(n), types.Gwei(15e9+r.Uint64N(50e9)))
	i := types.ValidatorIndex(r.IntN(n))
	v := s.Validators.At(i)
	var err error
	switch {
	case r.IntN(12) == 0 && IsSlashableValidator(&v, s.GetCurrentEpoch()):
		_, err = SlashValidator(s, i)
	case r.IntN(12) == 0 && IsActiveValidator(&v, s.GetCurrentEpoch()):
		err = InitiateValidatorExit(s, i)
	}
	if err != nil {
		t.Fatal(err)
	}
	if !s.Since(params.Gloas) { // there a slashed proposer can stand in the lookahead of this pretence only
		if _, err := s.GetBeaconProposerIndex(); err != nil {
			t.Fatal(err)
		}
	}
	s.incrementTable()
}

// TestDerivedValuesAreThoseOfAColdState takes branches of one chain, with shared caches, through epochs and a fork. At the end
// of each epoch a state without any cache has to come to the same root and the same committees.
func TestDerivedValuesAreThoseOfAColdState(t *testing.T) {
	for fork := params.Altair; fork <= params.Gloas; fork++ {
		r := rand.New(rand.NewPCG(uint64(fork), 3))
		first := testState(t, fork, 96)
		spec := *first.Spec()
		if fork < params.Gloas {
			for later := fork + 1; later <= params.Gloas; later++ {
				setForkEpoch(&spec, later, params.FarFutureEpoch)
			}
			setForkEpoch(&spec, fork+1, first.GetCurrentEpoch()+3)
		}
		first.Cx.Spec = &spec
		branches := []*State{first}
		for range 7 {
			if len(branches) < 3 {
				branches = append(branches, branches[r.IntN(len(branches))].Copy())
			}
			for b, s := range branches {
				for range spec.SlotsPerEpoch {
					if err := ProcessSlots(s, s.Slot+1); err != nil {
						t.Fatalf("%v: %v", fork, err)
					}
					if r.IntN(4) > 0 {
						pretendBlock(t, s, r)
					}
				}
				compareCold(t, s, b)
			}
		}
	}
}

// compareCold takes a copy of a state, and one that is derived anew, over the next epoch's boundary.
func compareCold(t *testing.T, s *State, branch int) {
	t.Helper()
	warm := s.Copy()
	cold, err := NewState(s.BeaconState.Copy(), NewEnv(nil))
	if err != nil {
		t.Fatal(err)
	}
	next := types.Slot((uint64(s.GetCurrentEpoch()) + 1) * s.Spec().SlotsPerEpoch)
	var roots [2]types.Root
	for k, x := range []*State{warm, cold} {
		if err := ProcessSlots(x, next); err != nil {
			t.Fatal(err)
		}
		if roots[k], err = x.HashTreeRoot(); err != nil {
			t.Fatal(err)
		}
	}
	if roots[0] != roots[1] {
		t.Fatalf("%v, branch %d, slot %d: root is %v, without caches %v", s.Cx.Fork, branch, next, roots[0], roots[1])
	}
	for slot := next; slot < next+types.Slot(2*s.Spec().SlotsPerEpoch); slot++ {
		have, err := warm.GetBeaconCommittee(slot, 0)
		if err != nil {
			t.Fatal(err)
		}
		want, err := cold.GetBeaconCommittee(slot, 0)
		if err != nil {
			t.Fatal(err)
		}
		if len(have) != len(want) {
			t.Fatalf("slot %d: committee of %d, without caches of %d", slot, len(have), len(want))
		}
		for k := range have {
			if have[k] != want[k] {
				t.Fatalf("slot %d: committee is %d, without caches %d", slot, have, want)
			}
		}
	}
	if warm.GetTotalActiveBalance() != cold.GetTotalActiveBalance() || *warm.participationTotals() != *cold.participationTotals() {
		t.Fatalf("slot %d: totals are %d %+v, without caches %d %+v", next, warm.GetTotalActiveBalance(), *warm.participationTotals(),
			cold.GetTotalActiveBalance(), *cold.participationTotals())
	}
}

// setForkEpoch schedules a fork.
func setForkEpoch(spec *params.Spec, fork params.Fork, epoch params.Epoch) {
	*map[params.Fork]*params.Epoch{
		params.Altair: &spec.AltairForkEpoch, params.Bellatrix: &spec.BellatrixForkEpoch, params.Capella: &spec.CapellaForkEpoch,
		params.Deneb: &spec.DenebForkEpoch, params.Electra: &spec.ElectraForkEpoch, params.Fulu: &spec.FuluForkEpoch,
		params.Gloas: &spec.GloasForkEpoch,
	}[fork] = epoch
}
