package wire_test

import (
	"encoding/hex"
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/cresset/cresset/beacon/engine/wire"
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/types"
)

// mainnet is the spec of the main network.
func mainnet(t testing.TB) *params.Spec {
	t.Helper()
	spec, err := params.ByName("mainnet")
	if err != nil {
		t.Fatal(err)
	}
	return spec
}

// examplePayload is the payload of the examples of engine_newPayloadV1 and engine_getPayloadV1 (openrpc/methods/payload.yaml).
func examplePayload() string {
	return `{
	"parentHash": "0x3b8fb240d288781d4aac94d3fd16809ee413bc99294a085798a589dae51ddd4a",
	"feeRecipient": "0xa94f5374fce5edbc8e2a8697c15331677e6ebf0b",
	"stateRoot": "0xca3149fa9e37db08d1cd49c9061db1002ef1cd58db2210f2115c8c989b2bdf45",
	"receiptsRoot": "0x56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421",
	"logsBloom": "0x` + strings.Repeat("00", 256) + `",
	"prevRandao": "0x0000000000000000000000000000000000000000000000000000000000000000",
	"blockNumber": "0x1",
	"gasLimit": "0x1c9c380",
	"gasUsed": "0x0",
	"timestamp": "0x5",
	"extraData": "0x",
	"baseFeePerGas": "0x7",
	"blockHash": "0x3559e851470f6e7bbed1db474980683e8c315bfce99b2a6ef47c057c04de7858",
	"transactions": []
}`
}

func hash(t testing.TB, digits string) (h types.Hash32) {
	t.Helper()
	b, err := hex.DecodeString(digits)
	if err != nil || len(b) != len(h) {
		t.Fatalf("%q is no hash", digits)
	}
	copy(h[:], b)
	return h
}

// same tells whether two texts are the same JSON, however they are spaced and ordered.
func same(t *testing.T, got, want []byte) {
	t.Helper()
	var g, w any
	if err := json.Unmarshal(got, &g); err != nil {
		t.Fatalf("%s: %v", got, err)
	}
	if err := json.Unmarshal(want, &w); err != nil {
		t.Fatalf("%s: %v", want, err)
	}
	if !reflect.DeepEqual(g, w) {
		t.Errorf("written\n%s\nwant\n%s", got, want)
	}
}

// The example of engine_newPayloadV1 is read, and written as it stands.
func TestExampleOfNewPayload(t *testing.T) {
	cx := wire.Context{Spec: mainnet(t), Fork: params.Bellatrix}
	n := &wire.NewPayload{Payload: &types.ExecutionPayload{}}
	text := []byte("[" + examplePayload() + "]")
	if err := wire.Read(text, cx.NewPayload(n)); err != nil {
		t.Fatal(err)
	}
	p := n.Payload
	if p.BlockHash != hash(t, "3559e851470f6e7bbed1db474980683e8c315bfce99b2a6ef47c057c04de7858") || p.GasLimit != 30_000_000 ||
		p.Timestamp != 5 || p.BlockNumber != 1 || p.BaseFeePerGas.Big().Int64() != 7 || len(p.LogsBloom) != 256 {
		t.Errorf("read %+v", p)
	}
	same(t, wire.Write(nil, cx.NewPayload(n)), text)
}

// The examples of the answers to engine_newPayloadV1 are read.
func TestExamplesOfPayloadStatus(t *testing.T) {
	for _, c := range []struct {
		text   string
		status wire.Status
		latest string
		why    string
	}{
		{`{"status":"VALID","latestValidHash":"0x3559e851470f6e7bbed1db474980683e8c315bfce99b2a6ef47c057c04de7858","validationError":null}`, wire.Valid, "3559e851470f6e7bbed1db474980683e8c315bfce99b2a6ef47c057c04de7858", ""},
		{`{"status":"INVALID","latestValidHash":"0x0000000000000000000000000000000000000000000000000000000000000000","validationError":"New payload is invalid"}`, wire.Invalid, strings.Repeat("00", 32), "New payload is invalid"},
		{`{"status":"SYNCING","latestValidHash":null,"validationError":null}`, wire.Syncing, "", ""},
		{`{"status":"ACCEPTED"}`, wire.Accepted, "", ""},
		{`{"status":"INVALID_BLOCK_HASH","latestValidHash":null,"validationError":"a \"quoted\" \u00e9"}`, wire.InvalidBlockHash, "", `a "quoted" é`},
	} {
		var s wire.PayloadStatus
		if err := wire.ReadAnswer([]byte(`{"jsonrpc":"2.0","id":7,"result":`+c.text+`}`), 7, s.Value()); err != nil {
			t.Errorf("%s: %v", c.text, err)
			continue
		}
		if s.Status != c.status || s.ValidationError != c.why || (c.latest == "") != (s.LatestValidHash == nil) ||
			s.LatestValidHash != nil && types.Hash32(*s.LatestValidHash) != hash(t, c.latest) {
			t.Errorf("%s: read %+v", c.text, s)
		}
		again := wire.PayloadStatus{}
		if err := wire.Read(wire.Write(nil, s.Value()), again.Value()); err != nil || !reflect.DeepEqual(again, s) {
			t.Errorf("%s: written and read %+v, %v", c.text, again, err)
		}
	}
}

// The example of engine_forkchoiceUpdatedV1 is written as it stands, and its answer read.
func TestExampleOfForkchoiceUpdated(t *testing.T) {
	want := `[{"headBlockHash":"0x3559e851470f6e7bbed1db474980683e8c315bfce99b2a6ef47c057c04de7858",
		"safeBlockHash":"0x3559e851470f6e7bbed1db474980683e8c315bfce99b2a6ef47c057c04de7858",
		"finalizedBlockHash":"0x3b8fb240d288781d4aac94d3fd16809ee413bc99294a085798a589dae51ddd4a"},
		{"timestamp":"0x5","prevRandao":"0x0000000000000000000000000000000000000000000000000000000000000000",
		"suggestedFeeRecipient":"0xa94f5374fce5edbc8e2a8697c15331677e6ebf0b"}]`
	head := hash(t, "3559e851470f6e7bbed1db474980683e8c315bfce99b2a6ef47c057c04de7858")
	state := wire.ForkchoiceState{Head: head, Safe: head, Finalized: hash(t, "3b8fb240d288781d4aac94d3fd16809ee413bc99294a085798a589dae51ddd4a")}
	recipient, err := hex.DecodeString("a94f5374fce5edbc8e2a8697c15331677e6ebf0b")
	if err != nil {
		t.Fatal(err)
	}
	a := &wire.PayloadAttributes{Timestamp: 5, SuggestedFeeRecipient: types.ExecutionAddress(recipient)}
	var custody *wire.ColumnSet
	spec := mainnet(t)
	same(t, wire.Write(nil, wire.Context{Spec: spec, Fork: params.Bellatrix}.ForkchoiceUpdated(&state, &a, &custody)), []byte(want))

	var answer wire.PayloadStatusAndID
	text := `{"id":1,"jsonrpc":"2.0","result":{"payloadId":"0x0000000021f32cc1","payloadStatus":{"status":"VALID",
		"latestValidHash":"0x3559e851470f6e7bbed1db474980683e8c315bfce99b2a6ef47c057c04de7858","validationError":null}}}`
	if err := wire.ReadAnswer([]byte(text), 1, answer.Value()); err != nil {
		t.Fatal(err)
	}
	if answer.ID == nil || answer.ID.String() != "0x0000000021f32cc1" || answer.Status.Status != wire.Valid {
		t.Errorf("read %+v", answer)
	}
}

// From Gloas on the attributes have slot and target, and the custody columns stand behind them: null, or 16 bytes.
func TestForkchoiceUpdatedOfGloas(t *testing.T) {
	state := wire.ForkchoiceState{}
	zero := `"0x` + strings.Repeat("00", 32) + `"`
	heads := `{"headBlockHash":` + zero + `,"safeBlockHash":` + zero + `,"finalizedBlockHash":` + zero + `}`
	cx := wire.Context{Spec: mainnet(t), Fork: params.Gloas}
	var a *wire.PayloadAttributes
	var custody *wire.ColumnSet
	same(t, wire.Write(nil, cx.ForkchoiceUpdated(&state, &a, &custody)), []byte("["+heads+",null,null]"))

	set, err := wire.NewColumnSet([]uint64{0, 9, 127})
	if err != nil {
		t.Fatal(err)
	}
	a, custody = &wire.PayloadAttributes{Timestamp: 16, Withdrawals: []types.Withdrawal{{Index: 1, ValidatorIndex: 2, Amount: 255}}, SlotNumber: 3, TargetGasLimit: 60_000_000}, &set
	want := "[" + heads + `,{"timestamp":"0x10","prevRandao":` + zero + `,"suggestedFeeRecipient":"0x` + strings.Repeat("00", 20) + `",
		"withdrawals":[{"index":"0x1","validatorIndex":"0x2","address":"0x` + strings.Repeat("00", 20) + `","amount":"0xff"}],
		"parentBeaconBlockRoot":` + zero + `,"slotNumber":"0x3","targetGasLimit":"0x3938700"},"0x01020000000000000000000000000080"]`
	same(t, wire.Write(nil, cx.ForkchoiceUpdated(&state, &a, &custody)), []byte(want))
	if !set.Has(9) || set.Has(10) || set.Has(1<<40) || set.Count() != 3 {
		t.Errorf("set %x", set)
	}
	if _, err := wire.NewColumnSet([]uint64{128}); err == nil {
		t.Error("column 128 was taken")
	}
}

// The example of an error in common.md is read, and errors.Is finds its code.
func TestExampleOfError(t *testing.T) {
	err := wire.ReadAnswer([]byte(`{"jsonrpc":"2.0","id":1,"error":{"code":-32000,"message":"Server error","data":{"err":"Database corrupted"}}}`), 1, wire.Tuple())
	if got, want := err.Error(), "Server error (-32000): Database corrupted"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if !isCode(err, wire.ServerError) || isCode(err, wire.UnknownPayload) {
		t.Errorf("code of %v is not found", err)
	}
}
