package transition

import (
	"testing"

	"github.com/cresset/cresset/beacon/bls"
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/types"
)

// secretKey is the key of test validator i.
func secretKey(t testing.TB, i uint64) *bls.SecretKey {
	t.Helper()
	sk, err := bls.SecretKeyFromUint64(1000 + i)
	if err != nil {
		t.Fatal(err)
	}
	return sk
}

// testState makes a minimal state of a fork with n active validators, in the middle of an epoch well after genesis. Every
// block root is another one, and all before have been finalized.
func testState(t testing.TB, fork params.Fork, n int) *State {
	t.Helper()
	spec := params.Minimal()
	b := types.NewBeaconState(spec, fork)
	progressive := fork >= params.Gloas
	for _, list := range []interface{ Reshape(progressive bool) }{
		&b.Validators, &b.Balances, &b.PreviousEpochParticipation, &b.CurrentEpochParticipation, &b.InactivityScores,
		&b.PendingDeposits, &b.PendingPartialWithdrawals, &b.PendingConsolidations, &b.Builders, &b.BuilderPendingWithdrawals,
	} {
		list.Reshape(progressive)
	}
	b.Slot = types.Slot(100*spec.SlotsPerEpoch + 5)
	b.Fork.CurrentVersion = spec.ForkVersion(fork)
	b.BlockRoots.Zero(int(spec.SlotsPerHistoricalRoot))
	b.StateRoots.Zero(int(spec.SlotsPerHistoricalRoot))
	b.RandaoMixes.Zero(int(spec.EpochsPerHistoricalVector))
	b.Slashings.Zero(int(spec.EpochsPerSlashingsVector))
	for i := range b.BlockRoots.Len() {
		b.BlockRoots.Set(i, types.Root{byte(i), 1})
	}
	b.JustificationBits = ssz.NewBitvector(params.JustificationBitsLength)
	b.FinalizedCheckpoint.Epoch = 98
	b.CurrentJustifiedCheckpoint.Epoch = 99
	b.PreviousJustifiedCheckpoint.Epoch = 98
	committee := types.SyncCommittee{}
	for i := range n {
		key := types.BLSPubkey(secretKey(t, uint64(i)).PublicKey().Bytes())
		b.Validators.Append(types.Validator{
			Pubkey: key, WithdrawalCredentials: types.Bytes32{params.Eth1AddressWithdrawalPrefix, 31: byte(i)},
			EffectiveBalance: 32e9, ExitEpoch: params.FarFutureEpoch, WithdrawableEpoch: params.FarFutureEpoch,
		})
		b.Balances.Append(32e9)
		b.PreviousEpochParticipation.Append(0)
		b.CurrentEpochParticipation.Append(0)
		b.InactivityScores.Append(0)
	}
	var keys []*bls.PublicKey
	for i := range spec.SyncCommitteeSize { // with repetition, as n may be smaller
		key := secretKey(t, i%uint64(n)).PublicKey()
		committee.Pubkeys = append(committee.Pubkeys, key.Bytes())
		keys = append(keys, key)
	}
	committee.AggregatePubkey = bls.SumPublicKeys(keys).Bytes()
	b.CurrentSyncCommittee, b.NextSyncCommittee = ssz.Share(committee), ssz.Share(committee)
	b.ProposerLookahead = make([]types.ValidatorIndex, 2*spec.SlotsPerEpoch)
	b.ExecutionPayloadAvailability = ssz.NewBitvector(spec.SlotsPerHistoricalRoot)
	b.BuilderPendingPayments.Fill(int(2 * spec.SlotsPerEpoch))
	for range 3 * spec.SlotsPerEpoch {
		b.PTCWindow = append(b.PTCWindow, ssz.Share(make([]types.ValidatorIndex, spec.PTCSize)))
	}
	s, err := NewState(b, NewEnv(nil))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// attest makes an attestation of the slot before the state's by all members of some committees for which attests is true.
func attest(t testing.TB, s *State, committees []uint64, attests func(committee, member int) bool) *types.Attestation {
	t.Helper()
	slot := s.Slot - 1
	target, err := s.GetBlockRoot(s.GetCurrentEpoch())
	if err != nil {
		t.Fatal(err)
	}
	head, err := s.GetBlockRootAtSlot(slot)
	if err != nil {
		t.Fatal(err)
	}
	a := &types.Attestation{Data: types.AttestationData{
		Slot: slot, BeaconBlockRoot: head, Source: s.CurrentJustifiedCheckpoint,
		Target: types.Checkpoint{Epoch: s.GetCurrentEpoch(), Root: target},
	}}
	if !s.Since(params.Electra) {
		a.Data.Index = types.CommitteeIndex(committees[0])
	} else {
		a.CommitteeBits = ssz.NewBitvector(s.Spec().MaxCommitteesPerSlot)
	}
	var bits []bool
	for i, c := range committees {
		if s.Since(params.Electra) {
			a.CommitteeBits.SetBitAt(c, true)
		}
		members, err := s.GetBeaconCommittee(slot, types.CommitteeIndex(c))
		if err != nil {
			t.Fatal(err)
		}
		for k := range members {
			bits = append(bits, attests(i, k))
		}
	}
	a.AggregationBits = make([]byte, len(bits)/8+1)
	for i, set := range append(bits, true) {
		if set {
			a.AggregationBits[i/8] |= 1 << (i % 8)
		}
	}
	return a
}

// heard is what a reward reporter was told.
type heard struct {
	block map[RewardSource]types.Gwei
	sync  map[types.ValidatorIndex]int64
}

func newHeard() *heard {
	return &heard{block: map[RewardSource]types.Gwei{}, sync: map[types.ValidatorIndex]int64{}}
}

func (r *heard) BlockReward(source RewardSource, amount types.Gwei) { r.block[source] += amount }
func (r *heard) SyncCommitteeReward(i types.ValidatorIndex, reward, penalty types.Gwei) {
	r.sync[i] += int64(reward) - int64(penalty)
}
func (r *heard) AttestationReward(types.ValidatorIndex, AttestationDuty, types.Gwei, types.Gwei) {}
