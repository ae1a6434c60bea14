package api

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"

	"github.com/cresset/cresset/beacon/engine"
	"github.com/cresset/cresset/beacon/health"
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/sync/driver"
)

func decimal[T ~uint64 | ~int](n T) string { return strconv.FormatUint(uint64(n), 10) }

// nodeIdentity answers what others know this node by. Spec: getNetworkIdentity.
func (c *call) nodeIdentity() error {
	if c.n.Network == nil {
		return busy(0, "The node has no network")
	}
	id := c.n.Network.Identity()
	type identity struct {
		PeerID             string          `json:"peer_id"`
		ENR                string          `json:"enr"`
		P2PAddresses       []string        `json:"p2p_addresses"`
		DiscoveryAddresses []string        `json:"discovery_addresses"`
		MetaData           json.RawMessage `json:"metadata"`
	}
	fork := c.s.cfg.Spec.ForkAtSlot(c.n.Chain.Clock().CurrentSlot())
	if fork < params.Fulu {
		id.MetaData.CustodyGroupCount = 0 // the node has it ready as soon as Fulu is scheduled
	}
	metadata, err := ssz.MarshalJSON(c.context(fork), ssz.Container(&id.MetaData))
	if err != nil {
		return err
	}
	return c.data(meta{}, identity{id.PeerID, id.ENR, notNil(id.P2PAddresses), notNil(id.DiscoveryAddresses), metadata})
}

// notNil makes an empty list of none, so that it is [] and not null.
func notNil[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

type peerAnswer struct {
	ID        string        `json:"peer_id"`
	ENR       *string       `json:"enr"`
	Address   string        `json:"last_seen_p2p_address"`
	State     PeerState     `json:"state"`
	Direction PeerDirection `json:"direction"`
}

func answerOf(p Peer) peerAnswer {
	a := peerAnswer{p.ID, &p.ENR, p.Address, p.State, p.Direction}
	if p.ENR == "" {
		a.ENR = nil
	}
	return a
}

func (c *call) peers() []Peer {
	if c.n.Network == nil {
		return nil // who talks to nobody has no peers
	}
	return c.n.Network.Peers()
}

func peerStates() []PeerState {
	return []PeerState{Disconnected, Connecting, Connected, Disconnecting}
}

// nodePeers answers with the peers that all filters let through. Spec: getPeers.
func (c *call) nodePeers() error {
	states, err := choices(c, "state", peerStates())
	if err != nil {
		return err
	}
	directions, err := choices(c, "direction", []PeerDirection{Inbound, Outbound})
	if err != nil {
		return err
	}
	answers := []peerAnswer{}
	for _, p := range c.peers() {
		if (states == nil || slices.Contains(states, p.State)) && (directions == nil || slices.Contains(directions, p.Direction)) {
			answers = append(answers, answerOf(p))
		}
	}
	text, err := json.Marshal(map[string]any{"data": answers, "meta": map[string]int{"count": len(answers)}})
	if err != nil {
		return err
	}
	return c.whole(text)
}

// choices reads a field of the query whose values are some of a few; nil if it is not given.
func choices[T ~string](c *call, field string, allowed []T) (chosen []T, err error) {
	values, err := c.list(field, maxQueryList)
	if err != nil {
		return nil, err
	}
	for _, v := range values {
		if !slices.Contains(allowed, T(v)) {
			return nil, invalid(field, v, fmt.Sprintf("one of %v", allowed))
		}
		chosen = append(chosen, T(v))
	}
	return chosen, nil
}

// nodePeer answers with one peer. Spec: getPeer.
func (c *call) nodePeer() error {
	id := c.r.PathValue("peer_id")
	if c.n.Network == nil {
		return notFound("Peer not found: the node has no network")
	}
	if err := c.n.Network.CheckPeerID(id); err != nil {
		return fail(http.StatusBadRequest, "Invalid peer ID: %s: %v", clip(id), err)
	}
	peers := c.peers()
	i := slices.IndexFunc(peers, func(p Peer) bool { return p.ID == id })
	if i < 0 {
		return notFound("Peer not found: %s", clip(id))
	}
	return c.data(meta{}, answerOf(peers[i]))
}

// nodePeerCount answers how many peers are in each state. Spec: getPeerCount.
func (c *call) nodePeerCount() error {
	counts := map[PeerState]int{}
	for _, p := range c.peers() {
		counts[p.State]++
	}
	texts := map[PeerState]string{}
	for _, state := range peerStates() {
		texts[state] = decimal(counts[state])
	}
	return c.data(meta{}, texts)
}

// nodeVersion answers like a User-Agent. Spec: getNodeVersion.
func (c *call) nodeVersion() error {
	v := c.s.cfg.Version
	text := v.Name + "/" + v.Version
	if c.s.cfg.Platform != "" {
		text += " (" + c.s.cfg.Platform + ")"
	}
	return c.data(meta{}, map[string]string{"version": text})
}

type versionAnswer struct {
	Code    string `json:"code"`
	Name    string `json:"name"`
	Version string `json:"version"`
	Commit  string `json:"commit"`
}

func versionOf(v engine.ClientVersion) *versionAnswer {
	return &versionAnswer{v.Code, v.Name, v.Version, "0x" + hex.EncodeToString(v.Commit[:])}
}

// nodeVersionV2 answers with the versions of this node and of its execution client. Spec: getNodeVersionV2.
func (c *call) nodeVersionV2() error {
	answer := struct {
		BeaconNode *versionAnswer `json:"beacon_node"`
		Execution  *versionAnswer `json:"execution_client,omitempty"`
	}{BeaconNode: versionOf(c.s.cfg.Version)}
	if c.n != nil && c.n.Engine != nil {
		h := c.n.Engine.Health()
		if v := h.Endpoints[h.Active].Version; v != (engine.ClientVersion{}) {
			answer.Execution = versionOf(v)
		}
	}
	return c.data(meta{}, answer)
}

// health is how the node is.
func (n *Node) health(spec *params.Spec) health.Status {
	return health.Judge(health.Parts{Spec: spec, Chain: n.Chain, Sync: n.Sync, Engine: n.Engine})
}

// syncProgress is how far sync is. The specification has no such field.
type syncProgress struct {
	Stage          driver.Stage `json:"stage"`
	TargetSlot     string       `json:"target_slot"`
	Percent        float64      `json:"percent"`
	SlotsPerSecond float64      `json:"slots_per_second"`
	ETASeconds     *int64       `json:"eta_seconds"`
	NoETA          string       `json:"no_eta_reason,omitempty"`
	Peers          int          `json:"peers"`
	PeersInUse     int          `json:"peers_in_use"`
}

func progressOf(p *driver.Progress) *syncProgress {
	if p == nil {
		return nil
	}
	out := &syncProgress{
		Stage: p.Stage, TargetSlot: decimal(p.Target), Percent: p.Percent(), SlotsPerSecond: p.SlotsPerS, NoETA: p.NoETA, Peers: p.Peers, PeersInUse: p.PeersInUse,
	}
	if p.NoETA == "" {
		seconds := int64(p.ETA.Seconds())
		out.ETASeconds = &seconds
	}
	return out
}

// nodeSyncing answers how far the node is. Spec: getSyncingStatus.
func (c *call) nodeSyncing() error {
	st := c.n.health(c.s.cfg.Spec)
	return c.data(meta{}, struct {
		HeadSlot     string `json:"head_slot"`
		SyncDistance string `json:"sync_distance"`
		IsSyncing    bool   `json:"is_syncing"`
		IsOptimistic bool   `json:"is_optimistic"`
		ELOffline    bool   `json:"el_offline"`
		// Beyond the specification.
		State    string          `json:"state"`
		Reasons  []health.Reason `json:"reasons"`
		Progress *syncProgress   `json:"progress,omitempty"`
	}{
		decimal(st.Head), decimal(st.Distance), st.Has(health.Syncing), st.Has(health.Optimistic), st.Has(health.ExecutionOffline),
		st.String(), notNil(st.Reasons), progressOf(st.Progress),
	})
}

// nodeHealth answers by its status alone: 200, 206 or what the client wants instead, or 503. Spec: getHealth.
func (c *call) nodeHealth() error {
	notReady := http.StatusPartialContent
	code, given, err := c.number("syncing_status")
	if err != nil {
		return err
	}
	if given {
		// An informational status cannot end an answer: what came after it would be 200.
		if code < 200 || code > 599 {
			return invalid("syncing_status", decimal(code), "200 to 599")
		}
		notReady = int(code)
	}
	status := http.StatusOK
	if c.n == nil {
		status = http.StatusServiceUnavailable
	} else if st := c.n.health(c.s.cfg.Spec); !st.Ready() {
		status = notReady
	}
	c.w.WriteHeader(status)
	c.started = true
	return nil
}
