package types_test

import (
	"bytes"
	"runtime"
	"slices"
	"testing"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/types"
)

// subject chooses container and fork by two bytes of fuzz input.
func subject(spec *params.Spec, kind, fork byte) (string, ssz.Context) {
	names := types.Names()
	slices.Sort(names)
	cx := ssz.Context{Spec: spec, Fork: params.Fork(fork) % (params.Gloas + 1)}
	return names[int(kind)%len(names)], cx
}

// checkAllocation fails when f allocates more than 8 times the input and a mebibyte.
func checkAllocation(t *testing.T, input int, f func()) {
	t.Helper()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	if n := after.TotalAlloc - before.TotalAlloc; n > uint64(8*input)+1<<20 {
		t.Fatalf("%d bytes allocated for an input of %d", n, input)
	}
}

// addSeeds gives the fuzzer the default value of every container of every fork.
func addSeeds(f *testing.F, spec *params.Spec, most int, encode func(ssz.Context, ssz.Node) ([]byte, error)) {
	names := types.Names()
	slices.Sort(names)
	for kind, name := range names {
		for fork := range params.Gloas + 1 {
			cx := ssz.Context{Spec: spec, Fork: fork}
			if encoded, err := encode(cx, ssz.Container(types.New(name))); err == nil && len(encoded) < most {
				f.Add(byte(kind), byte(fork), encoded)
			}
		}
	}
}

// FuzzSSZ decodes any container of any fork: no panic, bounded memory, and what decodes encodes to the same bytes.
func FuzzSSZ(f *testing.F) {
	spec := params.Minimal()
	addSeeds(f, spec, 1<<14, ssz.Marshal)
	f.Fuzz(func(t *testing.T, kind, fork byte, src []byte) {
		name, cx := subject(spec, kind, fork)
		node := ssz.Container(types.New(name))
		var err error
		checkAllocation(t, len(src), func() { err = ssz.Unmarshal(cx, src, node) })
		if err != nil {
			return
		}
		again, err := ssz.Marshal(cx, node)
		if err != nil {
			t.Fatalf("%s of %v decodes and does not encode: %v", name, cx.Fork, err)
		}
		if !bytes.Equal(again, src) {
			t.Fatalf("%s of %v: %x encodes to %x", name, cx.Fork, src, again)
		}
		if _, err := ssz.HashTreeRoot(cx, node); err != nil {
			t.Fatalf("%s of %v decodes and has no root: %v", name, cx.Fork, err)
		}
	})
}

// FuzzJSON decodes any container from JSON: no panic, bounded memory, and what decodes goes to JSON and SSZ and back.
func FuzzJSON(f *testing.F) {
	spec := params.Minimal()
	addSeeds(f, spec, 1<<13, ssz.MarshalJSON)
	f.Fuzz(func(t *testing.T, kind, fork byte, src []byte) {
		name, cx := subject(spec, kind, fork)
		node := ssz.Container(types.New(name))
		var err error
		checkAllocation(t, len(src), func() { err = ssz.UnmarshalJSON(cx, src, node) })
		if err != nil {
			return
		}
		text, err := ssz.MarshalJSON(cx, node)
		if err != nil {
			t.Fatalf("%s of %v decodes and does not encode: %v", name, cx.Fork, err)
		}
		back := ssz.Container(types.New(name))
		if err := ssz.UnmarshalJSON(cx, text, back); err != nil {
			t.Fatalf("%s of %v: our own JSON: %v", name, cx.Fork, err)
		}
		a, errA := ssz.Marshal(cx, node)
		b, errB := ssz.Marshal(cx, back)
		if errA != nil || errB != nil || !bytes.Equal(a, b) {
			t.Fatalf("%s of %v: %x (%v) comes back as %x (%v)", name, cx.Fork, a, errA, b, errB)
		}
	})
}

// FuzzPeek decodes states and blocks whose fork follows from their slot, as files and servers of checkpoints have them: no panic, bounded memory, and what decodes
// encodes to the same bytes.
func FuzzPeek(f *testing.F) {
	spec := *params.Minimal()
	for fork, at := range map[params.Fork]*params.Epoch{
		params.Altair: &spec.AltairForkEpoch, params.Bellatrix: &spec.BellatrixForkEpoch, params.Capella: &spec.CapellaForkEpoch, params.Deneb: &spec.DenebForkEpoch,
		params.Electra: &spec.ElectraForkEpoch, params.Fulu: &spec.FuluForkEpoch, params.Gloas: &spec.GloasForkEpoch,
	} {
		*at = params.Epoch(fork)
	}
	for fork := range params.Gloas + 1 {
		slot := types.Slot(uint64(fork) * spec.SlotsPerEpoch)
		state := types.NewBeaconState(&spec, fork)
		state.Slot, state.Fork.CurrentVersion = slot, spec.ForkVersion(fork)
		block := &types.SignedBeaconBlock{Message: types.BeaconBlock{Slot: slot}}
		for isBlock, o := range map[bool]ssz.Object{false: state, true: block} {
			if encoded, err := ssz.Marshal(ssz.Context{Spec: &spec, Fork: fork}, ssz.Container(o)); err == nil && len(encoded) < 1<<16 {
				f.Add(isBlock, encoded)
			}
		}
	}
	f.Fuzz(func(t *testing.T, isBlock bool, src []byte) {
		var o ssz.Object
		var cx ssz.Context
		var err error
		checkAllocation(t, len(src), func() {
			if isBlock {
				var b *types.SignedBeaconBlock
				b, cx, err = types.DecodeSignedBeaconBlock(&spec, src)
				o = b
				return
			}
			var s *types.BeaconState
			if s, err = types.DecodeBeaconState(&spec, src); err == nil {
				o, cx = s, ssz.Context{Spec: &spec, Fork: spec.ForkAtSlot(s.Slot)}
			}
		})
		if err != nil {
			return
		}
		if again, err := ssz.Marshal(cx, ssz.Container(o)); err != nil || !bytes.Equal(again, src) {
			t.Fatalf("%d bytes of %v encode to %d: %v", len(src), cx.Fork, len(again), err)
		}
	})
}
