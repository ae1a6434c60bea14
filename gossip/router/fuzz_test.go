package router

import (
	"testing"

	pubsub "github.com/libp2p/go-libp2p-pubsub"
	pb "github.com/libp2p/go-libp2p-pubsub/pb"
	"github.com/libp2p/go-libp2p/core/peer"
	"google.golang.org/protobuf/proto"

	"github.com/cresset/cresset/beacon/metrics"
	"github.com/cresset/cresset/beacon/p2p/peers"
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/simnet"
	"github.com/cresset/cresset/beacon/types"
	"github.com/cresset/cresset/gossip"
)

// silent judges nobody.
type silent struct{}

func (silent) Report(string, peers.Offence, string) {}

func (silent) SetGossipScores(map[string]float64) {}

// FuzzFrames has frames of gossip counted and their subscriptions filtered: none panics, what is kept is within the limits, and only topics
// that exist are subscribed to.
func FuzzFrames(f *testing.F) {
	spec, err := simnet.Spec(params.Fulu)
	if err != nil {
		f.Fatal(err)
	}
	of := gossip.NewNetwork(spec, types.Root{1})
	topic, err := of.Topic(gossip.BeaconBlock, 0, 0)
	if err != nil {
		f.Fatal(err)
	}
	name, on := topic.String(), true
	for _, rpc := range []*pb.RPC{
		{},
		{Subscriptions: []*pb.RPC_SubOpts{{Subscribe: &on, Topicid: &name}, {}}},
		{Control: &pb.ControlMessage{Graft: []*pb.ControlGraft{{TopicID: &name}}, Prune: []*pb.ControlPrune{{}}, Iwant: []*pb.ControlIWant{{MessageIDs: []string{"x"}}}}},
		{Publish: []*pb.Message{{Topic: &name, Data: []byte{1}}}},
	} {
		data, err := proto.Marshal(rpc)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	filter := newFilter(spec, of, func(string) {})
	r := &Router{cfg: Config{Peers: silent{}}, metrics: metrics.NewGossip(metrics.New())}
	f.Fuzz(func(t *testing.T, data []byte) {
		rpc := &pubsub.RPC{}
		if proto.Unmarshal(data, &rpc.RPC) != nil {
			return // gossipsub resets the stream
		}
		if r.inspect("peer", rpc) == nil {
			for _, l := range limits {
				if n := l.count(rpc); n > l.most {
					t.Fatalf("a frame with %d %s passed, at most %d", n, l.what, l.most)
				}
			}
		}
		kept, err := filter.FilterIncomingSubscriptions(peer.ID("peer"), rpc.GetSubscriptions())
		if err != nil {
			return
		}
		for _, s := range kept {
			if _, err := of.Parse(s.GetTopicid()); err != nil || (s.GetSubscribe() && !filter.CanSubscribe(s.GetTopicid())) {
				t.Fatalf("kept a subscription to %q: %v", s.GetTopicid(), err)
			}
		}
	})
}
