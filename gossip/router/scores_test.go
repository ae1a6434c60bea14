package router

import (
	"context"
	"encoding/binary"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/libp2p/go-libp2p"
	pubsub "github.com/libp2p/go-libp2p-pubsub"
	pb "github.com/libp2p/go-libp2p-pubsub/pb"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"google.golang.org/protobuf/proto"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/gossip"
)

// stranger is a peer that sends frames of its own.
type stranger struct {
	*world
	host  host.Host
	to    *node
	names []string // of all topics of the node
	out   network.Stream
}

// stranger connects one to a node.
func (w *world) stranger(to *node) *stranger {
	w.t.Helper()
	h, err := libp2p.New(libp2p.NoListenAddrs, libp2p.DisableRelay())
	check(w.t, err)
	w.t.Cleanup(func() { check(w.t, h.Close()) })
	h.SetStreamHandler(pubsub.GossipSubID_v12, func(s network.Stream) { _, _ = io.Copy(io.Discard, s) }) // ends with the connection
	x := &stranger{world: w, host: h, to: to}
	all := gossip.Interests{AttestationSubnets: count(w.net.Spec().AttestationSubnetCount), SyncCommitteeSubnets: count(4), ColumnSubnets: count(w.net.Spec().NumberOfColumns)}
	for _, topic := range w.of.Topics(to.chain.Clock().CurrentEpoch(), all) {
		x.names = append(x.names, topic.String())
	}
	x.connect()
	return x
}

// connect connects and subscribes to all topics.
func (x *stranger) connect() {
	x.t.Helper()
	check(x.t, x.host.Connect(context.Background(), peer.AddrInfo{ID: x.to.host.ID(), Addrs: x.to.host.Addrs()}))
	s, err := x.host.NewStream(context.Background(), x.to.host.ID(), pubsub.GossipSubID_v12)
	check(x.t, err)
	x.out = s
	frame := &pb.RPC{}
	for _, name := range x.names {
		frame.Subscriptions = append(frame.Subscriptions, &pb.RPC_SubOpts{Subscribe: new(true), Topicid: &name})
	}
	x.send(frame)
	x.until("the node knows of the subscriptions", func() bool {
		return slices.Contains(x.to.router.mesh.Load().ListPeers(x.names[0]), x.host.ID())
	})
}

func (x *stranger) send(frame *pb.RPC) {
	x.t.Helper()
	data, err := proto.Marshal(frame)
	check(x.t, err)
	_, err = x.out.Write(append(binary.AppendUvarint(nil, uint64(len(data))), data...))
	check(x.t, err)
}

func (x *stranger) leave() {
	x.t.Helper()
	check(x.t, x.host.Network().ClosePeer(x.to.host.ID()))
	x.until("the stranger is gone", func() bool { return x.to.host.Network().Connectedness(x.host.ID()) != network.Connected })
}

// graft has the node take the stranger into all meshes.
func (x *stranger) graft() {
	x.t.Helper()
	c := &pb.ControlMessage{}
	for _, name := range x.names {
		c.Graft = append(c.Graft, &pb.ControlGraft{TopicID: &name})
	}
	x.send(&pb.RPC{Control: c})
}

// prune leaves all meshes as one does who stops: for ten seconds.
func (x *stranger) prune() {
	x.t.Helper()
	c := &pb.ControlMessage{}
	for _, name := range x.names {
		c.Prune = append(c.Prune, &pb.ControlPrune{TopicID: &name, Backoff: new(uint64(10))})
	}
	x.send(&pb.RPC{Control: c})
}

func (x *stranger) meshes() (n int) {
	for _, name := range x.names {
		if x.to.host.ConnManager().IsProtected(x.host.ID(), "pubsub:"+name) {
			n++
		}
	}
	return n
}

// score waits for the next look at scores.
func (x *stranger) score() float64 {
	x.t.Helper()
	n, id := x.to, x.host.ID().String()
	n.mu.Lock()
	n.mu.scores = nil
	n.mu.Unlock()
	var score float64
	x.until("scores are looked at", func() (told bool) {
		n.mu.Lock()
		defer n.mu.Unlock()
		score, told = n.mu.scores[id]
		return told
	})
	return score
}

func (x *stranger) blamed() bool {
	return slices.ContainsFunc(x.to.penalties(&node{host: x.host}), func(reason string) bool { return strings.HasPrefix(reason, "gossip score") })
}

// A peer that is started again knows nothing of the meshes that it may not come back to yet, and grafts all of them at once.
func TestAPeerThatStartsAgainIsNotLeftForWhatItForgot(t *testing.T) {
	t.Parallel()
	w := newWorld(t, specOf(t, params.Fulu))
	a := w.node(count(w.net.Spec().NumberOfColumns)...)
	x := w.stranger(a)
	if most := gossip.Scores(w.net.Spec(), params.Fulu).BehaviourPenaltyThreshold; float64(len(x.names)) > most || float64(len(x.names)) < most-4 {
		t.Fatalf("the node has %d topics, want nearly %v", len(x.names), most)
	}
	x.graft()
	w.until("the stranger is in all meshes", func() bool { return x.meshes() == len(x.names) })
	x.prune()
	w.until("the stranger is in no mesh", func() bool { return x.meshes() == 0 })
	x.leave()
	x.connect()
	x.graft()
	if s := x.score(); s < 0 {
		t.Errorf("after a start within ten seconds the score is %v, want none below 0", s)
	}
	for range 3 {
		x.graft()
	}
	w.until("who goes on is left", x.blamed)
	if x.meshes() != 0 {
		t.Errorf("the stranger is in %d meshes too early", x.meshes())
	}
}
