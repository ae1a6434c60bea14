package mock_test

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/cresset/cresset/beacon/engine/mock"
	"github.com/cresset/cresset/beacon/engine/wire"
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/recorded"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/types"
)

// stand is an engine that has the genesis of a recorded chain, with the chain.
type stand struct {
	*mock.Engine
	t     *testing.T
	chain *recorded.Chain
}

func newStand(t *testing.T, name string, alter func(*mock.Config)) *stand {
	t.Helper()
	chain, err := recorded.Load(name)
	if err != nil {
		t.Fatal(err)
	}
	cfg := mock.Config{Spec: chain.Spec, GenesisTime: chain.GenesisTime, Genesis: mock.Genesis{Hash: chain.GenesisPayload.BlockHash}}
	if alter != nil {
		alter(&cfg)
	}
	m, err := mock.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return &stand{m, t, chain}
}

// call makes one call in this process.
func (s *stand) call(method string, params, result wire.Value) error {
	s.t.Helper()
	request := httptest.NewRequest(http.MethodPost, "/", bytes.NewReader(wire.WriteCall(nil, 5, method, params)))
	recorder := httptest.NewRecorder()
	s.Handler().ServeHTTP(recorder, request)
	if recorder.Code != http.StatusOK {
		return fmt.Errorf("HTTP %d: %s", recorder.Code, recorder.Body)
	}
	return wire.ReadAnswer(recorder.Body.Bytes(), 5, result)
}

func (s *stand) format(fork params.Fork) wire.Context {
	return wire.Context{Spec: s.chain.Spec, Fork: fork}
}

// give hands a payload over.
func (s *stand) give(fork params.Fork, n *wire.NewPayload) wire.PayloadStatus {
	s.t.Helper()
	m, err := wire.MethodFor(wire.KindNewPayload, fork)
	if err != nil {
		s.t.Fatal(err)
	}
	var status wire.PayloadStatus
	if err := s.call(m.Name, s.format(fork).NewPayload(n), status.Value()); err != nil {
		s.t.Fatal(err)
	}
	return status
}

// recorded is the i-th recorded payload.
func (s *stand) recorded(i int) (params.Fork, *wire.NewPayload) {
	return s.chain.Payloads[i].Fork, newPayload(s.t, s.chain, s.chain.Payloads[i])
}

func (s *stand) giveRecorded(i int) wire.PayloadStatus {
	s.t.Helper()
	fork, n := s.recorded(i)
	return s.give(fork, n)
}

// head makes a recorded payload the head.
func (s *stand) head(i int) wire.PayloadStatus {
	s.t.Helper()
	answer, err := s.forkchoice(s.chain.Payloads[i].Fork, wire.ForkchoiceState{Head: s.chain.Payloads[i].Request.ExecutionPayload.BlockHash}, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	return answer.Status
}

func (s *stand) forkchoice(fork params.Fork, state wire.ForkchoiceState, a *wire.PayloadAttributes) (*wire.PayloadStatusAndID, error) {
	s.t.Helper()
	m, err := wire.MethodFor(wire.KindForkchoiceUpdated, fork)
	if err != nil {
		s.t.Fatal(err)
	}
	answer := &wire.PayloadStatusAndID{}
	var custody *wire.ColumnSet
	return answer, s.call(m.Name, s.format(fork).ForkchoiceUpdated(&state, &a, &custody), answer.Value())
}

// A recorded chain is valid from its first payload to its last.
func TestRecordedChainIsValid(t *testing.T) {
	s := newStand(t, "deneb-to-fulu", nil)
	for i := range s.chain.Payloads {
		if status := s.giveRecorded(i); status.Status != wire.Valid {
			t.Fatalf("slot %d: %+v", s.chain.Payloads[i].Slot, status)
		}
	}
	last := len(s.chain.Payloads) - 1
	if status := s.head(last); status.Status != wire.Valid || s.Head() != s.chain.HeadHash() {
		t.Errorf("%+v, head %v, recorded %v", status, s.Head(), s.chain.HeadHash())
	}
}

// Whatever is changed in a payload, or in what belongs to it, the hash no longer fits.
func TestChangedPayloadsAreInvalid(t *testing.T) {
	s := newStand(t, "fulu", nil)
	at := -1 // a block with blobs and withdrawals
	for i, b := range s.chain.Payloads {
		if len(b.Request.VersionedHashes) > 0 && len(b.Request.ExecutionPayload.Withdrawals) > 0 {
			at = i
			break
		}
	}
	if at < 0 {
		t.Fatal("no recorded block has blobs and withdrawals")
	}
	for name, change := range map[string]func(n *wire.NewPayload){
		"parent":            func(n *wire.NewPayload) { n.Payload.ParentHash[0] ^= 1 },
		"fee recipient":     func(n *wire.NewPayload) { n.Payload.FeeRecipient[0] ^= 1 },
		"state root":        func(n *wire.NewPayload) { n.Payload.StateRoot[0] ^= 1 },
		"receipts root":     func(n *wire.NewPayload) { n.Payload.ReceiptsRoot[0] ^= 1 },
		"logs bloom":        func(n *wire.NewPayload) { n.Payload.LogsBloom[255] ^= 1 },
		"randao":            func(n *wire.NewPayload) { n.Payload.PrevRandao[0] ^= 1 },
		"number":            func(n *wire.NewPayload) { n.Payload.BlockNumber++ },
		"gas limit":         func(n *wire.NewPayload) { n.Payload.GasLimit++ },
		"gas used":          func(n *wire.NewPayload) { n.Payload.GasUsed++ },
		"timestamp":         func(n *wire.NewPayload) { n.Payload.Timestamp++ },
		"extra data":        func(n *wire.NewPayload) { n.Payload.ExtraData = []byte{1} },
		"base fee":          func(n *wire.NewPayload) { n.Payload.BaseFeePerGas[0] ^= 1 },
		"block hash":        func(n *wire.NewPayload) { n.Payload.BlockHash[0] ^= 1 },
		"transactions":      func(n *wire.NewPayload) { n.Payload.Transactions = append(n.Payload.Transactions, []byte{2}) },
		"empty transaction": func(n *wire.NewPayload) { n.Payload.Transactions = append(n.Payload.Transactions, []byte{}) },
		"blob transaction":  func(n *wire.NewPayload) { n.Payload.Transactions = append(n.Payload.Transactions, []byte{3, 0xc1, 5}) },
		"withdrawals":       func(n *wire.NewPayload) { n.Payload.Withdrawals[0].Amount++ },
		"blob gas used":     func(n *wire.NewPayload) { n.Payload.BlobGasUsed++ },
		"excess blob gas":   func(n *wire.NewPayload) { n.Payload.ExcessBlobGas++ },
		"versioned hash":    func(n *wire.NewPayload) { n.VersionedHashes[0][1] ^= 1 },
		"versioned hashes":  func(n *wire.NewPayload) { n.VersionedHashes = nil },
		"parent root":       func(n *wire.NewPayload) { n.ParentBeaconBlockRoot[0] ^= 1 },
		"requests":          func(n *wire.NewPayload) { n.Requests = [][]byte{append([]byte{1}, make([]byte, 76)...)} },
	} {
		fork, n := s.recorded(at)
		changed := *n
		payload := *n.Payload
		changed.Payload = &payload
		payload.LogsBloom = bytes.Clone(payload.LogsBloom)
		payload.Withdrawals = append([]types.Withdrawal{}, payload.Withdrawals...)
		payload.Transactions = append([][]byte{}, payload.Transactions...)
		changed.VersionedHashes = append([]types.Bytes32{}, n.VersionedHashes...)
		change(&changed)
		if status := s.give(fork, &changed); status.Status != wire.Invalid || status.LatestValidHash != nil || status.ValidationError == "" {
			t.Errorf("%s: %+v, want INVALID", name, status)
		}
	}
}

// The payload of the specification's example of the Paris API has the hash that it says; with another one it is INVALID_BLOCK_HASH.
func TestExampleOfParis(t *testing.T) {
	bytesOf := func(digits string) []byte {
		b, err := hex.DecodeString(digits)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	want := types.Hash32(bytesOf("3559e851470f6e7bbed1db474980683e8c315bfce99b2a6ef47c057c04de7858"))
	genesis := types.Hash32(bytesOf("3b8fb240d288781d4aac94d3fd16809ee413bc99294a085798a589dae51ddd4a"))
	n := &wire.NewPayload{Payload: &types.ExecutionPayload{
		ParentHash:   genesis,
		FeeRecipient: types.ExecutionAddress(bytesOf("a94f5374fce5edbc8e2a8697c15331677e6ebf0b")),
		StateRoot:    types.Bytes32(bytesOf("ca3149fa9e37db08d1cd49c9061db1002ef1cd58db2210f2115c8c989b2bdf45")),
		ReceiptsRoot: types.Bytes32(bytesOf("56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421")),
		LogsBloom:    make([]byte, 256), BlockNumber: 1, GasLimit: 0x1c9c380, Timestamp: 5, BaseFeePerGas: ssz.Uint256{7}, BlockHash: want,
	}}
	if got := mock.BlockHash(params.Bellatrix, n); got != want {
		t.Errorf("hash %v, want %v", got, want)
	}
	spec, _, err := params.Load([]byte("PRESET_BASE: minimal\nALTAIR_FORK_EPOCH: 0\nBELLATRIX_FORK_EPOCH: 0\nCAPELLA_FORK_EPOCH: 18446744073709551615\nDENEB_FORK_EPOCH: 18446744073709551615\nELECTRA_FORK_EPOCH: 18446744073709551615\nFULU_FORK_EPOCH: 18446744073709551615\n"))
	if err != nil {
		t.Fatal(err)
	}
	m, err := mock.New(mock.Config{Spec: spec, Genesis: mock.Genesis{Hash: genesis}})
	if err != nil {
		t.Fatal(err)
	}
	s := &stand{m, t, &recorded.Chain{Spec: spec}}
	if status := s.give(params.Bellatrix, n); status.Status != wire.Valid {
		t.Errorf("%+v", status)
	}
	n.Payload.BlockHash[0] ^= 1
	if status := s.give(params.Bellatrix, n); status.Status != wire.InvalidBlockHash {
		t.Errorf("%+v", status)
	}
}

// A payload without its parent is SYNCING, and valid once the parent has come.
func TestParentComesLater(t *testing.T) {
	s := newStand(t, "fulu", nil)
	for i := 2; i > 0; i-- {
		if status := s.giveRecorded(i); status.Status != wire.Syncing || status.LatestValidHash != nil {
			t.Errorf("payload %d: %+v", i, status)
		}
	}
	if status := s.head(2); status.Status != wire.Syncing {
		t.Errorf("head: %+v", status)
	}
	if status := s.giveRecorded(0); status.Status != wire.Valid {
		t.Errorf("payload 0: %+v", status)
	}
	if status := s.head(2); status.Status != wire.Valid {
		t.Errorf("head: %+v", status)
	}
}

// Told to sync for three calls, it says SYNCING three times and then has what is missing.
func TestSyncCalls(t *testing.T) {
	s := newStand(t, "fulu", nil)
	s.SetFaults(mock.Faults{SyncCalls: 3})
	for range 3 {
		if status := s.giveRecorded(9); status.Status != wire.Syncing {
			t.Errorf("%+v", status)
		}
	}
	if status := s.head(9); status.Status != wire.Valid {
		t.Errorf("%+v", status)
	}
	if status := s.giveRecorded(10); status.Status != wire.Valid {
		t.Errorf("%+v", status)
	}
}

// With peers, an engine that has forgotten everything goes on from the payload that it is told next; its finalized block it need not know.
func TestPeers(t *testing.T) {
	s := newStand(t, "fulu", func(cfg *mock.Config) { cfg.Peers = true })
	if status := s.giveRecorded(50); status.Status != wire.Syncing {
		t.Errorf("%+v", status)
	}
	state := wire.ForkchoiceState{Head: s.chain.Payloads[50].Request.ExecutionPayload.BlockHash, Finalized: s.chain.Payloads[20].Request.ExecutionPayload.BlockHash}
	if answer, err := s.forkchoice(params.Fulu, state, nil); err != nil || answer.Status.Status != wire.Valid {
		t.Errorf("%+v, %v", answer, err)
	}
	if status := s.giveRecorded(51); status.Status != wire.Valid {
		t.Errorf("%+v", status)
	}
	if status := s.giveRecorded(60); status.Status != wire.Syncing {
		t.Errorf("%+v", status)
	}
}

// From the payload that is told to be invalid on, all are, with the one before it as latest valid hash.
func TestInvalidFrom(t *testing.T) {
	s := newStand(t, "fulu", nil)
	_, third := s.recorded(2)
	s.SetFaults(mock.Faults{InvalidFrom: third.Payload.BlockHash})
	for i := range 5 {
		status := s.giveRecorded(i)
		if i < 2 {
			if status.Status != wire.Valid {
				t.Errorf("payload %d: %+v", i, status)
			}
			continue
		}
		if want := types.Bytes32(s.chain.Payloads[1].Request.ExecutionPayload.BlockHash); status.Status != wire.Invalid || status.LatestValidHash == nil || *status.LatestValidHash != want {
			t.Errorf("payload %d: %+v, want INVALID after %v", i, status, want)
		}
	}
	if _, ok := s.InvalidateBelowHead(1); ok {
		t.Error("there is no payload below the genesis block")
	}
}

// The same attributes build the same payload, with the transactions that were made up for it; it is valid, and is its parent's child.
func TestBuilding(t *testing.T) {
	made := [][]byte{{2, 1}, {4, 5, 6}}
	s := newStand(t, "fulu", func(cfg *mock.Config) {
		cfg.Transactions = func(number uint64) [][]byte {
			if number != 2 {
				return nil
			}
			return made
		}
	})
	s.giveRecorded(0)
	head := s.chain.Payloads[0].Request.ExecutionPayload
	a := &wire.PayloadAttributes{Timestamp: head.Timestamp + 8, Withdrawals: []types.Withdrawal{{Index: 1, Amount: 3}}, ParentBeaconBlockRoot: types.Root{9}}
	var ids []wire.PayloadID
	for range 2 {
		answer, err := s.forkchoice(params.Fulu, wire.ForkchoiceState{Head: head.BlockHash}, a)
		if err != nil || answer.ID == nil {
			t.Fatalf("%+v, %v", answer, err)
		}
		ids = append(ids, *answer.ID)
	}
	if ids[0] != ids[1] {
		t.Errorf("payloads %v and %v for the same attributes", ids[0], ids[1])
	}
	var b wire.BuiltPayload
	if err := s.call("engine_getPayloadV5", wire.Tuple(ids[0].Value()), s.format(params.Fulu).BuiltPayload(&b)); err != nil {
		t.Fatal(err)
	}
	if len(b.Payload.Transactions) != 2 || b.Payload.BlockNumber != 2 || b.Payload.ParentHash != head.BlockHash || b.Payload.GasLimit != head.GasLimit {
		t.Errorf("built %+v", b.Payload)
	}
	if status := s.give(params.Fulu, &wire.NewPayload{Payload: &b.Payload, ParentBeaconBlockRoot: a.ParentBeaconBlockRoot}); status.Status != wire.Valid {
		t.Errorf("%+v", status)
	}
	if err := s.call("engine_getPayloadV4", wire.Tuple(ids[0].Value()), s.format(params.Electra).BuiltPayload(&b)); err == nil || !strings.Contains(err.Error(), "fulu") {
		t.Errorf("a payload of fulu by the method of electra: %v", err)
	}
	a.Timestamp = head.Timestamp
	if _, err := s.forkchoice(params.Fulu, wire.ForkchoiceState{Head: head.BlockHash}, a); err == nil {
		t.Error("a payload at the time of its parent is being built")
	}
	if _, err := s.forkchoice(params.Fulu, wire.ForkchoiceState{Head: head.BlockHash, Safe: types.Hash32{1}}, nil); err == nil {
		t.Error("a safe block that nobody knows was taken")
	}
}

// No more payloads are kept than the config says, and the head is among them.
func TestTreeIsBounded(t *testing.T) {
	s := newStand(t, "fulu", func(cfg *mock.Config) { cfg.MaxBlocks = 10 })
	for i := range 60 {
		if status := s.giveRecorded(i); status.Status != wire.Valid {
			t.Fatalf("payload %d: %+v", i, status)
		}
		s.head(i)
	}
	hashes := make([]types.Bytes32, 0, 32)
	for i := 28; i < 60; i++ {
		hashes = append(hashes, types.Bytes32(s.chain.Payloads[i].Request.ExecutionPayload.BlockHash))
	}
	var bodies *[]*wire.PayloadBody
	if err := s.call("engine_getPayloadBodiesByHashV1", wire.Tuple(wire.Hashes(&hashes)), wire.ListOrNull(&bodies, 32, s.format(params.Fulu).Body)); err != nil {
		t.Fatal(err)
	}
	there := 0
	for _, b := range *bodies {
		if b != nil {
			there++
		}
	}
	if there != 10 || (*bodies)[31] == nil {
		t.Errorf("%d payloads are kept, want 10 with the head", there)
	}
	s.Forget()
	if s.Head() != s.chain.GenesisPayload.BlockHash || s.head(59).Status != wire.Syncing {
		t.Error("payloads were not forgotten")
	}
}

// Over a real connection, calls with a token of the secret and of the present time are served, others are not.
func TestTokens(t *testing.T) {
	key := bytes.Repeat([]byte{7}, 32)
	now := time.Unix(1_800_000_000, 0)
	s := newStand(t, "fulu", func(cfg *mock.Config) {
		cfg.Secret = key
		cfg.Now = func() time.Time { return now }
	})
	server := httptest.NewServer(s.Handler())
	defer server.Close()
	sign := func(method jwt.SigningMethod, key any, claims jwt.MapClaims) string {
		token, err := jwt.NewWithClaims(method, claims).SignedString(key)
		if err != nil {
			t.Fatal(err)
		}
		return "Bearer " + token
	}
	for _, c := range []struct {
		name, token string
		code        int
	}{
		{"good", sign(jwt.SigningMethodHS256, key, jwt.MapClaims{"iat": now.Unix(), "id": "x"}), 200},
		{"a minute old", sign(jwt.SigningMethodHS256, key, jwt.MapClaims{"iat": now.Unix() - 60}), 200},
		{"older", sign(jwt.SigningMethodHS256, key, jwt.MapClaims{"iat": now.Unix() - 61}), 401},
		{"of the future", sign(jwt.SigningMethodHS256, key, jwt.MapClaims{"iat": now.Unix() + 61}), 401},
		{"without time", sign(jwt.SigningMethodHS256, key, jwt.MapClaims{}), 401},
		{"other key", sign(jwt.SigningMethodHS256, make([]byte, 32), jwt.MapClaims{"iat": now.Unix()}), 401},
		{"other algorithm", sign(jwt.SigningMethodHS512, key, jwt.MapClaims{"iat": now.Unix()}), 401},
		{"unsigned", sign(jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, jwt.MapClaims{"iat": now.Unix()}), 401},
		{"none", "", 401},
	} {
		request, err := http.NewRequest(http.MethodPost, server.URL, strings.NewReader(`{"jsonrpc":"2.0","id":1,"method":"eth_chainId","params":[]}`))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Authorization", c.token)
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(response.Body)
		response.Body.Close()
		if err != nil || response.StatusCode != c.code || c.code == 200 && !bytes.Contains(body, []byte(`"0x7e7e"`)) {
			t.Errorf("%s: HTTP %d %s, %v, want %d", c.name, response.StatusCode, body, err, c.code)
		}
	}
}

// What is no call, or a call of something else, is an error of JSON-RPC.
func TestBadCalls(t *testing.T) {
	s := newStand(t, "fulu", nil)
	for text, want := range map[string]string{
		`x`: "-32700",
		`{"jsonrpc":"2.0","id":1,"method":"engine_newPayloadV6","params":[]}`:                          "-32601",
		`{"jsonrpc":"2.0","id":1,"method":"engine_newPayloadV4","params":[{}]}`:                        "-32602",
		`{"jsonrpc":"2.0","id":1,"method":"engine_getPayloadBodiesByRangeV1","params":["0x0","0x1"]}`:  "-32602",
		`{"jsonrpc":"2.0","id":1,"method":"engine_getPayloadBodiesByRangeV1","params":["0x1","0x21"]}`: "-38004",
		`{"jsonrpc":"2.0","id":1,"method":"engine_getPayloadV5","params":["0x0000000000000001"]}`:      "-38001",
	} {
		recorder := httptest.NewRecorder()
		s.Handler().ServeHTTP(recorder, httptest.NewRequest(http.MethodPost, "/", strings.NewReader(text)))
		if !strings.Contains(recorder.Body.String(), want) {
			t.Errorf("%s: %s, want %s", text, recorder.Body, want)
		}
	}
	if _, err := mock.New(mock.Config{}); err == nil {
		t.Error("an engine without spec was made")
	}
	if _, err := mock.New(mock.Config{Spec: s.chain.Spec, Secret: []byte{1}}); err == nil {
		t.Error("a secret of one byte was taken")
	}
}
