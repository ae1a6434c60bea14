package spectest

import (
	"fmt"
	"testing"

	"github.com/cresset/cresset/beacon/transition"
	"github.com/cresset/cresset/beacon/types"
)

// runSlots processes empty slots. Format: tests/formats/sanity/slots.md.
func runSlots(t *testing.T, c *Case) {
	readMeta(c)
	var slots types.Slot
	c.MustYAML("slots", &slots)
	s := readState(t, c, "pre")
	checkPost(t, c, s, transition.ProcessSlots(s, s.Slot+slots))
}

// runBlocks applies blocks one after the other. Format: tests/formats/sanity/blocks.md, finality, random.
func runBlocks(t *testing.T, c *Case) {
	m := readMeta(c)
	s := readState(t, c, "pre")
	var err error
	for i := range m.BlocksCount {
		block := decode[types.SignedBeaconBlock](t, c, fmt.Sprintf("blocks_%d", i)) // those behind an invalid one, too
		if err == nil {
			err = applyBlock(s, block, m)
		}
	}
	checkPost(t, c, s, err)
}

// applyBlock applies a block and verifies its signatures.
func applyBlock(s *transition.State, block *types.SignedBeaconBlock, m meta) error {
	h := transition.Hooks{Signatures: m.signatures()}
	if _, err := transition.StateTransition(s, block, h); err != nil {
		return fmt.Errorf("block at slot %d: %w", block.Message.Slot, err)
	}
	if h.Signatures == nil {
		return nil
	}
	return h.Signatures.Verify()
}
