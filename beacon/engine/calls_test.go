package engine_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/cresset/cresset/beacon/engine"
	"github.com/cresset/cresset/beacon/engine/wire"
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/transition"
	"github.com/cresset/cresset/beacon/types"
)

// In every fork a payload is asked for, taken, checked and made the head, each with exactly the method that the fork demands.
func TestEveryForkUsesItsMethods(t *testing.T) {
	for fork := params.Bellatrix; fork <= params.Gloas; fork++ {
		t.Run(fork.String(), func(t *testing.T) {
			in(t, setup{fork: fork}, func(t *testing.T, b *bench) {
				a := b.attributes(1)
				status, id, err := b.ForkchoiceUpdated(t.Context(), fork, engine.ForkchoiceState{Head: b.genesis}, a)
				if err != nil || status.Status != engine.Valid || id == nil {
					t.Fatalf("head with attributes: %+v, %v, %v", status, id, err)
				}
				built, err := b.GetPayload(t.Context(), fork, *id)
				if err != nil {
					t.Fatal(err)
				}
				p := built.Payload
				if p.Timestamp != a.Timestamp || p.PrevRandao != a.PrevRandao || p.FeeRecipient != a.SuggestedFeeRecipient || p.ParentHash != b.genesis ||
					!slices.Equal(p.Withdrawals, a.Withdrawals) || p.SlotNumber != a.SlotNumber {
					t.Errorf("built %+v for %+v", p, a)
				}
				if (built.Requests == nil) != (fork < params.Electra) || (built.Blobs == nil) != (fork < params.Deneb) {
					t.Errorf("requests %v, blobs %v", built.Requests, built.Blobs)
				}
				if status, err := b.NewPayload(t.Context(), fork, b.request(built, a)); err != nil || status.Status != engine.Valid {
					t.Errorf("new payload: %+v, %v", status, err)
				}
				b.head(p.BlockHash)
				if got := b.engines[0].Head(); got != p.BlockHash {
					t.Errorf("head is %v, want %v", got, p.BlockHash)
				}
				for _, name := range wire.Demanded(fork) {
					if b.engines[0].Calls(name) == 0 {
						t.Errorf("%s was not called", name)
					}
				}
				bodies, err := b.GetPayloadBodiesByRange(t.Context(), fork, 1, 4)
				if err != nil || len(bodies) != 1 || (bodies[0].Withdrawals == nil) != (fork < params.Capella) || (bodies[0].BlockAccessList == nil) != (fork < params.Gloas) {
					t.Errorf("bodies: %+v, %v", bodies, err)
				}
				bodies, err = b.GetPayloadBodiesByHash(t.Context(), fork, []types.Hash32{{1}, p.BlockHash})
				if err != nil || len(bodies) != 2 || bodies[0] != nil || bodies[1] == nil {
					t.Errorf("bodies: %+v, %v", bodies, err)
				}
			})
		})
	}
}

// Custody columns go out with heads from Gloas on, once they are set.
func TestCustodyColumns(t *testing.T) {
	in(t, setup{fork: params.Gloas}, func(t *testing.T, b *bench) {
		b.head(b.genesis)
		if got := b.engines[0].Custody(); got != nil {
			t.Errorf("custody %x before it is set", *got)
		}
		set, err := engine.ColumnSet{}, error(nil)
		if set, err = wire.NewColumnSet([]uint64{3, 64}); err != nil {
			t.Fatal(err)
		}
		b.SetCustodyColumns(set)
		b.head(b.genesis)
		if got := b.engines[0].Custody(); got == nil || *got != set {
			t.Errorf("custody %v, want %x", got, set)
		}
	})
}

// What the execution client answers with an error is given to the caller, with its code; the execution client stays ready.
func TestErrorsOfTheEngineAPI(t *testing.T) {
	in(t, setup{}, func(t *testing.T, b *bench) {
		b.run()
		blocks := b.grow(1)
		hash := blocks[0].ExecutionPayload.BlockHash
		if _, err := b.GetPayload(t.Context(), b.fork, engine.PayloadID{1}); !errors.Is(err, engine.UnknownPayload) {
			t.Errorf("unknown payload: %v", err)
		}
		if _, err := b.NewPayload(t.Context(), params.Deneb, blocks[0]); !errors.Is(err, engine.UnsupportedFork) {
			t.Errorf("payload of another fork: %v", err)
		}
		if _, err := b.NewPayload(t.Context(), b.fork, blocks[0]); err != nil {
			t.Fatal(err)
		}
		_, _, err := b.ForkchoiceUpdated(t.Context(), b.fork, engine.ForkchoiceState{Head: b.genesis, Finalized: hash}, nil)
		if !errors.Is(err, engine.InvalidForkchoiceState) {
			t.Errorf("finalized block above the head: %v", err)
		}
		old := b.attributes(0)
		if _, _, err = b.ForkchoiceUpdated(t.Context(), b.fork, engine.ForkchoiceState{Head: hash}, old); !errors.Is(err, engine.InvalidPayloadAttributes) {
			t.Errorf("attributes of the past: %v", err)
		}
		var answer *engine.RPCError
		if !errors.As(err, &answer) || answer.Code != engine.InvalidPayloadAttributes || answer.Message == "" {
			t.Errorf("answer %+v", answer)
		}
		pass(0)
		b.expect(0, engine.Ready)
	})
}

// What is wrong on our side is said without a call.
func TestBadRequestsAreNotSent(t *testing.T) {
	in(t, setup{}, func(t *testing.T, b *bench) {
		blocks := b.grow(1)
		empty := *blocks[0].ExecutionPayload
		empty.Transactions = [][]byte{{}}
		request := *blocks[0]
		request.ExecutionPayload = &empty
		if status, err := b.NewPayload(t.Context(), b.fork, &request); err != nil || status.Status != engine.Invalid || status.ValidationError == "" {
			t.Errorf("empty transaction: %+v, %v", status, err)
		}
		request = *blocks[0]
		request.ExecutionRequests = nil
		if _, err := b.NewPayload(t.Context(), b.fork, &request); err == nil {
			t.Error("a payload without requests was sent")
		}
		if _, _, err := b.ForkchoiceUpdated(t.Context(), b.fork, engine.ForkchoiceState{}, nil); err == nil {
			t.Error("head 0 was sent")
		}
		if _, err := b.NewPayload(t.Context(), params.Altair, blocks[0]); err == nil || !strings.Contains(err.Error(), "altair") {
			t.Errorf("payload of altair: %v", err)
		}
		if _, err := b.GetPayloadBodiesByRange(t.Context(), b.fork, 0, 1); err == nil {
			t.Error("bodies from block 0 on were asked for")
		}
		if _, err := b.GetPayloadBodiesByHash(t.Context(), b.fork, make([]types.Hash32, 33)); err == nil {
			t.Error("33 bodies were asked for")
		}
		if _, err := b.GetBlobs(t.Context(), b.fork, make([]types.Bytes32, 129)); err == nil {
			t.Error("129 blobs were asked for")
		}
		if got, err := b.GetBlobs(t.Context(), b.fork, nil); err != nil || got == nil || len(got) != 0 {
			t.Errorf("no blobs: %v, %v", got, err)
		}
		for _, name := range []string{"engine_newPayloadV4", "engine_forkchoiceUpdatedV3", "engine_getBlobsV2"} {
			if n := b.engines[0].Calls(name); n != 0 {
				t.Errorf("%d calls of %s", n, name)
			}
		}
	})
}

// Blobs come one by one where engine_getBlobsV3 is offered, all or none with V2, and with one proof each before Fulu.
func TestGetBlobs(t *testing.T) {
	for _, c := range []struct {
		fork    params.Fork
		missing []string
		method  string
		partial bool
		proofs  int
	}{
		{params.Electra, nil, "engine_getBlobsV1", true, 1},
		{params.Fulu, []string{"engine_getBlobsV3"}, "engine_getBlobsV2", false, 128},
		{params.Fulu, nil, "engine_getBlobsV3", true, 128},
	} {
		in(t, setup{fork: c.fork}, func(t *testing.T, b *bench) {
			faults(b, 0, c.missing)
			b.run()
			have := types.Bytes32{1}
			b.engines[0].AddBlob(have, wire.BlobAndProofs{Blob: make([]byte, 131072), Proofs: make([]types.KZGProof, c.proofs)})
			got, err := b.GetBlobs(t.Context(), c.fork, []types.Bytes32{have})
			if err != nil || len(got) != 1 || got[0] == nil || len(got[0].Proofs) != c.proofs {
				t.Errorf("%s: %v, %v", c.method, got, err)
			}
			got, err = b.GetBlobs(t.Context(), c.fork, []types.Bytes32{have, {2}})
			if err != nil || (got != nil) != c.partial || c.partial && (len(got) != 2 || got[0] == nil || got[1] != nil) {
				t.Errorf("%s with one missing: %v, %v", c.method, got, err)
			}
			if b.engines[0].Calls(c.method) != 2 {
				t.Errorf("%d calls of %s", b.engines[0].Calls(c.method), c.method)
			}
		})
	}
}

// Cells are asked for from Gloas on, and not where the execution client has no such method.
func TestGetCells(t *testing.T) {
	in(t, setup{fork: params.Gloas}, func(t *testing.T, b *bench) {
		got, err := b.GetCells(t.Context(), b.fork, []types.Bytes32{{1}}, engine.ColumnSet{1})
		if err != nil || len(got) != 1 || got[0] != nil {
			t.Errorf("cells: %v, %v", got, err)
		}
		faults(b, 0, []string{"engine_getBlobsV4"})
		b.run()
		if _, err := b.GetCells(t.Context(), b.fork, []types.Bytes32{{1}}, engine.ColumnSet{1}); !errors.Is(err, engine.ErrUnavailable) {
			t.Errorf("cells of an execution client without the method: %v", err)
		}
		b.expect(0, engine.Ready)
	})
}

// get_pow_block: a block of before the merge, or nothing.
func TestPowBlock(t *testing.T) {
	in(t, setup{fork: params.Bellatrix}, func(t *testing.T, b *bench) {
		want := engine.PowBlock{BlockHash: types.Hash32{5}, ParentHash: types.Hash32{4}, TotalDifficulty: [32]byte{7, 1}}
		b.engines[0].AddPowBlock(want)
		if got, err := b.PowBlock(t.Context(), want.BlockHash); err != nil || got == nil || *got != want {
			t.Errorf("%+v, %v", got, err)
		}
		if got, err := b.PowBlock(t.Context(), types.Hash32{6}); err != nil || got != nil {
			t.Errorf("%+v, %v", got, err)
		}
	})
}

// The execution client says what it is, and the health knows it.
func TestClientVersion(t *testing.T) {
	in(t, setup{}, func(t *testing.T, b *bench) {
		b.run()
		got, err := b.ClientVersion(t.Context())
		if err != nil || len(got) != 1 || got[0].Code != "CM" {
			t.Errorf("%+v, %v", got, err)
		}
		if h := b.expect(0, engine.Ready); h.Version != got[0] {
			t.Errorf("health has version %+v", h.Version)
		}
	})
}

// A payload of a branch whose ancestors are invalid is INVALID with the newest valid ancestor.
func TestLatestValidHash(t *testing.T) {
	in(t, setup{}, func(t *testing.T, b *bench) {
		blocks := b.grow(4)
		send := func(r *transition.NewPayloadRequest) engine.PayloadStatus {
			status, err := b.NewPayload(t.Context(), b.fork, r)
			if err != nil {
				t.Fatal(err)
			}
			return status
		}
		for _, r := range blocks[:3] {
			send(r)
		}
		b.head(blocks[2].ExecutionPayload.BlockHash)
		if hash, ok := b.engines[0].InvalidateBelowHead(1); !ok || hash != blocks[1].ExecutionPayload.BlockHash {
			t.Fatalf("%v, %v", hash, ok)
		}
		want := types.Bytes32(blocks[0].ExecutionPayload.BlockHash)
		for _, status := range []engine.PayloadStatus{send(blocks[3]), send(blocks[2]), b.head(blocks[2].ExecutionPayload.BlockHash)} {
			if status.Status != engine.Invalid || status.LatestValidHash == nil || *status.LatestValidHash != want {
				t.Errorf("%+v, want INVALID from %v on", status, want)
			}
		}
		if status := b.head(blocks[0].ExecutionPayload.BlockHash); status.Status != engine.Valid {
			t.Errorf("%+v, want VALID", status)
		}
	})
}
