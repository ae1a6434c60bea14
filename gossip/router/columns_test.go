package router

import (
	"context"
	"testing"

	"github.com/cresset/cresset/beacon/engine"
	"github.com/cresset/cresset/beacon/kzg"
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/simnet"
	"github.com/cresset/cresset/beacon/transition"
	"github.com/cresset/cresset/beacon/types"
	"github.com/cresset/cresset/gossip"
)

// joinColumns waits until two nodes are in each other's meshes of some subnets of columns.
func (w *world) joinColumns(a, b *node, subnets ...uint64) {
	w.t.Helper()
	w.join(a, b)
	w.until("the meshes of columns are there", func() bool {
		for _, s := range subnets {
			if !a.sees(b, gossip.DataColumnSidecar, s) || !b.sees(a, gossip.DataColumnSidecar, s) {
				return false
			}
		}
		return true
	})
}

func TestColumnsAreMadeOfTheExecutionClientsBlobsAndPublished(t *testing.T) {
	t.Parallel()
	w := newWorld(t, specOf(t, params.Fulu))
	setup, err := trustedSetup()
	check(t, err)
	a, b, c := w.node(0, 1, 2, 3), w.node(0, 1), w.node()
	w.joinColumns(a, b, 0, 1)
	w.join(c, b)
	blob, commitment, err := simnet.Blob(setup, 1)
	check(t, err)
	block, tip := w.block(w.net.Genesis(), 1, simnet.Content{Commitments: []types.KZGCommitment{commitment}})
	_, proofs, err := setup.ComputeCellsAndKZGProofs(blob)
	check(t, err)
	found := engine.BlobAndProofs{Blob: blob[:], Proofs: make([]types.KZGProof, kzg.CellsPerExtBlob)}
	for i, p := range proofs {
		found.Proofs[i] = types.KZGProof(p)
	}
	a.engine.AddBlob(transition.KZGCommitmentToVersionedHash(commitment), found) // b's execution client does not have it
	w.at(1, 100)
	check(t, c.router.Publish(context.Background(), gossip.BeaconBlock, 0, block))
	w.until("the block is the head of the node with the blob", a.hasHead(tip.Root))
	w.until("the block is the head of the node that got columns from it", b.hasHead(tip.Root))
	if p := append(b.penalties(a), a.penalties(b)...); len(p) != 0 {
		t.Errorf("penalties: %v", p)
	}
}

func TestHalfOfTheColumnsGiveTheOthers(t *testing.T) {
	t.Parallel()
	w := newWorld(t, specOf(t, params.Fulu))
	setup, err := trustedSetup()
	check(t, err)
	all := w.net.Spec().NumberOfColumns
	a, b, c := w.node(count(all)...), w.node(all-1), w.node()
	w.joinColumns(a, b, all-1)
	w.join(c, a)
	blob, commitment, err := simnet.Blob(setup, 1)
	check(t, err)
	block, tip := w.block(w.net.Genesis(), 1, simnet.Content{Commitments: []types.KZGCommitment{commitment}})
	sidecars, err := w.net.Columns(setup, block, blob)
	check(t, err)
	w.at(1, 100)
	for _, s := range sidecars[:all/2] { // as if they came from peers
		topic, err := w.of.Topic(gossip.DataColumnSidecar, s.Index, 0)
		check(t, err)
		checked, d := a.rules.Check(topic, s, a.router.now()).Conclude()
		if d.Verdict != gossip.Accept {
			t.Fatal(d)
		}
		a.router.apply(gossip.DataColumnSidecar, checked)
	}
	check(t, c.router.Publish(context.Background(), gossip.BeaconBlock, 0, block))
	w.until("the block is the head of the node with half of the columns", a.hasHead(tip.Root))
	w.until("the block is the head of the node that got its column from it", b.hasHead(tip.Root))
	missing, err := a.chain.MissingColumns(tip.Root)
	check(t, err)
	if len(missing) != 0 {
		t.Errorf("columns %v are missing", missing)
	}
}
