package synthetic_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/synthetic"
	"github.com/cresset/cresset/beacon/transition"
	"github.com/cresset/cresset/beacon/types"
)

// forEach runs f for both forks and both presets. The short tests leave mainnet's preset, whose sync committees take a
// second to draw, to TestBlocksVerify.
func forEach(t *testing.T, f func(t *testing.T, spec *params.Spec, fork params.Fork)) {
	specs := []*params.Spec{params.Minimal(), params.Mainnet()}
	if testing.Short() && t.Name() != "TestBlocksVerify" {
		specs = specs[:1]
	}
	for _, spec := range specs {
		for _, fork := range []params.Fork{params.Fulu, params.Gloas} {
			t.Run(fmt.Sprintf("%s/%v", spec.PresetBase, fork), func(t *testing.T) { f(t, spec, fork) })
		}
	}
}

func state(t testing.TB, c synthetic.Config) (*transition.State, *synthetic.Chain) {
	t.Helper()
	s, chain, err := synthetic.State(c)
	if err != nil {
		t.Fatal(err)
	}
	return s, chain
}

func root(t testing.TB, s *transition.State) types.Root {
	t.Helper()
	r, err := s.HashTreeRoot()
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// next builds a block and applies it as a node would, with all its signatures and its state root.
func next(t testing.TB, chain *synthetic.Chain, parent *transition.State) (*types.SignedBeaconBlock, *transition.State) {
	t.Helper()
	block, after, err := chain.NextBlock(parent)
	if err != nil {
		t.Fatal(err)
	}
	s, batch := parent.Copy(), new(transition.SignatureBatch)
	if _, err := transition.StateTransition(s, block, transition.Hooks{Signatures: batch}); err != nil {
		t.Fatal(err)
	}
	if want := 11; batch.Len() < want {
		t.Fatalf("block has %d signatures, want at least %d", batch.Len(), want)
	}
	if err := batch.Verify(); err != nil {
		t.Fatal(err)
	}
	if root(t, s) != root(t, after) {
		t.Fatal("the state that came with the block is another")
	}
	return block, after
}

// Blocks verify, across the end of an epoch, and are as full as they claim to be.
func TestBlocksVerify(t *testing.T) {
	forEach(t, func(t *testing.T, spec *params.Spec, fork params.Fork) {
		c := synthetic.Default(spec, fork, 2000, 1200)
		c.SlotInEpoch = spec.SlotsPerEpoch - 2
		s, chain := state(t, c)
		for range 3 {
			var block *types.SignedBeaconBlock
			block, s = next(t, chain, s)
			body := &block.Message.Body
			if uint64(len(body.Attestations)) != spec.MaxAttestationsElectra {
				t.Errorf("block has %d attestations, want %d", len(body.Attestations), spec.MaxAttestationsElectra)
			}
			withdrawals := body.ExecutionPayload.Withdrawals
			if fork >= params.Gloas {
				withdrawals = s.PayloadExpectedWithdrawals
				checkEnvelope(t, chain, s)
			}
			if uint64(len(withdrawals)) != spec.MaxWithdrawalsPerPayload {
				t.Errorf("payload has %d withdrawals, want %d", len(withdrawals), spec.MaxWithdrawalsPerPayload)
			}
		}
	})
}

func checkEnvelope(t *testing.T, chain *synthetic.Chain, s *transition.State) {
	t.Helper()
	envelope, err := chain.Envelope(s)
	if err != nil {
		t.Fatal(err)
	}
	batch := new(transition.SignatureBatch)
	if _, err := transition.VerifyExecutionPayloadEnvelope(s, envelope, transition.Hooks{Signatures: batch}); err != nil {
		t.Fatal(err)
	}
	if err := batch.Verify(); err != nil {
		t.Fatal(err)
	}
}

// A seed always gives the same state and the same block, another seed another state.
func TestDeterministic(t *testing.T) {
	forEach(t, func(t *testing.T, spec *params.Spec, fork params.Fork) {
		c := synthetic.Default(spec, fork, 2000, 1200)
		a, chain := state(t, c)
		b, _ := state(t, c)
		if root(t, a) != root(t, b) {
			t.Error("one config gave two states")
		}
		first, _ := next(t, chain, a)
		second, _ := next(t, chain, b)
		if first.Signature != second.Signature || first.Message.StateRoot != second.Message.StateRoot {
			t.Error("one state gave two blocks")
		}
		c.Seed++
		if other, _ := state(t, c); root(t, a) == root(t, other) {
			t.Error("two seeds gave one state")
		}
	})
}

// The state has what its config asks for, in every part that is a list, and survives encoding.
func TestStateIsFull(t *testing.T) {
	forEach(t, func(t *testing.T, spec *params.Spec, fork params.Fork) {
		c := synthetic.Default(spec, fork, 2000, 1200)
		c.BuilderDeposits = 50
		s, chain := state(t, c)
		active, builders, older := s.GetActiveValidatorIndices(s.GetCurrentEpoch()), 0, 0
		for _, i := range active {
			if int(i) < c.Validators/2 {
				older++
			}
		}
		if len(active) != c.Active || older > c.Active*2/5 {
			t.Errorf("%d validators are active, %d of them in the older half; want %d, fewer than two fifths", len(active), older, c.Active)
		}
		for i := range s.PendingDeposits.Len() {
			if transition.IsBuilderWithdrawalCredential(s.PendingDeposits.At(i).WithdrawalCredentials) {
				builders++
			}
		}
		if builders != c.BuilderDeposits {
			t.Errorf("%d deposits of builders, want %d", builders, c.BuilderDeposits)
		}
		for name, lengths := range map[string][2]int{
			"pending deposits":    {s.PendingDeposits.Len(), c.PendingDeposits},
			"partial withdrawals": {s.PendingPartialWithdrawals.Len(), c.PartialWithdrawals},
			"consolidations":      {s.PendingConsolidations.Len(), c.Consolidations},
			"builders":            {s.Builders.Len(), c.Builders},
			"inactivity scores":   {s.InactivityScores.Len(), c.Validators},
		} {
			if lengths[0] != lengths[1] {
				t.Errorf("%s: %d, want %d", name, lengths[0], lengths[1])
			}
		}
		for i := range s.BlockRoots.Len() {
			if s.BlockRoots.At(i) == (types.Root{}) || s.StateRoots.At(i) == (types.Root{}) {
				t.Fatalf("no root at slot %d of the history", i)
			}
		}
		encoded, err := s.MarshalSSZ()
		if err != nil {
			t.Fatal(err)
		}
		decoded := types.NewBeaconState(chain.Spec(), fork)
		if err := decoded.UnmarshalSSZ(encoded); err != nil {
			t.Fatal(err)
		}
		if got, err := decoded.HashTreeRoot(); err != nil || got != root(t, s) {
			t.Errorf("decoded state has root %v (%v), want %v", got, err, root(t, s))
		}
	})
}

// In the epoch after, 99 in 100 have voted for the right target, so that it is justified.
func TestParticipation(t *testing.T) {
	forEach(t, func(t *testing.T, spec *params.Spec, fork params.Fork) {
		c := synthetic.Default(spec, fork, 2000, 2000)
		c.SlotInEpoch, c.Backlog = spec.SlotsPerEpoch-1, 1
		s, _ := state(t, c)
		before := s.CurrentJustifiedCheckpoint.Epoch
		voted := 0
		for i := range s.PreviousEpochParticipation.Len() {
			if transition.HasFlag(s.PreviousEpochParticipation.At(i), params.TimelyTargetFlagIndex) {
				voted++
			}
		}
		if voted < 1950 || voted > 1999 {
			t.Errorf("%d of 2000 have voted", voted)
		}
		if err := transition.ProcessSlots(s, s.Slot+1); err != nil {
			t.Fatal(err)
		}
		if s.CurrentJustifiedCheckpoint.Epoch != before+1 {
			t.Errorf("justified epoch went from %d to %d", before, s.CurrentJustifiedCheckpoint.Epoch)
		}
		if s.FinalizedCheckpoint.Epoch != before {
			t.Errorf("finalized epoch is %d, want %d", s.FinalizedCheckpoint.Epoch, before)
		}
	})
}

// The upgrade takes the deposits of builders out of the queue, but for those at its front that came first.
func TestUpgradeToGloas(t *testing.T) {
	c := synthetic.Default(params.Minimal(), params.Fulu, 2000, 1200)
	c.SlotInEpoch, c.UpgradeNext, c.BuilderDeposits = params.Minimal().SlotsPerEpoch-1, true, 100
	s, _ := state(t, c)
	if err := transition.ProcessSlots(s, s.Slot+1); err != nil {
		t.Fatal(err)
	}
	if s.Cx.Fork != params.Gloas || s.Builders.Len() < c.BuilderDeposits-10 || s.Builders.Len() > c.BuilderDeposits {
		t.Errorf("fork %v with %d builders, want %v with %d or a few less", s.Cx.Fork, s.Builders.Len(), params.Gloas, c.BuilderDeposits)
	}
	for i := range s.PendingDeposits.Len() {
		if transition.IsBuilderWithdrawalCredential(s.PendingDeposits.At(i).WithdrawalCredentials) {
			t.Fatalf("deposit %d of a builder is still in the queue", i)
		}
	}
}

// A file of keys is made, used again, and made anew when it is damaged or something else.
func TestKeyFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys.bin")
	keys, err := synthetic.NewKeys(1)
	if err != nil {
		t.Fatal(err)
	}
	pubkeys := keys.Pubkeys(0, 100)
	if want := types.BLSPubkey(keys.Secret(99).PublicKey().Bytes()); pubkeys[99] != want {
		t.Fatalf("public key 99 is %v, want %v", pubkeys[99], want)
	}
	damage := map[string]func() error{
		"absent":    func() error { return nil },
		"unchanged": func() error { return nil },
		"cut off":   func() error { return os.Truncate(path, 1000) },
		"foreign":   func() error { return os.WriteFile(path, []byte("this is no file of keys"), 0o644) },
	}
	for _, name := range []string{"absent", "unchanged", "cut off", "foreign"} {
		if err := damage[name](); err != nil {
			t.Fatal(err)
		}
		cache, err := synthetic.LoadKeys(path, pubkeys)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if cache.Len() != len(pubkeys) {
			t.Errorf("%s: %d keys, want %d", name, cache.Len(), len(pubkeys))
		}
	}
}

// A config that makes no sense is refused.
func TestConfigIsChecked(t *testing.T) {
	for name, change := range map[string]func(*synthetic.Config){
		"fork":     func(c *synthetic.Config) { c.Fork = params.Electra },
		"active":   func(c *synthetic.Config) { c.Active = c.Validators + 1 },
		"slot":     func(c *synthetic.Config) { c.SlotInEpoch = c.Spec.SlotsPerEpoch },
		"backlog":  func(c *synthetic.Config) { c.Backlog = 0 },
		"builders": func(c *synthetic.Config) { c.Builders = 1 },
	} {
		c := synthetic.Default(params.Minimal(), params.Fulu, 100, 100)
		change(&c)
		if _, _, err := synthetic.State(c); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
