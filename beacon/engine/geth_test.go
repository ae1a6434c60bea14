//go:build geth

package engine_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/cresset/cresset/beacon/clock"
	"github.com/cresset/cresset/beacon/engine"
	"github.com/cresset/cresset/beacon/engine/gethtest"
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/recorded"
	"github.com/cresset/cresset/beacon/types"
)

// gethClient is a client of a real geth that has the genesis of a recorded chain. The chain's clock stands two slots after the head.
func gethClient(t *testing.T, chain *recorded.Chain) (*engine.Client, *gethtest.Geth) {
	t.Helper()
	geth, err := gethtest.New(t.Context(), t.TempDir(), chain.GethGenesis)
	if err != nil {
		t.Fatal(err)
	}
	if err := geth.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := geth.Kill(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Log(geth.Output())
		}
	})
	last := chain.Payloads[len(chain.Payloads)-1].Slot
	start := time.Unix(int64(chain.GenesisTime), 0).Add(time.Duration(last+2) * chain.Spec.SlotDuration())
	c, err := engine.New(engine.Config{
		Endpoints:   []engine.Endpoint{{Name: "geth", URL: geth.URL, JWTSecretFile: geth.SecretFile}},
		Spec:        chain.Spec,
		Clock:       clock.New(clock.Config{Spec: chain.Spec, GenesisTime: chain.GenesisTime, Source: clock.NewManual(start)}),
		GenesisHash: &chain.GenesisPayload.BlockHash,
		Version:     engine.ClientVersion{Code: "CR", Name: "Cresset", Version: "test"},
		Interval:    100 * time.Millisecond,
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- c.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return c, geth
}

// reach waits until the active endpoint is in one of some states.
func reach(t *testing.T, c *engine.Client, want ...engine.State) {
	t.Helper()
	limit := time.After(30 * time.Second)
	for {
		changed := c.Changed()
		if slices.Contains(want, c.Health().State()) {
			return
		}
		select {
		case <-changed:
		case <-limit:
			t.Fatalf("health is %+v, want %v", c.Health(), want)
		}
	}
}

// tell hands blocks to geth, each as payload and as head.
func tell(t *testing.T, c *engine.Client, chain *recorded.Chain, blocks []recorded.Payload) {
	t.Helper()
	for _, b := range blocks {
		status, err := c.NewPayload(t.Context(), b.Fork, b.Request)
		if err != nil || status.Status != engine.Valid {
			t.Fatalf("slot %d (%s): new payload %+v, %v", b.Slot, b.Fork, status, err)
		}
		hash := b.Request.ExecutionPayload.BlockHash
		status, _, err = c.ForkchoiceUpdated(t.Context(), b.Fork, engine.ForkchoiceState{Head: hash, Safe: chain.GenesisPayload.BlockHash, Finalized: chain.GenesisPayload.BlockHash}, nil)
		if err != nil || status.Status != engine.Valid {
			t.Fatalf("slot %d (%s): head %+v, %v", b.Slot, b.Fork, status, err)
		}
	}
}

// geth follows the recorded chains through the client, across the forks, and ends with the recorded head. Half-way it is killed and started again.
func TestGethFollowsRecordedChains(t *testing.T) {
	for _, name := range []string{"fulu", "deneb-to-fulu"} {
		t.Run(name, func(t *testing.T) {
			chain, err := recorded.Load(name)
			if err != nil {
				t.Fatal(err)
			}
			c, geth := gethClient(t, chain)
			reach(t, c, engine.SyncingState) // Before it is told its first head, geth says that it is syncing.
			t.Logf("health: %+v", c.Health())
			start := time.Now()
			half := len(chain.Payloads) / 2
			tell(t, c, chain, chain.Payloads[:half])
			t.Logf("%d blocks in %v", half, time.Since(start))
			if err := geth.Kill(); err != nil {
				t.Fatal(err)
			}
			reach(t, c, engine.Offline)
			if err := geth.Start(t.Context()); err != nil {
				t.Fatal(err)
			}
			// The client tells it the last payload and head by itself. What lies before and was not written yet has to be told again.
			reach(t, c, engine.SyncingState, engine.Ready)
			t.Logf("health after the restart: %+v", c.Health())
			start = time.Now()
			tell(t, c, chain, chain.Payloads[half-8:])
			t.Logf("%d blocks in %v", len(chain.Payloads)-half+8, time.Since(start))
			reach(t, c, engine.Ready)
			checkHead(t, c, chain)
			checkBuilding(t, c, chain)
		})
	}
}

// checkHead compares geth's canonical chain with the recorded one, by the bodies of its last blocks.
func checkHead(t *testing.T, c *engine.Client, chain *recorded.Chain) {
	t.Helper()
	block, err := c.PowBlock(t.Context(), chain.HeadHash())
	if !errors.Is(err, engine.ErrMalformed) { // geth has no total difficulty any more.
		t.Errorf("head: %v, %v", block, err)
	}
	last := chain.Payloads[len(chain.Payloads)-1].Request.ExecutionPayload
	if last.BlockHash != chain.HeadHash() {
		t.Fatalf("last block is %v, recorded head %v", last.BlockHash, chain.HeadHash())
	}
	bodies, err := c.GetPayloadBodiesByRange(t.Context(), params.Fulu, last.BlockNumber, 4)
	if err != nil {
		t.Fatal(err)
	}
	if len(bodies) != 1 || bodies[0] == nil || len(bodies[0].Transactions) != len(last.Transactions) || len(*bodies[0].Withdrawals) != len(last.Withdrawals) {
		t.Errorf("bodies from the head on: %+v", bodies)
	}
	byHash, err := c.GetPayloadBodiesByHash(t.Context(), params.Fulu, []types.Hash32{chain.HeadHash(), {1}})
	if err != nil || len(byHash) != 2 || byHash[0] == nil || byHash[1] != nil {
		t.Errorf("bodies by hash: %+v, %v", byHash, err)
	}
	blobs, err := c.GetBlobs(t.Context(), params.Fulu, []types.Bytes32{{1}, {2}})
	if err != nil {
		t.Errorf("blobs: %v, %v", blobs, err)
	}
}

// checkBuilding has geth build a payload on the head and takes it as the next one.
func checkBuilding(t *testing.T, c *engine.Client, chain *recorded.Chain) {
	t.Helper()
	last := chain.Payloads[len(chain.Payloads)-1]
	root := types.Root{7}
	attributes := &engine.PayloadAttributes{
		Timestamp:             last.Request.ExecutionPayload.Timestamp + 4,
		PrevRandao:            types.Bytes32{1},
		SuggestedFeeRecipient: types.ExecutionAddress{2},
		Withdrawals:           []types.Withdrawal{{Index: 9999, ValidatorIndex: 3, Address: types.ExecutionAddress{4}, Amount: 5}},
		ParentBeaconBlockRoot: root,
	}
	status, id, err := c.ForkchoiceUpdated(t.Context(), last.Fork, engine.ForkchoiceState{Head: chain.HeadHash()}, attributes)
	if err != nil || status.Status != engine.Valid || id == nil {
		t.Fatalf("head with attributes: %+v, %v, %v", status, id, err)
	}
	built, err := c.GetPayload(t.Context(), last.Fork, *id)
	if err != nil {
		t.Fatal(err)
	}
	p := built.Payload
	if p.ParentHash != chain.HeadHash() || p.Timestamp != attributes.Timestamp || p.FeeRecipient != attributes.SuggestedFeeRecipient || len(p.Withdrawals) != 1 || built.Requests == nil || built.Blobs == nil {
		t.Errorf("built payload: %+v", built)
	}
	request := *last.Request
	request.ExecutionPayload, request.ParentBeaconBlockRoot, request.ExecutionRequests, request.VersionedHashes = p, root, built.Requests, nil
	if status, err := c.NewPayload(t.Context(), last.Fork, &request); err != nil || status.Status != engine.Valid {
		t.Errorf("built payload as new payload: %+v, %v", status, err)
	}
	other := *id
	other[7] ^= 1
	if _, err := c.GetPayload(t.Context(), last.Fork, other); !errors.Is(err, engine.UnknownPayload) {
		t.Errorf("payload that nobody builds: %v", err)
	}
}
