package mock_test

import (
	"testing"

	"github.com/cresset/cresset/beacon/engine/mock"
	"github.com/cresset/cresset/beacon/engine/wire"
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/recorded"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/transition"
)

// newPayload is the wire's form of a recorded payload.
func newPayload(t *testing.T, chain *recorded.Chain, b recorded.Payload) *wire.NewPayload {
	t.Helper()
	n := &wire.NewPayload{
		Payload: b.Request.ExecutionPayload, VersionedHashes: b.Request.VersionedHashes, ParentBeaconBlockRoot: b.Request.ParentBeaconBlockRoot,
	}
	if b.Fork >= params.Electra {
		requests, err := transition.GetExecutionRequestsList(ssz.Context{Spec: chain.Spec, Fork: b.Fork}, b.Request.ExecutionRequests)
		if err != nil {
			t.Fatal(err)
		}
		n.Requests = requests
	}
	return n
}

// The hash of every recorded payload, deneb to fulu, is computed as geth computed it.
func TestBlockHashOfRecordedChains(t *testing.T) {
	for name, want := range map[string]int{"deneb-to-fulu": 195, "fulu": 156} {
		chain, err := recorded.Load(name)
		if err != nil {
			t.Fatal(err)
		}
		forks, transactions, withdrawals, requests := map[params.Fork]int{}, 0, 0, 0
		for _, b := range chain.Payloads {
			n := newPayload(t, chain, b)
			if hash := mock.BlockHash(b.Fork, n); hash != n.Payload.BlockHash {
				t.Fatalf("%s slot %d (%s): hash %v, recorded %v", name, b.Slot, b.Fork, hash, n.Payload.BlockHash)
			}
			forks[b.Fork]++
			transactions += len(n.Payload.Transactions)
			withdrawals += len(n.Payload.Withdrawals)
			requests += len(n.Requests)
		}
		if len(chain.Payloads) != want || transactions == 0 || withdrawals == 0 || requests == 0 {
			t.Errorf("%s: %d blocks (want %d) with %d transactions, %d withdrawals, %d lists of requests: none may be 0",
				name, len(chain.Payloads), want, transactions, withdrawals, requests)
		}
		t.Logf("%s: %v, %d transactions, %d withdrawals, %d lists of requests", name, forks, transactions, withdrawals, requests)
	}
}
