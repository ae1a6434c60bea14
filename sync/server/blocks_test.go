package server

import (
	"testing"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/store"
	"github.com/cresset/cresset/beacon/types"
	"github.com/cresset/cresset/sync/reqresp"
)

// Spec: "blocks from the single chain defined by the current head", from the slots that have one; blocks of other branches are not sent.
func TestBlocksByRangeAreTheCanonicalChain(t *testing.T) {
	w := newWorld(t, params.Fulu)
	refs := w.chain(16, 1, 2, 4, 8, 16, 17, 19, 20)
	w.block(3, refs[1].Root, 7)
	w.block(18, refs[5].Root, 7)
	w.at(24)
	for _, c := range []struct {
		name        string
		start       types.Slot
		count, step uint64
		want        []types.Slot
	}{
		{"all", 0, 40, 1, []types.Slot{1, 2, 4, 8, 16, 17, 19, 20}},
		{"finalized ones", 2, 7, 1, []types.Slot{2, 4, 8}},
		{"across the finalized one", 8, 10, 1, []types.Slot{8, 16, 17}},
		{"those not finalized", 17, 3, 1, []types.Slot{17, 19}},
		{"the finalized one", 16, 1, 1, []types.Slot{16}},
		{"empty slots", 5, 3, 1, nil},
		{"after the head", 21, 10, 1, nil},
		{"none", 4, 0, 1, nil},
		{"the last slots there are", ^types.Slot(0) - 3, 3, 1, nil},
	} {
		r := reqresp.Range{StartSlot: c.start, Count: c.count}
		wantSlots(t, c.name, slotsOf(t, w.peer().BlocksByRange(background(), "server", r), slotOfBlock), c.want)
	}
}

// Spec: "Clients may respond with a single block if a larger step is returned during the deprecation transition period."
func TestALargerStepGivesOneBlock(t *testing.T) {
	w := newWorld(t, params.Fulu)
	w.chain(2, 1, 2, 3, 4)
	n := 0
	for _, err := range w.peer().Do(background(), "server", reqresp.BlocksByRangeV2, &reqresp.BlocksByRange{Range: reqresp.Range{StartSlot: 1, Count: 4}, Step: 2}) {
		check(t, err)
		n++
	}
	if n != 1 {
		t.Errorf("%d blocks, want 1", n)
	}
}

// A finalized checkpoint is taken out of memory before the index on disk has the chain up to it: the blocks between are still served.
func TestTheChainHasNoGapWhileFinalityIsWritten(t *testing.T) {
	w := newWorld(t, params.Fulu)
	refs := w.chain(8, 1, 2, 4, 8, 9, 11, 16, 17)
	w.block(10, refs[4].Root, 7)
	w.memory = w.memory[:2] // 16 is the finalized block in memory; the index ends at 8
	r := reqresp.Range{StartSlot: 1, Count: 30}
	wantSlots(t, "all", slotsOf(t, w.peer().BlocksByRange(background(), "server", r), slotOfBlock), []types.Slot{1, 2, 4, 8, 9, 11, 16, 17})
	r = reqresp.Range{StartSlot: 9, Count: 3}
	wantSlots(t, "between", slotsOf(t, w.peer().BlocksByRange(background(), "server", r), slotOfBlock), []types.Slot{9, 11})
	r = reqresp.Range{StartSlot: 2, Count: 3}
	wantSlots(t, "below", slotsOf(t, w.peer().BlocksByRange(background(), "server", r), slotOfBlock), []types.Slot{2, 4})
}

// Spec: "Peers that are unable to reply to block requests within the [...] epoch range SHOULD respond with error code
// 3: ResourceUnavailable."
func TestBlocksBeforeTheEarliestAreUnavailable(t *testing.T) {
	w := newWorld(t, params.Fulu)
	w.chain(16, 10, 12, 16, 17)
	w.history.block = 10
	r := reqresp.Range{StartSlot: 9, Count: 10}
	wantCode(t, "before", w.peer().BlocksByRange(background(), "server", r), reqresp.ResourceUnavailable)
	r = reqresp.Range{StartSlot: 10, Count: 3}
	wantSlots(t, "from it on", slotsOf(t, w.peer().BlocksByRange(background(), "server", r), slotOfBlock), []types.Slot{10, 12})
}

// The genesis block is no block that could be sent.
func TestGenesisIsLeftOut(t *testing.T) {
	w := newWorld(t, params.Fulu)
	w.write(func(b *store.Batch) { b.PutCanonical(0, types.Root{0xaa}) })
	w.memory = []BlockRef{{Slot: 0, Root: types.Root{0xaa}}}
	refs := w.chain(9, 1)
	w.memory = []BlockRef{refs[0], {Slot: 0, Root: types.Root{0xaa}}}
	r := reqresp.Range{StartSlot: 0, Count: 3}
	wantSlots(t, "from genesis", slotsOf(t, w.peer().BlocksByRange(background(), "server", r), slotOfBlock), []types.Slot{1})
}

// Blocks are read one by one as they are sent: who stops reading has nothing more read for it. A disk that fails is a ServerError.
func TestBlocksAreReadAsTheyAreSent(t *testing.T) {
	w := newWorld(t, params.Fulu)
	var at []types.Slot
	for slot := types.Slot(1); slot <= 100; slot++ {
		at = append(at, slot)
	}
	w.chain(100, at...)
	r := reqresp.Range{StartSlot: 1, Count: 100}
	n := 0
	for _, err := range w.peer().BlocksByRange(background(), "server", r) {
		check(t, err)
		if n++; n == 3 {
			break
		}
	}
	w.net.Wait.Wait()
	if w.blocks.reads > 5 {
		t.Errorf("%d blocks were read for 3", w.blocks.reads)
	}
	w.blocks.fail = errDisk
	wantCode(t, "a failing disk", w.peer().BlocksByRange(background(), "server", r), reqresp.ServerError)
}

func TestBlocksByRootOnAnyBranch(t *testing.T) {
	w := newWorld(t, params.Fulu)
	refs := w.chain(2, 1, 2, 3, 4)
	side := w.block(4, refs[2].Root, 7)
	roots := []types.Root{side.Root, {0x99}, refs[0].Root, refs[3].Root}
	wantSlots(t, "by root", slotsOf(t, w.peer().BlocksByRoot(background(), "server", roots), slotOfBlock), []types.Slot{4, 1, 4})
	twice := []types.Root{side.Root, side.Root}
	wantSlots(t, "twice", slotsOf(t, w.peer().BlocksByRoot(background(), "server", twice), slotOfBlock), []types.Slot{4})
}

// Spec: "beacon blocks along the ancestry of beacon_root, inclusive of the block at beacon_root, in descending slot order. The walk stops as
// soon as [...] the next ancestor falls outside the epoch range that clients are required to serve".
func TestBlocksByHeadWalkBack(t *testing.T) {
	w := newWorld(t, params.Fulu)
	refs := w.chain(4, 1, 2, 4, 8, 9)
	side := w.block(10, refs[3].Root, 7)
	ask := func(root types.Root, count uint64) []types.Slot {
		return slotsOf(t, w.peer().BlocksByHead(background(), "server", root, count), slotOfBlock)
	}
	wantSlots(t, "from a side branch", ask(side.Root, 3), []types.Slot{10, 8, 4})
	wantSlots(t, "to the beginning", ask(refs[4].Root, 30), []types.Slot{9, 8, 4, 2, 1})
	wantSlots(t, "an unknown head", ask(types.Root{0x99}, 3), nil)
	keep := uint64(w.spec.ComputeMinEpochsForBlockRequests()) * w.spec.SlotsPerEpoch
	w.at(types.Slot(keep) + 8)
	wantSlots(t, "to the end of the window", ask(refs[4].Root, 30), []types.Slot{9, 8})
	wantCode(t, "a head before the window", w.peer().BlocksByHead(background(), "server", refs[2].Root, 3), reqresp.ResourceUnavailable)
}

// Spec: execution payload envelopes are asked for like blocks. Blocks whose payload was not revealed have none.
func TestEnvelopes(t *testing.T) {
	w := newWorld(t, params.Gloas, "GLOAS_FORK_EPOCH: 1")
	refs := w.chain(16, 7, 8, 9, 16, 17)
	for _, ref := range []BlockRef{refs[1], refs[3], refs[4]} {
		e := &types.SignedExecutionPayloadEnvelope{}
		e.Message.BeaconBlockRoot, e.Message.Payload.SlotNumber = ref.Root, uint64(ref.Slot)
		w.write(func(b *store.Batch) { check(t, b.PutPayload(ref.Root, e)) })
	}
	slotOf := func(e reqresp.Envelope) types.Slot { return e.Slot }
	r := reqresp.Range{StartSlot: 5, Count: 20}
	wantSlots(t, "by range", slotsOf(t, w.peer().EnvelopesByRange(background(), "server", r), slotOf), []types.Slot{8, 16, 17})
	roots := []types.Root{refs[4].Root, refs[2].Root, {0x99}, refs[1].Root}
	wantSlots(t, "by root", slotsOf(t, w.peer().EnvelopesByRoot(background(), "server", roots), slotOf), []types.Slot{17, 8})
	w.history.block = 9
	wantCode(t, "before the earliest", w.peer().EnvelopesByRange(background(), "server", r), reqresp.ResourceUnavailable)
	r = reqresp.Range{StartSlot: 5, Count: 3}
	wantSlots(t, "before gloas", slotsOf(t, w.peer().EnvelopesByRange(background(), "server", r), slotOf), nil)
}
