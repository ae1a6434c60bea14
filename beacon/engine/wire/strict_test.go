package wire_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/cresset/cresset/beacon/engine/wire"
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/transition"
	"github.com/cresset/cresset/beacon/types"
)

func isCode(err error, code wire.Code) bool { return errors.Is(err, code) }

// Values of QUANTITY match ^0x(?:0|(?:[a-fA-F1-9][a-fA-F0-9]*))$ and fit their bits.
func TestQuantity(t *testing.T) {
	for text, want := range map[string]uint64{`"0x0"`: 0, `"0x41"`: 65, `"0xFf"`: 255, ` "0xffffffffffffffff" `: 1<<64 - 1} {
		var n uint64
		if err := wire.Read([]byte(text), wire.Quantity(&n)); err != nil || n != want {
			t.Errorf("%s: %d, %v, want %d", text, n, err, want)
		}
	}
	for _, text := range []string{`"0x"`, `"0x00"`, `"0x01"`, `"0xg"`, `"41"`, `41`, `""`, `"0X1"`, `"0x10000000000000000"`, `"0x+1"`, `"0x1_0"`, `"0x-1"`, `null`, `"0x1`, `"0x1"x`, ``, `"0x1" "0x2"`} {
		var n uint64
		if err := wire.Read([]byte(text), wire.Quantity(&n)); !errors.Is(err, wire.ErrFormat) {
			t.Errorf("%s: taken as %d, %v", text, n, err)
		}
		var w ssz.Uint256
		if text == `"0x10000000000000000"` {
			continue
		}
		if err := wire.Read([]byte(text), wire.Wide(&w)); !errors.Is(err, wire.ErrFormat) {
			t.Errorf("%s: taken as %v, %v", text, w.Big(), err)
		}
	}
	var w ssz.Uint256
	most := `"0x` + strings.Repeat("f", 64) + `"`
	if err := wire.Read([]byte(most), wire.Wide(&w)); err != nil || w.Big().BitLen() != 256 {
		t.Errorf("%v, %v", w.Big(), err)
	}
	if got := string(wire.Write(nil, wire.Wide(&w))); got != most {
		t.Errorf("written %s", got)
	}
	if err := wire.Read([]byte(`"0x1`+strings.Repeat("0", 64)+`"`), wire.Wide(&w)); err == nil {
		t.Error("257 bits were taken")
	}
	if err := wire.Read([]byte(`"0x102"`), wire.Wide(&w)); err != nil || w[0] != 2 || w[1] != 1 {
		t.Errorf("0x102 is %v, %v", w, err)
	}
}

// Values of DATA match ^0x(?:[a-fA-F0-9]{2})*$ and have their field's length.
func TestData(t *testing.T) {
	for text, want := range map[string]string{`"0x"`: "", `"0x0a"`: "\n", `"0xAb00"`: "\xab\x00"} {
		var b []byte
		if err := wire.Read([]byte(text), wire.Data(&b, 0, 2)); err != nil || string(b) != want {
			t.Errorf("%s: %x, %v", text, b, err)
		}
	}
	for _, text := range []string{`"0x0"`, `"0xgg"`, `"0a"`, `"0x010203"`, `null`, `""`, `[]`, `"0x\u0061b"`} {
		var b []byte
		if err := wire.Read([]byte(text), wire.Data(&b, 0, 2)); !errors.Is(err, wire.ErrFormat) {
			t.Errorf("%s: taken as %x, %v", text, b, err)
		}
	}
	var four [4]byte
	for _, text := range []string{`"0x010203"`, `"0x0102030405"`} {
		if err := wire.Read([]byte(text), wire.Fixed(four[:])); err == nil {
			t.Errorf("%s: taken as 4 bytes", text)
		}
	}
}

// Errors name the field.
func TestErrorsNameTheField(t *testing.T) {
	cx := wire.Context{Spec: mainnet(t), Fork: params.Capella}
	good := strings.TrimSuffix(examplePayload(), "\n}") + `, "withdrawals": [{"index":"0x0","validatorIndex":"0x0","address":"0x` + strings.Repeat("00", 20) + `","amount":"0x0"}] }`
	var p types.ExecutionPayload
	if err := wire.Read([]byte(good), cx.Payload(&p)); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ old, new, want string }{
		{`"gasUsed": "0x0"`, `"gasUsed": "0x00"`, "gasUsed: QUANTITY"},
		{`"gasUsed": "0x0",`, ``, "gasUsed: missing"},
		{`"gasUsed": "0x0",`, `"gasUsed": "0x0", "gasUsed": "0x0",`, "gasUsed: given twice"},
		{`"gasUsed": "0x0"`, `"gasUsed": null`, "gasUsed: found"},
		{`"amount":"0x0"`, `"amount":"x"`, "withdrawals[0].amount:"},
		{`"transactions": []`, `"transactions": ["0x01","0x1"]`, "transactions[1]: DATA of an odd number"},
		{`"transactions": []`, `"transactions": {}`, "transactions: found"},
		{`"extraData": "0x"`, `"extraData": "0x` + strings.Repeat("00", 33) + `"`, "extraData: DATA of 33 bytes, want 0 to 32"},
		{`"0x` + strings.Repeat("00", 256), `"0x` + strings.Repeat("00", 255), "logsBloom: DATA of 255 bytes, want 256"},
		{`"extraData": "0x",`, `"extraData": "0x"`, "want \",\""},
	} {
		bad := strings.Replace(good, c.old, c.new, 1)
		if bad == good {
			t.Fatalf("%s is not in the example", c.old)
		}
		if err := wire.Read([]byte(bad), cx.Payload(&p)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q in it", c.new, err, c.want)
		}
	}
	seventeen := strings.Repeat(`{"index":"0x0","validatorIndex":"0x0","address":"0x`+strings.Repeat("00", 20)+`","amount":"0x0"},`, 17)
	many := strings.Replace(good, `"withdrawals": [`, `"withdrawals": [`+seventeen, 1)
	if err := wire.Read([]byte(many), cx.Payload(&p)); err == nil || !strings.Contains(err.Error(), "withdrawals: more than 16 elements") {
		t.Errorf("18 withdrawals: %v", err)
	}
}

// Members that are not known are passed over, whatever they are, but not nested without end and not if they are no JSON.
func TestUnknownMembers(t *testing.T) {
	var n uint64
	v := wire.Object(wire.Need("n", wire.Quantity(&n)))
	for _, extra := range []string{`{"a":[1,-2.5e7,{"b":null}],"c":true,"d":false}`, `"\u00e9\"\\"`, `"ends with a backslash \\"`, `[]`, `{}`, `0`} {
		n = 0
		if err := wire.Read([]byte(`{"x":`+extra+`,"n":"0x5"}`), v); err != nil || n != 5 {
			t.Errorf("%s: %d, %v", extra, n, err)
		}
	}
	for _, extra := range []string{strings.Repeat("[", 40) + strings.Repeat("]", 40), strings.Repeat(`{"a":`, 100_000), `[1,]`, `{"a"}`, `{a:1}`, `01`, `1.`, `nul`, `"\x"`, `"` + "\n" + `"`, ``, `'a'`, `[1 2]`} {
		if err := wire.Read([]byte(`{"x":`+extra+`,"n":"0x5"}`), v); !errors.Is(err, wire.ErrFormat) {
			t.Errorf("%.40s: taken, %v", extra, err)
		}
	}
}

// An answer is to its call, and has a result or an error.
func TestAnswer(t *testing.T) {
	var n uint64
	read := func(text string) error { return wire.ReadAnswer([]byte(text), 3, wire.Quantity(&n)) }
	for _, text := range []string{
		`{"jsonrpc":"2.0","id":3,"result":"0x5"}`,
		`{"result":"0x5","error":null,"id":3,"jsonrpc":"2.0"}`,
	} {
		if n = 0; read(text) != nil || n != 5 {
			t.Errorf("%s: %d, %v", text, n, read(text))
		}
	}
	for text, want := range map[string]string{
		`{"jsonrpc":"2.0","id":4,"result":"0x5"}`:                        "id: 4, want 3",
		`{"jsonrpc":"1.0","id":3,"result":"0x5"}`:                        "2.0",
		`{"id":3,"result":"0x5"}`:                                        "jsonrpc: missing",
		`{"jsonrpc":"2.0","id":3}`:                                       "neither",
		`{"jsonrpc":"2.0","id":3,"error":null}`:                          "neither",
		`{"jsonrpc":"2.0","id":3,"result":null}`:                         "result: found",
		`{"jsonrpc":"2.0","id":3,"result":5}`:                            "result: found",
		`{"jsonrpc":"2.0","id":"3","result":"0x5"}`:                      "id: found",
		`{"jsonrpc":"2.0","id":3,"error":{"message":"x"}}`:               "error.code: missing",
		`{"jsonrpc":"2.0","id":3,"error":{"code":99999999999999999999}}`: "code",
		`[{"jsonrpc":"2.0","id":3,"result":"0x5"}]`:                      "found",
		`<html>`: "found",
		``:       "the end",
	} {
		if err := read(text); !errors.Is(err, wire.ErrFormat) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
	for text, code := range map[string]wire.Code{
		`{"jsonrpc":"2.0","id":3,"error":{"code":-38001,"message":"Unknown payload"}}`:                   wire.UnknownPayload,
		`{"jsonrpc":"2.0","id":3,"result":null,"error":{"code":-38006,"message":"a"}}`:                   wire.TooDeepReorg,
		`{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"b","data":"anything"}}`:            wire.ParseError,
		`{"jsonrpc":"2.0","id":3,"error":{"code":-38005,"message":"` + strings.Repeat("c", 5000) + `"}}`: wire.UnsupportedFork,
	} {
		if err := read(text); !isCode(err, code) || len(err.Error()) > 1200 {
			t.Errorf("%.80s: %v, want code %d", text, err, code)
		}
	}
}

// Each fork has one method of each kind that it needs, and it is the one that the Engine API says.
func TestMethodsOfForks(t *testing.T) {
	for fork, want := range map[params.Fork]string{
		params.Phase0:    "",
		params.Bellatrix: "engine_newPayloadV1 engine_forkchoiceUpdatedV1 engine_getPayloadV1",
		params.Capella:   "engine_newPayloadV2 engine_forkchoiceUpdatedV2 engine_getPayloadV2",
		params.Deneb:     "engine_newPayloadV3 engine_forkchoiceUpdatedV3 engine_getPayloadV3",
		params.Electra:   "engine_newPayloadV4 engine_forkchoiceUpdatedV3 engine_getPayloadV4",
		params.Fulu:      "engine_newPayloadV4 engine_forkchoiceUpdatedV3 engine_getPayloadV5",
		params.Gloas:     "engine_newPayloadV5 engine_forkchoiceUpdatedV4 engine_getPayloadV6",
	} {
		if got := strings.Join(wire.Demanded(fork), " "); got != want {
			t.Errorf("%s: %s, want %s", fork, got, want)
		}
	}
	for kind, want := range map[wire.Kind]string{wire.KindGetBlobs: "engine_getBlobsV1", wire.KindBodiesByHash: "engine_getPayloadBodiesByHashV1"} {
		if m, err := wire.MethodFor(kind, params.Electra); err != nil || m.Name != want {
			t.Errorf("%s, %v, want %s", m.Name, err, want)
		}
	}
	if _, err := wire.MethodFor(wire.KindGetBlobs, params.Capella); err == nil || !strings.Contains(err.Error(), "engine_getBlobs for fork capella") {
		t.Errorf("blobs of capella: %v", err)
	}
	for _, name := range wire.Capabilities() {
		if m, ok := wire.MethodNamed(name); !ok || !strings.HasSuffix(name, fmt.Sprintf("V%d", m.Version)) || m.Timeout == 0 || m.MaxResponse == 0 {
			t.Errorf("%s: %+v", name, m)
		}
	}
	if _, ok := wire.MethodNamed("engine_newPayloadV6"); ok {
		t.Error("engine_newPayloadV6 is known")
	}
}

// get_execution_requests: known types in ascending order, each with data.
func TestGetExecutionRequests(t *testing.T) {
	cx := wire.Context{Spec: mainnet(t), Fork: params.Gloas}
	want := &types.ExecutionRequests{
		Deposits:       []types.DepositRequest{{Amount: 7, Index: 1}},
		Consolidations: []types.ConsolidationRequest{{SourceAddress: types.ExecutionAddress{9}}},
		BuilderExits:   []types.BuilderExitRequest{{SourceAddress: types.ExecutionAddress{8}}},
	}
	list, err := transition.GetExecutionRequestsList(ssz.Context{Spec: cx.Spec, Fork: cx.Fork}, want)
	if err != nil {
		t.Fatal(err)
	}
	got, err := wire.GetExecutionRequests(cx, list)
	if err != nil || len(got.Deposits) != 1 || got.Deposits[0] != want.Deposits[0] || got.Consolidations[0] != want.Consolidations[0] || got.BuilderExits[0] != want.BuilderExits[0] {
		t.Fatalf("%+v, %v", got, err)
	}
	exit := make([]byte, 1+76)
	exit[0] = 1
	for name, bad := range map[string][][]byte{
		"no data":    {{0}},
		"empty":      {{}},
		"unknown":    {{9, 1}},
		"twice":      {exit, exit},
		"descending": {list[1], list[0]},
		"short":      {list[0][:50]},
		"too many":   {append([]byte{1}, make([]byte, 76*17)...)},
	} {
		if got, err := wire.GetExecutionRequests(cx, bad); err == nil {
			t.Errorf("%s: taken as %+v", name, got)
		}
	}
	cx.Fork = params.Electra
	if _, err := wire.GetExecutionRequests(cx, list); err == nil || !strings.Contains(err.Error(), "type 0x4") {
		t.Errorf("builder exits in electra: %v", err)
	}
}

// What is asked for comes whole: bundles, blobs and cells with wrong numbers are refused.
func TestChecks(t *testing.T) {
	electra, fulu := wire.Context{Spec: mainnet(t), Fork: params.Electra}, wire.Context{Spec: mainnet(t), Fork: params.Fulu}
	bundle := func(blobs, commitments, proofs int) *wire.BlobsBundle {
		return &wire.BlobsBundle{Blobs: make([][]byte, blobs), Commitments: make([]types.KZGCommitment, commitments), Proofs: make([]types.KZGProof, proofs)}
	}
	for _, c := range []struct {
		cx   wire.Context
		b    *wire.BlobsBundle
		good bool
	}{
		{electra, bundle(0, 0, 0), true}, {electra, bundle(2, 2, 2), true}, {electra, bundle(2, 2, 256), false}, {electra, bundle(2, 1, 2), false},
		{fulu, bundle(2, 2, 256), true}, {fulu, bundle(2, 2, 2), false}, {fulu, bundle(0, 1, 0), false},
	} {
		if err := c.cx.CheckBundle(c.b); (err == nil) != c.good {
			t.Errorf("%s, %d blobs, %d commitments, %d proofs: %v", c.cx.Fork, len(c.b.Blobs), len(c.b.Commitments), len(c.b.Proofs), err)
		}
	}
	blobs := []*wire.BlobAndProofs{nil, {Proofs: make([]types.KZGProof, 128)}}
	if fulu.CheckBlobs(&blobs, 2) != nil || fulu.CheckBlobs(nil, 2) != nil || fulu.CheckBlobs(&blobs, 3) == nil || electra.CheckBlobs(&blobs, 2) == nil {
		t.Error("blobs are not checked")
	}
	cell, proof := []byte{1}, types.KZGProof{}
	cells := []*wire.BlobCellsAndProofs{nil, {Cells: []*[]byte{&cell, nil}, Proofs: []*types.KZGProof{&proof, nil}}}
	if wire.CheckCells(&cells, 2, 2) != nil || wire.CheckCells(nil, 2, 2) != nil || wire.CheckCells(&cells, 1, 2) == nil || wire.CheckCells(&cells, 2, 1) == nil {
		t.Error("cells are not checked")
	}
	cells[1].Proofs[1] = &proof
	if err := wire.CheckCells(&cells, 2, 2); err == nil {
		t.Error("a proof without its cell was taken")
	}
}
