package transition

import (
	"errors"
	"fmt"
	"testing"

	"github.com/cresset/cresset/beacon/bls"
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/types"
)

// syncAggregate signs the block before the state for the members for which signs is true.
func syncAggregate(t *testing.T, s *State, signs func(member uint64) bool) *types.SyncAggregate {
	t.Helper()
	block, err := s.GetBlockRootAtSlot(s.Slot - 1)
	if err != nil {
		t.Fatal(err)
	}
	root := types.ComputeSigningRoot(block, s.GetDomain(params.DomainSyncCommittee(), s.GetCurrentEpoch()))
	members, err := s.syncCommitteeMembers()
	if err != nil {
		t.Fatal(err)
	}
	a := &types.SyncAggregate{SyncCommitteeBits: ssz.NewBitvector(s.Spec().SyncCommitteeSize), SyncCommitteeSignature: params.G2PointAtInfinity()}
	var signatures []*bls.Signature
	for i, m := range members {
		if signs(uint64(i)) {
			a.SyncCommitteeBits.SetBitAt(uint64(i), true)
			signatures = append(signatures, secretKey(t, uint64(m)).Sign(root[:]))
		}
	}
	if len(signatures) > 0 {
		sum, err := bls.AggregateSignatures(signatures)
		if err != nil {
			t.Fatal(err)
		}
		a.SyncCommitteeSignature = sum.Bytes()
	}
	return a
}

func TestSyncAggregateOfAnyNumberOfMembersVerifies(t *testing.T) {
	for _, validators := range []int{64, 5} { // five share all places of the committee
		s := testState(t, params.Altair, validators)
		size := s.Spec().SyncCommitteeSize
		for _, n := range []uint64{0, 1, size / 2, size/2 + 1, size - 1, size} {
			t.Run(fmt.Sprintf("%d of %d", n, validators), func(t *testing.T) {
				s := s.Copy()
				a := syncAggregate(t, s, func(i uint64) bool { return i < n })
				h := Hooks{Signatures: new(SignatureBatch)}
				if err := ProcessSyncAggregate(s, a, h); err != nil {
					t.Fatal(err)
				}
				if err := h.Signatures.Verify(); err != nil {
					t.Fatal(err)
				}
				if n > 0 {
					a.SyncCommitteeBits.SetBitAt(0, false)
				} else {
					a.SyncCommitteeBits.SetBitAt(0, true)
				}
				if err := ProcessSyncAggregate(s, a, h); err == nil {
					err = h.Signatures.Verify()
					if !errors.Is(err, bls.ErrSignature) && !errors.Is(err, bls.ErrInfinity) {
						t.Fatalf("with another member: error is %v, want %v", err, bls.ErrSignature)
					}
				} else if !refused(err) {
					t.Fatal(err)
				}
			})
		}
	}
}

func TestMembersAndProposerGetWhatTheReporterHears(t *testing.T) {
	s := testState(t, params.Altair, 64)
	proposer, err := s.GetBeaconProposerIndex()
	if err != nil {
		t.Fatal(err)
	}
	before := s.Copy()
	rewards := newHeard()
	if err := ProcessSyncAggregate(s, syncAggregate(t, s, func(i uint64) bool { return i%3 != 0 }), Hooks{Rewards: rewards}); err != nil {
		t.Fatal(err)
	}
	for i := range s.Validators.Len() {
		want := rewards.sync[types.ValidatorIndex(i)]
		if types.ValidatorIndex(i) == proposer {
			want += int64(rewards.block[RewardSyncAggregate])
		}
		if have := int64(s.Balances.At(i)) - int64(before.Balances.At(i)); have != want {
			t.Errorf("balance of validator %d changes by %d, reporter heard %d", i, have, want)
		}
	}
	if rewards.block[RewardSyncAggregate] == 0 {
		t.Error("the proposer got nothing")
	}
}

func TestSyncAggregateWithoutBitsFinesEverybody(t *testing.T) {
	s := testState(t, params.Altair, 64)
	if err := ProcessSyncAggregate(s, &types.SyncAggregate{}, Hooks{}); err != nil {
		t.Fatal(err)
	}
	if have := s.Balances.At(3); have >= 32e9 {
		t.Errorf("balance is %d, want less than %d", have, types.Gwei(32e9))
	}
	if err := ProcessSyncAggregate(s, &types.SyncAggregate{}, Hooks{Signatures: new(SignatureBatch)}); !refused(err) {
		t.Errorf("an empty aggregate with another signature than infinity: error is %v", err)
	}
}
