package driver

import (
	"context"
	"sync"
	"testing"

	"github.com/cresset/cresset/beacon/chain"
	"github.com/cresset/cresset/beacon/types"
	"github.com/cresset/cresset/sync/reqresp"
)

// grown is a node whose custody grew.
type grown struct {
	*node

	mu struct {
		sync.Mutex
		since types.Slot
	}
}

// Gaps implements Custody.
func (g *grown) Gaps(below types.Slot, most int) ([]chain.Gap, types.Slot, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	gaps, reached, since, err := g.Chain.Gaps(min(below, g.mu.since), 1, most)
	if below >= g.mu.since {
		g.mu.since = since
	}
	if reached <= 1 {
		reached = 0
	}
	return gaps, reached, err
}

func (g *grown) whole() types.Slot {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.mu.since
}

// grown makes a node with the recorded chain that kept two columns when it imported it, and is to keep all now.
func (n *network) grown() *grown {
	g := &grown{node: n.node("grown", nil)}
	g.SetCustody([]uint64{0, 1})
	n.grow(g.node)
	g.SetCustody(n.columns())
	g.mu.since = n.r.Head().Message.Slot + 1
	return g
}

// lacks counts the columns that a node lacks of the recorded blocks.
func (n *network) lacks(of *node) (count int) {
	n.t.Helper()
	for _, signed := range n.r.Blocks {
		if len(n.r.Columns[signed.Message.Slot]) == 0 || of.DataExpired(signed.Message.Slot) {
			continue
		}
		at, err := of.CanonicalAt(of.Snapshot(), signed.Message.Slot)
		check(n.t, err)
		if at.Slot != signed.Message.Slot {
			continue // of a branch that lost
		}
		missing, err := of.MissingColumns(at.Root)
		check(n.t, err)
		count += len(missing)
	}
	return count
}

// Columns of the past that a node came to keep are fetched from who has them: neither from who does not keep them nor from who has none of so long ago. From where on all are here moves back as they come.
func TestColumnsOfAddedCustodyAreFetched(t *testing.T) {
	t.Parallel()
	n := newNetwork(t, "fulu")
	source := n.node("source", nil)
	n.grow(source)
	g := n.grown()
	if n.lacks(g.node) == 0 {
		t.Fatal("the node lacks nothing")
	}
	asked := map[string]bool{}
	var mu sync.Mutex
	for _, name := range []string{"few", "half", "late", "source"} {
		copied := *source
		copied.name = name
		n.serve(&copied, func(h map[reqresp.Method]reqresp.Handler) {
			honest := h[reqresp.ColumnsByRootV1]
			h[reqresp.ColumnsByRootV1] = func(ctx context.Context, call *reqresp.Call) error {
				mu.Lock()
				asked[name] = true
				mu.Unlock()
				return honest(ctx, call)
			}
		})
	}
	d, b := n.drive(g.node, func(cfg *Config) { cfg.Custody = g })
	status := n.status(source)
	few, half, late := status, status, status
	few.Columns, half.Columns, late.EarliestAvailableSlot = []uint64{0, 1}, n.columns()[:64], n.r.Head().Message.Slot+1
	d.SetPeer("few", few)
	d.SetPeer("late", late)
	before := n.lacks(g.node)
	d.SetPeer("half", half)
	// What nobody has of the newest blocks does not stand before what somebody has of older ones.
	n.until("half of the blocks' columns are here", func() bool { return n.lacks(g.node) == before/126*64 })
	newest, _, _, err := g.Chain.Gaps(n.r.Head().Message.Slot+1, 1, 1)
	if check(t, err); len(newest) != 1 || g.whole() <= newest[0].Block.Slot {
		t.Errorf("it is said that all columns are here since slot %d, %d blocks lack some", g.whole(), len(newest))
	}
	d.SetPeer("source", status)
	n.until("all columns are here", func() bool { return g.whole() == 1 })
	if left := n.lacks(g.node); left > 0 {
		t.Errorf("%d columns are missing", left)
	}
	mu.Lock()
	defer mu.Unlock()
	if len(asked) != 2 || !asked["half"] || !asked["source"] {
		t.Errorf("asked were %v", asked)
	}
	n.wantDropped(b)
}
