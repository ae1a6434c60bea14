package api

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/cresset/cresset/beacon/engine"
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/sync/driver"
)

// standsBeside are parts of a node that say what the test wants.
type standsBeside struct {
	progress driver.Progress
	usable   bool
}

func (s *standsBeside) Progress() driver.Progress { return s.progress }

func (s *standsBeside) Health() engine.Health {
	return engine.Health{Endpoints: []engine.EndpointHealth{{Usable: s.usable, Version: engine.ClientVersion{Code: "GE", Name: "geth", Version: "1", Commit: [4]byte{0xaa}}}}}
}

// Health is a status, syncing its reasons: each of syncing, optimistic and an execution client that is away is enough not to be healthy.
func TestHealthAndSyncing(t *testing.T) {
	t.Parallel()
	w := newSimnet(t, params.Fulu)
	w.grow(3)
	beside := &standsBeside{usable: true}
	n := *w.server.node.Load()
	n.Sync, n.Engine = beside, beside
	w.server.node.Store(&n)
	type status struct {
		HeadSlot     string `json:"head_slot"`
		SyncDistance string `json:"sync_distance"`
		IsSyncing    bool   `json:"is_syncing"`
		IsOptimistic bool   `json:"is_optimistic"`
		ELOffline    bool   `json:"el_offline"`
	}
	wants := func(what string, health int, want status) {
		t.Helper()
		if a := w.get("/eth/v1/node/health"); a.status != health || len(a.body) > 0 {
			t.Errorf("%s: health is %d, want %d", what, a.status, health)
		}
		var have struct{ Data status }
		if w.get("/eth/v1/node/syncing").into(&have); have.Data != want {
			t.Errorf("%s: %+v, want %+v", what, have.Data, want)
		}
	}
	beside.progress.Stage = driver.Synced
	wants("all is well", 200, status{HeadSlot: "3", SyncDistance: "0"})
	beside.usable = false
	wants("the execution client is away", 206, status{HeadSlot: "3", SyncDistance: "0", ELOffline: true})
	beside.usable = true
	w.at(20)
	wants("nobody has more blocks", 200, status{HeadSlot: "3", SyncDistance: "0"})
	beside.progress.Stage = driver.Waiting
	wants("nobody is there to ask", 206, status{HeadSlot: "3", SyncDistance: "17", IsSyncing: true})
	beside.progress.Stage = driver.Head
	wants("blocks are fetched", 206, status{HeadSlot: "3", SyncDistance: "17", IsSyncing: true})
	for code, want := range map[string]int{"200": 200, "418": 418, "503": 503, "599": 599} {
		if a := w.get("/eth/v1/node/health?syncing_status=" + code); a.status != want {
			t.Errorf("syncing_status %s gives %d", code, a.status)
		}
	}
	w.refuses([]wrongInput{
		{path: "/eth/v1/node/health?syncing_status=600", status: 400, says: []string{"syncing_status", "600"}},
		{path: "/eth/v1/node/health?syncing_status=100", status: 400},
		{path: "/eth/v1/node/health?syncing_status=99", status: 400},
		{path: "/eth/v1/node/health?syncing_status=bad", status: 400, says: []string{"bad"}},
	})
	var version struct {
		Data struct {
			Beacon    map[string]string `json:"beacon_node"`
			Execution map[string]string `json:"execution_client"`
		}
	}
	w.get("/eth/v2/node/version").into(&version)
	if fmt.Sprint(version.Data) != "{map[code:CR commit:0x01020304 name:Cresset version:v1] map[code:GE commit:0xaa000000 name:geth version:1]}" {
		t.Errorf("versions are %v", version.Data)
	}
}

// A node that has its custody ready before Fulu says who it is without it: the metadata of those forks has no such field.
func TestIdentityBeforeFulu(t *testing.T) {
	t.Parallel()
	w := newSimnet(t, params.Electra)
	var one struct {
		Data struct{ Metadata map[string]any }
	}
	w.get("/eth/v1/node/identity").into(&one)
	if fmt.Sprint(one.Data.Metadata) != "map[attnets:0x0000000000000000 seq_number:3 syncnets:0x00]" {
		t.Errorf("metadata is %v", one.Data.Metadata)
	}
}

// Peers are listed by state and direction, found by their id, and counted.
func TestPeers(t *testing.T) {
	t.Parallel()
	w := newSimnet(t, params.Fulu)
	for query, want := range map[string]int{
		"": 3, "?state=connected": 2, "?state=connected,disconnected": 3, "?state=connected&state=disconnected": 3, "?direction=outbound": 2,
		"?direction=outbound&state=connected": 1, "?state=connecting": 0,
	} {
		var have struct {
			Data []map[string]any
			Meta struct{ Count int }
		}
		w.get("/eth/v1/node/peers" + query).into(&have)
		if len(have.Data) != want || have.Meta.Count != want {
			t.Errorf("%q: %d peers and a count of %d, want %d", query, len(have.Data), have.Meta.Count, want)
		}
	}
	var one struct{ Data map[string]any }
	w.get("/eth/v1/node/peers/16Uiu2two").into(&one)
	if enr, ok := one.Data["enr"]; !ok || enr != nil || one.Data["state"] != "connected" || one.Data["direction"] != "outbound" {
		t.Errorf("the peer is %v", one.Data)
	}
	one.Data = nil
	w.get("/eth/v1/node/peer_count").into(&one)
	if fmt.Sprint(one.Data) != "map[connected:2 connecting:0 disconnected:1 disconnecting:0]" {
		t.Errorf("counts are %v", one.Data)
	}
	one.Data = nil
	w.get("/eth/v1/node/identity").into(&one)
	if fmt.Sprint(one.Data) != "map[discovery_addresses:[] enr:enr:-self metadata:map[attnets:0x0000000000000000 custody_group_count:4 seq_number:3 syncnets:0x00] p2p_addresses:[/ip4/7.7.7.7/tcp/4242/p2p/16Uiu2self] peer_id:16Uiu2self]" {
		t.Errorf("identity is %v", one.Data)
	}
	w.refuses([]wrongInput{
		{path: "/eth/v1/node/peers?state=happy", status: 400, says: []string{"state", "happy"}},
		{path: "/eth/v1/node/peers?direction=up", status: 400, says: []string{"direction", "up"}},
		{path: "/eth/v1/node/peers/localhost", status: 400, says: []string{"Invalid peer ID", "localhost"}},
		{path: "/eth/v1/node/peers/16Uiu2four", status: 404, says: []string{"16Uiu2four"}},
	})
	n := *w.server.node.Load()
	n.Network = nil
	w.server.node.Store(&n)
	w.get("/eth/v1/node/identity").wants(http.StatusServiceUnavailable).says("network")
	w.get("/eth/v1/node/peers/16Uiu2one").wants(http.StatusNotFound)
	w.get("/eth/v1/node/peer_count").into(&one)
	if one.Data["connected"] != "0" {
		t.Errorf("without a network %v are connected", one.Data)
	}
}

// The configuration is told in the form that validator clients read.
func TestConfiguration(t *testing.T) {
	t.Parallel()
	w := newSimnet(t, params.Fulu)
	var spec struct{ Data map[string]any }
	w.get("/eth/v1/config/spec").into(&spec)
	for key, want := range map[string]string{
		"SECONDS_PER_SLOT": "6", "SLOTS_PER_EPOCH": "8", "DOMAIN_BEACON_ATTESTER": "0x01000000", "CONFIG_NAME": "simnet", "GLOAS_FORK_EPOCH": "18446744073709551615",
	} {
		if spec.Data[key] != want {
			t.Errorf("%s is %v, want %s", key, spec.Data[key], want)
		}
	}
	if _, ok := spec.Data["BLOB_SCHEDULE"].([]any); !ok {
		t.Errorf("BLOB_SCHEDULE is %v", spec.Data["BLOB_SCHEDULE"])
	}
	var forks struct {
		Data []struct {
			Previous string `json:"previous_version"`
			Current  string `json:"current_version"`
			Epoch    string
		}
	}
	w.get("/eth/v1/config/fork_schedule").into(&forks)
	if len(forks.Data) != int(params.Fulu)+1 || forks.Data[0].Previous != forks.Data[0].Current || forks.Data[6].Previous != forks.Data[5].Current {
		t.Errorf("forks are %+v", forks.Data)
	}
	var genesis struct{ Data map[string]string }
	w.get("/eth/v1/beacon/genesis").into(&genesis)
	state := w.net.GenesisState()
	if genesis.Data["genesis_time"] != fmt.Sprint(state.GenesisTime) || genesis.Data["genesis_validators_root"] != state.GenesisValidatorsRoot.String() ||
		genesis.Data["genesis_fork_version"] != w.spec.GenesisForkVersion.String() {
		t.Errorf("genesis is %v", genesis.Data)
	}
	w.get("/eth/v1/config/deposit_contract").into(&genesis)
	if genesis.Data["address"] != w.spec.DepositContractAddress.String() || genesis.Data["chain_id"] != fmt.Sprint(w.spec.DepositChainId) {
		t.Errorf("the contract is %v", genesis.Data)
	}
}

// Operations that wait for a block are listed in the form of the present fork.
func TestPool(t *testing.T) {
	t.Parallel()
	w := newSimnet(t, params.Gloas)
	for path, want := range map[string]int{
		"/eth/v2/beacon/pool/attestations": 2, "/eth/v2/beacon/pool/attestations?slot=7": 1, "/eth/v2/beacon/pool/attestations?committee_index=1": 1,
		"/eth/v2/beacon/pool/attestations?committee_index=70": 0, "/eth/v1/beacon/pool/payload_attestations": 2, "/eth/v1/beacon/pool/payload_attestations?slot=6": 1,
		"/eth/v2/beacon/pool/attester_slashings": 1, "/eth/v1/beacon/pool/proposer_slashings": 1, "/eth/v1/beacon/pool/voluntary_exits": 2,
		"/eth/v1/beacon/pool/bls_to_execution_changes": 1,
	} {
		var have struct {
			Version string
			Data    []any
		}
		w.get(path).into(&have)
		if len(have.Data) != want {
			t.Errorf("%s: %d operations, want %d", path, len(have.Data), want)
		}
		if v2 := path[:8] == "/eth/v2/"; v2 && have.Version != "gloas" {
			t.Errorf("%s: version %q", path, have.Version)
		}
	}
	w.refuses([]wrongInput{
		{path: "/eth/v2/beacon/pool/attestations?slot=current", status: 400, says: []string{"Invalid slot", "current"}},
		{path: "/eth/v2/beacon/pool/attestations?committee_index=-1", status: 400, says: []string{"committee_index"}},
		{path: "/eth/v1/beacon/pool/payload_attestations?slot=x", status: 400},
	})
	n := *w.server.node.Load()
	n.Pool = nil
	w.server.node.Store(&n)
	if a := w.get("/eth/v1/beacon/pool/voluntary_exits").wants(http.StatusOK); string(a.body) != `{"data":[]}` {
		t.Errorf("where nothing is pooled the list is %s", a.body)
	}
}
