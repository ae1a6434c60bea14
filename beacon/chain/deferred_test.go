package chain

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/types"
	"github.com/cresset/cresset/forkchoice"
)

// waiting is a queue whose items write their number down when they are tried again.
type waiting struct {
	*deferred
	drops int
	ran   []byte
}

func newWaiting(limit int) *waiting {
	w := &waiting{}
	w.deferred = newDeferred(limit, func() { w.drops++ })
	return w
}

// keep adds an item of some bytes.
func (w *waiting) keep(what condition, id byte, bytes int, slot types.Slot) (again bool) {
	return w.add(w.now(), what, &deferredItem{id: types.Root{id}, bytes: bytes, slot: slot, retry: func(context.Context) { w.ran = append(w.ran, id) }})
}

// run tries items again and gives the numbers of those that were.
func (w *waiting) run(items []func(context.Context)) []byte {
	w.ran = nil
	for _, f := range items {
		f(context.Background())
	}
	return w.ran
}

func TestItemsAreReleasedByTheirConditionOldestFirstAndOnce(t *testing.T) {
	t.Parallel()
	w := newWaiting(1 << 20)
	a, b := condition{kind: waitBlock, root: types.Root{1}}, condition{kind: waitBlock, root: types.Root{2}}
	data, engine := condition{kind: waitData, root: types.Root{1}}, condition{kind: waitEngine}
	at := func(slot types.Slot) condition { return condition{kind: waitSlot, slot: slot} }
	state, failed := condition{kind: waitState, root: types.Root{1}, slot: 8}, condition{kind: waitState, root: types.Root{1}, slot: 16}
	for id, what := range []condition{a, b, a, data, engine, at(7), at(5), at(6), a, engine, at(8), a, a, a, a, state, failed, state} {
		if w.keep(what, byte(id), 10, 1) {
			t.Fatalf("item %d is to be tried again at once", id)
		}
	}
	want := func(what string, have []func(context.Context), ids ...byte) {
		t.Helper()
		if got := w.run(have); !slices.Equal(got, ids) {
			t.Errorf("%s: items %d, want %d", what, got, ids)
		}
	}
	want("a block", w.take(a), 0, 2, 8, 11, 12, 13, 14)
	want("it again", w.take(a))
	want("data", w.take(data), 3)
	want("the execution client", w.take(engine), 4, 9)
	want("a state", w.take(state), 15, 17)
	w.keep(engine, 18, 10, 1)
	want("slot 4, which has another try at the state that did not come and at the execution client", w.takeSlots(4), 16, 18)
	want("slot 7", w.takeSlots(7), 5, 6, 7)
	want("slot 7 again", w.takeSlots(7))
	want("another block", w.take(b), 1)
	want("slot 9", w.takeSlots(9), 10)
	if items, bytes := w.size(); items != 0 || bytes != 0 || len(w.mu.by) != 0 || len(w.mu.byID) != 0 || w.drops != 0 {
		t.Errorf("%d items, %d bytes, %d conditions are left; %d drops", items, bytes, len(w.mu.by), w.drops)
	}
}

// A block that is tried again is listed among those that wait until that has come to something.
func TestABlockThatIsTriedAgainStillWaits(t *testing.T) {
	t.Parallel()
	w := newWaiting(1 << 20)
	block, all := new(types.SignedBeaconBlock), func(*deferredItem) bool { return true }
	engine := condition{kind: waitEngine}
	listed := -1
	var item *deferredItem
	item = &deferredItem{id: types.Root{1}, bytes: 10, slot: 1, block: block, retry: func(context.Context) {
		listed = len(w.blocks(all))
		w.add(w.now(), engine, &deferredItem{id: item.id, bytes: 10, slot: 1, block: block, retry: func(context.Context) {}})
	}}
	w.add(w.now(), engine, item)
	retries := w.takeSlots(1)
	if len(w.blocks(all)) != 1 {
		t.Error("a block that is to be tried again does not wait")
	}
	w.run(retries)
	if listed != 1 || len(w.blocks(all)) != 1 || len(w.mu.trying) != 0 {
		t.Errorf("%d blocks waited while it was tried, %d after that, %d are being tried", listed, len(w.blocks(all)), len(w.mu.trying))
	}
	w.run(w.takeSlots(2))
	if len(w.blocks(all)) != 0 {
		t.Error("a block waits that nothing was wrong with")
	}
}

func TestAnItemThatWaitsAgainWaitsForTheNewConditionOnly(t *testing.T) {
	t.Parallel()
	w := newWaiting(1 << 20)
	parent, data := condition{kind: waitBlock, root: types.Root{1}}, condition{kind: waitData, root: types.Root{2}}
	w.keep(parent, 9, 10, 1)
	w.keep(data, 9, 10, 1)
	if items, bytes := w.size(); items != 1 || bytes != 2*10+itemOverhead {
		t.Errorf("%d items of %d bytes", items, bytes)
	}
	if got := w.run(w.take(parent)); len(got) != 0 {
		t.Errorf("items %d were released by their former condition", got)
	}
	if got := w.run(w.take(data)); !slices.Equal(got, []byte{9}) {
		t.Errorf("items %d were released, want 9", got)
	}
}

func TestWhatWaitsIsBoundedInBytes(t *testing.T) {
	t.Parallel()
	const one = 2*1000 + itemOverhead
	w := newWaiting(3*one + 10)
	what := condition{kind: waitEngine}
	for id := range byte(5) {
		w.keep(what, id, 1000, 1)
	}
	if items, bytes := w.size(); items != 3 || bytes != 3*one || w.drops != 2 {
		t.Errorf("%d items of %d bytes, %d drops; want 3 of %d, 2 drops", items, bytes, w.drops, 3*one)
	}
	w.keep(what, 9, 3*one, 1) // more than all of it
	if items, _ := w.size(); items != 3 || w.drops != 3 {
		t.Errorf("an item that can never fit: %d items, %d drops", items, w.drops)
	}
	if got := w.run(w.take(what)); !slices.Equal(got, []byte{2, 3, 4}) {
		t.Errorf("items %d are left, want the latest", got)
	}
}

func TestWhatFinalityRulesOutDoesNotWait(t *testing.T) {
	t.Parallel()
	w := newWaiting(1 << 20)
	what := condition{kind: waitEngine}
	for id := range byte(4) {
		w.keep(what, id, 10, types.Slot(id))
	}
	w.prune(2)
	if got := w.run(w.take(what)); !slices.Equal(got, []byte{3}) {
		t.Errorf("items %d are left, want 3", got)
	}
}

// What an item lacks may come between the look at the item and its place in the queue.
func TestWhatCameMeanwhileIsNotMissed(t *testing.T) {
	t.Parallel()
	w := newWaiting(1 << 20)
	parent, other := condition{kind: waitBlock, root: types.Root{1}}, condition{kind: waitBlock, root: types.Root{2}}
	add := func(since uint64, what condition) bool {
		return w.add(since, what, &deferredItem{id: types.Root{7}, bytes: 10, slot: 1, retry: func(context.Context) {}})
	}
	before := w.now()
	w.take(parent)
	if !add(before, parent) {
		t.Error("the item waits for what came while it was looked at")
	}
	if add(before, other) {
		t.Error("the item does not wait for what did not come")
	}
	if add(w.now(), parent) {
		t.Error("the item does not wait though what came before did not help")
	}
	if items, _ := w.size(); items != 1 {
		t.Errorf("%d items wait, want 1", items)
	}
	before = w.now()
	w.takeSlots(5)
	if !add(before, condition{kind: waitSlot, slot: 5}) || add(before, condition{kind: waitSlot, slot: 6}) {
		t.Error("slot 5 has begun, slot 6 has not")
	}
	// Only so much is remembered: what may have come counts as if it had.
	before = w.now()
	for i := range cameKept {
		w.take(condition{kind: waitData, slot: types.Slot(i)})
	}
	if add(before, other) {
		t.Error("all that came is remembered, and the item does not wait")
	}
	w.take(parent)
	if !add(before, other) {
		t.Error("something was forgotten, and the item waits as if it had not been what it lacks")
	}
	if add(w.now(), other) || len(w.mu.recent) != cameKept || len(w.mu.came) > cameKept {
		t.Errorf("%d arrivals are remembered, want at most %d", len(w.mu.recent), cameKept)
	}
}

// The same in the chain: the parent, the data and the execution client's answer come after the block was looked at, and before it waits.
// Once the clock was set back an item waits for its slot, though that had begun by the wrong time.
func TestAnItemWaitsForASlotThatComesAgain(t *testing.T) {
	w := newWaiting(1 << 20)
	slot := func(n types.Slot) condition { return condition{kind: waitSlot, slot: n} }
	w.run(w.takeSlots(1000))
	if !w.keep(slot(1000), 1, 10, 1000) {
		t.Error("an item waits for a slot that has begun")
	}
	w.run(w.takeSlots(10))
	if w.keep(slot(11), 2, 10, 11) {
		t.Error("an item is to be tried again before its slot")
	}
	if got := w.run(w.takeSlots(11)); !slices.Equal(got, []byte{2}) {
		t.Errorf("slot 11 releases %v, want 2", got)
	}
}

func TestABlockIsImportedWhoseParentCameMeanwhile(t *testing.T) {
	t.Parallel()
	w := newWorld(t, params.Fulu, keeping)
	parent, tip, err := w.net.Block(w.net.Genesis(), 1, nil, "")
	check(t, err)
	child, end, columns := w.carrier(tip, 2, 1)
	w.at(2, 100)
	late := func(want error, come func()) {
		t.Helper()
		in, err := w.newIncoming(child, Gossip)
		check(t, err)
		since := w.deferred.now()
		if _, err = w.tryBlock(context.Background(), in); !errors.Is(err, want) {
			t.Fatalf("got %v, want %v", err, want)
		}
		come()
		if !w.deferBlock(since, in, err) {
			t.Fatalf("the block does not wait for %v", err)
		}
	}
	late(ErrUnknownParent, func() { w.add(parent, Gossip) })
	// It lacks its data now, and waits for it.
	w.until("the block waits for its data", func() bool { items, _ := w.deferred.size(); return items == 1 })
	w.deferred.take(condition{kind: waitData, root: end.Root})
	late(ErrDataMissing, func() { w.bring(pick(columns, custody...)...) })
	w.until("the block is imported", func() bool { return w.Snapshot().Head.Root == end.Root })
	if items, bytes := w.deferred.size(); items != 0 || bytes != 0 {
		t.Errorf("%d items of %d bytes still wait", items, bytes)
	}
}

// The clock of whoever made a block may differ a little. What is published through this node is imported at the start of its slot, not lost.
func TestABlockThatIsPublishedALittleTooEarlyIsImportedInItsSlot(t *testing.T) {
	t.Parallel()
	w := newWorld(t, params.Fulu, nil)
	parent := w.step(w.net.Genesis(), 1, nil)
	block, tip, err := w.net.Block(parent, 2, nil, "")
	check(t, err)
	w.at(1, 900) // 600 ms before it
	if _, err := w.ImportBlock(context.Background(), block, API); !errors.Is(err, ErrFutureSlot) {
		t.Fatalf("a block that is 600 ms early: %v, want %v", err, ErrFutureSlot)
	}
	w.at(1, 950)
	ended := make(chan error, 1)
	go func() {
		outcome, err := w.ImportBlock(context.Background(), block, API)
		if err == nil && outcome != Applied {
			err = fmt.Errorf("the block is %v", outcome)
		}
		ended <- err
	}()
	select {
	case err := <-ended:
		t.Fatalf("before its slot: %v", err)
	case <-time.After(20 * time.Millisecond):
	}
	w.at(2, 0)
	check(t, <-ended)
	w.wantHead(tip)
}

// No state is computed for a block that its proposer has not signed, however it comes.
func TestNoStateIsComputedForABlockWithAWrongSignature(t *testing.T) {
	t.Parallel()
	w := newWorld(t, params.Fulu, nil)
	parent, _ := w.grow(w.net.Genesis(), nil, 1, 6)
	w.grow(parent, nil, 7, 8)
	block, _, err := w.net.Block(parent, 9, nil, "")
	check(t, err)
	w.at(9, 10)
	w.states.remove(parent.Root)
	for range regenerations {
		w.gate.turns <- struct{}{} // whoever asks for a state waits
	}
	forged, stranger := *block, *block
	forged.Signature[5] ^= 1
	stranger.Message.ProposerIndex = 1 << 40
	for name, bad := range map[string]*types.SignedBeaconBlock{"forged": &forged, "of nobody": &stranger} {
		for _, origin := range []Origin{Gossip, API} {
			if outcome, err := w.ImportBlock(context.Background(), bad, origin); !errors.As(err, new(*RejectedError)) {
				t.Errorf("a block that is %s, from %v: %v, %v", name, origin, outcome, err)
			}
		}
		if _, err := w.ImportSegment(context.Background(), []*types.SignedBeaconBlock{bad}, RangeSync); !errors.As(err, new(*RejectedError)) {
			t.Errorf("a segment with a block that is %s: %v", name, err)
		}
	}
	for range regenerations {
		<-w.gate.turns
	}
	if outcome := w.add(block, Gossip); outcome != Applied {
		t.Errorf("the right one is %v", outcome)
	}
}

// A block whose state takes longer than it may wait is imported as soon as the state is there, and not in a later slot.
func TestABlockIsImportedWhenItsStateIsComputed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, params.Fulu, nil)
	parent, _ := w.grow(w.net.Genesis(), nil, 1, 6)
	block, tip, err := w.net.Block(parent, 7, nil, "")
	check(t, err)
	w.at(7, 10)
	w.states.remove(parent.Root)
	for range regenerations {
		w.gate.turns <- struct{}{} // others are computed
	}
	if outcome := w.add(block, Gossip); outcome != Deferred {
		t.Fatalf("a block without a state is %v, want %v", outcome, Deferred)
	}
	if head := w.Snapshot().Head.Root; head != parent.Root {
		t.Fatalf("the head is %v", head)
	}
	for range regenerations {
		<-w.gate.turns
	}
	w.until("the block is the head in its slot", func() bool { return w.Snapshot().Head.Root == tip.Root })
	if items, _ := w.deferred.size(); items != 0 {
		t.Errorf("%d items still wait", items)
	}
}

func TestRejectedBlocksAreRememberedTheLatestOnes(t *testing.T) {
	t.Parallel()
	s := newRejectedBlocks(3)
	for i := range byte(5) {
		s.add(types.Root{i}, forkchoice.Valid)
		s.add(types.Root{i}, forkchoice.Invalid) // what was known first stays
	}
	for i := range byte(5) {
		payload, got := s.find(types.Root{i})
		if want := i >= 2; got != want || got && payload != forkchoice.Valid {
			t.Errorf("root %d is remembered: %v with %v, want %v", i, got, payload, want)
		}
	}
}

// Who lost events can ask what items wait for: each thing once.
func TestWhatIsMissingCanBeAskedFor(t *testing.T) {
	t.Parallel()
	w := newWorld(t, params.Fulu, nil)
	blocks, h := w.run(4)
	if list := w.Missing(); len(list) != 0 {
		t.Fatalf("missing are %v", list)
	}
	for _, b := range []*types.SignedBeaconBlock{blocks[3], blocks[1], blocks[2]} {
		if got := w.add(b, Gossip); got != Deferred {
			t.Fatalf("block of slot %d was %v", b.Message.Slot, got)
		}
	}
	want := []MissingEvent{{MissingBlock, h.items[2].tip.Root, 4}, {MissingBlock, h.items[0].tip.Root, 2}, {MissingBlock, h.items[1].tip.Root, 3}}
	if list := w.Missing(); !slices.Equal(list, want) {
		t.Errorf("missing are %v, want %v", list, want)
	}
	w.add(blocks[0], Gossip)
	w.until("all are imported", func() bool { return w.Snapshot().Head.Root == h.tip().Root })
	if list := w.Missing(); len(list) != 0 {
		t.Errorf("missing are %v", list)
	}
}
