package store

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/types"
)

// No bytes make opening a record panic, or give more than is allowed; what was sealed comes back.
func FuzzRecord(f *testing.F) {
	p, err := newPacker()
	check(f, err)
	key := []byte("key")
	f.Add(seal(key, []byte("value")))
	f.Add(p.pack(key, bytes.Repeat([]byte("value"), 100)))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, record []byte) {
		const limit = 4096
		value, err := p.open(key, record, limit)
		if err == nil && len(value) > limit {
			t.Fatalf("%d bytes come out, at most %d are allowed", len(value), limit)
		}
		// The same bytes under a right checksum reach the codecs.
		if len(record) > 0 {
			body := slices.Clone(record)
			sum := checksum(key, body)
			if value, err := p.open(key, append(body, byte(sum), byte(sum>>8), byte(sum>>16), byte(sum>>24)), limit); err == nil && len(value) > limit {
				t.Fatalf("%d bytes come out, at most %d are allowed", len(value), limit)
			}
		}
		for _, sealed := range [][]byte{seal(key, record), p.pack(key, record)} {
			back, err := p.open(key, sealed, len(record))
			if err != nil || !bytes.Equal(back, record) {
				t.Fatalf("%d bytes come back as %d: %v", len(record), len(back), err)
			}
		}
	})
}

// No bytes make a head panic; one that decodes encodes to the same bytes.
func FuzzHead(f *testing.F) {
	f.Add(head{diff: true, fork: params.Electra, root: types.Root{1}, base: StateKey{types.Root{2}, 3}, lengths: lengths{5, 6}}.encode())
	f.Add(head{}.encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		if h, err := decodeHead(b); err == nil && !bytes.Equal(h.encode(), b) {
			t.Fatalf("%x encodes to %x", b, h.encode())
		}
	})
}

// No key makes describe panic.
func FuzzDescribe(f *testing.F) {
	for _, k := range kinds() {
		f.Add(append(k.at(), make([]byte, 42)...))
	}
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, key []byte) {
		if describe(key) == "" {
			t.Fatalf("%x has no words", key)
		}
	})
}

// No bytes make applying a difference panic; the base is never changed.
func FuzzApplyDiff(f *testing.F) {
	states := recordedStates(f, load(f, "fulu"))
	base := states[2]
	root := mustRoot(f, base)
	for _, st := range states[:5] {
		diff, err := diffStates(base, st)
		check(f, err)
		f.Add(diff, uint8(params.Fulu))
	}
	f.Fuzz(func(t *testing.T, diff []byte, fork uint8) {
		cx := ssz.Context{Spec: base.Cx.Spec, Fork: params.Fork(fork % uint8(params.Gloas+1))}
		if st, err := applyDiff(base, cx, diff); err == nil {
			_, _ = st.HashTreeRoot() // may fail, but not otherwise
		}
		c := base.Copy()
		if have, err := c.HashTreeRoot(); err != nil || have != root {
			t.Fatalf("base has changed: %v", err)
		}
	})
}

// Differences lead from any state of a family of random histories to any other: later or earlier, on any branch, across the fork that
// makes lists progressive; and from what was rebuilt back again.
func TestDiffOfRandomHistories(t *testing.T) {
	start := recordedStates(t, load(t, "fulu"))[3]
	gloas := func(st *types.BeaconState) { // as the upgrade does, as far as lists go
		st.Cx.Fork = params.Gloas
		st.LatestExecutionPayloadHeader = types.ExecutionPayloadHeader{}
		for _, l := range []interface{ Reshape(bool) }{
			&st.Validators, &st.Balances, &st.PreviousEpochParticipation, &st.CurrentEpochParticipation, &st.InactivityScores,
			&st.PendingDeposits, &st.PendingPartialWithdrawals, &st.PendingConsolidations, &st.Builders, &st.BuilderPendingWithdrawals,
		} {
			l.Reshape(true)
		}
		st.BuilderPendingPayments.Fill(int(2 * st.Cx.Spec.SlotsPerEpoch))
		st.PTCWindow = make([]*types.PTC, (2+uint64(st.Cx.Spec.MinSeedLookahead))*st.Cx.Spec.SlotsPerEpoch)
		for i := range st.PTCWindow {
			st.PTCWindow[i] = ssz.Share(slices.Repeat([]types.ValidatorIndex{types.ValidatorIndex(i)}, int(st.Cx.Spec.PTCSize)))
		}
	}
	rapid.Check(t, func(rt *rapid.T) {
		family := []*types.BeaconState{start}
		if rapid.Bool().Draw(rt, "large") {
			large := start.Copy()
			grow(large, 3000)
			_, err := large.Freeze()
			check(t, err)
			family = append(family, large)
		}
		for range rapid.IntRange(1, 6).Draw(rt, "states") {
			st := rapid.SampledFrom(family).Draw(rt, "parent").Copy()
			if st.Cx.Fork < params.Gloas && rapid.IntRange(0, 3).Draw(rt, "upgrade") == 0 {
				gloas(st)
			}
			for range rapid.IntRange(0, 12).Draw(rt, "changes") {
				mutate(rt, st)
			}
			_, err := st.Freeze()
			check(t, err)
			family = append(family, st)
		}
		base, st := rapid.SampledFrom(family).Draw(rt, "base"), rapid.SampledFrom(family).Draw(rt, "state")
		got := throughDiff(t, base, st)
		throughDiff(t, got, base)
	})
}

// mutate makes a change of the kind that a block or an epoch makes, or that only another branch can.
func mutate(rt *rapid.T, st *types.BeaconState) {
	index := func(n int) int { return rapid.IntRange(0, n-1).Draw(rt, "index") }
	value := func() uint64 {
		return rapid.OneOf(rapid.Uint64(), rapid.Uint64Range(0, 3), rapid.Just(^uint64(0))).Draw(rt, "value")
	}
	at := types.ValidatorIndex(index(st.Validators.Len()))
	switch rapid.IntRange(0, 20).Draw(rt, "kind") {
	case 0:
		st.Slot += types.Slot(rapid.Uint64Range(0, 20).Draw(rt, "slots"))
	case 1:
		st.Balances.Set(int(at), types.Gwei(value()))
	case 2: // rewards
		for i := range st.Balances.Len() {
			st.Balances.Set(i, st.Balances.At(i)+types.Gwei(i%5))
		}
	case 3:
		st.PreviousEpochParticipation = st.CurrentEpochParticipation.Copy()
		st.CurrentEpochParticipation.Zero(st.Validators.Len())
	case 4:
		st.CurrentEpochParticipation.Set(int(at), uint8(value()))
	case 5:
		grow(st, rapid.IntRange(1, 70).Draw(rt, "new"))
	case 6:
		st.Validators.SetEffectiveBalance(at, types.Gwei(value()))
		st.Validators.SetActivationEpoch(at, types.Epoch(value()))
		st.Validators.SetActivationEligibilityEpoch(at, types.Epoch(value()))
	case 7:
		st.Validators.SetExitEpoch(at, types.Epoch(value()))
		st.Validators.SetWithdrawableEpoch(at, types.Epoch(value()))
		st.Validators.SetSlashed(at)
	case 8:
		st.Validators.SetWithdrawalCredentials(at, types.Root{byte(value())})
	case 9: // another branch registered another validator here
		v := st.Validators.At(at)
		v.Pubkey, v.Slashed = types.BLSPubkey{byte(value()), 3}, !v.Slashed
		st.Validators.Set(at, v)
	case 10:
		st.BlockRoots.Set(index(st.BlockRoots.Len()), types.Root{byte(value())})
		st.StateRoots.Set(index(st.StateRoots.Len()), types.Root{byte(value())})
	case 11:
		st.RandaoMixes.Set(index(st.RandaoMixes.Len()), types.Root{byte(value())})
		st.Slashings.Set(index(st.Slashings.Len()), types.Gwei(value()))
	case 12:
		st.PendingDeposits.DropFront(index(st.PendingDeposits.Len() + 1))
	case 13:
		for i := range rapid.IntRange(1, 100).Draw(rt, "deposits") {
			st.PendingDeposits.Append(types.PendingDeposit{Amount: types.Gwei(i), Slot: st.Slot})
		}
	case 14:
		if n := st.PendingDeposits.Len(); n > 0 {
			st.PendingDeposits.Mutable(index(n)).Amount++
		}
		st.PendingConsolidations.Append(types.PendingConsolidation{SourceIndex: at})
	case 15:
		st.Eth1DataVotes = types.Eth1DataVotes{}
		st.Eth1DataVotes.Append(types.Eth1Data{DepositCount: value()})
	case 16:
		st.HistoricalSummaries.Append(types.HistoricalSummary{BlockSummaryRoot: types.Root{byte(value())}})
		st.HistoricalRoots.Append(types.Root{byte(value())})
	case 17:
		st.CurrentSyncCommittee = st.NextSyncCommittee
		next := st.NextSyncCommittee.Value
		next.AggregatePubkey = types.BLSPubkey{byte(value())}
		st.NextSyncCommittee = ssz.Share(next)
	case 18:
		st.InactivityScores.Set(int(at), value())
		st.PendingPartialWithdrawals.Append(types.PendingPartialWithdrawal{ValidatorIndex: at, Amount: types.Gwei(value())})
	case 19:
		if st.Since(params.Gloas) {
			st.Builders.Append(types.Builder{Balance: types.Gwei(value())})
			st.BuilderPendingWithdrawals.Append(types.BuilderPendingWithdrawal{Amount: types.Gwei(value())})
			st.BuilderPendingPayments.Mutable(index(st.BuilderPendingPayments.Len())).Weight = types.Gwei(value())
		}
	case 20:
		if st.Since(params.Gloas) {
			n := int(st.Cx.Spec.SlotsPerEpoch)
			st.PTCWindow = append(slices.Clone(st.PTCWindow[n:]), st.PTCWindow[:n]...)
			st.PTCWindow[index(len(st.PTCWindow))] = ssz.Share(slices.Repeat([]types.ValidatorIndex{at}, int(st.Cx.Spec.PTCSize)))
		}
	}
}

// A difference in which bytes are changed, cut or doubled gives an error or some state; it never panics, and its base stays as it is.
func TestDamagedDiffs(t *testing.T) {
	states := recordedStates(t, load(t, "fulu"))
	base, st := states[2], states[4]
	diff, err := diffStates(base, st)
	check(t, err)
	want := mustRoot(t, base)
	rng := rand.New(rand.NewPCG(5, 6))
	refused := 0
	for range 400 {
		bad := slices.Clone(diff)
		at := rng.IntN(len(bad))
		if rng.IntN(2) == 0 { // behind the skeleton, which is most of it
			at = len(bad) - 1 - rng.IntN(len(bad)/8)
		}
		switch rng.IntN(3) {
		case 0:
			bad[at] ^= byte(1 + rng.IntN(255))
		case 1:
			bad = bad[:at]
		default:
			bad = slices.Concat(bad[:at], bad[max(0, at-rng.IntN(40)):])
		}
		cx := ssz.Context{Spec: base.Cx.Spec, Fork: []params.Fork{params.Fulu, params.Fulu, params.Phase0, params.Gloas}[rng.IntN(4)]}
		got, err := applyDiff(base, cx, bad)
		if err != nil {
			refused++
			continue
		}
		_, _ = got.HashTreeRoot() // it may be no state at all
	}
	fresh, err := types.DecodeBeaconState(base.Cx.Spec, marshalled(t, base))
	check(t, err)
	if have := mustRoot(t, fresh); have != want {
		t.Errorf("the base has root %v, want %v", have, want)
	}
	if refused < 100 {
		t.Errorf("%d of 400 are refused", refused)
	}
}

func marshalled(t testing.TB, st *types.BeaconState) []byte {
	t.Helper()
	raw, err := st.MarshalSSZ()
	check(t, err)
	return raw
}
