package transition_test

import (
	"testing"

	"github.com/cresset/cresset/beacon/bls"
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/simnet"
	"github.com/cresset/cresset/beacon/transition"
	"github.com/cresset/cresset/beacon/types"
)

func genesisOf(t *testing.T, fork params.Fork) (*params.Spec, *transition.State) {
	t.Helper()
	spec, err := simnet.Spec(fork)
	if err != nil {
		t.Fatal(err)
	}
	net, err := simnet.New(spec, 64, 1_000_000)
	if err != nil {
		t.Fatal(err)
	}
	return spec, net.Genesis().State
}

// The key of some members of a committee is the sum of their keys, however many they are and however the bits end.
func TestAFrozenStateSumsKeysOfAttesters(t *testing.T) {
	_, state := genesisOf(t, params.Fulu)
	sh, err := state.Copy().Shuffling(0)
	if err != nil {
		t.Fatal(err)
	}
	committee := sh.Committee(3, 1)
	for set := range 1 << len(committee) {
		var keys []*bls.PublicKey
		var members []types.ValidatorIndex
		for k, m := range committee {
			if set>>k&1 == 1 {
				key, err := state.Frozen().PublicKey(types.ValidatorIndex(m))
				if err != nil {
					t.Fatal(err)
				}
				keys, members = append(keys, key), append(members, types.ValidatorIndex(m))
			}
		}
		want := bls.SumPublicKeys(keys)
		bits := []byte{byte(set), 0}
		if got, err := state.Frozen().AttestersKey(sh, 3, 1, bits); err != nil || *got != *want {
			t.Fatalf("members %b: %v, %v; want %v", set, got, err, want)
		}
		if got, err := state.Frozen().SumKeys(members); err != nil || *got != *want {
			t.Fatalf("members %b summed: %v, %v; want %v", set, got, err, want)
		}
	}
	if _, err := state.Frozen().AttestersKey(sh, 3, 1, nil); err == nil {
		t.Error("no bits for a committee")
	}
}

func TestAFrozenStateKnowsTwoSyncCommittees(t *testing.T) {
	spec, state := genesisOf(t, params.Altair)
	f := state.Frozen()
	period := spec.EpochsPerSyncCommitteePeriod
	for _, c := range []struct {
		epoch types.Epoch
		want  []types.BLSPubkey
	}{
		{0, state.CurrentSyncCommittee.Value.Pubkeys}, {types.Epoch(period - 1), state.CurrentSyncCommittee.Value.Pubkeys},
		{types.Epoch(period), state.NextSyncCommittee.Value.Pubkeys}, {types.Epoch(2 * period), nil},
	} {
		got, ok := f.SyncCommittee(c.epoch)
		if ok != (c.want != nil) || ok && &got[0] != &c.want[0] {
			t.Errorf("epoch %d: a committee of %d, %t", c.epoch, len(got), ok)
		}
	}
	_, phase0 := genesisOf(t, params.Phase0)
	if _, ok := phase0.Frozen().SyncCommittee(0); ok {
		t.Error("phase 0 has a sync committee")
	}
}

// What a state has not is not there: indices beyond the registries, slots beyond the lookahead, forks that do not have it yet.
func TestAFrozenStateSaysWhatItLacks(t *testing.T) {
	spec, state := genesisOf(t, params.Gloas)
	f := state.Frozen()
	if _, ok := f.Validator(64); ok || f.Validators() != 64 {
		t.Errorf("validator 64 of %d", f.Validators())
	}
	if _, err := f.PublicKey(64); err == nil {
		t.Error("validator 64 has a key")
	}
	if _, err := f.SumKeys([]types.ValidatorIndex{3, 64}); err == nil {
		t.Error("validator 64 is summed")
	}
	if _, ok := f.Builder(0); ok {
		t.Error("there is a builder")
	}
	last := types.Slot(2*spec.SlotsPerEpoch - 1)
	if _, ok := f.ProposerAt(last); !ok {
		t.Errorf("no proposer of slot %d, the last of the lookahead", last)
	}
	if _, ok := f.ProposerAt(last + 1); ok {
		t.Errorf("a proposer of slot %d", last+1)
	}
	if _, err := f.GetPTC(last); err != nil {
		t.Error(err)
	}
	_, electra := genesisOf(t, params.Electra)
	if _, ok := electra.Frozen().ProposerAt(0); ok {
		t.Error("electra has a lookahead")
	}
	if _, err := electra.Frozen().GetPTC(0); err == nil {
		t.Error("electra has a payload committee")
	}
	if _, ok := electra.Frozen().Builder(0); ok {
		t.Error("electra has a builder")
	}
	signed := &types.SignedExecutionPayloadBid{Message: types.ExecutionPayloadBid{BuilderIndex: 5}}
	if _, err := f.BidSignature(signed); err == nil {
		t.Error("builder 5 has signed")
	}
	if _, err := f.EnvelopeSignature(&types.SignedExecutionPayloadEnvelope{Message: types.ExecutionPayloadEnvelope{BuilderIndex: 5}}); err == nil {
		t.Error("builder 5 has signed an envelope")
	}
}
