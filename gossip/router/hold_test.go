package router

import (
	"testing"

	"github.com/cresset/cresset/beacon/types"
	"github.com/cresset/cresset/gossip"
)

func TestWhatWaitsIsGivenBackOnceWhenItsConditionIsMet(t *testing.T) {
	h := newHold(1<<20, func() { t.Error("a message was dropped") })
	block := waitFor{kind: gossip.WaitBlock, root: types.Root{1}}
	if first, kept := h.add(from("a", 0), block, 5); !first || !kept {
		t.Errorf("first is %v, kept %v", first, kept)
	}
	if first, kept := h.add(from("b", 0), block, 5); !first || !kept {
		t.Errorf("the first one of another peer: first is %v, kept %v", first, kept)
	}
	if first, kept := h.add(from("b", 1), block, 5); first || !kept {
		t.Errorf("its second one: first is %v, kept %v", first, kept)
	}
	h.add(from("c", 0), waitFor{kind: gossip.WaitSlot, slot: 6}, 5)
	if got := h.take(block); len(got) != 3 {
		t.Errorf("%d messages, want 3", len(got))
	}
	if got := h.take(block); len(got) != 0 {
		t.Errorf("%d messages again", len(got))
	}
	if got := h.takeSlot(5); len(got) != 0 {
		t.Errorf("%d messages before their slot", len(got))
	}
	if got := h.takeSlot(7); len(got) != 1 {
		t.Errorf("%d messages in their slot, want 1", len(got))
	}
	if count, bytes := h.size(); count != 0 || bytes != 0 || len(h.mu.byPeer) != 0 || len(h.mu.by) != 0 {
		t.Errorf("%d messages, %d bytes, %d peers, %d conditions are left", count, bytes, len(h.mu.byPeer), len(h.mu.by))
	}
}

func TestOnePeerMayTakeAShareOfTheHoldingAreaOnly(t *testing.T) {
	drops := 0
	size := heldSize(from("a", 0))
	h := newHold(2*heldShare*size, func() { drops++ })
	for n := range 10 {
		h.add(from("flood", n), waitFor{kind: gossip.WaitSlot, slot: 6}, 5)
	}
	if count, _ := h.size(); count != 2 || drops != 8 {
		t.Errorf("%d messages of one peer are held and %d dropped, want 2 and 8", count, drops)
	}
	if _, kept := h.add(from("other", 0), waitFor{kind: gossip.WaitSlot, slot: 6}, 5); !kept {
		t.Error("another peer's message found no room")
	}
}

func TestAMessageDoesNotWaitForEver(t *testing.T) {
	drops := 0
	h := newHold(1<<20, func() { drops++ })
	m := from("a", 0)
	what := waitFor{kind: gossip.WaitPayload, root: types.Root{1}}
	for range heldTries {
		if _, kept := h.add(m, what, 5); !kept {
			t.Fatal("not kept")
		}
		h.take(what)
	}
	if _, kept := h.add(m, what, 5); kept {
		t.Error("kept once more")
	}
	h.add(from("b", 0), what, 5)
	h.add(from("b", 1), what, 8)
	h.prune(6)
	if count, _ := h.size(); count != 1 || drops != 2 {
		t.Errorf("%d are held and %d dropped, want 1 and 2", count, drops)
	}
}
