package driver

import (
	"context"
	"slices"
	"testing"

	"github.com/cresset/cresset/beacon/chain"
	"github.com/cresset/cresset/beacon/kzg"
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/recorded"
	"github.com/cresset/cresset/beacon/simnet"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/types"
	"github.com/cresset/cresset/sync/reqresp"
)

// The chain of a gloasNetwork: a block in each slot, blobs in each fourth, and now and then a payload that was never revealed, with and without blobs.
const (
	gloasSlots = 44
	withBlobs  = 4
)

var unrevealed = []types.Slot{8, 21, 36}

// gloasNetwork is a network whose blocks and payloads are two things.
type gloasNetwork struct {
	*network
	payloads map[types.Slot]*types.SignedExecutionPayloadEnvelope
	tips     []simnet.Tip // by slot
}

func newGloasNetwork(t *testing.T) *gloasNetwork {
	t.Helper()
	spec, err := simnet.Spec(params.Gloas)
	check(t, err)
	net, err := simnet.New(spec, 64, 1_700_000_000)
	check(t, err)
	setup, err := kzg.New()
	check(t, err)
	genesis, err := ssz.Marshal(ssz.Context{Spec: spec, Fork: params.Gloas}, ssz.Container(net.GenesisState()))
	check(t, err)
	r := &recorded.Chain{Spec: spec, GenesisTime: 1_700_000_000, Genesis: genesis, Columns: map[types.Slot][]*types.DataColumnSidecar{}}
	g := &gloasNetwork{payloads: map[types.Slot]*types.SignedExecutionPayloadEnvelope{}, tips: []simnet.Tip{net.Genesis()}}
	var votes []types.Attestation
	for slot := types.Slot(1); slot <= gloasSlots; slot++ {
		content := simnet.Content{Votes: votes}
		var blobs []*kzg.Blob
		if slot%withBlobs == 0 {
			blob, commitment, err := simnet.Blob(setup, uint64(slot))
			check(t, err)
			blobs, content.Commitments = append(blobs, blob), append(content.Commitments, commitment)
		}
		block, tip, err := net.BlockOf(g.tips[slot-1], slot, content)
		check(t, err)
		if !slices.Contains(unrevealed, slot) {
			g.payloads[slot] = tip.Payload
			tip = tip.WithPayload()
			if len(blobs) > 0 {
				r.Columns[slot], err = net.Columns(setup, block, blobs...)
				check(t, err)
			}
		}
		r.Blocks, g.tips = append(r.Blocks, block), append(g.tips, tip)
		votes, err = net.Votes(tip, slot, simnet.Everyone)
		check(t, err)
	}
	g.network = networkOf(t, r)
	return g
}

// fill imports the chain.
func (g *gloasNetwork) fill(to *node) {
	g.t.Helper()
	ctx := context.Background()
	for _, signed := range g.r.Blocks {
		slot := signed.Message.Slot
		_, err := to.ImportBlock(ctx, signed, chain.Gossip)
		check(g.t, err)
		if columns := g.r.Columns[slot]; len(columns) > 0 {
			check(g.t, to.ImportColumns(ctx, columns))
		}
		if payload := g.payloads[slot]; payload != nil {
			_, err := to.ImportPayload(ctx, payload, chain.Gossip)
			check(g.t, err)
		}
	}
}

// wantWhole checks that a node has blocks from a slot on with their payloads and columns, once it has the head.
func (g *gloasNetwork) wantWhole(of *node, from types.Slot) {
	g.t.Helper()
	for slot := from; slot <= gloasSlots; slot++ {
		root := g.tips[slot].Root
		if ok, err := of.store.HasBlock(root); !ok || err != nil {
			g.t.Errorf("the block of slot %d is not there: %v", slot, err)
		}
		if _, err := of.store.Payload(root); (err == nil) != (g.payloads[slot] != nil) {
			g.t.Errorf("payload of slot %d: %v", slot, err)
		}
		have, err := of.store.ColumnIndices(root)
		check(g.t, err)
		if len(have) != len(g.r.Columns[slot]) {
			g.t.Errorf("slot %d: %d columns, want %d", slot, len(have), len(g.r.Columns[slot]))
		}
	}
}

func (g *gloasNetwork) wantTip(of *node) {
	g.t.Helper()
	tip := g.tips[gloasSlots]
	g.until("the head is there with its payload", func() bool { return of.Snapshot().Head.Root == tip.Root && of.Snapshot().Head.PayloadKnown() })
}

// Columns of a payload that was never revealed are nowhere, and not waited for.
func TestAChainWithUnrevealedPayloadsIsFollowed(t *testing.T) {
	t.Parallel()
	g := newGloasNetwork(t)
	source, empty := g.node("source", nil), g.node("empty", nil)
	g.fill(source)
	g.serve(source, nil)
	d, b := g.drive(empty, nil)
	d.SetPeer("source", g.status(source))
	g.wantTip(empty)
	g.wantWhole(empty, 1)
	g.wantDropped(b)
	g.wantBlameless(b, "source")
}

// A checkpoint's block comes without its payload, which the chain builds on; what lies before it may lack payloads that the chain went on without.
func TestACheckpointOfGloasIsFollowedForwardsAndBackwards(t *testing.T) {
	t.Parallel()
	g := newGloasNetwork(t)
	source := g.node("source", nil)
	g.fill(source)
	g.serve(source, nil)
	const at = 33
	fresh := g.node("fresh", &chain.Anchor{State: g.tips[at].State.BeaconState, Block: g.r.Blocks[at-1]})
	d, b := g.drive(fresh, nil)
	d.SetPeer("source", g.status(source))
	g.wantTip(fresh)
	g.until("history is complete", func() bool { return history{fresh}.EarliestBlock() <= d.historyEnd() })
	g.wantWhole(fresh, 1)
	g.wantDropped(b)
}

// A peer leaves out payloads, one that is missed at once and one at the end of a run, which is missed when the next one begins. Both come from another peer.
func TestLeftOutPayloadsAreFound(t *testing.T) {
	t.Parallel()
	g := newGloasNetwork(t)
	source, empty := g.node("source", nil), g.node("empty", nil)
	g.fill(source)
	g.serve(source, nil)
	g.serve(&node{source.Chain, "leaves out", source.store}, func(h map[reqresp.Method]reqresp.Handler) {
		h[reqresp.EnvelopesByRangeV1] = reqresp.On(func(ctx context.Context, call *reqresp.Call, r *reqresp.EnvelopesByRange) error {
			for slot := r.StartSlot; uint64(slot-r.StartSlot) < r.Count && slot <= gloasSlots; slot++ {
				if p := g.payloads[slot]; p != nil && slot != 13 && slot != 24 {
					if err := call.Send(ctx, slot, ssz.Container(p)); err != nil {
						return err
					}
				}
			}
			return nil
		})
	})
	d, b := g.drive(empty, nil)
	for _, id := range []string{"leaves out", "source"} {
		d.SetPeer(id, g.status(source))
	}
	g.wantTip(empty)
	g.wantWhole(empty, 1)
	g.wantDropped(b)
	g.wantBlameless(b, "source")
}

// Custody grows while batches are under way, after their columns came. Nobody is to blame for what is missing then.
func TestCustodyThatGrowsDuringSyncBlamesNobody(t *testing.T) {
	t.Parallel()
	n := newNetwork(t, "fulu")
	source, empty := n.node("source", nil), n.node("empty", nil)
	n.grow(source)
	n.serve(&node{source.Chain, "source", source.store}, func(h map[reqresp.Method]reqresp.Handler) {
		honest := h[reqresp.BlocksByRangeV2]
		asked := 0
		h[reqresp.BlocksByRangeV2] = func(ctx context.Context, call *reqresp.Call) error {
			if asked++; asked == 3 {
				empty.SetCustody(n.columns()[:32])
			}
			return honest(ctx, call)
		}
	})
	empty.SetCustody([]uint64{0, 1, 2, 3})
	d, b := n.drive(empty, nil)
	d.SetPeer("source", n.status(source))
	n.wantHead(empty)
	n.wantDropped(b)
	n.wantBlameless(b, "source")
}
