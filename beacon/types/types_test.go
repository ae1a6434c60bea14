package types_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/types"
)

// TestGeneralizedIndicesFollowFromTheFieldLists proves each named index on a default value and finds the field there.
func TestGeneralizedIndicesFollowFromTheFieldLists(t *testing.T) {
	spec := params.Minimal()
	for _, fork := range params.Forks()[params.Altair : params.Gloas+1] {
		state := types.NewBeaconState(spec, fork)
		state.FinalizedCheckpoint.Root = types.Root{0xf1}
		state.CurrentSyncCommittee = ssz.Share(types.SyncCommittee{AggregatePubkey: types.BLSPubkey{1}})
		state.NextSyncCommittee = ssz.Share(types.SyncCommittee{AggregatePubkey: types.BLSPubkey{2}})
		current, err := ssz.HashTreeRoot(state.Cx, ssz.Container(&state.CurrentSyncCommittee.Value))
		if err != nil {
			t.Fatal(err)
		}
		next, err := ssz.HashTreeRoot(state.Cx, ssz.Container(&state.NextSyncCommittee.Value))
		if err != nil {
			t.Fatal(err)
		}
		checkIndex(t, state, types.FinalizedRootGindex(fork), "finalized_checkpoint", "root")
		checkIndex(t, state, types.CurrentSyncCommitteeGindex(fork), "current_sync_committee")
		checkIndex(t, state, types.NextSyncCommitteeGindex(fork), "next_sync_committee")
		for gindex, want := range map[uint64][32]byte{
			types.FinalizedRootGindex(fork):        {0xf1},
			types.CurrentSyncCommitteeGindex(fork): current,
			types.NextSyncCommitteeGindex(fork):    next,
		} {
			checkLeaf(t, state.Cx, state.Node(), gindex, want)
		}
		if fork < params.Capella {
			continue
		}
		var body types.BeaconBlockBody
		if fork >= params.Gloas {
			body.SignedExecutionPayloadBid.Message.ParentBlockHash = types.Hash32{0xbb}
		} else {
			body.ExecutionPayload.BlockHash = types.Hash32{0xbb}
			payload, err := ssz.HashTreeRoot(state.Cx, ssz.Container(&body.ExecutionPayload))
			if err != nil {
				t.Fatal(err)
			}
			checkLeaf(t, state.Cx, ssz.Container(&body), params.ExecutionPayloadGindex, payload)
		}
		checkLeaf(t, state.Cx, ssz.Container(&body), types.ExecutionBlockHashGindex(fork), [32]byte{0xbb})
	}
}

func checkIndex(t *testing.T, state *types.BeaconState, want uint64, path ...string) {
	t.Helper()
	if have, err := ssz.GeneralizedIndex(state.Cx, state.Node(), path...); err != nil || have != want {
		t.Errorf("%v: %v is at %d, want %d (%v)", state.Cx.Fork, path, have, want, err)
	}
}

func checkLeaf(t *testing.T, cx ssz.Context, n ssz.Node, gindex uint64, want [32]byte) {
	t.Helper()
	p, err := ssz.Prove(cx, n, gindex)
	if err != nil {
		t.Fatalf("%v: %v", cx.Fork, err)
	}
	if p.Leaf != want {
		t.Errorf("%v: leaf at %d is %x, want %x", cx.Fork, gindex, p.Leaf, want)
	}
	root, err := ssz.HashTreeRoot(cx, n)
	if err != nil {
		t.Fatal(err)
	}
	branch := make([]types.Bytes32, len(p.Branch))
	for i := range branch {
		branch[i] = p.Branch[i]
	}
	if !types.IsValidMerkleBranch(p.Leaf, branch, uint64(len(branch)), gindex-1<<len(branch), root) {
		t.Errorf("%v: branch of %d does not lead to the root", cx.Fork, gindex)
	}
}

// TestForkFollowsFromTheSlot decodes states and blocks of all forks without being told which.
func TestForkFollowsFromTheSlot(t *testing.T) {
	spec, _, err := params.Minimal().Override([]byte("ALTAIR_FORK_EPOCH: 1\nBELLATRIX_FORK_EPOCH: 2\nCAPELLA_FORK_EPOCH: 3\nDENEB_FORK_EPOCH: 4\nELECTRA_FORK_EPOCH: 5\nFULU_FORK_EPOCH: 6\nGLOAS_FORK_EPOCH: 7\n"))
	if err != nil {
		t.Fatal(err)
	}
	for _, fork := range params.Forks()[:params.Gloas+1] {
		slot := types.Slot(uint64(fork) * spec.SlotsPerEpoch)
		state := types.NewBeaconState(spec, fork)
		state.Slot = slot
		encoded, err := state.MarshalSSZ()
		if err != nil {
			t.Fatal(err)
		}
		back, err := types.DecodeBeaconState(spec, encoded)
		if err != nil || back.Cx.Fork != fork || back.Slot != slot {
			t.Errorf("%v: state decodes as %v (%v)", fork, back, err)
		}
		block := types.SignedBeaconBlock{Message: types.BeaconBlock{Slot: slot}}
		cx := ssz.Context{Spec: spec, Fork: fork}
		encoded, err = ssz.Marshal(cx, ssz.Container(&block))
		if err != nil {
			t.Fatal(err)
		}
		decoded, got, err := types.DecodeSignedBeaconBlock(spec, encoded)
		if err != nil || got.Fork != fork || decoded.Message.Slot != slot {
			t.Errorf("%v: block decodes as %v (%v)", fork, got.Fork, err)
		}
	}
	if _, err := types.DecodeBeaconState(spec, make([]byte, 47)); !errors.Is(err, ssz.ErrSize) {
		t.Errorf("short state: %v", err)
	}
	if _, _, err := types.DecodeSignedBeaconBlock(spec, make([]byte, 107)); !errors.Is(err, ssz.ErrSize) {
		t.Errorf("short block: %v", err)
	}
}

// registry makes n validators.
func registry(n int) *types.BeaconState {
	state := types.NewBeaconState(params.Minimal(), params.Fulu)
	for i := range n {
		state.Validators.Append(types.Validator{Pubkey: types.BLSPubkey{byte(i), byte(i >> 8)}, EffectiveBalance: 32e9, ExitEpoch: params.FarFutureEpoch})
		state.Balances.Append(32e9)
	}
	return state
}

// TestCopiesOfAStateAreIndependent writes to identities and columns of a copy.
func TestCopiesOfAStateAreIndependent(t *testing.T) {
	state := registry(100)
	before, err := state.Freeze()
	if err != nil {
		t.Fatal(err)
	}
	first, second := state.Copy(), state.Copy()
	first.Validators.SetWithdrawalCredentials(3, types.Bytes32{1})
	first.Validators.SetExitEpoch(4, 7)
	second.Validators.Append(types.Validator{Pubkey: types.BLSPubkey{9}})
	second.Balances.Append(1)
	if state.Validators.WithdrawalCredentials(3) != (types.Bytes32{}) || state.Validators.ExitEpoch(4) != params.FarFutureEpoch || state.Validators.Len() != 100 {
		t.Fatal("a write to a copy shows in the original")
	}
	if first.Validators.WithdrawalCredentials(3) != (types.Bytes32{1}) || second.Validators.WithdrawalCredentials(3) != (types.Bytes32{}) {
		t.Fatal("copies share what one of them wrote")
	}
	for _, s := range []*types.BeaconState{first, second} {
		encoded, err := s.MarshalSSZ()
		if err != nil {
			t.Fatal(err)
		}
		fresh := types.NewBeaconState(s.Cx.Spec, s.Cx.Fork)
		if err := fresh.UnmarshalSSZ(encoded); err != nil {
			t.Fatal(err)
		}
		cached, _ := s.HashTreeRoot()
		plain, _ := fresh.HashTreeRoot()
		if cached != plain || cached == before {
			t.Fatalf("cached root is %v, plain %v, before %v", cached, plain, before)
		}
	}
	if again, _ := state.HashTreeRoot(); again != before {
		t.Fatal("root of the frozen state changed")
	}
}

// TestRegistryTakesTheOtherShape holds a reshaped registry against one that was decoded in that shape.
func TestRegistryTakesTheOtherShape(t *testing.T) {
	for _, n := range []int{0, 1, 21, 22, 85, 86, 341, 500} {
		state := registry(n)
		if _, err := state.HashTreeRoot(); err != nil {
			t.Fatal(err)
		}
		shape := ssz.Cap(0, true)
		encoded, _ := ssz.Marshal(state.Cx, state.Validators.List(shape))
		state.Validators.Reshape(true)
		var fresh types.Validators
		if err := ssz.Unmarshal(state.Cx, encoded, fresh.List(shape)); err != nil {
			t.Fatal(err)
		}
		again, _ := ssz.Marshal(state.Cx, state.Validators.List(shape))
		have, err := ssz.HashTreeRoot(state.Cx, state.Validators.List(shape))
		want, _ := ssz.HashTreeRoot(state.Cx, fresh.List(shape))
		if err != nil || have != want || !bytes.Equal(again, encoded) {
			t.Fatalf("%d validators: root is %x, want %x (%v)", n, have, want, err)
		}
	}
}

// TestProofIntoTheRegistryIsShort proves a validator's credentials on a state.
func TestProofIntoTheRegistryIsShort(t *testing.T) {
	state := registry(300)
	state.Validators.SetWithdrawalCredentials(299, types.Bytes32{0xcc})
	// Fulu: 38 fields, depth 6; validators is field 11; its data is to the left of its length, 40 deep; a validator is 3 deep.
	gindex := ((uint64(1)<<6+11)*2<<40+299)*8 + 1
	if have, err := ssz.GeneralizedIndex(state.Cx, state.Node(), "validators", "299", "withdrawal_credentials"); have != gindex {
		t.Errorf("path leads to %d, want %d (%v)", have, gindex, err)
	}
	checkLeaf(t, state.Cx, state.Node(), gindex, [32]byte{0xcc})
}
