package types_test

import (
	"bytes"
	"slices"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/types"
)

// modelled is a persistent registry and what it should hold.
type modelled struct {
	list  types.Validators
	model []types.Validator
	shape ssz.Shape
}

func (r *modelled) check(t *rapid.T) {
	have, err := ssz.HashTreeRoot(ssz.Context{}, r.list.List(r.shape))
	want, _ := ssz.HashTreeRoot(ssz.Context{}, ssz.List(&r.model, r.shape))
	if err != nil || have != want {
		t.Fatalf("root is %x (%v), want %x", have, err, want)
	}
	encoded, err := ssz.Marshal(ssz.Context{}, r.list.List(r.shape))
	wanted, _ := ssz.Marshal(ssz.Context{}, ssz.List(&r.model, r.shape))
	if err != nil || !bytes.Equal(encoded, wanted) {
		t.Fatalf("a registry differs from its model (%v)", err)
	}
}

// TestHistoryOfValidators plays changes of every field on a family of copies of a registry, in both shapes.
func TestHistoryOfValidators(t *testing.T) {
	shapes := []ssz.Shape{ssz.Cap(1<<40, false), ssz.Cap(0, true)}
	setters := []func(*types.Validators, *types.Validator, types.ValidatorIndex, uint64){
		func(l *types.Validators, v *types.Validator, i types.ValidatorIndex, x uint64) {
			v.EffectiveBalance = types.Gwei(x)
			l.SetEffectiveBalance(i, v.EffectiveBalance)
		},
		func(l *types.Validators, v *types.Validator, i types.ValidatorIndex, x uint64) {
			v.ActivationEligibilityEpoch = types.Epoch(x)
			l.SetActivationEligibilityEpoch(i, v.ActivationEligibilityEpoch)
		},
		func(l *types.Validators, v *types.Validator, i types.ValidatorIndex, x uint64) {
			v.ActivationEpoch = types.Epoch(x)
			l.SetActivationEpoch(i, v.ActivationEpoch)
		},
		func(l *types.Validators, v *types.Validator, i types.ValidatorIndex, x uint64) {
			v.ExitEpoch = types.Epoch(x)
			l.SetExitEpoch(i, v.ExitEpoch)
		},
		func(l *types.Validators, v *types.Validator, i types.ValidatorIndex, x uint64) {
			v.WithdrawableEpoch = types.Epoch(x)
			l.SetWithdrawableEpoch(i, v.WithdrawableEpoch)
		},
		func(l *types.Validators, v *types.Validator, i types.ValidatorIndex, _ uint64) {
			v.Slashed = true
			l.SetSlashed(i)
		},
		func(l *types.Validators, v *types.Validator, i types.ValidatorIndex, x uint64) {
			v.WithdrawalCredentials = types.Bytes32{byte(x), 7}
			l.SetWithdrawalCredentials(i, v.WithdrawalCredentials)
		},
		func(l *types.Validators, v *types.Validator, i types.ValidatorIndex, x uint64) {
			v.Pubkey = types.BLSPubkey{47: byte(x)}
			l.Set(i, *v)
		},
	}
	rapid.Check(t, func(t *rapid.T) {
		first := &modelled{shape: rapid.SampledFrom(shapes).Draw(t, "shape")}
		first.list.Reshape(first.shape.Progressive)
		for i := range rapid.SampledFrom([]int{0, 20, 22, 63, 65, 85, 130}).Draw(t, "n") {
			v := types.Validator{Pubkey: types.BLSPubkey{byte(i)}, EffectiveBalance: types.Gwei(i)}
			first.list.Append(v)
			first.model = append(first.model, v)
		}
		all := []*modelled{first}
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			r := rapid.SampledFrom(all).Draw(t, "member")
			switch action := rapid.IntRange(0, 7).Draw(t, "action"); {
			case action == 0:
				r.check(t)
			case action == 1 && len(all) < 5:
				all = append(all, &modelled{r.list.Copy(), slices.Clone(r.model), r.shape})
			case action == 2:
				v := types.Validator{Pubkey: types.BLSPubkey{1: 1}, ExitEpoch: 5}
				r.list.Append(v)
				r.model = append(r.model, v)
			case action == 3:
				r.shape = rapid.SampledFrom(shapes).Draw(t, "new shape")
				r.list.Reshape(r.shape.Progressive)
			case len(r.model) > 0:
				i := rapid.IntRange(0, len(r.model)-1).Draw(t, "i")
				rapid.SampledFrom(setters).Draw(t, "setter")(&r.list, &r.model[i], types.ValidatorIndex(i), rapid.Uint64().Draw(t, "x"))
			}
		}
		for _, r := range all {
			r.check(t)
		}
	})
}

// TestFrozenStateIsReadByMany reads, hashes, encodes, proves and copies one frozen state from many goroutines, each of which
// goes on to change its copy. The race detector watches, and the frozen state stays as it was.
func TestFrozenStateIsReadByMany(t *testing.T) {
	for _, fork := range []params.Fork{params.Phase0, params.Fulu, params.Gloas} {
		state := types.NewBeaconState(params.Minimal(), fork)
		for _, list := range []interface{ Reshape(bool) }{
			&state.Validators, &state.Balances, &state.PreviousEpochParticipation, &state.CurrentEpochParticipation,
			&state.InactivityScores, &state.PendingDeposits, &state.PendingPartialWithdrawals, &state.PendingConsolidations,
			&state.Builders, &state.BuilderPendingWithdrawals,
		} {
			list.Reshape(fork >= params.Gloas)
		}
		for i := range 300 {
			state.Validators.Append(types.Validator{Pubkey: types.BLSPubkey{byte(i)}})
			state.Balances.Append(types.Gwei(i))
		}
		state.Eth1DataVotes.Append(types.Eth1Data{DepositCount: 1})
		// Vectors are left as they are: nobody has set one.
		want, err := state.Freeze()
		if err != nil {
			t.Fatal(err)
		}
		encoded, err := state.MarshalSSZ()
		if err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		for w := range 8 {
			wg.Go(func() { readAndCopy(t, state, want, encoded, w) })
		}
		wg.Wait()
		again := types.NewBeaconState(params.Minimal(), fork)
		if after, err := state.MarshalSSZ(); err != nil || !bytes.Equal(after, encoded) {
			t.Errorf("%v: the frozen state has changed (%v)", fork, err)
		} else if err := again.UnmarshalSSZ(after); err != nil {
			t.Error(err)
		} else if root, err := again.HashTreeRoot(); err != nil || root != want {
			t.Errorf("%v: root is %v, want %v (%v)", fork, root, want, err)
		}
	}
}

func readAndCopy(t *testing.T, state *types.BeaconState, want types.Root, encoded []byte, w int) {
	if root, err := state.HashTreeRoot(); err != nil || root != want {
		t.Errorf("root is %v, want %v (%v)", root, want, err)
	}
	if root, err := ssz.HashTreeRoot(state.Cx, state.Node()); err != nil || types.Root(root) != want {
		t.Errorf("root by the fields is %x, want %v (%v)", root, want, err)
	}
	if have, err := state.MarshalSSZ(); err != nil || !bytes.Equal(have, encoded) {
		t.Errorf("encoding differs (%v)", err)
	}
	if _, err := ssz.MarshalJSON(state.Cx, state.Node()); err != nil {
		t.Error(err)
	}
	for _, path := range [][]string{{"validators", "7", "pubkey"}, {"balances", "9"}, {"randao_mixes", "3"}, {"eth1_data_votes", "0"}} {
		gindex, err := ssz.GeneralizedIndex(state.Cx, state.Node(), path...)
		if err != nil {
			t.Error(err)
			continue
		}
		p, err := ssz.Prove(state.Cx, state.Node(), gindex)
		if err != nil || !ssz.VerifyProof(want, gindex, p) {
			t.Errorf("proof of %v does not lead to the root (%v)", path, err)
		}
	}
	mine := state.Copy()
	for range 3 {
		mine.Validators.SetSlashed(types.ValidatorIndex(w))
		mine.Validators.SetWithdrawalCredentials(types.ValidatorIndex(64*w%300), types.Bytes32{byte(w)})
		mine.Balances.Set(w, 1e9)
		mine.Balances.Append(5)
		mine.Validators.Append(types.Validator{Pubkey: types.BLSPubkey{byte(w)}})
		mine.RandaoMixes.Set(w, types.Bytes32{1})
		mine.Eth1DataVotes.Append(types.Eth1Data{DepositCount: uint64(w)})
		if _, err := mine.HashTreeRoot(); err != nil {
			t.Error(err)
		}
		other := mine.Copy()
		other.Slot++
		if _, err := other.Freeze(); err != nil {
			t.Error(err)
		}
	}
}

// TestForkWithoutContainersIsRefused does not read what is of a fork to come as if it were of the last one known.
func TestForkWithoutContainersIsRefused(t *testing.T) {
	spec := *params.Minimal()
	for _, fork := range []*params.Epoch{&spec.AltairForkEpoch, &spec.BellatrixForkEpoch, &spec.CapellaForkEpoch, &spec.DenebForkEpoch, &spec.ElectraForkEpoch, &spec.FuluForkEpoch, &spec.GloasForkEpoch} {
		*fork = 0
	}
	state := types.NewBeaconState(&spec, params.Gloas)
	state.Slot = types.Slot(spec.SlotsPerEpoch)
	encoded, err := state.MarshalSSZ()
	if err != nil {
		t.Fatal(err)
	}
	block := types.SignedBeaconBlock{Message: types.BeaconBlock{Slot: state.Slot}}
	encodedBlock, err := ssz.Marshal(state.Cx, ssz.Container(&block))
	if err != nil {
		t.Fatal(err)
	}
	for _, heze := range []params.Epoch{params.FarFutureEpoch, 1} {
		spec.HezeForkEpoch = heze
		known := heze == params.FarFutureEpoch
		if _, err := types.DecodeBeaconState(&spec, encoded); (err == nil) != known {
			t.Errorf("heze from epoch %d: state: %v", heze, err)
		}
		if _, _, err := types.DecodeSignedBeaconBlock(&spec, encodedBlock); (err == nil) != known {
			t.Errorf("heze from epoch %d: block: %v", heze, err)
		}
	}
}
