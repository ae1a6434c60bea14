package wire_test

import (
	"encoding/json"
	"reflect"
	"testing"

	"github.com/cresset/cresset/beacon/engine/wire"
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/types"
)

// fullPayload has a value in every field that a fork has.
func fullPayload(fork params.Fork) types.ExecutionPayload {
	p := types.ExecutionPayload{
		ParentHash: types.Hash32{1}, FeeRecipient: types.ExecutionAddress{2}, StateRoot: types.Bytes32{3}, ReceiptsRoot: types.Bytes32{4},
		LogsBloom: make([]byte, 256), PrevRandao: types.Bytes32{5}, BlockNumber: 6, GasLimit: 7, GasUsed: 8, Timestamp: 9, ExtraData: []byte{10},
		BaseFeePerGas: ssz.Uint256{11, 12}, BlockHash: types.Hash32{13}, Transactions: [][]byte{{14}, {15, 16}},
	}
	if fork >= params.Capella {
		p.Withdrawals = []types.Withdrawal{{Index: 17, ValidatorIndex: 1<<40 | 18, Address: types.ExecutionAddress{19}, Amount: 20}}
	}
	if fork >= params.Deneb {
		p.BlobGasUsed, p.ExcessBlobGas = 21, 22
	}
	if fork >= params.Gloas {
		p.BlockAccessList, p.SlotNumber = []byte{0xc0}, 23
	}
	return p
}

func fullBuilt(spec *params.Spec, fork params.Fork) wire.BuiltPayload {
	b := wire.BuiltPayload{Payload: fullPayload(fork)}
	if fork >= params.Capella {
		b.Value = ssz.Uint256{1, 2, 3}
	}
	if fork >= params.Deneb {
		proofs := 1
		if fork >= params.Fulu {
			proofs = int(spec.CellsPerExtBlob)
		}
		b.ShouldOverrideBuilder = true
		b.Blobs = wire.BlobsBundle{Commitments: make([]types.KZGCommitment, 1), Proofs: make([]types.KZGProof, proofs), Blobs: [][]byte{make([]byte, 131072)}}
	}
	if fork >= params.Electra {
		b.RequestsList = [][]byte{{0, 1}, {2, 3}}
	}
	return b
}

// Structures of every fork are read as they were written, and have the members that the Engine API lists for the fork.
func TestStructuresOfForks(t *testing.T) {
	spec := mainnet(t)
	members := map[params.Fork]int{params.Bellatrix: 14, params.Capella: 15, params.Deneb: 17, params.Electra: 17, params.Fulu: 17, params.Gloas: 19}
	for fork, want := range members {
		cx := wire.Context{Spec: spec, Fork: fork}
		built := fullBuilt(spec, fork)
		text := wire.Write(nil, cx.BuiltPayload(&built))
		var again wire.BuiltPayload
		if err := wire.Read(text, cx.BuiltPayload(&again)); err != nil || !reflect.DeepEqual(again, built) {
			t.Errorf("%s: built payload read as %+v, %v", fork, again, err)
		}
		var fields map[string]json.RawMessage
		if err := json.Unmarshal(wire.Write(nil, cx.Payload(&built.Payload)), &fields); err != nil || len(fields) != want {
			t.Errorf("%s: payload of %d members, want %d, %v", fork, len(fields), want, err)
		}
		n := &wire.NewPayload{Payload: &built.Payload}
		if fork >= params.Deneb {
			n.VersionedHashes, n.ParentBeaconBlockRoot = []types.Bytes32{{1}, {2}}, types.Root{3}
		}
		if fork >= params.Electra {
			n.Requests = [][]byte{{1, 2}}
		}
		back := &wire.NewPayload{Payload: &types.ExecutionPayload{}}
		if err := wire.Read(wire.Write(nil, cx.NewPayload(n)), cx.NewPayload(back)); err != nil || !reflect.DeepEqual(back, n) {
			t.Errorf("%s: new payload read as %+v, %v", fork, back, err)
		}
	}
}

// Lists of the pool and of bodies keep null apart from empty, as a whole and for each entry.
func TestListsWithNull(t *testing.T) {
	spec := mainnet(t)
	gloas, electra := wire.Context{Spec: spec, Fork: params.Gloas}, wire.Context{Spec: spec, Fork: params.Electra}
	withdrawals, accesses, cell := []types.Withdrawal{}, []byte{0xc0}, make([]byte, 2048)
	bodies := &[]*wire.PayloadBody{{Transactions: [][]byte{{1}}, Withdrawals: &withdrawals, BlockAccessList: &accesses}, nil, {Transactions: [][]byte{}}}
	again(t, bodies, func(p **[]*wire.PayloadBody) wire.Value { return wire.ListOrNull(p, 3, gloas.Body) })
	cells := &[]*wire.BlobCellsAndProofs{nil, {Cells: []*[]byte{&cell, nil}, Proofs: []*types.KZGProof{{1}, nil}}}
	again(t, cells, func(p **[]*wire.BlobCellsAndProofs) wire.Value {
		return wire.ListOrNull(p, 2, gloas.BlobCellsAndProofs)
	})
	blobs := &[]*wire.BlobAndProofs{{Blob: make([]byte, 131072), Proofs: []types.KZGProof{{5}}}, nil}
	again(t, blobs, func(p **[]*wire.BlobAndProofs) wire.Value { return wire.ListOrNull(p, 2, electra.BlobAndProofs) })
	again[[]*wire.BlobAndProofs](t, nil, func(p **[]*wire.BlobAndProofs) wire.Value { return wire.ListOrNull(p, 2, electra.BlobAndProofs) })
	three := &[]*wire.BlobAndProofs{nil, nil, nil}
	text := wire.Write(nil, wire.ListOrNull(&three, 3, electra.BlobAndProofs))
	if err := wire.Read(text, wire.ListOrNull(&three, 2, electra.BlobAndProofs)); err == nil {
		t.Error("three entries were taken for two")
	}
}

// again writes and reads a value.
func again[T any](t *testing.T, v *T, of func(**T) wire.Value) {
	t.Helper()
	text := wire.Write(nil, of(&v))
	back := new(T)
	if err := wire.Read(text, of(&back)); err != nil || !reflect.DeepEqual(back, v) {
		t.Errorf("%.100s: %+v, %v", text, back, err)
	}
}

// A version's commit is read with and without 0x, and a whole hash is cut to its first four bytes.
func TestClientVersion(t *testing.T) {
	for _, commit := range []string{"fa4ff922", "0xfa4ff922", "fa4ff92200112233445566778899aabbccddeeff00112233"} {
		var v wire.ClientVersion
		text := `{"code":"GE","name":"go-ethereum","version":"1.17.7","commit":"` + commit + `"}`
		if err := wire.Read([]byte(text), v.Value()); err != nil || v.Commit != [4]byte{0xfa, 0x4f, 0xf9, 0x22} || v.Code != "GE" {
			t.Errorf("%s: %+v, %v", commit, v, err)
		}
	}
	var v wire.ClientVersion
	if err := wire.Read([]byte(`{"code":"GE","name":"a","version":"b","commit":"xyz"}`), v.Value()); err == nil {
		t.Error("commit xyz was taken")
	}
}
