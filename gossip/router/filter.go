package router

import (
	"slices"
	"sync/atomic"

	pubsub "github.com/libp2p/go-libp2p-pubsub"
	pb "github.com/libp2p/go-libp2p-pubsub/pb"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/types"
	"github.com/cresset/cresset/gossip"
)

// mostSubscriptions is how many topics a peer may change in one frame: more than two forks have topics.
const mostSubscriptions = 1024

// filter says which topics count. The topics of an era are finite, and eras that are over count no more, so that what is remembered of a
// peer's subscriptions is bounded, too.
type filter struct {
	spec    *params.Spec
	network *gossip.Network
	refuse  func(peer string)
	eras    atomic.Pointer[[]gossip.Era] // present and coming
}

func newFilter(spec *params.Spec, network *gossip.Network, refuse func(string)) *filter {
	f := &filter{spec: spec, network: network, refuse: refuse}
	f.setEpoch(0)
	return f
}

// setEpoch chooses the eras that count.
func (f *filter) setEpoch(epoch types.Epoch) {
	eras := f.network.Eras(epoch)
	for _, entry := range f.spec.ForkSchedule() {
		if era := f.network.At(entry.Epoch); entry.Epoch > epoch && !slices.Contains(eras, era) {
			eras = append(eras, era)
		}
	}
	f.eras.Store(&eras)
}

// CanSubscribe implements pubsub.SubscriptionFilter.
func (f *filter) CanSubscribe(name string) bool {
	topic, err := f.network.Parse(name)
	return err == nil && slices.ContainsFunc(*f.eras.Load(), func(e gossip.Era) bool { return e.Digest == topic.Digest })
}

// FilterIncomingSubscriptions implements pubsub.SubscriptionFilter.
func (f *filter) FilterIncomingSubscriptions(from peer.ID, subs []*pb.RPC_SubOpts) ([]*pb.RPC_SubOpts, error) {
	if len(subs) > mostSubscriptions {
		f.refuse(from.String())
		return nil, pubsub.ErrTooManySubscriptions
	}
	kept := make([]*pb.RPC_SubOpts, 0, len(subs))
	for _, s := range subs {
		// Who leaves a topic of an era that is over has to be let go.
		if _, err := f.network.Parse(s.GetTopicid()); err == nil && (!s.GetSubscribe() || f.CanSubscribe(s.GetTopicid())) {
			kept = append(kept, s)
		}
	}
	return pubsub.FilterSubscriptions(kept, func(string) bool { return true }), nil
}
