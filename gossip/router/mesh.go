package router

import (
	"context"
	"fmt"
	"time"

	pubsub "github.com/libp2p/go-libp2p-pubsub"
	pb "github.com/libp2p/go-libp2p-pubsub/pb"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"

	"github.com/cresset/cresset/beacon/p2p/peers"
	"github.com/cresset/cresset/gossip"
)

const (
	// arriving is how many messages wait for gossipsub to look whether they are new: those of half a second in which all votes of a slot come from two peers each, as
	// signatures may keep all cores for so long. What finds no room is lost.
	arriving = 8192
	// outgoing is how many frames wait for a slow peer.
	outgoing = 600
	// inspectEvery is how often scores are looked at.
	inspectEvery = 4 * time.Second
)

// newMesh starts gossipsub. It ends with the context.
//
// There is no flood publishing: a block's columns, sent to all peers at once, are more than an uplink takes.
func (r *Router) newMesh(ctx context.Context) (*pubsub.PubSub, error) {
	scores := gossip.Scores(r.cfg.Spec, r.cfg.Network.At(r.clock.CurrentEpoch()).Fork)
	all := waiting() + arriving
	options := []pubsub.Option{
		// Spec: "The gossip domain: gossipsub" (phase0): gossipsub v1 including v1.1; v1.2 has IDONTWANT.
		pubsub.WithGossipSubProtocols([]protocol.ID{pubsub.GossipSubID_v12, pubsub.GossipSubID_v11, pubsub.GossipSubID_v10}, pubsub.GossipSubDefaultFeatures),
		// Spec: "The optional from (1), seqno (3), signature (5) and key (6) protobuf fields are omitted from the message" (phase0),
		// "clients MUST enforce this by applying the StrictNoSign signature policy".
		pubsub.WithMessageSignaturePolicy(pubsub.StrictNoSign),
		pubsub.WithNoAuthor(),
		pubsub.WithMessageIdFn(func(m *pb.Message) string {
			id := r.cfg.Network.MessageID(m.GetTopic(), m.GetData())
			return string(id[:])
		}),
		pubsub.WithGossipSubParams(meshParams()),
		pubsub.WithSeenMessagesTTL(gossip.SeenTTL(r.cfg.Spec)),
		pubsub.WithMaxMessageSize(int(gossip.MaxMessageSize(r.cfg.Spec))),
		pubsub.WithPeerExchange(false),
		pubsub.WithFloodPublish(false),
		pubsub.WithSubscriptionFilter(r.filter),
		pubsub.WithAppSpecificRpcInspector(r.inspect),
		pubsub.WithPeerScore(scoreParams(scores), thresholds(scores)),
		pubsub.WithPeerScoreInspect(r.inspectScores, inspectEvery),
		pubsub.WithRawTracer(losses{r.lost}),
		pubsub.WithPeerOutboundQueueSize(outgoing),
		// Our queues decide what gives way; gossipsub is not to drop anything that they would hold.
		pubsub.WithValidateQueueSize(arriving),
		pubsub.WithValidateThrottle(all),
		pubsub.WithDefaultValidator(pubsub.ValidatorEx(r.validate), pubsub.WithValidatorConcurrency(all)),
		pubsub.WithLogger(newLibraryLog(r.log)),
	}
	if len(r.cfg.Direct) > 0 {
		options = append(options, pubsub.WithDirectPeers(r.cfg.Direct))
	}
	mesh, err := pubsub.NewGossipSub(ctx, r.cfg.Host, options...)
	if err != nil {
		return nil, fmt.Errorf("start gossipsub: %w", err)
	}
	return mesh, nil
}

// lost counts a message that gossipsub had no room for. Its loop calls it.
func (r *Router) lost(name string) {
	if topic, err := r.cfg.Network.Parse(name); err == nil {
		r.metrics.Dropped.WithLabelValues(topic.Kind.String()).Inc()
	}
}

// meshParams is the specification's parameters. Spec: "Gossipsub Parameters" (phase0).
func meshParams() pubsub.GossipSubParams {
	p := pubsub.DefaultGossipSubParams()
	p.D, p.Dlo, p.Dhi, p.Dlazy = gossip.MeshSize, gossip.MeshLow, gossip.MeshHigh, gossip.GossipPeers
	p.Dout = 3 // below D_low and less than half of D
	p.HeartbeatInterval = gossip.HeartbeatInterval
	p.FanoutTTL = gossip.FanoutTTL
	p.HistoryLength, p.HistoryGossip = gossip.HistoryLength, gossip.HistoryGossip
	p.MaxIHaveLength = mostIDs
	// A block and all columns of two slots; gossipsub's own 10 is fewer than a block has columns.
	p.MaxIDontWantLength = 512
	return p
}

func scoreParams(s gossip.PeerScore) *pubsub.PeerScoreParams {
	return &pubsub.PeerScoreParams{
		Topics:        map[string]*pubsub.TopicScoreParams{},
		TopicScoreCap: s.TopicScoreCap, DecayInterval: s.DecayInterval, DecayToZero: s.DecayToZero, RetainScore: s.RetainScore,
		AppSpecificScore: func(peer.ID) float64 { return 0 }, AppSpecificWeight: s.AppSpecificWeight,
		IPColocationFactorThreshold: 1, // without a weight, but gossipsub wants it
		BehaviourPenaltyWeight:      s.BehaviourPenaltyWeight, BehaviourPenaltyThreshold: s.BehaviourPenaltyThreshold, BehaviourPenaltyDecay: s.BehaviourPenaltyDecay,
	}
}

func thresholds(s gossip.PeerScore) *pubsub.PeerScoreThresholds {
	return &pubsub.PeerScoreThresholds{
		GossipThreshold: s.GossipThreshold, PublishThreshold: s.PublishThreshold, GraylistThreshold: s.GraylistThreshold,
		AcceptPXThreshold: s.AcceptPXThreshold, OpportunisticGraftThreshold: s.OpportunisticGraftThreshold,
	}
}

func topicScore(s gossip.TopicScore) *pubsub.TopicScoreParams {
	return &pubsub.TopicScoreParams{
		TopicWeight:      s.TopicWeight,
		TimeInMeshWeight: s.TimeInMeshWeight, TimeInMeshQuantum: s.TimeInMeshQuantum, TimeInMeshCap: s.TimeInMeshCap,
		FirstMessageDeliveriesWeight: s.FirstMessageDeliveriesWeight, FirstMessageDeliveriesDecay: s.FirstMessageDeliveriesDecay,
		FirstMessageDeliveriesCap:      s.FirstMessageDeliveriesCap,
		InvalidMessageDeliveriesWeight: s.InvalidMessageDeliveriesWeight, InvalidMessageDeliveriesDecay: s.InvalidMessageDeliveriesDecay,
	}
}

// inspectScores tells the scores of peers, and has those left whose gossip is not listened to any more: they only take a place, and hardly fall further, as the less they are
// listened to the less they can do wrong. Scores of peers that are gone are kept for a while; those were judged when they were here.
func (r *Router) inspectScores(scores map[peer.ID]*pubsub.PeerScoreSnapshot) {
	least := gossip.Scores(r.cfg.Spec, r.cfg.Network.At(r.clock.CurrentEpoch()).Fork).GossipThreshold
	here := make(map[string]float64, len(scores))
	for p, s := range scores {
		if r.cfg.Host.Network().Connectedness(p) != network.Connected {
			continue
		}
		if here[p.String()] = s.Score; s.Score < least {
			invalid := 0.0
			for _, t := range s.Topics {
				invalid += t.InvalidMessageDeliveries
			}
			r.cfg.Peers.Report(p.String(), peers.Unheard, fmt.Sprintf("gossip score %.0f, least %.0f: %.1f early grafts and broken promises, %.1f invalid messages",
				s.Score, least, s.BehaviourPenalty, invalid))
		}
	}
	r.cfg.Peers.SetGossipScores(here)
}

// validate is gossipsub's question about a message. It runs in a goroutine of the message's own, of which there are as many as the
// queues have room for.
func (r *Router) validate(ctx context.Context, from peer.ID, msg *pubsub.Message) pubsub.ValidationResult {
	if from == r.self {
		return pubsub.ValidationAccept // checked before it was published
	}
	name := msg.GetTopic()
	topic, err := r.cfg.Network.Parse(name)
	if err != nil {
		// Spec: "Clients MUST reject messages with an unknown topic" (phase0)
		return pubsub.ValidationReject
	}
	m := &message{topic: topic, name: name, peer: from.String(), data: msg.GetData(), now: r.now(), verdict: make(chan gossip.Verdict, 1)}
	r.pipeline.push(m)
	select {
	case v := <-m.verdict:
		return results[v]
	case <-ctx.Done():
		return pubsub.ValidationIgnore
	}
}

// results translates verdicts. What is deferred is kept, and passed on when it is accepted later. It is never written to.
var results = [...]pubsub.ValidationResult{
	gossip.Reject: pubsub.ValidationReject,
	gossip.Ignore: pubsub.ValidationIgnore,
	gossip.Accept: pubsub.ValidationAccept,
	gossip.Defer:  pubsub.ValidationIgnore,
}
