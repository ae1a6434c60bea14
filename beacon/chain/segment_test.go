package chain

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/cresset/cresset/beacon/engine/mock"
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/types"
)

// run is a chain of blocks for a segment, and its history.
func (w *world) run(to types.Slot) ([]*types.SignedBeaconBlock, *history) {
	w.t.Helper()
	h := &history{next: 1}
	var blocks []*types.SignedBeaconBlock
	for _, i := range w.grown(h, to) {
		blocks = append(blocks, i.block)
	}
	w.at(to+1, 0)
	return blocks, h
}

// changed is the blocks with one of them changed.
func changed(blocks []*types.SignedBeaconBlock, at int, change func(*types.SignedBeaconBlock)) []*types.SignedBeaconBlock {
	out := slices.Clone(blocks)
	wrong := *blocks[at]
	change(&wrong)
	out[at] = &wrong
	return out
}

// What precedes a block that is wrong in itself is imported, and the error is about that block.
func TestASegmentIsImportedUpToAWrongBlock(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, rule string
		change     func(*types.SignedBeaconBlock)
	}{
		{"wrong state root", "state_root", func(b *types.SignedBeaconBlock) { b.Message.StateRoot[0] ^= 1 }},
		{"wrong proposer", "proposer", func(b *types.SignedBeaconBlock) { b.Message.ProposerIndex ^= 1 }},
		{"wrong state root and signatures", "state_root", func(b *types.SignedBeaconBlock) {
			b.Message.StateRoot[0] ^= 1
			b.Signature, b.Message.Body.RandaoReveal = b.Message.Body.RandaoReveal, b.Signature
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, params.Fulu, nil)
			blocks, h := w.run(12)
			n, err := w.ImportSegment(context.Background(), changed(blocks, 9, c.change)[:10], RangeSync)
			var rejected *RejectedError
			if n != 9 || !errors.As(err, &rejected) || rejected.Slot != 10 || !strings.Contains(err.Error(), c.rule) {
				t.Fatalf("%d blocks, %v; want 9 and %q of slot 10", n, err, c.rule)
			}
			w.wantHead(h.items[8].tip)
			n, err = w.ImportSegment(context.Background(), blocks, RangeSync)
			if check(t, err); n != len(blocks) {
				t.Errorf("%d of %d blocks", n, len(blocks))
			}
			w.wantHead(h.tip())
		})
	}
}

// Signatures are checked together: with a wrong one nothing of the run is imported, and the error is about its block.
func TestAWrongSignatureInASegmentNamesItsBlock(t *testing.T) {
	t.Parallel()
	w := newWorld(t, params.Fulu, nil)
	blocks, h := w.run(12)
	for at, change := range map[int]func(*types.SignedBeaconBlock){
		0:  func(b *types.SignedBeaconBlock) { b.Signature = blocks[1].Signature },
		9:  func(b *types.SignedBeaconBlock) { b.Signature = blocks[1].Signature },
		11: func(b *types.SignedBeaconBlock) { b.Signature = types.BLSSignature{} },
	} {
		n, err := w.ImportSegment(context.Background(), changed(blocks, at, change), RangeSync)
		var rejected *RejectedError
		if n != 0 || !errors.As(err, &rejected) || rejected.Slot != types.Slot(at+1) || rejected.Root != h.items[at].tip.Root || !strings.Contains(err.Error(), "signature") {
			t.Errorf("%d blocks, %v; want none and the signature of slot %d", n, err, at+1)
		}
		if _, rejected := w.rejected.find(h.items[at].tip.Root); rejected {
			t.Errorf("the block of slot %d is condemned for a signature that anybody may have put there", at+1)
		}
	}
	w.wantHead(w.net.Genesis())
	for _, i := range h.items {
		if w.states.latest(i.tip.Root, 100) != nil {
			t.Errorf("a state of slot %d is kept, and the signatures are wrong", i.tip.Slot)
		}
	}
	n, err := w.ImportSegment(context.Background(), blocks, RangeSync)
	if check(t, err); n != len(blocks) {
		t.Errorf("%d of %d blocks", n, len(blocks))
	}
	w.wantHead(h.tip())
}

func TestASegmentIsARun(t *testing.T) {
	t.Parallel()
	w := newWorld(t, params.Fulu, nil)
	blocks, h := w.run(6)
	if n, err := w.ImportSegment(context.Background(), slices.Delete(slices.Clone(blocks), 2, 3), RangeSync); n != 0 || err == nil {
		t.Errorf("a gap: %d blocks, %v", n, err)
	}
	if n, err := w.ImportSegment(context.Background(), blocks[1:], RangeSync); n != 0 || !errors.Is(err, ErrUnknownParent) {
		t.Errorf("on an unknown block: %d blocks, %v", n, err)
	}
	if n, err := w.ImportSegment(context.Background(), nil, RangeSync); n != 0 || err != nil {
		t.Errorf("no blocks: %d blocks, %v", n, err)
	}
	n, err := w.ImportSegment(context.Background(), blocks, RangeSync)
	if check(t, err); n != 6 {
		t.Errorf("%d blocks", n)
	}
	n, err = w.ImportSegment(context.Background(), blocks, RangeSync)
	if check(t, err); n != 6 {
		t.Errorf("again: %d blocks", n)
	}
	w.wantHead(h.tip())
}

// A block of the future ends a segment.
func TestASegmentEndsWithThePresent(t *testing.T) {
	t.Parallel()
	w := newWorld(t, params.Fulu, nil)
	h := &history{next: 1}
	var blocks []*types.SignedBeaconBlock
	for _, i := range w.grown(h, 6) {
		blocks = append(blocks, i.block)
	}
	w.at(4, 0)
	if n, err := w.ImportSegment(context.Background(), blocks, RangeSync); n != 4 || !errors.Is(err, ErrFutureSlot) {
		t.Errorf("%d blocks, %v; want 4 and %v", n, err, ErrFutureSlot)
	}
	w.wantHead(h.items[3].tip)
}

// Checkpoints that are justified and finalized by the blocks of one segment are found in it, whatever states the cache has room for.
func TestCheckpointsInsideASegment(t *testing.T) {
	t.Parallel()
	for _, fork := range []params.Fork{params.Phase0, params.Fulu} {
		for name, bytes := range map[string]int{"all states in memory": 0, "one state in memory": 1} {
			t.Run(fork.String()+", "+name, func(t *testing.T) {
				w := newWorld(t, fork, func(cfg *Config) { cfg.StateBytes = bytes })
				blocks, h := w.run(6*8 + 3)
				n, err := w.ImportSegment(context.Background(), blocks, RangeSync)
				if check(t, err); n != len(blocks) {
					t.Errorf("%d of %d blocks", n, len(blocks))
				}
				w.wantHead(h.tip())
				s := w.Snapshot()
				if want := h.tip().State; s.Finalized != want.FinalizedCheckpoint || s.Justified != want.CurrentJustifiedCheckpoint || s.Finalized.Epoch != 4 {
					t.Errorf("justified %+v, finalized %+v, want %+v, %+v", s.Justified, s.Finalized, want.CurrentJustifiedCheckpoint, want.FinalizedCheckpoint)
				}
				w.shut()
				check(t, w.open())
				w.wantHead(h.tip())
			})
		}
	}
}

// envelopes is the payloads of a history's blocks.
func (h *history) envelopes() (out []*types.SignedExecutionPayloadEnvelope) {
	for _, i := range h.items {
		if i.tip.Payload != nil {
			out = append(out, i.tip.Payload)
		}
	}
	return out
}

// From Gloas on the payloads of a run come with it, and their signatures go into the same batch; what is wrong with one is told as such.
func TestASegmentBringsItsPayloads(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	w := newWorld(t, params.Gloas, nil)
	blocks, h := w.run(12)
	payloads := h.envelopes()
	if len(payloads) != len(blocks) {
		t.Fatalf("%d payloads of %d blocks", len(payloads), len(blocks))
	}
	wrong := func(at int, change func(*types.SignedExecutionPayloadEnvelope)) []*types.SignedExecutionPayloadEnvelope {
		out := slices.Clone(payloads)
		other := *payloads[at]
		change(&other)
		out[at] = &other
		return out
	}

	_, err := w.ImportSegment(ctx, blocks, RangeSync, wrong(4, func(p *types.SignedExecutionPayloadEnvelope) { p.Message.BeaconBlockRoot[0] ^= 1 })...)
	if err == nil || !strings.Contains(err.Error(), "not of the segment") {
		t.Fatalf("a payload of another block: %v", err)
	}

	n, err := w.ImportSegment(ctx, blocks, RangeSync, wrong(4, func(p *types.SignedExecutionPayloadEnvelope) { p.Signature = payloads[5].Signature })...)
	var rejected *RejectedError
	if n != 0 || !errors.As(err, &rejected) || rejected.Slot != 5 || !errors.Is(err, ErrPayload) {
		t.Fatalf("%d blocks, %v; want none, and the signature of the payload of slot 5", n, err)
	}

	n, err = w.ImportSegment(ctx, blocks, RangeSync, wrong(4, func(p *types.SignedExecutionPayloadEnvelope) { p.Message.BuilderIndex ^= 1 })...)
	if n != 5 || !errors.As(err, &rejected) || rejected.Slot != 5 || !errors.Is(err, ErrPayload) {
		t.Fatalf("%d blocks, %v; want 5, and the payload of slot 5", n, err)
	}
	if b := w.index.get(h.items[4].tip.Root); b == nil || b.PayloadKnown() {
		t.Fatal("the block of slot 5 is fine and its payload is not")
	}
	if b := w.index.get(h.items[3].tip.Root); !b.PayloadKnown() {
		t.Fatal("the payload of slot 4 is not known")
	}

	n, err = w.ImportSegment(ctx, blocks, RangeSync, slices.Delete(slices.Clone(payloads), 7, 8)...)
	var missing *PayloadMissingError
	if n != 8 || !errors.As(err, &missing) || !errors.Is(err, ErrUnknownParent) || missing.Slot != 9 || missing.Parent != h.items[7].tip.Root {
		t.Fatalf("%d blocks, %v; want 8: the one of slot 9 builds on a payload that is missing", n, err)
	}
	n, err = w.ImportSegment(ctx, blocks[8:], RangeSync)
	if n != 0 || !errors.As(err, &missing) || missing.Slot != 9 || missing.Parent != h.items[7].tip.Root {
		t.Fatalf("%d blocks, %v; want none: that of slot 9 builds on a payload that is missing", n, err)
	}

	n, err = w.ImportSegment(ctx, blocks, RangeSync, payloads...)
	if check(t, err); n != len(blocks) {
		t.Errorf("%d of %d blocks", n, len(blocks))
	}
	w.wantHead(h.tip())
	for _, i := range h.items {
		if b := w.index.get(i.tip.Root); !b.PayloadKnown() {
			t.Errorf("the payload of slot %d is not known", i.tip.Slot)
		}
	}
}

// Finality may move into a run that fails late. What is imported of it then is known when the whole run is tried again, though it does not descend from the finalized block.
func TestASegmentThatFinalityMovedIntoIsGoneOnWith(t *testing.T) {
	t.Parallel()
	for _, fork := range []params.Fork{params.Fulu, params.Gloas} {
		t.Run(fork.String(), func(t *testing.T) {
			w := newWorld(t, fork, nil)
			blocks, h := w.run(6*8 + 3)
			wrong := changed(blocks, len(blocks)-1, func(b *types.SignedBeaconBlock) { b.Message.StateRoot[0] ^= 1 })
			n, err := w.ImportSegment(context.Background(), wrong, RangeSync, h.envelopes()[:max(0, len(h.envelopes())-1)]...)
			if n != len(blocks)-1 || !errors.As(err, new(*RejectedError)) || w.Snapshot().FinalizedSlot == 0 {
				t.Fatalf("%d of %d blocks, %v; slot %d is finalized", n, len(blocks), err, w.Snapshot().FinalizedSlot)
			}
			n, err = w.ImportSegment(context.Background(), blocks, RangeSync, h.envelopes()...)
			if check(t, err); n != len(blocks) {
				t.Errorf("%d of %d blocks", n, len(blocks))
			}
			w.wantHead(h.tip())
			// What is not the chain's stays refused.
			other := changed(blocks[:1], 0, func(b *types.SignedBeaconBlock) { b.Message.Body.Graffiti[0] ^= 1 })
			if _, err := w.ImportSegment(context.Background(), other, RangeSync); !errors.As(err, new(*RejectedError)) {
				t.Errorf("another block of slot 1: %v", err)
			}
		})
	}
}

// A block whose payload the execution client calls invalid is rejected as such, and so is what builds on it: whoever passes it on may not be able to tell.
func TestAnInvalidPayloadIsToldFromAWrongBlock(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	for _, fork := range []params.Fork{params.Fulu, params.Gloas} {
		t.Run(fork.String(), func(t *testing.T) {
			w := newWorld(t, fork, nil)
			blocks, h := w.run(6)
			_, hash := executionHashes(fork, &blocks[3].Message.Body)
			w.mock.SetFaults(mock.Faults{InvalidFrom: hash})
			n, err := w.ImportSegment(ctx, blocks, RangeSync, h.envelopes()...)
			if !errors.Is(err, ErrInvalidPayload) || !errors.As(err, new(*RejectedError)) {
				t.Fatalf("%d blocks, %v; want an invalid payload", n, err)
			}
			if fork < params.Gloas {
				if _, err := w.ImportBlock(ctx, blocks[4], Gossip); !errors.Is(err, ErrInvalidPayload) {
					t.Errorf("a block on it: %v", err)
				}
			}
		})
	}
	w := newWorld(t, params.Fulu, nil)
	blocks, _ := w.run(3)
	if _, err := w.ImportSegment(ctx, changed(blocks, 1, func(b *types.SignedBeaconBlock) { b.Message.StateRoot[0] ^= 1 }), RangeSync); errors.Is(err, ErrInvalidPayload) {
		t.Errorf("a wrong state root is called an invalid payload: %v", err)
	}
}
