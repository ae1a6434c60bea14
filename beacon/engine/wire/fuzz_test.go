package wire_test

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/cresset/cresset/beacon/engine/wire"
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/types"
)

// FuzzRead reads any bytes as every structure that comes from the other side. What is taken is JSON, and is written as what is
// read again to the same text.
func FuzzRead(f *testing.F) {
	spec := mainnet(f)
	cx := wire.Context{Spec: spec, Fork: params.Gloas}
	built := fullBuilt(spec, params.Gloas)
	built.Blobs = wire.BlobsBundle{}
	f.Add(wire.Write(nil, cx.BuiltPayload(&built)))
	f.Add([]byte("[" + examplePayload() + "]"))
	f.Add([]byte(`{"status":"INVALID","latestValidHash":null,"validationError":"a\u0000b"}`))
	f.Add([]byte(`{"payloadStatus":{"status":"VALID"},"payloadId":"0x0000000021f32cc1"}`))
	f.Add([]byte(`[{"blob_cells":[null],"proofs":[null]},null]`))
	f.Add([]byte(`[{"transactions":["0x01"],"withdrawals":null,"blockAccessList":"0x"}]`))
	f.Add([]byte(`{"code":"GE","name":"go-ethereum","version":"1.17.7","commit":"fa4ff922"}`))
	f.Add([]byte(`{"hash":"0x","parentHash":"0x","totalDifficulty":"0x0"}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		for _, fresh := range []func() wire.Value{
			func() wire.Value { return cx.BuiltPayload(new(wire.BuiltPayload)) },
			func() wire.Value { return cx.NewPayload(&wire.NewPayload{Payload: new(types.ExecutionPayload)}) },
			func() wire.Value { return new(wire.PayloadStatus).Value() },
			func() wire.Value { return new(wire.PayloadStatusAndID).Value() },
			func() wire.Value { return wire.ListOrNull(new(*[]*wire.BlobCellsAndProofs), 4, cx.BlobCellsAndProofs) },
			func() wire.Value { return wire.ListOrNull(new(*[]*wire.BlobAndProofs), 4, cx.BlobAndProofs) },
			func() wire.Value { return wire.ListOrNull(new(*[]*wire.PayloadBody), 4, cx.Body) },
			func() wire.Value { return new(wire.ClientVersion).Value() },
			func() wire.Value { return new(wire.PowBlock).Value() },
		} {
			v := fresh()
			if wire.Read(text, v) != nil {
				continue
			}
			once := wire.Write(nil, v)
			if !json.Valid(once) {
				t.Fatalf("%q was taken and written as %q", text, once)
			}
			v = fresh()
			if err := wire.Read(once, v); err != nil {
				t.Fatalf("%q was written and not read: %v", once, err)
			}
			if twice := wire.Write(nil, v); !bytes.Equal(once, twice) {
				t.Fatalf("%q, then %q", once, twice)
			}
		}
	})
}

// FuzzReadAnswer reads any bytes as an answer.
func FuzzReadAnswer(f *testing.F) {
	f.Add([]byte(`{"jsonrpc":"2.0","id":3,"result":"0x5"}`))
	f.Add([]byte(`{"jsonrpc":"2.0","id":3,"error":{"code":-32000,"message":"Server error","data":{"err":"Database corrupted"}}}`))
	f.Add([]byte(`{"jsonrpc":"2.0","id":null,"result":[{"a":[1e5,true,"\"\\"]}],"x":{}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		var result []byte
		if wire.ReadAnswer(text, 3, wire.Raw(&result)) == nil && !json.Valid(result) {
			t.Fatalf("%q: taken with the result %q", text, result)
		}
	})
}
