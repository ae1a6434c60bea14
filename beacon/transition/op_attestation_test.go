package transition

import (
	"errors"
	"math"
	"math/bits"
	"slices"
	"testing"

	"github.com/cresset/cresset/beacon/bls"
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/types"
)

func everybody(int, int) bool { return true }

func TestKeyOfAnAggregateIsTheSumOfItsAttestersKeys(t *testing.T) {
	s := testState(t, params.Electra, 256)
	slot := s.Slot - 1
	sh, err := s.Shuffling(s.GetCurrentEpoch())
	if err != nil {
		t.Fatal(err)
	}
	if sh.CommitteesPerSlot < 4 {
		t.Fatalf("%d committees a slot, the test needs 4", sh.CommitteesPerSlot)
	}
	members := len(sh.Committee(slot, 0))
	for name, attests := range map[string]func(committee, member int) bool{
		"everybody":                  everybody,
		"one absent":                 func(c, k int) bool { return c != 1 || k != 2 },
		"one absent everywhere":      func(_, k int) bool { return k != 1 },
		"half":                       func(_, k int) bool { return k < members/2 },
		"one more than half":         func(_, k int) bool { return k <= members/2 },
		"one alone":                  func(_, k int) bool { return k == 3 },
		"each committee another way": func(c, k int) bool { return c == 0 || k%(c+1) == 0 },
	} {
		t.Run(name, func(t *testing.T) {
			a := attest(t, s, []uint64{0, 1, 3}, attests)
			parts, err := s.attesters(sh, a)
			if err != nil {
				t.Fatal(err)
			}
			indices, err := s.GetAttestingIndices(a)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.IsSorted(indices) {
				t.Fatalf("attesting indices do not ascend: %v", indices)
			}
			want := new(bls.PublicKey)
			for _, i := range indices {
				want = want.Add(secretKey(t, uint64(i)).PublicKey())
			}
			for range 2 { // the sums of committees are computed, then found
				have, err := s.attestersKey(sh, slot, parts)
				if err != nil {
					t.Fatal(err)
				}
				if *have != *want {
					t.Fatalf("sum over %d attesters is %x, want %x", len(indices), have.Bytes(), want.Bytes())
				}
			}
		})
	}
}

func TestSignedAttestationVerifiesAndOneWithAnotherAttesterDoesNot(t *testing.T) {
	s := testState(t, params.Electra, 256)
	a := attest(t, s, []uint64{0, 2}, func(_, k int) bool { return k != 1 })
	indices, err := s.GetAttestingIndices(a)
	if err != nil {
		t.Fatal(err)
	}
	root := s.attestationRoot(&a.Data)
	var sum []*bls.Signature
	for _, i := range indices {
		sum = append(sum, secretKey(t, uint64(i)).Sign(root[:]))
	}
	aggregate, err := bls.AggregateSignatures(sum)
	if err != nil {
		t.Fatal(err)
	}
	a.Signature = aggregate.Bytes()
	h := Hooks{Signatures: new(SignatureBatch)}
	if err := ProcessAttestation(s.Copy(), a, 0, h); err != nil {
		t.Fatal(err)
	}
	if err := h.Signatures.Verify(); err != nil {
		t.Fatal(err)
	}
	a.AggregationBits[0] ^= 1 << 3
	if err := ProcessAttestation(s.Copy(), a, 0, h); err != nil {
		t.Fatal(err)
	}
	if err := h.Signatures.Verify(); !errors.Is(err, bls.ErrSignature) {
		t.Fatalf("error is %v, want %v", err, bls.ErrSignature)
	}
}

func TestProposerIsPaidWhatTheReporterHears(t *testing.T) {
	for _, fork := range []params.Fork{params.Altair, params.Electra, params.Gloas} {
		s := testState(t, fork, 256)
		proposer, err := s.GetBeaconProposerIndex()
		if err != nil {
			t.Fatal(err)
		}
		before := s.Balances.At(int(proposer))
		rewards := newHeard()
		a := attest(t, s, []uint64{0}, everybody)
		for range 2 { // the second time there is nothing new to pay for
			if err := ProcessAttestation(s, a, 0, Hooks{Rewards: rewards}); err != nil {
				t.Fatal(err)
			}
		}
		indices, err := s.GetAttestingIndices(a)
		if err != nil {
			t.Fatal(err)
		}
		perAttester := 32 * s.GetBaseRewardPerIncrement() * (params.TimelySourceWeight + params.TimelyTargetWeight + params.TimelyHeadWeight)
		const denominator = (params.WeightDenominator - params.ProposerWeight) * params.WeightDenominator / params.ProposerWeight
		want := perAttester * types.Gwei(len(indices)) / denominator
		if have := s.Balances.At(int(proposer)) - before; have != want || rewards.block[RewardAttestations] != want {
			t.Errorf("%v: proposer got %d, reporter heard %d, want %d", fork, have, rewards.block[RewardAttestations], want)
		}
		for _, i := range indices {
			if flags := s.CurrentEpochParticipation.At(int(i)); flags != 7 {
				t.Errorf("%v: flags of attester %d are %d, want 7", fork, i, flags)
			}
		}
	}
}

func TestOnlySameSlotAttestersCountForTheBuildersPaymentAndOnlyOnce(t *testing.T) {
	s := testState(t, params.Gloas, 256)
	slots := s.Spec().SlotsPerEpoch
	payment := int(slots + uint64(s.Slot-1)%slots)
	s.BuilderPendingPayments.Mutable(payment).Withdrawal.Amount = 1
	a := attest(t, s, []uint64{0, 1}, everybody)
	for range 2 {
		if err := ProcessAttestation(s, a, 0, Hooks{}); err != nil {
			t.Fatal(err)
		}
	}
	indices, err := s.GetAttestingIndices(a)
	if err != nil {
		t.Fatal(err)
	}
	if have, want := s.BuilderPendingPayments.At(payment).Weight, types.Gwei(len(indices))*32e9; have != want {
		t.Fatalf("weight is %d, want %d", have, want)
	}

	// The slot had no block: its attesters vote for the one before.
	s = testState(t, params.Gloas, 256)
	s.BuilderPendingPayments.Mutable(payment).Withdrawal.Amount = 1
	history := int(s.Spec().SlotsPerHistoricalRoot)
	s.BlockRoots.Set(int(s.Slot-1)%history, s.BlockRoots.At(int(s.Slot-2)%history))
	if err := ProcessAttestation(s, attest(t, s, []uint64{0, 1}, everybody), 0, Hooks{}); err != nil {
		t.Fatal(err)
	}
	if have := s.BuilderPendingPayments.At(payment).Weight; have != 0 {
		t.Fatalf("weight is %d, want none", have)
	}
}

func TestAggregationBitsThatDoNotFitAreRefused(t *testing.T) {
	for _, fork := range []params.Fork{params.Phase0, params.Deneb, params.Electra, params.Gloas} {
		s := testState(t, fork, 256)
		fitting := attest(t, s, []uint64{0}, everybody)
		if err := ProcessAttestation(s.Copy(), fitting, 0, Hooks{}); err != nil {
			t.Fatalf("%v: %v", fork, err)
		}
		for _, bits := range [][]byte{nil, {}, {0}, {1}, {0, 0}, {0xff}, make([]byte, 64), append(slices.Clone(fitting.AggregationBits), 1)} {
			a := *fitting
			a.AggregationBits = bits
			if !refused(ProcessAttestation(s.Copy(), &a, 0, Hooks{})) {
				t.Errorf("%v: bits %x are accepted", fork, []byte(bits))
			}
		}
		if fork < params.Electra {
			continue
		}
		for _, committees := range [][]byte{nil, {}, {0xf0}} {
			a := *fitting
			a.CommitteeBits = committees
			if !refused(ProcessAttestation(s.Copy(), &a, 0, Hooks{})) {
				t.Errorf("%v: committee bits %x are accepted", fork, committees)
			}
		}
	}
}

// refused tells whether an error is that of a broken rule.
func refused(err error) bool {
	var broken *Error
	return errors.As(err, &broken)
}

func TestExtremeSlotsAndEpochsOfAttestationsAreRefused(t *testing.T) {
	for _, fork := range []params.Fork{params.Phase0, params.Electra, params.Gloas} {
		s := testState(t, fork, 256)
		for _, change := range []func(*types.AttestationData){
			func(d *types.AttestationData) { d.Slot = math.MaxUint64 },
			func(d *types.AttestationData) { d.Slot = s.Slot },
			func(d *types.AttestationData) { d.Target.Epoch = math.MaxUint64 },
			func(d *types.AttestationData) { d.Slot, d.Target.Epoch = math.MaxUint64, math.MaxUint64/8 },
			func(d *types.AttestationData) { d.Index = math.MaxUint64 },
		} {
			a := attest(t, s, []uint64{0}, everybody)
			change(&a.Data)
			if !refused(ProcessAttestation(s.Copy(), a, 0, Hooks{})) {
				t.Errorf("%v: data %v are accepted", fork, a.Data)
			}
		}
	}
}

func TestIndexedAttestationNamesAscendingMembersOfTheRegistry(t *testing.T) {
	s := testState(t, params.Electra, 64)
	for name, c := range map[string]struct {
		indices []types.ValidatorIndex
		valid   bool
	}{
		"ascending":       {[]types.ValidatorIndex{0, 5, 63}, true},
		"nobody":          {nil, false},
		"twice the same":  {[]types.ValidatorIndex{4, 4}, false},
		"descending":      {[]types.ValidatorIndex{5, 4}, false},
		"not in registry": {[]types.ValidatorIndex{5, 64}, false},
		"beyond 32 bits":  {[]types.ValidatorIndex{5, 1 << 32}, false},
		"the very last":   {[]types.ValidatorIndex{math.MaxUint64}, false},
	} {
		err := IsValidIndexedAttestation(s, &types.IndexedAttestation{AttestingIndices: c.indices}, Hooks{})
		if (err == nil) != c.valid || err != nil && !refused(err) {
			t.Errorf("%s: error is %v", name, err)
		}
	}
}

func FuzzAttestationOfAnyBitsDoesNotPanic(f *testing.F) {
	s := testState(f, params.Gloas, 64)
	fitting := attest(f, s, []uint64{0}, everybody)
	f.Add([]byte(fitting.AggregationBits), []byte(fitting.CommitteeBits), uint64(fitting.Data.Slot), uint64(0))
	f.Fuzz(func(t *testing.T, aggregation, committees []byte, slot, index uint64) {
		a := *fitting
		a.AggregationBits, a.CommitteeBits = aggregation, committees
		a.Data.Slot, a.Data.Index = types.Slot(slot), types.CommitteeIndex(index)
		err := ProcessAttestation(s.Copy(), &a, 0, Hooks{})
		if n := len(aggregation); err == nil && (n == 0 || bits.Len8(aggregation[n-1]) == 0) {
			t.Fatalf("bits %x without an end are accepted", aggregation)
		}
	})
}

func TestRunningTotalsAreThoseOfAScanWithSlashedAttestersAndOddBalances(t *testing.T) {
	s := testState(t, params.Gloas, 256)
	slots := s.Spec().SlotsPerEpoch
	payment := int(slots + uint64(s.Slot-1)%slots)
	s.BuilderPendingPayments.Mutable(payment).Withdrawal.Amount = 1
	odd := map[types.ValidatorIndex]types.Gwei{}
	for i := range types.ValidatorIndex(256) {
		switch i % 4 {
		case 1:
			odd[i] = 31e9 + 1 // no number of increments
		case 2:
			odd[i] = types.Gwei(70_000e9) // more than the table holds
		}
		if balance, ok := odd[i]; ok {
			s.Validators.SetEffectiveBalance(i, balance)
		}
	}
	s.participationTotals()
	first := attest(t, s, []uint64{0, 1}, func(_, k int) bool { return k%2 == 0 })
	if err := ProcessAttestation(s, first, 0, Hooks{}); err != nil {
		t.Fatal(err)
	}
	for i := types.ValidatorIndex(0); i < 256; i += 3 {
		if _, err := SlashValidator(s, i); err != nil {
			t.Fatal(err)
		}
	}
	second := attest(t, s, []uint64{0, 1, 2}, everybody)
	if err := ProcessAttestation(s, second, 0, Hooks{}); err != nil {
		t.Fatal(err)
	}
	if scanned := s.scanParticipation(); s.participation != scanned {
		t.Errorf("running totals are %+v, a scan finds %+v", s.participation, scanned)
	}
	indices, err := s.GetAttestingIndices(second) // those of the first are among them
	if err != nil {
		t.Fatal(err)
	}
	want := types.Gwei(0)
	for _, i := range indices {
		want += s.Validators.EffectiveBalance(i)
	}
	if have := s.BuilderPendingPayments.At(payment).Weight; have != want {
		t.Errorf("weight of the payment is %d, want %d", have, want)
	}
}
