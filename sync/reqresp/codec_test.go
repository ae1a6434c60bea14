package reqresp

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/types"
)

// testRoot is a genesis validators root.
var testRoot = types.Root{0x42}

func testTable() (*Table, *Digests) {
	return NewTable(params.Mainnet()), NewDigests(params.Mainnet(), testRoot)
}

// requests has a request of each protocol.
func requests() map[Method]Message {
	roots := []types.Root{{1}, {2}}
	return map[Method]Message{
		StatusV1: &Status{Status: types.Status{HeadSlot: 7}},
		StatusV2: &Status{Status: types.Status{HeadSlot: 7, EarliestAvailableSlot: 3}},
		PingV1:   &Uint64{Value: 5}, GoodbyeV1: &Uint64{Value: 1},
		BlocksByRangeV2: &BlocksByRange{Range{1, 2}, 1}, BlocksByRootV2: &BlockRoots{roots}, BlocksByHeadV1: &BlocksByHead{roots[0], 9},
		BlobsByRangeV1: &BlobsByRange{Range{1, 2}}, BlobsByRootV1: &BlobIdentifiers{[]types.BlobIdentifier{{BlockRoot: roots[0], Index: 3}}},
		ColumnsByRangeV1:   &ColumnsByRange{Range{1, 2}, []uint64{4, 9}},
		ColumnsByRootV1:    &ColumnIdentifiers{[]types.DataColumnsByRootIdentifier{{BlockRoot: roots[1], Columns: []uint64{1, 2}}, {BlockRoot: roots[0]}}},
		EnvelopesByRangeV1: &EnvelopesByRange{Range{1, 2}}, EnvelopesByRootV1: &EnvelopeRoots{roots},
		LightClientBootstrapV1: &Root{Root: roots[0]}, LightClientUpdatesByRangeV1: &UpdatesByRange{1, 2},
	}
}

// bytesOf is a request as it is sent.
func bytesOf(t testing.TB, table *Table, m Method, request Message) []byte {
	t.Helper()
	b, err := table.appendRequest(nil, table.Row(m), request)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestEveryRequestIsReadAsItWasWritten(t *testing.T) {
	table, _ := testTable()
	with := requests()
	for m := range methods {
		p := table.Row(m)
		sent := bytesOf(t, table, m, with[m])
		got, err := table.readRequest(bytes.NewReader(sent), p)
		if err != nil {
			t.Errorf("%v: %v", p, err)
			continue
		}
		if fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", with[m]) {
			t.Errorf("%v: have %+v, want %+v", p, got, with[m])
		}
	}
}

// Spec: "The request opens and negotiates the stream without sending any request content."
func TestRequestsWithoutContent(t *testing.T) {
	table, _ := testTable()
	p := table.Row(MetaDataV3)
	if b := bytesOf(t, table, MetaDataV3, nil); len(b) != 0 {
		t.Errorf("a request for metadata has %d bytes", len(b))
	}
	if _, err := table.readRequest(strings.NewReader("x"), p); err == nil {
		t.Error("content of a request for metadata was accepted")
	}
	if _, err := table.appendRequest(nil, p, &Uint64{}); err == nil {
		t.Error("a request for metadata was given content")
	}
	if _, err := table.appendRequest(nil, table.Row(PingV1), nil); err == nil {
		t.Error("a ping was given no content")
	}
}

func TestHostileRequests(t *testing.T) {
	table, _ := testTable()
	ping := bytesOf(t, table, PingV1, &Uint64{Value: 5})
	uvarint := func(n uint64, rest ...byte) []byte { return append(binary.AppendUvarint(nil, n), rest...) }
	for _, c := range []struct {
		name string
		m    Method
		sent []byte
		rule string
	}{
		{"nothing", PingV1, nil, "bytes of the length of a payload"},
		{"a length without end", PingV1, bytes.Repeat([]byte{0x80}, 11), "length of a payload fits 64 bits"},
		{"a length of 65 bits", PingV1, []byte{0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x02}, "length of a payload fits 64 bits"},
		{"half a length", PingV1, []byte{0x80}, "bytes of the length of a payload"},
		{"too long", PingV1, uvarint(9), "length of a payload"},
		{"too short", PingV1, uvarint(7), "length of a payload"},
		{"a huge length", PingV1, uvarint(1<<64 - 1), "length of a payload"},
		{"1025 roots", BlocksByRootV2, appendPayload(nil, make([]byte, 1025*32)), "length of a payload"},
		{"half a root", BlocksByRootV2, appendPayload(nil, make([]byte, 16)), "request is the encoding of its type"},
		{"bytes after it", PingV1, append(bytes.Clone(ping), 0), "bytes after the request"},
		{"an early end", PingV1, ping[:len(ping)-1], "bytes of the frame of data"},
		{"a wrong offset", ColumnsByRangeV1, appendPayload(nil, make([]byte, 20)), "request is the encoding of its type"},
	} {
		_, err := table.readRequest(bytes.NewReader(c.sent), table.Row(c.m))
		if rule, ok := errors.AsType[*RuleError](err); !ok || rule.Rule != c.rule {
			t.Errorf("%s: %v, want the rule %q", c.name, err, c.rule)
		}
	}
}

// chunkOf reads one chunk.
func chunkOf(table *Table, d *Digests, m Method, sent []byte) (Chunk, error) {
	r := bytes.NewReader(sent)
	code, err := readCode(r)
	if err != nil {
		return Chunk{}, err
	}
	return table.readChunk(r, table.Row(m), d, code)
}

// blockOf is an empty block of a slot.
func blockOf(t testing.TB, slot types.Slot) []byte {
	spec := params.Mainnet()
	cx := ssz.Context{Spec: spec, Fork: spec.ForkAtSlot(slot)}
	b, err := ssz.Marshal(cx, ssz.Container(&types.SignedBeaconBlock{Message: types.BeaconBlock{Slot: slot}}))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// The context selects the type: a block of every fork is read with the schema of its digest.
func TestTheContextSelectsTheFork(t *testing.T) {
	table, d := testTable()
	spec := params.Mainnet()
	for _, e := range d.schedule {
		slot, err := types.ComputeStartSlotAtEpoch(spec, e.epoch)
		if err != nil {
			t.Fatal(err)
		}
		encoded := blockOf(t, slot)
		sent := appendChunk(nil, table.Row(BlocksByRangeV2), d.At(slot), encoded)
		if sent[0] != 0 || !bytes.Equal(sent[1:5], e.digest[:]) {
			t.Errorf("slot %d: the chunk begins with %x, want 00 and %v", slot, sent[:5], e.digest)
		}
		c, err := chunkOf(table, d, BlocksByRangeV2, sent)
		if err != nil || c.Cx.Fork != e.fork || !bytes.Equal(c.SSZ, encoded) {
			t.Errorf("slot %d: fork %v, want %v, %v", slot, c.Cx.Fork, e.fork, err)
		}
	}
}

func TestHostileChunks(t *testing.T) {
	table, d := testTable()
	blocks, columns := table.Row(BlocksByRangeV2), table.Row(ColumnsByRootV1)
	for _, c := range []struct {
		name string
		m    Method
		sent []byte
		rule string
	}{
		{"an unknown digest", BlocksByRangeV2, appendChunk(nil, blocks, types.ForkDigest{1, 2, 3, 4}, blockOf(t, 1)), "context bytes are a fork digest of this chain"},
		{"half a digest", BlocksByRangeV2, []byte{0, 1, 2}, "bytes of the context"},
		{"a block of Gloas' least size in phase0", BlocksByRangeV2, appendChunk(nil, blocks, d.At(0), make([]byte, 403)), "length of a payload"},
		{"a large block in phase0", BlocksByRangeV2, appendChunk(nil, blocks, d.At(0), make([]byte, 200_000)), "length of a payload"},
		{"a column before Fulu", ColumnsByRootV1, appendChunk(nil, columns, d.At(0), make([]byte, 1000)), "fork of a chunk of data_column_sidecars_by_root/1"},
		{"no payload", BlocksByRangeV2, append([]byte{0}, d.schedule[0].digest[:]...), "bytes of the length of a payload"},
	} {
		_, err := chunkOf(table, d, c.m, c.sent)
		if rule, ok := errors.AsType[*RuleError](err); !ok || rule.Rule != c.rule {
			t.Errorf("%s: %v, want the rule %q", c.name, err, c.rule)
		}
	}
	_, err := chunkOf(table, d, BlocksByRangeV2, appendChunk(nil, blocks, types.ForkDigest{1, 2, 3, 4}, blockOf(t, 1)))
	if text := fmt.Sprint(err); !strings.Contains(text, "0x01020304") || !strings.Contains(text, d.At(0).String()) {
		t.Errorf("the error does not name both digests: %v", err)
	}
}

// Spec: "On a non-zero <result> with ErrorMessage payload, the <context-bytes> is also empty." Codes that are reserved or alternative are
// errors, and any message is valid, even one that cannot be read.
func TestErrorChunks(t *testing.T) {
	table, d := testTable()
	long := strings.Repeat("x", 300)
	for _, c := range []struct {
		sent    []byte
		code    Code
		message string
	}{
		{appendError(nil, &ResponseError{InvalidRequest, "no"}), InvalidRequest, "no"},
		{appendError(nil, &ResponseError{ResourceUnavailable, ""}), ResourceUnavailable, ""},
		{appendError(nil, &ResponseError{ServerError, long}), ServerError, long[:256]},
		{appendError(nil, &ResponseError{4, "\xff\xfe"}), 4, "\xff\xfe"},
		{appendError(nil, &ResponseError{139, "busy"}), 139, "busy"},
		{[]byte{2}, ServerError, ""},
		{[]byte{1, 0xff, 0xff}, InvalidRequest, ""},
		{append([]byte{1}, appendPayload(nil, []byte(long))...), InvalidRequest, ""},
	} {
		_, err := chunkOf(table, d, BlocksByRangeV2, c.sent)
		if answer, ok := errors.AsType[*ResponseError](err); !ok || answer.Code != c.code || answer.Message != c.message {
			t.Errorf("%x: %v, want %v %q", c.sent[:min(len(c.sent), 20)], err, c.code, c.message)
		}
	}
	if _, err := chunkOf(table, d, BlocksByRangeV2, nil); err != io.EOF {
		t.Errorf("the end of a response: %v", err)
	}
}

func FuzzRequest(f *testing.F) {
	table, _ := testTable()
	with := requests()
	for m := range methods {
		f.Add(uint8(m), bytesOf(f, table, m, with[m]))
	}
	f.Fuzz(func(t *testing.T, m uint8, sent []byte) {
		p := table.Row(Method(m % uint8(methods)))
		request, err := table.readRequest(bytes.NewReader(sent), p)
		if err != nil {
			if _, ok := errors.AsType[*RuleError](err); !ok {
				t.Errorf("%v: not a rule: %v", p, err)
			}
			return
		}
		again, err := table.appendRequest(nil, p, request)
		if err != nil {
			t.Fatalf("%v: what was read cannot be written: %v", p, err)
		}
		second, err := table.readRequest(bytes.NewReader(again), p)
		if err != nil || fmt.Sprintf("%+v", second) != fmt.Sprintf("%+v", request) {
			t.Errorf("%v: %+v, then %+v, %v", p, request, second, err)
		}
		if request != nil {
			cx := ssz.Context{Spec: params.Mainnet(), Fork: params.Gloas}
			_, _ = request.Check(cx), request.Items(cx)
		}
	})
}

func FuzzChunk(f *testing.F) {
	table, d := testTable()
	f.Add(uint8(BlocksByRangeV2), appendChunk(nil, table.Row(BlocksByRangeV2), d.At(0), blockOf(f, 0)))
	f.Add(uint8(PingV1), appendChunk(nil, table.Row(PingV1), types.ForkDigest{}, make([]byte, 8)))
	f.Add(uint8(StatusV2), appendError(nil, &ResponseError{ServerError, "x"}))
	f.Fuzz(func(t *testing.T, m uint8, sent []byte) {
		p := table.Row(Method(m % uint8(methods)))
		c, err := chunkOf(table, d, p.Method, sent)
		if err != nil {
			return
		}
		if b := p.boundsOf(c.Cx.Fork); uint64(len(c.SSZ)) < b.least || uint64(len(c.SSZ)) > b.most {
			t.Errorf("%v: %d bytes are outside of %+v", p, len(c.SSZ), b)
		}
		again, err := chunkOf(table, d, p.Method, appendChunk(nil, p, c.Digest, c.SSZ))
		if err != nil || !bytes.Equal(again.SSZ, c.SSZ) || again.Cx.Fork != c.Cx.Fork {
			t.Errorf("%v: written and read again: %v", p, err)
		}
		if node := p.response(); c.Decode(node) == nil {
			encoded, err := ssz.Marshal(c.Cx, node)
			if err != nil || !bytes.Equal(encoded, c.SSZ) {
				t.Errorf("%v: decoded and encoded again: %v", p, err)
			}
		}
	})
}
