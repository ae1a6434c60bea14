package api

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"

	"github.com/cresset/cresset/beacon/engine"
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/types"
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

// standing is how the node is.
type standing struct {
	head       types.Slot
	distance   types.Slot // 0 if it is synced
	syncing    bool
	optimistic bool
	offline    bool // the execution client
}

// standing tells how the node is. It is syncing if it knows of blocks that it has not got, or, with nobody to tell, if its head is more than an
// epoch behind the clock.
func (n *Node) standing(spec *params.Spec) standing {
	s := n.Chain.Snapshot()
	st := standing{head: s.Head.Slot, optimistic: s.Optimistic}
	st.distance = n.Chain.Clock().CurrentSlot().SubSaturating(s.Head.Slot)
	behind := uint64(st.distance) > spec.SlotsPerEpoch
	st.syncing = behind
	if n.Sync != nil {
		switch n.Sync.Progress().Stage {
		case driver.Finalized, driver.Head:
			st.syncing = st.distance > 1
		case driver.Synced, driver.History:
			st.syncing = false // the others have no more either
		}
	}
	if !st.syncing {
		st.distance = 0
	}
	if n.Engine != nil {
		h := n.Engine.Health()
		st.offline = !h.Endpoints[h.Active].Usable
	}
	return st
}

// nodeSyncing answers how far the node is. Spec: getSyncingStatus.
func (c *call) nodeSyncing() error {
	st := c.n.standing(c.s.cfg.Spec)
	return c.data(meta{}, struct {
		HeadSlot     string `json:"head_slot"`
		SyncDistance string `json:"sync_distance"`
		IsSyncing    bool   `json:"is_syncing"`
		IsOptimistic bool   `json:"is_optimistic"`
		ELOffline    bool   `json:"el_offline"`
	}{decimal(st.head), decimal(st.distance), st.syncing, st.optimistic, st.offline})
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
	} else if st := c.n.standing(c.s.cfg.Spec); st.syncing || st.optimistic || st.offline {
		status = notReady
	}
	c.w.WriteHeader(status)
	c.started = true
	return nil
}
