package router

import (
	"testing"

	pubsub "github.com/libp2p/go-libp2p-pubsub"
	pb "github.com/libp2p/go-libp2p-pubsub/pb"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/types"
	"github.com/cresset/cresset/gossip"
)

func subscribe(name string, on bool) *pb.RPC_SubOpts {
	return &pb.RPC_SubOpts{Topicid: &name, Subscribe: &on}
}

func TestSubscriptionsToJunkAreNotKept(t *testing.T) {
	spec := specOf(t, params.Fulu)
	spec.FuluForkEpoch = 10
	network := gossip.NewNetwork(spec, types.Root{1})
	refused := 0
	f := newFilter(spec, network, func(string) { refused++ })
	f.setEpoch(9)
	old, err := network.Topic(gossip.BeaconBlock, 0, 9)
	check(t, err)
	next, err := network.Topic(gossip.BeaconBlock, 0, 10)
	check(t, err)
	subs := []*pb.RPC_SubOpts{
		subscribe(old.String(), true), subscribe(next.String(), true), subscribe("junk", true),
		subscribe("/eth2/01020304/beacon_block/ssz_snappy", true), subscribe(old.String()+"x", true),
	}
	kept, err := f.FilterIncomingSubscriptions("", subs)
	check(t, err)
	if len(kept) != 2 {
		t.Errorf("%d subscriptions are kept, want 2: %v", len(kept), kept)
	}
	f.setEpoch(12)
	if f.CanSubscribe(old.String()) || !f.CanSubscribe(next.String()) {
		t.Error("two epochs after the fork the old topics do not count any more, the new ones do")
	}
	if kept, _ := f.FilterIncomingSubscriptions("", []*pb.RPC_SubOpts{subscribe(old.String(), true)}); len(kept) != 0 {
		t.Error("a subscription to a topic of a fork that is over is kept")
	}
	if kept, _ := f.FilterIncomingSubscriptions("", []*pb.RPC_SubOpts{subscribe(old.String(), false)}); len(kept) != 1 {
		t.Error("who leaves an old topic is not let go")
	}
	if _, err := f.FilterIncomingSubscriptions("", make([]*pb.RPC_SubOpts, mostSubscriptions+1)); err == nil || refused != 1 {
		t.Errorf("too many subscriptions: error %v, refused %d", err, refused)
	}
}

func TestFramesWithTooMuchAreRefused(t *testing.T) {
	w := newWorld(t, specOf(t, params.Electra))
	n := w.node()
	id := string(make([]byte, gossip.MessageIDSize))
	ids := func(count int, id string) (out []string) {
		for range count {
			out = append(out, id)
		}
		return out
	}
	frame := func(c *pb.ControlMessage) *pubsub.RPC { return &pubsub.RPC{RPC: pb.RPC{Control: c}} }
	for _, c := range []struct {
		name string
		rpc  *pubsub.RPC
		ok   bool
	}{
		{"nothing", &pubsub.RPC{}, true},
		{"ids", frame(&pb.ControlMessage{Iwant: []*pb.ControlIWant{{MessageIDs: ids(mostIDs, id)}}}), true},
		{"too many ids wanted", frame(&pb.ControlMessage{Iwant: []*pb.ControlIWant{{MessageIDs: ids(mostIDs, id)}, {MessageIDs: ids(1, id)}}}), false},
		{"too many ids not wanted", frame(&pb.ControlMessage{Idontwant: []*pb.ControlIDontWant{{MessageIDs: ids(mostIDs+1, id)}}}), false},
		{"too many ids told of", frame(&pb.ControlMessage{Ihave: []*pb.ControlIHave{{MessageIDs: ids(4*mostIDs+1, id)}}}), false},
		{"too many grafts", frame(&pb.ControlMessage{Graft: make([]*pb.ControlGraft, mostSubscriptions+1)}), false},
		{"too many messages", &pubsub.RPC{RPC: pb.RPC{Publish: make([]*pb.Message, mostIDs+1)}}, false},
		{"an id of another length", frame(&pb.ControlMessage{Ihave: []*pb.ControlIHave{{MessageIDs: ids(1, "short")}}}), false},
	} {
		sender := peer.ID("sender of " + c.name)
		err := n.router.inspect(sender, c.rpc)
		n.mu.Lock()
		punished := len(n.mu.penalties[sender.String()])
		n.mu.Unlock()
		if (err == nil) != c.ok || (punished == 0) != c.ok {
			t.Errorf("%s: error %v, punished %d times; want it accepted: %v", c.name, err, punished, c.ok)
		}
	}
}
