package reqresp_test

import (
	"context"
	"testing"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/types"
	"github.com/cresset/cresset/sync/reqresp"
)

// Spec: blocks "in the slot range [start_slot, start_slot + count)", "in consecutive order", "each parent_root MUST match the
// hash_tree_root of the preceding block".
func TestBlocksOfARange(t *testing.T) {
	inWorld(t, params.Fulu, func(w *world) {
		a, rootA := w.block(10, types.Root{9})
		b, rootB := w.block(12, rootA)
		c, _ := w.block(13, rootB)
		stranger, _ := w.block(12, types.Root{8})
		early, _ := w.block(9, types.Root{})
		late, _ := w.block(14, rootB)
		for _, x := range []struct {
			name   string
			blocks []*types.SignedBeaconBlock
			good   int
			rule   string
		}{
			{"a chain with a gap", []*types.SignedBeaconBlock{a, b, c}, 3, ""},
			{"none", nil, 0, ""},
			{"the beginning only", []*types.SignedBeaconBlock{a}, 1, ""},
			{"a stranger's child", []*types.SignedBeaconBlock{a, stranger}, 1, "parent_root is the preceding block"},
			{"twice", []*types.SignedBeaconBlock{a, a}, 1, "slots of blocks ascend"},
			{"backwards", []*types.SignedBeaconBlock{b, a}, 1, "slots of blocks ascend"},
			{"before the range", []*types.SignedBeaconBlock{early}, 0, "slot is in the range asked for"},
			{"after the range", []*types.SignedBeaconBlock{a, b, late}, 2, "slot is in the range asked for"},
		} {
			var values []sent
			for _, b := range x.blocks {
				values = append(values, sent{b.Message.Slot, b})
			}
			w.serve(map[reqresp.Method]reqresp.Handler{reqresp.BlocksByRangeV2: answers(values...)})
			wantBroken(t, x.name, w.client.BlocksByRange(context.Background(), "server", reqresp.Range{StartSlot: 10, Count: 4}), x.good, x.rule)
		}
	})
}

// What is given has root, schema and encoding with it.
func TestBlocksComeWithRootAndEncoding(t *testing.T) {
	inWorld(t, params.Gloas, func(w *world) {
		b, root := w.block(10, types.Root{9})
		w.serve(map[reqresp.Method]reqresp.Handler{reqresp.BlocksByRootV2: answers(sent{10, b})})
		blocks, err := collect(w.client.BlocksByRoot(context.Background(), "server", []types.Root{root}))
		check(t, err)
		encoded, err := ssz.Marshal(w.cx(10), ssz.Container(b))
		check(t, err)
		if len(blocks) != 1 || blocks[0].Root != root || blocks[0].Bytes != len(encoded) || blocks[0].Cx.Fork != params.Gloas {
			t.Errorf("%+v", blocks)
		}
	})
}

func TestBlocksByRootAreThoseAskedFor(t *testing.T) {
	inWorld(t, params.Fulu, func(w *world) {
		a, rootA := w.block(10, types.Root{9})
		b, rootB := w.block(12, types.Root{3})
		other, _ := w.block(13, types.Root{3})
		for _, x := range []struct {
			name   string
			blocks []sent
			good   int
			rule   string
		}{
			{"in another order", []sent{{12, b}, {10, a}}, 2, ""},
			{"one is missing", []sent{{12, b}}, 1, ""},
			{"another one", []sent{{10, a}, {13, other}}, 1, "what is sent was asked for"},
			{"one twice", []sent{{10, a}, {10, a}}, 1, "what was asked for is sent once"},
		} {
			w.serve(map[reqresp.Method]reqresp.Handler{reqresp.BlocksByRootV2: answers(x.blocks...)})
			wantBroken(t, x.name, w.client.BlocksByRoot(context.Background(), "server", []types.Root{rootA, rootB, {7}}), x.good, x.rule)
		}
	})
}

// Spec: "the ForkDigest context epoch is determined by compute_epoch_at_slot(signed_beacon_block.message.slot)".
func TestTheContextIsThatOfTheSlot(t *testing.T) {
	inWorld(t, params.Electra, func(w *world) {
		// Fulu begins in an epoch to come: its blocks have the same form, and another digest.
		spec, _, err := w.spec.Override([]byte("PRESET_BASE: minimal\nCONFIG_NAME: x\nFULU_FORK_EPOCH: 200\n"))
		check(t, err)
		w.spec, w.table, w.digests = spec, reqresp.NewTable(spec), reqresp.NewDigests(spec, types.Root{1})
		w.client = w.newClient("client")
		b, root := w.block(10, types.Root{9})
		encoded, err := ssz.Marshal(w.cx(10), ssz.Container(b))
		check(t, err)
		w.serve(map[reqresp.Method]reqresp.Handler{reqresp.BlocksByRootV2: func(ctx context.Context, call *reqresp.Call) error {
			return call.SendSSZ(ctx, 1600, encoded)
		}})
		wantBroken(t, "digest of fulu", w.client.BlocksByRoot(context.Background(), "server", []types.Root{root}), 0, "context of a chunk of slot 10")
	})
}

// Spec: "beacon blocks along the ancestry of beacon_root, inclusive of the block at beacon_root, in descending slot order".
func TestBlocksByHeadWalkBack(t *testing.T) {
	inWorld(t, params.Fulu, func(w *world) {
		a, rootA := w.block(10, types.Root{9})
		b, rootB := w.block(12, rootA)
		c, rootC := w.block(13, rootB)
		for _, x := range []struct {
			name   string
			blocks []sent
			good   int
			rule   string
		}{
			{"all", []sent{{13, c}, {12, b}, {10, a}}, 3, ""},
			{"the first two", []sent{{13, c}, {12, b}}, 2, ""},
			{"not from the head", []sent{{12, b}, {10, a}}, 0, "block is the one asked for"},
			{"with a gap", []sent{{13, c}, {10, a}}, 1, "block is the one asked for"},
		} {
			w.serve(map[reqresp.Method]reqresp.Handler{reqresp.BlocksByHeadV1: answers(x.blocks...)})
			wantBroken(t, x.name, w.client.BlocksByHead(context.Background(), "server", rootC, 3), x.good, x.rule)
		}
	})
}

// column is a column of a block with a proposer, so that blocks of a slot differ.
func (w *world) column(slot types.Slot, proposer types.ValidatorIndex, index uint64) (sent, reqresp.ColumnID) {
	if w.spec.ForkAtSlot(slot) >= params.Gloas {
		s := &types.DataColumnSidecar{Index: index, Slot: slot, BeaconBlockRoot: types.Root{byte(slot), byte(proposer)}}
		return sent{slot, s}, reqresp.ColumnID{Root: s.BeaconBlockRoot, Index: index}
	}
	s := &types.DataColumnSidecar{Index: index}
	header := &s.SignedBlockHeader.Message
	header.Slot, header.ProposerIndex = slot, proposer
	return sent{slot, s}, reqresp.ColumnID{Root: types.HashTreeRoot(header), Index: index}
}

// Spec: columns of "the given columns", "in (slot, column_index) order", "consistent from a single chain".
func TestColumnsOfARange(t *testing.T) {
	for _, fork := range []params.Fork{params.Fulu, params.Gloas} {
		inWorld(t, fork, func(w *world) {
			at := func(slot types.Slot, proposer types.ValidatorIndex, index uint64) sent {
				s, _ := w.column(slot, proposer, index)
				return s
			}
			for _, x := range []struct {
				name    string
				columns []sent
				good    int
				rule    string
			}{
				{"in order", []sent{at(10, 1, 3), at(10, 1, 5), at(12, 1, 3)}, 3, ""},
				{"indices backwards", []sent{at(10, 1, 5), at(10, 1, 3)}, 1, "order of (slot, index)"},
				{"slots backwards", []sent{at(12, 1, 3), at(10, 1, 5)}, 1, "order of (slot, index)"},
				{"one twice", []sent{at(12, 1, 3), at(12, 1, 3)}, 1, "order of (slot, index)"},
				{"a column that was not asked for", []sent{at(12, 1, 4)}, 0, "column was asked for"},
				{"outside of the range", []sent{at(14, 1, 3)}, 0, "slot is in the range"},
				{"of two blocks of a slot", []sent{at(10, 1, 3), at(10, 2, 5)}, 1, "of one block"},
			} {
				w.serve(map[reqresp.Method]reqresp.Handler{reqresp.ColumnsByRangeV1: answers(x.columns...)})
				request := reqresp.ColumnsByRange{Range: reqresp.Range{StartSlot: 10, Count: 4}, Columns: []uint64{5, 3}}
				wantBroken(t, x.name, w.client.ColumnsByRange(context.Background(), "server", request), x.good, x.rule)
			}
		})
	}
}

func TestColumnsByRootAreThoseAskedFor(t *testing.T) {
	for _, fork := range []params.Fork{params.Fulu, params.Gloas} {
		inWorld(t, fork, func(w *world) {
			a, idA := w.column(10, 1, 3)
			b, _ := w.column(10, 1, 4)
			other, _ := w.column(10, 2, 3)
			blocks := []types.DataColumnsByRootIdentifier{{BlockRoot: idA.Root, Columns: []uint64{3, 4}}}
			for _, x := range []struct {
				name    string
				columns []sent
				good    int
				rule    string
			}{
				{"in another order", []sent{b, a}, 2, ""},
				{"twice", []sent{a, a}, 1, "sent once"},
				{"of another block", []sent{a, other}, 1, "was asked for"},
			} {
				w.serve(map[reqresp.Method]reqresp.Handler{reqresp.ColumnsByRootV1: answers(x.columns...)})
				wantBroken(t, x.name, w.client.ColumnsByRoot(context.Background(), "server", blocks), x.good, x.rule)
			}
		})
	}
}

func TestBlobsOfARangeAndByRoot(t *testing.T) {
	inWorld(t, params.Electra, func(w *world) {
		at := func(slot types.Slot, index uint64) sent {
			s := &types.BlobSidecar{Index: index}
			s.SignedBlockHeader.Message.Slot = slot
			return sent{slot, s}
		}
		r := reqresp.Range{StartSlot: 10, Count: 4}
		for _, x := range []struct {
			name  string
			blobs []sent
			good  int
			rule  string
		}{
			{"in order", []sent{at(10, 0), at(10, 1), at(11, 0)}, 3, ""},
			{"backwards", []sent{at(11, 0), at(10, 1)}, 1, "order of (slot, index)"},
			{"outside of the range", []sent{at(9, 0)}, 0, "slot is in the range"},
			{"an index that no block has", []sent{at(10, 9)}, 0, "index < MAX_BLOBS_PER_BLOCK"},
		} {
			w.serve(map[reqresp.Method]reqresp.Handler{reqresp.BlobsByRangeV1: answers(x.blobs...)})
			wantBroken(t, x.name, w.client.BlobsByRange(context.Background(), "server", r), x.good, x.rule)
		}
		header := types.BeaconBlockHeader{Slot: 10}
		ids := []types.BlobIdentifier{{BlockRoot: types.HashTreeRoot(&header), Index: 1}}
		w.serve(map[reqresp.Method]reqresp.Handler{reqresp.BlobsByRootV1: answers(at(10, 1))})
		wantBroken(t, "by root", w.client.BlobsByRoot(context.Background(), "server", ids), 1, "")
		w.serve(map[reqresp.Method]reqresp.Handler{reqresp.BlobsByRootV1: answers(at(10, 0))})
		wantBroken(t, "another blob", w.client.BlobsByRoot(context.Background(), "server", ids), 0, "was asked for")
	})
}

func TestEnvelopesOfARangeAndByRoot(t *testing.T) {
	inWorld(t, params.Gloas, func(w *world) {
		at := func(slot types.Slot) sent {
			e := &types.SignedExecutionPayloadEnvelope{}
			e.Message.BeaconBlockRoot[0], e.Message.Payload.SlotNumber = byte(slot), uint64(slot)
			return sent{slot, e}
		}
		r := reqresp.Range{StartSlot: 10, Count: 4}
		for _, x := range []struct {
			name      string
			envelopes []sent
			good      int
			rule      string
		}{
			{"in order", []sent{at(10), at(13)}, 2, ""},
			{"backwards", []sent{at(13), at(10)}, 1, "slots of payloads ascend"},
			{"outside of the range", []sent{at(14)}, 0, "slot is in the range"},
		} {
			w.serve(map[reqresp.Method]reqresp.Handler{reqresp.EnvelopesByRangeV1: answers(x.envelopes...)})
			wantBroken(t, x.name, w.client.EnvelopesByRange(context.Background(), "server", r), x.good, x.rule)
		}
		w.serve(map[reqresp.Method]reqresp.Handler{reqresp.EnvelopesByRootV1: answers(at(11), at(10))})
		wantBroken(t, "by root", w.client.EnvelopesByRoot(context.Background(), "server", []types.Root{{10}, {11}}), 2, "")
		wantBroken(t, "another one", w.client.EnvelopesByRoot(context.Background(), "server", []types.Root{{11}, {12}}), 1, "was asked for")
	})
}

func TestLightClientAnswers(t *testing.T) {
	inWorld(t, params.Fulu, func(w *world) {
		perPeriod := types.Slot(w.spec.SlotsPerEpoch * w.spec.EpochsPerSyncCommitteePeriod)
		at := func(slot types.Slot) sent {
			u := &types.LightClientUpdate{}
			u.AttestedHeader.Beacon.Slot = slot
			return sent{slot, u}
		}
		for _, x := range []struct {
			name    string
			updates []sent
			good    int
			rule    string
		}{
			{"in order", []sent{at(perPeriod + 3), at(2 * perPeriod)}, 2, ""},
			{"one is missing", []sent{at(2 * perPeriod)}, 1, ""},
			{"twice of a period", []sent{at(perPeriod), at(perPeriod + 1)}, 1, "period is in the range"},
			{"before the range", []sent{at(3)}, 0, "period is in the range"},
			{"after the range", []sent{at(3 * perPeriod)}, 0, "period is in the range"},
		} {
			w.serve(map[reqresp.Method]reqresp.Handler{reqresp.LightClientUpdatesByRangeV1: answers(x.updates...)})
			wantBroken(t, x.name, w.client.LightClientUpdates(context.Background(), "server", 1, 2), x.good, x.rule)
		}
		b := &types.LightClientBootstrap{}
		b.Header.Beacon.Slot = 17
		f, o := &types.LightClientFinalityUpdate{SignatureSlot: 5}, &types.LightClientOptimisticUpdate{SignatureSlot: 6}
		w.serve(map[reqresp.Method]reqresp.Handler{
			reqresp.LightClientBootstrapV1:        answers(sent{17, b}),
			reqresp.LightClientFinalityUpdateV1:   answers(sent{0, f}),
			reqresp.LightClientOptimisticUpdateV1: answers(sent{0, o}),
		})
		ctx := context.Background()
		got, cx, err := w.client.LightClientBootstrap(ctx, "server", types.HashTreeRoot(&b.Header.Beacon))
		check(t, err)
		if got.Header.Beacon.Slot != 17 || cx.Fork != params.Fulu {
			t.Errorf("bootstrap %+v of %v", got.Header.Beacon, cx.Fork)
		}
		_, _, err = w.client.LightClientBootstrap(ctx, "server", types.Root{5})
		wantClass(t, "bootstrap of another block", err, reqresp.Broken)
		finality, _, err := w.client.LightClientFinalityUpdate(ctx, "server")
		check(t, err)
		optimistic, _, err := w.client.LightClientOptimisticUpdate(ctx, "server")
		check(t, err)
		if finality.SignatureSlot != 5 || optimistic.SignatureSlot != 6 {
			t.Errorf("signature slots %d and %d", finality.SignatureSlot, optimistic.SignatureSlot)
		}
	})
}

// A peer that speaks only an older version is spoken to in that one.
func TestStatusPingAndMetaDataInTheNewestCommonVersion(t *testing.T) {
	inWorld(t, params.Fulu, func(w *world) {
		ctx := context.Background()
		own := types.Status{HeadSlot: 77, EarliestAvailableSlot: 5}
		var heard *reqresp.Status
		status := reqresp.On(func(ctx context.Context, call *reqresp.Call, s *reqresp.Status) error {
			heard = s
			answer := types.Status{HeadSlot: 99}
			if call.Protocol.Version == 2 {
				answer.EarliestAvailableSlot = 33
			}
			return call.Send(ctx, 0, ssz.Container(&answer))
		})
		metadata := func(ctx context.Context, call *reqresp.Call) error {
			m := &types.MetaData{SeqNumber: 4}
			if call.Protocol.Version == 3 {
				m.CustodyGroupCount = 8
			}
			return call.Send(ctx, 0, ssz.Container(m))
		}
		w.serve(map[reqresp.Method]reqresp.Handler{reqresp.StatusV1: status, reqresp.MetaDataV1: metadata})
		got, err := w.client.Status(ctx, "server", own)
		check(t, err)
		if got.HeadSlot != 99 || got.EarliestAvailableSlot != 0 || heard.HeadSlot != 77 || heard.EarliestAvailableSlot != 0 {
			t.Errorf("version 1: heard %+v, got %+v", heard, got)
		}
		m, err := w.client.MetaData(ctx, "server")
		check(t, err)
		if m.SeqNumber != 4 || m.CustodyGroupCount != 0 {
			t.Errorf("version 1: %+v", m)
		}
		w.serve(map[reqresp.Method]reqresp.Handler{
			reqresp.StatusV1: status, reqresp.StatusV2: status, reqresp.MetaDataV1: metadata, reqresp.MetaDataV3: metadata,
			reqresp.PingV1: reqresp.On(func(ctx context.Context, call *reqresp.Call, n *reqresp.Uint64) error {
				answer := n.Value + 1
				return call.Send(ctx, 0, ssz.Uint(&answer))
			}),
			reqresp.GoodbyeV1: func(context.Context, *reqresp.Call) error { return nil },
		})
		got, err = w.client.Status(ctx, "server", own)
		check(t, err)
		if got.EarliestAvailableSlot != 33 || heard.EarliestAvailableSlot != 5 {
			t.Errorf("version 2: heard %+v, got %+v", heard, got)
		}
		m, err = w.client.MetaData(ctx, "server")
		check(t, err)
		if m.CustodyGroupCount != 8 {
			t.Errorf("version 3: %+v", m)
		}
		seq, err := w.client.Ping(ctx, "server", 41)
		check(t, err)
		if seq != 42 {
			t.Errorf("ping gives %d", seq)
		}
		check(t, w.client.Goodbye(ctx, "server", reqresp.GoodbyeShutDown))
	})
}
