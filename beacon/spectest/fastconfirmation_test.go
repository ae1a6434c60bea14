package spectest

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/cresset/cresset/beacon/types"
	"github.com/cresset/cresset/forkchoice"
)

// fastConfirmationChecks are the checks of the fast confirmation rule's variables.
var fastConfirmationChecks = []string{
	"confirmed_root", "current_epoch_observed_justified_checkpoint", "current_slot_head",
	"previous_epoch_greatest_unrealized_checkpoint", "previous_epoch_observed_justified_checkpoint", "previous_slot_head",
	"safe_execution_block_hash",
}

// patientChain keeps votes that come in their own slot until that is over: the cases count on it that "past slot attestations are
// applied" when the rule runs.
type patientChain struct {
	*smallChain
	waiting []*types.Attestation
}

// Attestation implements chainDriver.
func (c *patientChain) Attestation(a *types.Attestation) error {
	err := c.smallChain.Attestation(a)
	if errors.Is(err, forkchoice.ErrFuture) {
		c.waiting = append(c.waiting, a)
		return nil
	}
	return err
}

// Tick implements chainDriver.
func (c *patientChain) Tick(seconds uint64) error {
	if err := c.smallChain.Tick(seconds); err != nil {
		return err
	}
	waiting := c.waiting
	c.waiting = nil
	for _, a := range waiting {
		if err := c.Attestation(a); err != nil {
			return err
		}
	}
	return nil
}

// runFastConfirmation runs a case of fast_confirmation: the rule runs where its variables are checked, which is once a slot,
// "at the start of each slot after all past slot attestations are applied". Format: tests/formats/fast_confirmation.
func runFastConfirmation(t *testing.T, c *Case) {
	cc := readChainCase(t, c)
	chain := patientChain{smallChain: newSmallChain(t, c, cc)}
	lastRun := ^uint64(0)
	cc.run(t, c, &chain, func(name string, want *yaml.Node) error {
		if slices.Contains(fastConfirmationChecks, name) && chain.store.Time() != lastRun {
			lastRun = chain.store.Time()
			if err := chain.store.OnFastConfirmation(); err != nil {
				return err
			}
		}
		return chain.check(name, want)
	})
	if lastRun == ^uint64(0) {
		t.Fatal("no step checks the fast confirmation rule")
	}
}

// checkFastConfirmation holds one variable of the fast confirmation rule against what a step expects.
func (c *smallChain) checkFastConfirmation(name string, want *yaml.Node) error {
	f := c.store.FastConfirmation()
	switch name {
	case "previous_epoch_observed_justified_checkpoint":
		return checkCheckpoint(want, f.PreviousEpochObservedJustifiedCheckpoint)
	case "current_epoch_observed_justified_checkpoint":
		return checkCheckpoint(want, f.CurrentEpochObservedJustifiedCheckpoint)
	case "previous_epoch_greatest_unrealized_checkpoint":
		return checkCheckpoint(want, f.PreviousEpochGreatestUnrealizedCheckpoint)
	case "previous_slot_head":
		return checkRoot(want, f.PreviousSlotHead)
	case "current_slot_head":
		return checkRoot(want, f.CurrentSlotHead)
	case "confirmed_root":
		return checkRoot(want, f.ConfirmedRoot)
	case "safe_execution_block_hash":
		return checkRoot(want, c.store.GetSafeExecutionBlockHash())
	}
	return fmt.Errorf("unknown check %q", name)
}
