package simnet

import (
	"testing"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/transition"
	"github.com/cresset/cresset/beacon/types"
)

func TestEveryForkFinalizes(t *testing.T) {
	for fork := params.Phase0; fork <= params.Gloas; fork++ {
		t.Run(fork.String(), func(t *testing.T) {
			spec, err := Spec(fork)
			if err != nil {
				t.Fatal(err)
			}
			n, err := New(spec, 64, 1_700_000_000)
			if err != nil {
				t.Fatal(err)
			}
			engine, err := n.Engine(nil)
			if err != nil || engine == nil {
				t.Fatal(err)
			}
			tip := n.Genesis()
			var votes []types.Attestation
			for slot := types.Slot(1); slot <= 4*8+1; slot++ {
				pre := tip.State.Copy()
				block, next, err := n.Block(tip, slot, votes, "test")
				if err != nil {
					t.Fatal(err)
				}
				hooks := transition.Hooks{Signatures: &transition.SignatureBatch{}}
				if _, err := transition.StateTransition(pre, block, hooks); err != nil {
					t.Fatalf("slot %d: %v", slot, err)
				}
				if err := hooks.Signatures.Verify(); err != nil {
					t.Fatalf("slot %d: %v", slot, err)
				}
				if tip = next; next.Payload != nil {
					if _, err := transition.VerifyExecutionPayloadEnvelope(pre, next.Payload, hooks); err != nil {
						t.Fatalf("slot %d: %v", slot, err)
					}
					if err := hooks.Signatures.Verify(); err != nil {
						t.Fatalf("slot %d: %v", slot, err)
					}
					tip = next.WithPayload()
				}
				if votes, err = n.Votes(tip, slot, Everyone); err != nil {
					t.Fatal(err)
				}
			}
			if got := tip.State.FinalizedCheckpoint.Epoch; got != 2 {
				t.Errorf("finalized epoch %d after four epochs, want 2", got)
			}
		})
	}
}
