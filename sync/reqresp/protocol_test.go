package reqresp

import (
	"math"
	"strings"
	"testing"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/types"
)

// The table says what the specification says: request sizes, kinds of answers, limits on mainnet in Deneb and Gloas.
func TestTheTableOfProtocols(t *testing.T) {
	spec := params.Mainnet()
	table := NewTable(spec)
	const deneb, gloas = params.Deneb, params.Gloas
	for _, c := range []struct {
		id          string
		since       params.Fork
		least, most uint64 // bytes of the request
		many, cx    bool
		deneb       uint64 // things in one request
		gloas       uint64
	}{
		{"status/1", params.Phase0, 84, 84, false, false, 1, 1},
		{"status/2", params.Fulu, 92, 92, false, false, 1, 1},
		{"goodbye/1", params.Phase0, 8, 8, false, false, 1, 1},
		{"ping/1", params.Phase0, 8, 8, false, false, 1, 1},
		{"metadata/1", params.Phase0, 0, 0, false, false, 1, 1},
		{"metadata/2", params.Altair, 0, 0, false, false, 1, 1},
		{"metadata/3", params.Fulu, 0, 0, false, false, 1, 1},
		{"beacon_blocks_by_range/2", params.Altair, 24, 24, true, true, 128, 128},
		{"beacon_blocks_by_root/2", params.Altair, 0, 1024 * 32, true, true, 128, 128},
		{"beacon_blocks_by_head/1", params.Fulu, 40, 40, true, true, 128, 128},
		{"blob_sidecars_by_range/1", params.Deneb, 16, 16, true, true, 768, 1152},
		{"blob_sidecars_by_root/1", params.Deneb, 0, 1152 * 40, true, true, 768, 1152},
		{"data_column_sidecars_by_range/1", params.Fulu, 20, 20 + 128*8, true, true, 16384, 16384},
		{"data_column_sidecars_by_root/1", params.Fulu, 0, 128 * (4 + 36 + 128*8), true, true, 16384, 16384},
		{"execution_payload_envelopes_by_range/1", params.Gloas, 16, 16, true, true, 128, 128},
		{"execution_payload_envelopes_by_root/1", params.Gloas, 0, 128 * 32, true, true, 128, 128},
		{"light_client_bootstrap/1", params.Altair, 32, 32, false, true, 1, 1},
		{"light_client_updates_by_range/1", params.Altair, 16, 16, true, true, 128, 128},
		{"light_client_finality_update/1", params.Altair, 0, 0, false, true, 1, 1},
		{"light_client_optimistic_update/1", params.Altair, 0, 0, false, true, 1, 1},
	} {
		p := table.ByID("/eth2/beacon_chain/req/" + c.id + "/ssz_snappy")
		if p == nil {
			t.Errorf("%s is not in the table", c.id)
			continue
		}
		if p.String() != c.id || p.Since != c.since || p.Many != c.many || p.Context != c.cx {
			t.Errorf("%s: %v since %v, many %t, context %t", c.id, p, p.Since, p.Many, p.Context)
		}
		if p.asked != (bounds{c.least, c.most}) {
			t.Errorf("%s: requests of %+v bytes, want %d to %d", c.id, p.asked, c.least, c.most)
		}
		if d, g := p.MaxChunks(spec, deneb), p.MaxChunks(spec, gloas); d != c.deneb || g != c.gloas {
			t.Errorf("%s: %d and %d things, want %d and %d", c.id, d, g, c.deneb, c.gloas)
		}
	}
	if n := len(table.ids); n != int(methods) {
		t.Errorf("%d ids of %d protocols", n, methods)
	}
	for i := range table.rows {
		p := &table.rows[i]
		if p.Method != Method(i) || p.Peer.Tokens == 0 || p.Peer.Per == 0 || p.All.Tokens < p.Peer.Tokens || p.Deadlines.Whole < p.Deadlines.Wait {
			t.Errorf("%v is not complete: %+v", p, *p)
		}
	}
}

// Spec: "No more than MAX_REQUEST_BLOCKS_DENEB may be requested at a time." (deneb)
func TestBlocksOfOneRequestBeforeDeneb(t *testing.T) {
	spec := params.Mainnet()
	if got := NewTable(spec).Row(BlocksByRangeV2).MaxChunks(spec, params.Capella); got != 1024 {
		t.Errorf("%d blocks, want 1024", got)
	}
}

// Chunks are bounded by their type in their fork, or MAX_PAYLOAD_SIZE.
func TestBoundsOfChunks(t *testing.T) {
	table := NewTable(params.Mainnet())
	for _, c := range []struct {
		m           Method
		fork        params.Fork
		least, most uint64
	}{
		{StatusV1, params.Phase0, 84, 84},
		{StatusV2, params.Fulu, 92, 92},
		{MetaDataV3, params.Fulu, 25, 25},
		{PingV1, params.Phase0, 8, 8},
		{BlocksByRangeV2, params.Phase0, 404, 157_756},
		{BlocksByRangeV2, params.Gloas, 924, 10 << 20},
		{BlobsByRootV1, params.Deneb, 131_928, 131_928},
		{ColumnsByRootV1, params.Fulu, 356, 356 + 4096*2144},
		{ColumnsByRootV1, params.Gloas, 56, 8_585_272},
		{LightClientBootstrapV1, params.Altair, 112 + 24_624 + 5*32, 112 + 24_624 + 5*32},
	} {
		if got := table.Row(c.m).chunks[c.fork]; got != (bounds{c.least, c.most}) {
			t.Errorf("%v in %v: %+v, want %d to %d", table.Row(c.m), c.fork, got, c.least, c.most)
		}
	}
}

// Protocols of a fork that is not scheduled are not offered, and blobs end after Fulu.
func TestProtocolsComeAndGo(t *testing.T) {
	spec, _, err := params.Minimal().Override([]byte("PRESET_BASE: minimal\nCONFIG_NAME: x\nALTAIR_FORK_EPOCH: 0\nBELLATRIX_FORK_EPOCH: 0\nCAPELLA_FORK_EPOCH: 0\nDENEB_FORK_EPOCH: 0\nELECTRA_FORK_EPOCH: 0\nFULU_FORK_EPOCH: 10\n"))
	if err != nil {
		t.Fatal(err)
	}
	table := NewTable(spec)
	end := 10 + spec.MinEpochsForBlobSidecarsRequests
	for _, c := range []struct {
		m       Method
		epoch   types.Epoch
		offered bool
	}{
		{EnvelopesByRangeV1, 100, false},
		{ColumnsByRangeV1, 0, true},
		{StatusV1, 1000, true},
		{BlobsByRangeV1, end - 1, true},
		{BlobsByRangeV1, end, false},
	} {
		if got := table.Row(c.m).Offered(spec, c.epoch); got != c.offered {
			t.Errorf("%v in epoch %d: %t", table.Row(c.m), c.epoch, got)
		}
	}
	for _, row := range table.Offered(end) {
		if strings.HasPrefix(row.Name, "blob") || strings.HasPrefix(row.Name, "execution") {
			t.Errorf("%v is offered", row)
		}
	}
}

// Numbers that do not fit, and what does not exist, are refused before anything is computed from them.
func TestRequestsThatMakeNoSense(t *testing.T) {
	const most = math.MaxUint64
	cx := ssz.Context{Spec: params.Mainnet(), Fork: params.Fulu}
	for _, c := range []struct {
		name  string
		m     Message
		items uint64
		wrong bool
	}{
		{"last slots", &BlocksByRange{Range{most - 5, 5}, 1}, 5, false},
		{"behind the last slot", &BlocksByRange{Range{most - 5, 6}, 1}, 6, true},
		{"step 0", &BlocksByRange{Range{1, 6}, 0}, 6, true},
		{"step 2", &BlocksByRange{Range{1, 6}, 2}, 1, false},
		{"huge step", &BlocksByRange{Range{1, 6}, most}, 1, false},
		{"nothing in steps", &BlocksByRange{Range{1, 0}, 3}, 0, false},
		{"blobs behind the last slot", &BlobsByRange{Range{most, 1}}, 9, true},
		{"very many blobs", &BlobsByRange{Range{0, most}}, most, false},
		{"envelopes behind the last slot", &EnvelopesByRange{Range{most, 1}}, 1, true},
		{"columns", &ColumnsByRange{Range{1, 3}, []uint64{0, 127}}, 6, false},
		{"a column that does not exist", &ColumnsByRange{Range{1, 3}, []uint64{128}}, 3, true},
		{"a column twice", &ColumnsByRange{Range{1, 3}, []uint64{5, 5}}, 6, true},
		{"columns of blocks", &ColumnIdentifiers{[]types.DataColumnsByRootIdentifier{{Columns: []uint64{1, 2}}, {Columns: []uint64{3}}}}, 3, false},
		{"a column of a block that does not exist", &ColumnIdentifiers{[]types.DataColumnsByRootIdentifier{{Columns: []uint64{128}}}}, 1, true},
		{"periods", &UpdatesByRange{most - 1, 1}, 1, false},
		{"periods that do not fit", &UpdatesByRange{most, 1}, 1, true},
	} {
		if err := c.m.Check(cx); (err != nil) != c.wrong {
			t.Errorf("%s: %v", c.name, err)
		}
		if items := c.m.Items(cx); items != c.items {
			t.Errorf("%s: %d items, want %d", c.name, items, c.items)
		}
	}
}
