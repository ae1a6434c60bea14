package server

import (
	"fmt"
	"slices"
	"testing"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/store"
	"github.com/cresset/cresset/beacon/types"
	"github.com/cresset/cresset/sync/reqresp"
)

// putColumns writes columns of a block. In Fulu a column names its block by the header.
func (w *world) putColumns(ref BlockRef, indices ...uint64) {
	w.t.Helper()
	signed, err := w.store.Block(ref.Root)
	check(w.t, err)
	header, err := signed.Message.Header(w.cx(ref.Slot))
	check(w.t, err)
	w.write(func(b *store.Batch) {
		for _, i := range indices {
			c := &types.DataColumnSidecar{Index: i}
			if w.spec.ForkAtSlot(ref.Slot) >= params.Gloas {
				c.Slot, c.BeaconBlockRoot = ref.Slot, ref.Root
			} else {
				c.SignedBlockHeader.Message = header
			}
			check(w.t, b.PutColumn(w.cx(ref.Slot), ref.Root, ref.Slot, c))
		}
	})
}

func columnIDs(t *testing.T, answer func(func(reqresp.Column, error) bool)) (ids []string) {
	t.Helper()
	for c, err := range answer {
		check(t, err)
		ids = append(ids, fmt.Sprintf("%d/%d", c.Slot, c.Index))
	}
	return ids
}

// Spec: "data column sidecars in the slot range of the given columns", those in custody, "in (slot, column_index) order", of the canonical
// chain.
func TestColumnsByRange(t *testing.T) {
	for _, fork := range []params.Fork{params.Fulu, params.Gloas} {
		t.Run(fork.String(), func(t *testing.T) {
			w := newWorld(t, fork)
			refs := w.chain(4, 2, 3, 4, 5, 6)
			side := w.block(5, refs[2].Root, 7)
			for _, ref := range []BlockRef{refs[0], refs[2], refs[3], side} {
				w.putColumns(ref, 9, 3, 5)
			}
			ask := func(start types.Slot, count uint64, columns ...uint64) []string {
				request := reqresp.ColumnsByRange{Range: reqresp.Range{StartSlot: start, Count: count}, Columns: columns}
				return columnIDs(t, w.peer().ColumnsByRange(background(), "server", request))
			}
			for _, c := range []struct {
				name       string
				have, want []string
			}{
				{"some", ask(0, 10, 5, 3, 100), []string{"2/3", "2/5", "4/3", "4/5", "5/3", "5/5"}},
				{"none in custody", ask(0, 10, 1, 2), nil},
				{"of one block", ask(4, 1, 9), []string{"4/9"}},
				{"no columns", ask(0, 10), nil},
			} {
				if !slices.Equal(c.have, c.want) {
					t.Errorf("%s: %v, want %v", c.name, c.have, c.want)
				}
			}
			blocks := []types.DataColumnsByRootIdentifier{{BlockRoot: side.Root, Columns: []uint64{9, 1}}, {BlockRoot: types.Root{0x99}, Columns: []uint64{3}}, {BlockRoot: refs[0].Root, Columns: []uint64{3, 5}}}
			if have := columnIDs(t, w.peer().ColumnsByRoot(background(), "server", blocks)); !slices.Equal(have, []string{"5/9", "2/3", "2/5"}) {
				t.Errorf("by root: %v", have)
			}
		})
	}
}

// Spec: "Clients MUST include all data column sidecars of each block from which they include data column sidecars."
func TestABlocksColumnsAreSentAllOrNone(t *testing.T) {
	w := newWorld(t, params.Fulu, "MAX_REQUEST_BLOCKS_DENEB: 1") // at most NUMBER_OF_COLUMNS in an answer
	refs := w.chain(4, 2, 3, 4)
	var all []uint64
	for i := range w.spec.NumberOfColumns {
		all = append(all, i)
	}
	half := all[:len(all)/2+1]
	w.putColumns(refs[0], half...)
	w.putColumns(refs[1], half...)
	request := reqresp.ColumnsByRange{Range: reqresp.Range{StartSlot: 1, Count: 5}, Columns: all}
	if have := columnIDs(t, w.peer().ColumnsByRange(background(), "server", request)); len(have) != len(half) {
		t.Errorf("%d columns, want the %d of the first block", len(have), len(half))
	}
}

// Spec: "Peers that are unable to reply to data column sidecar requests within the range data_column_serve_range SHOULD respond with error
// code 3: ResourceUnavailable." Before Fulu there are none.
func TestColumnsOutsideOfTheWindow(t *testing.T) {
	w := newWorld(t, params.Fulu, "FULU_FORK_EPOCH: 1", "MIN_EPOCHS_FOR_DATA_COLUMN_SIDECARS_REQUESTS: 2")
	refs := w.chain(16, 7, 8, 16, 17)
	w.putColumns(refs[1], 1)
	w.putColumns(refs[3], 1)
	ask := func(start types.Slot, count uint64) reqresp.ColumnsByRange {
		return reqresp.ColumnsByRange{Range: reqresp.Range{StartSlot: start, Count: count}, Columns: []uint64{1}}
	}
	if have := columnIDs(t, w.peer().ColumnsByRange(background(), "server", ask(5, 4))); !slices.Equal(have, []string{"8/1"}) {
		t.Errorf("from before Fulu on: %v", have)
	}
	w.history.sidecar = 9
	wantCode(t, "before the earliest", w.peer().ColumnsByRange(background(), "server", ask(8, 4)), reqresp.ResourceUnavailable)
	w.history.sidecar = 0
	w.at(4 * 8)
	wantCode(t, "before the window", w.peer().ColumnsByRange(background(), "server", ask(15, 4)), reqresp.ResourceUnavailable)
	if have := columnIDs(t, w.peer().ColumnsByRange(background(), "server", ask(16, 4))); !slices.Equal(have, []string{"17/1"}) {
		t.Errorf("in the window: %v", have)
	}
}

// Spec: "Clients MUST respond with a list of blob sidecars from the range [min(current_epoch - MIN_EPOCHS_FOR_BLOB_SIDECARS_REQUESTS,
// FULU_FORK_EPOCH), FULU_FORK_EPOCH) if the requested range includes any epochs in this interval." (fulu)
func TestBlobsOfBeforeFulu(t *testing.T) {
	w := newWorld(t, params.Fulu, "FULU_FORK_EPOCH: 2", "MIN_EPOCHS_FOR_BLOB_SIDECARS_REQUESTS: 3")
	refs := w.chain(15, 7, 14, 15, 16)
	put := func(ref BlockRef, indices ...uint64) {
		signed, err := w.store.Block(ref.Root)
		check(t, err)
		header, err := signed.Message.Header(w.cx(ref.Slot))
		check(t, err)
		w.write(func(b *store.Batch) {
			for _, i := range indices {
				s := &types.BlobSidecar{Index: i, SignedBlockHeader: types.SignedBeaconBlockHeader{Message: header}}
				check(t, b.PutBlobSidecar(w.cx(ref.Slot), ref.Root, ref.Slot, s))
			}
		})
	}
	put(refs[0], 0)
	put(refs[1], 0, 1)
	put(refs[2], 0)
	ids := func(answer func(func(reqresp.Blob, error) bool)) (ids []string) {
		for b, err := range answer {
			check(t, err)
			ids = append(ids, fmt.Sprintf("%d/%d", b.Slot, b.Index))
		}
		return ids
	}
	ask := func(start types.Slot, count uint64) []string {
		return ids(w.peer().BlobsByRange(background(), "server", reqresp.Range{StartSlot: start, Count: count}))
	}
	if have := ask(7, 20); !slices.Equal(have, []string{"7/0", "14/0", "14/1", "15/0"}) {
		t.Errorf("by range: %v", have)
	}
	if have := ask(16, 5); have != nil {
		t.Errorf("from Fulu on: %v", have)
	}
	want := []types.BlobIdentifier{{BlockRoot: refs[1].Root, Index: 1}, {BlockRoot: refs[1].Root, Index: 2}, {BlockRoot: types.Root{0x99}}, {BlockRoot: refs[0].Root}}
	if have := ids(w.peer().BlobsByRoot(background(), "server", want)); !slices.Equal(have, []string{"14/1", "7/0"}) {
		t.Errorf("by root: %v", have)
	}
	w.at(4 * 8)
	wantCode(t, "before the window", w.peer().BlobsByRange(background(), "server", reqresp.Range{StartSlot: 7, Count: 20}), reqresp.ResourceUnavailable)
	if have := ask(14, 20); !slices.Equal(have, []string{"14/0", "14/1", "15/0"}) {
		t.Errorf("in the window: %v", have)
	}
}

// What peers tell of themselves is passed on, and they are told of this node in the version that they speak.
func TestStatusPingMetaDataAndGoodbye(t *testing.T) {
	w := newWorld(t, params.Fulu)
	w.peers.status = types.Status{HeadSlot: 50, EarliestAvailableSlot: 7}
	w.peers.metadata = types.MetaData{SeqNumber: 6, Syncnets: []byte{3}, Attnets: ssz.NewBitvector(64), CustodyGroupCount: 12}
	ctx := background()
	c := w.peer()
	s, err := c.Status(ctx, "server", types.Status{HeadSlot: 40, EarliestAvailableSlot: 4})
	check(t, err)
	if s != w.peers.status {
		t.Errorf("status %+v", s)
	}
	seq, err := c.Ping(ctx, "server", 11)
	check(t, err)
	if seq != 6 {
		t.Errorf("ping gives %d, want 6", seq)
	}
	check(t, c.Goodbye(ctx, "server", reqresp.GoodbyeFault))
	for m, want := range map[reqresp.Method]types.MetaData{
		reqresp.MetaDataV1: {SeqNumber: 6}, reqresp.MetaDataV2: {SeqNumber: 6, Syncnets: []byte{3}}, reqresp.MetaDataV3: {SeqNumber: 6, Syncnets: []byte{3}, CustodyGroupCount: 12},
	} {
		for chunk, err := range w.peer().Do(ctx, "server", m, nil) {
			check(t, err)
			var have types.MetaData
			check(t, chunk.Decode(ssz.Container(&have)))
			if have.SeqNumber != want.SeqNumber || string(have.Syncnets) != string(want.Syncnets) || have.CustodyGroupCount != want.CustodyGroupCount {
				t.Errorf("%v: %+v, want %+v", w.table.Row(m), have, want)
			}
		}
	}
	for chunk, err := range w.peer().Do(ctx, "server", reqresp.StatusV1, &reqresp.Status{Status: types.Status{HeadSlot: 41}}) {
		check(t, err)
		if len(chunk.SSZ) != 84 {
			t.Errorf("status of version 1 has %d bytes", len(chunk.SSZ))
		}
	}
	w.net.Wait.Wait()
	if want := []string{"peer 1: status 40 4", "peer 1: ping 11", "peer 1: goodbye 3", "peer 5: status 41 0"}; !slices.Equal(w.peers.heard, want) {
		t.Errorf("heard %q, want %q", w.peers.heard, want)
	}
}
